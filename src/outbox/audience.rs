//! Everyone who has places at an event: a message that concerns all of them becomes a mail for each,
//! page by page. A page that is made again makes nothing twice.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{Destination, Outcome, Subscription};
use crate::clock::Clock;
use crate::ids::{OfferingId, time_ordered};
use crate::store::{DeliveryRow, Lane, NewDelivery, Store, StoreError};

/// Customers read at a time.
const PAGE: u64 = 500;
/// Kinds of messages that concern everyone with places.
const KINDS: [&str; 2] = ["event.changed", "event.details_changed"];
/// Only the database can fail here.
const PAUSES: [Duration; 4] = [
    Duration::from_secs(5),
    Duration::from_secs(60),
    Duration::from_secs(600),
    Duration::from_secs(3_600),
];

/// The customers with places, as a destination that hands on to another.
pub struct Audience {
    store: Store,
    clock: Arc<dyn Clock>,
    /// The destination that gets a message for each of them.
    to: &'static str,
}

impl Audience {
    /// Returns the audience whose messages go to the destination `to`.
    #[must_use]
    pub fn new(store: Store, clock: Arc<dyn Clock>, to: &'static str) -> Self {
        Self { store, clock, to }
    }

    async fn hand_on(
        &self,
        delivery: &DeliveryRow,
        offering: OfferingId,
    ) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let customers = self.store.reservation_holders(offering, after, PAGE).await?;
            let Some(last) = customers.last() else { return Ok(()) };
            after = Some(*last);
            let now = self.clock.now_ms();
            let for_each = customers.iter().map(|customer| {
                let id = format!("{}.{customer}", delivery.message_id);
                NewDelivery {
                    id: time_ordered(now.unsigned_abs()),
                    body: with_id(&delivery.body, &id),
                    message_id: id,
                    destination: self.to.to_owned(),
                    kind: delivery.kind.clone(),
                    offering: Some(offering),
                    user: Some(*customer),
                    lane: Lane::Mass,
                }
            });
            self.store.delivery_create(for_each.collect(), now).await?;
        }
    }
}

impl Destination for Audience {
    fn family(&self) -> &'static str {
        "audience"
    }

    fn subscriptions(&self) -> BoxFuture<'_, Result<Vec<Subscription>, StoreError>> {
        let all = Subscription {
            destination: "audience".into(),
            kinds: Some(KINDS.map(str::to_owned).to_vec()),
            offering: None,
            is_personal: false,
        };
        std::future::ready(Ok(vec![all])).boxed()
    }

    fn deliver<'a>(&'a self, delivery: &'a DeliveryRow) -> BoxFuture<'a, Outcome> {
        async move {
            let Some(offering) = delivery.offering else {
                return Outcome::Unneeded("no event");
            };
            match self.hand_on(delivery, offering).await {
                Ok(()) => Outcome::Delivered,
                Err(error) => Outcome::Later { error: error.to_string(), after: None },
            }
        }
        .boxed()
    }

    fn pauses(&self) -> &[Duration] {
        &PAUSES
    }

    fn at_once(&self) -> usize {
        1
    }
}

/// Returns the message with another id.
fn with_id(body: &str, id: &str) -> String {
    match serde_json::from_str::<Value>(body) {
        Ok(mut message) => {
            message["id"] = id.into();
            message.to_string()
        }
        Err(_) => body.to_owned(),
    }
}
