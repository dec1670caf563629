//! Messages of the chat. Writes of many people are one transaction; each write that has an effect takes
//! the next number of its room, without gaps: whoever sees a gap has missed a change.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use entities::chat_message::{ActiveModel, Column, Entity, Model};
use entities::chat_room;
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, TransactionTrait,
};

use serde::{Deserialize, Serialize};

use uuid::Uuid;

use crate::ids::{MessageId, RoomId, UserId};
use crate::inventory::TimestampMs;
use crate::store::tables::chat_member::{MemberRole, MemberRow, MemberState, of_pairs};
use crate::store::{Store, StoreError};

/// A message as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct MessageRow {
    pub id: MessageId,
    pub room: RoomId,
    /// The place of the message in its room.
    pub seq: u64,
    /// The number of its last change.
    pub rev: u64,
    pub author: UserId,
    /// The name that the author's client gave it.
    pub nonce: Option<String>,
    pub content: String,
    pub reply_to: Option<MessageId>,
    pub created_at: TimestampMs,
    pub edited_at: Option<TimestampMs>,
    pub deleted_at: Option<TimestampMs>,
    /// The author, or a moderator.
    pub deleted_by: Option<UserId>,
}

/// A change of a room's messages.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ChatWrite {
    /// A new message, unless its author has sent one with this `nonce` before.
    Send {
        id: MessageId,
        room: RoomId,
        author: UserId,
        nonce: Option<String>,
        content: String,
        reply_to: Option<MessageId>,
        at: TimestampMs,
    },
    /// Another content, by the author.
    Edit { room: RoomId, id: MessageId, by: UserId, content: String, at: TimestampMs },
    /// The end of a message, by its author or a moderator.
    Delete { room: RoomId, id: MessageId, by: UserId, is_staff: bool, at: TimestampMs },
}

impl ChatWrite {
    /// Returns the room.
    #[must_use]
    pub fn room(&self) -> RoomId {
        match self {
            Self::Send { room, .. } | Self::Edit { room, .. } | Self::Delete { room, .. } => *room,
        }
    }

    /// Returns the person.
    #[must_use]
    pub fn by(&self) -> UserId {
        match self {
            Self::Send { author, .. } => *author,
            Self::Edit { by, .. } | Self::Delete { by, .. } => *by,
        }
    }

    fn at(&self) -> TimestampMs {
        match self {
            Self::Send { at, .. } | Self::Edit { at, .. } | Self::Delete { at, .. } => *at,
        }
    }
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChatWritten {
    /// It is stored, and the message is as it is now.
    Done(MessageRow),
    /// It was stored before: the message as it is now. Nothing changed.
    Before(MessageRow),
    /// The room does not exist, or is closed.
    NoRoom,
    /// The person is no member of the room.
    NotJoined,
    /// The person is banned from the room.
    Banned(MemberRow),
    /// There is no such message in the room, or it was deleted.
    NoMessage,
    /// The message that it answers is not in the room.
    NoParent,
    /// The message is another person's.
    NotYours,
}

impl Store {
    /// Makes writes in their order, in one transaction.
    ///
    /// # Errors
    /// [`StoreError`]: none of them is made.
    pub async fn chat_write(&self, writes: &[ChatWrite]) -> Result<Vec<ChatWritten>, StoreError> {
        let transaction = self.writes().begin().await?;
        let ids: BTreeSet<RoomId> = writes.iter().map(ChatWrite::room).collect();
        let mut rooms = BTreeMap::new();
        // Locked in the order of their ids by everyone, so that no two transactions wait for each other.
        for room in chat_room::Entity::find()
            .filter(chat_room::Column::Id.is_in(ids.iter().map(|id| id.0)))
            .filter(chat_room::Column::ClosedAt.is_null())
            .order_by_asc(chat_room::Column::Id)
            .lock_exclusive()
            .all(&transaction)
            .await?
        {
            rooms.insert(RoomId(room.id), Room { rev: room.last_rev, new: Vec::new(), at: 0 });
        }
        let pairs: Vec<_> = writes.iter().map(|write| (write.room(), write.by())).collect();
        let members = of_pairs(&transaction, &pairs).await?;
        let known = known(&transaction, writes).await?;
        let mut done = Vec::with_capacity(writes.len());
        for write in writes {
            done.push(one(&transaction, write, &mut rooms, &members, &known).await?);
        }
        let new: Vec<_> =
            rooms.values_mut().flat_map(|room| std::mem::take(&mut room.new)).collect();
        if !new.is_empty() {
            Entity::insert_many(new).exec_without_returning(&transaction).await?;
        }
        for (id, room) in rooms.into_iter().filter(|(_, room)| room.at > 0) {
            let row = chat_room::ActiveModel {
                id: Set(id.0),
                last_rev: Set(room.rev),
                last_activity_at: Set(room.at),
                ..Default::default()
            };
            row.update(&transaction).await?;
        }
        transaction.commit().await?;
        Ok(done)
    }

    /// Returns messages of a room by their places: the newest below `before`, newest first, or the oldest
    /// above `after`, oldest first; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chat_message_list(
        &self,
        room: RoomId,
        (before, after): (Option<u64>, Option<u64>),
        limit: u64,
    ) -> Result<Vec<MessageRow>, StoreError> {
        let mut query = Entity::find().filter(Column::RoomId.eq(room.0)).limit(limit);
        if let Some(before) = before {
            query = query.filter(Column::Seq.lt(signed(before)));
        }
        query = match after {
            Some(after) => query.filter(Column::Seq.gt(signed(after))).order_by_asc(Column::Seq),
            None => query.order_by_desc(Column::Seq),
        };
        Ok(query.all(self.reads()).await?.into_iter().map(message_row).collect())
    }

    /// Returns the messages of a room that changed after the number `rev`, in the order of their changes;
    /// at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chat_changes(
        &self,
        room: RoomId,
        rev: u64,
        limit: u64,
    ) -> Result<Vec<MessageRow>, StoreError> {
        let found = Entity::find()
            .filter(Column::RoomId.eq(room.0))
            .filter(Column::Rev.gt(signed(rev)))
            .order_by_asc(Column::Rev)
            .limit(limit)
            .all(self.reads())
            .await?;
        Ok(found.into_iter().map(message_row).collect())
    }

    /// Returns a message.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chat_message_get(
        &self,
        room: RoomId,
        id: MessageId,
    ) -> Result<Option<MessageRow>, StoreError> {
        Ok(find(self.reads(), room, id).await?.map(message_row))
    }
}

/// A room within a transaction.
struct Room {
    rev: i64,
    new: Vec<ActiveModel>,
    /// The time of the last change; 0 if there is none.
    at: TimestampMs,
}

/// Messages that are there already: sent again by a client, by author and the name that the client gave,
/// or by this process, whose first try may have had no answer, by their ids.
#[derive(Default)]
struct Known {
    named: HashMap<(RoomId, UserId, String), MessageRow>,
    ids: HashMap<Uuid, MessageRow>,
}

async fn known(
    transaction: &impl ConnectionTrait,
    writes: &[ChatWrite],
) -> Result<Known, StoreError> {
    let (mut any, mut ids) = (Condition::any(), Vec::new());
    for write in writes {
        let ChatWrite::Send { id, room, author, nonce, .. } = write else { continue };
        ids.push(id.0);
        if let Some(nonce) = nonce {
            let one = Condition::all()
                .add(Column::RoomId.eq(room.0))
                .add(Column::AuthorId.eq(author.0))
                .add(Column::Nonce.eq(nonce));
            any = any.add(one);
        }
    }
    if ids.is_empty() {
        return Ok(Known::default());
    }
    let any = any.add(Column::Id.is_in(ids));
    let mut known = Known::default();
    for row in Entity::find().filter(any).all(transaction).await?.into_iter().map(message_row) {
        if let Some(nonce) = &row.nonce {
            known.named.insert((row.room, row.author, nonce.clone()), row.clone());
        }
        known.ids.insert(row.id.0, row);
    }
    Ok(known)
}

async fn one(
    transaction: &impl ConnectionTrait,
    write: &ChatWrite,
    rooms: &mut BTreeMap<RoomId, Room>,
    members: &HashMap<(RoomId, UserId), MemberRow>,
    known: &Known,
) -> Result<ChatWritten, StoreError> {
    let Some(room) = rooms.get_mut(&write.room()) else { return Ok(ChatWritten::NoRoom) };
    let member = members.get(&(write.room(), write.by()));
    if let Some(member) = member.filter(|member| member.is_banned(write.at())) {
        return Ok(ChatWritten::Banned(member.clone()));
    }
    let joined = member.filter(|member| member.state == MemberState::Joined);
    let is_staff = matches!(write, ChatWrite::Delete { is_staff: true, .. });
    if joined.is_none() && !is_staff {
        return Ok(ChatWritten::NotJoined);
    }
    match write {
        ChatWrite::Send { id: message, room: id, author, nonce, reply_to, .. } => {
            if let Some(stored) = known.ids.get(&message.0) {
                return Ok(ChatWritten::Done(stored.clone()));
            }
            if let Some(nonce) = nonce {
                let key = (*id, *author, nonce.clone());
                if let Some(before) = known.named.get(&key) {
                    return Ok(ChatWritten::Before(before.clone()));
                }
                // The same client sent it twice at once.
                let is_same = |new: &&ActiveModel| {
                    new.nonce.as_ref().as_ref() == Some(nonce)
                        && *new.author_id.as_ref() == author.0
                };
                if let Some(new) = room.new.iter().find(is_same) {
                    let row = sea_orm::TryIntoModel::<Model>::try_into_model(new.clone())?;
                    return Ok(ChatWritten::Before(message_row(row)));
                }
            }
            if let Some(parent) = reply_to
                && !room.new.iter().any(|new| *new.id.as_ref() == parent.0)
                && find(transaction, *id, *parent).await?.is_none()
            {
                return Ok(ChatWritten::NoParent);
            }
            Ok(ChatWritten::Done(room.add(write)?))
        }
        ChatWrite::Edit { room: id, id: message, by, content, at } => {
            let Some(found) = room.find(transaction, *id, *message).await? else {
                return Ok(ChatWritten::NoMessage);
            };
            if found.author_id != by.0 {
                return Ok(ChatWritten::NotYours);
            }
            let mut row: ActiveModel = found.into();
            row.content = Set(content.clone());
            row.edited_at = Set(Some(*at));
            Ok(ChatWritten::Done(room.change(transaction, row, *at).await?))
        }
        ChatWrite::Delete { room: id, id: message, by, at, .. } => {
            let Some(found) = room.find(transaction, *id, *message).await? else {
                return Ok(ChatWritten::NoMessage);
            };
            let moderates = joined.is_some_and(|member| member.role != MemberRole::Member);
            if found.author_id != by.0 && !moderates && !is_staff {
                return Ok(ChatWritten::NotYours);
            }
            let mut row: ActiveModel = found.into();
            // What was deleted is gone.
            row.content = Set(String::new());
            row.deleted_at = Set(Some(*at));
            row.deleted_by = Set(Some(by.0));
            Ok(ChatWritten::Done(room.change(transaction, row, *at).await?))
        }
    }
}

impl Room {
    /// Takes the next number for a new message.
    fn add(&mut self, write: &ChatWrite) -> Result<MessageRow, StoreError> {
        let ChatWrite::Send { id, room, author, nonce, content, reply_to, at } = write else {
            return Err(StoreError::Damaged("only a message is sent".into()));
        };
        self.rev += 1;
        self.at = *at;
        let row = Model {
            room_id: room.0,
            seq: self.rev,
            id: id.0,
            rev: self.rev,
            author_id: author.0,
            nonce: nonce.clone(),
            content: content.clone(),
            reply_to: reply_to.map(|parent| parent.0),
            created_at: *at,
            edited_at: None,
            deleted_at: None,
            deleted_by: None,
        };
        self.new.push(sea_orm::IntoActiveModel::into_active_model(row.clone()).reset_all());
        Ok(message_row(row))
    }

    /// Returns a message that was not deleted. Those that are still to be inserted are inserted first.
    async fn find(
        &mut self,
        transaction: &impl ConnectionTrait,
        room: RoomId,
        id: MessageId,
    ) -> Result<Option<Model>, StoreError> {
        if self.new.iter().any(|new| *new.id.as_ref() == id.0) {
            let new = std::mem::take(&mut self.new);
            Entity::insert_many(new).exec_without_returning(transaction).await?;
        }
        Ok(find(transaction, room, id).await?.filter(|row| row.deleted_at.is_none()))
    }

    /// Takes the next number for a change of a message.
    async fn change(
        &mut self,
        transaction: &impl ConnectionTrait,
        mut row: ActiveModel,
        at: TimestampMs,
    ) -> Result<MessageRow, StoreError> {
        self.rev += 1;
        self.at = at;
        row.rev = Set(self.rev);
        Ok(message_row(row.update(transaction).await?))
    }
}

async fn find(
    connection: &impl ConnectionTrait,
    room: RoomId,
    id: MessageId,
) -> Result<Option<Model>, StoreError> {
    let query = Entity::find().filter(Column::Id.eq(id.0)).filter(Column::RoomId.eq(room.0));
    Ok(query.one(connection).await?)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn message_row(row: Model) -> MessageRow {
    MessageRow {
        id: MessageId(row.id),
        room: RoomId(row.room_id),
        seq: row.seq.unsigned_abs(),
        rev: row.rev.unsigned_abs(),
        author: UserId(row.author_id),
        nonce: row.nonce,
        content: row.content,
        reply_to: row.reply_to.map(MessageId),
        created_at: row.created_at,
        edited_at: row.edited_at,
        deleted_at: row.deleted_at,
        deleted_by: row.deleted_by.map(UserId),
    }
}
