//! Events beside their stock: the catalogue entry, the status of the sale, reservations and tickets
//! as people see them. Their rules are here, so that handlers and pages make the same calls. Stock
//! is changed only by a command to the box office.

mod change;
mod checkins;
mod commands;
mod draft;
mod reservations;
mod sale_status;
mod summaries;
mod tickets;

use std::sync::Arc;

use crate::box_office::{BoxOffices, SubmitError, Unavailable};
use crate::ids::OfferingId;
use crate::inventory::Rejection;
use crate::store::{Store, StoreError, TicketRow};
use crate::text::InvalidField;

pub use change::{Changed, EventEdit, EventKeys};
pub use checkins::{CheckIn, TicketRef};
pub use draft::{CancellationDraft, EventDraft, ProductDraft, SectionDraft};
pub use reservations::ReservationPage;
pub use sale_status::SaleStatus;
pub use summaries::EventSummary;
pub use tickets::{TicketCodes, TicketPage};

use summaries::EventSummaries;

/// Events, their reservations and their tickets.
pub struct Offerings {
    store: Store,
    offices: Arc<BoxOffices>,
    summaries: EventSummaries,
    codes: TicketCodes,
}

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
    /// The ticket belongs to another event than the door's, and was not used.
    #[error("the ticket is of another event")]
    WrongEvent(Box<TicketRow>),
    /// The ticket was used before; the row has the check-in.
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

impl Offerings {
    /// Creates the service over a store and the box offices. Ticket codes are signed with `codes`.
    #[must_use]
    pub fn new(store: Store, offices: Arc<BoxOffices>, codes: TicketCodes) -> Self {
        Self { store, offices, summaries: EventSummaries::default(), codes }
    }
}
