//! The sales of an event over time, for its organisers.

use crate::ids::OfferingId;
use crate::inventory::TimestampMs;
use crate::offerings::{OfferingError, Offerings};
use crate::store::SalesSlice;

/// The most slices of a curve.
const MOST_SLICES: i64 = 60;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Lengths of slices that people can read.
const LENGTHS: [i64; 10] = [
    MINUTE_MS,
    5 * MINUTE_MS,
    15 * MINUTE_MS,
    HOUR_MS,
    3 * HOUR_MS,
    6 * HOUR_MS,
    12 * HOUR_MS,
    DAY_MS,
    7 * DAY_MS,
    28 * DAY_MS,
];

/// The paid orders of an event over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sales {
    /// The length of a slice in milliseconds.
    pub slice_ms: i64,
    /// The slices with sales, in the order of time.
    pub slices: Vec<SalesSlice>,
}

impl Offerings {
    /// Returns the paid orders of an event over time, in at most about sixty slices.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn sales(&self, event: OfferingId) -> Result<Sales, OfferingError> {
        let Some((first, last)) = self.store.sales_span(event).await? else {
            return Ok(Sales::default());
        };
        let slice_ms = slice_of(first, last);
        let slices = self.store.sales_over_time(event, slice_ms).await?;
        Ok(Sales { slice_ms, slices })
    }
}

/// Returns the length of the slices of a time span.
fn slice_of(first: TimestampMs, last: TimestampMs) -> i64 {
    let span = last.saturating_sub(first).max(0);
    let fits = |length: &i64| span / length < MOST_SLICES;
    let longest = span / MOST_SLICES / DAY_MS * DAY_MS + DAY_MS;
    LENGTHS.into_iter().find(fits).unwrap_or(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_has_slices_that_people_can_read_and_not_too_many() {
        for (span, expected) in [
            (0, MINUTE_MS),
            (59 * MINUTE_MS, MINUTE_MS),
            (60 * MINUTE_MS, 5 * MINUTE_MS),
            (3 * DAY_MS, 3 * HOUR_MS),
            (30 * DAY_MS - 1, 12 * HOUR_MS),
            (30 * DAY_MS, DAY_MS),
            (59 * DAY_MS, DAY_MS),
            (400 * DAY_MS, 7 * DAY_MS),
        ] {
            assert_eq!(slice_of(1_000, 1_000 + span), expected, "{span}");
        }
        assert!(i64::MAX / slice_of(0, i64::MAX) <= MOST_SLICES);
    }
}
