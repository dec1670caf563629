//! The live box offices of this process, and the way to reach any of them. Wakes the sleeping,
//! replaces the dead, refuses what finds no room.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix::prelude::*;
use arc_swap::ArcSwapOption;
use dashmap::DashMap;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

use super::actor::{Attend, BoxOffice, Stop};
use super::arbiters::Arbiters;
use super::batch::{Look, Pending, Work};
use super::clock_guard::ClockGuard;
use super::cold::ColdStates;
use super::inbox::Inbox;
use super::permits::{Permits, Urgency};
use super::{Committed, Settings, SubmitError, Unavailable, View};
use crate::clock::Clock;
use crate::ids::{HoldId, OfferingId};
use crate::inventory::{
    Command, HoldStatus, HoldView, Inventory, Request, TimestampMs, WaitlistView,
};
use crate::journal::Journal;

/// What every box office of the process uses.
pub(super) struct Shared {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) settings: Settings,
    pub(super) guard: ClockGuard,
    /// Carries all database work but the appends of live box offices; outlives the arbiters.
    pub(super) runtime: Handle,
}

/// One live box office, as the rest of the process sees it.
pub(super) struct Desk {
    pub(super) permits: Arc<Permits>,
    pub(super) inbox: Inbox,
    /// The last durable view; `None` until the first recovery is through.
    pub(super) view: ArcSwapOption<View>,
    /// The same for those who follow.
    pub(super) views: OnceLock<watch::Sender<Arc<View>>>,
    /// `TimestampMs`; `i64::MAX` for never.
    pub(super) next_due_at: AtomicI64,
    /// Monotonic milliseconds of the last request.
    pub(super) used_at_ms: AtomicU64,
}

#[derive(Clone)]
struct Live {
    address: Addr<BoxOffice>,
    desk: Arc<Desk>,
}

/// The live box offices of this process.
pub struct BoxOffices {
    shared: Arc<Shared>,
    live: DashMap<OfferingId, Live>,
    cold: ColdStates,
    arbiters: Arbiters,
    stopping: AtomicBool,
}

impl BoxOffices {
    /// The published view of an offering that is live here; looks nothing up.
    pub fn published(&self, offering: OfferingId) -> Option<Arc<View>> {
        self.live.get(&offering).and_then(|live| live.desk.view.load_full())
    }

    /// Starts the arbiters and the sweeper. `runtime` carries all database work but appends, and must
    /// outlive the returned value.
    pub fn start(
        journal: Arc<dyn Journal>,
        clock: Arc<dyn Clock>,
        settings: Settings,
        runtime: Handle,
    ) -> Arc<Self> {
        let guard = ClockGuard::new(clock, settings.max_clock_skew);
        let arbiters = Arbiters::start(settings.arbiters);
        let shared = Arc::new(Shared { journal, settings, guard, runtime });
        let offices = Arc::new(Self {
            shared,
            live: DashMap::new(),
            cold: ColdStates::default(),
            arbiters,
            stopping: AtomicBool::new(false),
        });
        super::sweeper::start(&offices);
        offices
    }

    /// Decides and journals one request; wakes the offering if it sleeps. A request that was
    /// accepted is decided even if this future is dropped.
    ///
    /// # Errors
    /// A refusal, or why nothing could be decided.
    pub async fn submit(
        &self,
        offering: OfferingId,
        request: Request,
    ) -> Result<Committed, SubmitError> {
        let (reply, answer) = oneshot::channel();
        let urgency = urgency(&request.command);
        self.hand_in(offering, urgency, |permit| {
            Work::Command(Pending { request, reply, permit })
        })?;
        match tokio::time::timeout(self.shared.settings.answer_timeout, answer).await {
            Ok(Ok(answer)) => answer,
            // The actor went away with the command still in its mailbox: it was never decided.
            Ok(Err(_)) => Err(Unavailable::Recovering.into()),
            Err(_) => Err(Unavailable::OutcomeUnknown.into()),
        }
    }

    /// The published view of a live offering, or one folded from the store for a sleeping one,
    /// at most a second old.
    ///
    /// # Errors
    /// [`Unavailable::NoSuchOffering`], or that the store cannot be read.
    pub async fn view(&self, offering: OfferingId) -> Result<Arc<View>, Unavailable> {
        if let Some(view) = self.published(offering) {
            return Ok(view);
        }
        Ok(self.cold.get(&self.shared, offering).await?.view)
    }

    /// Wakes the offering and follows its views. The sender goes away when the box office does:
    /// follow anew then.
    ///
    /// # Errors
    /// As for [`Self::view`].
    pub async fn watch(
        &self,
        offering: OfferingId,
    ) -> Result<watch::Receiver<Arc<View>>, Unavailable> {
        self.look(offering, Urgency::Common, |_| ()).await?;
        let desk = self.live.get(&offering).map(|live| Arc::clone(&live.desk));
        let views = desk.as_ref().and_then(|desk| desk.views.get());
        views.map(watch::Sender::subscribe).ok_or(Unavailable::Recovering)
    }

    /// How a hold stands, by the wall clock: one past its deadline is shown as expired even if no
    /// due work has run yet.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn hold(
        &self,
        offering: OfferingId,
        hold: HoldId,
    ) -> Result<Option<HoldView>, Unavailable> {
        let now = self.now().unwrap_or(TimestampMs::MIN);
        let mut found = self.read(offering, move |inventory| inventory.hold(hold)).await?;
        if let Some(hold) = &mut found
            && matches!(hold.status, HoldStatus::Active | HoldStatus::Offered)
            && hold.expires_at <= now
        {
            hold.status = HoldStatus::Expired;
        }
        Ok(found)
    }

    /// How somebody stands in the waitlist.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn waitlist_entry(
        &self,
        offering: OfferingId,
        entry: HoldId,
    ) -> Result<Option<WaitlistView>, Unavailable> {
        self.read(offering, move |inventory| inventory.waitlist_entry(entry)).await
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
        let addresses: Vec<_> = self.live.iter().map(|live| live.address.clone()).collect();
        for address in addresses {
            // An actor that is gone already has nothing left to answer.
            let _ = address.send(Stop).await;
        }
        self.live.clear();
        self.arbiters.stop();
    }

    /// Does at once what the sweeper does every so often, and waits until it is durable: due work
    /// here, and waking sleeping offerings that have some. For tests that move the clock by hand.
    pub async fn sweep(&self) {
        self.measure_clock().await;
        let Some(now) = self.now() else { return };
        let mut due: Vec<_> = self
            .live
            .iter()
            .filter(|live| live.desk.next_due_at.load(Ordering::Relaxed) <= now)
            .map(|live| *live.key())
            .collect();
        match self.shared.journal.due(now, MAX_WOKEN).await {
            Ok(sleeping) => {
                due.extend(
                    sleeping.into_iter().filter(|offering| !self.live.contains_key(offering)),
                );
            }
            Err(error) => tracing::debug!(%error, "could not look for due offerings"),
        }
        for offering in due {
            if let Err(error) = self.look(offering, Urgency::Urgent, |_| ()).await {
                tracing::debug!(%offering, %error, "due work waits");
            }
        }
    }

    /// Looks for due work in the live offerings alone; cheap, and waits for nothing.
    pub(super) fn nudge_due(&self) {
        let Some(now) = self.now() else { return };
        for live in &self.live {
            if live.desk.next_due_at.load(Ordering::Relaxed) <= now {
                live.address.do_send(Attend);
            }
        }
    }

    /// Puts box offices to sleep that nobody has used for long.
    pub(super) async fn passivate_idle(&self) {
        let now_ms = self.monotonic_ms();
        let after_ms = millis(self.shared.settings.passivate_after);
        let idle: Vec<_> = self
            .live
            .iter()
            .filter(|live| {
                now_ms.saturating_sub(live.desk.used_at_ms.load(Ordering::Relaxed)) >= after_ms
            })
            .map(|live| *live.key())
            .collect();
        for offering in idle {
            // Out of the map first: who comes now starts a new one, which waits its turn at the
            // journal. Whoever had got hold of the old desk before has a permit.
            let unused = |_: &OfferingId, live: &Live| {
                let followed =
                    live.desk.views.get().is_some_and(|views| views.receiver_count() > 0);
                !followed && !live.desk.permits.in_use()
            };
            if let Some((_, live)) = self.live.remove_if(&offering, unused) {
                let _ = live.address.send(Stop).await;
                tracing::debug!(%offering, "box office went to sleep");
            }
        }
        self.cold.forget_old(&self.shared);
    }

    /// Measures this machine's clock against the database's.
    pub(super) async fn measure_clock(&self) {
        let sent = self.shared.guard.monotonic();
        if let Ok(database_now) = self.shared.journal.database_now().await {
            self.shared.guard.observe(database_now, sent);
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    pub(super) fn each_view(&self, mut see: impl FnMut(&View)) {
        for live in &self.live {
            if let Some(view) = live.desk.view.load().as_deref() {
                see(view);
            }
        }
    }

    fn now(&self) -> Option<TimestampMs> {
        self.shared.guard.now()
    }

    fn monotonic_ms(&self) -> u64 {
        millis(self.shared.guard.monotonic())
    }

    /// Reads from the owner if there is one here, from the store if the offering sleeps.
    async fn read<T: Send + 'static>(
        &self,
        offering: OfferingId,
        look: impl FnOnce(&Inventory) -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        if self.live.contains_key(&offering) {
            return self.look(offering, Urgency::Common, look).await;
        }
        Ok(look(&self.cold.get(&self.shared, offering).await?.inventory))
    }

    async fn look<T: Send + 'static>(
        &self,
        offering: OfferingId,
        urgency: Urgency,
        look: impl FnOnce(&Inventory) -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        let (reply, answer) = oneshot::channel();
        self.hand_in(offering, urgency, |permit| {
            let look = Box::new(move |state: Result<&Inventory, Unavailable>| {
                // Whoever asked may have gone away.
                let _ = reply.send(state.map(look));
            });
            Work::Look(Look { look, permit })
        })?;
        match tokio::time::timeout(self.shared.settings.answer_timeout, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(Unavailable::Recovering),
        }
    }

    fn hand_in(
        &self,
        offering: OfferingId,
        urgency: Urgency,
        work: impl FnOnce(super::permits::Permit) -> Work,
    ) -> Result<(), Unavailable> {
        if self.is_stopping() {
            return Err(Unavailable::Stopping);
        }
        let mut live = self.wake(offering);
        live.desk.used_at_ms.store(self.monotonic_ms(), Ordering::Relaxed);
        let permit = live.desk.permits.take(urgency).ok_or(Unavailable::Busy)?;
        let mut work = work(permit);
        for _ in 0..3 {
            match live.desk.inbox.push(work) {
                Ok(false) => return Ok(()),
                Ok(true) => {
                    live.address.do_send(Attend);
                    return Ok(());
                }
                // Put to sleep, or killed by a panic, since we looked: start another.
                Err(unsent) => {
                    work = *unsent;
                    self.live.remove_if(&offering, |_, found| found.address == live.address);
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
            let desk = Arc::new(Desk {
                permits: Permits::new(settings.max_pending, settings.reserved_pending),
                inbox: Inbox::new(),
                view: ArcSwapOption::empty(),
                views: OnceLock::new(),
                next_due_at: AtomicI64::new(i64::MAX),
                used_at_ms: AtomicU64::new(self.monotonic_ms()),
            });
            let office = BoxOffice::new(Arc::clone(&self.shared), offering, Arc::clone(&desk));
            let arbiter = self.arbiters.of(offering);
            Live { address: BoxOffice::start_in_arbiter(arbiter, |_| office), desk }
        });
        live.clone()
    }

    /// Forgets an offering whose box office found no journal, or stopped.
    pub(super) fn forget_closed(&self) {
        self.live.retain(|_, live| live.address.connected());
    }
}

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
        | Command::CancelOffering => Urgency::Urgent,
    }
}
