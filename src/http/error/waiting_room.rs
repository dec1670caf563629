//! Refusals of waiting rooms as errors of the API.

use std::time::Duration;

use super::{ApiError, ErrorCode};
use crate::waiting_room::WaitingRoomError;

/// Time after which a customer who found the entrance crowded tries again.
const RETRY: Duration = Duration::from_secs(2);

impl From<WaitingRoomError> for ApiError {
    fn from(error: WaitingRoomError) -> Self {
        match error {
            WaitingRoomError::Office(error) => error.into(),
            WaitingRoomError::Crowded => Self::of(ErrorCode::Busy).with_retry_after(RETRY),
            WaitingRoomError::SecretLost => Self::new(
                ErrorCode::WrongState,
                "the secret of this draw is lost: switch the waiting room off and on again",
            ),
            WaitingRoomError::Store(error) => Self::internal(error),
        }
    }
}
