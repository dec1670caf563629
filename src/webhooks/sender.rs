//! One signed HTTP call to an endpoint: bounded in time and in what it reads, to public addresses
//! only, redirects not followed. It knows no store and decides nothing about retries.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use tokio::time::Instant;

use super::resolver::{NotPublic, Resolver};
use super::secret::SigningSecret;
use super::target::{self, Reach};
use crate::text::InvalidField;
use crate::tls;

/// The longest that a call may take, from the name's resolution to the end of the answer.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes of an answer that are read, so that the connection can be used again.
const MAX_ANSWER: usize = 64 * 1_024;
/// The bytes of an answer that are kept.
const KEPT: usize = 1_024;
/// The most characters of an error that are kept.
const MAX_ERROR: usize = 300;
/// Idle connections to one endpoint, and how long they are kept.
const MAX_IDLE: usize = 4;
const IDLE: Duration = Duration::from_secs(30);

/// A message to send.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) url: &'a str,
    /// The header `webhook-id`.
    pub(super) id: &'a str,
    pub(super) body: &'a str,
    /// The live secrets, the newest first.
    pub(super) secrets: &'a [&'a SigningSecret],
    /// The header `webhook-timestamp`.
    pub(super) at_seconds: i64,
}

/// An answer of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answered {
    pub(super) status: u16,
    /// The beginning of the body, without control characters.
    pub(super) text: String,
    pub(super) retry_after: Option<Duration>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// The call failed and may succeed later.
    Failed(String),
    /// The call can never be made as it is.
    Impossible(String),
}

/// The HTTP client of all endpoints.
pub(super) struct Sender {
    client: Client,
    reach: Reach,
    timeout: Duration,
}

impl Sender {
    /// Returns a sender that gives up a call after `timeout`.
    ///
    /// # Errors
    /// The operating system lacks a resource.
    pub(super) fn new(reach: Reach, timeout: Duration) -> Result<Self, anyhow::Error> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls::client_config()?)
            .dns_resolver(Arc::new(Resolver(reach)))
            .redirect(Policy::none())
            // A proxy would resolve names by itself.
            .no_proxy()
            .referer(false)
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(MAX_IDLE)
            .pool_idle_timeout(IDLE)
            .user_agent(concat!("admitone/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, reach, timeout })
    }

    /// Sends a message and returns what the endpoint said.
    pub(super) async fn send(&self, message: &Message<'_>) -> Result<Answered, Unanswered> {
        // The resolver sees no literal address, and the setting may have changed since the endpoint
        // was made.
        let url =
            target::parse(message.url, self.reach).map_err(|InvalidField { reason, .. }| {
                Unanswered::Impossible(format!("the URL {reason}"))
            })?;
        let signatures: Option<Vec<String>> = message
            .secrets
            .iter()
            .map(|secret| secret.sign(message.id, message.at_seconds, message.body))
            .collect();
        let Some(signatures) = signatures else {
            return Err(Unanswered::Impossible("the secret is damaged: rotate it".into()));
        };
        let until = Instant::now() + self.timeout;
        let call = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", message.id)
            .header("webhook-timestamp", message.at_seconds)
            .header("webhook-signature", signatures.join(" "))
            .body(message.body.to_owned());
        match tokio::time::timeout_at(until, call.send()).await {
            Ok(Ok(response)) => Ok(read(response, until).await),
            Ok(Err(error)) => Err(Unanswered::Failed(describe(&error))),
            Err(_) => Err(Unanswered::Failed(self.too_late())),
        }
    }

    fn too_late(&self) -> String {
        format!("no answer within {} s", self.timeout.as_secs_f64())
    }
}

/// Reads an answer. Its status is what counts, so a body that is too long or too slow is cut off.
async fn read(mut response: Response, until: Instant) -> Answered {
    let status = response.status().as_u16();
    let retry_after = retry_after(response.headers());
    let (mut kept, mut total) = (Vec::new(), 0);
    while total < MAX_ANSWER {
        let Ok(Ok(Some(chunk))) = tokio::time::timeout_at(until, response.chunk()).await else {
            break;
        };
        total += chunk.len();
        let room = KEPT.saturating_sub(kept.len());
        kept.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Answered { status, text: clean(&String::from_utf8_lossy(&kept), KEPT), retry_after }
}

/// Returns the seconds of `Retry-After`; its other form, a date, is rare and would need the clock of
/// the endpoint.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// Describes a failed call without its URL, which may hold a secret of the receiver.
fn describe(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
        if cause.is::<NotPublic>() {
            break;
        }
    }
    let what = if error.is_connect() { "cannot connect: " } else { "the call failed: " };
    clean(&format!("{what}{cause}"), MAX_ERROR)
}

/// Returns the beginning of a text, with a space for each control character and for marks that turn
/// the direction of writing.
fn clean(text: &str, most: usize) -> String {
    let plain = |c: char| {
        let is_mark = matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || is_mark { ' ' } else { c }
    };
    text.trim().chars().take(most).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn answers_are_kept_without_what_disturbs_a_terminal_or_a_page() {
        assert_eq!(clean(" a\u{1b}[31mb\r\n\0c\u{202e}d ", 100), "a [31mb   c d");
        assert_eq!(clean("한국어", 2), "한국");
    }

    #[test]
    fn retry_after_is_read_as_seconds() {
        for (text, expected) in [
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("0", Some(0)),
            ("-1", None),
            ("soon", None),
            ("Wed, 21 Oct 2026 07:28:00 GMT", None),
            ("99999999999999999999999", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_str(text).unwrap());
            assert_eq!(retry_after(&headers), expected.map(Duration::from_secs), "{text}");
        }
    }
}
