//! The content of an offering at its creation: products, seat map, policy. Data only.
//!
//! Journalled inside `Change::Created`: no type here ever gains, loses or reorders a field, because
//! existing rows could then not be read. Further properties of an offering come as new variants of
//! `Change` (`box_office/encodings.rs` pins the bytes).

use serde::{Deserialize, Serialize};

use crate::ids::ProductId;

/// Milliseconds since the Unix epoch, UTC. Comes in with commands; the core reads no clock.
pub type TimestampMs = i64;

/// An amount in minor units of the offering's currency (won, cents).
pub type Minor = i64;

/// The complete initial definition of an offering, the content of its journal's first transition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// ISO 4217 code; one currency per offering.
    pub currency: [u8; 3],
    /// Ticket types; a product's position in this list is its [`ProductId`].
    pub products: Vec<ProductDefinition>,
    /// Blocks of numbered seats; a block's position in this list is its `SectionId`.
    pub sections: Vec<SectionDefinition>,
    /// Deadlines and limits.
    pub policy: Policy,
    /// When the sale as a whole is open; a product's own window narrows it.
    pub sale: SaleWindow,
    /// The state the sale starts in.
    pub sale_state: SaleState,
}

/// One ticket type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductDefinition {
    /// Price of one place.
    pub price: Minor,
    /// Places of a general-admission product; `None` when its places are numbered seats.
    pub capacity: Option<u32>,
    /// The most places one customer may have held and reserved at a time.
    pub max_per_customer: Option<u32>,
    /// When this product is on sale, within the offering's own window.
    pub sale: SaleWindow,
}

/// A block of rows, all sold as one product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SectionDefinition {
    /// The name printed on the ticket.
    pub name: String,
    /// The product that these seats are places of.
    pub product: ProductId,
    /// Rows from front to back: best available prefers the front.
    pub rows: Vec<RowDefinition>,
}

/// A row of neighbouring seats, numbered from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowDefinition {
    /// The name printed on the ticket.
    pub name: String,
    /// Number of seats, side by side.
    pub seats: u32,
}

/// A time window: `start <= t < end`; an absent bound is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaleWindow {
    /// First instant of the sale.
    pub start: Option<TimestampMs>,
    /// First instant after the sale.
    pub end: Option<TimestampMs>,
}

/// The switch that an administrator sets, independent of the windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SaleState {
    /// Created, not yet opened: no holds.
    Scheduled,
    /// Holds are taken within the sale windows.
    Open,
    /// No new holds; existing holds can still be checked out and paid.
    Paused,
    /// Over: no new holds; existing reservations can still be paid.
    Closed,
    /// The event does not take place: all claims end, and paid reservations are refunded.
    Cancelled,
}

/// Deadlines and limits of one offering. Durations are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Life of a hold, from its placing and again from each extension.
    pub hold_ttl_ms: i64,
    /// The longest life of a hold, from its placing, extensions included.
    pub hold_max_ms: i64,
    /// Time to pay after check-out; 0 means the rest of the hold's own time.
    pub pay_window_ms: i64,
    /// The longest time beyond the pay window by which a payment in progress may defer its end.
    pub payment_grace_ms: i64,
    /// Time to accept a waitlist offer.
    pub offer_ttl_ms: i64,
    /// The most places in one hold; at most [`Policy::MAX_PLACES_PER_HOLD`].
    pub max_places_per_hold: u32,
    /// The most places one customer may have held and reserved over all products.
    pub max_per_customer: Option<u32>,
    /// The most entries on the waitlist; 0 turns it off.
    pub waitlist_capacity: u32,
}

impl Policy {
    /// The bound on `max_places_per_hold`: check-ins of a reservation are a 64-bit map of its
    /// tickets.
    pub const MAX_PLACES_PER_HOLD: u32 = 64;
}

impl Default for Policy {
    fn default() -> Self {
        const MINUTE_MS: i64 = 60_000;
        Self {
            hold_ttl_ms: 5 * MINUTE_MS,
            hold_max_ms: 15 * MINUTE_MS,
            pay_window_ms: 10 * MINUTE_MS,
            payment_grace_ms: 2 * MINUTE_MS,
            offer_ttl_ms: 10 * MINUTE_MS,
            max_places_per_hold: 20,
            max_per_customer: None,
            waitlist_capacity: 10_000,
        }
    }
}
