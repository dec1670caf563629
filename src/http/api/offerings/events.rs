//! Events and their sales. The displayed details are in the store; the box office decides sales, so
//! a change of the sale is a command.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::http::api::offerings::create_event::{
    CancellationBody, NewEventBody, OnPaymentFailureDto,
};
use crate::http::dto::{self, Money, Time};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Body, IdempotencyKey, Path, Query, Staff, object};
use crate::http::pages::{PageQuery, next_cursor};
use crate::http::respond::{self, locate, mark_replayed, rfc3339};
use crate::http::state::AppState;
use crate::ids::{OfferingId, Seq};
use crate::inventory::{
    CancellationPolicy, Command, OfferingChange, SaleState, SaleWindow, TimestampMs,
};
use crate::offerings::{EventEdit, EventKeys, EventSummary, SaleStatus};
use crate::store::EventRow;

/// The largest body with an event, in bytes; a large seat map needs it.
const EVENT_LIMIT: usize = 8 * 1_024 * 1_024;

/// Adds the routes of events.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/events").get(list).post(create));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    ("delete", "/api/events/{event}", EVENTS_CODES),
    ("patch", "/api/events/{event}", EVENTS_CODES),
    ("put", "/api/events/{event}", EVENTS_CODES),
];

const EVENTS_CODES: &[ErrorCode] = &[ErrorCode::WrongState, ErrorCode::EventCancelled];

/// Adds the routes of one event.
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
    /// The IANA time zone of the place, in which people read the event's times.
    #[schema(example = "Asia/Seoul")]
    pub time_zone: String,
    pub event_date: String,
    /// End of the event and of its sale; null for events from before this field existed.
    #[schema(required = true)]
    pub event_end_at: Option<String>,
    #[schema(required = true)]
    pub sale_start_at: Option<String>,
    #[schema(required = true)]
    pub sale_end_at: Option<String>,
    /// `SELLING` if a product can be bought now; `SCHEDULED` before the sale, and while every
    /// product with places left goes on sale later; `SOLD_OUT` if the products on sale have no
    /// places left; `ENDED` after the last sale window; `PAUSED` and `CANCELLED` by an
    /// administrator.
    #[schema(value_type = crate::http::openapi::forms::EventStatus)]
    pub status: &'static str,
    pub currency: String,
    pub products: Vec<ProductDto>,
    pub cancellation: CancellationDto,
    /// What becomes of a reservation whose payment has finally failed.
    pub on_payment_failure: OnPaymentFailureDto,
    /// Number of places of all products, including those off sale.
    pub capacity: i64,
    /// Number of sold places: those of confirmed reservations, including participations. Absent
    /// whenever `availableStock` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub participant_count: Option<u64>,
    pub created_at: String,
    /// Time of an administrator's last change of the fields shown here, of the sale window or of
    /// the status; products have their own `updatedAt`.
    pub updated_at: String,
}

/// The refund terms for customers who cancel a paid reservation.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CancellationDto {
    /// Whether customers may cancel paid reservations.
    pub allowed: bool,
    /// The first moment at which cancelling is too late: the start of the event at the latest.
    pub until: Option<String>,
    /// Percentage of the payment that is refunded, rounded down to whole minor units.
    pub refund_percent: u8,
}

impl CancellationDto {
    /// Returns the terms of an offering.
    #[must_use]
    pub fn of(row: &EventRow) -> Self {
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
    /// Number of available places; absent in lists, for an event that cannot be read at the moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub available_stock: Option<u32>,
    #[schema(required = true)]
    pub max_per_customer: Option<i64>,
    #[schema(required = true)]
    pub sale_start_at: Option<String>,
    #[schema(required = true)]
    pub sale_end_at: Option<String>,
    /// Time since which no new holds of the product are accepted; existing holds and sold places
    /// stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub withdrawn_at: Option<String>,
    pub created_at: String,
    /// Time of an administrator's last change of the product's price, size or sale window; sales do
    /// not change it.
    pub updated_at: String,
}

/// List all events, newest first.
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
    let zone = &state.config.time_zone;
    let event = |row: &EventRow| {
        let summary = summaries.get(&row.id).map(|it| &**it);
        render(row, summary, zone, now)
    };
    Ok(respond::page(&rows.iter().map(event).collect::<Vec<_>>(), next))
}

/// Read one event.
#[utoipa::path(get, path = "/api/events/{event}", tag = "events", security(()),
    params(("event" = OfferingId, Path)),
    responses((status = 200, body = crate::http::envelope::Success<EventDto>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    Path(event): Path<OfferingId>,
) -> Result<HttpResponse, ApiError> {
    Ok(respond::ok(&read(&state, event).await?))
}

/// Create an event (administrators).
///
/// With `status` `SELLING`, the default, it is on sale as soon as `saleStartAt` has passed.
#[utoipa::path(post, path = "/api/events", tag = "events",
    params(("Idempotency-Key" = Option<String>, Header)), request_body = NewEventBody,
    responses((status = 201, body = crate::http::envelope::Success<EventDto>)))]
pub(crate) async fn create(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    key: IdempotencyKey,
    Body(body): Body<NewEventBody, EVENT_LIMIT>,
) -> Result<HttpResponse, ApiError> {
    let new =
        state.offerings.check_event(body.draft(state.config.max_per_customer), admin.user).await?;
    let key = key.row_key(admin.user, "create event", &body);
    let now = state.clock.now_ms();
    let (id, replayed) = state.offerings.create_event(&new, key.as_ref(), now).await?;
    let mut response = respond::created(&read(&state, id).await?);
    locate(&mut response, &format!("/api/events/{id}"));
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Changes of an event; absent fields stay as they are.
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
    /// The IANA time zone of the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Asia/Seoul")]
    pub time_zone: Option<String>,
    pub event_date: Option<Time>,
    /// The new end. If only `eventDate` is given, the duration of the event stays.
    pub event_end_at: Option<Time>,
    /// The new start of the sale; `null` removes the limit.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Time>)]
    pub sale_start_at: Option<Option<Time>>,
    /// The new end of the sale; `null` ends the sale with the event.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Time>)]
    pub sale_end_at: Option<Option<Time>>,
    #[serde(default, deserialize_with = "object::option_word")]
    pub status: Option<StatusPatch>,
    /// New refund terms, for cancellations from now on.
    #[serde(default, deserialize_with = "object::option")]
    pub cancellation: Option<CancellationBody>,
    /// What becomes of reservations whose payment fails from now on.
    #[serde(
        default,
        deserialize_with = "object::option_word",
        skip_serializing_if = "Option::is_none"
    )]
    pub on_payment_failure: Option<OnPaymentFailureDto>,
}

/// A new state of the sale.
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

/// Distinguishes `null` from absent.
///
/// # Errors
/// The errors of the deserializer.
pub(crate) fn present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<Time>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Change an event.
#[utoipa::path(patch, path = "/api/events/{event}", tag = "events",
    params(("event" = OfferingId, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body = EventPatch,
    responses((status = 200, body = crate::http::envelope::Success<EventDto>)))]
pub(crate) async fn change(
    state: web::Data<AppState>,
    Staff(admin): Staff,
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
            time_zone: self.time_zone,
            cancellation: self.cancellation.as_ref().map(CancellationBody::draft),
            on_payment_failure: self.on_payment_failure.map(Into::into),
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

/// Change an event, like `PATCH`: absent fields stay as they are.
#[utoipa::path(put, path = "/api/events/{event}", tag = "events",
    params(("event" = OfferingId, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body = EventPatch,
    responses((status = 200, body = crate::http::envelope::Success<EventDto>)))]
pub(crate) async fn replace(
    state: web::Data<AppState>,
    admin: Staff,
    event: Path<OfferingId>,
    key: IdempotencyKey,
    patch: Body<EventPatch>,
) -> Result<HttpResponse, ApiError> {
    change(state, admin, event, key, patch).await
}

/// Cancel an event.
///
/// Holds end, reservations are cancelled, and payments are refunded. The event itself stays
/// readable.
#[utoipa::path(delete, path = "/api/events/{event}", tag = "events",
    params(("event" = OfferingId, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = crate::http::envelope::Success<EventDto>)))]
pub(crate) async fn cancel(
    state: web::Data<AppState>,
    Staff(admin): Staff,
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

/// Reads an event with its available places.
///
/// # Errors
/// 404 if there is none.
pub async fn read(state: &AppState, event: OfferingId) -> Result<EventDto, ApiError> {
    read_after(state, event, Seq(0)).await
}

/// Reads an event in its state after a row of its journal, so that an answer shows the effect of
/// its own command.
///
/// # Errors
/// As for [`read`].
pub async fn read_after(
    state: &AppState,
    event: OfferingId,
    row: Seq,
) -> Result<EventDto, ApiError> {
    let (stored, view) = state.offerings.event_after(event, row).await?;
    let (summary, zone) = (EventSummary::of(&view), &state.config.time_zone);
    Ok(render(&stored, Some(&summary), zone, state.clock.now_ms()))
}

/// Renders an event. `zone` is the time zone of events that have none of their own.
fn render(
    row: &EventRow,
    summary: Option<&EventSummary>,
    zone: &str,
    now: TimestampMs,
) -> EventDto {
    let status = match summary {
        Some(summary) => summary.status(now),
        // The event cannot be read at the moment: its products are assumed to have places.
        None => {
            // Without its own end, the sale ends with the event.
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
        time_zone: row.time_zone.clone().unwrap_or_else(|| zone.to_owned()),
        event_date: rfc3339(row.details.event_date),
        event_end_at: dto::time(row.event_end),
        sale_start_at: dto::time(row.sale.start),
        sale_end_at: dto::time(row.sale.end),
        status: status.name,
        currency: row.currency.clone(),
        cancellation: CancellationDto::of(row),
        on_payment_failure: row.on_payment_failure.into(),
        capacity: products.iter().map(|product| product.total_stock).sum(),
        participant_count: summary.map(sold),
        products,
        created_at: rfc3339(row.created_at),
        updated_at: rfc3339(row.updated_at),
    }
}
