//! `admitone journal`: shows the history of an event, row by row, and verifies that it is complete.
//! Reads only; it may run beside a server.

mod describe;
mod file;
mod finding;

use finding::{NO_SUCH_DIGEST, PAGE, print_finding};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use describe::Describer;

use crate::audit::Auditor;
use crate::config::Config;
use crate::http::respond::rfc3339;
use crate::ids::OfferingId;
use crate::journal::{Hash, Head, LoadError, Record, Row, export};
use crate::server;
use crate::store::Store;

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
                        .action(ArgAction::Append)
                        .value_parser(value_parser!(PathBuf))
                        .conflicts_with_all(["event", "all", "archive"])
                        .help(
                            "What `journal show --json` printed, or a directory of such files; may be \
                             repeated, in order; needs no database",
                        ),
                )
                .arg(
                    Arg::new("archive")
                        .long("archive")
                        .value_name("DIR")
                        .value_parser(value_parser!(PathBuf))
                        .requires("event")
                        .help(
                            "Where `admitone archive` put the first rows: verify these as well, and \
                             that the rest follows from them",
                        ),
                )
                .arg(
                    Arg::new("digest")
                        .long("digest")
                        .value_name("HEX")
                        .value_parser(digest)
                        .conflicts_with("all")
                        .help(
                            "The digest that a file has to end with, or that a row of the event \
                             has to have: what tells whether rows are missing at the end",
                        ),
                ),
        )
}

pub(super) fn run(config: &Config, arguments: &ArgMatches) -> Result<()> {
    if let Some(verify) = arguments.subcommand_matches("verify")
        && let Some(paths) = verify.get_many::<PathBuf>("file")
    {
        let paths: Vec<&Path> = paths.map(PathBuf::as_path).collect();
        return file::verify(&paths, verify.get_one("digest"));
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
    if let Some(archived) = store.archived(event).await? {
        let (last, directory) = (archived.head.seq, archived.directory);
        if from <= last.0 && arguments.get_one::<u64>("from").is_some() {
            bail!("rows 1 to {last} of event {event} are archived: look in {directory}/{event}");
        }
        // On standard error, because the rows on standard output may be saved.
        let _ = writeln!(
            io::stderr(),
            "admitone: rows 1 to {last} are archived in {directory}/{event}, in the form of --json"
        );
    }
    let as_json = arguments.get_flag("json");
    let mut describe = Describer::new(event, *b"XXX");
    let end = each_row(store, event, to, |row, record| {
        // Rows that are not shown are formatted too: the first one has the currency.
        let text = match as_json {
            true => export::to_line(row, record) + "\n",
            false => as_text(row, record, &mut describe),
        };
        if row.seq.0 >= from {
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
    if let (Some(directory), [event]) = (arguments.get_one::<PathBuf>("archive"), &events[..]) {
        file::verify_with_archive(store, *event, directory).await?;
    }
    let auditor = Auditor::new(store.clone());
    let mut damaged = 0_usize;
    let mut last = 0;
    for event in &events {
        let finding = auditor.audit(*event).await;
        if matches!(finding, Err(LoadError::NotFound)) {
            bail!("there is no event {event} in this database");
        }
        last = finding.as_ref().map_or(0, |report| report.seq);
        damaged += usize::from(!print_finding(&event.to_string(), finding));
    }
    if damaged > 0 {
        bail!("{damaged} of {} journals are damaged", events.len());
    }
    match (arguments.get_one::<Hash>("digest"), &events[..]) {
        (Some(digest), [event]) => find_digest(store, *event, last, digest).await,
        // The command line takes a digest with one event only.
        (Some(_), _) | (None, _) => Ok(()),
    }
}

/// Reports which row of a journal, verified up to `last`, has the digest. Journals grow: it need not
/// be the last.
async fn find_digest(store: &Store, event: OfferingId, last: u64, digest: &Hash) -> Result<()> {
    let mut found = None;
    let search = each_row(store, event, last, |row, _| {
        found = found.or((row.hash == *digest).then_some(row.seq.0));
        Ok(())
    });
    search.await?;
    let Some(row) = found else { bail!("{NO_SUCH_DIGEST}") };
    let since = match last - row {
        0 => String::new(),
        more => format!("; rows appended since: {more}"),
    };
    super::print(&format!("up to row {row}, which has the digest, nothing is missing{since}\n"));
    Ok(())
}

/// Calls `each` with every row up to `to`, verified against the row before; returns the end.
async fn each_row(
    store: &Store,
    event: OfferingId,
    to: u64,
    mut each: impl FnMut(&Row, &Record) -> Result<()>,
) -> Result<Head> {
    let archived = store.archived(event).await?;
    let mut head = archived.map_or(Head::EMPTY, |archived| archived.head);
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

fn digest(text: &str) -> Result<Hash, String> {
    let hash = blake3::Hash::from_hex(text.trim());
    hash.map(Hash::from)
        .map_err(|_| "a digest has 64 hex digits, as journal verify prints it".into())
}

fn as_text(row: &Row, record: &Record, describe: &mut Describer) -> String {
    let heading = format!("{:>6}  {}  epoch {}", row.seq.0, rfc3339(row.at), row.epoch);
    match record {
        Record::Takeover => format!("{heading}  takeover by {}\n", row.owner),
        Record::Batch(transitions) => {
            let mut text = format!("{heading}  {} transitions\n", transitions.len());
            for change in transitions.iter().flat_map(|transition| &transition.changes) {
                text.push_str(&format!("          {}\n", describe.change(change)));
            }
            text
        }
    }
}
