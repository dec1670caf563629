//! The only mapping from the domain's refusals and failures to status codes. A client's mistake is
//! answered and not logged; a fault of the server is logged here, once, and its cause appears
//! nowhere but in the log.

mod classes;
mod code;
mod community;
mod money;
mod offerings;
mod people;
mod rejection;
mod roles;
mod social;
mod waiting_room;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::{Value, json};

pub use code::ErrorCode;

/// An operation, by its method in lower case and its path, and the error codes it can be refused with.
pub type OperationCodes = (&'static str, &'static str, &'static [ErrorCode]);

use crate::ids::{OfferingId, SeatId};
use crate::store::StoreError;
use crate::telemetry::metrics;
use crate::text::InvalidField;
use crate::trace::RequestId;

/// A failure as an answer: `{"success":false,"error":{…}}`.
#[derive(Clone, Debug)]
pub struct ApiError {
    code: ErrorCode,
    message: Cow<'static, str>,
    details: Option<Value>,
    retry_after: Option<Duration>,
    /// The seats of a rejection; their offering makes public ids of them.
    seats: Vec<SeatId>,
}

/// The refusal that a page shows, in the extensions of its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShownRefusal(pub(crate) ErrorCode);

/// Gives a page that shows a refusal the status of it, and says so to the audit log.
pub(crate) fn mark_refused(page: &mut HttpResponse, code: ErrorCode) {
    *page.status_mut() = code.status();
    page.extensions_mut().insert(ShownRefusal(code));
}

/// The form of every failure.
#[derive(Serialize)]
struct FailureBody<'a> {
    /// Always false.
    success: bool,
    error: FailureDetail<'a>,
}

/// The failure in detail.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FailureDetail<'a> {
    /// The stable code; see the table of error codes.
    code: &'a str,
    /// A sentence for people.
    message: &'a str,
    /// Details for programs, depending on the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a Value>,
    /// The id to quote when reporting a fault.
    request_id: &'a str,
}

impl ApiError {
    /// Returns a failure with a message for the user of the client.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        let retry_after = (code.status() == StatusCode::SERVICE_UNAVAILABLE
            || code.status() == StatusCode::TOO_MANY_REQUESTS)
            .then_some(Duration::from_secs(1));
        Self { code, message: message.into(), details: None, retry_after, seats: Vec::new() }
    }

    /// Returns a failure with the meaning of its code as the message.
    #[must_use]
    pub fn of(code: ErrorCode) -> Self {
        Self::new(code, code.meaning())
    }

    /// Returns 404: there is no such `what`.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(ErrorCode::NotFound, format!("there is no such {what}"))
    }

    /// Returns 422: a field of the request has a value that is not allowed.
    #[must_use]
    pub fn invalid(field: &str, reason: impl fmt::Display) -> Self {
        Self::new(ErrorCode::Invalid, format!("{field} {reason}"))
            .with_details(json!({ "field": field }))
    }

    /// Returns 422: several fields have values that are not allowed. The message is about the first,
    /// `details.problems` has all.
    #[must_use]
    pub fn invalid_fields(problems: &[InvalidField]) -> Self {
        let Some(first) = problems.first() else { return Self::of(ErrorCode::Invalid) };
        let all = problems.iter().map(|one| json!({ "field": one.field, "reason": one.reason }));
        Self::invalid(&first.field, &first.reason)
            .with_detail("problems", all.collect::<Vec<_>>().into())
    }

    /// Returns 500; logs the cause and does not reveal it.
    #[must_use]
    pub fn internal(cause: impl fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed inside the server");
        Self::new(ErrorCode::Internal, "the server failed to answer this request")
    }

    /// Returns 503; logs the cause. The client should try again.
    #[must_use]
    pub fn unavailable(cause: impl fmt::Display) -> Self {
        tracing::warn!(%cause, "a request met an unavailable part of the server");
        Self::new(ErrorCode::Unavailable, "temporarily unavailable, please try again")
    }

    /// Sets the details for programs.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// Adds one detail for programs.
    #[must_use]
    pub fn with_detail(mut self, name: &str, value: Value) -> Self {
        let details = self.details.get_or_insert_with(|| json!({}));
        if let Some(details) = details.as_object_mut() {
            details.insert(name.to_owned(), value);
        }
        self
    }

    /// Sets the time after which to try again.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Returns the failure of a command on `offering`; `details` names seats by their public ids.
    #[must_use]
    pub fn in_offering(offering: OfferingId, error: impl Into<Self>) -> Self {
        let mut error = error.into();
        if !error.seats.is_empty() {
            let seats: Vec<String> =
                error.seats.iter().map(|seat| seat.to_public(offering)).collect();
            error.details = Some(json!({ "seats": seats }));
        }
        error
    }

    /// True if the request was refused for good: nothing has changed, and nothing will.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.code.status().is_client_error()
    }

    /// Returns the code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// Returns the sentence for people, in English.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the details for programs.
    #[must_use]
    pub fn details(&self) -> Option<&Value> {
        self.details.as_ref()
    }

    /// Returns after how many seconds to try again, rounded up: a client that retries exactly then
    /// must not be too early.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        let millis = self.retry_after?.as_millis();
        u64::try_from(millis.div_ceil(1000).max(1)).ok()
    }

    /// Returns the seats that a rejection names.
    #[must_use]
    pub fn seats(&self) -> &[SeatId] {
        &self.seats
    }

    /// Returns the complete answer.
    #[must_use]
    pub fn to_response(&self, request_id: &RequestId) -> HttpResponse {
        metrics::http_failure(self.code.as_str(), self.code.status());
        let mut response = HttpResponse::build(self.code.status());
        let mut response = request_id.with_text(|request_id| {
            let (code, message) = (self.code.as_str(), &*self.message);
            let details = self.details.as_ref();
            let error = FailureDetail { code, message, details, request_id };
            response.json(FailureBody { success: false, error })
        });
        if let Some(seconds) = self.retry_after_seconds() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.code.status() == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        // `middleware::request_context` replaces this by the complete answer with the request's id.
        HttpResponse::new(self.code.status())
    }
}

impl From<InvalidField> for ApiError {
    fn from(error: InvalidField) -> Self {
        Self::invalid(&error.field, error.reason)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::unavailable(Chain(&error)),
            // The database refused a value that the client sent; the log has the cause.
            StoreError::BadData(_) => {
                tracing::warn!(cause = %Chain(&error), "the database refused a value");
                Self::of(ErrorCode::Unstorable)
            }
            StoreError::Conflict(_) => Self::new(ErrorCode::Conflict, error.to_string()),
            StoreError::KeyReused => Self::new(ErrorCode::KeyReused, error.to_string()),
            StoreError::Gone(_) => Self::new(ErrorCode::NotFound, error.to_string()),
            StoreError::Damaged(_) | StoreError::NewerSchema { .. } | StoreError::Locked(_) => {
                Self::internal(Chain(&error))
            }
        }
    }
}

/// Describes every code to the metrics recorder.
pub fn describe_metrics() {
    for code in ErrorCode::ALL {
        metrics::http_failure_code(code.as_str(), code.status());
    }
}

/// An error with all its sources, for the log.
struct Chain<'a>(&'a dyn std::error::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
