//! Compares the buyers' tickets and money at the end with the journals.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use anyhow::Result;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;
use tokio::time::Instant;

use super::reservations::text;
use super::{Events, Findings, Subject};
use crate::api::{Api, Call};
use crate::ledger::{Answered, Asked, Entry};
use crate::say;
use admitone::ids::UserId;

const AT_ONCE: usize = 4;
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The tickets and money that the journals imply.
#[derive(Default)]
pub(super) struct Expected {
    /// Amount that each customer has paid without a refund, in minor units.
    pub(super) spent: HashMap<UserId, i64>,
    /// Valid tickets of each customer.
    pub(super) tickets: HashMap<UserId, Vec<Ticket>>,
    /// The largest amount of each customer that may be set aside for payments whose outcome the
    /// buyer never learnt.
    pub(super) open: HashMap<UserId, i64>,
}

/// A ticket for one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket {
    pub(super) reservation: String,
    pub(super) event: String,
    pub(super) product: String,
    pub(super) seat: Option<String>,
}

/// A buyer whose wallet or tickets differ from the journals.
struct Differing {
    number: usize,
    what: String,
    /// True if the difference may be money that is set aside.
    is_open: bool,
}

impl Expected {
    fn of(events: &Events<'_>) -> Self {
        let mut all = Self::default();
        for one in events.audited.iter().map(|audited| &audited.people) {
            for (theirs, ours) in [(&one.spent, &mut all.spent), (&one.open, &mut all.open)] {
                for (customer, more) in theirs {
                    *ours.entry(*customer).or_default() += more;
                }
            }
            for (customer, more) in &one.tickets {
                all.tickets.entry(*customer).or_default().extend_from_slice(more);
            }
        }
        all.tickets.values_mut().for_each(|tickets| tickets.sort());
        all
    }
}

/// Compares until everything agrees, or the time to settle is over. Journals are read again
/// meanwhile: a payment whose outcome the buyer never learnt may still be confirmed.
pub(super) async fn compare(
    subject: &Subject<'_>,
    events: &mut Events<'_>,
    findings: &mut Findings,
) -> Result<()> {
    let with_money = with_money(subject);
    let buyers = with_money.len();
    let deadline = Instant::now() + subject.settle;
    let mut left = with_money;
    let mut is_told = false;
    let (expected, differing) = loop {
        let expected = Expected::of(events);
        let differing = compare_buyers(subject, &left, &expected).await?;
        let is_settled = differing.is_empty() && !events.is_unsettled();
        if is_settled || Instant::now() >= deadline {
            break (expected, differing);
        }
        if !std::mem::replace(&mut is_told, true) {
            let what = if differing.is_empty() { "reservations" } else { "wallets" };
            say(&format!(
                "stampede: {what} are still to be settled, for {:?} at most",
                subject.settle
            ));
        }
        left = differing.into_iter().map(|one| one.number).collect();
        tokio::time::sleep(LOOK_EVERY).await;
        events.read_again(&left).await?;
    };
    if buyers == 0 {
        return Ok(());
    }
    let mut left_out = 0;
    for Differing { what, is_open, .. } in differing {
        if is_open {
            left_out += 1;
        } else {
            findings.wrong(what);
        }
    }
    let tickets = expected.tickets.values().map(|tickets| tickets.len() as u64).sum();
    findings.compared.insert("wallets", buyers as u64 - left_out);
    findings.compared.insert("wallets left out", left_out);
    findings.compared.insert("tickets", tickets);
    Ok(())
}

/// The buyers who have charged their wallets, or for whom they were charged.
fn with_money(subject: &Subject<'_>) -> HashSet<usize> {
    let header = &subject.ledger.header;
    if header.charged == 0 {
        return HashSet::new();
    }
    if !header.signed || header.prepaid {
        return (0..header.buyers.len()).collect();
    }
    let charged = |entry: &&Entry| entry.asked == Asked::Charge && entry.answered == Answered::Done;
    let entries = subject.ledger.entries.iter();
    entries.filter(charged).map(|entry| entry.buyer as usize).collect()
}

/// The buyers whose wallet or tickets differ from the expected.
async fn compare_buyers(
    subject: &Subject<'_>,
    which: &HashSet<usize>,
    expected: &Expected,
) -> Result<Vec<Differing>> {
    let checks = (0..subject.ledger.header.buyers.len()).filter(|number| which.contains(number));
    let checks =
        stream::iter(checks).map(|number| check_buyer(subject, number, expected)).buffered(AT_ONCE);
    let checks: Vec<_> = checks.try_collect().await?;
    Ok(checks.into_iter().flatten().collect())
}

/// The current difference in a buyer's wallet and tickets, if there is one.
async fn check_buyer(
    subject: &Subject<'_>,
    number: usize,
    expected: &Expected,
) -> Result<Option<Differing>> {
    let mut api = Api::new(subject.addresses, number, subject.timeout);
    let (header, token) = (&subject.ledger.header, &subject.tokens[number]);
    let id = header.buyers[number].id;
    let of = |amounts: &HashMap<UserId, i64>| amounts.get(&id).copied().unwrap_or_default();
    let balance = header.charged - of(&expected.spent);
    let tickets = expected.tickets.get(&id).map_or(&[][..], Vec::as_slice);
    let wallet = api.call(Call::get("/api/wallet", Some(token))).await?;
    let balances = wallet["balances"].as_array();
    let found = balances
        .into_iter()
        .flatten()
        .find(|one| one["currency"] == header.currency.as_str())
        .and_then(|one| one["amount"].as_i64());
    let valid = valid_tickets(&mut api, token).await?;
    if found == Some(balance) && valid == tickets {
        return Ok(None);
    }
    let set_aside = balance - of(&expected.open)..=balance;
    let is_open = valid == tickets && found.is_some_and(|found| set_aside.contains(&found));
    let mut what = format!(
        "buyer {id} has {found:?} in the wallet and {} valid tickets; the journals say {balance} \
         and {}",
        valid.len(),
        tickets.len()
    );
    let without = |these: &[Ticket], those: &[Ticket]| {
        these.iter().find(|ticket| those.binary_search(ticket).is_err()).cloned()
    };
    for (ticket, which) in [
        (without(&valid, tickets), "is in no journal"),
        (without(tickets, &valid), "of the journals is not there"),
    ] {
        if let Some(ticket) = ticket {
            what.push_str(&format!("; {ticket:?} {which}"));
        }
    }
    Ok(Some(Differing { number, what, is_open }))
}

/// The buyer's valid tickets, sorted.
async fn valid_tickets(api: &mut Api, token: &str) -> Result<Vec<Ticket>> {
    let mut cursor: Option<String> = None;
    let mut valid = Vec::new();
    loop {
        let mut path = "/api/tickets?limit=100".to_owned();
        if let Some(cursor) = &cursor {
            path.push_str("&cursor=");
            path.push_str(cursor);
        }
        let page: Value = api.whole(Call::get(&path, Some(token))).await?;
        let tickets = page["data"].as_array().into_iter().flatten();
        valid.extend(tickets.filter(|one| one["status"] == "VALID").map(|one| Ticket {
            reservation: text(&one["reservationId"]),
            event: text(&one["eventId"]),
            product: text(&one["productId"]),
            seat: one["seat"]["id"].as_str().map(str::to_owned),
        }));
        match page["meta"]["nextCursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    valid.sort();
    Ok(valid)
}
