//! Why a waiting room did not do what it was asked for.

use std::time::Duration;

use super::guard::Flaw;
use crate::box_office::{SubmitError, Unavailable};
use crate::inventory::{Rejection, TimestampMs};
use crate::store::StoreError;

/// Why a waiting room did not do what it was asked for.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WaitingRoomError {
    /// The box office refused, or could not be asked.
    #[error(transparent)]
    Office(#[from] SubmitError),
    /// As many customers wait to enter at this instance as it can hold.
    #[error("too many are entering at once")]
    Crowded,
    /// The organiser lets only accounts in that were made before a time.
    #[error("the organiser lets in accounts that were made earlier")]
    AccountTooNew {
        /// The time.
        before: TimestampMs,
    },
    /// The organiser lets only confirmed addresses in.
    #[error("the organiser lets in accounts whose address is confirmed: confirm yours first")]
    NotConfirmed,
    /// A proof of work is asked for, and none was sent.
    #[error("this queue asks for a proof of work before entering")]
    ChallengeRequired {
        /// Zero bits that the hash of the proof must begin with.
        bits: u8,
    },
    /// The proof of work that was sent does not count.
    #[error(transparent)]
    ChallengeFailed(Flaw),
    /// Too many have entered from one network address within a minute.
    #[error("too many are entering from this network address")]
    CrowdedAddress {
        /// When to try again.
        retry_after: Duration,
    },
    /// The customer follows queues with as many streams as one may have.
    #[error("this account has as many streams of queues as one may have")]
    TooManyStreams,
    /// The secret of the draw is in no store any more.
    #[error("the secret of the draw is lost")]
    SecretLost,
    /// The store failed.
    #[error("the store failed: {0}")]
    Store(String),
}

impl WaitingRoomError {
    /// True if the box office could not be asked just now, and will answer again.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Office(SubmitError::Unavailable(unavailable)) => match unavailable {
                Unavailable::NoSuchOffering | Unavailable::BadData | Unavailable::Failed => false,
                Unavailable::Busy
                | Unavailable::Recovering
                | Unavailable::OutcomeUnknown
                | Unavailable::ClockSkewed
                | Unavailable::Stopping
                | Unavailable::Moving => true,
            },
            Self::Crowded => true,
            Self::Office(SubmitError::Rejected(_))
            | Self::AccountTooNew { .. }
            | Self::NotConfirmed
            | Self::ChallengeRequired { .. }
            | Self::ChallengeFailed(_)
            | Self::CrowdedAddress { .. }
            | Self::TooManyStreams
            | Self::SecretLost
            | Self::Store(_) => false,
        }
    }
}

impl From<Rejection> for WaitingRoomError {
    fn from(rejection: Rejection) -> Self {
        Self::Office(rejection.into())
    }
}

impl From<Unavailable> for WaitingRoomError {
    fn from(unavailable: Unavailable) -> Self {
        Self::Office(unavailable.into())
    }
}

impl From<StoreError> for WaitingRoomError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}
