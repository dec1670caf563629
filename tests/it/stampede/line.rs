//! `stampede line`: the peak figures of a waiting room.

use serde_json::Value;

use super::{read_json, run, stampede};
use crate::support::test_app::{SECRET, TestApp};
use crate::support::test_db::TestDb;

#[tokio::test(flavor = "multi_thread")]
async fn a_line_is_measured_beside_a_bare_route() {
    let app = TestApp::start(TestDb::sqlite().await).await;
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("line.json");
    let load = format!(
        "line --people 1000 --clients 32 --entering 200 --holding 1s --json {}",
        path.display()
    );
    let mut command = stampede(&app.url(""), &load);
    let (code, said) = run({
        command.env("ADMITONE_JWT_SECRET", SECRET);
        command
    })
    .await;
    assert_eq!(code, 0, "{said}");
    let found = read_json(&path);
    let event = found["event"].as_str().expect("an event");
    let progress = app.get_anonymously(&format!("/api/queue/{event}/progress")).await.expect(200);
    assert_eq!(progress["entered"], 1_000, "{said}");
    assert_eq!(progress["admitted"], 200, "those who hold places alone");
    let figures = found["figures"].as_array().expect("figures");
    let of = |name: &str| figures.iter().find(|figure| figure["name"] == name).expect("a figure");
    for figure in figures {
        assert_eq!(figure["refused"], 0, "{figure}");
    }
    assert_eq!(of("holds while people enter")["requests"], 200);
    assert_eq!(of("entering")["requests"], 600);
    assert_ne!(of("polls")["ofBare"], Value::Null);
}
