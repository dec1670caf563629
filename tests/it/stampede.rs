//! The load generator as people run it: a process of its own, against a real server.

mod audit;
mod bad_input;
mod classes;
mod failover;
mod line;
mod queue;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::proxy::Proxy;
use crate::support::test_app::{ADMIN_PASSWORD, TestApp};
use crate::support::test_db::{TestDb, eventually};

/// Small enough for a test, and with a lag limit that no busy machine reaches.
const SMALL: &str = "--duration 2s --connections 32 --max-lag 1m";

/// Returns the path of the program, which is of another crate: cargo builds it beside the server's.
fn program() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_admitone")).with_file_name("stampede");
    assert!(program.is_file(), "run tests/run, or first: cargo build --bin stampede");
    program
}

/// Returns a stampede that is not started yet; the arguments are separated by spaces.
pub fn stampede(target: &str, arguments: &str) -> Command {
    let mut command = stampede_anywhere(arguments);
    command.args(["--target", target]);
    command
}

/// The same without a target.
pub fn stampede_anywhere(arguments: &str) -> Command {
    let mut command = Command::new(program());
    command
        .args(arguments.split_whitespace())
        .env("ADMITONE_ADMIN_PASSWORD", ADMIN_PASSWORD)
        .env_remove("ADMITONE_ADMIN_EMAIL")
        .stdin(Stdio::null());
    command
}

/// Runs the command to its end while this process serves; returns its exit code and all output.
pub async fn run(mut command: Command) -> (i32, String) {
    let ended = tokio::task::spawn_blocking(move || command.output());
    let Output { status, stdout, stderr } = ended.await.expect("no panic").expect("it runs");
    let text = [stdout, stderr].map(|part| String::from_utf8_lossy(&part).into_owned());
    (status.code().expect("nobody killed it"), text.concat())
}

/// Reads a file of JSON.
pub fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("it was written")).expect("it is JSON")
}

/// Runs a workload that must succeed; returns its results and all output.
async fn sound(app: &TestApp, arguments: &str) -> (Value, String) {
    let dir = tempfile::tempdir().unwrap();
    let (results, page) = (dir.path().join("results.json"), dir.path().join("page.html"));
    let files = format!("--json {} --html {}", results.display(), page.display());
    let buyers = if arguments.contains("--buyers") { "" } else { "--buyers 8" };
    let command = stampede(&app.url(""), &format!("{arguments} {SMALL} {buyers} {files}"));
    let (code, text) = run(command).await;
    assert_eq!(code, 0, "{arguments}: {text}");
    assert!(text.contains("AUDIT PASSED"), "{arguments}: {text}");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("<svg") && page.contains("zero violations"), "{arguments}: {page}");
    (read_json(&results), text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_says_where_it_was_made_and_marks_what_happened() {
    let app = TestApp::start(TestDb::sqlite().await).await;
    let dir = tempfile::tempdir().unwrap();
    let (results, page) = (dir.path().join("results.json"), dir.path().join("page.html"));
    let arguments = "onsale --rate 100 --duration 2500ms --warm-up 1s --places 40 --buyers 4 --max-lag 1m --seed 11";
    let mut command = stampede(&app.url(""), arguments);
    command.arg("--json").arg(&results).arg("--html").arg(&page);
    command.args(["--at", "1.5:true <b>", "--about", "database=SQLite, same machine"]);
    let (code, text) = run(command).await;
    assert_eq!(code, 0, "{text}");
    let (results, page) = (read_json(&results), std::fs::read_to_string(page).unwrap());

    let address = app.running().address;
    for (name, says) in [
        ("command", "--about 'database=SQLite, same machine'".to_owned()),
        ("seed", "11".into()),
        ("generator's machine", "GiB".into()),
        (&format!("server at {address}"), format!("admitone {}", env!("CARGO_PKG_VERSION"))),
        ("instances", format!("1 ({address})")),
        ("database", "SQLite, same machine".into()),
    ] {
        let facts = results["environment"].as_array().unwrap();
        let found: Vec<_> = facts.iter().filter(|fact| fact["name"] == name).collect();
        assert_eq!(found.len(), 1, "{name}: {facts:?}");
        assert!(found[0]["value"].as_str().unwrap().contains(&says), "{name}: {facts:?}");
    }
    assert!(!page.contains(ADMIN_PASSWORD) && !text.contains(ADMIN_PASSWORD));

    // Three whole seconds; work ended in the half second after them would look like a collapse.
    assert_eq!(results["intervalSeconds"], 1);
    assert_eq!(results["intervals"].as_array().unwrap().len(), 3);
    assert_eq!(results["operations"]["hold"]["intervals"].as_array().unwrap().len(), 3);
    for section in ["All requests", "hold", "pay"] {
        assert!(page.contains(&format!("<h2>{section}</h2>")), "no plots of {section}");
    }
    assert!(page.contains("at 1.5 s: true &lt;b&gt;"), "the fault is marked");
    assert!(results["soldOutAfterSeconds"].as_f64().unwrap() < 3.5);
    let hold = &results["operations"]["hold"];
    let ended: u64 = ["refused", "turnedAway", "errors"]
        .map(|kind| hold[kind].as_object().unwrap().values().filter_map(Value::as_u64).sum::<u64>())
        .iter()
        .sum();
    let asked = hold["attempts"].as_u64().unwrap() + hold["repeats"].as_u64().unwrap();
    assert_eq!(hold["successes"].as_u64().unwrap() + ended, asked, "{hold}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_target_is_left_alone_and_the_others_are_asked() {
    let app = TestApp::start(TestDb::sqlite().await).await;
    let dying = Proxy::to(app.running().address).await;
    let dir = tempfile::tempdir().unwrap();
    let (results, begun) = (dir.path().join("results.json"), dir.path().join("begun"));
    let arguments = "holds --rate 300 --arrivals even --duration 3s --warm-up 0s --buyers 8 --connections 8 --max-lag 1m --threads 1";
    let mut command = stampede(&app.url(""), arguments);
    command.args(["--target", &format!("http://{}", dying.address)]);
    command.arg("--json").arg(&results).arg("--at").arg(format!("0.5:touch {}", begun.display()));
    let running = tokio::spawn(run(command));
    eventually("the crowd is in", async || begun.exists()).await;
    dying.die();
    let (code, text) = running.await.unwrap();
    assert_eq!(code, 0, "{text}");
    let hold = &read_json(&results)["operations"]["hold"];
    let refused = hold["errors"]["no connection"].as_u64().unwrap_or_default();
    // Half of the requests, hundreds of them, prefer the dead target. At most one request for each
    // connection finds it dead, and now and then one checks whether it is back.
    assert!((1..=20).contains(&refused), "{refused} connections to the dead: {hold}");
    assert!(hold["repeats"].as_u64().unwrap() >= refused, "{hold}");
    // A buyer who found the target dead when the run was over did not try again.
    let without = hold["attempts"].as_u64().unwrap() - hold["successes"].as_u64().unwrap();
    assert!(without <= 8, "{without} went without: {hold}");
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
                let enrol = "enrol --rate 200 --events 5 --buyers 40 --places 8";
                let done = ["apply", "lookAtEnrollment", "unenroll"];
                let results = check(enrol, &done).await;
                let promoted = results["audit"]["tally"]["enrollments promoted"].as_u64();
                assert!(promoted > Some(0), "{results}");
            }
        );
    }
}
