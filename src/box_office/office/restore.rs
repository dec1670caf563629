//! The only way from the store to a state: the newest snapshot that fits its journal, and the rows
//! after it. A snapshot that does not fit is reported and replaced; it costs time and never the
//! offering, because the journal is the truth. No offering is taken over.

use crate::box_office::shared::Shared;
use crate::box_office::telemetry::metrics;
use crate::ids::{OfferingId, Seq};
use crate::inventory::Inventory;
use crate::journal::{FORMAT, Head, LoadError, Loaded, Snapshot, fold, fold_onto};
use crate::planted::{Bug, is_planted};
use bytes::Bytes;

/// Returns the state at the journal's end, and the data read for it.
///
/// # Errors
/// [`LoadError::Damaged`] only when the rows themselves do not fold, or when rows are archived and no
/// snapshot can be used in their place.
pub(crate) async fn restore(
    shared: &Shared,
    offering: OfferingId,
) -> Result<(Inventory, Loaded), LoadError> {
    let mut loaded = shared.journal.load(offering).await?;
    let mut has_unfit = false;
    loop {
        for unfit in &loaded.unfit {
            report_unfit(offering, unfit.seq, &unfit.reason);
            has_unfit = true;
        }
        let (folded, read) = fold_off_thread(shared, loaded, None).await?;
        let error = match folded {
            Ok(inventory) if has_unfit => {
                let inventory = replace(shared, offering, inventory, read.head).await?;
                return Ok((inventory, read));
            }
            Ok(inventory) => return Ok((inventory, read)),
            Err(error) => error,
        };
        let (LoadError::Damaged { .. }, Some(unfit), false) =
            (&error, &read.snapshot, is_planted(Bug::SnapshotIsTrusted))
        else {
            return Err(error);
        };
        report_unfit(offering, unfit.seq, &error.to_string());
        has_unfit = true;
        loaded = shared.journal.load_before(offering, unfit.seq).await?;
    }
}

fn report_unfit(offering: OfferingId, seq: Seq, reason: &str) {
    metrics::snapshot_unfit();
    tracing::warn!(%offering, row = %seq, reason,
        "a snapshot does not fit its journal: the state is folded without it");
}

/// Keeps a snapshot of the state in place of the snapshots that did not fit.
async fn replace(
    shared: &Shared,
    offering: OfferingId,
    inventory: Inventory,
    head: Head,
) -> Result<Inventory, LoadError> {
    let encoded = shared.executor.compute(move || (snapshot(&inventory, &head), inventory)).await;
    let (snapshot, inventory) = encoded.map_err(|died| LoadError::Unavailable(died.into()))?;
    match shared.journal.replace_snapshots(offering, snapshot).await {
        Ok(true) => tracing::info!(%offering, row = %head.seq, "a snapshot that fits replaces it"),
        Ok(false) => tracing::debug!(%offering, "a newer snapshot is there by now"),
        // The state is complete without the snapshot.
        Err(error) => tracing::warn!(%offering, %error, "no snapshot could replace it"),
    }
    Ok(inventory)
}

/// Folds on another thread than the runtime's workers, which carry all queries: folding a large
/// journal takes a while.
///
/// # Errors
/// If the fold panicked, or the runtime is gone.
pub(crate) async fn fold_off_thread(
    shared: &Shared,
    loaded: Loaded,
    warm: Option<Inventory>,
) -> Result<(Result<Inventory, LoadError>, Loaded), LoadError> {
    let folded = shared.executor.compute(move || {
        let folded = match warm {
            Some(inventory) => fold_onto(inventory, &loaded.tail),
            None => fold(&loaded),
        };
        (folded, loaded)
    });
    folded.await.map_err(|died| LoadError::Unavailable(died.into()))
}

pub(crate) fn snapshot(inventory: &Inventory, head: &Head) -> Snapshot {
    Snapshot {
        seq: head.seq,
        epoch: head.epoch,
        at: inventory.at(),
        hash: head.hash,
        format: FORMAT,
        payload: Bytes::from(inventory.to_snapshot()),
    }
}
