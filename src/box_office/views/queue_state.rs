//! The state of an offering's queue as its owner shows it, apart from the view: an entry changes no
//! availability and no ETag.

use serde::{Deserialize, Serialize};

use crate::ids::Seq;
use crate::inventory::{Change, QueueEntryView, QueueProgress, TimestampMs};
use crate::journal::Record;

/// The state of a queue after a durable row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedQueue {
    /// The row.
    pub seq: Seq,
    /// When it was read.
    pub as_of: TimestampMs,
    /// The state.
    pub progress: QueueProgress,
}

/// The state of a queue, and the entries of the customers who were asked for, in that order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueAnswer {
    /// When it was read.
    pub as_of: TimestampMs,
    /// The state.
    pub progress: QueueProgress,
    /// `None` for customers without an entry.
    pub entries: Vec<Option<QueueEntryView>>,
}

/// True if the row changes what a view shows: a row of a queue alone does not.
pub(crate) fn changes_view(record: &Record) -> bool {
    match record {
        Record::Takeover => true,
        Record::Batch(transitions) => transitions
            .iter()
            .flat_map(|transition| &transition.changes)
            .any(|change| !is_of_queue(change)),
    }
}

fn is_of_queue(change: &Change) -> bool {
    matches!(
        change,
        Change::QueueSet { .. }
            | Change::QueueEntered { .. }
            | Change::QueueReturned { .. }
            | Change::QueueClosed { .. }
            | Change::QueueDrawn { .. }
            | Change::QueueAdmitted { .. }
            | Change::QueueLeft { .. }
            | Change::QueueSetAside { .. }
            | Change::QueueVoided { .. }
            | Change::QueuePrioritised { .. }
            | Change::PassUsed { .. }
            | Change::SessionsEnded { .. }
            | Change::QueueEnded { .. }
            | Change::ActedBy { .. }
    )
}
