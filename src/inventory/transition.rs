//! What happened, as the journal keeps it. A transition is all that one command did, offers to
//! the waitlist included; the state is the fold of them. Its encoding is the journal's format:
//! append new variants at the end, never reorder, never change the fields of an old one
//! (`box_office/encodings.rs` pins the bytes and says when the format's number rises).

use serde::{Deserialize, Serialize};

use super::command::Idempotency;
use super::definition::{Definition, Minor, ProductDefinition, SaleState, SaleWindow, TimestampMs};
use super::rejection::Rejection;
use super::terms::CancellationPolicy;
use crate::ids::{HoldId, PaymentId, ProductId, ReservationId, SeatId, SectionId, UserId};

/// All that one command, or one round of due work, did: applied whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// The request's key, remembered together with its effect.
    pub idempotency: Option<Idempotency>,
    /// In the order in which they are applied; the first is the answer to the command.
    pub changes: Vec<Change>,
}

/// Places claimed together, at the price of the moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The ticket type.
    pub product: ProductId,
    /// How many places; equals `seats.len()` for a numbered product.
    pub quantity: u32,
    /// Price of one place when it was claimed.
    pub unit_price: Minor,
    /// The seats, empty for general admission.
    pub seats: Box<[SeatId]>,
    /// How well the wish was met.
    pub fit: Fit,
}

/// How well best available met the wish, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Fit {
    /// Granted as asked: general admission, seats picked by id, or side by side with no orphan.
    Exact,
    /// Side by side, but a single seat is left alone beside them.
    LeavesOrphan,
    /// In neighbouring rows of one block, since no row had so many side by side.
    SplitRows,
    /// Anywhere in the product, since no block had so many near each other.
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
            | Self::ReservationGranted { .. } => 2,
            Self::Refused { rejection } => rejection.format(),
            // The first format refuses a definition without a pay window of its own.
            Self::Created { definition } if definition.policy.pay_window_ms == 0 => 2,
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
    /// The offering exists.
    Created { definition: Definition },
    /// Places went from available to held.
    HoldPlaced { hold: HoldId, customer: UserId, lines: Vec<Line>, expires_at: TimestampMs },
    /// The hold lives longer. The lines are those it has, so that the change alone answers the
    /// request, also when it is replayed after the hold has ended.
    HoldExtended { hold: HoldId, lines: Vec<Line>, expires_at: TimestampMs },
    /// The customer gave the hold up.
    HoldReleased { hold: HoldId },
    /// Holds (and waitlist offers) whose time was up.
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
    /// Paid for: the places went from held to sold, one ticket each, in the order of the lines.
    ReservationConfirmed {
        reservation: ReservationId,
        payment: PaymentId,
        customer: UserId,
        lines: Vec<Line>,
    },
    /// The payment failed; the reservation waits for another until `pay_by`.
    PaymentFailed { reservation: ReservationId, payment: PaymentId, pay_by: TimestampMs },
    /// Reservations whose pay window ended: places freed.
    ReservationsExpired { reservations: Vec<ReservationId> },
    /// An expired reservation took its places again for a payment that came late.
    ReservationRevived { reservation: ReservationId },
    /// Given back by the customer or an administrator: places freed.
    ReservationsCancelled { reservations: Vec<ReservationId> },
    /// The ticket's holder came in.
    CheckedIn { reservation: ReservationId, ticket: u8 },
    /// Somebody waits.
    WaitlistJoined { entry: HoldId, customer: UserId, product: ProductId, party_size: u32 },
    /// Somebody stopped waiting before an offer came.
    WaitlistLeft { entry: HoldId },
    /// Freed places went straight to the waitlist: a hold of kind offer, with the entry's id.
    OfferMade { entry: HoldId, customer: UserId, line: Line, expires_at: TimestampMs },
    /// The offer is an ordinary hold now; its line, as for [`Change::HoldExtended`].
    OfferAccepted { entry: HoldId, line: Line, expires_at: TimestampMs },
    /// Seats taken off sale.
    SeatsBlocked { seats: Vec<SeatId> },
    /// Seats put back on sale.
    SeatsUnblocked { seats: Vec<SeatId> },
    /// Places taken off sale.
    PlacesBlocked { product: ProductId, quantity: u32 },
    /// Places put back on sale.
    PlacesUnblocked { product: ProductId, quantity: u32 },
    /// A general-admission product's new size.
    Resized { product: ProductId, total: u32 },
    /// A new row at the end of a block; its seats take the next free ids, starting at `first_seat`.
    RowAdded { section: SectionId, name: String, seats: u32, first_seat: SeatId },
    /// Seats gone from the map.
    SeatsRemoved { seats: Vec<SeatId> },
    /// A new price for new holds.
    Repriced { product: ProductId, price: Minor },
    /// A new window.
    SaleWindowSet { product: Option<ProductId>, window: SaleWindow },
    /// Opened, paused, closed, or cancelled. Cancelling is this marker alone: what exists ends in
    /// pages of due work after it.
    SaleStateSet { state: SaleState },
    /// A command that may have been sent more than once was refused for good: nothing changed but
    /// that its key is used up, so that no copy of it has an effect any more.
    Refused { rejection: Box<Rejection> },
    /// The administrator who asked for the changes before this one. Changes nothing.
    ActedBy { admin: UserId },
    /// As [`Change::CheckedIn`], at this gate.
    CheckedInAtGate { reservation: ReservationId, ticket: u8, gate: String },
    /// The ticket is as if it had not been checked in.
    CheckInUndone { reservation: ReservationId, ticket: u8 },
    /// A new ticket type at the end of the list; names go to the rows that are shown.
    ProductAdded {
        product: ProductId,
        name: String,
        description: String,
        definition: ProductDefinition,
    },
    /// What is shown of a ticket type.
    ProductDescribed { product: ProductId, name: Option<String>, description: Option<String> },
    /// No new holds of it.
    ProductWithdrawn { product: ProductId },
    /// Holds of it are taken again.
    ProductRestored { product: ProductId },
    /// When the event takes place. Without an end of its own the sale ends with the event.
    EventTimesSet { starts_at: TimestampMs, ends_at: TimestampMs },
    /// What comes back to customers who cancel from now on.
    CancellationPolicySet { policy: CancellationPolicy },
    /// As [`Change::ReservationsCancelled`], of one that was paid: of the money, only `refund`
    /// comes back.
    ReservationCancelledFor { reservation: ReservationId, refund: Minor },
    /// Somebody who waits has bought elsewhere as much as one customer may have.
    WaitlistPassedOver { entry: HoldId },
    /// Confirmed without a payment, since it costs nothing: as [`Change::ReservationConfirmed`].
    ReservationGranted { reservation: ReservationId, customer: UserId, lines: Vec<Line> },
}
