//! Why a payment failed.

use crate::box_office::{Unavailable, UnknownReason, outcome_unknown};
use crate::inventory::Rejection;
use crate::payments::gateway::GatewayError;
use crate::store::StoreError;

/// Why there is no payment, or none yet.
#[derive(Debug, thiserror::Error)]
pub enum PaymentError {
    /// The payment was refused: the reservation is not this customer's or not payable, or another
    /// payment is in progress.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The server does not accept new payments by this method. Nothing changed.
    #[error("this method of payment is not offered here")]
    MethodUnavailable,
    /// The wallet holds less than the reservation costs. Nothing changed.
    #[error("the wallet does not hold enough")]
    InsufficientBalance,
    /// The gateway declined. Nothing was charged.
    #[error("the payment was declined: {reason}")]
    Declined {
        /// A stable word of the gateway's.
        reason: String,
    },
    /// There is no such payment.
    #[error("there is no such payment")]
    NoSuchPayment,
    /// The gateway gave no answer that counts to a refund.
    #[error(transparent)]
    Gateway(GatewayError),
    /// Another order of the customer at this event waits for its payment by hand. Nothing changed.
    #[error(
        "another of your orders at this event waits for its payment by hand: pay or cancel it first"
    )]
    AnotherWaits,
    /// Payments under this key were refused until the key was used up.
    #[error("this idempotency key has been refused too often: use another")]
    KeyExhausted,
    /// The payment is not at its end, and its progress is recorded; a retry with the same key, or
    /// the recovery scan, continues it.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// As for [`Self::Unavailable`], because the database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// As for [`Self::Unavailable`], caused by [`crate::payments::CrashPoints`].
    #[error("the payment was interrupted")]
    Interrupted,
}

/// The outcome of a payment is unknown until the recovery scan has ended it.
pub(super) fn interrupted() -> PaymentError {
    PaymentError::Unavailable(outcome_unknown(UnknownReason::PaymentInterrupted, None))
}
