//! The audit of one event.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;
use uuid::Uuid;

use super::Subject;
use super::answers::{Asks, is_sold, price};
use super::enrollments;
use super::people::{Expected, Ticket};
use super::queue::history::History;
use super::queue::record::PublicRecord;
use super::queue::told;
use super::replay::{Counts, Replay, State};
use super::reservations;
use crate::api::{Api, Call};
use crate::ledger::{Answered, Asked, Entry, Header};
use admitone::ids::{OfferingId, ProductId, SeatId};
use admitone::inventory::Line;
use admitone::journal::{Record, export};

/// The result of an event's audit.
pub(super) struct Audited {
    pub(super) event: OfferingId,
    pub(super) rows: u64,
    pub(super) tally: BTreeMap<&'static str, u64>,
    pub(super) violations: Vec<String>,
    /// Number of its reservations compared; `unsettled` lists their differences from the journal,
    /// which may have grown since it was read.
    pub(super) reservations: u64,
    /// Number of enrollments compared, for a class.
    pub(super) enrollments: u64,
    pub(super) unsettled: Vec<String>,
    pub(super) people: Expected,
    /// What happened in the event's waiting room.
    pub(super) history: Option<Box<History>>,
}

/// A view that the server returned, with the seq of its last row.
struct Shown {
    seq: u64,
    value: Value,
    is_compared: bool,
}

impl Shown {
    async fn read(api: &mut Api, path: &str, token: &str) -> Result<Self> {
        let value = api.call(Call::get(path, Some(token))).await?;
        let seq = value["seq"].as_u64().with_context(|| format!("{path} has no seq"))?;
        Ok(Self { seq, value, is_compared: false })
    }
}

pub(super) async fn audit_event(
    subject: &Subject<'_>,
    event: OfferingId,
    entries: &[&Entry],
    number: usize,
) -> Result<Audited> {
    let mut api = Api::new(subject.addresses, number, subject.timeout);
    let path = |rest: &str| format!("/api/events/{event}/{rest}");
    // Read before the journal, so that the journal has all rows that these include.
    let mut availability = Shown::read(&mut api, &path("availability"), subject.admin).await?;
    let mut seats = Shown::read(&mut api, &path("seats"), subject.admin).await?;
    let mut audit = Shown::read(&mut api, &path("audit"), subject.admin).await?;
    let mut replay = Replay::default();
    let mut asks = Asks::new(&subject.ledger.header, entries);
    let mut violations = Vec::new();
    let journal = format!("/api/admin/offerings/{event}/journal");
    let lines = api.lines(Call::get(&journal, Some(subject.admin)), |line| {
        let row = export::from_line(line).context("a line of the journal")?;
        let Some(record) = replay.take(&row) else { return Ok(()) };
        if let Record::Batch(transitions) = &record {
            for transition in transitions {
                asks.take(&row, transition);
            }
        }
        if row.seq.0 == availability.seq {
            availability.is_compared = true;
            compare_counts(event, &replay, &availability.value, &mut violations);
        }
        if row.seq.0 == seats.seq {
            seats.is_compared = true;
            compare_seats(event, &replay, &seats.value, &mut violations);
        }
        if row.seq.0 == audit.seq {
            audit.is_compared = true;
            let digest = blake3::Hash::from(row.hash).to_hex().to_string();
            if audit.value["digest"] != digest.as_str() {
                violations.push(format!("row {}: the server's audit has another digest", row.seq));
            }
        }
        Ok(())
    });
    let rows = lines.await?;
    asks.missing(entries, &replay);
    for (shown, what) in [(availability, "availability"), (seats, "seat map"), (audit, "audit")] {
        if !shown.is_compared {
            violations.push(format!(
                "the {what} shows row {}, and the journal ends at {}",
                shown.seq, replay.head.seq
            ));
        }
    }
    let people = expected(event, &replay, &subject.ledger.header, entries);
    let (reservations, mut unsettled) =
        reservations::compare(&mut api, subject.admin, event, &replay).await?;
    let mut enrollments = 0;
    if replay.class.rules.is_some() {
        violations.extend(enrollments::without_place(entries, &replay));
        let compared = enrollments::compare(&mut api, subject, event, entries, &replay.class);
        let (count, differing) = compared.await?;
        enrollments = count;
        unsettled.extend(differing);
    }
    violations.append(&mut replay.violations);
    violations.append(&mut asks.violations);
    let tally = std::mem::take(&mut replay.tally);
    let history = replay.into_history();
    let mut compared = None;
    if history.is_any() {
        let (told, buyers) = (&subject.ledger.told, &subject.ledger.header.buyers);
        violations.extend(told::check(told, buyers, &history));
        let record = PublicRecord::read(&mut api, event).await?;
        violations.extend(record.compare(told, &history));
        compared = Some(Box::new(history));
    }
    Ok(Audited {
        event,
        rows,
        tally,
        violations,
        reservations,
        enrollments,
        unsettled,
        people,
        history: compared,
    })
}

fn compare_counts(event: OfferingId, replay: &Replay, shown: &Value, violations: &mut Vec<String>) {
    let ids = (0_u16..).map(ProductId);
    for (id, ours) in ids.zip(&replay.products) {
        let public = id.to_public(event);
        let products = shown["products"].as_array();
        let theirs = products.into_iter().flatten().find(|one| one["id"] == public.as_str());
        let theirs = theirs.map(|one| {
            let number = |field: &str| one[field].as_i64().unwrap_or(-1);
            Counts {
                total: number("total"),
                available: number("available"),
                held: number("held"),
                sold: number("sold"),
            }
        });
        if theirs != Some(*ours) {
            violations.push(format!(
                "row {}: product {public} shows {theirs:?}, and the journal says {ours:?}",
                replay.head.seq
            ));
        }
    }
}

fn compare_seats(event: OfferingId, replay: &Replay, shown: &Value, violations: &mut Vec<String>) {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let sections = list(&shown["sections"]);
    let rows = sections.iter().flat_map(|section| list(&section["rows"]));
    for seat in rows.flat_map(|row| list(&row["seats"])) {
        let id = seat["id"].as_str().and_then(|id| SeatId::from_public(event, id).ok());
        let Some(id) = id else {
            violations.push(format!("a seat of another event is shown: {seat}"));
            continue;
        };
        let claim = replay.seats.get(&id.0).and_then(|hold| replay.claims.get(hold));
        let ours = match claim.map(|claim| claim.state) {
            None => "AVAILABLE",
            Some(State::Sold) => "SOLD",
            Some(State::Offered | State::Held | State::Reserved | State::Ended { .. }) => "HELD",
        };
        if seat["status"] != ours {
            violations.push(format!(
                "row {}: seat {} is shown as {}, and the journal says {ours}",
                replay.head.seq, id.0, seat["status"]
            ));
        }
    }
}

/// The money and tickets that the event's buyers must have in the end.
fn expected(event: OfferingId, replay: &Replay, header: &Header, entries: &[&Entry]) -> Expected {
    let mut expected = Expected::default();
    let claim_of = |reservation| replay.claims.get(replay.reservations.get(reservation)?);
    for reservation in replay.reservations.keys() {
        // The part of the price that was not refunded for a cancelled reservation counts as spent.
        if let (Some(refund), Some(claim)) =
            (replay.refunds.get(reservation), claim_of(reservation))
        {
            *expected.spent.entry(claim.customer).or_default() += price(&claim.lines) - refund;
        }
        let Some(claim) = claim_of(reservation).filter(|claim| is_sold(claim)) else { continue };
        *expected.spent.entry(claim.customer).or_default() += price(&claim.lines);
        let tickets = expected.tickets.entry(claim.customer).or_default();
        tickets.extend(claim.lines.iter().flat_map(|line| tickets_of(event, *reservation, line)));
    }
    for entry in entries {
        if let (Asked::Pay { reservation }, Answered::Unknown) = (&entry.asked, &entry.answered)
            && !replay.confirmed.contains_key(reservation)
            && let Some(claim) = claim_of(reservation)
        {
            let buyer = header.buyers[entry.buyer as usize].id;
            *expected.open.entry(buyer).or_default() += price(&claim.lines);
        }
    }
    expected
}

/// The tickets of a line, one for each place.
fn tickets_of(event: OfferingId, reservation: Uuid, line: &Line) -> impl Iterator<Item = Ticket> {
    let seats: Vec<_> = match &line.seats[..] {
        [] => (0..line.quantity).map(|_| None).collect(),
        seats => seats.iter().map(|seat| Some(seat.to_public(event))).collect(),
    };
    let product = line.product.to_public(event);
    seats.into_iter().map(move |seat| Ticket {
        reservation: reservation.to_string(),
        event: event.to_string(),
        product: product.clone(),
        seat,
    })
}
