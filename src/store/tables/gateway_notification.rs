//! Notifications that gateways sent, each once: the ids tell repeated ones, and those that fit no
//! payment are kept with their text until a person has looked at them.

use entities::gateway_notification;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::ids::PaymentId;
use crate::inventory::TimestampMs;
use crate::store::{Store, StoreError};

/// A notification.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NotificationRow {
    pub gateway: String,
    /// The gateway's id of it.
    pub id: String,
    pub kind: String,
    pub payment: Option<PaymentId>,
    /// Why it was parked; `None` for one that was heeded.
    pub parked_reason: Option<String>,
    /// The text of a parked one.
    pub body: Option<String>,
    pub received_at: TimestampMs,
}

/// Whether a notification was new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Noted {
    First,
    Again,
}

impl Store {
    /// Notes a notification.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn gateway_notification_note(
        &self,
        row: &NotificationRow,
    ) -> Result<Noted, StoreError> {
        let row = gateway_notification::ActiveModel {
            gateway: Set(row.gateway.clone()),
            id: Set(row.id.clone()),
            kind: Set(row.kind.clone()),
            payment_id: Set(row.payment.map(|payment| payment.0)),
            parked_reason: Set(row.parked_reason.clone()),
            body: Set(row.body.clone()),
            received_at: Set(row.received_at),
        };
        let written = gateway_notification::Entity::insert(row)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(self.writes())
            .await?;
        Ok(if written == 0 { Noted::Again } else { Noted::First })
    }

    /// Returns the notification with this id, if it came before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn gateway_notification_get(
        &self,
        gateway: &str,
        id: &str,
    ) -> Result<Option<NotificationRow>, StoreError> {
        let key = (gateway.to_owned(), id.to_owned());
        let found = gateway_notification::Entity::find_by_id(key).one(self.writes()).await?;
        Ok(found.map(notification))
    }

    /// Returns the parked notifications, newest first; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn gateway_notifications_parked(
        &self,
        limit: u64,
    ) -> Result<Vec<NotificationRow>, StoreError> {
        let rows = gateway_notification::Entity::find()
            .filter(gateway_notification::Column::ParkedReason.is_not_null())
            .order_by_desc(gateway_notification::Column::ReceivedAt)
            .order_by_desc(gateway_notification::Column::Id)
            .limit(limit)
            .all(self.reads())
            .await?;
        Ok(rows.into_iter().map(notification).collect())
    }

    /// Deletes notifications that were heeded before `before`; parked ones stay.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn gateway_notifications_forget(
        &self,
        before: TimestampMs,
    ) -> Result<u64, StoreError> {
        let deleted = gateway_notification::Entity::delete_many()
            .filter(gateway_notification::Column::ReceivedAt.lt(before))
            .filter(gateway_notification::Column::ParkedReason.is_null())
            .exec(self.writes())
            .await?;
        Ok(deleted.rows_affected)
    }
}

fn notification(row: gateway_notification::Model) -> NotificationRow {
    NotificationRow {
        gateway: row.gateway,
        id: row.id,
        kind: row.kind,
        payment: row.payment_id.map(PaymentId),
        parked_reason: row.parked_reason,
        body: row.body,
        received_at: row.received_at,
    }
}
