//! Messages to endpoints of other systems, signed as Standard Webhooks specifies. The relay decides
//! when a message is sent; here are the endpoints, the one call that sends it, and the log of both.
//! Nothing here knows what a message says.

mod addresses;
mod endpoints;
mod error;
mod kinds;
mod log;
pub mod metrics;
mod push;
mod resolver;
mod retries;
mod secret;
mod sender;
mod target;

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::ids::{OfferingId, WebhookId};
use crate::store::{Store, StoreError};
use sender::Sender;

pub use endpoints::{EndpointDraft, EndpointEdit, MOST_ENDPOINTS, PREVIOUS_FOR_MS, Ping};
pub use error::WebhookError;
pub use log::LoggedDelivery;
pub use push::{GIVEN_UP, Push, PushOutcome};
pub use retries::{MAX_RETRY_AFTER, RETRIES, is_last, pause_after};
pub use secret::SigningSecret;
pub use sender::TIMEOUT;
pub use target::Reach;

/// The endpoints of this store.
pub struct Webhooks {
    store: Store,
    clock: Arc<dyn Clock>,
    sender: Sender,
    reach: Reach,
}

/// What an endpoint wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The endpoint.
    pub id: WebhookId,
    /// The kinds of messages, `reservation.*` for all that begin so; empty for all kinds.
    pub kinds: Vec<String>,
    /// The offerings; empty for all.
    pub offerings: Vec<OfferingId>,
    /// False while the endpoint gets nothing.
    pub enabled: bool,
}

impl Webhooks {
    /// Returns the endpoints of a store. A call is given up after `timeout`.
    ///
    /// # Errors
    /// The operating system lacks a resource.
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        reach: Reach,
        timeout: Duration,
    ) -> Result<Self, anyhow::Error> {
        Ok(Self { store, clock, sender: Sender::new(reach, timeout)?, reach })
    }

    /// Returns what all endpoints want.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn wanted(&self) -> Result<Vec<Subscription>, StoreError> {
        let rows = self.store.webhook_list().await?;
        let wanted = rows.into_iter().map(|row| Subscription {
            id: row.id,
            enabled: row.disabled.is_none(),
            kinds: row.kinds,
            offerings: row.offerings,
        });
        Ok(wanted.collect())
    }
}

impl Subscription {
    /// True if the endpoint's filter has messages of this kind.
    #[must_use]
    pub fn wants_kind(&self, kind: &str) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|wanted| kinds::is_named(wanted, kind))
    }

    /// True if the endpoint gets a message of this kind, of this offering if it is of one.
    #[must_use]
    pub fn wants(&self, kind: &str, offering: Option<OfferingId>) -> bool {
        let has_offering = self.offerings.is_empty()
            || offering.is_some_and(|offering| self.offerings.contains(&offering));
        self.enabled && self.wants_kind(kind) && has_offering
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_filters_by_kind_and_offering() {
        let (one, other) = (OfferingId::random(), OfferingId::random());
        let all = Subscription {
            id: WebhookId::random(),
            kinds: Vec::new(),
            offerings: Vec::new(),
            enabled: true,
        };
        let kinds = |kinds: &[&str]| Subscription {
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            ..all.clone()
        };
        let of_one = Subscription { offerings: vec![one], ..all.clone() };
        let off = Subscription { enabled: false, ..all.clone() };
        for (subscription, kind, offering, expected) in [
            (&all, "reservation.created", Some(one), true),
            (&all, "webhook.disabled", None, true),
            (&off, "reservation.created", Some(one), false),
            (&kinds(&["reservation.created"]), "reservation.created", None, true),
            (&kinds(&["reservation.created"]), "reservation.created_x", None, false),
            (&kinds(&["a.b", "reservation.*"]), "reservation.expired", None, true),
            (&kinds(&["reservation.*"]), "reservations.expired", None, false),
            (&of_one, "event.changed", Some(one), true),
            (&of_one, "event.changed", Some(other), false),
            (&of_one, "event.changed", None, false),
        ] {
            assert_eq!(subscription.wants(kind, offering), expected, "{subscription:?} {kind}");
        }
    }
}
