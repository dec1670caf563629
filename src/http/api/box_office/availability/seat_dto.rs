//! Seat maps in the form in which they are sent.

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::dto::Money;
use crate::inventory::SeatStatus;

/// A section: a block of rows.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SectionDto {
    pub id: String,
    pub name: String,
    pub product_id: String,
    pub price: Money,
    pub rows: Vec<RowDto>,
}

/// A row.
#[derive(Serialize, ToSchema)]
pub struct RowDto {
    pub name: String,
    pub seats: Vec<SeatStateDto>,
}

/// A seat.
#[derive(Serialize, ToSchema)]
pub struct SeatStateDto {
    pub id: String,
    pub number: u32,
    /// `AVAILABLE`, `HELD`, `SOLD` or `BLOCKED`.
    #[schema(value_type = crate::http::openapi::forms::SeatStatus)]
    pub status: &'static str,
}

/// Returns the name of a status in seat maps and streams; `None` for removed seats, which are not
/// shown.
#[must_use]
pub fn status_name(status: SeatStatus) -> Option<&'static str> {
    match status {
        // Kept seats can be picked by id as any other.
        SeatStatus::Available | SeatStatus::Kept => Some("AVAILABLE"),
        SeatStatus::Held => Some("HELD"),
        SeatStatus::Sold => Some("SOLD"),
        SeatStatus::Blocked => Some("BLOCKED"),
        SeatStatus::Removed => None,
    }
}
