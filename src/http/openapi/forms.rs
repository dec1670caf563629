//! Schemas for the document only: the words that answers choose from, and amounts with their
//! bounds. The server sends plain text and numbers; the API tests check every answer against these
//! schemas.

#![expect(dead_code, reason = "described, never made")]

use utoipa::ToSchema;

/// The state of an event's sale.
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

/// Where a customer is in a queue.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum QueueState {
    PreQueue,
    Waiting,
    Admitted,
    SetAside,
    Expired,
    Served,
    Left,
    Voided,
}

/// How far a queue is.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum QueuePhase {
    PreQueue,
    Drawing,
    Open,
}

/// What the places left mean for someone in line.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum QueueOutlook {
    NotOnSale,
    Places,
    Few,
    SoldOutForNow,
    SoldOut,
}

/// Who may enter a room of the chat.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ChatRoomKind {
    Public,
    Private,
    Concert,
}

/// What a member of a room may do.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ChatRole {
    Owner,
    Moderator,
    Member,
}

/// How a person stands to a room.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ChatMemberState {
    Joined,
    Invited,
    Left,
    Banned,
}

/// The bytes of a file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub(crate) struct File(Vec<u8>);

/// Whether a class takes applications, and whether it is over.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ClassStatus {
    Upcoming,
    Recruiting,
    Closed,
    Ended,
    Canceled,
}

/// The order of a list of applications; a minus sign turns it round.
#[derive(ToSchema)]
pub(crate) enum EnrollmentSort {
    #[schema(rename = "appliedAt")]
    AppliedAt,
    #[schema(rename = "-appliedAt")]
    LastApplied,
    #[schema(rename = "decidedAt")]
    DecidedAt,
    #[schema(rename = "-decidedAt")]
    LastDecided,
    #[schema(rename = "position")]
    Position,
}

/// Whether the fee of a place was paid.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum FeeState {
    None,
    Due,
    Paid,
    Unpaid,
    Refunded,
}

/// The order of a list of classes.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(clippy::enum_variant_names, reason = "the words of the query")]
pub(crate) enum ClassSort {
    StartAt,
    RecruitEndAt,
    CreatedAt,
}

/// The state of an application.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum EnrollmentStatus {
    Applied,
    Approved,
    Rejected,
    Waitlisted,
    Canceled,
}

/// What the reason of an application is about.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ReasonType {
    Reject,
    Cancel,
}

/// What an applicant can make of an application.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum CanceledOnly {
    Canceled,
}

/// The state of a participation.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ParticipationStatus {
    Applied,
}

/// The state of a hold.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum HoldStatus {
    Active,
    Offered,
    Converted,
    Released,
    Expired,
}

/// The state of a waitlist entry, or how it ended.
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

/// The state of a reservation.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ReservationStatus {
    PaymentPending,
    Confirmed,
    Cancelled,
    Expired,
}

/// How far a refund has come: `AT_GATEWAY` waits for a payment's gateway, `REFUSED` for an
/// administrator.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum RefundStatus {
    Due,
    AtGateway,
    Done,
    Refused,
}

/// Why money is given back.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(clippy::enum_variant_names, reason = "the words of answers")]
pub(crate) enum RefundReason {
    TicketsCancelled,
    ReservationCancelled,
    EventCancelled,
}

/// Whether a ticket admits its holder.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum TicketStatus {
    Valid,
    Used,
    Void,
}

/// Whether a seat is available.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum SeatStatus {
    Available,
    Held,
    Sold,
    Blocked,
}

/// Whether a seat is available, as administrators see it.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum SeatLookupStatus {
    Available,
    Held,
    Sold,
    Blocked,
    Removed,
    Kept,
}

/// The state of the hold or reservation that takes a seat.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ClaimStatus {
    Active,
    Offered,
    PaymentPending,
    Confirmed,
}

/// The effect of a journal row on a seat.
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
    Kept,
    Unkept,
    Freed,
}

/// How closely the seats of a line are placed together.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Fit {
    Exact,
    LeavesOrphan,
    SplitRows,
    Scattered,
}

/// Whether a webhook gets messages.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum WebhookStatus {
    Enabled,
    Disabled,
}

/// What became of a message.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum DeliveryStatus {
    Waiting,
    Done,
    Parked,
    Cancelled,
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

/// The type of an access token.
#[derive(ToSchema)]
pub(crate) enum TokenType {
    Bearer,
}

/// How the result of a login by a provider is answered.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "documents a parameter")]
pub(crate) enum SocialMode {
    Token,
    Page,
}

/// The price of one place.
#[derive(ToSchema)]
pub(crate) struct Price {
    /// The amount in minor units: 1500 is ₩1,500 or $15.00.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64, example = 99_000)]
    amount: i64,
    /// The currency as an ISO 4217 code.
    currency: String,
}

/// Money to put into a wallet.
#[derive(ToSchema)]
pub(crate) struct Deposit {
    /// The amount in minor units: 1500 is ₩1,500 or $15.00.
    #[schema(minimum = 1, maximum = 1_000_000_000_000_i64, example = 500_000)]
    amount: i64,
    /// The currency as an ISO 4217 code.
    currency: String,
}
