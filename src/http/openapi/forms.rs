//! Forms for the document alone: the words that answers choose from, and amounts with their bounds.
//! What is sent is text and numbers; the tests of the API hold every answer against these forms.

#![expect(dead_code, reason = "described, never made")]

use utoipa::ToSchema;

/// Where an event's sale stands.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum EventStatus {
    Scheduled,
    Selling,
    Paused,
    SoldOut,
    Ended,
    Cancelled,
}

/// Where a participation stands.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ParticipationStatus {
    Applied,
}

/// Where a hold stands.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum HoldStatus {
    Active,
    Offered,
    Converted,
    Released,
    Expired,
}

/// Where a waitlist entry stands, or how it ended.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum EntryStatus {
    Waiting,
    Offered,
    Accepted,
    Declined,
    Expired,
    Left,
    LimitReached,
    EventCancelled,
}

/// Where a reservation stands.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ReservationStatus {
    PaymentPending,
    Confirmed,
    Cancelled,
    Expired,
}

/// Whether a ticket lets somebody in.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum TicketStatus {
    Valid,
    Used,
    Void,
}

/// Whether a seat can be had.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum SeatStatus {
    Available,
    Held,
    Sold,
    Blocked,
}

/// Whether a seat can be had, as administrators see it.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum SeatLookupStatus {
    Available,
    Held,
    Sold,
    Blocked,
    Removed,
}

/// How what takes a seat stands.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ClaimStatus {
    Active,
    Offered,
    PaymentPending,
    Confirmed,
}

/// What a row of the journal did to a seat.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum SeatChangeKind {
    Held,
    Offered,
    CheckedOut,
    Confirmed,
    Blocked,
    Unblocked,
    Added,
    Removed,
    Freed,
}

/// How well the seats of a line stand together.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Fit {
    Exact,
    LeavesOrphan,
    SplitRows,
    Scattered,
}

/// Whether a part of the server works.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum UpOrDown {
    Up,
    Down,
}

/// Whether the clock is trusted.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum ClockState {
    Up,
    Down,
    Stepped,
}

/// Whether the process runs.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Live {
    Live,
}

/// Whether the process can do its work.
#[derive(ToSchema)]
pub(crate) enum Ready {
    #[schema(rename = "ready")]
    Ready,
    #[schema(rename = "not ready")]
    NotReady,
}

/// How an access token is sent.
#[derive(ToSchema)]
pub(crate) enum TokenType {
    Bearer,
}

/// The price of one place.
#[derive(ToSchema)]
pub(crate) struct Price {
    /// In minor units: 1500 is ₩1,500 or $15.00.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64, example = 99_000)]
    amount: i64,
    /// ISO 4217.
    currency: String,
}

/// Money to put into a wallet.
#[derive(ToSchema)]
pub(crate) struct Deposit {
    /// In minor units: 1500 is ₩1,500 or $15.00.
    #[schema(minimum = 1, maximum = 1_000_000_000_000_i64, example = 500_000)]
    amount: i64,
    /// ISO 4217.
    currency: String,
}
