//! `/api/artists` and `/api/series`: whom concerts name, and what they belong to.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::concerts::{self, ConcertDto};
use crate::community::catalogue::{ArtistDraft, ArtistRow, SeriesDraft, SeriesRow};
use crate::http::envelope::{Done, Page, Success};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Body, IdempotencyKey, Path, Query, Staff};
use crate::http::pages::{PageQuery, next_cursor};
use crate::http::respond::{self, locate, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{ArtistId, ImageId, SeriesId};

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/artists").get(list).post(create))
        .service(web::resource("/api/artists/{artist}").get(show).patch(change).delete(delete))
        .service(web::resource("/api/series").get(list_series).post(create_series))
        .service(
            web::resource("/api/series/{series}")
                .get(show_series)
                .patch(change_series)
                .delete(delete_series),
        );
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    ("post", "/api/artists", &[ErrorCode::Forbidden]),
    ("patch", "/api/artists/{artist}", &[ErrorCode::Forbidden]),
    ("delete", "/api/artists/{artist}", &[ErrorCode::Forbidden, ErrorCode::WrongState]),
    ("post", "/api/series", &[ErrorCode::Forbidden]),
    ("patch", "/api/series/{series}", &[ErrorCode::Forbidden]),
    ("delete", "/api/series/{series}", &[ErrorCode::Forbidden, ErrorCode::WrongState]),
];

/// An artist, or a group.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct ArtistDto {
    pub id: ArtistId,
    pub name: String,
    /// Other names by which people look for it.
    pub other_names: Vec<String>,
    pub description: String,
    /// A picture, 800 pixels wide at most.
    #[schema(required = true)]
    pub image_url: Option<String>,
    pub created_at: String,
    pub updated_at: String,
}

/// An artist to add.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewArtistBody {
    /// One line.
    #[schema(example = "아이유", max_length = 200)]
    name: String,
    /// Other names by which people look for it, such as that in another script.
    #[serde(default)]
    #[schema(max_items = 10)]
    other_names: Vec<String>,
    /// Several lines, or none.
    #[serde(default)]
    #[schema(max_length = 5_000)]
    description: String,
    /// A picture that was uploaded.
    image_id: Option<ImageId>,
}

/// Changes of an artist; fields that are left out stay as they are.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArtistPatchBody {
    /// One line.
    #[schema(max_length = 200)]
    name: Option<String>,
    /// In place of the ones before.
    #[schema(max_items = 10)]
    other_names: Option<Vec<String>>,
    /// Several lines, or none.
    #[schema(max_length = 5_000)]
    description: Option<String>,
    /// A picture that was uploaded; null for none.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<ImageId>)]
    image_id: Option<Option<ImageId>>,
}

/// A series of events, such as the dates of a tour.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct SeriesDto {
    pub id: SeriesId,
    pub name: String,
    pub description: String,
    pub created_at: String,
    pub updated_at: String,
}

/// A series with its events.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SeriesDatesDto {
    /// The series.
    #[serde(flatten)]
    pub series: SeriesDto,
    /// Its events, the earliest first; the first 200.
    pub dates: Vec<ConcertDto>,
}

/// A series to add.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSeriesBody {
    /// One line.
    #[schema(example = "World tour 2030", max_length = 200)]
    name: String,
    /// Several lines, or none.
    #[serde(default)]
    #[schema(max_length = 5_000)]
    description: String,
}

/// Changes of a series; fields that are left out stay as they are.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeriesPatchBody {
    /// One line.
    #[schema(max_length = 200)]
    name: Option<String>,
    /// Several lines, or none.
    #[schema(max_length = 5_000)]
    description: Option<String>,
}

/// The query of the list of artists.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ArtistsQuery {
    q: Option<String>,
    limit: Option<u64>,
    cursor: Option<String>,
}

/// Distinguishes `null` from absent.
fn present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<ImageId>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// List artists, newest first.
#[utoipa::path(get, path = "/api/artists", tag = "concerts", operation_id = "listArtists",
    security(()),
    params(("q" = Option<String>, Query, description = "Text that one of the names contains"),
        ("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<ArtistDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    Query(query): Query<ArtistsQuery>,
) -> Result<HttpResponse, ApiError> {
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let text = query.q.unwrap_or_default();
    if text.chars().count() > 100 {
        return Err(ApiError::invalid("q", "must have at most 100 characters"));
    }
    let limit = page.limit()?;
    let rows = state.catalogue.artists(text.trim(), page.after_id()?, limit).await?;
    let next = next_cursor(&rows, limit, |row| row.id.to_string());
    Ok(respond::page(&rows.into_iter().map(render).collect::<Vec<_>>(), next))
}

/// Read an artist.
#[utoipa::path(get, path = "/api/artists/{artist}", tag = "concerts", operation_id = "getArtist",
    security(()), params(("artist" = ArtistId, Path)),
    responses((status = 200, body = Success<ArtistDto>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    Path(artist): Path<ArtistId>,
) -> Result<HttpResponse, ApiError> {
    Ok(respond::ok(&render(state.catalogue.artist(artist).await?)))
}

/// Add an artist (administrators).
#[utoipa::path(post, path = "/api/artists", tag = "concerts", operation_id = "createArtist",
    request_body = NewArtistBody, responses((status = 201, body = Success<ArtistDto>)))]
pub(crate) async fn create(
    state: web::Data<AppState>,
    Staff(staff): Staff,
    key: IdempotencyKey,
    Body(body): Body<NewArtistBody>,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(staff.user, "create artist", &body);
    let NewArtistBody { name, other_names, description, image_id: image } = body;
    let draft = ArtistDraft { name, other_names, description, image };
    let now = state.clock.now_ms();
    let (row, replayed) =
        state.catalogue.create_artist(staff.user, draft, key.as_ref(), now).await?;
    let at = format!("/api/artists/{}", row.id);
    let mut response = respond::created(&render(row));
    locate(&mut response, &at);
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Change an artist (administrators).
#[utoipa::path(patch, path = "/api/artists/{artist}", tag = "concerts",
    operation_id = "changeArtist", params(("artist" = ArtistId, Path)),
    request_body = ArtistPatchBody, responses((status = 200, body = Success<ArtistDto>)))]
pub(crate) async fn change(
    state: web::Data<AppState>,
    _: Staff,
    Path(artist): Path<ArtistId>,
    _: IdempotencyKey,
    Body(patch): Body<ArtistPatchBody>,
) -> Result<HttpResponse, ApiError> {
    let change = |draft: ArtistDraft| ArtistDraft {
        name: patch.name.unwrap_or(draft.name),
        other_names: patch.other_names.unwrap_or(draft.other_names),
        description: patch.description.unwrap_or(draft.description),
        image: patch.image_id.unwrap_or(draft.image),
    };
    let row = state.catalogue.change_artist(artist, change, state.clock.now_ms()).await?;
    Ok(respond::ok(&render(row)))
}

/// Delete an artist whom no event names (administrators).
#[utoipa::path(delete, path = "/api/artists/{artist}", tag = "concerts",
    operation_id = "deleteArtist", params(("artist" = ArtistId, Path)),
    responses((status = 200, body = Done)))]
pub(crate) async fn delete(
    state: web::Data<AppState>,
    _: Staff,
    Path(artist): Path<ArtistId>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    state.catalogue.delete_artist(artist).await?;
    Ok(respond::done("the artist is deleted"))
}

/// List series, newest first.
#[utoipa::path(get, path = "/api/series", tag = "concerts", operation_id = "listSeries",
    security(()),
    params(("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<SeriesDto>)))]
pub(crate) async fn list_series(
    state: web::Data<AppState>,
    Query(page): Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = page.limit()?;
    let rows = state.catalogue.all_series(page.after_id()?, limit).await?;
    let next = next_cursor(&rows, limit, |row| row.id.to_string());
    Ok(respond::page(&rows.into_iter().map(render_series).collect::<Vec<_>>(), next))
}

/// Read a series with its events.
#[utoipa::path(get, path = "/api/series/{series}", tag = "concerts", operation_id = "getSeries",
    security(()), params(("series" = SeriesId, Path)),
    responses((status = 200, body = Success<SeriesDatesDto>)))]
pub(crate) async fn show_series(
    state: web::Data<AppState>,
    Path(series): Path<SeriesId>,
) -> Result<HttpResponse, ApiError> {
    let (row, dates) = state.catalogue.series(series, state.clock.now_ms()).await?;
    let zone = &state.config.time_zone;
    let dates = dates.into_iter().map(|concert| concerts::render(concert, zone)).collect();
    Ok(respond::ok(&SeriesDatesDto { series: render_series(row), dates }))
}

/// Add a series (administrators).
#[utoipa::path(post, path = "/api/series", tag = "concerts", operation_id = "createSeries",
    request_body = NewSeriesBody, responses((status = 201, body = Success<SeriesDto>)))]
pub(crate) async fn create_series(
    state: web::Data<AppState>,
    Staff(staff): Staff,
    key: IdempotencyKey,
    Body(body): Body<NewSeriesBody>,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(staff.user, "create series", &body);
    let draft = SeriesDraft { name: body.name, description: body.description };
    let now = state.clock.now_ms();
    let (row, replayed) =
        state.catalogue.create_series(staff.user, draft, key.as_ref(), now).await?;
    let at = format!("/api/series/{}", row.id);
    let mut response = respond::created(&render_series(row));
    locate(&mut response, &at);
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Change a series (administrators).
#[utoipa::path(patch, path = "/api/series/{series}", tag = "concerts",
    operation_id = "changeSeries", params(("series" = SeriesId, Path)),
    request_body = SeriesPatchBody, responses((status = 200, body = Success<SeriesDto>)))]
pub(crate) async fn change_series(
    state: web::Data<AppState>,
    _: Staff,
    Path(series): Path<SeriesId>,
    _: IdempotencyKey,
    Body(patch): Body<SeriesPatchBody>,
) -> Result<HttpResponse, ApiError> {
    let change = |draft: SeriesDraft| SeriesDraft {
        name: patch.name.unwrap_or(draft.name),
        description: patch.description.unwrap_or(draft.description),
    };
    let row = state.catalogue.change_series(series, change, state.clock.now_ms()).await?;
    Ok(respond::ok(&render_series(row)))
}

/// Delete a series that no event names (administrators).
#[utoipa::path(delete, path = "/api/series/{series}", tag = "concerts",
    operation_id = "deleteSeries", params(("series" = SeriesId, Path)),
    responses((status = 200, body = Done)))]
pub(crate) async fn delete_series(
    state: web::Data<AppState>,
    _: Staff,
    Path(series): Path<SeriesId>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    state.catalogue.delete_series(series).await?;
    Ok(respond::done("the series is deleted"))
}

fn render(row: ArtistRow) -> ArtistDto {
    ArtistDto {
        id: row.id,
        name: row.name,
        other_names: row.other_names,
        description: row.description,
        image_url: row.image.map(|id| format!("/images/{id}/800")),
        created_at: rfc3339(row.created_at),
        updated_at: rfc3339(row.updated_at),
    }
}

fn render_series(row: SeriesRow) -> SeriesDto {
    SeriesDto {
        id: row.id,
        name: row.name,
        description: row.description,
        created_at: rfc3339(row.created_at),
        updated_at: rfc3339(row.updated_at),
    }
}
