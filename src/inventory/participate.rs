//! Participation in a free event: one place held, reserved and confirmed in one transition, once
//! per person.

use super::apply::{Applied, violation};
use super::claim::Kind;
use super::decide::Decided;
use super::{Change, HoldId, Inventory, LineRequest, ProductId, Rejection, ReservationId, UserId};

impl Inventory {
    pub(super) fn decide_participate(
        &mut self,
        hold: HoldId,
        reservation: ReservationId,
        customer: UserId,
    ) -> Decided {
        self.not_cancelled()?;
        let wish = self.place_of_free_event()?;
        self.has_no_place(customer)?;
        let mut changes = self.decide_reserve(hold, reservation, customer, &[wish])?;
        let Some(Change::HoldPlaced { lines, .. }) = changes.first() else {
            unreachable!("a reservation begins with its hold");
        };
        let lines = lines.clone();
        changes.push(Change::ReservationGranted { reservation, customer, lines });
        Ok(changes)
    }

    /// One place of the only product, which must be free of charge.
    fn place_of_free_event(&self) -> Result<LineRequest, Rejection> {
        let all = (0_u16..).map(ProductId).zip(&self.products);
        let mut offered = all.filter(|(_, product)| product.withdrawn_at.is_none());
        let Some((id, product)) = offered.next() else {
            return Err(Rejection::ProductWithdrawn);
        };
        if offered.next().is_some() || product.price != 0 {
            return Err(Rejection::NotParticipable);
        }
        let quantity = 1;
        Ok(if product.numbered {
            LineRequest::BestAvailable { product: id, quantity, section: None }
        } else {
            LineRequest::Quantity { product: id, quantity }
        })
    }

    /// Refuses a customer who has a place already, however they got it: participation is once per
    /// person.
    fn has_no_place(&self, customer: UserId) -> Result<(), Rejection> {
        // The lowest id of each: the list's order depends on history.
        let (mut reservation, mut hold) = (None::<ReservationId>, None::<HoldId>);
        for (_, claim) in self.claims.living_from(self.customers.newest(customer)) {
            match &claim.kind {
                Kind::Reservation(found) => {
                    reservation = Some(reservation.map_or(found.id, |least| least.min(found.id)));
                }
                Kind::Hold(found) => {
                    hold = Some(hold.map_or(found.id, |least| least.min(found.id)));
                }
            }
        }
        if reservation.is_none() && hold.is_none() {
            return Ok(());
        }
        Err(Rejection::AlreadyParticipated { reservation, hold })
    }

    /// Confirms a reservation that costs nothing.
    pub(super) fn grant(&mut self, id: ReservationId) -> Applied {
        let (claim, _) = self.claims.reservation(id).ok_or_else(|| unknown(id))?;
        if claim.lines.iter().any(|line| line.unit_price != 0) {
            return violation(format!("{id} is not free"));
        }
        self.confirm(id, None)
    }
}

fn unknown(id: ReservationId) -> super::Violation {
    super::Violation(format!("no reservation {id}"))
}
