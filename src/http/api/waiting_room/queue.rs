//! A customer's own place in line: enter, ask, leave; and the line as everybody sees it. The same
//! routes answer below `/queue`, see `http/middleware/aliases.rs`.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shown::{QueueProgressDto, QueueStatusDto, render, render_progress};
use crate::http::api::box_office::checkout::expect_caller;
use crate::http::envelope::Success;
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Body, Caller, IdempotencyKey, Path, Query, QueueProof, client_address};
use crate::http::respond::{self, fed_by, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{OfferingId, UserId};
use crate::inventory::QueuePlace;
use crate::roles::Permission;
use crate::waiting_room::{Entrant, RoomStatus, WaitingRoomError};

/// Adds the routes below `/api/queue/{event}`; the most frequent come first.
pub fn of_event(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/status").get(status))
        .service(web::resource("/enqueue").post(enqueue))
        .service(web::resource("/progress").get(progress))
        .service(web::resource("/challenge").get(challenge))
        .service(web::resource("/audit").get(audit))
        .service(web::resource("/validate-pass-token").post(validate))
        .service(web::resource("").delete(leave));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    (
        "post",
        "/api/queue/{event}/enqueue",
        &[
            ErrorCode::NoQueue,
            ErrorCode::QueueClosing,
            ErrorCode::QueueClosed,
            ErrorCode::QueueFull,
            ErrorCode::QueueVoided,
            ErrorCode::QueueTurnsUsed,
            ErrorCode::QueueNotForYou,
            ErrorCode::QueueCrowded,
            ErrorCode::ChallengeRequired,
            ErrorCode::ChallengeFailed,
            ErrorCode::AccountRequired,
            ErrorCode::EventCancelled,
            ErrorCode::NotTheCaller,
        ],
    ),
    (
        "get",
        "/api/queue/{event}/challenge",
        &[ErrorCode::NoQueue, ErrorCode::AccountRequired, ErrorCode::NotTheCaller],
    ),
    (
        "get",
        "/api/queue/{event}/status",
        &[ErrorCode::NoQueue, ErrorCode::NotInQueue, ErrorCode::NotTheCaller],
    ),
    ("get", "/api/queue/{event}/progress", &[ErrorCode::NoQueue]),
    ("get", "/api/queue/{event}/audit", &[ErrorCode::NoQueue, ErrorCode::QueueArchived]),
    (
        "delete",
        "/api/queue/{event}",
        &[
            ErrorCode::NoQueue,
            ErrorCode::NotInQueue,
            ErrorCode::EventCancelled,
            ErrorCode::NotTheCaller,
        ],
    ),
    (
        "post",
        "/api/queue/{event}/validate-pass-token",
        &[
            ErrorCode::NoQueue,
            ErrorCode::PassRequired,
            ErrorCode::PassExpired,
            ErrorCode::PassUsed,
            ErrorCode::EventCancelled,
            ErrorCode::NotTheCaller,
        ],
    ),
];

/// Whose place is meant.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientQuery {
    /// The id of the caller's own account; may be left out.
    #[serde(default)]
    pub client_id: Option<String>,
}

impl ClientQuery {
    /// Returns the caller, whom the query may name.
    ///
    /// # Errors
    /// [`ErrorCode::NotTheCaller`] if it names another.
    fn of(&self, caller: Caller) -> Result<UserId, ApiError> {
        if let Some(client) = &self.client_id {
            expect_caller(caller, client)?;
        }
        Ok(caller.user)
    }
}

/// A pass to use.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "passToken": "pass_AAAAAQAAAAfC1nL0y3ZyU0m5m8g1wq3X" }))]
pub struct UsePassBody {
    /// The pass.
    pass_token: String,
    /// Whose pass it is, for the backend of a shop that signs in as an organiser or an
    /// administrator; otherwise the caller's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    client_id: Option<UserId>,
}

/// A pass that was used just now.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsedPassDto {
    valid: bool,
    event_id: OfferingId,
    client_id: UserId,
    server_time: String,
}

/// A proof of work to do before entering.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueChallengeDto {
    event_id: OfferingId,
    client_id: UserId,
    /// Zero bits with which the SHA-256 of the proof must begin; 0 if no proof is needed.
    #[schema(maximum = 24)]
    bits: u8,
    /// The challenge; null if no proof is needed. The proof is this text, a full stop, and up to 10
    /// digits that make the hash begin with so many zero bits.
    #[schema(required = true)]
    challenge: Option<String>,
    /// The end of the challenge's life; null if no proof is needed.
    #[schema(required = true)]
    expires_at: Option<String>,
    server_time: String,
}

/// Get the proof of work that entering asks for. It is good for one entry of the caller.
#[utoipa::path(get, path = "/api/queue/{event}/challenge", tag = "queue", operation_id = "readQueueChallenge",
    params(("event" = OfferingId, Path),
        ("clientId" = Option<UserId>, Query, description = "The caller's own id; 403 for any other")),
    responses((status = 200, body = Success<QueueChallengeDto>)))]
pub(crate) async fn challenge(
    state: web::Data<AppState>,
    caller: Caller,
    Path(event): Path<OfferingId>,
    Query(asked): Query<ClientQuery>,
) -> Result<HttpResponse, ApiError> {
    let customer = asked.of(caller)?;
    if caller.guest {
        return Err(ApiError::of(ErrorCode::AccountRequired));
    }
    let challenge = state.waiting_rooms.challenge(event, customer).await?;
    let mut response = respond::ok(&QueueChallengeDto {
        event_id: event,
        client_id: customer,
        bits: challenge.as_ref().map_or(0, |challenge| challenge.bits),
        expires_at: challenge.as_ref().map(|challenge| rfc3339(challenge.expires_at)),
        challenge: challenge.map(|challenge| challenge.text),
        server_time: rfc3339(state.clock.now_ms()),
    });
    let no_store = header::HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    Ok(response)
}

/// Enter the queue of an event. Who is in it already keeps their place.
///
/// A queue may ask for a proof of work (`…/challenge`), sent as `X-Queue-Proof`.
#[utoipa::path(post, path = "/api/queue/{event}/enqueue", tag = "queue", operation_id = "enterQueue",
    params(("event" = OfferingId, Path),
        ("clientId" = Option<UserId>, Query, description = "The caller's own id; 403 for any other"), ("Idempotency-Key" = Option<String>, Header),
        ("X-Queue-Proof" = Option<String>, Header, description = "`{challenge}.{digits}`, where the queue asks for a proof of work")),
    responses((status = 200, body = Success<QueueStatusDto>)))]
pub(crate) async fn enqueue(
    state: web::Data<AppState>,
    caller: Caller,
    request: HttpRequest,
    Path(event): Path<OfferingId>,
    // Accepted as everywhere; entering twice is entering once, with or without it.
    _key: IdempotencyKey,
    QueueProof(proof): QueueProof,
    Query(asked): Query<ClientQuery>,
) -> Result<HttpResponse, ApiError> {
    let customer = asked.of(caller)?;
    if caller.guest {
        // One entry for each account: guests cost nothing to be many.
        return Err(ApiError::of(ErrorCode::AccountRequired));
    }
    let address = client_address(&request);
    let entrant = Entrant { customer, address, proof: proof.as_deref() };
    let status = entered(state.waiting_rooms.enter(event, entrant).await)?;
    Ok(respond::ok(&render(customer, &status, state.clock.now_ms())))
}

/// Refuses an entry that is void, or that has ended without a turn left.
pub(crate) fn entered(
    entered: Result<RoomStatus, WaitingRoomError>,
) -> Result<RoomStatus, ApiError> {
    let status = entered?;
    match status.entry.place {
        QueuePlace::Voided => Err(ApiError::of(ErrorCode::QueueVoided)),
        QueuePlace::Lapsed | QueuePlace::Served | QueuePlace::Left
            if status.entry.turns_left == 0 =>
        {
            Err(ApiError::of(ErrorCode::QueueTurnsUsed))
        }
        // Some have left again before this was read.
        QueuePlace::Lapsed
        | QueuePlace::Served
        | QueuePlace::Left
        | QueuePlace::BeforeDraw
        | QueuePlace::InLine { .. }
        | QueuePlace::Ahead { .. }
        | QueuePlace::Aside
        | QueuePlace::Inside { .. } => Ok(status),
    }
}

/// Read one's own place in the queue, and the pass when it is one's turn.
#[utoipa::path(get, path = "/api/queue/{event}/status", tag = "queue", operation_id = "readQueueStatus",
    params(("event" = OfferingId, Path),
        ("clientId" = Option<UserId>, Query, description = "The caller's own id; 403 for any other")),
    responses((status = 200, body = Success<QueueStatusDto>)))]
pub(crate) async fn status(
    state: web::Data<AppState>,
    caller: Caller,
    Path(event): Path<OfferingId>,
    Query(asked): Query<ClientQuery>,
) -> Result<HttpResponse, ApiError> {
    let customer = asked.of(caller)?;
    let status = state.waiting_rooms.status(event, customer).await?;
    let mut response = respond::ok(&render(customer, &status, state.clock.now_ms()));
    let no_store = header::HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    Ok(response)
}

/// Read how far the queue is: the same for everybody, and good for a second.
///
/// Who knows the place of their entry computes their position from it: the place less `servedUpTo`,
/// plus `aheadOfLine`.
#[utoipa::path(get, path = "/api/queue/{event}/progress", tag = "queue", security(()), operation_id = "readQueueProgress",
    params(("event" = OfferingId, Path)),
    responses((status = 200, body = Success<QueueProgressDto>)))]
pub(crate) async fn progress(
    state: web::Data<AppState>,
    Path(event): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    let seen = state.waiting_rooms.progress(event).await?;
    let mut response = respond::ok(&render_progress(&seen, state.clock.now_ms()));
    let a_second = header::HeaderValue::from_static("public, max-age=1");
    response.headers_mut().insert(header::CACHE_CONTROL, a_second);
    Ok(response)
}

/// Read the public record of the event's newest queue: the list and its draw, and every admission with
/// its reason, as lines of JSON.
///
/// Entries are random ids that only their owners know (`entryId` of their status). `admitone queue
/// verify --file` checks it; `docs/waiting-room.md` says how to check it without this program.
#[utoipa::path(get, path = "/api/queue/{event}/audit", tag = "queue", security(()), operation_id = "readQueueRecord",
    params(("event" = OfferingId, Path)),
    responses((status = 200, content_type = "application/x-ndjson", body = String)))]
pub(crate) async fn audit(
    state: web::Data<AppState>,
    Path(event): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    let reader = state.waiting_rooms.record(event).await?;
    let body = fed_by(move |tx| {
        // The connection is cut: what came before is no whole record, and its end is missing.
        reader.feed(tx, |_| actix_web::error::ErrorInternalServerError("cut off"))
    });
    Ok(HttpResponse::Ok().content_type("application/x-ndjson").streaming(body))
}

/// Leave the queue, or end one's session. What is held stays held.
#[utoipa::path(delete, path = "/api/queue/{event}", tag = "queue", operation_id = "leaveQueue",
    params(("event" = OfferingId, Path),
        ("clientId" = Option<UserId>, Query, description = "The caller's own id; 403 for any other"), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = Success<LeftQueueDto>)))]
pub(crate) async fn leave(
    state: web::Data<AppState>,
    caller: Caller,
    Path(event): Path<OfferingId>,
    key: IdempotencyKey,
    Query(asked): Query<ClientQuery>,
) -> Result<HttpResponse, ApiError> {
    let customer = asked.of(caller)?;
    let idempotency = key.identity(customer, "leave queue", &event);
    let committed = state.waiting_rooms.leave(event, customer, idempotency).await?;
    let left = LeftQueueDto { event_id: event, client_id: customer, status: "LEFT" };
    let mut response = respond::ok(&left);
    mark_replayed(&mut response, committed.replayed);
    Ok(response)
}

/// An entry, or a session, that was ended by its owner.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeftQueueDto {
    event_id: OfferingId,
    client_id: UserId,
    /// `LEFT`.
    #[schema(value_type = crate::http::openapi::forms::QueueState)]
    status: &'static str,
}

/// Use a pass in another shop, once: it opens the session, as the first hold here would.
///
/// Called with the customer's own token, or by a shop's backend, as an organiser or an administrator, that
/// names the customer.
#[utoipa::path(post, path = "/api/queue/{event}/validate-pass-token", tag = "queue", operation_id = "validatePassToken",
    params(("event" = OfferingId, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body = UsePassBody,
    responses((status = 200, body = Success<UsedPassDto>)))]
pub(crate) async fn validate(
    state: web::Data<AppState>,
    caller: Caller,
    Path(event): Path<OfferingId>,
    key: IdempotencyKey,
    Body(body): Body<UsePassBody>,
) -> Result<HttpResponse, ApiError> {
    let customer = body.client_id.unwrap_or(caller.user);
    if customer != caller.user && !state.accounts.may(caller, Permission::Manage, event) {
        return Err(ApiError::of(ErrorCode::NotTheCaller));
    }
    let idempotency = key.identity(customer, "use pass", &(event, &body));
    let used = state.waiting_rooms.use_pass(event, customer, &body.pass_token, idempotency).await;
    let committed = used?;
    let server_time = rfc3339(state.clock.now_ms());
    let valid = UsedPassDto { valid: true, event_id: event, client_id: customer, server_time };
    let mut response = respond::ok(&valid);
    mark_replayed(&mut response, committed.replayed);
    Ok(response)
}
