//! The database stopped under load, and a panic planted in one event's core.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use admitone::box_office::{BoxOffices, Settings, SubmitError, Unavailable};
use admitone::clock::SystemClock;
use admitone::ids::{HoldId, OfferingId, ProductId, UserId};
use admitone::inventory::{Command, LineRequest, Request};
use admitone::store::{Options, Store};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::support::customers::{Shop, rng, seed};
use crate::support::private_postgres::PrivatePostgres;
use crate::support::process::Server;
use crate::support::sold_event;
use crate::support::test_db::eventually;

const SEATS: u32 = 1_000;
const CUSTOMERS: u64 = 32;

/// A theatre on sale, on a Postgres of its own.
struct Sale {
    postgres: PrivatePostgres,
    store: Store,
    event: OfferingId,
    server: Server,
    shop: Arc<Shop>,
    customers: Vec<JoinHandle<()>>,
}

impl Sale {
    async fn open(postgres: PrivatePostgres) -> Self {
        let seed = seed();
        let mut options = Options::new(postgres.url());
        options.pool_size = 4;
        let store = Store::connect(&options).await.expect("it answers");
        store.migrate().await.expect("the schema can be made");
        let event = sold_event::open(&store, SEATS).await;
        let server = Server::start(&postgres.url()).await;
        let shop = Arc::new(Shop::new(&server.base, event, SEATS));
        let customers = (0..CUSTOMERS).map(|index| {
            let (shop, mint) = (Arc::clone(&shop), server.mint());
            tokio::spawn(async move {
                shop.visit_until_closed(rng(seed, index), &mint).await;
            })
        });
        let customers = customers.collect();
        Self { postgres, store, event, server, shop, customers }
    }

    async fn until_people_buy(&self) {
        let before = self.shop.history.told().len();
        eventually("people buy", async || self.shop.history.told().len() > before + 50).await;
    }

    /// Closes the shop and compares all acknowledged answers with the journal.
    async fn close_and_check(mut self) {
        self.until_people_buy().await;
        self.shop.closing.store(true, Ordering::Relaxed);
        for customer in self.customers {
            customer.await.expect("every customer got certain answers");
        }
        // All connections of the pool were cut: the first few uses may fail.
        eventually("the store answers", async || self.store.ping(1).await.is_ok()).await;
        sold_event::until_settled(&self.store).await;
        let is_running = self.server.is_running();
        assert!(is_running && self.server.stop().await, "it stops in an orderly way");
        let facts = self.shop.history.check(&self.store, self.event).await;
        sold_event::check_money(&self.store, &self.shop, &facts).await;
        println!(
            "{} journal rows, {} holds, {} answers 503, {} requests without an answer",
            facts.rows,
            facts.holds.len(),
            self.shop.unavailable.load(Ordering::Relaxed),
            self.shop.lost.load(Ordering::Relaxed)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_and_comes_costs_time_and_nothing_else() {
    let mut sale = Sale::open(PrivatePostgres::start()).await;
    for _ in 0..2 {
        sale.until_people_buy().await;
        sale.postgres.stop();
        sale.server.until_unready().await;
        let refused = sale.shop.unavailable.load(Ordering::Relaxed);
        eventually("people are told to come back later", async || {
            sale.shop.unavailable.load(Ordering::Relaxed) > refused + CUSTOMERS
        })
        .await;
        assert!(sale.server.is_running(), "no restart");
        sale.postgres.up();
        sale.server.until_ready().await;
    }
    sale.close_and_check().await;
}

/// The disk is slow, so that there is always work that is done but not yet durable, and the server
/// is back so soon that a payment in progress continues from the answers given before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_crashes_forgets_nothing_that_was_built_upon() {
    const SLOW: &[&str] = &["commit_delay=20000", "commit_siblings=0"];
    let sale = Sale::open(PrivatePostgres::start_with(SLOW)).await;
    for _ in 0..8 {
        sale.until_people_buy().await;
        sale.postgres.crash().await;
    }
    sale.close_and_check().await;
}

on_both_databases! {
    async fn a_panic_in_one_events_core_is_that_events_alone(db: TestDb) {
        let store = db.store().await;
        let (haunted, quiet) =
            (sold_event::open(&store, SEATS).await, sold_event::open(&store, SEATS).await);
        let unlucky = UserId::random();
        let panics = Arc::new(AtomicU64::new(0));
        let offices = offices_that_panic(&store, haunted, unlucky, &panics);

        let stop = Arc::new(AtomicBool::new(false));
        let load: Vec<_> = [haunted, quiet]
            .into_iter()
            .flat_map(|event| (0..8).map(move |_| event))
            .map(|event| {
                let (offices, stop) = (Arc::clone(&offices), Arc::clone(&stop));
                tokio::spawn(async move { hold_and_release(&offices, event, &stop).await })
            })
            .collect();
        for _ in 0..5 {
            let struck = hold(&offices, haunted, unlucky).await;
            assert!(
                matches!(struck, Err(SubmitError::Unavailable(Unavailable::Failed))),
                "{struck:?}"
            );
            // The office recovers at once: the next command is decided.
            hold(&offices, haunted, UserId::random()).await.expect("recovered");
        }
        stop.store(true, Ordering::Relaxed);
        let mut failures = Vec::new();
        for worker in load {
            failures.push(worker.await.expect("no worker panics"));
        }
        assert_eq!(panics.load(Ordering::Relaxed), 5);
        let (of_haunted, of_quiet) = failures.split_at(8);
        assert!(of_quiet.iter().all(Vec::is_empty), "the other never notices: {of_quiet:?}");
        assert!(of_haunted.iter().all(Vec::is_empty), "only the culprit fails: {of_haunted:?}");
        offices.shutdown().await;
    }
}

/// Returns offices that run both events on one thread and panic for one customer of one event.
fn offices_that_panic(
    store: &Store,
    haunted: OfferingId,
    unlucky: UserId,
    panics: &Arc<AtomicU64>,
) -> Arc<BoxOffices> {
    let panics = Arc::clone(panics);
    let before_decide = move |offering: OfferingId, request: &Request| {
        if let Command::PlaceHold { customer, .. } = &request.command
            && (offering, *customer) == (haunted, unlucky)
        {
            panics.fetch_add(1, Ordering::Relaxed);
            panic!("planted");
        }
    };
    let settings = Settings {
        arbiters: 1,
        before_decide: Some(Arc::new(before_decide)),
        max_clock_skew: Duration::from_secs(60),
        ..Settings::default()
    };
    let clock = Arc::new(SystemClock::new());
    BoxOffices::start(store.journal(), clock, settings, Handle::current())
}

async fn hold(
    offices: &BoxOffices,
    event: OfferingId,
    customer: UserId,
) -> Result<HoldId, SubmitError> {
    let hold = HoldId::random();
    let lines =
        vec![LineRequest::BestAvailable { product: ProductId(0), quantity: 1, section: None }];
    let command = Command::PlaceHold { hold, customer, lines };
    offices.submit(event, Request { command, idempotency: None }).await.map(|_| hold)
}

/// Returns the failures, as text.
async fn hold_and_release(
    offices: &BoxOffices,
    event: OfferingId,
    stop: &AtomicBool,
) -> Vec<String> {
    let mut failures = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let customer = UserId::random();
        let released = async {
            let hold = hold(offices, event, customer).await?;
            let command = Command::ReleaseHold { hold, customer };
            offices.submit(event, Request { command, idempotency: None }).await
        };
        if let Err(error) = released.await {
            failures.push(error.to_string());
        }
    }
    failures
}
