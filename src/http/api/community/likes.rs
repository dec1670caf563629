//! Likes of events: one's own like of an event, and the list of what one likes.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::envelope::{Page, Success};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Caller, IdempotencyKey, Path, Query};
use crate::http::pages::{PageQuery, next_cursor};
use crate::http::respond::{self, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::store::{LikeChange, LikeState, LikedEvent};

/// Adds the routes that are not below an event.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/users/me/likes").get(list));
}

/// Adds the routes of one's own like, below an event.
pub fn of_event(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/like").get(show).post(switch).put(like).delete(unlike));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    ("get", "/api/users/me/likes", &[ErrorCode::AccountRequired]),
    ("get", "/api/events/{event}/like", &[ErrorCode::AccountRequired]),
    ("post", "/api/events/{event}/like", &[ErrorCode::AccountRequired]),
    ("put", "/api/events/{event}/like", &[ErrorCode::AccountRequired]),
    ("delete", "/api/events/{event}/like", &[ErrorCode::AccountRequired]),
];

/// The caller's like of an event.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LikeDto {
    /// True if the caller likes the event.
    liked: bool,
    /// The number of accounts that like the event.
    #[schema(minimum = 0)]
    likes_count: i64,
}

/// An event that the caller likes.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct LikedEventDto {
    pub event_id: OfferingId,
    pub name: String,
    pub venue: String,
    pub event_date: String,
    pub liked_at: String,
}

/// Read the caller's own like of an event, and how many like it.
#[utoipa::path(get, path = "/api/events/{event}/like", tag = "events", operation_id = "getLike",
    params(("event" = OfferingId, Path)),
    responses((status = 200, body = Success<LikeDto>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    caller: Caller,
    Path(event): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    Ok(respond::ok(&render(state.likes.state(caller, event).await?)))
}

/// Switch the caller's like of an event: like it, or take the like back.
///
/// A retry with the same `Idempotency-Key` switches nothing.
#[utoipa::path(post, path = "/api/events/{event}/like", tag = "events",
    operation_id = "switchLike",
    params(("event" = OfferingId, Path)),
    responses((status = 200, body = Success<LikeDto>)))]
pub(crate) async fn switch(
    state: web::Data<AppState>,
    caller: Caller,
    Path(event): Path<OfferingId>,
    key: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(caller.user, "switch like", &event);
    let (change, now) = (LikeChange::Switch, state.clock.now_ms());
    let (like, replayed) = state.likes.change(caller, event, change, key.as_ref(), now).await?;
    let mut response = respond::ok(&render(like));
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Like an event. Repeated, it changes nothing.
#[utoipa::path(put, path = "/api/events/{event}/like", tag = "events", operation_id = "like",
    params(("event" = OfferingId, Path)),
    responses((status = 200, body = Success<LikeDto>)))]
pub(crate) async fn like(
    state: web::Data<AppState>,
    caller: Caller,
    Path(event): Path<OfferingId>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let now = state.clock.now_ms();
    let (like, _) = state.likes.change(caller, event, LikeChange::Like, None, now).await?;
    Ok(respond::ok(&render(like)))
}

/// Take the caller's like of an event back. Repeated, it changes nothing.
#[utoipa::path(delete, path = "/api/events/{event}/like", tag = "events", operation_id = "unlike",
    params(("event" = OfferingId, Path)),
    responses((status = 200, body = Success<LikeDto>)))]
pub(crate) async fn unlike(
    state: web::Data<AppState>,
    caller: Caller,
    Path(event): Path<OfferingId>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let now = state.clock.now_ms();
    let (like, _) = state.likes.change(caller, event, LikeChange::Unlike, None, now).await?;
    Ok(respond::ok(&render(like)))
}

/// List the events that the caller likes, newest like first.
#[utoipa::path(get, path = "/api/users/me/likes", tag = "users", operation_id = "listLikes",
    params(("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<LikedEventDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = query.limit()?;
    let found = state.likes.list(caller, query.after()?, limit).await?;
    let next = next_cursor(&found, limit, |like| format!("{}_{}", like.liked_at, like.event));
    Ok(respond::page(&found.into_iter().map(render_event).collect::<Vec<_>>(), next))
}

fn render(state: LikeState) -> LikeDto {
    LikeDto { liked: state.liked, likes_count: state.likes }
}

fn render_event(like: LikedEvent) -> LikedEventDto {
    LikedEventDto {
        event_id: like.event,
        name: like.name,
        venue: like.venue,
        event_date: rfc3339(like.event_date),
        liked_at: rfc3339(like.liked_at),
    }
}
