//! Who owns which offering. Instances hold leases, live offerings have an owner, and this says which
//! instance a request is for and who should try to take over. It knows no actors, and it is never
//! trusted: where it is wrong, the journal's fence costs somebody a little time.

mod heartbeat;
pub mod lease;
mod member;
pub mod membership;
pub mod metrics;
mod network;
mod ownership;
mod peer_health;
pub mod placement;
pub mod pubsub;
mod token_proof;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use dashmap::DashMap;
use tokio::sync::{Notify, watch};

pub use heartbeat::{HeartbeatLoop, JoinError};
pub use member::Member;
pub use network::http::{HttpNetwork, PATH, PROTOCOL, SEAL_HEADER, Seal};
pub use network::{Network, NetworkError, Nobody};
pub use token_proof::{TokenProof, Verdict};

use crate::clock::Clock;
use crate::ids::{Epoch, InstanceId, OfferingId};
pub use crate::journal::Owner;
use crate::planted::{Bug, is_planted};
use lease::{Alone, LeaseError, Leases};
use membership::View;
use pubsub::{PubSub, Silence};

/// A question that is answered with [`Member::incarnation`].
pub const HELLO: &[u8] = b"hello";

/// How long an instance is asked whether it lives.
const HELLO_TIMEOUT: Duration = Duration::from_millis(500);

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

/// Something about another instance that whoever runs it should mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Notice {
    /// It refuses what we ask.
    Refuses,
    /// Its lease lives longer than ours.
    OutlivesUs,
}

/// This instance's knowledge of the cluster.
pub struct Cluster {
    me: ArcSwap<Member>,
    alone: bool,
    settings: Settings,
    clock: Arc<dyn Clock>,
    leases: Arc<dyn Leases>,
    network: Arc<dyn Network>,
    feed: OnceLock<Arc<dyn PubSub>>,
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
    /// What has been logged of whom, and need not be again.
    /// Members whose `ADMITONE_JWT_SECRET` is not ours.
    token_rivals: Mutex<Vec<Member>>,
    noticed: Mutex<BTreeSet<(InstanceId, Notice)>>,
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

    /// One of several. Knows nobody until a [`HeartbeatLoop`] has joined.
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
            token_rivals: Mutex::default(),
            noticed: Mutex::default(),
            lost: watch::Sender::new(None),
            stopped: watch::Sender::new(false),
        })
    }

    /// Gives it a way to tell all others at once; without one, they ask.
    #[must_use]
    pub fn with_feed(self: Arc<Self>, feed: Arc<dyn PubSub>) -> Arc<Self> {
        // A second one would be heard by nobody who follows already: the first stays.
        let _ = self.feed.set(feed);
        self
    }

    /// The way from owners to all who follow.
    #[must_use]
    pub fn feed(&self) -> &Arc<dyn PubSub> {
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

    /// Tells the others whether this instance can do its work, and the log why it cannot. One that
    /// cannot keeps its lease, so that what it owns is handed over and not snatched, and is given
    /// nothing new.
    pub fn set_ailing(&self, complaint: Option<&str>) {
        let ailing = complaint.is_some();
        if self.alone || self.is_ailing.swap(ailing, Ordering::Relaxed) == ailing {
            return;
        }
        match complaint {
            None => tracing::info!("this instance can do its work again"),
            Some(why) => tracing::warn!(
                why,
                "this instance cannot do its work: its events go to others that can"
            ),
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

    /// The live member of this name.
    #[must_use]
    pub fn member_named(&self, name: &str) -> Option<Member> {
        self.view.load().live_members().find(|member| &*member.name == name).cloned()
    }

    /// The lease store's answer, if it comes while it is worth waiting for.
    async fn in_time<T>(
        &self,
        asked: impl Future<Output = Result<T, LeaseError>>,
    ) -> Result<T, LeaseError> {
        let timeout = self.settings.lease_ttl / 8;
        tokio::time::timeout(timeout, asked)
            .await
            .unwrap_or_else(|_| Err(LeaseError::Away(anyhow::anyhow!("no answer in {timeout:?}"))))
    }

    fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.now().as_millis()).unwrap_or(u64::MAX)
    }
}
