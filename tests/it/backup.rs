//! Backups made beside a running server with the commands of docs/operations.md: the restored
//! database verifies, sells on, and reports missing rows.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::cli::process::finished;
use crate::http::api_client::Shop;
use crate::support::process::Server;
use crate::support::test_db::TestDb;

/// Set by `tests/run`: the directory of Postgres's programs.
const PG_BIN: &str = "ADMITONE_TEST_PG_BIN";

fn postgres_program(name: &str) -> Command {
    let bin = std::env::var_os(PG_BIN).expect("this test needs Postgres's programs: use tests/run");
    Command::new(PathBuf::from(bin).join(name))
}

fn succeed(command: &mut Command) {
    let output = command.output().expect("it is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Copies the current content of a database while others write to it.
async fn back_up(db: &TestDb, file: &Path) {
    if db.is_postgres() {
        let mut dump = postgres_program("pg_dump");
        succeed(dump.args(["--format=custom", "--file"]).arg(file).arg(db.url()));
    } else {
        db.sql(&format!("VACUUM INTO '{}'", file.display())).await;
    }
}

/// Restores the backup into an empty database.
fn restore(empty: &TestDb, file: &Path) {
    if empty.is_postgres() {
        let mut restore = postgres_program("pg_restore");
        succeed(restore.args(["--exit-on-error", "--dbname", empty.url()]).arg(file));
    } else {
        let path = empty.url().trim_start_matches("sqlite://").trim_end_matches("?mode=rwc");
        std::fs::copy(file, path).expect("it can be copied");
    }
}

fn verify(database: &TestDb, more: &[&str]) -> (i32, String) {
    let arguments: Vec<&str> = ["journal", "verify"].iter().chain(more).copied().collect();
    let ended = finished(&arguments, &[("DATABASE_URL", database.url())]);
    (ended.code, format!("{}{}", ended.out, ended.err))
}

on_both_databases! {
    async fn what_is_restored_verifies_and_says_what_is_missing(db: TestDb) {
        let empty = match db.is_postgres() {
            true => TestDb::postgres_unmigrated().await,
            false => TestDb::sqlite_unmigrated(),
        };
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("backup");
        let shop = Shop::open(db).await;
        let (event, kim) = (shop.event().await, shop.customer());
        kim.buy(&event, &event.places(2)).await;
        let digest = async || {
            let report = shop.nobody().get(&event.at("audit")).await.is(200).data;
            report["digest"].as_str().unwrap().to_owned()
        };
        let before = digest().await;
        back_up(&shop.app.db, &file).await;
        kim.buy(&event, &event.places(1)).await;
        let after = digest().await;
        restore(&empty, &file);

        let (code, text) = verify(&empty, &["--all"]);
        assert_eq!(code, 0, "{text}");
        let (code, text) = verify(&empty, &[&event.id, "--digest", &before]);
        assert_eq!(code, 0, "{text}");
        let (code, text) = verify(&empty, &[&event.id, "--digest", &after]);
        assert_eq!(code, 1, "what was sold afterwards is missing: {text}");
        assert!(text.contains("rows are missing at the end"), "{text}");
        let sold = "SELECT count(*) FROM tickets";
        assert_eq!((empty.count(sold).await, shop.app.db.count(sold).await), (2, 3));

        // A server starts on the restored database and sells.
        let mut again = Server::start(empty.url()).await;
        let (client, customer) = (reqwest::Client::new(), again.mint().customer());
        let at = |rest: &str| format!("{}{}", again.base, event.at(rest));
        let shown = client.get(at("availability")).send().await.unwrap();
        let shown: Value = shown.json().await.unwrap();
        assert_eq!(shown["data"]["products"][1]["sold"], 2, "{shown}");
        let hold = client.post(at("holds")).bearer_auth(customer.token).json(&event.places(18));
        assert_eq!(hold.send().await.unwrap().status(), 201);
        assert!(again.stop().await);
    }
}
