//! Venues: buildings whose plans events use.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::envelope::{Page, Success};
use crate::http::error::ApiError;
use crate::http::extract::{Body, IdempotencyKey, Path, Query, Staff};
use crate::http::pages::{PageQuery, next_cursor};
use crate::http::respond::{self, locate, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::VenueId;
use crate::store::VenueRow;
use crate::venues::{VenueDraft, VenueEdit};

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/venues").get(list).post(create))
        .service(web::resource("/api/admin/venues/{venue}").get(show).patch(change));
}

/// A venue.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct VenueDto {
    pub id: VenueId,
    pub name: String,
    /// The address or city.
    pub place: String,
    /// The IANA time zone of events here.
    #[schema(example = "Asia/Seoul")]
    pub time_zone: String,
    /// The newest version of the plan; null if there is none.
    #[schema(required = true)]
    pub plan_version: Option<u32>,
    pub created_at: String,
    pub updated_at: String,
}

/// A venue to create.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewVenueBody {
    #[schema(example = "The old theatre", max_length = 200)]
    pub name: String,
    /// The address or city.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub place: String,
    /// The IANA time zone of events here.
    #[schema(example = "Asia/Seoul")]
    pub time_zone: String,
}

/// Changes of a venue; absent fields stay as they are. Events that exist keep their names and times.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it")]
pub struct VenuePatch {
    #[schema(max_length = 200)]
    pub name: Option<String>,
    #[schema(max_length = 200)]
    pub place: Option<String>,
    #[schema(example = "Asia/Seoul")]
    pub time_zone: Option<String>,
}

/// List all venues, newest first (administrators).
#[utoipa::path(get, path = "/api/admin/venues", tag = "admin",
    params(("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<VenueDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    _: Staff,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = query.limit()?;
    let rows = state.venues.list(query.after_id()?, limit).await?;
    let ids: Vec<VenueId> = rows.iter().map(|row| row.id).collect();
    let versions = state.venues.newest_versions(&ids).await?;
    let venue = |row: &VenueRow| render(row, versions.get(&row.id).copied());
    let next = next_cursor(&rows, limit, |row| row.id.to_string());
    Ok(respond::page(&rows.iter().map(venue).collect::<Vec<_>>(), next))
}

/// Create a venue (administrators).
#[utoipa::path(post, path = "/api/admin/venues", tag = "admin", request_body = NewVenueBody,
    responses((status = 201, body = Success<VenueDto>)))]
pub(crate) async fn create(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    key: IdempotencyKey,
    Body(body): Body<NewVenueBody>,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(admin.user, "create venue", &body);
    let NewVenueBody { name, place, time_zone } = body;
    let draft = VenueDraft { name, place, time_zone };
    let now = state.clock.now_ms();
    let (row, replayed) = state.venues.create(&draft, key.as_ref(), now).await?;
    let mut response = respond::created(&with_version(&state, &row).await?);
    locate(&mut response, &format!("/api/admin/venues/{}", row.id));
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Read one venue (administrators).
#[utoipa::path(get, path = "/api/admin/venues/{venue}", tag = "admin",
    params(("venue" = VenueId, Path)),
    responses((status = 200, body = Success<VenueDto>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    _: Staff,
    Path(venue): Path<VenueId>,
) -> Result<HttpResponse, ApiError> {
    let row = state.venues.venue(venue).await?;
    Ok(respond::ok(&with_version(&state, &row).await?))
}

/// Change a venue (administrators).
#[utoipa::path(patch, path = "/api/admin/venues/{venue}", tag = "admin",
    params(("venue" = VenueId, Path)), request_body = VenuePatch,
    responses((status = 200, body = Success<VenueDto>)))]
pub(crate) async fn change(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(venue): Path<VenueId>,
    key: IdempotencyKey,
    Body(body): Body<VenuePatch>,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(admin.user, "change venue", &(venue, &body));
    let VenuePatch { name, place, time_zone } = body;
    let edit = VenueEdit { name, place, time_zone };
    let now = state.clock.now_ms();
    let (row, replayed) = state.venues.change(venue, &edit, key.as_ref(), now).await?;
    let mut response = respond::ok(&with_version(&state, &row).await?);
    mark_replayed(&mut response, replayed);
    Ok(response)
}

async fn with_version(state: &AppState, row: &VenueRow) -> Result<VenueDto, ApiError> {
    let versions = state.venues.newest_versions(&[row.id]).await?;
    Ok(render(row, versions.get(&row.id).copied()))
}

fn render(row: &VenueRow, plan_version: Option<u32>) -> VenueDto {
    VenueDto {
        id: row.id,
        name: row.name.clone(),
        place: row.place.clone(),
        time_zone: row.time_zone.clone(),
        plan_version,
        created_at: rfc3339(row.created_at),
        updated_at: rfc3339(row.updated_at),
    }
}
