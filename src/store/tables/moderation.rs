//! What moderators do: things that they have hidden, and people whom they have banned.

use std::collections::HashMap;

use entities::{ban, hidden_thing};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, TransactionTrait,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{BanId, UserId};
use crate::inventory::TimestampMs;
use crate::store::tables::{idempotency, report};
use crate::store::{Answered, Key, ReportOutcome, Store, StoreError, ThingKind};

/// Why and when a thing was hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Hidden {
    pub reason: String,
    pub at: TimestampMs,
}

/// What a ban keeps a person from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum BanScope {
    /// From writing anything.
    All,
    /// From writing articles.
    Articles,
    /// From writing comments.
    Comments,
    /// From writing in any chat.
    Chat,
    /// From one room of the chat.
    Room,
}

impl BanScope {
    /// All scopes.
    pub const ALL: [Self; 5] = [Self::All, Self::Articles, Self::Comments, Self::Chat, Self::Room];

    /// Returns the name of the scope in rows and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "ALL",
            Self::Articles => "ARTICLES",
            Self::Comments => "COMMENTS",
            Self::Chat => "CHAT",
            Self::Room => "ROOM",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

/// A ban of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct BanRow {
    pub id: BanId,
    pub user: UserId,
    pub scope: BanScope,
    /// The room of the scope `Room`.
    pub room: Option<Uuid>,
    pub reason: String,
    /// `None` for ever.
    pub until: Option<TimestampMs>,
    pub created_by: UserId,
    pub created_at: TimestampMs,
    pub lifted_at: Option<TimestampMs>,
}

impl Store {
    /// Hides a thing, or gives another reason, and closes the reports about it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn thing_hide(
        &self,
        (kind, id): (ThingKind, Uuid),
        reason: &str,
        by: UserId,
        now: TimestampMs,
    ) -> Result<(), StoreError> {
        use hidden_thing::Column;
        let row = hidden_thing::ActiveModel {
            kind: Set(kind.as_str().into()),
            thing_id: Set(id),
            reason: Set(reason.into()),
            hidden_by: Set(by.0),
            hidden_at: Set(now),
        };
        let transaction = self.writes().begin().await?;
        let replace = OnConflict::columns([Column::Kind, Column::ThingId])
            .update_columns([Column::Reason, Column::HiddenBy])
            .to_owned();
        hidden_thing::Entity::insert(row)
            .on_conflict(replace)
            .exec_without_returning(&transaction)
            .await?;
        report::close(&transaction, (kind, id), ReportOutcome::Hidden, by, now).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Shows a thing again; returns false if it was not hidden.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn thing_restore(&self, kind: ThingKind, id: Uuid) -> Result<bool, StoreError> {
        let id = (kind.as_str().to_owned(), id);
        let deleted = hidden_thing::Entity::delete_by_id(id).exec(self.writes()).await?;
        Ok(deleted.rows_affected > 0)
    }

    /// Returns why those of `ids` were hidden that are.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn things_hidden(
        &self,
        kind: ThingKind,
        ids: impl IntoIterator<Item = Uuid>,
    ) -> Result<HashMap<Uuid, Hidden>, StoreError> {
        let found = hidden_thing::Entity::find()
            .filter(hidden_thing::Column::Kind.eq(kind.as_str()))
            .filter(hidden_thing::Column::ThingId.is_in(ids))
            .all(self.reads())
            .await?;
        let hidden = |row: hidden_thing::Model| {
            (row.thing_id, Hidden { reason: row.reason, at: row.hidden_at })
        };
        Ok(found.into_iter().map(hidden).collect())
    }

    /// Stores a ban, or answers a retry with the id of the first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ban_create(
        &self,
        new: &BanRow,
        key: Option<&Key>,
    ) -> Result<Answered<()>, StoreError> {
        let transaction = self.writes().begin().await?;
        let (id, now) = (new.id.to_string(), new.created_at);
        if let Some(before) = idempotency::claim(&transaction, key, &id, now).await? {
            transaction.rollback().await?;
            return Ok(Answered::Before(before));
        }
        let row = ban::ActiveModel {
            id: Set(new.id.0),
            user_id: Set(new.user.0),
            scope: Set(new.scope.as_str().into()),
            room_id: Set(new.room),
            reason: Set(new.reason.clone()),
            until: Set(new.until),
            created_by: Set(new.created_by.0),
            created_at: Set(new.created_at),
            lifted_by: Set(None),
            lifted_at: Set(None),
        };
        ban::Entity::insert(row).exec_without_returning(&transaction).await?;
        transaction.commit().await?;
        Ok(Answered::Now(()))
    }

    /// Returns a ban.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ban_get(&self, id: BanId) -> Result<Option<BanRow>, StoreError> {
        let found = ban::Entity::find_by_id(id.0).one(self.reads()).await?;
        found.map(ban_of).transpose()
    }

    /// Lifts a ban that is not lifted yet.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn ban_lift(
        &self,
        id: BanId,
        by: UserId,
        now: TimestampMs,
    ) -> Result<(), StoreError> {
        let update = ban::Entity::update_many()
            .col_expr(ban::Column::LiftedBy, Expr::value(by.0))
            .col_expr(ban::Column::LiftedAt, Expr::value(now))
            .filter(ban::Column::Id.eq(id.0))
            .filter(ban::Column::LiftedAt.is_null());
        update.exec(self.writes()).await?;
        Ok(())
    }

    /// Returns bans, newest first: of one person, or of all; at most `limit`. `in_force_at` leaves those
    /// out that are over by then.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ban_list(
        &self,
        user: Option<UserId>,
        in_force_at: Option<TimestampMs>,
        after: Option<BanId>,
        limit: u64,
    ) -> Result<Vec<BanRow>, StoreError> {
        let mut query = ban::Entity::find().order_by_desc(ban::Column::Id).limit(limit);
        if let Some(user) = user {
            query = query.filter(ban::Column::UserId.eq(user.0));
        }
        if let Some(now) = in_force_at {
            query = query.filter(in_force(now));
        }
        if let Some(after) = after {
            query = query.filter(ban::Column::Id.lt(after.0));
        }
        query.all(self.reads()).await?.into_iter().map(ban_of).collect()
    }

    /// Returns the bans of a person that are in force: a person has few.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn bans_of(&self, user: UserId, now: TimestampMs) -> Result<Vec<BanRow>, StoreError> {
        let query = ban::Entity::find().filter(ban::Column::UserId.eq(user.0));
        let found = query.filter(in_force(now)).all(self.reads()).await?;
        found.into_iter().map(ban_of).collect()
    }
}

fn in_force(now: TimestampMs) -> Condition {
    let lasts = Condition::any().add(ban::Column::Until.is_null()).add(ban::Column::Until.gt(now));
    Condition::all().add(ban::Column::LiftedAt.is_null()).add(lasts)
}

fn ban_of(row: ban::Model) -> Result<BanRow, StoreError> {
    let scope = BanScope::parse(&row.scope)
        .ok_or_else(|| StoreError::Damaged(format!("the scope of ban {}", row.id)))?;
    Ok(BanRow {
        id: BanId(row.id),
        user: UserId(row.user_id),
        scope,
        room: row.room_id,
        reason: row.reason,
        until: row.until,
        created_by: UserId(row.created_by),
        created_at: row.created_at,
        lifted_at: row.lifted_at,
    })
}
