//! Owners that have lost their ownership, on real Postgres: stalled connections, archived rows,
//! lost tails, and appends whose client gave up before the server did.

use std::time::Duration;

use admitone::ids::{HoldId, ReservationId, Seq};
use admitone::journal::{AppendError, Journal, LoadError};
use sea_orm::sqlx::{self, Connection, Executor, PgConnection};

use super::{Writer, checked_out};
use crate::support::test_db::{TestDb, eventually};

/// A session that locks the heads of all offerings, so that appends stall meanwhile.
struct Stall(PgConnection);

impl Stall {
    async fn begin(db: &TestDb) -> Self {
        let mut session = PgConnection::connect(db.url()).await.unwrap();
        session.execute("BEGIN").await.unwrap();
        session.execute("SELECT 1 FROM heads FOR UPDATE").await.unwrap();
        Self(session)
    }

    /// Waits until `count` sessions of this database wait for a lock.
    async fn until_stalled(&mut self, count: i64) {
        let sql = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
        eventually("the appends wait for the head", async || {
            // Within a transaction the statistics stay those of the first read.
            self.0.execute("SELECT pg_stat_clear_snapshot()").await.unwrap();
            let waiting: i64 = sqlx::query_scalar(sql).fetch_one(&mut self.0).await.unwrap();
            waiting == count
        })
        .await;
    }

    async fn end(mut self) {
        self.0.execute("COMMIT").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_stalled_across_a_takeover_appends_nothing() {
    let db = TestDb::postgres().await;
    let store = db.store().await;
    let mut old = Writer::of_new_event(&store).await;
    old.take_over().await.unwrap();
    let mut new = old.rival(&store).await;

    let mut stall = Stall::begin(&db).await;
    let taking_over = tokio::spawn(async move {
        let done = new.take_over().await;
        (new, done)
    });
    stall.until_stalled(1).await;
    let reservation = ReservationId::random();
    let stalled = old.batch(vec![checked_out(reservation, HoldId::random())]);
    let paused = old.store.clone();
    let appending = tokio::spawn(async move { paused.append(stalled).await });
    stall.until_stalled(2).await;
    stall.end().await;

    let (new, done) = taking_over.await.unwrap();
    done.unwrap();
    let appended = appending.await.unwrap();
    assert!(matches!(appended, Err(AppendError::Fenced)), "{appended:?}");
    assert_eq!(store.load(new.offering).await.unwrap().head, new.head);
    assert!(store.reservation_get(reservation).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_paused_across_a_snapshot_with_archiving_appends_nothing() {
    let db = TestDb::postgres().await;
    let store = db.store().await;
    let mut old = Writer::of_new_event(&store).await;
    old.take_over().await.unwrap();
    let paused = old.batch(Writer::hold());
    let mut new = old.rival(&store).await;
    new.take_over().await.unwrap();
    new.commit(Writer::hold()).await.unwrap();
    assert!(store.keep_snapshot(new.offering, new.snapshot()).await.unwrap());
    db.sql("DELETE FROM journal WHERE seq <= 4").await;

    // The seq of the paused append is free now, and the row before it is gone as well.
    assert!(matches!(store.append(paused).await, Err(AppendError::Fenced)));
    assert!(matches!(old.take_over().await, Err(AppendError::Fenced)));
    let loaded = store.load(new.offering).await.unwrap();
    assert_eq!((loaded.head, loaded.tail.len()), (new.head, 0));
    new.commit(Writer::hold()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_from_before_a_restored_backup_appends_nothing() {
    let db = TestDb::postgres().await;
    let store = db.store().await;
    let mut owner = Writer::of_new_event(&store).await;
    owner.take_over().await.unwrap();
    db.sql("CREATE TABLE backup AS SELECT * FROM heads").await;
    owner.commit(Writer::hold()).await.unwrap();
    owner.commit(Writer::hold()).await.unwrap();
    // The tail is lost, and so is every record of it.
    db.sql("DELETE FROM journal WHERE seq > 2").await;
    db.sql("UPDATE heads SET seq = backup.seq, hash = backup.hash FROM backup").await;

    assert!(matches!(owner.commit(Writer::hold()).await, Err(AppendError::Fenced)));
    assert_eq!(store.load(owner.offering).await.unwrap().head.seq, Seq(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_tail_cannot_be_written_again_by_an_owner_who_never_saw_it() {
    let db = TestDb::postgres().await;
    let store = db.store().await;
    let mut old = Writer::of_new_event(&store).await;
    old.take_over().await.unwrap();
    let mut new = old.clone();
    new.commit(Writer::hold()).await.unwrap();
    new.commit(Writer::hold()).await.unwrap();
    db.sql("DELETE FROM journal WHERE seq > 2").await;

    // The old owner's row 3 would follow the remaining rows, but the head records another row 3.
    assert!(matches!(old.commit(Writer::hold()).await, Err(AppendError::Fenced)));
    let loaded = store.load(old.offering).await;
    assert!(matches!(loaded, Err(LoadError::Damaged { .. })), "{loaded:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_that_commits_after_its_client_gave_up_is_found_by_occupying_its_seq() {
    let db = TestDb::postgres().await;
    let patient = db.store().await;
    // The server's timeout is longer than the client's wait.
    let hasty = db
        .store_with(|options| {
            options.append_timeout = Duration::from_secs(1);
            options.server_timeout = Some(Duration::from_secs(20));
        })
        .await;
    let mut owner = Writer::of_new_event(&hasty).await;
    let mut successor = owner.rival(&patient).await;
    let reservation = ReservationId::random();
    owner.take_over().await.unwrap();
    successor.head = owner.head;

    let mut stall = Stall::begin(&db).await;
    let append = owner.batch(vec![checked_out(reservation, HoldId::random())]);
    let batch_id = append.row.batch_id;
    let appended = owner.store.append(append).await;
    assert!(matches!(appended, Err(AppendError::OutcomeUnknown(_))), "{appended:?}");
    stall.until_stalled(1).await;
    // The missing row proves nothing: the statement is still running.
    assert!(patient.row(owner.offering, Seq(3)).await.unwrap().is_none());
    let occupying = tokio::spawn(async move { successor.take_over().await });
    stall.until_stalled(2).await;
    stall.end().await;

    let occupied = occupying.await.unwrap();
    assert!(matches!(occupied, Err(AppendError::Fenced)), "{occupied:?}");
    let (row, _) = patient.row(owner.offering, Seq(3)).await.unwrap().unwrap();
    assert_eq!(row.batch_id, batch_id, "the append is found, so nobody repeats it");
    assert!(patient.reservation_get(reservation).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_the_server_gave_up_never_happens() {
    let db = TestDb::postgres().await;
    let store =
        db.store_with(|options| options.server_timeout = Some(Duration::from_millis(100))).await;
    let mut owner = Writer::of_new_event(&store).await;
    owner.take_over().await.unwrap();
    let stall = Stall::begin(&db).await;
    let refused = store.append(owner.batch(Writer::hold())).await;
    // The server itself reported the error, so the caller may answer "not done" and try again.
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
    stall.end().await;
    owner.commit(Writer::hold()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_of_appends_that_timed_out_are_not_used_again_in_mid_statement() {
    let db = TestDb::postgres().await;
    let store = db
        .store_with(|options| {
            options.append_timeout = Duration::from_millis(200);
            options.server_timeout = Some(Duration::from_secs(20));
            options.pool_size = 4;
        })
        .await;
    let mut owner = Writer::of_new_event(&store).await;
    owner.take_over().await.unwrap();
    let stall = Stall::begin(&db).await;
    for _ in 0..6 {
        let lost = store.append(owner.batch(Writer::hold())).await;
        assert!(matches!(lost, Err(AppendError::OutcomeUnknown(_))), "{lost:?}");
    }
    stall.end().await;
    // The next owner finds out which append, if any, got the seq, and two connections suffice.
    eventually("the offering can be taken over", async || {
        let mut next = owner.rival(&store).await;
        next.take_over().await.is_ok()
    })
    .await;
    store.load(owner.offering).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_killed_under_an_append_leaves_its_outcome_unknown() {
    let db = TestDb::postgres().await;
    let store = db.store().await;
    let mut owner = Writer::of_new_event(&store).await;
    owner.take_over().await.unwrap();
    let mut stall = Stall::begin(&db).await;
    let append = owner.batch(Writer::hold());
    let stalled = store.clone();
    let appending = tokio::spawn(async move { stalled.append(append).await });
    stall.until_stalled(1).await;
    db.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'",
    )
    .await;
    let lost = appending.await.unwrap();
    assert!(matches!(lost, Err(AppendError::OutcomeUnknown(_))), "{lost:?}");
    stall.end().await;
    owner.commit(Writer::hold()).await.unwrap();
}
