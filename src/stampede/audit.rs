//! The audit of a run: the journal of each of its events is fetched, replayed by rules of our own,
//! and held to what the buyers were told; then availability, seat maps, reservations, tickets and
//! wallets are held to the journal.

mod answers;
mod event;
mod people;
mod replay;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;

use super::ledger::{Answered, Entry, Ledger};
use super::say;
use event::audit_event;

/// Events audited at a time.
const AT_ONCE: usize = 4;
/// Findings that are told word for word.
const MAX_TOLD: usize = 50;

/// What the audit looks at.
pub struct Subject<'a> {
    /// Where the server is.
    pub addresses: &'a [SocketAddr],
    /// The administrator's access token.
    pub admin: &'a str,
    /// The buyers' access tokens, in the order of the header.
    pub tokens: &'a [String],
    /// What was asked and answered.
    pub ledger: &'a Ledger,
    /// How long an answer is waited for.
    pub timeout: Duration,
    /// Refunds, and payments that a crash left halfway, are settled in the background: a difference
    /// is one only when it stays for so long.
    pub settle: Duration,
}

/// What was found.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Findings {
    /// Journals that were replayed.
    pub events: u64,
    /// Their rows.
    pub rows: u64,
    /// Requests that asked for a change.
    pub asked: u64,
    /// Those that were acknowledged, each of which was found in a journal unless listed below.
    pub acknowledged: u64,
    /// Those whose outcome the buyer never learnt: done wholly, or not at all.
    pub unknown: u64,
    /// What happened, as the journals tell it.
    pub tally: std::collections::BTreeMap<String, u64>,
    /// Reservations, tickets and wallets that were compared.
    pub compared: std::collections::BTreeMap<&'static str, u64>,
    /// How many violations there are.
    pub violations: u64,
    /// The first of them.
    pub told: Vec<String>,
    /// Seconds that the audit took.
    pub seconds: f64,
}

impl Findings {
    /// One more violation.
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
/// When the server cannot be asked: that says nothing about the run.
pub async fn audit(subject: &Subject<'_>, seen_by_buyers: Vec<String>) -> Result<Findings> {
    let began = tokio::time::Instant::now();
    let header = &subject.ledger.header;
    let mut findings = Findings::default();
    for violation in seen_by_buyers {
        findings.wrong(violation);
    }
    let mut by_event: Vec<Vec<&Entry>> = vec![Vec::new(); header.events.len()];
    for entry in &subject.ledger.entries {
        findings.asked += 1;
        match entry.answered {
            Answered::Refused => {}
            Answered::Unknown => findings.unknown += 1,
            _ => findings.acknowledged += 1,
        }
        by_event[entry.event as usize].push(entry);
    }
    say(&format!(
        "stampede: auditing {} events and {} answers",
        header.events.len(),
        findings.asked
    ));
    let audits = header.events.iter().zip(&by_event).zip(0_usize..);
    let mut audits = stream::iter(audits)
        .map(|((event, entries), number)| audit_event(subject, *event, entries, number))
        .buffered(AT_ONCE);
    let mut people = people::Expected::default();
    while let Some(audited) = audits.try_next().await? {
        findings.events += 1;
        findings.rows += audited.rows;
        for (what, count) in audited.tally {
            *findings.tally.entry(what.into()).or_default() += count;
        }
        for violation in audited.violations {
            findings.wrong(format!("event {}, {violation}", audited.event));
        }
        people.add(audited.people);
    }
    people::compare(subject, people, &mut findings).await?;
    findings.seconds = began.elapsed().as_secs_f64();
    Ok(findings)
}
