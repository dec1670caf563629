//! Lets web pages of the configured origins call the API. Without configured origins it is left
//! out: browsers then keep foreign pages out by themselves.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};

use crate::config::Config;
use crate::http::state::AppState;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, X-Pass-Token, \
     X-Request-Id, traceparent, tracestate",
);
const RESPONSE_HEADERS: HeaderValue =
    HeaderValue::from_static("ETag, Location, Retry-After, X-Request-Id");
/// Browsers ask again after this many seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Answers preflights and marks the answers that a page may read.
///
/// # Errors
/// Those of what is inside.
pub async fn allow(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let state = request.app_data::<web::Data<AppState>>().expect("the server sets its state");
    let origin = known_origin(&state.config, request.headers());
    let is_preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if is_preflight && origin.is_some() {
        request.into_response(HttpResponse::NoContent().finish())
    } else {
        next.call(request).await?
    };
    mark(response.headers_mut(), origin, is_preflight);
    Ok(response)
}

/// Lets a page read an answer that is given before [`allow`] is asked.
pub fn mark_early(config: &Config, request: &HeaderMap, answer: &mut HeaderMap) {
    if !config.cors_origins.is_empty() {
        mark(answer, known_origin(config, request), false);
    }
}

fn known_origin(config: &Config, request: &HeaderMap) -> Option<HeaderValue> {
    let is_known = |origin: &&HeaderValue| {
        config.cors_origins.iter().any(|known| known.as_bytes() == origin.as_bytes())
    };
    request.get(header::ORIGIN).filter(is_known).cloned()
}

fn mark(headers: &mut HeaderMap, origin: Option<HeaderValue>, is_preflight: bool) {
    // What a cache keeps for one page is not for another.
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = origin else { return };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
    if is_preflight {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
}
