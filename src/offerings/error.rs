//! Why a request about an event failed.

use crate::box_office::{SubmitError, Unavailable};
use crate::ids::OfferingId;
use crate::inventory::Rejection;
use crate::store::{StoreError, TicketRow};
use crate::text::InvalidField;

/// Why a request about an event was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OfferingError {
    /// A value is not allowed.
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// There is no such event.
    #[error("there is no such event")]
    NoSuchEvent,
    /// The box office of this event refused the command, or could not decide it.
    #[error("{1}")]
    Command(OfferingId, #[source] SubmitError),
    /// Refused before any command was sent.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The text is not the code of a ticket.
    #[error("this is not the code of a ticket")]
    NotATicketCode,
    /// The ticket is of another event than the door's, and was not used.
    #[error("the ticket is of another event")]
    WrongEvent(Box<TicketRow>),
    /// The ticket was used before, as the row says.
    #[error("the ticket was used before")]
    AlreadyCheckedIn(Box<TicketRow>),
    /// A repeated check-in, which was undone in the meantime.
    #[error(
        "this check-in was taken back since: to let its holder in, send it without this \
         Idempotency-Key"
    )]
    CheckInUndone,
    /// A repeated undo of a ticket that was used again in the meantime.
    #[error(
        "the ticket was used again since: to take that back, send it without this Idempotency-Key"
    )]
    CheckedInAgain,
    /// The event cannot be read at the moment.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
