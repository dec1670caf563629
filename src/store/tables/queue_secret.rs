//! The secrets of waiting rooms' draws. Nothing reads one but the draw itself.

use entities::queue_secret;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::ids::OfferingId;
use crate::inventory::TimestampMs;
use crate::store::{Store, StoreError};

impl Store {
    /// Keeps a secret under its commitment, before the journal has the commitment.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn queue_secret_put(
        &self,
        offering: OfferingId,
        commitment: [u8; 32],
        secret: [u8; 32],
        now: TimestampMs,
    ) -> Result<(), StoreError> {
        let row = queue_secret::ActiveModel {
            offering_id: Set(offering.0),
            commitment: Set(commitment.to_vec()),
            secret: Set(secret.to_vec()),
            created_at: Set(now),
        };
        queue_secret::Entity::insert(row)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(self.writes())
            .await?;
        Ok(())
    }

    /// Returns the secret with this commitment.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn queue_secret(
        &self,
        offering: OfferingId,
        commitment: [u8; 32],
    ) -> Result<Option<[u8; 32]>, StoreError> {
        let key = (offering.0, commitment.to_vec());
        let found = queue_secret::Entity::find_by_id(key).one(self.reads()).await?;
        Ok(found.and_then(|row| row.secret.try_into().ok()))
    }

    /// Returns the offerings for which a secret was made since `since`: those that may have a queue.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn queue_offerings(&self, since: TimestampMs) -> Result<Vec<OfferingId>, StoreError> {
        let found: Vec<uuid::Uuid> = queue_secret::Entity::find()
            .select_only()
            .column(queue_secret::Column::OfferingId)
            .distinct()
            .filter(queue_secret::Column::CreatedAt.gte(since))
            .order_by_asc(queue_secret::Column::OfferingId)
            .into_tuple()
            .all(self.reads())
            .await?;
        Ok(found.into_iter().map(OfferingId).collect())
    }
}
