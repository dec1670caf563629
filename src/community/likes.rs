//! Likes of events by accounts. A like changes nothing of a sale.

use crate::caller::Caller;
use crate::ids::OfferingId;
use crate::inventory::TimestampMs;
use crate::store::{Answered, Key, LikeChange, LikeState, LikedEvent, Store, StoreError};

/// The likes of this store.
pub struct Likes {
    store: Store,
}

/// Why a request about likes failed.
#[derive(Debug, thiserror::Error)]
pub enum LikeError {
    /// A guest has no likes.
    #[error("a guest has no account")]
    AccountRequired,
    /// There is no such event; a class is none.
    #[error("there is no such event")]
    NoSuchEvent,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Likes {
    /// Creates the service over a store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Changes the caller's like. Returns the state after it, and whether this answers a retry.
    ///
    /// # Errors
    /// The caller is a guest, there is no such event, or the store failed.
    pub async fn change(
        &self,
        caller: Caller,
        event: OfferingId,
        change: LikeChange,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<(LikeState, bool), LikeError> {
        self.check(caller, event).await?;
        match self.store.like_change(caller.user, event, change, key, now).await? {
            Answered::Now(state) => Ok((state, false)),
            Answered::Before(kept) => Ok((LikeState::from_kept(&kept)?, true)),
        }
    }

    /// Returns how many accounts like an event.
    ///
    /// # Errors
    /// The store failed.
    pub async fn count(&self, event: OfferingId) -> Result<i64, LikeError> {
        Ok(self.store.like_count(event).await?)
    }

    /// Returns whether the caller likes an event, and how many accounts do.
    ///
    /// # Errors
    /// As of [`Self::change`].
    pub async fn state(&self, caller: Caller, event: OfferingId) -> Result<LikeState, LikeError> {
        self.check(caller, event).await?;
        Ok(self.store.like_state(caller.user, event).await?)
    }

    /// Returns what the caller likes, newest first, after `cursor`; at most `limit`.
    ///
    /// # Errors
    /// The caller is a guest, or the store failed.
    pub async fn list(
        &self,
        caller: Caller,
        cursor: Option<(TimestampMs, OfferingId)>,
        limit: u64,
    ) -> Result<Vec<LikedEvent>, LikeError> {
        if caller.guest {
            return Err(LikeError::AccountRequired);
        }
        Ok(self.store.like_list(caller.user, cursor, limit).await?)
    }

    async fn check(&self, caller: Caller, event: OfferingId) -> Result<(), LikeError> {
        if caller.guest {
            return Err(LikeError::AccountRequired);
        }
        match self.store.like_allows(event).await? {
            true => Ok(()),
            false => Err(LikeError::NoSuchEvent),
        }
    }
}
