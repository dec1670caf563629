//! Errors about roles as errors of the API.

use super::{ApiError, ErrorCode};
use crate::roles::RoleError;

impl From<RoleError> for ApiError {
    fn from(error: RoleError) -> Self {
        match error {
            RoleError::Forbidden => Self::of(ErrorCode::Forbidden),
            RoleError::NoSuchAccount => Self::not_found("account"),
            RoleError::NoSuchGrant => Self::not_found("grant"),
            RoleError::NoSuchInvitation => Self::not_found("invitation"),
            RoleError::NoSuchOffering => Self::invalid("offeringId", error),
            RoleError::AdminOfOffering | RoleError::WithoutOffering => {
                Self::invalid("offeringId", error)
            }
            RoleError::LastAdministrator => Self::of(ErrorCode::LastAdministrator),
            RoleError::InvitationRefused => Self::of(ErrorCode::InvalidLink),
            RoleError::TooManyInvitations { retry_after } => {
                Self::of(ErrorCode::TooManyRequests).with_retry_after(retry_after)
            }
            RoleError::AccountRequired => Self::of(ErrorCode::AccountRequired),
            RoleError::Store(error) => error.into(),
        }
    }
}
