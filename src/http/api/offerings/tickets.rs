//! Tickets: looked at, and drawn as QR codes. The door is `checkins.rs`.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::dto::{self, SeatDto};
use crate::http::error::ApiError;
use crate::http::extract::{Caller, Path, Query};
use crate::http::respond::{self, rfc3339};
use crate::http::state::AppState;
use crate::ids::{OfferingId, ReservationId};
use crate::inventory::Rejection;
use crate::store::TicketRow;

/// The routes of tickets.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/tickets").get(list))
        .service(web::resource("/api/tickets/{ticket}").get(show))
        .service(web::resource("/api/tickets/{ticket}/qr.svg").get(qr));
}

/// A ticket.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct TicketDto {
    pub id: Uuid,
    /// What the door reads: signed, and nobody can make one up.
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
    /// Where it was checked in, if the door said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub gate: Option<String>,
    pub created_at: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    limit: Option<u64>,
    cursor: Option<String>,
}

/// One's own tickets, newest first.
#[utoipa::path(get, path = "/api/tickets", tag = "tickets",
    params(("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = crate::http::openapi::Page<TicketDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = dto::limit(query.limit)?;
    let after = dto::cursor(query.cursor.as_deref())?;
    let rows = state.store.ticket_list(caller.user, after, limit).await?;
    let full = rows.len() as u64 == limit;
    let next = rows.last().filter(|_| full).map(|row| format!("{}_{}", row.created_at, row.id));
    let mut tickets = Vec::with_capacity(rows.len());
    for row in &rows {
        tickets.push(render(&state, row).await?);
    }
    Ok(respond::page(&tickets, next))
}

/// One ticket of one's own.
#[utoipa::path(get, path = "/api/tickets/{ticket}", tag = "tickets",
    params(("ticket" = Uuid, Path)),
    responses((status = 200, body = crate::http::openapi::Success<TicketDto>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<HttpResponse, ApiError> {
    let row = own(&state, caller, id).await?;
    Ok(respond::ok(&render(&state, &row).await?))
}

/// A ticket's code as a picture.
#[utoipa::path(get, path = "/api/tickets/{ticket}/qr.svg", tag = "tickets",
    params(("ticket" = Uuid, Path)),
    responses((status = 200, content_type = "image/svg+xml", body = String)))]
pub(crate) async fn qr(
    state: web::Data<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<HttpResponse, ApiError> {
    let row = own(&state, caller, id).await?;
    let code = qrcode::QrCode::new(code(&state, row.id)).map_err(ApiError::internal)?;
    let svg = code.render::<qrcode::render::svg::Color<'_>>().min_dimensions(240, 240).build();
    Ok(HttpResponse::Ok().content_type("image/svg+xml").body(svg))
}

async fn own(state: &AppState, caller: Caller, id: Uuid) -> Result<TicketRow, ApiError> {
    let row = state.store.ticket_get(id).await?;
    let row = row.filter(|row| row.user == caller.user || caller.is_admin());
    Ok(row.ok_or(Rejection::TicketNotFound)?)
}

/// Renders a row with the label of its seat.
///
/// # Errors
/// That the store cannot be read.
pub async fn render(state: &AppState, row: &TicketRow) -> Result<TicketDto, ApiError> {
    let seat = match row.seat {
        None => None,
        Some(seat) => {
            let labels = state.store.seat_labels(row.offering, &[seat]).await?;
            let (section, name, number) = labels.get(&seat).cloned().unwrap_or_default();
            Some(SeatDto { id: seat.to_public(row.offering), section, row: name, number })
        }
    };
    Ok(TicketDto {
        id: row.id,
        code: code(state, row.id),
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

/// The ticket's id and a keyed hash of it in capital hexadecimal, which QR codes hold compactly.
fn code(state: &AppState, id: Uuid) -> String {
    let mac = mac(state, id);
    let bytes = id.as_bytes().iter().chain(&mac.as_bytes()[..MAC_BYTES]);
    bytes.map(|byte| format!("{byte:02X}")).collect()
}

const MAC_BYTES: usize = 16;

fn mac(state: &AppState, id: Uuid) -> blake3::Hash {
    // A key of its own, derived from the secret of the tokens: neither can stand for the other.
    let secret = state.config.jwt_secret.expose().as_bytes();
    let key = blake3::derive_key("admitone ticket code v1", secret);
    blake3::keyed_hash(&key, id.as_bytes())
}

/// The id of the ticket that this is the code of.
pub fn read_code(state: &AppState, code: &str) -> Option<Uuid> {
    let code = code.trim();
    if code.len() != 2 * (16 + MAC_BYTES) || !code.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let byte = |at: usize| u8::from_str_radix(code.get(at..at + 2)?, 16).ok();
    let bytes: Vec<u8> = (0..code.len()).step_by(2).map(byte).collect::<Option<_>>()?;
    let id = Uuid::from_slice(&bytes[..16]).ok()?;
    let (mut sent, mut expected) = ([0; 32], [0; 32]);
    sent[..MAC_BYTES].copy_from_slice(&bytes[16..]);
    expected[..MAC_BYTES].copy_from_slice(&mac(state, id).as_bytes()[..MAC_BYTES]);
    // Hashes compare in constant time.
    (blake3::Hash::from(sent) == blake3::Hash::from(expected)).then_some(id)
}
