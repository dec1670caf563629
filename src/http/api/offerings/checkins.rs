//! The door: a ticket admits its holder once, at its own event. A mistaken check-in can be undone;
//! the journal records which administrator did so.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::api::offerings::tickets::{TicketDto, render};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Body, Caller, IdempotencyKey, Staff};
use crate::http::respond::{self, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::inventory::Rejection;
use crate::offerings::{CheckIn, OfferingError, TicketRef};
use crate::roles::Permission;
use crate::store::TicketRow;

/// Adds the routes of the door.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/checkins").post(check_in))
        .service(web::resource("/api/checkins/undo").post(undo));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] =
    &[("post", "/api/checkins", CHECKINS_CODES), ("post", "/api/checkins/undo", CHECKINS_CODES)];

const CHECKINS_CODES: &[ErrorCode] = &[
    ErrorCode::TicketNotFound,
    ErrorCode::AlreadyCheckedIn,
    ErrorCode::WrongState,
    ErrorCode::WrongEvent,
];

/// A check-in: the ticket's code, and the location of the door.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "code": "0190F5A0000070008000000000000000A1B2C3D4E5F60718293A4B5C6D7E8F90",
    "eventId": "0190f5a0-0000-7000-8000-000000000000",
    "gate": "North 2"
}))]
pub struct CheckInBody {
    /// The ticket's code.
    pub code: String,
    /// The event of this door: a ticket of another event is refused and stays unused. Without it,
    /// tickets of any event are accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<OfferingId>,
    /// The name of the door, 1 to 50 characters; it is shown later as the place where the ticket
    /// was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<String>,
}

/// The check-in to undo, by the ticket's code or by its id.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "ticketId": "5f0c3a52-8a0e-4c0e-9a55-0d8f6a2b1c3d" }))]
pub struct UndoBody {
    /// The ticket's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The ticket's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket_id: Option<Uuid>,
}

/// Check in a ticket, once.
///
/// `ALREADY_CHECKED_IN` reports when, where, by which member of staff and for which seat the
/// ticket was used; `WRONG_EVENT` leaves the ticket unused. An idempotency key is not needed: a repeated
/// request admits no second person.
#[utoipa::path(post, path = "/api/checkins", tag = "tickets",
    params(("Idempotency-Key" = Option<String>, Header)), request_body = CheckInBody,
    responses((status = 200, body = crate::http::envelope::Success<TicketDto>)))]
pub(crate) async fn check_in(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    key: IdempotencyKey,
    Body(body): Body<CheckInBody>,
) -> Result<HttpResponse, ApiError> {
    let at_door = CheckIn::new(&body.code, body.event_id, body.gate.as_deref())?;
    let row = match state.offerings.ticket_at_door(&at_door).await {
        Err(OfferingError::WrongEvent(row)) => return Err(of_another_event(&state, &row).await?),
        found => found?,
    };
    is_door_of(&state, admin, &row)?;
    // The event and the gate belong to the request's identity, so that one key is not used at two
    // doors.
    let identity = (row.id, &body.event_id, &body.gate);
    let idempotency = key.identity(admin.user, "check in", &identity);
    let checked_in = state.offerings.check_in(admin.user, &row, at_door.gate, idempotency).await;
    let (row, replayed) = match checked_in {
        Err(OfferingError::AlreadyCheckedIn(row)) => {
            let error = ApiError::from(Rejection::AlreadyCheckedIn);
            return Err(error.with_details(earlier(&state, &row).await?));
        }
        checked_in => checked_in?,
    };
    let mut response = respond::ok(&render(&state, &row).await?);
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Undo a check-in: the ticket is valid again.
#[utoipa::path(post, path = "/api/checkins/undo", tag = "tickets",
    params(("Idempotency-Key" = Option<String>, Header)), request_body = UndoBody,
    responses((status = 200, body = crate::http::envelope::Success<TicketDto>)))]
pub(crate) async fn undo(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    key: IdempotencyKey,
    Body(body): Body<UndoBody>,
) -> Result<HttpResponse, ApiError> {
    let ticket = match (body.code, body.ticket_id) {
        (Some(code), None) => TicketRef::Code(code),
        (None, Some(id)) => TicketRef::Id(id),
        _ => return Err(ApiError::new(ErrorCode::Invalid, "send either code or ticketId")),
    };
    let row = state.offerings.ticket_of(&ticket).await?;
    is_door_of(&state, admin, &row)?;
    let idempotency = key.identity(admin.user, "undo check-in", &row.id);
    let (row, replayed) = state.offerings.undo_check_in(admin.user, &row, idempotency).await?;
    let mut response = respond::ok(&render(&state, &row).await?);
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Checks that the caller works at the door of the ticket's event: the gate of staff does not trust a
/// body.
fn is_door_of(state: &AppState, caller: Caller, row: &TicketRow) -> Result<(), ApiError> {
    match state.accounts.may(caller, Permission::Door, row.offering) {
        true => Ok(()),
        false => Err(ApiError::of(ErrorCode::Forbidden)),
    }
}

async fn of_another_event(state: &AppState, row: &TicketRow) -> Result<ApiError, ApiError> {
    let names = state.store.event_names(&[row.offering]).await?;
    let name = names.into_iter().next().map(|(_, name)| name);
    let details = json!({ "eventId": row.offering, "eventName": name, "ticketId": row.id });
    Ok(ApiError::of(ErrorCode::WrongEvent).with_details(details))
}

/// Returns when, where, by which administrator and for which seat the ticket was used. These
/// details are written with the journal row, which is durable before any request is refused because
/// of it.
async fn earlier(state: &AppState, row: &TicketRow) -> Result<serde_json::Value, ApiError> {
    let ticket = render(state, row).await?;
    Ok(json!({
        "ticketId": row.id,
        "eventId": row.offering,
        "checkedInAt": row.checked_in_at.map(rfc3339),
        "gate": row.gate,
        "checkedInBy": row.checked_in_by,
        "productId": ticket.product_id,
        "seat": ticket.seat,
    }))
}
