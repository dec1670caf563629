//! An event as its page shows it: its row, its view, and what the visitor has of it.

use std::sync::Arc;

use crate::box_office::{ProductView, View};
use crate::http::error::ApiError;
use crate::http::state::AppState;
use crate::ids::{OfferingId, ProductId};
use crate::inventory::{Holdings, Policy, TimestampMs};
use crate::offerings::SaleStatus;
use crate::store::{EventRow, ProductRow};
use crate::waiting_room::Seen;
use crate::web::visitor::Visitor;

/// The most holds and waitlist entries of a visitor that are shown.
const LISTED: u16 = 20;

/// The length of events that state none.
const DAY_MS: TimestampMs = 86_400_000;

/// An event as its page shows it.
pub(crate) struct Shown {
    pub(crate) event: EventRow,
    pub(crate) view: Arc<View>,
    pub(crate) status: &'static str,
    pub(crate) mine: Holdings,
    pub(crate) now: TimestampMs,
    /// The deadlines and limits; `None` if they are unknown.
    pub(crate) policy: Option<Policy>,
    /// The line of the waiting room; `None` unless one is on.
    pub(crate) queue: Option<Arc<Seen>>,
    /// Until when it is the visitor's turn in it.
    pub(crate) turn_until: Option<TimestampMs>,
}

impl Shown {
    /// Reads an event and what the visitor has of it.
    pub(crate) async fn read(
        state: &AppState,
        visitor: &Visitor,
        event: OfferingId,
    ) -> Result<Self, ApiError> {
        let view = state.offices.view(event).await?;
        let event = state.offerings.event(event).await?;
        let mine = match visitor.caller {
            Some(caller) => state.offices.holdings(event.id, caller.user, LISTED).await?,
            None => Holdings::default(),
        };
        let policy = state.offerings.policy(event.id).await?;
        // A line that cannot be read is no reason to show no event: a hold says what is missing.
        let queue = state.waiting_rooms.progress(event.id).await.ok();
        let turn_until = match (&queue, visitor.caller) {
            (Some(_), Some(caller)) => state.waiting_rooms.turn_until(event.id, caller.user).await,
            _ => None,
        };
        let now = state.clock.now_ms();
        let status = SaleStatus::of(&view, now).name;
        Ok(Self { event, view, status, mine, now, policy, queue, turn_until })
    }

    /// Returns the products on sale, with their numbers.
    pub(crate) fn products(&self) -> impl Iterator<Item = (&ProductRow, &ProductView)> {
        let of_view = |product: &ProductRow| self.view.products.get(product.id.index());
        let all = self.event.products.iter().filter(|product| product.withdrawn_at.is_none());
        all.filter_map(move |product| Some((product, of_view(product)?)))
    }

    /// Returns the most places of one hold, as far as it is known.
    pub(crate) fn most_at_once(&self) -> u32 {
        let most = self.policy.map_or(u32::MAX, |policy| policy.max_places_per_hold);
        most.min(Policy::MAX_PLACES_PER_HOLD)
    }

    /// Returns the most places that one customer may have over all products, if there is such a limit.
    pub(crate) fn most_per_customer(&self) -> Option<u32> {
        self.policy.and_then(|policy| policy.max_per_customer)
    }

    /// Returns the greatest number that a form may ask for of a product.
    pub(crate) fn most_of(&self, product: &ProductRow) -> u32 {
        let of_product = product.max_per_customer.and_then(|max| u32::try_from(max).ok());
        let limits = of_product.into_iter().chain(self.most_per_customer());
        limits.fold(self.most_at_once(), u32::min).max(1)
    }

    /// True if there is a waitlist. A waiting room that is on takes its place.
    pub(crate) fn has_waitlist(&self) -> bool {
        self.queue.is_none() && self.policy.is_none_or(|policy| policy.waitlist_capacity > 0)
    }

    /// True if the visitor holds places; offers of the waitlist are not accepted yet.
    pub(crate) fn has_basket(&self) -> bool {
        self.mine.holds.iter().any(|hold| !hold.offered)
    }

    /// True if the visitor has places of a product: held, offered, or of an order of this event.
    pub(crate) fn may_have_some_of(&self, product: ProductId) -> bool {
        let lines = self.mine.holds.iter().flat_map(|hold| &hold.lines);
        !self.mine.reservations.is_empty() || lines.into_iter().any(|line| line.product == product)
    }

    /// True if the visitor has or awaits places, so that the waitlist is no advice.
    pub(crate) fn takes_part(&self) -> bool {
        self.mine != Holdings::default()
    }

    /// True if the event has taken place.
    pub(crate) fn is_past(&self) -> bool {
        let end = self.event.event_end.unwrap_or(self.event.details.event_date + DAY_MS);
        end <= self.now
    }

    /// True if the event has numbered seats.
    pub(crate) fn has_seats(&self) -> bool {
        self.view.products.iter().any(|product| product.numbered)
    }
}
