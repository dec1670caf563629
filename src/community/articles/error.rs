//! Why a request about articles failed.

use crate::community::moderation::ModerationError;
use crate::store::StoreError;
use crate::text::InvalidField;

/// Why a request about articles was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ArticleError {
    /// A value is not allowed.
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// There is no such article, or the caller may not read or change it.
    #[error("there is no such article")]
    NoSuchArticle,
    /// There is no such comment, or the caller may not change it.
    #[error("there is no such comment")]
    NoSuchComment,
    /// The article has changed since the version that was named.
    #[error("the article has changed")]
    OtherVersion {
        /// Its version now.
        current: i64,
    },
    /// The caller is a guest.
    #[error("a guest has no account: register first")]
    AccountRequired,
    /// The caller may not write.
    #[error(transparent)]
    NotAllowed(#[from] ModerationError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
