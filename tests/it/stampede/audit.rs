//! The audit is credible because it convicts: runs are doctored, histories cut, servers killed.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use admitone::payments::{CrashPoints, Edge, Side};
use serde_json::{Value, json};

use super::{run, stampede};
use crate::support::process;
use crate::support::test_app::{ADMIN_PASSWORD, TestApp};
use crate::support::test_db::{TestDb, eventually};

/// Runs a workload that keeps its journal; returns the journal's lines.
pub(super) async fn kept(app: &TestApp, workload: &str, path: &Path) -> Vec<Value> {
    let path = path.display();
    let arguments = format!(
        "{workload} --duration 1500ms --warm-up 0s --buyers 4 --max-lag 1m --journal {path}"
    );
    let (code, text) = run(stampede(&app.url(""), &arguments)).await;
    assert_eq!(code, 0, "{text}");
    let text = std::fs::read_to_string(path.to_string()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(super) fn save(path: &Path, lines: &[Value]) {
    let mut file = std::fs::File::create(path).unwrap();
    for line in lines {
        writeln!(file, "{line}").unwrap();
    }
}

/// Audits a run that is sound once everything has settled.
pub(super) async fn audit(app: &TestApp, path: &Path) -> (i32, String) {
    run(stampede(&app.url(""), &format!("audit --settle 10s {}", path.display()))).await
}

/// Audits a run with a violation, which no time to settle mends; returns all output.
pub(super) async fn convicted(app: &TestApp, path: &Path, says: &str) -> String {
    let arguments = format!("audit --settle 100ms {}", path.display());
    let (code, text) = run(stampede(&app.url(""), &arguments)).await;
    assert_eq!(code, 1, "{says}: {text}");
    assert!(text.contains(says), "{says}: {text}");
    text
}

on_both_databases! {
    async fn what_was_answered_otherwise_is_found(db: TestDb) {
        let app = TestApp::start(db).await;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.jsonl");
        let honest = kept(&app, "purchases --rate 20", &path).await;
        let (code, text) = audit(&app, &path).await;
        assert_eq!(code, 0, "{text}");
        assert!(text.contains("zero violations"), "{text}");
        let first = |asked: &str| {
            let position = honest.iter().position(|line| !line["asked"][asked].is_null());
            position.unwrap_or_else(|| panic!("no {asked} in the run"))
        };
        let doctored = |line: usize, change: &dyn Fn(&mut Value)| {
            let mut lines = honest.clone();
            change(&mut lines[line]);
            lines
        };
        let (hold, pay) = (first("Places"), first("Pay"));
        let left_out: Vec<_> =
            honest.iter().enumerate().filter(|(at, _)| *at != hold).map(|(_, l)| l.clone()).collect();
        let paid_again = {
            let mut again = honest[pay].clone();
            again["number"] = json!(999_998);
            honest.iter().cloned().chain([again]).collect()
        };
        let cases = [
            ("was paid for twice", paid_again),
            ("its payment was refused to the buyer", doctored(pay, &|line| {
                line["answered"] = json!("Refused");
            })),
            ("somebody else paid for it", doctored(pay, &|line| {
                line["buyer"] = json!((line["buyer"].as_u64().unwrap() + 1) % 4);
            })),
            ("LOST", doctored(hold, &|line| line["number"] = json!(999_999))),
            ("nobody of this run asked", left_out),
            ("was refused to the buyer", doctored(hold, &|line| line["answered"] = json!("Refused"))),
            ("did something else", doctored(hold, &|line| {
                line["asked"]["Places"]["quantity"] = json!(7);
            })),
            ("was answered", doctored(hold, &|line| {
                line["answered"]["Held"]["hold"] = json!("00000000-0000-4000-8000-000000000000");
            })),
            ("was answered", doctored(hold, &|line| {
                line["answered"]["Held"]["price"] = json!(1);
            })),
            ("is not its price", doctored(pay, &|line| {
                line["answered"]["Paid"]["amount"] = json!(1);
            })),
            ("in the wallet", doctored(0, &|header| header["charged"] = json!(5_000_000))),
        ];
        for (says, lines) in cases {
            save(&path, &lines);
            let text = convicted(&app, &path, says).await;
            assert!(text.contains("AUDIT FAILED"), "{says}: {text}");
        }
        let twice: Vec<_> = honest.iter().chain([&honest[hold]]).cloned().collect();
        let no_money = doctored(0, &|header| header["charged"] = json!(0));
        for (says, lines) in [("the same request as line", twice), ("nobody has money", no_money)] {
            save(&path, &lines);
            let text = convicted(&app, &path, says).await;
            assert!(!text.contains("AUDIT"), "{says}: {text}");
        }
    }

    /// Rows are changed behind the journal, by a person or a fault.
    async fn rows_that_are_not_what_the_journal_says_are_found(db: TestDb) {
        let app = TestApp::start(db).await;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.jsonl");
        let honest = kept(&app, "purchases --rate 20", &path).await;
        let one = "(SELECT id FROM reservations WHERE status = 'CONFIRMED' ORDER BY id LIMIT 1)";
        let of_one = "(SELECT id FROM tickets WHERE reservation_id = {one} ORDER BY id LIMIT 1)";
        let new_id = if app.db.is_postgres() { "gen_random_uuid()" } else { "randomblob(16)" };
        let wallet_of_one =
            "UPDATE wallets SET balance = balance «+» 5 WHERE user_id = (SELECT user_id FROM \
             reservations WHERE id = {one})";
        let columns = "offering_id, user_id, hold_id, status, total_price, lines, pay_by, \
            payment_id, created_at, updated_at";
        let insert = format!(
            "INSERT INTO reservations (id, {columns}) SELECT {new_id}, {columns} FROM reservations \
             WHERE id = {{one}}"
        );
        let cases = [
            (
                "is shown as",
                "UPDATE reservations SET total_price = total_price + 1 WHERE id = {one}",
                "UPDATE reservations SET total_price = total_price - 1 WHERE id = {one}",
            ),
            (
                "in the wallet",
                &wallet_of_one.replace("«+»", "-"),
                &wallet_of_one.replace("«+»", "+"),
            ),
            (
                "is in no journal",
                &format!("UPDATE tickets SET product_id = product_id + 1 WHERE id = {of_one}"),
                &format!("UPDATE tickets SET product_id = product_id - 1 WHERE id = {of_one}"),
            ),
            (
                "is not there",
                &format!("UPDATE tickets SET status = 'VOID' WHERE id = {of_one}"),
                &format!("UPDATE tickets SET status = 'VALID' WHERE id = {of_one}"),
            ),
            (
                "is shown as",
                "UPDATE reservations SET status = 'PAYMENT_PENDING' WHERE id = {one}",
                "UPDATE reservations SET status = 'CONFIRMED' WHERE payment_id IS NOT NULL",
            ),
            (
                "is shown as",
                "UPDATE reservations SET payment_id = id WHERE id = {one}",
                "UPDATE reservations SET payment_id = (SELECT id FROM payments \
                 WHERE reservation_id = reservations.id)",
            ),
            ("is in a list and in no journal", &insert, ""),
        ];
        // A missing answer to a buyer excuses money that is set aside, and nothing else.
        let mut unknown = honest.clone();
        for line in unknown.iter_mut().filter(|line| !line["asked"]["Pay"].is_null()) {
            line["answered"] = json!("Unknown");
        }
        for journal in [&honest, &unknown] {
            save(&path, journal);
            let (code, text) = audit(&app, &path).await;
            assert_eq!(code, 0, "{text}");
        }
        for (says, change, back) in cases {
            app.db.sql(&change.replace("{one}", one)).await;
            for journal in [&honest, &unknown] {
                save(&path, journal);
                let text = convicted(&app, &path, says).await;
                assert!(text.contains("AUDIT FAILED"), "{says}: {text}");
            }
            if !back.is_empty() {
                app.db.sql(&back.replace("{one}", one)).await;
            }
        }
    }

    /// Money is set aside and nothing is confirmed before the journals are read.
    async fn payments_that_others_bring_to_their_end_are_waited_for(db: TestDb) {
        let is_mended = Arc::new(AtomicBool::new(false));
        let (mended, stopped) = (Arc::clone(&is_mended), Arc::new(AtomicU64::new(0)));
        let count = Arc::clone(&stopped);
        let crash_points = CrashPoints::new(move |_, edge, side| {
            let stops = (edge, side) == (Edge::Confirm, Side::Before)
                && !mended.load(Ordering::SeqCst);
            count.fetch_add(stops.into(), Ordering::SeqCst);
            stops
        });
        let app = TestApp::with(db).parts(|parts| parts.crash_points = crash_points).start().await;
        // No buyer receives the outcome of a payment.
        let arguments = "purchases --rate 20 --duration 1s --buyers 4 --max-lag 1m --timeout 1s";
        let mut command = stampede(&app.url(""), arguments);
        let running = tokio::task::spawn_blocking(move || {
            let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut running = command.spawn().expect("it runs");
            for line in BufReader::new(running.stderr.take().expect("piped")).lines() {
                if line.expect("text").contains("wallets are still to be settled") {
                    is_mended.store(true, Ordering::SeqCst);
                }
            }
            running.wait_with_output().expect("it ends").stdout
        });
        let text = String::from_utf8(running.await.unwrap()).unwrap();
        assert!(stopped.load(Ordering::SeqCst) > 0, "{text}");
        assert!(text.contains("zero violations"), "{text}");
        assert!(text.contains("wallets 4, wallets left out 0"), "{text}");
        assert!(text.contains("reservations confirmed"), "{text}");
    }

    async fn a_server_that_lost_the_end_of_a_history_is_convicted(db: TestDb) {
        let mut app = TestApp::start(db).await;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.jsonl");
        kept(&app, "holds --rate 50", &path).await;
        app.shutdown().await;
        // As with a restored backup: the last row is gone, and the head agrees.
        app.db.sql("DELETE FROM snapshots").await;
        app.db
            .sql("DELETE FROM journal WHERE seq = (SELECT max(seq) FROM journal)")
            .await;
        app.db
            .sql(
                "UPDATE heads SET seq = seq - 1, hash = (SELECT hash FROM journal \
                 WHERE journal.offering_id = heads.offering_id AND journal.seq = heads.seq - 1)",
            )
            .await;
        app.restart().await;
        let text = convicted(&app, &path, "LOST").await;
        assert!(text.contains("is not in the journal"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_in_the_middle_costs_the_audit_and_nothing_else() {
    let db = TestDb::sqlite().await;
    let password = ("ADMITONE_ADMIN_PASSWORD", ADMIN_PASSWORD.to_owned());
    let email = ("ADMITONE_ADMIN_EMAIL", "admin@admitone.local".to_owned());
    let mut server = process::Server::with_settings(db.url(), &[password, email]);
    server.start_again();
    server.until_ready().await;
    let dir = tempfile::tempdir().unwrap();
    let (path, begun) = (dir.path().join("run.jsonl"), dir.path().join("begun"));
    let arguments = format!(
        "purchases --clients 4 --duration 3s --warm-up 0s --timeout 1s --buyers 4 --journal {}",
        path.display()
    );
    let mut command = stampede(&server.base, &arguments);
    command.arg("--at").arg(format!("1:touch {}", begun.display()));
    let running = tokio::spawn(run(command));
    eventually("a second has passed", async || begun.exists()).await;
    server.kill();
    let (code, text) = running.await.unwrap();
    assert_eq!(code, 1, "{text}");
    for says in ["AUDIT NOT MADE", "purchases:", "no connection", "success/s"] {
        assert!(text.contains(says), "{says}: {text}");
    }
    server.start_again();
    server.until_ready().await;
    let (code, text) = run(stampede(&server.base, &format!("audit {}", path.display()))).await;
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("zero violations"), "{text}");
    // Wallets whose buyers never received the outcome of a payment are included.
    assert!(text.contains("wallets 4, wallets left out 0"), "{text}");
}
