//! Automatic payments: a checkout that asks for it is paid without another request. The intent is
//! written before the checkout, so that a process that dies in between leaves it to the recovery scan.
//! Each reservation is paid so once at most: a payment that was refused is not tried again, and the
//! customer may pay in another way.

use super::crash_points::{Edge, Side};
use super::{Method, PayBy, PaymentError, PaymentOutcome, Payments, metrics};
use crate::ids::{ReservationId, UserId};
use crate::inventory::Rejection;
use crate::store::{AutoPaymentRow, PaymentRow, auto_payment_id};
use crate::trace;

/// How long an intent waits for its reservation: a checkout whose outcome was unknown may have been
/// decided long after its request.
const WAITS_MS: i64 = 10 * 60_000;

impl Payments {
    /// Notes that the reservation which a checkout is about to make is to be paid by itself.
    ///
    /// # Errors
    /// [`PaymentError::MethodUnavailable`], or the store failed. Nothing is noted then.
    pub async fn intend(
        &self,
        user: UserId,
        reservation: ReservationId,
        method: Method,
    ) -> Result<(), PaymentError> {
        if !self.offers(method) {
            return Err(PaymentError::MethodUnavailable);
        }
        let created_at = self.clock.now_ms();
        let intent = AutoPaymentRow { reservation, user, method, attempts: 0, created_at };
        Ok(self.store.auto_payment_put(&intent, created_at + self.timeout_ms()).await?)
    }

    /// Forgets, in the background, the intent of a checkout that made no reservation.
    pub fn forget_intent(&self, reservation: ReservationId) {
        let payments = self.clone();
        self.runtime.spawn(async move {
            if let Err(error) = payments.store.auto_payment_end(reservation).await {
                // The scan deletes it when its time is over.
                tracing::debug!(%reservation, %error, "an intent to pay stays for now");
            }
        });
    }

    /// Begins, in the background, the payment that was intended for a reservation. The recovery scan
    /// does if this process stops.
    pub fn pay_soon(&self, user: UserId, reservation: ReservationId, method: Method) {
        let payments = self.clone();
        let created_at = self.clock.now_ms();
        let intent = AutoPaymentRow { reservation, user, method, attempts: 0, created_at };
        self.runtime.spawn(trace::within(trace::current(), async move {
            if let Err(error) = payments.pay_intended(&intent).await {
                tracing::debug!(%reservation, %error, "an automatic payment did not succeed");
            }
        }));
    }

    /// Drives an intent that the scan has claimed.
    pub(super) async fn recover_intent(&self, intent: AutoPaymentRow) {
        let (reservation, attempts) = (intent.reservation, intent.attempts);
        match self.pay_intended(&intent).await {
            Ok(Some(outcome)) if outcome.pending.is_none() => metrics::recovered("paid"),
            Ok(_) => metrics::recovered("waiting"),
            Err(error) if is_final(&error) => metrics::recovered("refused"),
            Err(error) => {
                metrics::recovered("unavailable");
                tracing::warn!(%reservation, attempts, %error, "an automatic payment is not made yet");
            }
        }
    }

    /// Makes the payment. `None` if there is no reservation, or none yet.
    async fn pay_intended(
        &self,
        intent: &AutoPaymentRow,
    ) -> Result<Option<PaymentOutcome>, PaymentError> {
        let row = match self.payment_of_intent(intent).await {
            Err(PaymentError::Rejected(Rejection::ReservationNotFound)) => {
                let age = self.clock.now_ms().saturating_sub(intent.created_at);
                if age >= WAITS_MS {
                    self.store.auto_payment_end(intent.reservation).await?;
                }
                return Ok(None);
            }
            Err(error) if is_final(&error) => {
                self.store.auto_payment_end(intent.reservation).await?;
                return Err(error);
            }
            found => found?,
        };
        // The payment's own row leads the scan to it from now on.
        self.store.auto_payment_end(intent.reservation).await?;
        self.drive(row).await.map(Some)
    }

    /// Returns the only automatic payment that a reservation can have.
    async fn payment_of_intent(&self, intent: &AutoPaymentRow) -> Result<PaymentRow, PaymentError> {
        let (user, reservation, method) = (intent.user, intent.reservation, intent.method);
        let id = auto_payment_id(reservation);
        if !self.offers(method) {
            return Err(PaymentError::MethodUnavailable);
        }
        let pay_by = PayBy::from(method);
        self.crash_points.pass(id, Edge::Create, Side::Before)?;
        if let Some(row) = self.begin(id, user, reservation, &pay_by).await {
            self.crash_points.pass(id, Edge::Create, Side::After)?;
            return Ok(row);
        }
        if let Some(row) = self.store.payment_get(id).await? {
            return Ok(row);
        }
        let row = self.payable(user, reservation).await?;
        self.create(id, &row, &pay_by).await
    }
}

/// True if no other attempt can end otherwise.
fn is_final(error: &PaymentError) -> bool {
    match error {
        PaymentError::Rejected(_)
        | PaymentError::MethodUnavailable
        | PaymentError::InsufficientBalance
        | PaymentError::Declined { .. }
        | PaymentError::NoSuchPayment
        | PaymentError::AnotherWaits
        | PaymentError::KeyExhausted => true,
        PaymentError::Gateway(_)
        | PaymentError::Unavailable(_)
        | PaymentError::Store(_)
        | PaymentError::Interrupted => false,
    }
}
