//! What happens to entries of a queue. Journalled and sent between instances, as `queue.rs` says.

use serde::{Deserialize, Serialize};

use crate::ids::{QueueEntryId, UserId};

/// An admission, and the lane that the entry came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// The number of the entry.
    pub number: u32,
    /// Where the entry waited.
    pub lane: Lane,
}

/// Where an admitted entry waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lane {
    /// In the line, at its place.
    Line,
    /// It had been set aside for its silence, and had come back.
    Returned,
    /// It was given priority by an organiser.
    Priority,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionEnd {
    /// The pass was not used in time.
    Lapsed,
    /// The customer has bought, and has nothing else on hold.
    Bought,
    /// The customer has had nothing on hold for a while.
    Idle,
    /// The longest time of a session was over.
    TimedOut,
    /// The customer left.
    Left,
}

/// Why a queue ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum QueueEnd {
    /// An organiser switched it off.
    SwitchedOff,
    /// The last entry of a queue that takes no new ones was served.
    Drained,
    /// The sale is over.
    SaleOver,
}

/// The pass that came with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// Which of the event's queues.
    pub generation: u32,
    /// The number of the entry.
    pub number: u32,
}

/// What happened in a queue so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct QueueTotals {
    pub admitted: u32,
    /// Passes that led to a hold.
    pub used: u32,
    pub lapsed: u32,
    pub left: u32,
    pub voided: u32,
    pub set_aside: u32,
    pub returned: u32,
}

/// A customer and the id that the public record of the queue shows instead.
pub type QueueEntry = (UserId, QueueEntryId);

/// A customer's pass for the command that is being decided.
#[derive(Clone, Copy, Debug)]
pub(in crate::inventory) enum Shown {
    /// None came with the command.
    None,
    /// The customer's own, found by who they are.
    OfCustomer,
    /// This one.
    Pass(Pass),
}
