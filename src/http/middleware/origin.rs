//! The identity of a request in log lines and traces: taken from its headers if these are valid,
//! and otherwise generated.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::trace::{Context, Origin, RequestId, Span, Tracer};

/// The request's id, in requests and in answers.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");

/// Reads the headers; if the request is traced, begins a trace or a step of the caller's trace.
#[must_use]
pub fn arrived(headers: &HeaderMap, tracer: &Tracer) -> (Origin, Span) {
    let id = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).and_then(RequestId::given);
    let parent = headers.contains_key(TRACE_PARENT).then(|| {
        let lines = |name| headers.get_all(name).map(HeaderValue::as_bytes);
        Context::read(lines(TRACE_PARENT), lines(TRACE_STATE))
    });
    tracer.admit(id.unwrap_or_else(RequestId::draw), parent.flatten())
}

/// Returns the id as a header value of an answer.
#[must_use]
pub fn header(id: &RequestId) -> Option<HeaderValue> {
    id.with_text(|id| HeaderValue::from_str(id).ok())
}
