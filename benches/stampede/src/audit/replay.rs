//! An independent check of an event: its journal, read row by row and folded by rules that share
//! nothing with the server's inventory. Every row that does not fit is a violation.

mod claims;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Display;

use uuid::Uuid;

use admitone::ids::{ProductId, UserId};
use admitone::inventory::{
    Approval, Change, Definition, EnrollmentStatus, Line, Minor, TimestampMs, Transition,
};
use admitone::journal::{Head, Record, Row};

use crate::audit::classes::Class;
use crate::audit::queue::history::History;
use crate::audit::queue::{Queue, Stock};

/// The state of a claim on places.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) customer: UserId,
    pub(super) lines: Vec<Line>,
    pub(super) state: State,
    deadline: TimestampMs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Offered,
    Held,
    Reserved,
    Sold,
    /// The claim's places are free again; if `was_sold`, its money is refunded.
    Ended {
        was_sold: bool,
    },
}

/// The places of a product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) total: i64,
    pub(super) available: i64,
    pub(super) held: i64,
    pub(super) sold: i64,
}

/// The state of an event, as derived from its journal.
#[derive(Default)]
pub(super) struct Replay {
    pub(super) head: Head,
    pub(super) products: Vec<Counts>,
    /// The claim on each seat.
    pub(super) seats: HashMap<u32, Uuid>,
    /// The product of each seat.
    seat_products: Vec<ProductId>,
    pub(super) claims: HashMap<Uuid, Claim>,
    /// The hold of each reservation.
    pub(super) reservations: HashMap<Uuid, Uuid>,
    pub(super) confirmed: HashMap<Uuid, Uuid>,
    /// The refund of each paid reservation that was not refunded completely.
    pub(super) refunds: HashMap<Uuid, Minor>,
    waiting: HashMap<Uuid, UserId>,
    /// The enrollments of a class.
    pub(super) class: Class,
    /// The queue of a waiting room.
    queue: Queue,
    pub(super) history: History,
    /// The number of holds and unpaid reservations of each customer.
    open_claims: HashMap<UserId, u32>,
    keys: HashSet<[u8; 16]>,
    pub(super) violations: Vec<String>,
    /// Number of each kind of change, for the report.
    pub(super) tally: BTreeMap<&'static str, u64>,
    at: TimestampMs,
}

impl Replay {
    /// Takes the next row; returns its record when it follows from the row before.
    pub(super) fn take(&mut self, row: &Row) -> Option<Record> {
        let record = match row.verify(&self.head) {
            Ok(record) => record,
            Err(error) => {
                self.violations.push(format!("row {}: {error}", row.seq));
                return None;
            }
        };
        if row.at < self.at {
            self.wrong(row, "its time lies before the row before");
        }
        self.at = row.at;
        self.head = row.head();
        if let Record::Batch(transitions) = &record {
            for transition in transitions {
                self.transition(row, transition);
            }
        }
        Some(record)
    }

    fn transition(&mut self, row: &Row, transition: &Transition) {
        if let Some(idempotency) = transition.idempotency
            && !self.keys.insert(idempotency.key)
        {
            self.wrong(row, "a second effect of one idempotency key");
        }
        let is_by_organiser =
            transition.changes.iter().any(|change| matches!(change, Change::ActedBy { .. }));
        for change in &transition.changes {
            let stock = Stock { left: self.left(), claims: &self.open_claims };
            for what in self.queue.take(change, row.at, is_by_organiser, stock) {
                self.wrong(row, what);
            }
            self.change(row, change);
            self.history.take(change, row.at);
        }
        let stock = Stock { left: self.left(), claims: &self.open_claims };
        self.queue.settle(row.at, stock);
        let of_all = |of: fn(&Counts) -> i64| self.products.iter().map(of).sum();
        let (total, sold) = (of_all(|counts| counts.total), of_all(|counts| counts.sold));
        self.history.places(row.at, total, sold);
        let free = self.products.first().map_or(0, |places| places.available);
        if let Some(what) = self.class.passed_by(free, row.at) {
            self.wrong(row, what);
        }
        for id in transition.changes.iter().flat_map(ended) {
            if self.class.status(id) == Some(EnrollmentStatus::Approved) && !self.has_place(id) {
                self.wrong(row, format!("{id} lost its place and stays approved"));
            }
        }
    }

    /// Free places of all products.
    fn left(&self) -> i64 {
        self.products.iter().map(|counts| counts.available).sum()
    }

    /// What the journal says happened in the waiting room.
    pub(super) fn into_history(mut self) -> History {
        self.history.delays = std::mem::take(&mut self.queue.delays);
        self.history
    }

    fn has_place(&self, enrollment: Uuid) -> bool {
        let claim = self.claims.get(&enrollment);
        claim.is_some_and(|claim| !matches!(claim.state, State::Ended { .. }))
    }

    fn wrong(&mut self, row: &Row, what: impl Display) {
        self.violations.push(format!("row {}: {what}", row.seq));
    }

    fn tally(&mut self, what: &'static str, count: usize) {
        *self.tally.entry(what).or_default() += count as u64;
    }

    fn change(&mut self, row: &Row, change: &Change) {
        let free = self.products.first().map_or(0, |places| places.available);
        for what in self.class.take(change, free, row.at) {
            self.wrong(row, what);
        }
        match change {
            Change::Created { definition } => self.create(definition),
            Change::HoldPlaced { hold, customer, lines, expires_at } => {
                self.tally("holds placed", 1);
                self.claim(row, hold.0, *customer, lines.clone(), State::Held, *expires_at);
            }
            Change::OfferMade { entry, customer, line, expires_at } => {
                self.tally("offers made", 1);
                if self.waiting.remove(&entry.0) != Some(*customer) {
                    self.wrong(row, format!("an offer to {entry}, who does not wait"));
                }
                let lines = vec![line.clone()];
                self.claim(row, entry.0, *customer, lines, State::Offered, *expires_at);
            }
            Change::HoldExtended { hold, expires_at, .. } => {
                self.step(row, hold.0, &[State::Held], State::Held);
                if let Some(claim) = self.claims.get_mut(&hold.0) {
                    claim.deadline = *expires_at;
                }
            }
            Change::HoldChanged { hold, lines, expires_at } => {
                self.tally("holds changed", 1);
                self.replace(row, hold.0, lines.clone(), *expires_at);
            }
            Change::OfferAccepted { entry, expires_at, .. } => {
                self.step(row, entry.0, &[State::Offered], State::Held);
                if let Some(claim) = self.claims.get_mut(&entry.0) {
                    claim.deadline = *expires_at;
                }
            }
            Change::HoldReleased { hold } => {
                self.tally("holds released", 1);
                self.free(row, hold.0, &[State::Held, State::Offered]);
            }
            Change::HoldsExpired { holds } => {
                self.tally("holds expired", holds.len());
                for hold in holds {
                    let deadline = self.claims.get(&hold.0).map(|claim| claim.deadline);
                    if deadline.is_some_and(|deadline| row.at < deadline) {
                        self.wrong(row, format!("hold {hold} expired before its time"));
                    }
                    self.free(row, hold.0, &[State::Held, State::Offered]);
                }
            }
            Change::CheckedOut { hold, reservation, customer, .. } => {
                self.tally("reservations", 1);
                if self.claims.get(&hold.0).is_some_and(|claim| claim.customer != *customer) {
                    self.wrong(row, format!("hold {hold} was checked out by somebody else"));
                }
                self.step(row, hold.0, &[State::Held], State::Reserved);
                self.reservations.insert(reservation.0, hold.0);
            }
            Change::ReservationConfirmed { reservation, payment, .. } => {
                self.tally("reservations confirmed", 1);
                if self.confirmed.insert(reservation.0, payment.0).is_some() {
                    self.wrong(row, format!("reservation {reservation} confirmed twice"));
                }
                if let Some(hold) = self.hold_of(row, reservation.0) {
                    self.step(row, hold, &[State::Reserved], State::Sold);
                }
            }
            Change::ReservationGranted { reservation, lines, .. } => {
                self.tally("reservations confirmed", 1);
                if lines.iter().any(|line| line.unit_price != 0) {
                    self.wrong(row, format!("reservation {reservation} was given away"));
                }
                if let Some(hold) = self.hold_of(row, reservation.0) {
                    self.step(row, hold, &[State::Reserved], State::Sold);
                }
            }
            Change::ReservationsExpired { reservations } => {
                self.tally("reservations expired", reservations.len());
                for reservation in reservations {
                    if let Some(hold) = self.hold_of(row, reservation.0) {
                        self.free(row, hold, &[State::Reserved]);
                    }
                }
            }
            Change::ReservationsCancelled { reservations } => {
                self.tally("reservations cancelled", reservations.len());
                for reservation in reservations {
                    if let Some(hold) = self.hold_of(row, reservation.0) {
                        self.free(row, hold, &[State::Reserved, State::Sold]);
                    }
                }
            }
            Change::ReservationCancelledFor { reservation, refund } => {
                self.tally("reservations cancelled", 1);
                self.refunds.insert(reservation.0, *refund);
                if let Some(hold) = self.hold_of(row, reservation.0) {
                    self.free(row, hold, &[State::Sold]);
                }
            }
            Change::ReservationRevived { reservation } => self.revive(row, reservation.0),
            Change::WaitlistJoined { entry, customer, .. } => {
                self.tally("waitlist joined", 1);
                self.waiting.insert(entry.0, *customer);
            }
            Change::WaitlistLeft { entry } | Change::WaitlistPassedOver { entry } => {
                if self.waiting.remove(&entry.0).is_none() {
                    self.wrong(row, format!("{entry} left the waitlist without being on it"));
                }
            }
            Change::EnrollmentApproved { enrollment, customer, line, pay_by, how, moved } => {
                self.tally("enrollments approved", 1);
                if *how == Approval::Promoted {
                    self.tally("enrollments promoted", 1);
                }
                if moved.from == EnrollmentStatus::Offered {
                    self.step(row, enrollment.0, &[State::Offered], State::Reserved);
                } else {
                    let (lines, deadline) = (vec![line.clone()], pay_by.unwrap_or(row.at));
                    self.claim(row, enrollment.0, *customer, lines, State::Reserved, deadline);
                }
                self.reservations.insert(enrollment.0, enrollment.0);
                if pay_by.is_none() {
                    self.step(row, enrollment.0, &[State::Reserved], State::Sold);
                }
            }
            Change::PlaceOffered { enrollment, customer, line, expires_at, .. } => {
                self.tally("offers made", 1);
                let lines = vec![line.clone()];
                self.claim(row, enrollment.0, *customer, lines, State::Offered, *expires_at);
            }
            // An organiser gives a class more places while people apply.
            Change::Resized { product, total } if self.class.rules.is_some() => {
                let places = &mut self.products[product.index()];
                places.available += i64::from(*total) - places.total;
                places.total = i64::from(*total);
                if places.available < 0 {
                    self.wrong(row, "a class became smaller than what is taken of it");
                }
            }
            Change::Enrolled { .. } => self.tally("enrollments", 1),
            Change::EnrollmentWaitlisted { .. } => self.tally("enrollments waitlisted", 1),
            Change::EnrollmentRejected { .. } => self.tally("enrollments rejected", 1),
            Change::EnrollmentsCanceled { enrollments, .. } => {
                self.tally("enrollments canceled", enrollments.len());
            }
            Change::QueueEntered { entries } => self.tally("queue entered", entries.len()),
            Change::QueueAdmitted { admitted, .. } => self.tally("queue admitted", admitted.len()),
            Change::SessionsEnded { sessions } => {
                self.tally("queue sessions ended", sessions.len());
            }
            Change::ClassRulesSet { .. }
            | Change::AnswersReplaced { .. }
            | Change::EnrollmentRevived { .. }
            | Change::WaitlistMoved { .. }
            | Change::AttendanceRecorded { .. }
            | Change::VerdictRefused { .. }
            | Change::QueueSet { .. }
            | Change::QueueReturned { .. }
            | Change::QueueClosed { .. }
            | Change::QueueDrawn { .. }
            | Change::QueueLeft { .. }
            | Change::QueueSetAside { .. }
            | Change::QueueVoided { .. }
            | Change::QueuePrioritised { .. }
            | Change::PassUsed { .. }
            | Change::QueueEnded { .. }
            | Change::PaymentBegun { .. }
            | Change::PaymentFailed { .. }
            | Change::PaymentDeferred { .. }
            | Change::CheckedIn { .. }
            | Change::SeatsKept { .. }
            | Change::KeptSeatsReleased { .. }
            | Change::Repriced { .. }
            | Change::SaleWindowSet { .. }
            | Change::SaleStateSet { .. }
            | Change::Refused { .. }
            | Change::ActedBy { .. }
            | Change::CheckedInAtGate { .. }
            | Change::CheckInUndone { .. }
            | Change::ProductDescribed { .. }
            | Change::ProductWithdrawn { .. }
            | Change::ProductRestored { .. }
            | Change::EventTimesSet { .. }
            | Change::CancellationPolicySet { .. } => {}
            Change::SeatsBlocked { .. }
            | Change::SeatsUnblocked { .. }
            | Change::PlacesBlocked { .. }
            | Change::PlacesUnblocked { .. }
            | Change::Resized { .. }
            | Change::RowAdded { .. }
            | Change::SeatsRemoved { .. }
            | Change::ProductAdded { .. }
            | Change::TicketsCancelled { .. } => {
                self.wrong(row, "somebody changed the places: no part of a stampede");
            }
        }
    }

    fn create(&mut self, definition: &Definition) {
        let product = |capacity: Option<u32>| {
            let places = i64::from(capacity.unwrap_or_default());
            Counts { total: places, available: places, ..Counts::default() }
        };
        self.products = definition.products.iter().map(|one| product(one.capacity)).collect();
        for section in &definition.sections {
            for seats in section.rows.iter().map(|row| row.seats) {
                let places = &mut self.products[section.product.index()];
                places.total += i64::from(seats);
                places.available += i64::from(seats);
                self.seat_products.extend((0..seats).map(|_| section.product));
            }
        }
    }
}

/// The enrollments whose places end by a change; other reservations are none.
fn ended(change: &Change) -> Vec<Uuid> {
    match change {
        Change::ReservationsExpired { reservations }
        | Change::ReservationsCancelled { reservations } => {
            reservations.iter().map(|id| id.0).collect()
        }
        Change::ReservationCancelledFor { reservation, .. } => vec![reservation.0],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod class_tests;
#[cfg(test)]
mod queue_tests;
#[cfg(test)]
mod tests;
