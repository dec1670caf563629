//! Why an account operation failed.

use std::time::Duration;

use super::social::SocialError;
use crate::roles::RoleError;
use crate::store::StoreError;

/// Why an account operation did not happen.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// A value is not allowed.
    #[error("{field} {reason}")]
    Invalid {
        /// The field, by its name in the API.
        field: &'static str,
        /// The reason.
        reason: String,
    },
    /// The e-mail address has an account.
    #[error("an account with this e-mail address exists")]
    EmailTaken,
    /// There is no such account, or its password is another one.
    #[error("wrong e-mail address or password")]
    InvalidCredentials,
    /// The refresh token is unknown, expired or revoked.
    #[error("the refresh token is not valid (any more): log in again")]
    RefreshRefused,
    /// The refresh token was used before: another party has a copy of it.
    #[error("the refresh token was used before, so all of its login is revoked: log in again")]
    RefreshReused,
    /// Too many attempts.
    #[error("too many attempts: wait a while")]
    Limited {
        /// How long to wait.
        retry_after: Duration,
    },
    /// Too many wrong passwords.
    #[error("too many wrong passwords: wait a while, or set a new password by a link in a mail")]
    Locked {
        /// How long to wait.
        retry_after: Duration,
    },
    /// Too many passwords wait to be hashed.
    #[error("too many people are logging in at the moment")]
    Busy,
    /// No other account could make events or administrators.
    #[error("the last administrator cannot be removed")]
    LastAdministrator,
    /// The caller is a guest, and only an account can do this.
    #[error("a guest has no account: register first")]
    AccountRequired,
    /// The caller has an account, and only a guest can do this.
    #[error("the caller has an account and is no guest")]
    HasAccount,
    /// No guest has this address with this claim code.
    #[error("wrong e-mail address or claim code")]
    ClaimRefused,
    /// The claim code of places that were given away, which was used and has ended.
    #[error("this claim code was used: it works once, and its first use showed the next one")]
    ClaimUsed,
    /// The guest with this address and claim code has an account with this address by now.
    #[error("this guest has an account by now: log in")]
    ClaimedByAccount,
    /// The link of a mail is unknown, used or expired, or its address or password was changed.
    #[error("the link is not valid (any more): ask for a new one")]
    LinkRefused,
    /// A login by a provider, or a change of the ways to sign in, did not happen.
    #[error(transparent)]
    Social(#[from] SocialError),
    /// The account does not exist.
    #[error("there is no such account")]
    NotFound,
    /// A database operation failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Hashing or signing failed.
    #[error("{0}")]
    Internal(String),
}

/// Reading the roles of people fails with the store, and in no other way.
impl From<RoleError> for AccountError {
    fn from(error: RoleError) -> Self {
        match error {
            RoleError::Store(error) => Self::Store(error),
            other => Self::Internal(other.to_string()),
        }
    }
}
