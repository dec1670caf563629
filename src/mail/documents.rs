//! What a mail with tickets carries: their codes as pictures, all of them as PDF, and the event for a
//! calendar.

use chrono_tz::Tz;

use super::outcome::ComposeError;
use crate::language::Language;
use crate::offerings::NamedTicket;
use crate::quiet_threads::QuietThreads;
use crate::store::{EventRow, KeptPart};
use crate::ticket_documents::{CalendarEntry, DocumentError, calendar, pages, pdf, qr_picture};

/// Codes shown in the mail itself; those of further tickets are in the PDF.
pub(super) const MOST_PICTURES: usize = 10;

/// Returns the name under which the HTML shows the code of the ticket at a position.
pub(super) fn picture_id(position: usize) -> String {
    format!("ticket-{}", position + 1)
}

/// Draws the documents of an order. Takes milliseconds a ticket.
///
/// # Errors
/// A document cannot be made.
pub(super) async fn of_order(
    threads: &QuietThreads,
    written: (Language, Tz),
    event: &EventRow,
    holder: String,
    tickets: Vec<NamedTicket>,
    url: String,
) -> Result<Vec<KeptPart>, ComposeError> {
    let event = event.clone();
    let drawn = threads.run(move || draw(written, &event, &holder, &tickets, url)).await;
    let drawn =
        drawn.ok_or_else(|| ComposeError::Impossible("drawing the tickets failed".into()))?;
    drawn.map_err(|error| ComposeError::Impossible(error.to_string()))
}

fn draw(
    written: (Language, Tz),
    event: &EventRow,
    holder: &str,
    tickets: &[NamedTicket],
    url: String,
) -> Result<Vec<KeptPart>, DocumentError> {
    let mut parts = Vec::new();
    for (position, ticket) in tickets.iter().take(MOST_PICTURES).enumerate() {
        let id = picture_id(position);
        parts.push(KeptPart {
            name: format!("{id}.png"),
            content_type: "image/png".into(),
            content: qr_picture(&ticket.code)?,
            content_id: Some(id),
        });
    }
    let title = event.details.name.clone();
    let pages = pages(written, event, holder, tickets);
    parts.push(KeptPart {
        name: "tickets.pdf".into(),
        content_type: "application/pdf".into(),
        content: pdf(&pages, &title, written.0.tag())?,
        content_id: None,
    });
    parts.push(KeptPart {
        name: "event.ics".into(),
        content_type: "text/calendar; charset=utf-8".into(),
        content: calendar(&CalendarEntry::of(event, Some(url)))?.into_bytes(),
        content_id: None,
    });
    Ok(parts)
}
