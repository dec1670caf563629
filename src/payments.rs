//! Payments: a reservation against money, so that there is either a confirmed reservation and one
//! debit, or neither, whatever fails in between.
//!
//! The steps are begin (the box office), authorize (the wallet), confirm (the box office); the row
//! of the journal that confirms closes the payment as well.
//! What has been done is kept in the payment's row and in the journal; each step can be repeated
//! and is done once. So nothing is locked while a payment is on its way: any number of tries, of
//! the client's or of the recovery scan's, may drive the same payment at a time.
//!
//! It never takes a client's word for an amount, and never gives money back unless the journal
//! says that the payment is over.

mod crash_points;
mod metrics;
mod recovery;
mod saga;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

pub use crash_points::{CrashPoints, Edge, Side};
pub use metrics::{backlog as measure_backlog, describe as describe_metrics};
pub use recovery::Recovery;

use crate::box_office::{BoxOffices, SubmitError, Unavailable};
use crate::clock::Clock;
use crate::ids::{OfferingId, PaymentId, ReservationId, UserId};
use crate::inventory::{Minor, Rejection};
use crate::store::{
    Beginning, NewPayment, PaymentRow, PaymentState, ReservationRow, ReservationState, Store,
    StoreError,
};
use crate::trace;

/// How a payment is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// From the customer's wallet in the event's currency.
    Wallet,
}

impl Method {
    fn as_str(self) -> &'static str {
        match self {
            Self::Wallet => "wallet",
        }
    }
}

/// A payment that came to its end, in the customer's favour or not any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentOutcome {
    /// The payment.
    pub payment: PaymentId,
    /// What it was for.
    pub reservation: ReservationId,
    /// The event.
    pub offering: OfferingId,
    /// What was taken, in minor units.
    pub amount: Minor,
    /// ISO 4217.
    pub currency: String,
    /// The reservation was cancelled since, and the money went back.
    pub refunded: bool,
}

/// Why there is no payment (yet).
#[derive(Debug, thiserror::Error)]
pub enum PaymentError {
    /// Refused: no reservation of this customer, not payable, or another payment in progress.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The wallet holds less than the reservation costs. Nothing changed.
    #[error("the wallet does not hold enough")]
    InsufficientBalance,
    /// The same key came so often with a refused payment that it is used up.
    #[error("this idempotency key has been refused too often: use another")]
    KeyExhausted,
    /// How far it came is recorded; a retry with the same key, or the recovery scan, goes on.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The same, for want of the database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The same, by [`CrashPoints`].
    #[error("the payment was interrupted")]
    Interrupted,
}

impl From<SubmitError> for PaymentError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Rejected(rejection) => Self::Rejected(rejection),
            SubmitError::Unavailable(unavailable) => Self::Unavailable(unavailable),
        }
    }
}

/// When payments that are not at their end are looked at again.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How long a payment may be on its way before the recovery scan takes care of it; also the
    /// scan's first pause between two tries, which doubles each time.
    pub timeout: Duration,
    /// How often the scan looks.
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

/// The way to pay.
#[derive(Clone)]
pub struct Payments {
    store: Store,
    offices: Arc<BoxOffices>,
    clock: Arc<dyn Clock>,
    pace: Pace,
    crash_points: CrashPoints,
    /// Payments run here, so that a client that goes away does not leave one halfway.
    runtime: Handle,
}

impl Payments {
    /// Payments that run on the current tokio runtime.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn new(store: Store, offices: Arc<BoxOffices>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            offices,
            clock,
            pace: Pace::default(),
            crash_points: CrashPoints::none(),
            runtime: Handle::current(),
        }
    }

    /// The same at another pace.
    #[must_use]
    pub fn with_pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// The same with a fault to inject: a payment stops dead wherever `crash_points` says so, as
    /// if the process had died there.
    #[must_use]
    pub fn with_crash_points(mut self, crash_points: CrashPoints) -> Self {
        self.crash_points = crash_points;
        self
    }

    /// Pays for a reservation of `user`, or goes on with the payment that `key` has begun, or
    /// answers again what became of it. A refusal is not remembered: the same key may try again.
    ///
    /// # Errors
    /// [`PaymentError`]: refused, or not at its end yet.
    pub async fn pay(
        &self,
        user: UserId,
        reservation: ReservationId,
        method: Method,
        key: &str,
    ) -> Result<PaymentOutcome, PaymentError> {
        let payments = self.clone();
        let key = key.to_owned();
        let paying = self.runtime.spawn(trace::within(trace::current(), async move {
            let row = payments.find_or_create(user, reservation, method, &key).await?;
            payments.drive(row).await
        }));
        // A panic, or a runtime that stops, leaves the payment to the recovery scan.
        paying.await.unwrap_or(Err(PaymentError::Unavailable(Unavailable::OutcomeUnknown)))
    }

    /// The payment that this key stands for now. Each refusal uses up one id: an ended payment
    /// never comes back to life, so a step of it that was delayed can do no harm.
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
            return Ok(row.clone());
        }
        let unused = ids.iter().copied().find(|id| known.iter().all(|row| row.id != *id));
        let id = unused.ok_or(PaymentError::KeyExhausted)?;
        let row = match self.payable(user, reservation).await {
            Ok(row) => row,
            // It may be paid because another request with this key was quicker.
            Err(refused) => {
                let now_known = self.store.payment_find(&ids).await?;
                let quicker =
                    |row: &&PaymentRow| row.reservation == reservation && !is_refused(row.state);
                return now_known.iter().find(quicker).cloned().ok_or(refused);
            }
        };
        let event = self.store.event_get(row.offering).await?;
        let currency = event.ok_or(Unavailable::NoSuchOffering)?.currency;
        let new = NewPayment {
            id,
            reservation,
            offering: row.offering,
            user,
            method: method.as_str(),
            amount: row.total_price,
            currency,
        };
        self.crash_points.pass(id, Edge::Create, Side::Before)?;
        let now = self.clock.now_ms();
        let created = self.store.payment_create(&new, now, now + self.timeout_ms()).await?;
        self.crash_points.pass(id, Edge::Create, Side::After)?;
        // Another request with this key was quicker, and about something else.
        if created.reservation != reservation {
            return Err(Rejection::KeyReused.into());
        }
        Ok(created)
    }

    /// A key that was never used, and a reservation that waits: nearly every payment.
    async fn begin(
        &self,
        id: PaymentId,
        user: UserId,
        reservation: ReservationId,
        method: Method,
    ) -> Option<PaymentRow> {
        let (method, now) = (method.as_str(), self.clock.now_ms());
        let retry_at = now + self.timeout_ms();
        self.store.payment_begin(Beginning { id, user, reservation, method, now, retry_at }).await
    }

    /// Refuses what needs no payment to be refused; the box office decides the rest.
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

/// Whether a payment ended without money having moved for good while its reservation was unpaid.
fn is_refused(state: PaymentState) -> bool {
    match state {
        PaymentState::Failed | PaymentState::Voided => true,
        PaymentState::Created
        | PaymentState::Authorized
        | PaymentState::Captured
        | PaymentState::Refunded => false,
    }
}

/// The id of the n-th payment under a key: derived, so that two requests with the same key at the
/// same time are one payment.
fn payment_id(user: UserId, key: &str, nth: u8) -> PaymentId {
    let mut hasher = blake3::Hasher::new_derive_key("admitone payment id v1");
    hasher.update(user.0.as_bytes());
    hasher.update(&[nth]);
    hasher.update(key.as_bytes());
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    PaymentId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}
