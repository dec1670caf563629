//! An event's history, downloaded by an administrator and verified without the server.

use std::process::Command;

use crate::support::test_app::{TestApp, standing_event};

on_both_databases! {
    async fn an_exported_journal_verifies_to_the_digest_of_the_audit(db: TestDb) {
        let app = TestApp::start(db).await;
        let event = app.create_event(standing_event(500)).await;
        let id = event["id"].as_str().unwrap();
        let (kim, admin) = (app.user().await, app.admin());
        let body = serde_json::json!({
            "lines": [{ "productId": event["products"][0]["id"], "quantity": 1 }]
        });
        // More rows than are read at a time.
        for _ in 0..40 {
            app.post(&format!("/api/events/{id}/holds"), &kim, body.clone()).await.expect(201);
        }
        let path = format!("/api/admin/offerings/{id}/journal");
        let export = app.get(&path, &admin).await;
        assert_eq!(export.status, 200, "{}", export.text);
        let audit = app.get_anonymously(&format!("/api/events/{id}/audit")).await.expect(200);
        assert_eq!(export.text.lines().count() as u64, audit["seq"].as_u64().unwrap());

        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("export");
        std::fs::write(&file, &export.text).unwrap();
        let digest = audit["digest"].as_str().unwrap();
        let verified = Command::new(env!("CARGO_BIN_EXE_admitone"))
            .args(["journal", "verify", "--digest", digest, "--file"])
            .arg(&file)
            .current_dir(dir.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&verified.stdout);
        assert!(verified.status.success() && said.contains("nothing is missing"), "{said}");

        app.get(&path, &kim).await.expect_error(403, "FORBIDDEN");
        app.get_anonymously(&path).await.expect_error(401, "UNAUTHORIZED");
        let nowhere = path.replace(&id[..8], "00000000");
        app.get(&nowhere, &admin).await.expect_error(404, "EVENT_NOT_FOUND");

        // At a damaged row the answer breaks off, so that the client cannot take it for the whole.
        app.db.sql("UPDATE journal SET at = at + 1 WHERE seq = 38").await;
        app.call(reqwest::Method::GET, &path).by(&admin).try_send().await.unwrap_err();
    }
}
