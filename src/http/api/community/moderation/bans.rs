//! Bans of people.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::community::moderation::{BanRow, BanScope, NewBan};
use crate::http::dto::{self, Time};
use crate::http::envelope::{Page, Success};
use crate::http::error::ApiError;
use crate::http::extract::{ActRecord, Body, IdempotencyKey, Path, Query, Staff, object};
use crate::http::pages::{PageQuery, next_cursor};
use crate::http::respond::{self, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{BanId, UserId};

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/moderation/bans").get(list).post(create))
        .service(web::resource("/api/admin/moderation/bans/{ban}").delete(lift));
}

/// A ban to make.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewBanBody {
    user_id: UserId,
    #[serde(deserialize_with = "object::word")]
    scope: BanScope,
    /// The room of the chat, for the scope `ROOM` alone.
    room_id: Option<Uuid>,
    /// One line, which the person reads.
    #[schema(example = "Insults", max_length = 500)]
    reason: String,
    /// Null, or left out, for ever.
    until: Option<Time>,
}

/// A ban.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct BanDto {
    pub id: BanId,
    pub user_id: UserId,
    pub scope: BanScope,
    /// The room of the chat, for the scope `ROOM` alone.
    #[schema(required = true)]
    pub room_id: Option<Uuid>,
    pub reason: String,
    /// Null for ever.
    #[schema(required = true, format = DateTime)]
    pub until: Option<String>,
    pub created_by: UserId,
    pub created_at: String,
    /// When a moderator ended it before its time.
    #[schema(required = true)]
    pub lifted_at: Option<String>,
}

/// The query of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BansQuery {
    user_id: Option<UserId>,
    all: Option<bool>,
    limit: Option<u64>,
    cursor: Option<String>,
}

/// List bans, newest first.
#[utoipa::path(get, path = "/api/admin/moderation/bans", tag = "admin", operation_id = "listBans",
    params(
        ("userId" = Option<UserId>, Query),
        ("all" = Option<bool>, Query, description = "True for those that are over, too"),
        ("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<BanDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    Query(query): Query<BansQuery>,
) -> Result<HttpResponse, ApiError> {
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let limit = page.limit()?;
    let in_force_at = (!query.all.unwrap_or_default()).then(|| state.clock.now_ms());
    let rows = state.moderation.bans(query.user_id, in_force_at, page.after_id()?, limit).await?;
    let next = next_cursor(&rows, limit, |row| row.id.to_string());
    Ok(respond::page(&rows.into_iter().map(render).collect::<Vec<_>>(), next))
}

/// Ban a person from writing, for a time or for ever.
#[utoipa::path(post, path = "/api/admin/moderation/bans", tag = "admin", operation_id = "banPerson",
    request_body = NewBanBody, responses((status = 201, body = Success<BanDto>)))]
pub(crate) async fn create(
    state: web::Data<AppState>,
    Staff(caller): Staff,
    key: IdempotencyKey,
    record: ActRecord,
    Body(body): Body<NewBanBody>,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(caller.user, "ban", &body);
    let new = NewBan {
        user: body.user_id,
        scope: body.scope,
        room: body.room_id,
        reason: body.reason,
        until: body.until.map(Time::millis),
    };
    let now = state.clock.now_ms();
    let (row, replayed) = state.moderation.ban(caller, new, key.as_ref(), now).await?;
    record.made(&row.id);
    let mut response = respond::created(&render(row));
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Lift a ban. It may be lifted or over already.
#[utoipa::path(delete, path = "/api/admin/moderation/bans/{ban}", tag = "admin",
    operation_id = "liftBan", params(("ban" = BanId, Path)),
    responses((status = 200, body = Success<BanDto>)))]
pub(crate) async fn lift(
    state: web::Data<AppState>,
    Staff(caller): Staff,
    Path(ban): Path<BanId>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    Ok(respond::ok(&render(state.moderation.lift(caller, ban, state.clock.now_ms()).await?)))
}

fn render(row: BanRow) -> BanDto {
    BanDto {
        id: row.id,
        user_id: row.user,
        scope: row.scope,
        room_id: row.room,
        reason: row.reason,
        until: dto::time(row.until),
        created_by: row.created_by,
        created_at: rfc3339(row.created_at),
        lifted_at: dto::time(row.lifted_at),
    }
}
