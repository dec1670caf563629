//! `/api/reservations/{reservation}/refunds`: cancels tickets for a refund, and shows the refunds of
//! a reservation; `/api/admin/refunds`: those of all customers.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::dto::Money;
use crate::http::envelope::{Page, Success};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{
    Body, Caller, IdempotencyKey, Path, Payer, Query, Staff, Within, object,
};
use crate::http::pages::{PageQuery, next_cursor};
use crate::http::respond::{self, locate, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{OfferingId, PaymentId, RefundId, ReservationId, UserId};
use crate::inventory::Minor;
use crate::offerings::TicketsToCancel;
use crate::roles::Permission;
use crate::store::{RefundFilter, RefundRow, RefundState, ReservationState};
use crate::text;

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/reservations/{reservation}/refunds").get(list_of).post(create))
        .service(web::resource("/api/admin/refunds").get(list))
        .service(web::resource("/api/admin/refunds/{refund}/retry").post(retry))
        .service(web::resource("/api/admin/refunds/{refund}/paid").post(paid));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    (
        "post",
        "/api/reservations/{reservation}/refunds",
        &[
            ErrorCode::ReservationNotFound,
            ErrorCode::ReservationExpired,
            ErrorCode::TicketNotFound,
            ErrorCode::AlreadyCheckedIn,
            ErrorCode::CancellationRefused,
            ErrorCode::WrongState,
            ErrorCode::Forbidden,
            ErrorCode::IdempotencyKeyRequired,
        ],
    ),
    ("get", "/api/reservations/{reservation}/refunds", &[ErrorCode::ReservationNotFound]),
    ("post", "/api/admin/refunds/{refund}/retry", &[ErrorCode::WrongState, ErrorCode::NotFound]),
    ("post", "/api/admin/refunds/{refund}/paid", &[ErrorCode::WrongState, ErrorCode::NotFound]),
];

/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;

/// Tickets to cancel for a refund.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "tickets": ["5f0c3a52-8a0e-4c0e-9a55-0d8f6a2b1c3d"] }))]
pub struct RefundBody {
    /// The tickets; all of the reservation that are not void if absent.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 1, max_items = 64)]
    tickets: Option<Vec<Uuid>>,
    /// The refund, from 0 to what is left of the price (staff); their price if absent.
    #[serde(default, deserialize_with = "object::option", skip_serializing_if = "Option::is_none")]
    amount: Option<Money>,
    /// For staff to read; at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_length = 500)]
    reason: Option<String>,
}

/// Reads tickets that may be absent and not null: null is no wish to cancel all of them.
fn given<'de, D: Deserializer<'de>>(field: D) -> Result<Option<Vec<Uuid>>, D::Error> {
    Vec::deserialize(field).map(Some)
}

/// Tickets that were cancelled for a refund.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TicketsCancelledDto {
    reservation_id: ReservationId,
    /// The state of the reservation: `CANCELLED` if no ticket is left.
    #[schema(value_type = crate::http::openapi::forms::ReservationStatus)]
    status: &'static str,
    /// The tickets, which are void.
    ticket_ids: Vec<Uuid>,
    /// The amount that is given back.
    refund: Money,
    /// The refund to follow; null if nothing is given back.
    #[schema(required)]
    refund_id: Option<RefundId>,
}

/// A refund.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefundDto {
    id: RefundId,
    payment_id: PaymentId,
    reservation_id: ReservationId,
    event_id: OfferingId,
    amount: Money,
    #[schema(value_type = crate::http::openapi::forms::RefundStatus)]
    status: &'static str,
    /// Why money is given back.
    #[schema(value_type = crate::http::openapi::forms::RefundReason)]
    reason: &'static str,
    /// The reason in the words of staff (shown to staff).
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// Why it was refused (shown to staff).
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// The customer or the member of staff; absent if the event was cancelled (shown to staff).
    #[serde(skip_serializing_if = "Option::is_none")]
    requested_by: Option<UserId>,
    created_at: String,
    updated_at: String,
}

impl RefundDto {
    /// What customers see.
    fn of(row: RefundRow) -> Self {
        Self { note: None, error: None, requested_by: None, ..Self::whole(row) }
    }

    fn whole(row: RefundRow) -> Self {
        Self {
            id: row.id,
            payment_id: row.payment,
            reservation_id: row.reservation,
            event_id: row.offering,
            amount: Money { amount: row.amount, currency: row.currency },
            status: row.state.as_str(),
            reason: row.reason.as_str(),
            note: row.note,
            error: row.error,
            requested_by: row.requested_by,
            created_at: rfc3339(row.created_at),
            updated_at: rfc3339(row.updated_at),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefundsQuery {
    status: Option<String>,
    limit: Option<u64>,
    cursor: Option<String>,
}

/// Cancel tickets of a paid reservation for a refund.
///
/// Customers are refunded by the event's `cancellation` terms, which may refuse them
/// (`CANCELLATION_REFUSED`); staff cancel at any time, and may name the amount. The other
/// tickets stay valid; when the last ones are cancelled, so is the reservation. Used tickets cannot
/// be cancelled (`ALREADY_CHECKED_IN`).
#[utoipa::path(post, path = "/api/reservations/{reservation}/refunds", tag = "reservations",
    operation_id = "refundTickets",
    params(("reservation" = ReservationId, Path),
        ("Idempotency-Key" = String, Header, min_length = 1, max_length = 255, description = "Makes a retry the same refund")),
    request_body = RefundBody,
    responses((status = 201, body = Success<TicketsCancelledDto>),
        (status = 403, description = "FORBIDDEN: staff name amounts")))]
pub(crate) async fn create(
    state: web::Data<AppState>,
    Payer(caller): Payer,
    Path(id): Path<ReservationId>,
    key: IdempotencyKey,
    Body(body): Body<RefundBody>,
) -> Result<HttpResponse, ApiError> {
    key.required()?;
    let note = match body.reason.as_deref() {
        Some(reason) => Some(text::paragraph("reason", reason, LONGEST_REASON)?),
        None => None,
    };
    let row = state.offerings.reservation(caller, id).await?;
    let is_staff = state.accounts.may(caller, Permission::Refund, row.offering);
    let note = note.filter(|note| is_staff && !note.is_empty());
    let refund = match &body.amount {
        Some(amount) => Some(named_amount(&state, caller, id, amount).await?),
        None => None,
    };
    let identity = key.identity(caller.user, "refund tickets", &(id, &body));
    let wanted = TicketsToCancel { tickets: body.tickets, refund };
    let done = state.offerings.cancel_tickets(caller, id, wanted, identity).await?;
    let (payments, called_for) = (&state.payments, (id, done.seq));
    let refund = payments.refund_called_for(called_for, done.refund, note.as_deref()).await?;
    let status = match done.is_over {
        true => ReservationState::Cancelled,
        false => ReservationState::Confirmed,
    };
    let currency = state.offerings.event(done.row.offering).await?.currency;
    let mut response = respond::created(&TicketsCancelledDto {
        reservation_id: id,
        status: status.as_str(),
        ticket_ids: done.tickets,
        refund: Money { amount: done.refund, currency },
        refund_id: refund.map(|refund| refund.id),
    });
    locate(&mut response, &format!("/api/reservations/{id}/refunds"));
    mark_replayed(&mut response, done.replayed);
    Ok(response)
}

/// Returns the amount that an administrator names; the box office checks its range.
async fn named_amount(
    state: &AppState,
    caller: Caller,
    id: ReservationId,
    amount: &Money,
) -> Result<Minor, ApiError> {
    let row = state.offerings.reservation(caller, id).await?;
    if !state.accounts.may(caller, Permission::Refund, row.offering) {
        return Err(ApiError::of(ErrorCode::Forbidden));
    }
    let currency = state.offerings.event(row.offering).await?.currency;
    if amount.currency != currency {
        return Err(ApiError::invalid("amount.currency", format!("must be {currency}")));
    }
    Ok(amount.amount)
}

/// List the refunds of one of the caller's own reservations, newest first; staff read those
/// of their offerings.
#[utoipa::path(get, path = "/api/reservations/{reservation}/refunds", tag = "reservations",
    operation_id = "listRefundsOfReservation",
    params(("reservation" = ReservationId, Path)),
    responses((status = 200, body = Success<Vec<RefundDto>>)))]
pub(crate) async fn list_of(
    state: web::Data<AppState>,
    caller: Caller,
    Path(id): Path<ReservationId>,
) -> Result<HttpResponse, ApiError> {
    let row = state.offerings.reservation(caller, id).await?;
    let (_, refunds) = state.payments.of_reservation(row.id).await?;
    let is_staff = state.accounts.may(caller, Permission::ReadOrders, row.offering);
    let render = if is_staff { RefundDto::whole } else { RefundDto::of };
    Ok(respond::ok(&refunds.into_iter().map(render).collect::<Vec<_>>()))
}

/// List the refunds of all customers, newest first.
#[utoipa::path(get, path = "/api/admin/refunds", tag = "admin", operation_id = "listRefunds",
    params(("status" = Option<crate::http::openapi::forms::RefundStatus>, Query),
        ("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<RefundDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    Within(scope): Within,
    Query(query): Query<RefundsQuery>,
) -> Result<HttpResponse, ApiError> {
    let in_state = match query.status.as_deref() {
        None => None,
        Some(word) => Some(RefundState::parse(word).ok_or_else(|| {
            ApiError::invalid("status", "must be DUE, AT_GATEWAY, DONE or REFUSED")
        })?),
    };
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let (limit, after) = (page.limit()?, page.after()?);
    let filter =
        RefundFilter { reservation: None, state: in_state, offerings: scope.offerings(), after };
    let rows = state.payments.refunds(filter, limit).await?;
    let next = next_cursor(&rows, limit, |row| format!("{}_{}", row.created_at, row.id));
    Ok(respond::page(&rows.into_iter().map(RefundDto::whole).collect::<Vec<_>>(), next))
}

/// Try a refused refund again.
#[utoipa::path(post, path = "/api/admin/refunds/{refund}/retry", tag = "admin",
    operation_id = "retryRefund", params(("refund" = RefundId, Path)),
    responses((status = 200, body = Success<RefundDto>),
        (status = 404, description = "NOT_FOUND"),
        (status = 409, description = "WRONG_STATE: it is not refused")))]
pub(crate) async fn retry(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(id): Path<RefundId>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let row = state.payments.retry_refund(id).await?;
    let row = row.ok_or_else(|| ApiError::not_found("refund"))?;
    tracing::info!(refund = %id, by = %admin.user, "a refused refund is tried again");
    Ok(respond::ok(&RefundDto::whole(row)))
}

/// Say that the refund of a manual payment is paid.
///
/// A repeated call changes nothing.
#[utoipa::path(post, path = "/api/admin/refunds/{refund}/paid", tag = "admin",
    operation_id = "markRefunded", params(("refund" = RefundId, Path)),
    responses((status = 200, body = Success<RefundDto>),
        (status = 404, description = "NOT_FOUND"),
        (status = 409, description = "WRONG_STATE: a gateway pays it, or it is refused")))]
pub(crate) async fn paid(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    _: IdempotencyKey,
    Path(id): Path<RefundId>,
) -> Result<HttpResponse, ApiError> {
    let row = state.payments.mark_refunded(id).await?;
    let row = row.ok_or_else(|| ApiError::not_found("refund"))?;
    tracing::info!(refund = %id, by = %admin.user, "an administrator says that it is paid back");
    Ok(respond::ok(&RefundDto::whole(row)))
}
