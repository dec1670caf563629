//! Who bought, holds and waits, for administrators: with names and addresses, searched by them.

use std::collections::HashMap;

use actix_web::{HttpResponse, web};
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::dto;
use crate::http::error::ApiError;
use crate::http::extract::{Admin, Path, Query};
use crate::http::holds::{HoldDto, active};
use crate::http::openapi::Page;
use crate::http::reservations::{ReservationDto, listed};
use crate::http::respond::{self, rfc3339};
use crate::http::state::AppState;
use crate::ids::{HoldId, OfferingId, UserId};
use crate::inventory::{Holdings, LiveEntry, LiveHold};
use crate::store::{Person, ReservationFilter, ReservationState};

/// The routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/reservations").get(reservations))
        .service(web::resource("/api/admin/offerings/{event}/holds").get(holds))
        .service(web::resource("/api/admin/offerings/{event}/waitlist").get(waitlist));
}

/// Somebody, as far as their account is still there.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HolderDto {
    /// The account.
    id: UserId,
    /// Null when the account is closed.
    #[schema(required)]
    name: Option<String>,
    /// Null when the account is closed.
    #[schema(required)]
    email: Option<String>,
}

/// A reservation, and whose it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HeldReservationDto {
    /// Whose it is.
    user: HolderDto,
    #[serde(flatten)]
    reservation: ReservationDto,
}

/// A hold or an offer, and whose it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeldHoldDto {
    /// Whose it is.
    user: HolderDto,
    /// When it was placed or offered, or when the offer was accepted.
    placed_at: String,
    #[serde(flatten)]
    hold: HoldDto,
}

/// Somebody who waits.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaitingDto {
    /// Who it is.
    user: HolderDto,
    /// The entry; also of the hold that an accepted offer becomes.
    id: HoldId,
    /// The event.
    event_id: OfferingId,
    /// The ticket type.
    product_id: String,
    /// How many places.
    party_size: u32,
    /// From 1, among those who wait for the same product.
    position: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ReservationsQuery {
    event_id: Option<OfferingId>,
    user_id: Option<UserId>,
    q: Option<String>,
    status: Option<String>,
    limit: Option<u64>,
    cursor: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct HoldersQuery {
    user_id: Option<UserId>,
    q: Option<String>,
    limit: Option<u64>,
    cursor: Option<String>,
}

/// The longest text to search for.
const LONGEST: usize = 100;
/// The most people whose holds or entries a search shows.
const MOST_FOUND: u64 = 100;
/// The most holds, or entries, of one of them that are shown.
const OF_EACH: u16 = 100;

/// Everybody's reservations, newest first (administrators). `q` is a part of a name or of an e-mail
/// address.
#[utoipa::path(get, path = "/api/admin/reservations", tag = "admin",
    params(("eventId" = Option<OfferingId>, Query), ("userId" = Option<UserId>, Query),
        ("q" = Option<String>, Query), ("status" = Option<crate::http::openapi::forms::ReservationStatus>, Query),
        ("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<HeldReservationDto>)))]
pub(crate) async fn reservations(
    state: web::Data<AppState>,
    _: Admin,
    Query(query): Query<ReservationsQuery>,
) -> Result<HttpResponse, ApiError> {
    let unknown = || {
        let words = "must be PAYMENT_PENDING, CONFIRMED, CANCELLED or EXPIRED";
        ApiError::invalid("status", words)
    };
    let status = query.status.as_deref();
    let status =
        status.map(|status| ReservationState::parse(status).ok_or_else(unknown)).transpose()?;
    let filter = ReservationFilter {
        user: query.user_id,
        offering: query.event_id,
        state: status,
        who: searched(query.q.as_deref())?,
        after: dto::cursor(query.cursor.as_deref())?,
    };
    let (rows, next) = listed(&state, filter, dto::limit(query.limit)?).await?;
    let people = state.store.people(rows.iter().map(|(user, _)| *user)).await?;
    let rows = rows
        .into_iter()
        .map(|(user, reservation)| HeldReservationDto { user: holder(&people, user), reservation });
    Ok(respond::page(&rows.collect::<Vec<_>>(), next))
}

/// Who holds places of an event, or has an offer of the waitlist: in the order in which they were
/// placed (administrators). `q` is a part of a name or of an e-mail address: with it, or with
/// `userId`, there is one page, of the first 100 people found.
#[utoipa::path(get, path = "/api/admin/offerings/{event}/holds", tag = "admin",
    params(("event" = OfferingId, Path), ("userId" = Option<UserId>, Query),
        ("q" = Option<String>, Query), ("limit" = Option<u64>, Query),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<HeldHoldDto>)))]
pub(crate) async fn holds(
    state: web::Data<AppState>,
    _: Admin,
    Path(event): Path<OfferingId>,
    Query(query): Query<HoldersQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = page_limit(query.limit)?;
    let after = dto::cursor(query.cursor.as_deref())?;
    let (holds, next) = match holdings_found(&state, event, &query).await? {
        Some(found) => {
            let mut holds: Vec<_> = found.into_iter().flat_map(|found| found.holds).collect();
            holds.sort_unstable_by_key(|hold| (hold.placed_at, hold.id));
            (holds, None)
        }
        None => {
            let holds = state.offices.live_holds(event, after, limit).await?;
            let full = holds.len() == usize::from(limit);
            let next = holds.last().filter(|_| full);
            let next = next.map(|hold| format!("{}_{}", hold.placed_at, hold.id));
            (holds, next)
        }
    };
    let people = state.store.people(holds.iter().map(|hold| hold.customer)).await?;
    let mut rendered = Vec::with_capacity(holds.len());
    for hold in &holds {
        rendered.push(held(&state, event, &people, hold).await?);
    }
    Ok(respond::page(&rendered, next))
}

/// Who waits for places of an event, in the order in which they came (administrators); who has an
/// offer is listed with the holds. `q` and `userId` as for these.
#[utoipa::path(get, path = "/api/admin/offerings/{event}/waitlist", tag = "admin",
    params(("event" = OfferingId, Path), ("userId" = Option<UserId>, Query),
        ("q" = Option<String>, Query), ("limit" = Option<u64>, Query),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<WaitingDto>)))]
pub(crate) async fn waitlist(
    state: web::Data<AppState>,
    _: Admin,
    Path(event): Path<OfferingId>,
    Query(query): Query<HoldersQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = page_limit(query.limit)?;
    let after = dto::cursor::<HoldId>(query.cursor.as_deref())?;
    let after = after.map(|(arrival, id)| (arrival.unsigned_abs(), id));
    let (entries, next) = match holdings_found(&state, event, &query).await? {
        Some(found) => {
            let mut entries: Vec<_> = found.into_iter().flat_map(|found| found.entries).collect();
            entries.sort_unstable_by_key(|entry| entry.arrival);
            (entries, None)
        }
        None => {
            let entries = state.offices.waiting(event, after, limit).await?;
            let full = entries.len() == usize::from(limit);
            let next = entries.last().filter(|_| full);
            let next = next.map(|entry| format!("{}_{}", entry.arrival, entry.id));
            (entries, next)
        }
    };
    let people = state.store.people(entries.iter().map(|entry| entry.customer)).await?;
    let waiting = |entry: &LiveEntry| WaitingDto {
        user: holder(&people, entry.customer),
        id: entry.id,
        event_id: event,
        product_id: entry.product.to_public(event),
        party_size: entry.party_size,
        position: entry.position,
    };
    Ok(respond::page(&entries.iter().map(waiting).collect::<Vec<_>>(), next))
}

/// What those have who are searched for; `None` where nobody is.
async fn holdings_found(
    state: &AppState,
    event: OfferingId,
    query: &HoldersQuery,
) -> Result<Option<Vec<Holdings>>, ApiError> {
    let who = match (query.user_id, searched(query.q.as_deref())?) {
        (None, None) => return Ok(None),
        (Some(user), None) => vec![user],
        (None, Some(text)) => state.store.people_like(&text, MOST_FOUND).await?,
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid("q", "cannot be combined with userId"));
        }
    };
    if query.cursor.is_some() {
        return Err(ApiError::invalid("cursor", "cannot be combined with q or userId"));
    }
    let asked = who.into_iter().map(|user| state.offices.holdings(event, user, OF_EACH));
    Ok(Some(try_join_all(asked).await?))
}

fn searched(text: Option<&str>) -> Result<Option<String>, ApiError> {
    text.map(|text| dto::text("q", text, LONGEST)).transpose()
}

fn page_limit(asked: Option<u64>) -> Result<u16, ApiError> {
    let limit = dto::limit(asked)?;
    u16::try_from(limit).map_err(ApiError::internal)
}

async fn held(
    state: &AppState,
    event: OfferingId,
    people: &HashMap<UserId, Person>,
    hold: &LiveHold,
) -> Result<HeldHoldDto, ApiError> {
    let view = state.offices.view_covering(event, &hold.lines).await?;
    let now = state.clock.now_ms();
    let mut shown = active(&view, hold.id, None, &hold.lines, hold.expires_at, now);
    if hold.expires_at <= now {
        shown.status = "EXPIRED";
    } else if hold.offered {
        shown.status = "OFFERED";
    }
    let user = holder(people, hold.customer);
    Ok(HeldHoldDto { user, placed_at: rfc3339(hold.placed_at), hold: shown })
}

fn holder(people: &HashMap<UserId, Person>, id: UserId) -> HolderDto {
    let known = people.get(&id);
    HolderDto {
        id,
        name: known.map(|person| person.name.clone()),
        email: known.map(|person| person.email.clone()),
    }
}
