//! The reasons why a command is refused. A rejection is an answer, not an error: it changes nothing
//! and is never logged above debug. `http/error.rs` maps each to its status and code. Journalled
//! inside `Change::Refused` and sent between instances: append new variants at the end, never
//! reorder, never change the fields of an old one (`box_office/encodings.rs` pins the bytes).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::definition::TimestampMs;
use crate::ids::{EnrollmentId, HoldId, ReservationId, SeatId};

/// A typed refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are named by their types; variants are documented")]
pub enum Rejection {
    /// Fewer places are free than were requested.
    #[error("only {available} of the {requested} places asked for are available")]
    SoldOut { requested: u32, available: u32 },
    /// Some of the seats picked are held, sold or blocked.
    #[error("already taken: {} of the seats asked for", seats.len())]
    SeatsTaken { seats: Vec<SeatId> },
    /// The offering has no such product.
    #[error("there is no product of this id: the event lists those it has")]
    UnknownProduct,
    /// The offering has no such section, or the section is not of that product.
    #[error("there is no such section")]
    UnknownSection,
    /// The offering has no such seats.
    #[error("unknown: {} of the seats asked for", seats.len())]
    UnknownSeats { seats: Vec<SeatId> },
    /// The command names the same seat twice.
    #[error("a seat was asked for twice")]
    DuplicateSeats { seats: Vec<SeatId> },
    /// Numbered seats requested by quantity alone, or the other way round.
    #[error("this product is sold {}", if *.numbered {
        "by numbered seat: name seats, or ask for the best available"
    } else {
        "by quantity: ask for lines with a quantity"
    })]
    WrongKindOfProduct { numbered: bool },
    /// No lines, zero places, more places than one hold may carry, or an overflowing price.
    #[error("{reason}")]
    Invalid { reason: Cow<'static, str> },
    /// The customer would have more places than one customer may have.
    #[error("a customer may have at most {max} places here and already has {current}")]
    LimitExceeded { max: u32, current: u32 },
    /// The sale has not started.
    #[error("the sale has not started")]
    SaleNotOpen { opens_at: Option<TimestampMs> },
    /// The sale is over, or paused or closed by an administrator.
    #[error("the sale is {}", if *.paused { "paused" } else { "over" })]
    SaleClosed { paused: bool },
    /// The event does not take place.
    #[error("the event is cancelled")]
    Cancelled,
    /// There is no such hold, or it is another customer's.
    #[error("there is no such hold")]
    HoldNotFound,
    /// The hold's deadline has passed.
    #[error("the hold has expired")]
    HoldExpired,
    /// The hold was released or checked out before.
    #[error("the hold has already ended")]
    HoldEnded,
    /// The hold has reached the longest life the policy grants.
    #[error("the hold cannot be extended any further")]
    ExtensionExhausted,
    /// There is no such reservation, or it is another customer's.
    #[error("there is no such reservation")]
    ReservationNotFound,
    /// The pay window is over and the places are gone.
    #[error("the time to pay is over")]
    ReservationExpired,
    /// The hold, reservation or other object is in a state that does not allow the command.
    #[error("not possible while the {what} is {state}")]
    WrongState { what: Cow<'static, str>, state: Cow<'static, str> },
    /// Another payment of the same reservation is in progress.
    #[error("another payment of this reservation is in progress")]
    PaymentInProgress,
    /// The ticket has been checked in before.
    #[error("the ticket has already been checked in")]
    AlreadyCheckedIn,
    /// There is no such ticket.
    #[error("there is no such ticket")]
    TicketNotFound,
    /// The waitlist is off for this offering, or full.
    #[error("the waitlist is {}", if *.full { "full" } else { "not offered here" })]
    WaitlistUnavailable { full: bool },
    /// The customer is on the waitlist for this product already.
    #[error("already on the waitlist for this product")]
    AlreadyWaiting,
    /// Places are free: the customer can hold them instead of waiting.
    #[error("{available} places are available now: hold them instead of waiting")]
    PlacesAvailable { available: u32 },
    /// There is no such waitlist entry, or it is another customer's.
    #[error("there is no such waitlist entry")]
    WaitlistEntryNotFound,
    /// The requested size is smaller than the number of places held, sold and blocked.
    #[error("{taken} places are taken, so the size cannot go below that")]
    BelowTaken { taken: u32 },
    /// The idempotency key was used before with another request.
    #[error("the idempotency key was used before for a different request")]
    KeyReused,
    /// The customer has used up the number of keys that are remembered for one customer.
    #[error("too many idempotency keys in use by one customer")]
    TooManyKeys,
    /// The product is no longer offered.
    #[error("this product was withdrawn from sale")]
    ProductWithdrawn,
    /// The customer cannot cancel this paid reservation: it is too late, or never possible.
    #[error("{}", if until.is_none() {
        "what is paid for this event cannot be cancelled by the customer"
    } else {
        "it is too late to cancel what is paid for this event"
    })]
    CancellationRefused { until: Option<TimestampMs> },
    /// The switch cannot open a sale whose window has ended.
    #[error("the sale is over: set a later {end} to open it again")]
    SaleOver { end: SaleEnd, at: TimestampMs },
    /// Participation is possible only in an event whose only product is free.
    #[error(
        "only an event with a single free product is taken part in at once: hold places, \
             reserve and pay"
    )]
    NotParticipable,
    /// The customer has a place in this event already: a reservation, or else a hold or an offer.
    #[error("you have a place in this event already")]
    AlreadyParticipated { reservation: Option<ReservationId>, hold: Option<HoldId> },
    /// A command for events sent to a class, or the other way round.
    #[error("{}", if *.is_class {
        "this is a class: apply for it instead"
    } else {
        "this is no class"
    })]
    WrongOffering { is_class: bool },
    /// Applications are not taken yet.
    #[error("the class does not take applications yet")]
    RecruitmentNotOpen { opens_at: Option<TimestampMs> },
    /// Applications are not taken any more.
    #[error("the class takes no more applications")]
    RecruitmentOver { ended_at: Option<TimestampMs> },
    /// The customer has a living enrollment in this class.
    #[error("you have applied for this class already")]
    AlreadyEnrolled { enrollment: EnrollmentId },
    /// The customer's enrollment has ended, and the class takes no second application.
    #[error("this class takes one application from each person, and yours has ended")]
    ReapplyRefused { enrollment: EnrollmentId },
    /// All places and all places of the waitlist are taken.
    #[error(
        "the class is full: all its places ({capacity}) and those of the waitlist ({waitlist}) are taken"
    )]
    ClassFull { capacity: u32, waitlist: u32 },
    /// A decision would need a place that is not free.
    #[error("places left: {left}; raise the capacity, or put the application on the waitlist")]
    NoPlacesLeft { left: u32 },
    /// There is no such enrollment, or it is another customer's.
    #[error("there is no such enrollment")]
    EnrollmentNotFound,
    /// The enrollment has changed since the version that the command names.
    #[error("the enrollment has changed meanwhile: its version is {current}")]
    VersionConflict { current: u32 },
    /// How applicants are selected cannot change after the first application.
    #[error("selectionType cannot change after the first application")]
    SelectionFrozen,
    /// The class has living enrollments, which the command would end.
    #[error("{living} enrollments are not over: they end only with a cancellation of the class")]
    HasEnrollments { living: u32 },
    /// An application is not put on the waitlist while a decision could give it a place.
    #[error("places left: {left}; approve the application instead of putting it on the waitlist")]
    PlacesLeft { left: u32 },
    /// The customer has applied for this class too many times.
    #[error("you have applied for this class {limit} times: there is no further application")]
    TooManyApplications { limit: u32 },
    /// The event has a waiting room, which is its waitlist.
    #[error("the event has a waiting room: enter its queue, which free places go to")]
    QueueIsOn,
    /// The event has no waiting room, or none any more.
    #[error("the event has no waiting room that is on")]
    NoQueue,
    /// The list for the draw is being closed; entries follow behind it in a moment.
    #[error("the queue is about to open: try again in a second")]
    QueueClosing,
    /// The queue takes no new entries.
    #[error("the queue takes no new entries")]
    QueueDraining,
    /// The queue has as many entries as it can have.
    #[error("the queue has {max} entries, which is as many as it can have")]
    QueueFull { max: u32 },
    /// All these customers are in the queue already, or may not enter again.
    #[error("in the queue already, or entered too often, or voided")]
    InQueue,
    /// The customer is not in the queue.
    #[error("no such entry waits in the queue")]
    QueueEntryNotFound,
    /// Places are held with a pass alone while the waiting room is on.
    #[error(
        "the event has a waiting room: enter its queue, and send your own pass for it as X-Pass-Token"
    )]
    PassRequired,
    /// The pass was not used in time, or is of another queue.
    #[error("the pass has expired: enter the queue again for another")]
    PassExpired,
    /// The session that the pass opened is over.
    #[error("the pass was used, and its session is over")]
    PassUsed,
}

impl Rejection {
    /// The first format of the journal that has this variant.
    pub(super) fn format(&self) -> u16 {
        match self {
            Self::ProductWithdrawn
            | Self::CancellationRefused { .. }
            | Self::SaleOver { .. }
            | Self::NotParticipable
            | Self::AlreadyParticipated { .. }
            | Self::WrongOffering { .. }
            | Self::RecruitmentNotOpen { .. }
            | Self::RecruitmentOver { .. }
            | Self::AlreadyEnrolled { .. }
            | Self::ReapplyRefused { .. }
            | Self::ClassFull { .. }
            | Self::NoPlacesLeft { .. }
            | Self::EnrollmentNotFound
            | Self::VersionConflict { .. }
            | Self::SelectionFrozen
            | Self::HasEnrollments { .. }
            | Self::PlacesLeft { .. }
            | Self::TooManyApplications { .. }
            | Self::QueueIsOn
            | Self::NoQueue
            | Self::QueueClosing
            | Self::QueueDraining
            | Self::QueueFull { .. }
            | Self::InQueue
            | Self::QueueEntryNotFound
            | Self::PassRequired
            | Self::PassExpired
            | Self::PassUsed => 2,
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

/// The bound that ended a sale, by its name in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SaleEnd {
    /// The sale's own end.
    Sale,
    /// The end of the event: the sale has no end of its own.
    Event,
}

impl SaleEnd {
    /// The name of the field to change.
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
