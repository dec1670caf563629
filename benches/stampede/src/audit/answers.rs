//! Compares the journal of one event with its buyers' requests and the answers they got: no
//! acknowledged effect is missing, no refused request had an effect, and there are no effects
//! without a request.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;

use uuid::Uuid;

use super::replay::{Claim, Replay};
use crate::ledger::{Answered, Asked, Entry, Header};
use admitone::http::extract::IdempotencyKey;
use admitone::ids::{OfferingId, UserId};
use admitone::inventory::{CancelCause, Change, Entered, Line, Transition};
use admitone::journal::Row;

/// The requests of the buyers of one event, by the identity of their keys.
pub(super) struct Asks<'a> {
    header: &'a Header,
    by_key: HashMap<[u8; 16], (&'a Entry, bool)>,
    /// The buyers who paid for each reservation, and whether all answers they got were refusals.
    payers: HashMap<Uuid, HashMap<UserId, bool>>,
    pub(super) violations: Vec<String>,
}

/// The operation whose name is part of a key's identity; payments have their identity elsewhere.
fn operation(asked: &Asked) -> Option<&'static str> {
    match asked {
        Asked::Places { .. } | Asked::Seats(_) => Some("hold"),
        Asked::Extend { .. } => Some("extend hold"),
        Asked::Release { .. } => Some("release hold"),
        Asked::Reserve { .. } => Some("reserve"),
        Asked::Cancel { .. } => Some("cancel reservation"),
        Asked::Join { .. } => Some("join waitlist"),
        Asked::Leave { .. } => Some("leave waitlist"),
        Asked::Accept { .. } => Some("accept offer"),
        Asked::Apply => Some("apply"),
        Asked::Unenroll { .. } => Some("cancel"),
        Asked::LeaveQueue => Some("leave queue"),
        Asked::Pay { .. } | Asked::Charge => None,
    }
}

/// The identity of a request of a class: the server salts what was sent, and not the key.
fn identity_in_class(buyer: UserId, class: OfferingId, operation: &str, key: &str) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(buyer.0.as_bytes());
    hasher.update(class.0.as_bytes());
    hasher.update(&(operation.len() as u64).to_be_bytes());
    hasher.update(operation.as_bytes());
    hasher.update(key.as_bytes());
    let mut half = [0; 16];
    half.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    half
}

impl<'a> Asks<'a> {
    pub(super) fn new(header: &'a Header, entries: &[&'a Entry]) -> Self {
        let mut by_key = HashMap::with_capacity(entries.len());
        let mut payers: HashMap<Uuid, HashMap<UserId, bool>> = HashMap::new();
        for entry in entries {
            let buyer = header.buyers[entry.buyer as usize].id;
            let Some(operation) = operation(&entry.asked) else {
                if let Asked::Pay { reservation } = entry.asked {
                    let is_refused = payers.entry(reservation).or_default().entry(buyer);
                    *is_refused.or_insert(true) &= entry.answered == Answered::Refused;
                }
                continue;
            };
            if matches!(entry.asked, Asked::Apply | Asked::Unenroll { .. }) {
                let (class, key) = (header.events[entry.event as usize], header.key(entry.number));
                let identity = identity_in_class(buyer, class, operation, &key);
                by_key.insert(identity, (*entry, false));
                continue;
            }
            let key = IdempotencyKey(Some(header.key(entry.number)));
            if let Some(identity) = key.identity(buyer, operation, &()) {
                by_key.insert(identity.key, (*entry, false));
            }
        }
        Self { header, by_key, payers, violations: Vec::new() }
    }

    fn wrong(&mut self, row: &Row, what: impl Display) {
        self.violations.push(format!("row {}: {what}", row.seq));
    }

    /// Compares the effect of a row with the requests.
    pub(super) fn take(&mut self, row: &Row, transition: &Transition) {
        if let Some(idempotency) = transition.idempotency
            && (self.by_key.contains_key(&idempotency.key)
                || !may_be_keyed_by_instances(transition))
        {
            return self.asked_for(row, transition, idempotency.key);
        }
        for change in &transition.changes {
            match change {
                Change::PaymentBegun { reservation, .. }
                    if !self.payers.contains_key(&reservation.0) =>
                {
                    self.wrong(row, format!("nobody paid for reservation {reservation}"));
                }
                Change::ReservationConfirmed { reservation, customer, .. } => {
                    let payers = self.payers.get(&reservation.0);
                    let fault = match payers.map(|payers| payers.get(customer)) {
                        None => "nobody paid for it",
                        Some(None) => "somebody else paid for it",
                        Some(Some(true)) => "its payment was refused to the buyer",
                        Some(Some(false)) => continue,
                    };
                    self.wrong(row, format!("reservation {reservation} is confirmed, and {fault}"));
                }
                Change::HoldPlaced { .. }
                | Change::HoldExtended { .. }
                | Change::HoldChanged { .. }
                | Change::HoldReleased { .. }
                | Change::CheckedOut { .. }
                | Change::WaitlistJoined { .. }
                | Change::WaitlistLeft { .. }
                | Change::OfferAccepted { .. }
                | Change::Enrolled { .. }
                | Change::EnrollmentsCanceled { cause: CancelCause::Customer, .. }
                | Change::ReservationsCancelled { .. } => {
                    self.wrong(row, format!("no request asked for it: {change:?}"));
                }
                // Due work, the sale's own switches, and the changes that `Replay` checks.
                _ => {}
            }
        }
    }

    fn asked_for(&mut self, row: &Row, transition: &Transition, key: [u8; 16]) {
        let Some((entry, is_seen)) = self.by_key.get_mut(&key) else {
            let changes = &transition.changes;
            return self.wrong(row, format!("nobody of this run asked for it: {changes:?}"));
        };
        let (entry, was_seen) = (*entry, std::mem::replace(is_seen, true));
        let name = || format!("{:?} under key {}", entry.asked, self.header.key(entry.number));
        let Some(first) = transition.changes.first() else {
            return self.wrong(row, format!("{} did nothing", name()));
        };
        if matches!(first, Change::Refused { .. }) {
            if !matches!(entry.answered, Answered::Refused | Answered::Unknown) {
                let answered = &entry.answered;
                self.wrong(row, format!("{} was refused, and answered {answered:?}", name()));
            }
            return;
        }
        let buyer = self.header.buyers[entry.buyer as usize].id;
        let mut faults = Vec::new();
        if was_seen {
            faults.push("had a second effect".to_owned());
        }
        if entry.answered == Answered::Refused {
            faults.push(format!("was refused to the buyer, and did {first:?}"));
        }
        if !is_what_was_asked(&entry.asked, first, buyer) {
            faults.push(format!("did something else: {first:?}"));
        }
        if let Some(fault) = differs_from_answer(&entry.answered, first, row) {
            faults.push(fault);
        }
        let name = name();
        for fault in faults {
            self.wrong(row, format!("{name} {fault}"));
        }
    }

    /// Reports acknowledged requests without an effect, once all rows are read.
    pub(super) fn missing(&mut self, entries: &[&Entry], replay: &Replay) {
        for (entry, is_seen) in self.by_key.values() {
            let is_acknowledged = !matches!(entry.answered, Answered::Refused | Answered::Unknown);
            if is_acknowledged && !is_seen {
                self.violations.push(format!(
                    "LOST: {:?} under key {} was answered {:?} and is not in the journal",
                    entry.asked,
                    self.header.key(entry.number),
                    entry.answered
                ));
            }
        }
        let mut paid = HashSet::new();
        for entry in entries {
            if let (Asked::Pay { reservation }, Answered::Paid { amount }) =
                (&entry.asked, &entry.answered)
            {
                if !paid.insert(*reservation) {
                    self.violations.push(format!("reservation {reservation} was paid for twice"));
                }
                let hold = replay.reservations.get(reservation);
                let claim = hold.and_then(|hold| replay.claims.get(hold));
                if !replay.confirmed.contains_key(reservation) {
                    self.violations.push(format!(
                        "LOST: reservation {reservation} was paid for and is not confirmed"
                    ));
                } else if claim.is_none_or(|claim| price(&claim.lines) != *amount) {
                    self.violations
                        .push(format!("reservation {reservation}: {amount} is not its price"));
                }
            }
        }
    }
}

/// True if an instance may have added the key. An instance that forwards a command without a key
/// adds one: begun payments have no key of the client, since they have ids of their own. A
/// forwarded command that is refused for good also leaves a row.
fn may_be_keyed_by_instances(transition: &Transition) -> bool {
    let is_of_payments =
        |change: &Change| matches!(change, Change::PaymentBegun { .. } | Change::Refused { .. });
    !transition.changes.is_empty() && transition.changes.iter().all(is_of_payments)
}

pub(super) fn price(lines: &[Line]) -> i64 {
    lines.iter().map(|line| line.unit_price * i64::from(line.quantity)).sum()
}

fn is_what_was_asked(asked: &Asked, first: &Change, buyer: UserId) -> bool {
    match (asked, first) {
        (Asked::Places { product, quantity }, Change::HoldPlaced { customer, lines, .. }) => {
            let places: u32 = lines.iter().map(|line| line.quantity).sum();
            *customer == buyer
                && places == *quantity
                && lines.iter().all(|line| line.product.0 == *product)
        }
        (Asked::Seats(seats), Change::HoldPlaced { customer, lines, .. }) => {
            let wanted: HashSet<u32> = seats.iter().copied().collect();
            let given: HashSet<u32> =
                lines.iter().flat_map(|line| &line.seats).map(|seat| seat.0).collect();
            *customer == buyer && wanted == given
        }
        (Asked::Extend { hold }, Change::HoldExtended { hold: done, .. })
        | (Asked::Release { hold }, Change::HoldReleased { hold: done }) => *hold == done.0,
        (Asked::Reserve { hold }, Change::CheckedOut { hold: done, customer, .. }) => {
            *hold == done.0 && *customer == buyer
        }
        (Asked::Cancel { reservation }, Change::ReservationsCancelled { reservations }) => {
            matches!(&reservations[..], [one] if one.0 == *reservation)
        }
        (
            Asked::Join { product, party },
            Change::WaitlistJoined { customer, product: of, party_size, .. },
        ) => *customer == buyer && of.0 == *product && party_size == party,
        // Declining an offer releases the offered places.
        (Asked::Leave { entry }, Change::WaitlistLeft { entry: done })
        | (Asked::Leave { entry }, Change::HoldReleased { hold: done })
        | (Asked::Accept { entry }, Change::OfferAccepted { entry: done, .. }) => *entry == done.0,
        (Asked::Apply, Change::Enrolled { customer, .. }) => *customer == buyer,
        // Whose entry it is, the queue's own audit knows.
        (Asked::LeaveQueue, Change::QueueLeft { .. } | Change::SessionsEnded { .. }) => true,
        // A place is a reservation, which ends before its enrollment.
        (Asked::Unenroll { enrollment }, Change::ReservationsCancelled { reservations }) => {
            matches!(&reservations[..], [one] if one.0 == *enrollment)
        }
        (Asked::Unenroll { enrollment }, Change::ReservationCancelledFor { reservation, .. }) => {
            reservation.0 == *enrollment
        }
        (Asked::Unenroll { enrollment }, Change::EnrollmentsCanceled { enrollments, .. }) => {
            matches!(&enrollments[..], [one] if one.enrollment.0 == *enrollment)
        }
        _ => false,
    }
}

/// How the journal contradicts the answer that the buyer got; `None` if it does not.
fn differs_from_answer(answered: &Answered, first: &Change, row: &Row) -> Option<String> {
    let is_same = match (answered, first) {
        (Answered::Held { hold, seq, places, seats, price: told }, change) => {
            let (id, lines) = match change {
                Change::HoldPlaced { hold, lines, .. } => (hold.0, &lines[..]),
                Change::OfferAccepted { entry, line, .. } => (entry.0, std::slice::from_ref(line)),
                _ => return Some(format!("was answered with a hold, and did {change:?}")),
            };
            let given: Vec<u32> =
                lines.iter().flat_map(|line| &line.seats).map(|seat| seat.0).collect();
            let all: u32 = lines.iter().map(|line| line.quantity).sum();
            id == *hold
                && *seq == row.seq.0
                && given == **seats
                && all == *places
                && price(lines) == *told
        }
        (
            Answered::Reserved { reservation, price: told },
            Change::CheckedOut { reservation: done, lines, .. },
        ) => *reservation == done.0 && price(lines) == *told,
        (Answered::Waiting { entry }, Change::WaitlistJoined { entry: done, .. }) => {
            *entry == done.0
        }
        // Who is told of a place may have waited: promoted before the answer was read.
        (
            Answered::Enrolled { enrollment, waits },
            Change::Enrolled { enrollment: done, into, .. },
        ) => *enrollment == done.0 && (!waits || matches!(into, Entered::Waitlisted { .. })),
        (Answered::Done | Answered::Refused | Answered::Unknown, _) => true,
        (
            Answered::Reserved { .. }
            | Answered::Waiting { .. }
            | Answered::Paid { .. }
            | Answered::Enrolled { .. },
            _,
        ) => false,
    };
    (!is_same).then(|| format!("was answered {answered:?}, and did {first:?}"))
}

/// True if a claim is sold at the end of the journal.
pub(super) fn is_sold(claim: &Claim) -> bool {
    claim.state == super::replay::State::Sold
}
