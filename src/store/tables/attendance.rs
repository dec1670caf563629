//! Who was at a concert, by their own word.

use entities::attendance::{ActiveModel, Column, Entity};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::ids::{OfferingId, UserId};
use crate::inventory::TimestampMs;
use crate::store::{Store, StoreError, older};

impl Store {
    /// Stores that a person was at a concert. Repeated, it changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn attendance_put(
        &self,
        concert: OfferingId,
        user: UserId,
        now: TimestampMs,
    ) -> Result<(), StoreError> {
        let row =
            ActiveModel { offering_id: Set(concert.0), user_id: Set(user.0), created_at: Set(now) };
        Entity::insert(row)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(self.writes())
            .await?;
        Ok(())
    }

    /// Deletes that a person was at a concert.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn attendance_delete(
        &self,
        concert: OfferingId,
        user: UserId,
    ) -> Result<(), StoreError> {
        Entity::delete_by_id((concert.0, user.0)).exec(self.writes()).await?;
        Ok(())
    }

    /// Returns whether a person was at a concert, and how many were.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn attendance_count(
        &self,
        concert: OfferingId,
        user: Option<UserId>,
    ) -> Result<(bool, u64), StoreError> {
        let all = Entity::find().filter(Column::OfferingId.eq(concert.0));
        let count = all.count(self.reads()).await?;
        let attended = match user {
            Some(user) => {
                Entity::find_by_id((concert.0, user.0)).one(self.reads()).await?.is_some()
            }
            None => false,
        };
        Ok((attended, count))
    }

    /// Returns the concerts that a person was at, the last stored first, after `cursor`; at most
    /// `limit`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn attendance_list(
        &self,
        user: UserId,
        cursor: Option<(TimestampMs, OfferingId)>,
        limit: u64,
    ) -> Result<Vec<(OfferingId, TimestampMs)>, StoreError> {
        let mut query = Entity::find()
            .filter(Column::UserId.eq(user.0))
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::OfferingId)
            .limit(limit);
        if let Some((at, id)) = cursor {
            query = query.filter(older((Column::CreatedAt, at), (Column::OfferingId, id.0)));
        }
        let rows = query.all(self.reads()).await?;
        Ok(rows.into_iter().map(|row| (OfferingId(row.offering_id), row.created_at)).collect())
    }
}

/// Deletes everything that says where a person was.
pub(crate) async fn forget(
    transaction: &impl ConnectionTrait,
    user: Uuid,
) -> Result<(), StoreError> {
    Entity::delete_many().filter(Column::UserId.eq(user)).exec(transaction).await?;
    Ok(())
}
