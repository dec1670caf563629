//! `/api/reservations/{id}/payments`: pays for a reservation, and shows how far its payments have come.
//! The server determines the price; the body states the method of payment, and what its gateway has to
//! know.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::api::payments::by_hand;
use crate::http::dto::Money;
use crate::http::envelope::{Failure, Success};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Body, Caller, IdempotencyKey, Path, Payer, object};
use crate::http::respond::{self, rfc3339};
use crate::http::state::AppState;
use crate::ids::{OfferingId, PaymentId, ReservationId};
use crate::inventory::Minor;
use crate::payments::gateway::StripeOptions;
use crate::payments::gateway::simulator::{Outcome, Script};
use crate::payments::{Method, PayBy, PaymentOutcome};
use crate::store::{PaymentRow, PaymentState};

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/reservations/{id}/payments").post(pay).get(list))
        .service(web::resource("/api/reservations/{id}/payments/{payment}").get(show));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    (
        "post",
        "/api/reservations/{id}/payments",
        &[
            ErrorCode::AccountRequired,
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
    ),
    ("get", "/api/reservations/{id}/payments", &[ErrorCode::ReservationNotFound]),
    ("get", "/api/reservations/{id}/payments/{payment}", &[ErrorCode::ReservationNotFound]),
];

/// How a payment was made.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MethodDto {
    /// The wallet in the event's currency.
    Wallet,
    /// For demonstrations of earlier versions: it moved no money.
    Demo,
    /// The simulated gateway, which moves no money.
    Simulator,
    /// By bank transfer or at the till.
    Manual,
    /// By Stripe.
    Stripe,
}

impl From<Method> for MethodDto {
    fn from(method: Method) -> Self {
        match method {
            Method::Wallet => Self::Wallet,
            Method::Demo => Self::Demo,
            Method::Simulator => Self::Simulator,
            Method::Manual => Self::Manual,
            Method::Stripe => Self::Stripe,
        }
    }
}

/// How to pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PayMethod {
    /// From the wallet in the event's currency.
    Wallet,
    /// By the simulated gateway, which moves no money. Offered in a demonstration, or with
    /// `ADMITONE_PAYMENT_SIMULATOR`.
    Simulator,
    /// By bank transfer or at the till: an administrator says that it has come. Offered with
    /// `ADMITONE_PAYMENT_MANUAL`.
    Manual,
    /// By Stripe. Offered with `ADMITONE_STRIPE_SECRET_KEY`.
    Stripe,
}

/// A request to pay.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PayRequest {
    #[serde(deserialize_with = "object::word")]
    method: PayMethod,
    /// With `simulator`: what is to come of it; `succeed` if absent.
    #[serde(default, deserialize_with = "object::option_word")]
    #[schema(nullable = false)]
    outcome: Option<Outcome>,
    /// With `simulator`: after how many milliseconds.
    #[serde(default)]
    #[schema(nullable = false, maximum = 2_592_000_000_i64)]
    delay_ms: Option<u32>,
    /// With `stripe`, which needs it: `pm_…`, as Stripe's script made it, or a kind of payment that needs
    /// no more than a redirect.
    #[serde(default)]
    #[schema(nullable = false, max_length = 255, pattern = "^[A-Za-z0-9_]+$")]
    payment_method: Option<String>,
    /// Where the gateway sends the customer back to, of the pages that the operator allows.
    #[serde(default)]
    #[schema(nullable = false, max_length = 2048)]
    return_url: Option<String>,
}

/// The longest delay of the simulator: 30 days.
const LONGEST_DELAY_MS: u32 = 30 * 86_400_000;

impl PayRequest {
    fn pay_by(self, state: &AppState) -> Result<PayBy, ApiError> {
        if let Some(url) = &self.return_url {
            let allowed = state.payments.return_urls().check(url);
            allowed.map_err(|reason| ApiError::invalid("returnUrl", reason))?;
        }
        let of_another = |field, method| {
            Err(ApiError::invalid(field, format!("goes with the method {method} only")))
        };
        if self.method != PayMethod::Simulator && self.outcome.is_some() {
            return of_another("outcome", "simulator");
        }
        if self.method != PayMethod::Simulator && self.delay_ms.is_some() {
            return of_another("delayMs", "simulator");
        }
        if self.method != PayMethod::Stripe && self.payment_method.is_some() {
            return of_another("paymentMethod", "stripe");
        }
        let (method, options) = match self.method {
            PayMethod::Wallet => (Method::Wallet, None),
            PayMethod::Manual => (Method::Manual, None),
            PayMethod::Simulator => (Method::Simulator, Some(self.script()?)),
            PayMethod::Stripe => (Method::Stripe, Some(self.stripe()?)),
        };
        Ok(PayBy { method, options, return_url: self.return_url })
    }

    fn script(&self) -> Result<String, ApiError> {
        if self.delay_ms.is_some_and(|delay| delay > LONGEST_DELAY_MS) {
            let reason = format!("is at most {LONGEST_DELAY_MS}");
            return Err(ApiError::invalid("delayMs", reason));
        }
        let outcome = self.outcome.unwrap_or_default();
        Ok(text(&Script { outcome, delay_ms: self.delay_ms }))
    }

    fn stripe(&self) -> Result<String, ApiError> {
        let named = self.payment_method.clone().unwrap_or_default();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if named.is_empty() || named.len() > 255 || !named.bytes().all(is_plain) {
            let reason = "is the id of a payment method of Stripe, such as pm_card_visa";
            return Err(ApiError::invalid("paymentMethod", reason));
        }
        Ok(text(&StripeOptions { payment_method: named }))
    }
}

fn text(options: &impl Serialize) -> String {
    serde_json::to_string(options).expect("options are plain data")
}

/// How far a payment has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentStatus {
    /// It is about to begin.
    Created,
    /// The gateway, the customer or an administrator is at work: ask again.
    Pending,
    /// The reservation is confirmed and its tickets are issued.
    Confirmed,
    /// It was declined or came too late; nothing is paid. The reservation can be paid in another
    /// way until its time is up.
    Failed,
    /// Tickets were cancelled afterwards, and a part of the money is back.
    PartlyRefunded,
    /// The reservation was cancelled afterwards, and the money went back to where it came from.
    Refunded,
}

/// The status of a confirmed payment, of which `refunded` went back.
fn paid_status(refunded: Minor, amount: Minor) -> PaymentStatus {
    match refunded {
        0 => PaymentStatus::Confirmed,
        part if part < amount => PaymentStatus::PartlyRefunded,
        _ => PaymentStatus::Refunded,
    }
}

impl PaymentStatus {
    /// Parts that are given back are no state of their own in the list of payments.
    pub(super) fn without_refunds(self) -> Self {
        if self == Self::PartlyRefunded { Self::Confirmed } else { self }
    }
}

impl From<PaymentState> for PaymentStatus {
    fn from(state: PaymentState) -> Self {
        match state {
            PaymentState::Created => Self::Created,
            PaymentState::Pending | PaymentState::Authorized => Self::Pending,
            PaymentState::Captured => Self::Confirmed,
            PaymentState::Failed | PaymentState::Voided => Self::Failed,
            PaymentState::Refunded => Self::Refunded,
        }
    }
}

/// A payment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentDto {
    payment_id: PaymentId,
    reservation_id: ReservationId,
    event_id: OfferingId,
    status: PaymentStatus,
    /// How it is paid.
    method: MethodDto,
    /// The amount of the payment.
    amount: Money,
    /// Where the customer has to go, to prove that it is their card for example.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    redirect_url: Option<String>,
    /// Until when the gateway may take; only while it is at work.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    deadline_at: Option<String>,
}

impl From<PaymentOutcome> for PaymentDto {
    fn from(outcome: PaymentOutcome) -> Self {
        let status = match &outcome.pending {
            Some(_) => PaymentStatus::Pending,
            None => paid_status(outcome.refunded, outcome.amount),
        };
        Self {
            payment_id: outcome.payment,
            reservation_id: outcome.reservation,
            event_id: outcome.offering,
            status,
            method: outcome.method.into(),
            amount: Money { amount: outcome.amount, currency: outcome.currency },
            deadline_at: outcome.pending.as_ref().and_then(|waits| waits.deadline).map(rfc3339),
            redirect_url: outcome.pending.and_then(|waits| waits.redirect_url),
        }
    }
}

/// A payment, with how it came to where it is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentRecordDto {
    payment_id: PaymentId,
    reservation_id: ReservationId,
    event_id: OfferingId,
    status: PaymentStatus,
    /// How it is paid.
    method: MethodDto,
    /// The amount of the payment.
    amount: Money,
    /// Where the customer has to go; only while the gateway is at work.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    redirect_url: Option<String>,
    /// Why it failed, in the gateway's word; only with `FAILED`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
    /// The amount that is back by now; absent if none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refunded: Option<Money>,
    /// Until when the gateway may take; only while it is at work.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    deadline_at: Option<String>,
    /// Time of the request.
    created_at: String,
    /// Time of the last change.
    updated_at: String,
}

impl From<PaymentRow> for PaymentRecordDto {
    fn from(row: PaymentRow) -> Self {
        let status = match row.state {
            PaymentState::Captured => paid_status(row.refunded, row.amount),
            state => state.into(),
        };
        let is_pending = status == PaymentStatus::Pending;
        let money = |amount| Money { amount, currency: row.currency.clone() };
        Self {
            reason: row.gateway.decline_reason.filter(|_| status == PaymentStatus::Failed),
            refunded: (row.refunded > 0).then(|| money(row.refunded)),
            deadline_at: row.gateway.deadline.filter(|_| is_pending).map(rfc3339),
            created_at: rfc3339(row.created_at),
            updated_at: rfc3339(row.updated_at),
            payment_id: row.id,
            reservation_id: row.reservation,
            event_id: row.offering,
            status,
            method: row.method.into(),
            amount: money(row.amount),
            redirect_url: row.gateway.redirect_url.filter(|_| is_pending),
        }
    }
}

/// Pay for a reservation.
///
/// By `manual`, with a confirmed address where mails are sent and else with an account, a customer has one
/// order of an event waiting at a time. 202 while the gateway is at work: send the customer to `redirectUrl` if there is one, and ask for the
/// payment until it is confirmed or has failed. After 503, repeat the request with the same key: it is
/// the same payment.
#[utoipa::path(
    post, path = "/api/reservations/{id}/payments", tag = "reservations",
    operation_id = "payReservation", security(("bearer" = [])),
    params(
        ("id" = ReservationId, Path, description = "The reservation"),
        ("Idempotency-Key" = String, Header, min_length = 1, max_length = 255, description = "Makes a retry the same payment"),
    ),
    request_body = PayRequest,
    responses(
        (status = 200, description = "Paid; the tickets are issued", body = Success<PaymentDto>),
        (status = 202, description = "The gateway is at work", body = Success<PaymentDto>),
        (status = 400, description = "MALFORMED_JSON", body = Failure),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Failure),
        (status = 403, description = "ACCOUNT_REQUIRED", body = Failure),
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
    Payer(caller): Payer,
    Path(reservation): Path<ReservationId>,
    key: IdempotencyKey,
    Body(body): Body<PayRequest>,
) -> Result<HttpResponse, ApiError> {
    let pay_by = body.pay_by(&state)?;
    by_hand::check(&state, caller, pay_by.method).await?;
    let paid = state.payments.pay(caller.user, reservation, pay_by, key.required()?).await?;
    let is_pending = paid.pending.is_some();
    let paid = PaymentDto::from(paid);
    Ok(if is_pending { respond::accepted_with(&paid) } else { respond::ok(&paid) })
}

/// List the payments of a reservation, oldest first.
#[utoipa::path(
    get, path = "/api/reservations/{id}/payments", tag = "reservations",
    operation_id = "listPayments",
    params(("id" = ReservationId, Path, description = "The reservation")),
    responses((status = 200, body = Success<Vec<PaymentRecordDto>>))
)]
pub(crate) async fn list(
    state: web::Data<AppState>,
    caller: Caller,
    Path(reservation): Path<ReservationId>,
) -> Result<HttpResponse, ApiError> {
    let payments = of_reservation(&state, caller, reservation).await?;
    Ok(respond::ok(&payments.into_iter().map(PaymentRecordDto::from).collect::<Vec<_>>()))
}

/// Show one payment of a reservation.
#[utoipa::path(
    get, path = "/api/reservations/{id}/payments/{payment}", tag = "reservations",
    operation_id = "getPayment",
    params(
        ("id" = ReservationId, Path, description = "The reservation"),
        ("payment" = PaymentId, Path, description = "The payment"),
    ),
    responses((status = 200, body = Success<PaymentRecordDto>))
)]
pub(crate) async fn show(
    state: web::Data<AppState>,
    caller: Caller,
    Path((reservation, payment)): Path<(ReservationId, PaymentId)>,
) -> Result<HttpResponse, ApiError> {
    let payments = of_reservation(&state, caller, reservation).await?;
    let found = payments.into_iter().find(|row| row.id == payment);
    let found = found.ok_or_else(|| ApiError::not_found("payment"))?;
    Ok(respond::ok(&PaymentRecordDto::from(found)))
}

async fn of_reservation(
    state: &AppState,
    caller: Caller,
    reservation: ReservationId,
) -> Result<Vec<PaymentRow>, ApiError> {
    state.offerings.reservation(caller, reservation).await?;
    Ok(state.payments.list_of(reservation).await?)
}
