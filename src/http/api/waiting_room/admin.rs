//! The organisers' side of a waiting room: its rules, the draw, guests, and entries that do not count.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::shown::{QueueProgressDto, render_progress};
use crate::http::dto::Time;
use crate::http::envelope::Success;
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Body, IdempotencyKey, Path, Staff};
use crate::http::respond::{self, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{OfferingId, UserId};
use crate::inventory::{QueueChange, QueueRules, QueueTotals, Rejection};
use crate::waiting_room::{Seen, WaitingRoomError};

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/events/{event}/queue").get(show).put(set))
        .service(web::resource("/api/admin/events/{event}/queue/draw").post(draw))
        .service(web::resource("/api/admin/events/{event}/queue/guests").post(guests))
        .service(web::resource("/api/admin/events/{event}/queue/void").post(void));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    (
        "put",
        "/api/admin/events/{event}/queue",
        &[
            ErrorCode::NoQueue,
            ErrorCode::WrongState,
            ErrorCode::SaleClosed,
            ErrorCode::EventCancelled,
        ],
    ),
    (
        "post",
        "/api/admin/events/{event}/queue/draw",
        &[ErrorCode::NoQueue, ErrorCode::WrongState, ErrorCode::EventCancelled],
    ),
    (
        "post",
        "/api/admin/events/{event}/queue/guests",
        &[
            ErrorCode::NoQueue,
            ErrorCode::InQueue,
            ErrorCode::QueueFull,
            ErrorCode::WrongState,
            ErrorCode::EventCancelled,
        ],
    ),
    (
        "post",
        "/api/admin/events/{event}/queue/void",
        &[ErrorCode::NoQueue, ErrorCode::NotInQueue, ErrorCode::EventCancelled],
    ),
];

/// Changes of a waiting room; what is left out stays as it is. A waiting room that is switched on
/// begins with the defaults.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schema(example = json!({ "enabled": true, "passesPerMinute": 100, "activeLimit": 1_000 }))]
pub struct QueueBody {
    /// Switches it on or off. Off ends the queue; who holds places keeps them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    enabled: Option<bool>,
    /// The time of the draw among those who came before it; null for the first instant on sale.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<Time>)]
    opens_at: Option<Option<Time>>,
    /// The most admissions in a minute; ten seconds' worth may come at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 1_000_000)]
    passes_per_minute: Option<i64>,
    /// The most open sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 1_000_000)]
    active_limit: Option<i64>,
    /// Sessions that hold nothing yet, in percent of the places left.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 1_000)]
    admit_percent: Option<i64>,
    /// Seconds from the admission to the first hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 10, maximum = 3_600)]
    pass_seconds: Option<i64>,
    /// Seconds without a poll after which someone who is next is set aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 120, maximum = 86_400)]
    silence_seconds: Option<i64>,
    /// How often one person may enter.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 100)]
    turns: Option<i64>,
    /// Admits nobody while it is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    paused: Option<bool>,
    /// Takes no new entries; the waiting room switches itself off once all are served.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    draining: Option<bool>,
    /// Lets in only accounts that were made before this time; null for all.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<Time>)]
    account_before: Option<Option<Time>>,
    /// Lets in only accounts whose address is confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    confirmed_only: Option<bool>,
    /// Zero bits of the proof of work that entering asks for, 0 for none; 16 to 18 take a phone a second
    /// or a few. Who is in the queue keeps their place.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0, maximum = 24)]
    challenge_bits: Option<i64>,
    /// The source of the public value of the draw, announced before: the draw waits for the value.
    /// Null for a draw that makes itself.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    public_source: Option<Option<String>>,
}

/// Reads a field that may be null: left out is `None`, null is `Some(None)`.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A waiting room as its organisers see it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueDto {
    event_id: OfferingId,
    enabled: bool,
    /// The rules; absent while it is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    rules: Option<QueueRulesDto>,
    /// The line; absent while it is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    progress: Option<QueueProgressDto>,
    /// What became of entries; absent while it is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    totals: Option<QueueTotalsDto>,
}

/// The rules of a waiting room.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueRulesDto {
    /// As it was set; null means the first instant on sale.
    #[schema(required = true)]
    opens_at: Option<String>,
    passes_per_minute: u32,
    active_limit: u32,
    admit_percent: u32,
    pass_seconds: i64,
    silence_seconds: i64,
    turns: u8,
    paused: bool,
    draining: bool,
    #[schema(required = true)]
    account_before: Option<String>,
    confirmed_only: bool,
    challenge_bits: u8,
    #[schema(required = true)]
    public_source: Option<String>,
}

/// What became of entries.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueTotalsDto {
    admitted: u32,
    /// Passes with which places were held.
    used: u32,
    /// Passes that were not used in time.
    expired: u32,
    left: u32,
    voided: u32,
    set_aside: u32,
    returned: u32,
}

/// The public value of a draw.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "publicValue": "drand 4812000: 9e1c44a0" }))]
pub struct QueueDrawBody {
    /// The value, as the announced source has it.
    #[schema(min_length = 1, max_length = 100)]
    public_value: String,
}

/// People in a queue.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QueuePeopleBody {
    /// The ids of their accounts.
    #[schema(min_items = 1, max_items = 1_000)]
    client_ids: Vec<UserId>,
    /// Why: it is in the public record of the queue, so it names nobody.
    #[schema(min_length = 1, max_length = 100, example = "members of the fan club")]
    reason: String,
}

fn rendered(event: OfferingId, seen: Option<&Seen>, now: i64) -> QueueDto {
    let rules = seen.map(|seen| rules(&seen.progress.rules));
    let progress = seen.map(|seen| render_progress(seen, now));
    let totals = seen.map(|seen| totals(&seen.progress.totals));
    QueueDto { event_id: event, enabled: seen.is_some(), rules, progress, totals }
}

fn rules(rules: &QueueRules) -> QueueRulesDto {
    QueueRulesDto {
        opens_at: rules.opens_at.map(rfc3339),
        passes_per_minute: rules.passes_per_minute,
        active_limit: rules.active_limit,
        admit_percent: rules.admit_percent,
        pass_seconds: rules.pass_ms / 1_000,
        silence_seconds: rules.silence_ms / 1_000,
        turns: rules.turns,
        paused: rules.paused,
        draining: rules.draining,
        account_before: rules.account_before.map(rfc3339),
        confirmed_only: rules.confirmed_only,
        challenge_bits: rules.challenge_bits,
        public_source: rules.public_source.clone(),
    }
}

fn totals(totals: &QueueTotals) -> QueueTotalsDto {
    QueueTotalsDto {
        admitted: totals.admitted,
        used: totals.used,
        expired: totals.lapsed,
        left: totals.left,
        voided: totals.voided,
        set_aside: totals.set_aside,
        returned: totals.returned,
    }
}

impl QueueBody {
    fn change(&self) -> QueueChange {
        // Numbers out of any range stay out of it: the refusal names the bounds.
        let count = |value: i64| u32::try_from(value.max(0)).unwrap_or(u32::MAX);
        QueueChange {
            enabled: self.enabled,
            opens_at: self.opens_at.map(|at| at.map(Time::millis)),
            passes_per_minute: self.passes_per_minute.map(count),
            active_limit: self.active_limit.map(count),
            admit_percent: self.admit_percent.map(count),
            pass_ms: self.pass_seconds.map(|seconds| seconds.saturating_mul(1_000)),
            silence_ms: self.silence_seconds.map(|seconds| seconds.saturating_mul(1_000)),
            turns: self.turns.map(|turns| u8::try_from(turns.max(0)).unwrap_or(u8::MAX)),
            paused: self.paused,
            draining: self.draining,
            account_before: self.account_before.map(|at| at.map(Time::millis)),
            confirmed_only: self.confirmed_only,
            // Negative numbers are out of the range as well.
            challenge_bits: self.challenge_bits.map(|bits| u8::try_from(bits).unwrap_or(u8::MAX)),
            public_source: self.public_source.clone(),
            ..QueueChange::default()
        }
    }
}

/// Read a waiting room with its rules and numbers.
#[utoipa::path(get, path = "/api/admin/events/{event}/queue", tag = "admin", operation_id = "readQueue",
    params(("event" = OfferingId, Path)),
    responses((status = 200, body = Success<QueueDto>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    _: Staff,
    Path(event): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    answer(&state, event).await
}

async fn answer(state: &AppState, event: OfferingId) -> Result<HttpResponse, ApiError> {
    let now = state.clock.now_ms();
    match state.waiting_rooms.fresh_progress(event).await {
        Ok(seen) => Ok(respond::ok(&rendered(event, Some(&seen), now))),
        Err(WaitingRoomError::Office(crate::box_office::SubmitError::Rejected(
            Rejection::NoQueue,
        ))) => Ok(respond::ok(&rendered(event, None, now))),
        Err(error) => Err(error.into()),
    }
}

/// Switch a waiting room on or off, or change its rules, also while it is open.
#[utoipa::path(put, path = "/api/admin/events/{event}/queue", tag = "admin", operation_id = "setQueue",
    params(("event" = OfferingId, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body = QueueBody,
    responses((status = 200, body = Success<QueueDto>)))]
pub(crate) async fn set(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(event): Path<OfferingId>,
    key: IdempotencyKey,
    Body(body): Body<QueueBody>,
) -> Result<HttpResponse, ApiError> {
    let idempotency = key.identity(admin.user, "set queue", &(event, &body));
    let set = state.waiting_rooms.set(event, admin.user, body.change(), idempotency).await;
    let committed = set?;
    let mut response = answer(&state, event).await?;
    mark_replayed(&mut response, committed.replayed);
    Ok(response)
}

/// Make the draw that waits for its announced public value.
#[utoipa::path(post, path = "/api/admin/events/{event}/queue/draw", tag = "admin", operation_id = "drawQueue",
    params(("event" = OfferingId, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body = QueueDrawBody,
    responses((status = 200, body = Success<QueueDto>)))]
pub(crate) async fn draw(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(event): Path<OfferingId>,
    key: IdempotencyKey,
    Body(body): Body<QueueDrawBody>,
) -> Result<HttpResponse, ApiError> {
    let idempotency = key.identity(admin.user, "draw queue", &(event, &body));
    let value = body.public_value;
    let committed = state.waiting_rooms.draw(event, admin.user, value, idempotency).await?;
    let mut response = answer(&state, event).await?;
    mark_replayed(&mut response, committed.replayed);
    Ok(response)
}

/// Put guests ahead of the line, in this order.
#[utoipa::path(post, path = "/api/admin/events/{event}/queue/guests", tag = "admin", operation_id = "addQueueGuests",
    params(("event" = OfferingId, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body = QueuePeopleBody,
    responses((status = 200, body = Success<QueueDto>)))]
pub(crate) async fn guests(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(event): Path<OfferingId>,
    key: IdempotencyKey,
    Body(body): Body<QueuePeopleBody>,
) -> Result<HttpResponse, ApiError> {
    let idempotency = key.identity(admin.user, "add queue guests", &(event, &body));
    let QueuePeopleBody { client_ids, reason } = body;
    let rooms = &state.waiting_rooms;
    let committed = rooms.prioritise(event, admin.user, &client_ids, reason, idempotency).await?;
    let mut response = answer(&state, event).await?;
    mark_replayed(&mut response, committed.replayed);
    Ok(response)
}

/// Void the entries of people, who cannot enter this queue again.
#[utoipa::path(post, path = "/api/admin/events/{event}/queue/void", tag = "admin", operation_id = "voidQueueEntries",
    params(("event" = OfferingId, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body = QueuePeopleBody,
    responses((status = 200, body = Success<QueueDto>)))]
pub(crate) async fn void(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(event): Path<OfferingId>,
    key: IdempotencyKey,
    Body(body): Body<QueuePeopleBody>,
) -> Result<HttpResponse, ApiError> {
    let idempotency = key.identity(admin.user, "void queue entries", &(event, &body));
    let QueuePeopleBody { client_ids, reason } = body;
    let rooms = &state.waiting_rooms;
    let committed = rooms.void(event, admin.user, client_ids, reason, idempotency).await?;
    let mut response = answer(&state, event).await?;
    mark_replayed(&mut response, committed.replayed);
    Ok(response)
}
