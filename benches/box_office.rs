//! Round trips through a box office: mailbox, decision, append to a journal in memory, answer. The
//! time spent in the database is measured by `journal` and `http`.

#![expect(clippy::disallowed_methods, reason = "benches read the machine's clock")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use admitone::box_office::{BoxOffices, Settings};
use admitone::clock::SystemClock;
use admitone::ids::{HoldId, OfferingId, ProductId, UserId};
use admitone::inventory::{
    Command, Definition, LineRequest, Policy, ProductDefinition, Request, SaleState, SaleWindow,
};
use admitone::journal::memory::MemoryJournal;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

fn definition(places: u32) -> Definition {
    let product = ProductDefinition {
        price: 50_000,
        capacity: Some(places),
        max_per_customer: None,
        sale: SaleWindow::default(),
    };
    Definition {
        currency: *b"KRW",
        products: vec![product],
        sections: Vec::new(),
        policy: Policy::default(),
        sale: SaleWindow::default(),
        sale_state: SaleState::Open,
    }
}

fn hold() -> Request {
    let lines = vec![LineRequest::Quantity { product: ProductId(0), quantity: 1 }];
    let command = Command::PlaceHold { hold: HoldId::random(), customer: UserId::random(), lines };
    Request { command, idempotency: None }
}

/// Places a hold and releases it, so that the size of the state stays the same.
async fn round_trips(offices: &BoxOffices, offering: OfferingId, in_flight: usize, count: u64) {
    let mut flying = FuturesUnordered::new();
    let pair = || async {
        let request = hold();
        let Command::PlaceHold { hold, customer, .. } = request.command else {
            unreachable!("it was made as a hold")
        };
        offices.submit(offering, request).await.expect("there is room");
        let command = Command::ReleaseHold { hold, customer };
        let released = offices.submit(offering, Request { command, idempotency: None }).await;
        black_box(released.expect("the hold is there"));
    };
    let mut started = 0;
    while started < count || !flying.is_empty() {
        while started < count && flying.len() < in_flight {
            flying.push(pair());
            started += 2;
        }
        flying.next().await;
    }
}

fn benches(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let mut group = criterion.benchmark_group("box_office");
    group.throughput(Throughput::Elements(1)).measurement_time(Duration::from_secs(5));
    for in_flight in [1_usize, 64, 1_024] {
        let clock = Arc::new(SystemClock::new());
        let journal = Arc::new(MemoryJournal::new(clock.clone()));
        let offering = OfferingId::new();
        journal.create(offering, definition(1_000_000));
        let settings = Settings { arbiters: 1, ..Settings::default() };
        let handle = runtime.handle().clone();
        let offices = BoxOffices::start(journal, clock, settings, handle);
        group.bench_function(format!("round_trip/{in_flight}_in_flight"), |bencher| {
            bencher.iter_custom(|count| {
                let started = Instant::now();
                runtime.block_on(round_trips(&offices, offering, in_flight, count));
                started.elapsed()
            });
        });
        runtime.block_on(offices.shutdown());
    }
    group.finish();
}

criterion_group!(round_trip, benches);
criterion_main!(round_trip);
