//! `/api/concerts`: events as fans look for them, and what organisers say of them beside the sale.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::community::catalogue::{
    CatalogueError, ConcertCategory, ConcertDraft, ConcertSearch, ConcertSort, ShownConcert, Stage,
    TicketLink,
};
use crate::http::dto::{self, Money, Time};
use crate::http::envelope::{Done, Page, Success};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Body, IdempotencyKey, Path, Query, Staff, object};
use crate::http::pages::PageQuery;
use crate::http::respond::{self, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{ArtistId, ImageId, OfferingId, SeriesId};

/// The most characters of a text to look for.
const MAX_TEXT: usize = 100;

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/concerts").get(list));
}

/// Adds the route of one event.
pub fn of_event(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/concert").get(show).put(put).delete(take_back));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    ("put", "/api/events/{event}/concert", &[ErrorCode::Forbidden]),
    ("delete", "/api/events/{event}/concert", &[ErrorCode::Forbidden]),
];

/// An artist, as a concert names it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ConcertArtistDto {
    pub id: ArtistId,
    pub name: String,
}

/// A place outside of this shop that sells tickets too.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TicketLinkBody {
    /// One line.
    #[schema(example = "Box office of the hall", max_length = 50)]
    name: String,
    /// An address that begins with `https://`.
    #[schema(example = "https://tickets.example.com/1", max_length = 2048, pattern = "^https://")]
    url: String,
}

/// A price at which places are sold.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PriceTierDto {
    /// The name of the ticket type.
    pub name: String,
    /// The price when the list was made; that of a sale under way may have changed since.
    pub price: Money,
}

/// An event as fans look for it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct ConcertDto {
    pub event_id: OfferingId,
    pub name: String,
    pub description: String,
    pub venue: String,
    /// The IANA time zone of the place.
    pub time_zone: String,
    pub event_date: String,
    #[schema(required = true)]
    pub event_end_at: Option<String>,
    /// By the times above; how the sale stands is `status` of the event.
    pub stage: Stage,
    /// Null where the organiser has said nothing more of the event.
    #[schema(required = true)]
    pub category: Option<ConcertCategory>,
    pub artists: Vec<ConcertArtistDto>,
    #[schema(required = true)]
    pub series_id: Option<SeriesId>,
    /// A picture, 800 pixels wide at most.
    #[schema(required = true)]
    pub poster_url: Option<String>,
    /// Pictures, 1,600 pixels wide at most.
    pub image_urls: Vec<String>,
    pub ticket_links: Vec<TicketLinkBody>,
    /// When tickets are sold from: what the organiser says, else the start of the sale.
    #[schema(required = true, format = DateTime)]
    pub ticket_open_date: Option<String>,
    pub price_tiers: Vec<PriceTierDto>,
    #[schema(minimum = 0)]
    pub likes_count: i64,
}

/// What fans are to see of an event beside its sale. It replaces what was said before.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConcertBody {
    #[serde(deserialize_with = "object::word")]
    category: ConcertCategory,
    /// In the order in which they are named.
    #[serde(default)]
    #[schema(max_items = 20)]
    artist_ids: Vec<ArtistId>,
    /// Null, or left out, for an event of its own.
    series_id: Option<SeriesId>,
    /// A picture that was uploaded; null, or left out, for none.
    poster_id: Option<ImageId>,
    /// Pictures that were uploaded.
    #[serde(default)]
    #[schema(max_items = 10)]
    image_ids: Vec<ImageId>,
    /// Other places that sell tickets.
    #[serde(default)]
    #[schema(max_items = 10)]
    ticket_links: Vec<TicketLinkBody>,
    /// Null, or left out, for the start of the sale.
    ticket_open_date: Option<Time>,
}

/// The order of a list of concerts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConcertOrder {
    /// Those that begin first are first.
    #[default]
    Date,
    /// Those that were made last are first.
    Recent,
    /// Those that most people like are first.
    Popular,
}

/// The query of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConcertsQuery {
    artist: Option<ArtistId>,
    #[serde(default, deserialize_with = "object::option_word")]
    category: Option<ConcertCategory>,
    series: Option<SeriesId>,
    place: Option<String>,
    from: Option<Time>,
    until: Option<Time>,
    #[serde(default, deserialize_with = "object::option_word")]
    stage: Option<Stage>,
    #[serde(default, deserialize_with = "object::option_word")]
    sort: Option<ConcertOrder>,
    limit: Option<u64>,
    cursor: Option<String>,
}

/// List events as fans look for them.
///
/// With `sort=popular` an event whose likes change while one turns pages may be missed, or come twice.
#[utoipa::path(get, path = "/api/concerts", tag = "concerts", operation_id = "listConcerts",
    security(()),
    params(
        ("artist" = Option<ArtistId>, Query), ("category" = Option<ConcertCategory>, Query),
        ("series" = Option<SeriesId>, Query),
        ("place" = Option<String>, Query, description = "Text that the place contains"),
        ("from" = Option<Time>, Query, description = "The first moment at which they may begin"),
        ("until" = Option<Time>, Query, description = "The first moment at which they may no longer begin"),
        ("stage" = Option<Stage>, Query),
        ("sort" = Option<ConcertOrder>, Query, description = "`date` if left out"),
        ("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<ConcertDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    Query(query): Query<ConcertsQuery>,
) -> Result<HttpResponse, ApiError> {
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let place = query.place.unwrap_or_default();
    if place.chars().count() > MAX_TEXT {
        return Err(ApiError::invalid("place", "must have at most 100 characters"));
    }
    let search = ConcertSearch {
        artist: query.artist,
        category: query.category,
        series: query.series,
        place: place.trim().to_owned(),
        from: query.from.map(Time::millis),
        until: query.until.map(Time::millis),
        stage: query.stage,
        sort: match query.sort.unwrap_or_default() {
            ConcertOrder::Date => ConcertSort::Date,
            ConcertOrder::Recent => ConcertSort::Recent,
            ConcertOrder::Popular => ConcertSort::Popular,
        },
        after: page.after()?,
    };
    let (limit, now) = (page.limit()?, state.clock.now_ms());
    let (found, next) = state.catalogue.search(&search, limit, now).await?;
    let zone = &state.config.time_zone;
    let found: Vec<_> = found.into_iter().map(|concert| render(concert, zone)).collect();
    Ok(respond::page(&found, next))
}

/// Read an event as fans see it.
#[utoipa::path(get, path = "/api/events/{event}/concert", tag = "concerts",
    operation_id = "getConcert", security(()), params(("event" = OfferingId, Path)),
    responses((status = 200, body = Success<ConcertDto>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    Path(event): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    Ok(respond::ok(&read(&state, event).await?))
}

async fn read(state: &AppState, event: OfferingId) -> Result<ConcertDto, CatalogueError> {
    let shown = state.catalogue.concert(event, state.clock.now_ms()).await?;
    Ok(render(shown, &state.config.time_zone))
}

/// Say of an event what fans see of it beside the sale (its organisers).
///
/// It replaces what was said before; the event and its sale stay as they are.
#[utoipa::path(put, path = "/api/events/{event}/concert", tag = "concerts",
    operation_id = "putConcert", params(("event" = OfferingId, Path)),
    request_body = ConcertBody, responses((status = 200, body = Success<ConcertDto>)))]
pub(crate) async fn put(
    state: web::Data<AppState>,
    Staff(staff): Staff,
    Path(event): Path<OfferingId>,
    key: IdempotencyKey,
    Body(body): Body<ConcertBody>,
) -> Result<HttpResponse, ApiError> {
    let key = key.row_key(staff.user, "put concert", &(event, &body));
    let links = body.ticket_links.into_iter();
    let draft = ConcertDraft {
        category: body.category,
        artists: body.artist_ids,
        series: body.series_id,
        poster: body.poster_id,
        images: body.image_ids,
        ticket_links: links.map(|link| TicketLink { name: link.name, url: link.url }).collect(),
        ticket_open: body.ticket_open_date.map(Time::millis),
    };
    let now = state.clock.now_ms();
    let replayed = state.catalogue.put(event, draft, key.as_ref(), now).await?;
    let mut response = respond::ok(&read(&state, event).await?);
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Take back what was said of an event beside its sale (its organisers). It may be taken back already.
#[utoipa::path(delete, path = "/api/events/{event}/concert", tag = "concerts",
    operation_id = "deleteConcert", params(("event" = OfferingId, Path)),
    responses((status = 200, body = Done)))]
pub(crate) async fn take_back(
    state: web::Data<AppState>,
    _: Staff,
    Path(event): Path<OfferingId>,
    _: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    state.catalogue.take_back(event).await?;
    Ok(respond::done("nothing more is said of the event"))
}

/// Renders an event; `zone` is the time zone of events that have none of their own.
pub(crate) fn render(shown: ShownConcert, zone: &str) -> ConcertDto {
    let ticket_open = shown.ticket_open();
    let ShownConcert { event, stage, concert, artists, likes } = shown;
    let tiers = event.products.iter().map(|product| PriceTierDto {
        name: product.name.clone(),
        price: Money { amount: product.price, currency: event.currency.clone() },
    });
    let artist = |(id, name)| ConcertArtistDto { id, name };
    let links = concert.iter().flat_map(|concert| &concert.ticket_links);
    let link =
        |link: &TicketLink| TicketLinkBody { name: link.name.clone(), url: link.url.clone() };
    let poster = concert.as_ref().and_then(|concert| concert.poster);
    let images = concert.iter().flat_map(|concert| &concert.images);
    ConcertDto {
        event_id: event.id,
        price_tiers: tiers.collect(),
        time_zone: event.time_zone.clone().unwrap_or_else(|| zone.to_owned()),
        event_date: rfc3339(event.details.event_date),
        event_end_at: dto::time(event.event_end),
        stage,
        category: concert.as_ref().map(|concert| concert.category),
        artists: artists.into_iter().map(artist).collect(),
        series_id: concert.as_ref().and_then(|concert| concert.series),
        poster_url: poster.map(|id| format!("/images/{id}/800")),
        image_urls: images.map(|id| format!("/images/{id}/1600")).collect(),
        ticket_links: links.map(link).collect(),
        ticket_open_date: dto::time(ticket_open),
        likes_count: likes,
        name: event.details.name,
        description: event.details.description,
        venue: event.details.venue,
    }
}
