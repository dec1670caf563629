//! An event as its organiser sees it.

use std::sync::Arc;

use crate::box_office::View;
use crate::http::error::ApiError;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::inventory::{Counts, TimestampMs};
use crate::offerings::SaleStatus;
use crate::store::{EventRow, OrdersInState, ReservationState};
use crate::venues::EventSeats;

/// An event as its organiser sees it.
pub(super) struct Shown {
    pub(super) event: EventRow,
    pub(super) view: Arc<View>,
    pub(super) status: &'static str,
    pub(super) orders: Vec<OrdersInState>,
    pub(super) labels: EventSeats,
    pub(super) now: TimestampMs,
    /// The action that was refused, and why.
    pub(super) refused: Option<(String, String)>,
    /// What was entered for it.
    pub(super) pairs: Vec<(String, String)>,
}

impl Shown {
    /// Reads an event.
    pub(super) async fn read(state: &AppState, event: OfferingId) -> Result<Self, ApiError> {
        let view = state.offices.view(event).await?;
        let event = state.offerings.event(event).await?;
        let orders = state.store.sales_by_state(event.id).await?;
        let now = state.clock.now_ms();
        let status = SaleStatus::of(&view, now).name;
        let labels = state.venues.labels(event.id).await;
        let (refused, pairs) = (None, Vec::new());
        Ok(Self { event, view, status, orders, labels, now, refused, pairs })
    }

    /// Returns the value that was entered for an action that was refused, or an empty text.
    pub(super) fn entered(&self, input: &str) -> &str {
        let entered = self.pairs.iter().find(|(name, _)| name == input);
        entered.map_or("", |(_, value)| value)
    }

    /// Returns the orders in a state.
    pub(super) fn in_state(&self, state: ReservationState) -> (u64, i64) {
        let found = self.orders.iter().find(|orders| orders.state == state);
        found.map_or((0, 0), |found| (found.orders, found.total))
    }

    /// Returns the sum of a count over all products.
    pub(super) fn sum(&self, of: fn(&Counts) -> u32) -> u64 {
        self.view.products.iter().map(|product| u64::from(of(&product.counts))).sum()
    }
}
