//! Reads of sleeping offerings: the state is folded from the store without a takeover and kept for
//! one second, so that many readers of a cold event cost one load per second and not one each.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use dashmap::DashMap;
use tokio::sync::Mutex;

use crate::box_office::Unavailable;
use crate::box_office::office::restore::restore;
use crate::box_office::shared::Shared;
use crate::box_office::views::view::{View, ViewBuilder};
use crate::ids::{OfferingId, Seq};
use crate::inventory::Inventory;
use crate::journal::LoadError;
use crate::trace;

const MAX_AGE: Duration = Duration::from_secs(1);

/// A state read from the store.
pub(crate) struct ColdState {
    pub(crate) inventory: Arc<Inventory>,
    pub(crate) view: Arc<View>,
    pub(crate) read_at: Duration,
}

/// The states read within the last second.
#[derive(Default)]
pub(crate) struct ColdStates {
    slots: DashMap<OfferingId, Arc<Slot>>,
}

#[derive(Default)]
struct Slot {
    state: ArcSwapOption<ColdState>,
    /// Held by the task that reads the state from the store again.
    reading: Mutex<()>,
}

impl Slot {
    fn recent(&self, now: Duration, row: Seq) -> Option<Arc<ColdState>> {
        let state = self.state.load();
        let is_recent = |state: &&Arc<ColdState>| {
            now.saturating_sub(state.read_at) < MAX_AGE && state.view.seq >= row
        };
        state.as_ref().filter(is_recent).map(Arc::clone)
    }
}

impl ColdStates {
    pub(crate) async fn get(
        &self,
        shared: &Arc<Shared>,
        offering: OfferingId,
    ) -> Result<Arc<ColdState>, Unavailable> {
        self.at_least(shared, offering, Seq(0)).await
    }

    /// Returns the state after a durable row, or after a later one.
    pub(crate) async fn at_least(
        &self,
        shared: &Arc<Shared>,
        offering: OfferingId,
        row: Seq,
    ) -> Result<Arc<ColdState>, Unavailable> {
        let known = self.slots.get(&offering).map(|slot| Arc::clone(slot.value()));
        let slot =
            known.unwrap_or_else(|| Arc::clone(self.slots.entry(offering).or_default().value()));
        if let Some(state) = slot.recent(shared.guard.monotonic(), row) {
            return Ok(state);
        }
        // One task reads; the others wait for its result.
        let _reading = slot.reading.lock().await;
        if let Some(state) = slot.recent(shared.guard.monotonic(), row) {
            return Ok(state);
        }
        let state = Arc::new(read(shared, offering).await?);
        slot.state.store(Some(Arc::clone(&state)));
        Ok(state)
    }

    /// Drops states that are too old to be used.
    pub(crate) fn forget_old(&self, shared: &Shared) {
        let now = shared.guard.monotonic();
        let is_read = |slot: &Slot| slot.reading.try_lock().is_err();
        self.slots.retain(|_, slot| is_read(slot) || slot.recent(now, Seq(0)).is_some());
    }
}

async fn read(shared: &Arc<Shared>, offering: OfferingId) -> Result<ColdState, Unavailable> {
    let read_at = shared.guard.monotonic();
    let task = {
        let shared = Arc::clone(shared);
        async move {
            let (inventory, loaded) = restore(&shared, offering).await?;
            let head = loaded.head;
            let as_of = shared.guard.now().unwrap_or_default();
            let painted = shared.executor.compute(move || {
                let view = ViewBuilder::default().paint(offering, &inventory, &head, as_of);
                (inventory, view)
            });
            painted.await.map_err(|died| LoadError::Unavailable(died.into()))
        }
    };
    // On the database runtime: the caller may be a worker whose request is dropped half-way.
    let task = trace::within(trace::current(), task);
    let (inventory, view) = match shared.executor.spawn(task).await {
        Ok(Ok(folded)) => folded,
        Ok(Err(LoadError::NotFound)) => return Err(Unavailable::NoSuchOffering),
        Ok(Err(error)) => {
            tracing::warn!(%offering, %error, "a sleeping offering could not be read");
            return Err(Unavailable::Recovering);
        }
        Err(_) => return Err(Unavailable::Recovering),
    };
    Ok(ColdState { inventory: Arc::new(inventory), view: Arc::new(view), read_at })
}
