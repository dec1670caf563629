//! When and how a snapshot is taken: from durable state only, off the actor's thread, and kept by
//! the journal only if it has that very row.

use crate::box_office::office::restore::{restore, snapshot};
use crate::box_office::shared::Shared;
use crate::ids::OfferingId;
use crate::inventory::Inventory;
use crate::journal::{Head, LoadError, Loaded};
use crate::planted::{Bug, is_planted};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The cost of reading a row beside its payload, in bytes of payload.
const ROW_BYTES: u64 = 200;

/// The rows that must be read in addition to the snapshot to build a state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tail {
    rows: u64,
    bytes: u64,
}

impl Tail {
    pub(crate) fn of(loaded: &Loaded) -> Self {
        let mut tail = Self::default();
        loaded.tail.iter().for_each(|(row, _)| tail.grow(row.payload.len()));
        tail
    }

    fn grow(&mut self, payload: usize) {
        self.rows += 1;
        self.bytes += ROW_BYTES + payload as u64;
    }

    /// True if a snapshot is due: after `every` rows, but not before they are twice as large as the
    /// snapshot would be. A sale that only grows writes no snapshot: its journal is as quick to
    /// read. Where claims come and go, a recovery still reads little more than three times what its
    /// state needs.
    fn is_due(self, every: u64, snapshot: usize) -> bool {
        self.rows >= every && self.bytes >= 2 * snapshot as u64
    }
}

/// The snapshots of one offering.
pub(crate) struct Snapshots {
    shared: Arc<Shared>,
    offering: OfferingId,
    /// The rows since the last snapshot was begun.
    tail: Tail,
    under_way: Arc<AtomicBool>,
}

impl Snapshots {
    pub(crate) fn new(shared: Arc<Shared>, offering: OfferingId) -> Self {
        Self { shared, offering, tail: Tail::default(), under_way: Arc::default() }
    }

    /// Records the rows from which the state was built, in addition to the snapshot before them.
    pub(crate) fn loaded(&mut self, tail: Tail) {
        self.tail = tail;
    }

    /// Records a durable row by the size of its payload; takes a snapshot when one is due.
    pub(crate) fn row_appended(&mut self, payload: usize, inventory: &Inventory) {
        self.tail.grow(payload);
        if !self.tail.is_due(self.shared.settings.snapshot_every, inventory.snapshot_size())
            || self.under_way.swap(true, Ordering::AcqRel)
        {
            return;
        }
        self.tail = Tail::default();
        let (shared, under_way, offering) =
            (Arc::clone(&self.shared), Arc::clone(&self.under_way), self.offering);
        self.shared.executor.spawn(async move {
            if let Err(error) = take(&shared, offering).await {
                tracing::warn!(%offering, %error, "no snapshot taken; trying again later");
            }
            under_way.store(false, Ordering::Release);
        });
    }

    /// Keeps the snapshot of a box office that stops: its state is durable and has no other user.
    pub(crate) fn take_last(
        &self,
        inventory: &Inventory,
        head: &Head,
    ) -> impl Future<Output = ()> + Send + use<> {
        let is_worth_it = self.tail.rows >= self.shared.settings.snapshot_at_rest;
        let snapshot = is_worth_it.then(|| snapshot(inventory, head));
        let (shared, offering) = (Arc::clone(&self.shared), self.offering);
        async move {
            if let Some(snapshot) = snapshot
                && let Err(error) = shared.journal.keep_snapshot(offering, snapshot).await
            {
                tracing::debug!(%offering, %error, "no snapshot kept at the end");
            }
        }
    }
}

/// Folds the durable state from the journal, and keeps a snapshot of it.
async fn take(shared: &Shared, offering: OfferingId) -> Result<(), LoadError> {
    let (inventory, loaded) = restore(shared, offering).await?;
    let before = loaded.tail.iter().nth_back(1).map(|(row, _)| row.head());
    let ahead = before.filter(|_| is_planted(Bug::SnapshotAheadOfTail));
    let head = ahead.unwrap_or(loaded.head);
    let encoded = shared.executor.compute(move || snapshot(&inventory, &head));
    let snapshot = encoded.await.map_err(|died| LoadError::Unavailable(died.into()))?;
    shared.journal.keep_snapshot(offering, snapshot).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::box_office::office::snapshots::Tail;

    fn tail(rows: u64, payload: usize) -> Tail {
        let mut tail = Tail::default();
        (0..rows).for_each(|_| tail.grow(payload));
        tail
    }

    #[test]
    fn a_snapshot_is_due_when_it_saves_reading_and_not_before() {
        let (every, hold) = (2_000, 56);
        let holds_per_row = 20;
        let growing = tail(100_000, holds_per_row * 50);
        assert!(!growing.is_due(every, 100_000 * holds_per_row * hold), "it is all still there");
        assert!(growing.is_due(every, 1_000 * hold), "most of it has come and gone");
        assert!(tail(10_000, 50).is_due(every, 10_000 * hold), "rows cost more than holds");
        assert!(!tail(1_999, 50).is_due(every, 0), "too few to bother");
    }
}
