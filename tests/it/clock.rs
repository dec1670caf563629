//! A machine whose wall clock is changed while events are sold, on both databases.

use std::sync::Arc;
use std::time::Duration;

use admitone::box_office::{BoxOffices, Committed, Settings, SubmitError};
use admitone::clock::{BELIEVED_AFTER, Clock, SetClock, SteadyClock, SystemClock};
use admitone::ids::{HoldId, OfferingId, ProductId, UserId};
use admitone::inventory::{Change, Command, LineRequest, Policy, Request};
use admitone::store::Store;
use serde_json::Value;
use tokio::runtime::Handle;

use crate::support::sold_event;
use crate::support::test_app::TestApp;

const SECOND_MS: i64 = 1_000;
const HOUR_MS: i64 = 3_600 * SECOND_MS;

/// An instance that sells one event.
struct Sale {
    offices: Arc<BoxOffices>,
    offering: OfferingId,
}

impl Sale {
    fn open(store: &Store, offering: OfferingId, machine: &Arc<SetClock>) -> Self {
        let clock = Arc::new(SteadyClock::new(machine.clone(), BELIEVED_AFTER));
        let settings = Settings {
            arbiters: 1,
            // The database's clock runs on its own, so the skew check is off.
            max_clock_skew: Duration::from_secs(10 * 365 * 86_400),
            sweep_interval: Duration::from_secs(3_600),
            ..Settings::default()
        };
        let offices = BoxOffices::start(store.journal(), clock, settings, Handle::current());
        Self { offices, offering }
    }

    async fn submit(&self, command: Command) -> Result<Committed, SubmitError> {
        self.offices.submit(self.offering, Request { command, idempotency: None }).await
    }

    /// Places a hold of one seat.
    async fn hold(&self) -> (HoldId, UserId) {
        let lines =
            vec![LineRequest::BestAvailable { product: ProductId(0), quantity: 1, section: None }];
        let (hold, customer) = (HoldId::random(), UserId::random());
        let placed = self.submit(Command::PlaceHold { hold, customer, lines }).await;
        let placed = placed.expect("there is room");
        let Some(Change::HoldPlaced { expires_at, .. }) = placed.transition.changes.first() else {
            panic!("a hold is placed");
        };
        assert_eq!(expires_at - placed.at, Policy::default().hold_ttl_ms);
        (hold, customer)
    }

    /// Returns the number of held seats after all due work is done.
    async fn held(&self) -> u32 {
        let (hold, customer) = (HoldId::random(), UserId::random());
        let nothing = self.submit(Command::ReleaseHold { hold, customer }).await;
        assert!(matches!(nothing, Err(SubmitError::Rejected(_))), "{nothing:?}");
        self.offices.view(self.offering).await.expect("it is shown").products[0].counts.held
    }

    async fn is_live(&self, (hold, customer): (HoldId, UserId)) -> bool {
        self.submit(Command::ExtendHold { hold, customer }).await.is_ok()
    }
}

on_both_databases! {
    async fn a_clock_that_is_wrong_for_a_moment_neither_expires_holds_nor_keeps_them(db: TestDb) {
        let store = db.store().await;
        for step_ms in [HOUR_MS, -HOUR_MS, 24 * HOUR_MS, -24 * HOUR_MS] {
            let offering = sold_event::open(&store, 50).await;
            let machine = Arc::new(SetClock::at(SystemClock::new().now_ms()));
            let sale = Sale::open(&store, offering, &machine);
            let before = sale.hold().await;
            machine.step_ms(step_ms);
            let meanwhile = sale.hold().await;
            machine.pass_ms(3 * SECOND_MS);
            machine.step_ms(-step_ms);
            assert_eq!(sale.held().await, 2, "{step_ms}");
            assert!(sale.is_live(before).await && sale.is_live(meanwhile).await, "{step_ms}");
            machine.pass_ms(Policy::default().hold_ttl_ms - 1);
            assert_eq!(sale.held().await, 2, "{step_ms}");
            machine.pass_ms(1);
            assert_eq!(sale.held().await, 0, "{step_ms}: both are over in time");
            sale.offices.shutdown().await;
        }
    }

    async fn a_clock_that_is_set_right_for_good_stops_no_sale(db: TestDb) {
        let store = db.store().await;
        let offering = sold_event::open(&store, 50).await;
        let now = SystemClock::new().now_ms();
        let machine = Arc::new(SetClock::at(now + HOUR_MS));
        let sale = Sale::open(&store, offering, &machine);
        sale.hold().await;
        machine.step_ms(-HOUR_MS);
        assert_eq!(sale.held().await, 1);
        let ttl_ms = Policy::default().hold_ttl_ms;
        machine.pass_ms(ttl_ms);
        assert_eq!(sale.held().await, 0, "by the monotonic clock");
        machine.pass_ms(600 * SECOND_MS - ttl_ms);
        let late = sale.hold().await;
        machine.pass_ms(2 * ttl_ms - 2);
        assert!(sale.is_live(late).await, "the step is believed: time goes at half its speed");
        let last = sale.hold().await;
        machine.pass_ms(4 * ttl_ms);
        assert_eq!(sale.held().await, 0, "not an hour later");
        assert!(!sale.is_live(last).await);
        sale.offices.shutdown().await;
    }

    async fn a_journal_from_the_future_is_named_and_goes_on(db: TestDb) {
        let store = db.store().await;
        let offering = sold_event::open(&store, 50).await;
        let now = SystemClock::new().now_ms();
        let ahead = Sale::open(&store, offering, &Arc::new(SetClock::at(now + HOUR_MS)));
        ahead.hold().await;
        ahead.offices.shutdown().await;
        let named = store.journals_after(now, 10).await.expect("it can be read");
        assert_eq!(named, [(offering, now + HOUR_MS)]);
        assert_eq!(store.journals_after(now + HOUR_MS, 10).await.expect("it can be read"), []);

        let machine = Arc::new(SetClock::at(now));
        let right = Sale::open(&store, offering, &machine);
        assert_eq!(right.held().await, 1);
        let ttl_ms = Policy::default().hold_ttl_ms;
        machine.pass_ms(2 * ttl_ms - 2);
        assert_eq!(right.held().await, 1);
        machine.pass_ms(2);
        assert_eq!(right.held().await, 0, "ten minutes later, and not an hour");
        machine.pass_ms(2 * HOUR_MS);
        let hold = right.hold().await;
        machine.pass_ms(ttl_ms - 1);
        assert!(right.is_live(hold).await);
        machine.pass_ms(ttl_ms);
        assert_eq!(right.held().await, 0, "the clock has caught up");
        right.offices.shutdown().await;
    }

    async fn a_step_shows_in_the_readiness_and_ends_no_service(db: TestDb) {
        let machine = Arc::new(SetClock::at(SystemClock::new().now_ms()));
        let app = TestApp::with(db).clock(machine.clone()).start().await;
        for (step_ms, word) in [(0, "up"), (HOUR_MS, "stepped"), (-HOUR_MS, "up")] {
            machine.step_ms(step_ms);
            let answer = reqwest::get(app.url("/health/ready")).await.expect("an answer");
            assert_eq!(answer.status(), 200, "{step_ms}");
            let said: Value = answer.json().await.expect("JSON");
            assert_eq!(said["data"]["clock"], word, "{step_ms}: {said}");
        }
    }
}
