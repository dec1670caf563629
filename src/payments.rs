//! Payments: money against a reservation, so that there is either a confirmed reservation and one
//! debit, or neither, no matter what fails in between.
//!
//! The steps are begin (the box office), authorize (the wallet), confirm (the box office); the row
//! of the journal that confirms closes the payment as well. The payment's row and the journal
//! record the steps that are done; each step can be repeated and takes effect once. So nothing is
//! locked while a payment is under way: any number of attempts, by the client or by the recovery
//! scan, may drive the same payment at a time. Refunds of captured payments are rows of their own,
//! written with the row of the journal that calls for them.
//!
//! Payments never take an amount from a client, and never give money back unless the journal
//! records that the payment is over.

mod crash_points;
mod error;
mod metrics;
mod recovery;
mod refund_gateway;
mod refunds;
mod saga;

pub use error::PaymentError;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

pub use crate::store::PaymentMethod as Method;
pub use crash_points::{CrashPoints, Edge, Side};
pub use metrics::{backlog as measure_backlog, describe as describe_metrics};
pub use recovery::Recovery;
pub use refund_gateway::GatewayAnswer;
use refund_gateway::RefundGateway;

use crate::box_office::{BoxOffices, SubmitError, Unavailable};
use crate::clock::Clock;
use crate::ids::{OfferingId, PaymentId, ReservationId, UserId};
use crate::inventory::{Minor, Rejection};
use crate::payments::error::interrupted;
use crate::store::{
    Beginning, NewPayment, PaymentRow, PaymentState, ReservationRow, ReservationState, Store,
};
use crate::trace;

/// A payment that reached its end; it may have been refunded since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentOutcome {
    /// The payment.
    pub payment: PaymentId,
    /// The reservation that it paid for.
    pub reservation: ReservationId,
    /// The event.
    pub offering: OfferingId,
    /// How it was paid.
    pub method: Method,
    /// The amount taken, in minor units.
    pub amount: Minor,
    /// The currency, as an ISO 4217 code.
    pub currency: String,
    /// The sum that went back since, in minor units.
    pub refunded: Minor,
}

impl From<SubmitError> for PaymentError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Rejected(rejection) => Self::Rejected(rejection),
            SubmitError::Unavailable(unavailable) => Self::Unavailable(unavailable),
        }
    }
}

/// When payments that are not at their end are continued.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How long a payment may be under way before the recovery scan takes it on; also the scan's
    /// first pause between two attempts, which doubles each time.
    pub timeout: Duration,
    /// How often the scan runs.
    pub scan_interval: Duration,
    /// How many payments one scan takes on at a time.
    pub scan_limit: u16,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            scan_interval: Duration::from_millis(500),
            scan_limit: 64,
        }
    }
}

/// How often a payment may be refused under one idempotency key.
const MAX_TRIES_PER_KEY: u8 = 16;

/// Makes payments.
#[derive(Clone)]
pub struct Payments {
    store: Store,
    offices: Arc<BoxOffices>,
    clock: Arc<dyn Clock>,
    pace: Pace,
    crash_points: CrashPoints,
    /// Gives back what payments by the method `demo` took; without one no money moves.
    refund_gateway: Option<RefundGateway>,
    /// True if new payments by the method `demo` are accepted.
    offers_demo: bool,
    /// Runs the payments, so that a client that disconnects does not leave one halfway.
    runtime: Handle,
}

impl Payments {
    /// Returns payments that run on the current tokio runtime.
    ///
    /// # Panics
    /// When called outside a tokio runtime.
    #[must_use]
    pub fn new(store: Store, offices: Arc<BoxOffices>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            offices,
            clock,
            pace: Pace::default(),
            crash_points: CrashPoints::none(),
            refund_gateway: None,
            offers_demo: false,
            runtime: Handle::current(),
        }
    }

    /// Sets another pace.
    #[must_use]
    pub fn with_pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Accepts new payments by the method `demo` as well.
    #[must_use]
    pub fn with_demo(mut self) -> Self {
        self.offers_demo = true;
        self
    }

    /// True if new payments by this method are accepted.
    #[must_use]
    pub fn offers(&self, method: Method) -> bool {
        match method {
            Method::Wallet => true,
            Method::Demo => self.offers_demo,
        }
    }

    /// Injects faults: a payment stops dead at each point that `crash_points` selects, as if the
    /// process had died there.
    #[must_use]
    pub fn with_crash_points(mut self, crash_points: CrashPoints) -> Self {
        self.crash_points = crash_points;
        self
    }

    /// Pays for a reservation of `user`, or continues the payment that `key` has begun, or returns
    /// its outcome again. A refusal is not remembered: the same key may try again.
    ///
    /// # Errors
    /// [`PaymentError`]: the payment was refused, or is not at its end yet.
    pub async fn pay(
        &self,
        user: UserId,
        reservation: ReservationId,
        method: Method,
        key: &str,
    ) -> Result<PaymentOutcome, PaymentError> {
        if !self.offers(method) {
            return Err(PaymentError::MethodUnavailable);
        }
        let payments = self.clone();
        let key = key.to_owned();
        let paying = self.runtime.spawn(trace::within(trace::current(), async move {
            let row = payments.find_or_create(user, reservation, method, &key).await?;
            payments.drive(row).await
        }));
        // A panic, or a runtime that stops, leaves the payment to the recovery scan.
        paying.await.unwrap_or_else(|_| Err(interrupted()))
    }

    /// Returns the payment that this key stands for now. Each refusal uses up one id: an ended
    /// payment never becomes active again, so a delayed step of it can do no harm.
    async fn find_or_create(
        &self,
        user: UserId,
        reservation: ReservationId,
        method: Method,
        key: &str,
    ) -> Result<PaymentRow, PaymentError> {
        let id = payment_id(user, key, 0);
        self.crash_points.pass(id, Edge::Create, Side::Before)?;
        if let Some(row) = self.begin(id, user, reservation, method).await {
            self.crash_points.pass(id, Edge::Create, Side::After)?;
            return Ok(row);
        }
        let ids: Vec<_> = (0..MAX_TRIES_PER_KEY).map(|n| payment_id(user, key, n)).collect();
        let known = self.store.payment_find(&ids).await?;
        if known.iter().any(|row| row.reservation != reservation) {
            return Err(Rejection::KeyReused.into());
        }
        if let Some(row) = known.iter().find(|row| !is_refused(row.state)) {
            return of_method(row.clone(), method);
        }
        let unused = ids.iter().copied().find(|id| known.iter().all(|row| row.id != *id));
        let id = unused.ok_or(PaymentError::KeyExhausted)?;
        let row = match self.payable(user, reservation).await {
            Ok(row) => row,
            // The reservation may be paid because another request with this key was quicker.
            Err(refused) => {
                let now_known = self.store.payment_find(&ids).await?;
                let quicker =
                    |row: &&PaymentRow| row.reservation == reservation && !is_refused(row.state);
                let found = now_known.iter().find(quicker).cloned().ok_or(refused)?;
                return of_method(found, method);
            }
        };
        let event = self.store.event_get(row.offering).await?;
        let currency = event.ok_or(Unavailable::NoSuchOffering)?.currency;
        let new = NewPayment {
            id,
            reservation,
            offering: row.offering,
            user,
            method,
            amount: row.total_price,
            currency,
        };
        self.crash_points.pass(id, Edge::Create, Side::Before)?;
        let now = self.clock.now_ms();
        let created = self.store.payment_create(&new, now, now + self.timeout_ms()).await?;
        self.crash_points.pass(id, Edge::Create, Side::After)?;
        // Another request with this key was quicker, and for another reservation.
        if created.reservation != reservation {
            return Err(Rejection::KeyReused.into());
        }
        of_method(created, method)
    }

    /// Begins the payment if the key was never used and the reservation waits: nearly every
    /// payment.
    async fn begin(
        &self,
        id: PaymentId,
        user: UserId,
        reservation: ReservationId,
        method: Method,
    ) -> Option<PaymentRow> {
        let now = self.clock.now_ms();
        let retry_at = now + self.timeout_ms();
        self.store.payment_begin(Beginning { id, user, reservation, method, now, retry_at }).await
    }

    /// Refuses reservations that need no payment to be refused; the box office decides the rest.
    async fn payable(
        &self,
        user: UserId,
        reservation: ReservationId,
    ) -> Result<ReservationRow, PaymentError> {
        let found = self.store.reservation_get(reservation).await?;
        let row = found
            .filter(|row| row.user == user)
            .ok_or(PaymentError::Rejected(Rejection::ReservationNotFound))?;
        let wrong = |state: &'static str| {
            Err(Rejection::WrongState { what: "reservation".into(), state: state.into() }.into())
        };
        match row.state {
            ReservationState::PaymentPending => Ok(row),
            ReservationState::Confirmed => wrong("confirmed"),
            ReservationState::Cancelled => wrong("cancelled"),
            ReservationState::Expired => Err(Rejection::ReservationExpired.into()),
        }
    }

    fn timeout_ms(&self) -> i64 {
        i64::try_from(self.pace.timeout.as_millis()).unwrap_or(i64::MAX / 1_024)
    }
}

/// Returns the payment, unless its key was used with another method.
fn of_method(row: PaymentRow, method: Method) -> Result<PaymentRow, PaymentError> {
    if row.method == method { Ok(row) } else { Err(Rejection::KeyReused.into()) }
}

/// True if a payment ended while its reservation was unpaid, and moved no money for good.
fn is_refused(state: PaymentState) -> bool {
    match state {
        PaymentState::Failed | PaymentState::Voided => true,
        PaymentState::Created
        | PaymentState::Authorized
        | PaymentState::Captured
        | PaymentState::Refunded => false,
    }
}

/// Returns the id of the n-th payment under a key. The id is derived, so that two concurrent
/// requests with the same key are one payment.
fn payment_id(user: UserId, key: &str, nth: u8) -> PaymentId {
    let mut hasher = blake3::Hasher::new_derive_key("admitone payment id v1");
    hasher.update(user.0.as_bytes());
    hasher.update(&[nth]);
    hasher.update(key.as_bytes());
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    PaymentId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}
