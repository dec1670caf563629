//! Sessions of browsers: the access token in a cookie, in place of the header `Authorization`. A
//! browser sends cookies whichever page caused the request, so a request that changes something
//! must show that it comes from a page of this server.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header;
use actix_web::web;

use crate::config::Config;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::state::AppState;

/// The names of the cookies of sessions and devices.
#[derive(Clone, Copy, Debug)]
pub struct CookieNames {
    /// The cookie with the access token.
    pub access: &'static str,
    /// The cookie with the refresh token.
    pub refresh: &'static str,
    /// The cookie of a device that was signed in on.
    pub device: &'static str,
    /// The cookie by which a browser's claim of a guest's order is known again.
    pub claim: &'static str,
}

impl CookieNames {
    /// Returns the names. Browsers accept `__Host-` cookies only over https and from localhost.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        match config.allow_plain_http {
            true => Self {
                access: "admitone",
                refresh: "admitone-refresh",
                device: "admitone-device",
                claim: "admitone-claim",
            },
            false => Self {
                access: "__Host-admitone",
                refresh: "__Host-admitone-refresh",
                device: "__Host-device",
                claim: "__Host-claim",
            },
        }
    }
}

/// Returns the access token of the cookie, if there is one.
///
/// # Errors
/// [`ErrorCode::ForeignPage`]: the request changes something and comes from a page of another site.
pub(super) fn token(request: &HttpRequest) -> Result<Option<String>, ApiError> {
    let state = request.app_data::<web::Data<AppState>>().expect("the server sets its state");
    let Some(cookie) = request.cookie(CookieNames::of(&state.config).access) else {
        return Ok(None);
    };
    let only_reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !only_reads && !is_from_our_pages(request) {
        return Err(ApiError::of(ErrorCode::ForeignPage));
    }
    Ok(Some(cookie.value().to_owned()))
}

/// True if a page of this server caused the request: browsers state it in `Sec-Fetch-Site`, older
/// ones in `Origin`.
#[must_use]
pub fn is_from_our_pages(request: &HttpRequest) -> bool {
    let text = |name: header::HeaderName| request.headers().get(name)?.to_str().ok();
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site")) {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(header::ORIGIN) else { return false };
    let state = request.app_data::<web::Data<AppState>>().expect("the server sets its state");
    let host = text(header::HOST).unwrap_or_default();
    let is_host = origin.split_once("://").is_some_and(|(_, of)| of.eq_ignore_ascii_case(host));
    is_host || state.config.public_url.as_deref().is_some_and(|url| url == origin)
}
