//! When and how a snapshot is taken: from durable state alone, off the actor's thread, and kept
//! by the journal only where it has that very row.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;

use super::registry::Shared;
use crate::ids::OfferingId;
use crate::inventory::Inventory;
use crate::journal::{FORMAT, Head, LoadError, Loaded, Snapshot, fold};

/// A last snapshot is not worth writing for fewer rows than this.
const MIN_ROWS_AT_STOP: u64 = 64;

/// How much there is to read to build a state: the snapshot's bytes, and the rows after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Footprint {
    snapshot: u64,
    rows: u64,
    bytes: u64,
}

impl Footprint {
    pub(super) fn of(loaded: &Loaded) -> Self {
        Self {
            snapshot: loaded.snapshot.as_ref().map_or(0, |snapshot| snapshot.payload.len() as u64),
            rows: loaded.tail.len() as u64,
            bytes: loaded.tail.iter().map(|(row, _)| row.payload.len() as u64).sum(),
        }
    }
}

/// The snapshots of one offering.
pub(super) struct Snapshots {
    shared: Arc<Shared>,
    offering: OfferingId,
    progress: Arc<Progress>,
}

#[derive(Default)]
struct Progress {
    under_way: AtomicBool,
    /// Appended since the last snapshot was begun.
    rows: AtomicU64,
    bytes: AtomicU64,
    /// Of the last snapshot.
    size: AtomicU64,
}

impl Snapshots {
    pub(super) fn new(shared: Arc<Shared>, offering: OfferingId) -> Self {
        Self { shared, offering, progress: Arc::default() }
    }

    /// The state was built from these: so much is appended since their snapshot.
    pub(super) fn loaded(&self, loaded: &Footprint) {
        self.progress.rows.store(loaded.rows, Ordering::Relaxed);
        self.progress.bytes.store(loaded.bytes, Ordering::Relaxed);
        self.progress.size.store(loaded.snapshot, Ordering::Relaxed);
    }

    /// Told of every durable row and its payload's size; takes a snapshot now and then. One is
    /// due after so many rows, but not before the tail is twice as large as the snapshot before it:
    /// all snapshots together then cost less writing than the journal itself, however large the
    /// state grows, and a recovery still reads at most three times what its state needs.
    pub(super) fn row_appended(&self, bytes: usize) {
        let Progress { under_way, rows, bytes: tail, size } = &*self.progress;
        let appended = rows.fetch_add(1, Ordering::Relaxed) + 1;
        let tail_bytes = tail.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        if appended < self.shared.settings.snapshot_every
            || tail_bytes < 2 * size.load(Ordering::Relaxed)
            || under_way.swap(true, Ordering::AcqRel)
        {
            return;
        }
        rows.store(0, Ordering::Relaxed);
        tail.store(0, Ordering::Relaxed);
        let (shared, progress, offering) =
            (Arc::clone(&self.shared), Arc::clone(&self.progress), self.offering);
        self.shared.runtime.spawn(async move {
            match take(&shared, offering).await {
                Ok(bytes) => progress.size.store(bytes, Ordering::Relaxed),
                Err(error) => {
                    tracing::warn!(%offering, %error, "no snapshot taken; trying again later");
                }
            }
            progress.under_way.store(false, Ordering::Release);
        });
    }

    /// The snapshot of a box office that stops: its state is durable and nobody else uses it.
    pub(super) fn take_last(
        &self,
        inventory: &Inventory,
        head: &Head,
    ) -> impl Future<Output = ()> + Send + use<> {
        let rows = self.progress.rows.load(Ordering::Relaxed);
        let snapshot = (rows >= MIN_ROWS_AT_STOP).then(|| snapshot(inventory, head));
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

/// Folds what is durable and keeps it; says how large it is.
async fn take(shared: &Shared, offering: OfferingId) -> Result<u64, LoadError> {
    let loaded = shared.journal.load(offering).await?;
    let head = loaded.head;
    let folded = tokio::task::spawn_blocking(move || {
        let inventory = fold(&loaded)?;
        Ok(snapshot(&inventory, &head))
    });
    let snapshot = folded.await.map_err(|panic| LoadError::Unavailable(panic.into()))??;
    let bytes = snapshot.payload.len() as u64;
    shared.journal.keep_snapshot(offering, snapshot).await?;
    Ok(bytes)
}

fn snapshot(inventory: &Inventory, head: &Head) -> Snapshot {
    Snapshot {
        seq: head.seq,
        epoch: head.epoch,
        at: inventory.at(),
        hash: head.hash,
        format: FORMAT,
        payload: Bytes::from(inventory.to_snapshot()),
    }
}
