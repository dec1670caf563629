//! The command line of `stampede`.

mod line;
mod queue;
mod values;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command, Error, value_parser};

use super::workload::{ALL, Supply, Workload};
pub use line::LineOptions;
pub use queue::QueueOptions;
use values::{about, at, duration, ramp, rate, target};

const EXAMPLES: &str = "\
The administrator's password comes from ADMITONE_ADMIN_PASSWORD (the server prints it at its first
start): events are made in its name. The buyers register themselves; with the server's
ADMITONE_JWT_SECRET their tokens are signed here, and they need no accounts.

Examples:
  stampede onsale --rate 5000 --duration 30s --html onsale.html
  stampede holds --clients 256                       as fast as answers come (closed loop)
  stampede season --skew zipf --ramp 1000:20000
  stampede queue --people 20000 --places 500 --html queue.html
  stampede failover --target http://127.0.0.1:8081 --target http://127.0.0.1:8082 \\
    --at '10:kill -9 4711'
  stampede holds --journal run.jsonl; stampede audit run.jsonl

Exit codes: 0 sound, 1 a violation or it could not be done, 2 wrong command line, 3 results void.
A run that is interrupted (Ctrl-C) is judged by what it did; its JSON has `interruptedAfterSeconds`.";

/// The workload whose events have unequal demand by default.
const ZIPF: &str = "mixed";

/// The task of the program.
#[derive(Debug)]
pub enum Task {
    /// Generate load and audit it.
    Run(Box<Options>),
    /// Audit an earlier run.
    Audit(AuditOptions),
    /// Measure how many people a waiting room bears.
    Line(LineOptions),
}

/// The pattern of arrivals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Load {
    /// Arrivals per second, independent of the server's answers (open loop).
    Open {
        /// Rate at the start.
        from: f64,
        /// Rate at the end.
        to: f64,
    },
    /// A number of clients, each of which starts a new journey when the last has ended (closed
    /// loop).
    Closed(u32),
    /// So many people, each of whom comes once.
    People(u32),
}

/// The distribution of arrivals over the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skew {
    /// All events equally.
    Uniform,
    /// The n-th event gets 1/n as many as the first.
    Zipf,
}

/// The addresses of the server, and an administrator who may create events there.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Place {
    /// Targets as `HOST:PORT`, at least one.
    pub targets: Vec<String>,
    pub admin_email: String,
    pub admin_password: String,
    /// The secret with which the server signs access tokens, if it was given here too.
    pub token_secret: Option<String>,
    pub timeout: Duration,
    /// Time until wallets and tickets must agree with the journals.
    pub settle: Duration,
}

/// The options of a run.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Options {
    pub place: Place,
    pub workload: &'static Workload,
    /// The crowd and the rules of a waiting room, if the workload has one.
    pub queue: Option<QueueOptions>,
    pub load: Load,
    pub duration: Duration,
    pub warm_up: Duration,
    pub is_poisson: bool,
    pub buyers: u32,
    pub events: u32,
    /// Number of places of each event; `None` for the workload's default.
    pub places: Option<u32>,
    pub skew: Skew,
    pub listeners: u32,
    pub connections: u32,
    pub threads: u32,
    pub at_once: u32,
    pub max_lag: Duration,
    pub seed: u64,
    /// Facts about the environment: name and text.
    pub about: Vec<(String, String)>,
    /// Commands, each with the time of the run at which it starts.
    pub commands: Vec<(Duration, String)>,
    pub html: Option<PathBuf>,
    pub json: Option<PathBuf>,
    pub journal: Option<PathBuf>,
}

/// The options of an audit of an earlier run.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct AuditOptions {
    pub place: Place,
    /// True if the command line names the server; otherwise the journal does.
    pub is_placed: bool,
    pub journal: PathBuf,
}

/// Parses the command line.
///
/// # Errors
/// When the command line is wrong, or requests the help.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Task, Error> {
    let matches = command().try_get_matches_from(arguments)?;
    match matches.subcommand() {
        Some(("audit", arguments)) => {
            let journal = arguments.get_one::<PathBuf>("journal").cloned().unwrap_or_default();
            let is_placed = arguments.contains_id("target");
            Ok(Task::Audit(AuditOptions { place: place(arguments)?, is_placed, journal }))
        }
        Some(("line", arguments)) => line::read(arguments).map(Task::Line),
        Some((name, arguments)) => {
            let workload = Workload::named(name)
                .ok_or_else(|| wrong(format!("there is no workload {name}")))?;
            run(workload, arguments).map(|options| Task::Run(Box::new(options)))
        }
        None => Err(wrong("say which workload: stampede --help lists them")),
    }
}

fn command() -> Command {
    let mut command = Command::new("stampede")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Crowds for Admit One: generates load, measures it, and audits every answer")
        .subcommand_required(true)
        .subcommand_value_name("WORKLOAD")
        .subcommand_help_heading("Workloads")
        .after_help(EXAMPLES)
        .max_term_width(100);
    for workload in ALL {
        let known = Command::new(workload.name).about(workload.about);
        command =
            command.subcommand(known.args(place_arguments(HERE)).args(run_arguments(workload)));
    }
    command = command.subcommand(
        Command::new("line")
            .about("how many people a waiting room bears, each figure beside a bare route's")
            .args(place_arguments(HERE))
            .args(line::arguments()),
    );
    command.subcommand(
        Command::new("audit").about("audit an earlier run that kept its journal (--journal)").args(
            place_arguments("as in the run").into_iter().chain([Arg::new("journal")
                .required(true)
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("What --journal wrote")]),
        ),
    )
}

/// The default address of the server.
const HERE: &str = "http://127.0.0.1:8080";

fn valued(name: &'static str, value: &'static str, help: impl Into<String>) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help.into())
}

fn place_arguments(usual: &str) -> Vec<Arg> {
    vec![
        valued(
            "target",
            "URL",
            format!("Where the server is; several times for several instances [{usual}]"),
        )
        .action(ArgAction::Append)
        .value_parser(target),
        valued(
            "admin-email",
            "EMAIL",
            "Who makes the events (ADMITONE_ADMIN_EMAIL) [admin@admitone.local]",
        ),
        valued("timeout", "TIME", "How long an answer is waited for, at most 1m [30s]")
            .value_parser(duration),
        valued("settle", "TIME", "Until wallets and tickets must agree with the journals [60s]")
            .value_parser(duration),
    ]
}

fn run_arguments(workload: &Workload) -> Vec<Arg> {
    let Workload { rate: usual_rate, events, listeners, .. } = workload;
    let (warm_up, places) = match workload.places {
        Supply::Ample => ("2s", "more than are wanted".to_owned()),
        Supply::PerMille(per_mille) => {
            let percent = f64::from(per_mille) / 10.0;
            ("0s, since it may sell out", format!("{percent} for 100 arrivals of the whole run"))
        }
    };
    let skew = if workload.name == ZIPF { "zipf" } else { "uniform" };
    let usual_duration = if workload.has_queue() { "15m, or until all is sold" } else { "20s" };
    let mut arguments = vec![
        valued(
            "rate",
            "N",
            format!(
                "Buyers that arrive a second, open loop; each asks once or several times \
                 [{usual_rate}]"
            ),
        )
        .value_parser(rate)
        .conflicts_with_all(["ramp", "clients"]),
        valued("ramp", "FROM:TO", "Arrivals a second from the start to the end, open loop")
            .value_parser(ramp)
            .conflicts_with("clients"),
        valued("clients", "N", "So many at a time, each as fast as it is answered (closed loop)")
            .value_parser(value_parser!(u32).range(1..=100_000)),
        valued("duration", "TIME", format!("What is measured [{usual_duration}]"))
            .value_parser(duration),
        valued(
            "warm-up",
            "TIME",
            format!("What goes before, audited and not measured [{warm_up}]"),
        )
        .value_parser(duration),
        valued("arrivals", "HOW", "How an open loop spaces them [poisson]")
            .value_parser(["poisson", "even"]),
        valued("buyers", "N", "Accounts to make [500]")
            .value_parser(value_parser!(u32).range(1..=100_000)),
        valued("events", "N", format!("Events to make [{events}]"))
            .value_parser(value_parser!(u32).range(1..=100_000)),
        valued("places", "N", format!("Places (and seats) of each event [{places}]"))
            .value_parser(value_parser!(u32).range(1..=9_000_000)),
        valued("skew", "HOW", format!("How arrivals are spread over the events [{skew}]"))
            .value_parser(["uniform", "zipf"]),
        valued("listeners", "N", format!("Streams of availability to listen to [{listeners}]"))
            .value_parser(value_parser!(u32).range(0..=100_000)),
        valued("connections", "N", "The most connections, but for listeners [1024]")
            .value_parser(value_parser!(u32).range(1..=60_000)),
        valued("threads", "N", "Threads of the generator [2]")
            .value_parser(value_parser!(u32).range(1..=256)),
        valued(
            "at-once",
            "N",
            "The most arrivals under way; more are left out, which voids the results [100000]",
        )
        .value_parser(value_parser!(u32).range(1..=1_000_000)),
        valued(
            "max-lag",
            "TIME",
            "Results are void when the p99 of the generator's lag is more [50ms]",
        )
        .value_parser(duration),
        valued("seed", "N", "Repeats who comes and what they want")
            .value_parser(value_parser!(u64)),
        valued(
            "at",
            "SECOND:COMMAND",
            "Runs a shell command at this second of the run; repeatable",
        )
        .action(ArgAction::Append)
        .value_parser(at),
        valued(
            "about",
            "NAME=TEXT",
            "What the report is to say of the environment, such as database='Postgres 15, same \
             machine'; repeatable",
        )
        .action(ArgAction::Append)
        .value_parser(about),
        valued("html", "FILE", "Writes a report with plots").value_parser(value_parser!(PathBuf)),
        valued("json", "FILE", "Writes the results for machines")
            .value_parser(value_parser!(PathBuf)),
        valued("journal", "FILE", "Keeps what was asked and answered, for `stampede audit`")
            .value_parser(value_parser!(PathBuf)),
    ];
    if workload.has_queue() {
        // People come as they decide, each once, to one event.
        arguments.retain(|argument| !OF_JOURNEYS.contains(&argument.get_id().as_str()));
        arguments.extend(queue::arguments());
    }
    arguments
}

/// The options that say how journeys begin; the people of a waiting room have none.
const OF_JOURNEYS: [&str; 10] = [
    "rate",
    "ramp",
    "clients",
    "warm-up",
    "arrivals",
    "buyers",
    "events",
    "skew",
    "listeners",
    "at-once",
];

fn place(arguments: &ArgMatches) -> Result<Place, Error> {
    let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let password = environment("ADMITONE_ADMIN_PASSWORD").ok_or_else(|| {
        wrong(
            "ADMITONE_ADMIN_PASSWORD is not set: the server printed the administrator's password \
             at its first start, or was given it in the same variable",
        )
    })?;
    let targets = arguments.get_many::<String>("target");
    let targets =
        targets.map_or_else(|| vec!["127.0.0.1:8080".into()], |all| all.cloned().collect());
    let email = arguments.get_one::<String>("admin-email").cloned();
    let timeout = arguments.get_one::<Duration>("timeout").copied();
    let timeout = timeout.unwrap_or(Duration::from_secs(30));
    if timeout.is_zero() || timeout > Duration::from_secs(60) {
        return Err(wrong("--timeout: must be more than nothing and at most 1m"));
    }
    Ok(Place {
        targets,
        admin_email: email
            .or_else(|| environment("ADMITONE_ADMIN_EMAIL"))
            .unwrap_or_else(|| "admin@admitone.local".into()),
        admin_password: password,
        token_secret: environment("ADMITONE_JWT_SECRET"),
        timeout,
        settle: arguments.get_one("settle").copied().unwrap_or(Duration::from_secs(60)),
    })
}

fn run(workload: &'static Workload, arguments: &ArgMatches) -> Result<Options, Error> {
    let queue = if workload.has_queue() { Some(queue::read(arguments)?) } else { None };
    let number = |name: &str| given::<u32>(arguments, name).copied();
    let time = |name: &str| given::<Duration>(arguments, name).copied();
    let path = |name: &str| arguments.get_one::<PathBuf>(name).cloned();
    let word = |name: &str| given::<String>(arguments, name).map(String::as_str);
    let rate = given::<f64>(arguments, "rate").map(|rate| Load::Open { from: *rate, to: *rate });
    let ramp = given::<(f64, f64)>(arguments, "ramp");
    let ramp = ramp.map(|(from, to)| Load::Open { from: *from, to: *to });
    let usual = f64::from(workload.rate);
    let load = queue
        .map(|queue| Load::People(queue.people))
        .or(rate)
        .or(ramp)
        .or(number("clients").map(Load::Closed))
        .unwrap_or(Load::Open { from: usual, to: usual });
    let usual = Duration::from_secs(if queue.is_some() { 900 } else { 20 });
    let duration = time("duration").unwrap_or(usual);
    // A workload that sells out does so in the beginning: that must not be excluded.
    let usual = match workload.places {
        Supply::Ample => Duration::from_secs(2),
        Supply::PerMille(_) => Duration::ZERO,
    };
    let warm_up = time("warm-up").unwrap_or(usual);
    if duration.is_zero() || duration + warm_up > Duration::from_secs(24 * 3_600) {
        return Err(wrong("--duration: must be more than nothing and at most a day"));
    }
    let commands = arguments.get_many::<(Duration, String)>("at");
    let commands: Vec<_> = commands.map(|all| all.cloned().collect()).unwrap_or_default();
    if let Some((late, _)) = commands.iter().find(|(at, _)| *at >= warm_up + duration) {
        let whole = (warm_up + duration).as_secs_f64();
        return Err(wrong(format!("--at {}: the run ends after {whole} s", late.as_secs_f64())));
    }
    if workload.name == "failover" && commands.is_empty() {
        return Err(wrong("failover: say what breaks when, such as --at '10:kill -9 4711'"));
    }
    let skew = match word("skew") {
        Some("zipf") => Skew::Zipf,
        None if workload.name == ZIPF => Skew::Zipf,
        None | Some(_) => Skew::Uniform,
    };
    Ok(Options {
        place: place(arguments)?,
        workload,
        queue,
        load,
        duration,
        warm_up,
        is_poisson: word("arrivals") != Some("even"),
        buyers: queue.map(|queue| queue.people).or(number("buyers")).unwrap_or(500),
        events: number("events").unwrap_or(workload.events),
        places: number("places").or(queue.map(|queue| queue.usual_places())),
        skew,
        listeners: number("listeners").unwrap_or(workload.listeners),
        connections: number("connections").unwrap_or(1_024),
        threads: number("threads").unwrap_or(2),
        at_once: number("at-once").unwrap_or(100_000),
        max_lag: time("max-lag").unwrap_or(Duration::from_millis(50)),
        seed: arguments.get_one::<u64>("seed").copied().unwrap_or_else(rand::random),
        about: arguments.get_many("about").map(|all| all.cloned().collect()).unwrap_or_default(),
        commands,
        html: path("html"),
        json: path("json"),
        journal: path("journal"),
    })
}

/// An argument, if the workload has it and it was given.
fn given<'a, T: Clone + Send + Sync + 'static>(
    arguments: &'a ArgMatches,
    name: &str,
) -> Option<&'a T> {
    arguments.try_get_one::<T>(name).ok().flatten()
}

fn wrong(message: impl std::fmt::Display) -> Error {
    Error::raw(ErrorKind::ValueValidation, format!("{message}\n"))
}
