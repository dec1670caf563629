//! Why a request about webhooks failed.

use crate::store::StoreError;
use crate::text::InvalidField;

/// Why a request about webhooks was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// A value is not allowed.
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// There is no such endpoint.
    #[error("there is no such webhook")]
    NoSuchWebhook,
    /// The endpoint has no such delivery.
    #[error("there is no such delivery")]
    NoSuchDelivery,
    /// As many endpoints exist as may.
    #[error("there are {0} webhooks, and no more may be made: delete one first")]
    TooMany(u64),
    /// A delivery is due, and cannot be sent sooner.
    #[error("the delivery is about to be sent")]
    StillWaiting,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
