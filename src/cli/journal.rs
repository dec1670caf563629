//! `admitone journal`: what happened to an event, row by row, and whether it is all still there.
//! Reads only; it may run beside a server.

use anyhow::{Context, Result, bail};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::json;

use crate::config::Config;
use crate::http::respond::rfc3339;
use crate::ids::OfferingId;
use crate::inventory::{Inventory, TimestampMs};
use crate::journal::{Head, LoadError, Record, Row};
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
                ),
        )
}

pub(super) fn run(config: &Config, arguments: &ArgMatches) -> Result<()> {
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
    let from = arguments.get_one::<u64>("from").copied().unwrap_or(1);
    let to = arguments.get_one::<u64>("to").copied().unwrap_or(u64::MAX);
    let as_json = arguments.get_flag("json");
    let end = each_row(store, event, to, |row, record| {
        if row.seq.0 >= from {
            let text = if as_json { as_json_line(row, record) } else { as_text(row, record) };
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
        None => bail!("say which event, or --all"),
    };
    let mut damaged = 0_usize;
    for event in &events {
        match verify_one(store, *event).await {
            Ok(head) => super::print(&format!(
                "{event}  ok       {} rows, epoch {}, digest {}\n",
                head.seq,
                head.epoch,
                hex(&head.hash)
            )),
            Err(error) => {
                damaged += 1;
                super::print(&format!("{event}  DAMAGED  {error:#}\n"));
            }
        }
    }
    if damaged > 0 {
        bail!("{damaged} of {} journals are damaged", events.len());
    }
    Ok(())
}

/// Follows the chain from the first row and applies every change: hashes, order, invariants.
async fn verify_one(store: &Store, event: OfferingId) -> Result<Head> {
    let mut inventory = Inventory::empty();
    let mut last_at = TimestampMs::MIN;
    let head = each_row(store, event, u64::MAX, |row, record| {
        if row.at < last_at {
            bail!("row {} was decided before the row before it", row.seq);
        }
        last_at = row.at;
        let Record::Batch(transitions) = record else { return Ok(()) };
        inventory.begin_batch(row.seq, row.at);
        for transition in transitions {
            inventory.apply(transition).with_context(|| format!("row {}", row.seq))?;
        }
        Ok(())
    })
    .await?;
    inventory.check().context("after the last row")?;
    let known = store.journal_head(event).await?;
    if known != head {
        bail!("the head is at row {}, the last row is {}", known.seq, head.seq);
    }
    Ok(head)
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

fn as_json_line(row: &Row, record: &Record) -> String {
    let line = json!({
        "seq": row.seq,
        "at": rfc3339(row.at),
        "epoch": row.epoch,
        "owner": row.owner,
        "batchId": row.batch_id,
        "format": row.format,
        "hash": hex(&row.hash),
        "record": record,
    });
    format!("{line}\n")
}

fn hex(hash: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*hash).to_hex().to_string()
}
