//! The caller of a request, verified once: limits ask for it before the handler does.

use actix_web::http::header;
use actix_web::{HttpMessage, HttpRequest, web};

use super::session::CookieNames;
use crate::accounts::{Access, Caller, TokenError};
use crate::http::state::AppState;

/// Where a token stands in a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Header,
    Cookie,
}

/// What a token of this request is worth.
#[derive(Clone, Copy)]
struct Sighted {
    place: Place,
    verified: Result<Access, TokenError>,
}

/// Returns the caller that the token of a request names: that of the header, or else that of the cookie.
/// The extractors decide whether the caller may do what the request asks for.
#[must_use]
pub fn sighted_caller(request: &HttpRequest) -> Option<Caller> {
    if let Some(token) = token_of(request) {
        return verified(request, Place::Header, token).ok().map(|access| access.caller);
    }
    cookie_access(request).map(|access| access.caller)
}

/// Returns what the token of the cookie proves. The header `Authorization` does not count.
#[must_use]
pub fn cookie_access(request: &HttpRequest) -> Option<Access> {
    let state = request.app_data::<web::Data<AppState>>().expect("the server sets its state");
    let cookie = request.cookie(CookieNames::of(&state.config).access)?;
    verified(request, Place::Cookie, cookie.value()).ok()
}

/// Returns what the token in this place of the request proves.
pub(super) fn verified(
    request: &HttpRequest,
    place: Place,
    token: &str,
) -> Result<Access, TokenError> {
    let sighted = request.extensions().get::<Sighted>().copied();
    if let Some(sighted) = sighted.filter(|sighted| sighted.place == place) {
        return sighted.verified;
    }
    let state = request.app_data::<web::Data<AppState>>().expect("the server sets its state");
    let verified = state.accounts.access(token);
    request.extensions_mut().insert(Sighted { place, verified });
    verified
}

/// Returns the access token of a request, if it has one.
pub(super) fn token_of(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?;
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}
