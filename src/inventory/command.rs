//! The commands an offering accepts. Times and ids come in with the command; nothing is drawn at
//! random here. Instances of neighbouring versions send commands to each other: append new variants
//! at the end, never reorder, never change the fields of an old one (`box_office/encodings.rs` pins
//! the bytes).

use serde::{Deserialize, Serialize};

use super::class::{Attendance, ClassChange, Verdict};
use super::definition::{Minor, SaleState, SaleWindow, TimestampMs};
use super::queue::{Pass, QueueChange, QueueEntry};
use super::terms::{NewProduct, OfferingChange, ProductChange};
use crate::ids::{
    AnswersId, EnrollmentId, HoldId, PaymentId, ProductId, ReasonId, ReservationId, SeatId,
    SectionId, UserId,
};

/// A command, with the key that makes a retry of it recognisable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The command.
    pub command: Command,
    /// Present when the client sent (or the server minted) an idempotency key.
    pub idempotency: Option<Idempotency>,
}

/// The identity of a request across retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// Hash of (principal, operation, client key).
    pub key: [u8; 16],
    /// Hash of the parsed request, without the ids that the server draws anew for each attempt.
    pub fingerprint: [u8; 16],
    /// The principal whose share of the remembered keys this key counts towards. Commands of
    /// administrators, which arrive by the thousand, count towards no customer's share: each such
    /// command has a principal of its own.
    pub principal: UserId,
}

/// One part of the request for a hold; all parts are granted, or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LineRequest {
    /// Any places of a general-admission product.
    Quantity {
        /// The ticket type.
        product: ProductId,
        /// Number of places, at least 1.
        quantity: u32,
    },
    /// Exactly these seats.
    Seats(Vec<SeatId>),
    /// The best seats, together if possible.
    BestAvailable {
        /// The ticket type.
        product: ProductId,
        /// Number of seats, at least 1.
        quantity: u32,
        /// If set, only seats in this block.
        section: Option<SectionId>,
    },
}

/// The party that cancels a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Requester {
    /// The customer, who must own the reservation.
    Customer(UserId),
    /// An administrator.
    Admin,
}

/// All commands that an offering's box office decides. A customer's command on another customer's
/// hold, reservation or entry is refused as if that did not exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are named by their types; variants are documented")]
pub enum Command {
    /// Claim places until a deadline.
    PlaceHold { hold: HoldId, customer: UserId, lines: Vec<LineRequest> },
    /// Move the deadline to a full time-to-live from now, within the policy's maximum.
    ExtendHold { hold: HoldId, customer: UserId },
    /// Give the places back.
    ReleaseHold { hold: HoldId, customer: UserId },
    /// Turn a hold into a reservation that waits for payment.
    CheckOut { hold: HoldId, reservation: ReservationId, customer: UserId },
    /// Hold and check out at once.
    Reserve { hold: HoldId, reservation: ReservationId, customer: UserId, lines: Vec<LineRequest> },
    /// Start a payment: one at a time; the pay window waits for it, within the grace. A repeated
    /// command for the payment in progress is granted again.
    BeginPayment { reservation: ReservationId, payment: PaymentId, customer: UserId },
    /// The money is authorized: the places become sold. Granted only to the payment in progress, or
    /// to the payment that was in progress when the reservation expired, if its places are still
    /// free. Idempotent by payment id.
    ConfirmPayment { reservation: ReservationId, payment: PaymentId },
    /// The payment failed; the reservation waits for another until its window ends. Once this
    /// command is granted, or refused for any reason other than that the payment is confirmed, the
    /// payment can never be confirmed any more, not for an expired reservation either: the refund
    /// of the money relies on that.
    FailPayment { reservation: ReservationId, payment: PaymentId },
    /// End a reservation and free its places; a paid one is refunded outside the core.
    CancelReservation { reservation: ReservationId, by: Requester },
    /// Check in the holder of the n-th ticket (from 0) of a confirmed reservation, once.
    CheckIn { reservation: ReservationId, ticket: u8 },
    /// Wait for places; `entry` becomes the hold's id when they are offered.
    JoinWaitlist { entry: HoldId, customer: UserId, product: ProductId, party_size: u32 },
    /// Stop waiting, or decline the offer.
    LeaveWaitlist { entry: HoldId, customer: UserId },
    /// Turn an offer into an ordinary hold with a full time-to-live.
    AcceptOffer { entry: HoldId, customer: UserId },
    /// Take free seats off sale.
    BlockSeats { seats: Vec<SeatId> },
    /// Put blocked seats back on sale.
    UnblockSeats { seats: Vec<SeatId> },
    /// Take free general-admission places off sale.
    BlockPlaces { product: ProductId, quantity: u32 },
    /// Put blocked general-admission places back on sale.
    UnblockPlaces { product: ProductId, quantity: u32 },
    /// Set a general-admission product's size; never below the number of places taken.
    Resize { product: ProductId, total: u32 },
    /// Append a row of new seats to a block; the seats that exist keep their ids.
    AddRow { section: SectionId, name: String, seats: u32 },
    /// Take free or blocked seats out of the map for good; their ids are not used again.
    RemoveSeats { seats: Vec<SeatId> },
    /// Set a price for new holds; existing holds and reservations keep theirs.
    Reprice { product: ProductId, price: Minor },
    /// Set the window of one product, or of the whole offering.
    SetSaleWindow { product: Option<ProductId>, window: SaleWindow },
    /// Set those parts of the offering's window and switch that are given, all or nothing. A part
    /// that already has the requested value does not cause a refusal of the others. A bound of
    /// `Some(None)` opens that side.
    ChangeSale {
        start: Option<Option<TimestampMs>>,
        end: Option<Option<TimestampMs>>,
        state: Option<SaleState>,
    },
    /// Start or resume the sale.
    OpenSale,
    /// Take no new holds until the sale is opened again.
    PauseSale,
    /// End the sale: take no new holds.
    CloseSale,
    /// The event does not take place.
    CancelOffering,
    /// End all holds, offers and waitlist entries of a customer who closes their account;
    /// reservations stay. Ends one page at a time: the caller repeats the command until it is
    /// refused because nothing is left.
    EndClaims { customer: UserId },
    /// Any other command, issued by an administrator, whose id the journal records.
    ByAdmin { admin: UserId, command: Box<Command> },
    /// As [`Self::CheckIn`]; the journal records the gate.
    CheckInAtGate { reservation: ReservationId, ticket: u8, gate: String },
    /// Undo a check-in: the ticket can be used again.
    UndoCheckIn { reservation: ReservationId, ticket: u8 },
    /// Append a ticket type; its position in the list is its id.
    AddProduct { product: NewProduct },
    /// Change the name, description, window or availability of a ticket type.
    ChangeProduct { product: ProductId, change: ProductChange },
    /// Change the times of the event, the terms of its sale and its cancellation policy.
    ChangeOffering { change: OfferingChange },
    /// Take part in a free event: hold, check out and confirm one place of its only product, once
    /// per person.
    Participate { hold: HoldId, reservation: ReservationId, customer: UserId },
    /// State the whole content of a hold from now on: places it already has stay, new ones are
    /// taken, the others are freed. The deadline does not move.
    ChangeHold { hold: HoldId, customer: UserId, places: Vec<(ProductId, u32)>, seats: Vec<SeatId> },
    /// Keep seats from best available and from waitlist offers until a time. Customers can still
    /// pick them by id. The time of a seat that is kept already is replaced.
    KeepSeats { seats: Vec<SeatId>, until: TimestampMs },
    /// Give places away: hold, check out and confirm them at no price. The sale's state, its
    /// windows, the waitlist and the limits of customers do not matter. Seats picked by id may be
    /// blocked, and blocked places of a product are used when the free ones run out; both are
    /// unblocked in the same transition.
    IssueComplimentary {
        hold: HoldId,
        reservation: ReservationId,
        customer: UserId,
        lines: Vec<LineRequest>,
    },
    /// Cancel single tickets (numbered from 0) of a confirmed reservation; the others stay, with
    /// their numbers. A customer is refunded by the cancellation policy; an administrator refunds
    /// the tickets' price, or the amount named. Cancelling the last ones cancels the reservation.
    CancelTickets {
        reservation: ReservationId,
        tickets: Vec<u8>,
        refund: Option<Minor>,
        by: Requester,
    },
    /// Let the payment in progress take until that time, but at most 7 days and at most until the
    /// sale or the event ends: a bank transfer has a deadline of its own. The places stay held. A
    /// time before the present deadline changes nothing.
    DeferPayment { reservation: ReservationId, payment: PaymentId, until: TimestampMs },
    /// As [`Self::FailPayment`], and the reservation is cancelled in the same transition, before
    /// another payment can begin.
    FailAndCancel { reservation: ReservationId, payment: PaymentId },
    /// Apply for a place in a class: granted, on the waitlist or to be reviewed, by the class's rules.
    Apply { enrollment: EnrollmentId, customer: UserId, answers: Option<AnswersId> },
    /// Replace the answers of an application that is not decided yet.
    ReplaceAnswers {
        enrollment: EnrollmentId,
        customer: UserId,
        answers: AnswersId,
        version: Option<u32>,
    },
    /// End an enrollment in any living state; a paid place is refunded as for reservations.
    CancelEnrollment {
        enrollment: EnrollmentId,
        by: Requester,
        reason: Option<ReasonId>,
        version: Option<u32>,
    },
    /// Take the place that is offered.
    AcceptPlace { enrollment: EnrollmentId, customer: UserId },
    /// Decide one application.
    DecideEnrollment { verdict: Verdict },
    /// Decide many applications, in this order; each has an outcome of its own.
    DecideEnrollments { verdicts: Vec<Verdict> },
    /// Move a waiting enrollment up to a position in the line.
    MoveUp { enrollment: EnrollmentId, position: u32, reason: ReasonId },
    /// Record who attended the class, all or nothing; `None` takes the mark back.
    RecordAttendance { marks: Vec<(EnrollmentId, Option<Attendance>)> },
    /// Change the size, fee, rules and terms of a class, all or nothing.
    ChangeClass { change: Box<ClassChange> },
    /// Cancel a class. Refused while there are living enrollments, unless they end with it.
    CancelClass { with_enrollments: bool },
    /// Switch a waiting room on or off, or change its rules.
    SetQueue { change: Box<QueueChange> },
    /// Enter the queue, in this order; `received_at` is when the first of them was received. Who is
    /// in it keeps their place; who was set aside returns.
    EnterQueue { entries: Vec<QueueEntry>, received_at: TimestampMs },
    /// Leave the queue, or end the session.
    LeaveQueue { customer: UserId },
    /// Make the draw of a closed queue by the secret that it was committed to.
    DrawQueue { secret: [u8; 32], public_value: Option<String> },
    /// Pass these entries over until their customers are heard of again.
    SetAside { generation: u32, numbers: Vec<u32> },
    /// Void the entries of these customers, who cannot enter again; the reason is public.
    VoidEntries { customers: Vec<UserId>, reason: String },
    /// Put these customers ahead of the line; the reason is public.
    Prioritise { entries: Vec<QueueEntry>, reason: String },
    /// Use the pass for a purchase elsewhere, once: as the first hold would.
    UsePass { customer: UserId, pass: Pass },
    /// A claim of a customer who shows a pass: this one, or their own if `None`.
    WithPass { pass: Option<Pass>, command: Box<Command> },
}
