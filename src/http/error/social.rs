//! Errors about logins by providers as errors of the API.

use serde_json::json;

use super::{ApiError, ErrorCode};
use crate::accounts::SocialError;

impl From<SocialError> for ApiError {
    fn from(error: SocialError) -> Self {
        let code = match &error {
            SocialError::NotOffered => return Self::not_found("provider"),
            SocialError::NotLinked => return Self::not_found("identity of this provider"),
            SocialError::EmailTaken => {
                let hint = "SIGN_IN_AND_LINK";
                return Self::new(ErrorCode::EmailTaken, error.to_string())
                    .with_details(json!({ "hint": hint }));
            }
            SocialError::State => ErrorCode::SocialLoginExpired,
            SocialError::Denied(_) => ErrorCode::SocialLoginDenied,
            SocialError::Answer(_) => ErrorCode::SocialAnswerRefused,
            SocialError::Unavailable(_) => ErrorCode::ProviderUnavailable,
            SocialError::IdentityTaken => ErrorCode::IdentityTaken,
            SocialError::HasOther => ErrorCode::ProviderLinked,
            SocialError::LastWayIn => ErrorCode::LastWayIn,
            SocialError::LoginTooOld => ErrorCode::LoginTooOld,
            SocialError::HasEmail => ErrorCode::EmailSet,
        };
        Self::of(code)
    }
}
