//! An event as its organiser sees it.

use std::sync::Arc;

use crate::box_office::View;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::inventory::{Counts, TimestampMs};
use crate::offerings::SaleStatus;
use crate::store::{EventRow, OrdersInState, ReservationState};
use crate::venues::EventSeats;
use crate::web::errors::explain;
use crate::web::visitor::Visitor;

/// The most seats that a refusal names.
const NAMED: usize = 10;

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

    /// Returns why something was refused, in the words of organisers: the page's own reasons are whole
    /// sentences, and seats that are not free are named.
    pub(super) fn explain(&self, visitor: &Visitor, failure: &ApiError) -> String {
        if failure.code() == ErrorCode::Invalid && failure.details().is_none() {
            return failure.message().to_owned();
        }
        if failure.code() != ErrorCode::SeatsTaken || failure.seats().is_empty() {
            return explain(visitor, failure);
        }
        let mut named: Vec<_> = failure
            .seats()
            .iter()
            .take(NAMED)
            .filter_map(|seat| {
                let (section, row, number) = self.view.label(*seat)?;
                let label = self.labels.label(*seat, number);
                Some(place(visitor, (section, row, &label)))
            })
            .collect();
        if failure.seats().len() > NAMED {
            named.push("…".to_owned());
        }
        visitor.fill("organiser_action.not_free", &[("seats", &named.join(" · "))])
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

/// Names a seat by its section, row and label.
pub(super) fn place(visitor: &Visitor, (section, row, label): (&str, &str, &str)) -> String {
    visitor.fill("place.seat", &[("section", section), ("row", row), ("seat", label)])
}
