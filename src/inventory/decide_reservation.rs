//! Decides the cancellation of a reservation, and the check-in of its tickets.

use super::claim::{Claim, Reservation, State};
use super::decide::{Decided, ended};
use super::terms::{CancellationPolicy, share_of};
use super::validate::bad_name;
use super::{Change, Inventory, Minor, Rejection, Requester, ReservationId, TimestampMs};

impl Inventory {
    pub(super) fn decide_cancel_reservation(&self, id: ReservationId, by: Requester) -> Decided {
        let (claim, reservation) = match by {
            Requester::Customer(customer) => self.own_reservation(id, customer)?,
            Requester::Admin => self.known_reservation(id).ok_or(Rejection::ReservationNotFound)?,
        };
        let cancelled = Change::ReservationsCancelled { reservations: vec![id] };
        match reservation.state {
            State::Pending { payment: Some(_), .. } => Err(Rejection::PaymentInProgress.into()),
            State::Pending { payment: None, .. } => Ok(vec![cancelled]),
            State::Confirmed { .. } if reservation.checked_in != 0 => {
                Err(Rejection::AlreadyCheckedIn.into())
            }
            State::Confirmed { .. } => match by {
                Requester::Admin => Ok(vec![cancelled]),
                Requester::Customer(_) => {
                    let paid = price(claim);
                    let refund = self.refund_of(paid)?;
                    if refund == paid {
                        return Ok(vec![cancelled]);
                    }
                    Ok(vec![Change::ReservationCancelledFor { reservation: id, refund }])
                }
            },
            other => Err(ended(other).into()),
        }
    }

    /// The refund of a price when the customer cancels now.
    fn refund_of(&self, paid: Minor) -> Result<Minor, Rejection> {
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
        let tickets: u32 = claim.lines.iter().map(|line| line.quantity).sum();
        if u32::from(ticket) >= tickets {
            return Err(Rejection::TicketNotFound);
        }
        Ok(reservation)
    }
}

/// The total price of a claim.
fn price(claim: &Claim) -> Minor {
    let of = |line: &super::Line| line.unit_price.saturating_mul(i64::from(line.quantity));
    claim.lines.iter().map(of).fold(0, i64::saturating_add)
}
