//! The first administrator.

use crate::ids::UserId;

/// An administrator that was made just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Its account.
    pub id: UserId,
    /// Its login name.
    pub email: String,
    /// Shown once; `None` if the operator has set the password and so knows it.
    pub generated_password: Option<String>,
}
