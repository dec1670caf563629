//! Folds the claims of holds and reservations, and their places.

use uuid::Uuid;

use admitone::ids::{SeatId, UserId};
use admitone::inventory::{Line, TimestampMs};
use admitone::journal::Row;

use super::{Claim, Replay, State};

impl Replay {
    pub(super) fn claim(
        &mut self,
        row: &Row,
        id: Uuid,
        customer: UserId,
        lines: Vec<Line>,
        state: State,
        deadline: TimestampMs,
    ) {
        if self.claims.contains_key(&id) {
            self.wrong(row, format!("{id} was placed twice"));
            return;
        }
        self.occupy(row, id, &lines);
        let claim = Claim { customer, lines, state, deadline };
        self.claims.insert(id, claim);
        *self.open_claims.entry(customer).or_default() += 1;
    }

    /// A claim of the customer is paid for, or over.
    fn close_claim(&mut self, customer: UserId) {
        if let Some(open) = self.open_claims.get_mut(&customer) {
            *open = open.saturating_sub(1);
        }
    }

    /// Gives a hold other places; its deadline does not move.
    pub(super) fn replace(&mut self, row: &Row, id: Uuid, lines: Vec<Line>, deadline: TimestampMs) {
        let Some(claim) = self.claims.get_mut(&id) else {
            return self.wrong(row, format!("{id} was changed and was never placed"));
        };
        let (customer, state, before) = (claim.customer, claim.state, claim.deadline);
        if before != deadline || lines.is_empty() {
            self.wrong(row, format!("{id} has another deadline after its change, or no places"));
        }
        self.free(row, id, &[State::Held]);
        self.occupy(row, id, &lines);
        if state == State::Held {
            *self.open_claims.entry(customer).or_default() += 1;
            self.claims.insert(id, Claim { customer, lines, state, deadline });
        }
    }

    /// Moves a claim's places from free to held.
    fn occupy(&mut self, row: &Row, id: Uuid, lines: &[Line]) {
        for line in lines {
            for SeatId(seat) in &line.seats {
                if let Some(other) = self.seats.insert(*seat, id) {
                    self.wrong(row, format!("seat {seat} was given to {id}, but {other} has it"));
                }
                if self.seat_products.get(*seat as usize) != Some(&line.product) {
                    self.wrong(row, format!("seat {seat} of {id} is none of that product"));
                }
            }
            if !line.seats.is_empty() && line.seats.len() != line.quantity as usize {
                self.wrong(row, format!("{id} has another number of seats than of places"));
            }
            let Some(counts) = self.products.get_mut(line.product.index()) else {
                self.wrong(row, format!("{id} is of a product that does not exist"));
                continue;
            };
            counts.available -= i64::from(line.quantity);
            counts.held += i64::from(line.quantity);
            if counts.available < 0 {
                self.wrong(row, format!("{id} was given more places than there were"));
            }
        }
    }

    pub(super) fn hold_of(&mut self, row: &Row, reservation: Uuid) -> Option<Uuid> {
        let hold = self.reservations.get(&reservation).copied();
        if hold.is_none() {
            self.wrong(row, format!("reservation {reservation} was never made"));
        }
        hold
    }

    /// Moves a claim to another state; it keeps its places.
    pub(super) fn step(&mut self, row: &Row, id: Uuid, from: &[State], to: State) {
        let Some(claim) = self.claims.get_mut(&id) else {
            return self.wrong(row, format!("{id} was never placed"));
        };
        let was = claim.state;
        claim.state = to;
        let lines = if to == State::Sold { claim.lines.clone() } else { Vec::new() };
        let customer = claim.customer;
        if to == State::Sold {
            self.close_claim(customer);
        }
        if !from.contains(&was) {
            self.wrong(row, format!("{id} went from {was:?} to {to:?}"));
        }
        for line in lines {
            let counts = &mut self.products[line.product.index()];
            counts.held -= i64::from(line.quantity);
            counts.sold += i64::from(line.quantity);
        }
    }

    /// Ends a claim and frees its places.
    pub(super) fn free(&mut self, row: &Row, id: Uuid, from: &[State]) {
        let Some(claim) = self.claims.get_mut(&id) else {
            return self.wrong(row, format!("{id} ended and was never placed"));
        };
        let was = claim.state;
        let was_sold = was == State::Sold;
        claim.state = State::Ended { was_sold };
        let (lines, customer) = (claim.lines.clone(), claim.customer);
        if !was_sold {
            self.close_claim(customer);
        }
        if !from.contains(&was) {
            self.wrong(row, format!("{id} ended as {was:?}"));
        }
        for line in lines {
            for SeatId(seat) in &line.seats {
                if self.seats.remove(seat) != Some(id) {
                    self.wrong(row, format!("seat {seat} was freed by {id}, which had it not"));
                }
            }
            let counts = &mut self.products[line.product.index()];
            counts.available += i64::from(line.quantity);
            *(if was_sold { &mut counts.sold } else { &mut counts.held }) -=
                i64::from(line.quantity);
        }
    }

    /// Lets an expired reservation take its places again.
    pub(super) fn revive(&mut self, row: &Row, reservation: Uuid) {
        let Some(hold) = self.hold_of(row, reservation) else { return };
        let Some(claim) = self.claims.get_mut(&hold) else { return };
        if claim.state != (State::Ended { was_sold: false }) {
            let state = claim.state;
            self.wrong(row, format!("{hold} was revived as {state:?}"));
            return;
        }
        claim.state = State::Reserved;
        let (lines, customer) = (claim.lines.clone(), claim.customer);
        *self.open_claims.entry(customer).or_default() += 1;
        self.occupy(row, hold, &lines);
    }
}
