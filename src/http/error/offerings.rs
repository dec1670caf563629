//! Errors of box offices, offerings, venues and webhooks as errors of the API.

use super::{ApiError, ErrorCode};
use crate::box_office::{MoveError, SubmitError, Unavailable};
use crate::inventory::Rejection;
use crate::offerings::OfferingError;
use crate::venues::VenueError;
use crate::webhooks::WebhookError;

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
        if code.status().as_u16() == 503 {
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
