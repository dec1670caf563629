//! An event as its page shows it: its row, its view, and what the visitor has of it.

use std::sync::Arc;

use crate::box_office::{ProductView, View};
use crate::http::error::ApiError;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::inventory::{Holdings, TimestampMs};
use crate::offerings::SaleStatus;
use crate::store::{EventRow, ProductRow};
use crate::web::visitor::Visitor;

/// The most holds and waitlist entries of a visitor that are shown.
const LISTED: u16 = 20;

/// An event as its page shows it.
pub(crate) struct Shown {
    pub(crate) event: EventRow,
    pub(crate) view: Arc<View>,
    pub(crate) status: &'static str,
    pub(crate) mine: Holdings,
    pub(crate) now: TimestampMs,
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
        let now = state.clock.now_ms();
        let status = SaleStatus::of(&view, now).name;
        Ok(Self { event, view, status, mine, now })
    }

    /// Returns the products on sale, with their numbers.
    pub(crate) fn products(&self) -> impl Iterator<Item = (&ProductRow, &ProductView)> {
        let of_view = |product: &ProductRow| self.view.products.get(product.id.index());
        let all = self.event.products.iter().filter(|product| product.withdrawn_at.is_none());
        all.filter_map(move |product| Some((product, of_view(product)?)))
    }

    /// True if the event has numbered seats.
    pub(crate) fn has_seats(&self) -> bool {
        self.view.products.iter().any(|product| product.numbered)
    }
}
