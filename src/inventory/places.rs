//! Takes and frees the places of a claim: counts, seats, its customer's share and list. The only
//! code that does so: a living claim is in all four, an ended one in none.

use super::apply::{Applied, assert_sums, shift, violation};
use super::{Inventory, Line, Violation};

impl Inventory {
    /// Moves the places of a claim's lines from available to held.
    pub(super) fn take_places(&mut self, slot: u32) -> Applied {
        let Self { claims, products, seats, customers, .. } = self;
        let claim = claims.slab.get(slot).ok_or_else(|| Violation("no such claim".into()))?;
        let (customer, mut places) = (claim.customer, 0_u32);
        for line in &*claim.lines {
            let Some(product) = products.get_mut(line.product.index()) else {
                return violation(format!("{:?} is unknown", line.product));
            };
            let counts = &mut product.counts;
            shift(&mut counts.available, &mut counts.held, line.quantity)?;
            assert_sums(counts)?;
            if product.numbered != (line.seats.len() == line.quantity as usize) {
                return violation("a line has not as many seats as places");
            }
            if line.seats.iter().any(|seat| seats.product_of(*seat) != Some(line.product)) {
                return violation("a line has seats of another product");
            }
            seats.claim(&line.seats, slot)?;
            if product.max_per_customer.is_some() {
                customers.add_of_product(customer, line.product, line.quantity)?;
            }
            places = places.saturating_add(line.quantity);
        }
        let next = customers.add(customer, places, slot)?;
        claims.link(slot, next);
        Ok(())
    }

    /// Makes the places of a claim's lines available again.
    pub(super) fn free_places(&mut self, slot: u32, sold: bool) -> Applied {
        let Self { claims, products, seats, customers, .. } = self;
        let claim = claims.slab.get(slot).ok_or_else(|| Violation("no such claim".into()))?;
        let (customer, mut places) = (claim.customer, 0_u32);
        for line in &*claim.lines {
            let product = &mut products[line.product.index()];
            let counts = &mut product.counts;
            let from = if sold { &mut counts.sold } else { &mut counts.held };
            shift(from, &mut counts.available, line.quantity)?;
            assert_sums(counts)?;
            seats.release(&line.seats, slot)?;
            if product.max_per_customer.is_some() {
                customers.subtract_of_product(customer, line.product, line.quantity)?;
            }
            places = places.saturating_add(line.quantity);
        }
        let newest = claims.unlink(slot);
        customers.subtract(customer, places, newest)
    }

    /// Makes sold places available again that a claim has no longer in its lines; the claim lives
    /// on.
    pub(super) fn free_lines(&mut self, slot: u32, freed: &[Line]) -> Applied {
        let Self { claims, products, seats, customers, .. } = self;
        let claim = claims.slab.get(slot).ok_or_else(|| Violation("no such claim".into()))?;
        let (customer, mut places) = (claim.customer, 0_u32);
        for line in freed {
            let product = &mut products[line.product.index()];
            let counts = &mut product.counts;
            shift(&mut counts.sold, &mut counts.available, line.quantity)?;
            assert_sums(counts)?;
            seats.release(&line.seats, slot)?;
            if product.max_per_customer.is_some() {
                customers.subtract_of_product(customer, line.product, line.quantity)?;
            }
            places = places.saturating_add(line.quantity);
        }
        customers.subtract(customer, places, None)
    }
}
