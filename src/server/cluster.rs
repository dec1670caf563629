//! What makes this process one instance of many: its lease, on threads of its own that no flood of
//! requests reaches, and the way to the others. A process without Redis is alone and has none of it.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::runtime::{Handle, Runtime};

use super::{Parts, StartError, on};
use crate::cluster::feed::RedisFeed;
use crate::cluster::lease::{LeaseError, RedisLeases};
use crate::cluster::{Cluster, HttpNetwork, JoinError, Keeper, Member, Seal, Settings};
use crate::config::{Config, Secret};
use crate::executor::Executor;
use crate::ids::InstanceId;

/// An instance's part in its cluster.
pub(super) struct Membership {
    pub(super) cluster: Arc<Cluster>,
    /// Of the calls between instances.
    pub(super) seal: Option<Seal>,
    threads: Option<Runtime>,
    keeper: Option<Keeper>,
}

impl Membership {
    /// Connects to the lease store, if there is one; takes no lease yet.
    pub(super) async fn connect(
        config: &Config,
        parts: &Parts,
        runtime: &Handle,
        listening: SocketAddr,
    ) -> Result<Self, StartError> {
        let incarnation = InstanceId::random();
        let address: Arc<str> =
            config.advertise.clone().unwrap_or_else(|| listening.to_string()).into();
        let clock = Arc::clone(&parts.clock);
        let Some(url) = config.redis_url.as_ref().map(Secret::expose) else {
            let cluster = Cluster::alone(incarnation, address, clock);
            return Ok(Self { cluster, seal: None, threads: None, keeper: None });
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
        let feed_url = url.to_owned();
        // Views are many, and must not delay a heartbeat: on the threads of the database.
        let feed =
            on(
                runtime,
                async move { RedisFeed::start(&feed_url, "").map_err(StartError::Cluster) },
            );
        let connected = match leases.await {
            Ok(leases) => feed.await.map(|feed| (leases, feed)),
            Err(error) => Err(error),
        };
        let (leases, feed) = match connected {
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
        Ok(Self { cluster, seal: Some(seal), threads: Some(threads), keeper: None })
    }

    /// Takes the lease of this instance's name. Whoever has the name is asked whether it lives, and
    /// may ask us, so this is done when questions are answered already.
    pub(super) async fn join(&mut self) -> Result<(), StartError> {
        let Some(threads) = &self.threads else { return Ok(()) };
        let cluster = Arc::clone(&self.cluster);
        let executor = Executor::Threads(threads.handle().clone());
        let joining = async move {
            let keeper = Keeper::join(cluster, &executor).await?;
            if let Err(error) = keeper.greet().await {
                keeper.resign().await;
                return Err(error.into());
            }
            Ok(keeper)
        };
        self.keeper = Some(on(threads.handle(), joining).await?);
        let me = self.cluster.me();
        tracing::info!(name = %me.name, address = %me.address, incarnation = %me.incarnation,
            members = self.cluster.view().members.len(), "joined the cluster");
        Ok(())
    }

    /// Announces that this instance is about to stop.
    pub(super) async fn leave(&self) {
        if let Some(keeper) = &self.keeper {
            keeper.leave().await;
        }
    }

    /// Gives the lease back; from now on others own whatever was left.
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
