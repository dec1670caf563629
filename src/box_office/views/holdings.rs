//! Holds, reservations and waitlist entries of an offering, read from its owner, or from the store
//! if the offering has no owner. If an owner has very many claims, they are read in pieces, so that
//! commands run in between.

use crate::box_office::protocol::{Call, CallAnswer};
use crate::box_office::{BoxOffices, Unavailable};
use crate::ids::{OfferingId, UserId};
use crate::inventory::{
    EntryCursor, HoldCursor, Holdings, Inventory, LiveEntry, LiveHold, TimestampMs,
};

/// The number of claims read in one piece, which takes well below a millisecond.
const PIECE: u32 = 10_000;

impl BoxOffices {
    /// Returns a customer's holdings that are not past their deadline by the wall clock, newest
    /// first, at most `limit` of each kind.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn holdings(
        &self,
        offering: OfferingId,
        customer: UserId,
        limit: u16,
    ) -> Result<Holdings, Unavailable> {
        let mut found = if self.is_asked_here(offering) {
            self.holdings_here(offering, customer, limit).await?
        } else {
            let answer = self.call(offering, Call::Holdings(customer, limit)).await;
            let CallAnswer::Holdings(found) = answer else { return Err(Unavailable::Recovering) };
            found?
        };
        let now = self.now().unwrap_or(TimestampMs::MIN);
        found.holds.retain(|hold| hold.expires_at > now);
        Ok(found)
    }

    /// Returns the holds and offers after the cursor `after`, oldest first, including those that
    /// are just past their deadline.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn live_holds(
        &self,
        offering: OfferingId,
        after: Option<HoldCursor>,
        limit: u16,
    ) -> Result<Vec<LiveHold>, Unavailable> {
        if self.is_asked_here(offering) {
            return self.live_holds_here(offering, after, limit).await;
        }
        let answer = self.call(offering, Call::LiveHolds(after, limit)).await;
        let CallAnswer::LiveHolds(found) = answer else { return Err(Unavailable::Recovering) };
        found
    }

    /// Returns the waitlist entries after the cursor `after`, in the order of their arrival.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn waiting(
        &self,
        offering: OfferingId,
        after: Option<EntryCursor>,
        limit: u16,
    ) -> Result<Vec<LiveEntry>, Unavailable> {
        if self.is_asked_here(offering) {
            return self.waiting_here(offering, after, limit).await;
        }
        let answer = self.call(offering, Call::Waiting(after, limit)).await;
        let CallAnswer::Waiting(found) = answer else { return Err(Unavailable::Recovering) };
        found
    }

    fn is_asked_here(&self, offering: OfferingId) -> bool {
        self.shared().cluster.is_alone() || self.is_live(offering)
    }

    pub(crate) async fn holdings_here(
        &self,
        offering: OfferingId,
        customer: UserId,
        limit: u16,
    ) -> Result<Holdings, Unavailable> {
        let limit = usize::from(limit);
        self.read(offering, move |inventory| inventory.holdings(customer, limit)).await
    }

    pub(crate) async fn live_holds_here(
        &self,
        offering: OfferingId,
        after: Option<HoldCursor>,
        limit: u16,
    ) -> Result<Vec<LiveHold>, Unavailable> {
        let limit = usize::from(limit);
        let (mut oldest, mut from) = (Vec::new(), 0_u32);
        loop {
            let piece = from..from.saturating_add(PIECE);
            from = piece.end;
            let (found, slots) = self
                .read(offering, move |inventory| {
                    (inventory.holds_among(piece, after, limit), inventory.claim_slots())
                })
                .await?;
            oldest.extend(found);
            if from >= slots {
                break;
            }
        }
        oldest.sort_unstable_by_key(|hold: &LiveHold| (hold.placed_at, hold.id));
        // If the offering moved between two pieces, a hold may have been read twice.
        oldest.dedup_by_key(|hold| hold.id);
        oldest.truncate(limit);
        Ok(oldest)
    }

    pub(crate) async fn waiting_here(
        &self,
        offering: OfferingId,
        after: Option<EntryCursor>,
        limit: u16,
    ) -> Result<Vec<LiveEntry>, Unavailable> {
        let waiting = self.read(offering, Inventory::waiting).await?;
        Ok(waiting.page(after, usize::from(limit)))
    }
}
