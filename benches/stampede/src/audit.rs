//! The audit of a run: the journal of each of its events is fetched, replayed by independent rules,
//! and compared with the answers that the buyers got; then availability, seat maps, reservations,
//! tickets and wallets are compared with the journal.

mod answers;
mod classes;
mod enrollments;
mod event;
mod people;
pub mod queue;
mod replay;
mod reservations;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;

use super::ledger::{Answered, Asked, Entry, Ledger};
use super::say;
use event::{Audited, audit_event};
use queue::history::History;

/// Number of events audited at a time.
const AT_ONCE: usize = 4;
/// Number of findings reported with their text.
const MAX_TOLD: usize = 50;

/// The inputs of the audit.
pub struct Subject<'a> {
    /// The addresses of the server.
    pub addresses: &'a [SocketAddr],
    /// The administrator's access token.
    pub admin: &'a str,
    /// The buyers' access tokens, in the order of the header.
    pub tokens: &'a [String],
    /// The requests and their answers.
    pub ledger: &'a Ledger,
    /// Timeout of each answer.
    pub timeout: Duration,
    /// Time within which differences must disappear. Refunds, and payments that a crash
    /// interrupted, are settled in the background: a difference counts only if it persists for this
    /// long, and the journals are read again meanwhile.
    pub settle: Duration,
}

/// The results of the audit.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Findings {
    /// Number of journals replayed.
    pub events: u64,
    /// Number of their rows.
    pub rows: u64,
    /// Number of requests for a change.
    pub asked: u64,
    /// Number of acknowledged requests; each was found in a journal unless it is listed below.
    pub acknowledged: u64,
    /// Number of requests whose outcome the buyer never learnt: carried out completely, or not at
    /// all.
    pub unknown: u64,
    /// Number of each kind of change in the journals.
    pub tally: std::collections::BTreeMap<String, u64>,
    /// Number of reservations, enrollments, tickets and wallets compared.
    pub compared: std::collections::BTreeMap<&'static str, u64>,
    /// Number of violations.
    pub violations: u64,
    /// The first violations.
    pub told: Vec<String>,
    /// What happened in the waiting room of the last event that has one.
    #[serde(skip)]
    pub history: Option<Box<History>>,
    /// Duration of the audit in seconds.
    pub seconds: f64,
}

impl Findings {
    /// Records a violation.
    pub(super) fn wrong(&mut self, what: String) {
        self.violations += 1;
        if self.told.len() < MAX_TOLD {
            self.told.push(what);
        }
    }
}

/// Audits a run.
///
/// # Errors
/// When the server cannot be reached: that is no statement about the run.
pub async fn audit(subject: &Subject<'_>, seen_by_buyers: Vec<String>) -> Result<Findings> {
    let began = tokio::time::Instant::now();
    let header = &subject.ledger.header;
    let mut findings = Findings::default();
    for violation in seen_by_buyers {
        findings.wrong(violation);
    }
    for entry in &subject.ledger.entries {
        findings.asked += 1;
        match entry.answered {
            Answered::Refused => {}
            Answered::Unknown => findings.unknown += 1,
            _ => findings.acknowledged += 1,
        }
    }
    say(&format!(
        "stampede: auditing {} events and {} answers",
        header.events.len(),
        findings.asked
    ));
    let mut events = Events::read(subject).await?;
    people::compare(subject, &mut events, &mut findings).await?;
    for audited in events.audited {
        findings.events += 1;
        findings.rows += audited.rows;
        for (what, count) in audited.tally {
            *findings.tally.entry(what.into()).or_default() += count;
        }
        if audited.history.is_some() {
            *findings.compared.entry("answers of the waiting room").or_default() +=
                subject.ledger.told.len() as u64;
            findings.history = audited.history;
        }
        *findings.compared.entry("reservations").or_default() += audited.reservations;
        if audited.enrollments > 0 {
            *findings.compared.entry("enrollments").or_default() += audited.enrollments;
        }
        for violation in audited.violations.into_iter().chain(audited.unsettled) {
            findings.wrong(format!("event {}, {violation}", audited.event));
        }
    }
    findings.seconds = began.elapsed().as_secs_f64();
    Ok(findings)
}

/// The events of a run, as derived from their journals when they were last read.
struct Events<'a> {
    subject: &'a Subject<'a>,
    entries: Vec<Vec<&'a Entry>>,
    audited: Vec<Audited>,
}

impl<'a> Events<'a> {
    async fn read(subject: &'a Subject<'a>) -> Result<Self> {
        let mut entries: Vec<Vec<&Entry>> = vec![Vec::new(); subject.ledger.header.events.len()];
        for entry in &subject.ledger.entries {
            entries[entry.event as usize].push(entry);
        }
        let audits = (0..entries.len()).map(|number| (number, &entries[number][..]));
        let audited = audit_events(subject, audits).await?;
        let audited = audited.into_iter().map(|(_, audited)| audited).collect();
        Ok(Self { subject, entries, audited })
    }

    /// True if the server lists reservations of any event differently than its journal.
    fn is_unsettled(&self) -> bool {
        self.audited.iter().any(|audited| !audited.unsettled.is_empty())
    }

    /// Reads the events again that are not settled, or in which these buyers have paid or
    /// cancelled.
    async fn read_again(&mut self, buyers: &HashSet<usize>) -> Result<()> {
        let moves_money = |entry: &&Entry| {
            matches!(entry.asked, Asked::Pay { .. } | Asked::Cancel { .. })
                && buyers.contains(&(entry.buyer as usize))
        };
        let audits = self.entries.iter().map(|entries| &entries[..]).enumerate();
        let audits = audits.filter(|(number, entries)| {
            !self.audited[*number].unsettled.is_empty() || entries.iter().any(&moves_money)
        });
        for (number, audited) in audit_events(self.subject, audits).await? {
            self.audited[number] = audited;
        }
        Ok(())
    }
}

/// Audits these events, a few at a time, in their order.
async fn audit_events<'a>(
    subject: &Subject<'_>,
    events: impl Iterator<Item = (usize, &'a [&'a Entry])>,
) -> Result<Vec<(usize, Audited)>> {
    let audits = stream::iter(events).map(async |(number, entries)| {
        let event = subject.ledger.header.events[number];
        audit_event(subject, event, entries, number).await.map(|audited| (number, audited))
    });
    audits.buffered(AT_ONCE).try_collect().await
}
