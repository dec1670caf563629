//! The forms that several resources share: money, times, and lines with their seats.

use std::fmt;

use chrono::{DateTime, Datelike, Utc};
use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::box_office::View;
use crate::http::error::ApiError;
use crate::http::extract::A_TIME;
use crate::http::respond::rfc3339;
use crate::ids::{OfferingId, ProductId, SeatId};
use crate::inventory::{Fit, Line, Minor, TimestampMs};
use crate::venues::EventSeats;

/// An amount in minor units of its currency: 1500 is ₩1,500 or $15.00.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// The amount in minor units.
    #[schema(value_type = i64, example = 99_000)]
    pub amount: Minor,
    /// The currency as an ISO 4217 code.
    #[schema(example = "KRW")]
    pub currency: String,
}

impl Money {
    /// Makes an amount of a currency in the core's form.
    #[must_use]
    pub fn new(amount: Minor, currency: [u8; 3]) -> Self {
        Self { amount, currency: String::from_utf8_lossy(&currency).into_owned() }
    }
}

/// A time in RFC 3339, such as `2030-05-01T19:30:00Z`. Years of more than four digits are refused,
/// so that any client can read every time that comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = DateTime)]
pub struct Time(DateTime<Utc>);

impl Time {
    /// Returns the time in the core's form, in milliseconds.
    #[must_use]
    pub fn millis(self) -> TimestampMs {
        self.0.timestamp_millis()
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rfc3339;

        impl Visitor<'_> for Rfc3339 {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(A_TIME)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Time, E> {
                let time = DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc());
                time.filter(|time| (0..=9_999).contains(&time.year()))
                    .map(Time)
                    .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_str(Rfc3339)
    }
}

/// A seat, as it is printed on a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SeatDto {
    /// The id by which to hold the seat.
    pub id: String,
    /// The name of the section.
    pub section: String,
    /// The name of the row.
    pub row: String,
    /// The number of the seat in its row, from 1. In an event with a plan, places between the seats
    /// (aisles) count too.
    pub number: u32,
    /// The label of the seat, as its plan says; without a plan, its number.
    pub label: String,
}

/// Renders a seat with its section, row and number.
#[must_use]
pub fn seat(
    offering: OfferingId,
    id: SeatId,
    (section, row, number): (String, String, u32),
    labels: &EventSeats,
) -> SeatDto {
    let label = labels.label(id, number);
    SeatDto { id: id.to_public(offering), section, row, number, label }
}

/// Places of one product in a hold or reservation.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineDto {
    /// The ticket type.
    pub product_id: String,
    /// The number of places.
    pub quantity: u32,
    /// The price of one place at the time when it was held.
    pub unit_price: Money,
    /// The seats; empty for general admission.
    pub seats: Vec<SeatDto>,
    /// `EXACT`, `LEAVES_ORPHAN`, `SPLIT_ROWS` or `SCATTERED`.
    #[schema(value_type = crate::http::openapi::forms::Fit)]
    pub fit: &'static str,
    /// The reason for a `fit` other than `EXACT`, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub note: Option<&'static str>,
}

/// Renders lines with the places of a view and the labels of a plan.
#[must_use]
pub fn lines(lines: &[Line], view: &View, labels: &EventSeats) -> Vec<LineDto> {
    let place = |seat: SeatId| {
        let (section, row, number) = view.label(seat)?;
        Some((section.to_owned(), row.to_owned(), number))
    };
    lines_with(lines, (view.offering, view.currency), place, labels)
}

/// Renders lines with the section, row and number of each seat from `place`.
pub fn lines_with(
    lines: &[Line],
    (offering, currency): (OfferingId, [u8; 3]),
    place: impl Fn(SeatId) -> Option<(String, String, u32)>,
    labels: &EventSeats,
) -> Vec<LineDto> {
    let of = |id: &SeatId| seat(offering, *id, place(*id).unwrap_or_default(), labels);
    let line = |line: &Line| LineDto {
        product_id: line.product.to_public(offering),
        quantity: line.quantity,
        unit_price: Money::new(line.unit_price, currency),
        seats: line.seats.iter().map(of).collect(),
        fit: fit_name(line.fit),
        note: note(line.fit),
    };
    lines.iter().map(line).collect()
}

/// Returns the sum of the lines; the core refuses holds whose sum overflows.
#[must_use]
pub fn total(lines: &[Line], currency: [u8; 3]) -> Money {
    let amount = lines
        .iter()
        .map(|line| line.unit_price.saturating_mul(i64::from(line.quantity)))
        .fold(0, i64::saturating_add);
    Money::new(amount, currency)
}

fn fit_name(fit: Fit) -> &'static str {
    match fit {
        Fit::Exact => "EXACT",
        Fit::LeavesOrphan => "LEAVES_ORPHAN",
        Fit::SplitRows => "SPLIT_ROWS",
        Fit::Scattered => "SCATTERED",
    }
}

fn note(fit: Fit) -> Option<&'static str> {
    match fit {
        Fit::Exact => None,
        Fit::LeavesOrphan => Some("side by side, but one seat beside them is left alone"),
        Fit::SplitRows => Some("in two neighbouring rows: no row has so many seats together"),
        Fit::Scattered => Some("not together: no two neighbouring rows have room for so many"),
    }
}

/// Parses a product id of this event from a body.
///
/// # Errors
/// 422 that names the field.
pub fn product_id(offering: OfferingId, field: &str, text: &str) -> Result<ProductId, ApiError> {
    ProductId::from_public(offering, text)
        .map_err(|error| ApiError::invalid(field, format!("{error}: {:?}", excerpt(text))))
}

/// Checks a number of places.
///
/// # Errors
/// 422 that names the field.
pub fn at_least_one(field: &str, quantity: u32) -> Result<(), ApiError> {
    if quantity == 0 {
        return Err(ApiError::invalid(field, "must be at least 1"));
    }
    Ok(())
}

/// Returns the start of a text, long enough for its client to recognise it.
fn excerpt(text: &str) -> &str {
    const SHOWN: usize = 64;
    &text[..text.floor_char_boundary(SHOWN)]
}

/// Parses seat ids of this event from a body.
///
/// # Errors
/// 422 that names the field.
pub fn seat_ids(
    offering: OfferingId,
    field: &str,
    texts: &[String],
) -> Result<Vec<SeatId>, ApiError> {
    let id = |text: &String| {
        SeatId::from_public(offering, text)
            .map_err(|error| ApiError::invalid(field, format!("{error}: {:?}", excerpt(text))))
    };
    texts.iter().map(id).collect()
}

/// Renders a time that may be absent.
#[must_use]
pub fn time(at: Option<TimestampMs>) -> Option<String> {
    at.map(rfc3339)
}
