//! Why a request about terms failed.

use crate::ids::TermId;
use crate::store::{StoreError, TermRow};
use crate::text::InvalidField;

/// Why a request about terms was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum TermError {
    /// A value is not allowed.
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// There is no such version of terms.
    #[error("there is no such term")]
    NoSuchTerm,
    /// The version was replaced or retired.
    #[error("the term is not current")]
    NotCurrent {
        /// The version in its place; `None` if the terms are retired.
        current: Option<TermId>,
    },
    /// The caller is a guest, and only an account agrees to terms.
    #[error("a guest has no account: register first")]
    AccountRequired,
    /// Terms that a person wants to agree to are not current, or are not asked for there.
    #[error("terms are not current, or not asked for here")]
    NotAllowed(Vec<TermId>),
    /// Required terms are not agreed to.
    #[error("required terms are not agreed to")]
    NotAgreed(Vec<TermRow>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
