//! The messages for the outside that follow from a row of a journal: the same for the outbox, which
//! is written with the row, and for the feed, which is read from it. A message names ids and amounts
//! only, never people.
//!
//! **Invariant:** the position of a message depends on the changes before it in its row and on
//! nothing else. A later version may tell more of a change, and every message of old rows keeps its
//! position.

use serde_json::{Value, json};

use super::{Record, Row};
use crate::ids::{EnrollmentId, OfferingId, ReservationId, Seq, UserId, ticket_id};
use crate::inventory::{Approval, CancelCause, Change, Entered, Line, SaleState, TimestampMs};

/// All kinds of messages that have a place in a journal.
pub const KINDS: &[&str] = &[
    "enrollment.applied",
    "enrollment.approved",
    "enrollment.canceled",
    "enrollment.offered",
    "enrollment.promoted",
    "enrollment.rejected",
    "enrollment.waitlisted",
    "event.cancelled",
    "event.changed",
    "payment.completed",
    "payment.failed",
    "reservation.cancelled",
    "reservation.confirmed",
    "reservation.created",
    "reservation.expired",
    "reservation.revived",
    "ticket.check_in_undone",
    "ticket.checked_in",
    "tickets.cancelled",
    "waitlist.offered",
];

/// Most applications that one command decides whose messages are single ones: those of more are some
/// of many that have one cause.
const MOST_SINGLE: usize = 10;

/// The place of a message in the journal of an offering.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The row.
    pub seq: Seq,
    /// The place in the row, from 0.
    pub index: u32,
}

impl Position {
    /// The place before the first message.
    pub const START: Self = Self { seq: Seq(0), index: 0 };

    /// Returns the place as one opaque word: `0` for the start.
    #[must_use]
    pub fn to_cursor(self) -> String {
        if self == Self::START {
            return "0".to_owned();
        }
        format!("{:x}z{:x}", self.seq.0, self.index)
    }

    /// Parses a word that [`Self::to_cursor`] returned.
    #[must_use]
    pub fn from_cursor(word: &str) -> Option<Self> {
        if word == "0" {
            return Some(Self::START);
        }
        let (seq, index) = word.split_once('z')?;
        let seq = Seq(u64::from_str_radix(seq, 16).ok()?);
        let found = Self { seq, index: u32::from_str_radix(index, 16).ok()? };
        // One word for each place.
        (found.to_cursor() == word).then_some(found)
    }
}

/// A message for the outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Its place.
    pub position: Position,
    /// The time of the decision.
    pub at: TimestampMs,
    /// What happened, such as `reservation.created`.
    pub kind: &'static str,
    /// The customer whom it concerns, if the row says so.
    pub customer: Option<UserId>,
    /// The reservation that it is about, if it is about one.
    pub reservation: Option<ReservationId>,
    /// True if it is one of many that have one cause.
    pub is_mass: bool,
    /// The content.
    pub data: Value,
}

/// Returns the name of a kind in event schemas: `ReservationCreated` for `reservation.created`.
#[must_use]
pub fn name_of(kind: &str) -> String {
    let words = kind.split(['.', '_']);
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
    };
    words.map(capital).collect::<Vec<String>>().concat()
}

/// Returns the messages of a row, in order.
#[must_use]
pub fn of_row(row: &Row, record: &Record) -> Vec<Message> {
    let Record::Batch(transitions) = record else { return Vec::new() };
    let mut messages = Vec::new();
    let mut index = 0;
    let changes = transitions.iter().flat_map(|transition| {
        let is_mass = rulings(&transition.changes) > MOST_SINGLE;
        transition.changes.iter().map(move |change| (change, is_mass))
    });
    for (change, is_mass) in changes {
        // The first row makes the event: its times are no change of it.
        let told = if row.seq == Seq(1) { Vec::new() } else { of_change(row.offering, change) };
        for (offset, told) in told {
            messages.push(Message {
                position: Position { seq: row.seq, index: index + offset },
                at: row.at,
                kind: told.kind,
                customer: told.customer,
                reservation: told.reservation,
                is_mass: told.is_mass || (is_mass && is_ruling(change)),
                data: told.data,
            });
        }
        index += width(change);
    }
    messages
}

fn rulings(changes: &[Change]) -> usize {
    changes.iter().filter(|change| is_ruling(change)).count()
}

/// True for what an administrator decides about an application, or a place that becomes free.
fn is_ruling(change: &Change) -> bool {
    matches!(
        change,
        Change::EnrollmentApproved { .. }
            | Change::EnrollmentRejected { .. }
            | Change::EnrollmentWaitlisted { .. }
    )
}

/// Returns how many places a change takes up in its row. What a released version returns here for a
/// change must stay.
#[must_use]
pub fn width(change: &Change) -> u32 {
    let length = if let Change::ReservationConfirmed { .. } = change {
        // The payment first, then the reservation.
        2
    } else if let Change::ReservationsExpired { reservations }
    | Change::ReservationsCancelled { reservations } = change
    {
        reservations.len()
    } else if let Change::EnrollmentsCanceled { enrollments, .. } = change {
        enrollments.len()
    } else {
        1
    };
    u32::try_from(length).expect("a row holds fewer changes")
}

/// One message of a change.
struct Told {
    kind: &'static str,
    customer: Option<UserId>,
    reservation: Option<ReservationId>,
    is_mass: bool,
    data: Value,
}

impl Told {
    fn new(kind: &'static str, data: Value) -> Self {
        Self { kind, customer: None, reservation: None, is_mass: false, data }
    }

    fn of(kind: &'static str, reservation: ReservationId, data: Value) -> Self {
        Self { reservation: Some(reservation), ..Self::new(kind, data) }
    }

    fn to(self, customer: UserId) -> Self {
        Self { customer: Some(customer), ..self }
    }

    /// Adds the fields of an object to the content.
    fn with(mut self, more: Value) -> Self {
        if let (Value::Object(data), Value::Object(more)) = (&mut self.data, more) {
            data.extend(more);
        }
        self
    }
}

/// Returns the messages of a change with their offsets among the places that it takes up.
fn of_change(offering: OfferingId, change: &Change) -> Vec<(u32, Told)> {
    let told = match change {
        Change::CheckedOut { reservation, customer, lines, pay_by, .. } => {
            let data = json!({
                "reservationId": reservation,
                "lines": lines_of(offering, lines),
                "totalPrice": total(lines),
                "payByMs": pay_by,
            });
            Told::of("reservation.created", *reservation, data).to(*customer)
        }
        Change::ReservationConfirmed { reservation, payment, customer, lines } => {
            let paid = json!({
                "reservationId": reservation,
                "paymentId": payment,
                "amount": total(lines),
            });
            let paid = Told::of("payment.completed", *reservation, paid).to(*customer);
            let confirmed = confirmed(offering, *reservation, *customer, lines);
            return vec![(0, paid), (1, confirmed)];
        }
        Change::ReservationGranted { reservation, customer, lines } => {
            confirmed(offering, *reservation, *customer, lines)
        }
        Change::PaymentFailed { reservation, payment, pay_by } => {
            let data =
                json!({ "reservationId": reservation, "paymentId": payment, "payByMs": pay_by });
            Told::of("payment.failed", *reservation, data)
        }
        Change::ReservationsExpired { reservations } => {
            return each(reservations, "reservation.expired");
        }
        Change::ReservationRevived { reservation } => {
            let data = json!({ "reservationId": reservation });
            Told::of("reservation.revived", *reservation, data)
        }
        Change::ReservationsCancelled { reservations } => {
            return each(reservations, "reservation.cancelled");
        }
        Change::ReservationCancelledFor { reservation, refund } => {
            let data = json!({ "reservationId": reservation, "refundAmount": refund });
            Told::of("reservation.cancelled", *reservation, data)
        }
        Change::TicketsCancelled { reservation, tickets, refund } => {
            let ids: Vec<_> = tickets.iter().map(|nth| ticket_id(*reservation, *nth)).collect();
            let data =
                json!({ "reservationId": reservation, "ticketIds": ids, "refundAmount": refund });
            Told::of("tickets.cancelled", *reservation, data)
        }
        Change::CheckedIn { reservation, ticket }
        | Change::CheckedInAtGate { reservation, ticket, .. } => {
            door("ticket.checked_in", *reservation, *ticket)
        }
        Change::CheckInUndone { reservation, ticket } => {
            door("ticket.check_in_undone", *reservation, *ticket)
        }
        Change::OfferMade { entry, customer, line, expires_at } => {
            let data = json!({
                "entryId": entry,
                "lines": lines_of(offering, std::slice::from_ref(line)),
                "expiresAtMs": expires_at,
            });
            Told::new("waitlist.offered", data).to(*customer)
        }
        Change::SaleStateSet { state } if *state == SaleState::Cancelled => {
            Told::new("event.cancelled", json!({}))
        }
        Change::EventTimesSet { starts_at, ends_at } => {
            Told::new("event.changed", json!({ "startsAtMs": starts_at, "endsAtMs": ends_at }))
        }
        Change::Enrolled { enrollment, customer, into, .. } => match into {
            Entered::Applied => enrolled("enrollment.applied", *enrollment, *customer),
            Entered::Waitlisted { .. } => enrolled("enrollment.waitlisted", *enrollment, *customer),
            // The approval follows, with a message of its own.
            Entered::Approved => return Vec::new(),
        },
        Change::EnrollmentApproved { enrollment, customer, line, pay_by, how, .. } => {
            let kind = match how {
                Approval::FirstCome | Approval::Decided { .. } | Approval::Accepted => {
                    "enrollment.approved"
                }
                Approval::Promoted => "enrollment.promoted",
            };
            let told = enrolled(kind, *enrollment, *customer);
            let fee = json!({ "fee": line.unit_price, "payByMs": pay_by });
            told.with(fee)
        }
        Change::EnrollmentWaitlisted { enrollment, customer, .. } => {
            enrolled("enrollment.waitlisted", *enrollment, *customer)
        }
        Change::PlaceOffered { enrollment, customer, line, expires_at, .. } => {
            let told = enrolled("enrollment.offered", *enrollment, *customer);
            told.with(json!({ "fee": line.unit_price, "expiresAtMs": expires_at }))
        }
        Change::EnrollmentRejected { enrollment, customer, .. } => {
            enrolled("enrollment.rejected", *enrollment, *customer)
        }
        Change::EnrollmentsCanceled { enrollments, cause, .. } => {
            let is_mass = enrollments.len() > 1;
            let told = enrollments.iter().map(|one| {
                let told = enrolled("enrollment.canceled", one.enrollment, one.customer);
                Told { is_mass, ..told.with(json!({ "cause": cause_name(*cause) })) }
            });
            return (0..).zip(told).collect();
        }
        Change::EnrollmentRevived { enrollment, customer, .. } => {
            enrolled("enrollment.approved", *enrollment, *customer)
        }
        Change::Created { .. }
        | Change::ClassRulesSet { .. }
        | Change::AnswersReplaced { .. }
        | Change::WaitlistMoved { .. }
        | Change::AttendanceRecorded { .. }
        | Change::VerdictRefused { .. }
        | Change::ActedBy { .. }
        | Change::HoldPlaced { .. }
        | Change::HoldExtended { .. }
        | Change::HoldChanged { .. }
        | Change::HoldReleased { .. }
        | Change::HoldsExpired { .. }
        | Change::WaitlistJoined { .. }
        | Change::WaitlistLeft { .. }
        | Change::WaitlistPassedOver { .. }
        | Change::OfferAccepted { .. }
        | Change::PaymentBegun { .. }
        | Change::PaymentDeferred { .. }
        | Change::SeatsBlocked { .. }
        | Change::SeatsUnblocked { .. }
        | Change::PlacesBlocked { .. }
        | Change::PlacesUnblocked { .. }
        | Change::SeatsKept { .. }
        | Change::KeptSeatsReleased { .. }
        | Change::Resized { .. }
        | Change::RowAdded { .. }
        | Change::SeatsRemoved { .. }
        | Change::Repriced { .. }
        | Change::SaleWindowSet { .. }
        | Change::SaleStateSet { .. }
        | Change::ProductAdded { .. }
        | Change::ProductDescribed { .. }
        | Change::ProductWithdrawn { .. }
        | Change::ProductRestored { .. }
        | Change::CancellationPolicySet { .. }
        | Change::QueueSet { .. }
        | Change::QueueEntered { .. }
        | Change::QueueReturned { .. }
        | Change::QueueClosed { .. }
        | Change::QueueDrawn { .. }
        | Change::QueueAdmitted { .. }
        | Change::QueueLeft { .. }
        | Change::QueueSetAside { .. }
        | Change::QueueVoided { .. }
        | Change::QueuePrioritised { .. }
        | Change::PassUsed { .. }
        | Change::SessionsEnded { .. }
        | Change::QueueEnded { .. }
        | Change::Refused { .. } => return Vec::new(),
    };
    vec![(0, told)]
}

fn enrolled(kind: &'static str, enrollment: EnrollmentId, customer: UserId) -> Told {
    Told::new(kind, json!({ "enrollmentId": enrollment })).to(customer)
}

/// Returns the cause of a cancellation in the words of the API.
#[must_use]
pub fn cause_name(cause: CancelCause) -> &'static str {
    match cause {
        CancelCause::Customer => "CUSTOMER",
        CancelCause::Admin => "ADMIN",
        CancelCause::Unpaid => "UNPAID",
        CancelCause::OfferExpired => "OFFER_EXPIRED",
        CancelCause::ClassCancelled => "CLASS_CANCELLED",
        CancelCause::AccountClosed => "ACCOUNT_CLOSED",
    }
}

fn confirmed(
    offering: OfferingId,
    reservation: ReservationId,
    customer: UserId,
    lines: &[Line],
) -> Told {
    let data = json!({
        "reservationId": reservation,
        "lines": lines_of(offering, lines),
        "totalPrice": total(lines),
    });
    Told::of("reservation.confirmed", reservation, data).to(customer)
}

fn each(reservations: &[ReservationId], kind: &'static str) -> Vec<(u32, Told)> {
    let is_mass = reservations.len() > 1;
    let told = |id: &ReservationId| {
        let told = Told::of(kind, *id, json!({ "reservationId": id }));
        Told { is_mass, ..told }
    };
    (0..).zip(reservations.iter().map(told)).collect()
}

fn door(kind: &'static str, reservation: ReservationId, ticket: u8) -> Told {
    let data = json!({ "ticketId": ticket_id(reservation, ticket), "reservationId": reservation });
    Told::of(kind, reservation, data)
}

fn total(lines: &[Line]) -> i64 {
    let price = |line: &Line| line.unit_price.saturating_mul(i64::from(line.quantity));
    lines.iter().map(price).fold(0, i64::saturating_add)
}

fn lines_of(offering: OfferingId, lines: &[Line]) -> Vec<Value> {
    let line = |line: &Line| {
        json!({
            "productId": line.product.to_public(offering),
            "quantity": line.quantity,
            "unitPrice": line.unit_price,
            "seats": line.seats.iter().map(|seat| seat.to_public(offering)).collect::<Vec<_>>(),
        })
    };
    lines.iter().map(line).collect()
}
