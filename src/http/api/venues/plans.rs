//! The versions of a venue's plan: import, export, and plans generated from a short specification.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::envelope::{Page, Success};
use crate::http::error::ApiError;
use crate::http::extract::{Body, IdempotencyKey, Path, Query, Staff};
use crate::http::pages::{PageQuery, next_cursor};
use crate::http::respond::{self, locate, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{UserId, VenueId};
use crate::store::PlanRow;
use crate::venues::{self, CheckedPlan, Plan, PlanSpec};

/// The largest body with a plan, in bytes; own labels of many seats need it.
const PLAN_LIMIT: usize = 8 * 1_024 * 1_024;

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/venues/{venue}/plans").get(list).post(add))
        .service(web::resource("/api/admin/venues/{venue}/plans/{version}").get(show))
        .service(web::resource("/api/admin/plans/generate").post(generate));
}

/// A version of a venue's plan; it never changes.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct PlanVersionDto {
    pub venue_id: VenueId,
    /// Counts from 1.
    pub version: u32,
    /// The number of its seats.
    pub seats: u64,
    pub created_at: String,
    /// The administrator who added it.
    pub created_by: UserId,
}

/// List the versions of a venue's plan, newest first (administrators).
#[utoipa::path(get, path = "/api/admin/venues/{venue}/plans", tag = "admin",
    params(("venue" = VenueId, Path), ("limit" = Option<u64>, Query),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<PlanVersionDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    _: Staff,
    Path(venue): Path<VenueId>,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = query.limit()?;
    let rows = state.venues.plans(venue, query.after_id()?, limit).await?;
    let next = next_cursor(&rows, limit, |row| row.version.to_string());
    Ok(respond::page(&rows.iter().map(render).collect::<Vec<_>>(), next))
}

/// Add a version of a venue's plan (administrators).
///
/// The body is the whole plan. Events use a version; none ever changes.
#[utoipa::path(post, path = "/api/admin/venues/{venue}/plans", tag = "admin",
    params(("venue" = VenueId, Path)), request_body = Plan,
    responses((status = 201, body = Success<PlanVersionDto>)))]
pub(crate) async fn add(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(venue): Path<VenueId>,
    key: IdempotencyKey,
    Body(plan): Body<Plan, PLAN_LIMIT>,
) -> Result<HttpResponse, ApiError> {
    let prepared = apart(move || {
        let key = key.row_key(admin.user, "add plan", &(venue, &plan));
        Ok((key, CheckedPlan::new(plan)?))
    });
    let (key, plan) = prepared.await?;
    let now = state.clock.now_ms();
    let added = state.venues.add_plan(venue, admin.user, plan, key.as_ref(), now).await?;
    let mut response = respond::created(&render(&added.row));
    let version = added.row.version;
    locate(&mut response, &format!("/api/admin/venues/{venue}/plans/{version}"));
    mark_replayed(&mut response, added.replayed);
    Ok(response)
}

/// Export a version of a venue's plan as it can be imported (administrators).
#[utoipa::path(get, path = "/api/admin/venues/{venue}/plans/{version}", tag = "admin",
    params(("venue" = VenueId, Path), ("version" = u32, Path)),
    responses((status = 200, body = Success<Plan>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    _: Staff,
    Path((venue, version)): Path<(VenueId, u32)>,
) -> Result<HttpResponse, ApiError> {
    let (_, plan) = state.venues.plan(venue, Some(version)).await?;
    Ok(respond::ok(&plan))
}

/// Generate a plan from a short specification; nothing is stored (administrators).
#[utoipa::path(post, path = "/api/admin/plans/generate", tag = "admin", request_body = PlanSpec,
    responses((status = 200, body = Success<Plan>)))]
pub(crate) async fn generate(
    _: Staff,
    _: IdempotencyKey,
    Body(spec): Body<PlanSpec>,
) -> Result<HttpResponse, ApiError> {
    Ok(respond::ok(&apart(move || Ok(venues::generate(&spec)?)).await?))
}

/// Makes or checks a plan on the threads for long computations: with 200,000 seats it takes so long
/// that the worker would keep other requests waiting.
///
/// # Errors
/// Those of `work`.
pub(crate) async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    web::block(work).await.map_err(ApiError::internal)?
}

fn render(row: &PlanRow) -> PlanVersionDto {
    PlanVersionDto {
        venue_id: row.venue,
        version: row.version,
        seats: row.seats,
        created_at: rfc3339(row.created_at),
        created_by: row.created_by,
    }
}
