//! Errors of payments as errors of the API.

use serde_json::json;

use super::{ApiError, ErrorCode};
use crate::box_office::{UnknownReason, outcome_unknown};
use crate::payments::gateway::BadNotification;
use crate::payments::{NotificationError, PaymentError};

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
            PaymentError::AnotherWaits => {
                Self::new(ErrorCode::PaymentInProgress, error.to_string())
            }
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
