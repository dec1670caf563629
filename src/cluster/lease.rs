//! Leases: which instances are alive, and which should try to own which offering. Each instance has
//! one lease, renewed by its heartbeat. Each live offering has an entry that is valid only while its
//! instance's lease is, so that renewals cost per instance and not per offering.
//!
//! A lost, doubled or stale lease costs time and nothing else: the journal alone decides which
//! instance may commit.

mod alone;
pub(in crate::cluster) mod redis;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

pub use alone::Alone;
pub use redis::{RedisLeases, check_redis_url};
pub(crate) use redis::{base as redis_base, client as redis_client};

use super::{Member, Owner};
use crate::ids::{InstanceId, OfferingId};

/// Offerings that were moved by hand, and the name of the instance that each stays on.
pub type Pins = BTreeMap<OfferingId, Arc<str>>;

/// Why the lease store did not carry out a call.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// The store does not answer; the call may have been carried out.
    #[error("{0}")]
    Away(anyhow::Error),
    /// The store answers, but cannot be used. The text states the remedy.
    #[error("{0}")]
    Unusable(String),
}

/// The answer to a renewal.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// The outcome of a renewal for our own lease.
    pub lease: Lease,
    /// All members whose leases are valid, ours included.
    pub members: Vec<Standing>,
    /// Random number drawn when the store was empty: a different one means that the store has lost
    /// its data.
    pub memory: u64,
    /// Pinned offerings, see [`Pins`].
    pub pins: Pins,
}

/// The outcome of a renewal for our own lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lease {
    /// Renewed before it expired.
    Kept,
    /// There was none (any more), and a new one was granted. Others may have taken over our
    /// offerings.
    Granted,
    /// Another process holds the name.
    TakenBy(Member),
}

/// A member and the state of its lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The holder of the lease.
    pub member: Member,
    /// Time until the lease expires unless it is renewed.
    pub left: Duration,
    /// Number of renewals so far.
    pub beat: u64,
}

/// The answer to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The entry is ours: try to take over.
    Granted,
    /// The lease of the entry's owner is valid.
    OwnedBy(Owner),
    /// Our own lease is not valid: an instance without a lease does not take over.
    NoLease,
}

/// A lease store: Redis, this process alone, or a simulation.
pub trait Leases: Send + Sync + 'static {
    /// Renews the lease of `me` for `ttl`, or takes it if its name is free, or held by `dead`.
    fn renew(
        &self,
        me: Member,
        ttl: Duration,
        dead: Option<InstanceId>,
    ) -> BoxFuture<'_, Result<Heartbeat, LeaseError>>;

    /// Gives our lease back.
    fn resign(&self, me: Member) -> BoxFuture<'_, Result<(), LeaseError>>;

    /// Makes the entry of `offering` ours if there is none, it is ours, its owner's lease has
    /// expired, or its owner is one of the `dead`.
    fn claim(
        &self,
        offering: OfferingId,
        me: Member,
        dead: Vec<InstanceId>,
    ) -> BoxFuture<'_, Result<Claim, LeaseError>>;

    /// Records the takeover that `owner` has appended to the journal. Never goes back to an older
    /// epoch; returns the entry as it is afterwards.
    fn publish(
        &self,
        offering: OfferingId,
        owner: Owner,
    ) -> BoxFuture<'_, Result<Owner, LeaseError>>;

    /// Removes the entry if it belongs to `me`.
    fn release(
        &self,
        offering: OfferingId,
        me: InstanceId,
    ) -> BoxFuture<'_, Result<(), LeaseError>>;

    /// Transfers the entry to `to` if it belongs to `from` and the lease of `to` is valid; returns
    /// whether it did.
    fn transfer(
        &self,
        offering: OfferingId,
        from: InstanceId,
        to: Member,
    ) -> BoxFuture<'_, Result<bool, LeaseError>>;

    /// Returns the owner, if its lease is valid.
    fn owner(&self, offering: OfferingId) -> BoxFuture<'_, Result<Option<Owner>, LeaseError>>;

    /// Pins an offering to the instance of this name; `None` removes the pin.
    fn pin(
        &self,
        offering: OfferingId,
        to: Option<Arc<str>>,
    ) -> BoxFuture<'_, Result<(), LeaseError>>;
}
