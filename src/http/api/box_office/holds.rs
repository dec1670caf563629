//! Holds: the hot path. Handlers parse, submit once, and render; no table is accessed.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::box_office::View;
use crate::http::commands::{in_event, submit, with_nearest, with_pass};
use crate::http::dto::{self, LineDto, Money};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Body, Caller, IdempotencyKey, PassToken, Path, object};
use crate::http::respond::{self, locate, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{HoldId, OfferingId, ProductId, SeatId, SectionId};
use crate::inventory::{Change, Command, HoldStatus, Line, LineRequest, Request, TimestampMs};
use crate::roles::Permission;
use crate::venues::EventSeats;

/// Adds the routes of holds, below an event.
pub fn of_event(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/holds").get(list).post(place))
        .service(web::resource("/holds/{hold}").get(show).patch(change).delete(release))
        .service(web::resource("/holds/{hold}/extend").post(extend));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    (
        "post",
        "/api/events/{event}/holds",
        &[
            ErrorCode::PassRequired,
            ErrorCode::PassExpired,
            ErrorCode::PassUsed,
            ErrorCode::SoldOut,
            ErrorCode::SeatsTaken,
            ErrorCode::UnknownProduct,
            ErrorCode::UnknownSection,
            ErrorCode::UnknownSeats,
            ErrorCode::DuplicateSeats,
            ErrorCode::WrongKindOfProduct,
            ErrorCode::LimitExceeded,
            ErrorCode::SaleNotOpen,
            ErrorCode::SaleClosed,
            ErrorCode::SalePaused,
            ErrorCode::EventCancelled,
            ErrorCode::ProductWithdrawn,
        ],
    ),
    (
        "patch",
        "/api/events/{event}/holds/{hold}",
        &[
            ErrorCode::HoldNotFound,
            ErrorCode::HoldExpired,
            ErrorCode::HoldEnded,
            ErrorCode::WrongState,
            ErrorCode::PassRequired,
            ErrorCode::PassExpired,
            ErrorCode::PassUsed,
            ErrorCode::SoldOut,
            ErrorCode::SeatsTaken,
            ErrorCode::UnknownProduct,
            ErrorCode::UnknownSeats,
            ErrorCode::DuplicateSeats,
            ErrorCode::WrongKindOfProduct,
            ErrorCode::LimitExceeded,
            ErrorCode::SaleNotOpen,
            ErrorCode::SaleClosed,
            ErrorCode::SalePaused,
            ErrorCode::EventCancelled,
            ErrorCode::ProductWithdrawn,
        ],
    ),
    (
        "delete",
        "/api/events/{event}/holds/{hold}",
        &[ErrorCode::HoldNotFound, ErrorCode::HoldExpired, ErrorCode::HoldEnded],
    ),
    ("get", "/api/events/{event}/holds/{hold}", &[ErrorCode::HoldNotFound]),
    (
        "post",
        "/api/events/{event}/holds/{hold}/extend",
        &[
            ErrorCode::HoldNotFound,
            ErrorCode::HoldExpired,
            ErrorCode::HoldEnded,
            ErrorCode::WrongState,
            ErrorCode::ExtensionExhausted,
            ErrorCode::EventCancelled,
        ],
    ),
];

/// The places to hold. `lines`, `seats` and `bestAvailable` may be combined: all or nothing is
/// held.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "bestAvailable": { "productId": "p1a2b3c4d-0", "quantity": 2 } }))]
pub struct HoldBody {
    /// Places of general-admission products.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "object::list")]
    #[schema(min_items = 1)]
    pub lines: Vec<QuantityBody>,
    /// The ids of specific seats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(min_items = 1)]
    pub seats: Vec<String>,
    /// The best available seats, placed together if possible.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "object::option")]
    #[schema(nullable = false)]
    pub best_available: Option<BestAvailableBody>,
}

/// The whole content of a hold from now on. Places that the hold has and that are not named here are
/// given back.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "seats": ["s1a2b3c4d-7", "s1a2b3c4d-8"] }))]
pub struct HoldChangeBody {
    /// Places of general-admission products.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "object::list")]
    #[schema(min_items = 1)]
    pub lines: Vec<QuantityBody>,
    /// The ids of all seats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(min_items = 1)]
    pub seats: Vec<String>,
}

/// Places of a general-admission product.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QuantityBody {
    /// The ticket type.
    pub product_id: String,
    /// The number of places.
    #[schema(minimum = 1, maximum = 64, example = 2)]
    pub quantity: u32,
}

/// The best seats of a numbered product.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BestAvailableBody {
    /// The ticket type.
    pub product_id: String,
    /// The number of seats, side by side where possible.
    #[schema(minimum = 1, maximum = 64, example = 2)]
    pub quantity: u32,
    /// The name or the id of a section: only its seats are considered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
}

/// A hold.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HoldDto {
    /// The id by which to check out, extend or release the hold.
    pub id: HoldId,
    /// The event.
    pub event_id: OfferingId,
    /// The journal row of this answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub seq: Option<u64>,
    /// The places; empty once the hold has ended.
    pub lines: Vec<LineDto>,
    /// The sum of the lines.
    pub total_price: Money,
    /// `ACTIVE`, `OFFERED`, `CONVERTED`, `RELEASED` or `EXPIRED`.
    #[schema(value_type = crate::http::openapi::forms::HoldStatus)]
    pub status: &'static str,
    /// The reservation that the hold became.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reservation_id: Option<crate::ids::ReservationId>,
    /// The deadline of the hold, or the time at which it ended.
    pub expires_at: String,
    /// The server's time, as the reference for a countdown.
    pub server_time: String,
}

/// Hold places until a deadline.
#[utoipa::path(post, path = "/api/events/{event}/holds", tag = "holds",
    params(("event" = OfferingId, Path), ("Idempotency-Key" = Option<String>, Header),
        ("X-Pass-Token" = Option<String>, Header)),
    request_body = HoldBody,
    responses((status = 201, body = crate::http::envelope::Success<HoldDto>)))]
pub(crate) async fn place(
    state: web::Data<AppState>,
    caller: Caller,
    Path(event): Path<OfferingId>,
    (key, pass): (IdempotencyKey, PassToken),
    Body(body): Body<HoldBody>,
) -> Result<HttpResponse, ApiError> {
    let lines = requested(&state, event, &body).await?;
    let (hold, customer) = (HoldId::random(), caller.user);
    let command = Command::PlaceHold { hold, customer, lines };
    let command = with_pass(&state, event, customer, &pass, command);
    let idempotency = key.identity(customer, "hold", &(event, &body));
    let committed = match submit(&state, event, Request { command, idempotency }).await {
        Ok(committed) => committed,
        Err(error) => {
            return Err(Box::pin(with_nearest(&state, event, &body.seats, error)).await);
        }
    };
    let Some(Change::HoldPlaced { hold, lines, expires_at, .. }) =
        committed.transition.changes.first()
    else {
        return Err(ApiError::internal("a hold was answered by another change"));
    };
    let view = state.offices.view_covering(event, lines).await?;
    let labels = state.venues.labels(event).await;
    let (seq, now) = (Some(committed.seq.0), state.clock.now_ms());
    let dto = active((&view, &labels), *hold, seq, lines, *expires_at, now);
    let mut response = respond::created(&dto);
    locate(&mut response, &format!("/api/events/{event}/holds/{hold}"));
    mark_replayed(&mut response, committed.replayed);
    Ok(response)
}

/// List the caller's own holds that have not ended, newest first, 100 at most. Waitlist offers are
/// listed with the waitlist.
#[utoipa::path(get, path = "/api/events/{event}/holds", tag = "holds",
    params(("event" = OfferingId, Path)),
    responses((status = 200, body = crate::http::envelope::Page<HoldDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    caller: Caller,
    Path(event): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    let held = state.offices.holdings(event, caller.user, LISTED).await?.holds;
    let now = state.clock.now_ms();
    let labels = state.venues.labels(event).await;
    let mut holds = Vec::with_capacity(held.len());
    for hold in held.iter().filter(|hold| !hold.offered) {
        let view = state.offices.view_covering(event, &hold.lines).await?;
        holds.push(active((&view, &labels), hold.id, None, &hold.lines, hold.expires_at, now));
    }
    Ok(respond::page(&holds, None))
}

/// Read one of the caller's own holds; staff read those of their events.
#[utoipa::path(get, path = "/api/events/{event}/holds/{hold}", tag = "holds",
    params(("event" = OfferingId, Path), ("hold" = HoldId, Path)),
    responses((status = 200, body = crate::http::envelope::Success<HoldDto>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    caller: Caller,
    Path((event, id)): Path<(OfferingId, HoldId)>,
) -> Result<HttpResponse, ApiError> {
    let found = state.offices.hold(event, id).await?;
    let hold = found.filter(|hold| {
        hold.customer == caller.user || state.accounts.may(caller, Permission::ReadOrders, event)
    });
    let hold = hold.ok_or(crate::inventory::Rejection::HoldNotFound)?;
    let view = state.offices.view_covering(event, &hold.lines).await?;
    let labels = state.venues.labels(event).await;
    let now = state.clock.now_ms();
    let mut dto = active((&view, &labels), id, None, &hold.lines, hold.expires_at, now);
    (dto.status, dto.reservation_id) = match hold.status {
        HoldStatus::Active => ("ACTIVE", None),
        HoldStatus::Offered => ("OFFERED", None),
        HoldStatus::Converted { reservation } => ("CONVERTED", Some(reservation)),
        HoldStatus::Released => ("RELEASED", None),
        HoldStatus::Expired => ("EXPIRED", None),
    };
    Ok(respond::ok(&dto))
}

/// Change one of the caller's own holds: the body states all places that it has from now on.
///
/// Places that the hold has already stay in it at their price, new ones are taken at today's price,
/// the others are freed: all or nothing. The deadline does not move.
#[utoipa::path(patch, path = "/api/events/{event}/holds/{hold}", tag = "holds",
    params(("event" = OfferingId, Path), ("hold" = HoldId, Path),
        ("Idempotency-Key" = Option<String>, Header)),
    request_body = HoldChangeBody,
    responses((status = 200, body = crate::http::envelope::Success<HoldDto>)))]
pub(crate) async fn change(
    state: web::Data<AppState>,
    caller: Caller,
    Path((event, hold)): Path<(OfferingId, HoldId)>,
    key: IdempotencyKey,
    Body(body): Body<HoldChangeBody>,
) -> Result<HttpResponse, ApiError> {
    let (places, seats) = in_event(&state, event, content(event, &body)).await?;
    let customer = caller.user;
    let command = Command::ChangeHold { hold, customer, places, seats };
    let idempotency = key.identity(customer, "change hold", &(event, hold, &body));
    let committed = match submit(&state, event, Request { command, idempotency }).await {
        Ok(committed) => committed,
        Err(error) => {
            return Err(Box::pin(with_nearest(&state, event, &body.seats, error)).await);
        }
    };
    let Some(Change::HoldChanged { hold, lines, expires_at }) =
        committed.transition.changes.first()
    else {
        return Err(ApiError::internal("a change of a hold was answered by another change"));
    };
    let view = state.offices.view_covering(event, lines).await?;
    let labels = state.venues.labels(event).await;
    let now = state.clock.now_ms();
    let dto = active((&view, &labels), *hold, Some(committed.seq.0), lines, *expires_at, now);
    let mut response = respond::ok(&dto);
    mark_replayed(&mut response, committed.replayed);
    Ok(response)
}

/// Release a hold and its places; staff release those of their events.
#[utoipa::path(delete, path = "/api/events/{event}/holds/{hold}", tag = "holds",
    params(("event" = OfferingId, Path), ("hold" = HoldId, Path),
        ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = crate::http::envelope::Success<HoldDto>)))]
pub(crate) async fn release(
    state: web::Data<AppState>,
    caller: Caller,
    Path((event, hold)): Path<(OfferingId, HoldId)>,
    key: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let view = state.offices.view(event).await?;
    let idempotency = key.identity(caller.user, "release hold", &(event, hold));
    let committed = state.offerings.release_hold(caller, event, hold, idempotency).await?;
    let now = state.clock.now_ms();
    let (seq, labels) = (Some(committed.seq.0), EventSeats::default());
    let mut dto = active((&view, &labels), hold, seq, &[], committed.at, now);
    dto.status = "RELEASED";
    let mut response = respond::ok(&dto);
    mark_replayed(&mut response, committed.replayed);
    Ok(response)
}

/// Extend one of the caller's own holds to a full lifetime from now, within the event's maximum.
#[utoipa::path(post, path = "/api/events/{event}/holds/{hold}/extend", tag = "holds",
    params(("event" = OfferingId, Path), ("hold" = HoldId, Path),
        ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = crate::http::envelope::Success<HoldDto>)))]
pub(crate) async fn extend(
    state: web::Data<AppState>,
    caller: Caller,
    Path((event, hold)): Path<(OfferingId, HoldId)>,
    key: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let command = Command::ExtendHold { hold, customer: caller.user };
    let idempotency = key.identity(caller.user, "extend hold", &(event, hold));
    let committed = submit(&state, event, Request { command, idempotency }).await?;
    let Some(Change::HoldExtended { hold, lines, expires_at }) =
        committed.transition.changes.first()
    else {
        return Err(ApiError::internal("an extension was answered by another change"));
    };
    let view = state.offices.view_covering(event, lines).await?;
    let labels = state.venues.labels(event).await;
    let (seq, now) = (Some(committed.seq.0), state.clock.now_ms());
    let dto = active((&view, &labels), *hold, seq, lines, *expires_at, now);
    let mut response = respond::ok(&dto);
    mark_replayed(&mut response, committed.replayed);
    Ok(response)
}

/// The most holds or waitlist entries of one customer that are listed.
pub const LISTED: u16 = 100;
/// Renders a hold that is live.
pub fn active(
    (view, labels): (&View, &EventSeats),
    id: HoldId,
    seq: Option<u64>,
    lines: &[Line],
    expires_at: TimestampMs,
    now: TimestampMs,
) -> HoldDto {
    HoldDto {
        id,
        event_id: view.offering,
        seq,
        lines: dto::lines(lines, view, labels),
        total_price: dto::total(lines, view.currency),
        status: "ACTIVE",
        reservation_id: None,
        expires_at: rfc3339(expires_at),
        server_time: rfc3339(now),
    }
}

/// Reads the places that a body asks for.
///
/// # Errors
/// An id or a number in it is wrong, or there is no such event.
pub async fn requested(
    state: &AppState,
    event: OfferingId,
    body: &HoldBody,
) -> Result<Vec<LineRequest>, ApiError> {
    // Only the name of a section has to be resolved first.
    let best = body.best_available.as_ref();
    let section = match best.and_then(|best| Some((best, best.section.as_deref()?))) {
        Some((best, name)) => {
            let product = ProductId::from_public(event, &best.product_id).ok();
            Some(section_named(&*state.offices.view(event).await?, name, product)?)
        }
        None => None,
    };
    in_event(state, event, wishes(event, body, section)).await
}

fn wishes(
    event: OfferingId,
    body: &HoldBody,
    section: Option<SectionId>,
) -> Result<Vec<LineRequest>, ApiError> {
    let places = places(event, &body.lines)?;
    let mut wishes = Vec::with_capacity(places.len() + 2);
    let quantity = |(product, quantity)| LineRequest::Quantity { product, quantity };
    wishes.extend(places.into_iter().map(quantity));
    if !body.seats.is_empty() {
        wishes.push(LineRequest::Seats(dto::seat_ids(event, "seats", &body.seats)?));
    }
    if let Some(best) = &body.best_available {
        let product = dto::product_id(event, "bestAvailable.productId", &best.product_id)?;
        dto::at_least_one("bestAvailable.quantity", best.quantity)?;
        let quantity = best.quantity;
        wishes.push(LineRequest::BestAvailable { product, quantity, section });
    }
    if wishes.is_empty() {
        let message = "say what to hold: lines, seats or bestAvailable";
        return Err(ApiError::new(ErrorCode::Invalid, message));
    }
    Ok(wishes)
}

/// Numbers of places of products without numbered seats.
type Places = Vec<(ProductId, u32)>;

fn places(event: OfferingId, lines: &[QuantityBody]) -> Result<Places, ApiError> {
    let mut places = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        let field = |name: &str| format!("lines[{index}].{name}");
        let product = dto::product_id(event, &field("productId"), &line.product_id)?;
        dto::at_least_one(&field("quantity"), line.quantity)?;
        places.push((product, line.quantity));
    }
    Ok(places)
}

fn content(event: OfferingId, body: &HoldChangeBody) -> Result<(Places, Vec<SeatId>), ApiError> {
    let places = places(event, &body.lines)?;
    let seats = dto::seat_ids(event, "seats", &body.seats)?;
    if places.is_empty() && seats.is_empty() {
        let message = "say what the hold has from now on: lines or seats; to give everything back, release it";
        return Err(ApiError::new(ErrorCode::Invalid, message));
    }
    Ok((places, seats))
}

/// Returns the section with that name or id. Of several sections with the name, which have different
/// products, it is that of `product`, or the first.
///
/// # Errors
/// 422 if there is none.
pub fn section_named(
    view: &View,
    name: &str,
    product: Option<ProductId>,
) -> Result<SectionId, ApiError> {
    let sections = (0_u16..).map(SectionId).zip(&view.sections);
    let mut named = sections.filter(|(_, section)| section.name == name).peekable();
    let first = named.peek().map(|(id, _)| *id);
    let of_product =
        named.find(|(_, section)| product.is_none_or(|wanted| wanted == section.product));
    let by_id = || SectionId::from_public(view.offering, name).ok();
    let found = of_product.map(|(id, _)| id).or(first).or_else(by_id);
    let found = found.filter(|id| id.index() < view.sections.len());
    found.ok_or_else(|| crate::inventory::Rejection::UnknownSection.into())
}
