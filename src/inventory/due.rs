//! Due work: ends claims whose deadline has passed and the claims left of a cancelled offering, and
//! offers freed places to the waitlist.

use super::best_available::choose;
use super::cancel_tickets::{cancelled_for, price_of, refundable};
use super::cancelled::CancelledTickets;
use super::claim::{Kind, State};
use super::{Change, Fit, Inventory, ReservationId, SaleState, TimestampMs};
use crate::ids::{HoldId, ProductId};
use crate::inventory::ToCancel;

/// The most claims that end in one transition.
const PAGE: usize = 1_000;
/// The most offers made in one transition; the rest follow as due work.
const OFFERS: usize = 1_000;
/// The most kept seats released in one transition.
const RELEASES: usize = 10_000;

impl Inventory {
    /// The time of the next due work.
    pub fn next_due_at(&self) -> Option<TimestampMs> {
        self.claims_due_at().into_iter().chain(self.queue_due_at()).min()
    }

    /// The time of the next due work that must be done before commands are decided: the queue's
    /// comes after the commands that wait.
    pub fn claims_due_at(&self) -> Option<TimestampMs> {
        if self.sale_state == SaleState::Cancelled {
            return self.has_live_claims().then_some(self.now);
        }
        if self.promotes() {
            return Some(self.now);
        }
        let offers = self.waitlist.products().filter_map(|product| {
            self.waitlist.first_fitting(product, self.offerable(product))?;
            if self.on_sale(product).is_ok() { Some(self.now) } else { self.opens_at(product) }
        });
        let release = self.seats.kept().next_release();
        offers.chain(self.next_deadline).chain(release).min()
    }

    pub(super) fn decide_due(&mut self) -> Vec<Change> {
        if self.sale_state == SaleState::Cancelled {
            return self.decide_page_of_cancelled();
        }
        let (mut holds, mut reservations) = (Vec::new(), Vec::new());
        for slot in self.claims.due(self.now, PAGE) {
            match self.claims.slab.get(slot).map(|claim| &claim.kind) {
                Some(Kind::Hold(hold)) => holds.push(hold.id),
                Some(Kind::Reservation(reservation)) => reservations.push(reservation.id),
                None => {}
            }
        }
        let expired = |reservations| Change::ReservationsExpired { reservations };
        let mut changes = ends(holds, reservations, expired);
        let seats = self.seats.kept().due(self.now, RELEASES);
        if !seats.is_empty() {
            changes.push(Change::KeptSeatsReleased { seats });
        }
        changes
    }

    /// Ends the claims of a cancelled offering in pages, after the cancellation marker: holds,
    /// reservations, waitlist entries.
    fn decide_page_of_cancelled(&mut self) -> Vec<Change> {
        let mut left = self.cancelling.take().unwrap_or_else(|| self.all_to_cancel());
        let (mut holds, mut reservations, mut in_part) = (Vec::new(), Vec::new(), Vec::new());
        while holds.len() + reservations.len() + in_part.len() < PAGE
            && let Some(next) = left.pop()
        {
            // The claim may have ended since the list was built.
            match next {
                ToCancel::Hold(id) if self.claims.hold(id).is_some() => holds.push(id),
                ToCancel::Reservation(id) if self.is_live(id) => match self.rest_cancelled(id) {
                    Some(change) => in_part.push(change),
                    None => reservations.push(id),
                },
                ToCancel::Hold(_) | ToCancel::Reservation(_) => {}
            }
        }
        self.cancelling = Some(left);
        if holds.is_empty() && reservations.is_empty() && in_part.is_empty() {
            if self.class.is_some() {
                return self.page_of_cancelled_class();
            }
            let waiting = self.waitlist.in_order();
            return waiting
                .into_iter()
                .take(PAGE)
                .map(|entry| Change::WaitlistLeft { entry: entry.id })
                .collect();
        }
        let cancelled = |reservations| Change::ReservationsCancelled { reservations };
        let mut changes = ends(holds, reservations, cancelled);
        // In the order of their ids, as the list that they come from.
        changes.extend(in_part);
        changes
    }

    /// The cancellation of a reservation that has lost some tickets before: what is left of it is
    /// refunded. `None` if it is whole.
    fn rest_cancelled(&self, id: ReservationId) -> Option<Change> {
        let (claim, reservation) = self.claims.reservation(id)?;
        let is_whole = reservation.cancelled == CancelledTickets::default();
        let refund = price_of(&claim.lines).min(refundable(claim, reservation));
        (!is_whole).then(|| cancelled_for(id, claim, reservation, refund))
    }

    /// All claims that a cancelled offering has to end. Built once: no claim can be added
    /// afterwards. Holds are popped first, each kind by id.
    fn all_to_cancel(&self) -> Vec<ToCancel> {
        let claims = self.claims.slab.iter().filter_map(|(_, claim)| match &claim.kind {
            Kind::Hold(hold) => Some(ToCancel::Hold(hold.id)),
            Kind::Reservation(reservation) => {
                is_live(reservation.state).then_some(ToCancel::Reservation(reservation.id))
            }
        });
        let mut all: Vec<ToCancel> = claims.collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        all
    }

    fn is_live(&self, id: ReservationId) -> bool {
        self.claims.reservation(id).is_some_and(|(_, reservation)| is_live(reservation.state))
    }

    fn has_live_claims(&self) -> bool {
        self.claims.live_holds() > 0
            || self.live_reservations > 0
            || self.waitlist.len() > 0
            || self.class.as_ref().is_some_and(|class| class.enrollments.living() > 0)
    }

    /// Offers free places to the waitlist, in the transition that freed them: no reader in between
    /// finds a place that a waiting customer could get. No offers are made while the sale is not
    /// open; they follow when it opens.
    pub(super) fn offer_freed_places(&mut self, changes: &mut Vec<Change>) {
        if self.class.is_some() {
            return self.promote(changes);
        }
        if self.waitlist.len() == 0 || self.sale_state == SaleState::Cancelled {
            return;
        }
        let products: Vec<ProductId> = self.waitlist.products().collect();
        let mut made = 0;
        for product in products {
            if self.on_sale(product).is_err() {
                continue;
            }
            while made < OFFERS
                && let Some(change) = self.next_offer(product)
            {
                self.apply_live(&change);
                changes.push(change);
                made += 1;
            }
        }
    }

    fn next_offer(&mut self, product: ProductId) -> Option<Change> {
        let entry = self.waitlist.first_fitting(product, self.offerable(product))?;
        let wanted = [(product, entry.party_size)];
        if self.within_limits(entry.customer, &wanted).is_err() {
            // The customer has meanwhile bought as much elsewhere as one customer may have.
            return Some(Change::WaitlistPassedOver { entry: entry.id });
        }
        let (seats, fit) = if self.products[product.index()].numbered {
            choose(&mut self.seats, product, None, entry.party_size)
        } else {
            (Box::default(), Fit::Exact)
        };
        let line = self.line(product, entry.party_size, seats, fit);
        let expires_at = self.now.saturating_add(self.policy.offer_ttl_ms);
        let (customer, entry) = (entry.customer, entry.id);
        Some(Change::OfferMade { entry, customer, line, expires_at })
    }

    /// Free places that the waitlist and best available may give out.
    pub(super) fn offerable(&self, product: ProductId) -> u32 {
        let of = &self.products[product.index()];
        if of.numbered && !self.seats.kept().is_empty() {
            return self.free_in(product, None);
        }
        of.counts.available
    }
}

pub(super) fn is_live(state: State) -> bool {
    match state {
        State::Pending { .. } | State::Confirmed { .. } => true,
        State::Expired { .. } | State::Cancelled { .. } => false,
    }
}

/// Builds the changes that end the claims. Sorted, so that equal states end them in the same order,
/// regardless of history.
fn ends(
    mut holds: Vec<HoldId>,
    mut reservations: Vec<ReservationId>,
    end: impl Fn(Vec<ReservationId>) -> Change,
) -> Vec<Change> {
    holds.sort_unstable();
    reservations.sort_unstable();
    let mut changes = Vec::with_capacity(2);
    if !holds.is_empty() {
        changes.push(Change::HoldsExpired { holds });
    }
    if !reservations.is_empty() {
        changes.push(end(reservations));
    }
    changes
}
