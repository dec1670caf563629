//! Sessions of browsers: the tokens of accounts and guests in cookies that scripts cannot read.
//! An access token that expired is renewed before the page is made.

use actix_web::body::MessageBody;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, web};
use serde_json::json;

use crate::accounts::{AccountError, Caller, Session};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{CookieNames, is_from_our_pages};
use crate::http::respond;
use crate::http::state::AppState;
use crate::web::forms::{Form, see_other};
use crate::web::site::Site;
use crate::web::visitor::Visitor;

/// A session that was renewed while this request was under way.
#[derive(Clone)]
pub(crate) struct Renewed {
    pub(crate) caller: Caller,
    access: String,
    refresh: String,
}

/// Adds the routes of sessions.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/session/refresh").post(refresh))
        .service(web::resource("/sign-out").post(sign_out));
}

/// Renews the session of a request whose access token is missing or has expired.
pub(super) async fn renewed(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let renewed = renew(request.request()).await.ok().flatten();
    if let Some(renewed) = &renewed {
        request.extensions_mut().insert(renewed.clone());
    }
    let mut response = next.call(request).await?;
    let site = response.request().app_data::<web::Data<Site>>().expect("the server sets the site");
    let cookies = renewed.map(|renewed| cookies(site, renewed.access, renewed.refresh));
    // A handler that opened or ended a session has set cookies of its own.
    let has_own = response.response().cookies().any(|cookie| cookie.name().starts_with("__Host-"));
    for cookie in cookies.into_iter().flatten().filter(|_| !has_own) {
        let _ = response.response_mut().add_cookie(&cookie);
    }
    Ok(response)
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
    let caller = Caller { user: session.user.id, role: session.user.role };
    let Session { access_token: access, refresh_token: refresh, .. } = session;
    Ok(Some(Renewed { caller, access, refresh }))
}

/// The session of a buyer: the visitor's own, or one that was made for this request.
pub(crate) struct BuyerSession {
    pub(crate) caller: Caller,
    /// The access token of a session that was made just now.
    made: Option<String>,
}

impl BuyerSession {
    /// Puts a session that was made just now into the cookies of the answer.
    pub(crate) fn keep(self, response: &mut HttpResponse, site: &Site) {
        if let Some(token) = self.made {
            let lifetime = Duration::seconds(site.refresh_seconds);
            let _ = response.add_cookie(&cookie(site, site.cookies.access, token, lifetime));
        }
    }
}

/// Returns the visitor's session, or makes one for a guest.
///
/// # Errors
/// No session can be made.
pub(crate) fn of_buyer(_state: &AppState, visitor: &Visitor) -> Result<BuyerSession, ApiError> {
    Ok(BuyerSession { caller: visitor.caller()?, made: None })
}

/// Puts a session into the cookies of an answer.
pub(crate) fn open(response: &mut HttpResponse, site: &Site, session: Session) {
    for cookie in cookies(site, session.access_token, session.refresh_token) {
        let _ = response.add_cookie(&cookie);
    }
}

fn cookies(site: &Site, access: String, refresh: String) -> [Cookie<'static>; 2] {
    // The access token's own expiry counts; its cookie stays, so that the renewal notices.
    let seconds = Duration::seconds(site.refresh_seconds);
    [
        cookie(site, site.cookies.access, access, seconds),
        cookie(site, site.cookies.refresh, refresh, seconds),
    ]
}

/// Returns a cookie that only the server reads.
pub(crate) fn cookie(
    site: &Site,
    name: &'static str,
    value: String,
    lifetime: Duration,
) -> Cookie<'static> {
    Cookie::build(name, value)
        .path("/")
        .http_only(true)
        .secure(!site.allows_plain_http)
        .same_site(SameSite::Lax)
        .max_age(lifetime)
        .finish()
}

/// True if the browser will keep this server's cookies: over https, on localhost, or where the
/// operator allowed plain http. A proxy's header is trusted here, because it changes only advice.
pub(crate) fn keeps_cookies(request: &HttpRequest, site: &Site) -> bool {
    if site.allows_plain_http || request.connection_info().scheme() == "https" {
        return true;
    }
    let info = request.connection_info();
    let host = info.host();
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|digit| digit.is_ascii_digit()) { name } else { host }
    });
    let is_loopback = name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback());
    is_loopback || name == "localhost" || name.ends_with(".localhost") || name == "[::1]"
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
