//! Reports, and the desk of moderators: `/api/reports` and `/api/admin/moderation`.

pub mod bans;
pub mod reports;

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::community::moderation::ThingKind;
use crate::http::envelope::Done;
use crate::http::error::ApiError;
use crate::http::extract::{Body, IdempotencyKey, Path, Staff};
use crate::http::respond;
use crate::http::state::AppState;

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/moderation/{kind}/{thing}/hide").post(hide))
        .service(web::resource("/api/admin/moderation/{kind}/{thing}/restore").post(restore))
        .service(web::resource("/api/admin/moderation/{kind}/{thing}/dismiss").post(dismiss))
        .configure(reports::configure)
        .configure(bans::configure);
}

/// Why a thing is hidden.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HideBody {
    /// One line, which the author reads.
    #[schema(example = "An insult", max_length = 500)]
    reason: String,
}

/// Hide a thing from all but its author and moderators, and close the reports about it.
#[utoipa::path(post, path = "/api/admin/moderation/{kind}/{thing}/hide", tag = "admin",
    operation_id = "hideThing", params(("kind" = ThingKind, Path), ("thing" = Uuid, Path)),
    request_body = HideBody, responses((status = 200, body = Done)))]
pub(crate) async fn hide(
    state: web::Data<AppState>,
    Staff(caller): Staff,
    Path(thing): Path<(ThingKind, Uuid)>,
    _: IdempotencyKey,
    Body(body): Body<HideBody>,
) -> Result<HttpResponse, ApiError> {
    state.moderation.hide(caller, thing, &body.reason, state.clock.now_ms()).await?;
    Ok(respond::done("the thing is hidden"))
}

/// Show a hidden thing again.
#[utoipa::path(post, path = "/api/admin/moderation/{kind}/{thing}/restore", tag = "admin",
    operation_id = "restoreThing", params(("kind" = ThingKind, Path), ("thing" = Uuid, Path)),
    responses((status = 200, body = Done)))]
pub(crate) async fn restore(
    state: web::Data<AppState>,
    _: Staff,
    Path((kind, thing)): Path<(ThingKind, Uuid)>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    state.moderation.restore(kind, thing).await?;
    Ok(respond::done("the thing is shown"))
}

/// Close the open reports about a thing, which stays as it is.
#[utoipa::path(post, path = "/api/admin/moderation/{kind}/{thing}/dismiss", tag = "admin",
    operation_id = "dismissReports", params(("kind" = ThingKind, Path), ("thing" = Uuid, Path)),
    responses((status = 200, body = Done)))]
pub(crate) async fn dismiss(
    state: web::Data<AppState>,
    Staff(caller): Staff,
    Path(thing): Path<(ThingKind, Uuid)>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    state.moderation.dismiss(caller, thing, state.clock.now_ms()).await?;
    Ok(respond::done("the reports are closed"))
}
