//! What an offering is made of when it is created: products, seat map, policy. Data only.
//!
//! Journalled inside `Change::Created`: no type here ever gains, loses or reorders a field, since the
//! rows that exist could not be read then. What an offering has beyond it comes as a new variant of
//! `Change` (`box_office/encodings.rs` pins the bytes).

use serde::{Deserialize, Serialize};

use crate::ids::ProductId;

/// Milliseconds since the Unix epoch, UTC. Comes in with commands; the core reads no clock.
pub type TimestampMs = i64;

/// An amount in minor units of the offering's currency (won, cents).
pub type Minor = i64;

/// The first whole definition of an offering, the content of its journal's first transition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// ISO 4217 code; one currency per offering.
    pub currency: [u8; 3],
    /// Ticket types; a product's place in this list is its [`ProductId`].
    pub products: Vec<ProductDefinition>,
    /// Blocks of numbered seats; a block's place in this list is its `SectionId`.
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
    /// The most places one customer may hold and have reserved at a time.
    pub max_per_customer: Option<u32>,
    /// When this product is on sale, within the offering's own window.
    pub sale: SaleWindow,
}

/// A block of rows, all sold as one product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SectionDefinition {
    /// What is printed on the ticket.
    pub name: String,
    /// The product whose places these seats are.
    pub product: ProductId,
    /// Rows from front to back: best available prefers the first.
    pub rows: Vec<RowDefinition>,
}

/// A row of neighbouring seats, numbered from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowDefinition {
    /// What is printed on the ticket.
    pub name: String,
    /// How many seats stand side by side.
    pub seats: u32,
}

/// `start <= t < end`; an absent bound is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaleWindow {
    /// First instant of the sale.
    pub start: Option<TimestampMs>,
    /// First instant after the sale.
    pub end: Option<TimestampMs>,
}

/// The switch an administrator turns, apart from the windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SaleState {
    /// Made, not yet opened: no holds.
    Scheduled,
    /// Holds are taken within the sale windows.
    Open,
    /// No new holds; what is held can still be checked out and paid.
    Paused,
    /// Over: no new holds; what is reserved can still be paid.
    Closed,
    /// The event does not take place: everything ends, what was paid is refunded.
    Cancelled,
}

/// Deadlines and limits of one offering. Durations in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Life of a hold, and what one extension sets it back to.
    pub hold_ttl_ms: i64,
    /// The longest a hold may live from its placing, extensions included.
    pub hold_max_ms: i64,
    /// Time to pay after check-out; 0 for what is left of the hold's own time.
    pub pay_window_ms: i64,
    /// How far beyond the pay window a payment in progress may defer its end.
    pub payment_grace_ms: i64,
    /// Time to accept a waitlist offer.
    pub offer_ttl_ms: i64,
    /// The most places in one hold; at most [`Policy::MAX_PLACES_PER_HOLD`].
    pub max_places_per_hold: u32,
    /// The most places one customer may hold and have reserved over all products.
    pub max_per_customer: Option<u32>,
    /// The longest the waitlist may grow, in entries; 0 turns it off.
    pub waitlist_capacity: u32,
}

impl Policy {
    /// Tickets of a reservation are checked in through a 64-bit map.
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
