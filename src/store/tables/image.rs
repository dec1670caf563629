//! Pictures that people uploaded. Their bytes are in the object store.

use entities::{article, artist, concert, image};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::ids::{ImageId, UserId};
use crate::inventory::TimestampMs;
use crate::store::{Store, StoreError};

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ImageRow {
    pub id: ImageId,
    pub created_by: UserId,
    pub content_type: String,
    pub width: u32,
    pub height: u32,
    /// Bytes of all its sizes in the object store.
    pub bytes: u64,
    pub created_at: TimestampMs,
}

impl Store {
    /// Stores a picture that no one sees yet: its bytes are still to be written.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn image_create(&self, row: &ImageRow) -> Result<(), StoreError> {
        let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
        let row = image::ActiveModel {
            id: Set(row.id.0),
            created_by: Set(row.created_by.0),
            content_type: Set(row.content_type.clone()),
            width: Set(number(row.width)),
            height: Set(number(row.height)),
            bytes: Set(0),
            created_at: Set(row.created_at),
        };
        image::Entity::insert(row).exec_without_returning(self.writes()).await?;
        Ok(())
    }

    /// Notes that all bytes of a picture are written, so many: from now on it is seen. With 0 it is hidden
    /// again, before its bytes are deleted.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn image_ready(&self, id: ImageId, bytes: u64) -> Result<(), StoreError> {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        image::Entity::update_many()
            .col_expr(image::Column::Bytes, Expr::value(bytes))
            .filter(image::Column::Id.eq(id.0))
            .exec(self.writes())
            .await?;
        Ok(())
    }

    /// Returns a picture whose bytes are there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn image_get(&self, id: ImageId) -> Result<Option<ImageRow>, StoreError> {
        let found = image::Entity::find_by_id(id.0).filter(image::Column::Bytes.gt(0));
        Ok(found.one(self.reads()).await?.map(row_of))
    }

    /// Returns pictures whose bytes were not all written, or not all deleted, and that are from before a
    /// time; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn images_unready(
        &self,
        before: TimestampMs,
        limit: u64,
    ) -> Result<Vec<ImageId>, StoreError> {
        let found: Vec<Uuid> = image::Entity::find()
            .select_only()
            .column(image::Column::Id)
            .filter(image::Column::Bytes.eq(0))
            .filter(image::Column::CreatedAt.lt(before))
            .limit(limit)
            .into_tuple()
            .all(self.reads())
            .await?;
        Ok(found.into_iter().map(ImageId).collect())
    }

    /// Returns a person's pictures, newest first, after `after`; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn images_of(
        &self,
        user: UserId,
        after: Option<ImageId>,
        limit: u64,
    ) -> Result<Vec<ImageRow>, StoreError> {
        let mut query = image::Entity::find()
            .filter(image::Column::CreatedBy.eq(user.0))
            .filter(image::Column::Bytes.gt(0))
            .order_by_desc(image::Column::Id)
            .limit(limit);
        if let Some(after) = after {
            query = query.filter(image::Column::Id.lt(after.0));
        }
        Ok(query.all(self.reads()).await?.into_iter().map(row_of).collect())
    }

    /// Returns how many of the pictures exist.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn images_found(&self, ids: &[ImageId]) -> Result<usize, StoreError> {
        if ids.is_empty() {
            return Ok(0);
        }
        let found: Vec<Uuid> = image::Entity::find()
            .select_only()
            .column(image::Column::Id)
            .filter(image::Column::Id.is_in(ids.iter().map(|id| id.0)))
            .filter(image::Column::Bytes.gt(0))
            .into_tuple()
            .all(self.reads())
            .await?;
        Ok(found.len())
    }

    /// Returns how many pictures a person has uploaded since a time.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn images_since(&self, user: UserId, since: TimestampMs) -> Result<u64, StoreError> {
        let own = image::Entity::find()
            .filter(image::Column::CreatedBy.eq(user.0))
            .filter(image::Column::CreatedAt.gte(since));
        Ok(own.count(self.reads()).await?)
    }

    /// True if an event, an artist or an article shows a picture.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn image_in_use(&self, id: ImageId) -> Result<bool, StoreError> {
        let text = id.to_string();
        let by_concert = Condition::any()
            .add(concert::Column::PosterId.eq(id.0))
            .add(concert::Column::ImageIds.contains(&text));
        let by_article = Condition::any()
            .add(article::Column::ImageIds.contains(&text))
            .add(article::Column::Content.contains(&text));
        Ok(concert::Entity::find().filter(by_concert).count(self.reads()).await? > 0
            || artist::Entity::find()
                .filter(artist::Column::ImageId.eq(id.0))
                .count(self.reads())
                .await?
                > 0
            || article::Entity::find().filter(by_article).count(self.reads()).await? > 0)
    }

    /// Deletes a picture; returns whether there was one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn image_delete(&self, id: ImageId) -> Result<bool, StoreError> {
        let deleted = image::Entity::delete_by_id(id.0).exec(self.writes()).await?;
        Ok(deleted.rows_affected > 0)
    }
}

fn row_of(row: image::Model) -> ImageRow {
    ImageRow {
        id: ImageId(row.id),
        created_by: UserId(row.created_by),
        content_type: row.content_type,
        width: row.width.unsigned_abs(),
        height: row.height.unsigned_abs(),
        bytes: row.bytes.unsigned_abs(),
        created_at: row.created_at,
    }
}
