//! Forms: their values, the proof that they come from these pages, and the redirect afterwards.
//!
//! A browser sends its cookies with every request, whichever page caused it. So a request that
//! changes something must come from a page of this server, which browsers state in
//! `Sec-Fetch-Site` and older ones in `Origin`.

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{is_from_our_pages, read_plain};

/// The largest form in bytes: a description of 10,000 characters, percent-encoded.
const MAX_BYTES: usize = 512 * 1_024;
/// The largest form of a venue, into which a plan may be pasted.
const MAX_PLAN_BYTES: usize = 8 * 1_024 * 1_024;

/// The largest form of terms: a text of 50,000 characters, percent-encoded.
const MAX_TERMS_BYTES: usize = 768 * 1_024;

fn limit_of(path: &str) -> usize {
    match path {
        path if path.starts_with("/organiser/venues") => MAX_PLAN_BYTES,
        path if path.starts_with("/organiser/terms") => MAX_TERMS_BYTES,
        _ => MAX_BYTES,
    }
}

/// The values of a form that one of these pages sent.
pub(crate) struct Form<T>(pub(crate) T);

impl<T: DeserializeOwned + 'static> FromRequest for Form<T> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_ours = is_from_our_pages(request);
        let body = read_plain(request, payload, limit_of(request.path()));
        Box::pin(async move {
            if !is_ours {
                return Err(ApiError::of(ErrorCode::ForeignPage));
            }
            let body = body.await?;
            let pairs = form_urlencoded::parse(&body);
            let read = serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(pairs));
            read.map(Self).map_err(|error| {
                ApiError::invalid(&error.path().to_string(), error.inner().to_string())
            })
        })
    }
}

/// Sends the browser to another page with GET, so that reloading it sends nothing twice.
pub(crate) fn see_other(path: &str) -> HttpResponse {
    let location = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    HttpResponse::SeeOther().insert_header((header::LOCATION, location)).finish()
}

/// Returns a path of this server, or the start page: a form must not lead to another site.
pub(crate) fn local_path(path: &str) -> &str {
    let is_local = path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && path.bytes().all(|byte| byte.is_ascii_graphic());
    if is_local { path } else { "/" }
}

/// Returns the address of a page with a notice of what the visitor has just done.
pub(crate) fn noted(path: &str, notice: &str) -> String {
    let (path, fragment) = path.split_once('#').map_or((path, None), |(p, f)| (p, Some(f)));
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    // The page may have had a notice before.
    let others = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "notice");
    let mut query = form_urlencoded::Serializer::new(String::new());
    let query = query.extend_pairs(others).append_pair("notice", notice).finish();
    let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    format!("{path}?{query}{fragment}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_never_leads_to_another_site() {
        for (path, expected) in [
            ("/events/1?a=b#c", "/events/1?a=b#c"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
            ("", "/"),
        ] {
            assert_eq!(local_path(path), expected, "{path}");
        }
    }
}
