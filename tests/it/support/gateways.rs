//! The books of the simulated gateway against the payments, and a gateway whose answers get lost.

use std::fmt;
use std::sync::{Arc, Mutex};

use admitone::inventory::TimestampMs;
use admitone::payments::gateway::{
    Answered, BadNotification, Charge, ChargeAnswer, GatewayError, GivenBack, Headers,
    Notification, PaymentGateway, Refund, Simulator, Void,
};
use futures_util::FutureExt;
use futures_util::future::ready;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::support::payments::PaymentsFixture;

/// The sums of the simulator for one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Books {
    pub captured: i64,
    pub refunded: i64,
}

/// What a payment at its end may have at the gateway. A charge that is still open must be one that
/// the bank has declined: any other could be authorized later.
const AGREES: &str = "coalesce(
    (p.state IN ('CAPTURED', 'REFUNDED') AND c.state = 'CAPTURED' AND p.amount = c.amount
        AND c.refunded = p.refunded AND p.captured_at IS NOT NULL AND p.next_try_at IS NULL)
    OR (p.state IN ('FAILED', 'VOIDED') AND (c.id IS NULL OR c.state = 'VOIDED'
        OR (c.state = 'OPEN' AND c.outcome = 'decline')
        OR (c.state = 'CAPTURED' AND c.refunded = c.amount))), false)";

/// Checks that every payment of the event has reached its end and agrees with its charge: confirmed and
/// captured once, or nothing charged, or all given back. Returns the sums.
pub async fn check_simulator(till: &PaymentsFixture) -> Books {
    let event = match till.db.is_postgres() {
        true => format!("'{}'", till.offering),
        false => format!("X'{}'", till.offering.0.simple()),
    };
    let joined = format!(
        "FROM payments p LEFT JOIN simulator_charges c ON c.id = p.id
         WHERE p.method = 'simulator' AND p.offering_id = {event}"
    );
    let bad = till.db.count(&format!("SELECT count(*) {joined} AND NOT {AGREES}")).await;
    let list = format!(
        "SELECT p.state || ' ' || coalesce(c.state, 'no charge') || ' ' || coalesce(c.outcome, '')
            || ' refunded ' || coalesce(c.refunded, 0) || ' problem ' || coalesce(p.problem, '')
            || ' taken ' || coalesce(p.captured_at, 0) || ' next ' || coalesce(p.next_try_at, 0)
         {joined} AND NOT {AGREES}"
    );
    assert_eq!(bad, 0, "payments disagree with the gateway: {:?}", till.db.texts(&list).await);
    let confirmed = "SELECT count(*) FROM payments p WHERE p.reservation_id = r.id
        AND p.state = 'CAPTURED'";
    let wrong = format!(
        "SELECT count(*) FROM reservations r WHERE r.offering_id = {event} AND ({confirmed}) <>
            CASE WHEN r.status = 'CONFIRMED' THEN 1 ELSE 0 END"
    );
    assert_eq!(till.db.count(&wrong).await, 0, "confirmed and captured are the same");
    let sum = async |column: &str| {
        let sql = format!(
            "SELECT CAST(coalesce(sum({column}), 0) AS bigint) {joined}
            AND c.state = 'CAPTURED'"
        );
        till.db.count(&sql).await
    };
    Books { captured: sum("c.amount").await, refunded: sum("c.refunded").await }
}

type Says = dyn Fn(&Refund) -> Result<GivenBack, GatewayError> + Send + Sync;

/// A gateway that says of refunds what a test says, and moves nothing then.
pub struct Refunding {
    pub inner: Simulator,
    pub says: Box<Says>,
}

impl fmt::Debug for Refunding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refunding").finish_non_exhaustive()
    }
}

impl PaymentGateway for Refunding {
    fn start<'a>(&'a self, charge: &'a Charge) -> Answered<'a, ChargeAnswer> {
        self.inner.start(charge)
    }

    fn look<'a>(&'a self, charge: &'a Charge) -> Answered<'a, ChargeAnswer> {
        self.inner.look(charge)
    }

    fn capture<'a>(&'a self, charge: &'a Charge) -> Answered<'a, ()> {
        self.inner.capture(charge)
    }

    fn void<'a>(&'a self, charge: &'a Charge) -> Answered<'a, Void> {
        self.inner.void(charge)
    }

    fn refund<'a>(&'a self, refund: &'a Refund) -> Answered<'a, GivenBack> {
        ready((self.says)(refund)).boxed()
    }
}

/// A gateway some of whose calls and answers get lost. A seed says which.
#[derive(Debug)]
pub struct Flaky {
    pub inner: Arc<dyn PaymentGateway>,
    pub dice: Mutex<StdRng>,
    /// Of 100 calls, those that are lost on the way there, and as many on the way back.
    pub lost: u32,
}

impl Flaky {
    pub fn new(inner: Arc<dyn PaymentGateway>, seed: u64, lost: u32) -> Self {
        Self { inner, dice: Mutex::new(StdRng::seed_from_u64(seed)), lost }
    }

    fn is_lost(&self) -> bool {
        let mut dice = self.dice.lock().expect("no test panics while it has it");
        dice.random_range(0..100) < self.lost
    }

    fn around<'a, T: Send + 'a>(&'a self, call: Answered<'a, T>) -> Answered<'a, T> {
        async move {
            if self.is_lost() {
                return Err(GatewayError::InDoubt("lost on the way there".into()));
            }
            let answer = call.await;
            if self.is_lost() {
                return Err(GatewayError::InDoubt("lost on the way back".into()));
            }
            answer
        }
        .boxed()
    }
}

impl PaymentGateway for Flaky {
    fn start<'a>(&'a self, charge: &'a Charge) -> Answered<'a, ChargeAnswer> {
        self.around(self.inner.start(charge))
    }

    fn look<'a>(&'a self, charge: &'a Charge) -> Answered<'a, ChargeAnswer> {
        self.around(self.inner.look(charge))
    }

    fn capture<'a>(&'a self, charge: &'a Charge) -> Answered<'a, ()> {
        self.around(self.inner.capture(charge))
    }

    fn void<'a>(&'a self, charge: &'a Charge) -> Answered<'a, Void> {
        self.around(self.inner.void(charge))
    }

    fn refund<'a>(&'a self, refund: &'a Refund) -> Answered<'a, GivenBack> {
        self.around(self.inner.refund(refund))
    }

    fn read_notification(
        &self,
        headers: Headers<'_>,
        body: &[u8],
        now: TimestampMs,
    ) -> Result<Notification, BadNotification> {
        self.inner.read_notification(headers, body, now)
    }
}
