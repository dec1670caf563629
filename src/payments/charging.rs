//! The steps of a payment that a gateway makes. An answer of the gateway that is in doubt changes
//! nothing: the scan looks again until the outcome is known. What the gateway has noted is compared
//! with what was asked, and a payment of another amount is parked.

use super::crash_points::{Edge, Side};
use super::gateway::{
    Charge, ChargeAnswer, ChargeStatus, GatewayError, GivenBack, PaymentGateway, Refund, Void,
};
use super::saga::Stepped;
use super::{Method, PaymentError, Payments, metrics};
use crate::inventory::{Change, Command, Rejection, TimestampMs};
use crate::payments::error::interrupted;
use crate::store::{PaymentMethod, PaymentRow, PaymentState, ReservationState};

/// How long after its pay window a payment waits for a success, which takes the places again if they
/// are free. Much longer, and another customer's money is more likely to have them.
const LATE_MS: i64 = 15 * 60_000;

/// The shortest pause between two looks.
const FIRST_LOOK_MS: i64 = 1_000;
/// How the problem begins that a gateway's refusal is.
pub(super) const REFUSES: &str = "the gateway refuses to";
/// The reason of a payment that was given up.
const TOO_LATE: &str = "not_paid_in_time";
/// The reason of a payment whose order was cancelled.
pub(super) const ORDER_CANCELLED: &str = "order_cancelled";

/// Returns how long after the pay window a gateway may take; `None` where the window itself moves.
pub(super) fn grace_ms(method: Method) -> Option<i64> {
    match method {
        Method::Wallet | Method::Demo | Method::Manual => None,
        Method::Simulator | Method::Stripe => Some(LATE_MS),
    }
}

impl Payments {
    /// Created → Pending, or Failed with the reason.
    pub(super) async fn begin_at_gateway(&self, row: &PaymentRow) -> Result<Stepped, PaymentError> {
        let begin = Command::BeginPayment {
            reservation: row.reservation,
            payment: row.id,
            customer: row.user,
        };
        if let Err(rejection) = self.ask(row, Edge::Begin, begin).await? {
            self.refuse(row).await?;
            return Ok(Stepped::Somewhere(Some(rejection.into())));
        }
        let deadline = match self.deadline(row).await? {
            Ok(deadline) => deadline,
            Err(rejection) => {
                let _whether_it_was_in_progress = self.release(row).await?;
                self.refuse(row).await?;
                return Ok(Stepped::Somewhere(Some(rejection.into())));
            }
        };
        self.crash_points.pass(row.id, Edge::Await, Side::Before)?;
        let now = self.clock.now_ms();
        let is_first = self.store.payment_to_gateway(row.id, deadline, now).await?;
        self.crash_points.pass(row.id, Edge::Await, Side::After)?;
        if is_first {
            let mut written = row.clone();
            (written.state, written.updated_at) = (PaymentState::Pending, now);
            written.gateway.deadline = Some(deadline);
            return Ok(Stepped::As(Box::new(written)));
        }
        let has_ended = |state| matches!(state, PaymentState::Failed | PaymentState::Voided);
        if has_ended(self.read(row).await?.state) {
            // Another driver ended it, perhaps before our begin arrived: the reservation must not be
            // left waiting for a payment that no driver makes.
            let _whether_it_was_in_progress = self.release(row).await?;
        }
        Ok(Stepped::Somewhere(None))
    }

    /// Returns until when the gateway may take. Where that is people, the pay window is deferred to it.
    async fn deadline(
        &self,
        row: &PaymentRow,
    ) -> Result<Result<TimestampMs, Rejection>, PaymentError> {
        let now = self.clock.now_ms();
        if row.method == PaymentMethod::Manual {
            let wait = i64::try_from(self.manual_deadline.as_millis()).unwrap_or(i64::MAX);
            return self.defer(row, now.saturating_add(wait)).await;
        }
        if let Some(deadline) = row.gateway.deadline {
            return Ok(Ok(deadline));
        }
        // A payment that was not begun in a group.
        let found = self.store.reservation_get(row.reservation).await?;
        let pay_by = found.map_or(now, |reservation| reservation.pay_by);
        Ok(Ok(pay_by.max(now).saturating_add(LATE_MS)))
    }

    /// Keeps the pay window open until then, or until the sale ends; returns its new end.
    async fn defer(
        &self,
        row: &PaymentRow,
        until: TimestampMs,
    ) -> Result<Result<TimestampMs, Rejection>, PaymentError> {
        let (reservation, payment) = (row.reservation, row.id);
        let command = Command::DeferPayment { reservation, payment, until };
        let deferred = self.ask(row, Edge::Defer, command).await?;
        Ok(deferred.map(|committed| {
            let ends = committed.transition.changes.iter().find_map(|change| match change {
                Change::PaymentDeferred { pay_by, .. } => Some(*pay_by),
                _ => None,
            });
            ends.unwrap_or(until)
        }))
    }

    /// Pending → Authorized, or Failed with the reason, or on with waiting.
    pub(super) async fn charge(&self, row: &PaymentRow) -> Result<Stepped, PaymentError> {
        let Some(gateway) = self.gateway(row.method) else {
            tracing::error!(payment = %row.id, method = row.method.as_str(),
                "a payment waits for a gateway that is not set up any more");
            return Ok(Stepped::Waits);
        };
        if row.gateway.problem.is_some() {
            return Ok(Stepped::Waits);
        }
        let answer = match self.start_or_look(gateway, row).await? {
            Ok(answer) => answer,
            Err(GatewayError::Refused(why)) => {
                tracing::error!(payment = %row.id, why, "the gateway refused to charge");
                return self.end_unpaid(row, "refused_by_gateway").await;
            }
            Err(GatewayError::InDoubt(why)) => {
                tracing::debug!(payment = %row.id, why, "a charge is in doubt");
                self.store.payment_is_unwatched(row.id, self.clock.now_ms()).await?;
                return Ok(Stepped::Waits);
            }
        };
        match &answer.status {
            // It may have been made only now, since no earlier answer came: it is too late for that.
            ChargeStatus::Authorized if self.is_unseen_and_late(row) => {
                self.wait(gateway, row, &answer).await
            }
            ChargeStatus::Authorized | ChargeStatus::Captured => self.set_aside(row, &answer).await,
            ChargeStatus::Declined { reason } => self.end_unpaid(row, reason).await,
            ChargeStatus::Voided => self.end_unpaid(row, "cancelled_at_gateway").await,
            ChargeStatus::Pending | ChargeStatus::Unknown => self.wait(gateway, row, &answer).await,
        }
    }

    async fn start_or_look(
        &self,
        gateway: &dyn PaymentGateway,
        row: &PaymentRow,
    ) -> Result<Result<ChargeAnswer, GatewayError>, PaymentError> {
        let charge = charge_of(row);
        let is_first = row.gateway.reference.is_none() && row.attempts == 0;
        let is_first = is_first && !self.is_unseen_and_late(row);
        if !is_first {
            self.crash_points.pass(row.id, Edge::Look, Side::Before)?;
            let found = gateway.look(&charge).await;
            self.crash_points.pass(row.id, Edge::Look, Side::After)?;
            count(row.method, Edge::Look, &found);
            let is_unknown = |answer: &ChargeAnswer| answer.status == ChargeStatus::Unknown;
            if !found.as_ref().is_ok_and(is_unknown) || self.is_unseen_and_late(row) {
                return Ok(found);
            }
        }
        self.crash_points.pass(row.id, Edge::Start, Side::Before)?;
        let started = gateway.start(&charge).await;
        self.crash_points.pass(row.id, Edge::Start, Side::After)?;
        count(row.method, Edge::Start, &started);
        Ok(started)
    }

    /// True of a charge that the gateway never told of, and that must not begin any more.
    fn is_unseen_and_late(&self, row: &PaymentRow) -> bool {
        let is_late = row.gateway.deadline.is_none_or(|deadline| self.clock.now_ms() >= deadline);
        row.gateway.reference.is_none() && is_late
    }

    async fn set_aside(
        &self,
        row: &PaymentRow,
        answer: &ChargeAnswer,
    ) -> Result<Stepped, PaymentError> {
        let now = self.clock.now_ms();
        if (answer.amount, &answer.currency) != (row.amount, &row.currency) {
            let problem = format!(
                "the gateway has {} {}, and {} {} were asked for",
                answer.amount, answer.currency, row.amount, row.currency
            );
            tracing::error!(payment = %row.id, problem, "a payment is parked");
            self.store.payment_park(row.id, &problem, now).await?;
            return Ok(Stepped::Waits);
        }
        self.crash_points.pass(row.id, Edge::Authorize, Side::Before)?;
        let times = (now + self.timeout_ms(), now);
        let reference = answer.reference.as_deref();
        let is_first = self.store.payment_set_aside(row.id, reference, times).await?;
        self.crash_points.pass(row.id, Edge::Authorize, Side::After)?;
        if !is_first {
            return Ok(Stepped::Somewhere(None));
        }
        metrics::step(Edge::Authorize, "ok");
        let mut written = row.clone();
        (written.state, written.updated_at) = (PaymentState::Authorized, now);
        written.next_try_at = Some(times.0);
        written.gateway.redirect_url = None;
        if let Some(reference) = answer.reference.clone() {
            written.gateway.reference = Some(reference);
        }
        Ok(Stepped::As(Box::new(written)))
    }

    /// Pending → Failed. The box office is notified first: after that no driver is granted the
    /// confirmation any more.
    pub(super) async fn end_unpaid(
        &self,
        row: &PaymentRow,
        reason: &str,
    ) -> Result<Stepped, PaymentError> {
        let _whether_it_was_in_progress = self.decline(row).await?;
        self.refuse_pending(row, reason).await?;
        let reason = reason.to_owned();
        Ok(Stepped::Somewhere(Some(PaymentError::Declined { reason })))
    }

    /// Records the end of a payment that waited, of which the box office knows.
    pub(super) async fn refuse_pending(
        &self,
        row: &PaymentRow,
        reason: &str,
    ) -> Result<(), PaymentError> {
        self.crash_points.pass(row.id, Edge::Refuse, Side::Before)?;
        self.store.payment_decline(row.id, reason, self.clock.now_ms()).await?;
        metrics::step(Edge::Refuse, "ok");
        self.crash_points.pass(row.id, Edge::Refuse, Side::After)
    }

    /// Leaves the gateway to its work until the next look, or lets the charge go after the deadline.
    async fn wait(
        &self,
        gateway: &dyn PaymentGateway,
        row: &PaymentRow,
        answer: &ChargeAnswer,
    ) -> Result<Stepped, PaymentError> {
        let now = self.clock.now_ms();
        let deadline = row.gateway.deadline.unwrap_or(now);
        let is_cancelled = self.is_cancelled(row).await?;
        if now >= deadline || is_cancelled {
            let reason = if is_cancelled { ORDER_CANCELLED } else { TOO_LATE };
            // The reservation of a manual payment expires with it, and remembers it: the places are taken
            // again if the money comes and they are free. Of others the journal knows first, so that no
            // driver is granted the confirmation while the charge is let go.
            if row.method != PaymentMethod::Manual {
                let _whether_it_was_in_progress = self.decline(row).await?;
                if self.read(row).await?.state != PaymentState::Pending {
                    return Ok(Stepped::Somewhere(None));
                }
            }
            return match self.void_at(gateway, row).await? {
                Ok(Void::Done) => {
                    self.refuse_pending(row, reason).await?;
                    let reason = reason.to_owned();
                    Ok(Stepped::Somewhere(Some(PaymentError::Declined { reason })))
                }
                Ok(Void::Captured) => self.set_aside(row, answer).await,
                Err(error) => {
                    tracing::warn!(payment = %row.id, %error, "a late charge is not let go yet");
                    Ok(Stepped::Waits)
                }
            };
        }
        // Looks become rarer with the age of the payment: its news come by notification.
        let age = now.saturating_sub(row.created_at);
        let pause = match gateway.look_after_ms() {
            Some(longest) => (age / 4).clamp(FIRST_LOOK_MS, longest),
            None => i64::MAX,
        };
        let ask_at = now.saturating_add(pause).min(deadline);
        let (reference, redirect) = (answer.reference.as_deref(), answer.redirect_url.as_deref());
        self.store.payment_waits(row.id, reference, redirect, (ask_at, now)).await?;
        Ok(Stepped::Waits)
    }

    /// True of a payment whose event was cancelled, or whose customer gave the order up.
    async fn is_cancelled(&self, row: &PaymentRow) -> Result<bool, PaymentError> {
        let found = self.store.reservation_get(row.reservation).await?;
        Ok(found.is_some_and(|found| found.state == ReservationState::Cancelled))
    }

    async fn void_at(
        &self,
        gateway: &dyn PaymentGateway,
        row: &PaymentRow,
    ) -> Result<Result<Void, GatewayError>, PaymentError> {
        self.crash_points.pass(row.id, Edge::LetGo, Side::Before)?;
        let done = gateway.void(&charge_of(row)).await;
        self.crash_points.pass(row.id, Edge::LetGo, Side::After)?;
        count(row.method, Edge::LetGo, &done);
        Ok(done)
    }

    /// Lets money go that was set aside for a reservation that is not to be had any more; returns
    /// false if that is not known to be done.
    pub(super) async fn let_go(&self, row: &PaymentRow) -> Result<bool, PaymentError> {
        let gateway = self.gateway(row.method).ok_or_else(interrupted)?;
        match self.void_at(gateway, row).await? {
            Ok(Void::Done) => Ok(true),
            Ok(Void::Captured) => self.give_back_taken(gateway, row).await,
            Err(error) => self.in_vain(row, "let the money go", &error).await,
        }
    }

    /// Notes what the gateway would not do; the scan tries again.
    async fn in_vain(
        &self,
        row: &PaymentRow,
        what: &str,
        error: &GatewayError,
    ) -> Result<bool, PaymentError> {
        match error {
            GatewayError::InDoubt(why) => {
                tracing::debug!(payment = %row.id, what, why, "the gateway is in doubt");
            }
            GatewayError::Refused(why) => {
                tracing::error!(payment = %row.id, what, why, "the gateway refuses");
                let problem = format!("{REFUSES} {what}: {why}");
                self.store.payment_note_problem(row.id, &problem).await?;
            }
        }
        Ok(false)
    }

    /// Takes the money of a payment that the journal has confirmed. Refunds wait for it.
    pub(super) async fn take(&self, row: &PaymentRow) -> Result<Stepped, PaymentError> {
        let Some(gateway) = self.gateway(row.method) else {
            tracing::error!(payment = %row.id, method = row.method.as_str(),
                "money is to be taken by a gateway that is not set up any more");
            return Ok(Stepped::Confirmed);
        };
        self.crash_points.pass(row.id, Edge::Capture, Side::Before)?;
        let taken = gateway.capture(&charge_of(row)).await;
        self.crash_points.pass(row.id, Edge::Capture, Side::After)?;
        count(row.method, Edge::Capture, &taken);
        if let Err(error) = taken {
            self.in_vain(row, "take the money", &error).await?;
            return Ok(Stepped::Confirmed);
        }
        self.crash_points.pass(row.id, Edge::Taken, Side::Before)?;
        self.store.payment_taken(row.id, self.clock.now_ms()).await?;
        self.crash_points.pass(row.id, Edge::Taken, Side::After)?;
        metrics::step(Edge::Taken, "ok");
        Ok(Stepped::Confirmed)
    }

    /// Gives the money of a payment back that the gateway took although the reservation was not
    /// confirmed; false if that is not known to be done.
    async fn give_back_taken(
        &self,
        gateway: &dyn PaymentGateway,
        row: &PaymentRow,
    ) -> Result<bool, PaymentError> {
        let refund = Refund {
            // The journal calls for no refund, so its id is the payment's.
            id: row.id.0,
            retries: 0,
            payment: row.id,
            reference: row.gateway.reference.clone(),
            amount: row.amount,
            currency: row.currency.clone(),
        };
        match self.ask_back((row.method, gateway), &refund).await? {
            Ok(GivenBack::Done) => Ok(true),
            Ok(GivenBack::Pending) => Ok(false),
            Err(error) => self.in_vain(row, "give the money back", &error).await,
        }
    }

    pub(super) async fn ask_back(
        &self,
        (method, gateway): (Method, &dyn PaymentGateway),
        refund: &Refund,
    ) -> Result<Result<GivenBack, GatewayError>, PaymentError> {
        self.crash_points.pass(refund.payment, Edge::AskRefund, Side::Before)?;
        let given = gateway.refund(refund).await;
        self.crash_points.pass(refund.payment, Edge::AskRefund, Side::After)?;
        count(method, Edge::AskRefund, &given);
        Ok(given)
    }

    /// Looks whether a payment that had ended has money at the gateway after all. If it has, the
    /// payment goes on as if the money were just set aside: it is confirmed, or the money goes back.
    pub(super) async fn look_again(&self, row: &PaymentRow) -> Result<Stepped, PaymentError> {
        let gateway = self.gateway(row.method).ok_or_else(interrupted)?;
        self.crash_points.pass(row.id, Edge::Look, Side::Before)?;
        let found = gateway.look(&charge_of(row)).await;
        self.crash_points.pass(row.id, Edge::Look, Side::After)?;
        count(row.method, Edge::Look, &found);
        let answer = found.map_err(|error| {
            tracing::debug!(payment = %row.id, %error, "an ended payment is in doubt");
            interrupted()
        })?;
        match answer.status {
            ChargeStatus::Authorized | ChargeStatus::Captured => {
                let stepped = self.set_aside(row, &answer).await?;
                match stepped {
                    Stepped::Waits => self.over(row).await,
                    stepped => Ok(stepped),
                }
            }
            // It may come yet, so it must not.
            ChargeStatus::Pending => match self.void_at(gateway, row).await? {
                Ok(Void::Done) => self.over(row).await,
                Ok(Void::Captured) | Err(_) => Err(interrupted()),
            },
            ChargeStatus::Unknown | ChargeStatus::Declined { .. } | ChargeStatus::Voided => {
                self.over(row).await
            }
        }
    }

    async fn over(&self, row: &PaymentRow) -> Result<Stepped, PaymentError> {
        self.store.payment_rest(row.id, self.clock.now_ms()).await?;
        Ok(Stepped::Somewhere(None))
    }
}

fn count<T>(method: Method, edge: Edge, answer: &Result<T, GatewayError>) {
    let outcome = match answer {
        Ok(_) => "ok",
        Err(GatewayError::Refused(_)) => "refused",
        Err(GatewayError::InDoubt(_)) => "unavailable",
    };
    metrics::gateway_call(method, edge, outcome);
}

fn charge_of(row: &PaymentRow) -> Charge {
    Charge {
        payment: row.id,
        reference: row.gateway.reference.clone(),
        amount: row.amount,
        currency: row.currency.clone(),
        return_url: row.gateway.return_url.clone(),
        options: row.gateway.options.clone(),
        deadline: row.gateway.deadline.unwrap_or(row.created_at),
    }
}
