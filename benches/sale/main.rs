//! Measures a sale on this machine, by `stampede` runs against the program itself, each audited;
//! the load generator and Postgres are on the same processors. One command prints all tables:
//!
//! `benches/sale/run [overload|bystander|browsers|growth|instances]`, or with a Postgres of your own (it is filled)
//! `ADMITONE_BENCH_POSTGRES_URL=postgres://… cargo bench --bench sale`

#![expect(clippy::disallowed_methods, reason = "benches read the machine's clock")]
#![expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]

mod browsers;
mod crowd;
mod database;
mod pgbench;
mod server;

use std::time::{Duration, Instant};

use browsers::Browsers;
use crowd::{Crowd, Figures};
use server::Server;

const ROUNDS: usize = 3;
/// Warm-up of `stampede`'s runs.
const WARM_UP: Duration = Duration::from_secs(2);
/// Clients of a closed loop that measures the full capacity.
const CLIENTS: &str = "256";
/// Browsers that are open beside a sale.
const BROWSERS: usize = 50;
const HOT_EVENT: &str = "hold";
const STEPS: [&str; 3] = ["hold", "reserve", "pay"];

fn main() {
    // `cargo test --benches` runs this too: there is nothing to test in it.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let Ok(postgres) = std::env::var("ADMITONE_BENCH_POSTGRES_URL") else {
        println!("sale: skipped: run benches/sale/run, or set ADMITONE_BENCH_POSTGRES_URL");
        return;
    };
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let wanted = |name: &str| filter.as_deref().is_none_or(|filter| name.contains(filter));
    if wanted("overload") || wanted("bystander") {
        let peak = peak(&postgres);
        if wanted("overload") {
            overload(&postgres, peak);
        }
        if wanted("bystander") {
            bystander(&postgres, peak);
        }
    }
    if wanted("browsers") {
        browsers(&postgres);
    }
    if wanted("growth") {
        clients(&postgres);
        events(&postgres);
    }
    if wanted("growth") || wanted("instances") {
        match std::env::var("ADMITONE_BENCH_REDIS_URL") {
            Ok(redis) => instances(&postgres, &redis),
            Err(_) => println!("\ninstances: skipped, set ADMITONE_BENCH_REDIS_URL"),
        }
    }
}

/// The largest number of purchases that are confirmed per second.
fn peak(postgres: &str) -> f64 {
    let (mut rates, mut rows) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let server = Server::start(postgres, Some("off"));
        rates.push(Crowd::new(&server, &["purchases", "--clients", CLIENTS]).run().rate("pay"));
        drop(server);
        rows.extend(pgbench::hot_row(postgres));
    }
    let (peak, row) = (median(rates), median(rows));
    println!(
        "\nconfirmed purchases a second, {CLIENTS} clients in a closed loop: {peak:.0}; `FOR UPDATE` \
         of one hot row by pgbench, {} clients: {row:.0}; ratio {:.2}",
        pgbench::CLIENTS,
        peak / row
    );
    peak
}

fn overload(postgres: &str, peak: f64) {
    let measured = [0.7, 1.0, 2.0, 5.0].map(|times| {
        let mut runs: Vec<(Figures, server::Watched)> = Vec::new();
        for _ in 0..ROUNDS {
            let server = Server::start(postgres, None);
            let rate = format!("{:.0}", peak * times);
            let crowd = Crowd::new(&server, &["purchases", "--rate", &rate]);
            let watch = server.watch();
            let figures = crowd.run();
            runs.push((figures, watch.end()));
        }
        (times, runs)
    });
    let confirmed = |runs: &[(Figures, server::Watched)]| {
        median(runs.iter().map(|(run, _)| run.rate("pay")).collect())
    };
    let best = measured.iter().map(|(_, runs)| confirmed(runs)).fold(0.0, f64::max);
    println!(
        "\npurchases of one event, arrivals in an open loop, medians of {ROUNDS} runs\n\n\
         | arrivals ÷ peak | confirmed/s | ÷ peak | ÷ best here | hold p99 ms | reserve p99 ms | \
         pay p99 ms | refused/s | refusal p50 / p99 ms | memory MB | slowest scrape ms | \
         generator's lag p99 ms |"
    );
    println!("|{}", " --- |".repeat(12));
    for (times, runs) in &measured {
        let of = |figure: &dyn Fn(&(Figures, server::Watched)) -> f64| {
            median(runs.iter().map(figure).collect())
        };
        let confirmed = confirmed(runs);
        let p99 = STEPS.map(|step| format!("{:.1}", of(&|(run, _)| run.p99_ms(step))));
        println!(
            "| {times} | {confirmed:.0} | {:.2} | {:.2} | {} | {:.0} | {:.1} / {:.1} | {:.0} | \
             {:.0} | {:.1} |",
            confirmed / peak,
            confirmed / best,
            p99.join(" | "),
            of(&|(run, _)| run.turned_away_rate("hold")),
            of(&|(run, _)| run.refusal_ms("hold", "p50Us")),
            of(&|(run, _)| run.refusal_ms("hold", "p99Us")),
            of(&|(_, watched)| watched.memory_mb),
            of(&|(_, watched)| watched.slowest_scrape_ms),
            of(&|(run, _)| run.lag_p99_ms()),
        );
    }
}

/// Holds of one event, 100 per second, alone and beside a crowd for another event.
fn bystander(postgres: &str, peak: f64) {
    println!(
        "\n100 holds a second of one event, while another is wanted\n\n\
         | the other's arrivals ÷ peak | p50 ms | p99 ms | p99 ÷ alone | refused |"
    );
    println!("|{}", " --- |".repeat(5));
    let mut alone = None;
    for times in [0.0, 0.7, 2.0, 5.0] {
        let (mut p50, mut p99, mut refused) = (Vec::new(), Vec::new(), 0.0);
        for _ in 0..ROUNDS {
            let server = Server::start(postgres, None);
            let rate = format!("{:.0}", peak * times);
            let hot = (times > 0.0).then(|| {
                let crowd = Crowd::new(&server, &["purchases", "--rate", &rate]).lasting("14s");
                let hot = crowd.start();
                // The run creates its event and its buyers first.
                hot.until_under_way();
                hot
            });
            let small = ["holds", "--rate", "100", "--events", "1", "--buyers", "20"];
            let figures = Crowd::new(&server, &small).run();
            p50.push(figures.p50_ms(HOT_EVENT));
            p99.push(figures.p99_ms(HOT_EVENT));
            refused += figures.turned_away_rate(HOT_EVENT);
            if let Some(hot) = hot {
                hot.end();
            }
        }
        let p99 = median(p99);
        let alone = *alone.get_or_insert(p99);
        println!(
            "| {times} | {:.2} | {p99:.2} | {:.1} | {:.1}/s |",
            median(p50),
            p99 / alone,
            refused / 3.0
        );
    }
}

/// A sale, alone and beside open browsers, in turn.
fn browsers(postgres: &str) {
    println!(
        "\n`stampede onsale` alone and beside {BROWSERS} browsers, each with a stream and a page \
         every two seconds, medians of {ROUNDS} runs\n\n\
         | browsers | holds/s | confirmed/s | hold p50 / p99 ms | pay p99 ms | pages/s | page p50 / p99 ms | \
         without a page | streamed KB/s each |"
    );
    println!("|{}", " --- |".repeat(9));
    let mut runs: [Vec<[f64; 10]>; 2] = Default::default();
    for _ in 0..ROUNDS {
        for (runs, count) in runs.iter_mut().zip([0, BROWSERS]) {
            let server = Server::start(postgres, None);
            let sale = Crowd::new(&server, &["onsale"]).lasting("14s").start();
            sale.until_under_way();
            let (open, began) = (Browsers::open(server.address(), count), Instant::now());
            let figures = sale.end();
            let (seen, seconds) = (open.close(), began.elapsed().as_secs_f64());
            let mut pages = seen.pages_ms;
            pages.sort_by(f64::total_cmp);
            let quantile = |nth: usize| pages.get(pages.len() * nth / 100).copied().unwrap_or(0.0);
            runs.push([
                figures.rate("hold"),
                figures.rate("pay"),
                figures.p50_ms("hold"),
                figures.p99_ms("hold"),
                figures.p99_ms("pay"),
                pages.len() as f64 / seconds,
                quantile(50),
                quantile(99),
                seen.failed as f64,
                seen.streamed as f64 / 1e3 / seconds / count.max(1) as f64,
            ]);
        }
    }
    for (runs, count) in runs.iter().zip([0, BROWSERS]) {
        let of = |nth: usize| median(runs.iter().map(|run| run[nth]).collect());
        println!(
            "| {count} | {:.0} | {:.1} | {:.2} / {:.2} | {:.2} | {:.0} | {:.1} / {:.1} | {:.0} | {:.0} |",
            of(0),
            of(1),
            of(2),
            of(3),
            of(4),
            of(5),
            of(6),
            of(7),
            of(8),
            of(9)
        );
    }
}

/// Commands that wait at the same time share one append.
fn clients(postgres: &str) {
    println!(
        "\nholds of one event, closed loop, medians of {ROUNDS} runs\n\n\
         | clients | holds/s | p50 ms | p99 ms | commands in an append | append ms |"
    );
    println!("|{}", " --- |".repeat(6));
    for clients in ["1", "4", "16", "64", "256", "1024"] {
        let runs = held(postgres, &["--clients", clients]);
        println!("| {clients} | {runs} |");
    }
}

/// Each event that has sold something appends a row of its own.
fn events(postgres: &str) {
    println!(
        "\nholds over many events, 256 clients in a closed loop, medians of {ROUNDS} runs\n\n\
         | events | holds/s | p50 ms | p99 ms | commands in an append | append ms |"
    );
    println!("|{}", " --- |".repeat(6));
    for events in ["1", "10", "100", "1000", "10000"] {
        let runs = held(postgres, &["--clients", CLIENTS, "--events", events]);
        println!("| {events} | {runs} |");
    }
}

fn held(postgres: &str, arguments: &[&str]) -> String {
    let server = Server::start(postgres, Some("off"));
    let mut columns: [Vec<f64>; 5] = Default::default();
    for _ in 0..ROUNDS {
        let before = server.totals();
        let run = Crowd::new(&server, &[&["holds"], arguments].concat()).run();
        let spent = server.totals().since(&before);
        let row = [
            run.rate("hold"),
            run.p50_ms("hold"),
            run.p99_ms("hold"),
            spent.batch_commands(),
            spent.append_ms(),
        ];
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(value);
        }
    }
    let digits = [0, 2, 2, 1, 2];
    let shown = columns.into_iter().zip(digits);
    let shown = shown.map(|(column, digits)| format!("{:.digits$}", median(column)));
    shown.collect::<Vec<_>>().join(" | ")
}

/// All instances share the same two processors: the result is the cost of having several.
fn instances(postgres: &str, redis: &str) {
    println!(
        "\nholds over 300 events, each buyer through one of the instances, 256 clients in a closed \
         loop, medians of {ROUNDS} runs\n\n\
         | instances | holds/s | p50 ms | p99 ms | processor of all instances, µs a hold |"
    );
    println!("|{}", " --- |".repeat(5));
    for count in 1..=3 {
        let servers = Server::start_cluster(postgres, redis, count);
        let urls: Vec<String> = servers[1..].iter().map(Server::url).collect();
        let mut arguments = vec!["holds", "--clients", CLIENTS, "--events", "300"];
        urls.iter().for_each(|url| arguments.extend(["--target", url]));
        let mut columns: [Vec<f64>; 4] = Default::default();
        for _ in 0..ROUNDS {
            let used = || servers.iter().map(Server::processor_s).sum::<f64>();
            let crowd = Crowd::new(&servers[0], &arguments).start();
            // Accounts are created before this, and the run's audit follows after it.
            crowd.until_under_way();
            std::thread::sleep(WARM_UP);
            let (began, before) = (Instant::now(), used());
            std::thread::sleep(Duration::from_secs(4));
            let load = (used() - before) / began.elapsed().as_secs_f64();
            let run = crowd.end();
            let rate = run.rate("hold");
            let row = [rate, run.p50_ms("hold"), run.p99_ms("hold"), load * 1e6 / rate];
            for (column, value) in columns.iter_mut().zip(row) {
                column.push(value);
            }
        }
        let shown = columns.into_iter().zip([0, 2, 2, 0]);
        let shown: Vec<_> =
            shown.map(|(column, digits)| format!("{:.digits$}", median(column))).collect();
        println!("| {count} | {} |", shown.join(" | "));
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
