//! How an instance becomes the owner of an offering: load, fold, append a takeover. This is the
//! only way into service, for a first start as for every failure. An append of unknown outcome is
//! settled on the way: the takeover occupies its seq, so that afterwards its row is either found or
//! can never appear.

use std::sync::Arc;
use std::time::Duration;

use crate::box_office::office::restore::{fold_off_thread, restore};
use crate::box_office::office::snapshots::Tail;
use crate::box_office::shared::Shared;
use crate::cluster::Permission;
use crate::ids::{BatchId, Epoch, OfferingId, Seq};
use crate::inventory::Inventory;
use crate::journal::{Append, AppendError, Head, LoadError, Loaded, Owner, Record, Row, RowFields};
use crate::planted::{Bug, is_planted};
use crate::random;

/// An append that may or may not have become durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnknownAppend {
    pub(crate) seq: Seq,
    pub(crate) batch_id: BatchId,
}

/// The outcome of an [`UnknownAppend`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// The row is in the journal.
    Committed,
    /// The row is not in the journal, and never will be.
    Lost,
}

/// The state to go into service with.
pub(crate) struct Recovered {
    pub(crate) inventory: Inventory,
    pub(crate) head: Head,
    pub(crate) doubt: Option<Settled>,
    pub(crate) tail: Tail,
    /// Monotonic time from before the takeover was sent: no later proof of ownership is known.
    pub(crate) verified_at: Duration,
}

/// The most lost races in one recovery: other instances may take over too, and the caller then
/// backs off.
const MAX_RACES: u32 = 8;

/// The longest pause before a fenced instance takes an offering back.
const AFTER_FENCE: Duration = Duration::from_millis(250);

/// Why an offering was not taken over.
pub(crate) enum NotRecovered {
    /// Another live instance owns it. With the outcome of the unknown append, if it is known.
    OwnedBy(Owner, Option<Settled>),
    /// It failed for now: the caller decides when to try again.
    Failed(LoadError),
}

impl From<LoadError> for NotRecovered {
    fn from(error: LoadError) -> Self {
        Self::Failed(error)
    }
}

/// Takes the offering over, if the cluster permits it, and settles `doubt`. A `fenced` instance
/// leaves the offering to the live owner that fenced it.
///
/// # Errors
/// [`NotRecovered`].
pub(crate) async fn recover(
    shared: &Shared,
    offering: OfferingId,
    doubt: Option<UnknownAppend>,
    fenced: bool,
) -> Result<Recovered, NotRecovered> {
    // The semaphore is never closed.
    let _turn = shared.recoveries.acquire().await;
    if fenced && !shared.cluster.is_alone() {
        if let Some(owner) = live_owner(shared, offering).await? {
            let settled = settle_elsewhere(shared, offering, doubt).await;
            return Err(NotRecovered::OwnedBy(owner, settled));
        }
        // The owner that fenced us is gone again: no instance takes the offering back at once.
        tokio::time::sleep(random::jittered(AFTER_FENCE)).await;
    }
    match shared.cluster.claim(offering, &*shared.journal).await? {
        Permission::Granted => {}
        Permission::OwnedBy(owner) => {
            let settled = settle_elsewhere(shared, offering, doubt).await;
            return Err(NotRecovered::OwnedBy(owner, settled));
        }
        Permission::NotNow => {
            let why = anyhow::anyhow!("the lease of this instance has run out");
            return Err(LoadError::Unavailable(why).into());
        }
    }
    Ok(win(shared, offering, doubt).await?)
}

/// Loads and takes over; repeats this while other instances take over in between.
async fn win(
    shared: &Shared,
    offering: OfferingId,
    doubt: Option<UnknownAppend>,
) -> Result<Recovered, LoadError> {
    for race in 0..MAX_RACES {
        let (inventory, loaded) = load(shared, offering).await?;
        let (head, verified_at) = (loaded.head, shared.guard.monotonic());
        if is_planted(Bug::UnknownAppendResolvedByRereading)
            && let Some(doubt) = doubt
        {
            let doubt = Some(settle(shared, offering, &loaded, doubt).await?);
            let tail = Tail::of(&loaded);
            return Ok(Recovered { inventory, head, doubt, tail, verified_at });
        }
        match take_over(shared, offering, inventory, head).await {
            Ok((inventory, head)) => {
                let doubt = match doubt {
                    Some(doubt) => Some(settle(shared, offering, &loaded, doubt).await?),
                    None => None,
                };
                let tail = Tail::of(&loaded);
                return Ok(Recovered { inventory, head, doubt, tail, verified_at });
            }
            // Another instance's row, the zombie's row, or our own takeover after all: load again.
            Err(AppendError::Fenced | AppendError::OutcomeUnknown(_)) => {
                let pause = Duration::from_millis(random::within(1..=20_u64 << race.min(4)));
                tokio::time::sleep(pause).await;
            }
            Err(AppendError::Unavailable(source) | AppendError::BadData(source)) => {
                return Err(LoadError::Unavailable(source));
            }
        }
    }
    Err(LoadError::Unavailable(anyhow::anyhow!(
        "another instance took the event over {MAX_RACES} times in between"
    )))
}

/// Returns the state, and the rows read for it. For a state loaded ahead, only the rows since are
/// read.
async fn load(shared: &Shared, offering: OfferingId) -> Result<(Inventory, Loaded), LoadError> {
    if let Some((_, warm)) = shared.warm.remove(&offering)
        && let Some(loaded) = shared.journal.load_after(offering, warm.head).await?
    {
        match fold_off_thread(shared, loaded, Some(warm.inventory)).await? {
            (Ok(inventory), loaded) => return Ok((inventory, loaded)),
            (Err(error), _) => {
                tracing::warn!(%offering, %error,
                    "the rows since do not fit the state that was loaded ahead: loading it anew");
            }
        }
    }
    restore(shared, offering).await
}

/// Returns the owner that the journal names, if it is another live instance.
async fn live_owner(shared: &Shared, offering: OfferingId) -> Result<Option<Owner>, LoadError> {
    let owner = shared.journal.owner(offering).await?;
    let me = shared.cluster.me().incarnation;
    let owner = owner.filter(|owner| owner.incarnation != me);
    let owner = owner.filter(|owner| shared.cluster.view().live(owner.incarnation).is_some());
    if let Some(owner) = &owner {
        shared.cluster.learn(offering, owner.clone());
    }
    Ok(owner)
}

/// Returns the outcome of an append whose seq another row has occupied since. If the seq is free,
/// the row may still appear: then the outcome is not known.
async fn settle_elsewhere(
    shared: &Shared,
    offering: OfferingId,
    doubt: Option<UnknownAppend>,
) -> Option<Settled> {
    let doubt = doubt?;
    let (row, _) = shared.journal.row(offering, doubt.seq).await.ok().flatten()?;
    let committed = row.batch_id == doubt.batch_id;
    Some(if committed { Settled::Committed } else { Settled::Lost })
}

async fn take_over(
    shared: &Shared,
    offering: OfferingId,
    mut inventory: Inventory,
    previous: Head,
) -> Result<(Inventory, Head), AppendError> {
    // If the clock is not trusted, the offering's time stays at the last row: a takeover decides
    // nothing that depends on it.
    let now = shared.guard.now().unwrap_or(i64::MIN);
    let at = inventory.begin_batch(previous.seq.next(), now);
    inventory.begin_row();
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
    if is_planted(Bug::TakeoverWithoutRecord) && previous.epoch.0 > 0 {
        return Ok((inventory, previous));
    }
    let sent = shared.guard.monotonic();
    let appended = shared.journal.append(append).await?;
    shared.guard.observe(appended.database_now, sent);
    Ok((inventory, row.head()))
}

async fn settle(
    shared: &Shared,
    offering: OfferingId,
    loaded: &Loaded,
    doubt: UnknownAppend,
) -> Result<Settled, LoadError> {
    let in_tail = loaded.tail.iter().find(|(row, _)| row.seq == doubt.seq);
    let batch_id = match in_tail {
        Some((row, _)) => Some(row.batch_id),
        // The load may have started from a snapshot taken after that row.
        None => shared.journal.row(offering, doubt.seq).await?.map(|(row, _)| row.batch_id),
    };
    Ok(if batch_id == Some(doubt.batch_id) { Settled::Committed } else { Settled::Lost })
}
