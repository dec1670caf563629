//! Why a request about roles failed.

use std::time::Duration;

use crate::store::StoreError;

/// Why a request about roles failed.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    /// The caller may not give or take this role.
    #[error("this needs a role that you do not have")]
    Forbidden,
    /// There is no open account.
    #[error("there is no such account")]
    NoSuchAccount,
    /// There is no offering with that id.
    #[error("there is no such offering")]
    NoSuchOffering,
    /// There is no such grant, or no longer.
    #[error("there is no such grant")]
    NoSuchGrant,
    /// There is no such invitation, or no longer.
    #[error("there is no such invitation")]
    NoSuchInvitation,
    /// The caller is a guest, and only an account can have a role.
    #[error("a guest has no account: register first")]
    AccountRequired,
    /// ADMIN is for no offering in particular.
    #[error("must be absent for ADMIN")]
    AdminOfOffering,
    /// Every other role is for one offering.
    #[error("is required for this role")]
    WithoutOffering,
    /// Without an administrator no account could become one.
    #[error("the last administrator stays")]
    LastAdministrator,
    /// The invitation is unknown, expired, used or withdrawn.
    #[error("this invitation is not valid, or not any more")]
    InvitationRefused,
    /// The address got, or the inviter sent, too many invitations of late.
    #[error("there were too many invitations of late")]
    TooManyInvitations {
        /// The time after which one more is sent.
        retry_after: Duration,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
