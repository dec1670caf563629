//! What the door's scripts ask again and again: how many people are inside, and the tickets of a
//! person. Answers are JSON in the API's envelope.

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
use crate::web::places::{self, zone_of};
use crate::web::visitor::Visitor;

/// Tickets in one answer.
const MOST: u64 = 20;

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
    ticket: Option<Uuid>,
}

/// Counts the people inside and the places sold.
pub(super) async fn counts(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    visitor.admin()?;
    let attendance = state.offerings.attendance(event).await?;
    let counts = Counts { checked_in: attendance.checked_in, sold: attendance.sold };
    Ok(respond::ok(&counts))
}

/// Finds tickets by their holders, or one ticket by its id.
pub(super) async fn search(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(event): Path<OfferingId>,
    query: web::Query<Query>,
) -> Result<HttpResponse, ApiError> {
    visitor.admin()?;
    let event = state.offerings.event(event).await?;
    let found = match query.ticket {
        Some(ticket) => match state.offerings.ticket_with_holder(event.id, ticket).await? {
            Some(ticket) => vec![describe(&state, &visitor, &event, &ticket).await?],
            None => Vec::new(),
        },
        None => by_holder(&state, &visitor, &event, &query.q).await?,
    };
    Ok(respond::ok(&found))
}

/// Returns the tickets of people whose name or e-mail address contains a text; none for no text.
pub(super) async fn by_holder(
    state: &AppState,
    visitor: &Visitor,
    event: &EventRow,
    text: &str,
) -> Result<Vec<Found>, ApiError> {
    let who: String = text.trim().chars().filter(|c| !c.is_control()).take(100).collect();
    if who.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for ticket in state.offerings.tickets_by_holder(event.id, &who, MOST).await? {
        found.push(describe(state, visitor, event, &ticket).await?);
    }
    Ok(found)
}

/// Writes a ticket with its holder and its place.
pub(super) async fn describe(
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
