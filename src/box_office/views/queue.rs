//! Reads of an offering's queue: here, at its owner, or from the store.

use std::sync::Arc;

use crate::box_office::protocol::{Call, CallAnswer};
use crate::box_office::views::queue_state::{PublishedQueue, QueueAnswer};
use crate::box_office::{BoxOffices, Unavailable};
use crate::ids::{OfferingId, UserId};
use crate::inventory::Inventory;

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
