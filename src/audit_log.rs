//! The log of administrative acts: who did what, when, from where, and what changed. A row is written
//! before its act and completed after it: a crash leaves `BEGUN`, and never nothing. Secrets are never
//! written, and people are named by their ids.

mod values;

use metrics::{counter, describe_counter};
use serde_json::Value;
use uuid::Uuid;

pub use values::{changed, kept};

use crate::ids::{OfferingId, UserId, time_ordered};
use crate::inventory::TimestampMs;
use crate::store::{AuditEntry, AuditOutcome, Store, StoreError};

const FAILURES: &str = "admitone_audit_log_failures_total";

/// The outcome of an act that is under way, or was when the server stopped.
pub const BEGUN: &str = "BEGUN";
/// The outcome of an act that took effect.
pub const DONE: &str = "DONE";

/// An act to write down.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Act {
    /// `None` on the command line, and where it is a stranger.
    pub actor: Option<UserId>,
    pub session: Option<Uuid>,
    /// The network address, or `command line`.
    pub address: Option<String>,
    /// What is done, such as `event.change`.
    pub action: String,
    pub offering: Option<OfferingId>,
    /// The id of the thing that the act is about.
    pub target: Option<String>,
    /// The values that the thing has.
    pub before: Option<Value>,
    /// The values that it is to have.
    pub after: Option<Value>,
    pub request_id: Option<String>,
}

/// Describes the metrics to the recorder.
pub fn describe_metrics() {
    describe_counter!(FAILURES, "Rows of the audit log that could not be written, by part.");
    for part in ["row", "outcome", "note"] {
        counter!(FAILURES, "part" => part).absolute(0);
    }
}

/// Writes an act that is about to happen; returns the id of its row, for [`complete`].
///
/// # Errors
/// [`StoreError::Unavailable`]; then the act must not happen.
pub async fn begin(store: &Store, act: Act, now: TimestampMs) -> Result<Uuid, StoreError> {
    put(store, act, BEGUN, now).await.inspect_err(|_| failed("row"))
}

/// Writes something that has happened already, such as the lock of a login.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn note(
    store: &Store,
    act: Act,
    outcome: &str,
    now: TimestampMs,
) -> Result<(), StoreError> {
    put(store, act, outcome, now).await.inspect_err(|_| failed("note")).map(|_| ())
}

/// Completes the row of an act. A row that cannot be completed stays `BEGUN`, which is logged.
pub async fn complete(store: &Store, id: Uuid, with: AuditOutcome) {
    if let Err(error) = store.audit_complete(id, with).await {
        failed("outcome");
        tracing::warn!(%id, %error, "the outcome of an administrative act was not written");
    }
}

/// Returns values as rows have them.
#[must_use]
pub fn text(values: Option<Value>) -> Option<String> {
    values.filter(|value| !value.is_null()).map(|value| value.to_string())
}

async fn put(store: &Store, act: Act, outcome: &str, now: TimestampMs) -> Result<Uuid, StoreError> {
    let id = time_ordered(now.unsigned_abs());
    let entry = AuditEntry {
        id,
        at: now,
        actor: act.actor,
        session: act.session,
        address: act.address,
        action: act.action,
        offering: act.offering,
        target: act.target,
        before: text(act.before),
        after: text(act.after),
        request_id: act.request_id,
        outcome: outcome.to_owned(),
    };
    store.audit_put(&entry).await?;
    Ok(id)
}

fn failed(part: &'static str) {
    counter!(FAILURES, "part" => part).increment(1);
}
