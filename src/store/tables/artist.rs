//! Artists of concerts.

use std::collections::HashMap;

use entities::{artist, concert_artist};
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    TransactionTrait,
};

use crate::ids::{ArtistId, ImageId, UserId};
use crate::inventory::TimestampMs;
use crate::store::tables::catalogue::contains;
use crate::store::tables::idempotency;
use crate::store::{Answered, Key, Store, StoreError};

/// An artist, or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ArtistRow {
    pub id: ArtistId,
    pub name: String,
    /// Other names by which people look for it, such as that in another script.
    pub other_names: Vec<String>,
    pub description: String,
    pub image: Option<ImageId>,
    pub created_by: UserId,
    pub created_at: TimestampMs,
    pub updated_at: TimestampMs,
}

/// What became of the deletion of an artist or a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatalogueDeleted {
    /// It is gone.
    Gone,
    /// There is none.
    NoSuch,
    /// Events name it.
    InUse,
}

impl Store {
    /// Stores an artist, or answers a retry with the id of the first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn artist_create(
        &self,
        new: &ArtistRow,
        key: Option<&Key>,
    ) -> Result<Answered<()>, StoreError> {
        let transaction = self.writes().begin().await?;
        let (id, now) = (new.id.to_string(), new.created_at);
        if let Some(before) = idempotency::claim(&transaction, key, &id, now).await? {
            transaction.rollback().await?;
            return Ok(Answered::Before(before));
        }
        artist::Entity::insert(active(new)?).exec_without_returning(&transaction).await?;
        transaction.commit().await?;
        Ok(Answered::Now(()))
    }

    /// Returns those of `ids` that exist.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn artists(
        &self,
        ids: &[ArtistId],
    ) -> Result<HashMap<ArtistId, ArtistRow>, StoreError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let query =
            artist::Entity::find().filter(artist::Column::Id.is_in(ids.iter().map(|id| id.0)));
        let rows = query.all(self.reads()).await?.into_iter().map(row_of);
        rows.map(|row| row.map(|row| (row.id, row))).collect()
    }

    /// Returns artists whose name contains the text, newest first, after `after`; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn artist_list(
        &self,
        text: &str,
        after: Option<ArtistId>,
        limit: u64,
    ) -> Result<Vec<ArtistRow>, StoreError> {
        let mut query = artist::Entity::find().order_by_desc(artist::Column::Id).limit(limit);
        if !text.is_empty() {
            let named = Condition::any()
                .add(contains(artist::Column::Name, text))
                .add(contains(artist::Column::OtherNames, text));
            query = query.filter(named);
        }
        if let Some(after) = after {
            query = query.filter(artist::Column::Id.lt(after.0));
        }
        query.all(self.reads()).await?.into_iter().map(row_of).collect()
    }

    /// Returns the artist with this name, the one added first if there are several.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn artist_named(&self, name: &str) -> Result<Option<ArtistId>, StoreError> {
        let query = artist::Entity::find()
            .filter(artist::Column::Name.eq(name))
            .order_by_asc(artist::Column::Id);
        Ok(query.one(self.reads()).await?.map(|row| ArtistId(row.id)))
    }

    /// Replaces an artist.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn artist_update(&self, row: &ArtistRow) -> Result<(), StoreError> {
        artist::Entity::update_many()
            .set(active(row)?)
            .filter(artist::Column::Id.eq(row.id.0))
            .exec(self.writes())
            .await?;
        Ok(())
    }

    /// Deletes an artist whom no event names.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn artist_delete(&self, id: ArtistId) -> Result<CatalogueDeleted, StoreError> {
        let transaction = self.writes().begin().await?;
        // First the row: an event that names it meanwhile waits here, or is seen below.
        let deleted = artist::Entity::delete_by_id(id.0).exec(&transaction).await?;
        let named = concert_artist::Entity::find()
            .filter(concert_artist::Column::ArtistId.eq(id.0))
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

fn active(row: &ArtistRow) -> Result<artist::ActiveModel, StoreError> {
    let other_names = serde_json::to_string(&row.other_names)
        .map_err(|error| StoreError::Damaged(error.to_string()))?;
    Ok(artist::ActiveModel {
        id: Set(row.id.0),
        name: Set(row.name.clone()),
        other_names: Set(other_names),
        description: Set(row.description.clone()),
        image_id: Set(row.image.map(|id| id.0)),
        created_by: Set(row.created_by.0),
        created_at: Set(row.created_at),
        updated_at: Set(row.updated_at),
    })
}

fn row_of(row: artist::Model) -> Result<ArtistRow, StoreError> {
    let damaged = |error| StoreError::Damaged(format!("names of artist {}: {error}", row.id));
    Ok(ArtistRow {
        id: ArtistId(row.id),
        other_names: serde_json::from_str(&row.other_names).map_err(damaged)?,
        name: row.name,
        description: row.description,
        image: row.image_id.map(ImageId),
        created_by: UserId(row.created_by),
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}
