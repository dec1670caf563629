//! Deletion of outdated rows, a bounded number at a time: no other write waits for long, and an
//! interrupted run loses nothing.

use entities::outbox_message;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Statement,
    TransactionTrait,
};

use crate::inventory::TimestampMs;
use crate::store::{Store, StoreError};

/// Rows deleted by one statement.
const AT_ONCE: i64 = 1_000;

/// Rows that may be deleted when they are old enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prunable {
    /// Outbox messages that were taken, by the time when they were taken.
    TakenMessages,
    /// Notices that were taken, by the time when they were taken.
    TakenNotices,
    /// Deliveries that are done or cancelled, by the time when they ended.
    EndedDeliveries,
    /// Reservations whose time to pay has ended, by the time when it ended. A payment under way may
    /// still revive one. The journal has them.
    ExpiredReservations,
    /// Payments that failed or were voided, by their last change. The wallets' entries record the
    /// money that moved.
    FailedPayments,
    /// Idempotency keys, by the time when they were claimed.
    IdempotencyKeys,
    /// Refresh tokens, by the time when they expired.
    ExpiredTokens,
    /// Sessions, by the time when their last refresh token expired.
    ExpiredSessions,
    /// Attempts to send webhooks, by their time.
    WebhookAttempts,
    /// Links in mails, by the time when they expired.
    ExpiredLinks,
    /// Invitations to roles that were sent before, by the time when they expired.
    ExpiredInvitations,
    /// Administrative acts, by their time.
    AuditLog,
    /// Logins that came back from a provider, by the time when their state expired.
    SocialStates,
}

impl Prunable {
    /// Returns the table, its key, and the condition for the rows to delete.
    fn rows(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::TakenMessages => {
                ("outbox_messages", "offering_id, seq, position", "processed_at < $1")
            }
            Self::TakenNotices => ("notices", "id", "processed_at < $1"),
            Self::EndedDeliveries => ("deliveries", "id", "processed_at < $1"),
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
            Self::ExpiredSessions => ("sessions", "id", "expires_at < $1"),
            Self::WebhookAttempts => ("webhook_attempts", "id", "at < $1"),
            Self::ExpiredLinks => ("mail_links", "id", "expires_at < $1"),
            Self::ExpiredInvitations => {
                ("invitations", "id", "expires_at < $1 AND created_at < $1")
            }
            Self::AuditLog => ("audit_log", "id", "at < $1"),
            Self::SocialStates => ("social_states", "state_hash", "expires_at < $1"),
        }
    }
}

impl Store {
    /// Deletes all rows older than `before`; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn prune(&self, what: Prunable, before: TimestampMs) -> Result<u64, StoreError> {
        let (table, key, condition) = what.rows();
        // Most often there is nothing to delete. A DELETE on SQLite locks other writers out before
        // it reads.
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

    /// Returns the oldest outbox messages that were not taken and were written before `before`,
    /// with the values that [`Self::outbox_forget`] needs.
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
            // One that was taken meanwhile is deleted with those that were taken.
            outbox_message::Entity::delete_by_id(id)
                .filter(outbox_message::Column::ProcessedAt.is_null())
                .exec(&transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }
}
