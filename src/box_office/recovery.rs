//! Becoming the owner of an offering: load, fold, append a takeover. The one way into service, for
//! a first start as for every failure. An append of unknown outcome is settled on the way: the
//! takeover occupies its seq, so that after it the row is either found or can never appear.

use std::sync::Arc;
use std::time::Duration;

use super::registry::Shared;
use super::snapshots::Tail;
use crate::ids::{BatchId, Epoch, OfferingId, Seq};
use crate::inventory::Inventory;
use crate::journal::{Append, AppendError, Head, LoadError, Loaded, Record, Row, RowFields, fold};

/// An append that may or may not have become durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Doubt {
    pub(super) seq: Seq,
    pub(super) batch_id: BatchId,
}

/// What became of a [`Doubt`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// It is in the journal.
    Committed,
    /// It is not, and never will be.
    Lost,
}

/// The state to go into service with.
pub(super) struct Recovered {
    pub(super) inventory: Inventory,
    pub(super) head: Head,
    pub(super) doubt: Option<Settled>,
    pub(super) tail: Tail,
}

/// Others may be at it too: after so many lost races, give way and let the caller back off.
const MAX_RACES: u32 = 8;

/// Takes the offering over and settles `doubt`.
///
/// # Errors
/// [`LoadError`]; the caller decides when to try again.
pub(super) async fn recover(
    shared: &Shared,
    offering: OfferingId,
    doubt: Option<Doubt>,
) -> Result<Recovered, LoadError> {
    for race in 0..MAX_RACES {
        let loaded = shared.journal.load(offering).await?;
        let head = loaded.head;
        let (inventory, loaded) = fold_off_thread(loaded).await?;
        match take_over(shared, offering, inventory, head).await {
            Ok((inventory, head)) => {
                let doubt = match doubt {
                    Some(doubt) => Some(settle(shared, offering, &loaded, doubt).await?),
                    None => None,
                };
                let tail = Tail::of(&loaded);
                return Ok(Recovered { inventory, head, doubt, tail });
            }
            // Somebody else's row, the zombie's row, or our own takeover after all: look again.
            Err(AppendError::Fenced | AppendError::OutcomeUnknown(_)) => {
                let pause = Duration::from_millis(rand::random_range(1..=20_u64 << race.min(4)));
                tokio::time::sleep(pause).await;
            }
            Err(AppendError::Unavailable(source) | AppendError::BadData(source)) => {
                return Err(LoadError::Unavailable(source));
            }
        }
    }
    Err(LoadError::Unavailable(anyhow::anyhow!("lost {MAX_RACES} races for the offering")))
}

/// Folding a large journal takes a while; the runtime's workers carry everybody's queries.
async fn fold_off_thread(loaded: Loaded) -> Result<(Inventory, Loaded), LoadError> {
    let folded = tokio::task::spawn_blocking(move || (fold(&loaded), loaded)).await;
    let (inventory, loaded) = folded.map_err(|panic| LoadError::Unavailable(panic.into()))?;
    Ok((inventory?, loaded))
}

async fn take_over(
    shared: &Shared,
    offering: OfferingId,
    mut inventory: Inventory,
    previous: Head,
) -> Result<(Inventory, Head), AppendError> {
    // With a clock that is not trusted, time stands still at the last row: taking over decides
    // nothing that depends on it.
    let now = shared.guard.now().unwrap_or(i64::MIN);
    let at = inventory.begin_batch(previous.seq.next(), now);
    let fields = RowFields {
        offering,
        epoch: Epoch(previous.epoch.0 + 1),
        owner: shared.settings.instance,
        batch_id: BatchId::random(),
        at,
    };
    let row = Arc::new(Row::new(&previous, fields, &Record::Takeover));
    let append = Append {
        previous,
        row: Arc::clone(&row),
        record: Arc::new(Record::Takeover),
        owner_address: Arc::clone(&shared.settings.address),
        next_due_at: inventory.next_due_at(),
    };
    let sent = shared.guard.monotonic();
    let appended = shared.journal.append(append).await?;
    shared.guard.observe(appended.database_now, sent);
    Ok((inventory, row.head()))
}

async fn settle(
    shared: &Shared,
    offering: OfferingId,
    loaded: &Loaded,
    doubt: Doubt,
) -> Result<Settled, LoadError> {
    let in_tail = loaded.tail.iter().find(|(row, _)| row.seq == doubt.seq);
    let batch_id = match in_tail {
        Some((row, _)) => Some(row.batch_id),
        // The load may have started from a snapshot taken after it.
        None => shared.journal.row(offering, doubt.seq).await?.map(|(row, _)| row.batch_id),
    };
    Ok(if batch_id == Some(doubt.batch_id) { Settled::Committed } else { Settled::Lost })
}
