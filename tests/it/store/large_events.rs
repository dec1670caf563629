//! Events with so many seats that writing them takes long: on SQLite, which has one writer for all
//! sales, they are written in slices.

use admitone::ids::{OfferingId, UserId};
use admitone::inventory::RowDefinition;
use admitone::journal::Journal;
use admitone::store::{Answered, Key, NewEvent, Store, StoreError};

use crate::journal::{Writer, new_event};
use crate::support::test_db::TestDb;

/// More than two slices.
const SEATS: u32 = 60_000;

fn large_event() -> NewEvent {
    let mut event = new_event();
    let rows = (0..SEATS / 1_000).map(|row| RowDefinition { name: row.to_string(), seats: 1_000 });
    event.definition.sections[0].rows = rows.collect();
    event
}

async fn seats(db: &TestDb, offering: OfferingId) -> i64 {
    db.count(&format!("SELECT count(*) FROM seats WHERE offering_id = {}", id(db, offering))).await
}

fn id(db: &TestDb, offering: OfferingId) -> String {
    let hex = offering.0.simple();
    if db.is_postgres() { format!("'{hex}'") } else { format!("x'{hex}'") }
}

fn key(fingerprint: u8) -> Key {
    Key {
        principal: UserId(uuid::Uuid::nil()),
        operation: "test.create",
        key_hash: [7; 16],
        fingerprint: [fingerprint; 16],
    }
}

async fn is_whole(store: &Store, db: &TestDb, event: &NewEvent) {
    let found = store.event_get(event.id).await.unwrap().expect("it is there");
    assert_eq!(found.products[1].total_stock, i64::from(SEATS));
    assert_eq!(seats(db, event.id).await, i64::from(SEATS));
    let last = admitone::ids::SeatId(SEATS - 1);
    let labels = store.seat_labels(event.id, &[last]).await.unwrap();
    assert_eq!(labels[&last], ("Stalls".into(), (SEATS / 1_000 - 1).to_string(), 1_000));
    assert_eq!(store.head(event.id).await.unwrap().seq.0, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_sell_while_the_seats_of_a_large_event_are_written() {
    let db = TestDb::sqlite().await;
    let store = db.store().await;
    let mut other = Writer::of_new_event(&store).await;
    other.take_over().await.unwrap();
    let event = large_event();
    let making = {
        let (store, event) = (store.clone(), event.clone());
        tokio::spawn(async move { store.event_create(&event, None, 1_000).await })
    };
    let mut appended_between = 0;
    while !making.is_finished() {
        // In this order: the event may be there as soon as its seats are counted.
        let is_made = store.event_get(event.id).await.unwrap().is_some();
        let written = seats(&db, event.id).await;
        other.commit(Writer::hold()).await.unwrap();
        if written > 0 && !making.is_finished() {
            assert!(written == i64::from(SEATS) || !is_made);
            appended_between += 1;
        }
    }
    assert_eq!(making.await.unwrap().unwrap(), Answered::Now(()));
    assert!(appended_between > 0, "nobody got through");
    is_whole(&store, &db, &event).await;
}

on_both_databases! {
    async fn a_large_event_is_made_once_and_a_refused_one_leaves_nothing(db: TestDb) {
        let store = db.store().await;
        let event = large_event();
        let made = store.event_create(&event, Some(&key(1)), 1_000).await.unwrap();
        assert_eq!(made, Answered::Now(()));
        is_whole(&store, &db, &event).await;
        let again = large_event();
        let made = store.event_create(&again, Some(&key(1)), 1_000).await.unwrap();
        assert_eq!(made, Answered::Before(event.id.to_string()));
        let other = store.event_create(&again, Some(&key(2)), 1_000).await;
        assert!(matches!(other, Err(StoreError::KeyReused)), "{other:?}");
        let twice = store.event_create(&event, None, 1_000).await;
        assert!(twice.is_err(), "its id is taken");
        assert_eq!(db.count("SELECT count(*) FROM events").await, 1);
        assert_eq!(db.count("SELECT count(*) FROM seats").await, i64::from(SEATS));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seats_that_a_crash_left_without_their_event_are_deleted_at_start() {
    let db = TestDb::sqlite().await;
    let store = db.store().await;
    let (first, last) = (large_event(), large_event());
    store.event_create(&first, None, 1_000).await.unwrap();
    store.event_create(&last, None, 1_000).await.unwrap();
    for lost in [OfferingId::random(), OfferingId::random()] {
        db.sql(&format!(
            "INSERT INTO seats SELECT {}, seat_id, section_id, section, row_name, number, product_id
             FROM seats WHERE seat_id < 5000 AND offering_id = {}",
            id(&db, lost),
            id(&db, first.id)
        ))
        .await;
    }
    assert_eq!(store.seats_without_event_delete().await.unwrap(), 10_000);
    assert_eq!(store.seats_without_event_delete().await.unwrap(), 0);
    is_whole(&store, &db, &first).await;
    is_whole(&store, &db, &last).await;
}
