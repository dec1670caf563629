//! Sessions of browsers: an access token that expired is renewed before the page is made, and
//! signing out ends the session.

use actix_web::body::MessageBody;
use actix_web::cookie::time::Duration;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, web};
use serde_json::json;

use crate::accounts::{AccountError, Caller, Session};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{CookieNames, is_from_our_pages};
use crate::http::respond;
use crate::http::state::AppState;
use crate::web::cookies::{Renewed, cookie, cookies, of_buyer};
use crate::web::forms::{Form, see_other};
use crate::web::site::Site;
use crate::web::visitor::Visitor;

/// Adds the routes of sessions.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/session/guest").post(guest))
        .service(web::resource("/session/refresh").post(refresh))
        .service(web::resource("/sign-out").post(sign_out));
}

/// Renews the session of a request whose access token is missing or has expired.
pub(super) async fn renewed(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let renewed = match is_for_everyone(request.path()) {
        true => None,
        false => renew(request.request()).await.ok().flatten(),
    };
    if let Some(renewed) = &renewed {
        request.extensions_mut().insert(renewed.clone());
    }
    let mut response = next.call(request).await?;
    let site = response.request().app_data::<web::Data<Site>>().expect("the server sets the site");
    let cookies = renewed.map(|renewed| cookies(site, renewed.access, renewed.refresh));
    // A handler that opened or ended a session has set cookies of its own.
    let names = site.cookies;
    let is_of_session = |name: &str| name == names.access || name == names.refresh;
    let has_own = response.response().cookies().any(|cookie| is_of_session(cookie.name()));
    for cookie in cookies.into_iter().flatten().filter(|_| !has_own) {
        let _ = response.response_mut().add_cookie(&cookie);
    }
    Ok(response)
}

/// True for answers that caches share, which must carry no one's session.
fn is_for_everyone(path: &str) -> bool {
    const FILES: [&str; 4] = ["/favicon.ico", "/sw.js", "/site.webmanifest", "/offline"];
    path.starts_with("/assets/") || FILES.contains(&path)
}

/// Exchanges the refresh token of the cookies, if the access token is no longer valid.
///
/// # Errors
/// The refresh token is not valid, or the store failed.
async fn renew(request: &HttpRequest) -> Result<Option<Renewed>, AccountError> {
    let state = request.app_data::<web::Data<AppState>>().expect("the server sets its state");
    let names = CookieNames::of(&state.config);
    let access = request.cookie(names.access);
    if access.is_some_and(|cookie| state.accounts.verify(cookie.value()).is_ok()) {
        return Ok(None);
    }
    let Some(refresh) = request.cookie(names.refresh) else { return Ok(None) };
    // Two tabs renew at the same time with the same token: with a key, both get the same answer.
    let session = state.accounts.refresh(refresh.value(), Some("pages")).await?;
    let caller = Caller::account(session.user.id, session.user.role);
    let Session { access_token: access, refresh_token: refresh, .. } = session;
    Ok(Some(Renewed { caller, access, refresh }))
}

/// Makes a guest's session for a script, if the browser has none.
async fn guest(
    state: web::Data<AppState>,
    request: HttpRequest,
    visitor: Visitor,
) -> Result<HttpResponse, ApiError> {
    if !is_from_our_pages(&request) {
        return Err(ApiError::of(ErrorCode::ForeignPage));
    }
    if visitor.caller.is_some() {
        return Ok(respond::ok(&json!({ "kind": visitor.kind() })));
    }
    let session = of_buyer(&state, None)?;
    let mut response = respond::created(&json!({ "kind": "guest" }));
    session.keep(&mut response, &visitor.site);
    Ok(response)
}

/// Renews the session for a script whose request was refused with an expired token.
async fn refresh(request: HttpRequest, visitor: Visitor) -> Result<HttpResponse, ApiError> {
    if !is_from_our_pages(&request) {
        return Err(ApiError::of(ErrorCode::ForeignPage));
    }
    visitor.caller()?;
    Ok(respond::ok(&json!({ "kind": visitor.kind() })))
}

#[derive(serde::Deserialize)]
struct Nothing {}

/// Ends the session.
async fn sign_out(
    state: web::Data<AppState>,
    request: HttpRequest,
    visitor: Visitor,
    _: Form<Nothing>,
) -> Result<HttpResponse, ApiError> {
    let site = &visitor.site;
    if let Some(refresh) = request.cookie(site.cookies.refresh) {
        state.accounts.logout(refresh.value()).await?;
    }
    let mut response = see_other("/?notice=signed_out");
    for name in [site.cookies.access, site.cookies.refresh] {
        let _ = response.add_cookie(&cookie(site, name, String::new(), Duration::ZERO));
    }
    Ok(response)
}
