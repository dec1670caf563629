//! Why a request about a form failed.

use crate::forms::answers::AnswerProblem;
use crate::store::StoreError;
use crate::text::InvalidField;

/// Why a request about a form, or answers to it, were refused.
#[derive(Debug, thiserror::Error)]
pub enum FormError {
    /// There is no such class.
    #[error("there is no such class")]
    NoSuchClass,
    /// The class has no form, or not this version of it.
    #[error("the class has no form, or not this version of it")]
    NoSuchForm,
    /// The class has a form already.
    #[error("the class has a form already: change it with PUT, or delete it first")]
    Exists {
        /// The version of the form.
        current: u32,
    },
    /// The form has changed since the version that the writer read.
    #[error("the form has changed since the version named: read it again")]
    VersionConflict {
        /// The version of the form now.
        current: u32,
    },
    /// Fields of the form are not allowed; at least one.
    #[error("{} fields of the form are not allowed", .0.len())]
    Invalid(Vec<InvalidField>),
    /// The answers were given to another version of the form.
    #[error("the form has changed since it was shown: read it again, the answers may still fit")]
    Changed {
        /// The version of the form now; `None` if the class has no form any more.
        current: Option<u32>,
    },
    /// The form takes no answers.
    #[error("the form takes no answers now")]
    Inactive,
    /// Answers do not fit the questions; at least one.
    #[error("{} answers do not fit the form", .0.len())]
    Answers(Vec<AnswerProblem>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
