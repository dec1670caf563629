//! Errors of what fans do around a sale.

use crate::community::likes::LikeError;
use crate::http::error::{ApiError, ErrorCode};

impl From<LikeError> for ApiError {
    fn from(error: LikeError) -> Self {
        match error {
            LikeError::AccountRequired => Self::of(ErrorCode::AccountRequired),
            LikeError::NoSuchEvent => Self::of(ErrorCode::EventNotFound),
            LikeError::Store(error) => error.into(),
        }
    }
}
