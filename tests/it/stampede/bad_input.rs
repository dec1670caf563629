//! Wrong command lines, wrong servers, full disks, and interrupted runs.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use super::{read_json, run, stampede};
use crate::support::test_app::TestApp;
use crate::support::test_db::{TestDb, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_command_line_is_refused_with_what_to_do() {
    for (arguments, says) in [
        ("", "WORKLOAD"),
        ("stampedes", "stampedes"),
        ("holds --rate 0", "more than 0"),
        ("holds --rate many", "not a number"),
        ("holds --rate 1e99", "at most 10,000,000"),
        ("holds --rate 10 --clients 5", "cannot be used with"),
        ("holds --ramp 100", "FROM:TO"),
        ("holds --clients 0", "0"),
        ("holds --duration 5", "500ms, 20s"),
        ("holds --duration 0s", "more than nothing"),
        ("holds --timeout 2m", "at most 1m"),
        ("holds --skew steep", "uniform"),
        ("holds --at soon:true", "SECOND:COMMAND"),
        ("holds --duration 5s --at 99:true", "the run ends after"),
        ("failover", "say what breaks when"),
        ("audit", "FILE"),
    ] {
        let (code, text) = run(stampede("http://127.0.0.1:1", arguments)).await;
        assert_eq!(code, 2, "{arguments}: {text}");
        assert!(text.contains(says), "{arguments}: {text}");
    }
    for (target, says) in [
        ("https://127.0.0.1:1", "plain HTTP only"),
        ("ftp://127.0.0.1", "must be http://HOST:PORT"),
        ("http://127.0.0.1:1/api", "without a path"),
    ] {
        let (code, text) = run(stampede(target, "holds")).await;
        assert_eq!(code, 2, "{target}: {text}");
        assert!(text.contains(says), "{target}: {text}");
    }
    let mut command = stampede("http://127.0.0.1:1", "holds");
    command.env_remove("ADMITONE_ADMIN_PASSWORD");
    let (code, text) = run(command).await;
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("ADMITONE_ADMIN_PASSWORD is not set"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_server_is_told_from_the_right_one() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, text) = run(stampede(&format!("http://{nobody}"), "holds")).await;
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("is the server running there?") && text.contains("refused"), "{text}");

    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = stranger.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((mut client, _)) = stranger.accept() {
            let _ = client.read(&mut [0; 1_024]);
            let _ = client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        }
    });
    let (code, text) = run(stampede(&format!("http://{address}"), "holds")).await;
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("answered 200 with no JSON"), "{text}");

    let app = TestApp::start(TestDb::sqlite().await).await;
    let mut command = stampede(&app.url(""), "holds");
    command.env("ADMITONE_ADMIN_PASSWORD", "a wrong one");
    let (code, text) = run(command).await;
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("is ADMITONE_ADMIN_PASSWORD right?"), "{text}");

    let (code, text) = run(stampede(&app.url(""), "audit Cargo.toml")).await;
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("is not what `stampede --journal` wrote"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_costs_the_report_and_not_the_figures() {
    let app = TestApp::start(TestDb::sqlite().await).await;
    let full = "--html /dev/full --json /dev/full --journal /dev/full";
    let arguments = format!("holds --rate 20 --duration 1s --buyers 2 --max-lag 1m {full}");
    let (code, text) = run(stampede(&app.url(""), &arguments)).await;
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("success/s") && text.contains("AUDIT PASSED"), "{text}");
    assert_eq!(text.matches("No space left").count(), 3, "{text}");
}

#[tokio::test]
async fn what_cannot_be_written_is_said_before_anything_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let (lost, twice) = (dir.path().join("nowhere/a"), dir.path().join("b"));
    // Nothing listens at this address, but the program ends before it notices.
    let arguments = format!("holds --journal {}", lost.display());
    let (code, text) = run(stampede("http://127.0.0.1:9", &arguments)).await;
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("cannot write --journal"), "{text}");
    let arguments = format!("holds --html {0} --json {0}", twice.display());
    let (code, text) = run(stampede("http://127.0.0.1:9", &arguments)).await;
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("--html and --json name the same file"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rate_that_cannot_be_reached_is_said_and_voids_the_figures() {
    let app = TestApp::start(TestDb::sqlite().await).await;
    let dir = tempfile::tempdir().unwrap();
    let results = dir.path().join("results.json");
    let arguments = format!(
        "holds --rate 1000000 --duration 1s --warm-up 0s --buyers 4 --connections 8 --at-once 50 \
         --json {}",
        results.display()
    );
    let (code, text) = run(stampede(&app.url(""), &arguments)).await;
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("VOID") && text.contains("1,000,000 asked for"), "{text}");
    let results = read_json(&results);
    assert_eq!(results["verdict"], "void");
    assert!(results["arrivalsPerSecond"]["reached"].as_f64().unwrap() < 500_000.0, "{results}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_run_says_what_it_has_and_is_audited() {
    for load in ["--rate 50", "--clients 2"] {
        interrupt(load).await;
    }
}

async fn interrupt(load: &str) {
    let app = TestApp::start(TestDb::sqlite().await).await;
    let dir = tempfile::tempdir().unwrap();
    let begun = dir.path().join("begun");
    let arguments = format!("holds {load} --duration 10m --warm-up 0s --buyers 2 --max-lag 1m");
    let mut command = stampede(&app.url(""), &arguments);
    command.arg("--at").arg(format!("0.5:touch {}", begun.display()));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("the crowd is in", async || begun.exists()).await;
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output());
    let output = ended.await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    for says in ["interrupted after", "success/s", "AUDIT PASSED"] {
        assert!(text.contains(says), "{says}: {text}");
    }
    // No new request was started, so all requests in progress came to their end.
    assert!(!text.contains("given up"), "{text}");
}
