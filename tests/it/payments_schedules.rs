//! Random schedules of payments by the simulator: delays, declines, repeated and reordered
//! notifications, late successes, lost calls and answers, crashes at any edge, two drivers, cancelled
//! reservations and events. At the end each payment is confirmed and captured once, or nothing is
//! charged, or all is given back. A failed run prints its seed; `ADMITONE_TEST_SEED=<seed>` repeats its
//! schedule. Where two drivers meet, the threads decide.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use admitone::box_office::BoxOffices;
use admitone::ids::{ReservationId, UserId};
use admitone::inventory::{Command, Requester};
use admitone::payments::gateway::simulator::{Outcome, Script};
use admitone::payments::{CrashPoints, Method, PayBy};
use futures_util::FutureExt;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::support::gateways::{Flaky, check_simulator};
use crate::support::payments::{PaymentsFixture, by_simulator};
use crate::support::test_db::TestDb;

const STEPS: u32 = 30;
const CUSTOMERS: usize = 5;

/// A customer and how they pay.
struct Buyer {
    user: UserId,
    reservation: ReservationId,
    pay_by: PayBy,
    keys: u32,
}

fn script(dice: &mut StdRng) -> Script {
    let outcome = match dice.random_range(0..10) {
        0..4 => Outcome::Succeed,
        4 | 5 => Outcome::Decline,
        6 => Outcome::Late,
        7 => Outcome::Duplicate,
        8 => Outcome::Timeout,
        _ => {
            return Script {
                outcome: Outcome::Late,
                delay_ms: Some(dice.random_range(0..900_000)),
            };
        }
    };
    let delay_ms = dice.random_bool(0.5).then(|| dice.random_range(0..300_000));
    Script { outcome, delay_ms }
}

async fn buyers(till: &PaymentsFixture, dice: &mut StdRng) -> Vec<Buyer> {
    let mut buyers = Vec::new();
    for _ in 0..CUSTOMERS {
        let user = UserId::random();
        let reservation = till.reserve(user).await;
        buyers.push(Buyer { user, reservation, pay_by: by_simulator(script(dice)), keys: 1 });
    }
    buyers
}

/// Starts the process anew, with its share of faults. Keeps the offices of the old one, which go on as
/// a process does that others believe dead.
fn restart(
    (till, old): (&mut PaymentsFixture, &mut Vec<Arc<BoxOffices>>),
    dice: &mut StdRng,
    crashes: f64,
) {
    old.push(Arc::clone(&till.offices));
    till.restart();
    let inner = Arc::new(till.simulator());
    till.with_gateway(Method::Simulator, Arc::new(Flaky::new(inner, dice.random(), 8)));
    let crash_dice = Mutex::new(StdRng::seed_from_u64(dice.random()));
    till.crashing_at(CrashPoints::new(move |_, _, _| {
        crash_dice.lock().expect("no test panics while it has it").random_bool(crashes)
    }));
}

async fn step(
    (till, old): (&mut PaymentsFixture, &mut Vec<Arc<BoxOffices>>),
    buyers: &mut [Buyer],
    dice: &mut StdRng,
) {
    let nth = dice.random_range(0..buyers.len());
    let buyer = &mut buyers[nth];
    match dice.random_range(0..20) {
        0..5 => {
            let key = format!("k{}", dice.random_range(0..buyer.keys));
            let paid = till.payments.pay(buyer.user, buyer.reservation, buyer.pay_by.clone(), &key);
            if dice.random_bool(0.4) {
                let (_paid, _scanned) = tokio::join!(paid, till.payments.recover_due());
            } else {
                let _paid = paid.await;
            }
        }
        5 => {
            // Another try, in another way.
            buyer.keys += 1;
            buyer.pay_by = by_simulator(script(dice));
        }
        6..10 => till.clock.advance_ms(dice.random_range(0..20_000)),
        10 => till.clock.advance_ms(dice.random_range(0..400_000)),
        11..14 => till.notify().await,
        14..17 => {
            let scan = || till.payments.recover_due();
            let _both = tokio::join!(scan(), scan());
        }
        17 => till.offices.sweep().await,
        18 => restart((till, old), dice, 0.02),
        _ => {
            let by = Requester::Admin;
            let cancel = Command::CancelReservation { reservation: buyer.reservation, by };
            if dice.random_bool(0.3) {
                let _refused = till.submit(cancel).await;
            } else if dice.random_bool(0.05) {
                let _refused = till.submit(Command::CancelOffering).await;
            }
        }
    }
}

async fn run(till: &mut PaymentsFixture, seed: u64) {
    let mut dice = StdRng::seed_from_u64(seed);
    till.another_event(u32::try_from(CUSTOMERS).expect("few")).await;
    let mut old = Vec::new();
    restart((till, &mut old), &mut dice, 0.02);
    let mut buyers = buyers(till, &mut dice).await;
    for _ in 0..STEPS {
        step((till, &mut old), &mut buyers, &mut dice).await;
    }
    // The faults end, and everything comes to its end.
    till.restart();
    till.offices.sweep().await;
    till.clock.advance_ms(40 * 60_000);
    till.offices.sweep().await;
    till.notify().await;
    till.recover().await;
    check_simulator(till).await;
    // All connections of this schedule's processes are closed with their last part.
    old.push(Arc::clone(&till.offices));
    for offices in old {
        offices.shutdown().await;
    }
    till.store = till.db.store().await;
    till.restart();
}

async fn run_all(db: TestDb, seeds: impl Iterator<Item = u64>) {
    let mut till = PaymentsFixture::open(db, 1).await;
    till.with_simulator();
    let seeds = match std::env::var("ADMITONE_TEST_SEED") {
        Ok(seed) => vec![seed.parse().expect("a seed is a number")],
        Err(_) => seeds.collect::<Vec<_>>(),
    };
    for seed in seeds {
        let ran = AssertUnwindSafe(run(&mut till, seed)).catch_unwind().await;
        if let Err(panic) = ran {
            println!("the schedule of ADMITONE_TEST_SEED={seed} failed");
            std::panic::resume_unwind(panic);
        }
    }
}

on_both_databases! {
    async fn random_schedules_of_payments_end_whole_or_with_nothing_taken(db: TestDb) {
        // Each schedule on one of the two: what differs between them has tests of its own.
        let seeds = if db.is_postgres() { 0..60 } else { 60..120 };
        run_all(db, seeds).await;
    }
}

/// `ADMITONE_TEST_SCHEDULES` is their number, and `ADMITONE_TEST_FIRST_SEED` the first seed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes long: cargo nextest run --run-ignored only -E 'test(ten_thousand_random)'"]
async fn ten_thousand_random_schedules_end_whole_or_with_nothing_taken() {
    let number = |name: &str, default| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let first: u64 = number("ADMITONE_TEST_FIRST_SEED", 1_000_000);
    let seeds = first..first + number("ADMITONE_TEST_SCHEDULES", 10_000);
    run_all(TestDb::sqlite().await, seeds).await;
}
