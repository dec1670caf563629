//! Why a request about the catalogue failed.

use crate::store::StoreError;
use crate::text::InvalidField;

/// Why a request about the catalogue failed.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// A value is not allowed.
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// There is no such event; a class is none.
    #[error("there is no such event")]
    NoSuchEvent,
    /// There is no such artist.
    #[error("there is no such artist")]
    NoSuchArtist,
    /// There is no such series.
    #[error("there is no such series")]
    NoSuchSeries,
    /// Events name it.
    #[error("events name it: take it out of them first")]
    InUse,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
