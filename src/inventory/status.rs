//! Small types that the parts of the inventory share: places in the journal, statuses, refusals.

use crate::ids::{HoldId, ReservationId, Seq};
use crate::inventory::Rejection;

/// The position of a transition in a journal: its row, and its place in the row's batch.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct Place {
    /// The row.
    pub seq: Seq,
    /// The position in the row's batch.
    pub index: u32,
}

/// The status of one seat on a seat map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum SeatStatus {
    /// Free.
    Available,
    /// Held, reserved and unpaid, or offered.
    Held,
    /// Paid for.
    Sold,
    /// Off sale.
    Blocked,
    /// No longer part of the map.
    Removed,
    /// Free, and kept from best available and from waitlist offers until a stated time.
    Kept,
}

/// A broken invariant, or a transition that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Violation(pub String);

/// The status of a hold. A hold ends exactly once. Ended holds are remembered for a while, without
/// their lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum HoldStatus {
    Active,
    /// A waitlist offer not yet accepted.
    Offered,
    Converted {
        reservation: ReservationId,
    },
    Released,
    Expired,
}

/// Why a command causes no change.
pub(crate) enum Refusal {
    Rejected(Rejection),
    /// The command had its effect before, in the transition at this place.
    HappenedAt(Place),
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

/// A claim that the cancellation of an offering has yet to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ToCancel {
    Hold(HoldId),
    Reservation(ReservationId),
}

/// A [`Place`] in a form that can be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct WrittenPlace {
    seq: u64,
    index: u32,
}

impl From<Place> for WrittenPlace {
    fn from(place: Place) -> Self {
        Self { seq: place.seq.0, index: place.index }
    }
}

impl From<WrittenPlace> for Place {
    fn from(place: WrittenPlace) -> Self {
        Self { seq: Seq(place.seq), index: place.index }
    }
}
