//! An administrator's word beside drivers that are at work, and what is done by hand.

use std::sync::Arc;
use std::sync::Mutex;

use admitone::clock::Clock;
use admitone::ids::PaymentId;
use admitone::inventory::{Command, Request};
use admitone::payments::gateway::simulator::{Outcome, Script};
use admitone::payments::gateway::{
    Answered, BadNotification, Charge, ChargeAnswer, GatewayError, GivenBack, Headers,
    Notification, PaymentGateway, Refund, Simulator, Void,
};
use admitone::payments::{CrashPoints, Edge, Method, Side};
use admitone::store::PaymentState;
use futures_util::FutureExt;

use crate::support::payments::{PaymentsFixture, by_simulator, reserved, row};
use crate::support::test_db::TestDb;

/// The simulator, which neither takes money nor lets it go.
#[derive(Debug)]
struct Stubborn(Simulator);

fn refuses<'a, T>() -> Answered<'a, T>
where
    T: Send + 'a,
{
    async { Err(GatewayError::Refused("not today".into())) }.boxed()
}

impl PaymentGateway for Stubborn {
    fn start<'a>(&'a self, charge: &'a Charge) -> Answered<'a, ChargeAnswer> {
        self.0.start(charge)
    }

    fn look<'a>(&'a self, charge: &'a Charge) -> Answered<'a, ChargeAnswer> {
        self.0.look(charge)
    }

    fn capture<'a>(&'a self, _: &'a Charge) -> Answered<'a, ()> {
        refuses()
    }

    fn void<'a>(&'a self, _: &'a Charge) -> Answered<'a, Void> {
        refuses()
    }

    fn refund<'a>(&'a self, _: &'a Refund) -> Answered<'a, GivenBack> {
        refuses()
    }

    fn read_notification(
        &self,
        headers: Headers<'_>,
        body: &[u8],
        now: i64,
    ) -> Result<Notification, BadNotification> {
        self.0.read_notification(headers, body, now)
    }
}

async fn open(db: TestDb, script: Script) -> PaymentsFixture {
    let mut till = PaymentsFixture::open(db, 10).await;
    till.with_simulator();
    till.paying_by(by_simulator(script));
    till
}

/// Has a command submitted where a driver stands at this step, as by another driver that has found the
/// money a moment before; returns whether each was granted.
fn submit_at(
    till: &mut PaymentsFixture,
    at: (Edge, Side),
    command: impl Fn(PaymentId) -> Command + Send + Sync + 'static,
) -> Arc<Mutex<Vec<bool>>> {
    let (offices, offering) = (Arc::clone(&till.offices), till.offering);
    let (runtime, store) = (tokio::runtime::Handle::current(), till.store.clone());
    let times = (till.clock.now_ms() + 60_000, till.clock.now_ms());
    let granted = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&granted);
    till.crashing_at(CrashPoints::new(move |payment, edge, side| {
        if (edge, side) == at {
            let request = Request { command: command(payment), idempotency: None };
            let asked = async {
                let _is_first = store.payment_set_aside(payment, None, times).await;
                offices.submit(offering, request).await
            };
            let answer = tokio::task::block_in_place(|| runtime.block_on(asked));
            noted.lock().unwrap().push(answer.is_ok());
        }
        false
    }));
    granted
}

on_both_databases! {
    async fn no_order_is_confirmed_whose_charge_is_being_let_go(db: TestDb) {
        let delayed = Script { outcome: Outcome::Succeed, delay_ms: Some(3_600_000) };
        let mut till = open(db, delayed).await;
        for by_administrator in [true, false] {
            let (customer, reservation) = reserved(&till).await;
            let confirm = move |payment| Command::ConfirmPayment { reservation, payment };
            let granted = submit_at(&mut till, (Edge::LetGo, Side::Before), confirm);
            let waits = till.pay(customer, reservation, "k").await.expect("it is begun");
            if by_administrator {
                let _the_other_driver_is_quicker =
                    till.payments.refuse_waiting(waits.payment).await;
            } else {
                let deadline = row(&till, waits.payment).await.gateway.deadline.expect("it has one");
                till.clock.advance_ms(deadline - till.clock.now_ms());
            }
            till.recover().await;
            let granted = granted.lock().unwrap().clone();
            assert!(!granted.is_empty() && granted.iter().all(|is| !is), "{granted:?}");
            assert_eq!(till.payment_state(waits.payment).await, PaymentState::Voided);
            assert!(!till.check_books(customer, reservation, 0).await);
        }
    }

    async fn what_a_gateway_will_not_do_is_done_by_hand_and_not_asked_for_again(db: TestDb) {
        let mut till = open(db, Script::default()).await;
        let stubborn = Arc::new(Stubborn(till.simulator()));
        till.with_gateway(Method::Simulator, stubborn);
        // The money is not taken.
        let (customer, reservation) = reserved(&till).await;
        let paid = till.pay(customer, reservation, "k").await.expect("it is confirmed");
        assert!(row(&till, paid.payment).await.gateway.problem.is_some());
        let settled = till.payments.settle_by_hand(paid.payment).await.expect("it was collected");
        assert_eq!((settled.state, settled.gateway.problem), (PaymentState::Captured, None));
        assert!(settled.gateway.captured_at.is_some() && settled.next_try_at.is_none());
        till.payments.settle_by_hand(paid.payment).await.expect_err("nothing is left to do");
        // The money is not let go of an order that ended before it was confirmed.
        let (customer, reservation) = reserved(&till).await;
        let cancel = move |payment| Command::FailAndCancel { reservation, payment };
        let granted = submit_at(&mut till, (Edge::Confirm, Side::Before), cancel);
        till.pay(customer, reservation, "k").await.expect_err("the order is cancelled");
        assert_eq!(granted.lock().unwrap().first(), Some(&true));
        let held = till.payments.list_of(reservation).await.expect("read").remove(0);
        assert_eq!(held.state, PaymentState::Authorized);
        assert!(held.gateway.problem.is_some() && held.next_try_at.is_some());
        let settled = till.payments.settle_by_hand(held.id).await.expect("it was given back");
        assert_eq!((settled.state, settled.gateway.problem), (PaymentState::Voided, None));
        assert!(settled.next_try_at.is_none(), "the gateway is not asked again");
        assert_eq!(till.unsettled().await, 0);
    }
}
