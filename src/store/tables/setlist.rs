//! Setlists of concerts: versions that are written once. The current setlist of a concert is its
//! highest version, unless that says that the setlist was deleted.

use entities::setlist::{ActiveModel, Column, Entity, Model};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, TransactionTrait};

use crate::ids::{OfferingId, UserId};
use crate::inventory::TimestampMs;
use crate::store::tables::idempotency;
use crate::store::{Answered, Key, Store, StoreError};

/// A version of a setlist as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SetlistRow {
    pub concert: OfferingId,
    /// Counts from 1 in each concert.
    pub version: u32,
    /// JSON.
    pub songs: String,
    /// JSON.
    pub playlists: String,
    /// True in a version that says that the setlist was deleted.
    pub is_deleted: bool,
    pub created_by: UserId,
    pub created_at: TimestampMs,
}

/// What became of a version that was to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetlistPut {
    /// It is written, or was before with the same key: then the version of that time.
    Written(Answered<()>),
    /// The version exists already: another person wrote it first.
    Taken,
}

impl Store {
    /// Returns the highest version of a concert's setlist; it may say that the setlist was deleted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn setlist_current(
        &self,
        concert: OfferingId,
    ) -> Result<Option<SetlistRow>, StoreError> {
        let query = Entity::find().filter(Column::OfferingId.eq(concert.0));
        let found = query.order_by_desc(Column::Version).one(self.reads()).await?;
        found.map(setlist_row).transpose()
    }

    /// Returns a version of a concert's setlist.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn setlist_version(
        &self,
        concert: OfferingId,
        version: u32,
    ) -> Result<Option<SetlistRow>, StoreError> {
        let found = Entity::find_by_id((concert.0, i64::from(version))).one(self.reads()).await?;
        found.map(setlist_row).transpose()
    }

    /// Returns the versions of a concert's setlist, newest first, below `before`; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn setlist_versions(
        &self,
        concert: OfferingId,
        before: Option<u32>,
        limit: u64,
    ) -> Result<Vec<SetlistRow>, StoreError> {
        let mut query = Entity::find()
            .filter(Column::OfferingId.eq(concert.0))
            .order_by_desc(Column::Version)
            .limit(limit);
        if let Some(before) = before {
            query = query.filter(Column::Version.lt(i64::from(before)));
        }
        query.all(self.reads()).await?.into_iter().map(setlist_row).collect()
    }

    /// Writes the next version of a setlist, unless the version exists or the request is a retry.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn setlist_put(
        &self,
        new: &SetlistRow,
        key: Option<&Key>,
    ) -> Result<SetlistPut, StoreError> {
        let transaction = self.writes().begin().await?;
        let (response, now) = (new.version.to_string(), new.created_at);
        if let Some(before) = idempotency::claim(&transaction, key, &response, now).await? {
            transaction.rollback().await?;
            return Ok(SetlistPut::Written(Answered::Before(before)));
        }
        let row = ActiveModel {
            offering_id: Set(new.concert.0),
            version: Set(i64::from(new.version)),
            songs: Set(new.songs.clone()),
            playlists: Set(new.playlists.clone()),
            is_deleted: Set(new.is_deleted),
            created_by: Set(new.created_by.0),
            created_at: Set(now),
        };
        // Of two who write the same version at once, one waits here for the other.
        let written = Entity::insert(row)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(&transaction)
            .await?;
        if written == 0 {
            transaction.rollback().await?;
            return Ok(SetlistPut::Taken);
        }
        transaction.commit().await?;
        Ok(SetlistPut::Written(Answered::Now(())))
    }
}

fn setlist_row(row: Model) -> Result<SetlistRow, StoreError> {
    let damaged = |_| StoreError::Damaged(format!("a setlist of concert {}", row.offering_id));
    Ok(SetlistRow {
        concert: OfferingId(row.offering_id),
        version: u32::try_from(row.version).map_err(damaged)?,
        songs: row.songs,
        playlists: row.playlists,
        is_deleted: row.is_deleted,
        created_by: UserId(row.created_by),
        created_at: row.created_at,
    })
}
