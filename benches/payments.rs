//! Payments by the simulated gateway at a fixed rate, with 10 % declines, 5 % repeated notifications
//! and 5 % successes after the pay window; then the sums: no payment without its end, and none that
//! the gateway's books do not agree with. The simulator keeps its books in the same database, so that
//! what is measured is the saga and two sets of rows.
//!
//! `ADMITONE_BENCH_POSTGRES_URL` names a database that may be filled; without it the embedded default
//! is measured. `ADMITONE_BENCH_RATE` (payments per second, 1,000) and `ADMITONE_BENCH_SECONDS` (20)
//! set the load. The clients run in this process, on the same processors.

#![expect(clippy::disallowed_methods, reason = "benches read the machine's clock")]
#![expect(clippy::print_stdout, reason = "benches talk to people")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use admitone::box_office::{BoxOffices, Settings};
use admitone::clock::{Clock, ManualClock, SystemClock};
use admitone::ids::{HoldId, OfferingId, ProductId, ReservationId, UserId};
use admitone::inventory::{
    Command, Definition, LineRequest, Policy, ProductDefinition, Request, SaleState, SaleWindow,
};
use admitone::payments::gateway::Simulator;
use admitone::payments::gateway::simulator::{Outcome, Script};
use admitone::payments::{Method, PayBy, PaymentError, Payments};
use admitone::store::{EventDetails, NewEvent, Options, Store};
use futures_util::{StreamExt, stream};
use sea_orm::sqlx::{self, Connection};
use tokio::runtime::{Handle, Runtime};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PRICE: i64 = 15_000;
/// Reservations that are made at a time, before the payments begin.
const AT_ONCE: usize = 256;

struct Till {
    offices: Arc<BoxOffices>,
    payments: Payments,
    store: Store,
    clock: Arc<ManualClock>,
    offering: OfferingId,
}

/// What the answers to the requests were.
#[derive(Default)]
struct Answers {
    confirmed: u64,
    pending: u64,
    declined: u64,
    /// Requests that were sent again, because their answer said nothing.
    repeated: u64,
    /// In milliseconds from the time at which the request was due.
    latencies: Vec<f64>,
}

fn main() {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let (rate, seconds) =
        (number("ADMITONE_BENCH_RATE", 1_000), number("ADMITONE_BENCH_SECONDS", 20));
    let dir = tempfile::tempdir().expect("a directory");
    let url = std::env::var("ADMITONE_BENCH_POSTGRES_URL")
        .unwrap_or_else(|_| format!("sqlite://{}", dir.path().join("bench.db").display()));
    Runtime::new().expect("a runtime").block_on(run(&url, rate, rate * seconds));
}

async fn run(url: &str, rate: u64, count: u64) {
    let till = open(url, u32::try_from(count).expect("few enough")).await;
    let clock = Arc::clone(&till.clock);
    // Real time, which can be moved on at the end.
    let ticking = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
            clock.advance_ms(1);
        }
    });
    let orders: Vec<_> =
        stream::iter(0..count).map(|_| reserve(&till)).buffer_unordered(AT_ONCE).collect().await;
    println!("{count} reservations wait; payments begin at {rate} per second");
    let recovery = till.payments.spawn_recovery();
    let began = Instant::now();
    let answers = pay_all(&till, &orders, rate).await;
    let took = began.elapsed();
    ticking.abort();
    report(&answers, took);
    // The late successes come after the pay windows, and the last notifications.
    till.clock.advance_ms(Policy::default().pay_window_ms + Policy::default().payment_grace_ms);
    till.offices.sweep().await;
    let began = Instant::now();
    while till.store.payment_unsettled().await.expect("they can be counted") > 0 {
        till.clock.advance_ms(60_000);
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(began.elapsed() < Duration::from_secs(300), "payments do not come to their end");
    }
    println!(
        "the rest came to its end in {:.1} s of the machine's time",
        began.elapsed().as_secs_f64()
    );
    recovery.stop().await;
    check(url, till.offering).await;
    till.offices.shutdown().await;
}

async fn open(url: &str, places: u32) -> Till {
    let store = Store::connect(&Options::new(url)).await.expect("the database answers");
    store.migrate().await.expect("the schema can be made");
    let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
    let offering = OfferingId::new();
    store.event_create(&event(offering, places), None, clock.now_ms()).await.expect("it is made");
    let settings =
        Settings { max_clock_skew: Duration::from_secs(10 * 365 * 86_400), ..Settings::default() };
    let offices = BoxOffices::start(store.journal(), clock.clone(), settings, Handle::current());
    let simulator = Simulator::new(store.clone(), clock.clone(), [7; 32]);
    let payments = Payments::new(store.clone(), Arc::clone(&offices), clock.clone());
    let payments = payments.with_simulator(simulator);
    Till { offices, payments, store, clock, offering }
}

fn event(id: OfferingId, places: u32) -> NewEvent {
    let product = ProductDefinition {
        price: PRICE,
        capacity: Some(places),
        max_per_customer: None,
        sale: SaleWindow::default(),
    };
    NewEvent {
        id,
        details: EventDetails {
            name: "bench".into(),
            description: String::new(),
            venue: String::new(),
            event_date: 4_000_000_000_000,
        },
        products: vec![("standing".into(), String::new())],
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

async fn reserve(till: &Till) -> (UserId, ReservationId) {
    let (customer, reservation) = (UserId::random(), ReservationId::random());
    let command = Command::Reserve {
        hold: HoldId::random(),
        reservation,
        customer,
        lines: vec![LineRequest::Quantity { product: ProductId(0), quantity: 1 }],
    };
    let request = Request { command, idempotency: None };
    till.offices.submit(till.offering, request).await.expect("there is a place");
    (customer, reservation)
}

/// Pays at a fixed rate: a payment that is slow does not hold up the next ones.
async fn pay_all(till: &Till, orders: &[(UserId, ReservationId)], rate: u64) -> Answers {
    let began = tokio::time::Instant::now();
    let between = Duration::from_secs(1) / u32::try_from(rate).expect("a small rate");
    let mut due = began;
    let mut tasks = Vec::with_capacity(orders.len());
    for (nth, &(customer, reservation)) in orders.iter().enumerate() {
        tokio::time::sleep_until(due).await;
        let (payments, at) = (till.payments.clone(), due);
        tasks.push(tokio::spawn(async move {
            let mut repeats = 0;
            // As clients do: an answer that says nothing is asked for again, with the same key.
            let paid = loop {
                match payments.pay(customer, reservation, pay_by(nth), "bench").await {
                    Err(PaymentError::Store(_) | PaymentError::Unavailable(_)) if repeats < 100 => {
                        repeats += 1;
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                    answer => break answer,
                }
            };
            (paid, repeats, at.elapsed().as_secs_f64() * 1e3)
        }));
        due += between;
    }
    let mut answers = Answers::default();
    for task in tasks {
        let (paid, repeats, latency) = task.await.expect("no payment panics");
        answers.repeated += repeats;
        answers.latencies.push(latency);
        match paid {
            Ok(paid) if paid.pending.is_some() => answers.pending += 1,
            Ok(_) => answers.confirmed += 1,
            Err(PaymentError::Declined { .. }) => answers.declined += 1,
            Err(error) => panic!("a payment has no answer: {error}"),
        }
    }
    answers
}

/// 10 % declines, 5 % repeated notifications, 5 % late; the others succeed at once.
fn pay_by(nth: usize) -> PayBy {
    let outcome = match nth % 20 {
        3 | 13 => Outcome::Decline,
        7 => Outcome::Duplicate,
        11 => Outcome::Late,
        _ => Outcome::Succeed,
    };
    let options = serde_json::to_string(&Script { outcome, delay_ms: None }).expect("plain data");
    PayBy { options: Some(options), ..Method::Simulator.into() }
}

fn report(answers: &Answers, took: Duration) {
    let mut sorted = answers.latencies.clone();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index into a list"
        )]
        let index = ((sorted.len() - 1) as f64 * share) as usize;
        sorted[index]
    };
    #[expect(clippy::cast_precision_loss, reason = "few enough")]
    let per_second = sorted.len() as f64 / took.as_secs_f64();
    println!(
        "{per_second:.0} payments per second: {} confirmed, {} pending, {} declined, \
         {} requests repeated; p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms",
        answers.confirmed,
        answers.pending,
        answers.declined,
        answers.repeated,
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

/// Compares the payments with the gateway's books.
async fn check(url: &str, offering: OfferingId) {
    let is_postgres = url.starts_with("postgres");
    let event = match is_postgres {
        true => format!("'{offering}'"),
        false => format!("X'{}'", offering.0.simple()),
    };
    let joined = format!(
        "FROM payments p LEFT JOIN simulator_charges c ON c.id = p.id WHERE p.offering_id = {event}"
    );
    let agrees = "coalesce((p.state = 'CAPTURED' AND c.state = 'CAPTURED' AND c.refunded = 0
            AND p.amount = c.amount AND p.captured_at IS NOT NULL)
        OR (p.state IN ('FAILED', 'VOIDED') AND (c.id IS NULL OR c.state = 'VOIDED'
            OR (c.state = 'OPEN' AND c.outcome = 'decline')
            OR (c.state = 'CAPTURED' AND c.refunded = c.amount))), false)";
    let count = async |sql: String| -> i64 {
        let sql = sqlx::AssertSqlSafe(sql);
        if is_postgres {
            let mut connection = sqlx::PgConnection::connect(url).await.expect("it answers");
            sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("a query")
        } else {
            let mut connection = sqlx::SqliteConnection::connect(url).await.expect("it answers");
            sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("a query")
        }
    };
    let bad = count(format!("SELECT count(*) {joined} AND NOT {agrees}")).await;
    let captured = count(format!("SELECT count(*) {joined} AND p.state = 'CAPTURED'")).await;
    let confirmed = count(format!(
        "SELECT count(*) FROM reservations WHERE offering_id = {event} AND status = 'CONFIRMED'"
    ))
    .await;
    let taken = count(format!(
        "SELECT CAST(coalesce(sum(c.amount - c.refunded), 0) AS bigint) {joined} AND c.state = 'CAPTURED'"
    ))
    .await;
    println!(
        "{captured} captured, {confirmed} reservations confirmed, {taken} taken at the gateway, \
         {bad} disagree with its books"
    );
    assert_eq!((bad, captured, taken), (0, confirmed, confirmed * PRICE), "the sums are right");
}
