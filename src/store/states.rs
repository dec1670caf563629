//! The states of rows, with the names that they are stored under.

use uuid::Uuid;

pub use crate::ids::ticket_id;
use crate::ids::{PaymentId, RefundId, ReservationId, Seq, time_ordered};
use crate::inventory::{
    Attendance, CancellationPolicy, EnrollmentStatus, Promotion, SaleState, Selection,
};
use crate::store::TimestampMs;

/// The state of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ReservationState {
    PaymentPending,
    Confirmed,
    Cancelled,
    Expired,
}

impl ReservationState {
    const ALL: [Self; 4] = [Self::PaymentPending, Self::Confirmed, Self::Cancelled, Self::Expired];

    /// Returns the name of the state in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PaymentPending => "PAYMENT_PENDING",
            Self::Confirmed => "CONFIRMED",
            Self::Cancelled => "CANCELLED",
            Self::Expired => "EXPIRED",
        }
    }

    /// Parses a name that [`Self::as_str`] returns.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Whether a ticket admits its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum TicketState {
    Valid,
    Used,
    Void,
}

impl TicketState {
    /// Returns the name of the state in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "VALID",
            Self::Used => "USED",
            Self::Void => "VOID",
        }
    }

    /// Parses a name that [`Self::as_str`] returns.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Valid, Self::Used, Self::Void].into_iter().find(|state| state.as_str() == text)
    }
}

/// Returns the id of the n-th refund of a reservation in the journal's row `seq`. The id is derived,
/// so that projecting a journal twice gives the same rows.
pub(crate) fn refund_id(reservation: ReservationId, seq: Seq, nth: u16) -> RefundId {
    let mut hasher = blake3::Hasher::new_derive_key("admitone refund id v1");
    hasher.update(reservation.0.as_bytes());
    hasher.update(&seq.0.to_be_bytes());
    hasher.update(&nth.to_be_bytes());
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    RefundId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// Returns the id of the payment that follows the checkout of a reservation by itself. The id is
/// derived, so that a reservation has one such payment, and no key of a client is another name of it.
#[must_use]
pub fn auto_payment_id(reservation: ReservationId) -> PaymentId {
    let mut hasher = blake3::Hasher::new_derive_key("admitone automatic payment id v1");
    hasher.update(reservation.0.as_bytes());
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    PaymentId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// How far a refund has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundState {
    /// Called for by the journal, or to be tried again.
    Due,
    /// The payment's gateway was asked, and has not given its final answer.
    AtGateway,
    /// The money is back.
    Done,
    /// The gateway or the wallet refused it; an administrator can have it tried again.
    Refused,
}

impl RefundState {
    const ALL: [Self; 4] = [Self::Due, Self::AtGateway, Self::Done, Self::Refused];

    /// Returns the name of the state in rows and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Due => "DUE",
            Self::AtGateway => "AT_GATEWAY",
            Self::Done => "DONE",
            Self::Refused => "REFUSED",
        }
    }

    /// Parses a name that [`Self::as_str`] returns.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Why money is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundReason {
    /// Single tickets were cancelled.
    TicketsCancelled,
    /// The reservation was cancelled, or the rest of it.
    ReservationCancelled,
    /// The event was cancelled.
    EventCancelled,
}

impl RefundReason {
    const ALL: [Self; 3] =
        [Self::TicketsCancelled, Self::ReservationCancelled, Self::EventCancelled];

    /// Returns the name of the reason in rows and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TicketsCancelled => "TICKETS_CANCELLED",
            Self::ReservationCancelled => "RESERVATION_CANCELLED",
            Self::EventCancelled => "EVENT_CANCELLED",
        }
    }

    /// Parses a name that [`Self::as_str`] returns.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

pub(crate) fn state_name(state: SaleState) -> &'static str {
    match state {
        SaleState::Scheduled => "SCHEDULED",
        SaleState::Open => "OPEN",
        SaleState::Paused => "PAUSED",
        SaleState::Closed => "CLOSED",
        SaleState::Cancelled => "CANCELLED",
    }
}

/// Returns a policy in the format of its column.
pub(crate) fn cancellation_text(policy: CancellationPolicy) -> String {
    serde_json::to_string(&policy).expect("a policy is plain data")
}

pub(crate) fn parse_state(name: &str) -> Option<SaleState> {
    use SaleState::{Cancelled, Closed, Open, Paused, Scheduled};
    [Scheduled, Open, Paused, Closed, Cancelled]
        .into_iter()
        .find(|state| state_name(*state) == name)
}

/// How a payment is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentMethod {
    /// From the customer's wallet in the event's currency.
    Wallet,
    /// Of earlier versions, for demonstrations: every payment was authorized, and no money moved.
    /// Rows keep it; new payments are refused.
    Demo,
    /// By the simulated gateway, which takes no money.
    Simulator,
    /// By bank transfer or at the till: an administrator says that it is paid.
    Manual,
    /// By Stripe.
    Stripe,
}

impl PaymentMethod {
    /// All methods.
    pub const ALL: [Self; 5] =
        [Self::Wallet, Self::Demo, Self::Simulator, Self::Manual, Self::Stripe];

    /// Returns the name of the method in rows and requests.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wallet => "wallet",
            Self::Demo => "demo",
            Self::Simulator => "simulator",
            Self::Manual => "manual",
            Self::Stripe => "stripe",
        }
    }

    /// True if a gateway moves the money; the database does for the others.
    #[must_use]
    pub fn is_by_gateway(self) -> bool {
        match self {
            Self::Wallet | Self::Demo => false,
            Self::Simulator | Self::Manual | Self::Stripe => true,
        }
    }

    /// Parses a name that [`Self::as_str`] returns.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
    }
}

/// What becomes of a reservation whose payment has finally failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnPaymentFailure {
    /// It waits for another payment until its pay window ends.
    #[default]
    KeepOpen,
    /// It is cancelled, and its places are free.
    Cancel,
}

impl OnPaymentFailure {
    /// Returns the name in rows, requests and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KeepOpen => "KEEP_OPEN",
            Self::Cancel => "CANCEL",
        }
    }

    /// Parses a name that [`Self::as_str`] returns.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::KeepOpen, Self::Cancel].into_iter().find(|policy| policy.as_str() == text)
    }
}

/// How far a payment has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentState {
    /// Requested; no money has moved.
    Created,
    /// Begun in the box office; the gateway is, or may be, at work.
    Pending,
    /// The money is set aside; by the method `wallet` it has left the wallet.
    Authorized,
    /// Done: the journal records that this payment confirmed the reservation. Written with that row
    /// of the journal. A gateway may have to take the money still, see `captured_at`.
    Captured,
    /// Refused before any money moved.
    Failed,
    /// The money went back before the reservation was confirmed.
    Voided,
    /// The money went back after the reservation was cancelled.
    Refunded,
}

impl PaymentState {
    /// All states.
    pub const ALL: [Self; 7] = [
        Self::Created,
        Self::Pending,
        Self::Authorized,
        Self::Captured,
        Self::Failed,
        Self::Voided,
        Self::Refunded,
    ];

    /// Returns the name of the state in rows and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Pending => "PENDING",
            Self::Authorized => "AUTHORIZED",
            Self::Captured => "CAPTURED",
            Self::Failed => "FAILED",
            Self::Voided => "VOIDED",
            Self::Refunded => "REFUNDED",
        }
    }
}

/// Returns an id for a new entry.
pub(crate) fn entry_id(at: TimestampMs) -> Uuid {
    time_ordered(at.unsigned_abs())
}

/// Returns the word of the API for a status.
#[must_use]
pub fn enrollment_status(status: EnrollmentStatus) -> &'static str {
    match status {
        EnrollmentStatus::Applied => "APPLIED",
        // An offered place is not taken yet.
        EnrollmentStatus::Waitlisted | EnrollmentStatus::Offered => "WAITLISTED",
        EnrollmentStatus::Approved => "APPROVED",
        EnrollmentStatus::Rejected => "REJECTED",
        EnrollmentStatus::Canceled => "CANCELED",
    }
}

/// Returns the word of the API.
#[must_use]
pub fn selection_name(selection: Selection) -> &'static str {
    match selection {
        Selection::FirstCome => "FIRST_COME",
        Selection::Review => "REVIEW",
    }
}

/// Returns the word of the API.
#[must_use]
pub fn promotion_name(promotion: Promotion) -> &'static str {
    match promotion {
        Promotion::Auto => "AUTO",
        Promotion::Offer => "OFFER",
    }
}

/// Returns the word of the API.
#[must_use]
pub fn attendance_name(attendance: Attendance) -> &'static str {
    match attendance {
        Attendance::Present => "PRESENT",
        Attendance::Late => "LATE",
        Attendance::Absent => "ABSENT",
    }
}
