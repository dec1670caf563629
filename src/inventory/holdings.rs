//! Current holdings: one customer's living claims, found through their list, and pages of all
//! customers' claims. Reads only, and bounded, so that the box office is not kept from its work.

use std::collections::BinaryHeap;

use serde::{Deserialize, Serialize};

use super::claim::{Claim, Hold, Kind};
use super::{HoldId, Inventory, Line, ReservationId, TimestampMs, UserId};
use crate::ids::ProductId;

/// A hold, or an offer of the waitlist, that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct LiveHold {
    pub id: HoldId,
    pub customer: UserId,
    pub lines: Vec<Line>,
    /// True for an offer that is not accepted yet.
    pub offered: bool,
    /// The time at which the hold was placed, offered, or accepted.
    pub placed_at: TimestampMs,
    pub expires_at: TimestampMs,
}

/// An entry of the waitlist that has no offer yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct LiveEntry {
    pub id: HoldId,
    pub customer: UserId,
    pub product: ProductId,
    pub party_size: u32,
    /// From 1, among the entries that wait for the same product.
    pub position: u32,
    /// The arrival number: greater for later entries.
    pub arrival: u64,
}

/// The holdings of one customer, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Holdings {
    pub holds: Vec<LiveHold>,
    /// Reservations that are pending or confirmed.
    pub reservations: Vec<ReservationId>,
    pub entries: Vec<LiveEntry>,
}

/// The position after which a page of holds starts: [`LiveHold::placed_at`] and id of the previous
/// page's last hold.
pub type HoldCursor = (TimestampMs, HoldId);

impl Inventory {
    /// The holdings of a customer, at most `limit` of each kind.
    pub fn holdings(&self, customer: UserId, limit: usize) -> Holdings {
        let mut found = Holdings::default();
        for (_, claim) in self.claims.living_from(self.customers.newest(customer)) {
            match &claim.kind {
                Kind::Hold(hold) if found.holds.len() < limit => {
                    found.holds.push(live_hold(claim, hold));
                }
                Kind::Reservation(reservation) if found.reservations.len() < limit => {
                    found.reservations.push(reservation.id);
                }
                Kind::Hold(_) | Kind::Reservation(_) => {}
            }
            if found.holds.len() == limit && found.reservations.len() == limit {
                break;
            }
        }
        // The order of the list depends on history where a snapshot was read.
        found.holds.sort_unstable_by_key(|hold| std::cmp::Reverse((hold.placed_at, hold.id)));
        found.reservations.sort_unstable();
        for product in self.waitlist.products() {
            if found.entries.len() < limit
                && let Some(id) = self.waitlist.of_customer(customer, product)
                && let Some((arrival, party_size)) = self.waitlist.arrival(id)
                && let Some(position) = self.waitlist.position(id)
            {
                let entry = LiveEntry { id, customer, product, party_size, position, arrival };
                found.entries.push(entry);
            }
        }
        found
    }

    /// Number of slots that [`Self::holds_among`] can scan.
    pub fn claim_slots(&self) -> u32 {
        self.claims.slab.slots()
    }

    /// The `limit` oldest holds and offers after `after` among the claims in `slots`. A claim keeps
    /// its slot while it lives.
    pub fn holds_among(
        &self,
        slots: std::ops::Range<u32>,
        after: Option<HoldCursor>,
        limit: usize,
    ) -> Vec<LiveHold> {
        let mut oldest: BinaryHeap<(HoldCursor, u32)> = BinaryHeap::with_capacity(limit + 1);
        for slot in slots.start..slots.end.min(self.claims.slab.slots()) {
            let Some(Kind::Hold(hold)) = self.claims.slab.get(slot).map(|claim| &claim.kind) else {
                continue;
            };
            let key = (hold.placed_at, hold.id);
            if after.is_none_or(|after| key > after) {
                oldest.push((key, slot));
                if oldest.len() > limit {
                    oldest.pop();
                }
            }
        }
        let found = oldest.into_sorted_vec().into_iter().filter_map(|(_, slot)| {
            let claim = self.claims.slab.get(slot)?;
            match &claim.kind {
                Kind::Hold(hold) => Some(live_hold(claim, hold)),
                Kind::Reservation(_) => None,
            }
        });
        found.collect()
    }

    /// A copy of the waitlist, to be sorted by the caller.
    pub fn waiting(&self) -> Waiting {
        Waiting { products: self.products.len(), entries: self.waitlist.unordered() }
    }
}

/// A copy of the waitlist.
#[derive(Clone, Debug)]
pub struct Waiting {
    products: usize,
    entries: Vec<(u64, super::waitlist::Entry)>,
}

/// The position after which a page of the waitlist starts: [`LiveEntry::arrival`] and id of the
/// previous page's last entry.
pub type EntryCursor = (u64, HoldId);

impl Waiting {
    /// The `limit` entries after `after`, in order of arrival. Arrivals are renumbered when a box
    /// office is loaded: an entry that is still there is found by its id.
    pub fn page(mut self, after: Option<EntryCursor>, limit: usize) -> Vec<LiveEntry> {
        self.entries.sort_unstable_by_key(|(arrival, _)| *arrival);
        let after = after.map_or(0, |(arrival, id)| {
            let known = self.entries.iter().find(|(_, entry)| entry.id == id);
            known.map_or(arrival, |(arrival, _)| *arrival)
        });
        let mut waiting = vec![0_u32; self.products];
        let mut page = Vec::with_capacity(limit);
        for (arrival, entry) in self.entries {
            let position = &mut waiting[entry.product.index()];
            *position += 1;
            if arrival > after && page.len() < limit {
                page.push(LiveEntry {
                    id: entry.id,
                    customer: entry.customer,
                    product: entry.product,
                    party_size: entry.party_size,
                    position: *position,
                    arrival,
                });
            }
        }
        page
    }
}

fn live_hold(claim: &Claim, hold: &Hold) -> LiveHold {
    LiveHold {
        id: hold.id,
        customer: claim.customer,
        lines: claim.lines.to_vec(),
        offered: hold.offered,
        placed_at: hold.placed_at,
        expires_at: hold.expires_at,
    }
}
