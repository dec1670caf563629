//! The live box offices of this process, and the way to reach any of them. Wakes sleeping box
//! offices, replaces dead ones, and refuses requests for which there is no room.

mod arbiters;
pub(crate) mod handoff;
mod sweeper;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use crate::box_office::clock_guard::ClockGuard;
use crate::box_office::forwarding::queue::ForwardQueues;
use crate::box_office::handle::OfficeHandle;
use crate::box_office::office::batch::{Pending, Work};
use crate::box_office::office::{BoxOffice, Stop, TakeTurn};
use crate::box_office::permits::{Permit, Permits, Urgency};
use crate::box_office::registry::arbiters::Arbiters;
use crate::box_office::settings::Heard;
use crate::box_office::shared::{OfficeRegistry, Shared, Warm};
use crate::box_office::telemetry::{metrics, spans};
use crate::box_office::unknown::{UnknownReason, outcome_unknown};
use crate::box_office::views::cold::ColdStates;
use crate::box_office::views::replica::FollowedOfferings;
use crate::box_office::{Committed, Settings, SubmitError, Unavailable, command};
use crate::clock::Clock;
use crate::cluster::{Cluster, Route};
use crate::executor::Executor;
use crate::ids::OfferingId;
use crate::inventory::{Request, TimestampMs};
use crate::journal::{Journal, Owner};
use crate::trace;
use actix::prelude::*;
use dashmap::DashMap;
use futures_util::{StreamExt, stream};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};

#[derive(Clone)]
struct Live {
    address: Addr<BoxOffice>,
    handle: Arc<OfficeHandle>,
}

/// The live box offices of this process.
pub struct BoxOffices {
    /// For tasks that must not keep the registry alive.
    this: Weak<Self>,
    shared: Arc<Shared>,
    live: DashMap<OfferingId, Live>,
    cold: ColdStates,
    followed: FollowedOfferings,
    arbiters: Arbiters,
    stopping: AtomicBool,
    heard: OnceLock<Heard>,
}

impl BoxOffices {
    /// Starts the box offices of a process that is its own cluster, see [`Self::start_in`].
    pub fn start(
        journal: Arc<dyn Journal>,
        clock: Arc<dyn Clock>,
        settings: Settings,
        runtime: Handle,
    ) -> Arc<Self> {
        let (instance, address) = (settings.instance, Arc::clone(&settings.address));
        let cluster = Cluster::alone(instance, address, Arc::clone(&clock));
        Self::start_in(cluster, journal, clock, settings, Executor::Threads(runtime))
    }

    /// Starts the arbiters and the sweeper. `executor` carries all database work except appends,
    /// and must outlive the returned value.
    pub fn start_in(
        cluster: Arc<Cluster>,
        journal: Arc<dyn Journal>,
        clock: Arc<dyn Clock>,
        settings: Settings,
        executor: Executor,
    ) -> Arc<Self> {
        let tolerance = journal.has_own_clock().then_some(settings.max_clock_skew);
        let guard = ClockGuard::new(clock, tolerance);
        let arbiters = match executor {
            Executor::Threads(_) => Arbiters::start(settings.arbiters),
            Executor::Here => Arbiters::Here,
        };
        let shared = Arc::new(Shared {
            forward_queues: ForwardQueues::new(Arc::clone(&cluster), executor.clone()),
            recoveries: Semaphore::new(settings.max_recoveries),
            journal,
            settings,
            guard,
            executor,
            cluster,
            warm: DashMap::new(),
            registry: OnceLock::new(),
        });
        let offices = Arc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            shared,
            live: DashMap::new(),
            cold: ColdStates::default(),
            followed: FollowedOfferings::default(),
            arbiters,
            stopping: AtomicBool::new(false),
            heard: OnceLock::new(),
        });
        let registry: Weak<dyn OfficeRegistry> = Weak::<Self>::clone(&offices.this);
        // Set once, here.
        let _ = offices.shared.registry.set(registry);
        offices.start_sweeper();
        offices
    }

    /// True if the clocks agree well enough to decide deadlines; part of readiness.
    pub fn clock_trusted(&self) -> bool {
        self.now().is_some()
    }

    /// The number of live box offices.
    pub fn live(&self) -> usize {
        self.live.len()
    }

    /// Refuses new commands, answers the accepted ones, and stops.
    pub async fn shutdown(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        stream::iter(self.live_offerings())
            .for_each_concurrent(STOPPED_AT_ONCE, |offering| async move {
                if let Some(address) = self.address(offering) {
                    // An actor that is gone has no work left to answer.
                    let _ = address.send(Stop).await;
                    self.shared.cluster.release(offering).await;
                }
            })
            .await;
        self.live.clear();
        self.arbiters.stop();
    }

    /// Does the periodic work of the sweeper now, and waits until it is durable: runs due work
    /// here, and wakes sleeping offerings that have some. For tests that move the clock by hand.
    pub async fn sweep(&self) {
        self.measure_clock().await;
        self.sweep_due().await;
    }

    /// Runs due work here, and wakes sleeping offerings that have some.
    pub(crate) async fn sweep_due(&self) {
        let Some(now) = self.now() else { return };
        let mut due: Vec<_> = self
            .live
            .iter()
            .filter(|live| live.handle.next_due_at.load(Ordering::Relaxed) <= now)
            .map(|live| *live.key())
            .collect();
        match self.shared.journal.due(now, MAX_WOKEN).await {
            Ok(sleeping) => {
                for offering in sleeping {
                    if !self.live.contains_key(&offering) && self.belongs_here(offering).await {
                        due.push(offering);
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "could not look for due offerings"),
        }
        due.sort_unstable();
        for offering in due {
            if let Err(error) = self.look(offering, Urgency::Urgent, |_| ()).await {
                tracing::debug!(%offering, %error, "due work waits");
            }
        }
    }

    /// True if this instance is the one to wake a sleeping offering.
    async fn belongs_here(&self, offering: OfferingId) -> bool {
        let cluster = &self.shared.cluster;
        if !cluster.lease_is_valid() && cluster.away_for().is_none() {
            return false;
        }
        let route = cluster.route_now(offering, &*self.shared.journal).await;
        matches!(route, Ok(Route::Here))
    }

    /// Notifies the live offerings that have due work; cheap, and waits for nothing.
    pub(crate) fn nudge_due(&self) {
        let Some(now) = self.now() else { return };
        let is_due = |live: &Live| live.handle.next_due_at.load(Ordering::Relaxed) <= now;
        let due = self.live.iter().filter(|live| is_due(live.value()));
        let mut due: Vec<_> = due.map(|live| (*live.key(), live.address.clone())).collect();
        due.sort_unstable_by_key(|(offering, _)| *offering);
        for (_, address) in due {
            address.do_send(TakeTurn);
        }
    }

    /// Puts box offices to sleep that have not been used for `passivate_after`.
    pub(crate) async fn passivate_idle(&self) {
        let now_ms = self.monotonic_ms();
        let after_ms = millis(self.shared.settings.passivate_after);
        let mut idle: Vec<_> = self
            .live
            .iter()
            .filter(|live| {
                now_ms.saturating_sub(live.handle.used_at_ms.load(Ordering::Relaxed)) >= after_ms
            })
            .map(|live| *live.key())
            .collect();
        idle.sort_unstable();
        for offering in idle {
            // Removed from the map first: a request that comes now starts a new box office, which
            // waits its turn at the journal. A request that got the old handle before has a permit.
            let unused = |_: &OfferingId, live: &Live| {
                let followed =
                    live.handle.views.get().is_some_and(|views| views.receiver_count() > 0);
                !followed && !live.handle.permits.in_use()
            };
            if let Some((_, live)) = self.live.remove_if(&offering, unused) {
                let _ = live.address.send(Stop).await;
                if !self.live.contains_key(&offering) {
                    self.shared.cluster.release(offering).await;
                }
                tracing::debug!(%offering, "box office went to sleep");
            }
        }
        self.cold.forget_old(&self.shared);
    }

    /// Measures this machine's clock against the database's; returns true if the database answered.
    pub(crate) async fn measure_clock(&self) -> bool {
        let sent = self.shared.guard.monotonic();
        match self.shared.journal.database_now().await {
            Ok(database_now) => {
                self.shared.guard.observe(database_now, sent);
                true
            }
            Err(_) => false,
        }
    }

    /// The live offerings, in a stable order.
    pub(crate) fn live_offerings(&self) -> Vec<OfferingId> {
        let mut offerings: Vec<_> = self.live.iter().map(|live| *live.key()).collect();
        offerings.sort_unstable();
        offerings
    }

    pub(crate) fn is_live(&self, offering: OfferingId) -> bool {
        self.live.contains_key(&offering)
    }

    pub(crate) fn handle(&self, offering: OfferingId) -> Option<Arc<OfficeHandle>> {
        self.live.get(&offering).map(|live| Arc::clone(&live.handle))
    }

    pub(crate) fn address(&self, offering: OfferingId) -> Option<Addr<BoxOffice>> {
        self.live.get(&offering).map(|live| live.address.clone())
    }

    /// True if the offering is in use, is followed, or was used within `within_ms`.
    pub(crate) fn is_busy(&self, offering: OfferingId, within_ms: u64) -> bool {
        let Some(handle) = self.handle(offering) else { return false };
        let used_at_ms = handle.used_at_ms.load(Ordering::Relaxed);
        let followed = handle.views.get().is_some_and(|views| views.receiver_count() > 0);
        followed
            || handle.permits.in_use()
            || self.monotonic_ms().saturating_sub(used_at_ms) < within_ms
    }

    /// Removes a live offering from the map, so that no new request finds it.
    pub(crate) fn remove(&self, offering: OfferingId) -> Option<Addr<BoxOffice>> {
        self.live.remove(&offering).map(|(_, live)| live.address)
    }

    pub(crate) fn warm(&self) -> &DashMap<OfferingId, Warm> {
        &self.shared.warm
    }

    pub(crate) fn cold(&self) -> &ColdStates {
        &self.cold
    }

    pub(crate) fn followed(&self) -> &FollowedOfferings {
        &self.followed
    }

    /// A weak reference, for tasks that must not keep the registry alive.
    pub(crate) fn weak(&self) -> Weak<Self> {
        Weak::clone(&self.this)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn heard(&self) -> &OnceLock<Heard> {
        &self.heard
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    pub(crate) fn each_handle(&self, mut see: impl FnMut(OfferingId, &OfficeHandle)) {
        for live in &self.live {
            see(*live.key(), &live.handle);
        }
    }

    /// Milliseconds by which this machine's clock is ahead of the database's.
    pub(crate) fn clock_skew(&self) -> i64 {
        self.shared.guard.skew_ms()
    }

    pub(crate) fn now(&self) -> Option<TimestampMs> {
        self.shared.guard.now()
    }

    pub(crate) fn monotonic_ms(&self) -> u64 {
        millis(self.shared.guard.monotonic())
    }

    /// Decides and journals one request at the box office that is, or becomes, live here.
    pub(crate) async fn submit_here(
        &self,
        offering: OfferingId,
        request: Request,
        (hops, settle): (u8, bool),
    ) -> Result<Committed, SubmitError> {
        let (reply, answer) = oneshot::channel();
        let urgency = command::urgency(&request.command);
        let mut origin = trace::current();
        let tracer = &self.shared.settings.tracer;
        let span = spans::command(tracer, &mut origin, (offering, &request.command));
        self.enqueue(offering, urgency, |permit, since| {
            Work::Command(Pending { request, origin, span, reply, permit, since, hops, settle })
        })?;
        match tokio::time::timeout(self.shared.settings.answer_timeout, answer).await {
            Ok(Ok(answer)) => answer,
            // The actor ended with the command still in its inbox: it was never decided.
            Ok(Err(_)) => Err(Unavailable::Recovering.into()),
            Err(_) => Err(outcome_unknown(UnknownReason::BoxOfficeTimeout, Some(offering)).into()),
        }
    }

    pub(crate) fn enqueue(
        &self,
        offering: OfferingId,
        urgency: Urgency,
        work: impl FnOnce(Permit, Duration) -> Work,
    ) -> Result<(), Unavailable> {
        if self.is_stopping() {
            return Err(Unavailable::Stopping);
        }
        let mut live = self.wake(offering);
        let now = self.shared.guard.monotonic();
        live.handle.used_at_ms.store(millis(now), Ordering::Relaxed);
        let permits = match urgency {
            Urgency::Common | Urgency::Urgent => &live.handle.permits,
            Urgency::Entry => &live.handle.entry_permits,
        };
        let Some(permit) = permits.take(urgency) else {
            metrics::turned_away();
            return Err(Unavailable::Busy);
        };
        let mut work = work(permit, now);
        for _ in 0..3 {
            match live.handle.inbox.push(work) {
                Ok(false) => return Ok(()),
                Ok(true) => {
                    live.address.do_send(TakeTurn);
                    return Ok(());
                }
                // Put to sleep, or killed by a panic, since the handle was read: start another.
                Err(unsent) => {
                    work = *unsent;
                    self.live.remove_if(&offering, |_, found| found.address == live.address);
                    if !self.shared.cluster.is_alone() {
                        // Another instance may own it by now: the caller finds the owner again.
                        return Err(Unavailable::Moving);
                    }
                    live = self.wake(offering);
                }
            }
        }
        Err(Unavailable::Recovering)
    }

    fn wake(&self, offering: OfferingId) -> Live {
        if let Some(live) = self.live.get(&offering) {
            return live.clone();
        }
        let settings = &self.shared.settings;
        let live = self.live.entry(offering).or_insert_with(|| {
            let permits = Permits::new(settings.max_pending, settings.reserved_pending);
            let handle = Arc::new(OfficeHandle::new(permits, self.monotonic_ms()));
            let office = BoxOffice::new(Arc::clone(&self.shared), offering, Arc::clone(&handle));
            Live { address: self.arbiters.start_on(offering, office), handle }
        });
        live.clone()
    }

    /// Removes offerings whose box office found no journal, or stopped.
    pub(crate) fn forget_closed(&self) {
        self.live.retain(|_, live| live.address.connected());
    }
}

impl OfficeRegistry for BoxOffices {
    fn remove_closed(&self, offering: OfferingId, handle: &Arc<OfficeHandle>) {
        self.live.remove_if(&offering, |_, live| Arc::ptr_eq(&live.handle, handle));
    }

    fn forward(self: Arc<Self>, offering: OfferingId, owner: Owner, works: VecDeque<Work>) {
        self.forward_all(offering, owner, works);
    }
}

/// Box offices that are stopped at the same time.
const STOPPED_AT_ONCE: usize = 64;
/// The most sleeping offerings woken in one sweep.
const MAX_WOKEN: u64 = 256;

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
