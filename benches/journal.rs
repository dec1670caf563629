//! The costs of durability: appends by batch size, on one offering and on many at once, and
//! recovery of a large offering, on SQLite and on Postgres. No durability setting is relaxed: an
//! append counts only once it is on disk.
//!
//! Set `ADMITONE_BENCH_POSTGRES_URL` to a database that may be filled; without it only SQLite is
//! measured.

#![expect(clippy::disallowed_methods, reason = "benches read the machine's clock")]
#![expect(clippy::print_stderr, reason = "benches talk to people")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use admitone::ids::{
    BatchId, Epoch, HoldId, InstanceId, OfferingId, ProductId, SeatId, SectionId, UserId,
};
use admitone::inventory::{
    Command, Decision, Definition, Inventory, LineRequest, Policy, ProductDefinition, Request,
    RowDefinition, SaleState, SaleWindow, SectionDefinition, Transition,
};
use admitone::journal::{Append, FORMAT, Head, Journal, Record, Row, RowFields, Snapshot, fold};
use admitone::store::{EventDetails, NewEvent, Options, Store};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use tokio::runtime::Runtime;

const NOW: i64 = 1_700_000_000_000;
const BATCHES: [u32; 4] = [1, 16, 256, 1_024];

/// A stadium: 100 blocks of 20 rows of 50 seats.
fn definition() -> Definition {
    let row = |index| RowDefinition { name: format!("{index}"), seats: 50 };
    let section = |index| SectionDefinition {
        name: format!("Block {index}"),
        product: ProductId(0),
        rows: (1..=20).map(row).collect(),
    };
    let product = ProductDefinition {
        price: 50_000,
        capacity: None,
        max_per_customer: None,
        sale: SaleWindow::default(),
    };
    Definition {
        currency: *b"KRW",
        products: vec![product],
        sections: (1..=100).map(section).collect(),
        policy: Policy::default(),
        sale: SaleWindow::default(),
        sale_state: SaleState::Open,
    }
}

/// An offering, its owner's state, and the decisions to append.
struct Owner {
    store: Store,
    offering: OfferingId,
    instance: InstanceId,
    head: Head,
    inventory: Inventory,
}

impl Owner {
    async fn of_new_stadium(store: &Store) -> Self {
        let event = NewEvent {
            id: OfferingId::new(),
            details: EventDetails {
                name: "Bench".into(),
                description: String::new(),
                venue: String::new(),
                event_date: NOW,
            },
            products: vec![("Seat".into(), String::new())],
            definition: definition(),
            terms: admitone::store::Terms::default(),
            further: Vec::new(),
            plan: None,
            time_zone: None,
            class: None,
            created_by: UserId::random(),
        };
        store.event_create(&event, None, NOW).await.expect("the event is made");
        let loaded = store.load(event.id).await.expect("its journal can be read");
        let inventory = fold(&loaded).expect("it folds");
        let instance = InstanceId::random();
        let (store, head) = (store.clone(), loaded.head);
        let mut owner = Self { store, offering: event.id, instance, head, inventory };
        owner.append(Epoch(1), Record::Takeover).await;
        owner
    }

    /// Decides holds of one seat each, starting with `first`.
    fn decide(&mut self, first: u32, count: u32) -> Record {
        self.inventory.begin_batch(self.head.seq.next(), NOW);
        let decide = |seat| {
            let lines = vec![LineRequest::Seats(vec![SeatId(seat)])];
            let (hold, customer) = (HoldId::random(), UserId::random());
            let command = Command::PlaceHold { hold, customer, lines };
            match self.inventory.execute(&Request { command, idempotency: None }) {
                Decision::Decided(transition) => Arc::new(transition),
                other => panic!("seat {seat}: {other:?}"),
            }
        };
        let transitions: Vec<Arc<Transition>> = (first..first + count).map(decide).collect();
        Record::Batch(transitions)
    }

    async fn append(&mut self, epoch: Epoch, record: Record) {
        let fields = RowFields {
            offering: self.offering,
            epoch,
            owner: self.instance,
            batch_id: BatchId::random(),
            at: NOW,
        };
        let row = Arc::new(Row::new(&self.head, fields, &record));
        let append = Append {
            previous: self.head,
            row: Arc::clone(&row),
            record: Arc::new(record),
            owner_address: "http://localhost".into(),
            next_due_at: Some(NOW),
        };
        black_box(self.store.append(append).await.expect("it is the only owner"));
        self.head = row.head();
    }
}

/// One append after the other, as for one hot event.
fn appends(criterion: &mut Criterion, runtime: &Runtime, store: &Store, database: &str) {
    let mut group = criterion.benchmark_group(format!("journal_append/{database}"));
    group.measurement_time(Duration::from_secs(5)).sample_size(20);
    let mut owner = runtime.block_on(Owner::of_new_stadium(store));
    for count in BATCHES {
        let record = owner.decide(count, count);
        group.throughput(Throughput::Elements(count.into()));
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter_custom(|iterations| {
                runtime.block_on(async {
                    let started = Instant::now();
                    for _ in 0..iterations {
                        owner.append(Epoch(1), record.clone()).await;
                    }
                    started.elapsed()
                })
            });
        });
    }
    group.finish();
}

/// 64 offerings, one append of 16 holds in flight each.
fn crowd(criterion: &mut Criterion, runtime: &Runtime, store: &Store, database: &str) {
    const OFFERINGS: u32 = 64;
    const HOLDS: u32 = 16;
    let mut group = criterion.benchmark_group(format!("journal_append_64_offerings/{database}"));
    group.measurement_time(Duration::from_secs(5)).sample_size(20);
    group.throughput(Throughput::Elements((OFFERINGS * HOLDS).into()));
    let mut owners = Vec::new();
    for _ in 0..OFFERINGS {
        owners.push(runtime.block_on(Owner::of_new_stadium(store)));
    }
    let record = owners[0].decide(0, HOLDS);
    group.bench_function(BenchmarkId::from_parameter(HOLDS), |bencher| {
        bencher.iter_custom(|iterations| {
            runtime.block_on(async {
                let started = Instant::now();
                for _ in 0..iterations {
                    let all = owners.iter_mut().map(|owner| owner.append(Epoch(1), record.clone()));
                    join_all(all).await;
                }
                started.elapsed()
            })
        });
    });
    group.finish();
}

/// 100,000 seats, 50,000 live holds: recovery from the whole journal, and from a snapshot and a
/// tail.
fn recovery(criterion: &mut Criterion, runtime: &Runtime, store: &Store, database: &str) {
    const HOLDS: u32 = 50_000;
    const IN_A_BATCH: u32 = 500;
    let mut group = criterion.benchmark_group(format!("journal_recovery_50k_holds/{database}"));
    group.measurement_time(Duration::from_secs(5)).sample_size(10);
    let mut owner = runtime.block_on(Owner::of_new_stadium(store));
    let place = |from: u32, to: u32, owner: &mut Owner| {
        for first in (from..to).step_by(IN_A_BATCH as usize) {
            let record = owner.decide(first, IN_A_BATCH);
            runtime.block_on(owner.append(Epoch(1), record));
        }
    };
    let mut recover = |name: &str, offering: OfferingId| {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let loaded = runtime.block_on(store.load(offering)).expect("it can be read");
                let inventory = fold(&loaded).expect("it folds");
                assert_eq!(inventory.counts(ProductId(0)).held, HOLDS);
                black_box(inventory.section(SectionId(0)));
                inventory
            });
        });
    };
    place(0, HOLDS - 5 * IN_A_BATCH, &mut owner);
    let snapshot = Snapshot {
        seq: owner.head.seq,
        epoch: owner.head.epoch,
        at: NOW,
        hash: owner.head.hash,
        format: FORMAT,
        payload: owner.inventory.to_snapshot().into(),
    };
    place(HOLDS - 5 * IN_A_BATCH, HOLDS, &mut owner);
    recover("journal", owner.offering);
    assert!(runtime.block_on(store.keep_snapshot(owner.offering, snapshot)).expect("it is kept"));
    recover("snapshot_and_tail", owner.offering);
    group.finish();
}

fn all(criterion: &mut Criterion, url: &str, database: &str) {
    let runtime = Runtime::new().expect("a runtime");
    let store = runtime.block_on(async {
        let store = Store::connect(&Options::new(url)).await.expect("the database answers");
        store.migrate().await.expect("the schema can be made");
        store
    });
    appends(criterion, &runtime, &store, database);
    crowd(criterion, &runtime, &store, database);
    recovery(criterion, &runtime, &store, database);
}

fn benches(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = format!("sqlite://{}?mode=rwc", dir.path().join("bench.db").display());
    all(criterion, &file, "sqlite");
    match std::env::var("ADMITONE_BENCH_POSTGRES_URL") {
        Ok(url) => all(criterion, &url, "postgres"),
        Err(_) => {
            eprintln!("journal/postgres: skipped, set ADMITONE_BENCH_POSTGRES_URL to measure it");
        }
    }
}

criterion_group!(journal, benches);
criterion_main!(journal);
