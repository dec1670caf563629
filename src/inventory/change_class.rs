//! Decides changes of a class as a whole: size, fee, rules and terms, and its cancellation.

use super::class::{ClassChange, ClassRules, MAX_CLASS_WAITLIST};
use super::decide::Decided;
use super::decide_class::PLACES;
use super::validate::MAX_PRICE;
use super::{Change, Inventory, Rejection, SaleState};

/// The longest time to pay or to take an offered place.
pub const MAX_CLASS_WINDOW_MS: i64 = 60 * 24 * 3_600_000;
/// The shortest.
pub const MIN_CLASS_WINDOW_MS: i64 = 60_000;

impl Inventory {
    pub(super) fn decide_change_class(&self, change: &ClassChange) -> Decided {
        let class = self.class()?;
        let mut changes = self.decide_change_offering(&change.terms)?;
        let places = &self.products[PLACES.index()];
        if let Some(total) = change.capacity.filter(|total| *total != places.counts.total) {
            if total == 0 {
                return Err(invalid("capacity must be at least 1").into());
            }
            let taken = places.counts.total - places.counts.available;
            if total < taken {
                return Err(Rejection::BelowTaken { taken }.into());
            }
            self.room_for(i64::from(total) - i64::from(places.counts.total))?;
            changes.push(Change::Resized { product: PLACES, total });
        }
        if let Some(price) = change.fee.filter(|price| *price != places.price) {
            if !(0..=MAX_PRICE).contains(&price) {
                return Err(invalid(format!("fee.amount must be 0 to {MAX_PRICE}")).into());
            }
            changes.push(Change::Repriced { product: PLACES, price });
        }
        if let Some(rules) = change.rules.filter(|rules| *rules != class.rules) {
            rules.validate()?;
            if rules.selection != class.rules.selection && class.enrollments.len() > 0 {
                return Err(Rejection::SelectionFrozen.into());
            }
            changes.push(Change::ClassRulesSet { rules });
        }
        Ok(changes)
    }

    pub(super) fn decide_cancel_class(&self, with_enrollments: bool) -> Decided {
        let class = self.class()?;
        if self.sale_state == SaleState::Cancelled {
            return Err(Rejection::Cancelled.into());
        }
        let living = class.enrollments.living();
        if living > 0 && !with_enrollments {
            return Err(Rejection::HasEnrollments { living }.into());
        }
        Ok(vec![Change::SaleStateSet { state: SaleState::Cancelled }])
    }
}

impl ClassRules {
    /// Checks the bounds of the rules.
    ///
    /// # Errors
    /// [`Rejection::Invalid`], by the names of the API.
    pub fn validate(&self) -> Result<(), Rejection> {
        let window = MIN_CLASS_WINDOW_MS..=MAX_CLASS_WINDOW_MS;
        if self.waitlist > MAX_CLASS_WAITLIST {
            return Err(invalid(format!("waitlistCapacity must be 0 to {MAX_CLASS_WAITLIST}")));
        }
        if !window.contains(&self.offer_ttl_ms) {
            return Err(invalid("offerSeconds must be 60 to 5184000 (60 days)"));
        }
        if !window.contains(&self.pay_window_ms) {
            return Err(invalid("payWindowSeconds must be 60 to 5184000 (60 days)"));
        }
        Ok(())
    }
}

fn invalid(reason: impl Into<std::borrow::Cow<'static, str>>) -> Rejection {
    Rejection::Invalid { reason: reason.into() }
}
