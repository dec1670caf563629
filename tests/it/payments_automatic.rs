//! Payments that follow a checkout by themselves: at whichever step a process dies, a reservation is paid once,
//! or refused once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use admitone::clock::Clock;
use admitone::ids::{HoldId, ProductId, ReservationId, UserId};
use admitone::inventory::{Change, Command, LineRequest};
use admitone::payments::gateway::simulator::{Outcome, Script};
use admitone::payments::{CrashPoints, Edge, Method, PaymentError, Side};
use admitone::store::{
    EventChange, OnPaymentFailure, PaymentState, ReservationState, auto_payment_id,
};
use futures_util::future::join_all;

use crate::support::payments::{PRICE, PaymentsFixture, by_simulator};
use crate::support::test_db::eventually;

/// What drives the payment until the process dies.
#[derive(Clone, Copy, Debug)]
enum Driver {
    /// The process that made the checkout.
    Checkout,
    /// The recovery scan.
    Scan,
}

async fn intents(till: &PaymentsFixture) -> i64 {
    till.db.count("SELECT count(*) FROM auto_payments").await
}

/// Notes that a reservation is to be paid by itself; returns its id.
async fn intend(till: &PaymentsFixture, customer: UserId) -> ReservationId {
    let reservation = ReservationId::random();
    let method = till.pay_by.method;
    till.payments.intend(customer, reservation, method).await.expect("it is noted");
    reservation
}

/// Makes the reservation that was intended.
async fn check_out(till: &PaymentsFixture, customer: UserId, reservation: ReservationId) {
    let lines = vec![LineRequest::Quantity { product: ProductId(0), quantity: 1 }];
    let hold = HoldId::random();
    let reserve = Command::Reserve { hold, reservation, customer, lines };
    till.submit(reserve).await.expect("there is a place");
}

/// Returns a reservation that is to be paid by itself, and is not yet.
async fn intended(till: &PaymentsFixture, customer: UserId) -> ReservationId {
    let reservation = intend(till, customer).await;
    check_out(till, customer, reservation).await;
    reservation
}

/// Scans after a minute, when all that was left is due.
async fn scan(till: &PaymentsFixture) -> usize {
    till.clock.advance_ms(60_000);
    till.payments.recover_due().await.expect("can be read")
}

async fn failures(till: &PaymentsFixture) -> usize {
    let changes = till.journal_changes().await;
    changes.iter().filter(|change| matches!(change, Change::PaymentFailed { .. })).count()
}

on_both_databases! {
    async fn an_intent_without_a_checkout_waits_and_is_forgotten(db: TestDb) {
        let till = PaymentsFixture::open(db, 10).await;
        let customer = till.customer(PRICE).await;
        let reservation = intend(&till, customer).await;
        assert_eq!(till.payments.recover_due().await.unwrap(), 0, "the checkout is given time");
        assert_eq!(scan(&till).await, 1);
        assert_eq!(intents(&till).await, 1, "the checkout may be decided late");
        till.clock.advance_ms(10 * 60_000);
        assert_eq!(scan(&till).await, 1);
        assert_eq!(intents(&till).await, 0);
        assert_eq!(till.balance(customer).await, PRICE);
        assert!(till.store.payment_get(auto_payment_id(reservation)).await.unwrap().is_none());
    }

    async fn a_checkout_that_is_decided_late_is_paid_all_the_same(db: TestDb) {
        let till = PaymentsFixture::open(db, 10).await;
        let customer = till.customer(PRICE).await;
        let reservation = intend(&till, customer).await;
        assert_eq!(scan(&till).await, 1);
        check_out(&till, customer, reservation).await;
        assert_eq!(scan(&till).await, 1);
        assert!(till.check_books(customer, reservation, PRICE).await);
        assert_eq!(intents(&till).await, 0);
    }

    async fn an_automatic_payment_killed_at_any_edge_is_made_once(db: TestDb) {
        let mut till = PaymentsFixture::open(db, 100).await;
        kill_everywhere(&mut till, &[Edge::Create, Edge::Begin, Edge::Authorize, Edge::Confirm]).await;
        till.with_simulator();
        kill_everywhere(&mut till, &[Edge::Create, Edge::Begin, Edge::Await, Edge::Start,
            Edge::Authorize, Edge::Confirm, Edge::Capture, Edge::Taken]).await;
    }

    async fn too_small_a_wallet_is_tried_once_and_may_be_paid_by_hand(db: TestDb) {
        let till = PaymentsFixture::open(db, 10).await;
        let customer = till.customer(PRICE - 1).await;
        let reservation = intended(&till, customer).await;
        till.clock.advance_ms(60_000);
        for _ in 0..4 {
            till.payments.pay_soon(customer, reservation, Method::Wallet);
        }
        let scans = join_all((0..4).map(|_| till.payments.recover_due())).await;
        assert!(scans.into_iter().all(|scan| scan.is_ok()));
        let id = auto_payment_id(reservation);
        till.until_state(id, PaymentState::Failed).await;
        till.recover().await;
        // Drivers that overtake each other may each say that it failed.
        assert!(failures(&till).await >= 1);
        assert_eq!(intents(&till).await, 0);
        assert_eq!(till.db.count("SELECT count(*) FROM payments").await, 1, "there is no second try");
        assert_eq!(till.state(reservation).await, ReservationState::PaymentPending);
        till.charge(customer, 1).await;
        till.recover().await;
        assert_eq!(till.state(reservation).await, ReservationState::PaymentPending);
        till.pay(customer, reservation, "k").await.expect("it can be paid by hand");
        assert!(till.check_books(customer, reservation, PRICE).await);
    }

    async fn an_automatic_payment_that_fails_cancels_where_the_event_says_so(db: TestDb) {
        let till = PaymentsFixture::open(db, 10).await;
        let change = EventChange {
            on_payment_failure: Some(OnPaymentFailure::Cancel),
            ..EventChange::default()
        };
        till.store.event_update(till.offering, change, None, 1).await.unwrap();
        let customer = till.customer(PRICE - 1).await;
        let reservation = intended(&till, customer).await;
        assert_eq!(scan(&till).await, 1);
        assert_eq!(till.state(reservation).await, ReservationState::Cancelled);
        assert_eq!(intents(&till).await, 0);
    }

    async fn a_customer_who_pays_by_hand_at_the_same_moment_pays_once(db: TestDb) {
        let till = PaymentsFixture::open(db, 50).await;
        for round in 0..20 {
            let customer = till.customer(2 * PRICE).await;
            let reservation = intended(&till, customer).await;
            till.clock.advance_ms(60_000);
            till.payments.pay_soon(customer, reservation, Method::Wallet);
            let by_hand = till.pay(customer, reservation, "k");
            let (by_hand, scanned) = tokio::join!(by_hand, till.payments.recover_due());
            scanned.expect("can be read");
            assert!(
                matches!(by_hand, Ok(_) | Err(PaymentError::Rejected(_))),
                "round {round}: {by_hand:?}"
            );
            let is_paid = async || till.state(reservation).await == ReservationState::Confirmed;
            eventually("it is paid", is_paid).await;
            eventually("no intent is left", async || intents(&till).await == 0).await;
            till.recover().await;
            assert!(till.check_books(customer, reservation, 2 * PRICE).await);
        }
    }

    async fn what_cannot_be_paid_any_more_is_not_tried_again(db: TestDb) {
        let mut till = PaymentsFixture::open(db, 10).await;
        let customer = till.customer(PRICE).await;
        let cancelled = intended(&till, customer).await;
        till.cancel(customer, cancelled).await.expect("cancels");
        assert_eq!(scan(&till).await, 1);
        assert_eq!((intents(&till).await, till.balance(customer).await), (0, PRICE));

        till.with_simulator();
        let unpaid = intended(&till, customer).await;
        // The next process offers the wallet alone.
        till.paying_by(Method::Wallet);
        till.restart();
        assert_eq!(scan(&till).await, 1);
        assert_eq!(intents(&till).await, 0);
        assert_eq!(till.state(unpaid).await, ReservationState::PaymentPending);
        let refused = till.payments.intend(customer, unpaid, Method::Simulator).await;
        assert!(matches!(refused, Err(PaymentError::MethodUnavailable)), "{refused:?}");
        assert_eq!(intents(&till).await, 0, "nothing is noted then");
    }

    async fn only_failures_that_no_request_waits_for_are_unwatched(db: TestDb) {
        let mut till = PaymentsFixture::open(db, 10).await;
        till.with_simulator();
        let declines = |delay_ms| by_simulator(Script { outcome: Outcome::Decline, delay_ms });
        let customer = till.customer(0).await;
        till.paying_by(declines(None));
        let at_once = till.reserve(customer).await;
        let declined = till.pay(customer, at_once, "a").await;
        assert!(matches!(declined, Err(PaymentError::Declined { .. })), "{declined:?}");
        till.paying_by(declines(Some(1_000)));
        let later = till.reserve(customer).await;
        let begun = till.pay(customer, later, "b").await.expect("it waits");
        till.clock.advance_ms(1_000);
        till.notify().await;
        till.until_state(begun.payment, PaymentState::Failed).await;
        till.recover().await;
        for (reservation, is_unwatched) in [(at_once, false), (later, true)] {
            let rows = till.payments.list_of(reservation).await.unwrap();
            assert_eq!(rows.len(), 1);
            assert_eq!(rows[0].state, PaymentState::Failed);
            assert_eq!(rows[0].is_unwatched, is_unwatched);
        }
    }

    async fn a_notification_that_overtakes_the_answer_leaves_the_payment_watched(db: TestDb) {
        let mut till = PaymentsFixture::open(db, 10).await;
        till.with_simulator();
        let decline = Script { outcome: Outcome::Decline, ..Script::default() };
        till.paying_by(by_simulator(decline));
        let customer = till.customer(0).await;
        // The gateway has decided, and the request has not come further.
        let is_at_its_answer = crash_always(&mut till, Edge::Start, Side::After);
        for by_scan in [false, true] {
            let reservation = till.reserve(customer).await;
            let key = format!("by-scan-{by_scan}");
            let stopped = till.pay(customer, reservation, &key).await;
            assert!(stopped.is_err() && is_at_its_answer.load(Ordering::SeqCst), "{stopped:?}");
            let payment = till.payments.list_of(reservation).await.unwrap()[0].id;
            if by_scan {
                let now = till.clock.now_ms();
                till.store.payment_look_again(payment, "overtaken", now).await.unwrap();
                till.payments.recover_due().await.unwrap();
            } else {
                till.notify().await;
            }
            till.until_state(payment, PaymentState::Failed).await;
            let row = till.store.payment_get(payment).await.unwrap().unwrap();
            assert!(!row.is_unwatched, "by scan: {by_scan}");
        }
    }
}

/// Kills an automatic payment on each side of each edge, and has the next process look.
async fn kill_everywhere(till: &mut PaymentsFixture, edges: &[Edge]) {
    for &edge in edges {
        for side in [Side::Before, Side::After] {
            for driver in [Driver::Checkout, Driver::Scan] {
                println!("{:?}: killed {side:?} {edge:?} by {driver:?}", till.pay_by.method);
                let customer = till.customer(PRICE).await;
                let reservation = intended(till, customer).await;
                let crashed = crash_always(till, edge, side);
                match driver {
                    Driver::Checkout => {
                        till.payments.pay_soon(customer, reservation, till.pay_by.method);
                    }
                    Driver::Scan => {
                        scan(till).await;
                    }
                }
                let has_crashed = async || crashed.load(Ordering::SeqCst);
                eventually("the payment comes by this edge", has_crashed).await;
                till.restart();
                // After that, the payment's own row leads the scan to it.
                assert_eq!(intents(till).await, i64::from(edge == Edge::Create), "{side:?}");
                scan(till).await;
                till.recover().await;
                assert!(till.check_books(customer, reservation, PRICE).await);
                assert_eq!(intents(till).await, 0);
                let rows = till.payments.list_of(reservation).await.unwrap();
                assert_eq!(rows.len(), 1);
                assert_eq!(rows[0].state, PaymentState::Captured);
            }
        }
    }
}

/// Makes this process's payments crash on this side of this edge.
fn crash_always(till: &mut PaymentsFixture, edge: Edge, side: Side) -> Arc<AtomicBool> {
    let crashed = Arc::new(AtomicBool::new(false));
    let mark = Arc::clone(&crashed);
    till.crashing_at(CrashPoints::new(move |_, at, on| {
        let is_here = at == edge && on == side;
        mark.fetch_or(is_here, Ordering::SeqCst);
        is_here
    }));
    crashed
}
