//! Decides a change of a hold: what it contains from now on, all or nothing. Only added places have
//! to be on sale, available and within the limits; dropped places are freed.

use super::claim::Claim;
use super::decide::Decided;
use super::decide_hold::check_total;
use super::queue::Shown;
use super::{Change, Fit, HoldId, Inventory, Line, LineRequest, Minor, Rejection, SeatId, UserId};
use crate::ids::ProductId;

impl Inventory {
    /// Kept places keep their price; added ones have today's price. A line has one price, so the
    /// hold has a line per product and price.
    pub(super) fn decide_change_hold(
        &self,
        hold: HoldId,
        customer: UserId,
        places: &[(ProductId, u32)],
        seats: &[SeatId],
    ) -> Decided {
        let (claim, held) = self.accepted_hold(hold, customer)?;
        let expires_at = held.expires_at;
        self.not_cancelled()?;
        let mut wishes: Vec<LineRequest> = places
            .iter()
            .map(|&(product, quantity)| LineRequest::Quantity { product, quantity })
            .collect();
        if !seats.is_empty() {
            wishes.push(LineRequest::Seats(seats.to_vec()));
        }
        if wishes.is_empty() {
            let reason = "a hold keeps at least one place: release it to give all of them back";
            return Err(Rejection::Invalid { reason: reason.into() }.into());
        }
        let wanted = self.check_wishes(&wishes, self.policy.max_places_per_hold)?;
        let new_seats: Vec<SeatId> =
            seats.iter().copied().filter(|seat| !has(claim, *seat)).collect();
        let added = wanted
            .iter()
            .map(|&(product, all)| (product, self.added(claim, (product, all), &new_seats)))
            .filter(|(_, more)| *more > 0);
        let added: Vec<(ProductId, u32)> = added.collect();
        if !added.is_empty() {
            // As for a new hold; the hold itself says whose turn it must be.
            self.admits(customer, Shown::OfCustomer)?;
        }
        for (product, _) in &added {
            self.on_sale(*product)?;
        }
        self.within_limits_after(claim, &wanted)?;
        let taken: Vec<SeatId> =
            new_seats.iter().copied().filter(|seat| !self.seats.is_free(*seat)).collect();
        if !taken.is_empty() {
            return Err(Rejection::SeatsTaken { seats: taken }.into());
        }
        for &(product, requested) in &added {
            let available = self.available_past_waitlist(product);
            if available < requested {
                return Err(Rejection::SoldOut { requested, available }.into());
            }
        }
        let lines = self.lines_after(claim, &wanted, seats, &new_seats);
        check_total(&lines)?;
        Ok(vec![Change::HoldChanged { hold, lines, expires_at }])
    }

    /// The number of places that a product must have available for the change.
    fn added(&self, claim: &Claim, (product, all): (ProductId, u32), new_seats: &[SeatId]) -> u32 {
        if !self.products[product.index()].numbered {
            return all.saturating_sub(places_of(claim, product));
        }
        let of_product = |seat: &&SeatId| self.seats.product_of(**seat) == Some(product);
        let count = new_seats.iter().filter(of_product).count();
        u32::try_from(count).expect("a hold has at most 64 places")
    }

    /// Checks the limits of the claim's customer for what the claim grows by.
    fn within_limits_after(
        &self,
        claim: &Claim,
        wanted: &[(ProductId, u32)],
    ) -> Result<(), Rejection> {
        let before: u32 = claim.lines.iter().map(|line| line.quantity).sum();
        let after: u32 = wanted.iter().map(|(_, quantity)| *quantity).sum();
        let growth: Vec<_> = wanted
            .iter()
            .map(|&(product, all)| (product, all.saturating_sub(places_of(claim, product))))
            .collect();
        self.limits_allow(claim.customer, after.saturating_sub(before), &growth)
    }

    /// The kept places, in the order of their lines, and then the added ones.
    fn lines_after(
        &self,
        claim: &Claim,
        wanted: &[(ProductId, u32)],
        seats: &[SeatId],
        new_seats: &[SeatId],
    ) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::with_capacity(wanted.len());
        for &(product, all) in wanted {
            let of = &self.products[product.index()];
            let own = claim.lines.iter().filter(|line| line.product == product);
            if of.numbered {
                for line in own {
                    let kept = line.seats.iter().copied().filter(|seat| seats.contains(seat));
                    add_seats(&mut lines, (product, line.unit_price), kept);
                }
                let new = new_seats.iter().copied();
                let new = new.filter(|seat| self.seats.product_of(*seat) == Some(product));
                add_seats(&mut lines, (product, of.price), new);
            } else {
                // The line that was added last shrinks first.
                let mut left = all;
                for line in own {
                    let kept = line.quantity.min(left);
                    left -= kept;
                    line_of(&mut lines, (product, line.unit_price)).quantity += kept;
                }
                line_of(&mut lines, (product, of.price)).quantity += left;
            }
        }
        lines.retain(|line| line.quantity > 0);
        lines
    }
}

/// The line of a product and price. All places are as requested, so the fit of the earlier request no
/// longer matters.
fn line_of(lines: &mut Vec<Line>, (product, unit_price): (ProductId, Minor)) -> &mut Line {
    let same = |line: &Line| (line.product, line.unit_price) == (product, unit_price);
    let at = lines.iter().position(same).unwrap_or_else(|| {
        let (seats, fit) = (Box::default(), Fit::Exact);
        lines.push(Line { product, quantity: 0, unit_price, seats, fit });
        lines.len() - 1
    });
    &mut lines[at]
}

fn add_seats(lines: &mut Vec<Line>, of: (ProductId, Minor), more: impl Iterator<Item = SeatId>) {
    let line = line_of(lines, of);
    line.seats = line.seats.iter().copied().chain(more).collect();
    line.quantity = u32::try_from(line.seats.len()).expect("a hold has at most 64 places");
}
fn has(claim: &Claim, seat: SeatId) -> bool {
    claim.lines.iter().any(|line| line.seats.contains(&seat))
}

fn places_of(claim: &Claim, product: ProductId) -> u32 {
    let own = claim.lines.iter().filter(|line| line.product == product);
    own.map(|line| line.quantity).sum()
}
