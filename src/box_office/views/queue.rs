//! The state of an offering's queue as its owner shows it, apart from the view: an entry changes no
//! availability and no ETag.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::box_office::protocol::{Call, CallAnswer};
use crate::box_office::{BoxOffices, Unavailable};
use crate::ids::{OfferingId, Seq, UserId};
use crate::inventory::{Change, Inventory, QueueEntryView, QueueProgress, TimestampMs};
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

impl BoxOffices {
    /// Returns the queue of an offering that is live here, and whether it is live here at all.
    #[must_use]
    pub fn queue_here(&self, offering: OfferingId) -> Option<Arc<PublishedQueue>> {
        self.handle(offering)?.queue.load_full()
    }

    /// The offerings with a queue that are live here.
    #[must_use]
    pub fn queues_here(&self) -> Vec<(OfferingId, Arc<PublishedQueue>)> {
        let mut all = Vec::new();
        self.each_handle(|offering, handle| {
            all.extend(handle.queue.load_full().map(|queue| (offering, queue)));
        });
        all.sort_unstable_by_key(|(offering, _)| *offering);
        all
    }

    /// Reads the queue, and the entries of these customers, at the owner, or from the store if the
    /// offering has no owner. `None` if the offering has no queue.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn queue(
        &self,
        offering: OfferingId,
        customers: Vec<UserId>,
    ) -> Result<Option<QueueAnswer>, Unavailable> {
        if self.shared().cluster.is_alone() || self.is_live(offering) {
            return self.queue_of_here(offering, customers).await;
        }
        let answer = self.call(offering, Call::Queue(customers)).await;
        let CallAnswer::Queue(found) = answer else { return Err(Unavailable::Recovering) };
        found.map(|found| found.map(|found| *found))
    }

    pub(crate) async fn queue_of_here(
        &self,
        offering: OfferingId,
        customers: Vec<UserId>,
    ) -> Result<Option<QueueAnswer>, Unavailable> {
        let as_of = self.now().unwrap_or_default();
        self.read(offering, move |inventory| {
            let progress = inventory.queue_progress()?;
            let entries = customers.iter().map(|customer| inventory.queue_entry(*customer));
            Some(QueueAnswer { as_of, progress, entries: entries.collect() })
        })
        .await
    }

    /// The numbers and customers of those next in line in a queue that is live here.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn queue_front(
        &self,
        offering: OfferingId,
        most: usize,
    ) -> Result<Vec<(u32, UserId)>, Unavailable> {
        self.read(offering, move |inventory: &Inventory| inventory.queue_front(most)).await
    }
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
