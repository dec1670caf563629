//! What the buyers have in the end, against the journals: reservations, tickets, money.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Events, Findings, Subject};
use crate::ids::UserId;
use crate::stampede::api::{Api, Call};
use crate::stampede::ledger::{Answered, Asked, Entry};
use crate::stampede::say;

const AT_ONCE: usize = 4;
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What the journals say that there must be.
#[derive(Default)]
pub(super) struct Expected {
    /// The status of each reservation, where it cannot change any more.
    pub(super) reservations: HashMap<Uuid, Option<&'static str>>,
    /// What each customer has paid and not been given back, in minor units.
    pub(super) spent: HashMap<UserId, i64>,
    /// Valid tickets of each customer.
    pub(super) tickets: HashMap<UserId, u64>,
}

impl Expected {
    fn of(events: &Events<'_>) -> Self {
        let mut all = Self::default();
        for one in events.audited.iter().map(|audited| &audited.people) {
            all.reservations.extend(&one.reservations);
            for (customer, more) in &one.spent {
                *all.spent.entry(*customer).or_default() += more;
            }
            for (customer, more) in &one.tickets {
                *all.tickets.entry(*customer).or_default() += more;
            }
        }
        all
    }
}

/// Compares until all agrees, or the time to settle is over. Journals are read again meanwhile: a
/// payment whose outcome nobody was told may be confirmed at last.
pub(super) async fn compare(
    subject: &Subject<'_>,
    events: &mut Events<'_>,
    findings: &mut Findings,
) -> Result<()> {
    let header = &subject.ledger.header;
    let buyers = if header.charged == 0 { 0 } else { header.buyers.len() };
    let deadline = Instant::now() + subject.settle;
    let mut left: HashSet<usize> = (0..buyers).collect();
    let (expected, differing) = loop {
        let expected = Expected::of(events);
        let differing = compare_buyers(subject, &left, &expected).await?;
        if differing.is_empty() || Instant::now() >= deadline {
            break (expected, differing);
        }
        if left.len() == buyers {
            say(&format!("stampede: {} wallets are still to be settled", differing.len()));
        }
        left = differing.into_iter().map(|(number, _)| number).collect();
        tokio::time::sleep(LOOK_EVERY).await;
        events.read_again(&left).await?;
    };
    if !expected.reservations.is_empty() {
        let count = compare_reservations(subject, expected.reservations, findings).await?;
        findings.compared.insert("reservations", count);
    }
    if buyers == 0 {
        return Ok(());
    }
    // Whoever never learnt whether it paid may still have money set aside.
    let is_open = |entry: &&Entry| {
        matches!((&entry.asked, &entry.answered), (Asked::Pay { .. }, Answered::Unknown))
    };
    let open = subject.ledger.entries.iter().filter(is_open).map(|entry| entry.buyer as usize);
    let open: HashSet<usize> = open.collect();
    let mut left_out = 0;
    for (number, violation) in differing {
        if open.contains(&number) {
            left_out += 1;
        } else {
            findings.wrong(violation);
        }
    }
    findings.compared.insert("wallets", buyers as u64 - left_out);
    findings.compared.insert("wallets left out", left_out);
    findings.compared.insert("tickets", expected.tickets.values().sum());
    Ok(())
}

/// Those of the buyers who have something else than they should, and what.
async fn compare_buyers(
    subject: &Subject<'_>,
    which: &HashSet<usize>,
    expected: &Expected,
) -> Result<Vec<(usize, String)>> {
    let buyers = subject.ledger.header.buyers.iter().zip(subject.tokens).enumerate();
    let checks = stream::iter(buyers.filter(|(number, _)| which.contains(number)))
        .map(async |(number, (buyer, token))| {
            let violation = check_buyer(subject, number, buyer.id, token, expected).await?;
            anyhow::Ok(violation.map(|violation| (number, violation)))
        })
        .buffered(AT_ONCE);
    let checks: Vec<_> = checks.try_collect().await?;
    Ok(checks.into_iter().flatten().collect())
}

/// Pages through everybody's reservations, newest first, until all of the run's were seen.
async fn compare_reservations(
    subject: &Subject<'_>,
    mut left: HashMap<Uuid, Option<&'static str>>,
    findings: &mut Findings,
) -> Result<u64> {
    let mut api = Api::new(subject.addresses, 0, subject.timeout);
    let mut cursor: Option<String> = None;
    let mut compared = 0;
    while !left.is_empty() {
        let mut path = "/api/admin/reservations?limit=100".to_owned();
        if let Some(cursor) = &cursor {
            path.push_str("&cursor=");
            path.push_str(cursor);
        }
        let page = api.whole(Call::get(&path, Some(subject.admin))).await?;
        for one in page["data"].as_array().into_iter().flatten() {
            let id = one["id"].as_str().and_then(|id| id.parse().ok());
            let id: Uuid = id.context("a reservation without an id")?;
            let Some(status) = left.remove(&id) else { continue };
            compared += 1;
            if status.is_some_and(|status| one["status"] != status) {
                let (ours, theirs) = (status.unwrap_or_default(), &one["status"]);
                findings.wrong(format!("reservation {id} is {theirs}, the journal says {ours}"));
            }
        }
        cursor = page["meta"]["nextCursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    for id in left.into_keys() {
        findings.wrong(format!("LOST: reservation {id} is in a journal and in no list"));
    }
    Ok(compared)
}

/// What is wrong with somebody's wallet and tickets at the moment, if anything is.
async fn check_buyer(
    subject: &Subject<'_>,
    number: usize,
    id: UserId,
    token: &str,
    expected: &Expected,
) -> Result<Option<String>> {
    let mut api = Api::new(subject.addresses, number, subject.timeout);
    let header = &subject.ledger.header;
    let balance = header.charged - expected.spent.get(&id).copied().unwrap_or_default();
    let tickets = expected.tickets.get(&id).copied().unwrap_or_default();
    let wallet = api.call(Call::get("/api/wallet", Some(token))).await?;
    let balances = wallet["balances"].as_array();
    let found = balances
        .into_iter()
        .flatten()
        .find(|one| one["currency"] == header.currency.as_str())
        .and_then(|one| one["amount"].as_i64());
    let valid = valid_tickets(&mut api, token).await?;
    let is_right = found == Some(balance) && valid == tickets;
    Ok((!is_right).then(|| {
        format!(
            "buyer {id} has {found:?} in the wallet and {valid} valid tickets; the journals say \
             {balance} and {tickets}"
        )
    }))
}

async fn valid_tickets(api: &mut Api, token: &str) -> Result<u64> {
    let mut cursor: Option<String> = None;
    let mut valid = 0;
    loop {
        let mut path = "/api/tickets?limit=100".to_owned();
        if let Some(cursor) = &cursor {
            path.push_str("&cursor=");
            path.push_str(cursor);
        }
        let page: Value = api.whole(Call::get(&path, Some(token))).await?;
        let tickets = page["data"].as_array().into_iter().flatten();
        valid += tickets.filter(|ticket| ticket["status"] == "VALID").count() as u64;
        match page["meta"]["nextCursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return Ok(valid),
        }
    }
}
