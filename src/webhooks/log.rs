//! The log of an endpoint: the messages for it with the attempts, and how they are sent again.

use std::collections::HashMap;

use uuid::Uuid;

use super::{WebhookError, Webhooks};
use crate::ids::WebhookId;
use crate::inventory::TimestampMs;
use crate::store::{
    Answered, DeliveryFilter, DeliveryRow, DeliveryState, Key, WebhookAttemptRow,
    webhook_destination,
};

/// A message for an endpoint, and the attempts to send it.
#[derive(Clone, Debug)]
pub struct LoggedDelivery {
    /// The message.
    pub delivery: DeliveryRow,
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
        let filter = DeliveryFilter { state, destination: Some(webhook_destination(endpoint)) };
        let deliveries = self.store.delivery_list(&filter, cursor, limit).await?;
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

    /// Has a message sent again, from the first attempt on, with the same `webhook-id`; one that waits
    /// for its next attempt is sent at once. Returns it, and whether this repeats an earlier request with the key.
    ///
    /// # Errors
    /// [`WebhookError::NoSuchDelivery`]; [`WebhookError::StillWaiting`].
    pub async fn replay(
        &self,
        endpoint: WebhookId,
        delivery: Uuid,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<(DeliveryRow, bool), WebhookError> {
        self.endpoint(endpoint).await?;
        self.delivery(endpoint, delivery).await?;
        let answered = self.store.webhook_delivery_replay(endpoint, delivery, key, now).await?;
        if answered == Answered::Now(false) {
            return Err(WebhookError::StillWaiting);
        }
        Ok((self.delivery(endpoint, delivery).await?, matches!(answered, Answered::Before(_))))
    }

    /// Has all messages since a time sent again, delivered ones too: a receiver knows those that it has by their `webhook-id`. Returns how many, and whether this repeats an
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
    /// Returns one message for an endpoint.
    async fn delivery(&self, endpoint: WebhookId, id: Uuid) -> Result<DeliveryRow, WebhookError> {
        let found = self.store.delivery_get(id).await?;
        let is_its = |row: &DeliveryRow| row.destination == webhook_destination(endpoint);
        found.filter(is_its).ok_or(WebhookError::NoSuchDelivery)
    }
}
