//! From the body of `POST /api/events` to a definition that the core can sell. Errors name the
//! field as the client wrote it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::dto::{self, Money, Time};
use crate::http::error::ApiError;
use crate::http::extract::object;
use crate::ids::{OfferingId, ProductId, UserId};
use crate::inventory::{
    CancellationPolicy, DEFAULT_EVENT_LENGTH_MS, Definition, EventTimes, Policy, ProductDefinition,
    RowDefinition, SaleState, SaleWindow, SectionDefinition,
};
use crate::store::{EventDetails, NewEvent, Terms};

/// An event to make.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "name": "Hamlet",
    "venue": "The old theatre",
    "eventDate": "2030-05-01T19:30:00Z",
    "products": [
        { "name": "Stalls", "price": { "amount": 80_000, "currency": "KRW" } },
        { "name": "Standing", "price": { "amount": 30_000, "currency": "KRW" }, "totalStock": 200 }
    ],
    "seatMap": { "sections": [
        { "name": "Stalls", "product": "Stalls", "rows": [{ "name": "A", "seats": 20 }] }
    ] }
}))]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewEventBody {
    #[schema(example = "Hamlet", max_length = 200)]
    pub name: String,
    #[serde(default)]
    #[schema(max_length = 10_000)]
    pub description: String,
    #[serde(default)]
    #[schema(max_length = 200)]
    pub venue: String,
    pub event_date: Time,
    /// When it is over: the sale ends with it, if not before. 24 hours after `eventDate`, or
    /// `saleEndAt` if that is later, when left out.
    #[serde(default)]
    pub event_end_at: Option<Time>,
    #[serde(default)]
    pub sale_start_at: Option<Time>,
    #[serde(default)]
    pub sale_end_at: Option<Time>,
    /// `SELLING` (the default) sells within the window, `SCHEDULED` waits to be opened.
    #[serde(default, deserialize_with = "object::option_word")]
    pub status: Option<NewStatus>,
    #[serde(deserialize_with = "object::list")]
    #[schema(min_items = 1, max_items = 1_000)]
    pub products: Vec<NewProductBody>,
    #[serde(default, deserialize_with = "object::option")]
    pub seat_map: Option<SeatMapBody>,
    #[serde(default, deserialize_with = "object::option")]
    pub policy: Option<PolicyBody>,
    /// What a customer who cancels gets back: all of it until the event starts, when left out.
    #[serde(default, deserialize_with = "object::option")]
    pub cancellation: Option<CancellationBody>,
}

/// The state a sale starts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names say it")]
pub enum NewStatus {
    Scheduled,
    Selling,
}

/// A ticket type to make.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewProductBody {
    #[schema(max_length = 100)]
    pub name: String,
    #[serde(default)]
    #[schema(max_length = 2_000)]
    pub description: String,
    #[serde(deserialize_with = "object::one")]
    #[schema(value_type = crate::http::openapi::forms::Price)]
    pub price: Money,
    /// Needed for general admission; for a product of the seat map it may be left out, or must
    /// be the number of its seats.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 10_000_000)]
    pub total_stock: Option<u32>,
    #[serde(default)]
    #[schema(minimum = 1)]
    pub max_per_customer: Option<u32>,
    #[serde(default)]
    pub sale_start_at: Option<Time>,
    #[serde(default)]
    pub sale_end_at: Option<Time>,
}

/// The numbered seats.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SeatMapBody {
    #[serde(deserialize_with = "object::list")]
    #[schema(max_items = 10_000)]
    pub sections: Vec<SectionBody>,
}

/// A block of rows.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SectionBody {
    #[schema(max_length = 100)]
    pub name: String,
    /// The name of the product whose places these seats are.
    #[schema(max_length = 100)]
    pub product: String,
    /// Front to back.
    #[serde(deserialize_with = "object::list")]
    #[schema(min_items = 1)]
    pub rows: Vec<RowBody>,
}

/// A row of neighbouring seats.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it")]
pub struct RowBody {
    #[schema(max_length = 50)]
    pub name: String,
    #[schema(minimum = 1, maximum = 1_000)]
    pub seats: u32,
}

/// Deadlines and limits; what is left out has its default.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyBody {
    /// Life of a hold; 300.
    #[schema(minimum = 1, maximum = 2_592_000)]
    pub hold_ttl_seconds: Option<u32>,
    /// The longest life of a hold, extensions included; 900.
    #[schema(minimum = 1, maximum = 2_592_000)]
    pub hold_max_seconds: Option<u32>,
    /// Time to pay after check-out; 600. With 0 there is none of its own: a reservation is to be paid
    /// by the time at which its hold would have ended, so that `holdTtlSeconds` is all there is.
    #[schema(maximum = 2_592_000)]
    pub pay_window_seconds: Option<u32>,
    /// How far a payment in progress may defer the end of the pay window; 120.
    #[schema(maximum = 86_400)]
    pub payment_grace_seconds: Option<u32>,
    /// Time to accept a waitlist offer; 600.
    #[schema(minimum = 1, maximum = 2_592_000)]
    pub offer_ttl_seconds: Option<u32>,
    /// Places in one hold; 20, at most 64.
    #[schema(minimum = 1, maximum = 64)]
    pub max_places_per_hold: Option<u32>,
    /// Places of one customer over all products; no limit.
    #[schema(minimum = 1)]
    pub max_per_customer: Option<u32>,
    /// Entries of the waitlist; 10,000; 0 turns it off.
    #[schema(maximum = 100_000)]
    pub waitlist_capacity: Option<u32>,
}

/// Until when a customer may cancel what is paid, and which share comes back. Administrators cancel
/// at any time, and all comes back.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "until": "2030-04-28T00:00:00Z", "refundPercent": 80 }))]
pub struct CancellationBody {
    /// `false`: customers do not cancel what is paid; `true` when left out.
    pub allowed: Option<bool>,
    /// The first moment at which it is too late; the start of the event when left out, and never
    /// later than that.
    pub until: Option<Time>,
    /// Of what was paid, rounded down to whole minor units; 100 when left out.
    #[schema(minimum = 0, maximum = 100)]
    pub refund_percent: Option<u8>,
}

impl CancellationBody {
    /// The policy that it says.
    ///
    /// # Errors
    /// 422 that names the field.
    pub fn policy(&self) -> Result<CancellationPolicy, ApiError> {
        let Self { allowed, until, refund_percent } = self;
        if *allowed == Some(false) {
            if until.is_some() || refund_percent.is_some() {
                let reason = "is false: then neither until nor refundPercent mean anything";
                return Err(ApiError::invalid("cancellation.allowed", reason));
            }
            return Ok(CancellationPolicy::Never);
        }
        let refund_percent = refund_percent.unwrap_or(100);
        if refund_percent > 100 {
            return Err(ApiError::invalid("cancellation.refundPercent", "must be 0 to 100"));
        }
        let until = until.map(Time::millis);
        Ok(CancellationPolicy::Until { until, refund_percent })
    }
}

fn terms(body: &NewEventBody) -> Result<Terms, ApiError> {
    let starts_at = body.event_date.millis();
    let sale_end = body.sale_end_at.map(Time::millis);
    let default_end = (starts_at + DEFAULT_EVENT_LENGTH_MS).max(sale_end.unwrap_or(i64::MIN));
    let ends_at = body.event_end_at.map_or(default_end, Time::millis);
    if ends_at <= starts_at {
        return Err(ApiError::invalid("eventEndAt", "must be after eventDate"));
    }
    if sale_end.is_some_and(|end| end > ends_at) {
        return Err(ApiError::invalid("saleEndAt", "must not be after eventEndAt"));
    }
    let cancellation = body.cancellation.as_ref().map(CancellationBody::policy).transpose()?;
    let times = Some(EventTimes { starts_at, ends_at });
    Ok(Terms { times, cancellation: cancellation.unwrap_or_default() })
}

/// Checks a body and gives the event its id.
///
/// # Errors
/// 422 that names the field.
pub fn prepare(body: &NewEventBody, created_by: UserId) -> Result<NewEvent, ApiError> {
    let currency = currency(body)?;
    let names = product_names(body)?;
    let sections = sections(body, &names)?;
    let definition = Definition {
        currency,
        products: products(body, &sections)?,
        sections,
        policy: policy(body.policy.as_ref()),
        sale: window(body.sale_start_at, body.sale_end_at),
        sale_state: match body.status {
            Some(NewStatus::Scheduled) => SaleState::Scheduled,
            Some(NewStatus::Selling) | None => SaleState::Open,
        },
    };
    definition.validate().map_err(|error| ApiError::invalid(&error.field, &error.reason))?;
    let details = EventDetails {
        name: dto::text("name", &body.name, 200)?,
        description: dto::optional_text("description", &body.description, 10_000)?,
        venue: dto::optional_text("venue", &body.venue, 200)?,
        event_date: body.event_date.millis(),
    };
    let mut described = Vec::with_capacity(names.len());
    for (index, (name, product)) in names.into_iter().zip(&body.products).enumerate() {
        let field = format!("products[{index}].description");
        described.push((name, dto::optional_text(&field, &product.description, 2_000)?));
    }
    let id = OfferingId::new();
    let terms = terms(body)?;
    Ok(NewEvent { id, details, products: described, definition, terms, created_by })
}

fn currency(body: &NewEventBody) -> Result<[u8; 3], ApiError> {
    let first = body.products.first();
    let first =
        first.ok_or_else(|| ApiError::invalid("products", "must have at least one item"))?;
    for (index, product) in body.products.iter().enumerate() {
        if product.price.currency != first.price.currency {
            let field = format!("products[{index}].price.currency");
            return Err(ApiError::invalid(&field, "must be the same for all products"));
        }
    }
    let code = <[u8; 3]>::try_from(first.price.currency.as_bytes()).ok();
    code.filter(|code| code.iter().all(u8::is_ascii_uppercase)).ok_or_else(|| {
        ApiError::invalid("products[0].price.currency", "must be three capital letters (ISO 4217)")
    })
}

fn product_names(body: &NewEventBody) -> Result<Vec<String>, ApiError> {
    let mut names: Vec<String> = Vec::with_capacity(body.products.len());
    let mut seen = std::collections::HashSet::new();
    for (index, product) in body.products.iter().enumerate() {
        let field = format!("products[{index}].name");
        let name = dto::text(&field, &product.name, 100)?;
        if !seen.insert(name.clone()) {
            return Err(ApiError::invalid(&field, "is the name of another product"));
        }
        names.push(name);
    }
    Ok(names)
}

fn sections(body: &NewEventBody, names: &[String]) -> Result<Vec<SectionDefinition>, ApiError> {
    let Some(map) = &body.seat_map else { return Ok(Vec::new()) };
    let mut sections = Vec::with_capacity(map.sections.len());
    for (index, section) in map.sections.iter().enumerate() {
        let field = format!("seatMap.sections[{index}]");
        let product = names.iter().position(|name| *name == section.product.trim());
        let product = product.and_then(|index| u16::try_from(index).ok()).map(ProductId);
        let product = product.ok_or_else(|| {
            ApiError::invalid(&format!("{field}.product"), "must be the name of a product")
        })?;
        let mut rows = Vec::with_capacity(section.rows.len());
        for (row_index, row) in section.rows.iter().enumerate() {
            let name = dto::text(&format!("{field}.rows[{row_index}].name"), &row.name, 50)?;
            rows.push(RowDefinition { name, seats: row.seats });
        }
        let name = dto::text(&format!("{field}.name"), &section.name, 100)?;
        sections.push(SectionDefinition { name, product, rows });
    }
    Ok(sections)
}

fn products(
    body: &NewEventBody,
    sections: &[SectionDefinition],
) -> Result<Vec<ProductDefinition>, ApiError> {
    let mut products = Vec::with_capacity(body.products.len());
    for (index, product) in body.products.iter().enumerate() {
        let of_product = |section: &&SectionDefinition| section.product.index() == index;
        let rows = sections.iter().filter(of_product).flat_map(|section| &section.rows);
        let seats: Vec<u64> = rows.map(|row| u64::from(row.seats)).collect();
        if product.total_stock == Some(0) {
            let field = format!("products[{index}].totalStock");
            return Err(ApiError::invalid(&field, "must be at least 1"));
        }
        let capacity = if seats.is_empty() {
            product.total_stock
        } else {
            let seats: u64 = seats.iter().sum();
            if product.total_stock.is_some_and(|stock| u64::from(stock) != seats) {
                let field = format!("products[{index}].totalStock");
                let reason = format!("must be left out or be {seats}, the seats of its sections");
                return Err(ApiError::invalid(&field, reason));
            }
            None
        };
        products.push(ProductDefinition {
            price: product.price.amount,
            capacity,
            max_per_customer: product.max_per_customer,
            sale: window(product.sale_start_at, product.sale_end_at),
        });
    }
    Ok(products)
}

fn window(start: Option<Time>, end: Option<Time>) -> SaleWindow {
    SaleWindow { start: start.map(Time::millis), end: end.map(Time::millis) }
}

fn policy(body: Option<&PolicyBody>) -> Policy {
    let default = Policy::default();
    let Some(body) = body else { return default };
    let ms = |seconds: Option<u32>, default: i64| {
        seconds.map_or(default, |seconds| i64::from(seconds) * 1_000)
    };
    let hold_ttl_ms = ms(body.hold_ttl_seconds, default.hold_ttl_ms);
    Policy {
        hold_ttl_ms,
        hold_max_ms: ms(body.hold_max_seconds, default.hold_max_ms.max(hold_ttl_ms)),
        pay_window_ms: ms(body.pay_window_seconds, default.pay_window_ms),
        payment_grace_ms: ms(body.payment_grace_seconds, default.payment_grace_ms),
        offer_ttl_ms: ms(body.offer_ttl_seconds, default.offer_ttl_ms),
        max_places_per_hold: body.max_places_per_hold.unwrap_or(default.max_places_per_hold),
        max_per_customer: body.max_per_customer,
        waitlist_capacity: body.waitlist_capacity.unwrap_or(default.waitlist_capacity),
    }
}
