//! The backlog of outbox messages, for monitoring.

use sea_orm::{ConnectionTrait, Statement};

use crate::inventory::TimestampMs;
use crate::store::{Store, StoreError};

impl Store {
    /// Returns how many messages wait, counted up to 100,000, and when the oldest was written.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn outbox_waiting(&self) -> Result<(u64, Option<TimestampMs>), StoreError> {
        // This query runs every few seconds: its cost must not grow with the backlog without limit.
        let sql = "SELECT COUNT(*) AS waiting, MIN(created_at) AS oldest
                   FROM (SELECT created_at FROM outbox_messages WHERE processed_at IS NULL
                         ORDER BY created_at LIMIT 100000) AS messages";
        let statement = Statement::from_string(self.backend(), sql);
        let Some(row) = self.reads().query_one_raw(statement).await? else { return Ok((0, None)) };
        let waiting: i64 = row.try_get("", "waiting")?;
        let oldest: Option<i64> = row.try_get("", "oldest")?;
        Ok((waiting.unsigned_abs(), oldest))
    }
}
