//! `/api/admin/outbox`: the deliveries of messages, to be looked at, tried again and ended.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::envelope::{Page, Success};
use crate::http::error::ApiError;
use crate::http::extract::{Body, IdempotencyKey, Path, Query, Staff};
use crate::http::pages::{PageQuery, next_cursor};
use crate::http::respond::{self, rfc3339};
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::store::{DeliveryFilter, DeliveryRow, DeliveryState};

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/outbox").get(list))
        .service(web::resource("/api/admin/outbox/retry").post(retry_all))
        .service(web::resource("/api/admin/outbox/{delivery}").get(show))
        .service(web::resource("/api/admin/outbox/{delivery}/retry").post(retry))
        .service(web::resource("/api/admin/outbox/{delivery}/cancel").post(cancel));
}

/// A message on its way to one destination.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryDto {
    id: Uuid,
    /// The same for one message at each destination.
    message_id: String,
    /// `mail`, `stream`, or `webhook:` and the id of the endpoint.
    destination: String,
    /// Its kind, such as `reservation.confirmed`.
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    event_id: Option<OfferingId>,
    /// `WAITING`, `DONE`, `PARKED` or `CANCELLED`.
    #[schema(value_type = crate::http::openapi::forms::DeliveryStatus)]
    status: &'static str,
    /// Attempts begun since it was made, or tried again.
    attempts: i32,
    /// Why the last attempt failed, or why nothing was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<String>,
    /// When it is tried again, while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_try_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    processed_at: Option<String>,
    created_at: String,
    updated_at: String,
}

impl From<DeliveryRow> for DeliveryDto {
    fn from(row: DeliveryRow) -> Self {
        Self {
            id: row.id,
            message_id: row.message_id,
            destination: row.destination,
            kind: row.kind,
            event_id: row.offering,
            status: row.state.as_str(),
            attempts: row.attempts,
            error: row.error,
            next_try_at: (row.state == DeliveryState::Waiting).then(|| rfc3339(row.next_try_at)),
            processed_at: row.processed_at.map(rfc3339),
            created_at: rfc3339(row.created_at),
            updated_at: rfc3339(row.updated_at),
        }
    }
}

/// Which deliveries to list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutboxQuery {
    status: Option<String>,
    destination: Option<String>,
    limit: Option<u64>,
    cursor: Option<String>,
}

/// Which parked deliveries to try again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryRequest {
    /// Only those to this destination; all, if it is absent.
    destination: Option<String>,
}

/// How many deliveries are tried again.
#[derive(Debug, Serialize, ToSchema)]
pub struct Retried {
    retried: u64,
}

/// List deliveries, newest first (administrators).
#[utoipa::path(get, path = "/api/admin/outbox", tag = "admin",
    params(("status" = Option<crate::http::openapi::forms::DeliveryStatus>, Query), ("destination" = Option<String>, Query),
        ("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<DeliveryDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    _: Staff,
    Query(query): Query<OutboxQuery>,
) -> Result<HttpResponse, ApiError> {
    let wrong = || ApiError::invalid("status", "is WAITING, DONE, PARKED or CANCELLED");
    let status = query.status.as_deref().map(|text| DeliveryState::parse(text).ok_or_else(wrong));
    let filter = DeliveryFilter { state: status.transpose()?, destination: query.destination };
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let (after, limit) = (page.after()?, page.limit()?);
    let rows = state.store.delivery_list(&filter, after, limit).await?;
    let next = next_cursor(&rows, limit, |row| format!("{}_{}", row.created_at, row.id));
    let shown: Vec<_> = rows.into_iter().map(DeliveryDto::from).collect();
    Ok(respond::page(&shown, next))
}

/// Show a delivery (administrators).
#[utoipa::path(get, path = "/api/admin/outbox/{delivery}", tag = "admin",
    params(("delivery" = Uuid, Path)),
    responses((status = 200, body = Success<DeliveryDto>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    _: Staff,
    Path(id): Path<Uuid>,
) -> Result<HttpResponse, ApiError> {
    Ok(respond::ok(&found(&state, id).await?))
}

/// Try a delivery again from its first attempt; one that is done is repeated (administrators).
#[utoipa::path(post, path = "/api/admin/outbox/{delivery}/retry", tag = "admin",
    params(("delivery" = Uuid, Path)),
    responses((status = 200, body = Success<DeliveryDto>)))]
pub(crate) async fn retry(
    state: web::Data<AppState>,
    Staff(caller): Staff,
    Path(id): Path<Uuid>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    if !state.store.delivery_retry(id, state.clock.now_ms()).await? {
        return Err(ApiError::not_found("delivery"));
    }
    tracing::info!(by = %caller.user, delivery = %id, "a delivery is tried again");
    Ok(respond::ok(&found(&state, id).await?))
}

/// Try all parked deliveries again, or those to one destination (administrators).
#[utoipa::path(post, path = "/api/admin/outbox/retry", tag = "admin",
    request_body = RetryRequest,
    responses((status = 200, body = Success<Retried>)))]
pub(crate) async fn retry_all(
    state: web::Data<AppState>,
    Staff(caller): Staff,
    _: IdempotencyKey,
    Body(body): Body<RetryRequest>,
) -> Result<HttpResponse, ApiError> {
    let destination = body.destination.as_deref();
    let now = state.clock.now_ms();
    let retried = state.store.delivery_retry_parked(destination, now).await?;
    tracing::info!(by = %caller.user, destination, retried, "parked deliveries are tried again");
    Ok(respond::ok(&Retried { retried }))
}

/// End a delivery that waits or is parked: it is not made (administrators).
#[utoipa::path(post, path = "/api/admin/outbox/{delivery}/cancel", tag = "admin",
    params(("delivery" = Uuid, Path)),
    responses((status = 200, body = Success<DeliveryDto>)))]
pub(crate) async fn cancel(
    state: web::Data<AppState>,
    Staff(caller): Staff,
    Path(id): Path<Uuid>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    if state.store.delivery_cancel(id, state.clock.now_ms()).await? {
        tracing::info!(by = %caller.user, delivery = %id, "a delivery was cancelled");
    }
    Ok(respond::ok(&found(&state, id).await?))
}

async fn found(state: &AppState, id: Uuid) -> Result<DeliveryDto, ApiError> {
    let row = state.store.delivery_get(id).await?;
    Ok(row.ok_or_else(|| ApiError::not_found("delivery"))?.into())
}
