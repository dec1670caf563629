//! Lets web pages of the configured origins call the API. Without configured origins this
//! middleware is not installed: browsers then block pages of other origins by themselves.

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
    "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, X-Challenge-Answer, \
     X-Device-Token, X-Pass-Token, X-Queue-Proof, X-Request-Id, traceparent, tracestate",
);
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static(openapi::EXPOSED);
/// Browsers may cache a preflight answer for this many seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Answers preflight requests. The headers of all other answers are set by `request_context`,
/// because failures get their final form there.
///
/// # Errors
/// The errors of the inner services.
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

/// The page that sent the request, if pages of other origins are allowed.
#[derive(Clone, Debug)]
pub struct Page(Option<HeaderValue>);

impl Page {
    /// Returns `None` if no page of another origin is allowed.
    #[must_use]
    pub fn of(config: &Config, request: &HeaderMap) -> Option<Self> {
        (!config.cors_origins.is_empty()).then(|| Self(known_origin(config, request)))
    }

    /// Adds the headers that let the page read an answer.
    pub fn mark(self, headers: &mut HeaderMap) {
        // A cached answer to one page must not be used for another.
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
