//! Leases in Redis. Data that Redis loses is restored: members with their next heartbeat, entries
//! when their owners publish them. Nothing in Redis needs to outlive a restart but the pins, which
//! are lost with it.
//!
//! Keys, all in one slot: `member:<name>` (a lease, with its time to live), `members` (their names),
//! `owner:<offering>` (an entry), `pins`, `memory`.

pub(in crate::cluster) mod link;
mod refusal;
mod scripts;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use redis::{Client, FromRedisValue, ScriptInvocation};

use super::{Claim, Heartbeat, Lease, LeaseError, Leases, Pins, Standing};
use crate::cluster::{Member, Owner};
use crate::ids::{Epoch, InstanceId, OfferingId};
use crate::random;
use link::Link;
use scripts::Scripts;

/// Leases in a Redis (6.2 or later) or Valkey that all instances share, as used by one instance.
///
/// Redis drops an entry 24 hours after the last claim, publish or transfer: owners publish their
/// entries again now and then.
pub struct RedisLeases {
    link: Link,
    scripts: Scripts,
    /// Prefix of every key.
    base: String,
    name: Arc<str>,
    /// Heartbeats so far.
    beats: AtomicU64,
    /// Number under which the lease was granted, from the last answered heartbeat. A different number
    /// means that the lease expired in between, even if the answer that reported it was lost.
    grant: Mutex<Option<String>>,
}

/// The largest random number that is passed to the scripts: it has 19 digits.
const LARGEST: u64 = u64::MAX / 2;

/// The number that our lease was granted under (or nothing), the store's memory, all leases, all
/// pins, and the keys that were removed because they were not ours.
type HeartbeatReply = (String, u64, Vec<LeaseReply>, Vec<(String, String)>, Vec<String>);
/// A lease as Redis returns it: name, incarnation, address, weight, leaving, beat, milliseconds left.
type LeaseReply = (String, String, String, u32, u8, u64, i64);
/// An owner as Redis returns it: incarnation, address, epoch.
type OwnerReply = (String, String, u64);

impl RedisLeases {
    /// Connects as the instance called `name`. The connection lives on the caller's runtime, and is
    /// made anew whenever it breaks. Instances see each other if they share the database and
    /// `prefix`, which may be empty.
    ///
    /// # Errors
    /// [`LeaseError::Away`] if Redis does not answer; its source states the remedy.
    /// [`LeaseError::Unusable`] if a password is missing or wrong, or the server is too old, or is
    /// not a Redis.
    pub async fn connect(url: &str, prefix: &str, name: Arc<str>) -> Result<Self, LeaseError> {
        let client = client(url)
            .map_err(|reason| LeaseError::Unusable(format!("REDIS_URL: the value {reason}")))?;
        let base = base(prefix);
        Ok(Self {
            link: Link::connect(client, base.clone()).await?,
            scripts: Scripts::new(),
            base,
            name,
            beats: AtomicU64::new(0),
            grant: Mutex::default(),
        })
    }

    async fn run<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T, LeaseError> {
        Ok(self.link.run(call).await?)
    }

    fn lease_under(&self, grant: String) -> Lease {
        let mut last = self.grant.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref() == Some(&grant) {
            return Lease::Kept;
        }
        *last = Some(grant);
        Lease::Granted
    }
}

/// Checks that `url` can be the URL of a Redis.
///
/// # Errors
/// The fault of the URL, without showing it.
pub fn check_redis_url(url: &str) -> Result<(), String> {
    client(url).map(drop)
}

/// Returns the prefix of every key and channel.
pub(crate) fn base(prefix: &str) -> String {
    let separator = if prefix.is_empty() { "" } else { ":" };
    format!("{{admitone}}:{prefix}{separator}")
}

/// Returns a client of the Redis at `url`; does not connect.
///
/// # Errors
/// The fault of the URL, without showing it.
pub(crate) fn client(url: &str) -> Result<Client, String> {
    if ["rediss://", "valkeys://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err("asks for TLS, which this version does not speak to Redis: keep Redis in a \
                    private network, and write redis://host:port"
            .into());
    }
    Client::open(url).map_err(|_| {
        "is not the URL of a Redis: write redis://host:port, with a password \
         redis://:password@host:port, or unix:///path for a socket"
            .into()
    })
}

impl Leases for RedisLeases {
    fn renew(
        &self,
        me: Member,
        ttl: Duration,
        dead: Option<InstanceId>,
    ) -> BoxFuture<'_, Result<Heartbeat, LeaseError>> {
        async move {
            let beat = self.beats.fetch_add(1, Ordering::Relaxed) + 1;
            let mut call = self.scripts.renew.key(&self.base);
            call.arg(&*me.name).arg(me.incarnation.to_string()).arg(&*me.address);
            call.arg(me.weight).arg(u8::from(me.leaving));
            call.arg(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
            call.arg(dead.map(|dead| dead.to_string()).unwrap_or_default());
            call.arg(random::within(0..=LARGEST)).arg(random::within(0..=LARGEST)).arg(beat);
            let (grant, memory, members, pins, removed): HeartbeatReply = self.run(&call).await?;
            if !removed.is_empty() {
                tracing::warn!(
                    ?removed,
                    "removed from Redis what admitone did not put there: give it a database of its \
                     own, redis://host:port/number"
                );
            }
            let members = members.into_iter().map(standing).collect::<Result<Vec<_>, _>>()?;
            let lease = if grant.is_empty() {
                let holder = members.iter().find(|standing| standing.member.name == me.name);
                let holder = holder.ok_or_else(|| damaged("the holder of a lease is missing"))?;
                Lease::TakenBy(holder.member.clone())
            } else {
                self.lease_under(grant)
            };
            let pins = pins
                .into_iter()
                .filter_map(|(offering, name)| Some((offering.parse().ok()?, name.into())))
                .collect::<Pins>();
            Ok(Heartbeat { lease, members, memory, pins })
        }
        .boxed()
    }

    fn resign(&self, me: Member) -> BoxFuture<'_, Result<(), LeaseError>> {
        async move {
            let mut call = self.scripts.resign.key(&self.base);
            call.arg(&*me.name).arg(me.incarnation.to_string());
            self.run(&call).await
        }
        .boxed()
    }

    fn claim(
        &self,
        offering: OfferingId,
        me: Member,
        dead: Vec<InstanceId>,
    ) -> BoxFuture<'_, Result<Claim, LeaseError>> {
        async move {
            let mut call = self.scripts.claim.key(&self.base);
            call.arg(offering.to_string());
            call.arg(&*me.name).arg(me.incarnation.to_string()).arg(&*me.address);
            for incarnation in dead {
                call.arg(incarnation.to_string());
            }
            let answer: Vec<String> = self.run(&call).await?;
            match answer.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["granted"] => Ok(Claim::Granted),
                ["no lease"] => Ok(Claim::NoLease),
                ["owned", incarnation, address, epoch] => {
                    Ok(Claim::OwnedBy(owner(incarnation, address, read(epoch)?)?))
                }
                _ => Err(damaged("a claim has an answer of no known form")),
            }
        }
        .boxed()
    }

    fn publish(
        &self,
        offering: OfferingId,
        published: Owner,
    ) -> BoxFuture<'_, Result<Owner, LeaseError>> {
        async move {
            let mut call = self.scripts.publish.key(&self.base);
            call.arg(offering.to_string()).arg(&*self.name);
            call.arg(published.incarnation.to_string()).arg(&*published.address);
            call.arg(published.epoch.0);
            let (incarnation, address, epoch): OwnerReply = self.run(&call).await?;
            owner(&incarnation, &address, epoch)
        }
        .boxed()
    }

    fn release(
        &self,
        offering: OfferingId,
        me: InstanceId,
    ) -> BoxFuture<'_, Result<(), LeaseError>> {
        async move {
            let mut call = self.scripts.release.key(&self.base);
            call.arg(offering.to_string()).arg(me.to_string());
            self.run(&call).await
        }
        .boxed()
    }

    fn transfer(
        &self,
        offering: OfferingId,
        from: InstanceId,
        to: Member,
    ) -> BoxFuture<'_, Result<bool, LeaseError>> {
        async move {
            let mut call = self.scripts.transfer.key(&self.base);
            call.arg(offering.to_string()).arg(from.to_string());
            call.arg(&*to.name).arg(to.incarnation.to_string()).arg(&*to.address);
            self.run(&call).await
        }
        .boxed()
    }

    fn owner(&self, offering: OfferingId) -> BoxFuture<'_, Result<Option<Owner>, LeaseError>> {
        async move {
            let mut call = self.scripts.owner.key(&self.base);
            call.arg(offering.to_string());
            let found: Vec<OwnerReply> = self.run(&call).await?;
            let found = found
                .first()
                .map(|(incarnation, address, epoch)| owner(incarnation, address, *epoch));
            found.transpose()
        }
        .boxed()
    }

    fn pin(
        &self,
        offering: OfferingId,
        to: Option<Arc<str>>,
    ) -> BoxFuture<'_, Result<(), LeaseError>> {
        async move {
            let mut call = self.scripts.pin.key(&self.base);
            call.arg(offering.to_string());
            if let Some(name) = to {
                call.arg(&*name);
            }
            self.run(&call).await
        }
        .boxed()
    }
}

fn standing(told: LeaseReply) -> Result<Standing, LeaseError> {
    let (name, incarnation, address, weight, leaving, beat, left_ms) = told;
    let member = Member {
        name: name.into(),
        incarnation: read(&incarnation)?,
        address: address.into(),
        weight,
        leaving: leaving != 0,
    };
    let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
    Ok(Standing { member, left, beat })
}

fn owner(incarnation: &str, address: &str, epoch: u64) -> Result<Owner, LeaseError> {
    Ok(Owner { incarnation: read(incarnation)?, address: address.into(), epoch: Epoch(epoch) })
}

fn read<T: std::str::FromStr>(text: &str) -> Result<T, LeaseError> {
    text.parse().map_err(|_| damaged(&format!("{text:?} is not what it should be")))
}

fn damaged(what: &str) -> LeaseError {
    LeaseError::Unusable(format!(
        "Redis has under the keys of admitone what admitone did not put there ({what}): give \
         admitone a database of its own, redis://host:port/number"
    ))
}
