//! Appends of many offerings at once, which go to Postgres together: each is still its own
//! compare-and-swap, and none waits for the head of another.

use std::time::Duration;

use admitone::journal::{AppendError, Journal};
use futures_util::future::join_all;
use sea_orm::sqlx::{Connection, Executor, PgConnection};

use super::Writer;
use crate::support::test_db::TestDb;

const OFFERINGS: usize = 60;
const TIMEOUT: Duration = Duration::from_secs(60);

/// Returns the owners of [`OFFERINGS`] offerings.
async fn owners(db: &TestDb) -> Vec<Writer> {
    let store = db.store_with(|options| options.append_timeout = TIMEOUT).await;
    let mut owners = Vec::new();
    for _ in 0..OFFERINGS {
        let mut owner = Writer::of_new_event(&store).await;
        owner.take_over().await.unwrap();
        owners.push(owner);
    }
    owners
}

/// Returns the number of statements that wrote more than one row of journals.
async fn statements(db: &TestDb) -> i64 {
    db.count(
        "SELECT count(*) FROM (SELECT xmin FROM journal GROUP BY xmin HAVING count(*) > 1) AS many",
    )
    .await
}

#[tokio::test]
async fn appends_of_many_offerings_go_together_and_each_is_whole() {
    let db = TestDb::postgres().await;
    let mut owners = owners(&db).await;
    assert_eq!(statements(&db).await, 0, "one by one so far");
    for _ in 0..3 {
        let appends = owners.iter_mut().map(async |owner| {
            let append = owner.batch(Writer::hold());
            owner.send(append).await.unwrap();
        });
        join_all(appends).await;
    }
    let together = statements(&db).await;
    assert!(together >= 3, "some went together: {together}");
    for owner in &owners {
        let loaded = owner.store.load(owner.offering).await.unwrap();
        assert_eq!(loaded.head, owner.head);
        assert_eq!(loaded.tail.len(), 5, "created, taken over, three batches");
    }
}

#[tokio::test]
async fn a_fenced_append_among_many_is_fenced_and_the_others_are_not() {
    let db = TestDb::postgres().await;
    let mut owners = owners(&db).await;
    // Another instance has appended to every third offering.
    for owner in owners.iter().step_by(3) {
        let mut rival = owner.rival(&owner.store).await;
        rival.take_over().await.unwrap();
    }
    let appends = owners.iter_mut().map(async |owner| {
        let append = owner.batch(Writer::hold());
        owner.send(append).await
    });
    for (number, appended) in join_all(appends).await.into_iter().enumerate() {
        match number % 3 {
            0 => assert!(matches!(appended, Err(AppendError::Fenced)), "{number}: {appended:?}"),
            _ => appended.unwrap(),
        }
    }
}

#[tokio::test]
async fn a_head_that_is_locked_keeps_nobody_else_waiting() {
    let db = TestDb::postgres().await;
    let mut owners = owners(&db).await;
    // The first two appends go alone; the third goes together with all that follow.
    let locked = owners[2].offering;
    let mut session = PgConnection::connect(db.url()).await.unwrap();
    session.execute("BEGIN").await.unwrap();
    let lock = format!("SELECT 1 FROM heads WHERE offering_id = '{locked}' FOR UPDATE");
    session.execute(sea_orm::sqlx::AssertSqlSafe(lock)).await.unwrap();

    let (done, mut others) = tokio::sync::mpsc::unbounded_channel();
    let appends = owners.iter_mut().map(async |owner| {
        let append = owner.batch(Writer::hold());
        owner.send(append).await.unwrap();
        done.send(owner.offering).unwrap();
    });
    let watch = async {
        for _ in 1..OFFERINGS {
            assert_ne!(others.recv().await.unwrap(), locked);
        }
        session.execute("COMMIT").await.unwrap();
    };
    let all = async { tokio::join!(join_all(appends), watch) };
    // Far less than the time after which an append is given up here.
    tokio::time::timeout(TIMEOUT / 2, all).await.expect("nobody waited for the lock");
}
