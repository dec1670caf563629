//! Endpoints of other systems that messages are sent to.

use entities::{webhook_attempt, webhook_endpoint};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, TransactionTrait,
};

use serde_json::Value;

use crate::ids::{OfferingId, UserId, WebhookId};
use crate::inventory::TimestampMs;
use crate::store::tables::{idempotency, webhook_delivery};
use crate::store::{Answered, Key, Store, StoreError};

/// An endpoint as it is stored. `Debug` is missing on purpose: it has secrets.
#[derive(Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct WebhookRow {
    pub id: WebhookId,
    pub url: String,
    pub description: String,
    /// The kinds of messages it wants; empty for all.
    pub kinds: Vec<String>,
    /// The offerings whose messages it wants; empty for all.
    pub offerings: Vec<OfferingId>,
    pub secret: String,
    /// The secret before the last rotation, and the time until which it signs too.
    pub previous: Option<(String, TimestampMs)>,
    pub disabled: Option<Disabled>,
    /// The number of messages in a row that were given up.
    pub exhausted: u32,
    pub created_at: TimestampMs,
    pub created_by: UserId,
    pub updated_at: TimestampMs,
}

/// Since when and why an endpoint gets no messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disabled {
    /// The time.
    pub at: TimestampMs,
    /// The reason, for people.
    pub reason: String,
}

/// Changes of an endpoint; a field that is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct WebhookChange {
    pub url: Option<String>,
    pub description: Option<String>,
    pub kinds: Option<Vec<String>>,
    pub offerings: Option<Vec<OfferingId>>,
    /// Disables it for the reason, or enables it.
    pub disabled: Option<Option<String>>,
}

/// The outcome of a creation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is stored, or was by an earlier request with the key.
    Stored(Answered<()>),
    /// As many endpoints exist as may.
    TooMany,
}

impl Store {
    /// Stores a new endpoint, unless there are `most`, or answers a retry with the id of the first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn webhook_create(
        &self,
        new: &WebhookRow,
        most: u64,
        key: Option<&Key>,
    ) -> Result<Created, StoreError> {
        let transaction = self.writes().begin().await?;
        let (id, now) = (new.id.to_string(), new.created_at);
        if let Some(before) = idempotency::claim(&transaction, key, &id, now).await? {
            transaction.rollback().await?;
            return Ok(Created::Stored(Answered::Before(before)));
        }
        // Two requests at a time may exceed the limit by one, which does no harm.
        if webhook_endpoint::Entity::find().count(&transaction).await? >= most {
            transaction.rollback().await?;
            return Ok(Created::TooMany);
        }
        let row = webhook_endpoint::ActiveModel {
            id: Set(new.id.0),
            url: Set(new.url.clone()),
            description: Set(new.description.clone()),
            kinds: Set(json(&new.kinds)),
            offerings: Set(json(&new.offerings)),
            secret: Set(new.secret.clone()),
            previous_secret: Set(new.previous.as_ref().map(|(secret, _)| secret.clone())),
            previous_until: Set(new.previous.as_ref().map(|(_, until)| *until)),
            disabled_at: Set(new.disabled.as_ref().map(|disabled| disabled.at)),
            disabled_reason: Set(new.disabled.as_ref().map(|disabled| disabled.reason.clone())),
            exhausted: Set(0),
            created_at: Set(new.created_at),
            created_by: Set(new.created_by.0),
            updated_at: Set(new.updated_at),
        };
        webhook_endpoint::Entity::insert(row).exec_without_returning(&transaction).await?;
        transaction.commit().await?;
        Ok(Created::Stored(Answered::Now(())))
    }

    /// Returns one endpoint.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn webhook_get(&self, id: WebhookId) -> Result<Option<WebhookRow>, StoreError> {
        let found = webhook_endpoint::Entity::find_by_id(id.0).one(self.reads()).await?;
        found.map(row_of).transpose()
    }

    /// Returns all endpoints, newest first: their number is limited.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn webhook_list(&self) -> Result<Vec<WebhookRow>, StoreError> {
        let found = webhook_endpoint::Entity::find()
            .order_by_desc(webhook_endpoint::Column::Id)
            .all(self.reads())
            .await?;
        found.into_iter().map(row_of).collect()
    }

    /// Returns how many endpoints are enabled, and how many disabled.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn webhook_count(&self) -> Result<(u64, u64), StoreError> {
        let all = webhook_endpoint::Entity::find().count(self.reads()).await?;
        let disabled = webhook_endpoint::Entity::find()
            .filter(webhook_endpoint::Column::DisabledAt.is_not_null())
            .count(self.reads())
            .await?;
        Ok((all.saturating_sub(disabled), disabled))
    }

    /// Changes an endpoint, or answers a retry. Enabling it forgets its failures.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn webhook_update(
        &self,
        id: WebhookId,
        change: WebhookChange,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<Answered<()>, StoreError> {
        let WebhookChange { url, description, kinds, offerings, disabled } = change;
        let mut set = webhook_endpoint::ActiveModel {
            url: url.map_or(NotSet, Set),
            description: description.map_or(NotSet, Set),
            kinds: kinds.map_or(NotSet, |kinds| Set(json(&kinds))),
            offerings: offerings.map_or(NotSet, |offerings| Set(json(&offerings))),
            updated_at: Set(now),
            ..Default::default()
        };
        if let Some(reason) = disabled {
            set.disabled_at = Set(reason.as_ref().map(|_| now));
            set.disabled_reason = Set(reason);
            set.exhausted = Set(0);
        }
        self.webhook_set(id, set, key, now).await
    }

    /// Replaces the secret; the present one signs too until `until`. Answers a retry.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn webhook_rotate(
        &self,
        old: &WebhookRow,
        secret: &str,
        until: TimestampMs,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<Answered<()>, StoreError> {
        let set = webhook_endpoint::ActiveModel {
            secret: Set(secret.to_owned()),
            previous_secret: Set(Some(old.secret.clone())),
            previous_until: Set(Some(until)),
            updated_at: Set(now),
            ..Default::default()
        };
        self.webhook_set(old.id, set, key, now).await
    }

    async fn webhook_set(
        &self,
        id: WebhookId,
        set: webhook_endpoint::ActiveModel,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<Answered<()>, StoreError> {
        let transaction = self.writes().begin().await?;
        if let Some(before) = idempotency::claim(&transaction, key, "", now).await? {
            transaction.rollback().await?;
            return Ok(Answered::Before(before));
        }
        let update = webhook_endpoint::Entity::update_many().set(set);
        update.filter(webhook_endpoint::Column::Id.eq(id.0)).exec(&transaction).await?;
        transaction.commit().await?;
        Ok(Answered::Now(()))
    }

    /// Disables an endpoint that is not disabled yet, and tells the administrators with `notice`;
    /// returns whether this call did.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn webhook_disable(
        &self,
        id: WebhookId,
        reason: &str,
        notice: &Value,
        now: TimestampMs,
    ) -> Result<bool, StoreError> {
        let transaction = self.writes().begin().await?;
        let set = webhook_endpoint::ActiveModel {
            disabled_at: Set(Some(now)),
            disabled_reason: Set(Some(reason.to_owned())),
            updated_at: Set(now),
            ..Default::default()
        };
        let update = webhook_endpoint::Entity::update_many()
            .set(set)
            .filter(webhook_endpoint::Column::Id.eq(id.0))
            .filter(webhook_endpoint::Column::DisabledAt.is_null());
        let is_new = update.exec(&transaction).await?.rows_affected > 0;
        if is_new {
            webhook_delivery::tell_administrators(&transaction, notice, now).await?;
        }
        transaction.commit().await?;
        Ok(is_new)
    }

    /// Counts a message that was given up; returns how many in a row were.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn webhook_exhausted(&self, id: WebhookId) -> Result<u32, StoreError> {
        use webhook_endpoint::Column;
        let transaction = self.writes().begin().await?;
        let update = webhook_endpoint::Entity::update_many()
            .col_expr(Column::Exhausted, Expr::col(Column::Exhausted).add(1))
            .filter(Column::Id.eq(id.0));
        update.exec(&transaction).await?;
        let found = webhook_endpoint::Entity::find_by_id(id.0).one(&transaction).await?;
        transaction.commit().await?;
        Ok(found.map_or(0, |found| found.exhausted.unsigned_abs()))
    }

    /// Forgets the messages that were given up: one was delivered.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn webhook_recovered(&self, id: WebhookId) -> Result<(), StoreError> {
        let update = webhook_endpoint::Entity::update_many()
            .col_expr(webhook_endpoint::Column::Exhausted, Expr::value(0))
            .filter(webhook_endpoint::Column::Id.eq(id.0));
        update.exec(self.writes()).await?;
        Ok(())
    }

    /// Deletes an endpoint and its log, and ends what waits for it; returns whether there was one. A
    /// retry with the key changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn webhook_delete(
        &self,
        id: WebhookId,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<Answered<bool>, StoreError> {
        let transaction = self.writes().begin().await?;
        if let Some(before) = idempotency::claim(&transaction, key, "", now).await? {
            transaction.rollback().await?;
            return Ok(Answered::Before(before));
        }
        webhook_delivery::cancel_waiting(&transaction, id, now).await?;
        let deleted = webhook_endpoint::Entity::delete_by_id(id.0).exec(&transaction).await?;
        webhook_attempt::Entity::delete_many()
            .filter(webhook_attempt::Column::EndpointId.eq(id.0))
            .exec(&transaction)
            .await?;
        if deleted.rows_affected == 0 {
            transaction.rollback().await?;
            return Ok(Answered::Now(false));
        }
        transaction.commit().await?;
        Ok(Answered::Now(true))
    }
}

fn json(list: &impl serde::Serialize) -> String {
    serde_json::to_string(list).expect("texts and ids are plain data")
}

fn row_of(row: webhook_endpoint::Model) -> Result<WebhookRow, StoreError> {
    let damaged = |_| StoreError::Damaged(format!("the webhook {}", row.id));
    let disabled = row
        .disabled_at
        .map(|at| Disabled { at, reason: row.disabled_reason.clone().unwrap_or_default() });
    Ok(WebhookRow {
        id: WebhookId(row.id),
        kinds: serde_json::from_str(&row.kinds).map_err(damaged)?,
        offerings: serde_json::from_str(&row.offerings).map_err(damaged)?,
        url: row.url,
        description: row.description,
        secret: row.secret,
        previous: row.previous_secret.zip(row.previous_until),
        disabled,
        exhausted: row.exhausted.unsigned_abs(),
        created_at: row.created_at,
        created_by: UserId(row.created_by),
        updated_at: row.updated_at,
    })
}
