//! Growth of the figures with the size of one event: 10,000, 100,000 and 1,000,000 numbered seats
//! of which a tenth is held. The program runs as a process of its own; it is filled over HTTP,
//! measured, killed, and started again.
//!
//! `cargo bench --bench scale`, on SQLite; with `ADMITONE_BENCH_POSTGRES_URL=postgres://…` on that
//! database, which is filled.

#![expect(clippy::disallowed_methods, reason = "benches read the machine's clock")]
#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use admitone::accounts::{Caller, Role, Tokens};
use admitone::clock::{Clock, SystemClock};
use admitone::ids::{OfferingId, ProductId, SeatId, UserId};
use admitone::inventory::{
    Definition, Policy, ProductDefinition, RowDefinition, SaleState, SaleWindow, SectionDefinition,
};
use admitone::store::{EventDetails, NewEvent, NewUser, Options, Store};
use stampede::api;
use stampede::connection::Connection;
use stampede::measure::Latencies;

const SIZES: [u32; 3] = [10_000, 100_000, 1_000_000];
/// One seat in this many is held.
const HELD: u32 = 10;
const ROW: u32 = 50;
const SECTION: u32 = 5_000;
const CLIENTS: usize = 64;
/// Number of measured holds of a lone client.
const LONE: u32 = 500;
/// Number of holds of each of many clients.
const TOGETHER: u32 = 60;
const PATIENCE: Duration = Duration::from_secs(60);
const SECRET: &str = "a secret for benches, of at least thirty-two bytes";

fn main() {
    // `cargo test --benches` runs this too: there is nothing to test in it.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(run());
}

async fn run() {
    let directory = tempfile::tempdir().expect("a directory");
    let embedded = format!("sqlite://{}?mode=rwc", directory.path().join("bench.db").display());
    let database = std::env::var("ADMITONE_BENCH_POSTGRES_URL").unwrap_or(embedded);
    let kind = if database.starts_with("postgres") { "Postgres" } else { "SQLite" };
    println!("one event on {kind}, a tenth of its seats held");
    println!(
        "| seats | live holds | memory before / full MB | filled, holds/s | a lone hold, best \
         available, p50 / p99 ms | a named seat, p50 / p99 ms | 64 clients, holds/s, p99 ms | seat \
         map MB, first / then ms | availability p50 ms | killed: ready / first hold after, ms | \
         memory after MB |"
    );
    println!("|{}", " --- |".repeat(11));
    for seats in SIZES {
        let store = Store::connect(&Options::new(database.clone())).await.expect("a database");
        store.migrate().await.expect("the schema can be made");
        let event = make_event(&store, seats).await;
        let mut tokens = Vec::new();
        for _ in 0..CLIENTS {
            tokens.push(make_buyer(&store).await);
        }
        drop(store);
        measure(&Sale { database: &database, directory: directory.path(), event, seats, tokens })
            .await;
    }
}

struct Sale<'a> {
    database: &'a str,
    directory: &'a std::path::Path,
    event: OfferingId,
    seats: u32,
    tokens: Vec<String>,
}

async fn measure(sale: &Sale<'_>) {
    let mut server = Server::start(sale).await;
    let memory = server.memory_mb();
    let mut lone = server.connect().await;
    // The first hold makes the box office load the event.
    sale.hold(&mut lone, 0, &best(sale.event)).await;
    let holds = sale.seats / HELD;
    let filling = together(sale, &server, holds.div_ceil(64)).await;
    let full = server.memory_mb();
    let mut best_available = Latencies::default();
    for _ in 0..LONE {
        best_available.record(sale.hold(&mut lone, 0, &best(sale.event)).await);
    }
    let mut named = Latencies::default();
    for nth in 0..LONE {
        // Named seats are taken from the last one backwards: best available takes them from the
        // first one on.
        let seat = SeatId(sale.seats - 1 - nth).to_public(sale.event);
        named.record(sale.hold(&mut lone, 0, &format!("{{\"seats\":[\"{seat}\"]}}")).await);
    }
    let crowd = together(sale, &server, TOGETHER).await;
    let (bytes, first) = sale.read(&mut lone, "seats").await;
    let (_, then) = sale.read(&mut lone, "seats").await;
    let mut availability = Latencies::default();
    for _ in 0..LONE {
        availability.record(sale.read(&mut lone, "availability").await.1);
    }
    server.kill();
    let killed = Instant::now();
    let server = Server::start(sale).await;
    let ready = killed.elapsed();
    let mut lone = server.connect().await;
    let recovered = sale.hold(&mut lone, 0, &best(sale.event)).await;
    println!(
        "| {} | {} | {memory:.0} / {full:.0} | {:.0} | {} | {} | {:.0}, {:.1} | {:.1}, {:.1} / \
         {:.1} | {:.2} | {:.0} / {:.0} | {:.0} |",
        sale.seats,
        holds,
        filling.0,
        quantiles(&best_available),
        quantiles(&named),
        crowd.0,
        at_ms(&crowd.1, 0.99),
        mega(bytes),
        ms(first),
        ms(then),
        at_ms(&availability, 0.5),
        ms(ready),
        ms(recovered),
        server.memory_mb(),
    );
}

impl Sale<'_> {
    /// Requests a hold that must be granted; returns the time it took.
    async fn hold(&self, connection: &mut Connection, buyer: usize, body: &str) -> Duration {
        let path = format!("/api/events/{}/holds", self.event);
        let request = api::request("POST", &path, "bench", Some(&self.tokens[buyer]), None, body);
        let sent = Instant::now();
        let answer = connection.exchange(&request, PATIENCE).await.expect("an answer");
        assert_eq!(answer.head.status, 201, "{}", String::from_utf8_lossy(&answer.body));
        sent.elapsed()
    }

    /// Reads `what` of the event; returns the number of bytes and the time it took.
    async fn read(&self, connection: &mut Connection, what: &str) -> (usize, Duration) {
        let path = format!("/api/events/{}/{what}", self.event);
        let request = api::request("GET", &path, "bench", None, None, "");
        let sent = Instant::now();
        let answer = connection.exchange(&request, PATIENCE).await.expect("an answer");
        assert_eq!(answer.head.status, 200);
        (answer.body.len(), sent.elapsed())
    }
}

/// All clients hold this many seats each, one after the other; returns holds per second, and their
/// times.
async fn together(sale: &Sale<'_>, server: &Server, each: u32) -> (f64, Latencies) {
    let started = Instant::now();
    let clients = (0..CLIENTS).map(|buyer| async move {
        let mut connection = server.connect().await;
        let mut latencies = Latencies::default();
        for _ in 0..each {
            latencies.record(sale.hold(&mut connection, buyer, &best(sale.event)).await);
        }
        latencies
    });
    let mut all = Latencies::default();
    for latencies in futures_util::future::join_all(clients).await {
        all.add(&latencies);
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let held = all.len() as f64;
    (held / started.elapsed().as_secs_f64(), all)
}

fn best(event: OfferingId) -> String {
    let product = ProductId(0).to_public(event);
    format!("{{\"bestAvailable\":{{\"productId\":\"{product}\",\"quantity\":1}}}}")
}

struct Server {
    address: SocketAddr,
    child: Child,
}

impl Server {
    async fn start(sale: &Sale<'_>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        drop(listener);
        let log = std::fs::File::create(sale.directory.join("log")).expect("a file");
        let child = Command::new(stampede::server_program())
            .current_dir(sale.directory)
            .env("DATABASE_URL", sale.database)
            .env("ADMITONE_MAIL", "off")
            .env("ADMITONE_RATE_LIMITS", "off")
            .env_remove("REDIS_URL")
            .env_remove("ADMITONE_BENCH_POSTGRES_URL")
            .env("ADMITONE_LISTEN", address.to_string())
            .env("ADMITONE_METRICS_LISTEN", "off")
            .env("ADMITONE_JWT_SECRET", SECRET)
            .env("ADMITONE_DEMO", "false")
            // The event is filled as fast as possible: no request may be turned away.
            .env("ADMITONE_LATENCY_TARGET", "off")
            .env("ADMITONE_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        let mut server = Self { address, child };
        for _ in 0..6_000 {
            if let Some(status) = server.child.try_wait().expect("our own process") {
                let log = std::fs::read_to_string(sale.directory.join("log"));
                panic!("the server ended, {status}: {}", log.unwrap_or_default());
            }
            if server.is_ready().await {
                return server;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the server did not become ready");
    }

    async fn is_ready(&self) -> bool {
        let Ok(mut connection) = Connection::open(self.address).await else { return false };
        let request = api::request("GET", "/health/ready", "bench", None, None, "");
        let answer = connection.exchange(&request, PATIENCE).await;
        answer.is_ok_and(|answer| answer.head.status == 200)
    }

    async fn connect(&self) -> Connection {
        Connection::open(self.address).await.expect("the server listens")
    }

    /// The resident memory of the process in megabytes.
    fn memory_mb(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("it runs, on Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
        kib.expect("a number of KiB") * 1_024.0 / 1e6
    }

    /// Kills the process, as `kill -9` does.
    fn kill(&mut self) {
        self.child.kill().expect("our own process");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process has ended already where it was killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn make_event(store: &Store, seats: u32) -> OfferingId {
    let rows = |seats: u32| -> Vec<RowDefinition> {
        let row = |nth: u32| RowDefinition { name: nth.to_string(), seats: ROW };
        (1..=seats / ROW).map(row).collect()
    };
    let section = |nth: u32| SectionDefinition {
        name: format!("Block {nth}"),
        product: ProductId(0),
        rows: rows(SECTION),
    };
    let product = ProductDefinition {
        price: 50_000,
        capacity: None,
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
        products: vec![("seat".into(), String::new())],
        definition: Definition {
            currency: *b"KRW",
            products: vec![product],
            sections: (1..=seats / SECTION).map(section).collect(),
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
    let now = SystemClock::new().now_ms();
    store.event_create(&new, None, now).await.expect("the event is made");
    new.id
}

async fn make_buyer(store: &Store) -> String {
    let id = UserId::random();
    let new = NewUser {
        id,
        email: format!("{id}@bench.invalid"),
        password_hash: String::new(),
        name: "bench".into(),
        phone_number: None,
        role: Role::User,
    };
    store.user_create(new, None, 0).await.expect("the account is made");
    let tokens = Tokens::new(SECRET, Duration::from_secs(3_600), Arc::new(SystemClock::new()));
    tokens.issue(Caller::account(id, Role::User)).expect("HMAC does not fail")
}

fn quantiles(latencies: &Latencies) -> String {
    format!("{:.2} / {:.2}", at_ms(latencies, 0.5), at_ms(latencies, 0.99))
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn at_ms(latencies: &Latencies, quantile: f64) -> f64 {
    latencies.at_us(quantile) as f64 / 1_000.0
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn mega(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}
