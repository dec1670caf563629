//! The naive model's decisions about complimentary orders.

use super::*;

impl Model {
    pub(super) fn complimentary(
        &self,
        (hold, reservation): (HoldId, ReservationId),
        customer: UserId,
        wishes: &[LineRequest],
        hints: &[Change],
    ) -> Answer {
        self.alive()?;
        let (picks, wanted) = self.wanted(wishes, 64)?;
        let is = |seat: &SeatId, status| self.status(*seat) == status;
        let mut taken = picks.clone();
        taken.retain(|seat| !is(seat, SeatStatus::Available) && !is(seat, SeatStatus::Blocked));
        if !taken.is_empty() {
            return Err(Rejection::SeatsTaken { seats: taken }.into());
        }
        let mut changes = Vec::new();
        let mut blocked = picks.clone();
        blocked.retain(|seat| is(seat, SeatStatus::Blocked));
        if !blocked.is_empty() {
            changes.push(Change::SeatsUnblocked { seats: blocked });
        }
        for (product, requested) in wanted {
            let counts = self.counts(product);
            if self.product(product).capacity.is_none() || requested <= counts.available {
                continue;
            }
            let available = counts.available + counts.blocked;
            if requested > available {
                return Err(Rejection::SoldOut { requested, available }.into());
            }
            let quantity = requested - counts.available;
            changes.push(Change::PlacesUnblocked { product, quantity });
        }
        let mut lines = self.grant(wishes, picks, hints)?;
        for line in &mut lines {
            line.unit_price = 0;
        }
        let expires_at = self.at + self.policy.hold_ttl_ms;
        let pay_by = self.pay_by(expires_at);
        let (held, reserved) = (lines.clone(), lines.clone());
        changes.extend([
            Change::HoldPlaced { hold, customer, lines: held, expires_at },
            Change::CheckedOut { hold, reservation, customer, lines: reserved, pay_by },
            Change::ReservationGranted { reservation, customer, lines },
        ]);
        Ok(changes)
    }
}
