//! What can be asked of an offering. Times and ids come in with the command; nothing is drawn here.
//! Instances of neighbouring versions pass commands to each other: append new variants at the end,
//! never reorder, never change the fields of an old one (`box_office/encodings.rs` pins the bytes).

use serde::{Deserialize, Serialize};

use super::definition::{Minor, SaleState, SaleWindow, TimestampMs};
use super::terms::{NewProduct, OfferingChange, ProductChange};
use crate::ids::{HoldId, PaymentId, ProductId, ReservationId, SeatId, SectionId, UserId};

/// A command with what makes a retry of it recognisable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// What is asked.
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
    /// Whose share of the remembered keys this one counts in. Acts of administrators, which come by
    /// the thousand, count in nobody's: each has a principal of its own.
    pub principal: UserId,
}

/// One wish inside a hold; several are granted all or nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LineRequest {
    /// Any places of a general-admission product.
    Quantity {
        /// The ticket type.
        product: ProductId,
        /// How many, at least 1.
        quantity: u32,
    },
    /// Exactly these seats.
    Seats(Vec<SeatId>),
    /// The best seats that stand together.
    BestAvailable {
        /// The ticket type.
        product: ProductId,
        /// How many, at least 1.
        quantity: u32,
        /// Only in this block.
        section: Option<SectionId>,
    },
}

/// On whose behalf a reservation is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Requester {
    /// The customer, who must own what the command names.
    Customer(UserId),
    /// An administrator.
    Admin,
}

/// Everything an offering's box office decides. A customer's command on something of another
/// customer's is answered as if it did not exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are named by their types; variants are documented")]
pub enum Command {
    /// Claim places until a deadline.
    PlaceHold { hold: HoldId, customer: UserId, lines: Vec<LineRequest> },
    /// Set the deadline back to a full time-to-live, within the policy's maximum.
    ExtendHold { hold: HoldId, customer: UserId },
    /// Give the places back.
    ReleaseHold { hold: HoldId, customer: UserId },
    /// Turn a hold into a reservation that waits for payment.
    CheckOut { hold: HoldId, reservation: ReservationId, customer: UserId },
    /// Hold and check out at once.
    Reserve { hold: HoldId, reservation: ReservationId, customer: UserId, lines: Vec<LineRequest> },
    /// Start paying: one payment at a time, and the pay window waits for it, within the grace.
    /// Asked again by the payment in progress, it is granted again.
    BeginPayment { reservation: ReservationId, payment: PaymentId, customer: UserId },
    /// The money is authorized: the places are sold. Granted to the payment in progress alone, or
    /// to the one that was when the reservation expired, if its places are still free. Idempotent
    /// by payment id.
    ConfirmPayment { reservation: ReservationId, payment: PaymentId },
    /// The payment came to nothing; the reservation waits for another until its window ends. Once
    /// it is granted, or refused for another reason than that the payment is confirmed, this
    /// payment can never be confirmed any more, not for an expired reservation either: the money
    /// goes back on that ground.
    FailPayment { reservation: ReservationId, payment: PaymentId },
    /// End a reservation and free its places; a paid one is refunded outside the core.
    CancelReservation { reservation: ReservationId, by: Requester },
    /// Let the holder of the n-th ticket (from 0) of a confirmed reservation in, once.
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
    /// Set a general-admission product's size; never below what is taken.
    Resize { product: ProductId, total: u32 },
    /// Append a row of new seats to a block; the seats that exist keep their ids.
    AddRow { section: SectionId, name: String, seats: u32 },
    /// Take free or blocked seats out of the map for good; their ids are not used again.
    RemoveSeats { seats: Vec<SeatId> },
    /// Set a price; what is held or reserved keeps its own.
    Reprice { product: ProductId, price: Minor },
    /// Set the window of one product, or of the whole offering.
    SetSaleWindow { product: Option<ProductId>, window: SaleWindow },
    /// Set what is given of the offering's window and switch, all or nothing; what is as asked
    /// already is no reason to refuse the rest. A bound of `Some(None)` opens that side.
    ChangeSale {
        start: Option<Option<TimestampMs>>,
        end: Option<Option<TimestampMs>>,
        state: Option<SaleState>,
    },
    /// Start or resume the sale.
    OpenSale,
    /// Take no new holds for now.
    PauseSale,
    /// Take no new holds any more.
    CloseSale,
    /// The event does not take place.
    CancelOffering,
    /// End all holds, offers and places in line of a customer who is leaving; reservations stay. A page
    /// at a time: asked until it is refused because nothing is left.
    EndClaims { customer: UserId },
    /// Any other command, done by an administrator: the journal says by whom.
    ByAdmin { admin: UserId, command: Box<Command> },
    /// As [`Self::CheckIn`], and the journal says where.
    CheckInAtGate { reservation: ReservationId, ticket: u8, gate: String },
    /// Take a check-in back: the ticket is as good as before.
    UndoCheckIn { reservation: ReservationId, ticket: u8 },
    /// Append a ticket type; its place in the list is its id.
    AddProduct { product: NewProduct },
    /// Change how a ticket type is called and sold.
    ChangeProduct { product: ProductId, change: ProductChange },
    /// Change when the event takes place, how it is sold and what comes back.
    ChangeOffering { change: OfferingChange },
    /// Take part in a free event: hold, check out and confirm one place of its only product, once
    /// per person.
    Participate { hold: HoldId, reservation: ReservationId, customer: UserId },
}
