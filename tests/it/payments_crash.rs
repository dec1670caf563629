//! A payment killed at every edge between its steps: after any recovery, there is either a
//! confirmed ticket and one debit, or neither.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use admitone::audit::Auditor;
use admitone::ids::{ReservationId, UserId};
use admitone::inventory::{CancellationPolicy, Command, OfferingChange};
use admitone::payments::gateway::simulator::{Outcome, Script};
use admitone::payments::{CrashPoints, Edge, Method, Side};
use admitone::store::EntryKind;
use tokio::runtime::Handle;

use crate::support::gateways::check_simulator;
use crate::support::payments::{MANUAL_DEADLINE, PRICE, PaymentsFixture, by_simulator};
use crate::support::test_db::{TestDb, eventually};

/// A course of a payment, and the edges that it passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The payment succeeds.
    Paid,
    /// The gateway is at work when the payment is asked for again.
    PaidLater,
    /// The gateway declines.
    Declined,
    /// The wallet has too little money.
    Insufficient,
    /// The event is cancelled after the money was set aside.
    CancelledMeanwhile,
    /// The reservation is cancelled after it was paid.
    CancelledAfterwards,
}

const WAYS: [(Way, &[Edge]); 4] = [
    (Way::Paid, &[Edge::Create, Edge::Begin, Edge::Authorize, Edge::Confirm]),
    (Way::Insufficient, &[Edge::Authorize, Edge::Fail, Edge::Refuse]),
    (Way::CancelledMeanwhile, &[Edge::Confirm, Edge::Fail, Edge::Void]),
    (Way::CancelledAfterwards, &[Edge::Refund]),
];

/// The courses of a payment by the simulator.
const WAYS_OF_SIMULATOR: [(Way, &[Edge]); 5] = [
    (
        Way::Paid,
        &[
            Edge::Create,
            Edge::Begin,
            Edge::Await,
            Edge::Start,
            Edge::Authorize,
            Edge::Confirm,
            Edge::Capture,
            Edge::Taken,
        ],
    ),
    (Way::PaidLater, &[Edge::Look, Edge::Authorize, Edge::Confirm, Edge::Capture, Edge::Taken]),
    (Way::Declined, &[Edge::Begin, Edge::Await, Edge::Start, Edge::Fail, Edge::Refuse]),
    (Way::CancelledMeanwhile, &[Edge::Confirm, Edge::Fail, Edge::LetGo, Edge::Void]),
    (Way::CancelledAfterwards, &[Edge::AskRefund, Edge::Refund]),
];

/// The courses of a manual payment that an administrator marks as paid.
const WAYS_OF_MANUAL: [(Way, &[Edge]); 2] = [
    (Way::Paid, &[Edge::Create, Edge::Begin, Edge::Defer, Edge::Await, Edge::Start]),
    (Way::PaidLater, &[Edge::Confirm, Edge::Capture, Edge::Taken]),
];

/// The way in which the payment is resumed after the crash.
#[derive(Clone, Copy, Debug)]
enum Rescue {
    /// The scan of the next process.
    Scan,
    /// The customer, who tries again with the same key.
    Retry,
}

on_both_databases! {
    async fn a_payment_killed_at_any_edge_is_whole_or_nothing(db: TestDb) {
        let mut till = PaymentsFixture::open(db, 1_000).await;
        kill_everywhere(&mut till, &WAYS).await;
        assert_eq!(till.unsettled().await, 0);
    }

    async fn a_manual_payment_killed_at_any_edge_is_whole_or_nothing(db: TestDb) {
        let mut till = PaymentsFixture::open(db, 1_000).await;
        till.payments = till.payments.clone().with_manual(MANUAL_DEADLINE);
        till.paying_by(Method::Manual);
        kill_everywhere(&mut till, &WAYS_OF_MANUAL).await;
        let taken = "SELECT count(*) FROM payments WHERE state = 'CAPTURED' AND captured_at IS NOT NULL";
        assert_eq!(till.db.count(taken).await, till.confirmed().await);
    }

    async fn a_simulated_payment_killed_at_any_edge_is_whole_or_nothing(db: TestDb) {
        let mut till = PaymentsFixture::open(db, 1_000).await;
        till.with_simulator();
        kill_everywhere(&mut till, &WAYS_OF_SIMULATOR).await;
        assert_eq!(till.unsettled().await, 0);
        check_simulator(&till).await;
        assert_eq!(till.db.count("SELECT count(*) FROM wallets WHERE balance <> 15000").await, 0);
        let moved = "SELECT count(*) FROM wallet_entries WHERE kind <> 'charge'";
        assert_eq!(till.db.count(moved).await, 0, "no money moves");
        let refunded = "SELECT count(*) FROM payments WHERE state = 'REFUNDED'";
        // Those of the last way, and those of events that were cancelled.
        assert!(till.db.count(refunded).await >= 12);
    }
}

#[test]
fn every_edge_is_in_a_table_of_ways() {
    let ways = WAYS.iter().chain(&WAYS_OF_SIMULATOR).chain(&WAYS_OF_MANUAL);
    let met: HashSet<Edge> = ways.flat_map(|(_, edges)| edges.iter().copied()).collect();
    assert_eq!(met.len(), Edge::ALL.len());
}

/// Kills a payment on each side of each edge of each way.
async fn kill_everywhere(till: &mut PaymentsFixture, ways: &[(Way, &[Edge])]) {
    for &(way, edges) in ways {
        for &edge in edges {
            for side in [Side::Before, Side::After] {
                for rescue in [Rescue::Scan, Rescue::Retry] {
                    println!("{way:?}: killed {side:?} {edge:?}, then {rescue:?}");
                    kill_and_rescue(till, way, edge, side, rescue).await;
                }
            }
        }
    }
}

/// The refund to a customer who cancels: half the price.
const HALF: i64 = PRICE / 2;

on_both_databases! {
    async fn a_refund_in_part_killed_at_its_edge_comes_back_exactly_once(db: TestDb) {
        let mut till = PaymentsFixture::open(db, 100).await;
        let policy = CancellationPolicy::Until { until: None, refund_percent: 50 };
        let change = OfferingChange { cancellation: Some(policy), ..OfferingChange::default() };
        till.submit(Command::ChangeOffering { change }).await.expect("the terms change");
        for side in [Side::Before, Side::After] {
            for rescue in [Rescue::Scan, Rescue::Retry] {
                let customer = till.customer(PRICE).await;
                let reservation = till.reserve(customer).await;
                till.pay(customer, reservation, "k").await.expect("pays");
                till.cancel(customer, reservation).await.expect("cancels");
                let crashed = crash_once(&mut till, Edge::Refund, side);
                let _killed = till.pay(customer, reservation, "k").await;
                assert!(crashed.load(Ordering::SeqCst), "the refund came by this edge");
                till.restart();
                if let Rescue::Retry = rescue {
                    let _answer = till.pay(customer, reservation, "k").await;
                }
                till.recover().await;
                assert_eq!(till.balance(customer).await, HALF, "{side:?} {rescue:?}");
                assert_eq!(till.entries(customer, EntryKind::Refund).await, 1);
                let entries = till.store.wallet_entries(customer, 10).await.unwrap();
                assert_eq!(entries.iter().map(|entry| entry.amount).sum::<i64>(), HALF);
            }
        }
        assert_eq!(till.unsettled().await, 0);
        let audit = Auditor::new(till.store.clone()).audit(till.offering).await.unwrap();
        assert_eq!(audit.tally.reservations_cancelled, 4);
    }
}

/// Only a commit that waits for it is written to the disk in time.
const LAZY: &[&str] = &["wal_writer_delay=10s"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_was_set_aside_outlives_a_crash_of_the_database() {
    let mut till = PaymentsFixture::open(TestDb::private(LAZY).await, 1).await;
    let customer = till.customer(PRICE).await;
    let reservation = till.reserve(customer).await;
    let (db, runtime) = (Arc::clone(&till.db), Handle::current());
    let found = Arc::new(OnceLock::new());
    let after = Arc::clone(&found);
    till.crashing_at(CrashPoints::new(move |_, edge, side| {
        if (edge, side) == (Edge::Confirm, Side::Before) && after.get().is_none() {
            let crash = async {
                db.crash().await;
                db.count("SELECT count(*) FROM payments WHERE state = 'AUTHORIZED'").await
            };
            let found = tokio::task::block_in_place(|| runtime.block_on(crash));
            after.set(found).expect("once");
        }
        false
    }));
    // The payment continues from answers that the database gave before the crash.
    let answer = till.pay(customer, reservation, "k").await;
    println!("{answer:?}");
    assert_eq!(found.get(), Some(&1), "what was answered is durable");
    // After the connections were cut, the first few uses may fail.
    eventually("the store answers", async || till.store.ping(1).await.is_ok()).await;
    till.recover().await;
    assert!(till.check_books(customer, reservation, PRICE).await);
}

async fn kill_and_rescue(
    till: &mut PaymentsFixture,
    way: Way,
    edge: Edge,
    side: Side,
    rescue: Rescue,
) {
    let balance = match way {
        Way::Insufficient => PRICE - 1,
        Way::Paid
        | Way::PaidLater
        | Way::Declined
        | Way::CancelledMeanwhile
        | Way::CancelledAfterwards => PRICE,
    };
    if till.pay_by.method == Method::Simulator {
        till.paying_by(by_simulator(script_of(way)));
    }
    let customer = till.customer(balance).await;
    let reservation = till.reserve(customer).await;
    lead_up_to(till, way, customer, reservation).await;

    let crashed = crash_once(till, edge, side);
    let is_by_hand = till.pay_by.method == Method::Manual && way == Way::PaidLater;
    if is_by_hand {
        mark_paid(till, reservation).await;
    } else {
        let _killed = till.pay(customer, reservation, "k").await;
    }
    assert!(crashed.load(Ordering::SeqCst), "the payment came by this edge");

    till.restart();
    if let Rescue::Retry = rescue {
        let _answer = till.pay(customer, reservation, "k").await;
        // The scan has only the payments left for which no retry comes.
    }
    if till.pay_by.method == Method::Manual && way == Way::Paid {
        // The administrator's word needs a payment that the gateway was begun with.
        till.clock.advance_ms(60_000);
        till.payments.recover_due().await.expect("scans");
        mark_paid(till, reservation).await;
    }
    till.recover().await;
    let paid = till.check_books(customer, reservation, balance).await;
    match (way, edge, side) {
        (
            Way::Insufficient | Way::Declined | Way::CancelledMeanwhile | Way::CancelledAfterwards,
            ..,
        ) => assert!(!paid),
        // Nothing was recorded, so only the customer knows of the payment.
        (Way::Paid, Edge::Create, Side::Before) => {
            assert_eq!(paid, matches!(rescue, Rescue::Retry));
        }
        (Way::Paid | Way::PaidLater, ..) => assert!(paid),
    }
    if let Way::CancelledMeanwhile = way {
        reopen(till).await;
    }
}

fn script_of(way: Way) -> Script {
    match way {
        Way::Declined => Script { outcome: Outcome::Decline, delay_ms: None },
        Way::PaidLater => Script { outcome: Outcome::Succeed, delay_ms: Some(1_000) },
        Way::Paid | Way::Insufficient | Way::CancelledMeanwhile | Way::CancelledAfterwards => {
            Script::default()
        }
    }
}

/// Says that a manual payment has come; the payment may be killed by that.
async fn mark_paid(till: &PaymentsFixture, reservation: ReservationId) {
    let found = till.payments.list_of(reservation).await.expect("can be read");
    if let Some(row) = found.first() {
        let _killed = till.payments.mark_paid(row.id).await;
    }
}

/// Prepares the state in which the payment, or its last try, begins.
async fn lead_up_to(
    till: &mut PaymentsFixture,
    way: Way,
    customer: UserId,
    reservation: ReservationId,
) {
    match way {
        Way::Paid | Way::Declined | Way::Insufficient => {}
        Way::PaidLater => {
            till.pay(customer, reservation, "k").await.expect("it is begun");
            till.clock.advance_ms(1_000);
        }
        Way::CancelledMeanwhile => {
            let set_aside = crash_once(till, Edge::Confirm, Side::Before);
            let _killed = till.pay(customer, reservation, "k").await;
            assert!(set_aside.load(Ordering::SeqCst));
            till.submit(Command::CancelOffering).await.expect("the event is cancelled");
            till.offices.sweep().await;
        }
        Way::CancelledAfterwards => {
            till.pay(customer, reservation, "k").await.expect("pays");
            till.cancel(customer, reservation).await.expect("cancels");
        }
    }
}

/// Opens another event for the next case, because a cancelled event sells nothing any more.
async fn reopen(till: &mut PaymentsFixture) {
    till.another_event(1_000).await;
}

/// Makes the first payment that passes this edge crash on this side of it.
fn crash_once(till: &mut PaymentsFixture, edge: Edge, side: Side) -> Arc<AtomicBool> {
    let crashed = Arc::new(AtomicBool::new(false));
    let mark = Arc::clone(&crashed);
    till.crashing_at(CrashPoints::new(move |_, at, on| {
        at == edge && on == side && !mark.swap(true, Ordering::SeqCst)
    }));
    crashed
}
