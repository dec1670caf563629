//! Reservations: checked-out holds that wait for payment or are paid. Lists and single reservations are
//! read from the relational rows that follow the journal.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::dto::{self, LineDto, Money};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Caller, IdempotencyKey, Path, Payer, Query};
use crate::http::pages::PageQuery;
use crate::http::respond::{self, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{HoldId, OfferingId, PaymentId, ReservationId, SeatId, UserId};
use crate::inventory::{Idempotency, Line};
use crate::store::{ReservationFilter, ReservationRow, ReservationState};
use crate::venues::EventSeats;

/// Adds the routes of single reservations; those of all are beside the checkout.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/reservations/{reservation}").get(show).delete(give_up))
        .service(web::resource("/api/reservations/{reservation}/cancel").post(cancel));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    ("delete", "/api/reservations/{reservation}", RESERVATIONS_CODES),
    ("post", "/api/reservations/{reservation}/cancel", RESERVATIONS_CODES),
    ("get", "/api/reservations/{reservation}", &[ErrorCode::ReservationNotFound]),
];

const RESERVATIONS_CODES: &[ErrorCode] = &[
    ErrorCode::ReservationNotFound,
    ErrorCode::WrongState,
    ErrorCode::PaymentInProgress,
    ErrorCode::AlreadyCheckedIn,
    ErrorCode::CancellationRefused,
    ErrorCode::EventCancelled,
];

/// A reservation.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct ReservationDto {
    pub id: ReservationId,
    /// The id that connects hold, reservation and payments in logs.
    pub saga_id: HoldId,
    pub event_id: OfferingId,
    pub hold_id: HoldId,
    /// The id of the customer.
    pub user_id: UserId,
    /// The ticket type; null if there are several lines: see `lines`.
    #[schema(required)]
    pub product_id: Option<String>,
    /// The number of places of all lines.
    pub quantity: u32,
    /// `PAYMENT_PENDING`, `CONFIRMED`, `CANCELLED` or `EXPIRED`.
    #[schema(value_type = crate::http::openapi::forms::ReservationStatus)]
    pub status: &'static str,
    pub lines: Vec<LineDto>,
    pub total_price: Money,
    pub payment_due_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub payment_id: Option<PaymentId>,
    /// The sum of the refunds of a paid reservation of which tickets were cancelled, or all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund: Option<Money>,
    pub created_at: String,
    /// Time of the last change of its status.
    pub updated_at: String,
    pub server_time: String,
}

/// List the caller's own reservations, newest first.
#[utoipa::path(get, path = "/api/reservations", tag = "reservations",
    params(("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = crate::http::envelope::Page<ReservationDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = query.limit()?;
    let after = query.after()?;
    let filter = ReservationFilter { user: Some(caller.user), after, ..Default::default() };
    page(&state, filter, limit).await
}

async fn page(
    state: &AppState,
    filter: ReservationFilter,
    limit: u64,
) -> Result<HttpResponse, ApiError> {
    let (rows, next) = listed(state, filter, limit).await?;
    let rendered: Vec<_> = rows.into_iter().map(|(_, rendered)| rendered).collect();
    Ok(respond::page(&rendered, next))
}

/// Lists reservations by a filter, with the cursor of the next page; administrators' routes use it
/// too.
///
/// # Errors
/// The store cannot be read.
pub async fn listed(
    state: &AppState,
    filter: ReservationFilter,
    limit: u64,
) -> Result<(Vec<(UserId, ReservationDto)>, Option<String>), ApiError> {
    let page = state.offerings.reservations(filter, limit).await?;
    let mut rendered = Vec::with_capacity(page.rows.len());
    for row in &page.rows {
        rendered.push((row.user, render(state, row).await?));
    }
    Ok((rendered, page.next_cursor))
}

/// Read one of the caller's own reservations; staff read those of their offerings.
#[utoipa::path(get, path = "/api/reservations/{reservation}", tag = "reservations",
    params(("reservation" = ReservationId, Path)),
    responses((status = 200, body = crate::http::envelope::Success<ReservationDto>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    caller: Caller,
    Path(id): Path<ReservationId>,
) -> Result<HttpResponse, ApiError> {
    let row = state.offerings.reservation(caller, id).await?;
    Ok(respond::ok(&render(&state, &row).await?))
}

/// Cancel a reservation and release its places.
///
/// A payment is refunded by the event's `cancellation` terms, which may refuse customers
/// (`CANCELLATION_REFUSED`); staff cancel at any time, with a full refund.
#[utoipa::path(post, path = "/api/reservations/{reservation}/cancel", tag = "reservations",
    params(("reservation" = ReservationId, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = crate::http::envelope::Success<ReservationDto>)))]
pub(crate) async fn cancel(
    state: web::Data<AppState>,
    Payer(caller): Payer,
    Path(id): Path<ReservationId>,
    key: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let idempotency = key.identity(caller.user, "cancel reservation", &id);
    let (row, replayed) = cancel_as(&state, caller, id, idempotency).await?;
    let mut response = respond::ok(&render(&state, &row).await?);
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Cancels a reservation. A bank transfer that it waits for is no payment in progress: it ends with it.
///
/// # Errors
/// The refusal, or why nothing could be decided.
pub async fn cancel_as(
    state: &AppState,
    caller: Caller,
    id: ReservationId,
    idempotency: Option<Idempotency>,
) -> Result<(ReservationRow, bool), ApiError> {
    let done = state.offerings.cancel_reservation(caller, id, idempotency).await;
    let refused = match done.map_err(ApiError::from) {
        Ok(done) => return Ok(done),
        Err(refused) => refused,
    };
    let replayed = match refused.code() {
        ErrorCode::PaymentInProgress if state.payments.cancel_with_manual(id).await? => false,
        // The journal knows such a request by its payment, and not by its key.
        ErrorCode::WrongState
            if idempotency.is_some() && state.payments.was_cancelled_with(id).await? =>
        {
            true
        }
        _ => return Err(refused),
    };
    // The rows follow the journal a moment later.
    let row = state.offerings.reservation(caller, id).await?;
    Ok((ReservationRow { state: ReservationState::Cancelled, ..row }, replayed))
}

/// Cancel a reservation, like `POST …/cancel`.
#[utoipa::path(delete, path = "/api/reservations/{reservation}", tag = "reservations",
    params(("reservation" = ReservationId, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = crate::http::envelope::Success<ReservationDto>)))]
pub(crate) async fn give_up(
    state: web::Data<AppState>,
    payer: Payer,
    id: Path<ReservationId>,
    key: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    cancel(state, payer, id, key).await
}

/// Renders a row with the labels of its seats.
///
/// # Errors
/// The store cannot be read.
pub async fn render(state: &AppState, row: &ReservationRow) -> Result<ReservationDto, ApiError> {
    let seats: Vec<SeatId> = row.lines.iter().flat_map(|line| line.seats.iter().copied()).collect();
    let (placed, labels) = if seats.is_empty() {
        (std::collections::HashMap::new(), EventSeats::default())
    } else {
        let placed = state.store.seat_labels(row.offering, &seats).await?;
        (placed, state.venues.seats(row.offering).await?)
    };
    let currency = currency_of(state, row.offering).await?;
    let place = |seat| placed.get(&seat).cloned();
    let is_cancelled = row.state == ReservationState::Cancelled && row.payment.is_some();
    let refund = row.refund_amount.or(is_cancelled.then_some(row.total_price));
    Ok(ReservationDto {
        id: row.id,
        saga_id: row.hold,
        event_id: row.offering,
        hold_id: row.hold,
        user_id: row.user,
        product_id: sole_product(&row.lines, row.offering),
        quantity: places(&row.lines),
        status: row.state.as_str(),
        lines: dto::lines_with(&row.lines, (row.offering, currency), place, &labels),
        total_price: Money::new(row.total_price, currency),
        payment_due_at: rfc3339(row.pay_by),
        payment_id: row.payment,
        refund: refund.map(|refund| Money::new(refund, currency)),
        created_at: rfc3339(row.created_at),
        updated_at: rfc3339(row.updated_at),
        server_time: rfc3339(state.clock.now_ms()),
    })
}

/// Returns the product of a reservation with one line; `None` if there are several.
pub(super) fn sole_product(lines: &[Line], event: OfferingId) -> Option<String> {
    match lines {
        [line] => Some(line.product.to_public(event)),
        _ => None,
    }
}

pub(super) fn places(lines: &[Line]) -> u32 {
    lines.iter().map(|line| line.quantity).sum()
}

/// Returns the currency of an event without waking the event or reading its journal: a list shows
/// many events, and one that cannot be read must not hide the others.
async fn currency_of(state: &AppState, event: OfferingId) -> Result<[u8; 3], ApiError> {
    if let Some(view) = state.offices.published(event) {
        return Ok(view.currency);
    }
    let row = state
        .store
        .event_get(event)
        .await?
        .ok_or_else(|| ApiError::of(ErrorCode::EventNotFound))?;
    row.currency.as_bytes().try_into().map_err(ApiError::internal)
}
