//! The schema up and down, schemas of other versions, and one process per database.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use admitone::ids::InstanceId;
use admitone::store::{InstanceLock, Store, StoreError};
use sea_orm::sqlx::{self, Connection, Executor, PgConnection};
use tokio::sync::Notify;

use crate::support::test_db::{TestDb, eventually};

async fn tables(db: &TestDb) -> i64 {
    db.count(if db.is_postgres() {
        "SELECT count(*) FROM information_schema.tables
         WHERE table_schema = current_schema() AND table_name <> 'seaql_migrations'"
    } else {
        "SELECT count(*) FROM sqlite_master
         WHERE type = 'table' AND name <> 'seaql_migrations' AND name NOT LIKE 'sqlite_%'"
    })
    .await
}

async fn goes_up_and_down_and_up(db: TestDb) {
    let store = db.store().await;
    let pending = store.schema_status().await.unwrap().pending;
    assert!(!pending.is_empty());
    store.migrate().await.unwrap();
    assert_eq!(store.schema_status().await.unwrap().applied, pending);
    let up = tables(&db).await;
    assert!(up > 10);
    let steps = u32::try_from(pending.len()).unwrap();
    store.migrate_down(steps).await.unwrap();
    assert_eq!(tables(&db).await, 0);
    store.migrate().await.unwrap();
    assert_eq!(tables(&db).await, up);
    store.migrate().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_goes_up_and_down_on_postgres() {
    goes_up_and_down_and_up(TestDb::postgres_unmigrated().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_goes_up_and_down_on_sqlite() {
    goes_up_and_down_and_up(TestDb::sqlite_unmigrated()).await;
}

/// The number of migrations that are left after the steps back to the schema of 0.1.0.
const STEPS_OF_0_1_0: usize = 5;

on_both_databases! {
    async fn an_interrupted_step_leaves_nothing_behind(db: TestDb) {
        let store = db.store().await;
        let applied = store.schema_status().await.unwrap().applied.len();
        store.migrate_down(u32::try_from(applied - STEPS_OF_0_1_0).unwrap()).await.unwrap();
        // Each obstacle has a name that a later step of a file creates, and so stops that step.
        for (obstacle, gone) in [
            ("CREATE TABLE revocation_counter (id integer)", "DROP TABLE revocation_counter"),
            ("ALTER TABLE events ADD COLUMN cancellation text", "ALTER TABLE events DROP COLUMN cancellation"),
            ("ALTER TABLE products ADD COLUMN updated_at bigint", "ALTER TABLE products DROP COLUMN updated_at"),
        ] {
            db.sql(obstacle).await;
            store.migrate().await.unwrap_err();
            let before = store.schema_status().await.unwrap().applied.len();
            store.migrate().await.unwrap_err();
            assert_eq!(store.schema_status().await.unwrap().applied.len(), before);
            db.sql(gone).await;
        }
        store.migrate().await.unwrap();
        assert!(store.schema_status().await.unwrap().pending.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_migrate_at_once_wait_for_each_other() {
    let db = TestDb::postgres_unmigrated().await;
    let stores = futures_util::future::join_all((0..4).map(|_| db.store())).await;
    let migrated = futures_util::future::join_all(stores.iter().map(Store::migrate)).await;
    for done in migrated {
        done.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_in_turn_never_overlaps() {
    let db = TestDb::postgres().await;
    let stores = futures_util::future::join_all((0..3).map(|_| db.store())).await;
    let inside = AtomicU32::new(0);
    let turns = stores.iter().map(|store| {
        store.in_turn(async {
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "somebody else's turn");
            // Long enough for the others to arrive.
            store.ping(0).await.unwrap();
            inside.fetch_sub(1, Ordering::SeqCst);
        })
    });
    for done in futures_util::future::join_all(turns).await {
        done.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_is_given_up_is_the_next_ones() {
    let db = TestDb::postgres().await;
    let (first, second) = (db.store().await, db.store().await);
    let waiting = Arc::new(Notify::new());
    let told = Arc::clone(&waiting);
    let stuck = tokio::spawn(async move {
        let for_ever = async {
            told.notify_one();
            std::future::pending::<()>().await;
        };
        first.in_turn(for_ever).await
    });
    waiting.notified().await;
    stuck.abort();
    assert_eq!(second.in_turn(async { 7 }).await.unwrap(), 7);
}

on_both_databases! {
    async fn a_newer_schema_is_refused_by_name(db: TestDb) {
        db.sql("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_future', 0)").await;
        let store = db.store().await;
        for refused in [store.schema_status().await.map(|_| ()), store.migrate().await] {
            match refused {
                Err(error @ StoreError::NewerSchema { .. }) => {
                    assert!(error.to_string().contains("m9999_future"), "{error}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_one_postgres_is_refused() {
    let db = TestDb::postgres().await;
    let first = InstanceLock::of_postgres(db.url()).await.unwrap();
    let second = InstanceLock::of_postgres(db.url()).await;
    assert!(matches!(second, Err(StoreError::Locked(_))));
    drop(first);
    InstanceLock::of_postgres(db.url()).await.map(drop).unwrap();
}

fn refusal(refused: Result<InstanceLock, StoreError>) -> String {
    match refused {
        Err(StoreError::Locked(why)) => why,
        other => panic!("{:?}", other.map(drop)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_alone_and_a_cluster_keep_each_other_out_and_are_told_who_is_there() {
    let db = TestDb::postgres().await;
    let alone = InstanceLock::of_postgres(db.url()).await.unwrap();
    let why = refusal(InstanceLock::of_postgres(db.url()).await);
    assert!(why.contains("another admitone process uses this database (DATABASE_URL): "), "{why}");
    let why = refusal(InstanceLock::of_postgres_shared(db.url(), InstanceId::random()).await);
    assert!(why.contains("another admitone process") && why.contains("without REDIS_URL"), "{why}");
    drop(alone);

    let first = InstanceLock::of_postgres_shared(db.url(), InstanceId::random()).await.unwrap();
    let second = InstanceLock::of_postgres_shared(db.url(), InstanceId::random()).await.unwrap();
    let why = refusal(InstanceLock::of_postgres(db.url()).await);
    assert!(why.contains("instances of a cluster use this database"), "{why}");
    drop(first);
    let why = refusal(InstanceLock::of_postgres(db.url()).await);
    assert!(why.contains("instances of a cluster use this database"), "one is left: {why}");
    drop(second);
    InstanceLock::of_postgres(db.url()).await.map(drop).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_that_are_shared_come_back_after_their_sessions_were_lost() {
    let db = TestDb::postgres().await;
    let first = InstanceLock::of_postgres_shared(db.url(), InstanceId::random()).await.unwrap();
    let second = InstanceLock::of_postgres_shared(db.url(), InstanceId::random()).await.unwrap();
    let held = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                WHERE locktype = 'advisory' AND granted AND a.datname = current_database()";
    assert_eq!(db.count(held).await, 2);
    db.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
         WHERE locktype = 'advisory' AND a.datname = current_database()",
    )
    .await;
    eventually("both are held again", async || db.count(held).await == 2).await;
    drop((first, second));
    eventually("the lock is free", async || db.count(held).await == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lock_on_postgres_comes_back_after_its_session_was_lost() {
    let db = TestDb::postgres().await;
    let first = InstanceLock::of_postgres(db.url()).await.unwrap();
    let held = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                WHERE locktype = 'advisory' AND granted AND a.datname = current_database()";
    assert_eq!(db.count(held).await, 1);
    db.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
         WHERE locktype = 'advisory' AND a.datname = current_database()",
    )
    .await;
    eventually("the lock is held again", async || db.count(held).await == 1).await;
    drop(first);
    eventually("the lock is free", async || db.count(held).await == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_another_process_took_meanwhile_is_lost() {
    let db = TestDb::postgres().await;
    let first = InstanceLock::of_postgres(db.url()).await.unwrap();
    // The rival is quicker than the first: the lock changes hands within one statement.
    let mut rival = PgConnection::connect(db.url()).await.unwrap();
    let take = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    rival.execute(take).await.unwrap();
    let lock = sqlx::query("SELECT pg_advisory_lock($1)").bind(0x6164_6d69_746f_6e65_i64);
    lock.execute(&mut rival).await.unwrap();
    tokio::time::timeout(Duration::from_secs(20), first.lost()).await.expect("it is told");
    drop(rival);
}

#[test]
fn a_second_process_on_one_data_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock");
    let first = InstanceLock::of_file(&path).unwrap();
    match InstanceLock::of_file(&path) {
        Err(StoreError::Locked(why)) => assert!(why.contains("ADMITONE_DATA_DIR"), "{why}"),
        other => panic!("{:?}", other.map(drop)),
    }
    drop(first);
    InstanceLock::of_file(&path).map(drop).unwrap();
}
