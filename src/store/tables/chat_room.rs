//! Rooms of the chat.

use entities::chat_member;
use entities::chat_room::{ActiveModel, Column, Entity, Model};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{OnConflict, Query};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    TransactionTrait,
};
use uuid::Uuid;

use crate::ids::{OfferingId, RoomId, UserId};
use crate::inventory::TimestampMs;
use crate::store::tables::chat_member::{MemberRole, MemberState, joined};
use crate::store::tables::idempotency;
use crate::store::{Answered, Key, Store, StoreError, older};

/// Who may enter a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomKind {
    /// Everyone.
    Public,
    /// Those who were invited.
    Private,
    /// Everyone; the room belongs to an event.
    Concert,
}

impl RoomKind {
    /// Returns the name in rows and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "PUBLIC",
            Self::Private => "PRIVATE",
            Self::Concert => "CONCERT",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Public, Self::Private, Self::Concert].into_iter().find(|it| it.as_str() == text)
    }
}

/// A room as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct RoomRow {
    pub id: RoomId,
    pub kind: RoomKind,
    /// The event of a room of the kind `Concert`.
    pub concert: Option<OfferingId>,
    pub name: String,
    pub description: String,
    pub created_by: UserId,
    /// The number of the last change.
    pub last_rev: u64,
    pub created_at: TimestampMs,
    pub last_activity_at: TimestampMs,
    pub closed_at: Option<TimestampMs>,
}

/// How a room stands, for those who listen to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomStand {
    /// The room.
    pub room: RoomId,
    /// The number of the last change.
    pub rev: u64,
    /// Rises whenever a person is out of the room.
    pub members_rev: i64,
    /// True if its owner has closed it.
    pub is_closed: bool,
}

/// Which rooms a list has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnRooms {
    /// Those that a person has joined or is invited to.
    Alone,
    /// These, and those that everyone may enter.
    AndOpenOnes,
}

/// A change of a room; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct RoomEdit {
    pub name: Option<String>,
    pub description: Option<String>,
    pub closed_at: Option<TimestampMs>,
}

impl Store {
    /// Creates a room whose owner is `created_by`, or answers a retry with the id of the first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chat_room_create(
        &self,
        room: &RoomRow,
        key: Option<&Key>,
    ) -> Result<Answered<()>, StoreError> {
        let transaction = self.writes().begin().await?;
        let (response, now) = (room.id.to_string(), room.created_at);
        if let Some(before) = idempotency::claim(&transaction, key, &response, now).await? {
            transaction.rollback().await?;
            return Ok(Answered::Before(before));
        }
        Entity::insert(active(room)).exec_without_returning(&transaction).await?;
        let owner = joined(room.id, room.created_by, MemberRole::Owner, now);
        chat_member::Entity::insert(owner).exec_without_returning(&transaction).await?;
        transaction.commit().await?;
        Ok(Answered::Now(()))
    }

    /// Returns the room of an event, which is made if there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chat_room_of_concert(&self, new: &RoomRow) -> Result<RoomRow, StoreError> {
        let concert = new.concert.map(|concert| concert.0);
        let find = || Entity::find().filter(Column::OfferingId.eq(concert));
        if let Some(found) = find().one(self.reads()).await? {
            return room_row(found);
        }
        Entity::insert(active(new))
            .on_conflict(OnConflict::column(Column::OfferingId).do_nothing().to_owned())
            .exec_without_returning(self.writes())
            .await?;
        let made = find().one(self.writes()).await?;
        made.map_or_else(|| Err(StoreError::Damaged("a room vanished".into())), room_row)
    }

    /// Returns a room, open or closed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chat_room_get(&self, id: RoomId) -> Result<Option<RoomRow>, StoreError> {
        Entity::find_by_id(id.0).one(self.reads()).await?.map(room_row).transpose()
    }

    /// Returns open rooms, the last active first, after `cursor`; at most `limit`: those that `user` has
    /// joined or is invited to, and, if asked for, those that everyone may enter. The room of an event
    /// is one of these once something was said in it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chat_room_list(
        &self,
        user: UserId,
        which: OwnRooms,
        cursor: Option<(TimestampMs, RoomId)>,
        limit: u64,
    ) -> Result<Vec<RoomRow>, StoreError> {
        let states = [MemberState::Joined, MemberState::Invited].map(MemberState::as_str);
        let own = Query::select()
            .column(chat_member::Column::RoomId)
            .from(chat_member::Entity)
            .and_where(chat_member::Column::UserId.eq(user.0))
            .and_where(chat_member::Column::State.is_in(states))
            .to_owned();
        let mut shown = Condition::any().add(Column::Id.in_subquery(own));
        if which == OwnRooms::AndOpenOnes {
            let concert = Condition::all()
                .add(Column::Kind.eq(RoomKind::Concert.as_str()))
                .add(Column::LastRev.gt(0));
            shown = shown.add(Column::Kind.eq(RoomKind::Public.as_str())).add(concert);
        }
        let mut query = Entity::find()
            .filter(shown)
            .filter(Column::ClosedAt.is_null())
            .order_by_desc(Column::LastActivityAt)
            .order_by_desc(Column::Id)
            .limit(limit);
        if let Some((at, id)) = cursor {
            query = query.filter(older((Column::LastActivityAt, at), (Column::Id, id.0)));
        }
        query.all(self.reads()).await?.into_iter().map(room_row).collect()
    }

    /// Returns the number of the last change of each of `rooms`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chat_room_revs(&self, rooms: &[RoomId]) -> Result<Vec<RoomStand>, StoreError> {
        let found: Vec<(Uuid, i64, i64, Option<i64>)> = Entity::find()
            .select_only()
            .columns([Column::Id, Column::LastRev, Column::MembersRev, Column::ClosedAt])
            .filter(Column::Id.is_in(rooms.iter().map(|room| room.0)))
            .into_tuple()
            .all(self.reads())
            .await?;
        let row = |(id, rev, members_rev, closed): (_, i64, i64, Option<i64>)| RoomStand {
            room: RoomId(id),
            rev: rev.unsigned_abs(),
            members_rev,
            is_closed: closed.is_some(),
        };
        Ok(found.into_iter().map(row).collect())
    }

    /// Changes a room; `None` if there is none, or it is closed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chat_room_update(
        &self,
        id: RoomId,
        edit: RoomEdit,
    ) -> Result<Option<RoomRow>, StoreError> {
        let transaction = self.writes().begin().await?;
        let found = Entity::find_by_id(id.0).lock_exclusive().one(&transaction).await?;
        let Some(found) = found.filter(|room| room.closed_at.is_none()) else { return Ok(None) };
        let mut row: ActiveModel = found.into();
        if let Some(name) = edit.name {
            row.name = Set(name);
        }
        if let Some(description) = edit.description {
            row.description = Set(description);
        }
        if let Some(at) = edit.closed_at {
            row.closed_at = Set(Some(at));
        }
        let changed = match row.is_changed() {
            true => row.update(&transaction).await?,
            false => sea_orm::TryIntoModel::try_into_model(row)?,
        };
        transaction.commit().await?;
        room_row(changed).map(Some)
    }
}

fn active(room: &RoomRow) -> ActiveModel {
    ActiveModel {
        id: Set(room.id.0),
        kind: Set(room.kind.as_str().into()),
        offering_id: Set(room.concert.map(|concert| concert.0)),
        name: Set(room.name.clone()),
        description: Set(room.description.clone()),
        created_by: Set(room.created_by.0),
        last_rev: Set(0),
        members_rev: Set(0),
        created_at: Set(room.created_at),
        last_activity_at: Set(room.last_activity_at),
        closed_at: Set(None),
    }
}

pub(super) fn room_row(row: Model) -> Result<RoomRow, StoreError> {
    let kind = RoomKind::parse(&row.kind);
    Ok(RoomRow {
        id: RoomId(row.id),
        kind: kind.ok_or_else(|| StoreError::Damaged(format!("the kind of room {}", row.id)))?,
        concert: row.offering_id.map(OfferingId),
        name: row.name,
        description: row.description,
        created_by: UserId(row.created_by),
        last_rev: row.last_rev.unsigned_abs(),
        created_at: row.created_at,
        last_activity_at: row.last_activity_at,
        closed_at: row.closed_at,
    })
}
