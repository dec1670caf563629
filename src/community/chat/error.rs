//! Why a request of the chat failed.

use crate::caller::Caller;
use crate::ids::UserId;
use crate::inventory::TimestampMs;
use crate::store::{MemberRow, StoreError};
use crate::text::InvalidField;

/// Why a request of the chat was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    /// A value is not allowed.
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// There is no such event.
    #[error("there is no such event")]
    NoSuchConcert,
    /// There is no such room, it is closed, or it is private and the caller is not invited.
    #[error("there is no such room")]
    NoSuchRoom,
    /// There is no such person with an account.
    #[error("there is no such person")]
    NoSuchPerson,
    /// There is no such message in the room, or it was deleted.
    #[error("there is no such message")]
    NoSuchMessage,
    /// The caller has not joined the room.
    #[error("join the room first")]
    NotJoined,
    /// The caller is banned from the room.
    #[error("you are banned from this room")]
    Banned {
        /// `None` for a ban without end.
        until: Option<TimestampMs>,
        /// The moderator's words.
        reason: String,
    },
    /// What the caller asks for is for others: the author of a message, moderators or the owner of a room.
    #[error("{0}")]
    NotAllowed(&'static str),
    /// The caller is a guest.
    #[error("a guest has no account: register first")]
    AccountRequired,
    /// Too many messages wait to be stored.
    #[error("too many messages wait to be stored: send it again")]
    Busy,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ChatError {
    /// Returns the refusal of a person who is banned.
    pub(super) fn banned(member: &MemberRow) -> Self {
        let reason = member.ban_reason.clone().unwrap_or_default();
        Self::Banned { until: member.banned_until, reason }
    }
}

/// Returns the account of a caller who has one.
pub(super) fn account(caller: Caller) -> Result<UserId, ChatError> {
    if caller.guest { Err(ChatError::AccountRequired) } else { Ok(caller.user) }
}
