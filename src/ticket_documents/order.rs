//! The tickets of an order as pages to print, and its event for a calendar, in a language.

use chrono_tz::Tz;

use super::{CalendarEntry, Labelled, Ticket};
use crate::inventory::{DEFAULT_EVENT_LENGTH_MS, SaleState};
use crate::language::{Language, format};
use crate::offerings::{NamedTicket, short_code};
use crate::store::EventRow;

/// Returns a page for each ticket of an order; `holder` is the buyer's name or address.
#[must_use]
pub fn pages(
    (language, zone): (Language, Tz),
    event: &EventRow,
    holder: &str,
    tickets: &[NamedTicket],
) -> Vec<Ticket> {
    let when = format::date_time(language, event.details.event_date, zone);
    let page = |ticket: &NamedTicket| Ticket {
        event: event.details.name.clone(),
        when: when.clone(),
        venue: event.details.venue.clone(),
        place: place(language, ticket),
        details: vec![
            Labelled::new(language.text("pdf.holder"), holder),
            Labelled::new(language.text("event.ticket"), &*ticket.product),
        ],
        code: ticket.code.clone(),
        by_hand: language.fill("tickets.by_hand", &[("code", &short_code(&ticket.code))]),
        note: language.text("pdf.note").to_owned(),
    };
    tickets.iter().map(page).collect()
}

fn place(language: Language, ticket: &NamedTicket) -> Vec<Labelled> {
    match &ticket.seat {
        None => vec![Labelled::new(language.text("event.ticket"), &*ticket.product)],
        Some(seat) => vec![
            Labelled::new(language.text("event.section"), &*seat.section),
            Labelled::new(language.text("pdf.row"), &*seat.row),
            Labelled::new(language.text("pdf.seat"), &*seat.label),
        ],
    }
}

/// Returns the place of an event that is online: that word, with what the organiser says of it.
#[must_use]
pub fn online_place(language: Language, venue: &str) -> String {
    let online = language.text("pdf.online");
    match venue.trim() {
        "" => online.to_owned(),
        venue => format!("{online} · {venue}"),
    }
}

impl CalendarEntry {
    /// Returns the entry of an event; `url` is the address of its page.
    #[must_use]
    pub fn of(event: &EventRow, url: Option<String>) -> Self {
        let starts_at = event.details.event_date;
        Self {
            id: event.id.to_string(),
            name: event.details.name.clone(),
            description: event.details.description.clone(),
            location: event.details.venue.clone(),
            url,
            starts_at,
            ends_at: event.event_end.unwrap_or(starts_at + DEFAULT_EVENT_LENGTH_MS),
            changed_at: event.updated_at,
            is_cancelled: event.sale_state == SaleState::Cancelled,
        }
    }
}
