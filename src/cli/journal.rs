//! `admitone journal`: what happened to an event, row by row, and whether it is all still there.
//! Reads only; it may run beside a server.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::audit::{Auditor, OfflineAudit, Report};
use crate::config::Config;
use crate::http::respond::rfc3339;
use crate::ids::OfferingId;
use crate::journal::{Head, LoadError, Record, Row, export};
use crate::server;
use crate::store::Store;

/// Rows read at a time.
const PAGE: u64 = 1_000;

pub(super) fn command() -> Command {
    let event = || Arg::new("event").value_name("EVENT").value_parser(value_parser!(OfferingId));
    let bound = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("SEQ").value_parser(value_parser!(u64)).help(help)
    };
    Command::new("journal")
        .about("Read and verify the journals of events")
        .subcommand_required(true)
        .subcommand(
            Command::new("show")
                .about("Print the rows of one journal")
                .arg(event().required(true).help("The event's id"))
                .arg(bound("from", "The first row [1]"))
                .arg(bound("to", "The last row [the end]"))
                .arg(
                    Arg::new("json")
                        .long("json")
                        .action(ArgAction::SetTrue)
                        .help("One JSON object a line"),
                ),
        )
        .subcommand(
            Command::new("verify")
                .about("Check the chain of hashes and replay every change")
                .arg(event().help("The event's id"))
                .arg(
                    Arg::new("all")
                        .long("all")
                        .action(ArgAction::SetTrue)
                        .conflicts_with("event")
                        .help("All events"),
                )
                .arg(
                    Arg::new("file")
                        .long("file")
                        .value_name("PATH")
                        .value_parser(value_parser!(PathBuf))
                        .conflicts_with_all(["event", "all"])
                        .help("What `journal show --json` printed; needs no database"),
                ),
        )
}

pub(super) fn run(config: &Config, arguments: &ArgMatches) -> Result<()> {
    let file = arguments.subcommand_matches("verify").and_then(|verify| verify.get_one("file"));
    if let Some(path) = file {
        return verify_file(PathBuf::as_path(path));
    }
    super::block_on(async {
        let store = server::connect(config).await?;
        match arguments.subcommand() {
            Some(("show", arguments)) => show(&store, arguments).await,
            Some(("verify", arguments)) => verify(&store, arguments).await,
            Some((other, _)) => bail!("there is no command journal {other}"),
            None => bail!("say what: journal show or journal verify"),
        }
    })
}

async fn show(store: &Store, arguments: &ArgMatches) -> Result<()> {
    let event = *arguments.get_one::<OfferingId>("event").context("which event?")?;
    let from = arguments.get_one::<u64>("from").copied().unwrap_or(1).max(1);
    let to = arguments.get_one::<u64>("to").copied().unwrap_or(u64::MAX);
    let head = store.journal_head(event).await.with_context(|| format!("event {event}"))?;
    let last = head.seq.0;
    if from > to.min(last) {
        let end = if to == u64::MAX { "on".into() } else { format!("to {to}") };
        bail!("the journal of event {event} has no rows from {from} {end}: its last row is {last}");
    }
    let as_json = arguments.get_flag("json");
    let end = each_row(store, event, to, |row, record| {
        if row.seq.0 >= from {
            let text =
                if as_json { export::to_line(row, record) + "\n" } else { as_text(row, record) };
            super::print(&text);
        }
        Ok(())
    });
    end.await?;
    Ok(())
}

async fn verify(store: &Store, arguments: &ArgMatches) -> Result<()> {
    let events = match arguments.get_one::<OfferingId>("event") {
        Some(event) => vec![*event],
        None if arguments.get_flag("all") => store.journal_offerings().await?,
        None => bail!("say which event, or --all, or --file"),
    };
    let auditor = Auditor::new(store.clone());
    let mut damaged = 0_usize;
    for event in &events {
        damaged += usize::from(!print_finding(&event.to_string(), auditor.audit(*event).await));
    }
    if damaged > 0 {
        bail!("{damaged} of {} journals are damaged", events.len());
    }
    Ok(())
}

/// Needs no database: the export is all there is.
fn verify_file(path: &Path) -> Result<()> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut audit = OfflineAudit::default();
    let mut taken = Ok(());
    for (line, number) in BufReader::new(file).lines().zip(1..) {
        let line = line.with_context(|| format!("cannot read {}", path.display()))?;
        let row = export::from_line(&line).with_context(|| format!("line {number}"))?;
        taken = audit.take(&row);
        if taken.is_err() {
            break;
        }
    }
    let finding = taken.and_then(|()| audit.report());
    let name = match &finding {
        Ok((event, _)) => event.to_string(),
        Err(_) => path.display().to_string(),
    };
    if print_finding(&name, finding.map(|(_, report)| report)) {
        return Ok(());
    }
    bail!("the journal in {} is damaged", path.display())
}

/// Prints what was found of one journal; says whether it is whole.
fn print_finding(name: &str, finding: Result<Report, LoadError>) -> bool {
    match finding {
        Ok(report) => {
            let Report { seq, epoch, digest, .. } = &report;
            super::print(&format!("{name}  ok       {seq} rows, epoch {epoch}, digest {digest}\n"));
            true
        }
        Err(error) => {
            super::print(&format!("{name}  DAMAGED  {error}\n"));
            false
        }
    }
}

/// Calls `each` with every row up to `to`, verified against the row before; returns the end.
async fn each_row(
    store: &Store,
    event: OfferingId,
    to: u64,
    mut each: impl FnMut(&Row, &Record) -> Result<()>,
) -> Result<Head> {
    let mut head = Head::EMPTY;
    while head.seq.0 < to {
        let limit = PAGE.min(to - head.seq.0);
        let rows = store.journal_rows(event, head, limit).await?;
        let Some((last, _)) = rows.last() else { break };
        head = last.head();
        for (row, record) in &rows {
            each(row, record)?;
        }
    }
    if head == Head::EMPTY {
        return Err(LoadError::NotFound).with_context(|| format!("event {event}"));
    }
    Ok(head)
}

fn as_text(row: &Row, record: &Record) -> String {
    let heading = format!("{:>6}  {}  epoch {}", row.seq.0, rfc3339(row.at), row.epoch);
    match record {
        Record::Takeover => format!("{heading}  takeover by {}\n", row.owner),
        Record::Batch(transitions) => {
            let mut text = format!("{heading}  {} transitions\n", transitions.len());
            for change in transitions.iter().flat_map(|transition| &transition.changes) {
                text.push_str(&format!("          {change:?}\n"));
            }
            text
        }
    }
}
