//! The effects of commands, as the journal records them. A transition is the whole effect of one
//! command, including offers to the waitlist; the state is the fold of all transitions. The
//! encoding of a transition is the journal's format: append new variants at the end, never reorder,
//! never change the fields of an old one (`box_office/encodings.rs` pins the bytes and says when
//! the format's number rises).

use serde::{Deserialize, Serialize};

use super::class::{
    Approval, Attendance, CancelCause, CanceledEnrollment, ClassRules, Entered, Moved,
};
use super::command::Idempotency;
use super::definition::{Definition, Minor, ProductDefinition, SaleState, SaleWindow, TimestampMs};
use super::queue::{Admission, QueueEnd, QueueEntry, QueueRules, SessionEnd};
use super::rejection::Rejection;
use super::terms::CancellationPolicy;
use crate::ids::{
    AnswersId, EnrollmentId, HoldId, PaymentId, ProductId, ReasonId, ReservationId, SeatId,
    SectionId, UserId,
};

/// The whole effect of one command, or of one round of due work: applied entirely or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// The request's idempotency key, remembered together with its effect.
    pub idempotency: Option<Idempotency>,
    /// The changes, in the order in which they are applied; the first is the answer to the command.
    pub changes: Vec<Change>,
}

/// Places claimed together, at the price current at that time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The ticket type.
    pub product: ProductId,
    /// Number of places; equals `seats.len()` for a numbered product.
    pub quantity: u32,
    /// Price of one place when it was claimed.
    pub unit_price: Minor,
    /// The seats, empty for general admission.
    pub seats: Box<[SeatId]>,
    /// How closely the places match the request.
    pub fit: Fit,
}

/// How closely the places match the request, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Fit {
    /// Exactly as requested: general admission, seats picked by id, or side by side with no orphan.
    Exact,
    /// Side by side, but a single seat is left alone beside them.
    LeavesOrphan,
    /// In neighbouring rows of one block, since no row had that many seats side by side.
    SplitRows,
    /// Anywhere in the product, since no block had that many seats near each other.
    Scattered,
}

impl Change {
    /// The first format of the journal that has this variant.
    #[must_use]
    pub fn format(&self) -> u16 {
        match self {
            Self::ActedBy { .. }
            | Self::CheckedInAtGate { .. }
            | Self::CheckInUndone { .. }
            | Self::ProductAdded { .. }
            | Self::ProductDescribed { .. }
            | Self::ProductWithdrawn { .. }
            | Self::ProductRestored { .. }
            | Self::EventTimesSet { .. }
            | Self::CancellationPolicySet { .. }
            | Self::ReservationCancelledFor { .. }
            | Self::WaitlistPassedOver { .. }
            | Self::ReservationGranted { .. }
            | Self::HoldChanged { .. }
            | Self::SeatsKept { .. }
            | Self::KeptSeatsReleased { .. }
            | Self::TicketsCancelled { .. }
            | Self::PaymentDeferred { .. }
            | Self::ClassRulesSet { .. }
            | Self::Enrolled { .. }
            | Self::AnswersReplaced { .. }
            | Self::EnrollmentApproved { .. }
            | Self::EnrollmentWaitlisted { .. }
            | Self::PlaceOffered { .. }
            | Self::EnrollmentRejected { .. }
            | Self::EnrollmentsCanceled { .. }
            | Self::EnrollmentRevived { .. }
            | Self::WaitlistMoved { .. }
            | Self::AttendanceRecorded { .. }
            | Self::VerdictRefused { .. }
            | Self::QueueSet { .. }
            | Self::QueueEntered { .. }
            | Self::QueueReturned { .. }
            | Self::QueueClosed { .. }
            | Self::QueueDrawn { .. }
            | Self::QueueAdmitted { .. }
            | Self::QueueLeft { .. }
            | Self::QueueSetAside { .. }
            | Self::QueueVoided { .. }
            | Self::QueuePrioritised { .. }
            | Self::PassUsed { .. }
            | Self::SessionsEnded { .. }
            | Self::QueueEnded { .. } => 2,
            Self::Refused { rejection } => rejection.format(),
            // Format 1 refuses a definition without a pay window of its own.
            Self::Created { definition } if definition.policy.pay_window_ms == 0 => 2,
            // Format 1 refuses two sections of one name.
            Self::Created { definition } if definition.has_namesakes() => 2,
            Self::Created { .. }
            | Self::HoldPlaced { .. }
            | Self::HoldExtended { .. }
            | Self::HoldReleased { .. }
            | Self::HoldsExpired { .. }
            | Self::CheckedOut { .. }
            | Self::PaymentBegun { .. }
            | Self::ReservationConfirmed { .. }
            | Self::PaymentFailed { .. }
            | Self::ReservationsExpired { .. }
            | Self::ReservationRevived { .. }
            | Self::ReservationsCancelled { .. }
            | Self::CheckedIn { .. }
            | Self::WaitlistJoined { .. }
            | Self::WaitlistLeft { .. }
            | Self::OfferMade { .. }
            | Self::OfferAccepted { .. }
            | Self::SeatsBlocked { .. }
            | Self::SeatsUnblocked { .. }
            | Self::PlacesBlocked { .. }
            | Self::PlacesUnblocked { .. }
            | Self::Resized { .. }
            | Self::RowAdded { .. }
            | Self::SeatsRemoved { .. }
            | Self::Repriced { .. }
            | Self::SaleWindowSet { .. }
            | Self::SaleStateSet { .. } => 1,
        }
    }
}

/// One change of the state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are named by their types; variants are documented")]
pub enum Change {
    /// The offering was created.
    Created { definition: Definition },
    /// Places changed from available to held.
    HoldPlaced { hold: HoldId, customer: UserId, lines: Vec<Line>, expires_at: TimestampMs },
    /// The hold has a later deadline. The lines are the hold's own, so that the change alone
    /// answers the request, also when it is replayed after the hold has ended.
    HoldExtended { hold: HoldId, lines: Vec<Line>, expires_at: TimestampMs },
    /// The customer released the hold.
    HoldReleased { hold: HoldId },
    /// Holds (and waitlist offers) whose deadline passed.
    HoldsExpired { holds: Vec<HoldId> },
    /// The hold became a reservation; its places stay held.
    CheckedOut {
        hold: HoldId,
        reservation: ReservationId,
        customer: UserId,
        lines: Vec<Line>,
        pay_by: TimestampMs,
    },
    /// A payment is in progress; the window ends at `pay_by` at the latest.
    PaymentBegun { reservation: ReservationId, payment: PaymentId, pay_by: TimestampMs },
    /// The reservation is paid: its places changed from held to sold, with one ticket per place, in
    /// the order of the lines.
    ReservationConfirmed {
        reservation: ReservationId,
        payment: PaymentId,
        customer: UserId,
        lines: Vec<Line>,
    },
    /// The payment failed; the reservation waits for another until `pay_by`.
    PaymentFailed { reservation: ReservationId, payment: PaymentId, pay_by: TimestampMs },
    /// Reservations whose pay window ended: their places are free.
    ReservationsExpired { reservations: Vec<ReservationId> },
    /// An expired reservation took its places again for a payment that was confirmed late.
    ReservationRevived { reservation: ReservationId },
    /// Reservations cancelled by the customer or an administrator: their places are free.
    ReservationsCancelled { reservations: Vec<ReservationId> },
    /// The ticket's holder was checked in.
    CheckedIn { reservation: ReservationId, ticket: u8 },
    /// A customer joined the waitlist.
    WaitlistJoined { entry: HoldId, customer: UserId, product: ProductId, party_size: u32 },
    /// An entry left the waitlist before it got an offer.
    WaitlistLeft { entry: HoldId },
    /// Freed places were offered to a waitlist entry at once: a hold of kind offer, with the
    /// entry's id.
    OfferMade { entry: HoldId, customer: UserId, line: Line, expires_at: TimestampMs },
    /// The offer became an ordinary hold; its line is here for the reason given at
    /// [`Change::HoldExtended`].
    OfferAccepted { entry: HoldId, line: Line, expires_at: TimestampMs },
    /// Seats were taken off sale.
    SeatsBlocked { seats: Vec<SeatId> },
    /// Seats were put back on sale.
    SeatsUnblocked { seats: Vec<SeatId> },
    /// Places were taken off sale.
    PlacesBlocked { product: ProductId, quantity: u32 },
    /// Places were put back on sale.
    PlacesUnblocked { product: ProductId, quantity: u32 },
    /// A general-admission product's new size.
    Resized { product: ProductId, total: u32 },
    /// A new row at the end of a block; its seats take the next free ids, starting at `first_seat`.
    RowAdded { section: SectionId, name: String, seats: u32, first_seat: SeatId },
    /// Seats were removed from the map.
    SeatsRemoved { seats: Vec<SeatId> },
    /// A new price for new holds.
    Repriced { product: ProductId, price: Minor },
    /// A new sale window of one product, or of the whole offering.
    SaleWindowSet { product: Option<ProductId>, window: SaleWindow },
    /// The sale was opened, paused, closed, or cancelled. A cancellation is only this marker:
    /// claims and waitlist entries end in pages of due work after it.
    SaleStateSet { state: SaleState },
    /// A command that may have been sent more than once was refused for good. Only its idempotency
    /// key is used up, so that no copy of it has an effect any more.
    Refused { rejection: Box<Rejection> },
    /// The administrator who requested the changes before this one. Changes nothing.
    ActedBy { admin: UserId },
    /// As [`Change::CheckedIn`], at this gate.
    CheckedInAtGate { reservation: ReservationId, ticket: u8, gate: String },
    /// The check-in of the ticket was undone.
    CheckInUndone { reservation: ReservationId, ticket: u8 },
    /// A new ticket type at the end of the list; its name and description are stored in the
    /// relational rows that clients read.
    ProductAdded {
        product: ProductId,
        name: String,
        description: String,
        definition: ProductDefinition,
    },
    /// The name and description of a ticket type.
    ProductDescribed { product: ProductId, name: Option<String>, description: Option<String> },
    /// The product takes no new holds.
    ProductWithdrawn { product: ProductId },
    /// The product takes holds again.
    ProductRestored { product: ProductId },
    /// The times of the event. A sale without an end of its own ends with the event.
    EventTimesSet { starts_at: TimestampMs, ends_at: TimestampMs },
    /// The cancellation policy for customers who cancel from now on.
    CancellationPolicySet { policy: CancellationPolicy },
    /// As [`Change::ReservationsCancelled`], for a paid reservation of which only `refund` is
    /// returned.
    ReservationCancelledFor { reservation: ReservationId, refund: Minor },
    /// A waitlist entry ended because its customer has bought as much elsewhere as one customer may
    /// have.
    WaitlistPassedOver { entry: HoldId },
    /// The reservation was confirmed without a payment, since it costs nothing: as
    /// [`Change::ReservationConfirmed`].
    ReservationGranted { reservation: ReservationId, customer: UserId, lines: Vec<Line> },
    /// The hold contains these lines from now on; its places that they do not name are free. The
    /// deadline, which is unchanged, is here for the reason given at [`Change::HoldExtended`].
    HoldChanged { hold: HoldId, lines: Vec<Line>, expires_at: TimestampMs },
    /// Best available and waitlist offers leave these seats out until that time.
    SeatsKept { seats: Vec<SeatId>, until: TimestampMs },
    /// The time until which these seats were kept has come.
    KeptSeatsReleased { seats: Vec<SeatId> },
    /// Some tickets of a confirmed reservation were cancelled, and `refund` is returned for them
    /// together: their places are free.
    TicketsCancelled { reservation: ReservationId, tickets: Vec<u8>, refund: Minor },
    /// The payment in progress may take until `pay_by`.
    PaymentDeferred { reservation: ReservationId, payment: PaymentId, pay_by: TimestampMs },
    /// The rules of a class; makes a class of an offering that has none yet.
    ClassRulesSet { rules: ClassRules },
    /// A customer applied for the class.
    Enrolled {
        enrollment: EnrollmentId,
        customer: UserId,
        answers: Option<AnswersId>,
        into: Entered,
    },
    /// The answers of the application are these from now on.
    AnswersReplaced { enrollment: EnrollmentId, customer: UserId, answers: AnswersId, version: u32 },
    /// The enrollment has a place: a reservation of the same UUID, confirmed unless it is to be paid
    /// until `pay_by`.
    EnrollmentApproved {
        enrollment: EnrollmentId,
        customer: UserId,
        line: Line,
        pay_by: Option<TimestampMs>,
        how: Approval,
        moved: Moved,
    },
    /// The enrollment waits for a place; `rank` orders the line.
    EnrollmentWaitlisted {
        enrollment: EnrollmentId,
        customer: UserId,
        rank: i64,
        reason: Option<ReasonId>,
        moved: Moved,
    },
    /// A free place is held for the enrollment, which has been first in line, until `expires_at`.
    PlaceOffered {
        enrollment: EnrollmentId,
        customer: UserId,
        line: Line,
        expires_at: TimestampMs,
        moved: Moved,
    },
    /// The application was rejected. The end of a place that it had is a change of its own, before
    /// this one.
    EnrollmentRejected {
        enrollment: EnrollmentId,
        customer: UserId,
        reason: Option<ReasonId>,
        moved: Moved,
    },
    /// Enrollments ended, together with their offers and places, whose ends are changes of their
    /// own, before this one.
    EnrollmentsCanceled {
        enrollments: Vec<CanceledEnrollment>,
        cause: CancelCause,
        reason: Option<ReasonId>,
    },
    /// The enrollment lives again, since its place was paid late.
    EnrollmentRevived { enrollment: EnrollmentId, customer: UserId, moved: Moved },
    /// The enrollment has another rank in the line.
    WaitlistMoved { enrollment: EnrollmentId, rank: i64, reason: ReasonId, version: u32 },
    /// Whether the customer attended the class.
    AttendanceRecorded { enrollment: EnrollmentId, attendance: Option<Attendance>, version: u32 },
    /// One decision among many was refused. Changes nothing.
    VerdictRefused { enrollment: EnrollmentId, rejection: Box<Rejection> },
    /// The rules of a waiting room and the hash of the draw's secret; begins a queue where there is
    /// none.
    QueueSet { rules: QueueRules, commitment: [u8; 32] },
    /// Customers entered the queue: their entries have the next numbers, in this order.
    QueueEntered { entries: Vec<QueueEntry> },
    /// Entries that were set aside wait again, ahead of the line.
    QueueReturned { numbers: Vec<u32> },
    /// The list of the draw is these many entries; `root` is the hash of their ids.
    QueueClosed { count: u32, root: [u8; 32] },
    /// The draw gave the entries on the list their places.
    QueueDrawn { secret: [u8; 32], public_value: String },
    /// Entries were admitted, each with a pass; the line goes on at place `next`.
    QueueAdmitted { admitted: Vec<Admission>, next: u32 },
    /// The customer left the queue.
    QueueLeft { number: u32 },
    /// Entries that were next were passed over, since their customers were silent.
    QueueSetAside { numbers: Vec<u32> },
    /// Entries that do not count any more.
    QueueVoided { numbers: Vec<u32>, reason: String },
    /// Customers were put ahead of the line: new entries, and those with these numbers.
    QueuePrioritised { entries: Vec<QueueEntry>, numbers: Vec<u32>, reason: String },
    /// The pass of the entry was used elsewhere.
    PassUsed { number: u32 },
    /// The sessions of these entries are over.
    SessionsEnded { sessions: Vec<(u32, SessionEnd)> },
    /// The queue is off; its entries and sessions are over.
    QueueEnded { how: QueueEnd },
}
