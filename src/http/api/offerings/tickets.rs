//! Tickets: read, and drawn as QR codes. Check-ins are in `checkins.rs`.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::dto::{self, SeatDto};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Caller, Path, Query};
use crate::http::pages::PageQuery;
use crate::http::respond::{self, rfc3339};
use crate::http::state::AppState;
use crate::ids::{OfferingId, ReservationId};
use crate::store::TicketRow;

/// Adds the routes of tickets.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/tickets").get(list))
        .service(web::resource("/api/tickets/{ticket}").get(show))
        .service(web::resource("/api/tickets/{ticket}/qr.svg").get(qr));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    ("get", "/api/tickets/{ticket}", TICKETS_CODES),
    ("get", "/api/tickets/{ticket}/qr.svg", TICKETS_CODES),
];

const TICKETS_CODES: &[ErrorCode] = &[ErrorCode::TicketNotFound];

/// A ticket.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct TicketDto {
    pub id: Uuid,
    /// The signed code that the door reads; it cannot be forged.
    pub code: String,
    pub event_id: OfferingId,
    pub reservation_id: ReservationId,
    pub product_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub seat: Option<SeatDto>,
    /// `VALID`, `USED` or `VOID`.
    #[schema(value_type = crate::http::openapi::forms::TicketStatus)]
    pub status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub checked_in_at: Option<String>,
    /// The name of the door where the ticket was checked in, if the check-in named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub gate: Option<String>,
    pub created_at: String,
}

/// List the caller's own tickets, newest first.
#[utoipa::path(get, path = "/api/tickets", tag = "tickets",
    params(("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = crate::http::envelope::Page<TicketDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    let page = state.offerings.tickets(caller, query.after()?, query.limit()?).await?;
    let mut tickets = Vec::with_capacity(page.rows.len());
    for row in &page.rows {
        tickets.push(render(&state, row).await?);
    }
    Ok(respond::page(&tickets, page.next_cursor))
}

/// Read one of the caller's own tickets; staff read those of their offerings.
#[utoipa::path(get, path = "/api/tickets/{ticket}", tag = "tickets",
    params(("ticket" = Uuid, Path)),
    responses((status = 200, body = crate::http::envelope::Success<TicketDto>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<HttpResponse, ApiError> {
    let row = state.offerings.ticket(caller, id).await?;
    Ok(respond::ok(&render(&state, &row).await?))
}

/// Draw the code of one of the caller's own tickets as a QR code; staff draw those of their
/// offerings.
#[utoipa::path(get, path = "/api/tickets/{ticket}/qr.svg", tag = "tickets",
    params(("ticket" = Uuid, Path)),
    responses((status = 200, content_type = "image/svg+xml", body = String)))]
pub(crate) async fn qr(
    state: web::Data<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<HttpResponse, ApiError> {
    let row = state.offerings.ticket(caller, id).await?;
    let code = qrcode::QrCode::new(state.offerings.ticket_codes().code(row.id))
        .map_err(ApiError::internal)?;
    let svg = code.render::<qrcode::render::svg::Color<'_>>().min_dimensions(240, 240).build();
    Ok(HttpResponse::Ok().content_type("image/svg+xml").body(svg))
}

/// Renders a row with the label of its seat.
///
/// # Errors
/// The store cannot be read.
pub async fn render(state: &AppState, row: &TicketRow) -> Result<TicketDto, ApiError> {
    let seat = match row.seat {
        None => None,
        Some(seat) => {
            let mut places = state.store.seat_labels(row.offering, &[seat]).await?;
            let place = places.remove(&seat).unwrap_or_default();
            let labels = state.venues.seats(row.offering).await?;
            Some(dto::seat(row.offering, seat, place, &labels))
        }
    };
    Ok(TicketDto {
        id: row.id,
        code: state.offerings.ticket_codes().code(row.id),
        event_id: row.offering,
        reservation_id: row.reservation,
        product_id: row.product.to_public(row.offering),
        seat,
        status: row.state.as_str(),
        checked_in_at: row.checked_in_at.map(rfc3339),
        gate: row.gate.clone(),
        created_at: rfc3339(row.created_at),
    })
}
