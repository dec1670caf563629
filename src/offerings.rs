//! Events beside their stock: the catalogue entry, the status of the sale, reservations and tickets
//! as people see them. Their rules are here, so that handlers and pages make the same calls. Stock
//! is changed only by a command to the box office.

mod change;
mod checkins;
mod commands;
mod door;
mod draft;
mod error;
mod history;
mod lists;
mod place_names;
mod policies;
mod reservations;
mod sale_status;
mod sales;
mod summaries;
mod ticket_codes;
mod tickets;

pub use error::OfferingError;
use std::sync::Arc;

use crate::box_office::BoxOffices;
use crate::roles::Roles;
use crate::store::Store;
use crate::venues::Venues;

pub use change::{Changed, EventEdit, EventKeys};
pub use checkins::{CheckIn, TicketRef};
pub use door::{Attendance, FoundTicket};
pub use draft::{CancellationDraft, EventDraft, FoundPlan, PlanDraft, ProductDraft, SectionDraft};
pub use history::{Happening, History};
pub use place_names::{NamedLine, NamedTicket, PlaceNames, SeatName};
pub use reservations::{
    ReservationPage, TicketsCancelled, TicketsToCancel, refund_of, ticket_prices,
};
pub use sale_status::SaleStatus;
pub use sales::Sales;
pub use summaries::EventSummary;
pub use ticket_codes::{TicketCodes, short_code};
pub use tickets::TicketPage;

use summaries::{EventPolicies, EventSummaries};

/// Events, their reservations and their tickets.
pub struct Offerings {
    store: Store,
    offices: Arc<BoxOffices>,
    venues: Arc<Venues>,
    summaries: EventSummaries,
    policies: EventPolicies,
    codes: TicketCodes,
    roles: Arc<Roles>,
}

impl Offerings {
    /// Creates the service over a store and the box offices. Ticket codes are signed with `codes`.
    #[must_use]
    pub fn new(
        store: Store,
        offices: Arc<BoxOffices>,
        venues: Arc<Venues>,
        codes: TicketCodes,
        roles: Arc<Roles>,
    ) -> Self {
        let (summaries, policies) = (EventSummaries::default(), EventPolicies::default());
        Self { store, offices, venues, summaries, policies, codes, roles }
    }
}
