//! The messages on their way to an endpoint: rows of `deliveries` whose destination it is. The relay
//! makes and settles them; here they are listed and sent again.

use entities::{delivery, notice, user};
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    TransactionTrait,
};
use uuid::Uuid;

use crate::ids::{OfferingId, WebhookId, time_ordered};
use crate::inventory::TimestampMs;
use crate::store::tables::idempotency;
use crate::store::{Answered, Key, Role, Store, StoreError, older};

/// Rows that one statement changes, so that no other write waits for long.
const AT_ONCE: u64 = 1_000;
/// The most administrators that are told.
const MOST_TOLD: u64 = 100;
/// The kind of the message to administrators about an endpoint that was disabled.
const DISABLED: &str = "webhook.disabled";

/// The state of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It will be sent (again).
    Waiting,
    /// It arrived.
    Done,
    /// It was given up, with the reason.
    Parked,
    /// It is not sent any more, by an administrator's wish.
    Cancelled,
}

impl DeliveryState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Done, Self::Parked, Self::Cancelled];

    /// Returns the word in the table and in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::Done => "DONE",
            Self::Parked => "PARKED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Parses a word that [`Self::as_str`] returns.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A message on its way to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct WebhookDeliveryRow {
    pub id: Uuid,
    pub message_id: String,
    pub kind: String,
    pub offering: Option<OfferingId>,
    pub body: String,
    pub state: DeliveryState,
    pub attempts: u32,
    pub next_try_at: TimestampMs,
    pub error: Option<String>,
    pub processed_at: Option<TimestampMs>,
    pub created_at: TimestampMs,
}

/// Returns the destination of an endpoint in the table of deliveries.
#[must_use]
pub fn webhook_destination(id: WebhookId) -> String {
    format!("webhook:{id}")
}

impl Store {
    /// Returns the deliveries to an endpoint, newest first, after `cursor`; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn webhook_deliveries(
        &self,
        endpoint: WebhookId,
        state: Option<DeliveryState>,
        cursor: Option<(TimestampMs, Uuid)>,
        limit: u64,
    ) -> Result<Vec<WebhookDeliveryRow>, StoreError> {
        use delivery::Column;
        let mut query = delivery::Entity::find().filter(of(endpoint));
        if let Some(state) = state {
            query = query.filter(Column::State.eq(state.as_str()));
        }
        if let Some((at, id)) = cursor {
            query = query.filter(older((Column::CreatedAt, at), (Column::Id, id)));
        }
        let query = query.order_by_desc(Column::CreatedAt).order_by_desc(Column::Id).limit(limit);
        query.all(self.reads()).await?.into_iter().map(row_of).collect()
    }

    /// Returns one delivery to an endpoint.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn webhook_delivery_get(
        &self,
        endpoint: WebhookId,
        id: Uuid,
    ) -> Result<Option<WebhookDeliveryRow>, StoreError> {
        let found = delivery::Entity::find_by_id(id).filter(of(endpoint)).one(self.reads()).await?;
        found.map(row_of).transpose()
    }

    /// Has one delivery sent again, from the first attempt on; returns whether it was at its end. A
    /// retry with the key changes nothing.
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

    /// Has all deliveries to an endpoint since a time sent again that are at their end; returns how
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
                .add(Column::State.ne(DeliveryState::Waiting.as_str()));
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
    payload: &str,
    now: TimestampMs,
) -> Result<(), StoreError> {
    let administrators: Vec<Uuid> = user::Entity::find()
        .select_only()
        .column(user::Column::Id)
        .filter(user::Column::Role.eq(Role::Admin.as_str()))
        .limit(MOST_TOLD)
        .into_tuple()
        .all(connection)
        .await?;
    let notices = administrators.into_iter().map(|administrator| notice::ActiveModel {
        id: Set(time_ordered(now.unsigned_abs())),
        kind: Set(DISABLED.into()),
        offering_id: Set(None),
        user_id: Set(Some(administrator)),
        payload: Set(payload.to_owned()),
        created_at: Set(now),
        processed_at: Set(None),
    });
    notice::Entity::insert_many(notices).exec_without_returning(connection).await?;
    Ok(())
}

/// Has deliveries that are at their end sent again; returns how many.
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
    let ended = delivery::Column::State.ne(DeliveryState::Waiting.as_str());
    let update = delivery::Entity::update_many().set(set).filter(which).filter(ended);
    Ok(update.exec(connection).await?.rows_affected)
}

fn of(endpoint: WebhookId) -> Condition {
    Condition::all().add(delivery::Column::Destination.eq(webhook_destination(endpoint)))
}

fn row_of(row: delivery::Model) -> Result<WebhookDeliveryRow, StoreError> {
    let state = DeliveryState::parse(&row.state);
    Ok(WebhookDeliveryRow {
        state: state.ok_or_else(|| StoreError::Damaged(format!("the delivery {}", row.id)))?,
        id: row.id,
        message_id: row.message_id,
        kind: row.kind,
        offering: row.offering_id.map(OfferingId),
        body: row.body,
        attempts: row.attempts.unsigned_abs(),
        next_try_at: row.next_try_at,
        error: row.error,
        processed_at: row.processed_at,
        created_at: row.created_at,
    })
}
