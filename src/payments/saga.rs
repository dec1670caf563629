//! One payment, step by step: reads its state, takes the next step, and reads the state again.
//! Every step is safe to repeat and to be overtaken by another driver of the same payment.

use std::time::Duration;

use super::crash_points::{Edge, Side};
use super::{Method, PaymentError, PaymentOutcome, Payments, Waiting, metrics};
use crate::box_office::{Committed, SubmitError, Unavailable};
use crate::inventory::{Change, Command, Rejection, Request};
use crate::payments::error::interrupted;
use crate::store::{Authorization, OnPaymentFailure, PaymentRow, PaymentState, StoreError};

/// The longest path takes five steps. More than this limit means that drivers keep overtaking each
/// other; the recovery scan continues when they have ended.
const MAX_STEPS: usize = 24;
/// Attempts to confirm in a row while money is set aside and the box office does not answer.
const CONFIRM_TRIES: u32 = 3;
const CONFIRM_PAUSE: Duration = Duration::from_millis(100);

/// What is left to do with money that came by hand, and too late.
const BY_HAND: &str =
    "the money is to be given back by hand: the order cannot be confirmed any more";

/// The result of a step.
pub(super) enum Stepped {
    /// The payment reached this state, and the recovery scan has not been called for since.
    To(PaymentState),
    /// The payment is as in this row, which is written.
    As(Box<PaymentRow>),
    /// The payment's row holds the state; with the reason if the step was refused.
    Somewhere(Option<PaymentError>),
    /// The gateway is at work.
    Waits,
    /// The reservation is confirmed. What is left to do, the recovery scan does.
    Confirmed,
    /// The payment was refused for good. The scan gives the money back.
    Over(PaymentError),
}

impl Payments {
    /// Brings a payment to its end.
    pub(super) async fn drive(&self, row: PaymentRow) -> Result<PaymentOutcome, PaymentError> {
        let payment = row.id;
        match self.step_by_step(row).await {
            // The payment is begun, and will be tried again: this error is not final.
            Err(
                error @ (PaymentError::Unavailable(Unavailable::BadData)
                | PaymentError::Store(StoreError::BadData(_))),
            ) => {
                tracing::error!(%payment, %error, "the database refused a step of a payment");
                Err(interrupted())
            }
            ended => ended,
        }
    }

    async fn step_by_step(&self, mut row: PaymentRow) -> Result<PaymentOutcome, PaymentError> {
        let mut refusal = None;
        let mut was_driven = false;
        for _ in 0..MAX_STEPS {
            let stepped = match row.state {
                PaymentState::Created if row.method.is_by_gateway() => {
                    self.begin_at_gateway(&row).await?
                }
                PaymentState::Created => self.authorize(&row).await?,
                PaymentState::Pending => self.charge(&row).await?,
                PaymentState::Authorized => self.confirm(&row).await?,
                PaymentState::Captured if is_to_take(&row) => self.take(&row).await?,
                // Captured a moment ago: no refund can have been called for.
                PaymentState::Captured if was_driven => return Ok(outcome(row)),
                PaymentState::Captured => return Ok(outcome(self.refund_open(row).await?)),
                PaymentState::Refunded => return Ok(outcome(row)),
                PaymentState::Failed | PaymentState::Voided
                    if is_to_look_again(&row) && refusal.is_none() =>
                {
                    self.look_again(&row).await?
                }
                PaymentState::Failed | PaymentState::Voided => {
                    return Err(refusal.unwrap_or_else(|| ended(&row)));
                }
            };
            match stepped {
                Stepped::To(state) => {
                    (row.state, row.next_try_at, was_driven) = (state, None, true);
                }
                Stepped::As(written) => (row, was_driven) = (*written, true),
                Stepped::Somewhere(reason) => {
                    refusal = reason.or(refusal);
                    row = self.read(&row).await?;
                    was_driven = false;
                }
                Stepped::Waits => {
                    row = self.read(&row).await?;
                    // Otherwise an administrator or another driver was quicker.
                    if row.state == PaymentState::Pending {
                        return Ok(outcome(row));
                    }
                }
                Stepped::Confirmed => return Ok(outcome(row)),
                Stepped::Over(refusal) => return Err(refusal),
            }
        }
        Err(interrupted())
    }

    pub(super) async fn read(&self, row: &PaymentRow) -> Result<PaymentRow, PaymentError> {
        let found = self.store.payment_get(row.id).await?;
        let vanished = || StoreError::Damaged(format!("payment {} vanished", row.id));
        Ok(found.ok_or_else(vanished)?)
    }

    /// Created → Authorized, or Failed with the reason.
    async fn authorize(&self, row: &PaymentRow) -> Result<Stepped, PaymentError> {
        let begin = Command::BeginPayment {
            reservation: row.reservation,
            payment: row.id,
            customer: row.user,
        };
        if let Err(rejection) = self.ask(row, Edge::Begin, begin).await? {
            self.refuse(row).await?;
            return Ok(Stepped::Somewhere(Some(rejection.into())));
        }
        self.crash_points.pass(row.id, Edge::Authorize, Side::Before)?;
        let authorized = self.store.payment_authorize(row, self.clock.now_ms()).await?;
        self.crash_points.pass(row.id, Edge::Authorize, Side::After)?;
        match authorized {
            Authorization::Authorized => {
                metrics::step(Edge::Authorize, "ok");
                Ok(Stepped::To(PaymentState::Authorized))
            }
            Authorization::InsufficientBalance => {
                metrics::step(Edge::Authorize, "refused");
                let _whether_it_was_in_progress = self.decline(row).await?;
                self.refuse(row).await?;
                Ok(Stepped::Somewhere(Some(PaymentError::InsufficientBalance)))
            }
            // Another driver ended it, perhaps before our begin arrived: the reservation must not
            // be left waiting for a payment that no driver makes.
            Authorization::Elsewhere(PaymentState::Failed | PaymentState::Voided) => {
                let _whether_it_was_in_progress = self.release(row).await?;
                Ok(Stepped::Somewhere(None))
            }
            Authorization::Elsewhere(_) => Ok(Stepped::Somewhere(None)),
        }
    }

    /// Authorized → Captured, with the row of the journal that confirms, or Voided with the reason.
    async fn confirm(&self, row: &PaymentRow) -> Result<Stepped, PaymentError> {
        let asked = match self.ask_to_confirm(row).await {
            Err(PaymentError::Unavailable(Unavailable::BadData)) => {
                return self.begin_again(row).await;
            }
            asked => asked?,
        };
        let rejection = match asked {
            Ok(committed) if confirms(&committed, row) => {
                return Ok(Stepped::To(PaymentState::Captured));
            }
            // The reservation was confirmed before: the payment's row records what has happened
            // since.
            Ok(_) => return Ok(Stepped::Somewhere(None)),
            Err(rejection) => rejection,
        };
        // A refusal alone does not end a payment: another driver may ask again a moment later and
        // be granted. Once the failure is in the journal, no driver is granted any more, so only
        // then may the money go back. If the failure is refused as well, the payment was confirmed
        // meanwhile, or was over before.
        if self.release(row).await?.is_err() && self.ask_to_confirm(row).await?.is_ok() {
            return Ok(Stepped::Somewhere(None));
        }
        if row.method.is_by_gateway() && !self.let_go(row).await? {
            return Ok(Stepped::Over(rejection.into()));
        }
        self.crash_points.pass(row.id, Edge::Void, Side::Before)?;
        if self.store.payment_void(row, self.clock.now_ms()).await? {
            metrics::step(Edge::Void, "ok");
            metrics::compensation(Edge::Void);
            tracing::info!(payment = %row.id, %rejection, "payment voided");
            if row.method == Method::Manual {
                self.store.payment_note_problem(row.id, BY_HAND).await?;
            }
        }
        self.crash_points.pass(row.id, Edge::Void, Side::After)?;
        Ok(Stepped::Somewhere(Some(rejection.into())))
    }

    /// Handles a confirmation that the database would not write. If the database has forgotten that
    /// the money is set aside (it crashed before that was durable, or another database took its
    /// place), the payment continues from the state in its row.
    async fn begin_again(&self, row: &PaymentRow) -> Result<Stepped, PaymentError> {
        let found = self.read(row).await?;
        if found.state == PaymentState::Authorized {
            // Another driver has set the money aside again meanwhile, or the cause is another one.
            return Err(Unavailable::BadData.into());
        }
        tracing::error!(payment = %row.id, state = found.state.as_str(),
            "the database has forgotten that the money is set aside: was a commit lost?");
        Ok(Stepped::Somewhere(None))
    }

    /// Asks the box office to confirm until the outcome is known: money is set aside, and an
    /// unknown outcome is no reason to give it back.
    pub(super) async fn ask_to_confirm(
        &self,
        row: &PaymentRow,
    ) -> Result<Result<Committed, Rejection>, PaymentError> {
        let confirm = Command::ConfirmPayment { reservation: row.reservation, payment: row.id };
        for _ in 1..CONFIRM_TRIES {
            match self.ask(row, Edge::Confirm, confirm.clone()).await {
                Err(PaymentError::Unavailable(
                    Unavailable::Busy | Unavailable::Recovering | Unavailable::OutcomeUnknown,
                )) => tokio::time::sleep(CONFIRM_PAUSE).await,
                done => return done,
            }
        }
        self.ask(row, Edge::Confirm, confirm).await
    }

    /// Notifies the box office that the payment failed. The box office may refuse: the payment is
    /// over, or is confirmed.
    pub(super) async fn release(
        &self,
        row: &PaymentRow,
    ) -> Result<Result<Committed, Rejection>, PaymentError> {
        let fail = Command::FailPayment { reservation: row.reservation, payment: row.id };
        self.ask(row, Edge::Fail, fail).await
    }

    /// As [`Self::release`], for a payment that has finally failed: where the event says so, the
    /// reservation is cancelled in the same transition. A driver that is interrupted afterwards leaves
    /// the payment's row to the recovery scan, which finds the reservation cancelled.
    pub(super) async fn decline(
        &self,
        row: &PaymentRow,
    ) -> Result<Result<Committed, Rejection>, PaymentError> {
        let event = self.store.event_get(row.offering).await?;
        let policy = event.map(|event| event.on_payment_failure).unwrap_or_default();
        let (reservation, payment) = (row.reservation, row.id);
        match policy {
            OnPaymentFailure::KeepOpen => self.release(row).await,
            OnPaymentFailure::Cancel => {
                self.ask(row, Edge::Fail, Command::FailAndCancel { reservation, payment }).await
            }
        }
    }

    /// Created → Failed, unless another driver has come further.
    pub(super) async fn refuse(&self, row: &PaymentRow) -> Result<(), PaymentError> {
        self.crash_points.pass(row.id, Edge::Refuse, Side::Before)?;
        let (from, to) = (&[PaymentState::Created][..], PaymentState::Failed);
        self.store.payment_advance(row.id, from, to, self.clock.now_ms()).await?;
        metrics::step(Edge::Refuse, "ok");
        self.crash_points.pass(row.id, Edge::Refuse, Side::After)
    }

    /// Submits a command. A refusal is an answer, everything else an error.
    pub(super) async fn ask(
        &self,
        row: &PaymentRow,
        edge: Edge,
        command: Command,
    ) -> Result<Result<Committed, Rejection>, PaymentError> {
        self.crash_points.pass(row.id, edge, Side::Before)?;
        // These commands are idempotent by payment id: for ever, and not only for 24 hours.
        let request = Request { command, idempotency: None };
        let answer = self.offices.submit(row.offering, request).await;
        self.crash_points.pass(row.id, edge, Side::After)?;
        match answer {
            Ok(committed) => {
                metrics::step(edge, "ok");
                Ok(Ok(committed))
            }
            Err(SubmitError::Rejected(rejection)) => {
                metrics::step(edge, "refused");
                Ok(Err(rejection))
            }
            Err(SubmitError::Unavailable(unavailable)) => {
                metrics::step(edge, "unavailable");
                Err(unavailable.into())
            }
        }
    }
}

/// True if this commit is the one that confirmed, and with that closed the payment.
fn confirms(committed: &Committed, row: &PaymentRow) -> bool {
    !committed.replayed && committed.transition.changes.iter().any(|change| {
        matches!(change, Change::ReservationConfirmed { payment, .. } if *payment == row.id)
    })
}

/// True if a gateway may have news of a payment that had ended.
fn is_to_look_again(row: &PaymentRow) -> bool {
    row.method.is_by_gateway() && row.next_try_at.is_some()
}

/// True if the journal has confirmed a payment whose gateway has not taken the money yet.
fn is_to_take(row: &PaymentRow) -> bool {
    row.method.is_by_gateway() && row.gateway.captured_at.is_none()
}

/// Returns the error for a payment that has ended. If another driver ended it, that driver knows the
/// reason; the row has the reason of a gateway.
fn ended(row: &PaymentRow) -> PaymentError {
    if let Some(reason) = &row.gateway.decline_reason {
        return PaymentError::Declined { reason: reason.clone() };
    }
    Rejection::WrongState { what: "payment".into(), state: "refused".into() }.into()
}

pub(super) fn outcome(row: PaymentRow) -> PaymentOutcome {
    let is_pending = match row.state {
        PaymentState::Created | PaymentState::Pending | PaymentState::Authorized => true,
        PaymentState::Captured
        | PaymentState::Failed
        | PaymentState::Voided
        | PaymentState::Refunded => false,
    };
    PaymentOutcome {
        payment: row.id,
        reservation: row.reservation,
        offering: row.offering,
        method: row.method,
        amount: row.amount,
        currency: row.currency,
        refunded: row.refunded,
        pending: is_pending.then_some(Waiting {
            redirect_url: row.gateway.redirect_url,
            deadline: row.gateway.deadline,
        }),
    }
}
