//! The messages on their way to an endpoint: rows of `deliveries` whose destination it is. The relay
//! makes and settles them; here they are listed and sent again.

use entities::{delivery, grant};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
    TransactionTrait,
};
use serde_json::Value;
use uuid::Uuid;

use crate::ids::{UserId, WebhookId};
use crate::inventory::TimestampMs;
use crate::store::tables::{idempotency, notice};
use crate::store::{Answered, DeliveryState, GrantRole, Key, NewNotice, Store, StoreError};

/// Rows that one statement changes, so that no other write waits for long.
const AT_ONCE: u64 = 1_000;
/// The most administrators that are told.
const MOST_TOLD: u64 = 100;
/// The kind of the message to administrators about an endpoint that was disabled.
const DISABLED: &str = "webhook.disabled";

/// Returns the destination of an endpoint in the table of deliveries.
#[must_use]
pub fn webhook_destination(id: WebhookId) -> String {
    format!("webhook:{id}")
}

impl Store {
    /// Has one delivery sent again, from the first attempt on, or at once if it waits for its next
    /// attempt; returns false if it is due already. A retry with the key changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn webhook_delivery_replay(
        &self,
        endpoint: WebhookId,
        id: Uuid,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<Answered<bool>, StoreError> {
        let transaction = self.writes().begin().await?;
        if let Some(before) = idempotency::claim(&transaction, key, "", now).await? {
            transaction.rollback().await?;
            return Ok(Answered::Before(before));
        }
        let one = of(endpoint).add(delivery::Column::Id.eq(id));
        let changed = send_again(&transaction, one, now).await? > 0;
        if changed {
            transaction.commit().await?;
        } else {
            transaction.rollback().await?;
        }
        Ok(Answered::Now(changed))
    }

    /// As [`Self::webhook_delivery_replay`], all deliveries to an endpoint since a time; returns how
    /// many. A retry with the key is answered with the number of the first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn webhook_deliveries_replay(
        &self,
        endpoint: WebhookId,
        since: TimestampMs,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<Answered<u64>, StoreError> {
        use delivery::Column;
        if let Some(key) = key
            && let Some(before) = idempotency::earlier(self.reads(), key).await?
        {
            return Ok(Answered::Before(before));
        }
        let mut all = 0;
        loop {
            // A row that arrives again meanwhile was changed at `now` or later.
            let due = of(endpoint)
                .add(Column::CreatedAt.gte(since))
                .add(Column::UpdatedAt.lt(now))
                .add(has_ended().or(waits_for(now)));
            let ids: Vec<Uuid> = delivery::Entity::find()
                .select_only()
                .column(Column::Id)
                .filter(due)
                .limit(AT_ONCE)
                .into_tuple()
                .all(self.reads())
                .await?;
            let found = ids.len() as u64;
            let some = of(endpoint).add(Column::Id.is_in(ids));
            all += send_again(self.writes(), some, now).await?;
            if found < AT_ONCE {
                break;
            }
        }
        // Claimed last: a retry of a request that was interrupted goes on.
        idempotency::claim(self.writes(), key, &all.to_string(), now).await?;
        Ok(Answered::Now(all))
    }
}

/// Ends all deliveries to an endpoint that wait.
pub(super) async fn cancel_waiting(
    connection: &impl ConnectionTrait,
    endpoint: WebhookId,
    now: TimestampMs,
) -> Result<(), StoreError> {
    let set = delivery::ActiveModel {
        state: Set(DeliveryState::Cancelled.as_str().into()),
        error: Set(Some("the webhook was deleted".into())),
        processed_at: Set(Some(now)),
        updated_at: Set(now),
        ..Default::default()
    };
    let waiting = delivery::Column::State.eq(DeliveryState::Waiting.as_str());
    let update = delivery::Entity::update_many().set(set).filter(of(endpoint).add(waiting));
    update.exec(connection).await?;
    Ok(())
}

/// Writes a notice to each administrator that an endpoint was disabled.
pub(super) async fn tell_administrators(
    connection: &impl ConnectionTrait,
    payload: &Value,
    now: TimestampMs,
) -> Result<(), StoreError> {
    let administrators: Vec<Uuid> = grant::Entity::find()
        .select_only()
        .column(grant::Column::UserId)
        .filter(grant::Column::Role.eq(GrantRole::Admin.as_str()))
        .limit(MOST_TOLD)
        .into_tuple()
        .all(connection)
        .await?;
    for administrator in administrators {
        let (offering, user) = (None, Some(UserId(administrator)));
        let notice = NewNotice { kind: DISABLED, offering, user, payload: payload.clone() };
        notice::put(connection, &notice, now).await?;
    }
    Ok(())
}

fn has_ended() -> Expr {
    delivery::Column::State.ne(DeliveryState::Waiting.as_str())
}

/// True of deliveries whose next attempt is after `now`. One that is being sent is among them: it may
/// arrive twice.
fn waits_for(now: TimestampMs) -> Expr {
    let waits = delivery::Column::State.eq(DeliveryState::Waiting.as_str());
    waits.and(delivery::Column::NextTryAt.gt(now))
}

/// Has deliveries that are at their end sent again, and those that wait at once; returns how many.
async fn send_again(
    connection: &impl ConnectionTrait,
    which: Condition,
    now: TimestampMs,
) -> Result<u64, StoreError> {
    let set = delivery::ActiveModel {
        state: Set(DeliveryState::Waiting.as_str().into()),
        attempts: Set(0),
        next_try_at: Set(now),
        error: Set(None),
        processed_at: Set(None),
        updated_at: Set(now),
        ..Default::default()
    };
    let hurry =
        delivery::ActiveModel { next_try_at: Set(now), updated_at: Set(now), ..Default::default() };
    let hurried = delivery::Entity::update_many()
        .set(hurry)
        .filter(which.clone())
        .filter(waits_for(now))
        .exec(connection)
        .await?;
    let again = delivery::Entity::update_many().set(set).filter(which).filter(has_ended());
    Ok(hurried.rows_affected + again.exec(connection).await?.rows_affected)
}

fn of(endpoint: WebhookId) -> Condition {
    Condition::all().add(delivery::Column::Destination.eq(webhook_destination(endpoint)))
}
