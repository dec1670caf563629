//! Files to keep: tickets as PDF, and their event for a calendar.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, web};
use uuid::Uuid;

use crate::http::api::offerings::tickets::{TicketDto, render as ticket_dto};
use crate::http::error::ApiError;
use crate::http::extract::Path;
use crate::http::state::AppState;
use crate::ids::{ReservationId, UserId};
use crate::inventory::{DEFAULT_EVENT_LENGTH_MS, SaleState};
use crate::offerings::short_code;
use crate::store::EventRow;
use crate::ticket_documents::{CalendarEntry, Labelled, Ticket, calendar, pdf};
use crate::web::format;
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
    let event = state.offerings.event(row.offering).await?;
    let ticket = ticket_dto(&state, &row).await?;
    document(&state, &visitor, &event, row.user, &[ticket]).await
}

async fn order_pdf(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<ReservationId>,
) -> Result<HttpResponse, ApiError> {
    let row = state.offerings.reservation(visitor.caller()?, id).await?;
    let event = state.offerings.event(row.offering).await?;
    let mut tickets = Vec::new();
    for ticket in state.offerings.tickets_of(id).await? {
        tickets.push(ticket_dto(&state, &ticket).await?);
    }
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
    tickets: &[TicketDto],
) -> Result<HttpResponse, ApiError> {
    let found = state.store.people([customer]).await?.remove(&customer);
    let holder = found.map(|person| person.name.unwrap_or(person.email)).unwrap_or_default();
    let when =
        format::date_time(visitor.language, event.details.event_date, zone_of(visitor, event));
    let page = |ticket: &TicketDto| Ticket {
        event: event.details.name.clone(),
        when: when.clone(),
        venue: event.details.venue.clone(),
        place: place(visitor, event, ticket),
        details: vec![
            Labelled::new(visitor.text("pdf.holder"), &*holder),
            Labelled::new(
                visitor.text("event.ticket"),
                places::product_name(event, &ticket.product_id),
            ),
        ],
        code: ticket.code.clone(),
        by_hand: visitor.fill("tickets.by_hand", &[("code", &short_code(&ticket.code))]),
        note: visitor.text("pdf.note").to_owned(),
    };
    let pages: Vec<Ticket> = tickets.iter().map(page).collect();
    let (title, language) = (event.details.name.clone(), visitor.language.tag());
    // Drawing takes milliseconds a page, which must not hold up the worker.
    let drawn = web::block(move || pdf(&pages, &title, language)).await;
    let bytes = drawn.map_err(ApiError::internal)?.map_err(ApiError::internal)?;
    Ok(file("application/pdf", "tickets-to-print.pdf", bytes))
}

fn place(visitor: &Visitor, event: &EventRow, ticket: &TicketDto) -> Vec<Labelled> {
    match &ticket.seat {
        None => {
            let product = places::product_name(event, &ticket.product_id);
            vec![Labelled::new(visitor.text("event.ticket"), product)]
        }
        Some(seat) => vec![
            Labelled::new(visitor.text("event.section"), &*seat.section),
            Labelled::new(visitor.text("pdf.row"), &*seat.row),
            Labelled::new(visitor.text("pdf.seat"), &*seat.label),
        ],
    }
}

async fn ticket_calendar(
    state: web::Data<AppState>,
    visitor: Visitor,
    Path(id): Path<Uuid>,
) -> Result<HttpResponse, ApiError> {
    let row = state.offerings.ticket(visitor.caller()?, id).await?;
    let event = state.offerings.event(row.offering).await?;
    let starts_at = event.details.event_date;
    // Without a public address the file names none: what the request says of its host proves nothing.
    let page = |base: &String| format!("{base}/events/{}", event.id);
    let url = state.config.public_url.as_ref().map(page);
    let entry = CalendarEntry {
        id: event.id.to_string(),
        name: event.details.name.clone(),
        description: event.details.description.clone(),
        location: event.details.venue.clone(),
        url,
        starts_at,
        ends_at: event.event_end.unwrap_or(starts_at + DEFAULT_EVENT_LENGTH_MS),
        changed_at: event.updated_at,
        is_cancelled: event.sale_state == SaleState::Cancelled,
    };
    let text = calendar(&entry).map_err(ApiError::internal)?;
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
