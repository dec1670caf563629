//! When and how a snapshot is taken: from durable state alone, off the actor's thread, and kept
//! by the journal only where it has that very row.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;

use super::registry::Shared;
use crate::ids::{OfferingId, Seq};
use crate::inventory::Inventory;
use crate::journal::{FORMAT, Head, LoadError, Snapshot, fold};

/// A last snapshot is not worth writing for fewer rows than this.
const MIN_ROWS_AT_STOP: u64 = 64;

/// The snapshots of one offering.
pub(super) struct Snapshots {
    shared: Arc<Shared>,
    offering: OfferingId,
    progress: Arc<Progress>,
}

#[derive(Default)]
struct Progress {
    under_way: AtomicBool,
    /// The row of the last snapshot known of; `u64::MAX` before the first look.
    last: AtomicU64,
}

impl Snapshots {
    pub(super) fn new(shared: Arc<Shared>, offering: OfferingId) -> Self {
        Self { shared, offering, progress: Arc::default() }
    }

    /// Told of every durable row; takes a snapshot now and then.
    pub(super) fn row_appended(&self, seq: Seq) {
        let rows = seq.0.saturating_sub(self.progress.last.load(Ordering::Relaxed));
        if rows < self.shared.settings.snapshot_every
            || self.progress.under_way.swap(true, Ordering::AcqRel)
        {
            return;
        }
        let (shared, progress, offering) =
            (Arc::clone(&self.shared), Arc::clone(&self.progress), self.offering);
        self.shared.runtime.spawn(async move {
            match take(&shared, offering).await {
                Ok(seq) => progress.last.store(seq.0, Ordering::Relaxed),
                Err(error) => {
                    tracing::warn!(%offering, %error, "no snapshot taken; trying again later");
                    progress.last.store(seq.0, Ordering::Relaxed);
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
        let rows = head.seq.0.saturating_sub(self.progress.last.load(Ordering::Relaxed));
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

/// Folds what is durable and keeps it; says up to where.
async fn take(shared: &Shared, offering: OfferingId) -> Result<Seq, LoadError> {
    let loaded = shared.journal.load(offering).await?;
    let head = loaded.head;
    let folded = tokio::task::spawn_blocking(move || {
        let inventory = fold(&loaded)?;
        Ok(snapshot(&inventory, &head))
    });
    let snapshot = folded.await.map_err(|panic| LoadError::Unavailable(panic.into()))??;
    shared.journal.keep_snapshot(offering, snapshot).await?;
    Ok(head.seq)
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
