//! A complimentary order: places that the organiser gives away, held, reserved and confirmed at no
//! price in one transition. It takes free and blocked places, and never those of a customer.

use super::decide::Decided;
use super::decide_hold::picked;
use super::{
    Change, HoldId, Inventory, LineRequest, Policy, Rejection, ReservationId, SeatId, SeatStatus,
    UserId,
};
use crate::ids::ProductId;

impl Inventory {
    pub(super) fn decide_complimentary(
        &mut self,
        hold: HoldId,
        reservation: ReservationId,
        customer: UserId,
        wishes: &[LineRequest],
    ) -> Decided {
        self.not_cancelled()?;
        self.unused_reservation(reservation)?;
        self.unused_hold(hold)?;
        let wanted = self.check_wishes(wishes, Policy::MAX_PLACES_PER_HOLD)?;
        let blocked = self.blocked_seats(wishes)?;
        let mut changes = Vec::new();
        if !blocked.is_empty() {
            changes.push(Change::SeatsUnblocked { seats: blocked });
        }
        for (product, quantity) in wanted {
            changes.extend(self.unblock_missing(product, quantity)?);
        }
        let mut lines = self.choose_places(wishes)?;
        for line in &mut lines {
            line.unit_price = 0;
        }
        let expires_at = self.now.saturating_add(self.policy.hold_ttl_ms);
        let pay_by = self.pay_by(expires_at);
        changes.extend([
            Change::HoldPlaced { hold, customer, lines: lines.clone(), expires_at },
            Change::CheckedOut { hold, reservation, customer, lines: lines.clone(), pay_by },
            Change::ReservationGranted { reservation, customer, lines },
        ]);
        Ok(changes)
    }

    /// The blocked ones among the seats picked by id; the others must be free.
    fn blocked_seats(&self, wishes: &[LineRequest]) -> Result<Vec<SeatId>, Rejection> {
        let mut blocked = picked(wishes);
        blocked.retain(|seat| !self.seats.is_free(*seat));
        let is_taken = |seat: &&SeatId| self.seats.status(**seat) != SeatStatus::Blocked;
        let taken: Vec<SeatId> = blocked.iter().filter(is_taken).copied().collect();
        if taken.is_empty() { Ok(blocked) } else { Err(Rejection::SeatsTaken { seats: taken }) }
    }

    /// Unblocks as many places of a general-admission product as are missing among the free ones.
    fn unblock_missing(
        &self,
        product: ProductId,
        quantity: u32,
    ) -> Result<Option<Change>, Rejection> {
        let of = &self.products[product.index()];
        let missing = quantity.saturating_sub(of.counts.available);
        if of.numbered || missing == 0 {
            return Ok(None);
        }
        if missing > of.counts.blocked {
            let available = of.counts.available.saturating_add(of.counts.blocked);
            return Err(Rejection::SoldOut { requested: quantity, available });
        }
        Ok(Some(Change::PlacesUnblocked { product, quantity: missing }))
    }
}
