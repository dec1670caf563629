//! What an offering promises beside its places: when the event takes place, and what a customer
//! who cancels gets back. Journalled in changes of their own, since old rows of
//! [`super::Change::Created`] know neither.

use serde::{Deserialize, Serialize};

use super::definition::{Minor, ProductDefinition, SaleState, TimestampMs};

/// How long an event lasts whose end is not said.
pub const DEFAULT_EVENT_LENGTH_MS: i64 = 24 * 3_600_000;

/// When the event takes place: `starts_at < ends_at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventTimes {
    /// From then on nothing is refunded by the customer's own hand.
    pub starts_at: TimestampMs,
    /// Then the sale is over, unless it was told to end earlier.
    pub ends_at: TimestampMs,
}

/// What a customer gets back who cancels a paid reservation. Administrators cancel at any time and
/// refund all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CancellationPolicy {
    /// Only administrators cancel what is paid.
    Never,
    /// Customers cancel before `until`, and before the event starts.
    Until {
        /// The first instant at which it is too late; the start of the event where it is `None`.
        until: Option<TimestampMs>,
        /// Of the price paid, 0 to 100; rounded down to whole minor units.
        refund_percent: u8,
    },
}

impl Default for CancellationPolicy {
    fn default() -> Self {
        Self::Until { until: None, refund_percent: 100 }
    }
}

/// What of a price comes back, rounded down.
pub(super) fn share_of(total: Minor, percent: u8) -> Minor {
    let share = i128::from(total) * i128::from(percent.min(100)) / 100;
    Minor::try_from(share).expect("a share is no larger than the whole")
}

/// What to change of an event, all or nothing; what is `None` stays. What is as asked already is no
/// reason to refuse the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferingChange {
    /// Start of the sale; `Some(None)` opens that side.
    pub sale_start: Option<Option<TimestampMs>>,
    /// End of the sale; `Some(None)` lets it end with the event.
    pub sale_end: Option<Option<TimestampMs>>,
    /// The switch.
    pub state: Option<SaleState>,
    /// Start of the event; its length stays if the end is not set as well.
    pub starts_at: Option<TimestampMs>,
    /// End of the event.
    pub ends_at: Option<TimestampMs>,
    /// What comes back to customers who cancel from now on.
    pub cancellation: Option<CancellationPolicy>,
}

/// A ticket type to add to an offering, sold by quantity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewProduct {
    /// As it is shown.
    pub name: String,
    /// As it is shown; may be empty.
    pub description: String,
    /// What it sells; its `capacity` is not `None`.
    pub definition: ProductDefinition,
}

/// What to change of a ticket type, all or nothing; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductChange {
    /// As it is shown.
    pub name: Option<String>,
    /// As it is shown.
    pub description: Option<String>,
    /// Start of its sale; `Some(None)` opens that side.
    pub sale_start: Option<Option<TimestampMs>>,
    /// End of its sale; `Some(None)` opens that side.
    pub sale_end: Option<Option<TimestampMs>>,
    /// Withdrawn products take no new holds; what is held or sold of them stays.
    pub availability: Option<Availability>,
}

/// Whether a ticket type is offered at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Availability {
    /// Within the windows.
    Offered,
    /// Not any more, until it is offered again.
    Withdrawn,
}
