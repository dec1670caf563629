//! Sessions of browsers: an access token that expired is renewed before the page is made, signing out
//! ends the session, and a browser that refuses its cookies is told so.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, web};
use maud::html;
use serde_json::json;

use crate::accounts::{AccountError, Session};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{CookieNames, cookie_access, is_from_our_pages};
use crate::http::respond;
use crate::http::state::AppState;
use crate::web::cookies::{
    self, EndedElsewhere, NotRenewed, Renewed, cookies, keeps_cookies, of_buyer, sent_any,
};
use crate::web::forms::{Form, local_path, see_other};
use crate::web::layout::{self, Page};
use crate::web::site::Site;
use crate::web::visitor::Visitor;

/// The key of renewals by pages; no `Idempotency-Key` of the API can have this text.
const PAGES_KEY: &str = "\0pages";

/// Adds the routes of sessions.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/session/guest").post(guest))
        .service(web::resource("/session/check").get(check))
        .service(web::resource("/session/refresh").post(refresh))
        .service(web::resource("/sign-out").post(sign_out));
}

/// Renews the session of a request whose access token is missing or has expired.
pub(super) async fn renewed(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    // As the router reads it: percent-decoded.
    let renewed = match is_for_everyone(request.match_info().as_str()) {
        true => Ok(None),
        false => renew(request.request()).await,
    };
    let renewed = match renewed {
        Ok(renewed) => renewed,
        Err(AccountError::RefreshRefused | AccountError::RefreshReused) => {
            request.extensions_mut().insert(EndedElsewhere);
            None
        }
        Err(error) => {
            tracing::warn!(%error, "the session of a browser was not renewed");
            request.extensions_mut().insert(NotRenewed);
            None
        }
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
    if cookie_access(request).is_some() {
        return Ok(None);
    }
    let Some(refresh) = request.cookie(names.refresh) else { return Ok(None) };
    // Two tabs renew at the same time with the same token: with a key, both get the same answer.
    let session = state.accounts.refresh(refresh.value(), Some(PAGES_KEY)).await?;
    let Session { access_token: access, refresh_token: refresh, .. } = session;
    Ok(Some(Renewed { access, refresh }))
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
    let session = of_buyer(&state, visitor.caller())?;
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

/// Leads to a page after a session was opened. A browser that has sent no cookie may keep none: it
/// goes by way of the check.
pub(super) fn lead_on(request: &HttpRequest, path: &str) -> HttpResponse {
    if sent_any(request) {
        return see_other(path);
    }
    let back = form_urlencoded::byte_serialize(path.as_bytes()).collect::<String>();
    see_other(&format!("/session/check?back={back}"))
}

#[derive(serde::Deserialize)]
struct Back {
    #[serde(default)]
    back: String,
}

/// Leads on if the session's cookie came back; else says why the visitor would not be signed in.
async fn check(request: HttpRequest, visitor: Visitor, query: web::Query<Back>) -> HttpResponse {
    let back = local_path(&query.back);
    if visitor.caller.is_some() {
        return see_other(back);
    }
    let title = visitor.text("error_page.no_cookies");
    let back = form_urlencoded::byte_serialize(back.as_bytes()).collect::<String>();
    let main = html! {
        section.notice-page {
            h1 { (title) }
            p role="alert" { (cookie_advice(&request, &visitor)) }
            p.actions {
                a.button href={ "/sign-in?back=" (back) } { (visitor.text("error_page.retry")) }
                a.button.quiet href="/" { (visitor.text("error_page.start")) }
            }
        }
    };
    layout::render(&visitor, Page::new(title).main(main))
}

/// Says what to do so that the browser keeps cookies.
pub(super) fn cookie_advice(request: &HttpRequest, visitor: &Visitor) -> &'static str {
    visitor.text(match keeps_cookies(request, &visitor.site) {
        true => "error_page.allow_cookies",
        false => "account.needs_https",
    })
}

/// Ends the session that the browser had: its refresh token would live on without a cookie.
pub(super) async fn end_earlier(state: &AppState, request: &HttpRequest, visitor: &Visitor) {
    if let Some(refresh) = request.cookie(visitor.site.cookies.refresh)
        && let Err(error) = state.accounts.logout(refresh.value()).await
    {
        tracing::warn!(%error, "an earlier session of a browser was not ended");
    }
}

#[derive(serde::Deserialize)]
struct Nothing {}

/// Ends the session of each token that the browser has: a refresh token that is not known to the server, and
/// is of another session, ends none in its place.
async fn sign_out(
    state: web::Data<AppState>,
    request: HttpRequest,
    visitor: Visitor,
    _: Form<Nothing>,
) -> Result<HttpResponse, ApiError> {
    let site = &visitor.site;
    if let Some((access, session)) = visitor.access.and_then(|it| Some((it, it.session?))) {
        match state.accounts.end_session(access.caller.user, session).await {
            Ok(()) | Err(AccountError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(refresh) = request.cookie(site.cookies.refresh) {
        state.accounts.logout(refresh.value()).await?;
    }
    let mut response = see_other("/?notice=signed_out");
    cookies::close(&mut response, site);
    Ok(response)
}
