//! Payments by gateways: the simulator with all that it can do, an administrator's word, and gateways
//! that lie.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use admitone::clock::Clock;
use admitone::inventory::{Change, Command, Rejection, TimestampMs};
use admitone::payments::gateway::simulator::{Outcome, Script};
use admitone::payments::gateway::{
    Answered, BadNotification, Charge, ChargeAnswer, ChargeStatus, GatewayError, GivenBack,
    Headers, Notification, PaymentGateway, Refund, Void,
};
use admitone::payments::{CrashPoints, Edge, Method, NotificationError, PaymentError, Side};
use admitone::store::{PaymentState, RefundFilter, RefundState, ReservationState};
use futures_util::FutureExt;

use crate::support::gateways::{Books, check_simulator};
use crate::support::payments::{PRICE, PaymentsFixture, by_simulator, reserved, row};
use crate::support::test_db::eventually;

fn script(outcome: Outcome, delay_ms: Option<u32>) -> Script {
    Script { outcome, delay_ms }
}

async fn open(db: crate::support::test_db::TestDb, places: u32, script: Script) -> PaymentsFixture {
    let mut till = PaymentsFixture::open(db, places).await;
    till.with_simulator();
    till.paying_by(by_simulator(script));
    till
}

on_both_databases! {
    async fn a_success_is_captured_once_and_a_cancellation_gives_it_back(db: TestDb) {
        let till = open(db, 10, Script::default()).await;
        let (customer, reservation) = reserved(&till).await;
        let paid = till.pay(customer, reservation, "k").await.expect("pays");
        assert_eq!(paid.pending, None);
        assert!(till.check_books(customer, reservation, 0).await);
        let found = row(&till, paid.payment).await;
        assert!(found.gateway.captured_at.is_some() && found.next_try_at.is_none(), "{found:?}");
        assert_eq!(check_simulator(&till).await, Books { captured: PRICE, refunded: 0 });
        till.cancel(customer, reservation).await.expect("cancels");
        till.recover().await;
        assert_eq!(till.payment_state(paid.payment).await, PaymentState::Refunded);
        assert_eq!(check_simulator(&till).await, Books { captured: PRICE, refunded: PRICE });
    }

    async fn a_decline_tells_the_reason_and_leaves_the_pay_window_open(db: TestDb) {
        let mut till = open(db, 10, script(Outcome::Decline, None)).await;
        let (customer, reservation) = reserved(&till).await;
        let declined = till.pay(customer, reservation, "k").await;
        assert!(
            matches!(&declined, Err(PaymentError::Declined { reason }) if reason == "card_declined"),
            "{declined:?}"
        );
        assert_eq!(till.state(reservation).await, ReservationState::PaymentPending);
        let all = till.payments.list_of(reservation).await.expect("read");
        assert_eq!(all[0].gateway.decline_reason.as_deref(), Some("card_declined"));
        let failed = Command::FailPayment { reservation, payment: all[0].id };
        assert!(till.submit(failed).await.is_err(), "the box office knows that it has failed");
        till.paying_by(by_simulator(Script::default()));
        till.pay(customer, reservation, "k").await.expect("the key is free for another try");
        assert_eq!(till.unsettled().await, 0);
        assert_eq!(check_simulator(&till).await, Books { captured: PRICE, refunded: 0 });
    }

    async fn a_delayed_success_waits_and_its_notification_confirms(db: TestDb) {
        let till = open(db, 10, script(Outcome::Succeed, Some(5_000))).await;
        let (customer, reservation) = reserved(&till).await;
        let waits = till.pay(customer, reservation, "k").await.expect("it is begun");
        assert!(waits.pending.is_some());
        assert_eq!(till.pay(customer, reservation, "k").await.expect("the same"), waits);
        let other = till.pay(customer, reservation, "other").await;
        assert!(matches!(other, Err(PaymentError::Rejected(Rejection::PaymentInProgress))));
        assert_eq!(till.payment_state(waits.payment).await, PaymentState::Pending);
        let cancelled = till.cancel(customer, reservation).await;
        assert!(cancelled.is_err(), "money may be on its way");
        till.clock.advance_ms(5_000);
        till.notify().await;
        till.until_state(waits.payment, PaymentState::Captured).await;
        assert!(till.check_books(customer, reservation, 0).await);
        till.recover().await;
        assert_eq!(check_simulator(&till).await, Books { captured: PRICE, refunded: 0 });
    }

    async fn without_a_notification_the_scan_finds_the_success(db: TestDb) {
        let till = open(db, 10, script(Outcome::Succeed, Some(5_000))).await;
        let (customer, reservation) = reserved(&till).await;
        till.pay(customer, reservation, "k").await.expect("it is begun");
        till.recover().await;
        assert!(till.check_books(customer, reservation, 0).await);
        assert_eq!(check_simulator(&till).await, Books { captured: PRICE, refunded: 0 });
    }

    async fn repeated_and_reordered_notifications_change_nothing(db: TestDb) {
        let till = open(db, 10, script(Outcome::Duplicate, Some(1_000))).await;
        let (customer, reservation) = reserved(&till).await;
        let waits = till.pay(customer, reservation, "k").await.expect("it is begun");
        // A charge that is being captured is left out, and notified a moment later.
        let sent = "SELECT count(*) FROM simulator_charges WHERE notified = 4";
        eventually("all are sent", async || {
            till.clock.advance_ms(1_000);
            till.notify().await;
            till.db.count(sent).await == 1
        })
        .await;
        till.until_state(waits.payment, PaymentState::Captured).await;
        till.recover().await;
        assert!(till.check_books(customer, reservation, 0).await);
        let ids = "SELECT count(*) FROM gateway_notifications";
        assert_eq!(till.db.count(ids).await, 3, "four were sent, two of them with one id");
        assert_eq!(check_simulator(&till).await, Books { captured: PRICE, refunded: 0 });
    }

    async fn a_charge_whose_answer_is_lost_is_found_again(db: TestDb) {
        let till = open(db, 10, script(Outcome::Timeout, None)).await;
        let (customer, reservation) = reserved(&till).await;
        let waits = till.pay(customer, reservation, "k").await.expect("it is in doubt");
        assert!(waits.pending.is_some());
        till.recover().await;
        assert_eq!(till.payment_state(waits.payment).await, PaymentState::Captured);
        assert!(till.check_books(customer, reservation, 0).await);
        assert_eq!(check_simulator(&till).await, Books { captured: PRICE, refunded: 0 });
    }

    async fn a_late_success_takes_the_place_again_if_it_is_free_and_else_goes_back(db: TestDb) {
        let till = open(db, 1, script(Outcome::Late, None)).await;
        for is_free in [true, false] {
            let (customer, reservation) = reserved(&till).await;
            let waits = till.pay(customer, reservation, "k").await.expect("it is begun");
            till.let_pay_windows_pass().await;
            till.payments.recover_due().await.expect("scans");
            assert_eq!(till.payment_state(waits.payment).await, PaymentState::Pending);
            assert_eq!(till.state(reservation).await, ReservationState::Expired);
            till.clock.advance_ms(12 * 60_000 + 1);
            let other = if is_free { None } else { Some(reserved(&till).await) };
            till.payments.recover_due().await.expect("scans");
            till.recover().await;
            assert_eq!(till.check_books(customer, reservation, 0).await, is_free);
            if is_free {
                till.cancel(customer, reservation).await.expect("cancels");
                till.recover().await;
            }
            if let Some((customer, reservation)) = other {
                till.cancel(customer, reservation).await.expect("cancels");
            }
        }
        assert_eq!(check_simulator(&till).await, Books { captured: PRICE, refunded: PRICE });
        let voided = "SELECT count(*) FROM simulator_charges WHERE state = 'VOIDED'";
        assert_eq!(till.db.count(voided).await, 1);
    }

    async fn a_payment_that_never_comes_is_let_go_after_its_deadline(db: TestDb) {
        let till = open(db, 10, script(Outcome::Succeed, Some(30 * 86_400_000))).await;
        let (customer, reservation) = reserved(&till).await;
        let waits = till.pay(customer, reservation, "k").await.expect("it is begun");
        till.let_pay_windows_pass().await;
        till.clock.advance_ms(20 * 60_000);
        till.recover().await;
        let found = row(&till, waits.payment).await;
        assert_eq!(found.state, PaymentState::Failed);
        assert_eq!(found.gateway.decline_reason.as_deref(), Some("not_paid_in_time"));
        assert!(!till.check_books(customer, reservation, 0).await);
        let voided = "SELECT count(*) FROM simulator_charges WHERE state = 'VOIDED'";
        assert_eq!(till.db.count(voided).await, 1, "nothing can be charged any more");
    }

    async fn only_refunds_of_manual_payments_are_marked_by_administrators(db: TestDb) {
        let till = open(db, 10, Script::default()).await;
        let (customer, reservation) = reserved(&till).await;
        till.pay(customer, reservation, "k").await.expect("pays");
        till.cancel(customer, reservation).await.expect("cancels");
        let due = till.payments.refunds(RefundFilter::default(), 10).await.unwrap();
        let marked = till.payments.mark_refunded(due[0].id).await;
        assert!(matches!(marked, Err(PaymentError::Rejected(Rejection::WrongState { .. }))));
        till.recover().await;
        assert_eq!(check_simulator(&till).await, Books { captured: PRICE, refunded: PRICE });
    }

    async fn a_forged_or_foreign_notification_moves_nothing(db: TestDb) {
        let till = open(db, 10, script(Outcome::Succeed, Some(60_000))).await;
        let (customer, reservation) = reserved(&till).await;
        let waits = till.pay(customer, reservation, "k").await.expect("it is begun");
        let before = row(&till, waits.payment).await;
        let nothing = |_: &str| None;
        let forged = till.payments.receive("simulator", &nothing, b"{}").await;
        assert!(
            matches!(forged, Err(NotificationError::Bad(BadNotification::Signature))),
            "{forged:?}"
        );
        for gateway in ["wallet", "demo", "stripe", "paypal", "../x", ""] {
            let unknown = till.payments.receive(gateway, &nothing, b"{}").await;
            assert!(matches!(unknown, Err(NotificationError::NoSuchGateway)), "{gateway}");
        }
        let after = row(&till, waits.payment).await;
        assert_eq!((after.state, after.next_try_at), (before.state, before.next_try_at));
        assert_eq!(till.db.count("SELECT count(*) FROM gateway_notifications").await, 0);
    }
}

/// What a gateway says instead of the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    /// Another amount is set aside.
    Amount,
    /// Another currency is set aside.
    Currency,
    /// The charge that is authorized is declined, the first time that one asks.
    DeclinedFirst,
    /// No answer comes, and no charge is made, the first two times.
    NoAnswer,
    /// The charge is not let go, at first.
    NoVoid,
    /// The money is not to be taken, at first.
    NoCapture,
    /// The money is not to be given back, at first.
    NoRefund,
}

/// The simulator with a lie.
#[derive(Debug)]
struct Liar {
    inner: admitone::payments::gateway::Simulator,
    lie: Lie,
    asked: AtomicUsize,
}

impl Liar {
    fn lies(&self, lie: Lie) -> bool {
        self.lie == lie && self.asked.fetch_add(1, Ordering::SeqCst) < 2
    }

    fn bend(&self, mut answer: ChargeAnswer) -> ChargeAnswer {
        match self.lie {
            Lie::Amount => answer.amount += 1,
            Lie::Currency => answer.currency = "USD".into(),
            Lie::DeclinedFirst if self.asked.fetch_add(1, Ordering::SeqCst) == 0 => {
                answer.status = ChargeStatus::Declined { reason: "a lie".into() };
            }
            Lie::DeclinedFirst | Lie::NoAnswer | Lie::NoVoid | Lie::NoCapture | Lie::NoRefund => {}
        }
        answer
    }
}

impl PaymentGateway for Liar {
    fn start<'a>(&'a self, charge: &'a Charge) -> Answered<'a, ChargeAnswer> {
        if self.lies(Lie::NoAnswer) {
            return async { Err(GatewayError::InDoubt("it is away".into())) }.boxed();
        }
        async { Ok(self.bend(self.inner.start(charge).await?)) }.boxed()
    }

    fn look<'a>(&'a self, charge: &'a Charge) -> Answered<'a, ChargeAnswer> {
        async { Ok(self.bend(self.inner.look(charge).await?)) }.boxed()
    }

    fn capture<'a>(&'a self, charge: &'a Charge) -> Answered<'a, ()> {
        if self.lies(Lie::NoCapture) {
            return async { Err(GatewayError::Refused("not today".into())) }.boxed();
        }
        self.inner.capture(charge)
    }

    fn void<'a>(&'a self, charge: &'a Charge) -> Answered<'a, Void> {
        if self.lies(Lie::NoVoid) {
            return async { Err(GatewayError::Refused("not today".into())) }.boxed();
        }
        self.inner.void(charge)
    }

    fn refund<'a>(&'a self, refund: &'a Refund) -> Answered<'a, GivenBack> {
        if self.lies(Lie::NoRefund) {
            return async { Err(GatewayError::Refused("not today".into())) }.boxed();
        }
        self.inner.refund(refund)
    }

    fn read_notification(
        &self,
        headers: Headers<'_>,
        body: &[u8],
        now: TimestampMs,
    ) -> Result<Notification, BadNotification> {
        let mut read = self.inner.read_notification(headers, body, now)?;
        if let (Lie::Amount, Some(about)) = (self.lie, &mut read.about) {
            about.money.0 += 1;
        }
        Ok(read)
    }
}

fn lying(till: &mut PaymentsFixture, lie: Lie) {
    let inner = till.simulator();
    let liar = Liar { inner, lie, asked: AtomicUsize::new(0) };
    till.with_gateway(Method::Simulator, Arc::new(liar));
}

on_both_databases! {
    async fn another_amount_or_currency_is_parked_and_not_confirmed(db: TestDb) {
        let mut till = open(db, 10, Script::default()).await;
        for (lie, says) in [(Lie::Amount, "15001 KRW"), (Lie::Currency, "15000 USD")] {
            lying(&mut till, lie);
            let (customer, reservation) = reserved(&till).await;
            let parked = till.pay(customer, reservation, "k").await.expect("it is parked");
            assert!(parked.pending.is_some());
            till.recover().await;
            let found = row(&till, parked.payment).await;
            assert_eq!(found.state, PaymentState::Pending);
            let under_way = till.store.payments_under_way(customer).await.unwrap();
            assert_eq!(under_way, [parked.payment], "the account stays open for it");
            let problem = found.gateway.problem.expect("it is told");
            assert!(problem.contains(says) && problem.contains("15000 KRW"), "{problem}");
            assert!(!till.check_books(customer, reservation, 0).await);
            // An administrator ends it, and the money at the gateway is let go.
            let ended = till.payments.refuse_waiting(parked.payment).await.expect("ends");
            assert_eq!((ended.state, ended.gateway.problem), (PaymentState::Failed, None));
            assert_eq!(till.store.payments_under_way(customer).await.unwrap(), []);
        }
        let voided = "SELECT count(*) FROM simulator_charges WHERE state = 'VOIDED'";
        assert_eq!(till.db.count(voided).await, 2);
    }

    async fn a_notification_of_another_amount_is_parked_with_its_payment(db: TestDb) {
        let mut till = open(db, 10, script(Outcome::Succeed, Some(1_000))).await;
        let (customer, reservation) = reserved(&till).await;
        let waits = till.pay(customer, reservation, "k").await.expect("it is begun");
        lying(&mut till, Lie::Amount);
        till.clock.advance_ms(1_000);
        till.notify().await;
        let found = row(&till, waits.payment).await;
        assert_eq!(found.state, PaymentState::Pending);
        assert!(found.gateway.problem.is_some());
        let parked = till.payments.parked(10).await.expect("read");
        assert_eq!(parked.len(), 1);
        assert_eq!(parked[0].payment, Some(waits.payment));
        assert!(parked[0].body.as_ref().is_some_and(|body| body.contains("charge.settled")));
    }

    async fn a_notification_of_an_unknown_payment_is_parked_and_not_dropped(db: TestDb) {
        let till = open(db, 10, script(Outcome::Succeed, Some(1_000))).await;
        let (customer, reservation) = reserved(&till).await;
        till.pay(customer, reservation, "k").await.expect("it is begun");
        till.db.sql("DELETE FROM payments").await;
        till.clock.advance_ms(1_000);
        till.notify().await;
        let parked = till.payments.parked(10).await.expect("read");
        let reasons: Vec<_> = parked.iter().map(|one| one.parked_reason.as_deref()).collect();
        assert_eq!(reasons, [Some("there is no such payment")]);
    }

    async fn an_administrator_has_the_last_word_on_a_charge_that_is_not_let_go(db: TestDb) {
        let mut till = open(db, 10, script(Outcome::Succeed, Some(60_000))).await;
        lying(&mut till, Lie::NoVoid);
        let (customer, reservation) = reserved(&till).await;
        let waits = till.pay(customer, reservation, "k").await.expect("it is begun");
        till.payments.refuse_waiting(waits.payment).await.expect_err("the gateway refuses");
        let problem = row(&till, waits.payment).await.gateway.problem.expect("it is shown");
        assert!(problem.contains("not today"), "{problem}");
        let ended = till.payments.refuse_waiting(waits.payment).await.expect("asked again");
        assert_eq!(ended.state, PaymentState::Failed);
        assert_eq!(ended.gateway.decline_reason.as_deref(), Some("refused_by_administrator"));
        assert!(!till.check_books(customer, reservation, 0).await);
    }

    async fn a_charge_that_never_began_does_not_begin_after_its_deadline(db: TestDb) {
        let mut till = open(db, 10, Script::default()).await;
        lying(&mut till, Lie::NoAnswer);
        let (customer, reservation) = reserved(&till).await;
        let waits = till.pay(customer, reservation, "k").await.expect("it is begun");
        assert!(waits.pending.is_some());
        let deadline = row(&till, waits.payment).await.gateway.deadline.expect("it has one");
        till.clock.advance_ms(deadline - till.clock.now_ms());
        till.offices.sweep().await;
        till.recover().await;
        let ended = row(&till, waits.payment).await;
        assert_eq!(ended.state, PaymentState::Failed);
        assert_eq!(ended.gateway.decline_reason.as_deref(), Some("not_paid_in_time"));
        assert!(till.store.simulator_charge_get(waits.payment).await.unwrap().is_none());
        assert!(!till.check_books(customer, reservation, 0).await);
    }

    async fn a_success_after_a_decline_goes_back(db: TestDb) {
        let mut till = open(db, 10, script(Outcome::Duplicate, None)).await;
        lying(&mut till, Lie::DeclinedFirst);
        let (customer, reservation) = reserved(&till).await;
        let declined = till.pay(customer, reservation, "k").await;
        assert!(matches!(declined, Err(PaymentError::Declined { .. })), "{declined:?}");
        let payment = till.payments.list_of(reservation).await.expect("read")[0].id;
        assert_eq!(till.payment_state(payment).await, PaymentState::Failed);
        till.notify().await;
        till.until_state(payment, PaymentState::Voided).await;
        till.recover().await;
        assert!(!till.check_books(customer, reservation, 0).await);
        assert_eq!(check_simulator(&till).await, Books { captured: 0, refunded: 0 });
    }

    async fn what_the_gateway_refuses_is_shown_and_repeated_until_it_is_done(db: TestDb) {
        let mut till = open(db, 10, Script::default()).await;
        lying(&mut till, Lie::NoCapture);
        let (customer, reservation) = reserved(&till).await;
        let paid = till.pay(customer, reservation, "k").await.expect("it is confirmed");
        assert!(till.check_books(customer, reservation, 0).await);
        let found = row(&till, paid.payment).await;
        assert!(found.gateway.problem.is_some_and(|text| text.contains("not today")));
        assert!(found.gateway.captured_at.is_none() && found.next_try_at.is_some());
        till.recover().await;
        let found = row(&till, paid.payment).await;
        assert!(found.gateway.problem.is_none() && found.gateway.captured_at.is_some());
        assert_eq!(check_simulator(&till).await, Books { captured: PRICE, refunded: 0 });

        lying(&mut till, Lie::NoRefund);
        till.cancel(customer, reservation).await.expect("cancels");
        till.clock.advance_ms(1_000);
        till.payments.recover_due().await.expect("scans");
        let all = till.payments.refunds(RefundFilter::default(), 10).await.expect("read");
        assert_eq!(all[0].state, RefundState::Refused);
        assert!(all[0].error.as_deref().is_some_and(|text| text.contains("not today")));
        while till.payment_state(paid.payment).await == PaymentState::Captured {
            till.payments.retry_refund(all[0].id).await.expect("it is tried again");
            till.recover().await;
        }
        assert_eq!(till.payment_state(paid.payment).await, PaymentState::Refunded);
        assert_eq!(check_simulator(&till).await, Books { captured: PRICE, refunded: PRICE });
    }

    async fn a_cancellation_while_the_money_is_taken_calls_for_its_refund(db: TestDb) {
        let mut till = open(db, 10, Script::default()).await;
        let (customer, reservation) = reserved(&till).await;
        let (offices, offering) = (Arc::clone(&till.offices), till.offering);
        let runtime = tokio::runtime::Handle::current();
        let crash = move |_, edge, side| {
            if (edge, side) == (Edge::Taken, Side::Before) {
                let by = admitone::inventory::Requester::Customer(customer);
                let command = Command::CancelReservation { reservation, by };
                let request = admitone::inventory::Request { command, idempotency: None };
                let cancel = offices.submit(offering, request);
                let _second = tokio::task::block_in_place(|| runtime.block_on(cancel));
            }
            false
        };
        till.crashing_at(CrashPoints::new(crash));
        let paid = till.pay(customer, reservation, "k").await.expect("pays, and is cancelled");
        till.recover().await;
        assert_eq!(till.payment_state(paid.payment).await, PaymentState::Refunded);
        assert_eq!(check_simulator(&till).await, Books { captured: PRICE, refunded: PRICE });
    }

    async fn a_final_decline_is_in_the_journal_once(db: TestDb) {
        let till = open(db, 10, script(Outcome::Decline, Some(500))).await;
        let (customer, reservation) = reserved(&till).await;
        let waits = till.pay(customer, reservation, "k").await.expect("it is begun");
        till.clock.advance_ms(500);
        till.notify().await;
        till.until_state(waits.payment, PaymentState::Failed).await;
        let rows = till.journal_changes().await;
        let fails = |change: &&Change| {
            matches!(change, Change::PaymentFailed { payment, .. } if *payment == waits.payment)
        };
        assert_eq!(rows.iter().filter(fails).count(), 1);
        assert_eq!(till.state(reservation).await, ReservationState::PaymentPending);
    }
}
