//! Rooms of the chat, their members, and who is banned from them.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::community::chat::{ListedRoom, RoomDraft};
use crate::community::moderation::BanScope;
use crate::http::dto::{self, Time};
use crate::http::envelope::{Done, Page, Success};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Body, Caller, IdempotencyKey, Path, Query, object};
use crate::http::pages::{PageQuery, next_cursor};
use crate::http::respond::{self, locate, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{OfferingId, RoomId, UserId};
use crate::store::{MemberRole, MemberRow, MemberState, OwnRooms};

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/chat/rooms").get(list).post(create))
        .service(web::resource("/api/chat/rooms/{room}").get(show).patch(change).delete(close))
        .service(web::resource("/api/chat/rooms/{room}/join").post(join))
        .service(web::resource("/api/chat/rooms/{room}/leave").post(leave))
        .service(web::resource("/api/chat/rooms/{room}/members").get(members).post(invite))
        .service(web::resource("/api/chat/rooms/{room}/members/{member}").put(set_role))
        .service(web::resource("/api/chat/rooms/{room}/bans").get(bans).post(ban))
        .service(web::resource("/api/chat/rooms/{room}/bans/{member}").delete(lift));
}

/// Adds the route of one event.
pub fn of_event(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/chat").get(of_concert));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    ("get", "/api/events/{event}/chat", &[ErrorCode::AccountRequired, ErrorCode::ChatBanned]),
    ("get", "/api/chat/rooms", &[ErrorCode::AccountRequired]),
    ("post", "/api/chat/rooms", &[ErrorCode::AccountRequired, ErrorCode::Banned]),
    ("get", "/api/chat/rooms/{room}", SEEING),
    ("patch", "/api/chat/rooms/{room}", RULING),
    ("delete", "/api/chat/rooms/{room}", RULING),
    ("post", "/api/chat/rooms/{room}/join", SEEING),
    ("post", "/api/chat/rooms/{room}/leave", RULING),
    ("get", "/api/chat/rooms/{room}/members", SEEING),
    ("post", "/api/chat/rooms/{room}/members", RULING),
    ("put", "/api/chat/rooms/{room}/members/{member}", RULING_MEMBERS),
    ("get", "/api/chat/rooms/{room}/bans", RULING),
    ("post", "/api/chat/rooms/{room}/bans", RULING),
    ("delete", "/api/chat/rooms/{room}/bans/{member}", RULING),
];

const SEEING: &[ErrorCode] = &[ErrorCode::AccountRequired, ErrorCode::ChatBanned];
const RULING: &[ErrorCode] = &[
    ErrorCode::AccountRequired,
    ErrorCode::Banned,
    ErrorCode::ChatBanned,
    ErrorCode::ChatNotAllowed,
];
const RULING_MEMBERS: &[ErrorCode] = &[
    ErrorCode::AccountRequired,
    ErrorCode::ChatBanned,
    ErrorCode::ChatNotAllowed,
    ErrorCode::ChatNotJoined,
];

/// A room of the chat.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct ChatRoomDto {
    pub id: RoomId,
    /// `PUBLIC` and `CONCERT` are open to everyone, `PRIVATE` to those who were invited.
    #[schema(value_type = crate::http::openapi::forms::ChatRoomKind)]
    pub kind: &'static str,
    /// The event of a room of the kind `CONCERT`.
    #[schema(required = true)]
    pub event_id: Option<OfferingId>,
    pub name: String,
    pub description: String,
    pub created_by: UserId,
    /// The number of the room's last change, as `rev` of messages.
    pub rev: u64,
    pub created_at: String,
    pub last_activity_at: String,
    /// How the caller stands to the room; null for one who has never joined it.
    #[schema(required = true)]
    pub membership: Option<ChatMembershipDto>,
    /// Messages of others that the caller has not read; 0 for one who has not joined.
    pub unread: u64,
}

/// How a person stands to a room.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct ChatMembershipDto {
    #[schema(value_type = crate::http::openapi::forms::ChatRole)]
    pub role: &'static str,
    #[schema(value_type = crate::http::openapi::forms::ChatMemberState)]
    pub state: &'static str,
    /// The place of the last message that the person has read.
    pub read_seq: u64,
    pub joined_at: String,
}

/// A person in a room.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct ChatMemberDto {
    pub member_id: UserId,
    /// Null if the account is closed.
    #[schema(required = true)]
    pub name: Option<String>,
    #[schema(value_type = crate::http::openapi::forms::ChatRole)]
    pub role: &'static str,
    #[schema(value_type = crate::http::openapi::forms::ChatMemberState)]
    pub state: &'static str,
    pub joined_at: String,
    /// The end of a ban; null for one without end, and for people who are not banned.
    #[schema(required = true)]
    pub banned_until: Option<String>,
    /// Why the person is banned; null for people who are not.
    #[schema(required = true)]
    pub reason: Option<String>,
}

/// A room to make.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewChatRoomBody {
    /// One line.
    #[schema(example = "Row 7", max_length = 100)]
    name: String,
    /// Several lines, or none.
    #[serde(default)]
    #[schema(max_length = 1_000)]
    description: String,
    /// True for a room of those who are invited.
    #[serde(default)]
    is_private: bool,
}

/// A change of a room: fields that are left out stay.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChatRoomEditBody {
    /// One line.
    #[schema(max_length = 100)]
    name: Option<String>,
    /// Several lines, or none.
    #[schema(max_length = 1_000)]
    description: Option<String>,
}

/// A person to invite.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InviteBody {
    /// The account.
    member_id: UserId,
}

/// Another role of a member.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChatRoleBody {
    /// The role.
    #[serde(deserialize_with = "object::word")]
    role: GivenRole,
}

/// A role that the owner of a room gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum GivenRole {
    Moderator,
    Member,
}

/// A ban from a room.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChatBanBody {
    /// The account.
    member_id: UserId,
    /// The end, within a year; null or left out for a ban without end.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Time>,
    /// What the person is told: not empty.
    #[schema(min_length = 1, max_length = 1_000)]
    reason: String,
}

/// The query of the list of rooms.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoomQuery {
    limit: Option<u64>,
    cursor: Option<String>,
    mine: Option<bool>,
}

/// List rooms, the last active first.
#[utoipa::path(get, path = "/api/chat/rooms", tag = "chat", operation_id = "listChatRooms",
    params(("mine" = Option<bool>, Query,
            description = "True: only rooms that the caller has joined or is invited to. Left out or false: these, and rooms that are open to everyone"),
        ("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<ChatRoomDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    caller: Caller,
    Query(query): Query<RoomQuery>,
) -> Result<HttpResponse, ApiError> {
    let RoomQuery { limit, cursor, mine } = query;
    let page = PageQuery { limit, cursor };
    let limit = page.limit()?;
    let which = if mine.unwrap_or_default() { OwnRooms::Alone } else { OwnRooms::AndOpenOnes };
    let rooms = state.chat.rooms(caller, which, page.after()?, limit).await?;
    let next = next_cursor(&rooms, limit, |listed| {
        format!("{}_{}", listed.room.last_activity_at, listed.room.id)
    });
    Ok(respond::page(&rooms.iter().map(render).collect::<Vec<_>>(), next))
}

/// Make a room. Its owner is the caller.
#[utoipa::path(post, path = "/api/chat/rooms", tag = "chat", operation_id = "createChatRoom",
    request_body = NewChatRoomBody, responses((status = 201, body = Success<ChatRoomDto>)))]
pub(crate) async fn create(
    state: web::Data<AppState>,
    caller: Caller,
    key: IdempotencyKey,
    Body(body): Body<NewChatRoomBody>,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(caller.user, "create chat room", &body);
    let NewChatRoomBody { name, description, is_private } = body;
    let (draft, now) = (RoomDraft { name, description, is_private }, state.clock.now_ms());
    state.moderation.allow(caller, BanScope::Chat, None, now).await?;
    let (room, replayed) = state.chat.create_room(caller, draft, key.as_ref(), now).await?;
    let mut response = respond::created(&render(&room));
    locate(&mut response, &format!("/api/chat/rooms/{}", room.room.id));
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Read the room of a concert. It is made by itself.
#[utoipa::path(get, path = "/api/events/{event}/chat", tag = "chat",
    operation_id = "getConcertChatRoom", params(("event" = OfferingId, Path)),
    responses((status = 200, body = Success<ChatRoomDto>)))]
pub(crate) async fn of_concert(
    state: web::Data<AppState>,
    caller: Caller,
    Path(event): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    let now = state.clock.now_ms();
    Ok(respond::ok(&render(&state.chat.room_of_concert(caller, event, now).await?)))
}

/// Read a room.
#[utoipa::path(get, path = "/api/chat/rooms/{room}", tag = "chat", operation_id = "getChatRoom",
    params(("room" = RoomId, Path)), responses((status = 200, body = Success<ChatRoomDto>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    caller: Caller,
    Path(room): Path<RoomId>,
) -> Result<HttpResponse, ApiError> {
    let now = state.clock.now_ms();
    Ok(respond::ok(&render(&state.chat.room(caller, room, now).await?)))
}

/// Change the name or the description of a room (its owner).
#[utoipa::path(patch, path = "/api/chat/rooms/{room}", tag = "chat",
    operation_id = "changeChatRoom", params(("room" = RoomId, Path)),
    request_body = ChatRoomEditBody, responses((status = 200, body = Success<ChatRoomDto>)))]
pub(crate) async fn change(
    state: web::Data<AppState>,
    caller: Caller,
    Path(room): Path<RoomId>,
    _: IdempotencyKey,
    Body(body): Body<ChatRoomEditBody>,
) -> Result<HttpResponse, ApiError> {
    let (edit, now) = ((body.name, body.description), state.clock.now_ms());
    state.moderation.allow(caller, BanScope::Chat, Some(room.0), now).await?;
    Ok(respond::ok(&render(&state.chat.change_room(caller, room, edit, now).await?)))
}

/// Close a room (its owner): no one reads it any more.
#[utoipa::path(delete, path = "/api/chat/rooms/{room}", tag = "chat",
    operation_id = "closeChatRoom", params(("room" = RoomId, Path)),
    responses((status = 200, body = Done)))]
pub(crate) async fn close(
    state: web::Data<AppState>,
    caller: Caller,
    Path(room): Path<RoomId>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    state.chat.close_room(caller, room, state.clock.now_ms()).await?;
    Ok(respond::done("the room is closed"))
}

/// Join a room. Repeated, it changes nothing.
#[utoipa::path(post, path = "/api/chat/rooms/{room}/join", tag = "chat",
    operation_id = "joinChatRoom", params(("room" = RoomId, Path)),
    responses((status = 200, body = Success<ChatRoomDto>)))]
pub(crate) async fn join(
    state: web::Data<AppState>,
    caller: Caller,
    Path(room): Path<RoomId>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let now = state.clock.now_ms();
    Ok(respond::ok(&render(&state.chat.join(caller, room, now).await?)))
}

/// Leave a room. Its owner closes it instead.
#[utoipa::path(post, path = "/api/chat/rooms/{room}/leave", tag = "chat",
    operation_id = "leaveChatRoom", params(("room" = RoomId, Path)),
    responses((status = 200, body = Done)))]
pub(crate) async fn leave(
    state: web::Data<AppState>,
    caller: Caller,
    Path(room): Path<RoomId>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    state.chat.leave(caller, room, state.clock.now_ms()).await?;
    Ok(respond::done("you have left the room"))
}

/// List the members of a room.
#[utoipa::path(get, path = "/api/chat/rooms/{room}/members", tag = "chat",
    operation_id = "listChatMembers",
    params(("room" = RoomId, Path), ("limit" = Option<u64>, Query),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<ChatMemberDto>)))]
pub(crate) async fn members(
    state: web::Data<AppState>,
    caller: Caller,
    Path(room): Path<RoomId>,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    people(&state, caller, (room, MemberState::Joined), &query).await
}

/// Invite a person to a room (its owner and moderators).
#[utoipa::path(post, path = "/api/chat/rooms/{room}/members", tag = "chat",
    operation_id = "inviteToChatRoom", params(("room" = RoomId, Path)),
    request_body = InviteBody, responses((status = 200, body = Success<ChatMembershipDto>)))]
pub(crate) async fn invite(
    state: web::Data<AppState>,
    caller: Caller,
    Path(room): Path<RoomId>,
    _: IdempotencyKey,
    Body(body): Body<InviteBody>,
) -> Result<HttpResponse, ApiError> {
    let now = state.clock.now_ms();
    state.moderation.allow(caller, BanScope::Chat, Some(room.0), now).await?;
    let row = state.chat.invite(caller, room, body.member_id, now).await?;
    Ok(respond::ok(&membership(&row)))
}

/// Make a member a moderator, or a member again (the owner of the room).
#[utoipa::path(put, path = "/api/chat/rooms/{room}/members/{member}", tag = "chat",
    operation_id = "setChatRole", params(("room" = RoomId, Path), ("member" = UserId, Path)),
    request_body = ChatRoleBody, responses((status = 200, body = Success<ChatMembershipDto>)))]
pub(crate) async fn set_role(
    state: web::Data<AppState>,
    caller: Caller,
    Path((room, user)): Path<(RoomId, UserId)>,
    _: IdempotencyKey,
    Body(body): Body<ChatRoleBody>,
) -> Result<HttpResponse, ApiError> {
    let (given, now) = ((user, body.role == GivenRole::Moderator), state.clock.now_ms());
    Ok(respond::ok(&membership(&state.chat.set_moderator(caller, room, given, now).await?)))
}

/// List who is banned from a room (its owner and moderators).
#[utoipa::path(get, path = "/api/chat/rooms/{room}/bans", tag = "chat",
    operation_id = "listChatBans",
    params(("room" = RoomId, Path), ("limit" = Option<u64>, Query),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<ChatMemberDto>)))]
pub(crate) async fn bans(
    state: web::Data<AppState>,
    caller: Caller,
    Path(room): Path<RoomId>,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    people(&state, caller, (room, MemberState::Banned), &query).await
}

/// Ban a person from a room (its owner and moderators). The person is out at once.
#[utoipa::path(post, path = "/api/chat/rooms/{room}/bans", tag = "chat",
    operation_id = "banFromChatRoom", params(("room" = RoomId, Path)),
    request_body = ChatBanBody, responses((status = 200, body = Success<ChatMembershipDto>)))]
pub(crate) async fn ban(
    state: web::Data<AppState>,
    caller: Caller,
    Path(room): Path<RoomId>,
    _: IdempotencyKey,
    Body(body): Body<ChatBanBody>,
) -> Result<HttpResponse, ApiError> {
    let (until, now) = (body.until.map(Time::millis), state.clock.now_ms());
    state.moderation.allow(caller, BanScope::Chat, Some(room.0), now).await?;
    let of = (room, body.member_id);
    Ok(respond::ok(&membership(&state.chat.ban(caller, of, (until, &body.reason), now).await?)))
}

/// Lift a ban, or take an invitation back (the owner and moderators of the room).
#[utoipa::path(delete, path = "/api/chat/rooms/{room}/bans/{member}", tag = "chat",
    operation_id = "liftChatBan", params(("room" = RoomId, Path), ("member" = UserId, Path)),
    responses((status = 200, body = Done)))]
pub(crate) async fn lift(
    state: web::Data<AppState>,
    caller: Caller,
    Path((room, user)): Path<(RoomId, UserId)>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    state.chat.lift(caller, room, user, state.clock.now_ms()).await?;
    Ok(respond::done("the ban is lifted"))
}

async fn people(
    state: &AppState,
    caller: Caller,
    of: (RoomId, MemberState),
    query: &PageQuery,
) -> Result<HttpResponse, ApiError> {
    let (limit, now) = (query.limit()?, state.clock.now_ms());
    let rows = state.chat.members(caller, of, (query.after_id()?, limit), now).await?;
    let next = next_cursor(&rows, limit, |(row, _)| row.user.to_string());
    let render = |(row, name): &(MemberRow, Option<String>)| ChatMemberDto {
        member_id: row.user,
        name: name.clone(),
        role: row.role.as_str(),
        state: row.state.as_str(),
        joined_at: rfc3339(row.joined_at),
        banned_until: dto::time(row.banned_until),
        reason: row.ban_reason.clone(),
    };
    Ok(respond::page(&rows.iter().map(render).collect::<Vec<_>>(), next))
}

fn render(listed: &ListedRoom) -> ChatRoomDto {
    let ListedRoom { room, member, unread } = listed;
    ChatRoomDto {
        id: room.id,
        kind: room.kind.as_str(),
        event_id: room.concert,
        name: room.name.clone(),
        description: room.description.clone(),
        created_by: room.created_by,
        rev: room.last_rev,
        created_at: rfc3339(room.created_at),
        last_activity_at: rfc3339(room.last_activity_at),
        membership: member.as_ref().map(membership),
        unread: *unread,
    }
}

fn membership(row: &MemberRow) -> ChatMembershipDto {
    let role = match row.state {
        MemberState::Joined => row.role,
        _ => MemberRole::Member,
    };
    ChatMembershipDto {
        role: role.as_str(),
        state: row.state.as_str(),
        read_seq: row.read_seq,
        joined_at: rfc3339(row.joined_at),
    }
}
