//! Rooms: who makes them, who enters, and who keeps order in them.

use super::error::{ChatError, account};
use super::said::{ChatPerson, Said};
use super::{Chat, ListedRoom};
use crate::caller::Caller;
use crate::ids::{OfferingId, RoomId, UserId};
use crate::inventory::TimestampMs;
use crate::store::{
    Answered, Key, MemberRole, MemberRow, MemberState, OwnRooms, RoomEdit, RoomKind, RoomRow,
    StoreError,
};
use crate::text;

/// The most characters of the name of a room.
pub const MAX_NAME: usize = 100;
/// The most characters of a description or a reason.
pub const MAX_DESCRIPTION: usize = 1_000;
/// The longest ban that has an end.
const MAX_BAN_MS: TimestampMs = 365 * 24 * 3_600_000;

/// A room to make.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct RoomDraft {
    pub name: String,
    pub description: String,
    pub is_private: bool,
}

impl Chat {
    /// Makes a room, whose owner is the caller. Returns it, and whether this repeats an earlier request
    /// with the key.
    ///
    /// # Errors
    /// The field that is not allowed, or the store failed.
    pub async fn create_room(
        &self,
        caller: Caller,
        draft: RoomDraft,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<(ListedRoom, bool), ChatError> {
        let by = account(caller)?;
        let room = RoomRow {
            id: RoomId::random(),
            kind: if draft.is_private { RoomKind::Private } else { RoomKind::Public },
            concert: None,
            name: text::line("name", &draft.name, MAX_NAME)?,
            description: text::paragraph("description", &draft.description, MAX_DESCRIPTION)?,
            created_by: by,
            last_rev: 0,
            created_at: now,
            last_activity_at: now,
            closed_at: None,
        };
        let (id, replayed) = match self.store.chat_room_create(&room, key).await? {
            Answered::Now(()) => (room.id, false),
            Answered::Before(id) => {
                let damaged = |_| StoreError::Damaged(format!("room id {id}"));
                (id.parse().map_err(damaged)?, true)
            }
        };
        Ok((self.room(caller, id, now).await?, replayed))
    }

    /// Returns the room of an event, which is made by itself.
    ///
    /// # Errors
    /// [`ChatError::NoSuchConcert`].
    pub async fn room_of_concert(
        &self,
        caller: Caller,
        concert: OfferingId,
        now: TimestampMs,
    ) -> Result<ListedRoom, ChatError> {
        let event = self.store.event_get(concert).await?.filter(|event| !event.is_class);
        let event = event.ok_or(ChatError::NoSuchConcert)?;
        let new = RoomRow {
            id: RoomId::random(),
            kind: RoomKind::Concert,
            concert: Some(concert),
            name: event.details.name.chars().take(MAX_NAME).collect(),
            description: String::new(),
            created_by: event.created_by,
            last_rev: 0,
            created_at: now,
            last_activity_at: now,
            closed_at: None,
        };
        let room = self.store.chat_room_of_concert(&new).await?;
        self.room(caller, room.id, now).await
    }

    /// Returns a room that the caller may see.
    ///
    /// # Errors
    /// [`ChatError::NoSuchRoom`] or [`ChatError::Banned`].
    pub async fn room(
        &self,
        caller: Caller,
        id: RoomId,
        now: TimestampMs,
    ) -> Result<ListedRoom, ChatError> {
        let (room, member) = self.seen_by(account(caller)?, id, now).await?;
        let unread = match &member {
            Some(member) => self.store.chat_unread(member.user, &[id]).await?.remove(&id),
            None => None,
        };
        Ok(ListedRoom { room, member, unread: unread.unwrap_or_default() })
    }

    /// Returns rooms, the last active first: the caller's own, and those that everyone may enter.
    ///
    /// # Errors
    /// The store failed.
    pub async fn rooms(
        &self,
        caller: Caller,
        which: OwnRooms,
        cursor: Option<(TimestampMs, RoomId)>,
        limit: u64,
    ) -> Result<Vec<ListedRoom>, ChatError> {
        let user = account(caller)?;
        let rooms = self.store.chat_room_list(user, which, cursor, limit).await?;
        let ids: Vec<RoomId> = rooms.iter().map(|room| room.id).collect();
        let mut members = self.store.chat_member_of(user, &ids).await?;
        let unread = self.store.chat_unread(user, &ids).await?;
        let listed = |room: RoomRow| ListedRoom {
            member: members.remove(&room.id),
            unread: unread.get(&room.id).copied().unwrap_or_default(),
            room,
        };
        Ok(rooms.into_iter().map(listed).collect())
    }

    /// Changes the name or the description of a room (its owner).
    ///
    /// # Errors
    /// The field that is not allowed, [`ChatError::NoSuchRoom`] or [`ChatError::NotAllowed`].
    pub async fn change_room(
        &self,
        caller: Caller,
        id: RoomId,
        (name, description): (Option<String>, Option<String>),
        now: TimestampMs,
    ) -> Result<ListedRoom, ChatError> {
        self.ruled_by(caller, id, now, false).await?;
        let name = name.map(|name| text::line("name", &name, MAX_NAME)).transpose()?;
        let description = description
            .map(|text| text::paragraph("description", &text, MAX_DESCRIPTION))
            .transpose()?;
        let edit = RoomEdit { name, description, closed_at: None };
        self.store.chat_room_update(id, edit).await?.ok_or(ChatError::NoSuchRoom)?;
        self.room(caller, id, now).await
    }

    /// Closes a room (its owner): it is in no list any more, and no one reads it.
    ///
    /// # Errors
    /// [`ChatError::NoSuchRoom`] or [`ChatError::NotAllowed`].
    pub async fn close_room(
        &self,
        caller: Caller,
        id: RoomId,
        now: TimestampMs,
    ) -> Result<(), ChatError> {
        self.ruled_by(caller, id, now, false).await?;
        let edit = RoomEdit { closed_at: Some(now), ..RoomEdit::default() };
        self.store.chat_room_update(id, edit).await?.ok_or(ChatError::NoSuchRoom)?;
        self.hub.say(id, Said::Closed);
        Ok(())
    }

    /// Joins a room. Repeated, it changes nothing.
    ///
    /// # Errors
    /// [`ChatError::NoSuchRoom`] or [`ChatError::Banned`].
    pub async fn join(
        &self,
        caller: Caller,
        id: RoomId,
        now: TimestampMs,
    ) -> Result<ListedRoom, ChatError> {
        let (room, member) = self.seen_by(account(caller)?, id, now).await?;
        if member.is_none_or(|member| member.state != MemberState::Joined) {
            // What was said before one came is not unread.
            let read_seq = room.last_rev;
            self.store
                .chat_member_change(id, caller.user, |row| match row {
                    Some(row) if row.is_banned(now) || row.state == MemberState::Joined => None,
                    Some(row) => Some(MemberRow {
                        state: MemberState::Joined,
                        joined_at: now,
                        banned_until: None,
                        ban_reason: None,
                        ..row.clone()
                    }),
                    None => Some(MemberRow {
                        read_seq,
                        ..MemberRow::new(id, caller.user, MemberState::Joined, now)
                    }),
                })
                .await?;
        }
        self.room(caller, id, now).await
    }

    /// Leaves a room. Its owner closes it instead.
    ///
    /// # Errors
    /// [`ChatError::NoSuchRoom`] or [`ChatError::NotAllowed`].
    pub async fn leave(
        &self,
        caller: Caller,
        id: RoomId,
        now: TimestampMs,
    ) -> Result<(), ChatError> {
        let (_, member) = self.seen_by(account(caller)?, id, now).await?;
        if member.as_ref().is_some_and(|member| member.role == MemberRole::Owner) {
            return Err(ChatError::NotAllowed("the owner of a room closes it instead"));
        }
        let user = caller.user;
        if member.is_none_or(|member| member.state == MemberState::Left) {
            return Ok(());
        }
        self.store
            .chat_member_change(id, user, |row| {
                let row = row.filter(|row| row.state != MemberState::Banned)?;
                let (state, role) = (MemberState::Left, MemberRole::Member);
                Some(MemberRow { state, role, ..row.clone() })
            })
            .await?;
        self.hub.say(id, Said::Removed { user, until: None, reason: None });
        Ok(())
    }

    /// Invites a person to a private room (its owner and moderators).
    ///
    /// # Errors
    /// [`ChatError::NoSuchRoom`], [`ChatError::NotAllowed`] or [`ChatError::NoSuchPerson`].
    pub async fn invite(
        &self,
        caller: Caller,
        id: RoomId,
        user: UserId,
        now: TimestampMs,
    ) -> Result<MemberRow, ChatError> {
        self.ruled_by(caller, id, now, true).await?;
        self.exists(user).await?;
        let (before, after) = self
            .store
            .chat_member_change(id, user, |row| match row {
                Some(row) if row.state == MemberState::Banned && !row.is_banned(now) => {
                    Some(MemberRow::new(id, user, MemberState::Invited, now))
                }
                Some(row) if row.state != MemberState::Left => None,
                _ => Some(MemberRow::new(id, user, MemberState::Invited, now)),
            })
            .await?;
        let is_banned = before.as_ref().is_some_and(|row| row.is_banned(now));
        if after.is_none() && is_banned {
            return Err(ChatError::NotAllowed(
                "the person is banned from the room: lift the ban first",
            ));
        }
        after.or(before).ok_or(ChatError::NoSuchRoom)
    }

    /// Names a member a moderator, or no longer (the owner).
    ///
    /// # Errors
    /// [`ChatError::NoSuchRoom`], [`ChatError::NotAllowed`] or [`ChatError::NotJoined`].
    pub async fn set_moderator(
        &self,
        caller: Caller,
        id: RoomId,
        (user, moderates): (UserId, bool),
        now: TimestampMs,
    ) -> Result<MemberRow, ChatError> {
        self.ruled_by(caller, id, now, false).await?;
        let role = if moderates { MemberRole::Moderator } else { MemberRole::Member };
        let (_, after) = self
            .store
            .chat_member_change(id, user, |row| {
                let row = row.filter(|row| row.state == MemberState::Joined)?;
                (row.role != MemberRole::Owner).then(|| MemberRow { role, ..row.clone() })
            })
            .await?;
        after.ok_or(ChatError::NotJoined)
    }

    /// Bans a person from a room, until a time or for ever (its owner and moderators; `is_staff` for
    /// moderators of the whole site). The person is out at once, on every instance.
    ///
    /// # Errors
    /// The field that is not allowed, [`ChatError::NoSuchRoom`] or [`ChatError::NotAllowed`].
    pub async fn ban(
        &self,
        caller: Caller,
        (id, user): (RoomId, UserId),
        (until, reason): (Option<TimestampMs>, &str),
        now: TimestampMs,
    ) -> Result<MemberRow, ChatError> {
        let ruler = self.ruled_by(caller, id, now, true).await?;
        let reason = text::paragraph("reason", reason, MAX_DESCRIPTION)?;
        if !reason.chars().any(text::is_visible) {
            return Err(text::InvalidField::new("reason", "must say why").into());
        }
        if until.is_some_and(|until| until <= now || until - now > MAX_BAN_MS) {
            let reason =
                "must be in the future, and within a year; leave it out for a ban without end";
            return Err(text::InvalidField::new("until", reason).into());
        }
        self.exists(user).await?;
        let banned = MemberRow {
            state: MemberState::Banned,
            banned_until: until,
            ban_reason: Some(reason.clone()),
            ..MemberRow::new(id, user, MemberState::Banned, now)
        };
        let (_, after) = self
            .store
            .chat_member_change(id, user, |row| {
                // A moderator bans no other, and no one the owner.
                let may = row.is_none_or(|row| match row.role {
                    MemberRole::Owner => false,
                    MemberRole::Moderator => ruler == MemberRole::Owner,
                    MemberRole::Member => true,
                });
                let read_seq = row.map_or(0, |row| row.read_seq);
                may.then_some(MemberRow { read_seq, ..banned })
            })
            .await?;
        let refused =
            ChatError::NotAllowed("the owner and moderators of a room are not banned by others");
        let after = after.ok_or(refused)?;
        self.hub.say(id, Said::Removed { user, until, reason: Some(reason) });
        Ok(after)
    }

    /// Lifts a ban, or takes an invitation back (its owner and moderators).
    ///
    /// # Errors
    /// [`ChatError::NoSuchRoom`] or [`ChatError::NotAllowed`].
    pub async fn lift(
        &self,
        caller: Caller,
        id: RoomId,
        user: UserId,
        now: TimestampMs,
    ) -> Result<(), ChatError> {
        self.ruled_by(caller, id, now, true).await?;
        self.store
            .chat_member_change(id, user, |row| {
                let kept = [MemberState::Banned, MemberState::Invited];
                let row = row.filter(|row| kept.contains(&row.state))?;
                let state = MemberState::Left;
                Some(MemberRow { state, banned_until: None, ban_reason: None, ..row.clone() })
            })
            .await?;
        Ok(())
    }

    /// Returns people of a room in a state, with their names. Who is banned or invited is shown to its
    /// owner and moderators.
    ///
    /// # Errors
    /// [`ChatError::NoSuchRoom`] or [`ChatError::NotAllowed`].
    pub async fn members(
        &self,
        caller: Caller,
        (id, state): (RoomId, MemberState),
        (cursor, limit): (Option<UserId>, u64),
        now: TimestampMs,
    ) -> Result<Vec<(MemberRow, Option<String>)>, ChatError> {
        match state {
            MemberState::Joined => drop(self.seen_by(account(caller)?, id, now).await?),
            _ => drop(self.ruled_by(caller, id, now, true).await?),
        }
        let rows = self.store.chat_member_list(id, state, cursor, limit).await?;
        let mut people = self.store.people(rows.iter().map(|row| row.user)).await?;
        let named = |row: MemberRow| {
            let name = people.remove(&row.user).and_then(|person| person.name);
            (row, name)
        };
        Ok(rows.into_iter().map(named).collect())
    }

    /// Returns an open room and how a person stands to it, if the person may see it.
    pub(super) async fn seen_by(
        &self,
        user: UserId,
        id: RoomId,
        now: TimestampMs,
    ) -> Result<(RoomRow, Option<MemberRow>), ChatError> {
        let room = self.store.chat_room_get(id).await?.filter(|room| room.closed_at.is_none());
        let room = room.ok_or(ChatError::NoSuchRoom)?;
        let member = self.store.chat_member_get(id, user).await?;
        if let Some(member) = member.as_ref().filter(|member| member.is_banned(now)) {
            return Err(ChatError::banned(member));
        }
        let is_known = member
            .as_ref()
            .is_some_and(|it| matches!(it.state, MemberState::Joined | MemberState::Invited));
        match room.kind {
            RoomKind::Private if !is_known => Err(ChatError::NoSuchRoom),
            _ => Ok((room, member)),
        }
    }

    /// Returns the role by which the caller rules a room; moderators count if `with_moderators`.
    async fn ruled_by(
        &self,
        caller: Caller,
        id: RoomId,
        now: TimestampMs,
        with_moderators: bool,
    ) -> Result<MemberRole, ChatError> {
        let (_, member) = self.seen_by(account(caller)?, id, now).await?;
        let role = member
            .filter(|member| member.state == MemberState::Joined)
            .map_or(MemberRole::Member, |member| member.role);
        match role {
            MemberRole::Owner => Ok(role),
            MemberRole::Moderator if with_moderators => Ok(role),
            MemberRole::Moderator | MemberRole::Member => Err(ChatError::NotAllowed(
                "this is for the owner of the room, and some of it for its moderators",
            )),
        }
    }

    async fn exists(&self, user: UserId) -> Result<(), ChatError> {
        let found = self.store.people([user]).await?.remove(&user);
        let is_account = found.is_some_and(|person| person.name.is_some());
        if is_account { Ok(()) } else { Err(ChatError::NoSuchPerson) }
    }

    /// Returns a person as others see it.
    ///
    /// # Errors
    /// [`ChatError::AccountRequired`], or the store failed.
    pub async fn person(&self, caller: Caller) -> Result<ChatPerson, ChatError> {
        let id = account(caller)?;
        let found = self.store.people([id]).await?.remove(&id);
        let name = found.and_then(|person| person.name).unwrap_or_default();
        Ok(ChatPerson { id, name: name.into() })
    }
}
