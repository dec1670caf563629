//! Webhooks as a destination of the relay.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::ids::OfferingId;
use crate::journal::messages::KINDS;
use crate::outbox::{Destination, Outcome, Subscription};
use crate::store::{DeliveryRow, StoreError, webhook_destination};
use crate::webhooks::{self, Push, PushOutcome, RETRIES, Webhooks, pause_after};

/// Deliveries to one endpoint that may be under way at a time.
const AT_ONCE: usize = 8;
const FAMILY: &str = "webhook";

/// The endpoints of a store.
pub(super) struct ToWebhooks(pub(super) Arc<Webhooks>);

impl Destination for ToWebhooks {
    fn family(&self) -> &'static str {
        FAMILY
    }

    fn subscriptions(&self) -> BoxFuture<'_, Result<Vec<Subscription>, StoreError>> {
        async {
            let wanted = self.0.wanted().await?;
            Ok(wanted.iter().filter(|one| one.enabled).flat_map(of_endpoint).collect())
        }
        .boxed()
    }

    fn deliver<'a>(&'a self, delivery: &'a DeliveryRow) -> BoxFuture<'a, Outcome> {
        async {
            let named = delivery.destination.split_once(':').map(|(_, id)| id.parse());
            let Some(Ok(endpoint)) = named else {
                return Outcome::Never("the destination names no webhook".into());
            };
            let push = Push {
                endpoint,
                message_id: delivery.message_id.clone(),
                body: delivery.body.clone(),
                attempt: delivery.attempts.unsigned_abs(),
            };
            match self.0.push(&push).await {
                PushOutcome::Delivered { .. } => Outcome::Delivered,
                PushOutcome::Later { error, retry_after, .. } => {
                    Outcome::Later { error, after: pause_after(push.attempt, retry_after) }
                }
                PushOutcome::Gone => Outcome::Never("it answered 410 Gone".into()),
                PushOutcome::Never(error) => Outcome::Never(error),
            }
        }
        .boxed()
    }

    fn pauses(&self) -> &[Duration] {
        &RETRIES
    }

    fn at_once(&self) -> usize {
        AT_ONCE
    }
}

/// Returns the subscriptions of an endpoint, one for each event that it names. Only messages that
/// have a place in a journal are sent: notices concern single people.
fn of_endpoint(endpoint: &webhooks::Subscription) -> Vec<Subscription> {
    let kinds = KINDS.iter().filter(|kind| endpoint.wants_kind(kind));
    let kinds: Vec<String> = kinds.map(|kind| (*kind).to_owned()).collect();
    let of = |offering: Option<OfferingId>| Subscription {
        destination: webhook_destination(endpoint.id),
        kinds: Some(kinds.clone()),
        offering,
        is_personal: false,
    };
    match &*endpoint.offerings {
        [] => vec![of(None)],
        some => some.iter().map(|offering| of(Some(*offering))).collect(),
    }
}
