//! Deletion of rows that have had their time, a bounded number at a time: nobody else's write waits for
//! long, and an interrupted run loses nothing.

use entities::outbox_message;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Statement,
    TransactionTrait,
};

use crate::inventory::TimestampMs;
use crate::store::{Store, StoreError};

/// Rows deleted by one statement.
const AT_ONCE: i64 = 1_000;

/// What may be deleted when it is old enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prunable {
    /// Messages that were taken, by when they were.
    TakenMessages,
    /// Reservations whose time to pay ended, by when it did. A payment on its way may still revive one.
    /// The journal has them.
    ExpiredReservations,
    /// Payments that came to nothing, by their last change. What moved in wallets is noted there.
    FailedPayments,
    /// Idempotency keys, by when they were claimed.
    IdempotencyKeys,
    /// Refresh tokens, by when they expired.
    ExpiredTokens,
}

impl Prunable {
    /// The table, its key, and which of its rows are meant.
    fn rows(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::TakenMessages => {
                ("outbox_messages", "offering_id, seq, position", "processed_at < $1")
            }
            Self::ExpiredReservations => (
                "reservations",
                "id",
                "updated_at < $1 AND status = 'EXPIRED' AND NOT EXISTS (SELECT 1 FROM payments
                 WHERE reservation_id = reservations.id AND next_try_at IS NOT NULL)",
            ),
            Self::FailedPayments => (
                "payments",
                "id",
                "updated_at < $1 AND state IN ('FAILED', 'VOIDED') AND next_try_at IS NULL",
            ),
            Self::IdempotencyKeys => {
                ("idempotency_keys", "principal, operation, key_hash", "created_at < $1")
            }
            Self::ExpiredTokens => ("refresh_tokens", "id", "expires_at < $1"),
        }
    }
}

impl Store {
    /// Deletes all that is older than `before`; says how many rows that were.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn prune(&self, what: Prunable, before: TimestampMs) -> Result<u64, StoreError> {
        let (table, key, condition) = what.rows();
        // Most often there is nothing. A DELETE on SQLite locks the others out before it looks.
        let look = format!("SELECT 1 FROM {table} WHERE {condition} LIMIT 1");
        let look = Statement::from_sql_and_values(self.backend(), look, [before.into()]);
        if self.reads().query_one_raw(look).await?.is_none() {
            return Ok(0);
        }
        let delete = format!(
            "DELETE FROM {table} WHERE ({key}) IN
             (SELECT {key} FROM {table} WHERE {condition} LIMIT {AT_ONCE})"
        );
        let mut all = 0;
        loop {
            let delete = Statement::from_sql_and_values(self.backend(), &delete, [before.into()]);
            let deleted = self.writes().execute_raw(delete).await?.rows_affected();
            all += deleted;
            if deleted < AT_ONCE.unsigned_abs() {
                return Ok(all);
            }
        }
    }

    /// The oldest messages that nobody has taken, written before `before`, as lines of JSON, with what
    /// [`Self::outbox_forget`] needs.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn outbox_untaken(
        &self,
        before: TimestampMs,
    ) -> Result<Vec<outbox_message::Model>, StoreError> {
        Ok(outbox_message::Entity::find()
            .filter(outbox_message::Column::ProcessedAt.is_null())
            .filter(outbox_message::Column::CreatedAt.lt(before))
            .order_by_asc(outbox_message::Column::CreatedAt)
            .limit(AT_ONCE.unsigned_abs())
            .all(self.reads())
            .await?)
    }

    /// Deletes these messages, unless they were taken since.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn outbox_forget(
        &self,
        messages: &[outbox_message::Model],
    ) -> Result<(), StoreError> {
        let transaction = self.writes().begin().await?;
        for message in messages {
            let id = (message.offering_id, message.seq, message.position);
            outbox_message::Entity::delete_by_id(id).exec(&transaction).await?;
        }
        Ok(transaction.commit().await?)
    }
}
