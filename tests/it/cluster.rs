//! Three real processes on a private Redis and a private Postgres, customers at every instance, and
//! one fault after another. The history checker compares the customers' answers with the journal.

mod answers;
mod clocks;
mod faults;
mod membership;
mod rolling;
mod waiting;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use admitone::ids::OfferingId;
use admitone::journal::Head;
use admitone::store::{Options, Store};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::support::customers::{Shop, rng};
use crate::support::line_history::LineFacts;
use crate::support::private_postgres::PrivatePostgres;
use crate::support::private_redis::PrivateRedis;
use crate::support::process::Server;
use crate::support::proxy::Proxy;
use crate::support::sold_event;
use crate::support::test_db::eventually;

pub const CLUSTER_SECRET: &str = "the secret that the instances of the tests share";
const SEATS: u32 = 1_000;
const CUSTOMERS: u64 = 24;

/// The parts of a sale that runs on several instances.
pub struct Site {
    pub redis: PrivateRedis,
    pub postgres: PrivatePostgres,
    pub store: Store,
    pub event: OfferingId,
    pub servers: Vec<Server>,
    pub shop: Arc<Shop>,
    pub links: Vec<Links>,
    customers: Vec<JoinHandle<()>>,
    client: reqwest::Client,
}

/// The connections of one instance, each through a proxy.
pub struct Links {
    /// To Redis.
    pub redis: Proxy,
    /// To Postgres.
    pub postgres: Proxy,
    /// From the other instances.
    pub others: Proxy,
}

impl Site {
    /// Starts three instances, waits until they are ready; their leases last `ttl`.
    pub async fn open(ttl: &str) -> Self {
        let (redis, postgres) = (PrivateRedis::start(), PrivatePostgres::start());
        let mut options = Options::new(postgres.url());
        options.pool_size = 4;
        let store = Store::connect(&options).await.expect("it answers");
        store.migrate().await.expect("the schema can be made");
        let event = sold_event::open(&store, SEATS).await;
        let (mut servers, mut links) = (Vec::new(), Vec::new());
        for name in ["a", "b", "c"] {
            let (server, its_links) = instance(&redis, &postgres, name, ttl).await;
            servers.push(server);
            links.push(its_links);
        }
        for server in &mut servers {
            server.start_again();
        }
        for server in &mut servers {
            server.until_ready().await;
        }
        let bases: Vec<String> = servers.iter().map(|server| server.base.clone()).collect();
        let shop = Arc::new(Shop::over(&bases, event, SEATS));
        shop.watch_doors();
        let client = reqwest::Client::new();
        let customers = Vec::new();
        let site = Self { redis, postgres, store, event, servers, shop, links, customers, client };
        site.until_acquainted().await;
        site
    }

    /// Waits until each instance knows all: an instance can be ready before it knows the last one.
    async fn until_acquainted(&self) {
        for at in 0..self.servers.len() {
            eventually("everybody knows everybody", async || {
                let (_, answer) = self.administer(at, "/api/admin/instances", None).await;
                answer["data"].as_array().map(Vec::len) == Some(self.servers.len())
            })
            .await;
        }
    }

    /// Waits until its preferred instance owns the event, so that it does not move by itself.
    pub async fn until_at_home(&self) {
        let path = format!("/api/admin/offerings/{}", self.event);
        eventually("the event is where it belongs", async || {
            let (_, answer) = self.administer(0, &path, None).await;
            let (owner, home) = (&answer["data"]["owner"]["name"], &answer["data"]["belongsOn"]);
            owner.is_string() && owner == home
        })
        .await;
    }

    /// Starts the customers.
    pub fn sell(&mut self, seed: u64) {
        self.sell_to(CUSTOMERS, seed);
    }

    /// Starts that many customers.
    pub fn sell_to(&mut self, customers: u64, seed: u64) {
        self.customers = (0..customers)
            .map(|index| {
                let (shop, mint) = (Arc::clone(&self.shop), self.servers[0].mint());
                tokio::spawn(async move {
                    shop.visit_until_closed(rng(seed, index), &mint).await;
                })
            })
            .collect();
    }

    /// Waits until customers have received `more` further acknowledgements.
    pub async fn until_sold(&self, more: usize) {
        let before = self.shop.history.told().len();
        eventually("people buy", async || self.shop.history.told().len() > before + more).await;
    }

    /// Returns the index in `servers` of the instance that owns the event.
    pub async fn owner(&self) -> usize {
        let mut found = None;
        eventually("somebody owns the event", async || {
            found = self.owner_now().await;
            found.is_some()
        })
        .await;
        found.expect("it was waited for")
    }

    async fn owner_now(&self) -> Option<usize> {
        let owner = self.store.journal().owner(self.event).await.ok()??;
        let address: SocketAddr = owner.address.parse().ok()?;
        self.links.iter().position(|links| links.others.address == address)
    }

    /// Waits until the event is on its preferred instance and is not moved for balance any more.
    pub async fn until_placed(&self) {
        let path = format!("/api/admin/offerings/{}", self.event);
        eventually("the event is in its place", async || {
            let (_, found) = self.administer(0, &path, None).await;
            let owner = &found["data"]["owner"]["name"];
            owner.is_string() && *owner == found["data"]["belongsOn"]
        })
        .await;
    }

    /// Returns the index of an instance other than `owner`.
    pub fn other_than(&self, owner: usize) -> usize {
        (owner + 1) % self.servers.len()
    }

    /// Returns the current epoch: how many times the event was taken over.
    pub async fn epoch(&self) -> u64 {
        let head = self.store.journal_head(self.event).await.expect("it can be read");
        head.epoch.0
    }

    /// Sends a request as the administrator.
    pub async fn administer(&self, at: usize, path: &str, body: Option<Value>) -> (u16, Value) {
        let url = format!("{}{path}", self.servers[at].base);
        let token = self.servers[at].mint().admin().token;
        let request = match body {
            Some(body) => self.client.post(url).json(&body),
            None => self.client.get(url),
        };
        let answer = request.bearer_auth(token).send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    /// Closes the shop and compares all answers that customers received with the journal.
    pub async fn close(mut self) -> Facts {
        self.shop.closing.store(true, Ordering::Relaxed);
        for customer in std::mem::take(&mut self.customers) {
            customer.await.expect("every customer got certain answers");
        }
        eventually("the store answers", async || self.store.ping(1).await.is_ok()).await;
        sold_event::until_settled(&self.store).await;
        let facts = self.shop.history.check(&self.store, self.event).await;
        sold_event::check_money(&self.store, &self.shop, &facts).await;
        let line = match &self.shop.line {
            Some(line) => {
                let rows = self.store.journal_rows(self.event, Head::EMPTY, u64::from(u32::MAX));
                Some(line.check(&rows.await.expect("the journal is whole")))
            }
            None => None,
        };
        let facts = Facts {
            line,
            holds: facts.holds.len(),
            unavailable: self.shop.unavailable.load(Ordering::Relaxed),
            lost: self.shop.lost.load(Ordering::Relaxed),
        };
        println!("{facts:?}");
        assert!(facts.holds > 0, "there was something to lose");
        facts
    }
}

/// Results that a test may check at the end.
#[derive(Debug)]
pub struct Facts {
    pub line: Option<LineFacts>,
    pub holds: usize,
    /// Number of answers 503.
    pub unavailable: u64,
    /// Number of requests without an answer.
    pub lost: u64,
}

/// Returns an instance that is not started yet, and the proxies from and to it.
pub async fn instance(
    redis: &PrivateRedis,
    postgres: &PrivatePostgres,
    name: &str,
    ttl: &str,
) -> (Server, Links) {
    let local = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    let to_redis = Proxy::to(local(redis.port())).await;
    let to_postgres = Proxy::to(local(postgres.port())).await;
    let url = format!("postgres://postgres@{}/postgres", to_postgres.address);
    let mut server = Server::with_settings(
        &url,
        &[
            ("REDIS_URL", format!("redis://{}", to_redis.address)),
            ("ADMITONE_CLUSTER_SECRET", CLUSTER_SECRET.into()),
            ("ADMITONE_INSTANCE", name.into()),
            ("ADMITONE_LEASE_TTL", ttl.into()),
            ("ADMITONE_DRAIN_DELAY", "1s".into()),
            ("ADMITONE_WORKERS", "1".into()),
            ("ADMITONE_APPEND_TIMEOUT", "1s".into()),
        ],
    );
    let others = Proxy::to(local(server.port())).await;
    server.set("ADMITONE_ADVERTISE", others.address.to_string());
    (server, Links { redis: to_redis, postgres: to_postgres, others })
}
