//! Alternatives to Admit One, measured in the same run on the same machine: row locks, one
//! conditional statement, a row per place with SKIP LOCKED, a lock in Redis, a counter in Redis.
//! One command prints the table, including the cases in which Admit One is slower:
//!
//! `benches/baselines/run`, or with servers of your own (both are filled with tables and keys)
//! `ADMITONE_BENCH_POSTGRES_URL=postgres://… ADMITONE_BENCH_REDIS_URL=redis://… cargo bench --bench baselines`

#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]

mod generator;
mod ours;
mod pgbench;
mod postgres;
mod redis_based;
mod shop;

use std::time::Duration;

use admitone::ids::UserId;

use generator::{Measured, closed_loop};
use shop::{Kind, Shop};

const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(4);
const LONE_ROUND: Duration = Duration::from_secs(2);
const CLIENTS: usize = 64;
/// Number of events when the load is spread.
pub const EVENTS: usize = 1_000;
/// Number of places of an event whose places are rows.
pub const PLACES: usize = 1_000_000;
/// The secret that signs the tokens of all contenders.
pub const SECRET: &str = "a secret for benches, of at least thirty-two bytes";

/// One implementation of a hold, behind HTTP.
struct Contender {
    name: &'static str,
    says: &'static str,
    target: Target,
    hot: Vec<Measured>,
    spread: Vec<Measured>,
    lone: Vec<Measured>,
}

/// The address of a contender and its requests: one for each event.
struct Target {
    address: std::net::SocketAddr,
    /// Requests by client, then by event.
    requests: Vec<Vec<Vec<u8>>>,
    has_many_events: bool,
}

fn main() {
    // `cargo test --benches` runs this too: there is nothing to test in it.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let url = |name: &str| std::env::var(name).ok().filter(|url| !url.is_empty());
    let servers = url("ADMITONE_BENCH_POSTGRES_URL").zip(url("ADMITONE_BENCH_REDIS_URL"));
    let Some((postgres, redis)) = servers else {
        println!(
            "baselines: skipped: run benches/baselines/run, or set ADMITONE_BENCH_POSTGRES_URL and \
             ADMITONE_BENCH_REDIS_URL"
        );
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(compare(&postgres, &redis));
}

async fn compare(postgres: &str, redis: &str) {
    postgres::make_tables(postgres).await;
    let tokens: Vec<(UserId, String)> = (0..CLIENTS).map(|_| ours::token()).collect();
    let ours = ours::Server::start(postgres, &tokens).await;
    let mut contenders = vec![contender(
        "Admit One",
        "decided in memory, journal row durable before the answer",
        ours.target(&tokens),
    )];
    for kind in Kind::ALL {
        let shop = Shop::open(kind, postgres, redis).await;
        contenders.push(contender(kind.name(), kind.says(), shop.target(&tokens)));
    }
    let bare = Shop::open(Kind::Bare, postgres, redis).await;
    contenders.push(contender(Kind::Bare.name(), Kind::Bare.says(), bare.target(&tokens)));
    let mut locks = pgbench::Figures::default();
    for round in 1..=ROUNDS {
        println!("baselines: round {round} of {ROUNDS}");
        for contender in &mut contenders {
            contender.measure().await;
        }
        locks.measure(postgres);
    }
    table(&contenders, &locks);
    ours.stop();
}

fn contender(name: &'static str, says: &'static str, target: Target) -> Contender {
    Contender { name, says, target, hot: Vec::new(), spread: Vec::new(), lone: Vec::new() }
}

impl Contender {
    async fn measure(&mut self) {
        let Target { address, requests, has_many_events } = &self.target;
        let first = |clients: &[Vec<Vec<u8>>]| -> Vec<Vec<Vec<u8>>> {
            clients.iter().map(|events| vec![events[0].clone()]).collect()
        };
        self.hot.push(closed_loop(*address, first(requests), ROUND).await);
        if *has_many_events {
            self.spread.push(closed_loop(*address, requests.clone(), ROUND).await);
        }
        self.lone.push(closed_loop(*address, first(&requests[..1]), LONE_ROUND).await);
    }
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn table(contenders: &[Contender], locks: &pgbench::Figures) {
    let rate = |of: &[Measured]| median(of.iter().map(|one| one.per_second));
    let p50 = |of: &[Measured]| median(of.iter().map(|one| one.p50_ms));
    let p99 = |of: &[Measured]| median(of.iter().map(|one| one.p99_ms));
    let number = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| "-".into(), |value| format!("{value:.digits$}"))
    };
    let ours = &contenders[0];
    let ratio = |ours: Option<f64>, theirs: Option<f64>| {
        number(ours.zip(theirs).map(|(ours, theirs)| ours / theirs), 2)
    };
    println!(
        "\nholds of one place, {CLIENTS} clients in a closed loop, medians of {ROUNDS} rounds; \
         ratios are Admit One ÷ it, below 1 it is the faster\n"
    );
    println!(
        "| | one hot event, holds/s | ratio | p50 / p99 ms | {EVENTS} events, holds/s | ratio | \
         hot ÷ spread | a lone client, p50 ms |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for one in contenders {
        let (hot, spread) = (rate(&one.hot), rate(&one.spread));
        println!(
            "| {} | {} | {} | {} / {} | {} | {} | {} | {} |",
            one.name,
            number(hot, 0),
            ratio(rate(&ours.hot), hot),
            number(p50(&one.hot), 2),
            number(p99(&one.hot), 2),
            number(spread, 0),
            ratio(rate(&ours.spread), spread),
            number(hot.zip(spread).map(|(hot, spread)| hot / spread), 2),
            number(p50(&one.lone), 3),
        );
    }
    println!(
        "| FOR UPDATE by pgbench, {} clients, no HTTP | {} | {} | - | {} | {} | {} | - |",
        pgbench::CLIENTS,
        number(locks.hot(), 0),
        ratio(rate(&ours.hot), locks.hot()),
        number(locks.spread(), 0),
        ratio(rate(&ours.spread), locks.spread()),
        number(locks.hot().zip(locks.spread()).map(|(hot, spread)| hot / spread), 2),
    );
    println!();
    for one in contenders {
        println!("- {}: {}.", one.name, one.says);
    }
    let failed: u64 = contenders
        .iter()
        .flat_map(|one| one.hot.iter().chain(&one.spread).chain(&one.lone))
        .map(|measured| measured.failed)
        .sum();
    println!("- answers that were no 201, in all: {failed}.");
}
