//! Endpoints of other systems that messages are sent to.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::envelope::{Done, Success};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Body, IdempotencyKey, Path, Staff};
use crate::http::respond::{self, locate, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{OfferingId, UserId, WebhookId};
use crate::inventory::TimestampMs;
use crate::store::WebhookRow;
use crate::webhooks::{EndpointDraft, EndpointEdit, Ping};

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/webhooks").get(list).post(create))
        .service(
            web::resource("/api/admin/webhooks/{webhook}").get(show).patch(change).delete(delete),
        )
        .service(web::resource("/api/admin/webhooks/{webhook}/rotate-secret").post(rotate))
        .service(web::resource("/api/admin/webhooks/{webhook}/ping").post(ping));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[(
    "post",
    "/api/admin/webhooks",
    // Not found: a retry with its key, after the webhook was deleted.
    &[ErrorCode::TooManyWebhooks, ErrorCode::NotFound],
)];

/// An endpoint of another system.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct WebhookDto {
    pub id: WebhookId,
    #[schema(format = "uri")]
    pub url: String,
    pub description: String,
    /// The types of messages that are sent, `reservation.*` for all that begin so; empty for all.
    pub types: Vec<String>,
    /// The events whose messages are sent; empty for all.
    pub event_ids: Vec<OfferingId>,
    #[schema(value_type = crate::http::openapi::forms::WebhookStatus)]
    pub status: &'static str,
    /// When it was disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub disabled_at: Option<String>,
    /// Why it was disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub disabled_reason: Option<String>,
    /// The secret that signs messages. Only in the answers that make or rotate it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    pub secret: Option<String>,
    /// Until when the secret before the last rotation signs too, while it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub previous_secret_expires_at: Option<String>,
    pub created_at: String,
    /// The administrator who made it.
    pub created_by: UserId,
    pub updated_at: String,
}

/// An endpoint to make.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewWebhookBody {
    /// `https` or `http`, at a public address, without a name, a password or a fragment.
    #[schema(format = "uri", example = "https://example.com/hooks", max_length = 2048)]
    url: String,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 500)]
    description: String,
    /// The types of messages to send, `reservation.*` for all that begin so; all if left out.
    #[serde(default)]
    #[schema(max_items = 100)]
    types: Vec<String>,
    /// The events whose messages to send; all if left out.
    #[serde(default)]
    #[schema(max_items = 100)]
    event_ids: Vec<OfferingId>,
}

/// Changes of an endpoint; absent fields stay as they are.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebhookPatch {
    /// `https` or `http`, at a public address, without a name, a password or a fragment.
    #[schema(format = "uri", example = "https://example.com/hooks", max_length = 2048)]
    url: Option<String>,
    /// What it is for.
    #[schema(max_length = 500)]
    description: Option<String>,
    /// The types of messages to send; empty for all.
    #[schema(max_items = 100)]
    types: Option<Vec<String>>,
    /// The events whose messages to send; empty for all.
    #[schema(max_items = 100)]
    event_ids: Option<Vec<OfferingId>>,
    /// False stops the sending; true starts it again and forgets its failures.
    enabled: Option<bool>,
}

/// What an endpoint said to a test message.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PingDto {
    /// The header `webhook-id` of the message.
    message_id: String,
    /// True if a message would count as delivered: a status from 200 to 299.
    delivered: bool,
    /// The status of the answer, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    http_status: Option<u16>,
    /// Why there was no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<String>,
    /// The beginning of the answer's body.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    answer: Option<String>,
    /// How long the call took, in milliseconds.
    duration_ms: u64,
}

/// List all webhooks, newest first (administrators).
#[utoipa::path(get, path = "/api/admin/webhooks", tag = "admin",
    responses((status = 200, body = Success<Vec<WebhookDto>>)))]
pub(crate) async fn list(state: web::Data<AppState>, _: Staff) -> Result<HttpResponse, ApiError> {
    let (rows, now) = (state.webhooks.endpoints().await?, state.clock.now_ms());
    Ok(respond::ok(&rows.iter().map(|row| render(row, now)).collect::<Vec<_>>()))
}

/// Create a webhook; the answer has its secret, which is not shown again (administrators).
#[utoipa::path(post, path = "/api/admin/webhooks", tag = "admin", request_body = NewWebhookBody,
    responses((status = 201, body = Success<WebhookDto>)))]
pub(crate) async fn create(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    key: IdempotencyKey,
    Body(body): Body<NewWebhookBody>,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(admin.user, "create webhook", &body);
    let NewWebhookBody { url, description, types, event_ids } = body;
    let draft = EndpointDraft { url, description, kinds: types, offerings: event_ids };
    let now = state.clock.now_ms();
    let (row, replayed) = state.webhooks.create(&draft, admin.user, key.as_ref(), now).await?;
    let mut response = respond::created(&with_secret(&row, now));
    locate(&mut response, &format!("/api/admin/webhooks/{}", row.id));
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Read one webhook (administrators).
#[utoipa::path(get, path = "/api/admin/webhooks/{webhook}", tag = "admin",
    params(("webhook" = WebhookId, Path)),
    responses((status = 200, body = Success<WebhookDto>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    _: Staff,
    Path(webhook): Path<WebhookId>,
) -> Result<HttpResponse, ApiError> {
    let row = state.webhooks.endpoint(webhook).await?;
    Ok(respond::ok(&render(&row, state.clock.now_ms())))
}

/// Change, disable or enable a webhook (administrators).
#[utoipa::path(patch, path = "/api/admin/webhooks/{webhook}", tag = "admin",
    params(("webhook" = WebhookId, Path)), request_body = WebhookPatch,
    responses((status = 200, body = Success<WebhookDto>)))]
pub(crate) async fn change(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(webhook): Path<WebhookId>,
    key: IdempotencyKey,
    Body(body): Body<WebhookPatch>,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(admin.user, "change webhook", &(webhook, &body));
    let WebhookPatch { url, description, types, event_ids, enabled } = body;
    let edit = EndpointEdit { url, description, kinds: types, offerings: event_ids, enabled };
    let now = state.clock.now_ms();
    let (row, replayed) = state.webhooks.change(webhook, &edit, key.as_ref(), now).await?;
    let mut response = respond::ok(&render(&row, now));
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Delete a webhook with its log; what waits for it is not sent (administrators).
#[utoipa::path(delete, path = "/api/admin/webhooks/{webhook}", tag = "admin",
    params(("webhook" = WebhookId, Path)), responses((status = 200, body = Done)))]
pub(crate) async fn delete(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(webhook): Path<WebhookId>,
    key: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(admin.user, "delete webhook", &webhook);
    let replayed = state.webhooks.delete(webhook, key.as_ref(), state.clock.now_ms()).await?;
    let mut response = respond::done("the webhook is deleted");
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Replace a webhook's secret; the one before signs too for 24 hours (administrators).
///
/// The answer has the new secret, which is not shown again.
#[utoipa::path(post, path = "/api/admin/webhooks/{webhook}/rotate-secret", tag = "admin",
    params(("webhook" = WebhookId, Path)),
    responses((status = 200, body = Success<WebhookDto>)))]
pub(crate) async fn rotate(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(webhook): Path<WebhookId>,
    key: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(admin.user, "rotate webhook secret", &webhook);
    let now = state.clock.now_ms();
    let (row, replayed) = state.webhooks.rotate(webhook, key.as_ref(), now).await?;
    let mut response = respond::ok(&with_secret(&row, now));
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Send a test message to a webhook now (administrators).
///
/// The message has the type `webhook.ping` and is signed as all others. It is sent to a disabled webhook
/// too, is not in the log, and a retry sends another one.
#[utoipa::path(post, path = "/api/admin/webhooks/{webhook}/ping", tag = "admin",
    params(("webhook" = WebhookId, Path)),
    responses((status = 200, body = Success<PingDto>)))]
pub(crate) async fn ping(
    state: web::Data<AppState>,
    _: Staff,
    _: IdempotencyKey,
    Path(webhook): Path<WebhookId>,
) -> Result<HttpResponse, ApiError> {
    let ping = state.webhooks.ping(webhook, state.clock.now_ms()).await?;
    let Ping { message_id, delivered, status, error, answer, duration_ms } = ping;
    let ping = PingDto { message_id, delivered, http_status: status, error, answer, duration_ms };
    Ok(respond::ok(&ping))
}

fn with_secret(row: &WebhookRow, now: TimestampMs) -> WebhookDto {
    WebhookDto { secret: Some(row.secret.clone()), ..render(row, now) }
}

pub(crate) fn render(row: &WebhookRow, now: TimestampMs) -> WebhookDto {
    let previous = row.previous.as_ref().filter(|(_, until)| now < *until);
    WebhookDto {
        id: row.id,
        url: row.url.clone(),
        description: row.description.clone(),
        types: row.kinds.clone(),
        event_ids: row.offerings.clone(),
        status: if row.disabled.is_none() { "ENABLED" } else { "DISABLED" },
        disabled_at: row.disabled.as_ref().map(|disabled| rfc3339(disabled.at)),
        disabled_reason: row.disabled.as_ref().map(|disabled| disabled.reason.clone()),
        secret: None,
        previous_secret_expires_at: previous.map(|(_, until)| rfc3339(*until)),
        created_at: rfc3339(row.created_at),
        created_by: row.created_by,
        updated_at: rfc3339(row.updated_at),
    }
}
