//! Tracks which instance owns which offering. Instances hold leases, and live offerings have an
//! owner; this module decides which instance a request belongs to and which one should try to take
//! over. It knows no actors, and it is never trusted: where it is wrong, the journal's fence rejects
//! the write and the request is delayed a little.

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
mod tally;
mod token_proof;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use dashmap::DashMap;
use tokio::sync::{Notify, watch};

pub use heartbeat::{HeartbeatLoop, JoinError};
pub(crate) use lease::{redis_base, redis_client};
pub use member::Member;
pub use network::http::{HttpNetwork, PATH, PROTOCOL, SEAL_HEADER, Seal};
pub use network::{Network, NetworkError, NoPeers};
pub use tally::{NotRedeemed, Redeem, Since, Take, Tally};
pub use token_proof::{TokenProof, Verdict};

use crate::clock::Clock;
use crate::ids::{Epoch, InstanceId, OfferingId};
pub use crate::journal::Owner;
use crate::planted::{Bug, is_planted};
use lease::{Alone, LeaseError, Leases};
use membership::View;
use pubsub::{NoPubSub, PubSub};

/// The question that is answered with [`Member::incarnation`].
pub const HELLO: &[u8] = b"hello";

/// Timeout of a [`HELLO`] question.
const HELLO_TIMEOUT: Duration = Duration::from_millis(500);

/// Timings and limits of an instance towards the others.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Time to live of a lease that is not renewed.
    pub lease_ttl: Duration,
    /// How long the membership must have been unchanged before offerings are moved for balance.
    pub settle: Duration,
    /// Offerings moved away at the same time.
    pub max_moves: usize,
}

impl Settings {
    /// Interval between renewals of the lease.
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

/// The instance that a request belongs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// On this instance.
    Here,
    /// On another instance.
    There(Owner),
}

/// The answer to a request to own an offering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permission {
    /// The instance may take over.
    Granted,
    /// The offering has a live owner.
    OwnedBy(Owner),
    /// Not now: this instance's own lease has expired.
    NotNow,
}

/// This instance's knowledge of the owner of an offering.
#[derive(Clone, Debug, Default)]
struct Known {
    owner: Option<Owner>,
    /// The latest epoch received.
    epoch: Epoch,
}

/// A problem of another instance that its operator should fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Notice {
    /// The instance refuses our calls.
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
    /// Serialises changes of the view.
    changing: Mutex<()>,
    viewed: Notify,
    owners: DashMap<OfferingId, Known>,
    /// Monotonic milliseconds until which our own lease is certainly valid.
    valid_until_ms: AtomicU64,
    /// Monotonic milliseconds at which a lease was last granted anew: earlier proofs of ownership do
    /// not count.
    granted_at_ms: AtomicU64,
    /// Counts the times when our published entries may have been lost: our lease expired, or the
    /// store lost its data.
    forgotten: AtomicU64,
    /// Monotonic milliseconds since which the lease store does not answer; `u64::MAX` while it does.
    away_since_ms: AtomicU64,
    /// This instance is about to stop.
    is_stopping: AtomicBool,
    /// This instance cannot do its work.
    is_ailing: AtomicBool,
    nudge: Notify,
    /// Members whose `ADMITONE_JWT_SECRET` differs from ours.
    token_rivals: Mutex<Vec<Member>>,
    /// Notices already logged, by instance, which are not logged again.
    noticed: Mutex<BTreeSet<(InstanceId, Notice)>>,
    lost: watch::Sender<Option<Member>>,
    stopped: watch::Sender<bool>,
}

impl Cluster {
    /// Returns the cluster of a process that runs alone.
    #[must_use]
    pub fn alone(incarnation: InstanceId, address: Arc<str>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let name = Arc::clone(&address);
        let me = Member { name, incarnation, address, weight: 1, leaving: false };
        let settings = Settings::default();
        Self::build(me, true, settings, clock, Arc::new(Alone), Arc::new(NoPeers))
    }

    /// Returns the state of one instance of several. It knows no members until a [`HeartbeatLoop`]
    /// has joined.
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

    /// Sets the feed that notifies all other instances at once; without one, they have to ask.
    #[must_use]
    pub fn with_feed(self: Arc<Self>, feed: Arc<dyn PubSub>) -> Arc<Self> {
        // Instances that already follow the first feed would not receive from a second one: the first
        // stays.
        let _ = self.feed.set(feed);
        self
    }

    /// Returns the feed from owners to all followers.
    #[must_use]
    pub fn feed(&self) -> &Arc<dyn PubSub> {
        self.feed.get_or_init(|| Arc::new(NoPubSub))
    }

    /// True if this process is the only instance, and always will be.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.alone
    }

    /// Returns this instance.
    #[must_use]
    pub fn me(&self) -> Arc<Member> {
        self.me.load_full()
    }

    /// Returns the settings of this instance.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the current view of the members.
    #[must_use]
    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Returns the network to the other instances.
    #[must_use]
    pub fn network(&self) -> &Arc<dyn Network> {
        &self.network
    }

    /// Completes when the view has changed since this call. Wakes its waiters in the order in which
    /// they arrived, unlike a watch channel: a simulation must be reproducible.
    pub fn changed(&self) -> impl Future<Output = ()> {
        // `notified` receives every `notify_waiters` from here on, whether it has been polled or not.
        self.viewed.notified()
    }

    /// Completes when another process has taken our name; returns that process.
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

    /// True if our lease is valid by the boot-time clock, with a margin.
    #[must_use]
    pub fn lease_is_valid(&self) -> bool {
        self.alone || self.now_ms() < self.valid_until_ms.load(Ordering::Relaxed)
    }

    /// True if a proof of ownership from `verified_at_ms` (monotonic) still counts for reads: it is
    /// younger than a lease, and our lease has been valid ever since. The lease alone is not enough:
    /// an instance that could not reach us may have taken over while our lease was valid.
    #[must_use]
    pub fn still_counts(&self, verified_at_ms: u64) -> bool {
        let ttl_ms = u64::try_from(self.settings.lease_ttl.as_millis()).unwrap_or(u64::MAX);
        self.alone
            || is_planted(Bug::RenewalAfterLoss)
            || (self.lease_is_valid()
                && verified_at_ms >= self.granted_at_ms.load(Ordering::Relaxed)
                && self.now_ms().saturating_sub(verified_at_ms) <= ttl_ms)
    }

    /// True if this instance cannot do its work: no database, or a clock that is not trusted.
    #[must_use]
    pub fn is_ailing(&self) -> bool {
        self.is_ailing.load(Ordering::Relaxed)
    }

    /// Announces to the other instances whether this one can do its work, and logs why it cannot. An
    /// instance that cannot keeps its lease, so that its offerings are handed over in order and not
    /// taken over, and no new offering is placed on it.
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

    /// Updates what the next heartbeat announces about this instance.
    fn announce(&self) {
        let mut me = Member::clone(&self.me.load());
        me.leaving =
            self.is_stopping.load(Ordering::Relaxed) || self.is_ailing.load(Ordering::Relaxed);
        self.me.store(Arc::new(me));
    }

    /// Returns a counter. When it changes, owners should publish their entries again.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
    }

    /// Returns how long the lease store has not answered; `None` while it answers.
    #[must_use]
    pub fn away_for(&self) -> Option<Duration> {
        let since = self.away_since_ms.load(Ordering::Relaxed);
        (since != u64::MAX).then(|| Duration::from_millis(self.now_ms().saturating_sub(since)))
    }

    /// Returns the live member of this name.
    #[must_use]
    pub fn member_named(&self, name: &str) -> Option<Member> {
        self.view.load().live_members().find(|member| &*member.name == name).cloned()
    }

    /// Returns the lease store's answer, or [`LeaseError::Away`] once it is too late to be useful:
    /// after an eighth of the lease's time to live.
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
