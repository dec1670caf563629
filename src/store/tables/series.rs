//! Series of concerts, such as the dates of a tour.

use entities::{concert, event, series};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Query;
use sea_orm::{
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    TransactionTrait,
};

use crate::ids::{SeriesId, UserId};
use crate::inventory::TimestampMs;
use crate::store::tables::idempotency;
use crate::store::{Answered, CatalogueDeleted, EventRow, Key, Store, StoreError};

/// A series of events.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SeriesRow {
    pub id: SeriesId,
    pub name: String,
    pub description: String,
    pub created_by: UserId,
    pub created_at: TimestampMs,
    pub updated_at: TimestampMs,
}

impl Store {
    /// Stores a series, or answers a retry with the id of the first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn series_create(
        &self,
        new: &SeriesRow,
        key: Option<&Key>,
    ) -> Result<Answered<()>, StoreError> {
        let transaction = self.writes().begin().await?;
        let (id, now) = (new.id.to_string(), new.created_at);
        if let Some(before) = idempotency::claim(&transaction, key, &id, now).await? {
            transaction.rollback().await?;
            return Ok(Answered::Before(before));
        }
        series::Entity::insert(active(new)).exec_without_returning(&transaction).await?;
        transaction.commit().await?;
        Ok(Answered::Now(()))
    }

    /// Returns a series.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn series_get(&self, id: SeriesId) -> Result<Option<SeriesRow>, StoreError> {
        Ok(series::Entity::find_by_id(id.0).one(self.reads()).await?.map(row_of))
    }

    /// Returns series, newest first, after `after`; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn series_list(
        &self,
        after: Option<SeriesId>,
        limit: u64,
    ) -> Result<Vec<SeriesRow>, StoreError> {
        let mut query = series::Entity::find().order_by_desc(series::Column::Id).limit(limit);
        if let Some(after) = after {
            query = query.filter(series::Column::Id.lt(after.0));
        }
        Ok(query.all(self.reads()).await?.into_iter().map(row_of).collect())
    }

    /// Returns the events of a series, the earliest first; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn series_events(
        &self,
        id: SeriesId,
        limit: u64,
    ) -> Result<Vec<EventRow>, StoreError> {
        let of_series = Query::select()
            .column(concert::Column::OfferingId)
            .from(concert::Entity)
            .and_where(concert::Column::SeriesId.eq(id.0))
            .to_owned();
        let query = event::Entity::find()
            .filter(event::Column::Id.in_subquery(of_series))
            .order_by_asc(event::Column::EventDate)
            .order_by_asc(event::Column::Id)
            .limit(limit);
        self.with_products(query.all(self.reads()).await?).await
    }

    /// Replaces a series.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn series_update(&self, row: &SeriesRow) -> Result<(), StoreError> {
        series::Entity::update_many()
            .set(active(row))
            .filter(series::Column::Id.eq(row.id.0))
            .exec(self.writes())
            .await?;
        Ok(())
    }

    /// Deletes a series that no event names.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn series_delete(&self, id: SeriesId) -> Result<CatalogueDeleted, StoreError> {
        let transaction = self.writes().begin().await?;
        let deleted = series::Entity::delete_by_id(id.0).exec(&transaction).await?;
        let named = concert::Entity::find()
            .filter(concert::Column::SeriesId.eq(id.0))
            .count(&transaction)
            .await?;
        if named > 0 {
            transaction.rollback().await?;
            return Ok(CatalogueDeleted::InUse);
        }
        transaction.commit().await?;
        let was_there = deleted.rows_affected > 0;
        Ok(if was_there { CatalogueDeleted::Gone } else { CatalogueDeleted::NoSuch })
    }
}

fn active(row: &SeriesRow) -> series::ActiveModel {
    series::ActiveModel {
        id: Set(row.id.0),
        name: Set(row.name.clone()),
        description: Set(row.description.clone()),
        created_by: Set(row.created_by.0),
        created_at: Set(row.created_at),
        updated_at: Set(row.updated_at),
    }
}

fn row_of(row: series::Model) -> SeriesRow {
    SeriesRow {
        id: SeriesId(row.id),
        name: row.name,
        description: row.description,
        created_by: UserId(row.created_by),
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}
