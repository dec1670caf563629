//! The cancellation of single tickets of a confirmed reservation. The reservation stays, its lines
//! contain only the places that are left, and the numbers of its tickets never shift: the n-th place
//! that is left belongs to the n-th ticket that is not cancelled.

use super::apply::{Applied, violation};
use super::cancelled::{CancelledTickets, bit};
use super::claim::{Claim, Reservation, State};
use super::decide::{Decided, ended};
use super::{Change, Inventory, Line, Minor, Rejection, Requester, ReservationId, Violation};
use crate::planted::{Bug, is_planted};

impl Inventory {
    pub(super) fn decide_cancel_tickets(
        &self,
        id: ReservationId,
        tickets: &[u8],
        amount: Option<Minor>,
        by: Requester,
    ) -> Decided {
        let (claim, reservation) = self.reservation_of(id, by)?;
        match reservation.state {
            State::Confirmed { .. } => {}
            State::Pending { .. } => {
                let (what, state) = ("reservation".into(), "not confirmed".into());
                return Err(Rejection::WrongState { what, state }.into());
            }
            other => return Err(ended(other).into()),
        }
        let cancelled = chosen(claim, reservation, tickets)?;
        let (stays, freed) = split(&claim.lines, reservation.cancelled.tickets, cancelled);
        let (price, left) = (price_of(&freed), refundable(claim, reservation));
        let refund = match (by, amount) {
            (Requester::Customer(_), Some(_)) => {
                let reason = "the amount of a refund is for administrators to name";
                return Err(Rejection::Invalid { reason: reason.into() }.into());
            }
            (Requester::Customer(_), None) => self.refund_of(price)?.min(left),
            (Requester::Admin, None) => price.min(left),
            (Requester::Admin, Some(amount)) if (0..=left).contains(&amount) => amount,
            (Requester::Admin, Some(_)) => {
                let reason = format!("refund must be 0 to {left}: that much of the price is left");
                return Err(Rejection::Invalid { reason: reason.into() }.into());
            }
        };
        if stays.is_empty() {
            return Ok(vec![cancelled_for(id, claim, reservation, refund)]);
        }
        Ok(vec![Change::TicketsCancelled { reservation: id, tickets: tickets.to_vec(), refund }])
    }

    /// A reservation, which must be the customer's own.
    pub(super) fn reservation_of(
        &self,
        id: ReservationId,
        by: Requester,
    ) -> Result<(&Claim, &Reservation), Rejection> {
        match by {
            Requester::Customer(customer) => self.own_reservation(id, customer),
            Requester::Admin => self.known_reservation(id).ok_or(Rejection::ReservationNotFound),
        }
    }

    pub(super) fn cancel_tickets(
        &mut self,
        id: ReservationId,
        tickets: &[u8],
        refund: Minor,
    ) -> Applied {
        let (slot, _) = self.reservation_mut(id)?;
        let Some((claim, reservation)) = self.claims.reservation(id) else {
            return violation(format!("no reservation {id}"));
        };
        let confirmed = matches!(reservation.state, State::Confirmed { .. });
        let Some(cancelled) = chosen(claim, reservation, tickets).ok().filter(|_| confirmed) else {
            return violation(format!("tickets {tickets:?} of {id} cannot be cancelled"));
        };
        let (stays, freed) = split(&claim.lines, reservation.cancelled.tickets, cancelled);
        if stays.is_empty() || !(0..=refundable(claim, reservation)).contains(&refund) {
            return violation(format!("{id} would have no place left, or more back than was paid"));
        }
        let before = reservation.cancelled;
        let (_, reservation) = self.reservation_mut(id)?;
        reservation.cancelled = CancelledTickets {
            tickets: before.tickets | cancelled,
            price: before.price.saturating_add(price_of(&freed)),
            refunded: before.refunded.saturating_add(refund),
        };
        let Some(claim) = self.claims.slab.get_mut(slot) else {
            return Err(Violation("no such claim".into()));
        };
        claim.lines = stays.into();
        self.free_lines(slot, &freed)
    }
}

/// The cancellation of a whole reservation at this refund. The change names the refund unless
/// that is the whole amount paid.
pub(super) fn cancelled_for(
    id: ReservationId,
    claim: &Claim,
    reservation: &Reservation,
    refund: Minor,
) -> Change {
    if reservation.cancelled == CancelledTickets::default() && refund == price_of(&claim.lines) {
        return Change::ReservationsCancelled { reservations: vec![id] };
    }
    Change::ReservationCancelledFor { reservation: id, refund }
}

/// The amount paid that has not been refunded.
pub(super) fn refundable(claim: &Claim, reservation: &Reservation) -> Minor {
    let CancelledTickets { price, refunded, .. } = reservation.cancelled;
    price_of(&claim.lines).saturating_add(price).saturating_sub(refunded).max(0)
}

/// Checks that these tickets can be cancelled; returns their bits.
fn chosen(claim: &Claim, reservation: &Reservation, tickets: &[u8]) -> Result<u64, Rejection> {
    let invalid = |reason: &'static str| Rejection::Invalid { reason: reason.into() };
    if tickets.is_empty() {
        return Err(invalid("at least one ticket must be named"));
    }
    let left: u32 = claim.lines.iter().map(|line| line.quantity).fold(0, u32::saturating_add);
    let all = left.saturating_add(reservation.cancelled.tickets.count_ones());
    let mut chosen = 0;
    for ticket in tickets {
        let bit = bit(u32::from(*ticket));
        if u32::from(*ticket) >= all || bit == 0 {
            return Err(Rejection::TicketNotFound);
        }
        if chosen & bit != 0 {
            return Err(invalid("a ticket is named twice"));
        }
        let is_cancelled = reservation.cancelled.tickets & bit != 0;
        if is_cancelled && !is_planted(Bug::TicketCancelledTwice) {
            let (what, state) = ("ticket".into(), "cancelled".into());
            return Err(Rejection::WrongState { what, state });
        }
        if reservation.checked_in & bit != 0 {
            return Err(Rejection::AlreadyCheckedIn);
        }
        chosen |= bit;
    }
    Ok(chosen)
}

/// Splits lines, which lack the places of tickets that are `gone`, into those that stay and those
/// of the tickets `cancelled`.
fn split(lines: &[Line], gone: u64, cancelled: u64) -> (Vec<Line>, Vec<Line>) {
    let (mut stays, mut freed) = (Vec::new(), Vec::new());
    let mut ticket = 0;
    for line in lines {
        let mut seats: [Vec<_>; 2] = Default::default();
        let mut quantities = [0; 2];
        for place in 0..line.quantity as usize {
            while gone & bit(ticket) != 0 {
                ticket += 1;
            }
            let side = usize::from(cancelled & bit(ticket) != 0);
            quantities[side] += 1;
            seats[side].extend(line.seats.get(place));
            ticket += 1;
        }
        let parts = [&mut stays, &mut freed].into_iter().zip(quantities).zip(seats);
        for ((part, quantity), seats) in parts.filter(|((_, quantity), _)| *quantity > 0) {
            part.push(Line { quantity, seats: seats.into(), ..line.clone() });
        }
    }
    (stays, freed)
}

/// The total price of lines.
pub(super) fn price_of(lines: &[Line]) -> Minor {
    let of = |line: &Line| line.unit_price.saturating_mul(i64::from(line.quantity));
    lines.iter().map(of).fold(0, i64::saturating_add)
}
