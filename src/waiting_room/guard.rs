//! What keeps a waiting room from abuse: signed passes, challenges before entering, and the bounds of
//! entries per network address and of streams per customer.

mod addresses;
mod challenge;
mod streams;

pub use challenge::{Challenge, Flaw};
pub use streams::{Following, MAX_STREAMS};

use std::sync::Arc;

use super::pass::Passes;
use crate::clock::Clock;
pub(super) use addresses::Addresses;
pub(super) use challenge::{Challenges, Purpose};
pub(super) use streams::Streams;

/// The guard of all waiting rooms of this process.
pub struct Guard {
    pub(super) passes: Passes,
    pub(super) challenges: Challenges,
    pub(super) addresses: Addresses,
    pub(super) streams: Arc<Streams>,
}

impl Guard {
    /// Derives its keys from the secret of the access tokens. `entries_per_address` is per minute,
    /// `None` for no bound.
    #[must_use]
    pub fn new(secret: &str, entries_per_address: Option<u32>, clock: Arc<dyn Clock>) -> Self {
        Self {
            passes: Passes::new(secret),
            challenges: Challenges::new(secret),
            addresses: Addresses::new(entries_per_address, clock),
            streams: Arc::default(),
        }
    }
}
