//! A notice to a person that follows from no journal.

use serde_json::Value;
use uuid::Uuid;

use crate::ids::UserId;
use crate::inventory::TimestampMs;

/// A notice to a person.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Notice {
    pub id: Uuid,
    pub kind: &'static str,
    pub user: UserId,
    pub payload: Value,
    pub at: TimestampMs,
}
