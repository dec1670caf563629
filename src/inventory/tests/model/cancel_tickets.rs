//! The naive model's cancellation of single tickets: a list of all tickets ever bought, with those
//! that are gone struck out.

use super::*;

/// A ticket's product, price and seat.
type Ticket = (Line, Option<SeatId>);

impl Claim {
    /// All tickets, cancelled ones included, in the order of their numbers.
    pub(super) fn tickets(&self) -> Vec<Ticket> {
        let lines = if self.gone.is_empty() { &self.lines } else { &self.bought };
        let of = |line: &Line| -> Vec<Ticket> {
            let seat = |nth: u32| line.seats.get(nth as usize).copied();
            (0..line.quantity).map(|nth| (line.clone(), seat(nth))).collect()
        };
        lines.iter().flat_map(of).collect()
    }

    /// The price of the places that are left.
    pub(super) fn worth(&self) -> i64 {
        self.lines.iter().map(|line| line.unit_price * i64::from(line.quantity)).sum()
    }

    /// The part of the price paid that is not refunded.
    pub(super) fn left(&self) -> i64 {
        self.tickets().iter().map(|(line, _)| line.unit_price).sum::<i64>() - self.refunded
    }

    pub(super) fn ends_for(&self, id: ReservationId, refund: i64) -> Change {
        if self.gone.is_empty() && refund == self.worth() {
            return Change::ReservationsCancelled { reservations: vec![id] };
        }
        Change::ReservationCancelledFor { reservation: id, refund }
    }
}

impl Model {
    pub(super) fn cancel_some(
        &self,
        claim: &Claim,
        (id, used): (ReservationId, &[u8]),
        (tickets, amount): (&[u8], Option<i64>),
        by: Requester,
    ) -> Answer {
        let all = claim.tickets();
        if tickets.is_empty() {
            return Ok(vec![invalid()?]);
        }
        let mut price = 0;
        for (nth, ticket) in tickets.iter().enumerate() {
            let Some((line, _)) = all.get(usize::from(*ticket)) else {
                return Err(Rejection::TicketNotFound.into());
            };
            if tickets[..nth].contains(ticket) {
                return Ok(vec![invalid()?]);
            }
            if claim.gone.contains(ticket) {
                return Err(wrong().into());
            }
            if used.contains(ticket) {
                return Err(Rejection::AlreadyCheckedIn.into());
            }
            price += line.unit_price;
        }
        let refund = match (by, amount) {
            (Requester::Customer(_), None) => self.comes_back(price)?.min(claim.left()),
            (Requester::Admin, None) => price.min(claim.left()),
            (Requester::Admin, Some(amount)) if amount >= 0 && amount <= claim.left() => amount,
            _ => return Ok(vec![invalid()?]),
        };
        if tickets.len() + claim.gone.len() == all.len() {
            return Ok(vec![claim.ends_for(id, refund)]);
        }
        let tickets = tickets.to_vec();
        Ok(vec![Change::TicketsCancelled { reservation: id, tickets, refund }])
    }

    pub(super) fn tickets_cancelled(&mut self, id: ReservationId, tickets: &[u8], refund: i64) {
        let at = self.find_reservation(id).unwrap();
        let claim = &mut self.claims[at];
        let all = claim.tickets();
        if claim.gone.is_empty() {
            claim.bought = claim.lines.clone();
        }
        claim.gone.extend(tickets);
        claim.refunded += refund;
        // Each line anew, from the tickets that are left of it.
        let (mut nth, mut lines) = (0, Vec::new());
        for line in &claim.bought {
            let of_line = nth..nth + line.quantity as usize;
            nth = of_line.end;
            let left =
                of_line.filter(|ticket| !claim.gone.contains(&u8::try_from(*ticket).unwrap()));
            let left: Vec<usize> = left.collect();
            if left.is_empty() {
                continue;
            }
            let quantity = u32::try_from(left.len()).unwrap();
            let seats = left.iter().filter_map(|ticket| all[*ticket].1).collect();
            lines.push(Line { quantity, seats, ..line.clone() });
        }
        claim.lines = lines;
        let freed: Vec<SeatId> =
            tickets.iter().filter_map(|ticket| all[usize::from(*ticket)].1).collect();
        self.set_seats(&freed, SeatStatus::Available);
    }
}
