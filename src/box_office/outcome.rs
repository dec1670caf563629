//! The outcome of a command: a durable effect, a rejection, or the reason why nothing was decided.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::Seq;
use crate::inventory::{Change, Rejection, TimestampMs, Transition};

/// A command's effect, durable. Sent between instances: its fields never change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Committed {
    /// The journal row.
    pub seq: Seq,
    /// The time of the decision.
    pub at: TimestampMs,
    /// All changes of the command; `changes[0]` is the answer to it.
    pub transition: Arc<Transition>,
    /// True if the effect is that of an earlier request with the same idempotency key.
    pub replayed: bool,
}

impl Committed {
    /// Returns the outcome that a journalled transition records for the command under whose key it
    /// is.
    pub(crate) fn or_refused(
        seq: Seq,
        at: TimestampMs,
        transition: Arc<Transition>,
        replayed: bool,
    ) -> Result<Self, SubmitError> {
        if let [Change::Refused { rejection }] = &transition.changes[..] {
            return Err(Rejection::clone(rejection).into());
        }
        Ok(Self { seq, at, transition, replayed })
    }
}

/// Why a command has no effect, or none that is known.
#[derive(Clone, Debug, Serialize, Deserialize, thiserror::Error)]
pub enum SubmitError {
    /// Refused, based on a durable state.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Not decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why nothing was decided. All but [`Unavailable::NoSuchOffering`] and
/// [`Unavailable::BadData`] are worth a retry, with the same idempotency key. Sent between instances:
/// append only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Unavailable {
    /// No such offering.
    #[error("there is no such event")]
    NoSuchOffering,
    /// More commands are waiting than this offering takes.
    #[error("too many requests are waiting for this event")]
    Busy,
    /// The state is being rebuilt, or the journal cannot be reached.
    #[error("this event is temporarily unavailable")]
    Recovering,
    /// The effect may or may not become durable; a retry with the same key finds out.
    #[error("it is not known whether the request took effect")]
    OutcomeUnknown,
    /// The clocks of this machine and the database differ too much to decide deadlines.
    #[error("the server's clock is not trusted at the moment")]
    ClockSkewed,
    /// The process is shutting down.
    #[error("the server is shutting down")]
    Stopping,
    /// The database refused what this command would write. Nothing changed.
    #[error("the request holds a value that cannot be stored")]
    BadData,
    /// The core failed on this command; the state was rebuilt. Nothing changed.
    #[error("the request could not be carried out")]
    Failed,
    /// The offering is between two instances. Nothing changed.
    #[error("this event is moving to another instance")]
    Moving,
}

impl Unavailable {
    /// Returns how long to wait before a retry.
    #[must_use]
    pub fn retry_after(&self) -> Duration {
        Duration::from_secs(1)
    }
}
