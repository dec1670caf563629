//! Titles of links to music services, kept so that each link is asked about once.

use std::collections::HashMap;

use entities::link_title::{ActiveModel, Column, Entity};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::inventory::TimestampMs;
use crate::store::{Store, StoreError};

impl Store {
    /// Returns the titles of those of `urls` that have one. An empty title stands for a link whose
    /// service knows none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn link_titles(
        &self,
        urls: impl IntoIterator<Item = String>,
    ) -> Result<HashMap<String, String>, StoreError> {
        let rows = Entity::find().filter(Column::Url.is_in(urls)).all(self.reads()).await?;
        Ok(rows.into_iter().map(|row| (row.url, row.title)).collect())
    }

    /// Stores the title of a link.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn link_title_put(
        &self,
        url: &str,
        title: &str,
        now: TimestampMs,
    ) -> Result<(), StoreError> {
        let row =
            ActiveModel { url: Set(url.into()), title: Set(title.into()), fetched_at: Set(now) };
        let replaced = OnConflict::column(Column::Url)
            .update_columns([Column::Title, Column::FetchedAt])
            .to_owned();
        Entity::insert(row).on_conflict(replaced).exec_without_returning(self.writes()).await?;
        Ok(())
    }
}
