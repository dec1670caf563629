//! The account or guest that makes a request.

use crate::ids::UserId;
use crate::store::Role;

/// An account or a guest, as a valid access token names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account, or the id of a guest, which becomes an account's when the guest registers.
    pub user: UserId,
    /// The role of the account.
    pub role: Role,
    /// True if the token was issued to a guest. The guest may have registered since.
    pub guest: bool,
}

impl Caller {
    /// Returns the caller of an account.
    #[must_use]
    pub fn account(user: UserId, role: Role) -> Self {
        Self { user, role, guest: false }
    }

    /// Returns a customer without an account.
    #[must_use]
    pub fn guest(user: UserId) -> Self {
        Self { user, role: Role::User, guest: true }
    }

    /// True for administrators, who may read and act on what belongs to others.
    #[must_use]
    pub fn is_admin(self) -> bool {
        self.role == Role::Admin
    }
}
