//! The terms of an offering beside its places: the times of the event, and the refund of a customer
//! who cancels. Journalled in changes of their own, since old rows of [`super::Change::Created`]
//! contain neither.

use serde::{Deserialize, Serialize};

use super::definition::{Minor, ProductDefinition, SaleState, TimestampMs};

/// The length of an event whose end is not given.
pub const DEFAULT_EVENT_LENGTH_MS: i64 = 24 * 3_600_000;

/// The times of the event: `starts_at < ends_at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventTimes {
    /// Start of the event. From then on customers cannot cancel for a refund themselves.
    pub starts_at: TimestampMs,
    /// End of the event, and of its sale unless that has an earlier end of its own.
    pub ends_at: TimestampMs,
}

/// The refund of a customer who cancels a paid reservation. Administrators cancel at any time and
/// refund the whole price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CancellationPolicy {
    /// Only administrators can cancel paid reservations.
    Never,
    /// Customers can cancel before `until`, and before the event starts.
    Until {
        /// The first instant at which it is too late; `None` means the start of the event.
        until: Option<TimestampMs>,
        /// Percentage of the price paid, 0 to 100; the refund is rounded down to whole minor units.
        refund_percent: u8,
    },
}

impl Default for CancellationPolicy {
    fn default() -> Self {
        Self::Until { until: None, refund_percent: 100 }
    }
}

/// `percent` of `total`, rounded down.
pub(super) fn share_of(total: Minor, percent: u8) -> Minor {
    let share = i128::from(total) * i128::from(percent.min(100)) / 100;
    Minor::try_from(share).expect("a share is no larger than the whole")
}

/// The changes to an event, all or nothing; `None` leaves a field unchanged. A field that already
/// has the requested value does not cause a refusal of the others.
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
    /// The cancellation policy for customers who cancel from now on.
    pub cancellation: Option<CancellationPolicy>,
}

/// A ticket type to add to an offering, sold by quantity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewProduct {
    /// The name shown to customers.
    pub name: String,
    /// The description shown to customers; may be empty.
    pub description: String,
    /// The product; its `capacity` is not `None`.
    pub definition: ProductDefinition,
}

/// The changes to a ticket type, all or nothing; `None` leaves a field unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductChange {
    /// The name shown to customers.
    pub name: Option<String>,
    /// The description shown to customers.
    pub description: Option<String>,
    /// Start of its sale; `Some(None)` opens that side.
    pub sale_start: Option<Option<TimestampMs>>,
    /// End of its sale; `Some(None)` opens that side.
    pub sale_end: Option<Option<TimestampMs>>,
    /// Withdrawn products take no new holds; their existing holds and sold places stay.
    pub availability: Option<Availability>,
}

/// Whether a ticket type is offered at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Availability {
    /// On sale within the windows.
    Offered,
    /// Not on sale, until it is offered again.
    Withdrawn,
}
