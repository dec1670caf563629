//! Requests to a provider: bounded in time and size, following no redirect, and never unencrypted to a
//! provider that is reached by https.

use std::time::Duration;

use openidconnect::{HttpRequest, HttpResponse, http};

/// After which an answer counts as lost.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer that is read, in bytes.
const MAX_BYTES: usize = 256 * 1_024;

/// Why a provider gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    /// It cannot be reached, or takes too long.
    #[error("{0}")]
    Unreachable(String),
    /// It reports a fault of its own, or too many requests.
    #[error("the answer was {0}")]
    Status(u16),
    /// The answer is too large.
    #[error("the answer has more than {MAX_BYTES} bytes")]
    TooLarge,
}

/// A client of one provider.
#[derive(Clone)]
pub(super) struct ProviderHttp {
    client: reqwest::Client,
}

impl ProviderHttp {
    /// Returns a client for a provider at `url`; `None` if the machine can make none.
    pub(super) fn new(url: &str) -> Option<Self> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(crate::tls::client_config().ok()?)
            .https_only(url.starts_with("https://"))
            .timeout(TIMEOUT)
            .connect_timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build();
        Some(Self { client: client.ok()? })
    }

    /// Sends a request and reads the whole answer.
    pub(super) async fn call(&self, request: HttpRequest) -> Result<HttpResponse, NoAnswer> {
        let unreachable = |error: reqwest::Error| {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            NoAnswer::Unreachable(source.unwrap_or_else(|| error.without_url().to_string()))
        };
        let (parts, body) = request.into_parts();
        let request = self.client.request(parts.method, parts.uri.to_string());
        let sent = request.headers(parts.headers).body(body).send().await;
        let mut answer = sent.map_err(unreachable)?;
        let status = answer.status();
        if status.is_server_error() || status.as_u16() == 429 {
            return Err(NoAnswer::Status(status.as_u16()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
            if bytes.len() + chunk.len() > MAX_BYTES {
                return Err(NoAnswer::TooLarge);
            }
            bytes.extend_from_slice(&chunk);
        }
        let mut response = http::Response::new(bytes);
        *response.status_mut() = status;
        *response.headers_mut() = answer.headers().clone();
        Ok(response)
    }
}
