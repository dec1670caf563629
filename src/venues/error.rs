//! Why a request about venues failed.

use crate::store::StoreError;
use crate::text::InvalidField;

/// Why a request about venues or plans was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum VenueError {
    /// A value is not allowed.
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// There is no such venue.
    #[error("there is no such venue")]
    NoSuchVenue,
    /// The venue has no such version of a plan.
    #[error("the venue has no such version of a plan")]
    NoSuchPlan,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
