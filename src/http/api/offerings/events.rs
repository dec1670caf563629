//! Events: what is on sale. What is shown of them is in the store; what is sold is decided by
//! their box office, so a change of the sale is a command.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::http::api::offerings::create_event::{CancellationBody, NewEventBody};
use crate::http::dto::{self, Money, Time};
use crate::http::error::ApiError;
use crate::http::extract::{Admin, Body, IdempotencyKey, Path, Query, object};
use crate::http::pages::{PageQuery, next_cursor};
use crate::http::respond::{self, locate, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{OfferingId, Seq};
use crate::inventory::{
    CancellationPolicy, Command, OfferingChange, SaleState, SaleWindow, TimestampMs,
};
use crate::offerings::{EventEdit, EventKeys, EventSummary, SaleStatus};
use crate::store::EventRow;

/// An event with a large seat map is a large body.
const EVENT_LIMIT: usize = 8 * 1_024 * 1_024;

/// The routes of events.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/events").get(list).post(create));
}

/// The routes of one event.
pub fn of_event(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("").get(show).patch(change).put(replace).delete(cancel));
}

/// An event.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct EventDto {
    pub id: OfferingId,
    pub name: String,
    pub description: String,
    pub venue: String,
    pub event_date: String,
    /// When it is over, and with it the sale; null for events of before there was one.
    #[schema(required = true)]
    pub event_end_at: Option<String>,
    #[schema(required = true)]
    pub sale_start_at: Option<String>,
    #[schema(required = true)]
    pub sale_end_at: Option<String>,
    /// `SELLING` where something can be bought now; `SCHEDULED` before the sale, and while all that
    /// has places left goes on sale later; `SOLD_OUT` where what is on sale has none; `ENDED` after
    /// the last window; `PAUSED` and `CANCELLED` by an administrator.
    #[schema(value_type = crate::http::openapi::forms::EventStatus)]
    pub status: &'static str,
    pub currency: String,
    pub products: Vec<ProductDto>,
    pub cancellation: CancellationDto,
    /// All places of all products, those taken off sale included.
    pub capacity: i64,
    /// Places that are sold: of confirmed reservations, participations among them. Absent where
    /// `availableStock` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub participant_count: Option<u64>,
    pub created_at: String,
    /// When what is shown here, the window or the status's switch last changed by an administrator;
    /// products have their own.
    pub updated_at: String,
}

/// What a customer who cancels a paid reservation gets back.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CancellationDto {
    /// Whether customers may cancel what is paid at all.
    pub allowed: bool,
    /// The first moment at which it is too late: the start of the event at the latest.
    pub until: Option<String>,
    /// Of what was paid, rounded down to whole minor units.
    pub refund_percent: u8,
}

impl CancellationDto {
    fn of(row: &EventRow) -> Self {
        let starts_at = row.event_end.map(|_| row.details.event_date);
        match row.cancellation {
            CancellationPolicy::Never => Self { allowed: false, until: None, refund_percent: 0 },
            CancellationPolicy::Until { until, refund_percent } => {
                let until = until.into_iter().chain(starts_at).min();
                Self { allowed: true, until: dto::time(until), refund_percent }
            }
        }
    }
}

/// A ticket type.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct ProductDto {
    pub id: String,
    pub event_id: OfferingId,
    pub name: String,
    pub description: String,
    pub price: Money,
    pub total_stock: i64,
    /// Absent in lists, for an event that cannot be read at the moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub available_stock: Option<u32>,
    #[schema(required = true)]
    pub max_per_customer: Option<i64>,
    #[schema(required = true)]
    pub sale_start_at: Option<String>,
    #[schema(required = true)]
    pub sale_end_at: Option<String>,
    /// Since when no new holds of it are taken; what is held or sold stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub withdrawn_at: Option<String>,
    pub created_at: String,
    /// When an administrator last changed its price, size or window; sales do not count.
    pub updated_at: String,
}

/// All events, newest first.
#[utoipa::path(get, path = "/api/events", tag = "events", security(()),
    params(("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = crate::http::envelope::Page<EventDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = query.limit()?;
    let rows = state.store.event_list(query.after_id()?, limit).await?;
    let next = next_cursor(&rows, limit, |row| row.id.to_string());
    let ids: Vec<OfferingId> = rows.iter().map(|row| row.id).collect();
    let summaries = state.offerings.summaries(&ids).await?;
    let now = state.clock.now_ms();
    let event = |row: &EventRow| render(row, summaries.get(&row.id).map(|it| &**it), now);
    Ok(respond::page(&rows.iter().map(event).collect::<Vec<_>>(), next))
}

/// One event.
#[utoipa::path(get, path = "/api/events/{event}", tag = "events", security(()),
    params(("event" = OfferingId, Path)),
    responses((status = 200, body = crate::http::envelope::Success<EventDto>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    Path(event): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    Ok(respond::ok(&read(&state, event).await?))
}

/// Make an event (administrators). With `status` `SELLING`, the default, it is on sale as soon as
/// `saleStartAt` has passed.
#[utoipa::path(post, path = "/api/events", tag = "events",
    params(("Idempotency-Key" = Option<String>, Header)), request_body = NewEventBody,
    responses((status = 201, body = crate::http::envelope::Success<EventDto>)))]
pub(crate) async fn create(
    state: web::Data<AppState>,
    Admin(admin): Admin,
    key: IdempotencyKey,
    Body(body): Body<NewEventBody, EVENT_LIMIT>,
) -> Result<HttpResponse, ApiError> {
    let new = body.draft().check(admin.user)?;
    let key = key.row_key(admin.user, "create event", &body);
    let now = state.clock.now_ms();
    let (id, replayed) = state.offerings.create_event(&new, key.as_ref(), now).await?;
    let mut response = respond::created(&read(&state, id).await?);
    locate(&mut response, &format!("/api/events/{id}"));
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// What to change of an event; what is left out stays.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it")]
pub struct EventPatch {
    #[schema(max_length = 200)]
    pub name: Option<String>,
    #[schema(max_length = 10_000)]
    pub description: Option<String>,
    #[schema(max_length = 200)]
    pub venue: Option<String>,
    pub event_date: Option<Time>,
    /// The length stays when only `eventDate` is given.
    pub event_end_at: Option<Time>,
    /// `null` opens the window.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Time>)]
    pub sale_start_at: Option<Option<Time>>,
    /// `null` lets the sale end with the event.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Time>)]
    pub sale_end_at: Option<Option<Time>>,
    #[serde(default, deserialize_with = "object::option_word")]
    pub status: Option<StatusPatch>,
    /// For those who cancel from now on.
    #[serde(default, deserialize_with = "object::option")]
    pub cancellation: Option<CancellationBody>,
}

/// A turn of the sale's switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names say it")]
pub enum StatusPatch {
    Selling,
    Paused,
    Ended,
    Cancelled,
}

impl StatusPatch {
    fn state(self) -> SaleState {
        match self {
            Self::Selling => SaleState::Open,
            Self::Paused => SaleState::Paused,
            Self::Ended => SaleState::Closed,
            Self::Cancelled => SaleState::Cancelled,
        }
    }
}

/// Tells `null` from absent.
///
/// # Errors
/// Those of the deserializer.
pub(crate) fn present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<Time>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Change an event (administrators).
#[utoipa::path(patch, path = "/api/events/{event}", tag = "events",
    params(("event" = OfferingId, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body = EventPatch,
    responses((status = 200, body = crate::http::envelope::Success<EventDto>)))]
pub(crate) async fn change(
    state: web::Data<AppState>,
    Admin(admin): Admin,
    Path(event): Path<OfferingId>,
    key: IdempotencyKey,
    Body(patch): Body<EventPatch>,
) -> Result<HttpResponse, ApiError> {
    let keys = EventKeys {
        row: key.row_key(admin.user, "change event", &(event, &patch)),
        command: key.identity(admin.user, "change event", &(event, &patch)),
    };
    let now = state.clock.now_ms();
    let changed = state.offerings.change_event(event, admin.user, patch.edit(), keys, now).await?;
    let mut response = respond::ok(&read_after(&state, event, changed.seq).await?);
    mark_replayed(&mut response, changed.replayed);
    Ok(response)
}

impl EventPatch {
    fn edit(self) -> EventEdit {
        let millis = |at: Option<Time>| at.map(Time::millis);
        EventEdit {
            name: self.name,
            description: self.description,
            venue: self.venue,
            cancellation: self.cancellation.as_ref().map(CancellationBody::draft),
            sale: OfferingChange {
                sale_start: self.sale_start_at.map(millis),
                sale_end: self.sale_end_at.map(millis),
                state: self.status.map(StatusPatch::state),
                starts_at: millis(self.event_date),
                ends_at: millis(self.event_end_at),
                cancellation: None,
            },
        }
    }
}

/// The same as `PATCH`: what is left out stays (administrators).
#[utoipa::path(put, path = "/api/events/{event}", tag = "events",
    params(("event" = OfferingId, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body = EventPatch,
    responses((status = 200, body = crate::http::envelope::Success<EventDto>)))]
pub(crate) async fn replace(
    state: web::Data<AppState>,
    admin: Admin,
    event: Path<OfferingId>,
    key: IdempotencyKey,
    patch: Body<EventPatch>,
) -> Result<HttpResponse, ApiError> {
    change(state, admin, event, key, patch).await
}

/// Cancel an event (administrators): holds end, reservations are cancelled, what was paid goes
/// back. The event stays to be looked at.
#[utoipa::path(delete, path = "/api/events/{event}", tag = "events",
    params(("event" = OfferingId, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = crate::http::envelope::Success<EventDto>)))]
pub(crate) async fn cancel(
    state: web::Data<AppState>,
    Admin(admin): Admin,
    Path(event): Path<OfferingId>,
    key: IdempotencyKey,
) -> Result<HttpResponse, ApiError> {
    let idempotency = key.identity(admin.user, "cancel event", &event);
    let command = Command::CancelOffering;
    let committed =
        state.offerings.submit_by_admin(event, admin.user, command, idempotency).await?;
    let mut response = respond::ok(&read_after(&state, event, committed.seq).await?);
    mark_replayed(&mut response, committed.replayed);
    Ok(response)
}

/// Reads an event with what is left of it.
///
/// # Errors
/// 404 when there is none.
pub async fn read(state: &AppState, event: OfferingId) -> Result<EventDto, ApiError> {
    read_after(state, event, Seq(0)).await
}

/// Reads an event as it is after a row of its journal: an answer shows what its own command did.
///
/// # Errors
/// As for [`read`].
pub async fn read_after(
    state: &AppState,
    event: OfferingId,
    row: Seq,
) -> Result<EventDto, ApiError> {
    let (stored, view) = state.offerings.event_after(event, row).await?;
    Ok(render(&stored, Some(&EventSummary::of(&view)), state.clock.now_ms()))
}

fn render(row: &EventRow, summary: Option<&EventSummary>, now: TimestampMs) -> EventDto {
    let status = match summary {
        Some(summary) => summary.status(now),
        // It cannot be read at the moment: places are believed to be there.
        None => {
            // Without an end of its own the sale ends with the event.
            let sale = SaleWindow { end: row.sale.end.or(row.event_end), ..row.sale };
            let products = row.products.iter().map(|product| (product.on_sale(), true));
            SaleStatus::by(row.sale_state, sale, products, now)
        }
    };
    let products = row.products.iter().map(|product| {
        let live = summary.and_then(|summary| summary.products.get(product.id.index()));
        ProductDto {
            id: product.id.to_public(row.id),
            event_id: row.id,
            name: product.name.clone(),
            description: product.description.clone(),
            price: Money {
                amount: live.map_or(product.price, |live| live.price),
                currency: row.currency.clone(),
            },
            total_stock: live.map_or(product.total_stock, |live| i64::from(live.counts.total)),
            available_stock: live.map(|live| live.counts.available),
            max_per_customer: product.max_per_customer,
            sale_start_at: dto::time(product.sale.start),
            sale_end_at: dto::time(product.sale.end),
            withdrawn_at: dto::time(product.withdrawn_at),
            created_at: rfc3339(product.created_at),
            updated_at: rfc3339(product.updated_at),
        }
    });
    let products: Vec<_> = products.collect();
    let sold = |summary: &EventSummary| {
        summary.products.iter().map(|product| u64::from(product.counts.sold)).sum()
    };
    EventDto {
        id: row.id,
        name: row.details.name.clone(),
        description: row.details.description.clone(),
        venue: row.details.venue.clone(),
        event_date: rfc3339(row.details.event_date),
        event_end_at: dto::time(row.event_end),
        sale_start_at: dto::time(row.sale.start),
        sale_end_at: dto::time(row.sale.end),
        status: status.name,
        currency: row.currency.clone(),
        cancellation: CancellationDto::of(row),
        capacity: products.iter().map(|product| product.total_stock).sum(),
        participant_count: summary.map(sold),
        products,
        created_at: rfc3339(row.created_at),
        updated_at: rfc3339(row.updated_at),
    }
}
