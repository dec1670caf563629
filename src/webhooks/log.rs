//! The log of an endpoint: the messages for it with the attempts, and how they are sent again.

use std::collections::HashMap;

use uuid::Uuid;

use super::{WebhookError, Webhooks};
use crate::ids::WebhookId;
use crate::inventory::TimestampMs;
use crate::store::{Answered, DeliveryState, Key, WebhookAttemptRow, WebhookDeliveryRow};

/// A message for an endpoint, and the attempts to send it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedDelivery {
    /// The message.
    pub delivery: WebhookDeliveryRow,
    /// The attempts, oldest first, as far as the log goes back.
    pub attempts: Vec<WebhookAttemptRow>,
}

impl Webhooks {
    /// Returns the messages for an endpoint, newest first, after `cursor`; at most `limit`.
    ///
    /// # Errors
    /// [`WebhookError::NoSuchWebhook`].
    pub async fn deliveries(
        &self,
        endpoint: WebhookId,
        state: Option<DeliveryState>,
        cursor: Option<(TimestampMs, Uuid)>,
        limit: u64,
    ) -> Result<Vec<LoggedDelivery>, WebhookError> {
        self.endpoint(endpoint).await?;
        let deliveries = self.store.webhook_deliveries(endpoint, state, cursor, limit).await?;
        let ids: Vec<&str> = deliveries.iter().map(|row| &*row.message_id).collect();
        let mut attempts: HashMap<String, Vec<WebhookAttemptRow>> = HashMap::new();
        for attempt in self.store.webhook_attempts(endpoint, &ids).await? {
            attempts.entry(attempt.message_id.clone()).or_default().push(attempt);
        }
        let logged = deliveries.into_iter().map(|delivery| LoggedDelivery {
            attempts: attempts.remove(&delivery.message_id).unwrap_or_default(),
            delivery,
        });
        Ok(logged.collect())
    }

    /// Has a message sent again, from the first attempt on, with the same `webhook-id`. Returns it,
    /// and whether this repeats an earlier request with the key.
    ///
    /// # Errors
    /// [`WebhookError::NoSuchDelivery`]; [`WebhookError::StillWaiting`].
    pub async fn replay(
        &self,
        endpoint: WebhookId,
        delivery: Uuid,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<(WebhookDeliveryRow, bool), WebhookError> {
        self.endpoint(endpoint).await?;
        let find = self.store.webhook_delivery_get(endpoint, delivery);
        find.await?.ok_or(WebhookError::NoSuchDelivery)?;
        let answered = self.store.webhook_delivery_replay(endpoint, delivery, key, now).await?;
        if answered == Answered::Now(false) {
            return Err(WebhookError::StillWaiting);
        }
        let find = self.store.webhook_delivery_get(endpoint, delivery);
        let row = find.await?.ok_or(WebhookError::NoSuchDelivery)?;
        Ok((row, matches!(answered, Answered::Before(_))))
    }

    /// Has all messages since a time sent again that do not wait, delivered ones too: a receiver
    /// knows those that it has by their `webhook-id`. Returns how many, and whether this repeats an
    /// earlier request with the key.
    ///
    /// # Errors
    /// [`WebhookError::NoSuchWebhook`].
    pub async fn replay_since(
        &self,
        endpoint: WebhookId,
        since: TimestampMs,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<(u64, bool), WebhookError> {
        self.endpoint(endpoint).await?;
        match self.store.webhook_deliveries_replay(endpoint, since, key, now).await? {
            Answered::Now(count) => Ok((count, false)),
            Answered::Before(count) => Ok((count.parse().unwrap_or_default(), true)),
        }
    }
}
