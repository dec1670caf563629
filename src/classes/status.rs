//! The state of a class in a word, computed from its times.

use crate::inventory::{SaleState, TimestampMs};
use crate::store::ClassRow;

/// Whether a class takes applications, and whether it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassStatus {
    /// Recruitment has not begun.
    Upcoming,
    /// Applications are taken.
    Recruiting,
    /// Recruitment is over; the class is not.
    Closed,
    /// The class is over.
    Ended,
    /// The class does not take place.
    Canceled,
}

impl ClassStatus {
    /// Returns the status of a class at a time.
    #[must_use]
    pub fn of(row: &ClassRow, now: TimestampMs) -> Self {
        let event = &row.event;
        let recruits_until = event.sale.end.or(event.event_end);
        match event.sale_state {
            SaleState::Cancelled => Self::Canceled,
            _ if event.event_end.is_some_and(|end| end <= now) => Self::Ended,
            _ if recruits_until.is_some_and(|end| end <= now) => Self::Closed,
            _ if event.sale.start.is_some_and(|start| start > now) => Self::Upcoming,
            SaleState::Open => Self::Recruiting,
            SaleState::Scheduled | SaleState::Paused | SaleState::Closed => Self::Closed,
        }
    }

    /// Returns the word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Upcoming => "UPCOMING",
            Self::Recruiting => "RECRUITING",
            Self::Closed => "CLOSED",
            Self::Ended => "ENDED",
            Self::Canceled => "CANCELED",
        }
    }
}
