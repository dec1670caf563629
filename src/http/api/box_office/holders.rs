//! Customers with reservations, holds and waitlist entries, for administrators: with names and
//! addresses, and searchable by them.

use std::collections::HashMap;

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::box_office::Unavailable;
use crate::http::api::box_office::holds::{HoldDto, active};
use crate::http::api::box_office::reservations::{ReservationDto, listed};
use crate::http::envelope::Page;
use crate::http::error::ApiError;
use crate::http::extract::{Path, Query, Staff, Within};
use crate::http::pages::PageQuery;
use crate::http::respond::{self, rfc3339};
use crate::http::state::AppState;
use crate::ids::{HoldId, OfferingId, UserId};
use crate::inventory::{Holdings, LiveEntry, LiveHold};
use crate::store::{Person, ReservationFilter, ReservationState};
use crate::text;

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/reservations").get(reservations))
        .service(web::resource("/api/admin/offerings/{event}/holds").get(holds))
        .service(web::resource("/api/admin/offerings/{event}/waitlist").get(waitlist));
}

/// A customer; the name and the e-mail address exist only while the account does.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HolderDto {
    /// The id of the account.
    id: UserId,
    /// The name; null if the account is closed.
    #[schema(required)]
    name: Option<String>,
    /// The e-mail address; null if the account is closed.
    #[schema(required)]
    email: Option<String>,
}

/// A reservation and its customer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HeldReservationDto {
    /// The customer.
    user: HolderDto,
    #[serde(flatten)]
    reservation: ReservationDto,
}

/// A hold or an offer, and its customer.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeldHoldDto {
    /// The customer.
    user: HolderDto,
    /// Time at which the hold was placed or the offer made, or at which the offer was accepted.
    placed_at: String,
    #[serde(flatten)]
    hold: HoldDto,
}

/// A waitlist entry and its customer.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaitingDto {
    /// The customer.
    user: HolderDto,
    /// The id of the entry, and of the hold that an accepted offer becomes.
    id: HoldId,
    /// The event.
    event_id: OfferingId,
    /// The ticket type.
    product_id: String,
    /// The number of places.
    party_size: u32,
    /// The position in the queue for the same product, counted from 1.
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

impl ReservationsQuery {
    fn page(&self) -> PageQuery {
        PageQuery { limit: self.limit, cursor: self.cursor.clone() }
    }
}

impl HoldersQuery {
    fn page(&self) -> PageQuery {
        PageQuery { limit: self.limit, cursor: self.cursor.clone() }
    }
}

/// The longest search text, in characters.
const LONGEST: usize = 100;
/// The most holds or waitlist entries of one customer that are shown.
const OF_ONE: u16 = 100;
/// Number of holds or waitlist entries that a search reads at a time.
const LOOKED_AT: u16 = 500;
/// Number of read holds or entries after which a search ends its page, even with few matches.
const MOST_LOOKED_AT: usize = 10_000;

/// List the reservations of all customers, newest first.
///
/// `q` is a part of a name or of an e-mail address.
#[utoipa::path(get, path = "/api/admin/reservations", tag = "admin",
    params(("eventId" = Option<OfferingId>, Query), ("userId" = Option<UserId>, Query),
        ("q" = Option<String>, Query), ("status" = Option<crate::http::openapi::forms::ReservationStatus>, Query),
        ("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<HeldReservationDto>)))]
pub(crate) async fn reservations(
    state: web::Data<AppState>,
    Within(scope): Within,
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
        after: query.page().after()?,
        offerings: scope.offerings(),
        among: None,
    };
    let (rows, next) = listed(&state, filter, query.page().limit()?).await?;
    let people = state.store.people(rows.iter().map(|(user, _)| *user)).await?;
    let rows = rows
        .into_iter()
        .map(|(user, reservation)| HeldReservationDto { user: holder(&people, user), reservation });
    Ok(respond::page(&rows.collect::<Vec<_>>(), next))
}

/// List the holds of an event and its waitlist offers, in the order in which they were placed.
///
/// `q` is a part of a name or of an e-mail address. Pages of a search may have fewer than `limit`
/// items; the last page is the one without `nextCursor`. With `userId` there is one page, of 100
/// items at most.
#[utoipa::path(get, path = "/api/admin/offerings/{event}/holds", tag = "admin",
    params(("event" = OfferingId, Path), ("userId" = Option<UserId>, Query),
        ("q" = Option<String>, Query), ("limit" = Option<u64>, Query),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<HeldHoldDto>)))]
pub(crate) async fn holds(
    state: web::Data<AppState>,
    _: Staff,
    Path(event): Path<OfferingId>,
    Query(query): Query<HoldersQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = page_limit(&query.page())?;
    let after = query.page().after()?;
    let (holds, next) = match holdings_of_one(&state, event, &query).await? {
        Some(found) => {
            let mut holds = found.holds;
            holds.sort_unstable_by_key(|hold| (hold.placed_at, hold.id));
            (holds, None)
        }
        None => {
            let text = searched(query.q.as_deref())?;
            let read = async |after, limit| state.offices.live_holds(event, after, limit).await;
            let of = |hold: &LiveHold| ((hold.placed_at, hold.id), hold.customer);
            found(&state, (text, limit, after), read, of).await?
        }
    };
    let next = next.map(|(placed_at, id)| format!("{placed_at}_{id}"));
    let people = state.store.people(holds.iter().map(|hold| hold.customer)).await?;
    let mut rendered = Vec::with_capacity(holds.len());
    for hold in &holds {
        rendered.push(held(&state, event, &people, hold).await?);
    }
    Ok(respond::page(&rendered, next))
}

/// List the waitlist entries of an event in the order in which they were made.
///
/// Customers with an offer are listed with the holds. `q` and `userId` work as they do there.
#[utoipa::path(get, path = "/api/admin/offerings/{event}/waitlist", tag = "admin",
    params(("event" = OfferingId, Path), ("userId" = Option<UserId>, Query),
        ("q" = Option<String>, Query), ("limit" = Option<u64>, Query),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<WaitingDto>)))]
pub(crate) async fn waitlist(
    state: web::Data<AppState>,
    _: Staff,
    Path(event): Path<OfferingId>,
    Query(query): Query<HoldersQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = page_limit(&query.page())?;
    let after = query.page().after::<HoldId>()?;
    let after = after.map(|(arrival, id)| (arrival.unsigned_abs(), id));
    let (entries, next) = match holdings_of_one(&state, event, &query).await? {
        Some(found) => {
            let mut entries = found.entries;
            entries.sort_unstable_by_key(|entry| entry.arrival);
            (entries, None)
        }
        None => {
            let text = searched(query.q.as_deref())?;
            let read = async |after, limit| state.offices.waiting(event, after, limit).await;
            let of = |entry: &LiveEntry| ((entry.arrival, entry.id), entry.customer);
            found(&state, (text, limit, after), read, of).await?
        }
    };
    let next = next.map(|(arrival, id)| format!("{arrival}_{id}"));
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

/// Returns the holdings of the customer named by `userId`; `None` if the query is about all
/// customers.
async fn holdings_of_one(
    state: &AppState,
    event: OfferingId,
    query: &HoldersQuery,
) -> Result<Option<Holdings>, ApiError> {
    let Some(user) = query.user_id else { return Ok(None) };
    for (field, is_there) in [("q", query.q.is_some()), ("cursor", query.cursor.is_some())] {
        if is_there {
            return Err(ApiError::invalid(field, "cannot be combined with userId"));
        }
    }
    Ok(Some(state.offices.holdings(event, user, OF_ONE).await?))
}

/// Returns a page of a list, limited to customers with `text` in their name or address, and the
/// place where the next page begins. `of` returns an item's place in the list and its customer.
async fn found<T, K: Copy>(
    state: &AppState,
    (text, limit, mut after): (Option<String>, u16, Option<K>),
    read: impl AsyncFn(Option<K>, u16) -> Result<Vec<T>, Unavailable>,
    of: impl Fn(&T) -> (K, UserId),
) -> Result<(Vec<T>, Option<K>), ApiError> {
    let (at_once, mut looked_at) = (if text.is_some() { LOOKED_AT } else { limit }, 0);
    let mut found = Vec::new();
    loop {
        let read = read(after, at_once).await?;
        let is_last = read.len() < usize::from(at_once);
        looked_at += read.len();
        let who = match &text {
            Some(text) => {
                Some(state.store.people_like(read.iter().map(|one| of(one).1), text).await?)
            }
            None => None,
        };
        for one in read {
            let (place, customer) = of(&one);
            after = Some(place);
            if who.as_ref().is_none_or(|who| who.contains(&customer)) {
                found.push(one);
                if found.len() == usize::from(limit) {
                    return Ok((found, after));
                }
            }
        }
        if is_last {
            return Ok((found, None));
        }
        if looked_at >= MOST_LOOKED_AT {
            return Ok((found, after));
        }
    }
}

fn searched(text: Option<&str>) -> Result<Option<String>, ApiError> {
    Ok(text.map(|text| text::line("q", text, LONGEST)).transpose()?)
}

fn page_limit(page: &PageQuery) -> Result<u16, ApiError> {
    let limit = page.limit()?;
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
    let labels = state.venues.labels(event).await;
    let mut shown = active((&view, &labels), hold.id, None, &hold.lines, hold.expires_at, now);
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
        name: known.and_then(|person| person.name.clone()),
        email: known.and_then(|person| person.address().map(str::to_owned)),
    }
}
