//! The log of a webhook: the messages for it with the attempts, and how they are sent again.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::dto::Time;
use crate::http::envelope::{Page, Success};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{IdempotencyKey, Path, Query, Staff};
use crate::http::pages::{PageQuery, next_cursor};
use crate::http::respond::{self, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{OfferingId, WebhookId};
use crate::store::{DeliveryRow, DeliveryState, WebhookAttemptRow};
use crate::webhooks::LoggedDelivery;

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/webhooks/{webhook}/deliveries").get(list))
        .service(
            web::resource("/api/admin/webhooks/{webhook}/deliveries/{delivery}/replay")
                .post(replay),
        )
        .service(web::resource("/api/admin/webhooks/{webhook}/replay").post(replay_since));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[(
    "post",
    "/api/admin/webhooks/{webhook}/deliveries/{delivery}/replay",
    &[ErrorCode::WrongState],
)];

/// A message for a webhook.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookDeliveryDto {
    id: Uuid,
    /// The header `webhook-id`, the same at each attempt.
    message_id: String,
    /// The type of the message.
    #[serde(rename = "type")]
    #[schema(example = "reservation.created")]
    kind: String,
    /// The event that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    event_id: Option<OfferingId>,
    #[schema(value_type = crate::http::openapi::forms::DeliveryStatus)]
    status: &'static str,
    /// Attempts since it was made or last sent again.
    attempt_count: u32,
    /// When it is sent next, while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_try_at: Option<String>,
    /// Why it did not arrive, if it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<String>,
    /// When it arrived or was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    processed_at: Option<String>,
    created_at: String,
    /// The message as it is sent.
    body: String,
    /// The attempts, oldest first, as far as the log goes back.
    attempts: Vec<WebhookAttemptDto>,
}

/// An attempt to send a message.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookAttemptDto {
    /// Its number, from 1.
    attempt: u32,
    sent_at: String,
    /// The status of the answer, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    http_status: Option<u16>,
    /// Why the message does not count as delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<String>,
    /// How long the call took, in milliseconds.
    duration_ms: u64,
    /// The beginning of the answer's body.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    answer: Option<String>,
}

/// How many messages are sent again.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReplayedDto {
    replayed: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeliveriesQuery {
    status: Option<String>,
    limit: Option<u64>,
    cursor: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SinceQuery {
    since: Time,
}

/// List the messages for a webhook with their attempts, newest first (administrators).
#[utoipa::path(get, path = "/api/admin/webhooks/{webhook}/deliveries", tag = "admin",
    params(("webhook" = WebhookId, Path),
        ("status" = Option<crate::http::openapi::forms::DeliveryStatus>, Query),
        ("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<WebhookDeliveryDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    _: Staff,
    Path(webhook): Path<WebhookId>,
    Query(query): Query<DeliveriesQuery>,
) -> Result<HttpResponse, ApiError> {
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let limit = page.limit()?;
    let status = match query.status.as_deref() {
        None => None,
        Some(text) => Some(DeliveryState::parse(text).ok_or_else(|| {
            ApiError::invalid("status", "must be WAITING, DONE, PARKED or CANCELLED")
        })?),
    };
    let logged = state.webhooks.deliveries(webhook, status, page.after()?, limit).await?;
    let next = next_cursor(&logged, limit, |LoggedDelivery { delivery, .. }| {
        format!("{}_{}", delivery.created_at, delivery.id)
    });
    let rendered: Vec<WebhookDeliveryDto> =
        logged.iter().map(|one| render(&one.delivery, &one.attempts)).collect();
    Ok(respond::page(&rendered, next))
}

/// Send one message to a webhook again, from the first attempt on (administrators).
///
/// A message that waits to be sent is refused: 409 `WRONG_STATE`.
#[utoipa::path(post, path = "/api/admin/webhooks/{webhook}/deliveries/{delivery}/replay", tag = "admin",
    params(("webhook" = WebhookId, Path), ("delivery" = Uuid, Path)),
    responses((status = 200, body = Success<WebhookDeliveryDto>)))]
pub(crate) async fn replay(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path((webhook, delivery)): Path<(WebhookId, Uuid)>,
    key: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(admin.user, "replay webhook delivery", &(webhook, delivery));
    let now = state.clock.now_ms();
    let (row, replayed) = state.webhooks.replay(webhook, delivery, key.as_ref(), now).await?;
    let mut response = respond::ok(&render(&row, &[]));
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Send all messages to a webhook again that were made since a time (administrators).
///
/// Those that arrived are sent too, with the same `webhook-id`; those that wait for their next attempt are sent at once.
#[utoipa::path(post, path = "/api/admin/webhooks/{webhook}/replay", tag = "admin",
    params(("webhook" = WebhookId, Path), ("since" = Time, Query)),
    responses((status = 200, body = Success<ReplayedDto>)))]
pub(crate) async fn replay_since(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(webhook): Path<WebhookId>,
    Query(SinceQuery { since }): Query<SinceQuery>,
    key: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let since = since.millis();
    let key = key.row_key(admin.user, "replay webhook", &(webhook, since));
    let now = state.clock.now_ms();
    let (replayed, before) = state.webhooks.replay_since(webhook, since, key.as_ref(), now).await?;
    let mut response = respond::ok(&ReplayedDto { replayed });
    mark_replayed(&mut response, before);
    Ok(response)
}

fn render(row: &DeliveryRow, attempts: &[WebhookAttemptRow]) -> WebhookDeliveryDto {
    let waits = row.state == DeliveryState::Waiting;
    WebhookDeliveryDto {
        id: row.id,
        message_id: row.message_id.clone(),
        kind: row.kind.clone(),
        event_id: row.offering,
        status: row.state.as_str(),
        attempt_count: row.attempts.unsigned_abs(),
        next_try_at: waits.then(|| rfc3339(row.next_try_at)),
        error: row.error.clone(),
        processed_at: row.processed_at.map(rfc3339),
        created_at: rfc3339(row.created_at),
        body: row.body.clone(),
        attempts: attempts.iter().map(render_attempt).collect(),
    }
}

fn render_attempt(row: &WebhookAttemptRow) -> WebhookAttemptDto {
    WebhookAttemptDto {
        attempt: row.attempt,
        sent_at: rfc3339(row.at),
        http_status: row.status,
        error: row.error.clone(),
        duration_ms: row.duration_ms,
        answer: row.answer.clone(),
    }
}
