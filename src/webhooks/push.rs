//! One attempt to deliver a message, as the relay asks for it: the call, its line in the log, and
//! what it means for the endpoint.

use std::time::Duration;

use serde_json::json;

use super::endpoints::live_secrets;
use super::sender::{Answered, Message, Unanswered};
use super::{Webhooks, metrics, retries};
use crate::ids::{WebhookId, time_ordered};
use crate::store::{StoreError, WebhookAttemptRow, WebhookRow};

/// The number of messages in a row, each given up after its last attempt, after which an endpoint is
/// disabled.
pub const GIVEN_UP: u32 = 5;

/// A delivery to the destination `webhook:<endpoint id>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// The endpoint.
    pub endpoint: WebhookId,
    /// The header `webhook-id`, the same at each attempt.
    pub message_id: String,
    /// The message, JSON; the same at each attempt.
    pub body: String,
    /// The number of this attempt, from 1.
    pub attempt: u32,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushOutcome {
    /// The endpoint took the message.
    Delivered {
        /// The status of the answer, from 200 to 299.
        status: u16,
    },
    /// It did not, and may later: see [`super::pause_after`].
    Later {
        /// The reason, for people.
        error: String,
        /// The status of the answer, if there was one.
        status: Option<u16>,
        /// The pause that the endpoint asked for.
        retry_after: Option<Duration>,
    },
    /// The endpoint answered 410: it wants no more messages and was disabled.
    Gone,
    /// It can never be delivered, for this reason.
    Never(String),
}

impl Webhooks {
    /// Sends a message once.
    pub async fn push(&self, push: &Push) -> PushOutcome {
        match self.try_push(push).await {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::warn!(endpoint = %push.endpoint, %error, "a webhook could not be handled");
                let error = "the database is not available".to_owned();
                PushOutcome::Later { error, status: None, retry_after: None }
            }
        }
    }

    /// Disables an endpoint, and tells the administrators if it was not disabled before.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn disable(&self, endpoint: WebhookId, reason: &str) -> Result<(), StoreError> {
        let Some(row) = self.store.webhook_get(endpoint).await? else { return Ok(()) };
        self.disable_for(&row, reason).await.map(|_| ())
    }

    async fn try_push(&self, push: &Push) -> Result<PushOutcome, StoreError> {
        let Some(row) = self.store.webhook_get(push.endpoint).await? else {
            return Ok(PushOutcome::Never("the webhook was deleted".into()));
        };
        if let Some(disabled) = &row.disabled {
            return Ok(PushOutcome::Never(format!("the webhook is disabled: {}", disabled.reason)));
        }
        let now = self.clock.now_ms();
        let secrets = live_secrets(&row, now);
        let message = Message {
            url: &row.url,
            id: &push.message_id,
            body: &push.body,
            secrets: &secrets.iter().collect::<Vec<_>>(),
            at_seconds: now.div_euclid(1_000),
        };
        let began = self.clock.monotonic();
        let sent = self.sender.send(&message).await;
        let took = self.clock.monotonic().saturating_sub(began);
        let answer = sent.as_ref().ok().map(|answer| answer.text.clone());
        let outcome = outcome_of(sent);
        metrics::attempt(label_of(&outcome));
        self.record(push, &outcome, answer, took).await;
        match &outcome {
            PushOutcome::Delivered { .. } if row.exhausted > 0 => {
                self.store.webhook_recovered(row.id).await?;
            }
            PushOutcome::Gone => {
                if self.disable_for(&row, "it answered 410 Gone").await? {
                    metrics::disabled("gone");
                }
            }
            PushOutcome::Later { error, .. } if retries::is_last(push.attempt) => {
                self.count_given_up(&row, error).await?;
            }
            PushOutcome::Delivered { .. } | PushOutcome::Later { .. } | PushOutcome::Never(_) => {}
        }
        Ok(outcome)
    }

    /// Counts a message that is given up with this attempt, and disables an endpoint that takes none
    /// any more.
    async fn count_given_up(&self, row: &WebhookRow, error: &str) -> Result<(), StoreError> {
        if self.store.webhook_exhausted(row.id).await? < GIVEN_UP {
            return Ok(());
        }
        let reason = format!("{GIVEN_UP} messages in a row were given up; the last error: {error}");
        if self.disable_for(row, &reason).await? {
            metrics::disabled("failing");
        }
        Ok(())
    }

    async fn disable_for(&self, row: &WebhookRow, reason: &str) -> Result<bool, StoreError> {
        let notice =
            json!({ "webhookId": row.id, "url": without_query(&row.url), "reason": reason });
        let now = self.clock.now_ms();
        let is_new = self.store.webhook_disable(row.id, reason, &notice, now).await?;
        if is_new {
            tracing::warn!(endpoint = %row.id, reason, "a webhook was disabled");
        }
        Ok(is_new)
    }

    /// Writes the attempt to the log. A message that was sent counts even if this fails.
    async fn record(
        &self,
        push: &Push,
        outcome: &PushOutcome,
        answer: Option<String>,
        took: Duration,
    ) {
        let now = self.clock.now_ms();
        let (status, error) = match outcome {
            PushOutcome::Delivered { status } => (Some(*status), None),
            PushOutcome::Later { error, status, .. } => (*status, Some(error.clone())),
            PushOutcome::Gone => (Some(410), Some("the endpoint wants no more messages".into())),
            PushOutcome::Never(error) => (None, Some(error.clone())),
        };
        let row = WebhookAttemptRow {
            id: time_ordered(now.unsigned_abs()),
            endpoint: push.endpoint,
            message_id: push.message_id.clone(),
            attempt: push.attempt,
            at: now,
            status,
            error,
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            answer,
        };
        if let Err(error) = self.store.webhook_attempt_add(&row).await {
            tracing::warn!(endpoint = %push.endpoint, %error, "an attempt is missing in the log");
        }
    }
}

/// Returns what an answer means: any status from 200 to 299 is a success, 410 ends all, and
/// everything else is tried again.
fn outcome_of(sent: Result<Answered, Unanswered>) -> PushOutcome {
    let later = |error, status, retry_after| PushOutcome::Later { error, status, retry_after };
    match sent {
        Ok(Answered { status: status @ 200..300, .. }) => PushOutcome::Delivered { status },
        Ok(Answered { status: 410, .. }) => PushOutcome::Gone,
        Ok(Answered { status, retry_after, .. }) => {
            let error = match status {
                300..400 => format!("it answered {status}, and redirects are not followed"),
                _ => format!("it answered {status}"),
            };
            later(error, Some(status), retry_after)
        }
        Err(Unanswered::Failed(error)) => later(error, None, None),
        Err(Unanswered::Impossible(error)) => PushOutcome::Never(error),
    }
}

fn label_of(outcome: &PushOutcome) -> &'static str {
    match outcome {
        PushOutcome::Delivered { .. } => "delivered",
        PushOutcome::Later { status: Some(_), .. } => "answered",
        PushOutcome::Later { status: None, .. } => "unanswered",
        PushOutcome::Gone => "gone",
        PushOutcome::Never(_) => "impossible",
    }
}

/// Returns a URL for a mail: its query may hold a secret of the receiver.
fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_mean_what_the_specification_says() {
        let answered = |status| {
            let retry_after = Some(Duration::from_secs(9));
            outcome_of(Ok(Answered { status, text: String::new(), retry_after }))
        };
        for status in [200, 201, 204, 299] {
            assert_eq!(answered(status), PushOutcome::Delivered { status });
        }
        assert_eq!(answered(410), PushOutcome::Gone);
        for status in [100, 199, 300, 302, 400, 401, 404, 409, 411, 429, 500, 503, 999] {
            let outcome = answered(status);
            let PushOutcome::Later { error, status: of, retry_after } = outcome else { panic!() };
            assert_eq!((of, retry_after), (Some(status), Some(Duration::from_secs(9))));
            assert_eq!(error.contains("redirects"), (300..400).contains(&status), "{error}");
        }
        let never = outcome_of(Err(Unanswered::Impossible("x".into())));
        assert_eq!(never, PushOutcome::Never("x".into()));
        assert_eq!(without_query("https://a.example/b?token=c"), "https://a.example/b");
    }
}
