//! Likes of events and their counts. A count changes only in the transaction of its like.

use std::collections::HashMap;

use entities::{event, like, like_count};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter,
    QueryOrder, QuerySelect, Statement, TransactionTrait,
};
use uuid::Uuid;

use crate::ids::{OfferingId, UserId};
use crate::inventory::TimestampMs;
use crate::store::tables::idempotency;
use crate::store::tables::new_class::kind_name;
use crate::store::{Answered, Key, Store, StoreError, older};

/// What a request does to a like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LikeChange {
    /// It is there afterwards if it was not before, and the other way round.
    Switch,
    /// It is there afterwards.
    Like,
    /// It is gone afterwards.
    Unlike,
}

/// Whether an account likes an event, and how many accounts do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct LikeState {
    pub liked: bool,
    pub likes: i64,
}

impl LikeState {
    /// Reads the answer that was stored under an idempotency key.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it is another one.
    pub fn from_kept(kept: &str) -> Result<Self, StoreError> {
        let parts = kept.split_once(' ');
        parts
            .and_then(|(liked, likes)| {
                Some(Self { liked: liked.parse().ok()?, likes: likes.parse().ok()? })
            })
            .ok_or_else(|| StoreError::Damaged("the kept answer of a like".into()))
    }

    fn kept(self) -> String {
        format!("{} {}", self.liked, self.likes)
    }
}

/// An event that an account likes.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct LikedEvent {
    pub event: OfferingId,
    pub name: String,
    pub venue: String,
    pub event_date: TimestampMs,
    pub liked_at: TimestampMs,
}

impl Store {
    /// True if there is such an event, and it is no class.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn like_allows(&self, offering: OfferingId) -> Result<bool, StoreError> {
        let found = event::Entity::find_by_id(offering.0).one(self.reads()).await?;
        Ok(found.is_some_and(|row| row.kind == kind_name(false)))
    }

    /// Changes a like and the count of its event, or answers a retry.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn like_change(
        &self,
        user: UserId,
        offering: OfferingId,
        change: LikeChange,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<Answered<LikeState>, StoreError> {
        let transaction = self.writes().begin().await?;
        // The effect comes before the claim, since the key keeps the answer. A retry that runs at
        // the same time waits here for the row, and is rolled back below.
        let (liked, by) = match change {
            LikeChange::Like => (true, insert(&transaction, user, offering, now).await?),
            LikeChange::Unlike => (false, -delete(&transaction, user, offering).await?),
            LikeChange::Switch => switch(&transaction, user, offering, now).await?,
        };
        if by != 0 {
            add_to_count(&transaction, offering, by).await?;
        }
        let state = LikeState { liked, likes: count(&transaction, offering).await? };
        if let Some(before) = idempotency::claim(&transaction, key, &state.kept(), now).await? {
            transaction.rollback().await?;
            return Ok(Answered::Before(before));
        }
        transaction.commit().await?;
        Ok(Answered::Now(state))
    }

    /// Returns whether an account likes an event, and how many accounts do.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn like_state(
        &self,
        user: UserId,
        offering: OfferingId,
    ) -> Result<LikeState, StoreError> {
        let own = like::Entity::find_by_id((offering.0, user.0)).one(self.reads()).await?;
        let likes = count(self.reads(), offering).await?;
        Ok(LikeState { liked: own.is_some(), likes })
    }

    /// Returns how many accounts like an event.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn like_count(&self, offering: OfferingId) -> Result<i64, StoreError> {
        count(self.reads(), offering).await
    }

    /// Returns the events that an account likes, newest like first, after `cursor`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn like_list(
        &self,
        user: UserId,
        cursor: Option<(TimestampMs, OfferingId)>,
        limit: u64,
    ) -> Result<Vec<LikedEvent>, StoreError> {
        use like::Column;
        let mut query = like::Entity::find().filter(Column::UserId.eq(user.0));
        if let Some((at, id)) = cursor {
            query = query.filter(older((Column::CreatedAt, at), (Column::OfferingId, id.0)));
        }
        let likes = query
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::OfferingId)
            .limit(limit)
            .all(self.reads())
            .await?;
        let ids = likes.iter().map(|row| row.offering_id);
        let events = event::Entity::find().filter(event::Column::Id.is_in(ids));
        let events = events.all(self.reads()).await?;
        let mut events: HashMap<Uuid, event::Model> =
            events.into_iter().map(|row| (row.id, row)).collect();
        let missing = || StoreError::Damaged("a like of an event that is not there".into());
        likes
            .into_iter()
            .map(|row| {
                let event = events.remove(&row.offering_id).ok_or_else(missing)?;
                Ok(LikedEvent {
                    event: OfferingId(event.id),
                    name: event.name,
                    venue: event.venue,
                    event_date: event.event_date,
                    liked_at: row.created_at,
                })
            })
            .collect()
    }
}

/// Deletes all likes of a person and takes them off the counts.
pub(crate) async fn forget(
    transaction: &impl ConnectionTrait,
    user: UserId,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM likes WHERE user_id = $1 RETURNING offering_id";
    let backend = transaction.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, sql, [user.0.into()]);
    let mut ids = Vec::new();
    for row in transaction.query_all_raw(statement).await? {
        ids.push(row.try_get::<Uuid>("", "offering_id")?);
    }
    for ids in ids.chunks(1_000) {
        let of_these = || like_count::Column::OfferingId.is_in(ids.iter().copied());
        // In one order, so that two people who leave at once do not wait for each other.
        like_count::Entity::find()
            .filter(of_these())
            .order_by_asc(like_count::Column::OfferingId)
            .lock_exclusive()
            .all(transaction)
            .await?;
        like_count::Entity::update_many()
            .col_expr(like_count::Column::Likes, Expr::col(like_count::Column::Likes).sub(1))
            .filter(of_these())
            .exec(transaction)
            .await?;
    }
    Ok(())
}

/// Returns whether the like is there afterwards, and what that adds to the count. Between its two
/// statements another request may take the like away; then it is this one's turn to add it.
async fn switch(
    transaction: &impl ConnectionTrait,
    user: UserId,
    offering: OfferingId,
    now: TimestampMs,
) -> Result<(bool, i64), StoreError> {
    loop {
        if insert(transaction, user, offering, now).await? > 0 {
            return Ok((true, 1));
        }
        if delete(transaction, user, offering).await? > 0 {
            return Ok((false, -1));
        }
    }
}

async fn insert(
    transaction: &impl ConnectionTrait,
    user: UserId,
    offering: OfferingId,
    now: TimestampMs,
) -> Result<i64, StoreError> {
    let row = like::ActiveModel {
        offering_id: Set(offering.0),
        user_id: Set(user.0),
        created_at: Set(now),
    };
    let written = like::Entity::insert(row)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await?;
    Ok(i64::from(written > 0))
}

async fn delete(
    transaction: &impl ConnectionTrait,
    user: UserId,
    offering: OfferingId,
) -> Result<i64, StoreError> {
    let deleted = like::Entity::delete_by_id((offering.0, user.0)).exec(transaction).await?;
    Ok(i64::from(deleted.rows_affected > 0))
}

async fn add_to_count(
    transaction: &impl ConnectionTrait,
    offering: OfferingId,
    by: i64,
) -> Result<(), StoreError> {
    let row = like_count::ActiveModel { offering_id: Set(offering.0), likes: Set(0) };
    like_count::Entity::insert(row)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await?;
    like_count::Entity::update_many()
        .col_expr(like_count::Column::Likes, Expr::col(like_count::Column::Likes).add(by))
        .filter(like_count::Column::OfferingId.eq(offering.0))
        .exec(transaction)
        .await?;
    Ok(())
}

async fn count(connection: &impl ConnectionTrait, offering: OfferingId) -> Result<i64, StoreError> {
    let found = like_count::Entity::find_by_id(offering.0).one(connection).await?;
    Ok(found.map_or(0, |row| row.likes))
}
