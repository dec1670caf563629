//! Why a request about moderation failed.

use crate::inventory::TimestampMs;
use crate::store::{BanScope, StoreError};
use crate::text::InvalidField;

/// The ban that keeps a person from writing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("banned: {reason}")]
pub struct Banned {
    /// What the ban is about.
    pub scope: BanScope,
    /// Why, in the words of the moderator.
    pub reason: String,
    /// `None` for ever.
    pub until: Option<TimestampMs>,
}

/// Why a request about moderation was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ModerationError {
    /// A value is not allowed.
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// There is no such thing, or its reporter may not read it.
    #[error("there is no such thing")]
    NoSuchThing,
    /// There is no such ban.
    #[error("there is no such ban")]
    NoSuchBan,
    /// The caller has reported this thing before.
    #[error("the thing was reported before")]
    AlreadyReported,
    /// The caller is a guest.
    #[error("a guest has no account: register first")]
    AccountRequired,
    /// The caller is banned.
    #[error(transparent)]
    Banned(#[from] Banned),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
