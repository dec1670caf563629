//! Messages of a room: what was said, and the way to say something without a socket.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::community::chat::{MessageDraft, SeenMessage};
use crate::community::moderation::BanScope;
use crate::http::dto;
use crate::http::envelope::{Done, Page, Success};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Body, Caller, IdempotencyKey, Path, Query};
use crate::http::pages::{PageQuery, next_cursor};
use crate::http::respond::{self, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{MessageId, RoomId, UserId};

/// Messages of one person in [`WINDOW`].
pub(super) const MAX_MESSAGES: u32 = 5;
/// The time that they are counted in.
pub(super) const WINDOW: Duration = Duration::from_secs(1);

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/chat/rooms/{room}/messages").get(list).post(send))
        .service(
            web::resource("/api/chat/rooms/{room}/messages/{message}").patch(edit).delete(delete),
        )
        .service(web::resource("/api/chat/rooms/{room}/read").put(read));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    (
        "get",
        "/api/chat/rooms/{room}/messages",
        &[ErrorCode::AccountRequired, ErrorCode::ChatBanned],
    ),
    ("post", "/api/chat/rooms/{room}/messages", WRITING),
    ("patch", "/api/chat/rooms/{room}/messages/{message}", CHANGING),
    ("delete", "/api/chat/rooms/{room}/messages/{message}", CHANGING),
    ("put", "/api/chat/rooms/{room}/read", &[ErrorCode::AccountRequired, ErrorCode::ChatBanned]),
];

const WRITING: &[ErrorCode] =
    &[ErrorCode::AccountRequired, ErrorCode::ChatBanned, ErrorCode::ChatNotJoined, ErrorCode::Busy];
const CHANGING: &[ErrorCode] = &[
    ErrorCode::AccountRequired,
    ErrorCode::Banned,
    ErrorCode::ChatBanned,
    ErrorCode::ChatNotAllowed,
    ErrorCode::ChatNotJoined,
    ErrorCode::Busy,
];

/// A person who wrote a message.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChatAuthorDto {
    /// The account.
    pub id: UserId,
    /// Null if the account is closed.
    #[schema(required = true)]
    pub name: Option<String>,
}

/// A message.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct ChatMessageDto {
    pub id: MessageId,
    pub room_id: RoomId,
    /// The place of the message in its room: messages are in the order of these numbers, which have gaps.
    pub seq: u64,
    /// The number of its last change in the room: it rises when the message is edited or deleted.
    pub rev: u64,
    pub author: ChatAuthorDto,
    /// The name that the author's client gave it; null without one.
    #[schema(required = true)]
    pub nonce: Option<String>,
    /// Plain text; empty once the message is deleted.
    pub content: String,
    /// The message that this one answers.
    #[schema(required = true)]
    pub reply_to_message_id: Option<MessageId>,
    pub is_edited: bool,
    pub is_deleted: bool,
    pub created_at: String,
    #[schema(required = true)]
    pub edited_at: Option<String>,
}

/// A message to send.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewChatMessageBody {
    /// Plain text.
    #[schema(example = "See you at the gate", min_length = 1, max_length = 2_000)]
    pub(super) content: String,
    /// A name of the client's own for the message: sent again under it, the message is stored once. One
    /// line.
    #[schema(max_length = 64, pattern = "^[!-~]+$")]
    pub(super) nonce: Option<String>,
    /// The message of the same room that this one answers.
    pub(super) reply_to_message_id: Option<MessageId>,
}

/// Another content of a message.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChatMessageEditBody {
    /// Plain text.
    #[schema(min_length = 1, max_length = 2_000)]
    content: String,
}

/// How far a person has read.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChatReadBody {
    /// `seq` of the last message that was read. A lower one than before changes nothing.
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    seq: u64,
}

/// The query of a history.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MessageQuery {
    limit: Option<u64>,
    cursor: Option<String>,
    after: Option<u64>,
}

/// Read messages of a room: newest first, or from `after` on, oldest first.
#[utoipa::path(get, path = "/api/chat/rooms/{room}/messages", tag = "chat",
    operation_id = "listChatMessages",
    params(("room" = RoomId, Path),
        ("after" = Option<u64>, Query, maximum = 9_007_199_254_740_991_u64,
            description = "`seq` of a message: those that follow it, oldest first. Not with `cursor`, which goes on as the page before"),
        ("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<ChatMessageDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    caller: Caller,
    Path(room): Path<RoomId>,
    Query(query): Query<MessageQuery>,
) -> Result<HttpResponse, ApiError> {
    let MessageQuery { limit, cursor, after } = query;
    let page = PageQuery { limit, cursor };
    let limit = page.limit()?;
    let before: Option<u64> = page.after_id()?;
    if before.is_some() && after.is_some() {
        return Err(ApiError::invalid("after", "cannot be combined with cursor"));
    }
    let now = state.clock.now_ms();
    let seen = state.chat.history(caller, room, (before, after), limit, now).await?;
    // From `after` on, the next page is asked for with the last message's number.
    let next = match after {
        None => next_cursor(&seen, limit, |seen| seen.row.seq.to_string()),
        Some(_) => None,
    };
    Ok(respond::page(&seen.iter().map(render).collect::<Vec<_>>(), next))
}

/// Send a message. At most 5 a second.
#[utoipa::path(post, path = "/api/chat/rooms/{room}/messages", tag = "chat",
    operation_id = "sendChatMessage", params(("room" = RoomId, Path)),
    request_body = NewChatMessageBody, responses((status = 201, body = Success<ChatMessageDto>)))]
pub(crate) async fn send(
    state: web::Data<AppState>,
    caller: Caller,
    Path(room): Path<RoomId>,
    key: IdempotencyKey,
    Body(body): Body<NewChatMessageBody>,
) -> Result<HttpResponse, ApiError> {
    let person = state.chat.person(caller).await?;
    may_send(&state, caller, room).await?;
    // A message has one name: that of its client, or the key of the request.
    let by_key = key.row_key(caller.user, "send chat message", &room);
    let key_name = by_key.map(|key| format!("key-{}", Uuid::from_bytes(key.key_hash)));
    let draft = MessageDraft {
        content: body.content,
        nonce: body.nonce.or(key_name),
        reply_to: body.reply_to_message_id,
    };
    let (seen, replayed) = state.chat.send(&person, room, draft, state.clock.now_ms()).await?;
    let mut response = respond::created(&render(&seen));
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Edit a message (its author).
#[utoipa::path(patch, path = "/api/chat/rooms/{room}/messages/{message}", tag = "chat",
    operation_id = "editChatMessage",
    params(("room" = RoomId, Path), ("message" = MessageId, Path)),
    request_body = ChatMessageEditBody, responses((status = 200, body = Success<ChatMessageDto>)))]
pub(crate) async fn edit(
    state: web::Data<AppState>,
    caller: Caller,
    Path(message): Path<(RoomId, MessageId)>,
    _: IdempotencyKey,
    Body(body): Body<ChatMessageEditBody>,
) -> Result<HttpResponse, ApiError> {
    let person = state.chat.person(caller).await?;
    may_send(&state, caller, message.0).await?;
    let now = state.clock.now_ms();
    let seen = state.chat.edit(&person, message, &body.content, now).await?;
    Ok(respond::ok(&render(&seen)))
}

/// Delete a message (its author, the owner and moderators of the room, and administrators). Its content is
/// gone.
#[utoipa::path(delete, path = "/api/chat/rooms/{room}/messages/{message}", tag = "chat",
    operation_id = "deleteChatMessage",
    params(("room" = RoomId, Path), ("message" = MessageId, Path)),
    responses((status = 200, body = Success<ChatMessageDto>)))]
pub(crate) async fn delete(
    state: web::Data<AppState>,
    caller: Caller,
    Path(message): Path<(RoomId, MessageId)>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let person = state.chat.person(caller).await?;
    let now = state.clock.now_ms();
    let is_staff = state.moderation.is_moderator(caller);
    Ok(respond::ok(&render(&state.chat.delete(&person, message, is_staff, now).await?)))
}

/// Say up to which message one has read.
#[utoipa::path(put, path = "/api/chat/rooms/{room}/read", tag = "chat",
    operation_id = "markChatRead", params(("room" = RoomId, Path)),
    request_body = ChatReadBody, responses((status = 200, body = Done)))]
pub(crate) async fn read(
    state: web::Data<AppState>,
    caller: Caller,
    Path(room): Path<RoomId>,
    _: IdempotencyKey,
    Body(body): Body<ChatReadBody>,
) -> Result<HttpResponse, ApiError> {
    state.chat.read(caller, room, body.seq, state.clock.now_ms()).await?;
    Ok(respond::done("read"))
}

/// Counts a message of a person, who is not banned by the moderators of the site.
///
/// # Errors
/// 403 `BANNED`, or 429 beyond [`MAX_MESSAGES`] in [`WINDOW`].
pub(crate) async fn may_send(
    state: &AppState,
    caller: Caller,
    room: RoomId,
) -> Result<(), ApiError> {
    let (user, now) = (caller.user, state.clock.now_ms());
    state.moderation.allow(caller, BanScope::Chat, Some(room.0), now).await?;
    let is_counted = state.config.rate_limits;
    let may = !is_counted
        || state.limits.may_have("chat", user.0.as_bytes(), (MAX_MESSAGES, WINDOW)).await;
    if may {
        return Ok(());
    }
    let message = "a person sends at most 5 messages a second: wait a second";
    Err(ApiError::new(ErrorCode::TooManyRequests, message).with_retry_after(WINDOW))
}

pub(super) fn render(seen: &SeenMessage) -> ChatMessageDto {
    let SeenMessage { row, author_name } = seen;
    ChatMessageDto {
        id: row.id,
        room_id: row.room,
        seq: row.seq,
        rev: row.rev,
        author: ChatAuthorDto { id: row.author, name: author_name.as_deref().map(str::to_owned) },
        nonce: row.nonce.clone(),
        content: row.content.clone(),
        reply_to_message_id: row.reply_to,
        is_edited: row.edited_at.is_some(),
        is_deleted: row.deleted_at.is_some(),
        created_at: rfc3339(row.created_at),
        edited_at: dto::time(row.edited_at),
    }
}
