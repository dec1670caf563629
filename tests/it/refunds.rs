//! Refunds below the API: several for one payment, each once, never more than was paid; refusals
//! that stay visible; and what a payment that fails does to its reservation.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use admitone::audit::Auditor;
use admitone::clock::Clock;
use admitone::ids::{PaymentId, RefundId, ReservationId, UserId};
use admitone::inventory::{Command, Requester};
use admitone::payments::gateway::{GatewayError, GivenBack, Refund};
use admitone::payments::{CrashPoints, Edge, Method, PaymentError, Side};
use admitone::store::{
    EntryKind, EventChange, OnPaymentFailure, PaymentState, RefundFilter, RefundRow, RefundState,
    ReservationState,
};
use futures_util::{StreamExt, stream};

use crate::support::gateways::{Refunding, check_simulator};
use crate::support::payments::{PRICE, PaymentsFixture};

/// Pays for `places` places; returns the customer, the reservation and the payment.
async fn paid(till: &PaymentsFixture, places: u32) -> (UserId, ReservationId, PaymentId) {
    let customer = till.customer(PRICE * i64::from(places)).await;
    let reservation = till.reserve_places(customer, places).await;
    let paid = till.pay(customer, reservation, "k").await.expect("pays");
    (customer, reservation, paid.payment)
}

async fn cancel(till: &PaymentsFixture, reservation: ReservationId, ticket: u8, refund: i64) {
    let (tickets, refund, by) = (vec![ticket], Some(refund), Requester::Admin);
    till.submit(Command::CancelTickets { reservation, tickets, refund, by })
        .await
        .expect("cancels");
}

async fn refunds(till: &PaymentsFixture, reservation: ReservationId) -> Vec<RefundRow> {
    let filter = RefundFilter { reservation: Some(reservation), ..RefundFilter::default() };
    till.store.refund_list(filter, 100).await.expect("refunds can be read")
}

async fn one_refund(till: &PaymentsFixture, reservation: ReservationId) -> RefundRow {
    let all = refunds(till, reservation).await;
    let [one] = &all[..] else { panic!("{all:?}") };
    one.clone()
}

async fn refunded(till: &PaymentsFixture, payment: PaymentId) -> i64 {
    till.store.payment_get(payment).await.unwrap().unwrap().refunded
}

/// An id as the database writes it in a statement.
fn literal(till: &PaymentsFixture, id: uuid::Uuid) -> String {
    let id = id.simple();
    if till.db.is_postgres() { format!("'{id}'") } else { format!("x'{id}'") }
}

on_both_databases! {
    async fn a_payment_gives_back_in_parts_until_all_is_back(db: TestDb) {
        let till = PaymentsFixture::open(db, 10).await;
        let (customer, reservation, payment) = paid(&till, 3).await;
        cancel(&till, reservation, 1, PRICE).await;
        cancel(&till, reservation, 0, 1).await;
        assert_eq!(till.unsettled().await, 2);
        till.recover().await;
        assert_eq!(till.balance(customer).await, PRICE + 1);
        assert_eq!(refunded(&till, payment).await, PRICE + 1);
        assert_eq!(till.payment_state(payment).await, PaymentState::Captured, "not all is back");
        let again = till.pay(customer, reservation, "k").await.expect("the same again");
        assert_eq!(again.refunded, PRICE + 1);

        cancel(&till, reservation, 2, 2 * PRICE - 1).await;
        assert_eq!(till.state(reservation).await, ReservationState::Cancelled);
        till.recover().await;
        assert_eq!(till.balance(customer).await, 3 * PRICE);
        assert_eq!(till.payment_state(payment).await, PaymentState::Refunded);
        assert_eq!(till.entries(customer, EntryKind::Refund).await, 3);
        let done = refunds(&till, reservation).await;
        assert!(done.iter().all(|one| one.state == RefundState::Done && one.next_try_at.is_none()));
        assert_eq!(till.unsettled().await, 0);
    }

    async fn several_scans_at_once_give_each_refund_back_once(db: TestDb) {
        let till = PaymentsFixture::open(db, 100).await;
        let mut orders = Vec::new();
        for _ in 0..12 {
            let order = paid(&till, 3).await;
            cancel(&till, order.1, 0, PRICE).await;
            cancel(&till, order.1, 2, PRICE / 2).await;
            orders.push(order);
        }
        till.clock.advance_ms(1);
        let scans = (0..4).map(|_| till.payments.recover_due());
        let retries = orders.iter().map(|order| till.pay(order.0, order.1, "k"));
        let (scans, retries) = tokio::join!(
            futures_util::future::join_all(scans),
            futures_util::future::join_all(retries),
        );
        for scan in scans {
            scan.expect("scans");
        }
        for retry in retries {
            retry.expect("answers again");
        }
        till.recover().await;
        for (customer, _, payment) in orders {
            assert_eq!(till.balance(customer).await, PRICE + PRICE / 2);
            assert_eq!(refunded(&till, payment).await, PRICE + PRICE / 2);
            assert_eq!(till.entries(customer, EntryKind::Refund).await, 2);
        }
    }

    async fn a_refund_above_what_was_paid_is_refused_whoever_wrote_it(db: TestDb) {
        let till = PaymentsFixture::open(db, 10).await;
        let (customer, reservation, payment) = paid(&till, 2).await;
        cancel(&till, reservation, 0, PRICE).await;
        till.recover().await;
        let spoiled = one_refund(&till, reservation).await;
        let again = literal(&till, RefundId::random().0);
        till.db.sql(&format!(
            "INSERT INTO refunds (id, payment_id, reservation_id, offering_id, amount, currency,
                reason, state, attempts, next_try_at, created_at, updated_at)
             SELECT {again}, payment_id, reservation_id, offering_id, {PRICE} + 1, currency, reason,
                'DUE', 0, created_at, created_at + 1, updated_at FROM refunds"
        )).await;
        till.recover().await;
        let all = refunds(&till, reservation).await;
        let [second, first] = &all[..] else { panic!("{all:?}") };
        assert_eq!(*first, spoiled);
        assert_eq!(second.state, RefundState::Refused);
        assert_eq!(second.error.as_deref(), Some("it would be more than was paid"));
        assert_eq!(till.balance(customer).await, PRICE);
        assert_eq!(refunded(&till, payment).await, PRICE);
        assert_eq!(till.store.payment_backlog().await.unwrap().refunds_refused, 1);
    }

    async fn a_refused_refund_is_seen_and_tried_again(db: TestDb) {
        let till = PaymentsFixture::open(db, 10).await;
        let (customer, reservation, _) = paid(&till, 2).await;
        // Only a wallet at the end of the range of amounts refuses money.
        till.charge(customer, i64::MAX - PRICE).await;
        cancel(&till, reservation, 1, PRICE).await;
        till.charge(customer, PRICE).await;
        till.recover().await;
        let refused = one_refund(&till, reservation).await;
        assert_eq!(refused.state, RefundState::Refused);
        assert_eq!(refused.error.as_deref(), Some("the wallet would hold more than a wallet may"));
        assert_eq!(till.balance(customer).await, i64::MAX);
        till.recover().await;
        assert_eq!(one_refund(&till, reservation).await, refused, "it waits for a person");

        till.db.sql(&format!("UPDATE wallets SET balance = balance - {PRICE}")).await;
        let retried = till.payments.retry_refund(refused.id).await.unwrap().unwrap();
        assert_eq!((retried.state, retried.attempts), (RefundState::Due, 0));
        let twice = till.payments.retry_refund(refused.id).await;
        assert!(matches!(twice, Err(PaymentError::Rejected(_))), "{twice:?}");
        assert!(till.payments.retry_refund(RefundId::random()).await.unwrap().is_none());
        till.recover().await;
        let done = one_refund(&till, reservation).await;
        assert_eq!((done.state, done.error), (RefundState::Done, None));
        assert_eq!(till.balance(customer).await, i64::MAX);
    }

    async fn a_gateway_is_asked_until_it_answers_and_its_refusal_is_kept(db: TestDb) {
        let mut till = PaymentsFixture::open(db, 10).await;
        till.with_simulator();
        let answers = Arc::new(Mutex::new(vec![
            Ok(GivenBack::Done),
            Err(GatewayError::Refused("the card is closed".into())),
            Err(GatewayError::InDoubt("no answer".into())),
            Ok(GivenBack::Pending),
        ]));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (next, ids) = (Arc::clone(&answers), Arc::clone(&asked));
        let says = move |refund: &Refund| {
            ids.lock().unwrap().push((refund.id, refund.retries, refund.amount));
            next.lock().unwrap().pop().expect("not asked again")
        };
        let gateway = Refunding { inner: till.simulator(), says: Box::new(says) };
        till.with_gateway(Method::Simulator, Arc::new(gateway));
        let (_, reservation, payment) = paid(&till, 2).await;
        cancel(&till, reservation, 1, PRICE).await;
        for _ in 0..2 {
            till.clock.advance_ms(60_000);
            till.payments.recover_due().await.unwrap();
            let waiting = one_refund(&till, reservation).await;
            assert_eq!(waiting.state, RefundState::AtGateway);
            assert!(waiting.next_try_at.is_some(), "it will be asked again");
        }
        till.recover().await;
        let refused = one_refund(&till, reservation).await;
        assert_eq!(refused.state, RefundState::Refused);
        assert_eq!(refused.error.as_deref(), Some("the card is closed"));
        assert_eq!(refunded(&till, payment).await, 0);
        till.payments.retry_refund(refused.id).await.unwrap();
        till.recover().await;
        assert_eq!(one_refund(&till, reservation).await.state, RefundState::Done);
        assert_eq!(refunded(&till, payment).await, PRICE);
        let id = refused.id.0;
        let same = (id, 0, PRICE);
        let again = (id, 1, PRICE);
        assert_eq!(*asked.lock().unwrap(), [same, same, same, again], "a refusal ends its key");
    }

    async fn a_refund_killed_at_any_edge_is_given_back_once(db: TestDb) {
        let mut till = PaymentsFixture::open(db, 100).await;
        till.with_simulator();
        for edge in [Edge::AskRefund, Edge::Refund] {
            for side in [Side::Before, Side::After] {
                println!("killed {side:?} {edge:?}");
                let (_, reservation, payment) = paid(&till, 2).await;
                cancel(&till, reservation, 0, PRICE).await;
                let crashed = Arc::new(AtomicBool::new(false));
                let mark = Arc::clone(&crashed);
                till.crashing_at(CrashPoints::new(move |_, at, on| {
                    (at, on) == (edge, side) && !mark.swap(true, Ordering::SeqCst)
                }));
                till.clock.advance_ms(60_000);
                till.payments.recover_due().await.unwrap();
                assert!(crashed.load(Ordering::SeqCst), "the refund came by this edge");
                till.restart();
                till.recover().await;
                assert_eq!(refunded(&till, payment).await, PRICE);
                assert_eq!(one_refund(&till, reservation).await.state, RefundState::Done);
            }
        }
        assert_eq!(till.unsettled().await, 0);
        check_simulator(&till).await;
    }

    async fn a_payment_that_an_earlier_version_has_marked_is_refunded(db: TestDb) {
        let till = PaymentsFixture::open(db, 10).await;
        let mut orders = Vec::new();
        for _ in 0..2 {
            orders.push(paid(&till, 1).await);
        }
        let at = till.clock.now_ms();
        for (order, part) in orders.iter().zip(["NULL", "7"]) {
            let id = literal(&till, order.2.0);
            till.db.sql(&format!(
                "UPDATE payments SET next_try_at = {at}, refund_amount = {part} WHERE id = {id}"
            )).await;
        }
        till.recover().await;
        for ((customer, reservation, payment), amount) in orders.into_iter().zip([PRICE, 7]) {
            assert_eq!(till.balance(customer).await, amount);
            assert_eq!(refunded(&till, payment).await, amount);
            assert_eq!(one_refund(&till, reservation).await.amount, amount);
        }
    }

    async fn refunds_of_earlier_versions_are_taken_along(db: TestDb) {
        let till = PaymentsFixture::open(db, 10).await;
        let store = &till.store;
        let mut orders = Vec::new();
        for _ in 0..4 {
            orders.push(paid(&till, 1).await);
        }
        let applied = store.schema_status().await.unwrap().applied;
        let step = applied.iter().position(|step| step.ends_with("refunds")).unwrap();
        store.migrate_down(u32::try_from(applied.len() - step).unwrap()).await.unwrap();
        // One to give back in part, one as a whole, and one that is back already, with its entry.
        let [part, whole, back, _] = &orders[..] else { panic!() };
        let set = async |order: &(UserId, ReservationId, PaymentId), values: &str| {
            let id = literal(&till, order.2.0);
            till.db.sql(&format!("UPDATE payments SET {values} WHERE id = {id}")).await;
        };
        set(part, "next_try_at = 5, refund_amount = 7").await;
        set(whole, "next_try_at = 5").await;
        set(back, "state = 'REFUNDED'").await;
        let (payment, user) = (literal(&till, back.2.0), literal(&till, back.0.0));
        till.db.sql(&format!(
            "INSERT INTO wallet_entries (id, user_id, currency, payment_id, kind, amount, created_at)
             VALUES ({payment}, {user}, 'KRW', {payment}, 'refund', {PRICE}, 5)"
        )).await;
        till.db.sql(&format!("UPDATE wallets SET balance = {PRICE} WHERE user_id = {user}")).await;
        store.migrate().await.unwrap();
        assert_eq!(till.unsettled().await, 2);
        let under_way = store.payments_under_way(part.0).await.unwrap();
        assert_eq!(under_way, [part.2], "its owner cannot close the account yet");
        till.recover().await;
        assert_eq!(store.payments_under_way(part.0).await.unwrap(), []);
        for (order, amount) in orders.iter().zip([7, PRICE, PRICE, 0]) {
            assert_eq!(till.balance(order.0).await, amount);
            assert_eq!(refunded(&till, order.2).await, amount);
            let listed: i64 = refunds(&till, order.1).await.iter().map(|one| one.amount).sum();
            assert_eq!(listed, amount);
        }
    }

    async fn a_large_cancelled_event_pays_everybody_back_to_the_last_unit(db: TestDb) {
        const ORDERS: u32 = 2_500;
        let till = PaymentsFixture::open(db, 2 * ORDERS).await;
        let mut customers = Vec::new();
        for _ in 0..50 {
            customers.push(till.customer(i64::from(ORDERS) * 2 * PRICE / 50).await);
        }
        let buy = async |nth: u32| {
            let customer = customers[nth as usize % customers.len()];
            let reservation = till.reserve_places(customer, 2).await;
            till.pay(customer, reservation, &format!("k{nth}")).await.expect("pays");
            // Every tenth order has lost a ticket for half its price, or for more than it.
            if nth.is_multiple_of(10) {
                let refund = if nth.is_multiple_of(20) { PRICE / 2 } else { PRICE + 1 };
                cancel(&till, reservation, 1, refund).await;
            }
        };
        stream::iter(0..ORDERS).for_each_concurrent(64, buy).await;
        assert_eq!(till.db.count("SELECT CAST(sum(balance) AS bigint) FROM wallets").await, 0);
        till.submit(Command::CancelOffering).await.expect("cancels");
        till.offices.sweep().await;
        till.recover().await;
        let count = async |sql: &str| till.db.count(sql).await;
        assert_eq!(count("SELECT count(*) FROM reservations WHERE status = 'CANCELLED'").await, i64::from(ORDERS));
        let open = "SELECT count(*) FROM refunds WHERE state <> 'DONE'";
        assert_eq!(count(open).await, 0);
        // A tenth of the orders has two refunds; every other of these kept half a price.
        assert_eq!(count("SELECT count(*) FROM refunds").await, i64::from(ORDERS + ORDERS / 10));
        let kept = i64::from(ORDERS) / 20 * (PRICE - PRICE / 2);
        let paid = i64::from(ORDERS) * 2 * PRICE;
        let back = "SELECT CAST(sum(amount) AS bigint) FROM refunds";
        assert_eq!(count(back).await, paid - kept);
        let wallets = "SELECT CAST(sum(balance) AS bigint) FROM wallets";
        assert_eq!(count(wallets).await, paid - kept);
        let unequal = "SELECT count(*) FROM payments p WHERE p.refunded <>
            (SELECT sum(r.amount) FROM refunds r WHERE r.payment_id = p.id)";
        assert_eq!(count(unequal).await, 0);
        let reasons = "SELECT count(*) FROM refunds WHERE reason = 'EVENT_CANCELLED' AND requested_by IS NULL";
        assert_eq!(count(reasons).await, i64::from(ORDERS));
        let audit = Auditor::new(till.store.clone()).audit(till.offering).await.unwrap();
        assert_eq!(audit.tally.reservations_cancelled, u64::from(ORDERS));
    }

    async fn a_payment_that_fails_cancels_its_reservation_where_the_event_says_so(db: TestDb) {
        let till = PaymentsFixture::open(db, 10).await;
        let refuse = async |customer, reservation| {
            let refused = till.pay(customer, reservation, &format!("k {reservation}")).await;
            assert!(matches!(refused, Err(PaymentError::InsufficientBalance)), "{refused:?}");
        };
        let customer = till.customer(PRICE - 1).await;
        let open = till.reserve(customer).await;
        refuse(customer, open).await;
        assert_eq!(till.state(open).await, ReservationState::PaymentPending, "the default");
        set_policy(&till, OnPaymentFailure::Cancel).await;
        refuse(customer, open).await;
        assert_eq!(till.state(open).await, ReservationState::Cancelled);
        let late = till.pay(customer, open, &format!("k {open}")).await;
        assert!(matches!(late, Err(PaymentError::Rejected(_))), "{late:?}");
        // A payment that is not refused is not in its way.
        let (rich, paid, _) = paid(&till, 1).await;
        assert!(till.check_books(rich, paid, PRICE).await);
        set_policy(&till, OnPaymentFailure::KeepOpen).await;
        let kept = till.reserve(customer).await;
        refuse(customer, kept).await;
        assert_eq!(till.state(kept).await, ReservationState::PaymentPending);
    }

    async fn a_failure_that_is_killed_halfway_cancels_its_reservation_all_the_same(db: TestDb) {
        let mut till = PaymentsFixture::open(db, 10).await;
        set_policy(&till, OnPaymentFailure::Cancel).await;
        for edge in [Edge::Authorize, Edge::Fail, Edge::Refuse] {
            for side in [Side::Before, Side::After] {
                println!("killed {side:?} {edge:?}");
                let customer = till.customer(PRICE - 1).await;
                let reservation = till.reserve(customer).await;
                let crashes = AtomicU32::new(0);
                till.crashing_at(CrashPoints::new(move |_, at, on| {
                    (at, on) == (edge, side) && crashes.fetch_add(1, Ordering::SeqCst) == 0
                }));
                let _killed = till.pay(customer, reservation, "k").await;
                till.restart();
                till.recover().await;
                assert_eq!(till.state(reservation).await, ReservationState::Cancelled);
                assert!(!till.check_books(customer, reservation, PRICE - 1).await);
            }
        }
    }
}

async fn set_policy(till: &PaymentsFixture, policy: OnPaymentFailure) {
    let on_payment_failure = Some(policy);
    let change = EventChange { on_payment_failure, ..EventChange::default() };
    till.store.event_update(till.offering, change, None, 1).await.unwrap();
}
