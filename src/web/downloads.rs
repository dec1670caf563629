//! Files to keep: tickets as PDF, and their event for a calendar.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, web};
use uuid::Uuid;

use crate::http::error::ApiError;
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::{ReservationId, UserId};
use crate::store::{EventRow, TicketRow};
use crate::ticket_documents::{CalendarEntry, calendar, pages, pdf};
use crate::web::places::{self, zone_of};
use crate::web::visitor::Visitor;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/tickets/{ticket:[^/.]+}.pdf").get(ticket_pdf))
        .service(web::resource("/tickets/{ticket:[^/.]+}.ics").get(ticket_calendar))
        .service(web::resource("/orders/{reservation:[^/.]+}.pdf").get(order_pdf));
}

async fn ticket_pdf(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<Uuid>,
) -> Result<HttpResponse, ApiError> {
    let row = state.offerings.ticket(visitor.caller()?, id).await?;
    let event = state.offerings.offering(row.offering).await?;
    document(&state, &visitor, &event, row.user, &[row]).await
}

async fn order_pdf(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<ReservationId>,
) -> Result<HttpResponse, ApiError> {
    let row = state.offerings.reservation(visitor.caller()?, id).await?;
    let event = state.offerings.offering(row.offering).await?;
    let tickets = state.offerings.tickets_of(id).await?;
    if tickets.is_empty() {
        return Err(ApiError::not_found("ticket"));
    }
    document(&state, &visitor, &event, row.user, &tickets).await
}

async fn document(
    state: &AppState,
    visitor: &Visitor,
    event: &EventRow,
    customer: UserId,
    tickets: &[TicketRow],
) -> Result<HttpResponse, ApiError> {
    let found = state.store.people([customer]).await?.remove(&customer);
    let holder = found.map(|person| person.name.unwrap_or(person.email)).unwrap_or_default();
    let tickets = state.offerings.place_names().of_tickets(event, tickets).await?;
    let written = (visitor.language, zone_of(visitor, event));
    let pages = pages(written, event, &holder, &tickets);
    let (title, language) = (event.details.name.clone(), visitor.language.tag());
    // Drawing takes milliseconds a page, which must not hold up the worker.
    let drawn = web::block(move || pdf(&pages, &title, language)).await;
    let bytes = drawn.map_err(ApiError::internal)?.map_err(ApiError::internal)?;
    Ok(file("application/pdf", "tickets-to-print.pdf", bytes))
}

async fn ticket_calendar(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<Uuid>,
) -> Result<HttpResponse, ApiError> {
    let row = state.offerings.ticket(visitor.caller()?, id).await?;
    let event = state.offerings.offering(row.offering).await?;
    // Without a public address the file names none: what the request says of its host proves nothing.
    let page = |base: &String| format!("{base}{}", places::address(&event));
    let url = state.config.public_url.as_ref().map(page);
    let text = calendar(&CalendarEntry::of(&event, url)).map_err(ApiError::internal)?;
    Ok(file("text/calendar; charset=utf-8", "calendar.ics", text.into_bytes()))
}

fn file(content_type: &'static str, name: &str, bytes: Vec<u8>) -> HttpResponse {
    let disposition = format!("attachment; filename=\"{name}\"");
    let disposition = HeaderValue::from_str(&disposition).expect("names are ASCII");
    HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((header::CONTENT_DISPOSITION, disposition))
        .body(bytes)
}
