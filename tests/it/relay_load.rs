//! The relay under load, with destinations that fail in the ways that destinations do. Each test has a
//! small version that always runs, and a large one that prints figures. Run the large ones alone:
//! `tests/run --run-ignored only --no-capture -E 'test(/^relay_load::/)'`; `docs/performance.md` has them.

mod mails;
mod rates;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use admitone::clock::{Clock, ManualClock, SystemClock};
use admitone::ids::{HoldId, OfferingId, ProductId, ReservationId, UserId};
use admitone::inventory::{Command, LineRequest, Request, Requester};
use admitone::store::{DeliveryFilter, DeliveryRow, Store};
use futures_util::{StreamExt, stream};

use crate::support::test_app::{TestApp, standing_event};
use crate::support::test_db::TestDb;

/// How long a claim lasts, as the relay has it.
const LEASE_MS: i64 = 120_000;
/// The longest that a run waits for what must come.
const DEADLINE: Duration = Duration::from_secs(900);
/// Writes of a preparation under way at a time.
const AT_ONCE: usize = 32;

fn name_of(db: &TestDb) -> &'static str {
    if db.is_postgres() { "Postgres" } else { "SQLite" }
}

fn per_second(count: usize, took: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let count = count as f64;
    count / took.as_secs_f64()
}

/// Polls until a condition holds.
async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let holds = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    };
    assert!(tokio::time::timeout(DEADLINE, holds).await.is_ok(), "timed out: {what}");
}

/// Moves a clock that stands still as far as the relay has nothing to do at its time; never while
/// claims are held, so that none ends early. Returns true once no delivery waits.
async fn pass_time(db: &TestDb, clock: &ManualClock) -> bool {
    let claimed = format!("state = 'WAITING' AND next_try_at - updated_at = {LEASE_MS}");
    let now = clock.now_ms();
    // One statement, since a delivery that is claimed meanwhile must not be missed by two.
    let to_do = format!(
        "SELECT (SELECT count(*) FROM deliveries WHERE ({claimed})
                     OR (state = 'WAITING' AND next_try_at <= {now}))
              + (SELECT count(*) FROM notices WHERE processed_at IS NULL)
              + (SELECT count(*) FROM outbox_messages WHERE processed_at IS NULL)"
    );
    if db.count(&to_do).await > 0 {
        // A destination that is away rests.
        let claims = format!("SELECT count(*) FROM deliveries WHERE {claimed}");
        if db.count(&claims).await == 0 {
            clock.advance_ms(1_000);
        }
        return false;
    }
    let next = "SELECT coalesce(min(next_try_at), 0) FROM deliveries WHERE state = 'WAITING'";
    match db.count(next).await {
        0 => true,
        next => {
            clock.advance_ms(next - now);
            false
        }
    }
}

/// Returns all deliveries to a destination.
async fn deliveries(store: &Store, destination: &str) -> Vec<DeliveryRow> {
    let filter = DeliveryFilter { state: None, destination: Some(destination.into()) };
    let mut all: Vec<DeliveryRow> = Vec::new();
    loop {
        let after = all.last().map(|row| (row.created_at, row.id));
        let page = store.delivery_list(&filter, after, 1_000).await.unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

/// Creates an event with enough places for everything here.
async fn event(app: &TestApp) -> OfferingId {
    let made = app.create_event(standing_event(100_000)).await;
    made["id"].as_str().unwrap().parse().unwrap()
}

/// Makes so many messages of an event: places are reserved and given back.
async fn make_messages(app: &TestApp, offering: OfferingId, count: usize) {
    let offices = Arc::clone(&app.state().offices);
    let submit = async |command: Command| {
        offices.submit(offering, Request { command, idempotency: None }).await.expect("is done");
    };
    stream::iter(0..count / 2)
        .for_each_concurrent(AT_ONCE, async |_| {
            let (customer, reservation) = (UserId::random(), ReservationId::random());
            let lines = vec![LineRequest::Quantity { product: ProductId(0), quantity: 1 }];
            submit(Command::Reserve { hold: HoldId::random(), reservation, customer, lines }).await;
            let by = Requester::Customer(customer);
            submit(Command::CancelReservation { reservation, by }).await;
        })
        .await;
}

/// Measures how long something takes.
async fn timed(what: impl Future<Output = ()>) -> Duration {
    let began = SystemClock::new();
    what.await;
    began.monotonic()
}
