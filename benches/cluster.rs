//! The costs of several instances, and the time they take to replace each other: three processes of
//! this program on one Postgres and one Redis, with the load generator beside them on the same
//! machine. Needs an empty database and an empty Redis:
//!
//! `ADMITONE_BENCH_POSTGRES_URL=postgres://… ADMITONE_BENCH_REDIS_URL=redis://… cargo bench --bench cluster`

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use admitone::accounts::{Caller, Role, Tokens};
use admitone::clock::SystemClock;
use admitone::ids::{OfferingId, ProductId, UserId};
use admitone::inventory::{Definition, Policy, ProductDefinition, SaleState, SaleWindow};
use admitone::store::{EventDetails, NewEvent, Options, Store};
use reqwest::{Client, StatusCode};
use serde_json::json;
use tokio::time::Instant;

const SECRET: &str = "a secret for benches, of at least thirty-two bytes";
const LEASE_TTL: Duration = Duration::from_secs(2);
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(4);
const CONNECTIONS: usize = 64;
const KILLS: usize = 20;
const HANGS: usize = 3;
const MOVES: usize = 20;

struct Instance {
    name: String,
    address: SocketAddr,
    directory: tempfile::TempDir,
    child: Option<Child>,
}

impl Instance {
    fn new(name: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let directory = tempfile::tempdir().expect("a directory");
        Self { name: name.into(), address, directory, child: None }
    }

    fn start(&mut self, postgres: &str, redis: &str) {
        let log = std::fs::File::create(self.directory.path().join("log")).expect("a file");
        let child = Command::new(env!("CARGO_BIN_EXE_admitone"))
            .current_dir(self.directory.path())
            .env("DATABASE_URL", postgres)
            .env("ADMITONE_MAIL", "off")
            .env("REDIS_URL", redis)
            .env("ADMITONE_RATE_LIMITS", "off")
            .env("ADMITONE_TRUSTED_PROXIES", "none")
            .env("ADMITONE_LISTEN", self.address.to_string())
            .env("ADMITONE_METRICS_LISTEN", "off")
            .env("ADMITONE_INSTANCE", &self.name)
            .env("ADMITONE_JWT_SECRET", SECRET)
            .env("ADMITONE_CLUSTER_SECRET", "a secret of the benched cluster, long enough")
            .env("ADMITONE_LEASE_TTL", format!("{}ms", LEASE_TTL.as_millis()))
            .env("ADMITONE_DEMO", "false")
            // A closed loop measures the full capacity: no request may be turned away.
            .env("ADMITONE_LATENCY_TARGET", "off")
            .env_remove("ADMITONE_BENCH_POSTGRES_URL")
            .env_remove("ADMITONE_BENCH_REDIS_URL")
            .env("ADMITONE_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.child = Some(child.expect("the program starts"));
    }

    fn signal(&self, signal: &str) {
        let id = self.child.as_ref().expect("it runs").id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill is there");
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("our own process");
            child.wait().expect("it ends");
        }
    }

    async fn until_ready(&self, client: &Client) {
        let url = format!("http://{}/health/ready", self.address);
        for _ in 0..1_000 {
            if client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{} is not ready", self.name);
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // The process may have ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A cluster under load.
struct Site {
    store: Store,
    event: OfferingId,
    instances: Vec<Instance>,
    client: Client,
    tokens: Arc<Vec<String>>,
    admin: String,
}

impl Site {
    async fn open(postgres: &str, redis: &str) -> Self {
        let store = Store::connect(&Options::new(postgres)).await.expect("Postgres answers");
        store.migrate().await.expect("the schema can be made");
        let event = hot_event(&store).await;
        // As `main` does: clients look for it. An error means that there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .pool_max_idle_per_host(512)
            .timeout(Duration::from_secs(15))
            .build()
            .expect("a client");
        let mut instances: Vec<Instance> = ["a", "b", "c"].into_iter().map(Instance::new).collect();
        for instance in &mut instances {
            instance.start(postgres, redis);
            instance.until_ready(&client).await;
        }
        let hour = Duration::from_secs(3_600);
        let tokens = Tokens::new(SECRET, hour, Arc::new(SystemClock::new()));
        let issue = |user| {
            let caller = Caller::account(user, Role::User);
            tokens.issue(caller).expect("HMAC signs")
        };
        let customers = (0..CONNECTIONS).map(|_| issue(UserId::random())).collect();
        // The first administrator: roles are read from the database, and not from tokens.
        let grants = store.grant_all().await.expect("the grants can be read");
        let admin = issue(grants.first().expect("an administrator").user);
        Self { store, event, instances, client, tokens: Arc::new(customers), admin }
    }

    async fn owner(&self) -> usize {
        loop {
            let owner = self.store.journal().owner(self.event).await.ok().flatten();
            let address = owner.and_then(|owner| owner.address.parse::<SocketAddr>().ok());
            let found = self.instances.iter().position(|it| Some(it.address) == address);
            if let Some(found) = found {
                return found;
            }
            // The first request for the event makes an instance its owner.
            self.hold(0, 0).await;
        }
    }

    async fn hold(&self, at: usize, customer: usize) -> bool {
        hold(&self.client, self.instances[at].address, self.event, &self.tokens[customer]).await
    }

    async fn move_to(&self, at: usize, name: &str) -> StatusCode {
        let address = self.instances[at].address;
        let url = format!("http://{address}/api/admin/offerings/{}/move", self.event);
        let request = self.client.post(url).bearer_auth(&self.admin);
        let answer = request.json(&json!({ "instance": name })).send().await;
        answer.map_or(StatusCode::SERVICE_UNAVAILABLE, |answer| answer.status())
    }

    /// Holds per second of `CONNECTIONS` clients that wait for their answers, through one instance.
    async fn closed_loop(&self, at: usize) -> f64 {
        let done = Arc::new(AtomicU64::new(0));
        let started = Instant::now();
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|customer| {
                let (client, tokens) = (self.client.clone(), Arc::clone(&self.tokens));
                let (event, done) = (self.event, Arc::clone(&done));
                let address = self.instances[at].address;
                tokio::spawn(async move {
                    while started.elapsed() < ROUND {
                        assert!(hold(&client, address, event, &tokens[customer]).await);
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.expect("every hold is granted");
        }
        #[expect(clippy::cast_precision_loss, reason = "far fewer holds than 2^52")]
        let rate = done.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
        rate
    }
}

async fn hold(client: &Client, address: SocketAddr, event: OfferingId, token: &str) -> bool {
    let product = ProductId(0).to_public(event);
    let url = format!("http://{address}/api/events/{event}/holds");
    let request = client.post(url).bearer_auth(token);
    let body = json!({ "lines": [{ "productId": product, "quantity": 1 }] });
    let Ok(answer) = request.json(&body).send().await else { return false };
    let granted = answer.status() == StatusCode::CREATED;
    granted & answer.bytes().await.is_ok()
}

async fn hot_event(store: &Store) -> OfferingId {
    let product = ProductDefinition {
        price: 50_000,
        capacity: Some(9_000_000),
        max_per_customer: None,
        sale: SaleWindow::default(),
    };
    let new = NewEvent {
        id: OfferingId::new(),
        details: EventDetails {
            name: "bench".into(),
            description: String::new(),
            venue: String::new(),
            event_date: 0,
        },
        products: vec![("standing".into(), String::new())],
        definition: Definition {
            currency: *b"KRW",
            products: vec![product],
            sections: Vec::new(),
            policy: Policy::default(),
            sale: SaleWindow::default(),
            sale_state: SaleState::Open,
        },
        terms: admitone::store::Terms::default(),
        further: Vec::new(),
        plan: None,
        time_zone: None,
        class: None,
        created_by: UserId::random(),
    };
    store.event_create(&new, None, 0).await.expect("the event is made");
    new.id
}

/// Measures the owner and another instance in alternating rounds.
async fn forwarding(site: &Site) {
    let owner = site.owner().await;
    let other = (owner + 1) % 3;
    let (mut direct, mut forwarded) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let rates = (site.closed_loop(owner).await, site.closed_loop(other).await);
        // The first round is a warm-up.
        if round > 0 {
            direct.push(rates.0);
            forwarded.push(rates.1);
        }
    }
    let (direct, forwarded) = (median(direct), median(forwarded));
    report(&format!(
        "cluster/forwarding: {direct:.0} holds/s through the owner, {forwarded:.0} through \
         another, ratio {:.2} ({CONNECTIONS} clients)",
        forwarded / direct
    ));
}

/// The outcome of one hold of an open loop.
struct Sent {
    at: usize,
    intended: Instant,
    waited: Duration,
    granted: bool,
}

/// A thousand holds per second on one event, through all instances in turn, regardless of the
/// answers.
struct Load {
    task: tokio::task::JoinHandle<()>,
    sent: tokio::sync::mpsc::UnboundedReceiver<Sent>,
}

impl Load {
    fn start(site: &Site) -> Self {
        let (tell, sent) = tokio::sync::mpsc::unbounded_channel();
        let (client, tokens, event) = (site.client.clone(), Arc::clone(&site.tokens), site.event);
        let addresses: Vec<_> = site.instances.iter().map(|it| it.address).collect();
        let task = tokio::spawn(async move {
            let mut tick = tokio::time::interval(Duration::from_millis(1));
            for n in 0_usize.. {
                // Late ticks are caught up: the load does not wait for the answers.
                let intended = tick.tick().await;
                let (client, tokens, tell) = (client.clone(), Arc::clone(&tokens), tell.clone());
                let (at, address) = (n % addresses.len(), addresses[n % addresses.len()]);
                tokio::spawn(async move {
                    let granted = hold(&client, address, event, &tokens[n % CONNECTIONS]).await;
                    // At the end the receiver is gone.
                    let _ = tell.send(Sent { at, intended, waited: intended.elapsed(), granted });
                });
            }
        });
        Self { task, sent }
    }

    /// Ends the load; returns the holds that were answered within the clients' timeout.
    async fn stop(mut self) -> Vec<Sent> {
        self.task.abort();
        // The remaining senders are those of holds without an answer.
        let mut all = Vec::new();
        while let Some(sent) = self.sent.recv().await {
            all.push(sent);
        }
        all
    }
}

/// The time in which an action on the owner took effect; used to find the longest wait of any
/// client in it.
struct Window {
    owner: Option<usize>,
    began: Instant,
    ended: Instant,
}

impl Window {
    fn longest_wait(&self, all: &[Sent]) -> Duration {
        let during = all.iter().filter(|sent| {
            sent.intended + sent.waited >= self.began && sent.intended <= self.ended
        });
        let elsewhere = during.filter(|sent| Some(sent.at) != self.owner && sent.granted);
        elsewhere.map(|sent| sent.waited).max().unwrap_or_default()
    }
}

/// Reports the longest waits in the windows, and all waits, under the name `what`. Failures of
/// requests to an owner that was killed or stopped are counted separately: a load balancer sends
/// them to another instance.
fn report_waits(what: &str, windows: &[Window], all: &[Sent]) {
    let mut longest: Vec<_> = windows.iter().map(|window| window.longest_wait(all)).collect();
    let mut waits: Vec<_> = all.iter().filter(|it| it.granted).map(|it| it.waited).collect();
    let is_own = |sent: &Sent| {
        windows.iter().any(|window| {
            window.owner == Some(sent.at)
                && sent.intended <= window.ended
                && sent.intended + sent.waited >= window.began
        })
    };
    let failed = all.iter().filter(|sent| !sent.granted);
    let (own, others): (Vec<_>, Vec<_>) = failed.partition(|sent| is_own(sent));
    report(&format!(
        "cluster/{what}: {} times under 1,000 holds/s: the longest wait of a client each time: \
         median {:?}, p99 {:?}; all {} granted holds: p50 {:?}, p99 {:?}; failed: {}, and {} at \
         the owner that was gone",
        windows.len(),
        quantile(&mut longest, 0.5),
        quantile(&mut longest, 0.99),
        waits.len(),
        quantile(&mut waits, 0.5),
        quantile(&mut waits, 0.99),
        others.len(),
        own.len(),
    ));
}

/// Hands the event over while it sells.
async fn hand_over(site: &Site) {
    let load = Load::start(site);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut windows = Vec::new();
    for _ in 0..MOVES {
        let owner = site.owner().await;
        let to = (owner + 1) % 3;
        let began = Instant::now();
        assert_eq!(site.move_to(owner, &site.instances[to].name).await, StatusCode::OK);
        let ended = Instant::now() + Duration::from_millis(50);
        windows.push(Window { owner: None, began, ended });
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    report_waits("hand_over", &windows, &load.stop().await);
}

/// Kills the owner repeatedly while the event sells.
async fn kills(site: &mut Site, postgres: &str, redis: &str) {
    let load = Load::start(site);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut windows = Vec::new();
    for _ in 0..KILLS {
        let owner = site.owner().await;
        let began = Instant::now();
        site.instances[owner].kill();
        tokio::time::sleep(Duration::from_secs(2)).await;
        site.instances[owner].start(postgres, redis);
        site.instances[owner].until_ready(&site.client).await;
        windows.push(Window { owner: Some(owner), began, ended: Instant::now() });
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    report_waits("kill -9 of the owner", &windows, &load.stop().await);
}

/// Suspends the owner's process, with its port still open.
async fn hangs(site: &mut Site) {
    let load = Load::start(site);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut windows = Vec::new();
    for _ in 0..HANGS {
        let owner = site.owner().await;
        let began = Instant::now();
        site.instances[owner].signal("-STOP");
        tokio::time::sleep(LEASE_TTL + Duration::from_secs(2)).await;
        site.instances[owner].signal("-CONT");
        site.instances[owner].until_ready(&site.client).await;
        windows.push(Window { owner: Some(owner), began, ended: Instant::now() });
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let what = format!("hang of the owner, leases live {LEASE_TTL:?}");
    report_waits(&what, &windows, &load.stop().await);
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a place in a short list"
)]
fn quantile(values: &mut [Duration], quantile: f64) -> Duration {
    values.sort_unstable();
    let place = (values.len() as f64 * quantile).ceil() as usize;
    values.get(place.saturating_sub(1)).copied().unwrap_or_default()
}

#[expect(clippy::print_stdout, reason = "the figures are what this program is for")]
fn report(line: &str) {
    println!("{line}");
}

fn main() {
    // `cargo test --benches` runs this too: there is nothing to test in it.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let url = |name| std::env::var(name).ok();
    let (Some(postgres), Some(redis)) =
        (url("ADMITONE_BENCH_POSTGRES_URL"), url("ADMITONE_BENCH_REDIS_URL"))
    else {
        report("cluster: skipped, set ADMITONE_BENCH_POSTGRES_URL and ADMITONE_BENCH_REDIS_URL");
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut site = Site::open(&postgres, &redis).await;
        hand_over(&site).await;
        kills(&mut site, &postgres, &redis).await;
        hangs(&mut site).await;
        // Runs last: it makes the event so large that a takeover would be a different measurement.
        forwarding(&site).await;
    });
}
