//! Refusals of waiting rooms as errors of the API.

use std::time::Duration;

use serde_json::json;

use super::{ApiError, ErrorCode};
use crate::http::respond::rfc3339;
use crate::journal::LoadError;
use crate::waiting_room::record::RecordError;
use crate::waiting_room::{Flaw, MAX_STREAMS, WaitingRoomError};

/// Time after which a customer who found the entrance crowded tries again.
const RETRY: Duration = Duration::from_secs(2);

/// Time after which a customer with too many streams tries again.
const RETRY_STREAM: Duration = Duration::from_secs(30);

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
            WaitingRoomError::ChallengeRequired { bits } => Self::new(
                ErrorCode::ChallengeRequired,
                format!(
                    "{error}: GET …/challenge, find digits so that the SHA-256 of \
                     \"{{challenge}}.{{digits}}\" begins with {bits} zero bits, and send that text as \
                     X-Queue-Proof"
                ),
            )
            .with_details(json!({ "bits": bits })),
            WaitingRoomError::ChallengeFailed(flaw) => {
                let reason = match flaw {
                    Flaw::NotYours => "NOT_YOURS",
                    Flaw::Expired => "EXPIRED",
                    Flaw::TooEasy => "TOO_EASY",
                    Flaw::Unsolved => "UNSOLVED",
                };
                Self::new(ErrorCode::ChallengeFailed, format!("{flaw}: get a new one"))
                    .with_details(json!({ "reason": reason }))
            }
            WaitingRoomError::CrowdedAddress { retry_after } => Self::new(
                ErrorCode::QueueCrowded,
                "many are entering from your network address: try again after Retry-After. Before \
                 the opening no place is lost by waiting, the order is drawn",
            )
            .with_retry_after(retry_after),
            WaitingRoomError::TooManyStreams => Self::new(
                ErrorCode::TooManyStreams,
                format!(
                    "this account has {MAX_STREAMS} streams of queues, as many as one may have: \
                     close one, or poll …/status"
                ),
            )
            .with_retry_after(RETRY_STREAM),
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
