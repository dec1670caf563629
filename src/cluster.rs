//! Who owns which offering. Instances hold leases, live offerings have an owner, and this says which
//! instance a request is for and who should try to take over. It knows no actors, and it is never
//! trusted: where it is wrong, the journal's fence costs somebody a little time.

pub mod feed;
mod http;
mod keeper;
pub mod lease;
mod member;
pub mod membership;
pub mod metrics;
mod network;
pub mod placement;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use dashmap::DashMap;
use tokio::sync::{Notify, watch};

pub use http::{HttpNetwork, PATH, PROTOCOL, SEAL_HEADER, Seal};
pub use keeper::{JoinError, Keeper};
pub use member::Member;
pub use network::{Network, NetworkError, Nobody};

use crate::clock::Clock;
use crate::ids::{Epoch, InstanceId, OfferingId};
pub use crate::journal::Owner;
use crate::journal::{Journal, LoadError};
use crate::planted::{Bug, is_planted};
use feed::{Feed, Silence};
use lease::{Alone, Claim, LeaseError, Leases};
use membership::View;

/// A question that is answered with [`Member::incarnation`].
pub const HELLO: &[u8] = b"hello";

/// How long an instance is asked whether it lives.
const HELLO_PATIENCE: Duration = Duration::from_millis(500);

/// How an instance behaves towards the others.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long a lease lives without being renewed.
    pub lease_ttl: Duration,
    /// How long the members must have been the same before offerings are moved for balance.
    pub settle: Duration,
    /// Offerings moved away at a time.
    pub max_moves: usize,
}

impl Settings {
    /// How often a lease is renewed.
    #[must_use]
    pub fn renew_every(&self) -> Duration {
        self.lease_ttl / 4
    }
}

impl Default for Settings {
    fn default() -> Self {
        let lease_ttl = Duration::from_secs(10);
        Self { lease_ttl, settle: lease_ttl, max_moves: 4 }
    }
}

/// Where a request belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To this instance.
    Here,
    /// To another one.
    There(Owner),
}

/// What became of the wish to own an offering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Take over.
    Granted,
    /// It has an owner who lives.
    OwnedBy(Owner),
    /// Not now: our own lease has run out.
    NotNow,
}

/// What is known of the owner of an offering.
#[derive(Clone, Debug, Default)]
struct Known {
    owner: Option<Owner>,
    /// The latest that was heard of.
    epoch: Epoch,
}

/// This instance's knowledge of the cluster.
pub struct Cluster {
    me: ArcSwap<Member>,
    alone: bool,
    settings: Settings,
    clock: Arc<dyn Clock>,
    leases: Arc<dyn Leases>,
    network: Arc<dyn Network>,
    feed: OnceLock<Arc<dyn Feed>>,
    view: ArcSwap<View>,
    /// Those who change the view take turns.
    changing: Mutex<()>,
    viewed: Notify,
    owners: DashMap<OfferingId, Known>,
    /// Monotonic ms until which our own lease lives for certain.
    valid_until_ms: AtomicU64,
    /// Monotonic ms at which a lease was last granted anew: proofs of ownership from before do not
    /// count.
    granted_at_ms: AtomicU64,
    /// Counts the times when what we published may be lost: our lease ran out, or the store forgot.
    forgotten: AtomicU64,
    /// Monotonic ms since which the lease store does not answer; `u64::MAX` while it does.
    away_since_ms: AtomicU64,
    /// About to stop.
    is_stopping: AtomicBool,
    /// Cannot do its work.
    is_ailing: AtomicBool,
    nudge: Notify,
    lost: watch::Sender<Option<Member>>,
    stopped: watch::Sender<bool>,
}

impl Cluster {
    /// A process that is its own cluster.
    #[must_use]
    pub fn alone(incarnation: InstanceId, address: Arc<str>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let name = Arc::clone(&address);
        let me = Member { name, incarnation, address, weight: 1, leaving: false };
        let settings = Settings::default();
        Self::build(me, true, settings, clock, Arc::new(Alone), Arc::new(Nobody))
    }

    /// One of several. Knows nobody until a [`Keeper`] has joined.
    #[must_use]
    pub fn of_many(
        me: Member,
        settings: Settings,
        clock: Arc<dyn Clock>,
        leases: Arc<dyn Leases>,
        network: Arc<dyn Network>,
    ) -> Arc<Self> {
        Self::build(me, false, settings, clock, leases, network)
    }

    fn build(
        me: Member,
        alone: bool,
        settings: Settings,
        clock: Arc<dyn Clock>,
        leases: Arc<dyn Leases>,
        network: Arc<dyn Network>,
    ) -> Arc<Self> {
        Arc::new(Self {
            me: ArcSwap::from_pointee(me),
            alone,
            settings,
            clock,
            leases,
            network,
            feed: OnceLock::new(),
            view: ArcSwap::default(),
            changing: Mutex::default(),
            viewed: Notify::new(),
            owners: DashMap::new(),
            valid_until_ms: AtomicU64::new(if alone { u64::MAX } else { 0 }),
            granted_at_ms: AtomicU64::new(0),
            forgotten: AtomicU64::new(0),
            away_since_ms: AtomicU64::new(u64::MAX),
            is_stopping: AtomicBool::new(false),
            is_ailing: AtomicBool::new(false),
            nudge: Notify::new(),
            lost: watch::Sender::new(None),
            stopped: watch::Sender::new(false),
        })
    }

    /// Gives it a way to tell all others at once; without one, they ask.
    #[must_use]
    pub fn with_feed(self: Arc<Self>, feed: Arc<dyn Feed>) -> Arc<Self> {
        // A second one would be heard by nobody who follows already: the first stays.
        let _ = self.feed.set(feed);
        self
    }

    /// The way from owners to all who follow.
    #[must_use]
    pub fn feed(&self) -> &Arc<dyn Feed> {
        self.feed.get_or_init(|| Arc::new(Silence))
    }

    /// Whether there is nobody else, and never will be.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.alone
    }

    /// This instance.
    #[must_use]
    pub fn me(&self) -> Arc<Member> {
        self.me.load_full()
    }

    /// How it behaves.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Who is there.
    #[must_use]
    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// The way to the others.
    #[must_use]
    pub fn network(&self) -> &Arc<dyn Network> {
        &self.network
    }

    /// Ends when the view has changed since this was called. Wakes who waits in the order of their
    /// coming, as a watch channel does not: a simulation must be the same again.
    pub fn changed(&self) -> impl Future<Output = ()> {
        // It hears all that wakes everybody from now on, polled or not.
        self.viewed.notified()
    }

    /// Ends when another process has taken our name; says which.
    pub async fn lost(&self) -> Member {
        let mut lost = self.lost.subscribe();
        loop {
            if let Some(other) = lost.borrow_and_update().clone() {
                return other;
            }
            // The sender is `self`.
            let _ = lost.changed().await;
        }
    }

    /// Whether our lease lives, by the boot-time clock and with a margin.
    #[must_use]
    pub fn lease_is_valid(&self) -> bool {
        self.alone || self.now_ms() < self.valid_until_ms.load(Ordering::Relaxed)
    }

    /// Whether a proof of ownership from `verified_at_ms` (monotonic) still counts for what is only
    /// shown: it is younger than a lease, and ours has lived ever since. Not the lease alone: whoever
    /// could not reach us may have taken over while it lived.
    #[must_use]
    pub fn still_counts(&self, verified_at_ms: u64) -> bool {
        let ttl_ms = u64::try_from(self.settings.lease_ttl.as_millis()).unwrap_or(u64::MAX);
        self.alone
            || is_planted(Bug::RenewalAfterLoss)
            || (self.lease_is_valid()
                && verified_at_ms >= self.granted_at_ms.load(Ordering::Relaxed)
                && self.now_ms().saturating_sub(verified_at_ms) <= ttl_ms)
    }

    /// Whether this instance cannot do its work: no database, or a clock that is not trusted.
    #[must_use]
    pub fn is_ailing(&self) -> bool {
        self.is_ailing.load(Ordering::Relaxed)
    }

    /// Tells the others whether this instance can do its work. One that cannot keeps its lease, so
    /// that what it owns is handed over and not snatched, and is given nothing new.
    pub fn set_able(&self, able: bool) {
        if self.alone || self.is_ailing.swap(!able, Ordering::Relaxed) != able {
            return;
        }
        if able {
            tracing::info!("this instance can do its work again");
        } else {
            tracing::warn!(
                "this instance cannot do its work: its database does not answer, or its clock is \
                 not trusted; its events go to others"
            );
        }
        self.announce();
        self.nudge.notify_one();
    }

    /// Has the next heartbeat say how things stand.
    fn announce(&self) {
        let mut me = Member::clone(&self.me.load());
        me.leaving =
            self.is_stopping.load(Ordering::Relaxed) || self.is_ailing.load(Ordering::Relaxed);
        self.me.store(Arc::new(me));
    }

    /// Another number than before means that owners should publish again what they own.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
    }

    /// How long the lease store has not answered.
    #[must_use]
    pub fn away_for(&self) -> Option<Duration> {
        let since = self.away_since_ms.load(Ordering::Relaxed);
        (since != u64::MAX).then(|| Duration::from_millis(self.now_ms().saturating_sub(since)))
    }

    /// Where a request for `offering`, which is not live here, belongs.
    ///
    /// # Errors
    /// [`LoadError`]: only the journal could say it, and cannot be read, or there is none.
    pub async fn route(
        &self,
        offering: OfferingId,
        journal: &dyn Journal,
    ) -> Result<Route, LoadError> {
        Ok(match self.owner(offering, journal).await? {
            Some(owner) if owner.incarnation != self.me.load().incarnation => Route::There(owner),
            // What it owns and cannot serve is another's to wake.
            Some(_) if self.is_ailing() => {
                self.release(offering).await;
                self.place_of(offering)
            }
            Some(_) => Route::Here,
            None => self.place_of(offering),
        })
    }

    /// The owner that `offering` has, by all that is known; `None` if nobody who lives owns it.
    ///
    /// # Errors
    /// As for [`Self::route`].
    pub async fn owner(
        &self,
        offering: OfferingId,
        journal: &dyn Journal,
    ) -> Result<Option<Owner>, LoadError> {
        if let Some(owner) = self.known_owner(offering) {
            return Ok(Some(owner));
        }
        self.owner_now(offering, journal).await
    }

    /// The same, whatever was heard before.
    ///
    /// # Errors
    /// As for [`Self::route`].
    pub async fn owner_now(
        &self,
        offering: OfferingId,
        journal: &dyn Journal,
    ) -> Result<Option<Owner>, LoadError> {
        let owner = match self.entry(offering).await {
            Ok(Some(owner)) => Some(owner),
            Ok(None) if !self.view.load().is_young(self.now()) => None,
            // The lease store is away, or has just come back empty: the journal remembers.
            Ok(None) | Err(_) => self.last_owner(offering, journal).await?,
        };
        if let Some(owner) = &owner
            && owner.incarnation != self.me.load().incarnation
        {
            self.learn(offering, owner.clone());
        }
        Ok(owner)
    }

    /// Where the placement wants `offering`, of those who live.
    #[must_use]
    pub fn place_of(&self, offering: OfferingId) -> Route {
        match self.choice(offering) {
            Some(member) if member.incarnation != self.me.load().incarnation => {
                // Nobody has taken over yet: no epoch to speak of.
                Route::There(member.owning(Epoch(0)))
            }
            Some(_) | None => Route::Here,
        }
    }

    /// The live member that `offering` belongs on: where it is pinned, or else placed.
    #[must_use]
    pub fn choice(&self, offering: OfferingId) -> Option<Member> {
        let view = self.view.load();
        let pinned = view.pins.get(&offering).and_then(|name| {
            view.live_members().find(|member| member.name == *name && !member.leaving)
        });
        pinned.or_else(|| placement::place(offering, view.live_members())).cloned()
    }

    /// The live member of this name.
    #[must_use]
    pub fn member_named(&self, name: &str) -> Option<Member> {
        self.view.load().live_members().find(|member| &*member.name == name).cloned()
    }

    /// Asks whether this instance may take `offering` over.
    ///
    /// # Errors
    /// [`LoadError`]: only the journal could say it, and cannot be read, or there is none.
    pub async fn claim(
        &self,
        offering: OfferingId,
        journal: &dyn Journal,
    ) -> Result<Permission, LoadError> {
        if self.alone {
            return Ok(Permission::Granted);
        }
        let me = self.me();
        let (suspects, young) = {
            let view = self.view.load();
            (view.suspects(), view.is_young(self.clock.monotonic()))
        };
        let claimed = self.in_time(self.leases.claim(offering, Member::clone(&me), suspects)).await;
        let owner = match claimed {
            Ok(Claim::Granted) if !young => None,
            Ok(Claim::OwnedBy(owner)) => Some(owner),
            Ok(Claim::NoLease) => {
                self.nudge.notify_one();
                return Ok(Permission::NotNow);
            }
            // The journal remembers what the lease store does not know, or cannot say.
            Ok(Claim::Granted) | Err(_) => self.last_owner(offering, journal).await?,
        };
        Ok(match owner {
            Some(owner) if owner.incarnation != me.incarnation => {
                self.learn(offering, owner.clone());
                Permission::OwnedBy(owner)
            }
            Some(_) | None => Permission::Granted,
        })
    }

    /// We have taken over: the others may know. Returns the owner if that is somebody else by now.
    pub async fn publish(&self, offering: OfferingId, epoch: Epoch) -> Option<Owner> {
        let mine = self.me.load().owning(epoch);
        self.learn(offering, mine.clone());
        if self.alone {
            return None;
        }
        match self.in_time(self.leases.publish(offering, mine)).await {
            Ok(owner) if owner.incarnation != self.me.load().incarnation => {
                self.learn(offering, owner.clone());
                Some(owner)
            }
            // Away: it is published when it is back.
            Ok(_) | Err(_) => None,
        }
    }

    /// We do not own it any more, and nobody else does yet.
    pub async fn release(&self, offering: OfferingId) {
        let me = self.me.load().incarnation;
        if let Some(mut known) = self.owners.get_mut(&offering) {
            known.owner.take_if(|owner| owner.incarnation == me);
        }
        let me = match self.remembered(offering) {
            Some(owner) if is_planted(Bug::ReleaseOfAnothersLease) => owner.incarnation,
            Some(_) | None => me,
        };
        if !self.alone
            && let Err(error) = self.in_time(self.leases.release(offering, me)).await
        {
            tracing::debug!(%offering, %error, "the entry of an offering is left behind");
        }
    }

    /// Makes our entry another member's.
    ///
    /// # Errors
    /// That the lease store is away, or the entry is not ours, or the other's lease has run out.
    pub async fn transfer(&self, offering: OfferingId, to: &Member) -> Result<(), LeaseError> {
        let me = self.me.load().incarnation;
        if self.in_time(self.leases.transfer(offering, me, to.clone())).await? {
            return Ok(());
        }
        Err(LeaseError::Unusable("the entry is not ours, or the other's lease has run out".into()))
    }

    /// Undoes [`Self::transfer`], as far as it can be undone.
    pub async fn take_back(&self, offering: OfferingId, from: &Member) {
        let me = Member::clone(&self.me.load());
        let taken = self.in_time(self.leases.transfer(offering, from.incarnation, me)).await;
        if !matches!(taken, Ok(true)) {
            tracing::debug!(%offering, ?taken, "the entry stays another instance's");
        }
    }

    /// Has an offering stay where it is moved to; `None` gives it back to the placement.
    ///
    /// # Errors
    /// That the lease store is away.
    pub async fn pin(&self, offering: OfferingId, to: Option<Arc<str>>) -> Result<(), LeaseError> {
        self.in_time(self.leases.pin(offering, to)).await?;
        self.nudge.notify_one();
        Ok(())
    }

    /// Remembers who owns `offering`, unless it has known a later owner.
    pub fn learn(&self, offering: OfferingId, owner: Owner) {
        let mut known = self.owners.entry(offering).or_default();
        if owner.epoch >= known.epoch || is_planted(Bug::CacheGoesBackAnEpoch) {
            *known = Known { epoch: owner.epoch, owner: Some(owner) };
        }
    }

    /// The owner of an earlier answer turned out to be none: forgotten, unless another is known by
    /// now. Its epoch is not: what was over before it stays over.
    pub fn forget(&self, offering: OfferingId, owner: &Owner) {
        if let Some(mut known) = self.owners.get_mut(&offering) {
            known.owner.take_if(|known| known == owner);
        }
    }

    /// The last owner heard of, if it has not turned out to be none.
    #[must_use]
    pub fn remembered(&self, offering: OfferingId) -> Option<Owner> {
        self.owners.get(&offering).and_then(|known| known.owner.clone())
    }

    /// Nobody listens where this instance did: it is dead until it renews its lease.
    pub fn met_dead(&self, incarnation: InstanceId) {
        if !self.view.load().is_suspect(incarnation) {
            tracing::warn!(%incarnation, "an instance is gone: its port refuses connections");
        }
        self.change_view(|view, now| view.suspect(incarnation, now));
    }

    /// An instance did not answer. While the lease store works, its lease decides; without one, it
    /// is replaced when it has been silent as long as a lease lives.
    pub fn met_silent(&self, incarnation: InstanceId) {
        let replaced = self.away_for().is_some() || self.view.load().is_young(self.now());
        let ttl = self.settings.lease_ttl;
        self.change_view(|view, now| {
            if view.silent(incarnation, now) >= ttl && replaced {
                view.suspect(incarnation, now);
            }
        });
    }

    /// Whether a process has ended, by the word of whoever listens at its address, or of nobody. A
    /// lease that has run out says nothing: its owner may only stand still, with all it was asked
    /// before it.
    pub async fn is_gone(&self, owner: &Owner) -> bool {
        let asked = self.network.ask(Arc::clone(&owner.address), HELLO.into(), HELLO_PATIENCE);
        match asked.await {
            Ok(answer) => answer[..] != owner.incarnation.0.as_bytes()[..],
            Err(NetworkError::Refused(_)) => {
                self.met_dead(owner.incarnation);
                true
            }
            Err(_) => false,
        }
    }

    /// It answers.
    pub fn met_alive(&self, incarnation: InstanceId) {
        let view = self.view.load();
        if view.is_silent(incarnation) || view.is_suspect(incarnation) {
            self.change_view(|view, _| view.answered(incarnation));
        }
    }

    fn change_view(&self, change: impl FnOnce(&mut View, Duration)) {
        let _turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut view = View::clone(&self.view.load());
        change(&mut view, self.clock.monotonic());
        self.view.store(Arc::new(view));
        self.viewed.notify_waiters();
    }

    /// An owner that was heard of and is believed to live.
    fn known_owner(&self, offering: OfferingId) -> Option<Owner> {
        let owner = self.remembered(offering)?;
        let other = owner.incarnation != self.me.load().incarnation;
        (other && self.view.load().live(owner.incarnation).is_some()).then_some(owner)
    }

    /// The entry's owner, if its lease lives and nobody has met it dead.
    async fn entry(&self, offering: OfferingId) -> Result<Option<Owner>, LeaseError> {
        let owner = self.in_time(self.leases.owner(offering)).await?;
        Ok(owner.filter(|owner| !self.view.load().is_suspect(owner.incarnation)))
    }

    /// Whoever appended the last takeover, unless it was met dead.
    async fn last_owner(
        &self,
        offering: OfferingId,
        journal: &dyn Journal,
    ) -> Result<Option<Owner>, LoadError> {
        let owner = journal.owner(offering).await?;
        Ok(owner.filter(|owner| !self.view.load().is_suspect(owner.incarnation)))
    }

    /// The lease store's answer, if it comes while it is worth waiting for.
    async fn in_time<T>(
        &self,
        asked: impl Future<Output = Result<T, LeaseError>>,
    ) -> Result<T, LeaseError> {
        let patience = self.settings.lease_ttl / 8;
        tokio::time::timeout(patience, asked)
            .await
            .unwrap_or_else(|elapsed| Err(LeaseError::Away(elapsed.into())))
    }

    fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.now().as_millis()).unwrap_or(u64::MAX)
    }
}
