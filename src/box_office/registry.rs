//! The live box offices of this process, and the way to reach any of them. Wakes the sleeping,
//! replaces the dead, refuses what finds no room.

mod arbiters;
pub(crate) mod handoff;
mod sweeper;

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use actix::prelude::*;
use arc_swap::ArcSwapOption;
use dashmap::DashMap;
use futures_util::{StreamExt, stream};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot, watch};

use crate::box_office::clock_guard::ClockGuard;
use crate::box_office::forwarding::queue::ForwardQueues;
use crate::box_office::office::batch::{Pending, Work};
use crate::box_office::office::inbox::Inbox;
use crate::box_office::office::{BoxOffice, Stop, TakeTurn};
use crate::box_office::permits::{Permit, Permits, Urgency};
use crate::box_office::registry::arbiters::Arbiters;
use crate::box_office::registry::handoff::Warm;
use crate::box_office::telemetry::counters::OfferingCounters;
use crate::box_office::telemetry::{metrics, spans};
use crate::box_office::views::cold::ColdStates;
use crate::box_office::views::publisher::Followers;
use crate::box_office::views::replica::FollowedOfferings;
use crate::box_office::{Committed, Settings, SubmitError, Unavailable, View};
use crate::clock::Clock;
use crate::cluster::{Cluster, Route};
use crate::executor::Executor;
use crate::ids::OfferingId;
use crate::inventory::{Command, Request, TimestampMs};
use crate::journal::Journal;
use crate::trace;

/// What every box office of the process uses.
pub(crate) struct Shared {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) settings: Settings,
    pub(crate) guard: ClockGuard,
    /// Carries all database work but the appends of live box offices; outlives the arbiters.
    pub(crate) executor: Executor,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) forward_queues: ForwardQueues,
    /// Loading many offerings at once would keep each from being in service soon.
    pub(crate) recoveries: Semaphore,
    /// States that were loaded before they are needed.
    pub(crate) warm: DashMap<OfferingId, Warm>,
    /// The way back for an actor that hands on what waits for it.
    pub(crate) offices: OnceLock<Weak<BoxOffices>>,
}

/// One live box office, as the rest of the process sees it.
pub(crate) struct OfficeHandle {
    pub(crate) permits: Arc<Permits>,
    pub(crate) inbox: Inbox,
    /// The last durable view; `None` until the first recovery is through.
    pub(crate) view: ArcSwapOption<View>,
    /// The same for those who follow.
    pub(crate) views: OnceLock<watch::Sender<Arc<View>>>,
    /// `TimestampMs`; `i64::MAX` for never.
    pub(crate) next_due_at: AtomicI64,
    /// Monotonic milliseconds of the last request.
    pub(crate) used_at_ms: AtomicU64,
    /// Monotonic milliseconds of the last proof that the offering is ours.
    pub(crate) verified_at_ms: AtomicU64,
    /// Monotonic milliseconds of the takeover; 0 before it.
    pub(crate) in_service_at_ms: AtomicU64,
    /// It takes no turns: another instance is taking over.
    pub(crate) is_leaving: AtomicBool,
    /// Whether other instances follow it.
    pub(crate) followers: Followers,
    /// What it has answered.
    pub(crate) counters: OfferingCounters,
}

#[derive(Clone)]
struct Live {
    address: Addr<BoxOffice>,
    handle: Arc<OfficeHandle>,
}

/// The live box offices of this process.
pub struct BoxOffices {
    shared: Arc<Shared>,
    live: DashMap<OfferingId, Live>,
    cold: ColdStates,
    followed: FollowedOfferings,
    arbiters: Arbiters,
    stopping: AtomicBool,
}

impl BoxOffices {
    /// Those of a process that is its own cluster, see [`Self::start_in`].
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

    /// Starts the arbiters and the sweeper. `executor` carries all database work but appends, and
    /// must outlive the returned value.
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
            offices: OnceLock::new(),
        });
        let offices = Arc::new(Self {
            shared,
            live: DashMap::new(),
            cold: ColdStates::default(),
            followed: FollowedOfferings::default(),
            arbiters,
            stopping: AtomicBool::new(false),
        });
        // Set once, right here.
        let _ = offices.shared.offices.set(Arc::downgrade(&offices));
        sweeper::start(&offices);
        offices
    }

    /// Whether the clocks agree well enough to decide deadlines; part of readiness.
    pub fn clock_trusted(&self) -> bool {
        self.now().is_some()
    }

    /// How many box offices are live.
    pub fn live(&self) -> usize {
        self.live.len()
    }

    /// Refuses new commands, answers the accepted ones, stops.
    pub async fn shutdown(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        stream::iter(self.live_offerings())
            .for_each_concurrent(STOPPED_AT_ONCE, |offering| async move {
                if let Some(address) = self.address(offering) {
                    // An actor that is gone already has nothing left to answer.
                    let _ = address.send(Stop).await;
                    self.shared.cluster.release(offering).await;
                }
            })
            .await;
        self.live.clear();
        self.arbiters.stop();
    }

    /// Does at once what the sweeper does every so often, and waits until it is durable: due work
    /// here, and waking sleeping offerings that have some. For tests that move the clock by hand.
    pub async fn sweep(&self) {
        self.measure_clock().await;
        self.sweep_due().await;
    }

    /// Does due work here, and wakes sleeping offerings that have some.
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

    /// Whether a sleeping offering is this instance's to wake.
    async fn belongs_here(&self, offering: OfferingId) -> bool {
        let cluster = &self.shared.cluster;
        if !cluster.lease_is_valid() && cluster.away_for().is_none() {
            return false;
        }
        let route = cluster.route_now(offering, &*self.shared.journal).await;
        matches!(route, Ok(Route::Here))
    }

    /// Looks for due work in the live offerings alone; cheap, and waits for nothing.
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

    /// Puts box offices to sleep that nobody has used for long.
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
            // Out of the map first: who comes now starts a new one, which waits its turn at the
            // journal. Whoever had got hold of the old desk before has a permit.
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

    /// Measures this machine's clock against the database's; says whether that answered.
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

    /// In a stable order.
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

    /// Whether somebody uses it, follows it, or did a moment ago.
    pub(crate) fn is_busy(&self, offering: OfferingId, within_ms: u64) -> bool {
        let Some(handle) = self.handle(offering) else { return false };
        let used_at_ms = handle.used_at_ms.load(Ordering::Relaxed);
        let followed = handle.views.get().is_some_and(|views| views.receiver_count() > 0);
        followed
            || handle.permits.in_use()
            || self.monotonic_ms().saturating_sub(used_at_ms) < within_ms
    }

    /// Takes a live offering out of the map, so that nobody new finds it.
    pub(crate) fn remove(&self, offering: OfferingId) -> Option<Addr<BoxOffice>> {
        self.live.remove(&offering).map(|(_, live)| live.address)
    }

    /// Takes it out if it is this very one.
    pub(crate) fn remove_this(&self, offering: OfferingId, handle: &Arc<OfficeHandle>) {
        self.live.remove_if(&offering, |_, live| Arc::ptr_eq(&live.handle, handle));
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

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
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

    /// Decides and journals one request by the box office that is, or may become, live here.
    pub(crate) async fn submit_here(
        &self,
        offering: OfferingId,
        request: Request,
        (hops, settle): (u8, bool),
    ) -> Result<Committed, SubmitError> {
        let (reply, answer) = oneshot::channel();
        let urgency = urgency(&request.command);
        let mut origin = trace::current();
        let tracer = &self.shared.settings.tracer;
        let span = spans::command(tracer, &mut origin, (offering, &request.command));
        self.enqueue(offering, urgency, |permit, since| {
            Work::Command(Pending { request, origin, span, reply, permit, since, hops, settle })
        })?;
        match tokio::time::timeout(self.shared.settings.answer_timeout, answer).await {
            Ok(Ok(answer)) => answer,
            // The actor went away with the command still in its inbox: it was never decided.
            Ok(Err(_)) => Err(Unavailable::Recovering.into()),
            Err(_) => Err(Unavailable::OutcomeUnknown.into()),
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
        let Some(permit) = live.handle.permits.take(urgency) else {
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
                // Put to sleep, or killed by a panic, since we looked: start another.
                Err(unsent) => {
                    work = *unsent;
                    self.live.remove_if(&offering, |_, found| found.address == live.address);
                    if !self.shared.cluster.is_alone() {
                        // It may be another instance's by now: whoever asked looks again.
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
            let handle = Arc::new(OfficeHandle {
                permits: Permits::new(settings.max_pending, settings.reserved_pending),
                inbox: Inbox::new(),
                view: ArcSwapOption::empty(),
                views: OnceLock::new(),
                next_due_at: AtomicI64::new(i64::MAX),
                used_at_ms: AtomicU64::new(self.monotonic_ms()),
                verified_at_ms: AtomicU64::new(0),
                in_service_at_ms: AtomicU64::new(0),
                is_leaving: AtomicBool::new(false),
                followers: Followers::default(),
                counters: OfferingCounters::new(),
            });
            let office = BoxOffice::new(Arc::clone(&self.shared), offering, Arc::clone(&handle));
            Live { address: self.arbiters.start_on(offering, office), handle }
        });
        live.clone()
    }

    /// Forgets an offering whose box office found no journal, or stopped.
    pub(crate) fn forget_closed(&self) {
        self.live.retain(|_, live| live.address.connected());
    }
}

/// Box offices told to stop at a time.
const STOPPED_AT_ONCE: usize = 64;
/// The most sleeping offerings woken in one sweep.
const MAX_WOKEN: u64 = 256;

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A flood of new claims must not keep places from being freed or paid for.
fn urgency(command: &Command) -> Urgency {
    match command {
        Command::PlaceHold { .. }
        | Command::ExtendHold { .. }
        | Command::Reserve { .. }
        | Command::Participate { .. }
        | Command::JoinWaitlist { .. } => Urgency::Common,
        Command::ReleaseHold { .. }
        | Command::CheckOut { .. }
        | Command::BeginPayment { .. }
        | Command::ConfirmPayment { .. }
        | Command::FailPayment { .. }
        | Command::CancelReservation { .. }
        | Command::CheckIn { .. }
        | Command::LeaveWaitlist { .. }
        | Command::AcceptOffer { .. }
        | Command::EndClaims { .. }
        | Command::BlockSeats { .. }
        | Command::UnblockSeats { .. }
        | Command::BlockPlaces { .. }
        | Command::UnblockPlaces { .. }
        | Command::Resize { .. }
        | Command::AddRow { .. }
        | Command::RemoveSeats { .. }
        | Command::Reprice { .. }
        | Command::SetSaleWindow { .. }
        | Command::ChangeSale { .. }
        | Command::OpenSale
        | Command::PauseSale
        | Command::CloseSale
        | Command::CancelOffering
        | Command::CheckInAtGate { .. }
        | Command::UndoCheckIn { .. }
        | Command::AddProduct { .. }
        | Command::ChangeProduct { .. }
        | Command::ChangeOffering { .. }
        | Command::ByAdmin { .. } => Urgency::Urgent,
    }
}
