//! State that all box offices of a process share. It knows only as much of the registry as an actor
//! calls, so that actors, views and forwarding do not depend on each other.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use dashmap::DashMap;
use tokio::sync::Semaphore;

use crate::box_office::Settings;
use crate::box_office::clock_guard::ClockGuard;
use crate::box_office::forwarding::queue::ForwardQueues;
use crate::box_office::handle::OfficeHandle;
use crate::box_office::office::batch::Work;
use crate::cluster::Cluster;
use crate::executor::Executor;
use crate::ids::OfferingId;
use crate::inventory::Inventory;
use crate::journal::{Head, Journal, Owner};

/// The parts that every box office of the process uses.
pub(crate) struct Shared {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) settings: Settings,
    pub(crate) guard: ClockGuard,
    /// Carries all database work except the appends of live box offices; outlives the arbiters.
    pub(crate) executor: Executor,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) forward_queues: ForwardQueues,
    /// Limits concurrent loads: many at once would keep each from being in service soon.
    pub(crate) recoveries: Semaphore,
    /// States that were loaded before they are needed.
    pub(crate) warm: DashMap<OfferingId, Warm>,
    /// Set once, when the registry starts.
    pub(crate) registry: OnceLock<Weak<dyn OfficeRegistry>>,
}

/// A state that was loaded before it is needed.
pub(crate) struct Warm {
    pub(crate) inventory: Inventory,
    pub(crate) head: Head,
    pub(crate) at: Duration,
}

/// The calls that an actor makes to the registry that started it.
pub(crate) trait OfficeRegistry: Send + Sync {
    /// Removes an office that closes, if the registry still has this very one.
    fn remove_closed(&self, offering: OfferingId, handle: &Arc<OfficeHandle>);
    /// Forwards the requests that waited for a closed office to its new owner, in order.
    fn forward(self: Arc<Self>, offering: OfferingId, owner: Owner, works: VecDeque<Work>);
}

impl Shared {
    /// The registry; `None` once it is dropped.
    pub(crate) fn registry(&self) -> Option<Arc<dyn OfficeRegistry>> {
        self.registry.get().and_then(Weak::upgrade)
    }
}
