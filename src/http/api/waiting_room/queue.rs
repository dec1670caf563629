//! A customer's own place in line: enter, ask, leave; and the line as everybody sees it. The same
//! routes answer below `/queue`, see `http/middleware/aliases.rs`.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::api::box_office::checkout::expect_caller;
use crate::http::envelope::Success;
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Body, Caller, IdempotencyKey, Path, Query, QueueProof};
use crate::http::respond::{self, fed_by, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{OfferingId, QueueEntryId, UserId};
use crate::inventory::{QueuePhase, QueuePlace, QueueProgress};
use crate::waiting_room::{Entrant, Outlook, RoomStatus, Seen};

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/queue/{event}/enqueue").post(enqueue))
        .service(web::resource("/api/queue/{event}/challenge").get(challenge))
        .service(web::resource("/api/queue/{event}/status").get(status))
        .service(web::resource("/api/queue/{event}/progress").get(progress))
        .service(web::resource("/api/queue/{event}/audit").get(audit))
        .service(web::resource("/api/queue/{event}/validate-pass-token").post(validate))
        .service(web::resource("/api/queue/{event}").delete(leave));
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

/// A customer's place in line.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueStatusDto {
    event_id: OfferingId,
    client_id: UserId,
    /// `PRE_QUEUE` (the draw comes), `WAITING`, `ADMITTED` (the pass is below), `SET_ASIDE` (not heard
    /// of for too long), or how it ended: `EXPIRED` (the pass was not used), `SERVED`, `LEFT`,
    /// `VOIDED`.
    #[schema(value_type = crate::http::openapi::forms::QueueState)]
    status: &'static str,
    /// How many are ahead at most; 0 is next. Null before the draw, and for those who do not wait.
    #[schema(required = true)]
    position: Option<u32>,
    /// How many wait in all.
    total: u32,
    /// The estimated wait; null before the line has begun, while it stands still, and where those ahead
    /// are likely to take all places that are left.
    #[schema(required = true)]
    estimate: Option<QueueEstimateDto>,
    /// Ask again after this many seconds.
    next_poll_seconds: u32,
    /// The pass, to be sent as `X-Pass-Token`; null unless it is one's turn.
    #[schema(required = true)]
    pass_token: Option<String>,
    /// The end of the session, unless places are held until then. Null unless it is one's turn.
    #[schema(required = true)]
    pass_expires_at: Option<String>,
    /// Whether places were held with the pass.
    pass_used: bool,
    prospects: QueueProspectsDto,
    /// How often one may enter again.
    turns_left: u8,
    /// One's entry in the public record of the queue: nobody else knows that it is yours.
    entry_id: QueueEntryId,
    /// The number of one's entry in that record.
    entry_number: u32,
    /// The time of the draw, if it is known.
    #[schema(required = true)]
    opens_at: Option<String>,
    /// Whether the organiser has paused the queue.
    paused: bool,
    /// The state of the line is of this time.
    as_of: String,
    server_time: String,
}

/// An estimated wait, in seconds.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct QueueEstimateDto {
    seconds: u32,
    /// If the line goes on as in its fastest quarter of the last minute.
    low: u32,
    /// If it goes on as in its slowest quarter; null if it stood still then.
    #[schema(required = true)]
    high: Option<u32>,
}

/// What the places left mean for someone in line: counts, not a promise.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueProspectsDto {
    /// `NOT_ON_SALE`, `PLACES` (more are left than people are ahead), `FEW`, `SOLD_OUT_FOR_NOW` (what is
    /// held may come back), `SOLD_OUT` (only returns can bring a place).
    #[schema(value_type = crate::http::openapi::forms::QueueOutlook)]
    outlook: &'static str,
    /// Places that are free now.
    places_left: u32,
    /// Places that are held, and not paid yet.
    places_held: u32,
    /// Open sessions, whose owners may take some of them.
    inside: u32,
}

/// The line as everybody sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueProgressDto {
    event_id: OfferingId,
    /// Counts the queues of the event.
    generation: u32,
    /// `PRE_QUEUE`, `DRAWING` (the list is closed) or `OPEN`.
    #[schema(value_type = crate::http::openapi::forms::QueuePhase)]
    phase: &'static str,
    paused: bool,
    #[schema(required = true)]
    opens_at: Option<String>,
    /// Places of the line before this one are served.
    served_up_to: u32,
    /// Entries that go before the line: of people who came back, and guests of the organiser.
    ahead_of_line: u32,
    /// How many wait.
    total: u32,
    /// Entries so far.
    entered: u32,
    admitted: u32,
    inside: u32,
    passes_per_minute: u32,
    prospects: QueueProspectsDto,
    /// The SHA-256 of the secret of the draw, in hexadecimal digits.
    commitment: String,
    as_of: String,
    server_time: String,
}

/// A pass to use.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "passToken": "pass_AAAAAQAAAAfC1nL0y3ZyU0m5m8g1wq3X" }))]
pub struct UsePassBody {
    /// The pass.
    pass_token: String,
    /// Whose pass it is, for the backend of a shop that signs in as an administrator; otherwise the
    /// caller's own.
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

pub(super) fn prospects(progress: &QueueProgress, outlook: Outlook) -> QueueProspectsDto {
    let outlook = match outlook {
        Outlook::NotOnSale => "NOT_ON_SALE",
        Outlook::Places => "PLACES",
        Outlook::Few => "FEW",
        Outlook::SoldOutForNow => "SOLD_OUT_FOR_NOW",
        Outlook::SoldOut => "SOLD_OUT",
    };
    QueueProspectsDto {
        outlook,
        places_left: progress.places_left,
        places_held: progress.places_held,
        inside: progress.sessions,
    }
}

/// Renders what a customer is told.
pub(crate) fn render(customer: UserId, status: &RoomStatus, now: i64) -> QueueStatusDto {
    let progress = &status.seen.progress;
    let (word, ends_at, is_used) = match status.entry.place {
        QueuePlace::BeforeDraw => ("PRE_QUEUE", None, false),
        QueuePlace::InLine { .. } | QueuePlace::Ahead { .. } => ("WAITING", None, false),
        QueuePlace::Aside => ("SET_ASIDE", None, false),
        QueuePlace::Inside { ends_at, is_used, .. } => ("ADMITTED", Some(ends_at), is_used),
        QueuePlace::Lapsed => ("EXPIRED", None, false),
        QueuePlace::Served => ("SERVED", None, true),
        QueuePlace::Left => ("LEFT", None, false),
        QueuePlace::Voided => ("VOIDED", None, false),
    };
    QueueStatusDto {
        event_id: status.seen.event,
        client_id: customer,
        status: word,
        position: status.ahead,
        total: progress.waiting,
        estimate: status.estimate.map(|estimate| QueueEstimateDto {
            seconds: estimate.seconds,
            low: estimate.low,
            high: estimate.high,
        }),
        next_poll_seconds: status.next_poll_s,
        pass_token: status.pass.clone(),
        pass_expires_at: ends_at.map(rfc3339),
        pass_used: is_used,
        prospects: prospects(progress, status.outlook),
        turns_left: status.entry.turns_left,
        entry_id: status.entry.id,
        entry_number: status.entry.number,
        opens_at: progress.opens_at.map(rfc3339),
        paused: progress.rules.paused,
        as_of: rfc3339(status.seen.as_of),
        server_time: rfc3339(now),
    }
}

/// Renders the line.
pub(crate) fn render_progress(seen: &Seen, now: i64) -> QueueProgressDto {
    let progress = &seen.progress;
    QueueProgressDto {
        event_id: seen.event,
        generation: progress.generation,
        phase: match progress.phase {
            QueuePhase::PreQueue => "PRE_QUEUE",
            QueuePhase::Drawing => "DRAWING",
            QueuePhase::Open => "OPEN",
        },
        paused: progress.rules.paused,
        opens_at: progress.opens_at.map(rfc3339),
        served_up_to: progress.next,
        ahead_of_line: progress.ahead,
        total: progress.waiting,
        entered: progress.entered,
        admitted: progress.totals.admitted,
        inside: progress.sessions,
        passes_per_minute: progress.rules.passes_per_minute,
        prospects: prospects(progress, Outlook::of(progress, progress.waiting)),
        commitment: super::hex(&progress.commitment),
        as_of: rfc3339(seen.as_of),
        server_time: rfc3339(now),
    }
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
    let address = request.peer_addr().map(|peer| peer.ip());
    let entrant = Entrant { customer, address, proof: proof.as_deref() };
    let status = state.waiting_rooms.enter(event, entrant).await?;
    match status.entry.place {
        QueuePlace::Voided => Err(ApiError::of(ErrorCode::QueueVoided)),
        QueuePlace::Lapsed | QueuePlace::Served | QueuePlace::Left => {
            Err(ApiError::of(ErrorCode::QueueTurnsUsed))
        }
        QueuePlace::BeforeDraw
        | QueuePlace::InLine { .. }
        | QueuePlace::Ahead { .. }
        | QueuePlace::Aside
        | QueuePlace::Inside { .. } => {
            Ok(respond::ok(&render(customer, &status, state.clock.now_ms())))
        }
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
/// Called with the customer's own token, or by a shop's backend as an administrator that names the
/// customer.
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
    if customer != caller.user && !caller.is_admin() {
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
