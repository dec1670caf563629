//! Why the outcome of a request is unknown: a label on a counter and a log line with the request's id,
//! written by each part that could not learn it. In a cluster the instance that asked may still find out:
//! a request can have several such lines, or one and a success.

use metrics::{counter, describe_counter};

use crate::box_office::Unavailable;
use crate::ids::OfferingId;

const UNKNOWN: &str = "admitone_outcome_unknown_total";

/// The place that could not learn an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownReason {
    /// The journal did not confirm the append of the batch that the command is in, and no recovery
    /// found out before the box office gave up.
    AppendUnconfirmed,
    /// The box office did not answer within its answer timeout.
    BoxOfficeTimeout,
    /// The instance that owns the event received the call and did not answer, and no later attempt
    /// found out.
    OwnerUnanswered,
    /// The owner here did not answer a call of another instance within that call's timeout.
    CallTimeout,
    /// The request reached its deadline while it was being answered.
    RequestDeadline,
    /// A step of the payment was interrupted, or could not be written; the recovery scan ends it.
    PaymentInterrupted,
}

impl UnknownReason {
    /// All reasons.
    pub const ALL: [Self; 6] = [
        Self::AppendUnconfirmed,
        Self::BoxOfficeTimeout,
        Self::OwnerUnanswered,
        Self::CallTimeout,
        Self::RequestDeadline,
        Self::PaymentInterrupted,
    ];

    /// The label. It keeps its meaning, because dashboards depend on it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AppendUnconfirmed => "append_unconfirmed",
            Self::BoxOfficeTimeout => "box_office_timeout",
            Self::OwnerUnanswered => "owner_unanswered",
            Self::CallTimeout => "call_timeout",
            Self::RequestDeadline => "request_deadline",
            Self::PaymentInterrupted => "payment_interrupted",
        }
    }
}

/// Counts and logs an unknown outcome, on behalf of the current request, and returns it. The offering is
/// logged where it is known.
pub fn outcome_unknown(reason: UnknownReason, offering: Option<OfferingId>) -> Unavailable {
    counter!(UNKNOWN, "reason" => reason.as_str()).increment(1);
    let offering = offering.map(tracing::field::display);
    tracing::warn!(reason = reason.as_str(), offering, "the outcome of a request is unknown");
    Unavailable::OutcomeUnknown
}

/// Announces the counter.
pub(crate) fn describe() {
    describe_counter!(
        UNKNOWN,
        "Unknown outcomes, by the place that could not learn them: append_unconfirmed, \
         box_office_timeout, owner_unanswered, call_timeout, request_deadline, payment_interrupted."
    );
    for reason in UnknownReason::ALL {
        counter!(UNKNOWN, "reason" => reason.as_str()).absolute(0);
    }
}
