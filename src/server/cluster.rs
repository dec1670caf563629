//! The membership of this process in a cluster: its lease, on threads of its own that no flood of
//! requests reaches, and the network to the other instances. A process without Redis is alone and has
//! neither.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use actix_web::web;
use tokio::runtime::{Handle, Runtime};

use super::{StartError, on};
use crate::clock::Clock;
use crate::cluster::lease::{LeaseError, RedisLeases};
use crate::cluster::pubsub::{NoPubSub, PubSub, RedisPubSub};
use crate::cluster::{
    Cluster, HeartbeatLoop, HttpNetwork, JoinError, Member, Seal, Settings, Tally, TokenProof,
};
use crate::config::{Config, Secret};
use crate::executor::Executor;
use crate::http::state::AppState;
use crate::ids::InstanceId;
use crate::limits::Limits;
use crate::store::{InstanceLock, Neighbours};

/// The identity of this process.
pub(super) struct Identity {
    pub(super) incarnation: InstanceId,
    pub(super) listening: SocketAddr,
    pub(super) clock: Arc<dyn Clock>,
}

/// An instance's membership in its cluster.
pub(super) struct Membership {
    pub(super) cluster: Arc<Cluster>,
    /// What the chat tells the other instances.
    pub(super) chat_feed: Arc<dyn PubSub>,
    /// Seal of the calls between instances.
    pub(super) seal: Option<Seal>,
    /// Proof of the secret that signs tokens.
    pub(super) token_proof: TokenProof,
    /// Members that joined before this instance and have not proved that they share the token secret.
    unproven: Vec<Member>,
    /// What the instances count together.
    tally: Option<Arc<Tally>>,
    threads: Option<Runtime>,
    keeper: Option<HeartbeatLoop>,
}

impl Membership {
    /// Connects to the lease store, if there is one; takes no lease yet.
    pub(super) async fn connect(
        config: &Config,
        Identity { incarnation, listening, clock }: Identity,
        runtime: &Handle,
    ) -> Result<Self, StartError> {
        let address: Arc<str> =
            config.advertise.clone().unwrap_or_else(|| listening.to_string()).into();
        let token_proof = TokenProof::new(config.jwt_secret.expose());
        let unproven = Vec::new();
        let Some(url) = config.redis_url.as_ref().map(Secret::expose) else {
            let cluster = Cluster::alone(incarnation, address, clock);
            let (threads, keeper) = (None, None);
            let tally = None;
            let chat_feed = Arc::new(NoPubSub);
            let seal = None;
            let alone =
                Self { cluster, chat_feed, seal, token_proof, unproven, tally, threads, keeper };
            return Ok(alone);
        };
        let name: Arc<str> = match &config.instance {
            Some(name) => name.as_str().into(),
            None => Arc::clone(&address),
        };
        let threads = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("leases")
            .enable_all()
            .build()
            .map_err(|error| StartError::Machine(error.to_string()))?;
        let secret = config.cluster_secret.as_ref().map(Secret::expose).unwrap_or_default();
        let seal = Seal::new(secret);
        let network = HttpNetwork::new(seal.clone())
            .map_err(|error| StartError::Machine(error.to_string()))?;
        let (lease_url, own_name) = (url.to_owned(), Arc::clone(&name));
        let leases = on(threads.handle(), async move {
            Ok(RedisLeases::connect(&lease_url, "", own_name).await?)
        });
        // Messages of the feeds are many, and must not delay a heartbeat: they use the database's
        // threads. Those of the chat have connections of their own, and delay none of a sale.
        let feed_of = |kind: &'static str| {
            let url = url.to_owned();
            let start = move || RedisPubSub::start(&url, "", kind).map_err(StartError::Cluster);
            on(runtime, async move { start() })
        };
        let (feed, chat_feed) = (feed_of("feed"), feed_of("chat"));
        let tally_url = url.to_owned();
        let tally = on(runtime, async move { Ok(Tally::connect(&tally_url, "").await?) });
        let connected =
            async { Ok((leases.await?, feed.await?, chat_feed.await?, tally.await?)) }.await;
        let (leases, feed, chat_feed, tally) = match connected {
            Ok(connected) => connected,
            Err(error) => {
                threads.shutdown_background();
                return Err(error);
            }
        };
        let weight = config.weight;
        let me = Member { name, incarnation, address, weight, leaving: false };
        let settings = Settings {
            lease_ttl: config.lease_ttl,
            settle: config.lease_ttl,
            ..Settings::default()
        };
        let cluster = Cluster::of_many(me, settings, clock, Arc::new(leases), Arc::new(network))
            .with_feed(Arc::new(feed));
        let (seal, threads) = (Some(seal), Some(threads));
        let tally = Some(Arc::new(tally));
        let (keeper, chat_feed) = (None, Arc::new(chat_feed));
        Ok(Self { cluster, chat_feed, seal, token_proof, unproven, tally, threads, keeper })
    }

    /// Returns the limits of this process, which the instances of a cluster count together.
    pub(super) fn limits(&self, secret: &str, clock: &Arc<dyn Clock>) -> Arc<Limits> {
        let clock = Arc::clone(clock);
        Arc::new(match &self.tally {
            Some(tally) => {
                let cluster = Arc::clone(&self.cluster);
                let instances = Arc::new(move || cluster.view().live_members().count());
                Limits::shared(secret, clock, Arc::clone(tally), instances)
            }
            None => Limits::alone(secret, clock),
        })
    }

    /// Takes the lease of this instance's name. A present holder of the name is asked whether it
    /// lives, and may ask this instance, so the instance must be answering questions by now. The
    /// other members must reach this instance, share its secret, and hold the same lock as `lock`: on
    /// this database, not on a copy.
    pub(super) async fn join(
        &mut self,
        lock: &InstanceLock,
        runtime: &Handle,
    ) -> Result<(), StartError> {
        let Some(threads) = &self.threads else { return Ok(()) };
        let cluster = Arc::clone(&self.cluster);
        let executor = Executor::Threads(threads.handle().clone());
        let joining = async move {
            let keeper = HeartbeatLoop::join(cluster, &executor).await?;
            match keeper.greet().await {
                Ok(met) => Ok((keeper, met)),
                Err(error) => {
                    keeper.resign().await;
                    Err(error.into())
                }
            }
        };
        let (keeper, met) = on(threads.handle(), joining).await?;
        let sharing = share_a_database(lock.neighbours(), met.clone());
        let compared = on(runtime, sharing).await;
        if let Err(error) = compared {
            keeper.resign().await;
            return Err(error);
        }
        let (cluster, proof, mut unproven) =
            (Arc::clone(&self.cluster), self.token_proof.clone(), met);
        let comparing = async move {
            cluster.compare_token_secrets(&proof, &mut unproven).await;
            Ok(unproven)
        };
        self.unproven = on(runtime, comparing).await?;
        runtime.spawn(look_for_strangers(Arc::clone(&self.cluster), lock.neighbours()));
        self.keeper = Some(keeper);
        let me = self.cluster.me();
        tracing::info!(name = %me.name, address = %me.address, incarnation = %me.incarnation,
            members = self.cluster.view().members.len(), "joined the cluster");
        Ok(())
    }

    /// Admits clients, unless a member that joined earlier has another `ADMITONE_JWT_SECRET`; then
    /// admits them as soon as no such member is left. Only the later instance checks: a wrong secret
    /// on one instance must not stop the running ones.
    pub(super) fn open(&mut self, state: &web::Data<AppState>, runtime: &Handle) {
        if self.cluster.token_dispute().is_none() {
            state.lifecycle.open();
        }
        let unproven = std::mem::take(&mut self.unproven);
        if !unproven.is_empty() {
            let state = Arc::downgrade(&state.clone().into_inner());
            runtime.spawn(agree_on_tokens(state, self.token_proof.clone(), unproven));
        }
    }

    /// Announces that this instance is about to stop.
    pub(super) async fn leave(&self) {
        if let Some(keeper) = &self.keeper {
            keeper.leave().await;
        }
    }

    /// Gives the lease back; from then on others own all offerings that are left.
    pub(super) async fn resign(mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.resign().await;
        }
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

/// Number of checks whether another instance has reconnected to its database.
const LOOKS: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);
/// Shortest interval between checks for unknown users of the database.
const STRANGERS_EVERY: Duration = Duration::from_secs(2);
/// Interval between questions to a member that has not proved that it has our token secret.
const TOKENS_EVERY: Duration = Duration::from_secs(1);

/// Checks that all members met use the same database as this instance. A member whose connection
/// broke a moment ago has its lock again soon.
async fn share_a_database(lock: Neighbours, met: Vec<Member>) -> Result<(), StartError> {
    let mut missing = met;
    for _ in 0..LOOKS {
        let here = lock.instances().await?;
        missing.retain(|member| !here.contains(&member.incarnation));
        if missing.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    let other = &missing[0];
    Err(StartError::Cluster(format!(
        "the instance {} at {} uses another database, or a copy: run all instances of a cluster \
         with the same DATABASE_URL, and give other clusters another Redis database",
        other.name, other.address
    )))
}

/// Asks the unproven members until each has proved that it shares the token secret, or is gone.
async fn agree_on_tokens(state: Weak<AppState>, proof: TokenProof, mut unproven: Vec<Member>) {
    while !unproven.is_empty() {
        tokio::time::sleep(TOKENS_EVERY).await;
        let Some(state) = state.upgrade() else { return };
        let may_serve = state.cluster.compare_token_secrets(&proof, &mut unproven).await;
        match may_serve {
            true => state.lifecycle.open(),
            false => state.lifecycle.close(),
        }
    }
}

/// Warns if a process uses this database and is not in this Redis: the two take every event from each
/// other. A starting instance is in the database first, and a killed one stays in it for a while, so
/// the warning is given for a process that is found twice.
async fn look_for_strangers(cluster: Arc<Cluster>, lock: Neighbours) {
    let (mut before, mut told) = (HashSet::new(), HashSet::new());
    loop {
        tokio::time::sleep((2 * cluster.settings().lease_ttl).max(STRANGERS_EVERY)).await;
        if cluster.away_for().is_some() {
            continue;
        }
        let Ok(here) = lock.instances().await else { continue };
        let (view, me) = (cluster.view(), cluster.me().incarnation);
        let known = |id: &InstanceId| view.members.iter().any(|it| it.member.incarnation == *id);
        let strangers = here.into_iter().filter(|id| *id != me && !known(id));
        let strangers: HashSet<_> = strangers.collect();
        for incarnation in strangers.intersection(&before).filter(|id| !told.contains(*id)) {
            tracing::warn!(
                %incarnation,
                "an instance uses this database and is not in this Redis: either it hangs, or it has \
                 another REDIS_URL; in pg_stat_activity its application_name is admitone and this id"
            );
        }
        told.extend(strangers.intersection(&before).copied());
        before = strangers;
    }
}

impl From<LeaseError> for StartError {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::Away(cause) => Self::Cluster(cause.to_string()),
            LeaseError::Unusable(what) => Self::Cluster(what),
        }
    }
}

impl From<JoinError> for StartError {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::Leases(error) => error.into(),
            JoinError::NameTaken { .. }
            | JoinError::NotAtItsAddress(..)
            | JoinError::WrongSecret { .. } => Self::Cluster(error.to_string()),
        }
    }
}
