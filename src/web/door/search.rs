//! What the door's scripts ask again and again: how many people are inside, and the tickets of a
//! person or behind a code. Answers are JSON in the API's envelope. Nothing here admits anyone.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::http::api::offerings::tickets::render;
use crate::http::error::ApiError;
use crate::http::extract::Path;
use crate::http::respond;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::offerings::FoundTicket;
use crate::store::{EventRow, TicketRow};
use crate::web::format::date_time;
use crate::web::guests;
use crate::web::places::{self, zone_of};
use crate::web::visitor::Visitor;

/// Tickets in one answer to a name.
const MOST: u64 = 100;
/// Tickets in one answer to a code: those of a large party.
const MOST_OF_CODE: u64 = 100;

/// A ticket that was found at the door.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Found {
    pub(super) ticket_id: Uuid,
    /// Check-ins take codes alone.
    pub(super) code: String,
    /// The holder; empty if the account is closed.
    pub(super) name: String,
    pub(super) seat: Option<String>,
    pub(super) product: String,
    pub(super) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) checked_in_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gate: Option<String>,
    /// When and where it was used, in words; scripts write their own.
    #[serde(skip)]
    pub(super) used: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    checked_in: u64,
    sold: u64,
}

#[derive(Deserialize)]
pub(super) struct Query {
    #[serde(default)]
    q: String,
    code: Option<String>,
}

/// Counts the people inside and the places sold.
pub(super) async fn counts(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let attendance = state.offerings.attendance(event).await?;
    let counts = Counts { checked_in: attendance.checked_in, sold: attendance.sold };
    Ok(respond::ok(&counts))
}

/// Finds tickets by a text, or by a code alone.
pub(super) async fn search(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.staff()?;
    let event = state.offerings.event(event).await?;
    let found = match &query.code {
        Some(code) => match at_hand(&state, &visitor, &event, code).await? {
            Some(ticket) => vec![ticket],
            None => by_code(&state, &visitor, &event, code).await?,
        },
        None => by_text(&state, &visitor, &event, &query.q).await?,
    };
    Ok(respond::ok(&found))
}

/// Returns the tickets behind a code, or else those of people whose name or e-mail address contains the
/// text; none for no text.
pub(super) async fn by_text(
    state: &AppState,
    visitor: &Visitor,
    event: &EventRow,
    text: &str,
) -> Result<Vec<Found>, ApiError> {
    let who: String = text.trim().chars().filter(|c| !c.is_control()).take(100).collect();
    if who.is_empty() {
        return Ok(Vec::new());
    }
    let found = by_code(state, visitor, event, &who).await?;
    if !found.is_empty() {
        return Ok(found);
    }
    let tickets = state.offerings.tickets_by_holder(event.id, &who, MOST).await?;
    all(state, visitor, event, &tickets).await
}

/// Returns the tickets of an event that the claim code of an order or the beginning of a ticket's code
/// means. The staff chooses among them: a beginning may be that of two tickets.
pub(super) async fn by_code(
    state: &AppState,
    visitor: &Visitor,
    event: &EventRow,
    code: &str,
) -> Result<Vec<Found>, ApiError> {
    let offerings = &state.offerings;
    let tickets = match guests::with_code(state, event.id, code).await? {
        Some(guest) => offerings.tickets_of_person(event.id, guest, MOST_OF_CODE).await?,
        None => offerings.tickets_by_code_start(event.id, code, MOST_OF_CODE).await?,
    };
    all(state, visitor, event, &tickets).await
}

/// Returns the ticket with a whole code, of the event or of another at whose door the visitor works too.
pub(super) async fn at_hand(
    state: &AppState,
    visitor: &Visitor,
    event: &EventRow,
    code: &str,
) -> Result<Option<Found>, ApiError> {
    let Some(ticket) = state.offerings.ticket_at_hand(code).await? else { return Ok(None) };
    let offering = ticket.row.offering;
    if offering != event.id && !visitor.scope().contains(offering) {
        return Ok(None);
    }
    let event = state.offerings.offering(offering).await?;
    Ok(Some(describe(state, visitor, &event, &ticket).await?))
}

async fn all(
    state: &AppState,
    visitor: &Visitor,
    event: &EventRow,
    tickets: &[FoundTicket],
) -> Result<Vec<Found>, ApiError> {
    let mut found = Vec::with_capacity(tickets.len());
    for ticket in tickets {
        found.push(describe(state, visitor, event, ticket).await?);
    }
    Ok(found)
}

/// Writes a ticket with its holder and its place.
async fn describe(
    state: &AppState,
    visitor: &Visitor,
    event: &EventRow,
    ticket: &FoundTicket,
) -> Result<Found, ApiError> {
    let dto = render(state, &ticket.row).await?;
    // Guests have an address only.
    let name = ticket.holder.as_ref().map(|holder| {
        let name = holder.name.clone().filter(|name| !name.is_empty());
        name.unwrap_or_else(|| holder.email.clone())
    });
    Ok(Found {
        ticket_id: dto.id,
        name: name.unwrap_or_default(),
        seat: dto.seat.as_ref().map(|seat| places::seat(visitor, seat)),
        product: places::product_name(event, &dto.product_id).to_owned(),
        code: dto.code,
        status: dto.status,
        checked_in_at: dto.checked_in_at,
        gate: dto.gate,
        used: used_when(visitor, event, &ticket.row),
    })
}

/// Writes when and where a ticket was used.
pub(super) fn used_when(visitor: &Visitor, event: &EventRow, row: &TicketRow) -> Option<String> {
    let time = date_time(visitor.language, row.checked_in_at?, zone_of(visitor, event));
    Some(match &row.gate {
        Some(gate) => visitor.fill("js.door.usedAt", &[("time", &time), ("gate", gate)]),
        None => visitor.fill("js.door.usedWhen", &[("time", &time)]),
    })
}
