//! Notices: messages that no journal has, such as that a password was changed. They are written in
//! the transaction of what they tell, and the relay expands them as it does messages of journals.

use entities::notice;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, TransactionTrait, sea_query::Expr,
};
use serde_json::Value;
use uuid::Uuid;

use crate::ids::{OfferingId, UserId, time_ordered};
use crate::inventory::TimestampMs;
use crate::store::tables::delivery::{self, NewDelivery};
use crate::store::{Store, StoreError};

/// A notice to write.
#[derive(Clone, Debug)]
pub struct NewNotice {
    /// What happened, such as `security.password_changed`.
    pub kind: &'static str,
    /// The event that it is about.
    pub offering: Option<OfferingId>,
    /// The person whom it concerns.
    pub user: Option<UserId>,
    /// The content.
    pub payload: Value,
}

/// A notice.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NoticeRow {
    pub id: Uuid,
    pub kind: String,
    pub offering: Option<OfferingId>,
    pub user: Option<UserId>,
    pub payload: Value,
    pub created_at: TimestampMs,
}

/// Writes a notice.
pub(crate) async fn put(
    transaction: &impl ConnectionTrait,
    new: &NewNotice,
    now: TimestampMs,
) -> Result<(), StoreError> {
    let row = notice::ActiveModel {
        id: Set(time_ordered(now.unsigned_abs())),
        kind: Set(new.kind.into()),
        offering_id: Set(new.offering.map(|id| id.0)),
        user_id: Set(new.user.map(|id| id.0)),
        payload: Set(new.payload.to_string()),
        created_at: Set(now),
        processed_at: Set(None),
    };
    notice::Entity::insert(row).exec_without_returning(transaction).await?;
    Ok(())
}

impl Store {
    /// Writes a notice in a transaction of its own.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn notice_put(&self, new: &NewNotice, now: TimestampMs) -> Result<(), StoreError> {
        put(self.writes(), new, now).await
    }

    /// Returns the oldest notices that were not expanded.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn notice_waiting(&self, limit: u64) -> Result<Vec<NoticeRow>, StoreError> {
        let found = notice::Entity::find()
            .filter(notice::Column::ProcessedAt.is_null())
            .order_by_asc(notice::Column::CreatedAt)
            .limit(limit)
            .all(self.reads())
            .await?;
        let row = |row: notice::Model| NoticeRow {
            id: row.id,
            kind: row.kind,
            offering: row.offering_id.map(OfferingId),
            user: row.user_id.map(UserId),
            // What this program wrote is JSON; anything else is passed on as text.
            payload: serde_json::from_str(&row.payload).unwrap_or(Value::String(row.payload)),
            created_at: row.created_at,
        };
        Ok(found.into_iter().map(row).collect())
    }

    /// Replaces notices by their deliveries. Those that another process expands at the same time get
    /// the same deliveries, which are then kept once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn notice_expand(
        &self,
        notices: &[Uuid],
        deliveries: Vec<NewDelivery>,
        now: TimestampMs,
    ) -> Result<(), StoreError> {
        let transaction = self.writes().begin().await?;
        notice::Entity::update_many()
            .col_expr(notice::Column::ProcessedAt, Expr::value(now))
            .filter(notice::Column::Id.is_in(notices.iter().copied()))
            .exec(&transaction)
            .await?;
        delivery::insert(&transaction, deliveries, now).await?;
        Ok(transaction.commit().await?)
    }
}
