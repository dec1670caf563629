//! Reports, and the desk of moderators: `/api/reports` and `/api/admin/moderation`.

pub mod bans;
pub mod reports;

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::caller::Caller;
use crate::community::moderation::ThingKind;
use crate::http::envelope::Done;
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{ActRecord, Body, IdempotencyKey, Staff, object};
use crate::http::respond;
use crate::http::state::AppState;
use crate::ids::{MessageId, RoomId};

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/moderation/hide").post(hide))
        .service(web::resource("/api/admin/moderation/restore").post(restore))
        .service(web::resource("/api/admin/moderation/dismiss").post(dismiss))
        .configure(reports::configure)
        .configure(bans::configure);
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    ("post", "/api/admin/moderation/hide", &[ErrorCode::NotFound]),
    ("post", "/api/admin/moderation/restore", &[ErrorCode::NotFound, ErrorCode::WrongState]),
];

/// A thing that a person wrote.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ThingBody {
    #[serde(deserialize_with = "object::word")]
    kind: ThingKind,
    id: Uuid,
}

/// A thing to hide.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HideBody {
    #[serde(deserialize_with = "object::word")]
    kind: ThingKind,
    id: Uuid,
    /// One line, which the author reads.
    #[schema(example = "An insult", max_length = 500)]
    reason: String,
}

/// Hide a thing from all but its author and moderators, and close the reports about it. A message is
/// deleted.
#[utoipa::path(post, path = "/api/admin/moderation/hide", tag = "admin",
    operation_id = "hideThing", request_body = HideBody,
    responses((status = 200, body = Done)))]
pub(crate) async fn hide(
    state: web::Data<AppState>,
    Staff(caller): Staff,
    _: IdempotencyKey,
    record: ActRecord,
    Body(HideBody { kind, id, reason }): Body<HideBody>,
) -> Result<HttpResponse, ApiError> {
    record.made(&id);
    hide_thing(&state, caller, (kind, id), &reason).await?;
    Ok(respond::done("the thing is hidden"))
}

/// Hides a thing. A message of the chat is deleted, so that all who have its room open lose it.
pub(crate) async fn hide_thing(
    state: &AppState,
    caller: Caller,
    (kind, id): (ThingKind, Uuid),
    reason: &str,
) -> Result<(), ApiError> {
    let now = state.clock.now_ms();
    state.moderation.check_reason(reason)?;
    if kind == ThingKind::Message {
        let found = state.moderation.things([(kind, id)]).await?.remove(&id);
        let message = found.ok_or_else(|| ApiError::not_found("thing"))?.row;
        if let (Some(room), false) = (message.within, message.is_deleted) {
            let moderator = state.chat.person(caller).await?;
            state.chat.delete(&moderator, (RoomId(room), MessageId(id)), true, now).await?;
        }
    }
    state.moderation.hide(caller, (kind, id), reason, now).await?;
    Ok(())
}

/// Shows a hidden thing again. A message that was deleted does not come back.
pub(crate) async fn restore_thing(
    state: &AppState,
    (kind, id): (ThingKind, Uuid),
) -> Result<(), ApiError> {
    if kind == ThingKind::Message {
        return Err(ApiError::of(ErrorCode::WrongState));
    }
    state.moderation.restore(kind, id).await?;
    Ok(())
}

/// Show a hidden thing again. A message was deleted, and does not come back.
#[utoipa::path(post, path = "/api/admin/moderation/restore", tag = "admin",
    operation_id = "restoreThing", request_body = ThingBody,
    responses((status = 200, body = Done)))]
pub(crate) async fn restore(
    state: web::Data<AppState>,
    _: Staff,
    _: IdempotencyKey,
    record: ActRecord,
    Body(ThingBody { kind, id }): Body<ThingBody>,
) -> Result<HttpResponse, ApiError> {
    record.made(&id);
    restore_thing(&state, (kind, id)).await?;
    Ok(respond::done("the thing is shown"))
}

/// Close the open reports about a thing, which stays as it is.
#[utoipa::path(post, path = "/api/admin/moderation/dismiss", tag = "admin",
    operation_id = "dismissReports", request_body = ThingBody,
    responses((status = 200, body = Done)))]
pub(crate) async fn dismiss(
    state: web::Data<AppState>,
    Staff(caller): Staff,
    _: IdempotencyKey,
    record: ActRecord,
    Body(ThingBody { kind, id }): Body<ThingBody>,
) -> Result<HttpResponse, ApiError> {
    record.made(&id);
    state.moderation.dismiss(caller, (kind, id), state.clock.now_ms()).await?;
    Ok(respond::done("the reports are closed"))
}
