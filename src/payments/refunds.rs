//! Refunds, one by one: a captured payment gives back what the journal has called for. Each can be
//! driven by any number of attempts at a time, and moves money once. A refusal is final until an
//! administrator has the refund tried again.

use super::crash_points::{Edge, Side};
use super::gateway::{GatewayError, GivenBack, Refund};
use super::{Method, PaymentError, Payments, metrics};
use crate::ids::{RefundId, ReservationId, Seq};
use crate::inventory::{Minor, Rejection};
use crate::store::{PaidBack, PaymentRow, RefundFilter, RefundRow, RefundState, StoreError};

/// The most refunds of one reservation that are listed: one for each ticket, and one more.
const MOST_LISTED: u64 = 65;

const MORE_THAN_PAID: &str = "it would be more than was paid";
const WALLET_FULL: &str = "the wallet would hold more than a wallet may";

/// What a gateway made of a refund.
enum Asked {
    Done,
    /// It is asked again later.
    Waits(RefundState),
    /// It will not give the money back, for this reason.
    Refused(String),
}

impl Payments {
    /// Returns the payments of a reservation, newest first, and its refunds.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn of_reservation(
        &self,
        reservation: ReservationId,
    ) -> Result<(Vec<PaymentRow>, Vec<RefundRow>), StoreError> {
        let payments = self.store.payment_list_of(reservation).await?;
        let filter = RefundFilter { reservation: Some(reservation), ..RefundFilter::default() };
        Ok((payments, self.store.refund_list(filter, MOST_LISTED).await?))
    }

    /// Returns refunds, newest first; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refunds(
        &self,
        filter: RefundFilter,
        limit: u64,
    ) -> Result<Vec<RefundRow>, StoreError> {
        self.store.refund_list(filter, limit).await
    }

    /// Returns the refund of `amount` that a row of the journal called for, and stores the reason that
    /// an administrator gave for it. `None` if nothing was to be given back.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refund_called_for(
        &self,
        (reservation, seq): (ReservationId, Seq),
        amount: Minor,
        note: Option<&str>,
    ) -> Result<Option<RefundRow>, StoreError> {
        let found = self.store.refunds_of_row(reservation, seq).await?;
        let is_it = |row: &&RefundRow| {
            row.amount == amount && (row.note.is_none() || row.note.as_deref() == note)
        };
        let mut refund = found.iter().find(is_it).cloned();
        if let (Some(refund), Some(note)) = (&mut refund, note) {
            self.store.refund_note(refund.id, note).await?;
            refund.note = Some(note.to_owned());
        }
        Ok(refund)
    }

    /// Has a refused refund tried again. Returns it, or `None` if there is no such refund.
    ///
    /// # Errors
    /// [`Rejection::WrongState`] if it is not refused, or the store failed.
    pub async fn retry_refund(&self, id: RefundId) -> Result<Option<RefundRow>, PaymentError> {
        let retried = self.store.refund_retry(id, self.clock.now_ms()).await?;
        let row = self.store.refund_get(id).await?;
        match &row {
            Some(row) if !retried => {
                let (what, state) = ("refund".into(), row.state.as_str().into());
                Err(Rejection::WrongState { what, state }.into())
            }
            Some(_) | None => Ok(row),
        }
    }

    /// Records that the refund of a manual payment is paid. Returns it, or `None` if there is no such
    /// refund; a repeated call changes nothing.
    ///
    /// # Errors
    /// [`Rejection::WrongState`] if a gateway pays it back, or it is refused.
    pub async fn mark_refunded(&self, id: RefundId) -> Result<Option<RefundRow>, PaymentError> {
        let Some(row) = self.store.refund_get(id).await? else { return Ok(None) };
        let vanished = || StoreError::Damaged(format!("payment {} vanished", row.payment));
        let payment = self.store.payment_get(row.payment).await?.ok_or_else(vanished)?;
        let wrong = |state: String| {
            Err(Rejection::WrongState { what: "refund".into(), state: state.into() }.into())
        };
        match row.state {
            RefundState::Done => return Ok(Some(row)),
            RefundState::Refused => return wrong("refused: try it again first".into()),
            RefundState::Due | RefundState::AtGateway => {}
        }
        if payment.method != Method::Manual {
            return wrong(format!("by {}, which gives money back itself", payment.method.as_str()));
        }
        self.pay_back(&row, &payment).await?;
        Ok(self.store.refund_get(id).await?)
    }

    /// Drives a refund that the scan has claimed.
    pub(super) async fn recover_refund(&self, row: RefundRow) {
        let (refund, attempts) = (row.id, row.attempts);
        match self.give_back(&row).await {
            Ok(RefundState::Done) => metrics::refunded("done"),
            Ok(RefundState::Due | RefundState::AtGateway) => metrics::refunded("at_gateway"),
            Ok(RefundState::Refused) => metrics::refunded("refused"),
            Err(error) => {
                metrics::refunded("unavailable");
                tracing::warn!(%refund, attempts, %error, "money not given back yet");
            }
        }
    }

    /// Drives the refunds of a captured payment that are not at their end; returns the payment's row
    /// after them.
    pub(super) async fn refund_open(&self, row: PaymentRow) -> Result<PaymentRow, PaymentError> {
        if row.next_try_at.is_some() {
            self.store.refund_adopt(row.id, self.clock.now_ms()).await?;
        }
        for refund in self.store.refund_open_of(row.id).await? {
            self.give_back(&refund).await?;
        }
        // Another driver may have given back what was open a moment ago.
        self.read(&row).await
    }

    async fn give_back(&self, row: &RefundRow) -> Result<RefundState, PaymentError> {
        let vanished = || StoreError::Damaged(format!("payment {} vanished", row.payment));
        let payment = self.store.payment_get(row.payment).await?.ok_or_else(vanished)?;
        if payment.method.is_by_gateway() {
            match self.ask_gateway(&payment, row).await? {
                Asked::Done => {}
                Asked::Waits(state) => return Ok(state),
                Asked::Refused(why) => return self.refuse_refund(row, &why).await,
            }
        }
        self.pay_back(row, &payment).await
    }

    async fn pay_back(
        &self,
        row: &RefundRow,
        payment: &PaymentRow,
    ) -> Result<RefundState, PaymentError> {
        self.crash_points.pass(payment.id, Edge::Refund, Side::Before)?;
        let paid_back = self.store.refund_pay_back(row, payment, self.clock.now_ms()).await?;
        self.crash_points.pass(payment.id, Edge::Refund, Side::After)?;
        match paid_back {
            PaidBack::Done => {
                metrics::step(Edge::Refund, "ok");
                metrics::compensation(Edge::Refund);
                let (amount, currency) = (row.amount, &row.currency);
                tracing::info!(payment = %payment.id, refund = %row.id, amount, currency, "refunded");
                Ok(RefundState::Done)
            }
            PaidBack::Elsewhere => Ok(RefundState::Done),
            PaidBack::TooMuch => self.refuse_refund(row, MORE_THAN_PAID).await,
            PaidBack::WalletFull => self.refuse_refund(row, WALLET_FULL).await,
        }
    }

    /// Asks the gateway that took the money to give it back, between the records that it may have moved
    /// money and that it has.
    async fn ask_gateway(
        &self,
        payment: &PaymentRow,
        row: &RefundRow,
    ) -> Result<Asked, PaymentError> {
        if payment.gateway.captured_at.is_none() {
            return Ok(Asked::Waits(row.state));
        }
        let Some(gateway) = self.gateway(payment.method) else {
            tracing::error!(payment = %payment.id, method = payment.method.as_str(),
                "money is to be given back by a gateway that is not set up any more");
            return Ok(Asked::Waits(row.state));
        };
        if !self.store.refund_at_gateway(row, self.clock.now_ms()).await? {
            return Ok(Asked::Refused(MORE_THAN_PAID.into()));
        }
        let refund = Refund {
            id: row.id.0,
            retries: row.retries,
            payment: payment.id,
            reference: payment.gateway.reference.clone(),
            amount: row.amount,
            currency: row.currency.clone(),
        };
        Ok(match self.ask_back((payment.method, gateway), &refund).await? {
            Ok(GivenBack::Done) => Asked::Done,
            Ok(GivenBack::Pending) => Asked::Waits(RefundState::AtGateway),
            Err(GatewayError::Refused(why)) => Asked::Refused(why),
            Err(GatewayError::InDoubt(why)) => {
                tracing::debug!(refund = %row.id, why, "a refund is in doubt");
                Asked::Waits(RefundState::AtGateway)
            }
        })
    }

    async fn refuse_refund(&self, row: &RefundRow, why: &str) -> Result<RefundState, PaymentError> {
        if self.store.refund_refuse(row.id, why, self.clock.now_ms()).await? {
            metrics::step(Edge::Refund, "refused");
            tracing::error!(refund = %row.id, payment = %row.payment, why, "a refund was refused");
        }
        Ok(RefundState::Refused)
    }
}
