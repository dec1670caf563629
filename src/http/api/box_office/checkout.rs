//! Checkout: a hold, or a number of places, becomes a reservation that waits for payment. The box
//! office decides.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::reservations::{self, ReservationDto, places, sole_product};
use crate::box_office::Committed;
use crate::http::api::payments::automatic::{self, AutoMethod};
use crate::http::commands::{in_event, submit, with_pass};
use crate::http::dto;
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{
    Body, Caller, IdempotencyKey, PassToken, Query, knows_sessions, object,
};
use crate::http::respond::{self, locate, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{HoldId, OfferingId, ReservationId, UserId};
use crate::inventory::{Change, Command, LineRequest, Request};
use crate::store::ReservationState;

/// Adds the routes of all reservations.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/reservations").get(reservations::list).post(create));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[(
    "post",
    "/api/reservations",
    &[
        ErrorCode::PaymentMethodUnavailable,
        ErrorCode::PassRequired,
        ErrorCode::PassExpired,
        ErrorCode::PassUsed,
        ErrorCode::SoldOut,
        ErrorCode::SeatsTaken,
        ErrorCode::UnknownProduct,
        ErrorCode::UnknownSection,
        ErrorCode::UnknownSeats,
        ErrorCode::DuplicateSeats,
        ErrorCode::WrongKindOfProduct,
        ErrorCode::LimitExceeded,
        ErrorCode::SaleNotOpen,
        ErrorCode::SaleClosed,
        ErrorCode::SalePaused,
        ErrorCode::EventCancelled,
        ErrorCode::ProductWithdrawn,
        ErrorCode::HoldNotFound,
        ErrorCode::HoldExpired,
        ErrorCode::HoldEnded,
        ErrorCode::WrongState,
        ErrorCode::EventNotFound,
    ],
)];

/// A hold to check out, or a number of places of a general-admission product to reserve at once.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "eventId": "0190f5a0-7c1e-7d34-9b1f-3a5c1a2b3c4d",
    "holdId": "5f0c3a52-8a0e-4c0e-9a55-0d8f6a2b1c3d"
}))]
#[expect(missing_docs, reason = "the names say it")]
pub struct ReservationBody {
    /// The event; required here or in the query. If it is in both, they must agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub event_id: Option<OfferingId>,
    /// The hold to check out; the alternative is `productId` and `quantity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub hold_id: Option<HoldId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub product_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 64)]
    pub quantity: Option<u32>,
    /// True to have the reservation paid by itself. The answer does not wait for the payment: read the
    /// reservation until it is confirmed. A payment that fails is not tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub auto_pay: Option<bool>,
    /// With `autoPay`: how to pay; the caller's `defaultPaymentMethod` if absent.
    #[serde(
        default,
        deserialize_with = "object::option_word",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(nullable = false)]
    pub method: Option<AutoMethod>,
}

/// The query parameters of a new reservation.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateQuery {
    event_id: Option<OfferingId>,
    /// Any text; a text other than the caller's id is refused with its own error.
    client_id: Option<String>,
}

/// Check out a hold, or reserve places of a product at once.
///
/// `eventId` may be in the query or in the body. A reservation without a hold needs
/// `X-Pass-Token` while the event has a waiting room. With `autoPay` the payment follows by itself.
#[utoipa::path(post, path = "/api/reservations", tag = "reservations",
    params(
        ("eventId" = Option<OfferingId>, Query, description = "The event, where the body does not say it"),
        ("clientId" = Option<UserId>, Query, description = "The caller's own id; 403 for any other"),
        ("X-Pass-Token" = Option<String>, Header, description = "The pass, where the event has a waiting room"),
        ("Idempotency-Key" = Option<String>, Header),
    ),
    request_body = ReservationBody,
    responses((status = 201, body = crate::http::envelope::Success<ReservationDto>),
        (status = 403, description = "NOT_THE_CALLER, PASS_REQUIRED, PASS_EXPIRED, PASS_USED"),
        (status = 422, description = "INVALID, PAYMENT_METHOD_UNAVAILABLE")))]
pub(crate) async fn create(
    state: web::Data<AppState>,
    caller: Caller,
    (key, pass): (IdempotencyKey, PassToken),
    Query(query): Query<CreateQuery>,
    Body(mut body): Body<ReservationBody>,
) -> Result<HttpResponse, ApiError> {
    if let Some(client) = &query.client_id {
        expect_caller(caller, client)?;
    }
    let event = event_of(&query, &body)?;
    // The idempotency key sees the same request, whether the event was in the query or the body.
    body.event_id = Some(event);
    let asked = (body.auto_pay == Some(true), body.method);
    if asked.0 {
        knows_sessions(&state)?;
    }
    let automatic = automatic::of_checkout(&state, caller, asked).await?;
    let (reservation, customer) = (ReservationId::random(), caller.user);
    let command = command(&state, (event, reservation, customer), &body).await?;
    let command = with_pass(&state, event, customer, &pass, command);
    if let Some(method) = automatic {
        // Before the checkout, so that no reservation is left unpaid because a process died.
        state.payments.intend(customer, reservation, method).await?;
    }
    let idempotency = key.identity(customer, "reserve", &body);
    let submitted = submit(&state, event, Request { command, idempotency }).await;
    if let Some(method) = automatic {
        match &submitted {
            // A replay has the reservation of this request if only the first answer of another instance
            // was lost.
            Ok(committed) if makes(committed, reservation) => {
                state.payments.pay_soon(customer, reservation, method);
            }
            // The reservation of an earlier request has an intent of its own.
            Ok(_) => state.payments.forget_intent(reservation),
            Err(error) if error.is_refusal() => state.payments.forget_intent(reservation),
            // There may be a reservation all the same.
            Err(_) => {}
        }
    }
    answer(&state, (event, customer), &submitted?).await
}

/// True if this commit made that reservation.
fn makes(committed: &Committed, id: ReservationId) -> bool {
    let is_it = |change: &Change| match change {
        Change::CheckedOut { reservation, .. } => *reservation == id,
        _ => false,
    };
    committed.transition.changes.iter().any(is_it)
}

/// Returns the command of a request.
async fn command(
    state: &AppState,
    (event, reservation, customer): (OfferingId, ReservationId, UserId),
    body: &ReservationBody,
) -> Result<Command, ApiError> {
    match (&body.hold_id, &body.product_id, body.quantity) {
        (Some(hold), None, None) => Ok(Command::CheckOut { hold: *hold, reservation, customer }),
        (None, Some(product), Some(quantity)) => {
            let product = dto::product_id(event, "productId", product);
            let product = in_event(state, event, product).await?;
            dto::at_least_one("quantity", quantity)?;
            state.admission.claim(event)?;
            let lines = vec![LineRequest::Quantity { product, quantity }];
            Ok(Command::Reserve { hold: HoldId::random(), reservation, customer, lines })
        }
        _ => {
            let message = "send either holdId, or productId and quantity";
            Err(ApiError::new(ErrorCode::Invalid, message))
        }
    }
}

/// Renders the reservation that a commit made.
async fn answer(
    state: &AppState,
    (event, customer): (OfferingId, UserId),
    committed: &Committed,
) -> Result<HttpResponse, ApiError> {
    let found = committed.transition.changes.iter().find_map(|change| match change {
        Change::CheckedOut { hold, reservation, lines, pay_by, .. } => {
            Some((*hold, *reservation, lines, *pay_by))
        }
        _ => None,
    });
    let Some((hold, id, lines, pay_by)) = found else {
        return Err(ApiError::internal("a reservation was answered by another change"));
    };
    let view = state.offices.view_covering(event, lines).await?;
    let labels = state.venues.labels(event).await;
    let dto = ReservationDto {
        id,
        saga_id: hold,
        event_id: event,
        hold_id: hold,
        user_id: customer,
        product_id: sole_product(lines, event),
        quantity: places(lines),
        status: ReservationState::PaymentPending.as_str(),
        lines: dto::lines(lines, &view, &labels),
        total_price: dto::total(lines, view.currency),
        payment_due_at: rfc3339(pay_by),
        payment_id: None,
        refund: None,
        created_at: rfc3339(committed.at),
        updated_at: rfc3339(committed.at),
        server_time: rfc3339(state.clock.now_ms()),
    };
    let mut response = respond::created(&dto);
    locate(&mut response, &format!("/api/reservations/{id}"));
    mark_replayed(&mut response, committed.replayed);
    Ok(response)
}

/// Returns the event of a new reservation, from the query or the body.
fn event_of(query: &CreateQuery, body: &ReservationBody) -> Result<OfferingId, ApiError> {
    match (query.event_id, body.event_id) {
        (Some(query), Some(body)) if query != body => {
            Err(ApiError::invalid("eventId", "is one event in the query and another in the body"))
        }
        (Some(event), _) | (None, Some(event)) => Ok(event),
        (None, None) => Err(ApiError::invalid("eventId", "is needed, in the body or in the query")),
    }
}

/// Checks that `client` is the caller's own user id. Clients of a queue send it, and no caller may
/// act for another user.
pub(crate) fn expect_caller(caller: Caller, client: &str) -> Result<(), ApiError> {
    if client.parse::<UserId>().is_ok_and(|client| client == caller.user) {
        return Ok(());
    }
    Err(ApiError::of(ErrorCode::NotTheCaller))
}
