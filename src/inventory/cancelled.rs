//! What a reservation remembers of its cancelled tickets.

use super::Minor;

/// The tickets of a reservation that were cancelled while others stayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct CancelledTickets {
    /// Bit n is set once the n-th ticket has been cancelled.
    pub(super) tickets: u64,
    /// The sum of their prices.
    pub(super) price: Minor,
    /// The sum of their refunds.
    pub(super) refunded: Minor,
}

/// The bit of a ticket; 0 for numbers that no ticket has.
pub(super) fn bit(ticket: u32) -> u64 {
    1_u64.checked_shl(ticket).unwrap_or(0)
}
