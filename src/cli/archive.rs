//! `admitone archive`: moves records that are no longer needed from the database into files. May run
//! beside servers, and again after it was interrupted.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::archive::{self, Outcome, Plan};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::ids::OfferingId;
use crate::inventory::TimestampMs;
use crate::server;
use crate::store::Store;

const DAY_MS: TimestampMs = 24 * 3_600_000;

pub(super) fn command() -> Command {
    let directory = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("DIR").value_parser(value_parser!(PathBuf)).help(help)
    };
    Command::new("archive")
        .about("Move old rows of journals, and messages nobody took, from the database into files")
        .args_conflicts_with_subcommands(true)
        .subcommand_negates_reqs(true)
        .arg(directory("to", "Where the files go: a directory that is backed up").required(true))
        .arg(
            Arg::new("older-than-days")
                .long("older-than-days")
                .value_name("DAYS")
                .value_parser(value_parser!(u32).range(2..=36_500))
                .default_value("30")
                .help("Rows written before so many days"),
        )
        .arg(
            Arg::new("event")
                .long("event")
                .value_name("EVENT")
                .action(ArgAction::Append)
                .value_parser(value_parser!(OfferingId))
                .help("Only this event's journal, and nothing else; may be repeated"),
        )
        .subcommand(
            Command::new("rebuild")
                .about("Make the state after the archived rows anew from their files")
                .arg(
                    Arg::new("event")
                        .value_name("EVENT")
                        .required(true)
                        .value_parser(value_parser!(OfferingId)),
                )
                .arg(directory("from", "Where the files are: what --to was").required(true)),
        )
}

pub(super) fn run(config: &Config, arguments: &ArgMatches) -> Result<()> {
    super::block_on(async {
        let store = server::connect(config).await?;
        let pending = store.schema_status().await?.pending;
        if !pending.is_empty() {
            bail!(
                "the database has an older schema: run `admitone migrate up`, or start the server"
            );
        }
        match arguments.subcommand() {
            Some(("rebuild", arguments)) => rebuild(&store, arguments).await,
            Some((other, _)) => bail!("there is no command archive {other}"),
            None => archive_all(&store, arguments).await,
        }
    })
}

async fn archive_all(store: &Store, arguments: &ArgMatches) -> Result<()> {
    let directory = arguments.get_one::<PathBuf>("to").context("where to?")?;
    let shown = directory.display();
    fs::create_dir_all(directory).with_context(|| format!("cannot make {shown}"))?;
    let directory = fs::canonicalize(directory).with_context(|| format!("cannot use {shown}"))?;
    let _lock = lock(&directory)?;
    let now = SystemClock::new().now_ms();
    let days = arguments.get_one::<u32>("older-than-days").copied().unwrap_or(30);
    let plan = Plan { before: now - i64::from(days) * DAY_MS, now, directory };
    let named = arguments.get_many::<OfferingId>("event").map(|events| events.copied().collect());
    let is_all = named.is_none();
    let events: Vec<OfferingId> = match named {
        Some(events) => events,
        None => store.journal_offerings().await?,
    };
    let mut failed = 0_usize;
    for event in &events {
        match archive::archive(store, *event, &plan).await {
            Ok(outcome) => print_outcome(*event, &outcome, is_all),
            Err(error) => {
                failed += 1;
                super::print(&format!("{event}  FAILED   {:#}\n", anyhow::Error::from(error)));
            }
        }
    }
    if is_all {
        let moved = archive::outbox(store, &plan).await?;
        let pruned = archive::prune(store, &plan).await?;
        super::print(&format!(
            "{moved} messages that nobody took moved to files; {pruned} expired reservations and \
             failed payments deleted\n"
        ));
    }
    if failed > 0 {
        bail!("{failed} of {} journals could not be archived", events.len());
    }
    Ok(())
}

async fn rebuild(store: &Store, arguments: &ArgMatches) -> Result<()> {
    let event = *arguments.get_one::<OfferingId>("event").context("which event?")?;
    let directory = arguments.get_one::<PathBuf>("from").context("from where?")?;
    let _lock = lock(directory)?;
    let directory = fs::canonicalize(directory)?;
    let now = SystemClock::new().now_ms();
    let outcome = archive::rebuild(store, event, &directory, now).await?;
    let Outcome { archived, .. } = outcome;
    super::print(&format!(
        "{event}  rebuilt  the state after row {archived}, from files; what follows in the database fits\n"
    ));
    Ok(())
}

/// Locks a directory, because one process at a time may write to it.
fn lock(directory: &Path) -> Result<fs::File> {
    let path = directory.join("lock");
    let shown = path.display();
    let file = fs::File::create(&path).with_context(|| format!("cannot use {shown}"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(_) => bail!("another `admitone archive` uses {}: let it end", directory.display()),
    }
}

fn print_outcome(event: OfferingId, outcome: &Outcome, is_all: bool) {
    let Outcome { archived, left, deleted, bytes, kept_because } = outcome;
    let text = match kept_because {
        Some(why) => format!("{event}  kept     {why}: {left} rows\n"),
        None if *deleted == 0 && is_all => return,
        None => format!(
            "{event}  archived {deleted} rows now ({bytes} bytes of files), {archived} in all; {left} \
             rows are left\n"
        ),
    };
    super::print(&text);
}
