//! Why a request about a setlist failed.

use crate::store::StoreError;
use crate::text::InvalidField;

/// Why a request about a setlist was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum SetlistError {
    /// A value is not allowed.
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// There is no such concert.
    #[error("there is no such event")]
    NoSuchConcert,
    /// The concert has no setlist, or not this version of it.
    #[error("the concert has no setlist, or not this version of it")]
    NoSetlist,
    /// The setlist has changed since the version that the writer read.
    #[error("the setlist has changed since the version named: read it again")]
    VersionConflict {
        /// The version of the setlist now; 0 if there is none.
        current: u32,
    },
    /// The concert has not begun.
    #[error("the event has not begun")]
    NotBegun,
    /// The concert does not take place.
    #[error("the event was cancelled")]
    Cancelled,
    /// The caller is a guest.
    #[error("a guest has no account: register first")]
    AccountRequired,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
