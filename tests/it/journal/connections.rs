//! The connections for appends: few, separate for each runtime, replaced when they die.

use std::thread;
use std::time::Duration;

use admitone::store::{Options, Store};
use sea_orm::sqlx::{self, Connection, PgConnection};

use super::Writer;
use crate::support::test_db::TestDb;

const APPEND_CONNECTIONS: u32 = 2;

async fn store(db: &TestDb) -> Store {
    let mut options = Options::new(db.url());
    options.pool_size = 2 * APPEND_CONNECTIONS;
    Store::connect(&options).await.unwrap()
}

/// Returns the number of sessions of this database that appended last; kills them if `kill` is set.
async fn append_sessions(db: &TestDb, kill: bool) -> i64 {
    let count = if kill { "count(pg_terminate_backend(pid))" } else { "count(*)" };
    let sql = format!(
        "SELECT {count} FROM pg_stat_activity
         WHERE datname = current_database() AND query LIKE '%INSERT INTO journal%'
             AND pid <> pg_backend_pid()"
    );
    let mut session = PgConnection::connect(db.url()).await.unwrap();
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut session).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_appends_at_once_share_few_connections() {
    let db = TestDb::postgres().await;
    let store = store(&db).await;
    let mut writers = Vec::new();
    for _ in 0..6 {
        writers.push(Writer::of_new_event(&store).await);
    }
    let all = writers.iter_mut().map(async |writer| {
        writer.take_over().await.unwrap();
        for _ in 0..20 {
            writer.commit(Writer::hold()).await.unwrap();
        }
    });
    futures_util::future::join_all(all).await;
    let sessions = append_sessions(&db, false).await;
    assert!((1..=i64::from(APPEND_CONNECTIONS)).contains(&sessions), "{sessions} sessions");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_that_is_stuck_or_gone_keeps_no_other_from_appending() {
    let db = TestDb::postgres().await;
    let store = store(&db).await;
    let mut writer = Writer::of_new_event(&store).await;
    let elsewhere = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(writer.take_over()).unwrap();
        // The runtime is not driven from here on.
        (runtime, writer)
    });
    let (stuck, writer) = elsewhere.join().unwrap();
    let mut heir = writer.rival(&store).await;
    heir.take_over().await.unwrap();
    thread::spawn(move || drop(stuck)).join().unwrap();
    heir.commit(Writer::hold()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_died_while_nobody_used_it_costs_no_append() {
    let db = TestDb::postgres().await;
    let store = store(&db).await;
    let mut writer = Writer::of_new_event(&store).await;
    writer.take_over().await.unwrap();
    assert_eq!(append_sessions(&db, true).await, 1);
    // A connection used within the last second is trusted, and its next append may end as unknown.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    writer.commit(Writer::hold()).await.unwrap();
}
