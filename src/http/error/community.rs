//! Errors of what fans do as errors of the API.

use serde_json::json;

use super::{ApiError, ErrorCode};
use crate::community::setlists::SetlistError;

impl From<SetlistError> for ApiError {
    fn from(error: SetlistError) -> Self {
        let message = error.to_string();
        match error {
            SetlistError::Invalid(error) => error.into(),
            SetlistError::NoSuchConcert => Self::of(ErrorCode::EventNotFound),
            SetlistError::NoSetlist => Self::of(ErrorCode::SetlistNotFound),
            SetlistError::VersionConflict { current } => {
                Self::new(ErrorCode::VersionConflict, message)
                    .with_detail("currentVersion", json!(current))
            }
            SetlistError::NotBegun => Self::new(ErrorCode::WrongState, message),
            SetlistError::Cancelled => Self::of(ErrorCode::EventCancelled),
            SetlistError::AccountRequired => Self::of(ErrorCode::AccountRequired),
            SetlistError::Store(error) => error.into(),
        }
    }
}
