//! Snapshots that do not fit their journal, on both databases: no offering is lost to one.

use std::sync::Arc;
use std::time::Duration;

use admitone::box_office::{BoxOffices, Committed, Settings, SubmitError};
use admitone::clock::{Clock, ManualClock, SystemClock};
use admitone::ids::{HoldId, OfferingId, ProductId, Seq, UserId};
use admitone::inventory::{Command, LineRequest, Request};
use admitone::journal::{FORMAT, Journal, LoadError, Snapshot, fold};
use admitone::store::Store;
use tokio::runtime::Handle;

use crate::support::sold_event;

/// More rows than a box office needs to leave a snapshot when it stops.
const ROWS: u32 = 70;

fn open(store: &Store, clock: &Arc<ManualClock>) -> Arc<BoxOffices> {
    let settings = Settings {
        arbiters: 1,
        // The test sets this clock, but not the database's.
        max_clock_skew: Duration::from_secs(10 * 365 * 86_400),
        sweep_interval: Duration::from_secs(3_600),
        ..Settings::default()
    };
    BoxOffices::start(store.journal(), clock.clone(), settings, Handle::current())
}

async fn hold(
    offices: &Arc<BoxOffices>,
    offering: OfferingId,
    quantity: u32,
) -> Result<Committed, SubmitError> {
    let lines = vec![LineRequest::BestAvailable { product: ProductId(0), quantity, section: None }];
    let (hold, customer) = (HoldId::random(), UserId::random());
    let command = Command::PlaceHold { hold, customer, lines };
    offices.submit(offering, Request { command, idempotency: None }).await
}

/// Returns a sale whose owner has stopped and left a snapshot of the last row.
async fn rested(store: &Store) -> (OfferingId, Arc<ManualClock>) {
    let offering = sold_event::open(store, 200).await;
    let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
    let offices = open(store, &clock);
    for _ in 0..ROWS {
        hold(&offices, offering, 1).await.expect("there is room");
    }
    offices.shutdown().await;
    let loaded = store.load(offering).await.expect("it can be read");
    assert!(loaded.snapshot.is_some() && loaded.tail.is_empty(), "it left a snapshot");
    (offering, clock)
}

/// Checks that the offering is shown asleep, sells awake, and then has a snapshot that fits.
async fn check_sells(store: &Store, offering: OfferingId, clock: &Arc<ManualClock>, what: &str) {
    let offices = open(store, clock);
    let view = offices.view(offering).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(view.products[0].counts.held, ROWS, "{what}");
    let loaded = store.load(offering).await.expect("it can be read");
    assert_eq!(loaded.unfit, [], "{what}");
    let snapshot = loaded.snapshot.clone().unwrap_or_else(|| panic!("{what}: no snapshot"));
    assert_eq!(snapshot.seq, loaded.head.seq, "{what}");
    let folded = fold(&loaded).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(folded.to_snapshot(), snapshot.payload, "{what}");
    hold(&offices, offering, 1).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    offices.shutdown().await;
}

on_both_databases! {
    async fn an_owner_that_only_refused_before_it_stopped_leaves_nothing_that_stops_the_next(
        db: TestDb
    ) {
        let store = db.store().await;
        let offering = sold_event::open(&store, 200).await;
        let now = SystemClock::new().now_ms();
        let (ahead, behind) = (Arc::new(ManualClock::at(now)), Arc::new(ManualClock::at(now)));
        let first = open(&store, &ahead);
        for _ in 0..ROWS {
            hold(&first, offering, 1).await.expect("there is room");
        }
        ahead.advance_ms(400);
        for _ in 0..3 {
            let refused = hold(&first, offering, 64).await;
            assert!(matches!(refused, Err(SubmitError::Rejected(_))), "{refused:?}");
        }
        // The successor has taken over before the first owner leaves its snapshot.
        let second = open(&store, &behind);
        hold(&second, offering, 1).await.expect("there is room");
        first.shutdown().await;
        hold(&second, offering, 1).await.expect("there is room");
        second.shutdown().await;

        ahead.advance_ms(1_000);
        let third = open(&store, &ahead);
        hold(&third, offering, 1).await.expect("it is in service");
        assert_eq!(third.view(offering).await.expect("it is shown").products[0].counts.held, ROWS + 3);
        third.shutdown().await;
    }

    async fn a_damaged_snapshot_costs_time_and_not_the_event(db: TestDb) {
        let store = db.store().await;
        let junk = if db.is_postgres() { "'\\x6a756e6b'" } else { "x'6a756e6b'" };
        let zeroes = if db.is_postgres() { "decode(repeat('00', 32), 'hex')" } else { "zeroblob(32)" };
        let cases = [
            ("bytes that are no state", format!("payload = {junk}")),
            ("no bytes", "payload = substr(payload, 1, 0)".into()),
            ("cut off", "payload = substr(payload, 1, 200)".into()),
            ("of another time", "at = at + 400".into()),
            ("of another row", format!("hash = {zeroes}")),
            ("without a hash", "hash = substr(hash, 1, 3)".into()),
            ("of another owner", "epoch = epoch + 1".into()),
            ("of a newer format", "format = 99".into()),
            ("ahead of the journal", "seq = seq + 1000".into()),
        ];
        for (what, damage) in cases {
        let (offering, clock) = rested(&store).await;
            db.sql(&format!("UPDATE snapshots SET {damage}")).await;
            check_sells(&store, offering, &clock, what).await;
            db.sql("DELETE FROM snapshots").await;
        }
    }

    async fn a_snapshot_of_a_later_time_than_its_row_is_not_used(db: TestDb) {
        let store = db.store().await;
        let (offering, clock) = rested(&store).await;
        let loaded = store.load(offering).await.expect("it can be read");
        let (mut state, row) = (fold(&loaded).expect("it folds"), loaded.snapshot.expect("one"));
        state.begin_batch(Seq(row.seq.0 + 1), row.at + 400);
        state.begin_row();
        db.sql("DELETE FROM snapshots").await;
        let (payload, format) = (state.to_snapshot().into(), FORMAT);
        let kept = Snapshot { payload, format, ..row };
        assert!(store.keep_snapshot(offering, kept).await.expect("it can be written"));
        check_sells(&store, offering, &clock, "as an owner that only refused left it").await;
    }

    async fn where_the_rows_before_are_gone_the_error_says_that_no_snapshot_fits(db: TestDb) {
        let store = db.store().await;
        let (offering, clock) = rested(&store).await;
        db.sql("DELETE FROM journal WHERE seq < 20").await;
        db.sql("UPDATE snapshots SET format = 99").await;
        let Err(LoadError::Damaged { seq, reason }) = store.load(offering).await else {
            panic!("there is nothing to read it from");
        };
        assert_eq!(seq, Seq(20));
        assert!(reason.contains("no snapshot can be used in place of the rows before it"), "{reason}");
        assert!(reason.contains("it has format 99"), "{reason}");
        let offices = open(&store, &clock);
        assert!(offices.view(offering).await.is_err());
        let snapshots = db.count("SELECT count(*) FROM snapshots").await;
        assert_eq!(snapshots, 1, "a version that can read it still can");
        offices.shutdown().await;
    }
}
