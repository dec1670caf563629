//! The fixture of the tests of payments: one event, its box office, the payments service, a clock
//! that stands still until it is moved, and the check that the books balance afterwards.

use std::sync::Arc;
use std::time::Duration;

use admitone::box_office::{BoxOffices, Committed, Settings, SubmitError};
use admitone::clock::{Clock, ManualClock, SystemClock};
use admitone::ids::{HoldId, OfferingId, PaymentId, ProductId, ReservationId, UserId};
use admitone::inventory::{
    Change, Command, Definition, LineRequest, Policy, ProductDefinition, Request, Requester,
    SaleState, SaleWindow,
};
use admitone::journal::{Head, Record};
use admitone::payments::gateway::simulator::Script;
use admitone::payments::gateway::{PaymentGateway, Simulator};
use admitone::payments::{
    CrashPoints, Method, Pace, PayBy, PaymentError, PaymentOutcome, Payments,
};
use admitone::store::{
    Answered, Balance, EntryKind, EventDetails, Key, NewEvent, PaymentRow, PaymentState,
    ReservationState, Store, TicketState,
};
use tokio::runtime::Handle;

use crate::support::test_db::{TestDb, eventually};

pub const PRICE: i64 = 15_000;
pub const CURRENCY: &str = "KRW";

/// An event on sale and the services to pay for it.
pub struct PaymentsFixture {
    pub db: Arc<TestDb>,
    pub store: Store,
    pub offices: Arc<BoxOffices>,
    pub clock: Arc<ManualClock>,
    pub payments: Payments,
    pub offering: OfferingId,
    /// How its customers pay.
    pub pay_by: PayBy,
}

/// The secret of the simulator's notifications.
pub const SIMULATOR_SECRET: [u8; 32] = [7; 32];
pub const MANUAL_DEADLINE: Duration = Duration::from_secs(3 * 86_400);

/// Returns a payment by the simulator.
pub fn by_simulator(script: Script) -> PayBy {
    let options = serde_json::to_string(&script).expect("plain data");
    PayBy { options: Some(options), ..Method::Simulator.into() }
}

/// Returns a time in ms beyond any pay window, also that of a payment in progress.
pub fn beyond_the_pay_window_ms() -> i64 {
    let policy = Policy::default();
    policy.pay_window_ms + policy.payment_grace_ms + 1
}

impl PaymentsFixture {
    /// Sells `places` places at [`PRICE`] each.
    pub async fn open(db: TestDb, places: u32) -> Self {
        let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
        let store = db.store().await;
        let offering = OfferingId::new();
        let event = new_event(offering, places);
        store.event_create(&event, None, clock.now_ms()).await.expect("the event is made");
        let offices = start_offices(&store, &clock);
        let payments = Payments::new(store.clone(), Arc::clone(&offices), clock.clone());
        let pay_by = Method::Wallet.into();
        Self { db: Arc::new(db), store, offices, clock, payments, offering, pay_by }
    }

    /// Lets customers pay by the simulator from now on.
    pub fn with_simulator(&mut self) {
        self.pay_by = by_simulator(Script::default());
        self.payments = self.payments.clone().with_simulator(self.simulator());
    }

    /// Lets customers pay by another method from now on, or with other options.
    pub fn paying_by(&mut self, pay_by: impl Into<PayBy>) {
        self.pay_by = pay_by.into();
    }

    pub fn simulator(&self) -> Simulator {
        Simulator::new(self.store.clone(), self.clock.clone(), SIMULATOR_SECRET)
    }

    /// Puts another gateway in the place of one.
    pub fn with_gateway(&mut self, method: Method, gateway: Arc<dyn PaymentGateway>) {
        self.payments = self.payments.clone().with_gateway(method, gateway);
    }

    /// Replaces the process on the same database: the dead one's memory is gone.
    pub fn restart(&mut self) {
        self.offices = start_offices(&self.store, &self.clock);
        self.payments =
            Payments::new(self.store.clone(), Arc::clone(&self.offices), self.clock.clone());
        match self.pay_by.method {
            Method::Wallet | Method::Demo | Method::Stripe => {}
            Method::Simulator => {
                self.payments = self.payments.clone().with_simulator(self.simulator());
            }
            Method::Manual => {
                self.payments = self.payments.clone().with_manual(MANUAL_DEADLINE);
            }
        }
    }

    /// Sells another event from now on.
    pub async fn another_event(&mut self, places: u32) {
        self.offering = OfferingId::new();
        let event = new_event(self.offering, places);
        self.store.event_create(&event, None, self.clock.now_ms()).await.expect("it is made");
    }

    pub fn crashing_at(&mut self, points: CrashPoints) {
        self.payments = self.payments.clone().with_crash_points(points);
    }

    pub fn with_pace(&mut self, pace: Pace) {
        self.payments = self.payments.clone().with_pace(pace);
    }

    pub async fn submit(&self, command: Command) -> Result<Committed, SubmitError> {
        self.offices.submit(self.offering, Request { command, idempotency: None }).await
    }

    /// Returns a new customer with `balance` in the wallet.
    pub async fn customer(&self, balance: i64) -> UserId {
        let user = UserId::random();
        if balance > 0 {
            self.charge(user, balance).await;
        }
        user
    }

    pub async fn charge(&self, user: UserId, amount: i64) {
        let key = Key {
            principal: user,
            operation: "test.charge",
            key_hash: rand::random(),
            fingerprint: [0; 16],
        };
        let charge = Balance { currency: CURRENCY.into(), amount };
        let charged = self.store.wallet_charge(user, &charge, &key, self.clock.now_ms()).await;
        assert!(matches!(charged, Ok(Answered::Now(_))), "{charged:?}");
    }

    /// Reserves one place, unpaid.
    pub async fn reserve(&self, customer: UserId) -> ReservationId {
        self.reserve_places(customer, 1).await
    }

    /// Reserves places, unpaid.
    pub async fn reserve_places(&self, customer: UserId, quantity: u32) -> ReservationId {
        let reservation = ReservationId::random();
        self.submit(Command::Reserve {
            hold: HoldId::random(),
            reservation,
            customer,
            lines: vec![LineRequest::Quantity { product: ProductId(0), quantity }],
        })
        .await
        .expect("there is a place");
        reservation
    }

    pub async fn pay(
        &self,
        user: UserId,
        reservation: ReservationId,
        key: &str,
    ) -> Result<PaymentOutcome, PaymentError> {
        self.payments.pay(user, reservation, self.pay_by.clone(), key).await
    }

    pub async fn cancel(
        &self,
        customer: UserId,
        reservation: ReservationId,
    ) -> Result<Committed, SubmitError> {
        let by = Requester::Customer(customer);
        self.submit(Command::CancelReservation { reservation, by }).await
    }

    /// Moves the clock beyond every pay window and its grace, and does the work that is due.
    pub async fn let_pay_windows_pass(&self) {
        self.clock.advance_ms(beyond_the_pay_window_ms());
        self.offices.sweep().await;
    }

    /// Runs the recovery scan until it has nothing left to do. The first tries may meet a box office
    /// that is being opened, so that their number says nothing.
    pub async fn recover(&self) {
        let began = tokio::time::Instant::now();
        while began.elapsed() < Duration::from_secs(30) {
            // Far longer than the longest pause between two tries of a payment.
            self.clock.advance_ms(60_000);
            if self.payments.recover_due().await.expect("payments can be read") == 0
                && self.unsettled().await == 0
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let open =
            "SELECT state || ' ' || coalesce(problem, '') || ' tries ' || attempts FROM payments
            WHERE next_try_at IS NOT NULL
            UNION ALL SELECT 'refund ' || r.state || ' of ' || p.state || ' taken ' ||
                coalesce(p.captured_at, 0) || ' tries ' || r.attempts
            FROM refunds r JOIN payments p ON p.id = r.payment_id WHERE r.next_try_at IS NOT NULL";
        panic!("the recovery scan finds no end: {:?}", self.db.texts(open).await);
    }

    /// Sends the notifications of the simulator that are due.
    pub async fn notify(&self) {
        self.payments.send_simulated().await;
    }

    /// Waits until a payment has this state: notifications are heeded in the background.
    pub async fn until_state(&self, id: PaymentId, state: PaymentState) {
        let what = format!("the payment becomes {}", state.as_str());
        eventually(&what, async || self.payment_state(id).await == state).await;
    }

    /// Returns all changes of the event's journal.
    pub async fn journal_changes(&self) -> Vec<Change> {
        let rows = self.store.journal_rows(self.offering, Head::EMPTY, 10_000).await;
        let batches = rows.expect("the journal can be read").into_iter().map(|(_, record)| record);
        let transitions = batches.flat_map(|record| match record {
            Record::Batch(transitions) => transitions,
            Record::Takeover => Vec::new(),
        });
        transitions.flat_map(|transition| transition.changes.clone()).collect()
    }

    /// Returns the number of confirmed reservations, of all events.
    pub async fn confirmed(&self) -> i64 {
        self.db.count("SELECT count(*) FROM reservations WHERE status = 'CONFIRMED'").await
    }

    pub async fn unsettled(&self) -> u64 {
        self.store.payment_unsettled().await.expect("payments can be counted")
    }

    pub async fn state(&self, reservation: ReservationId) -> ReservationState {
        let row = self.store.reservation_get(reservation).await.expect("rows can be read");
        row.expect("the reservation is there").state
    }

    pub async fn balance(&self, user: UserId) -> i64 {
        let balances = self.store.wallet_get(user).await.expect("wallets can be read");
        balances.iter().find(|balance| balance.currency == CURRENCY).map_or(0, |found| found.amount)
    }

    pub async fn payment_state(&self, id: PaymentId) -> PaymentState {
        let row = self.store.payment_get(id).await.expect("payments can be read");
        row.expect("the payment is there").state
    }

    /// Returns the number of entries of a kind in the wallet of `user`.
    pub async fn entries(&self, user: UserId, kind: EntryKind) -> usize {
        let entries = self.store.wallet_entries(user, 1_000).await.expect("entries can be read");
        entries.iter().filter(|entry| entry.kind == kind).count()
    }

    /// Checks for a confirmed reservation with a valid ticket and one debit (by a gateway, no
    /// debit), or neither; a wallet that is the sum of its entries; an inventory that agrees.
    /// Returns true if it is paid.
    pub async fn check_books(
        &self,
        user: UserId,
        reservation: ReservationId,
        charged: i64,
    ) -> bool {
        let entries = self.store.wallet_entries(user, 1_000).await.expect("entries can be read");
        let balance = self.balance(user).await;
        assert_eq!(balance, entries.iter().map(|entry| entry.amount).sum::<i64>(), "{entries:?}");
        assert!(balance >= 0);
        let taken = charged - balance;
        let state = self.state(reservation).await;
        let tickets = self.store.ticket_list(user, None, 100).await.expect("tickets can be read");
        let valid = tickets
            .iter()
            .filter(|ticket| ticket.reservation == reservation)
            .filter(|ticket| ticket.state == TicketState::Valid)
            .count();
        let paid = state == ReservationState::Confirmed;
        let is_debited = self.pay_by.method == Method::Wallet && paid;
        assert_eq!(taken, if is_debited { PRICE } else { 0 }, "{state:?} {entries:?}");
        assert_eq!(valid, usize::from(paid), "{state:?} {tickets:?}");
        let debits = entries.iter().filter(|entry| entry.kind == EntryKind::Authorize).count();
        let returns = entries.iter().filter(|entry| entry.amount > 0).count()
            - entries.iter().filter(|entry| entry.kind == EntryKind::Charge).count();
        assert_eq!(debits, returns + usize::from(is_debited), "{entries:?}");
        paid
    }
}

/// Returns a new customer without money, and a place that waits to be paid.
pub async fn reserved(till: &PaymentsFixture) -> (UserId, ReservationId) {
    let customer = till.customer(0).await;
    (customer, till.reserve(customer).await)
}

/// Returns a payment as the database has it.
pub async fn row(till: &PaymentsFixture, id: PaymentId) -> PaymentRow {
    till.store.payment_get(id).await.expect("it can be read").expect("it is there")
}

fn start_offices(store: &Store, clock: &Arc<ManualClock>) -> Arc<BoxOffices> {
    let settings = Settings {
        arbiters: 1,
        // The test sets this clock, but not the database's.
        max_clock_skew: Duration::from_secs(10 * 365 * 86_400),
        sweep_interval: Duration::from_secs(3_600),
        ..Settings::default()
    };
    BoxOffices::start(store.journal(), clock.clone(), settings, Handle::current())
}

fn new_event(id: OfferingId, places: u32) -> NewEvent {
    let product = ProductDefinition {
        price: PRICE,
        capacity: Some(places),
        max_per_customer: None,
        sale: SaleWindow::default(),
    };
    NewEvent {
        id,
        details: EventDetails {
            name: "A night at the opera".into(),
            description: String::new(),
            venue: "The old theatre".into(),
            event_date: 4_000_000_000_000,
        },
        products: vec![("Standing".into(), String::new())],
        definition: Definition {
            currency: *b"KRW",
            products: vec![product],
            sections: Vec::new(),
            policy: Policy::default(),
            sale: SaleWindow::default(),
            sale_state: SaleState::Open,
        },
        terms: admitone::store::Terms::default(),
        further: Vec::new(),
        plan: None,
        time_zone: None,
        class: None,
        created_by: UserId::random(),
    }
}
