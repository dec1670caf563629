//! Payments against everything that can happen to them at the same time: other payments, the end of
//! the pay window, cancelling.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use admitone::box_office::{SubmitError, Unavailable};
use admitone::ids::PaymentId;
use admitone::inventory::{Command, Rejection};
use admitone::payments::{CrashPoints, Edge, Method, Pace, PaymentError, Side};
use admitone::store::{EntryKind, PaymentState, ReservationState, StoreError};

use crate::support::payments::{PRICE, PaymentsFixture, beyond_the_pay_window_ms};

/// Enough to reach many interleavings, few enough to be quick.
const ROUNDS: usize = 12;

fn stop_before(edge: Edge) -> CrashPoints {
    CrashPoints::new(move |_, at, side| at == edge && side == Side::Before)
}

on_both_databases! {
    async fn a_paid_reservation_has_a_ticket_and_one_debit(db: TestDb) {
        let till = PaymentsFixture::open(db, 10).await;
        let customer = till.customer(PRICE).await;
        let reservation = till.reserve(customer).await;
        let paid = till.pay(customer, reservation, "k").await.expect("pays");
        assert_eq!((paid.amount, paid.currency.as_str(), paid.refunded), (PRICE, "KRW", 0));
        assert_eq!(till.pay(customer, reservation, "k").await.expect("the same again"), paid);
        assert!(till.check_books(customer, reservation, PRICE).await);
        assert_eq!(till.payment_state(paid.payment).await, PaymentState::Captured);
        assert_eq!(till.unsettled().await, 0);
    }

    async fn what_cannot_be_paid_is_refused_and_costs_nothing(db: TestDb) {
        let till = PaymentsFixture::open(db, 10).await;
        let (customer, stranger) = (till.customer(PRICE - 1).await, till.customer(PRICE).await);
        let (first, second) = (till.reserve(customer).await, till.reserve(customer).await);

        let foreign = till.pay(stranger, first, "k").await;
        assert!(matches!(foreign, Err(PaymentError::Rejected(Rejection::ReservationNotFound))));
        let poor = till.pay(customer, first, "k").await;
        assert!(matches!(poor, Err(PaymentError::InsufficientBalance)), "{poor:?}");
        let other = till.pay(customer, second, "k").await;
        assert!(matches!(other, Err(PaymentError::Rejected(Rejection::KeyReused))), "{other:?}");
        assert!(!till.check_books(customer, first, PRICE - 1).await);

        // A refusal is not remembered: with enough money the same key pays.
        till.charge(customer, 1).await;
        till.pay(customer, first, "k").await.expect("pays");
        assert!(till.check_books(customer, first, PRICE).await);
        let again = till.pay(customer, first, "another").await;
        assert!(matches!(again, Err(PaymentError::Rejected(Rejection::WrongState { .. }))));
        assert!(till.check_books(customer, first, PRICE).await);
        assert_eq!(till.unsettled().await, 0);
    }

    async fn a_simulated_payment_needs_no_money_and_moves_none(db: TestDb) {
        let mut till = PaymentsFixture::open(db, 10).await;
        let customer = till.customer(0).await;
        let (first, second) = (till.reserve(customer).await, till.reserve(customer).await);
        till.paying_by(Method::Simulator);
        let off = till.pay(customer, first, "k").await;
        assert!(matches!(off, Err(PaymentError::MethodUnavailable)), "{off:?}");

        // A payment by the wallet that was refused leaves its key to another method.
        till.paying_by(Method::Wallet);
        let poor = till.pay(customer, first, "k").await;
        assert!(matches!(poor, Err(PaymentError::InsufficientBalance)), "{poor:?}");
        till.with_simulator();
        let paid = till.pay(customer, first, "k").await.expect("pays");
        assert_eq!((paid.amount, paid.method, paid.refunded), (PRICE, Method::Simulator, 0));
        assert_eq!(till.pay(customer, first, "k").await.expect("the same again"), paid);
        assert!(till.check_books(customer, first, 0).await);

        till.charge(customer, PRICE).await;
        till.paying_by(Method::Wallet);
        let other = till.pay(customer, first, "k").await;
        assert!(matches!(other, Err(PaymentError::Rejected(Rejection::KeyReused))), "{other:?}");
        assert_eq!(till.balance(customer).await, PRICE);
        till.pay(customer, second, "w").await.expect("pays");
        till.paying_by(Method::Simulator);
        till.cancel(customer, first).await.expect("cancels");
        till.recover().await;
        assert_eq!(till.payment_state(paid.payment).await, PaymentState::Refunded);
        assert_eq!(till.balance(customer).await, 0, "a refund of it goes into no wallet");
        assert_eq!(till.entries(customer, EntryKind::Refund).await, 0);
    }

    async fn many_payments_of_both_methods_at_once_are_each_paid_once(db: TestDb) {
        let mut till = PaymentsFixture::open(db, 100).await;
        till.with_simulator();
        let customer = till.customer(10 * PRICE).await;
        let mut reservations = Vec::new();
        for _ in 0..20 {
            reservations.push(till.reserve(customer).await);
        }
        let pay = |nth: usize, reservation| {
            let (payments, key) = (till.payments.clone(), format!("k{nth}"));
            let method = if nth.is_multiple_of(2) { Method::Wallet } else { Method::Simulator };
            async move { payments.pay(customer, reservation, method, &key).await }
        };
        let paying = reservations.iter().enumerate().map(|(nth, id)| pay(nth, *id));
        for paid in futures_util::future::join_all(paying).await {
            paid.expect("pays");
        }
        assert_eq!(till.balance(customer).await, 0);
        assert_eq!(till.entries(customer, EntryKind::Authorize).await, 10);
        assert_eq!(till.db.count("SELECT count(*) FROM payments WHERE state = 'CAPTURED'").await, 20);
        assert_eq!(till.unsettled().await, 0);
    }

    async fn a_key_that_was_refused_too_often_is_used_up(db: TestDb) {
        let till = PaymentsFixture::open(db, 10).await;
        let customer = till.customer(0).await;
        let reservation = till.reserve(customer).await;
        for _ in 0..16 {
            let poor = till.pay(customer, reservation, "k").await;
            assert!(matches!(poor, Err(PaymentError::InsufficientBalance)), "{poor:?}");
        }
        let used_up = till.pay(customer, reservation, "k").await;
        assert!(matches!(used_up, Err(PaymentError::KeyExhausted)), "{used_up:?}");
        till.charge(customer, PRICE).await;
        till.pay(customer, reservation, "fresh").await.expect("another key pays");
    }

    async fn paid_twice_at_once_with_two_keys_costs_once(db: TestDb) {
        let till = PaymentsFixture::open(db, 100).await;
        for _ in 0..ROUNDS {
            let customer = till.customer(2 * PRICE).await;
            let reservation = till.reserve(customer).await;
            let both = tokio::join!(
                till.pay(customer, reservation, "one"),
                till.pay(customer, reservation, "two"),
            );
            let refused = match both {
                (Ok(_), Err(error)) | (Err(error), Ok(_)) => error,
                other => panic!("one pays and the other does not: {other:?}"),
            };
            assert!(
                matches!(
                    refused,
                    PaymentError::Rejected(
                        Rejection::PaymentInProgress | Rejection::WrongState { .. }
                    )
                ),
                "{refused:?}"
            );
            assert!(till.check_books(customer, reservation, 2 * PRICE).await);
        }
        assert_eq!(till.unsettled().await, 0);
    }

    async fn one_key_for_two_reservations_at_once_pays_one_and_refuses_the_other(db: TestDb) {
        let till = PaymentsFixture::open(db, 100).await;
        for _ in 0..ROUNDS {
            let customer = till.customer(2 * PRICE).await;
            let (first, second) = (till.reserve(customer).await, till.reserve(customer).await);
            let both =
                tokio::join!(till.pay(customer, first, "one"), till.pay(customer, second, "one"));
            let (paid, refused) = match both {
                (Ok(_), Err(error)) => (first, error),
                (Err(error), Ok(_)) => (second, error),
                other => panic!("one is paid and the other is refused: {other:?}"),
            };
            assert!(matches!(refused, PaymentError::Rejected(Rejection::KeyReused)), "{refused:?}");
            assert!(till.check_books(customer, paid, 2 * PRICE).await);
        }
    }

    async fn the_same_key_many_times_at_once_is_one_payment(db: TestDb) {
        let till = PaymentsFixture::open(db, 100).await;
        for _ in 0..ROUNDS {
            let customer = till.customer(5 * PRICE).await;
            let reservation = till.reserve(customer).await;
            let pay = || till.pay(customer, reservation, "k");
            let (a, b, c) = tokio::join!(pay(), pay(), pay());
            let a = a.expect("pays");
            assert_eq!((&b.expect("pays"), &c.expect("pays")), (&a, &a));
            assert!(till.check_books(customer, reservation, 5 * PRICE).await);
            assert_eq!(till.entries(customer, EntryKind::Authorize).await, 1);
        }
        till.recover().await;
        assert_eq!(till.unsettled().await, 0);
    }

    async fn the_scan_and_the_customer_may_drive_one_payment_together(db: TestDb) {
        let mut till = PaymentsFixture::open(db, 100).await;
        till.with_pace(Pace { timeout: std::time::Duration::ZERO, ..Pace::default() });
        for _ in 0..ROUNDS {
            let customer = till.customer(5 * PRICE).await;
            let reservation = till.reserve(customer).await;
            let scan = async {
                for _ in 0..4 {
                    till.clock.advance_ms(1);
                    till.payments.recover_due().await.expect("scans");
                }
            };
            let (paid, ()) = tokio::join!(till.pay(customer, reservation, "k"), scan);
            paid.expect("pays");
            assert!(till.check_books(customer, reservation, 5 * PRICE).await);
        }
        till.recover().await;
    }

    async fn a_pay_window_that_ends_while_paying_has_one_of_two_outcomes(db: TestDb) {
        let mut till = PaymentsFixture::open(db, 100).await;
        let steps = [Edge::Create, Edge::Begin, Edge::Authorize, Edge::Confirm];
        let (mut paid, mut expired) = (0, 0);
        for edge in steps {
            for side in [Side::Before, Side::After] {
                let customer = till.customer(PRICE).await;
                let reservation = till.reserve(customer).await;
                // Not a crash: the time passes at just this point.
                let clock = Arc::clone(&till.clock);
                till.crashing_at(CrashPoints::new(move |_, at, on| {
                    if (at, on) == (edge, side) {
                        clock.advance_ms(beyond_the_pay_window_ms());
                    }
                    false
                }));
                let (outcome, ()) = tokio::join!(
                    till.pay(customer, reservation, "k"),
                    till.offices.sweep(),
                );
                till.crashing_at(CrashPoints::none());
                till.offices.sweep().await;
                till.recover().await;
                let is_paid = till.check_books(customer, reservation, PRICE).await;
                assert_eq!(outcome.is_ok(), is_paid, "{edge:?} {side:?} {outcome:?}");
                if is_paid { paid += 1 } else { expired += 1 }
            }
        }
        assert!(paid > 0 && expired > 0, "{paid} paid, {expired} expired");
    }

    async fn a_pay_window_that_ends_beside_a_payment_has_one_of_two_outcomes(db: TestDb) {
        let till = PaymentsFixture::open(db, 100).await;
        for _ in 0..ROUNDS {
            let customer = till.customer(PRICE).await;
            let reservation = till.reserve(customer).await;
            let (outcome, ()) =
                tokio::join!(till.pay(customer, reservation, "k"), till.let_pay_windows_pass());
            till.recover().await;
            let is_paid = till.check_books(customer, reservation, PRICE).await;
            assert_eq!(outcome.is_ok(), is_paid, "{outcome:?}");
        }
    }

    async fn money_that_comes_late_takes_the_place_again_if_it_is_free(db: TestDb) {
        let mut till = PaymentsFixture::open(db, 1).await;
        let customer = till.customer(PRICE).await;
        let reservation = till.reserve(customer).await;
        till.crashing_at(stop_before(Edge::Confirm));
        let stopped = till.pay(customer, reservation, "k").await;
        assert!(matches!(stopped, Err(PaymentError::Interrupted)), "{stopped:?}");
        till.let_pay_windows_pass().await;
        assert_eq!(till.state(reservation).await, ReservationState::Expired);
        till.crashing_at(CrashPoints::none());
        till.recover().await;
        assert!(till.check_books(customer, reservation, PRICE).await, "revived");
    }

    async fn an_authorization_that_the_database_forgot_is_made_again(db: TestDb) {
        let mut till = PaymentsFixture::open(db, 1).await;
        let customer = till.customer(PRICE).await;
        let reservation = till.reserve(customer).await;
        // As a crash of a database would whose commits were not durable, while the payment goes on.
        let (db, handle) = (Arc::clone(&till.db), tokio::runtime::Handle::current());
        let forget = async move || {
            db.sql("UPDATE payments SET state = 'CREATED'").await;
            db.sql("DELETE FROM wallet_entries WHERE kind = 'authorize'").await;
            db.sql("UPDATE wallets SET balance = (SELECT sum(amount) FROM wallet_entries)").await;
        };
        let is_forgotten = AtomicBool::new(false);
        till.crashing_at(CrashPoints::new(move |_, edge, side| {
            let is_now = (edge, side) == (Edge::Confirm, Side::Before);
            if is_now && !is_forgotten.swap(true, Ordering::SeqCst) {
                tokio::task::block_in_place(|| handle.block_on(forget()));
            }
            false
        }));
        let paid = till.pay(customer, reservation, "k").await;
        assert!(paid.is_ok(), "{paid:?}");
        assert!(till.check_books(customer, reservation, PRICE).await);
        assert_eq!(till.entries(customer, EntryKind::Authorize).await, 1);
    }

    async fn what_the_database_refuses_is_no_answer_for_good_once_a_payment_is_begun(db: TestDb) {
        let till = PaymentsFixture::open(db, 1).await;
        let customer = till.customer(PRICE).await;
        let reservation = till.reserve(customer).await;
        let (refuse, allow) = if till.db.is_postgres() {
            (
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '23514'; END $$; \
                 CREATE TRIGGER refuse BEFORE INSERT ON wallet_entries \
                 FOR EACH ROW EXECUTE FUNCTION refuse()",
                "DROP TRIGGER refuse ON wallet_entries",
            )
        } else {
            (
                "CREATE TRIGGER refuse BEFORE INSERT ON wallet_entries \
                 BEGIN SELECT RAISE(ABORT, 'refused'); END",
                "DROP TRIGGER refuse",
            )
        };
        till.db.sql(refuse).await;
        let answer = till.pay(customer, reservation, "k").await;
        let is_open = match &answer {
            Err(PaymentError::Unavailable(why)) => *why != Unavailable::BadData,
            Err(PaymentError::Store(error)) => !matches!(error, StoreError::BadData(_)),
            _ => false,
        };
        assert!(is_open, "{answer:?}");
        till.db.sql(allow).await;
        till.recover().await;
        assert!(till.check_books(customer, reservation, PRICE).await);
    }

    async fn money_that_comes_too_late_goes_back(db: TestDb) {
        let mut till = PaymentsFixture::open(db, 1).await;
        let customer = till.customer(PRICE).await;
        let reservation = till.reserve(customer).await;
        till.crashing_at(stop_before(Edge::Confirm));
        let stopped = till.pay(customer, reservation, "k").await;
        assert!(matches!(stopped, Err(PaymentError::Interrupted)), "{stopped:?}");
        till.let_pay_windows_pass().await;
        let (other, _) = (till.customer(0).await, ());
        let taken = till.reserve(other).await;
        till.crashing_at(CrashPoints::none());
        let late = till.pay(customer, reservation, "k").await;
        assert!(matches!(late, Err(PaymentError::Rejected(Rejection::ReservationExpired))));
        assert!(!till.check_books(customer, reservation, PRICE).await);
        assert_eq!(till.entries(customer, EntryKind::Void).await, 1);

        // The place becomes free again, but this payment can never be confirmed.
        till.cancel(other, taken).await.expect("cancels");
        let payment = payment_of(&till, customer).await;
        let confirm = Command::ConfirmPayment { reservation, payment };
        let refused = till.submit(confirm).await;
        assert!(
            matches!(refused, Err(SubmitError::Rejected(Rejection::ReservationExpired))),
            "{refused:?}"
        );
        assert!(!till.check_books(customer, reservation, PRICE).await);
    }

    async fn cancelling_and_paying_at_once_leaves_both_or_neither(db: TestDb) {
        let till = PaymentsFixture::open(db, 100).await;
        for _ in 0..ROUNDS {
            let customer = till.customer(PRICE).await;
            let reservation = till.reserve(customer).await;
            let (paid, cancelled) = tokio::join!(
                till.pay(customer, reservation, "k"),
                till.cancel(customer, reservation),
            );
            till.recover().await;
            let is_paid = till.check_books(customer, reservation, PRICE).await;
            assert_eq!(is_paid, cancelled.is_err(), "{paid:?} {cancelled:?}");
        }
    }

    async fn what_was_paid_for_a_cancelled_reservation_comes_back_exactly_once(db: TestDb) {
        let till = PaymentsFixture::open(db, 100).await;
        for _ in 0..ROUNDS {
            let customer = till.customer(PRICE).await;
            let reservation = till.reserve(customer).await;
            let paid = till.pay(customer, reservation, "k").await.expect("pays");
            till.cancel(customer, reservation).await.expect("cancels");
            till.clock.advance_ms(60_000);
            let scan = || till.payments.recover_due();
            let again = till.pay(customer, reservation, "k");
            let (a, b, c, again) = tokio::join!(scan(), scan(), scan(), again);
            a.and(b).and(c).expect("scans");
            assert_eq!(again.expect("answered again").refunded, PRICE);
            assert_eq!(till.payment_state(paid.payment).await, PaymentState::Refunded);
            assert!(!till.check_books(customer, reservation, PRICE).await);
            assert_eq!(till.entries(customer, EntryKind::Refund).await, 1);
        }
        assert_eq!(till.unsettled().await, 0);
    }

    async fn a_cancelled_event_pays_everybody_back(db: TestDb) {
        let mut till = PaymentsFixture::open(db, 200).await;
        till.with_pace(Pace { scan_limit: 16, ..Pace::default() });
        let mut paid = Vec::new();
        for _ in 0..60 {
            let customer = till.customer(PRICE).await;
            let reservation = till.reserve(customer).await;
            till.pay(customer, reservation, "k").await.expect("pays");
            paid.push((customer, reservation));
        }
        till.submit(Command::CancelOffering).await.expect("cancels");
        till.offices.sweep().await;
        till.recover().await;
        for (customer, reservation) in paid {
            assert_eq!(till.state(reservation).await, ReservationState::Cancelled);
            assert!(!till.check_books(customer, reservation, PRICE).await);
        }
    }
}

async fn payment_of(till: &PaymentsFixture, customer: admitone::ids::UserId) -> PaymentId {
    let entries = till.store.wallet_entries(customer, 10).await.expect("entries can be read");
    entries.iter().find_map(|entry| entry.payment).expect("a payment has been made")
}
