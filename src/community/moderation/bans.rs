//! Bans: who may not write where, until when.

use uuid::Uuid;

use super::{Banned, Moderation, ModerationError, given_reason};
use crate::caller::Caller;
use crate::ids::{BanId, UserId, time_ordered};
use crate::inventory::TimestampMs;
use crate::store::{Answered, BanRow, BanScope, Key, StoreError};
use crate::text::InvalidField;

/// A ban to make.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NewBan {
    pub user: UserId,
    pub scope: BanScope,
    /// The room of the scope `Room`.
    pub room: Option<Uuid>,
    pub reason: String,
    /// `None` for ever.
    pub until: Option<TimestampMs>,
}

impl Moderation {
    /// Returns the ban by which a person may not write there now; of several, the one that lasts longest.
    /// `room` is the room of the chat that the person writes in.
    ///
    /// # Errors
    /// The store failed.
    pub async fn is_banned(
        &self,
        user: UserId,
        scope: BanScope,
        room: Option<Uuid>,
        now: TimestampMs,
    ) -> Result<Option<BanRow>, StoreError> {
        let bans = self.store.bans_of(user, now).await?;
        let covers = |ban: &BanRow| match ban.scope {
            BanScope::All => true,
            BanScope::Room => room.is_some() && ban.room == room,
            BanScope::Articles | BanScope::Comments | BanScope::Chat => ban.scope == scope,
        };
        let there = bans.into_iter().filter(covers);
        Ok(there.max_by_key(|ban| ban.until.unwrap_or(TimestampMs::MAX)))
    }

    /// Lets accounts write that are not banned.
    ///
    /// # Errors
    /// [`ModerationError::AccountRequired`], [`ModerationError::Banned`].
    pub async fn allow(
        &self,
        caller: Caller,
        scope: BanScope,
        room: Option<Uuid>,
        now: TimestampMs,
    ) -> Result<(), ModerationError> {
        if caller.guest {
            return Err(ModerationError::AccountRequired);
        }
        match self.is_banned(caller.user, scope, room, now).await? {
            None => Ok(()),
            Some(BanRow { scope, reason, until, .. }) => {
                Err(Banned { scope, reason, until }.into())
            }
        }
    }

    /// Bans a person. Returns the ban, and whether this repeats an earlier request with the key.
    ///
    /// # Errors
    /// The field that is not allowed; [`ModerationError::NoSuchThing`] without such an account.
    pub async fn ban(
        &self,
        by: Caller,
        new: NewBan,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<(BanRow, bool), ModerationError> {
        let reason = given_reason(&new.reason)?;
        if new.until.is_some_and(|until| until <= now) {
            return Err(InvalidField::new("until", "must be in the future").into());
        }
        if (new.scope == BanScope::Room) != new.room.is_some() {
            return Err(InvalidField::new("roomId", "must be named for the scope ROOM only").into());
        }
        if !self.store.people([new.user]).await?.contains_key(&new.user) {
            return Err(InvalidField::new("userId", "must be the id of an account").into());
        }
        let row = BanRow {
            id: BanId(time_ordered(now.unsigned_abs())),
            user: new.user,
            scope: new.scope,
            room: new.room,
            reason,
            until: new.until,
            created_by: by.user,
            created_at: now,
            lifted_at: None,
        };
        match self.store.ban_create(&row, key).await? {
            Answered::Now(()) => Ok((row, false)),
            Answered::Before(id) => {
                let id = id.parse().map_err(|_| StoreError::Damaged(format!("ban id {id}")))?;
                Ok((self.ban_of(id).await?, true))
            }
        }
    }

    /// Lifts a ban. One that was lifted before stays as it is.
    ///
    /// # Errors
    /// [`ModerationError::NoSuchBan`].
    pub async fn lift(
        &self,
        by: Caller,
        id: BanId,
        now: TimestampMs,
    ) -> Result<BanRow, ModerationError> {
        self.store.ban_lift(id, by.user, now).await?;
        self.ban_of(id).await
    }

    /// Returns bans, newest first: of one person or of all, only those in force or all; at most `limit`.
    ///
    /// # Errors
    /// The store failed.
    pub async fn bans(
        &self,
        user: Option<UserId>,
        in_force_at: Option<TimestampMs>,
        after: Option<BanId>,
        limit: u64,
    ) -> Result<Vec<BanRow>, ModerationError> {
        Ok(self.store.ban_list(user, in_force_at, after, limit).await?)
    }

    async fn ban_of(&self, id: BanId) -> Result<BanRow, ModerationError> {
        self.store.ban_get(id).await?.ok_or(ModerationError::NoSuchBan)
    }
}
