//! Endpoints: how they are made, changed, tried and deleted by administrators.

use serde_json::json;

use super::kinds::kinds;
use super::resolver;
use super::secret::SigningSecret;
use super::sender::{Answered as Answer, Message, Unanswered};
use super::target;
use super::{WebhookError, Webhooks};
use crate::ids::{OfferingId, UserId, WebhookId, time_ordered};
use crate::inventory::TimestampMs;
use crate::store::{Answered, Key, WebhookChange, WebhookCreated, WebhookRow};
use crate::text::{self, InvalidField};

/// The most endpoints of a store: each message is offered to all of them.
pub const MOST_ENDPOINTS: u64 = 100;
/// How long the secret before a rotation signs too.
pub const PREVIOUS_FOR_MS: TimestampMs = 24 * 3_600_000;
const MAX_DESCRIPTION: usize = 500;
/// The most events of a filter.
const MAX_FILTER: usize = 100;
/// Why an endpoint is disabled that an administrator disabled.
const BY_ADMINISTRATOR: &str = "by an administrator";

/// An endpoint to make.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct EndpointDraft {
    pub url: String,
    pub description: String,
    /// Empty for all.
    pub kinds: Vec<String>,
    /// Empty for all.
    pub offerings: Vec<OfferingId>,
}

/// Changes of an endpoint; a field that is `None` stays as it is.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct EndpointEdit {
    pub url: Option<String>,
    pub description: Option<String>,
    pub kinds: Option<Vec<String>>,
    pub offerings: Option<Vec<OfferingId>>,
    pub enabled: Option<bool>,
}

/// What an endpoint said to a test message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ping {
    /// The header `webhook-id` of the message.
    pub message_id: String,
    /// True if a message would count as delivered.
    pub delivered: bool,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// Why there was no answer.
    pub error: Option<String>,
    /// The beginning of the answer.
    pub answer: Option<String>,
    /// How long the call took.
    pub duration_ms: u64,
}

impl Webhooks {
    /// Makes an endpoint with a fresh secret; returns it, and whether this repeats an earlier request
    /// with the key.
    ///
    /// # Errors
    /// The URL is not public or a value is not allowed; [`WebhookError::TooMany`].
    pub async fn create(
        &self,
        draft: &EndpointDraft,
        by: UserId,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<(WebhookRow, bool), WebhookError> {
        let row = WebhookRow {
            id: WebhookId(time_ordered(now.unsigned_abs())),
            url: self.url(&draft.url).await?,
            description: text::paragraph("description", &draft.description, MAX_DESCRIPTION)?,
            kinds: kinds(&draft.kinds)?,
            offerings: self.offerings(&draft.offerings).await?,
            secret: SigningSecret::draw().expose().to_owned(),
            previous: None,
            disabled: None,
            exhausted: 0,
            created_at: now,
            created_by: by,
            updated_at: now,
        };
        match self.store.webhook_create(&row, MOST_ENDPOINTS, key).await? {
            WebhookCreated::TooMany => Err(WebhookError::TooMany(MOST_ENDPOINTS)),
            WebhookCreated::Stored(Answered::Now(())) => Ok((row, false)),
            WebhookCreated::Stored(Answered::Before(id)) => {
                let id = id.parse().map_err(|_| WebhookError::NoSuchWebhook)?;
                Ok((self.endpoint(id).await?, true))
            }
        }
    }

    /// Returns one endpoint.
    ///
    /// # Errors
    /// [`WebhookError::NoSuchWebhook`].
    pub async fn endpoint(&self, id: WebhookId) -> Result<WebhookRow, WebhookError> {
        self.store.webhook_get(id).await?.ok_or(WebhookError::NoSuchWebhook)
    }

    /// Returns all endpoints, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn endpoints(&self) -> Result<Vec<WebhookRow>, WebhookError> {
        Ok(self.store.webhook_list().await?)
    }

    /// Changes an endpoint; returns it, and whether this repeats an earlier request with the key.
    ///
    /// # Errors
    /// As [`Self::create`]; [`WebhookError::NoSuchWebhook`].
    pub async fn change(
        &self,
        id: WebhookId,
        edit: &EndpointEdit,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<(WebhookRow, bool), WebhookError> {
        let old = self.endpoint(id).await?;
        let url = match &edit.url {
            Some(url) => Some(self.url(url).await?),
            None => None,
        };
        let offerings = match &edit.offerings {
            Some(offerings) => Some(self.offerings(offerings).await?),
            None => None,
        };
        let description = edit.description.as_ref();
        let description =
            description.map(|said| text::paragraph("description", said, MAX_DESCRIPTION));
        // One that is disabled already keeps its time and reason.
        let disabled = match edit.enabled {
            Some(true) => Some(None),
            Some(false) if old.disabled.is_none() => Some(Some(BY_ADMINISTRATOR.to_owned())),
            Some(false) | None => None,
        };
        let change = WebhookChange {
            url,
            description: description.transpose()?,
            kinds: edit.kinds.as_deref().map(kinds).transpose()?,
            offerings,
            disabled,
        };
        let answered = self.store.webhook_update(id, change, key, now).await?;
        Ok((self.endpoint(id).await?, matches!(answered, Answered::Before(_))))
    }

    /// Replaces the secret of an endpoint; the present one signs too for [`PREVIOUS_FOR_MS`]. Returns
    /// the endpoint, and whether this repeats an earlier request with the key.
    ///
    /// # Errors
    /// [`WebhookError::NoSuchWebhook`].
    pub async fn rotate(
        &self,
        id: WebhookId,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<(WebhookRow, bool), WebhookError> {
        let old = self.endpoint(id).await?;
        let (secret, until) = (SigningSecret::draw(), now + PREVIOUS_FOR_MS);
        let answered = self.store.webhook_rotate(&old, secret.expose(), until, key, now).await?;
        Ok((self.endpoint(id).await?, matches!(answered, Answered::Before(_))))
    }

    /// Deletes an endpoint; what waits for it is not sent. Returns whether this repeats an earlier
    /// request with the key.
    ///
    /// # Errors
    /// [`WebhookError::NoSuchWebhook`].
    pub async fn delete(
        &self,
        id: WebhookId,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<bool, WebhookError> {
        match self.store.webhook_delete(id, key, now).await? {
            Answered::Now(false) => Err(WebhookError::NoSuchWebhook),
            Answered::Now(true) => Ok(false),
            Answered::Before(_) => Ok(true),
        }
    }

    /// Sends a test message now, also to an endpoint that is disabled.
    ///
    /// # Errors
    /// [`WebhookError::NoSuchWebhook`].
    pub async fn ping(&self, id: WebhookId, now: TimestampMs) -> Result<Ping, WebhookError> {
        let row = self.endpoint(id).await?;
        let message_id = format!("ping_{}", time_ordered(now.unsigned_abs()).simple());
        let at = chrono::DateTime::from_timestamp_millis(now).unwrap_or_default();
        let body = json!({
            "id": message_id,
            "type": "webhook.ping",
            "name": "WebhookPing",
            "timestamp": at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            "data": { "webhookId": id },
        });
        let secrets = live_secrets(&row, now);
        let message = Message {
            url: &row.url,
            id: &message_id,
            body: &body.to_string(),
            secrets: &secrets.iter().collect::<Vec<_>>(),
            at_seconds: now.div_euclid(1_000),
        };
        let began = self.clock.monotonic();
        let sent = self.sender.send(&message).await;
        let took = self.clock.monotonic().saturating_sub(began);
        let (status, answer, error) = match sent {
            Ok(Answer { status, text, .. }) => (Some(status), Some(text), None),
            Err(Unanswered::Failed(error) | Unanswered::Impossible(error)) => {
                (None, None, Some(error))
            }
        };
        let delivered = status.is_some_and(|status| (200..300).contains(&status));
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        Ok(Ping { message_id, delivered, status, error, answer, duration_ms })
    }

    /// Checks the URL of an endpoint. A name that cannot be resolved now passes.
    async fn url(&self, text: &str) -> Result<String, WebhookError> {
        let url = target::parse(text, self.reach)?;
        let name = url.host_str().filter(|_| target::literal(&url).is_none());
        if let Some(name) = name
            && resolver::is_refused(name, self.reach).await
        {
            return Err(InvalidField::new("url", target::NOT_PUBLIC).into());
        }
        Ok(url.into())
    }

    /// Checks the offerings of a filter: an id that is none would silently filter everything out.
    async fn offerings(&self, offerings: &[OfferingId]) -> Result<Vec<OfferingId>, WebhookError> {
        if offerings.len() > MAX_FILTER {
            let reason = format!("must have at most {MAX_FILTER} items");
            return Err(InvalidField::new("eventIds", reason).into());
        }
        for (index, id) in offerings.iter().enumerate() {
            if self.store.event_get(*id).await?.is_none() {
                let field = format!("eventIds[{index}]");
                return Err(InvalidField::new(field, "is not the id of an event").into());
            }
        }
        Ok(offerings.to_vec())
    }
}

/// Returns the secrets that sign at `now`, the newest first.
pub(super) fn live_secrets(row: &WebhookRow, now: TimestampMs) -> Vec<SigningSecret> {
    let previous = row.previous.iter().filter(|(_, until)| now < *until);
    let all = [&row.secret].into_iter().chain(previous.map(|(secret, _)| secret));
    all.map(|secret| SigningSecret::stored(secret.clone())).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_previous_secret_signs_until_its_time() {
        let row = WebhookRow {
            id: WebhookId(Uuid::nil()),
            url: String::new(),
            description: String::new(),
            kinds: Vec::new(),
            offerings: Vec::new(),
            secret: "new".into(),
            previous: Some(("old".into(), 100)),
            disabled: None,
            exhausted: 0,
            created_at: 0,
            created_by: UserId(Uuid::nil()),
            updated_at: 0,
        };
        let at = |now| {
            let live = live_secrets(&row, now);
            live.iter().map(|secret| secret.expose().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(at(99), ["new", "old"]);
        assert_eq!(at(100), ["new"]);
    }
}
