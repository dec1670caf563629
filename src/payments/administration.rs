//! What administrators do with payments by gateways: say that a manual one has come, refuse one that
//! waits, and read those that need a person.

use super::charging::{ORDER_CANCELLED, REFUSES};
use super::crash_points::Edge;
use super::{Method, PaymentError, Payments};
use crate::ids::{PaymentId, ReservationId};
use crate::inventory::{Change, Command, Rejection};
use crate::payments::error::interrupted;
use crate::store::{NotificationRow, PaymentFilter, PaymentRow, PaymentState};

/// The reason of a payment that an administrator refused.
const REFUSED: &str = "refused_by_administrator";

impl Payments {
    /// Records that the money of a manual payment has come, and confirms the reservation. If that has
    /// expired and its places are taken, the payment ends as voided: the money is to be given back by
    /// hand. Returns the payment as it is then; a repeated call changes nothing.
    ///
    /// # Errors
    /// [`PaymentError`]: there is no such manual payment, it is not at its end yet, or it has failed and
    /// the order waits for another payment.
    pub async fn mark_paid(&self, id: PaymentId) -> Result<PaymentRow, PaymentError> {
        let row = self.by_gateway(id).await?;
        if row.method != Method::Manual {
            let state = format!("by {}, which says itself when it is paid", row.method.as_str());
            return Err(
                Rejection::WrongState { what: "payment".into(), state: state.into() }.into()
            );
        }
        match row.state {
            PaymentState::Created => return Err(interrupted()),
            PaymentState::Pending => {
                self.set_aside_by_hand(id).await?;
            }
            PaymentState::Failed => self.take_on_again(&row).await?,
            PaymentState::Authorized
            | PaymentState::Captured
            | PaymentState::Voided
            | PaymentState::Refunded => {}
        }
        self.driven(row).await
    }

    async fn set_aside_by_hand(&self, id: PaymentId) -> Result<bool, PaymentError> {
        let now = self.clock.now_ms();
        Ok(self.store.payment_set_aside(id, None, (now + self.timeout_ms(), now)).await?)
    }

    /// Failed → Authorized. A reservation that still waits to be paid is paid by this payment, which
    /// has to begin anew since its end is in the journal. One that has expired may have kept it as late.
    async fn take_on_again(&self, row: &PaymentRow) -> Result<(), PaymentError> {
        let (reservation, payment, customer) = (row.reservation, row.id, row.user);
        let begin = Command::BeginPayment { reservation, payment, customer };
        let begun = self.ask(row, Edge::Begin, begin).await?;
        if let Err(rejection @ Rejection::PaymentInProgress) = begun {
            // It is another payment of this order: that one may be what has come.
            return Err(rejection.into());
        }
        let is_first = self.set_aside_by_hand(row.id).await?;
        let has_ended = |state| matches!(state, PaymentState::Failed | PaymentState::Voided);
        if begun.is_ok() && !is_first && has_ended(self.read(row).await?.state) {
            // The reservation must not be left waiting for a payment that no driver makes.
            let _whether_it_was_in_progress = self.release(row).await?;
        }
        Ok(())
    }

    /// Cancels a reservation that waits for a manual payment, together with that payment; false if it waits
    /// for none.
    ///
    /// # Errors
    /// The refusal, or [`PaymentError`]: the outcome is unknown, and it may be called again.
    pub async fn cancel_with_manual(
        &self,
        reservation: ReservationId,
    ) -> Result<bool, PaymentError> {
        let found = self.store.payments_of_reservation(reservation).await?;
        let waits =
            |row: &&PaymentRow| row.method == Method::Manual && row.state == PaymentState::Pending;
        let Some(row) = found.iter().find(waits) else { return Ok(false) };
        self.store.payment_is_watched(row.id, self.clock.now_ms()).await?;
        let cancel = Command::FailAndCancel { reservation, payment: row.id };
        let committed = self.ask(row, Edge::Fail, cancel).await??;
        let is_cancelled = |change: &Change| matches!(change, Change::ReservationsCancelled { .. });
        if !committed.transition.changes.iter().any(is_cancelled) {
            // It expired meanwhile, and the payment's end comes with the scan.
            return Err(Rejection::ReservationExpired.into());
        }
        self.refuse_pending(row, ORDER_CANCELLED).await?;
        Ok(true)
    }

    /// True if a payment of the reservation ended with its cancellation, as by [`Self::cancel_with_manual`].
    ///
    /// # Errors
    /// [`PaymentError::Store`].
    pub async fn was_cancelled_with(
        &self,
        reservation: ReservationId,
    ) -> Result<bool, PaymentError> {
        let found = self.store.payments_of_reservation(reservation).await?;
        let reason = |row: &PaymentRow| row.gateway.decline_reason.clone();
        Ok(found.iter().any(|row| reason(row).as_deref() == Some(ORDER_CANCELLED)))
    }

    /// Ends a payment that waits: lets the charge go at its gateway, and notifies the box office.
    /// Returns the payment as it is then; a repeated call changes nothing.
    ///
    /// # Errors
    /// [`PaymentError`]: there is no such payment, it has succeeded, or the gateway gave no answer.
    pub async fn refuse_waiting(&self, id: PaymentId) -> Result<PaymentRow, PaymentError> {
        let row = self.by_gateway(id).await?;
        let wrong = |state: &'static str| {
            Err(Rejection::WrongState { what: "payment".into(), state: state.into() }.into())
        };
        match row.state {
            PaymentState::Created => return Err(interrupted()),
            PaymentState::Pending => {}
            PaymentState::Failed | PaymentState::Voided => return Ok(row),
            PaymentState::Authorized | PaymentState::Captured => return wrong("paid"),
            PaymentState::Refunded => return wrong("refunded"),
        }
        // The journal first: after that no driver is granted the confirmation, so that no order is confirmed
        // whose money is let go.
        let _whether_it_was_in_progress = self.decline(&row).await?;
        let row = self.read(&row).await?;
        match row.state {
            PaymentState::Pending => {}
            // Another driver has found the money meanwhile: the order has it, or it lets it go.
            PaymentState::Authorized => return Err(interrupted()),
            PaymentState::Captured => return wrong("paid"),
            PaymentState::Created
            | PaymentState::Failed
            | PaymentState::Voided
            | PaymentState::Refunded => return Ok(row),
        }
        if !self.let_go(&row).await? {
            // Asked again after the gateway has refused, an administrator has the last word.
            if !is_refused_by_gateway(&row) {
                return Err(interrupted());
            }
            tracing::error!(payment = %id, reference = row.gateway.reference,
                "a payment is ended whose charge the gateway does not let go");
        }
        self.refuse_pending(&row, REFUSED).await?;
        self.read(&row).await
    }

    /// Records that an administrator has done by hand what was left to do for a payment: what its problem
    /// says, once it has ended, or what its gateway refuses to do.
    ///
    /// # Errors
    /// [`PaymentError`]: there is no such payment, or it has not ended and its gateway refuses nothing.
    pub async fn settle_by_hand(&self, id: PaymentId) -> Result<PaymentRow, PaymentError> {
        let row = self.by_gateway(id).await?;
        let now = self.clock.now_ms();
        match row.state {
            PaymentState::Failed | PaymentState::Voided => {
                self.store.payment_problem_solved(id).await?;
            }
            // The money was collected otherwise: refunds of it can be called for from now on.
            PaymentState::Captured if may_be_settled_by_hand(&row) => {
                self.store.payment_taken(id, now).await?;
            }
            // The money was let go or given back: the scan must not ask for it once more.
            PaymentState::Authorized
                if may_be_settled_by_hand(&row) && self.is_not_granted(&row).await? =>
            {
                self.store.payment_void(&row, now).await?;
            }
            _ => {
                let (what, state) = ("payment".into(), "not at its end".into());
                return Err(Rejection::WrongState { what, state }.into());
            }
        }
        self.read(&row).await
    }

    /// Returns the payments of a reservation, oldest first.
    ///
    /// # Errors
    /// [`PaymentError::Store`].
    pub async fn list_of(
        &self,
        reservation: ReservationId,
    ) -> Result<Vec<PaymentRow>, PaymentError> {
        Ok(self.store.payments_of_reservation(reservation).await?)
    }

    /// Returns payments by gateways, newest first; at most `limit`.
    ///
    /// # Errors
    /// [`PaymentError::Store`].
    pub async fn list(
        &self,
        filter: &PaymentFilter,
        limit: u64,
    ) -> Result<Vec<PaymentRow>, PaymentError> {
        Ok(self.store.payment_list(filter, limit).await?)
    }

    /// Returns the notifications that fit no payment, newest first; at most `limit`.
    ///
    /// # Errors
    /// [`PaymentError::Store`].
    pub async fn parked(&self, limit: u64) -> Result<Vec<NotificationRow>, PaymentError> {
        Ok(self.store.gateway_notifications_parked(limit).await?)
    }

    async fn by_gateway(&self, id: PaymentId) -> Result<PaymentRow, PaymentError> {
        let found = self.store.payment_get(id).await?;
        found.filter(|row| row.method.is_by_gateway()).ok_or(PaymentError::NoSuchPayment)
    }

    /// True if the journal has not confirmed the payment and never will.
    async fn is_not_granted(&self, row: &PaymentRow) -> Result<bool, PaymentError> {
        Ok(self.release(row).await?.is_ok() || self.ask_to_confirm(row).await?.is_err())
    }

    /// Drives a payment whose refusal is an answer too, and returns it.
    async fn driven(&self, row: PaymentRow) -> Result<PaymentRow, PaymentError> {
        let payments = self.clone();
        let driving = self.runtime.spawn(async move {
            let found = payments.read(&row).await?;
            match payments.drive(found).await {
                Ok(_) | Err(PaymentError::Rejected(_) | PaymentError::Declined { .. }) => {
                    payments.read(&row).await
                }
                Err(error) => Err(error),
            }
        });
        driving.await.unwrap_or_else(|_| Err(interrupted()))
    }
}

/// True if an administrator may say that what is left to do for the payment is done.
#[must_use]
pub fn may_be_settled_by_hand(row: &PaymentRow) -> bool {
    match row.state {
        PaymentState::Failed | PaymentState::Voided => row.gateway.problem.is_some(),
        PaymentState::Authorized => is_refused_by_gateway(row),
        PaymentState::Captured => row.gateway.captured_at.is_none() && is_refused_by_gateway(row),
        PaymentState::Created | PaymentState::Pending | PaymentState::Refunded => false,
    }
}

fn is_refused_by_gateway(row: &PaymentRow) -> bool {
    row.gateway.problem.as_ref().is_some_and(|problem| problem.starts_with(REFUSES))
}
