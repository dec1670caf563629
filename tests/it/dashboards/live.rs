//! A Prometheus scrapes a sale on two instances: every query of every dashboard has an answer,
//! every rule can be evaluated, and every alert reads series that exist. A misspelt name, a label
//! that is never set, or a renamed metric shows up here and not at 10:00.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use admitone::ids::{OfferingId, ProductId};
use admitone::store::Store;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{boards, path, promql};
use crate::cluster::CLUSTER_SECRET;
use crate::support::customers::{PRICE, Shop, rng, seed};
use crate::support::private_prometheus::PrivatePrometheus;
use crate::support::private_redis::PrivateRedis;
use crate::support::process::Server;
use crate::support::sold_event;
use crate::support::students;
use crate::support::test_db::{TestDb, eventually};
use crate::support::waiters;

/// So few that customers find them taken.
const SEATS: u32 = 50;
const CUSTOMERS: u64 = 12;
const STUDENTS: u64 = 3;
/// Not longer than the sale, and longer than a few scrapes.
const RATE_INTERVAL: &str = "20s";
const TIMEOUT: Duration = Duration::from_secs(30);

/// Two instances, and customers who buy, pay, cancel and watch.
struct Sale {
    servers: Vec<Server>,
    metrics: Vec<u16>,
    shop: Arc<Shop>,
    people: Vec<JoinHandle<()>>,
    event: OfferingId,
    store: Store,
    client: reqwest::Client,
    // Dropped after the servers, which use them.
    _redis: PrivateRedis,
    _db: TestDb,
}

impl Sale {
    async fn open() -> Self {
        let (redis, db) = (PrivateRedis::start(), TestDb::postgres().await);
        let store = db.store().await;
        let event = sold_event::open(&store, SEATS).await;
        let (mut servers, mut metrics) = (Vec::new(), Vec::new());
        for name in ["a", "b"] {
            let mut server = Server::with_settings(
                db.url(),
                &[
                    ("REDIS_URL", redis.url()),
                    ("ADMITONE_CLUSTER_SECRET", CLUSTER_SECRET.into()),
                    ("ADMITONE_INSTANCE", name.into()),
                    ("ADMITONE_LEASE_TTL", "2s".into()),
                    ("ADMITONE_WORKERS", "1".into()),
                    ("ADMITONE_DATABASE_POOL", "8".into()),
                ],
            );
            metrics.push(server.show_metrics());
            server.start_again();
            servers.push(server);
        }
        for server in &mut servers {
            server.until_ready().await;
        }
        let bases: Vec<String> = servers.iter().map(|server| server.base.clone()).collect();
        let shop = Arc::new(Shop::over(&bases, event, SEATS));
        shop.watch_doors();
        let client = reqwest::Client::new();
        let mut sale = Self {
            servers,
            metrics,
            shop,
            people: vec![],
            event,
            store,
            client,
            _redis: redis,
            _db: db,
        };
        sale.let_people_in();
        sale.let_students_in().await;
        sale.let_people_wait().await;
        sale
    }

    /// Opens a class, and lets people apply for it, cancel and apply anew.
    async fn let_students_in(&mut self) {
        let (mint, seed) = (self.servers[0].mint(), seed());
        let mut of_admin = rng(seed, u64::MAX);
        let path = students::open_class(&self.shop, &mint.admin(), &mut of_admin, 1).await;
        for index in CUSTOMERS..CUSTOMERS + STUDENTS {
            let (shop, path, mint) = (Arc::clone(&self.shop), path.clone(), Arc::clone(&mint));
            self.people.push(tokio::spawn(async move {
                students::come_and_go(shop, mint, path, rng(seed, index)).await;
            }));
        }
    }

    /// Opens an event with a waiting room, and lets people stand in its line.
    async fn let_people_wait(&mut self) {
        let (mint, seed) = (self.servers[0].mint(), seed());
        let event = sold_event::open(&self.store, SEATS * 2).await;
        let mut of_admin = rng(seed, u64::MAX - 1);
        waiters::open_room(&self.shop, &mint.admin(), &mut of_admin, event).await;
        let waiting = waiters::stand_in_line(Arc::clone(&self.shop), mint, event, seed);
        self.people.push(tokio::spawn(waiting));
    }

    fn let_people_in(&mut self) {
        let seed = seed();
        for index in 0..CUSTOMERS {
            let (shop, mint) = (Arc::clone(&self.shop), self.servers[0].mint());
            self.people.push(tokio::spawn(async move {
                shop.visit_until_closed(rng(seed, index), &mint).await;
            }));
        }
        for server in &self.servers {
            let event = format!("{}/api/events/{}", server.base, self.event);
            self.people.push(tokio::spawn(look_on(Arc::clone(&self.shop), event)));
        }
    }

    async fn until_sold(&self, more: usize) {
        let before = self.shop.history.told().len();
        eventually("people buy", async || self.shop.history.told().len() > before + more).await;
    }

    async fn owner(&self) -> Option<usize> {
        let owner = self.store.journal().owner(self.event).await.ok()??;
        self.servers.iter().position(|server| owner.address.ends_with(&server.port().to_string()))
    }

    /// Kills the owner, waits for a takeover, and starts it again.
    async fn lose_the_owner(&mut self) {
        let owner = self.owner().await.expect("people buy, so somebody owns the event");
        self.servers[owner].kill();
        eventually("another takes over", async || {
            self.owner().await.is_some_and(|new| new != owner)
        })
        .await;
        self.until_sold(20).await;
        self.servers[owner].start_again();
        self.servers[owner].until_ready().await;
    }

    /// Moves the event to the other instance, if that is possible just now.
    async fn move_the_event(&self) {
        let Some(owner) = self.owner().await else { return };
        let to = ["b", "a"][owner];
        let url = format!("{}/api/admin/offerings/{}/move", self.servers[0].base, self.event);
        let asked = self.client.post(url).json(&json!({ "instance": to }));
        let token = self.servers[0].mint().admin().token;
        let asked = asked.bearer_auth(token).timeout(Duration::from_secs(5)).send().await;
        asked.expect("an answer, whichever");
    }

    /// Changes the price, which writes a row of the journal: the customers write none while
    /// everything is sold.
    async fn reprice(&self, round: i64) {
        let url = format!("{}/api/admin/offerings/{}/reprice", self.servers[0].base, self.event);
        let product = ProductId(0).to_public(self.event);
        let price = json!({ "amount": PRICE - round % 2, "currency": "KRW" });
        let asked = self.client.post(url).json(&json!({ "productId": product, "price": price }));
        let token = self.servers[0].mint().admin().token;
        let asked = asked.bearer_auth(token).timeout(Duration::from_secs(5)).send().await;
        let answer = asked.expect("an answer");
        // An event that is being moved answers that it is busy.
        assert!(!answer.status().is_client_error(), "{:?}", answer.text().await);
    }

    async fn close(self) {
        self.shop.closing.store(true, Ordering::Relaxed);
        for somebody in self.people {
            somebody.await.expect("everybody got certain answers");
        }
    }
}

/// Reads the event in a loop and follows its stream meanwhile.
async fn look_on(shop: Arc<Shop>, event: String) {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().unwrap();
    let mut stream = None;
    while !shop.closing.load(Ordering::Relaxed) {
        if stream.is_none() {
            stream = reqwest::get(format!("{event}/stream")).await.ok();
        }
        for page in ["availability", "seats"] {
            let read = client.get(format!("{event}/{page}")).send().await;
            // The instance is down for a while.
            if read.is_err() {
                stream = None;
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A query that must have an answer, and its origin.
struct Asked {
    from: String,
    query: String,
}

/// Returns all queries of the dashboards, and all that the rules read.
async fn all_queries(prometheus: &PrivatePrometheus, event: OfferingId) -> Vec<Asked> {
    let mut asked = Vec::new();
    for boards::Query { from, expression } in boards::queries() {
        // Prometheus makes this series, and only when an alert fires.
        if expression.starts_with("ALERTS") {
            continue;
        }
        asked.push(Asked { from, query: with_variables(&expression, event) });
    }
    let rules = prometheus.rules().await;
    assert!(rules.len() > 30, "the rules are read");
    for rule in &rules {
        let (name, query) = (rule["name"].to_string(), rule["query"].as_str().unwrap_or_default());
        if rule["type"] == "recording" {
            asked.push(Asked { from: name, query: query.to_owned() });
            continue;
        }
        // In a healthy system an alert returns nothing, but the series that it reads must exist.
        let selectors = promql::selectors(query);
        assert!(!selectors.is_empty(), "{name} looks at nothing: {query}");
        for query in selectors {
            asked.push(Asked { from: name.clone(), query });
        }
    }
    asked
}

/// Fills in variables as Grafana does, with all instances chosen.
fn with_variables(expression: &str, event: OfferingId) -> String {
    let filled = expression
        .replace("$__rate_interval", RATE_INTERVAL)
        .replace("$instance", ".*")
        .replace("$job", "admitone")
        .replace("$offering", &event.to_string());
    assert!(!filled.contains('$'), "a variable is left in {filled}");
    filled
}

/// Returns the queries that have no answer yet. Panics if Prometheus cannot parse a query.
async fn without_data(prometheus: &PrivatePrometheus, asked: Vec<Asked>) -> Vec<Asked> {
    let mut unanswered = Vec::new();
    for it in asked {
        match prometheus.query(&it.query).await {
            Ok(answer) if says_something(&it.query, &answer) => {}
            Ok(_) => unanswered.push(it),
            Err(why) => panic!("{}: {why}: {}", it.from, it.query),
        }
    }
    unanswered
}

/// True if at least one value is a number; the quantile of an empty histogram is not one. Counters of
/// classes are 0 from the start: they must say that people have applied.
fn says_something(query: &str, series: &[Value]) -> bool {
    let of_classes = query.contains("admitone_enrollment");
    let number = |it: &Value| it["value"][1].as_str().and_then(|text| text.parse::<f64>().ok());
    series.iter().filter_map(number).any(|it| it.is_finite() && (it > 0.0 || !of_classes))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_panel_and_every_rule_has_data_of_a_real_sale() {
    let mut sale = Sale::open().await;
    let rules = path("deploy/prometheus/rules");
    let prometheus = PrivatePrometheus::start(&sale.metrics, &rules).await;
    sale.until_sold(50).await;
    sale.lose_the_owner().await;

    let mut open = all_queries(&prometheus, sale.event).await;
    let (asked, deadline) = (open.len(), Instant::now() + TIMEOUT);
    for round in 1.. {
        open = without_data(&prometheus, open).await;
        if open.is_empty() {
            break;
        }
        let missing = open.iter().map(|it| format!("{}: {}", it.from, it.query));
        let missing = missing.collect::<Vec<_>>().join("\n");
        assert!(Instant::now() < deadline, "without data:\n{missing}");
        // Some queries have an answer only while events move, some only while rows are written.
        if round % 4 == 0 {
            sale.move_the_event().await;
        }
        sale.reprice(round).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!("{asked} queries, all with data");

    check_rules(&prometheus).await;
    check_the_list_of_metrics(&prometheus).await;
    sale.close().await;
}

/// Checks that every rule was evaluated without an error.
async fn check_rules(prometheus: &PrivatePrometheus) {
    eventually("all rules are evaluated", async || {
        prometheus.rules().await.iter().all(|rule| rule["health"] != "unknown")
    })
    .await;
    for rule in prometheus.rules().await {
        assert_eq!(rule["health"], "ok", "{}: {}", rule["name"], rule["lastError"]);
    }
}

/// Checks that the metrics page lists exactly the metrics that the server exports, by name.
async fn check_the_list_of_metrics(prometheus: &PrivatePrometheus) {
    let page = std::fs::read_to_string(path("docs/metrics.md")).unwrap();
    // The metrics of an event are absent for a moment while it moves.
    let all = r#"count by (__name__) (last_over_time({__name__=~"admitone_.+"}[1m]))"#;
    let shown = prometheus.query(all).await.unwrap();
    let names = shown.iter().filter_map(|series| series["metric"]["__name__"].as_str());
    let shown: BTreeSet<String> = names.flat_map(promql::metrics).collect();
    let listed: BTreeSet<String> = promql::metrics(&page).into_iter().collect();
    let (missing, unlisted): (Vec<_>, Vec<_>) =
        (listed.difference(&shown).collect(), shown.difference(&listed).collect());
    assert!(
        missing.is_empty() && unlisted.is_empty(),
        "not shown: {missing:?}; not listed: {unlisted:?}"
    );
}
