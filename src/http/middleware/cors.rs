//! Lets web pages of the configured origins call the API. Without configured origins it is left
//! out: browsers then keep foreign pages out by themselves.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};

use crate::config::Config;
use crate::http::openapi;
use crate::http::state::AppState;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, X-Pass-Token, \
     X-Request-Id, traceparent, tracestate",
);
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static(openapi::EXPOSED);
/// Browsers ask again after this many seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Answers preflights. What a page may read is marked by whoever surrounds all requests: failures
/// get their form there.
///
/// # Errors
/// Those of what is inside.
pub async fn allow(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let state = request.app_data::<web::Data<AppState>>().expect("the server sets its state");
    let is_preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if !is_preflight || known_origin(&state.config, request.headers()).is_none() {
        return next.call(request).await;
    }
    let mut response = request.into_response(HttpResponse::NoContent().finish());
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    Ok(response)
}

/// The page that asks, where pages of other origins may.
#[derive(Clone, Debug)]
pub struct Page(Option<HeaderValue>);

impl Page {
    /// `None` where no page of another origin may ask.
    #[must_use]
    pub fn of(config: &Config, request: &HeaderMap) -> Option<Self> {
        (!config.cors_origins.is_empty()).then(|| Self(known_origin(config, request)))
    }

    /// Lets it read an answer.
    pub fn mark(self, headers: &mut HeaderMap) {
        // What a cache keeps for one page is not for another.
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = self.0 else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
    }
}

fn known_origin(config: &Config, request: &HeaderMap) -> Option<HeaderValue> {
    let is_known = |origin: &&HeaderValue| {
        config.cors_origins.iter().any(|known| known.as_bytes() == origin.as_bytes())
    };
    request.get(header::ORIGIN).filter(is_known).cloned()
}
