//! Requests to a provider: bounded in time and size, following no redirect, and unencrypted to this
//! machine alone. A provider's metadata says where the next request goes, so the rule is that of the
//! setting, applied to every address.

use std::net::IpAddr;
use std::time::Duration;

use openidconnect::{HttpRequest, HttpResponse, http};
use reqwest::Url;

use super::error::SocialError;

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
    /// Its metadata leads to an address that is not called.
    #[error("it leads to an address that is not at https")]
    Unsafe,
    /// The answer is too large.
    #[error("the answer has more than {MAX_BYTES} bytes")]
    TooLarge,
}

/// Returns what the login ends with if a call had no answer.
pub(super) fn of_call(error: &NoAnswer) -> SocialError {
    match error {
        NoAnswer::TooLarge | NoAnswer::Unsafe => SocialError::Answer(error.to_string()),
        NoAnswer::Unreachable(_) | NoAnswer::Status(_) => {
            SocialError::Unavailable(error.to_string())
        }
    }
}

/// True if requests about identities may go to the address: at https, where a certificate proves who
/// answers, or on this machine.
#[must_use]
pub fn is_safe_address(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let inside = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let is_here = match inside.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost",
    };
    match url.scheme() {
        "https" => !host.is_empty(),
        "http" => is_here,
        _ => false,
    }
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
        let url: Url = parts.uri.to_string().parse().map_err(|_| NoAnswer::Unsafe)?;
        if !is_safe_address(&url) {
            return Err(NoAnswer::Unsafe);
        }
        let request = self.client.request(parts.method, url);
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
