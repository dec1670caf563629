//! Members of rooms, those who are invited, and those who are banned.

use std::collections::{HashMap, HashSet};

use entities::chat_member::{ActiveModel, Column, Entity, Model};
use entities::{chat_message, chat_room};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    TransactionTrait,
};
use uuid::Uuid;

use crate::ids::{RoomId, UserId};
use crate::inventory::TimestampMs;
use crate::store::{Store, StoreError};

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberRole {
    /// Changes and closes the room, and names moderators.
    Owner,
    /// Deletes messages of others, and bans people from the room.
    Moderator,
    /// Reads and writes.
    Member,
}

/// How a person stands to a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberState {
    /// Reads and writes.
    Joined,
    /// May join a private room.
    Invited,
    /// Has been a member.
    Left,
    /// May neither read nor write.
    Banned,
}

impl MemberRole {
    const ALL: [Self; 3] = [Self::Owner, Self::Moderator, Self::Member];

    /// Returns the name in rows and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "OWNER",
            Self::Moderator => "MODERATOR",
            Self::Member => "MEMBER",
        }
    }
}

impl MemberState {
    const ALL: [Self; 4] = [Self::Joined, Self::Invited, Self::Left, Self::Banned];

    /// Returns the name in rows and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Joined => "JOINED",
            Self::Invited => "INVITED",
            Self::Left => "LEFT",
            Self::Banned => "BANNED",
        }
    }
}

/// How a person stands to a room, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct MemberRow {
    pub room: RoomId,
    pub user: UserId,
    pub role: MemberRole,
    pub state: MemberState,
    /// The place of the last message that the person has read.
    pub read_seq: u64,
    pub joined_at: TimestampMs,
    /// `None` for a ban without end.
    pub banned_until: Option<TimestampMs>,
    pub ban_reason: Option<String>,
}

impl MemberRow {
    /// Returns a member of today.
    #[must_use]
    pub fn new(room: RoomId, user: UserId, state: MemberState, now: TimestampMs) -> Self {
        let role = MemberRole::Member;
        let (banned_until, ban_reason) = (None, None);
        Self { room, user, role, state, read_seq: 0, joined_at: now, banned_until, ban_reason }
    }

    /// True if the person is banned at a time.
    #[must_use]
    pub fn is_banned(&self, now: TimestampMs) -> bool {
        self.state == MemberState::Banned && self.banned_until.is_none_or(|until| now < until)
    }
}

impl Store {
    /// Returns how a person stands to a room.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chat_member_get(
        &self,
        room: RoomId,
        user: UserId,
    ) -> Result<Option<MemberRow>, StoreError> {
        let found = Entity::find_by_id((room.0, user.0)).one(self.reads()).await?;
        found.map(member_row).transpose()
    }

    /// Returns how a person stands to each of `rooms`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chat_member_of(
        &self,
        user: UserId,
        rooms: &[RoomId],
    ) -> Result<HashMap<RoomId, MemberRow>, StoreError> {
        let found = Entity::find()
            .filter(Column::UserId.eq(user.0))
            .filter(Column::RoomId.is_in(rooms.iter().map(|room| room.0)))
            .all(self.reads())
            .await?;
        found.into_iter().map(|row| member_row(row).map(|row| (row.room, row))).collect()
    }

    /// Returns people of a room in a state, by their ids, after `cursor`; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chat_member_list(
        &self,
        room: RoomId,
        state: MemberState,
        cursor: Option<UserId>,
        limit: u64,
    ) -> Result<Vec<MemberRow>, StoreError> {
        let mut query = Entity::find()
            .filter(Column::RoomId.eq(room.0))
            .filter(Column::State.eq(state.as_str()))
            .order_by_asc(Column::UserId)
            .limit(limit);
        if let Some(cursor) = cursor {
            query = query.filter(Column::UserId.gt(cursor.0));
        }
        query.all(self.reads()).await?.into_iter().map(member_row).collect()
    }

    /// Changes how a person stands to a room: `change` gets the row as it is, locked, and returns the row
    /// to store, or `None` to leave it. Returns the row before and after.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chat_member_change(
        &self,
        room: RoomId,
        user: UserId,
        change: impl FnOnce(Option<&MemberRow>) -> Option<MemberRow>,
    ) -> Result<(Option<MemberRow>, Option<MemberRow>), StoreError> {
        let transaction = self.writes().begin().await?;
        // Of two changes at once, one waits here for the other, also if there is no row yet.
        chat_room::Entity::find_by_id(room.0).lock_exclusive().one(&transaction).await?;
        let found = Entity::find_by_id((room.0, user.0)).one(&transaction).await?;
        let before = found.map(member_row).transpose()?;
        let Some(after) = change(before.as_ref()) else {
            transaction.rollback().await?;
            return Ok((before, None));
        };
        let replaced = OnConflict::columns([Column::RoomId, Column::UserId])
            .update_columns([
                Column::Role,
                Column::State,
                Column::ReadSeq,
                Column::JoinedAt,
                Column::BannedUntil,
                Column::BanReason,
            ])
            .to_owned();
        let row = active(&after);
        Entity::insert(row).on_conflict(replaced).exec_without_returning(&transaction).await?;
        if matches!(after.state, MemberState::Banned | MemberState::Left) {
            // Instances whose listeners were not told see by it that some may be out.
            let rev = Expr::col(chat_room::Column::MembersRev).add(1);
            chat_room::Entity::update_many()
                .col_expr(chat_room::Column::MembersRev, rev)
                .filter(chat_room::Column::Id.eq(room.0))
                .exec(&transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok((before, Some(after)))
    }

    /// Returns which of `people` are members of a room.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn chat_members_among(
        &self,
        room: RoomId,
        people: &[UserId],
    ) -> Result<HashSet<UserId>, StoreError> {
        let found: Vec<Uuid> = Entity::find()
            .select_only()
            .column(Column::UserId)
            .filter(Column::RoomId.eq(room.0))
            .filter(Column::UserId.is_in(people.iter().map(|user| user.0)))
            .filter(Column::State.eq(MemberState::Joined.as_str()))
            .into_tuple()
            .all(self.reads())
            .await?;
        Ok(found.into_iter().map(UserId).collect())
    }

    /// Notes up to which message a person has read; never less than before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chat_member_read(
        &self,
        room: RoomId,
        user: UserId,
        seq: u64,
    ) -> Result<(), StoreError> {
        let seq = i64::try_from(seq).unwrap_or(i64::MAX);
        Entity::update_many()
            .col_expr(Column::ReadSeq, Expr::value(seq))
            .filter(Column::RoomId.eq(room.0))
            .filter(Column::UserId.eq(user.0))
            .filter(Column::ReadSeq.lt(seq))
            .exec(self.writes())
            .await?;
        Ok(())
    }

    /// Returns how many messages of others a person has not read in each room that it has joined, out of
    /// `rooms`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chat_unread(
        &self,
        user: UserId,
        rooms: &[RoomId],
    ) -> Result<HashMap<RoomId, u64>, StoreError> {
        let of_room = Expr::col((chat_message::Entity, chat_message::Column::RoomId))
            .equals((Entity, Column::RoomId));
        let unread = Expr::col((chat_message::Entity, chat_message::Column::Seq))
            .gt(Expr::col((Entity, Column::ReadSeq)));
        let counted: Vec<(Uuid, i64)> = Entity::find()
            .select_only()
            .column(Column::RoomId)
            .column_as(chat_message::Column::Seq.count(), "unread")
            .join(
                sea_orm::JoinType::InnerJoin,
                sea_orm::RelationDef::from(
                    Entity::belongs_to(chat_message::Entity)
                        .from(Column::RoomId)
                        .to(chat_message::Column::RoomId),
                ),
            )
            .filter(of_room)
            .filter(unread)
            .filter(chat_message::Column::DeletedAt.is_null())
            .filter(chat_message::Column::AuthorId.ne(user.0))
            .filter(Column::UserId.eq(user.0))
            .filter(Column::State.eq(MemberState::Joined.as_str()))
            .filter(Column::RoomId.is_in(rooms.iter().map(|room| room.0)))
            .group_by(Column::RoomId)
            .into_tuple()
            .all(self.reads())
            .await?;
        Ok(counted.into_iter().map(|(room, count)| (RoomId(room), count.unsigned_abs())).collect())
    }
}

/// Returns how people stand to rooms, for a transaction that writes messages.
pub(super) async fn of_pairs(
    connection: &impl ConnectionTrait,
    pairs: &[(RoomId, UserId)],
) -> Result<HashMap<(RoomId, UserId), MemberRow>, StoreError> {
    let mut any = Condition::any();
    for (room, user) in pairs {
        let one = Condition::all().add(Column::RoomId.eq(room.0)).add(Column::UserId.eq(user.0));
        any = any.add(one);
    }
    let found = Entity::find().filter(any).all(connection).await?;
    found.into_iter().map(|row| member_row(row).map(|row| ((row.room, row.user), row))).collect()
}

/// Deletes a person from all rooms. Messages stay, without a name.
pub(crate) async fn forget(
    transaction: &impl ConnectionTrait,
    user: Uuid,
) -> Result<(), StoreError> {
    Entity::delete_many().filter(Column::UserId.eq(user)).exec(transaction).await?;
    Ok(())
}

pub(super) fn joined(
    room: RoomId,
    user: UserId,
    role: MemberRole,
    now: TimestampMs,
) -> ActiveModel {
    active(&MemberRow { role, ..MemberRow::new(room, user, MemberState::Joined, now) })
}

fn active(row: &MemberRow) -> ActiveModel {
    ActiveModel {
        room_id: Set(row.room.0),
        user_id: Set(row.user.0),
        role: Set(row.role.as_str().into()),
        state: Set(row.state.as_str().into()),
        read_seq: Set(i64::try_from(row.read_seq).unwrap_or(i64::MAX)),
        joined_at: Set(row.joined_at),
        banned_until: Set(row.banned_until),
        ban_reason: Set(row.ban_reason.clone()),
    }
}

fn member_row(row: Model) -> Result<MemberRow, StoreError> {
    let damaged = || StoreError::Damaged(format!("a member of room {}", row.room_id));
    let role = MemberRole::ALL.into_iter().find(|role| role.as_str() == row.role);
    let state = MemberState::ALL.into_iter().find(|state| state.as_str() == row.state);
    Ok(MemberRow {
        room: RoomId(row.room_id),
        user: UserId(row.user_id),
        role: role.ok_or_else(damaged)?,
        state: state.ok_or_else(damaged)?,
        read_seq: row.read_seq.unsigned_abs(),
        joined_at: row.joined_at,
        banned_until: row.banned_until,
        ban_reason: row.ban_reason,
    })
}
