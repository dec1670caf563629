//! Durable holds over HTTP, compared with a bare actix-web JSON route and with the usual
//! implementation of a shop: a hot row under `SELECT … FOR UPDATE`, by pgbench on the same
//! Postgres. Also reads of the availability, compared with a bare route that writes the same JSON, and
//! pages, compared with a bare route that answers with the same bytes; holds with limits on
//! requests, compared with holds without, and holds while people log in, compared with holds alone.
//!
//! Everything runs on this machine, the clients included, in alternating rounds; the medians of the
//! rounds are compared, since times on a shared machine mean little by themselves. Set
//! `ADMITONE_BENCH_POSTGRES_URL` to a database that may be filled; without it only the embedded
//! default is measured, and the output says so. What limits cost on Postgres needs a second one,
//! `ADMITONE_BENCH_SECOND_POSTGRES_URL`.

#![expect(clippy::disallowed_methods, reason = "benches read the machine's clock")]

mod bare;
mod limits;
mod load;
mod logins;
mod pages;

use std::net::SocketAddr;

use admitone::accounts::{Caller, Role};
use admitone::config::{Config, Secret};
use admitone::ids::{OfferingId, ProductId, UserId};
use admitone::inventory::{Definition, Policy, ProductDefinition, SaleState, SaleWindow};
use admitone::server::{Parts, Running, Server};
use admitone::store::{EventDetails, NewEvent, NewUser};

use bare::{bare_route, bare_route_here};
use load::{closed_loop, get, header, median, once, post, report};

/// The allocator that the program itself uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 5;
const READ_ROUNDS: usize = 3;
const CONNECTIONS: [usize; 3] = [64, 256, 1_024];

async fn serve(database_url: &str, data_dir: &std::path::Path, workers: usize) -> Running {
    // All requests come from one address, and those of a round from few people.
    serve_limited(database_url, data_dir, workers, false).await
}

async fn serve_limited(
    database_url: &str,
    data_dir: &std::path::Path,
    workers: usize,
    rate_limits: bool,
) -> Running {
    let config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        metrics_listen: None,
        data_dir: data_dir.into(),
        database_url: Secret::new(database_url),
        jwt_secret: Secret::new("a secret for benches, of at least thirty-two bytes"),
        demo: Some(false),
        // A closed loop measures the full capacity: no request may be turned away.
        latency_target: None,
        rate_limits,
        workers,
        log: "warn".into(),
        ..Config::default()
    };
    Server::start(config, Parts::default()).await.expect("the server starts")
}

async fn hot_event(server: &Running) -> OfferingId {
    let product = ProductDefinition {
        price: 50_000,
        capacity: Some(9_000_000),
        max_per_customer: None,
        sale: SaleWindow::default(),
    };
    let definition = Definition {
        currency: *b"KRW",
        products: vec![product],
        sections: Vec::new(),
        policy: Policy::default(),
        sale: SaleWindow::default(),
        sale_state: SaleState::Open,
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
        definition,
        terms: admitone::store::Terms::default(),
        further: Vec::new(),
        plan: None,
        time_zone: None,
        class: None,
        created_by: UserId::random(),
    };
    let state = server.state();
    let now = state.clock.now_ms();
    state.store.event_create(&new, None, now).await.expect("the event is made");
    new.id
}

async fn tokens(server: &Running, count: usize) -> Vec<String> {
    let mut tokens = Vec::with_capacity(count);
    for _ in 0..count {
        let id = UserId::random();
        let new = NewUser {
            id,
            email: format!("{id}@bench.invalid"),
            password_hash: String::new(),
            name: "bench".into(),
            phone_number: None,
            role: Role::User,
        };
        let state = server.state();
        let now = state.clock.now_ms();
        state.store.user_create(new, None, now).await.expect("the account is made");
        let caller = Caller::account(id, Role::User);
        tokens.push(state.accounts.access_token(caller).expect("tokens can be signed"));
    }
    tokens
}

/// Alternating rounds of the bare route and of holds, at several numbers of connections.
async fn compare(name: &str, database_url: &str, bare: SocketAddr, workers: usize) -> f64 {
    let data_dir = tempfile::tempdir().expect("a directory");
    let server = serve(database_url, data_dir.path(), workers).await;
    let event = hot_event(&server).await;
    let here = bare_route_here(&server, workers);
    let product = ProductId(0).to_public(event);
    let body = format!("{{\"lines\":[{{\"productId\":\"{product}\",\"quantity\":1}}]}}");
    let most = CONNECTIONS.into_iter().max().unwrap_or_default();
    let tokens = tokens(&server, most).await;
    let path = format!("/api/events/{event}/holds");
    let mut best = 0.0_f64;
    for connections in CONNECTIONS {
        let holds: Vec<_> = tokens[..connections].iter().map(|t| post(&path, t, &body)).collect();
        let bares: Vec<_> = tokens[..connections].iter().map(|t| post("/bare", t, &body)).collect();
        let (mut of_bare, mut of_here, mut of_holds) = (Vec::new(), Vec::new(), Vec::new());
        // The first round warms up caches, files and connections, and does not count.
        for round in 0..=ROUNDS {
            let rates = (
                closed_loop(bare, &bares, "HTTP/1.1 201").await,
                closed_loop(here, &bares, "HTTP/1.1 201").await,
                closed_loop(server.address, &holds, "HTTP/1.1 201").await,
            );
            if round > 0 {
                of_bare.push(rates.0);
                of_here.push(rates.1);
                of_holds.push(rates.2);
            }
        }
        let (bare, here, holds) = (median(of_bare), median(of_here), median(of_holds));
        best = best.max(holds);
        report(&format!(
            "http_hold/{name}/{connections} connections: {holds:.0} holds/s, \
             bare route {bare:.0}/s, ratio {:.2}; behind this server's middleware {here:.0}/s, \
             ratio {:.2}",
            holds / bare,
            holds / here
        ));
    }
    // Reads are measured on a second event, without load: on the first, holds expire after some minutes.
    let quiet = hot_event(&server).await;
    reads((name, "asleep"), &server, quiet, bare).await;
    let path = format!("/api/events/{quiet}/holds");
    let product = ProductId(0).to_public(quiet);
    let body = format!("{{\"lines\":[{{\"productId\":\"{product}\",\"quantity\":1}}]}}");
    closed_loop(server.address, &[post(&path, &tokens[0], &body)], "HTTP/1.1 201").await;
    reads((name, "live"), &server, quiet, bare).await;
    server.shutdown().await;
    best
}

/// Alternating rounds of reads: a bare route, the availability, and the availability with its
/// `ETag`.
async fn reads((name, state): (&str, &str), server: &Running, event: OfferingId, bare: SocketAddr) {
    let path = format!("/api/events/{event}/availability");
    let (head, _) = once(server.address, &get(&path, "")).await;
    let etag = header(&head, "etag").expect("an ETag");
    for connections in CONNECTIONS {
        let asked = |path: &str, more: &str| vec![get(path, more); connections];
        let (bares, fulls) = (asked("/bare", ""), asked(&path, ""));
        let again = asked(&path, &format!("If-None-Match: {etag}\r\n"));
        let (mut of_bare, mut of_fulls, mut of_again) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..=READ_ROUNDS {
            let rates = (
                closed_loop(bare, &bares, "HTTP/1.1 200").await,
                closed_loop(server.address, &fulls, "HTTP/1.1 200").await,
                closed_loop(server.address, &again, "HTTP/1.1 304").await,
            );
            if round > 0 {
                of_bare.push(rates.0);
                of_fulls.push(rates.1);
                of_again.push(rates.2);
            }
        }
        let (bare, full, again) = (median(of_bare), median(of_fulls), median(of_again));
        report(&format!(
            "http_availability/{name}/{state}/{connections} connections: {full:.0}/s, bare route \
             {bare:.0}/s, ratio {:.2}; unchanged (304) {again:.0}/s, ratio {:.2}",
            full / bare,
            again / bare
        ));
    }
}

/// Transactions per second on one hot row, in the usual implementation.
fn pgbench(url: &str) -> Option<f64> {
    let directory = tempfile::tempdir().ok()?;
    let run = |program: &str, arguments: &[&str]| {
        let output = std::process::Command::new(program).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let tables = "DROP TABLE IF EXISTS hot_stock, hot_holds;
        CREATE TABLE hot_stock (id int PRIMARY KEY, available int NOT NULL);
        CREATE TABLE hot_holds (id bigserial PRIMARY KEY, customer int NOT NULL,
            quantity int NOT NULL, expires_at timestamptz NOT NULL);
        INSERT INTO hot_stock VALUES (1, 2000000000);";
    run("psql", &[url, "-qc", tables])?;
    let script = directory.path().join("hold.sql");
    let transaction = "BEGIN;
        SELECT available FROM hot_stock WHERE id = 1 FOR UPDATE;
        UPDATE hot_stock SET available = available - 1 WHERE id = 1;
        INSERT INTO hot_holds (customer, quantity, expires_at) VALUES (1, 1, now() + interval '5 min');
        COMMIT;";
    std::fs::write(&script, transaction).ok()?;
    let script = script.to_str()?;
    let mut rates = Vec::new();
    for _ in 0..3 {
        let arguments =
            ["-n", "-M", "prepared", "-c", "16", "-j", "2", "-T", "4", "-f", script, url];
        let output = run("pgbench", &arguments)?;
        let rate = output.lines().find_map(|line| line.strip_prefix("tps = "))?;
        rates.push(rate.split_whitespace().next()?.parse().ok()?);
    }
    Some(median(rates))
}

fn main() {
    // `cargo test --benches` runs this too: there is nothing to test in it.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    // As in criterion: `cargo bench --bench http -- sqlite` measures that part alone.
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let wanted = |name: &str| filter.as_deref().is_none_or(|filter| name.contains(filter));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let workers = 2;
    let bare = bare_route(workers);
    runtime.block_on(async {
        let directory = tempfile::tempdir().expect("a directory");
        let sqlite = format!("sqlite://{}?mode=rwc", directory.path().join("bench.db").display());
        if wanted("sqlite") {
            compare("sqlite", &sqlite, bare, workers).await;
        }
        if wanted("limits") {
            // Both are empty, so that they differ in nothing but the limits.
            let two = ["limited.db", "unlimited.db"].map(|name| {
                format!("sqlite://{}?mode=rwc", directory.path().join(name).display())
            });
            limits::limits("sqlite", [&two[0], &two[1]], workers).await;
        }
        if wanted("logins") {
            logins::logins("sqlite", &sqlite, workers).await;
        }
        if wanted("pages") {
            let data_dir = tempfile::tempdir().expect("a directory");
            let url = format!("sqlite://{}?mode=rwc", data_dir.path().join("pages.db").display());
            let server = serve(&url, data_dir.path(), workers).await;
            pages::pages(&server, workers).await;
            server.shutdown().await;
        }
        if !wanted("postgres") {
            return;
        }
        let Ok(url) = std::env::var("ADMITONE_BENCH_POSTGRES_URL") else {
            report("http_hold/postgres: skipped, set ADMITONE_BENCH_POSTGRES_URL to measure it");
            return;
        };
        // Before the first database is filled: both are to be empty.
        if let Ok(second) = std::env::var("ADMITONE_BENCH_SECOND_POSTGRES_URL") {
            limits::limits("postgres", [&url, &second], workers).await;
        }
        let holds = compare("postgres", &url, bare, workers).await;
        match pgbench(&url) {
            Some(rate) => report(&format!(
                "http_hold/postgres ÷ pgbench SELECT … FOR UPDATE, 16 clients ({rate:.0} tps): {:.1}",
                holds / rate
            )),
            None => report("pgbench: skipped, psql or pgbench cannot be run"),
        }
    });
}
