//! Payments by bank transfer or at the till: an administrator says that the money has come, that it
//! will not, and that it is paid back.

use admitone::clock::Clock;
use admitone::ids::{PaymentId, RefundId};
use admitone::inventory::{Command, Rejection};
use admitone::payments::gateway::simulator::{Outcome, Script};
use admitone::payments::{Method, PayBy, PaymentError};
use admitone::store::{PaymentState, RefundFilter, RefundState, ReservationState};

use crate::support::payments::{
    MANUAL_DEADLINE, PRICE, PaymentsFixture, by_simulator, reserved, row,
};
use crate::support::test_db::TestDb;

async fn open(db: TestDb, places: u32) -> PaymentsFixture {
    let mut till = PaymentsFixture::open(db, places).await;
    till.payments = till.payments.clone().with_manual(MANUAL_DEADLINE);
    till.paying_by(Method::Manual);
    till
}

on_both_databases! {
    async fn a_manual_payment_waits_for_the_word_of_an_administrator(db: TestDb) {
        let till = open(db, 10).await;
        let (customer, reservation) = reserved(&till).await;
        let waits = till.pay(customer, reservation, "k").await.expect("it is begun");
        assert!(waits.pending.is_some());
        till.clock.advance_ms(60_000);
        assert_eq!(till.payments.recover_due().await.expect("scans"), 0, "nothing to look for");
        let paid = till.payments.mark_paid(waits.payment).await.expect("it has come");
        assert_eq!(paid.state, PaymentState::Captured);
        assert_eq!(till.payments.mark_paid(waits.payment).await.expect("again").state, paid.state);
        assert!(till.check_books(customer, reservation, 0).await);
        let refused = till.payments.refuse_waiting(waits.payment).await;
        assert!(matches!(refused, Err(PaymentError::Rejected(Rejection::WrongState { .. }))));
        assert_eq!(till.unsettled().await, 0);

        let (customer, reservation) = reserved(&till).await;
        let waits = till.pay(customer, reservation, "k").await.expect("it is begun");
        let refused = till.payments.refuse_waiting(waits.payment).await.expect("it will not");
        assert_eq!(refused.state, PaymentState::Failed);
        assert_eq!(refused.gateway.decline_reason.as_deref(), Some("refused_by_administrator"));
        let again = till.payments.refuse_waiting(waits.payment).await.expect("the same again");
        assert_eq!(again.state, PaymentState::Failed);
        let other = till.pay(customer, reservation, "k2").await.expect("another try may begin");
        // The money comes after all, and the reservation waits for another payment.
        let late = till.payments.mark_paid(waits.payment).await;
        let in_progress = Rejection::PaymentInProgress;
        assert!(matches!(late, Err(PaymentError::Rejected(why)) if why == in_progress));
        till.payments.mark_paid(other.payment).await.expect("that one has come");
        let late = till.payments.mark_paid(waits.payment).await.expect("it has an end");
        assert_eq!(late.state, PaymentState::Voided);
        let problem = row(&till, waits.payment).await.gateway.problem;
        assert!(problem.is_some_and(|text| text.contains("by hand")));
        let under_way = till.store.payments_under_way(customer).await.unwrap();
        assert_eq!(under_way, [waits.payment], "the account stays open for the money");
        let refused = till.payments.refuse_waiting(waits.payment).await.expect("it had ended");
        assert!(refused.gateway.problem.is_some(), "that is not done by refusing it again");
        let seen_to = till.payments.settle_by_hand(waits.payment).await.expect("it is given back");
        assert_eq!((seen_to.state, seen_to.gateway.problem), (PaymentState::Voided, None));
        assert!(till.check_books(customer, reservation, 0).await);
    }

    async fn a_refused_manual_payment_is_taken_all_the_same_while_the_reservation_waits(db: TestDb) {
        let till = open(db, 10).await;
        let (customer, reservation) = reserved(&till).await;
        let waits = till.pay(customer, reservation, "k").await.expect("it is begun");
        till.payments.refuse_waiting(waits.payment).await.expect("the wrong button");
        let (one, two) = tokio::join!(
            till.payments.mark_paid(waits.payment),
            till.payments.mark_paid(waits.payment)
        );
        assert_eq!(one.expect("it has come").state, PaymentState::Captured);
        assert_eq!(two.expect("it has come").state, PaymentState::Captured);
        assert!(till.check_books(customer, reservation, 0).await);
        assert_eq!(row(&till, waits.payment).await.gateway.problem, None);
    }

    async fn money_that_comes_late_takes_places_again_that_are_free(db: TestDb) {
        let till = open(db, 1).await;
        let (customer, reservation) = reserved(&till).await;
        let waits = till.pay(customer, reservation, "k").await.expect("it is begun");
        till.clock.advance_ms(i64::try_from(MANUAL_DEADLINE.as_millis()).unwrap());
        till.offices.sweep().await;
        till.recover().await;
        assert_eq!(till.payment_state(waits.payment).await, PaymentState::Failed);
        assert_eq!(till.state(reservation).await, ReservationState::Expired);
        let late = till.payments.mark_paid(waits.payment).await.expect("it has come");
        assert_eq!(late.state, PaymentState::Captured);
        assert!(till.check_books(customer, reservation, 0).await);
    }

    async fn an_order_is_cancelled_with_the_transfer_that_it_waits_for(db: TestDb) {
        let till = open(db, 10).await;
        let (customer, reservation) = reserved(&till).await;
        assert!(!till.payments.cancel_with_manual(reservation).await.expect("nothing waits"));
        let waits = till.pay(customer, reservation, "k").await.expect("it is begun");
        till.let_pay_windows_pass().await;
        let other = till.payments.pay(customer, reservation, Method::Wallet, "k2").await;
        let in_progress = Rejection::PaymentInProgress;
        assert!(matches!(other, Err(PaymentError::Rejected(why)) if why == in_progress));
        assert_eq!(till.payment_state(waits.payment).await, PaymentState::Pending);
        assert!(till.payments.cancel_with_manual(reservation).await.expect("it is cancelled"));
        assert!(till.payments.was_cancelled_with(reservation).await.expect("it can be read"));
        assert_eq!(till.state(reservation).await, ReservationState::Cancelled);
        let taken_back = row(&till, waits.payment).await;
        assert_eq!(taken_back.state, PaymentState::Failed);
        assert_eq!(taken_back.gateway.decline_reason.as_deref(), Some("order_cancelled"));
        assert!(!till.check_books(customer, reservation, 0).await);
        // The money comes after all.
        let late = till.payments.mark_paid(waits.payment).await.expect("it has an end");
        assert_eq!(late.state, PaymentState::Voided);
        assert!(late.gateway.problem.is_some_and(|text| text.contains("by hand")));
    }

    async fn a_payment_that_waits_ends_with_its_event(db: TestDb) {
        let mut till = open(db, 10).await;
        till.with_simulator();
        let mut waiting = Vec::new();
        let script = Script { outcome: Outcome::Succeed, delay_ms: Some(600_000) };
        for pay_by in [PayBy::from(Method::Manual), by_simulator(script)] {
            till.paying_by(pay_by);
            let (customer, reservation) = reserved(&till).await;
            waiting.push(till.pay(customer, reservation, "k").await.expect("it is begun").payment);
        }
        till.submit(Command::CancelOffering).await.expect("the event is cancelled");
        till.offices.sweep().await;
        till.recover().await;
        for payment in waiting {
            let ended = row(&till, payment).await;
            assert_eq!(ended.state, PaymentState::Failed);
            assert_eq!(ended.gateway.decline_reason.as_deref(), Some("order_cancelled"));
        }
        assert_eq!(till.unsettled().await, 0);
    }

    async fn a_manual_payment_keeps_its_places_until_its_deadline(db: TestDb) {
        let till = open(db, 1).await;
        let (customer, reservation) = reserved(&till).await;
        let waits = till.pay(customer, reservation, "k").await.expect("it is begun");
        let deadline = row(&till, waits.payment).await.gateway.deadline.expect("it has one");
        till.let_pay_windows_pass().await;
        till.clock.advance_ms(deadline - till.clock.now_ms() - 1);
        till.offices.sweep().await;
        assert_eq!(till.state(reservation).await, ReservationState::PaymentPending);
        till.payments.mark_paid(waits.payment).await.expect("it has come");
        assert!(till.check_books(customer, reservation, 0).await);
    }

    async fn the_refund_of_a_manual_payment_waits_for_the_word_of_an_administrator(db: TestDb) {
        let till = open(db, 10).await;
        let (customer, reservation) = reserved(&till).await;
        let waits = till.pay(customer, reservation, "k").await.expect("it is begun");
        till.payments.mark_paid(waits.payment).await.expect("it has come");
        till.cancel(customer, reservation).await.expect("cancels");
        till.clock.advance_ms(60_000);
        till.payments.recover_due().await.expect("scans");
        let refunds = async || till.payments.refunds(RefundFilter::default(), 10).await.unwrap();
        let due = refunds().await;
        assert_eq!(due[0].state, RefundState::AtGateway);
        assert_eq!(till.payment_state(waits.payment).await, PaymentState::Captured);
        let under_way = till.store.payments_under_way(customer).await.unwrap();
        assert_eq!(under_way, [waits.payment], "the account stays open for it");
        for _ in 0..2 {
            let done = till.payments.mark_refunded(due[0].id).await.expect("it is paid").unwrap();
            assert_eq!(done.state, RefundState::Done);
        }
        assert_eq!(till.payment_state(waits.payment).await, PaymentState::Refunded);
        assert_eq!(row(&till, waits.payment).await.refunded, PRICE);
        assert_eq!(till.store.payments_under_way(customer).await.unwrap(), []);
        assert!(till.payments.mark_refunded(RefundId::random()).await.unwrap().is_none());
    }

    async fn a_manual_payment_that_nobody_marks_ends_at_its_deadline(db: TestDb) {
        let till = open(db, 10).await;
        let (customer, reservation) = reserved(&till).await;
        let waits = till.pay(customer, reservation, "k").await.expect("it is begun");
        till.clock.advance_ms(i64::try_from(MANUAL_DEADLINE.as_millis()).unwrap());
        till.offices.sweep().await;
        till.recover().await;
        assert_eq!(till.payment_state(waits.payment).await, PaymentState::Failed);
        let other = till.payments.mark_paid(PaymentId::random()).await;
        assert!(matches!(other, Err(PaymentError::NoSuchPayment)));
    }
}
