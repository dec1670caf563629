//! Participation in a free event with one call: a place of its only product, confirmed at once. A
//! participation is a reservation with a ticket, and is read and cancelled as one.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::box_office::SubmitError;
use crate::http::commands::with_pass;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{Caller, IdempotencyKey, PassToken, Path};
use crate::http::respond::mark_replayed;
use crate::http::respond::{self, rfc3339};
use crate::http::state::AppState;
use crate::ids::{HoldId, OfferingId, ReservationId, UserId};
use crate::inventory::{Change, Command, Rejection, Request};

/// Adds the route, below an event.
pub fn of_event(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/participate").post(participate));
}

/// A participation.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct ParticipationDto {
    /// The id of the participation and of its reservation: `/api/reservations/{id}` shows and
    /// cancels it.
    pub participation_id: ReservationId,
    /// Always `APPLIED`.
    #[schema(value_type = crate::http::openapi::forms::ParticipationStatus)]
    pub status: &'static str,
    pub event_id: OfferingId,
    pub user_id: UserId,
    pub participated_at: String,
    pub server_time: String,
}

/// Take part in a free event: its only product must cost nothing.
///
/// Each customer takes part once: if the caller already has a place or a hold, the refusal contains
/// its id. A retry with the same key gets the first answer again.
#[utoipa::path(post, path = "/api/events/{event}/participate", tag = "events",
    params(("event" = OfferingId, Path), ("Idempotency-Key" = Option<String>, Header),
        ("X-Pass-Token" = Option<String>, Header)),
    responses(
        (status = 200, body = crate::http::envelope::Success<ParticipationDto>),
        (status = 403, description = "EVENT_NOT_OPEN, PASS_REQUIRED, PASS_EXPIRED, PASS_USED"),
        (status = 409, description = "EVENT_ALREADY_PARTICIPATED, EVENT_CAPACITY_EXCEEDED, \
            PARTICIPATION_UNAVAILABLE"),
    ))]
pub(crate) async fn participate(
    state: web::Data<AppState>,
    caller: Caller,
    Path(event): Path<OfferingId>,
    (key, pass): (IdempotencyKey, PassToken),
) -> Result<HttpResponse, ApiError> {
    let (hold, reservation, customer) = (HoldId::random(), ReservationId::random(), caller.user);
    let command = Command::Participate { hold, reservation, customer };
    let command = with_pass(&state, event, customer, &pass, command);
    let idempotency = key.identity(customer, "participate", &event);
    let submitted = state.offices.submit(event, Request { command, idempotency }).await;
    let committed = submitted.map_err(|error| refusal(event, error))?;
    let granted = committed.transition.changes.iter().find_map(|change| match change {
        Change::ReservationGranted { reservation, .. } => Some(*reservation),
        _ => None,
    });
    let Some(id) = granted else {
        return Err(ApiError::internal("a participation was answered by another change"));
    };
    let participation = ParticipationDto {
        participation_id: id,
        status: "APPLIED",
        event_id: event,
        user_id: customer,
        participated_at: rfc3339(committed.at),
        server_time: rfc3339(state.clock.now_ms()),
    };
    let mut response = respond::said(&participation, "You take part in this event.");
    mark_replayed(&mut response, committed.replayed);
    Ok(response)
}

/// Words a refusal for participants instead of buyers.
fn refusal(event: OfferingId, error: SubmitError) -> ApiError {
    let not_open = |reason: &str| {
        let message = match reason {
            "NOT_STARTED" => "participation has not started yet",
            "PAUSED" => "participation is paused",
            "CANCELLED" => "the event is cancelled",
            _ => "participation is over",
        };
        ApiError::new(ErrorCode::EventNotOpen, message).with_detail("reason", json!(reason))
    };
    match error {
        SubmitError::Rejected(Rejection::SaleNotOpen { opens_at: Some(at) }) => {
            not_open("NOT_STARTED").with_detail("opensAt", json!(rfc3339(at)))
        }
        SubmitError::Rejected(Rejection::SaleNotOpen { opens_at: None }) => not_open("NOT_STARTED"),
        SubmitError::Rejected(Rejection::SaleClosed { paused: true }) => not_open("PAUSED"),
        SubmitError::Rejected(Rejection::SaleClosed { paused: false }) => not_open("OVER"),
        SubmitError::Rejected(Rejection::Cancelled) => not_open("CANCELLED"),
        SubmitError::Rejected(Rejection::SoldOut { .. }) => {
            ApiError::of(ErrorCode::EventCapacityExceeded)
        }
        error => ApiError::in_offering(event, error),
    }
}
