//! How long a reservation waits for a payment that a slow gateway has in hand.

use super::apply::{Applied, violation};
use super::claim::State;
use super::decide::{Decided, ended};
use super::{Change, Inventory, Rejection, ReservationId, TimestampMs};
use crate::ids::PaymentId;

/// The longest time from now for which a payment in progress can be deferred.
const MAX_DEFERRAL_MS: i64 = 7 * 24 * 3_600_000;

impl Inventory {
    /// The window becomes longer, never shorter: a payment was promised what it has.
    pub(super) fn decide_defer_payment(
        &self,
        id: ReservationId,
        payment: PaymentId,
        until: TimestampMs,
    ) -> Decided {
        let (_, reservation) = self.known_reservation(id).ok_or(Rejection::ReservationNotFound)?;
        match reservation.state {
            State::Pending { pay_by, .. } if pay_by <= self.now => {
                Err(Rejection::ReservationExpired.into())
            }
            State::Pending { pay_by, payment: Some((begun, _)) } if begun == payment => {
                let latest = self.now.saturating_add(MAX_DEFERRAL_MS);
                // Places of a class are approved after its recruitment, too.
                let end = match self.class {
                    Some(_) => self.times.map(|times| times.starts_at),
                    None => self.sale_window().end,
                };
                let latest = end.map_or(latest, |end| end.min(latest));
                let pay_by = pay_by.max(until.min(latest));
                Ok(vec![Change::PaymentDeferred { reservation: id, payment, pay_by }])
            }
            State::Pending { payment: Some(_), .. } => Err(Rejection::PaymentInProgress.into()),
            State::Pending { payment: None, .. } => {
                let (what, state) = ("payment".into(), "not begun".into());
                Err(Rejection::WrongState { what, state }.into())
            }
            other => Err(ended(other).into()),
        }
    }

    pub(super) fn defer_payment(
        &mut self,
        id: ReservationId,
        payment: PaymentId,
        until: TimestampMs,
    ) -> Applied {
        let (slot, reservation) = self.reservation_mut(id)?;
        match &mut reservation.state {
            State::Pending { pay_by, payment: Some((begun, _)) }
                if *begun == payment && *pay_by <= until =>
            {
                *pay_by = until;
            }
            _ => return violation(format!("{id} has no such payment in progress")),
        }
        self.claims.push_deadline(until, slot);
        Ok(())
    }
}
