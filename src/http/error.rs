//! The only mapping from the domain's refusals and failures to status codes. A client's mistake is
//! answered and not logged; a fault of the server is logged here, once, and its cause appears
//! nowhere but in the log.

mod code;

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

use crate::accounts::AccountError;
use crate::box_office::{MoveError, SubmitError, Unavailable, UnknownReason, outcome_unknown};
use crate::classes::ClassError;
use crate::closing::ClosingError;
use crate::forms::FormError;
use crate::http::respond::rfc3339;
use crate::ids::{OfferingId, SeatId};
use crate::inventory::Rejection;
use crate::offerings::OfferingError;
use crate::payments::gateway::BadNotification;
use crate::payments::{NotificationError, PaymentError};
use crate::store::{Balance, StoreError};
use crate::telemetry::metrics;
use crate::terms::{TermError, TermRow};
use crate::text::InvalidField;
use crate::trace::RequestId;
use crate::venues::VenueError;
use crate::webhooks::WebhookError;

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

/// Advice about a ticket that its owner cannot cancel.
const KEEP: &str = "the account stays open; \"reservations\":\"keep-tickets\" closes it and \
    leaves the ticket valid, an administrator can cancel it";

/// Advice about the remaining holdings of an account.
const SETTLE: &str = "say what becomes of it, as {\"settle\":{\"reservations\":\"cancel\" or \
    \"keep-tickets\",\"balance\":\"forfeit\"}}; cancelling what was paid gives money back, so it needs \
    both; wait for payments under way";

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

impl From<SubmitError> for ApiError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Rejected(rejection) => rejection.into(),
            SubmitError::Unavailable(unavailable) => unavailable.into(),
        }
    }
}

impl From<Unavailable> for ApiError {
    fn from(unavailable: Unavailable) -> Self {
        let code = match unavailable {
            Unavailable::NoSuchOffering => ErrorCode::EventNotFound,
            Unavailable::Busy => ErrorCode::Busy,
            Unavailable::Recovering | Unavailable::Moving => ErrorCode::Unavailable,
            Unavailable::OutcomeUnknown => ErrorCode::OutcomeUnknown,
            Unavailable::ClockSkewed => ErrorCode::ClockNotTrusted,
            Unavailable::Stopping => ErrorCode::ShuttingDown,
            Unavailable::BadData => ErrorCode::Unstorable,
            Unavailable::Failed => ErrorCode::Internal,
        };
        let mut error = Self::new(code, unavailable.to_string());
        if code.status() == StatusCode::SERVICE_UNAVAILABLE {
            error.retry_after = Some(unavailable.retry_after());
        }
        error
    }
}

impl From<MoveError> for ApiError {
    fn from(error: MoveError) -> Self {
        let code = match &error {
            MoveError::NoSuchInstance(_) => ErrorCode::NoSuchInstance,
            MoveError::Unavailable(unavailable) => return unavailable.clone().into(),
            MoveError::LeasesAway => ErrorCode::LeasesAway,
        };
        Self::new(code, error.to_string())
    }
}

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        let mut error = Self::new(code_of(&rejection), rejection.to_string());
        error.details = details_of(&rejection);
        if let Rejection::SeatsTaken { seats }
        | Rejection::UnknownSeats { seats }
        | Rejection::DuplicateSeats { seats } = rejection
        {
            error.seats = seats;
        }
        error
    }
}

impl From<AccountError> for ApiError {
    fn from(error: AccountError) -> Self {
        let code = match error {
            AccountError::Invalid { field, reason } => return Self::invalid(field, reason),
            AccountError::Limited { retry_after } => {
                return Self::of(ErrorCode::TooManyRequests).with_retry_after(retry_after);
            }
            AccountError::Store(error) => return error.into(),
            AccountError::Internal(cause) => return Self::internal(cause),
            AccountError::EmailTaken => ErrorCode::EmailTaken,
            AccountError::InvalidCredentials => ErrorCode::InvalidCredentials,
            AccountError::RefreshRefused => ErrorCode::InvalidRefreshToken,
            AccountError::RefreshReused => ErrorCode::RefreshTokenReused,
            AccountError::AccountRequired => ErrorCode::AccountRequired,
            AccountError::HasAccount => ErrorCode::NotAGuest,
            AccountError::ClaimRefused | AccountError::ClaimedByAccount => {
                ErrorCode::InvalidClaimCode
            }
            AccountError::LinkRefused => ErrorCode::InvalidLink,
            AccountError::Busy => ErrorCode::Busy,
            AccountError::LastAdministrator => ErrorCode::LastAdministrator,
            // The token outlived the account.
            AccountError::NotFound => ErrorCode::Unauthorized,
        };
        Self::of(code)
    }
}

impl From<ClosingError> for ApiError {
    fn from(error: ClosingError) -> Self {
        match error {
            ClosingError::Unsettled(left) => {
                let message = format!("the account still has {}: {SETTLE}", left.describe());
                let money = |balance: &Balance| json!({ "amount": balance.amount, "currency": balance.currency });
                let reservations = left.reservations.iter().map(|one| one.id);
                Self::new(ErrorCode::AccountNotSettled, message).with_details(json!({
                    "reservations": reservations.collect::<Vec<_>>(),
                    "balances": left.balances.iter().map(money).collect::<Vec<_>>(),
                    "payments": left.payments,
                }))
            }
            ClosingError::Reservation { reservation, error } => {
                let mut error = Self::from(error).with_detail("reservationId", json!(reservation));
                if error.code == ErrorCode::CancellationRefused {
                    error.message = format!("{}: {KEEP}", error.message).into();
                }
                error
            }
            ClosingError::Claims(error) => error.into(),
            ClosingError::Account(error) => error.into(),
            ClosingError::Store(error) => error.into(),
        }
    }
}

impl From<InvalidField> for ApiError {
    fn from(error: InvalidField) -> Self {
        Self::invalid(&error.field, error.reason)
    }
}

impl From<VenueError> for ApiError {
    fn from(error: VenueError) -> Self {
        match error {
            VenueError::Invalid(error) => error.into(),
            VenueError::NoSuchVenue => Self::not_found("venue"),
            VenueError::NoSuchPlan => Self::not_found("version of a plan"),
            VenueError::Store(error) => error.into(),
        }
    }
}

impl From<TermError> for ApiError {
    fn from(error: TermError) -> Self {
        match error {
            TermError::Invalid(error) => error.into(),
            TermError::NoSuchTerm => Self::not_found("term"),
            TermError::AccountRequired => Self::of(ErrorCode::AccountRequired),
            TermError::NotCurrent { current } => {
                Self::of(ErrorCode::TermNotCurrent).with_details(json!({ "currentId": current }))
            }
            TermError::NotAllowed(terms) => Self::invalid(
                "agreedTermIds",
                "must be ids of current terms that are asked for here",
            )
            .with_detail("termIds", json!(terms)),
            TermError::NotAgreed(terms) => {
                let term = |term: &TermRow| {
                    json!({ "id": term.id, "type": term.kind, "title": term.title,
                        "version": term.version })
                };
                let terms: Vec<Value> = terms.iter().map(term).collect();
                Self::of(ErrorCode::TermsNotAgreed).with_details(json!({ "terms": terms }))
            }
            TermError::Store(error) => error.into(),
        }
    }
}

impl From<WebhookError> for ApiError {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::Invalid(error) => error.into(),
            WebhookError::NoSuchWebhook => Self::not_found("webhook"),
            WebhookError::NoSuchDelivery => Self::not_found("delivery"),
            WebhookError::TooMany(_) => Self::new(ErrorCode::TooManyWebhooks, error.to_string()),
            WebhookError::StillWaiting => Self::new(ErrorCode::WrongState, error.to_string()),
            WebhookError::Store(error) => error.into(),
        }
    }
}

impl From<OfferingError> for ApiError {
    fn from(error: OfferingError) -> Self {
        let code = match error {
            OfferingError::Invalid(error) => return error.into(),
            OfferingError::Command(offering, error) => return Self::in_offering(offering, error),
            OfferingError::Rejected(rejection) => return rejection.into(),
            OfferingError::Unavailable(unavailable) => return unavailable.into(),
            OfferingError::Store(error) => return error.into(),
            OfferingError::NoSuchEvent => return Self::of(ErrorCode::EventNotFound),
            OfferingError::WrongEvent(_) => return Self::of(ErrorCode::WrongEvent),
            OfferingError::AlreadyCheckedIn(_) => return Rejection::AlreadyCheckedIn.into(),
            OfferingError::NotATicketCode => ErrorCode::TicketNotFound,
            OfferingError::CheckInUndone | OfferingError::CheckedInAgain => ErrorCode::WrongState,
        };
        Self::new(code, error.to_string())
    }
}

impl ApiError {
    /// 422: the enrollments of a class are more than a spreadsheet's rows.
    #[must_use]
    pub(crate) fn export_too_large(rows: u32, enrollments: i64) -> Self {
        let message = format!(
            "a spreadsheet has at most {rows} rows, and the class has {enrollments} enrollments: \
             export them as CSV"
        );
        let details = json!({ "rows": rows, "enrollments": enrollments });
        Self::new(ErrorCode::ExportTooLarge, message).with_details(details)
    }
}

impl From<ClassError> for ApiError {
    fn from(error: ClassError) -> Self {
        match error {
            ClassError::Invalid(error) => error.into(),
            ClassError::NoSuchClass
            | ClassError::Command(SubmitError::Unavailable(Unavailable::NoSuchOffering)) => {
                Self::of(ErrorCode::ClassNotFound)
            }
            ClassError::Command(SubmitError::Rejected(Rejection::Cancelled)) => {
                Self::of(ErrorCode::ClassCanceled)
            }
            ClassError::Command(error) => error.into(),
            ClassError::Rejected(rejection) => rejection.into(),
            ClassError::Foreign => Self::of(ErrorCode::KeyReused),
            ClassError::Form(error) => error.into(),
            ClassError::Terms(error) => error.into(),
            ClassError::NoCertificate(reason) => {
                Self::new(ErrorCode::CertificateUnavailable, reason.to_string())
                    .with_details(json!({ "reason": reason.as_str() }))
            }
            ClassError::Store(error) => error.into(),
        }
    }
}

impl From<FormError> for ApiError {
    fn from(error: FormError) -> Self {
        let message = error.to_string();
        match error {
            FormError::NoSuchClass => Self::of(ErrorCode::ClassNotFound),
            FormError::NoSuchForm => Self::of(ErrorCode::FormNotFound),
            FormError::Exists { current } => Self::new(ErrorCode::FormExists, message)
                .with_detail("currentVersion", json!(current)),
            FormError::VersionConflict { current } => {
                Self::new(ErrorCode::VersionConflict, message)
                    .with_detail("currentVersion", json!(current))
            }
            FormError::Changed { current } => Self::new(ErrorCode::FormChanged, message)
                .with_detail("currentVersion", json!(current)),
            FormError::Inactive => Self::of(ErrorCode::FormInactive),
            FormError::Invalid(problems) => Self::invalid_fields(&problems),
            FormError::Answers(problems) => Self::new(ErrorCode::InvalidAnswers, message)
                .with_detail("answers", json!(problems)),
            FormError::Store(error) => error.into(),
        }
    }
}

impl From<PaymentError> for ApiError {
    fn from(error: PaymentError) -> Self {
        match error {
            PaymentError::Rejected(rejection) => rejection.into(),
            PaymentError::MethodUnavailable => Self::of(ErrorCode::PaymentMethodUnavailable),
            PaymentError::InsufficientBalance => Self::of(ErrorCode::InsufficientBalance),
            PaymentError::Declined { ref reason } => {
                let details = json!({ "reason": reason });
                Self::of(ErrorCode::PaymentDeclined).with_details(details)
            }
            PaymentError::NoSuchPayment => Self::not_found("payment"),
            PaymentError::Gateway(error) => Self::unavailable(error),
            PaymentError::KeyExhausted => Self::new(ErrorCode::PaymentDeclined, error.to_string()),
            PaymentError::Unavailable(unavailable) => unavailable.into(),
            PaymentError::Store(error) => error.into(),
            PaymentError::Interrupted => {
                outcome_unknown(UnknownReason::PaymentInterrupted, None).into()
            }
        }
    }
}

impl From<NotificationError> for ApiError {
    fn from(error: NotificationError) -> Self {
        match error {
            NotificationError::NoSuchGateway => Self::not_found("gateway"),
            NotificationError::Bad(BadNotification::Signature | BadNotification::Time) => {
                Self::new(ErrorCode::InvalidSignature, error.to_string())
            }
            NotificationError::Bad(BadNotification::Body) => {
                Self::new(ErrorCode::Invalid, error.to_string())
            }
            NotificationError::Bad(BadNotification::NotSent) => Self::not_found("gateway"),
            NotificationError::Store(error) => error.into(),
        }
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

fn code_of(rejection: &Rejection) -> ErrorCode {
    match rejection {
        Rejection::SoldOut { .. } => ErrorCode::SoldOut,
        Rejection::SeatsTaken { .. } => ErrorCode::SeatsTaken,
        Rejection::UnknownProduct => ErrorCode::UnknownProduct,
        Rejection::UnknownSection => ErrorCode::UnknownSection,
        Rejection::UnknownSeats { .. } => ErrorCode::UnknownSeats,
        Rejection::DuplicateSeats { .. } => ErrorCode::DuplicateSeats,
        Rejection::WrongKindOfProduct { .. } => ErrorCode::WrongKindOfProduct,
        Rejection::Invalid { .. } => ErrorCode::Invalid,
        Rejection::LimitExceeded { .. } => ErrorCode::LimitExceeded,
        Rejection::SaleNotOpen { .. } => ErrorCode::SaleNotOpen,
        Rejection::SaleClosed { paused: true } => ErrorCode::SalePaused,
        Rejection::SaleClosed { paused: false } => ErrorCode::SaleClosed,
        Rejection::Cancelled => ErrorCode::EventCancelled,
        Rejection::HoldNotFound => ErrorCode::HoldNotFound,
        Rejection::HoldExpired => ErrorCode::HoldExpired,
        Rejection::HoldEnded => ErrorCode::HoldEnded,
        Rejection::ExtensionExhausted => ErrorCode::ExtensionExhausted,
        Rejection::ReservationNotFound => ErrorCode::ReservationNotFound,
        Rejection::ReservationExpired => ErrorCode::ReservationExpired,
        Rejection::WrongState { .. } => ErrorCode::WrongState,
        Rejection::PaymentInProgress => ErrorCode::PaymentInProgress,
        Rejection::AlreadyCheckedIn => ErrorCode::AlreadyCheckedIn,
        Rejection::TicketNotFound => ErrorCode::TicketNotFound,
        Rejection::WaitlistUnavailable { .. } => ErrorCode::WaitlistUnavailable,
        Rejection::AlreadyWaiting => ErrorCode::AlreadyWaiting,
        Rejection::PlacesAvailable { .. } => ErrorCode::PlacesAvailable,
        Rejection::WaitlistEntryNotFound => ErrorCode::WaitlistEntryNotFound,
        Rejection::BelowTaken { .. } => ErrorCode::BelowTaken,
        Rejection::KeyReused => ErrorCode::KeyReused,
        Rejection::TooManyKeys => ErrorCode::TooManyKeys,
        Rejection::ProductWithdrawn => ErrorCode::ProductWithdrawn,
        Rejection::CancellationRefused { .. } => ErrorCode::CancellationRefused,
        Rejection::SaleOver { .. } => ErrorCode::WrongState,
        Rejection::NotParticipable => ErrorCode::ParticipationUnavailable,
        Rejection::AlreadyParticipated { .. } => ErrorCode::EventAlreadyParticipated,
        Rejection::WrongOffering { is_class: true } => ErrorCode::WrongState,
        Rejection::WrongOffering { is_class: false } => ErrorCode::ClassNotFound,
        Rejection::RecruitmentNotOpen { .. } => ErrorCode::RecruitmentNotOpen,
        Rejection::RecruitmentOver { .. } => ErrorCode::RecruitmentOver,
        Rejection::AlreadyEnrolled { .. } => ErrorCode::AlreadyEnrolled,
        Rejection::ReapplyRefused { .. } => ErrorCode::ReapplyRefused,
        Rejection::ClassFull { .. } => ErrorCode::ClassFull,
        Rejection::NoPlacesLeft { .. } => ErrorCode::NoPlacesLeft,
        Rejection::EnrollmentNotFound => ErrorCode::EnrollmentNotFound,
        Rejection::VersionConflict { .. } => ErrorCode::VersionConflict,
        Rejection::SelectionFrozen => ErrorCode::SelectionFrozen,
        Rejection::HasEnrollments { .. } => ErrorCode::HasEnrollments,
        Rejection::PlacesLeft { .. } => ErrorCode::PlacesLeft,
    }
}

fn details_of(rejection: &Rejection) -> Option<Value> {
    match rejection {
        Rejection::SoldOut { requested, available } => {
            Some(json!({ "requested": requested, "available": available }))
        }
        Rejection::LimitExceeded { max, current } => {
            Some(json!({ "max": max, "current": current }))
        }
        Rejection::SaleNotOpen { opens_at: Some(at) } => Some(json!({ "opensAt": rfc3339(*at) })),
        Rejection::WrongState { what, state } => Some(json!({ "what": what, "state": state })),
        Rejection::PlacesAvailable { available } => Some(json!({ "available": available })),
        Rejection::BelowTaken { taken } => Some(json!({ "taken": taken })),
        Rejection::CancellationRefused { until: Some(at) } => {
            Some(json!({ "until": rfc3339(*at) }))
        }
        Rejection::SaleOver { end, at } => Some(json!({
            "what": "sale", "state": "over", "field": end.field(), "endedAt": rfc3339(*at)
        })),
        Rejection::AlreadyParticipated { reservation: Some(id), .. } => {
            Some(json!({ "participationId": id }))
        }
        Rejection::AlreadyParticipated { reservation: None, hold } => {
            Some(json!({ "holdId": hold }))
        }
        Rejection::RecruitmentNotOpen { opens_at: Some(at) } => {
            Some(json!({ "opensAt": rfc3339(*at) }))
        }
        Rejection::RecruitmentOver { ended_at: Some(at) } => {
            Some(json!({ "endedAt": rfc3339(*at) }))
        }
        Rejection::AlreadyEnrolled { enrollment } | Rejection::ReapplyRefused { enrollment } => {
            Some(json!({ "enrollmentId": enrollment }))
        }
        Rejection::ClassFull { capacity, waitlist } => {
            Some(json!({ "capacity": capacity, "waitlistCapacity": waitlist }))
        }
        Rejection::NoPlacesLeft { left } | Rejection::PlacesLeft { left } => {
            Some(json!({ "placesLeft": left }))
        }
        Rejection::VersionConflict { current } => Some(json!({ "currentVersion": current })),
        Rejection::HasEnrollments { living } => Some(json!({ "livingEnrollments": living })),
        Rejection::RecruitmentNotOpen { opens_at: None }
        | Rejection::RecruitmentOver { ended_at: None }
        | Rejection::WrongOffering { .. }
        | Rejection::EnrollmentNotFound
        | Rejection::SelectionFrozen
        | Rejection::SeatsTaken { .. }
        | Rejection::UnknownProduct
        | Rejection::UnknownSection
        | Rejection::UnknownSeats { .. }
        | Rejection::DuplicateSeats { .. }
        | Rejection::WrongKindOfProduct { .. }
        | Rejection::Invalid { .. }
        | Rejection::SaleNotOpen { opens_at: None }
        | Rejection::SaleClosed { .. }
        | Rejection::Cancelled
        | Rejection::HoldNotFound
        | Rejection::HoldExpired
        | Rejection::HoldEnded
        | Rejection::ExtensionExhausted
        | Rejection::ReservationNotFound
        | Rejection::ReservationExpired
        | Rejection::PaymentInProgress
        | Rejection::AlreadyCheckedIn
        | Rejection::TicketNotFound
        | Rejection::WaitlistUnavailable { .. }
        | Rejection::AlreadyWaiting
        | Rejection::WaitlistEntryNotFound
        | Rejection::KeyReused
        | Rejection::TooManyKeys
        | Rejection::NotParticipable
        | Rejection::ProductWithdrawn
        | Rejection::CancellationRefused { until: None } => None,
    }
}

#[cfg(test)]
mod tests;
