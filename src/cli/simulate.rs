//! `admitone simulate`: one run of the simulated cluster, for curious users and to reproduce a seed
//! that failed.

use anyhow::{Result, bail};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::config::Config;
use crate::simulation::{Plan, Report, run as simulate};
use crate::telemetry;

pub(super) fn command() -> Command {
    Command::new("simulate")
        .about("Simulate a cluster under faults, and check that nothing is sold twice or lost")
        .after_help(
            "Each run ends with one line: whether all held, what clients asked for and what became \
             of it (done, refused, not decided: a 503 that changed nothing, unknown: a broken \
             connection or OUTCOME_UNKNOWN), and the hash of the trace. The first violation ends \
             the program with code 1. With --trace, what happens is printed with its virtual time, \
             and the log of all instances goes to standard error.",
        )
        .arg(
            Arg::new("seed")
                .long("seed")
                .value_name("N")
                .value_parser(value_parser!(u64))
                .help("What all chance follows from: the same seed, the same run [drawn]"),
        )
        .arg(
            Arg::new("steps")
                .long("steps")
                .value_name("M")
                .value_parser(value_parser!(u32).range(1..=1_000_000))
                .default_value("300")
                .help("What clients ask for while there is trouble"),
        )
        .arg(
            Arg::new("runs")
                .long("runs")
                .value_name("N")
                .value_parser(value_parser!(u64).range(1..))
                .default_value("1")
                .help("So many runs, of this seed and those that follow it"),
        )
        .arg(
            Arg::new("trace")
                .long("trace")
                .action(ArgAction::SetTrue)
                .help("Print all that happens"),
        )
}

pub(super) fn run(config: &Config, arguments: &ArgMatches) -> Result<()> {
    if arguments.get_flag("trace") {
        telemetry::start_log(config);
    }
    let first =
        arguments.get_one("seed").copied().unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let steps = arguments.get_one("steps").copied().unwrap_or(300);
    let runs = arguments.get_one("runs").copied().unwrap_or(1_u64);
    let keeps_trace = arguments.get_flag("trace");
    for seed in (0..runs).map(|n| first.wrapping_add(n)) {
        let report = simulate(&Plan { seed, steps, keeps_trace });
        super::print(&shown(&report));
        if !report.violations.is_empty() {
            bail!("seed {seed}, {steps} steps: {} violations", report.violations.len());
        }
    }
    Ok(())
}

fn shown(report: &Report) -> String {
    let [done, refused, undone, unknown] = report.told;
    let mut text = report.trace.join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&format!(
        "seed {}: {}; {} rows, {} takeovers, {done} done, {refused} refused, {undone} not decided, \
         {unknown} unknown, {:.1} s of virtual time, trace {} of {} lines\n",
        report.seed,
        if report.violations.is_empty() { "all held" } else { "VIOLATED" },
        report.rows,
        report.takeovers,
        report.lasted.as_secs_f64(),
        &report.trace_hash.to_hex()[..16],
        report.events,
    ));
    for violation in &report.violations {
        text.push_str(&format!("VIOLATION {violation}\n"));
    }
    text
}
