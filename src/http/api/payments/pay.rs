//! `/api/reservations/{id}/payments`: pays for a reservation. The server determines the price; the
//! body states only the method of payment.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::dto::Money;
use crate::http::envelope::{Failure, Success};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Body, Caller, IdempotencyKey, Path, object};
use crate::http::respond;
use crate::http::state::AppState;
use crate::ids::{OfferingId, PaymentId, ReservationId};
use crate::payments::{Method, PaymentOutcome};

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/reservations/{id}/payments").route(web::post().to(pay)));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[(
    "post",
    "/api/reservations/{id}/payments",
    &[
        ErrorCode::ReservationNotFound,
        ErrorCode::ReservationExpired,
        ErrorCode::WrongState,
        ErrorCode::PaymentInProgress,
        ErrorCode::PaymentDeclined,
        ErrorCode::InsufficientBalance,
        ErrorCode::PaymentMethodUnavailable,
        ErrorCode::IdempotencyKeyRequired,
        ErrorCode::EventCancelled,
    ],
)];

/// A method of payment.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MethodDto {
    /// The wallet in the event's currency.
    Wallet,
    /// For demonstrations: always accepted, and no money moves. Offered with `ADMITONE_DEMO` only.
    Demo,
}

impl From<MethodDto> for Method {
    fn from(method: MethodDto) -> Self {
        match method {
            MethodDto::Wallet => Self::Wallet,
            MethodDto::Demo => Self::Demo,
        }
    }
}

impl From<Method> for MethodDto {
    fn from(method: Method) -> Self {
        match method {
            Method::Wallet => Self::Wallet,
            Method::Demo => Self::Demo,
        }
    }
}

/// A request to pay.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PayRequest {
    #[serde(deserialize_with = "object::word")]
    method: MethodDto,
}

/// The result of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentStatus {
    /// The reservation is confirmed and its tickets are issued.
    Confirmed,
    /// Tickets were cancelled afterwards, and a part of the money is back.
    PartlyRefunded,
    /// The reservation was cancelled afterwards, and the money is back in the wallet if it came from
    /// there.
    Refunded,
}

/// A payment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentDto {
    payment_id: PaymentId,
    reservation_id: ReservationId,
    event_id: OfferingId,
    status: PaymentStatus,
    /// How it was paid.
    method: MethodDto,
    /// The amount that was paid.
    amount: Money,
}

impl From<PaymentOutcome> for PaymentDto {
    fn from(outcome: PaymentOutcome) -> Self {
        let status = match outcome.refunded {
            0 => PaymentStatus::Confirmed,
            part if part < outcome.amount => PaymentStatus::PartlyRefunded,
            _ => PaymentStatus::Refunded,
        };
        Self {
            payment_id: outcome.payment,
            reservation_id: outcome.reservation,
            event_id: outcome.offering,
            status,
            method: outcome.method.into(),
            amount: Money { amount: outcome.amount, currency: outcome.currency },
        }
    }
}

/// Pay for a reservation. After 503, repeat the request with the same key: it is the same payment.
#[utoipa::path(
    post, path = "/api/reservations/{id}/payments", tag = "reservations",
    operation_id = "payReservation", security(("bearer" = [])),
    params(
        ("id" = ReservationId, Path, description = "The reservation"),
        ("Idempotency-Key" = String, Header, description = "Makes a retry the same payment"),
    ),
    request_body = PayRequest,
    responses(
        (status = 200, description = "Paid; the tickets are issued", body = Success<PaymentDto>),
        (status = 400, description = "MALFORMED_JSON", body = Failure),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Failure),
        (status = 404, description = "RESERVATION_NOT_FOUND", body = Failure),
        (
            status = 409,
            description = "INSUFFICIENT_BALANCE, PAYMENT_IN_PROGRESS, WRONG_STATE, PAYMENT_DECLINED",
            body = Failure,
        ),
        (status = 410, description = "RESERVATION_EXPIRED", body = Failure),
        (
            status = 422,
            description = "INVALID, PAYMENT_METHOD_UNAVAILABLE, IDEMPOTENCY_KEY_REQUIRED, \
                           IDEMPOTENCY_KEY_REUSED",
            body = Failure,
        ),
        (
            status = 503,
            description = "OUTCOME_UNKNOWN, TEMPORARILY_UNAVAILABLE, BUSY",
            body = Failure,
        ),
    )
)]
pub async fn pay(
    state: web::Data<AppState>,
    caller: Caller,
    Path(reservation): Path<ReservationId>,
    key: IdempotencyKey,
    Body(body): Body<PayRequest>,
) -> Result<HttpResponse, ApiError> {
    let method = body.method.into();
    let paid = state.payments.pay(caller.user, reservation, method, key.required()?).await?;
    Ok(respond::ok(&PaymentDto::from(paid)))
}
