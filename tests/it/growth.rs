//! Measures what 1,000 holds and 1,000 purchases add to the database. Run by hand, alone:
//! `tests/run --run-ignored only --no-capture -E 'test(/^growth::/)'`; `docs/operations.md` has the figures.

use std::fs;

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::support::test_app::{TestApp, TestUser, standing_event};
use crate::support::test_db::TestDb;

const HOLDS: u64 = 4_000;
const PURCHASES: u64 = 2_000;
const AT_ONCE: usize = 32;

/// Returns the sizes in bytes of the database and of its log so far.
async fn sizes(db: &TestDb) -> (i64, i64) {
    if db.is_postgres() {
        db.sql("CHECKPOINT").await;
        let size = db.count("SELECT pg_database_size(current_database())").await;
        let log = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint";
        return (size, db.count(log).await);
    }
    db.sql("PRAGMA wal_checkpoint(TRUNCATE)").await;
    let pages = db.count("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
    let written = fs::read_to_string("/proc/self/io").unwrap();
    let written = written.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap();
    (pages.await, written.parse().unwrap())
}

fn tell(db: &TestDb, what: &str, count: u64, before: (i64, i64), after: (i64, i64)) {
    let per_thousand = |bytes: i64| bytes * 1_000 / i64::try_from(count).unwrap() / 1_024;
    let name = if db.is_postgres() { "Postgres" } else { "SQLite" };
    println!(
        "{name}: 1,000 {what}: {} KiB of database, {} KiB of log",
        per_thousand(after.0 - before.0),
        per_thousand(after.1 - before.1)
    );
}

async fn buy(app: &TestApp, user: &TestUser, event: &Value) {
    let body = json!({
        "eventId": event["id"], "productId": event["products"][0]["id"], "quantity": 1
    });
    let made = app.post("/api/reservations", user, body).await.expect(201);
    let path = format!("/api/reservations/{}/payments", made["id"].as_str().unwrap());
    app.post(&path, user, json!({ "method": "wallet" })).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, and takes a minute"]
async fn what_holds_and_purchases_add() {
    measure(TestDb::postgres().await).await;
    measure(TestDb::sqlite().await).await;
}

async fn measure(db: TestDb) {
    let app = TestApp::start(db).await;
    let event = app.create_event(standing_event(100_000)).await;
    let users: Vec<TestUser> = stream::iter(0..100).then(|_| app.user()).collect().await;
    for user in &users {
        app.charge(user, 10_000_000).await.expect(201);
    }
    let user = |index: u64| &users[usize::try_from(index).unwrap() % users.len()];
    let holds = format!("/api/events/{}/holds", event["id"].as_str().unwrap());
    let lines = json!({ "lines": [{ "productId": event["products"][0]["id"], "quantity": 1 }] });

    let start = sizes(&app.db).await;
    stream::iter(0..HOLDS)
        .for_each_concurrent(AT_ONCE, |index| {
            let held = app.post(&holds, user(index), lines.clone());
            async { drop(held.await.expect(201)) }
        })
        .await;
    let held = sizes(&app.db).await;
    tell(&app.db, "holds", HOLDS, start, held);
    stream::iter(0..PURCHASES)
        .for_each_concurrent(AT_ONCE, |index| buy(&app, user(index), &event))
        .await;
    tell(&app.db, "purchases", PURCHASES, held, sizes(&app.db).await);
    let rows = app.db.count("SELECT count(*) FROM journal").await;
    println!("{rows} rows of the journal");
}
