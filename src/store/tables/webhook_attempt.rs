//! The log of attempts to send messages to endpoints.

use entities::webhook_attempt;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::ids::WebhookId;
use crate::inventory::TimestampMs;
use crate::store::{Store, StoreError};

/// The most attempts that are read at a time: a page of messages with all their attempts.
const MOST: u64 = 2_000;

/// One attempt to send a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct WebhookAttemptRow {
    pub id: Uuid,
    pub endpoint: WebhookId,
    pub message_id: String,
    /// Its number, from 1.
    pub attempt: u32,
    pub at: TimestampMs,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// Why the message does not count as delivered.
    pub error: Option<String>,
    pub duration_ms: u64,
    /// The beginning of the answer's body.
    pub answer: Option<String>,
}

impl Store {
    /// Records an attempt.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn webhook_attempt_add(&self, row: &WebhookAttemptRow) -> Result<(), StoreError> {
        let row = webhook_attempt::ActiveModel {
            id: Set(row.id),
            endpoint_id: Set(row.endpoint.0),
            message_id: Set(row.message_id.clone()),
            attempt: Set(i64::from(row.attempt)),
            at: Set(row.at),
            status: Set(row.status.map(i32::from)),
            error: Set(row.error.clone()),
            duration_ms: Set(i64::try_from(row.duration_ms).unwrap_or(i64::MAX)),
            answer: Set(row.answer.clone()),
        };
        webhook_attempt::Entity::insert(row).exec_without_returning(self.writes()).await?;
        Ok(())
    }

    /// Returns the attempts to send these messages to an endpoint, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn webhook_attempts(
        &self,
        endpoint: WebhookId,
        messages: &[&str],
    ) -> Result<Vec<WebhookAttemptRow>, StoreError> {
        let found = webhook_attempt::Entity::find()
            .filter(webhook_attempt::Column::EndpointId.eq(endpoint.0))
            .filter(webhook_attempt::Column::MessageId.is_in(messages.iter().copied()))
            .order_by_asc(webhook_attempt::Column::At)
            .order_by_asc(webhook_attempt::Column::Attempt)
            .order_by_asc(webhook_attempt::Column::Id)
            .limit(MOST)
            .all(self.reads())
            .await?;
        Ok(found.into_iter().map(row_of).collect())
    }
}

fn row_of(row: webhook_attempt::Model) -> WebhookAttemptRow {
    WebhookAttemptRow {
        id: row.id,
        endpoint: WebhookId(row.endpoint_id),
        message_id: row.message_id,
        attempt: u32::try_from(row.attempt).unwrap_or(u32::MAX),
        at: row.at,
        status: row.status.and_then(|status| u16::try_from(status).ok()),
        error: row.error,
        duration_ms: row.duration_ms.unsigned_abs(),
        answer: row.answer,
    }
}
