//! A crowd before a waiting room: it passes its audit, and the audit convicts a server whose waiting
//! room did not do what it told people.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::audit::save;
use super::{read_json, run, stampede};
use crate::support::test_app::{SECRET, TestApp};
use crate::support::test_db::TestDb;

/// Sells a few places, and ends in any case.
const SMALL: &str = "--places 12 --prequeue 1s --arriving 1s --passes-per-minute 600 --pass-seconds 12 \
                     --hold-seconds 6 --duration 18s --connections 32 --max-lag 1m --seed 5";

fn with_secret(mut command: Command) -> Command {
    command.env("ADMITONE_JWT_SECRET", SECRET);
    command
}

fn without_secret(mut command: Command) -> Command {
    command.env_remove("ADMITONE_JWT_SECRET");
    command
}

async fn audit_again(app: &TestApp, path: &Path) -> (i32, String) {
    let arguments = format!("audit --settle 1s {}", path.display());
    run(with_secret(stampede(&app.url(""), &arguments))).await
}

on_both_databases! {
    async fn a_crowd_goes_through_a_waiting_room_and_what_it_was_told_is_checked(db: TestDb) {
        let app = TestApp::start(db).await;
        let dir = tempfile::tempdir().unwrap();
        let [path, results, page] = ["run.jsonl", "results.json", "page.html"].map(|name| dir.path().join(name));
        let mut command = with_secret(stampede(&app.url(""), &format!("queue --people 60 {SMALL}")));
        command.arg("--journal").arg(&path).arg("--json").arg(&results).arg("--html").arg(&page);
        let (code, text) = run(command).await;
        assert_eq!(code, 0, "{text}");
        assert!(text.contains("AUDIT PASSED") && text.contains("an all-knowing admitter"), "{text}");
        let results = read_json(&results);
        for op in ["enterQueue", "pollQueue", "charge", "hold", "pay"] {
            let done = results["operations"][op]["successes"].as_u64().unwrap_or_default();
            assert!(done > 0, "no {op}: {text}");
        }
        assert_eq!(results["queue"]["entered"], 60, "{results}");
        assert!(results["queue"]["sold"].as_i64() > Some(0), "{results}");
        let page = std::fs::read_to_string(page).unwrap();
        assert!(page.contains("People waiting") && page.contains("Places sold"), "{page}");

        let honest = std::fs::read_to_string(&path).unwrap();
        let honest: Vec<Value> =
            honest.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let standing = |line: &Value| line["reply"]["Standing"].is_object();
        let is_admitted = |line: &Value| line["reply"]["Standing"]["state"] == "ADMITTED";
        let position = |is: &dyn Fn(&Value) -> bool| honest.iter().position(is).expect("there is one");
        let admitted: Vec<_> =
            honest.iter().filter(|line| is_admitted(line)).map(|line| &line["person"]).collect();
        let told = position(&standing);
        let waiter = position(&|line| standing(line) && !admitted.contains(&&line["person"]));
        let doctored = |line: usize, change: &dyn Fn(&mut Value)| {
            let mut lines = honest.clone();
            change(&mut lines[line]["reply"]["Standing"]);
            lines
        };
        let entered = position(&|line| line["question"] == "Enter");
        let mut silent = honest.clone();
        silent.retain(|line| line["person"] != honest[entered]["person"] || line["buyer"].is_u64());
        let cases = [
            ("was told entry", doctored(told, &|told| told["number"] = json!(59_999))),
            ("the public record does not have", doctored(told, &|told| told["number"] = json!(59_999))),
            ("never asked to enter", silent),
            ("not in the journal", doctored(waiter, &|told| {
                told["state"] = json!("ADMITTED");
                told["has_pass"] = json!(true);
            })),
        ];
        for (says, lines) in cases {
            save(&path, &lines);
            let (code, text) = audit_again(&app, &path).await;
            assert_eq!(code, 1, "{says}: {text}");
            assert!(text.contains("AUDIT FAILED") && text.contains(says), "{says}: {text}");
        }
        save(&path, &honest);
        let (code, text) = audit_again(&app, &path).await;
        assert_eq!(code, 0, "{text}");
        let arguments = format!("audit {}", path.display());
        let (code, text) = run(without_secret(stampede(&app.url(""), &arguments))).await;
        assert!(code == 1 && text.contains("set ADMITONE_JWT_SECRET"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_of_a_waiting_room_register_where_tokens_cannot_be_signed() {
    let app = TestApp::start(TestDb::sqlite().await).await;
    // All six are admitted at once, and nothing is left to wait for.
    let arguments = format!("queue --people 6 {SMALL}").replace("--duration 18s", "--duration 8s");
    let (code, text) = run(without_secret(stampede(&app.url(""), &arguments))).await;
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("registering 6 buyers") && text.contains("AUDIT PASSED"), "{text}");

    let mut command = stampede(&app.url(""), &arguments);
    command.env("ADMITONE_JWT_SECRET", "another secret than the server's, of 32 bytes");
    let (code, text) = run(command).await;
    assert!(code == 1 && text.contains("the same ADMITONE_JWT_SECRET"), "{text}");
    for (arguments, says) in [
        ("queue --rate 10", "--rate"),
        ("queue --prequeue 0s", "a second or more"),
        ("queue --people 0", "0"),
    ] {
        let (code, text) = run(stampede(&app.url(""), arguments)).await;
        assert_eq!(code, 2, "{arguments}: {text}");
        assert!(text.contains(says), "{arguments}: {text}");
    }
}
