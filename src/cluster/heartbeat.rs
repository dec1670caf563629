//! The heartbeat: renews the lease of this instance and reads the list of members. It runs on an
//! executor of its own, which no flood of requests reaches.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::cluster::lease::{Heartbeat, Lease, LeaseError};
use crate::cluster::{Cluster, HELLO, HELLO_TIMEOUT, Member, NetworkError, Notice, metrics};
use crate::executor::Executor;
use crate::random;

/// Why an instance could not join.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The lease store failed.
    #[error(transparent)]
    Leases(#[from] LeaseError),
    /// Two instances have the same name.
    #[error(
        "an instance called {name} is running at {address}: stop it first, or give this one a name \
         of its own (ADMITONE_INSTANCE)"
    )]
    NameTaken {
        /// The name.
        name: Arc<str>,
        /// The address of the other instance.
        address: Arc<str>,
    },
    /// The other instances would not find this one at its advertised address.
    #[error(
        "this instance is not at {0}, where the others are told to find it: {1}: set \
         ADMITONE_ADVERTISE to a HOST:PORT that leads to it"
    )]
    NotAtItsAddress(Arc<str>, &'static str),
    /// A member refuses this instance because its secret differs.
    #[error(
        "the instance {name} at {address} has another ADMITONE_CLUSTER_SECRET: run all instances \
         of a cluster with the same, and give other clusters another Redis database"
    )]
    WrongSecret {
        /// The name.
        name: Arc<str>,
        /// The address of the member.
        address: Arc<str>,
    },
}

/// Keeps the lease of this instance alive.
pub struct HeartbeatLoop {
    cluster: Arc<Cluster>,
    task: JoinHandle<()>,
}

impl HeartbeatLoop {
    /// Takes the lease, and renews it from now on.
    ///
    /// # Errors
    /// [`JoinError`]; then the name stays with its present holder.
    pub async fn join(cluster: Arc<Cluster>, on: &Executor) -> Result<Self, JoinError> {
        if !cluster.alone {
            take_name(&cluster).await?;
        }
        let kept = Arc::clone(&cluster);
        let task = on.spawn(async move {
            if !kept.alone {
                keep(&kept).await;
            }
        });
        Ok(Self { cluster, task })
    }

    /// Checks that this instance and the other members can reach and trust each other. Returns the
    /// other members that passed.
    ///
    /// # Errors
    /// [`JoinError`], if this instance must not be a member: then resign.
    pub async fn greet(&self) -> Result<Vec<Member>, JoinError> {
        if self.cluster.alone {
            return Ok(Vec::new());
        }
        self.cluster.greet().await
    }

    /// Returns the cluster whose view this loop keeps up to date.
    #[must_use]
    pub fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// Announces that this instance is about to stop: no new offering is placed on it.
    pub async fn leave(&self) {
        if self.cluster.alone {
            return;
        }
        self.cluster.is_stopping.store(true, Ordering::Relaxed);
        self.cluster.announce();
        if let Err(error) = beat(&self.cluster, None).await {
            tracing::warn!(%error, "the others do not know that this instance leaves");
        }
    }

    /// Gives the lease back and stops renewing it.
    pub async fn resign(&self) {
        self.cluster.stopped.send_replace(true);
        self.task.abort();
        if self.cluster.alone {
            return;
        }
        let me = Member::clone(&self.cluster.me.load());
        if let Err(error) = self.cluster.in_time(self.cluster.leases.resign(me)).await {
            tracing::warn!(%error, "the lease of this instance is left to run out");
        }
    }
}

/// Takes the lease of our name. The lease of a process that was killed a moment ago may still be
/// valid: the answer from its address shows whether that process lives.
async fn take_name(cluster: &Cluster) -> Result<(), JoinError> {
    let mut dead = None;
    let mut first_beat = None;
    loop {
        let heartbeat = beat(cluster, dead).await?;
        let Lease::TakenBy(other) = &heartbeat.lease else { return Ok(()) };
        let taken = JoinError::NameTaken {
            name: Arc::clone(&other.name),
            address: Arc::clone(&other.address),
        };
        let address = Arc::clone(&other.address);
        let asked = cluster.network.ask(address, HELLO.into(), HELLO_TIMEOUT).await;
        match asked {
            Ok(answer) if answer[..] == other.incarnation.0.as_bytes()[..] => return Err(taken),
            // Another process has replaced it at that address, or none listens.
            Ok(_) | Err(NetworkError::Refused(_)) => dead = Some(other.incarnation),
            Err(_) => {
                let standing = heartbeat.members.iter().find(|m| m.member == *other);
                let now = standing.map(|standing| standing.beat);
                if first_beat.is_some_and(|first| now.is_some() && first != now) {
                    return Err(taken);
                }
                first_beat = first_beat.or(Some(now));
                tracing::info!(name = %other.name, "waiting for the lease of this name to run out");
                tokio::time::sleep(cluster.settings.renew_every() / 2).await;
            }
        }
    }
}

async fn keep(cluster: &Cluster) {
    while !*cluster.stopped.borrow() {
        let pause = pause_until_next(cluster);
        // Callers that need a heartbeat sooner nudge the loop.
        let _ = tokio::time::timeout(pause, cluster.nudge.notified()).await;
        if let Err(error) = beat(cluster, None).await {
            tracing::debug!(%error, "no heartbeat");
        }
    }
}

/// Returns the time until the next renewal is due, or another member's lease expires.
fn pause_until_next(cluster: &Cluster) -> Duration {
    /// Allowance for clock differences and for the delay of the store's answer.
    const SLACK: Duration = Duration::from_millis(20);
    let own = random::jittered(cluster.settings.renew_every());
    let view = cluster.view.load();
    // An expiry in the past was checked already, or the store could not be asked.
    let now = cluster.now();
    let other = view.next_expiry(cluster.me.load().incarnation, now);
    let other = other.map(|at| at.saturating_sub(now) + SLACK);
    own.min(other.unwrap_or(own)).max(SLACK)
}

/// Renews the lease once and takes in the answer.
async fn beat(
    cluster: &Cluster,
    dead: Option<crate::ids::InstanceId>,
) -> Result<Heartbeat, LeaseError> {
    let me = Member::clone(&cluster.me.load());
    let ttl = cluster.settings.lease_ttl;
    let sent = cluster.now();
    let renewed = cluster.in_time(cluster.leases.renew(me, ttl, dead)).await;
    let heartbeat = match renewed {
        Ok(heartbeat) => heartbeat,
        Err(error) => {
            if cluster.away_since_ms.load(Ordering::Relaxed) == u64::MAX {
                tracing::error!(%error, "the lease store is away: owners go on, nothing is moved");
                cluster.away_since_ms.store(cluster.now_ms(), Ordering::Relaxed);
            }
            metrics::lease(cluster.lease_is_valid(), None);
            return Err(error);
        }
    };
    if cluster.away_since_ms.swap(u64::MAX, Ordering::Relaxed) != u64::MAX {
        tracing::info!("the lease store answers");
    }
    take_in(cluster, &heartbeat, sent);
    metrics::lease(cluster.lease_is_valid(), Some(cluster.now().saturating_sub(sent)));
    Ok(heartbeat)
}

fn take_in(cluster: &Cluster, heartbeat: &Heartbeat, sent: Duration) {
    let ttl = cluster.settings.lease_ttl;
    match &heartbeat.lease {
        Lease::TakenBy(other) => {
            cluster.valid_until_ms.store(0, Ordering::Relaxed);
            if !cluster.view.load().members.is_empty() {
                // We held the name before, so the process that took it is alive.
                cluster.lost.send_replace(Some(other.clone()));
            }
            return;
        }
        Lease::Granted => {
            cluster.granted_at_ms.store(cluster.now_ms(), Ordering::Relaxed);
            cluster.forgotten.fetch_add(1, Ordering::Relaxed);
        }
        Lease::Kept => {}
    }
    for standing in &heartbeat.members {
        let longer = standing.left > ttl;
        if longer && cluster.is_news(standing.member.incarnation, Notice::OutlivesUs) {
            tracing::warn!(name = %standing.member.name, left = ?standing.left, ours = ?ttl,
                "the lease of another instance lives longer than ours: run all with one \
                 ADMITONE_LEASE_TTL");
        }
    }
    // Counted from when the renewal was sent, less a tenth, because the store's clock may run faster.
    let valid_until = sent + ttl - ttl / 10;
    let valid_until = u64::try_from(valid_until.as_millis()).unwrap_or(u64::MAX);
    cluster.valid_until_ms.store(valid_until, Ordering::Relaxed);
    cluster.change_view(|view, now| *view = view.after(heartbeat, now, ttl));
}
