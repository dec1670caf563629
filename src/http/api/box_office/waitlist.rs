//! The waitlist of an event: join, read, leave, and accept an offer.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::api::box_office::holds::{HoldDto, LISTED, active};
use crate::http::commands::{in_event, submit};
use crate::http::dto;
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Body, Caller, IdempotencyKey, Path};
use crate::http::respond::{self, locate, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{HoldId, OfferingId};
use crate::inventory::{Change, Command, EntryEnding, HoldStatus, Rejection, Request};
use crate::roles::Permission;

/// Adds the routes of the waitlist, below an event.
pub fn of_event(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/waitlist").get(list).post(join))
        .service(web::resource("/waitlist/{entry}").get(show).delete(leave))
        .service(web::resource("/waitlist/{entry}/accept").post(accept));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    (
        "post",
        "/api/events/{event}/waitlist",
        &[
            ErrorCode::UnknownProduct,
            ErrorCode::WaitlistUnavailable,
            ErrorCode::AlreadyWaiting,
            ErrorCode::QueueIsOn,
            ErrorCode::PlacesAvailable,
            ErrorCode::LimitExceeded,
            ErrorCode::SaleNotOpen,
            ErrorCode::SaleClosed,
            ErrorCode::SalePaused,
            ErrorCode::EventCancelled,
            ErrorCode::ProductWithdrawn,
        ],
    ),
    ("delete", "/api/events/{event}/waitlist/{entry}", WAITLIST_CODES),
    ("get", "/api/events/{event}/waitlist/{entry}", WAITLIST_CODES),
    ("post", "/api/events/{event}/waitlist/{entry}/accept", WAITLIST_CODES),
];

const WAITLIST_CODES: &[ErrorCode] = &[
    ErrorCode::WaitlistEntryNotFound,
    ErrorCode::HoldNotFound,
    ErrorCode::HoldExpired,
    ErrorCode::HoldEnded,
    ErrorCode::WrongState,
    ErrorCode::EventCancelled,
];

/// The places to wait for.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it")]
pub struct JoinBody {
    pub product_id: String,
    #[schema(minimum = 1, maximum = 64, example = 2)]
    pub party_size: u32,
}

/// A waitlist entry, or the offer that it became.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct EntryDto {
    /// The id of the entry, and of the hold that an accepted offer becomes.
    pub id: HoldId,
    pub event_id: OfferingId,
    /// `WAITING`, `OFFERED`, or how it ended: `ACCEPTED`, `DECLINED`, `EXPIRED`, `LEFT`,
    /// `LIMIT_REACHED` (the customer bought as many places elsewhere as one customer may have) or
    /// `EVENT_CANCELLED`.
    #[schema(value_type = crate::http::openapi::forms::EntryStatus)]
    pub status: &'static str,
    /// Time at which it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub ended_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub product_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub party_size: Option<u32>,
    /// The position in the queue for the same product at the time of the request, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub position: Option<u32>,
    /// The offered places, available until the offer's `expiresAt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub offer: Option<HoldDto>,
    pub server_time: String,
}

/// Wait for places that are taken now.
#[utoipa::path(post, path = "/api/events/{event}/waitlist", tag = "waitlist",
    params(("event" = OfferingId, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body = JoinBody,
    responses((status = 201, body = crate::http::envelope::Success<EntryDto>)))]
pub(crate) async fn join(
    state: web::Data<AppState>,
    caller: Caller,
    Path(event): Path<OfferingId>,
    key: IdempotencyKey,
    Body(body): Body<JoinBody>,
) -> Result<HttpResponse, ApiError> {
    let product = dto::product_id(event, "productId", &body.product_id);
    let product = in_event(&state, event, product).await?;
    let (entry, customer, party_size) = (HoldId::random(), caller.user, body.party_size);
    let command = Command::JoinWaitlist { entry, customer, product, party_size };
    let idempotency = key.identity(customer, "join waitlist", &(event, &body));
    // Records where to find the entries when the customer closes the account; written before the
    // customer waits, so that it is never missing.
    state.offices.view(event).await?;
    state.store.waitlisted_add(customer, event).await?;
    let committed = submit(&state, event, Request { command, idempotency }).await?;
    let Some(Change::WaitlistJoined { entry, product, party_size, .. }) =
        committed.transition.changes.first()
    else {
        return Err(ApiError::internal("joining was answered by another change"));
    };
    // Taken from the change alone, so that a retry gets the same answer after the entry has ended.
    let mut response = respond::created(&EntryDto {
        id: *entry,
        event_id: event,
        status: "WAITING",
        ended_at: None,
        product_id: Some(product.to_public(event)),
        party_size: Some(*party_size),
        position: None,
        offer: None,
        server_time: rfc3339(state.clock.now_ms()),
    });
    locate(&mut response, &format!("/api/events/{event}/waitlist/{entry}"));
    mark_replayed(&mut response, committed.replayed);
    Ok(response)
}

/// List the caller's own entries that have not ended: offers first, then waiting entries, 100 at
/// most.
#[utoipa::path(get, path = "/api/events/{event}/waitlist", tag = "waitlist",
    params(("event" = OfferingId, Path)),
    responses((status = 200, body = crate::http::envelope::Page<EntryDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    caller: Caller,
    Path(event): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    let found = state.offices.holdings(event, caller.user, LISTED).await?;
    let now = state.clock.now_ms();
    let labels = state.venues.labels(event).await;
    let mut entries = Vec::with_capacity(found.entries.len());
    for hold in found.holds.iter().filter(|hold| hold.offered) {
        let view = state.offices.view_covering(event, &hold.lines).await?;
        let mut offer = active((&view, &labels), hold.id, None, &hold.lines, hold.expires_at, now);
        offer.status = "OFFERED";
        let line = hold.lines.first();
        entries.push(EntryDto {
            id: hold.id,
            event_id: event,
            status: "OFFERED",
            product_id: line.map(|line| line.product.to_public(event)),
            party_size: line.map(|line| line.quantity),
            position: None,
            ended_at: None,
            offer: Some(offer),
            server_time: rfc3339(now),
        });
    }
    entries.extend(found.entries.iter().map(|entry| EntryDto {
        id: entry.id,
        event_id: event,
        status: "WAITING",
        product_id: Some(entry.product.to_public(event)),
        party_size: Some(entry.party_size),
        position: Some(entry.position),
        ended_at: None,
        offer: None,
        server_time: rfc3339(now),
    }));
    Ok(respond::page(&entries, None))
}

/// Read one of the caller's own waitlist entries, with its position or its offer; staff read
/// those of their events.
#[utoipa::path(get, path = "/api/events/{event}/waitlist/{entry}", tag = "waitlist",
    params(("event" = OfferingId, Path), ("entry" = HoldId, Path)),
    responses((status = 200, body = crate::http::envelope::Success<EntryDto>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    caller: Caller,
    Path((event, entry)): Path<(OfferingId, HoldId)>,
) -> Result<HttpResponse, ApiError> {
    Ok(respond::ok(&read(&state, caller, event, entry).await?))
}

/// Leave the waitlist, or decline an offer; staff do so for customers of their events.
#[utoipa::path(delete, path = "/api/events/{event}/waitlist/{entry}", tag = "waitlist",
    params(("event" = OfferingId, Path), ("entry" = HoldId, Path),
        ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = crate::http::envelope::Success<EntryDto>)))]
pub(crate) async fn leave(
    state: web::Data<AppState>,
    caller: Caller,
    Path((event, entry)): Path<(OfferingId, HoldId)>,
    key: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let idempotency = key.identity(caller.user, "leave waitlist", &(event, entry));
    let committed = state.offerings.leave_waitlist(caller, event, entry, idempotency).await?;
    let mut response = respond::ok(&EntryDto {
        id: entry,
        event_id: event,
        status: match committed.transition.changes.first() {
            Some(Change::HoldReleased { .. }) => "DECLINED",
            _ => "LEFT",
        },
        ended_at: Some(rfc3339(committed.at)),
        product_id: None,
        party_size: None,
        position: None,
        offer: None,
        server_time: rfc3339(state.clock.now_ms()),
    });
    mark_replayed(&mut response, committed.replayed);
    Ok(response)
}

/// Accept an offer: it becomes an ordinary hold.
#[utoipa::path(post, path = "/api/events/{event}/waitlist/{entry}/accept", tag = "waitlist",
    params(("event" = OfferingId, Path), ("entry" = HoldId, Path),
        ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = crate::http::envelope::Success<HoldDto>)))]
pub(crate) async fn accept(
    state: web::Data<AppState>,
    caller: Caller,
    Path((event, entry)): Path<(OfferingId, HoldId)>,
    key: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let command = Command::AcceptOffer { entry, customer: caller.user };
    let idempotency = key.identity(caller.user, "accept offer", &(event, entry));
    let committed = submit(&state, event, Request { command, idempotency }).await?;
    let Some(Change::OfferAccepted { entry, line, expires_at }) =
        committed.transition.changes.first()
    else {
        return Err(ApiError::internal("accepting was answered by another change"));
    };
    let lines = std::slice::from_ref(line);
    let view = state.offices.view_covering(event, lines).await?;
    let now = state.clock.now_ms();
    let labels = state.venues.labels(event).await;
    let seq = Some(committed.seq.0);
    let dto = active((&view, &labels), *entry, seq, lines, *expires_at, now);
    let mut response = respond::ok(&dto);
    mark_replayed(&mut response, committed.replayed);
    Ok(response)
}

async fn read(
    state: &AppState,
    caller: Caller,
    event: OfferingId,
    id: HoldId,
) -> Result<EntryDto, ApiError> {
    let mine = |customer| {
        customer == caller.user || state.accounts.may(caller, Permission::ReadOrders, event)
    };
    let now = state.clock.now_ms();
    let mut dto = EntryDto {
        id,
        event_id: event,
        status: "WAITING",
        ended_at: None,
        product_id: None,
        party_size: None,
        position: None,
        offer: None,
        server_time: rfc3339(now),
    };
    let waiting = state.offices.waitlist_entry(event, id).await?;
    if let Some(entry) = waiting.filter(|entry| mine(entry.customer)) {
        dto.product_id = Some(entry.product.to_public(event));
        dto.party_size = Some(entry.party_size);
        dto.position = Some(entry.position);
        return Ok(dto);
    }
    let ended = state.offices.ended_entry(event, id).await?;
    if let Some(ended) = ended.filter(|ended| mine(ended.customer)) {
        dto.status = ending(ended.how);
        dto.ended_at = Some(rfc3339(ended.at));
        dto.product_id = Some(ended.product.to_public(event));
        dto.party_size = Some(ended.party_size);
        return Ok(dto);
    }
    let hold = state.offices.hold(event, id).await?.filter(|hold| mine(hold.customer));
    let hold = hold.ok_or(Rejection::WaitlistEntryNotFound)?;
    match hold.status {
        HoldStatus::Offered => {
            let view = state.offices.view_covering(event, &hold.lines).await?;
            let labels = state.venues.labels(event).await;
            let mut offer = active((&view, &labels), id, None, &hold.lines, hold.expires_at, now);
            offer.status = "OFFERED";
            (dto.status, dto.offer) = ("OFFERED", Some(offer));
        }
        // An offer past its deadline that has not been ended yet.
        HoldStatus::Expired => {
            (dto.status, dto.ended_at) = ("EXPIRED", Some(rfc3339(hold.expires_at)));
        }
        // A hold that was never on the waitlist.
        HoldStatus::Active | HoldStatus::Converted { .. } | HoldStatus::Released => {
            return Err(Rejection::WaitlistEntryNotFound.into());
        }
    }
    Ok(dto)
}

fn ending(how: EntryEnding) -> &'static str {
    match how {
        EntryEnding::Left => "LEFT",
        EntryEnding::PassedOver => "LIMIT_REACHED",
        EntryEnding::EventCancelled => "EVENT_CANCELLED",
        EntryEnding::Declined => "DECLINED",
        EntryEnding::Accepted => "ACCEPTED",
        EntryEnding::Expired => "EXPIRED",
    }
}
