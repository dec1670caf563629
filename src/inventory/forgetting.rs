//! Remembered ended claims. A batch forgets entries that are too old only when it becomes a row;
//! until then it decides as if they were forgotten, so that a batch without effect leaves the state
//! unchanged.

use super::claim::{Claim, EndedHold, Reservation, State};
use super::{HoldId, Inventory, ReservationId};

impl Inventory {
    /// How a hold ended, while that is remembered.
    pub(super) fn ended_hold(&self, id: HoldId) -> Option<&EndedHold> {
        let ended = self.claims.ended_holds.get(&id)?;
        (self.is_row || !self.claims.forgets_hold(ended, self.now)).then_some(ended)
    }

    /// A reservation that is live, or whose end is still remembered.
    pub(super) fn known_reservation(&self, id: ReservationId) -> Option<(&Claim, &Reservation)> {
        let (claim, reservation) = self.claims.reservation(id)?;
        let ended_at = match reservation.state {
            State::Pending { .. } | State::Confirmed { .. } => return Some((claim, reservation)),
            State::Expired { at, .. } | State::Cancelled { at } => at,
        };
        let is_forgotten =
            !self.is_row && self.claims.forgets_reservation((ended_at, id), self.now);
        (!is_forgotten).then_some((claim, reservation))
    }
}
