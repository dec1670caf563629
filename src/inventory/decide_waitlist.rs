//! Decides what customers do in the waitlist of an event: join, leave, accept an offer.

use super::claim::Claim;
use super::decide::Decided;
use super::{Change, HoldId, Inventory, Rejection, UserId};
use crate::ids::ProductId;

impl Inventory {
    pub(super) fn decide_join_waitlist(
        &self,
        entry: HoldId,
        customer: UserId,
        product: ProductId,
        party_size: u32,
    ) -> Decided {
        if product.index() >= self.products.len() {
            return Err(Rejection::UnknownProduct.into());
        }
        if self.queue.is_some() {
            return Err(Rejection::QueueIsOn.into());
        }
        // Customers cannot join before the sale: they would be served before all other buyers.
        self.on_sale(product)?;
        let capacity = self.policy.waitlist_capacity as usize;
        if self.waitlist.len() >= capacity {
            return Err(Rejection::WaitlistUnavailable { full: capacity > 0 }.into());
        }
        let room = self.products[product.index()].counts.total;
        let most = self.policy.max_places_per_hold.min(room);
        if party_size == 0 || party_size > most {
            let reason = format!("partySize must be 1 to {most}: it must fit into one hold");
            return Err(Rejection::Invalid { reason: reason.into() }.into());
        }
        if self.waitlist.is_waiting(customer, product) {
            return Err(Rejection::AlreadyWaiting.into());
        }
        if self.knows_hold(entry) || self.waitlist.get(entry).is_some() {
            return Err(Rejection::Invalid { reason: "this entry id is in use".into() }.into());
        }
        self.within_limits(customer, &[(product, party_size)])?;
        // Kept seats are for those who need them: others may wait although such seats are free.
        let available = self.available_past_waitlist(product).min(self.offerable(product));
        if available >= party_size {
            return Err(Rejection::PlacesAvailable { available }.into());
        }
        Ok(vec![Change::WaitlistJoined { entry, customer, product, party_size }])
    }

    pub(super) fn decide_leave_waitlist(&self, id: HoldId, customer: UserId) -> Decided {
        if let Some(entry) = self.waitlist.get(id) {
            if entry.customer != customer {
                return Err(Rejection::WaitlistEntryNotFound.into());
            }
            return Ok(vec![Change::WaitlistLeft { entry: id }]);
        }
        self.open_offer(id, customer)?;
        Ok(vec![Change::HoldReleased { hold: id }])
    }

    pub(super) fn decide_accept(&self, id: HoldId, customer: UserId) -> Decided {
        self.not_cancelled()?;
        let claim = self.open_offer(id, customer)?;
        let Some(line) = claim.lines.first().cloned() else {
            return Err(Rejection::WaitlistEntryNotFound.into());
        };
        let expires_at = self.now.saturating_add(self.policy.hold_ttl_ms);
        Ok(vec![Change::OfferAccepted { entry: id, line, expires_at }])
    }

    fn open_offer(&self, id: HoldId, customer: UserId) -> Result<&Claim, Rejection> {
        if self.waitlist.get(id).is_some_and(|entry| entry.customer == customer) {
            return Err(Rejection::WrongState {
                what: "waitlist entry".into(),
                state: "still waiting".into(),
            });
        }
        let (claim, hold) =
            self.active_hold(id, customer).map_err(|rejection| match rejection {
                Rejection::HoldNotFound => Rejection::WaitlistEntryNotFound,
                other => other,
            })?;
        if !hold.offered {
            return Err(Rejection::WrongState {
                what: "offer".into(),
                state: "already accepted".into(),
            });
        }
        Ok(claim)
    }
}
