//! The body of `POST /api/events`, and the draft that the rules of `offerings` check.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::http::dto::{Money, Time};
use crate::http::extract::object;
use crate::ids::VenueId;
use crate::inventory::{Policy, RowDefinition, SaleState, SaleWindow};
use crate::offerings::{CancellationDraft, EventDraft, PlanDraft, ProductDraft, SectionDraft};
use crate::store::OnPaymentFailure;

/// An event to create.
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
    /// End of the event; the sale ends then at the latest. If absent, 24 hours after `eventDate`,
    /// or `saleEndAt` if that is later.
    #[serde(default)]
    pub event_end_at: Option<Time>,
    #[serde(default)]
    pub sale_start_at: Option<Time>,
    #[serde(default)]
    pub sale_end_at: Option<Time>,
    /// `SELLING` (the default) sells within the sale window; `SCHEDULED` waits until an
    /// administrator opens the sale.
    #[serde(default, deserialize_with = "object::option_word")]
    pub status: Option<NewStatus>,
    #[serde(deserialize_with = "object::list")]
    #[schema(min_items = 1, max_items = 1_000)]
    pub products: Vec<NewProductBody>,
    #[serde(default, deserialize_with = "object::option")]
    pub seat_map: Option<SeatMapBody>,
    /// The seat plan of a venue, instead of `seatMap`.
    #[serde(default, deserialize_with = "object::option", skip_serializing_if = "Option::is_none")]
    pub plan: Option<EventPlanBody>,
    /// The IANA time zone of the place; if absent, that of the plan's venue or of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Asia/Seoul")]
    pub time_zone: Option<String>,
    #[serde(default, deserialize_with = "object::option")]
    pub policy: Option<PolicyBody>,
    /// Refund terms for customers who cancel. If absent, the full price is refunded until the event
    /// starts.
    #[serde(default, deserialize_with = "object::option")]
    pub cancellation: Option<CancellationBody>,
    /// What becomes of a reservation whose payment has finally failed; `KEEP_OPEN` if absent.
    #[serde(
        default,
        deserialize_with = "object::option_word",
        skip_serializing_if = "Option::is_none"
    )]
    pub on_payment_failure: Option<OnPaymentFailureDto>,
}

/// What becomes of a reservation whose payment has finally failed: with `KEEP_OPEN` it waits for
/// another payment until its pay window ends, with `CANCEL` it is cancelled at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names say it")]
pub enum OnPaymentFailureDto {
    KeepOpen,
    Cancel,
}

impl From<OnPaymentFailureDto> for OnPaymentFailure {
    fn from(policy: OnPaymentFailureDto) -> Self {
        match policy {
            OnPaymentFailureDto::KeepOpen => Self::KeepOpen,
            OnPaymentFailureDto::Cancel => Self::Cancel,
        }
    }
}

impl From<OnPaymentFailure> for OnPaymentFailureDto {
    fn from(policy: OnPaymentFailure) -> Self {
        match policy {
            OnPaymentFailure::KeepOpen => Self::KeepOpen,
            OnPaymentFailure::Cancel => Self::Cancel,
        }
    }
}

/// The seats of an event, by the plan of a venue.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventPlanBody {
    /// The venue.
    pub venue_id: VenueId,
    /// The version of its plan; the newest if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub version: Option<u32>,
    /// The name of the product of each zone whose product has another name than the zone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub zones: BTreeMap<String, String>,
    /// Until when accessible and companion seats are kept from best available.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_accessible_until: Option<Time>,
}

impl EventPlanBody {
    fn draft(&self) -> PlanDraft {
        PlanDraft {
            venue: self.venue_id,
            version: self.version,
            zones: self.zones.clone(),
            keep_accessible_until: self.keep_accessible_until.map(Time::millis),
        }
    }
}

/// The initial state of a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names say it")]
pub enum NewStatus {
    Scheduled,
    Selling,
}

/// A ticket type to create.
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
    /// The number of places. Required for general admission; for a product of the seat map it may
    /// be absent, or must be the number of its seats.
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

/// The numbered seats of an event.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SeatMapBody {
    #[serde(deserialize_with = "object::list")]
    #[schema(max_items = 10_000)]
    pub sections: Vec<SectionBody>,
}

/// A section of rows.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SectionBody {
    #[schema(max_length = 100)]
    pub name: String,
    /// The name of the product that the seats belong to.
    #[schema(max_length = 100)]
    pub product: String,
    /// The rows, front to back.
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

/// Deadlines and limits; absent fields have their defaults.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyBody {
    /// Lifetime of a hold in seconds; 300 by default.
    #[schema(minimum = 1, maximum = 2_592_000)]
    pub hold_ttl_seconds: Option<u32>,
    /// The longest lifetime of a hold in seconds, extensions included; 900 by default.
    #[schema(minimum = 1, maximum = 2_592_000)]
    pub hold_max_seconds: Option<u32>,
    /// Time to pay after check-out, in seconds; 600 by default. With 0 there is no separate pay
    /// window: a reservation must be paid by the time at which its hold would have ended, so that
    /// only `holdTtlSeconds` counts.
    #[schema(maximum = 2_592_000)]
    pub pay_window_seconds: Option<u32>,
    /// The most seconds by which a payment in progress may defer the end of the pay window; 120 by
    /// default.
    #[schema(maximum = 86_400)]
    pub payment_grace_seconds: Option<u32>,
    /// Time to accept a waitlist offer, in seconds; 600 by default.
    #[schema(minimum = 1, maximum = 2_592_000)]
    pub offer_ttl_seconds: Option<u32>,
    /// The most places in one hold; 20 by default, at most 64.
    #[schema(minimum = 1, maximum = 64)]
    pub max_places_per_hold: Option<u32>,
    /// The most places of one customer over all products; null for no limit. Left out, and with no
    /// limit on a product either, it is the server's `ADMITONE_MAX_PER_CUSTOMER`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, minimum = 1)]
    pub max_per_customer: Option<Option<u32>>,
    /// The most entries of the waitlist; 10,000 by default; 0 turns the waitlist off.
    #[schema(maximum = 100_000)]
    pub waitlist_capacity: Option<u32>,
}

/// The terms on which a customer may cancel a paid reservation: the deadline, and the share that is
/// refunded. Administrators may cancel at any time, with a full refund.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "until": "2030-04-28T00:00:00Z", "refundPercent": 80 }))]
pub struct CancellationBody {
    /// `false`: customers may not cancel paid reservations; `true` by default.
    pub allowed: Option<bool>,
    /// The first moment at which cancelling is too late; never later than the start of the event,
    /// which is the default.
    pub until: Option<Time>,
    /// Percentage of the payment that is refunded, rounded down to whole minor units; 100 by
    /// default.
    #[schema(minimum = 0, maximum = 100)]
    pub refund_percent: Option<u8>,
}

impl CancellationBody {
    /// Returns the draft that the rules check.
    #[must_use]
    pub fn draft(&self) -> CancellationDraft {
        let Self { allowed, until, refund_percent } = *self;
        CancellationDraft { allowed, until: until.map(Time::millis), refund_percent }
    }
}

impl NewProductBody {
    /// Returns the draft that the rules check.
    #[must_use]
    pub fn draft(&self) -> ProductDraft {
        ProductDraft {
            name: self.name.clone(),
            description: self.description.clone(),
            price: self.price.amount,
            currency: self.price.currency.clone(),
            total_stock: self.total_stock,
            max_per_customer: self.max_per_customer,
            sale: window(self.sale_start_at, self.sale_end_at),
        }
    }
}

impl NewEventBody {
    /// Returns the draft that the rules check. `usual_max` is the most places of a customer where the
    /// body says nothing about that.
    #[must_use]
    pub fn draft(&self, usual_max: Option<u32>) -> EventDraft {
        let row = |row: &RowBody| RowDefinition { name: row.name.clone(), seats: row.seats };
        let section = |section: &SectionBody| SectionDraft {
            name: section.name.clone(),
            product: section.product.clone(),
            rows: section.rows.iter().map(row).collect(),
        };
        EventDraft {
            name: self.name.clone(),
            description: self.description.clone(),
            venue: self.venue.clone(),
            starts_at: self.event_date.millis(),
            ends_at: self.event_end_at.map(Time::millis),
            sale: window(self.sale_start_at, self.sale_end_at),
            sale_state: match self.status {
                Some(NewStatus::Scheduled) => SaleState::Scheduled,
                Some(NewStatus::Selling) | None => SaleState::Open,
            },
            products: self.products.iter().map(NewProductBody::draft).collect(),
            sections: self.seat_map.iter().flat_map(|map| &map.sections).map(section).collect(),
            plan: self.plan.as_ref().map(EventPlanBody::draft),
            time_zone: self.time_zone.clone(),
            policy: self.policy(usual_max),
            cancellation: self
                .cancellation
                .as_ref()
                .map(CancellationBody::draft)
                .unwrap_or_default(),
            on_payment_failure: self.on_payment_failure.map(Into::into).unwrap_or_default(),
        }
    }
}

impl NewEventBody {
    fn policy(&self, usual_max: Option<u32>) -> Policy {
        let named = self.policy.as_ref().and_then(|policy| policy.max_per_customer);
        let of_product = self.products.iter().any(|product| product.max_per_customer.is_some());
        Policy {
            max_per_customer: match named {
                Some(max) => max,
                None if of_product => None,
                None => usual_max,
            },
            ..self.policy.as_ref().map(PolicyBody::policy).unwrap_or_default()
        }
    }
}

/// Distinguishes `null` (`Some(None)`) from absent (`None`).
fn present<'de, D: Deserializer<'de>>(field: D) -> Result<Option<Option<u32>>, D::Error> {
    Option::deserialize(field).map(Some)
}

fn window(start: Option<Time>, end: Option<Time>) -> SaleWindow {
    SaleWindow { start: start.map(Time::millis), end: end.map(Time::millis) }
}

impl PolicyBody {
    fn policy(&self) -> Policy {
        let default = Policy::default();
        let ms = |seconds: Option<u32>, default: i64| {
            seconds.map_or(default, |seconds| i64::from(seconds) * 1_000)
        };
        let hold_ttl_ms = ms(self.hold_ttl_seconds, default.hold_ttl_ms);
        Policy {
            hold_ttl_ms,
            hold_max_ms: ms(self.hold_max_seconds, default.hold_max_ms.max(hold_ttl_ms)),
            pay_window_ms: ms(self.pay_window_seconds, default.pay_window_ms),
            payment_grace_ms: ms(self.payment_grace_seconds, default.payment_grace_ms),
            offer_ttl_ms: ms(self.offer_ttl_seconds, default.offer_ttl_ms),
            max_places_per_hold: self.max_places_per_hold.unwrap_or(default.max_places_per_hold),
            max_per_customer: None,
            waitlist_capacity: self.waitlist_capacity.unwrap_or(default.waitlist_capacity),
        }
    }
}
