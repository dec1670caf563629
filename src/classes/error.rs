//! Why a request about a class failed.

use crate::box_office::SubmitError;
use crate::forms::FormError;
use crate::inventory::Rejection;
use crate::store::StoreError;
use crate::terms::TermError;
use crate::text::InvalidField;

/// Why a request about a class was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ClassError {
    /// A value is not allowed.
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// There is no such class.
    #[error("there is no such class")]
    NoSuchClass,
    /// The box office refused the command, or could not decide it.
    #[error(transparent)]
    Command(#[from] SubmitError),
    /// Refused before any command was sent.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// A request with this key had another effect.
    #[error("the idempotency key was used before for a different request")]
    Foreign,
    /// Answers do not fit the form, or were given to another version of it.
    #[error(transparent)]
    Form(#[from] FormError),
    /// Terms are not agreed to, or cannot be.
    #[error(transparent)]
    Terms(#[from] TermError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ClassError {
    /// True if the application itself was refused, for a reason that may be newer than the first
    /// request with the same key.
    pub(super) fn is_about_application(&self) -> bool {
        match self {
            Self::Form(FormError::Store(_)) | Self::Terms(TermError::Store(_)) => false,
            Self::Form(_) | Self::Terms(_) => true,
            Self::Invalid(_)
            | Self::NoSuchClass
            | Self::Command(_)
            | Self::Rejected(_)
            | Self::Foreign
            | Self::Store(_) => false,
        }
    }
}
