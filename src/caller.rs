//! The account that makes a request.

use crate::ids::UserId;
use crate::store::Role;

/// An account, as a valid access token names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub user: UserId,
    /// The role of the account.
    pub role: Role,
}

impl Caller {
    /// True for administrators, who may read and act on what belongs to others.
    #[must_use]
    pub fn is_admin(self) -> bool {
        self.role == Role::Admin
    }
}
