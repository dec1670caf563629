//! Why a command was refused. A rejection is an answer, not an error: it changes nothing and is
//! never logged above debug. `http/error.rs` maps each to its status and code. Journalled inside
//! `Change::Refused` and sent between instances: append new variants at the end, never reorder, never
//! change the fields of an old one (`box_office/encodings.rs` pins the bytes).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::definition::TimestampMs;
use crate::ids::{HoldId, ReservationId, SeatId};

/// A typed refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are named by their types; variants are documented")]
pub enum Rejection {
    /// Fewer places are free than were asked for.
    #[error("only {available} of the {requested} places asked for are available")]
    SoldOut { requested: u32, available: u32 },
    /// Some of the seats picked are held, sold or blocked.
    #[error("already taken: {} of the seats asked for", seats.len())]
    SeatsTaken { seats: Vec<SeatId> },
    /// No such product in this offering.
    #[error("there is no product of this id: the event lists those it has")]
    UnknownProduct,
    /// No such block in this offering, or it is not of that product.
    #[error("there is no such section")]
    UnknownSection,
    /// No such seats in this offering.
    #[error("unknown: {} of the seats asked for", seats.len())]
    UnknownSeats { seats: Vec<SeatId> },
    /// The same seat twice in one command.
    #[error("a seat was asked for twice")]
    DuplicateSeats { seats: Vec<SeatId> },
    /// Numbered seats asked for by quantity alone, or the other way round.
    #[error("this product is sold {}", if *.numbered {
        "by numbered seat: name seats, or ask for the best available"
    } else {
        "by quantity: ask for lines with a quantity"
    })]
    WrongKindOfProduct { numbered: bool },
    /// No lines, zero places, more places than one hold may carry, or an overflowing price.
    #[error("{reason}")]
    Invalid { reason: Cow<'static, str> },
    /// More places than one customer may have.
    #[error("a customer may have at most {max} places here and already has {current}")]
    LimitExceeded { max: u32, current: u32 },
    /// Before the sale.
    #[error("the sale has not started")]
    SaleNotOpen { opens_at: Option<TimestampMs> },
    /// After the sale, or paused or closed by an administrator.
    #[error("the sale is {}", if *.paused { "paused" } else { "over" })]
    SaleClosed { paused: bool },
    /// The event does not take place.
    #[error("the event is cancelled")]
    Cancelled,
    /// No such hold, or another customer's.
    #[error("there is no such hold")]
    HoldNotFound,
    /// The hold's time was up.
    #[error("the hold has expired")]
    HoldExpired,
    /// The hold was released or checked out before.
    #[error("the hold has already ended")]
    HoldEnded,
    /// The hold has reached the longest life the policy grants.
    #[error("the hold cannot be extended any further")]
    ExtensionExhausted,
    /// No such reservation, or another customer's.
    #[error("there is no such reservation")]
    ReservationNotFound,
    /// The pay window is over and the places are gone.
    #[error("the time to pay is over")]
    ReservationExpired,
    /// Not possible in the state the thing is in.
    #[error("not possible while the {what} is {state}")]
    WrongState { what: Cow<'static, str>, state: Cow<'static, str> },
    /// Another payment of the same reservation is still at work.
    #[error("another payment of this reservation is in progress")]
    PaymentInProgress,
    /// The ticket was used before.
    #[error("the ticket has already been checked in")]
    AlreadyCheckedIn,
    /// No such ticket.
    #[error("there is no such ticket")]
    TicketNotFound,
    /// The waitlist is off for this offering, or full.
    #[error("the waitlist is {}", if *.full { "full" } else { "not offered here" })]
    WaitlistUnavailable { full: bool },
    /// The customer waits for this product already.
    #[error("already on the waitlist for this product")]
    AlreadyWaiting,
    /// Places are free: hold them instead of waiting.
    #[error("{available} places are available now: hold them instead of waiting")]
    PlacesAvailable { available: u32 },
    /// No such waitlist entry, or another customer's.
    #[error("there is no such waitlist entry")]
    WaitlistEntryNotFound,
    /// Smaller than what is held, sold and blocked.
    #[error("{taken} places are taken, so the size cannot go below that")]
    BelowTaken { taken: u32 },
    /// The idempotency key came before with another request.
    #[error("the idempotency key was used before for a different request")]
    KeyReused,
    /// The customer has used up the share of keys that are remembered for one customer.
    #[error("too many idempotency keys in use by one customer")]
    TooManyKeys,
    /// The ticket type is not offered any more.
    #[error("this product was withdrawn from sale")]
    ProductWithdrawn,
    /// A paid reservation that its customer cannot cancel: it is too late, or never possible.
    #[error("{}", if until.is_none() {
        "what is paid for this event cannot be cancelled by the customer"
    } else {
        "it is too late to cancel what is paid for this event"
    })]
    CancellationRefused { until: Option<TimestampMs> },
    /// The switch cannot open a sale that its window has ended.
    #[error("the sale is over: set a later {end} to open it again")]
    SaleOver { end: SaleEnd, at: TimestampMs },
    /// Not an event whose only product is free.
    #[error(
        "only an event with a single free product is taken part in at once: hold places, \
             reserve and pay"
    )]
    NotParticipable,
    /// The customer has a place in this event: a reservation, or else a hold or an offer.
    #[error("you have a place in this event already")]
    AlreadyParticipated { reservation: Option<ReservationId>, hold: Option<HoldId> },
}

impl Rejection {
    /// The first format of the journal that has this variant.
    pub(super) fn format(&self) -> u16 {
        match self {
            Self::ProductWithdrawn
            | Self::CancellationRefused { .. }
            | Self::SaleOver { .. }
            | Self::NotParticipable
            | Self::AlreadyParticipated { .. } => 2,
            Self::SoldOut { .. }
            | Self::SeatsTaken { .. }
            | Self::UnknownProduct
            | Self::UnknownSection
            | Self::UnknownSeats { .. }
            | Self::DuplicateSeats { .. }
            | Self::WrongKindOfProduct { .. }
            | Self::Invalid { .. }
            | Self::LimitExceeded { .. }
            | Self::SaleNotOpen { .. }
            | Self::SaleClosed { .. }
            | Self::Cancelled
            | Self::HoldNotFound
            | Self::HoldExpired
            | Self::HoldEnded
            | Self::ExtensionExhausted
            | Self::ReservationNotFound
            | Self::ReservationExpired
            | Self::WrongState { .. }
            | Self::PaymentInProgress
            | Self::AlreadyCheckedIn
            | Self::TicketNotFound
            | Self::WaitlistUnavailable { .. }
            | Self::AlreadyWaiting
            | Self::PlacesAvailable { .. }
            | Self::WaitlistEntryNotFound
            | Self::BelowTaken { .. }
            | Self::KeyReused
            | Self::TooManyKeys => 1,
        }
    }
}

/// Which bound has ended a sale, by the name that the API gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SaleEnd {
    /// The sale's own end.
    Sale,
    /// The sale had none, and the event is over.
    Event,
}

impl SaleEnd {
    /// The field to change.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Sale => "saleEndAt",
            Self::Event => "eventEndAt",
        }
    }
}

impl std::fmt::Display for SaleEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.field())
    }
}
