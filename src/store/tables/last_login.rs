//! When accounts logged in or renewed a login, as far as their refresh tokens are still there.

use std::collections::HashMap;

use entities::refresh_token;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::ids::UserId;
use crate::inventory::TimestampMs;
use crate::store::{Store, StoreError};

impl Store {
    /// Returns when each of `ids` logged in last; without those of whom it is not known.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn last_logins(
        &self,
        ids: impl IntoIterator<Item = UserId>,
    ) -> Result<HashMap<UserId, TimestampMs>, StoreError> {
        use refresh_token::Column;
        let rows: Vec<(Uuid, TimestampMs)> = refresh_token::Entity::find()
            .select_only()
            .column(Column::UserId)
            .column_as(Column::IssuedAt.max(), "last")
            .filter(Column::UserId.is_in(ids.into_iter().map(|id| id.0)))
            .group_by(Column::UserId)
            .into_tuple()
            .all(self.reads())
            .await?;
        Ok(rows.into_iter().map(|(id, at)| (UserId(id), at)).collect())
    }
}
