//! The audit convicts a server whose classes are not what its buyers were told.

use serde_json::{Value, json};

use super::audit::{audit, convicted, kept, save};
use crate::support::test_app::TestApp;

on_both_databases! {
    async fn enrollments_that_are_not_what_was_answered_or_journalled_are_found(db: TestDb) {
        let app = TestApp::start(db).await;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.jsonl");
        let honest = kept(&app, "enrol --rate 40 --events 3 --places 2", &path).await;
        let has_place = |line: &Value| line["answered"]["Enrolled"]["waits"] == json!(false);
        let place = honest.iter().position(has_place).expect("somebody got a place");
        let doctored = |change: &dyn Fn(&mut Value)| {
            let mut lines = honest.clone();
            change(&mut lines[place]);
            lines
        };
        let mut left_out = honest.clone();
        left_out.remove(place);
        let nobody = json!("00000000-0000-4000-8000-000000000000");
        for (says, lines) in [
            ("LOST", doctored(&|line| line["number"] = json!(999_999))),
            ("nobody of this run asked", left_out),
            ("was refused to the buyer", doctored(&|line| line["answered"] = json!("Refused"))),
            ("was answered", doctored(&|line| {
                line["answered"]["Enrolled"]["enrollment"] = nobody.clone();
            })),
            ("was answered", doctored(&|line| {
                line["answered"]["Enrolled"]["waits"] = json!(true);
            })),
        ] {
            save(&path, &lines);
            let text = convicted(&app, &path, says).await;
            assert!(text.contains("AUDIT FAILED"), "{says}: {text}");
        }
        save(&path, &honest);
        let (code, text) = audit(&app, &path).await;
        assert_eq!(code, 0, "{text}");
        let one = "(SELECT id FROM enrollments WHERE status = 'APPROVED' ORDER BY id LIMIT 1)";
        let counts = "UPDATE class_counts SET approved = approved";
        for (says, change, back) in [
            (
                "is shown as",
                format!("UPDATE enrollments SET status = 'REJECTED' WHERE id = {one}"),
                "UPDATE enrollments SET status = 'APPROVED' WHERE status = 'REJECTED'".to_owned(),
            ),
            ("enrolledCount is", format!("{counts} + 1"), format!("{counts} - 1")),
            (
                "is in a journal and in no list",
                format!("DELETE FROM enrollments WHERE id = {one}"),
                String::new(),
            ),
        ] {
            app.db.sql(&change).await;
            let text = convicted(&app, &path, says).await;
            assert!(text.contains("AUDIT FAILED"), "{says}: {text}");
            if !back.is_empty() {
                app.db.sql(&back).await;
            }
        }
    }
}
