//! Checks every invariant by reading the whole state. For audits and tests; the hot path checks
//! only the parts that it changes.

use super::claim::{Claim, Kind, State};
use super::customers::Customers;
use super::{Counts, Inventory, SeatId, SeatStatus, Violation};
use crate::ids::ProductId;

impl Inventory {
    /// Checks every invariant.
    ///
    /// # Errors
    /// The first broken invariant.
    pub fn check(&self) -> Result<(), Violation> {
        self.seats.check()?;
        let mut expected: Vec<Counts> = vec![Counts::default(); self.products.len()];
        let mut customers = Customers::default();
        let mut live_reservations = 0_u32;
        for (slot, claim) in self.claims.slab.iter() {
            self.check_index(slot, claim)?;
            let sold = match &claim.kind {
                Kind::Hold(_) => false,
                Kind::Reservation(reservation) => match reservation.state {
                    State::Pending { .. } => false,
                    State::Confirmed { .. } => true,
                    State::Expired { .. } | State::Cancelled { .. } => continue,
                },
            };
            live_reservations += u32::from(matches!(claim.kind, Kind::Reservation(_)));
            let places = claim.lines.iter().map(|line| line.quantity);
            let places = places.fold(0, u32::saturating_add);
            customers.add(claim.customer, places, slot)?;
            for line in &*claim.lines {
                let counts = &mut expected[line.product.index()];
                if sold {
                    counts.sold = counts.sold.saturating_add(line.quantity);
                } else {
                    counts.held = counts.held.saturating_add(line.quantity);
                }
                if self.products[line.product.index()].max_per_customer.is_some() {
                    customers.add_of_product(claim.customer, line.product, line.quantity)?;
                }
                self.check_seats_of(slot, &line.seats, sold)?;
            }
        }
        if live_reservations != self.live_reservations {
            return Err(Violation("live reservations are miscounted".into()));
        }
        self.check_lists(&customers)?;
        self.check_class()?;
        self.check_queue()?;
        for key in self.keys.iter() {
            customers.key_remembered(key.idempotency.principal);
        }
        if !customers.same_as(&self.customers) {
            return Err(Violation("places or keys per customer are miscounted".into()));
        }
        self.check_counts(&expected)
    }

    /// Checks that every living claim is in its customer's list once, and that the lists contain no
    /// others.
    fn check_lists(&self, customers: &Customers) -> Result<(), Violation> {
        let mut listed = 0;
        for customer in customers.with_places() {
            for (_, claim) in self.claims.living_from(self.customers.newest(customer)) {
                listed += 1;
                if claim.customer != customer || !claim.is_living() {
                    return Err(Violation(format!("a list of {customer} has a foreign claim")));
                }
                if listed > self.claims.all() {
                    return Err(Violation(format!("a list of {customer} goes round in circles")));
                }
            }
        }
        let living = self.claims.slab.iter().filter(|(_, claim)| claim.is_living()).count();
        if listed == living {
            return Ok(());
        }
        Err(Violation(format!("{listed} of {living} living claims are listed")))
    }

    fn check_index(&self, slot: u32, claim: &Claim) -> Result<(), Violation> {
        let indexed = match &claim.kind {
            Kind::Hold(hold) => self.claims.hold_slot(hold.id),
            Kind::Reservation(reservation) => self.claims.reservation_slot(reservation.id),
        };
        if indexed == Some(slot) {
            return Ok(());
        }
        Err(Violation(format!("the claim in slot {slot} is not found by its id")))
    }

    fn check_seats_of(&self, slot: u32, seats: &[SeatId], sold: bool) -> Result<(), Violation> {
        let status = if sold { SeatStatus::Sold } else { SeatStatus::Held };
        for seat in seats {
            if self.seats.claim_of(*seat) != Some(slot) || self.seats.status(*seat) != status {
                return Err(Violation(format!("{seat:?} is not with the claim that has it")));
            }
        }
        Ok(())
    }

    fn check_counts(&self, expected: &[Counts]) -> Result<(), Violation> {
        let mut seats: Vec<Counts> = vec![Counts::default(); self.products.len()];
        for seat in (0..self.seats.next_seat().0).map(SeatId) {
            let Some(product) = self.seats.product_of(seat) else { continue };
            let counts = &mut seats[product.index()];
            counts.total += 1;
            match self.seats.status(seat) {
                SeatStatus::Available | SeatStatus::Kept => counts.available += 1,
                SeatStatus::Held => counts.held += 1,
                SeatStatus::Sold => counts.sold += 1,
                SeatStatus::Blocked => counts.blocked += 1,
                SeatStatus::Removed => {}
            }
        }
        for (id, product) in (0_u16..).map(ProductId).zip(&self.products) {
            let counts = product.counts;
            let of_claims = expected[id.index()];
            let sum = [counts.available, counts.held, counts.sold, counts.blocked];
            let sum: u64 = sum.into_iter().map(u64::from).sum();
            if sum != u64::from(counts.total) {
                return Err(Violation(format!("{id:?}: the counts do not add up: {counts:?}")));
            }
            if (counts.held, counts.sold) != (of_claims.held, of_claims.sold) {
                return Err(Violation(format!("{id:?}: the counts are not those of its claims")));
            }
            if product.numbered && counts != seats[id.index()] {
                return Err(Violation(format!("{id:?}: the counts are not those of its seats")));
            }
        }
        Ok(())
    }
}
