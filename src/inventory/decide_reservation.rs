//! Decides the cancellation of a whole reservation, and the check-in of its tickets.

use super::cancel_tickets::{cancelled_for, price_of, refundable};
use super::cancelled::bit;
use super::claim::{Reservation, State};
use super::decide::{Decided, ended};
use super::terms::{CancellationPolicy, share_of};
use super::validate::bad_name;
use super::{Change, Inventory, Minor, Rejection, Requester, ReservationId, TimestampMs};
use crate::ids::PaymentId;

impl Inventory {
    pub(super) fn decide_cancel_reservation(&self, id: ReservationId, by: Requester) -> Decided {
        let (claim, reservation) = self.reservation_of(id, by)?;
        match reservation.state {
            State::Pending { payment: Some(_), .. } => Err(Rejection::PaymentInProgress.into()),
            State::Pending { payment: None, .. } => {
                Ok(vec![Change::ReservationsCancelled { reservations: vec![id] }])
            }
            State::Confirmed { .. } if reservation.checked_in != 0 => {
                Err(Rejection::AlreadyCheckedIn.into())
            }
            State::Confirmed { .. } => {
                let price = price_of(&claim.lines);
                let refund = match by {
                    Requester::Admin => price,
                    Requester::Customer(_) => self.refund_of(price)?,
                };
                let refund = refund.min(refundable(claim, reservation));
                Ok(vec![cancelled_for(id, claim, reservation, refund)])
            }
            other => Err(ended(other).into()),
        }
    }

    /// A reservation that has expired has nothing left to cancel.
    pub(super) fn decide_fail_and_cancel(&self, id: ReservationId, payment: PaymentId) -> Decided {
        let mut changes = self.decide_fail_payment(id, payment)?;
        let found = self.known_reservation(id);
        if found.is_some_and(|(_, found)| matches!(found.state, State::Pending { .. })) {
            changes.push(Change::ReservationsCancelled { reservations: vec![id] });
        }
        Ok(changes)
    }

    /// The refund of a price when the customer cancels now.
    pub(super) fn refund_of(&self, paid: Minor) -> Result<Minor, Rejection> {
        let refused = |until| Rejection::CancellationRefused { until };
        let CancellationPolicy::Until { refund_percent, .. } = self.cancellation else {
            return Err(refused(None));
        };
        match self.cancellable_until() {
            Some(until) if self.now >= until => Err(refused(Some(until))),
            Some(_) | None => Ok(share_of(paid, refund_percent)),
        }
    }

    /// The first instant from which customers can no longer cancel paid reservations, if there is
    /// one.
    fn cancellable_until(&self) -> Option<TimestampMs> {
        let until = match self.cancellation {
            CancellationPolicy::Never => None,
            CancellationPolicy::Until { until, .. } => until,
        };
        let starts_at = self.times.map(|times| times.starts_at);
        [until, starts_at].into_iter().flatten().min()
    }

    pub(super) fn decide_check_in(
        &self,
        id: ReservationId,
        ticket: u8,
        gate: Option<&String>,
    ) -> Decided {
        let reservation = self.with_ticket(id, ticket)?;
        if reservation.checked_in & (1 << ticket) != 0 {
            return Err(Rejection::AlreadyCheckedIn.into());
        }
        let Some(gate) = gate.cloned() else {
            return Ok(vec![Change::CheckedIn { reservation: id, ticket }]);
        };
        if let Some(problem) = bad_name(&gate) {
            return Err(Rejection::Invalid { reason: format!("gate {problem}").into() }.into());
        }
        Ok(vec![Change::CheckedInAtGate { reservation: id, ticket, gate }])
    }

    pub(super) fn decide_undo_check_in(&self, id: ReservationId, ticket: u8) -> Decided {
        let reservation = self.with_ticket(id, ticket)?;
        if reservation.checked_in & (1 << ticket) == 0 {
            let (what, state) = ("ticket".into(), "not checked in".into());
            return Err(Rejection::WrongState { what, state }.into());
        }
        Ok(vec![Change::CheckInUndone { reservation: id, ticket }])
    }

    /// A confirmed reservation that has this ticket.
    fn with_ticket(&self, id: ReservationId, ticket: u8) -> Result<&Reservation, Rejection> {
        let (claim, reservation) = self.known_reservation(id).ok_or(Rejection::TicketNotFound)?;
        match reservation.state {
            State::Confirmed { .. } => {}
            State::Pending { .. } => return Err(Rejection::TicketNotFound),
            State::Expired { .. } | State::Cancelled { .. } => {
                let (what, state) = ("ticket".into(), "void".into());
                return Err(Rejection::WrongState { what, state });
            }
        }
        let left: u32 = claim.lines.iter().map(|line| line.quantity).sum();
        let cancelled = reservation.cancelled.tickets;
        if u32::from(ticket) >= left + cancelled.count_ones() {
            return Err(Rejection::TicketNotFound);
        }
        if cancelled & bit(u32::from(ticket)) != 0 {
            let (what, state) = ("ticket".into(), "void".into());
            return Err(Rejection::WrongState { what, state });
        }
        Ok(reservation)
    }
}
