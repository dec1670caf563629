//! `admitone queue`: writes the public record of an event's waiting room, and checks one. Reads
//! only; `verify` needs no database.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Arg, ArgMatches, Command, value_parser};

use crate::archive::row_files;
use crate::config::Config;
use crate::ids::{OfferingId, QueueEntryId, Seq};
use crate::inventory::TimestampMs;
use crate::journal::{Head, Record, Row, export};
use crate::server;
use crate::store::Store;
use crate::waiting_room::record::line::PublicLane;
use crate::waiting_room::record::transcript::{Switches, Transcript};
use crate::waiting_room::record::verify::{EntryFinding, Finding, Standing, Verifier, Wrong};
use crate::waiting_room::record::{RecordError, Records};

/// Rows read at a time.
const PAGE: u64 = 100;

pub(super) fn command() -> Command {
    let path = |name: &'static str, value: &'static str, help: &'static str| {
        let arg = Arg::new(name).long(name).value_name(value).help(help);
        arg.value_parser(value_parser!(PathBuf))
    };
    Command::new("queue")
        .about("Write and check the public records of waiting rooms")
        .subcommand_required(true)
        .subcommand(
            Command::new("show")
                .about("Print the record of an event's newest queue, as GET /queue/{event}/audit does")
                .arg(
                    Arg::new("offering")
                        .long("offering")
                        .value_name("EVENT")
                        .value_parser(value_parser!(OfferingId))
                        .required(true)
                        .help("The event's id"),
                )
                .arg(path(
                    "archive",
                    "DIR",
                    "Where `admitone archive` put the first rows: needed if the queue began in them",
                )),
        )
        .subcommand(
            Command::new("verify")
                .about("Check the list, the draw, the order and the rate of a record")
                .arg(path("file", "PATH", "The record").required(true))
                .arg(
                    Arg::new("entry")
                        .long("entry")
                        .value_name("ID")
                        .value_parser(value_parser!(QueueEntryId))
                        .help("Also print what became of this entry"),
                ),
        )
}

pub(super) fn run(config: &Config, arguments: &ArgMatches) -> Result<()> {
    match arguments.subcommand() {
        Some(("verify", arguments)) => verify(arguments),
        Some(("show", arguments)) => super::block_on(async {
            let store = server::connect(config).await?;
            show(&store, arguments).await
        }),
        Some((other, _)) => bail!("there is no command queue {other}"),
        None => bail!("say what: queue show or queue verify"),
    }
}

fn verify(arguments: &ArgMatches) -> Result<()> {
    let path = arguments.get_one::<PathBuf>("file").context("which file?")?;
    let wanted = arguments.get_one::<QueueEntryId>("entry").copied();
    let shown = path.display();
    let finding = match read(path, wanted)? {
        Ok(finding) => finding,
        Err(wrong) => {
            super::print(&format!("{shown}  WRONG    {wrong}\n"));
            bail!("the record in {shown} does not hold");
        }
    };
    super::print(&as_text(&shown.to_string(), &finding));
    match (&finding.entry, wanted) {
        (Some(entry), _) => super::print(&entry_as_text(entry, &finding)),
        (None, Some(id)) => bail!("no entry of this queue has the id {id}"),
        (None, None) => {}
    }
    Ok(())
}

/// Reads a record; the inner error is that of the record.
fn read(path: &Path, wanted: Option<QueueEntryId>) -> Result<Result<Finding, Wrong>> {
    let shown = || format!("cannot read {}", path.display());
    let mut verifier = Verifier::new(wanted);
    for line in BufReader::new(File::open(path).with_context(shown)?).lines() {
        let line = line.with_context(shown)?;
        // Editors and shells leave blank lines at the end.
        if line.trim().is_empty() {
            continue;
        }
        if let Err(wrong) = verifier.take(&line) {
            return Ok(Err(wrong));
        }
    }
    Ok(verifier.finish())
}

fn as_text(name: &str, finding: &Finding) -> String {
    let Finding { offering, generation, lines, entries, admitted, waiting, .. } = finding;
    let (seq, at) = finding.until;
    let state = if finding.has_ended { "ended" } else { "on" };
    let mut text = format!(
        "{name}  ok       {lines} lines: queue {generation} of event {offering}, up to row {seq} at \
         {}\n  entries    {entries}, of which {admitted} were admitted and {waiting} wait; the queue \
         is {state}\n  secret     committed to as {}\n",
        at, finding.commitment,
    );
    if let Some((times, at)) = finding.recommitted {
        text.push_str(&format!("             REPLACED {times} times, the last time at {at}\n"));
    }
    match &finding.list {
        Some(list) => {
            text.push_str(&format!("  list       {} entries, root {}\n", list.count, list.root));
        }
        None => text.push_str("  list       not closed yet\n"),
    }
    match &finding.drawn {
        Some(drawn) => {
            let at = drawn.at;
            text.push_str(&format!("  draw       at {at}, seed {}\n", drawn.seed));
            text.push_str(&match &drawn.public_source {
                Some(source) => format!(
                    "             with the public value {:?} of {source:?}: compare it there\n",
                    drawn.public_value
                ),
                None => "             without a public value\n".into(),
            });
        }
        None => text.push_str("  draw       none\n"),
    }
    let (most, allowed) = finding.fastest;
    text.push_str(&format!(
        "  rate       at most {most} passes within a minute, {allowed} allowed\n"
    ));
    text
}

fn entry_as_text(entry: &EntryFinding, finding: &Finding) -> String {
    let EntryFinding { id, number, entered_at, place, standing, admitted } = entry;
    let has_ended = finding.has_ended;
    let place = match (place, admitted) {
        (None, _) if has_ended => "no place, since the queue ended before the draw".into(),
        (None, _) => "no place before the draw".into(),
        (Some(place), Some((_, PublicLane::Returned | PublicLane::Priority, _))) => {
            format!("ahead of the line, in which it had place {place}")
        }
        (Some(place), _) => format!("place {place} of the line"),
    };
    let standing = match (standing, has_ended) {
        (Standing::Waits, false) => "waits",
        (Standing::Waits, true) => "waited when the queue ended",
        (Standing::Aside, false) => "was passed over for its silence, until it comes back",
        (Standing::Aside, true) => "was passed over for its silence, and did not come back",
        (Standing::Inside, false) => "has an open session",
        (Standing::Inside, true) => "had an open session when the queue ended",
        (Standing::Served, _) => "had its session",
        (Standing::Left, _) => "left",
        (Standing::Voided, _) => "was voided",
    };
    let admission = match admitted {
        None => "not admitted".into(),
        Some((at, lane, label)) => {
            let why = match (lane, label) {
                (PublicLane::Line, _) => "at its place".into(),
                (PublicLane::Returned, _) => "since it came back after it was passed over".into(),
                (PublicLane::Priority, None) => "by priority".into(),
                (PublicLane::Priority, Some(label)) => format!("by priority: {label:?}"),
            };
            format!("admitted at {at}, {why}")
        }
    };
    format!(
        "  entry      {id}: number {number}, entered at {entered_at}\n             {place}; \
         {admission}\n             {standing}\n"
    )
}

async fn show(store: &Store, arguments: &ArgMatches) -> Result<()> {
    let event = *arguments.get_one::<OfferingId>("offering").context("which event?")?;
    if let Some(directory) = arguments.get_one::<PathBuf>("archive") {
        return show_with_archive(store, event, &directory.join(event.to_string())).await;
    }
    let mut reader = match Records::new(store.clone()).open(event).await {
        Ok(reader) => reader,
        Err(error @ RecordError::Archived { .. }) => {
            return Err(error).context("say with --archive where its files are");
        }
        Err(error) => return Err(error).with_context(|| format!("event {event}")),
    };
    while let Some(lines) = reader.next().await? {
        print(&lines);
    }
    Ok(())
}

/// Reads the journal twice, the archived rows first: to find the newest queue, then to write it.
async fn show_with_archive(store: &Store, event: OfferingId, directory: &Path) -> Result<()> {
    let mut switches = Switches::default();
    let mut last: (Seq, TimestampMs) = Default::default();
    let to_the_end = Seq(u64::MAX);
    each_row(store, event, directory, to_the_end, |row, record| {
        switches.take_row(record);
        last = (row.seq, row.at);
        Ok(())
    })
    .await?;
    if switches.begun == 0 {
        return Err(RecordError::NoQueue.into());
    }
    let mut transcript = Transcript::new(event, switches.begun, Switches::default());
    let mut lines = Vec::new();
    each_row(store, event, directory, last.0, |row, record| {
        transcript.row(row, record, &mut lines)?;
        print(&lines);
        lines.clear();
        Ok(())
    })
    .await?;
    transcript.complete(last.0, last.1, &mut lines);
    print(&lines);
    Ok(())
}

/// Calls `each` with every row up to `to`, verified against the row before: those of the files, then
/// those of the database.
async fn each_row(
    store: &Store,
    event: OfferingId,
    directory: &Path,
    to: Seq,
    mut each: impl FnMut(&Row, &Record) -> Result<()>,
) -> Result<()> {
    let mut head = Head::EMPTY;
    let first = store.journal_first(event).await?.unwrap_or_default();
    for path in row_files(directory)? {
        let at = || format!("cannot read {}", path.display());
        for line in BufReader::new(File::open(&path).with_context(at)?).lines() {
            let row = export::from_line(&line.with_context(at)?).with_context(at)?;
            // An interrupted run has written rows that it has not deleted.
            if row.offering == event && row.seq < first {
                let record = row.verify(&head).with_context(at)?;
                head = row.head();
                each(&row, &record)?;
            }
        }
    }
    while head.seq < to {
        let limit = PAGE.min(to.0 - head.seq.0);
        let rows = store.journal_rows(event, head, limit).await?;
        let Some((last, _)) = rows.last() else { break };
        head = last.head();
        rows.iter().try_for_each(|(row, record)| each(row, record))?;
    }
    Ok(())
}

/// As [`super::print`], for bytes.
fn print(lines: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(lines).and_then(|()| out.flush());
}
