//! Messages on their way out: the relay expands each into one delivery for each destination that
//! wants it, and makes the deliveries, each at least once. No destination waits for another, and
//! several processes share the work.
//!
//! Nothing here decides what happened: a message follows from a row of a journal, or is a notice
//! that was written together with its cause.

mod audience;
mod deliver;
mod envelope;
mod expand;
mod feed;
mod metrics;
mod relay;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::ids::OfferingId;
use crate::journal::messages::KINDS;
use crate::store::{DeliveryRow, StoreError};

pub use audience::Audience;
pub use feed::{FeedError, FeedPage, read as read_feed};
pub use metrics::{describe as describe_metrics, measure};
pub use relay::{Relay, RelayHandle};
pub use stream::Stream;

/// A message that a destination may want.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// The name of the destination: its family, or its family and a name of its own, such as
    /// `webhook:0190…`.
    pub destination: String,
    /// The kinds that it wants; `None` for all that have a place in a journal.
    pub kinds: Option<Vec<String>>,
    /// The event whose messages it wants; `None` for all.
    pub offering: Option<OfferingId>,
    /// True if it wants messages that concern one person only.
    pub is_personal: bool,
}

impl Subscription {
    /// True if a message of this kind is wanted.
    #[must_use]
    pub fn wants(&self, kind: &str, offering: Option<OfferingId>, has_person: bool) -> bool {
        (self.offering.is_none() || self.offering == offering)
            && (!self.is_personal || has_person)
            && match &self.kinds {
                Some(kinds) => kinds.iter().any(|wanted| wanted == kind),
                None => KINDS.contains(&kind),
            }
    }
}

/// What became of an attempt to deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The destination has it.
    Delivered,
    /// The destination does not need it, for this reason.
    Unneeded(&'static str),
    /// It failed, and may succeed later; after `after`, or as the destination's retries say.
    Later {
        /// The reason, without personal data.
        error: String,
        /// When to try again, if the destination or the message says so.
        after: Option<Duration>,
    },
    /// The destination as a whole is away: the attempt does not count, and others need not be made.
    Away(String),
    /// It failed for good.
    Never(String),
}

/// A family of destinations.
pub trait Destination: Send + Sync {
    /// Returns the first part of its destinations' names.
    fn family(&self) -> &'static str;

    /// Returns the destinations that there are now, and what they want.
    fn subscriptions(&self) -> BoxFuture<'_, Result<Vec<Subscription>, StoreError>>;

    /// Tries to deliver. May be called again for a delivery that was made.
    fn deliver<'a>(&'a self, delivery: &'a DeliveryRow) -> BoxFuture<'a, Outcome>;

    /// Returns the pauses after failed attempts; after the last, a delivery is parked.
    fn pauses(&self) -> &[Duration];

    /// Returns how many deliveries to one destination may be under way at a time.
    fn at_once(&self) -> usize;
}

/// The families of destinations of a process.
pub type Destinations = Vec<Arc<dyn Destination>>;
