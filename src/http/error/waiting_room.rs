//! Refusals of waiting rooms as errors of the API.

use std::time::Duration;

use serde_json::json;

use super::{ApiError, ErrorCode};
use crate::http::respond::rfc3339;
use crate::journal::LoadError;
use crate::waiting_room::WaitingRoomError;
use crate::waiting_room::record::RecordError;

/// Time after which a customer who found the entrance crowded tries again.
const RETRY: Duration = Duration::from_secs(2);

impl From<WaitingRoomError> for ApiError {
    fn from(error: WaitingRoomError) -> Self {
        match error {
            WaitingRoomError::Office(error) => error.into(),
            WaitingRoomError::Crowded => Self::of(ErrorCode::Busy).with_retry_after(RETRY),
            WaitingRoomError::AccountTooNew { before } => {
                Self::new(ErrorCode::QueueNotForYou, error.to_string())
                    .with_details(json!({ "accountBefore": rfc3339(before) }))
            }
            WaitingRoomError::NotConfirmed => {
                Self::new(ErrorCode::QueueNotForYou, error.to_string())
                    .with_details(json!({ "confirmedOnly": true }))
            }
            WaitingRoomError::SecretLost => Self::new(
                ErrorCode::WrongState,
                "the secret of this draw is lost: switch the waiting room off and on again",
            ),
            WaitingRoomError::Store(error) => Self::internal(error),
        }
    }
}

impl From<RecordError> for ApiError {
    fn from(error: RecordError) -> Self {
        match &error {
            RecordError::NoQueue => Self::new(ErrorCode::NoQueue, error.to_string()),
            RecordError::Busy => {
                Self::new(ErrorCode::Busy, error.to_string()).with_retry_after(RETRY)
            }
            RecordError::Archived { .. } => Self::new(
                ErrorCode::QueueArchived,
                format!("{error}: `admitone queue show --archive` writes it"),
            ),
            RecordError::Journal(LoadError::NotFound) => Self::of(ErrorCode::EventNotFound),
            RecordError::Journal(_) => Self::internal(error.to_string()),
        }
    }
}
