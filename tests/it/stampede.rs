//! The load generator as people run it: a process of its own, against a real server.

mod audit;
mod bad_input;
mod doors;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::test_app::{ADMIN_PASSWORD, TestApp};

/// Small enough for a test, and as late as it likes: how busy this machine is proves nothing.
const SMALL: &str = "--duration 2s --buyers 8 --connections 32 --max-lag 1m";

/// A stampede that is not started yet; arguments are parted by spaces.
pub fn stampede(target: &str, arguments: &str) -> Command {
    let mut command = stampede_anywhere(arguments);
    command.args(["--target", target]);
    command
}

/// The same, that is not told where.
pub fn stampede_anywhere(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stampede"));
    command
        .args(arguments.split_whitespace())
        .env("ADMITONE_ADMIN_PASSWORD", ADMIN_PASSWORD)
        .env_remove("ADMITONE_ADMIN_EMAIL")
        .stdin(Stdio::null());
    command
}

/// Runs it to its end, while this process goes on serving; its exit code, and all that it wrote.
pub async fn run(mut command: Command) -> (i32, String) {
    let ended = tokio::task::spawn_blocking(move || command.output());
    let Output { status, stdout, stderr } = ended.await.expect("no panic").expect("it runs");
    let text = [stdout, stderr].map(|part| String::from_utf8_lossy(&part).into_owned());
    (status.code().expect("nobody killed it"), text.concat())
}

/// A file of JSON.
pub fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("it was written")).expect("it is JSON")
}

/// Runs a workload that must end well: its results, and all that it wrote.
async fn sound(app: &TestApp, arguments: &str) -> (Value, String) {
    let dir = tempfile::tempdir().unwrap();
    let (results, page) = (dir.path().join("results.json"), dir.path().join("page.html"));
    let files = format!("--json {} --html {}", results.display(), page.display());
    let command = stampede(&app.url(""), &format!("{arguments} {SMALL} {files}"));
    let (code, text) = run(command).await;
    assert_eq!(code, 0, "{arguments}: {text}");
    assert!(text.contains("AUDIT PASSED"), "{arguments}: {text}");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("<svg") && page.contains("zero violations"), "{arguments}: {page}");
    (read_json(&results), text)
}

on_both_databases! {
    async fn every_workload_sells_and_passes_its_audit(db: TestDb) {
        let app = TestApp::start(db).await;
        let check = async |arguments: &str, must_do: &[&str]| {
            let (results, text) = sound(&app, arguments).await;
            assert_eq!(results["verdict"], "sound", "{arguments}");
            assert_eq!(results["audit"]["violations"], 0, "{arguments}");
            for op in must_do {
                let done = results["operations"][*op]["successes"].as_u64().unwrap_or_default();
                assert!(done > 0, "{arguments}: no {op}: {text}");
            }
            results
        };
        tokio::join!(
            async {
                let done = ["hold", "reserve", "pay", "streamDelta"];
                check("onsale --rate 200 --places 150 --listeners 2", &done).await;
                check("seats --rate 100 --places 500 --seed 7", &["hold", "release", "seatMap"]).await;
                check("purchases --rate 40 --arrivals even", &["hold", "reserve", "pay"]).await;
            },
            async {
                let season = "season --rate 100 --events 5 --skew zipf";
                check(season, &["hold", "pay", "availability"]).await;
                check("reads --rate 100 --listeners 3", &["availability", "seatMap"]).await;
                check("holds --clients 8", &["hold"]).await;
            },
            async {
                let done = ["hold", "release", "joinWaitlist", "lookAtWaitlist"];
                check("churn --rate 200 --places 100", &done).await;
                let done = ["hold", "extend", "release", "pay", "cancel"];
                check("mixed --ramp 150:350 --events 3 --places 2000", &done).await;
                let failover = "failover --rate 50 --at 0.5:true";
                let results = check(failover, &["hold", "pay"]).await;
                assert_eq!(results["commands"][0]["ended"], "exit status: 0");
            }
        );
    }
}
