//! A new password for a user who cannot log in.

use super::process::{self, Admitone};
use crate::support::test_db::TestDb;

fn can_log_in(server: &Admitone, password: &str) -> bool {
    let body = format!("{{\"email\":\"admin@admitone.local\",\"password\":\"{password}\"}}");
    let ask =
        format!("curl -sS $API/api/auth/login -H 'Content-Type: application/json' -d '{body}'");
    server.shell(&ask).contains("accessToken")
}

#[test]
fn a_lost_password_is_replaced_on_sqlite_while_no_server_runs() {
    let home = tempfile::tempdir().unwrap();
    let data_dir = home.path().join("data");
    let reset = |email: &str| process::on_data(&data_dir, &["admin", "reset-password", email]);
    let nowhere = reset("admin@admitone.local");
    assert_eq!(nowhere.code, 1, "{}", nowhere.out);
    assert!(nowhere.err.contains("there is no database in "), "{}", nowhere.err);
    assert!(!data_dir.exists(), "nothing is made");
    let file = home.path().join("none.db");
    let url = format!("sqlite://{}", file.display());
    let arguments = ["admin", "grant", "admin@admitone.local", "ADMIN"];
    let nowhere = process::finished(&arguments, &[("DATABASE_URL", &url)]);
    assert!(nowhere.err.contains("there is no database at sqlite://"), "{}", nowhere.err);
    assert!(!file.exists(), "nothing is made");
    for command in [&["admin", "--help"][..], &["admin", "grant", "--help"]] {
        let help = process::finished(command, &[]).out;
        assert!(help.contains("DATABASE_URL") && help.contains("--data-dir"), "{help}");
    }

    let first = "the password of the first start";
    let server = Admitone::start(&data_dir, &[("ADMITONE_ADMIN_PASSWORD", first)]);
    assert!(can_log_in(&server, first));
    let refused = reset("admin@admitone.local");
    assert_eq!(refused.code, 1, "{}", refused.out);
    assert!(refused.err.contains("stop the server"), "{}", refused.err);
    server.stop();

    let nobody = reset("nobody@example.com");
    assert_eq!(nobody.code, 1, "{}", nobody.out);
    assert!(nobody.err.contains("no account of nobody@example.com"), "{}", nobody.err);
    let done = reset("Admin@AdmitOne.local");
    assert_eq!(done.code, 0, "{}", done.err);
    let password = done.out.split("admin@admitone.local: ").nth(1).unwrap();
    let password = password.split(' ').next().unwrap();
    let server = Admitone::start(&data_dir, &[]);
    assert!(can_log_in(&server, password) && !can_log_in(&server, first));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_password_is_replaced_on_postgres_while_servers_run() {
    let db = TestDb::postgres().await;
    let server = crate::support::process::Server::start(db.url()).await;
    let client = reqwest::Client::new();
    let log_in = async |password: &str| {
        let body = serde_json::json!({ "email": "admin@example.com", "password": password });
        let call = client.post(format!("{}/api/auth/login", server.base)).json(&body);
        let answer: serde_json::Value = call.send().await.unwrap().json().await.unwrap();
        answer["data"]["accessToken"].as_str().map(str::to_owned)
    };
    let old = log_in("correct horse battery staple").await.expect("it is the first start's");
    let reset = |password: &str| {
        use std::io::Write;
        let arguments = ["admin", "reset-password", "admin@example.com", "--stdin"];
        let mut command = server.command(&arguments);
        command.stdin(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
        process::Ended::from(child.wait_with_output().unwrap())
    };
    let short = reset("short");
    assert_eq!(short.code, 1, "{}", short.out);
    assert!(short.err.contains("password"), "{}", short.err);
    let done = reset("a new password of the administrator");
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(!done.out.contains("a new password"), "{}", done.out);
    assert!(log_in("correct horse battery staple").await.is_none());
    assert!(log_in("a new password of the administrator").await.is_some());
    crate::support::test_db::eventually("the running server refuses the old token", async || {
        let call = client.get(format!("{}/api/users/me", server.base)).bearer_auth(&old);
        call.send().await.unwrap().status() == 401
    })
    .await;
}
