//! The costs of the core: holds, best available, expiry, recovery, memory. No journal, no actor.
//! `cargo bench --bench inventory`; a first pass with `-- --quick`.
#![expect(clippy::cast_possible_truncation, clippy::print_stdout, reason = "a bench")]

use std::alloc::System;
use std::hint::black_box;
use std::time::{Duration, Instant};

use admitone::ids::{HoldId, ProductId, SeatId, SectionId, Seq, UserId};
use admitone::inventory::{
    Change, Command, Decision, Definition, Idempotency, Inventory, LineRequest, Policy,
    ProductDefinition, Request, RowDefinition, SaleState, SaleWindow, SectionDefinition,
    Transition,
};
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use uuid::Uuid;

/// Counts allocated bytes, to report the memory of a seat and of a hold.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const START: i64 = 1_700_000_000_000;
const STANDING: ProductId = ProductId(0);
const SEATED: ProductId = ProductId(1);
const ROW: u32 = 40;
const BACKGROUND: u64 = 50_000;

/// An id that is random enough, and the same in each run.
fn id(kind: u64, number: u64) -> Uuid {
    let mut word = (number ^ (kind << 56)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    word = (word ^ (word >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    Uuid::from_u64_pair(word ^ (word >> 29), word.wrapping_mul(0x94D0_49BB_1331_11EB))
}

/// `units` numbered seats in rows of 40, and as many standing places.
fn definition(units: u32) -> Definition {
    let rows_of = 50;
    let sections = units.div_ceil(ROW * rows_of);
    let product = |capacity| ProductDefinition {
        price: 50_000,
        capacity,
        max_per_customer: Some(8),
        sale: SaleWindow::default(),
    };
    let rows = |section: u32| {
        let left = units - section * ROW * rows_of;
        (0..left.div_ceil(ROW).min(rows_of))
            .map(|row| RowDefinition { name: format!("{row}"), seats: ROW })
    };
    Definition {
        currency: *b"KRW",
        products: vec![product(Some(units)), product(None)],
        sections: (0..sections)
            .map(|section| SectionDefinition {
                name: format!("S{section}"),
                product: SEATED,
                rows: rows(section).collect(),
            })
            .collect(),
        policy: Policy { max_per_customer: Some(20), ..Policy::default() },
        sale: SaleWindow::default(),
        sale_state: SaleState::Open,
    }
}

fn offering(units: u32) -> Inventory {
    let mut inventory = Inventory::empty();
    inventory.begin_batch(Seq(1), START);
    let changes = vec![Change::Created { definition: definition(units) }];
    inventory.apply(&Transition { idempotency: None, changes }).expect("the definition is valid");
    inventory
}

fn request(number: u64, line: LineRequest) -> Request {
    let customer = UserId(id(2, number));
    let idempotency = Idempotency {
        key: *id(3, number).as_bytes(),
        fingerprint: *id(4, number).as_bytes(),
        principal: customer,
    };
    let hold = HoldId(id(1, number));
    let command = Command::PlaceHold { hold, customer, lines: vec![line] };
    Request { command, idempotency: Some(idempotency) }
}

fn standing(number: u64) -> Request {
    request(number, LineRequest::Quantity { product: STANDING, quantity: 1 })
}

fn execute(inventory: &mut Inventory, request: &Request) {
    match black_box(inventory.execute(request)) {
        Decision::Decided(_) => {}
        other => panic!("{request:?}: {other:?}"),
    }
}

/// An offering with 50,000 live holds of one standing place each (or fewer, in a small offering),
/// each of another customer and with its own key.
fn busy(units: u32) -> Inventory {
    let mut inventory = offering(units);
    inventory.begin_batch(Seq(2), START);
    for number in 0..BACKGROUND.min(u64::from(units) / 2) {
        execute(&mut inventory, &standing(number));
    }
    inventory
}

/// Times holds in batches of `round` on a running state. Each hold is followed by its release,
/// untimed, so that the number of live holds stays the same.
fn time_holds(
    inventory: &mut Inventory,
    (iterations, round): (u64, u64),
    mut line: impl FnMut(u64) -> LineRequest,
) -> Duration {
    let mut timed = Duration::ZERO;
    let (mut done, mut seq) = (0, 3);
    while done < iterations {
        seq += 1;
        inventory.begin_batch(Seq(seq), START + seq as i64);
        let size = round.min(iterations - done);
        let requests: Vec<Request> =
            (0..size).map(|nth| request((1 << 40) + (seq << 20) + nth, line(nth))).collect();
        #[expect(clippy::disallowed_methods, reason = "a bench measures")]
        let start = Instant::now();
        for request in &requests {
            execute(inventory, request);
        }
        timed += start.elapsed();
        for request in requests {
            let Command::PlaceHold { hold, customer, .. } = request.command else { continue };
            let command = Command::ReleaseHold { hold, customer };
            execute(inventory, &Request { command, idempotency: None });
        }
        done += size;
    }
    timed
}

fn holds(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hold");
    for units in [1_000, 100_000, 1_000_000] {
        let start = busy(units);
        let round = 1_000.min(u64::from(units) / 4);
        group.bench_function(BenchmarkId::new("standing", units), |bencher| {
            bencher.iter_custom(|iterations| {
                let mut inventory = start.clone();
                time_holds(&mut inventory, (iterations.min(200_000), round), |_| {
                    LineRequest::Quantity { product: STANDING, quantity: 1 }
                })
                .mul_f64(iterations as f64 / iterations.min(200_000) as f64)
            });
        });
        group.bench_function(BenchmarkId::new("two_seats", units), |bencher| {
            bencher.iter_custom(|iterations| {
                let mut inventory = start.clone();
                let most = iterations.min(100_000);
                time_holds(&mut inventory, (most, round), |nth| {
                    let first = (nth as u32 * 2 * 7919) % (units / 2) / 2 * 2;
                    // Distinct within a round for every size.
                    let first = if units == 1_000 { nth as u32 % 500 * 2 } else { first };
                    LineRequest::Seats(vec![SeatId(first), SeatId(first + 1)])
                })
                .mul_f64(iterations as f64 / most as f64)
            });
        });
    }
    group.finish();
}

/// The occupancy of the seats when best available searches them.
#[derive(Clone, Copy, Debug)]
enum Occupancy {
    Empty,
    /// The second half of every row is taken.
    Half,
    /// Many single free seats, and none side by side: the worst case for a search.
    Singles,
    /// Only pairs of free seats, so that a party of four must be split.
    Pairs,
    /// Room for eight in the very last row; nothing else is free.
    LastRow,
}

fn occupied(units: u32, occupancy: Occupancy) -> Inventory {
    let mut inventory = offering(units);
    inventory.begin_batch(Seq(2), START);
    let is_free = |seat: u32| match occupancy {
        Occupancy::Empty => true,
        Occupancy::Half => seat % ROW < ROW / 2,
        Occupancy::Singles => seat.is_multiple_of(2),
        Occupancy::Pairs => seat % 8 < 2,
        Occupancy::LastRow => seat >= units - 8,
    };
    let seats: Vec<SeatId> = (0..units).filter(|seat| !is_free(*seat)).map(SeatId).collect();
    for seats in seats.chunks(ROW as usize) {
        let command = Command::BlockSeats { seats: seats.to_vec() };
        execute(&mut inventory, &Request { command, idempotency: None });
    }
    inventory
}

fn best_available(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("best_available");
    for units in [1_000, 100_000, 1_000_000] {
        for occupancy in [
            Occupancy::Empty,
            Occupancy::Half,
            Occupancy::Singles,
            Occupancy::Pairs,
            Occupancy::LastRow,
        ] {
            let mut inventory = occupied(units, occupancy);
            let mut number = 0;
            for party in [1, 4, 8] {
                let name = format!("{units}/{occupancy:?}/{party}");
                group.bench_function(name, |bencher| {
                    bencher.iter_custom(|iterations| {
                        let mut timed = Duration::ZERO;
                        for _ in 0..iterations {
                            number += 1;
                            let line = LineRequest::BestAvailable {
                                product: SEATED,
                                quantity: party,
                                section: None,
                            };
                            let mut request = request(number, line);
                            request.idempotency = None;
                            #[expect(clippy::disallowed_methods, reason = "a bench measures")]
                            let start = Instant::now();
                            execute(&mut inventory, &request);
                            timed += start.elapsed();
                            let Command::PlaceHold { hold, customer, .. } = request.command else {
                                continue;
                            };
                            let command = Command::ReleaseHold { hold, customer };
                            execute(&mut inventory, &Request { command, idempotency: None });
                        }
                        timed
                    });
                });
            }
        }
    }
    group.finish();
}

fn expiry(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("expiry");
    group.sample_size(10);
    for units in [100_000, 1_000_000] {
        let mut full = offering(units);
        full.begin_batch(Seq(2), START);
        for number in 0..10_000 {
            execute(&mut full, &standing(number));
        }
        group.bench_function(BenchmarkId::new("10000_at_once", units), |bencher| {
            bencher.iter_batched(
                || {
                    let mut inventory = full.clone();
                    inventory.begin_batch(Seq(3), START + 6 * 60_000);
                    inventory
                },
                |mut inventory| {
                    while black_box(inventory.run_due()).is_some() {}
                    inventory
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// 100,000 seats with 50,000 live holds of one seat each.
fn stadium() -> Inventory {
    let mut inventory = offering(100_000);
    inventory.begin_batch(Seq(2), START);
    for number in 0..BACKGROUND {
        let seat = SeatId(number as u32 * 2);
        execute(&mut inventory, &request(number, LineRequest::Seats(vec![seat])));
    }
    inventory
}

fn recovery(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recovery");
    group.sample_size(10);
    let inventory = stadium();
    let bytes = inventory.to_snapshot();
    println!("snapshot of 100,000 seats and 50,000 holds: {} bytes", bytes.len());
    group.bench_function("write_snapshot", |bencher| {
        bencher.iter(|| black_box(inventory.to_snapshot()));
    });
    group.bench_function("from_snapshot", |bencher| {
        bencher.iter(|| Inventory::from_snapshot(black_box(&bytes)).expect("it was just written"));
    });
    group.finish();
    black_box(inventory.section(SectionId(0)));
}

/// Live bytes allocated, by the allocator's own count of the sizes requested.
fn memory(_: &mut Criterion) {
    let region = Region::new(ALLOCATOR);
    let live = |region: &Region<System>| {
        let stats = region.change();
        stats.bytes_allocated as f64 - stats.bytes_deallocated as f64
    };
    for units in [100_000, 1_000_000] {
        let before = live(&region);
        let inventory = offering(units);
        let bytes = (live(&region) - before) / f64::from(units);
        println!("memory: {bytes:.1} bytes per idle seat of {units}");
        drop(inventory);
    }
    let mut inventory = offering(100_000);
    inventory.begin_batch(Seq(2), START);
    let before = live(&region);
    for number in 0..BACKGROUND {
        execute(&mut inventory, &standing(number));
    }
    let bytes = (live(&region) - before) / BACKGROUND as f64;
    println!(
        "memory: {bytes:.1} bytes per live hold of standing places, key and customer included"
    );
    let mut inventory = offering(100_000);
    inventory.begin_batch(Seq(2), START);
    let before = live(&region);
    for number in 0..BACKGROUND {
        let seat = SeatId(number as u32 * 2);
        execute(&mut inventory, &request(number, LineRequest::Seats(vec![seat])));
    }
    let bytes = (live(&region) - before) / BACKGROUND as f64;
    println!("memory: {bytes:.1} bytes per live hold of a seat, key and customer included");
}

criterion_group!(benches, memory, holds, best_available, expiry, recovery);
criterion_main!(benches);
