//! Leases: who is alive, and who should try to own what. One lease per instance, renewed by its
//! heartbeat; an entry per live offering that is worth what its instance's lease is worth, so that
//! renewals cost per instance and not per offering.
//!
//! A lost, doubled or stale lease costs time and nothing else: the journal alone says who may
//! commit.

mod alone;
mod redis;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

pub use alone::Alone;
pub use redis::{RedisLeases, check_redis_url};
pub(super) use redis::{base as redis_base, client as redis_client};

use super::{Member, Owner};
use crate::ids::{InstanceId, OfferingId};

/// Offerings that were moved by hand, and the name of the instance that they stay on.
pub type Pins = BTreeMap<OfferingId, Arc<str>>;

/// Why the lease store did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// It does not answer; what was asked may have been done.
    #[error("{0}")]
    Away(anyhow::Error),
    /// It answers, and cannot be used. Says what to do.
    #[error("{0}")]
    Unusable(String),
}

/// What a heartbeat learns.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// Whether the lease is ours.
    pub lease: Lease,
    /// All whose leases live, ours included.
    pub members: Vec<Standing>,
    /// Drawn when the store was empty: another number means that it has lost what it knew.
    pub memory: u64,
    /// See [`Pins`].
    pub pins: Pins,
}

/// What became of our own lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lease {
    /// Renewed before it ran out.
    Kept,
    /// There was none (any more): granted anew. Others may have taken over what we owned.
    Granted,
    /// Another process has the name.
    TakenBy(Member),
}

/// Another member's lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whose.
    pub member: Member,
    /// When it runs out unless it is renewed.
    pub left: Duration,
    /// Counts its renewals.
    pub beat: u64,
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The entry is ours: try to take over.
    Granted,
    /// Its owner's lease lives.
    OwnedBy(Owner),
    /// Our own lease does not: whoever has none does not take over.
    NoLease,
}

/// Where leases are kept: Redis, this process alone, or a simulation.
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

    /// Makes the entry of `offering` ours if it has none, is ours, its owner's lease has run out, or
    /// its owner is one of the `dead`.
    fn claim(
        &self,
        offering: OfferingId,
        me: Member,
        dead: Vec<InstanceId>,
    ) -> BoxFuture<'_, Result<Claim, LeaseError>>;

    /// Notes what the journal says: `owner` has taken over. Never goes back to an older epoch;
    /// returns the entry as it is then.
    fn publish(
        &self,
        offering: OfferingId,
        owner: Owner,
    ) -> BoxFuture<'_, Result<Owner, LeaseError>>;

    /// Removes the entry if it is `me`'s.
    fn release(
        &self,
        offering: OfferingId,
        me: InstanceId,
    ) -> BoxFuture<'_, Result<(), LeaseError>>;

    /// Makes the entry `to`'s if it is `from`'s and the lease of `to` lives; says whether it was.
    fn transfer(
        &self,
        offering: OfferingId,
        from: InstanceId,
        to: Member,
    ) -> BoxFuture<'_, Result<bool, LeaseError>>;

    /// The owner whose lease lives.
    fn owner(&self, offering: OfferingId) -> BoxFuture<'_, Result<Option<Owner>, LeaseError>>;

    /// Has an offering stay on the instance of this name, or wherever it is placed.
    fn pin(
        &self,
        offering: OfferingId,
        to: Option<Arc<str>>,
    ) -> BoxFuture<'_, Result<(), LeaseError>>;
}
