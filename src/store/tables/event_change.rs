//! Changes of an event's displayed details. They are no part of its journal: where people with places
//! must hear of one, a notice is written in the same transaction.

use entities::event;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, TransactionTrait};
use serde_json::{Value, json};

use crate::ids::OfferingId;
use crate::inventory::TimestampMs;
use crate::store::states::OnPaymentFailure;
use crate::store::tables::{idempotency, notice};
use crate::store::{Answered, Key, NewNotice, Store, StoreError};

/// The notice that an event has another name or place.
const DETAILS_CHANGED: &str = "event.details_changed";

/// Changes to [`EventDetails`](super::event::EventDetails); a field that is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct EventChange {
    pub name: Option<String>,
    pub description: Option<String>,
    pub venue: Option<String>,
    pub time_zone: Option<String>,
    pub on_payment_failure: Option<OnPaymentFailure>,
}

impl Store {
    /// Changes the displayed details of an event, or answers a retry. Writes a notice if the name or the
    /// place differs from what it was.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn event_update(
        &self,
        id: OfferingId,
        change: EventChange,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<Answered<()>, StoreError> {
        let transaction = self.writes().begin().await?;
        if let Some(before) = idempotency::claim(&transaction, key, "", now).await? {
            transaction.rollback().await?;
            return Ok(Answered::Before(before));
        }
        if change.name.is_some() || change.venue.is_some() {
            // Locked, so that of two changes at once each tells what it replaced.
            let before = event::Entity::find_by_id(id.0).lock_exclusive().one(&transaction).await?;
            if let Some(payload) = before.and_then(|before| replaced(&before, &change)) {
                let kind = DETAILS_CHANGED;
                let new = NewNotice { kind, offering: Some(id), user: None, payload };
                notice::put(&transaction, &new, now).await?;
            }
        }
        let EventChange { name, description, venue, time_zone, on_payment_failure } = change;
        // A column that is left out is not written: two requests that change different columns both
        // take effect.
        let set = event::ActiveModel {
            name: name.map_or(NotSet, Set),
            description: description.map_or(NotSet, Set),
            venue: venue.map_or(NotSet, Set),
            time_zone: time_zone.map_or(NotSet, |zone| Set(Some(zone))),
            on_payment_failure: on_payment_failure
                .map_or(NotSet, |policy| Set(Some(policy.as_str().into()))),
            updated_at: Set(now),
            ..Default::default()
        };
        event::Entity::update_many()
            .set(set)
            .filter(event::Column::Id.eq(id.0))
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(Answered::Now(()))
    }
}

/// Returns the name and the place that a change replaces by others; `None` if neither differs.
fn replaced(before: &event::Model, change: &EventChange) -> Option<Value> {
    let differs = |new: &Option<String>, old: &String| new.as_ref().is_some_and(|new| new != old);
    let mut payload = json!({});
    if differs(&change.name, &before.name) {
        payload["previousName"] = json!(before.name);
    }
    if differs(&change.venue, &before.venue) {
        payload["previousVenue"] = json!(before.venue);
    }
    payload.as_object().is_some_and(|fields| !fields.is_empty()).then_some(payload)
}
