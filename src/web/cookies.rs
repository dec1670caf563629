//! The cookies of sessions: the tokens of accounts and guests, which scripts cannot read.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use uuid::Uuid;

use crate::accounts::{Caller, Session};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::state::AppState;
use crate::web::site::Site;

/// A session that was renewed while this request was under way.
#[derive(Clone)]
pub(crate) struct Renewed {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// The session of this request's browser could not be renewed, and may live: its owner is no guest.
#[derive(Clone, Copy)]
pub(crate) struct NotRenewed;

/// The session of this request's browser has ended: elsewhere, as the browser kept its cookies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EndedElsewhere;

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
/// No session can be made, or that of the visitor could not be renewed.
pub(crate) fn of_buyer(
    state: &AppState,
    caller: Result<Caller, ApiError>,
) -> Result<BuyerSession, ApiError> {
    match caller {
        Ok(caller) => return Ok(BuyerSession { caller, made: None }),
        Err(error) if error.code() == ErrorCode::Unavailable => return Err(error),
        Err(_) => {}
    }
    let guest = state.accounts.guest()?;
    let caller = Caller::guest(guest.user);
    Ok(BuyerSession { caller, made: Some(guest.access_token) })
}

/// Puts a guest's session into the cookies of an answer, in place of any other.
pub(crate) fn open_guest(response: &mut HttpResponse, site: &Site, token: String) {
    let lifetime = Duration::seconds(site.refresh_seconds);
    let _ = response.add_cookie(&cookie(site, site.cookies.access, token, lifetime));
    let ended = cookie(site, site.cookies.refresh, String::new(), Duration::ZERO);
    let _ = response.add_cookie(&ended);
}

/// Remembers on the device that its owner has signed in.
pub(crate) fn keep_device(response: &mut HttpResponse, site: &Site, token: String) {
    let kept = cookie(site, site.cookies.device, token, Duration::days(180));
    let _ = response.add_cookie(&kept);
}

/// Makes the claims of a browser known again: an answer that was lost is asked for once more.
pub(crate) fn mark_claim(response: &mut HttpResponse, request: &HttpRequest, site: &Site) {
    let name = site.cookies.claim;
    let known = request.cookie(name).map(|known| known.value().to_owned());
    // The hour begins anew with each look at the form.
    let mark = known.unwrap_or_else(|| Uuid::new_v4().to_string());
    let _ = response.add_cookie(&cookie(site, name, mark, Duration::hours(1)));
}

/// Puts a session into the cookies of an answer.
pub(crate) fn open(response: &mut HttpResponse, site: &Site, session: Session) {
    for cookie in cookies(site, session.access_token, session.refresh_token) {
        let _ = response.add_cookie(&cookie);
    }
}

/// Takes the session's cookies away.
pub(crate) fn close(response: &mut HttpResponse, site: &Site) {
    for name in [site.cookies.access, site.cookies.refresh] {
        let _ = response.add_cookie(&cookie(site, name, String::new(), Duration::ZERO));
    }
}

pub(crate) fn cookies(site: &Site, access: String, refresh: String) -> [Cookie<'static>; 2] {
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

/// True if the browser sent a cookie, and so keeps those of this server.
pub(crate) fn sent_any(request: &HttpRequest) -> bool {
    // Of one that is no text the others are unreadable too, but they were kept.
    request.headers().get(header::COOKIE).is_some_and(|value| !value.is_empty())
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
