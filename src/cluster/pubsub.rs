//! The feed: messages from an owner to all followers of an offering, in any process. It may lose,
//! repeat and reorder messages, so followers must detect that from the contents. No sender ever waits
//! for it, and it does not interpret the messages.

mod redis;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::broadcast;

pub use redis::RedisPubSub;

use crate::ids::OfferingId;

/// Messages that a listener may be behind before it is notified that it has missed some.
const BACKLOG: usize = 32;

/// An event on the feed of an offering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A published message.
    Message(Bytes),
    /// Messages may have been missed.
    Interrupted,
}

/// A feed from owners to followers: Redis, this process alone, or a simulation.
pub trait PubSub: Send + Sync + 'static {
    /// Publishes to all followers, this process included. Does not wait: without a connection the
    /// message is dropped.
    fn publish(&self, offering: OfferingId, message: Bytes);

    /// Subscribes until the subscription is dropped. Delivery begins some time after this returns.
    fn subscribe(&self, offering: OfferingId) -> Subscription;
}

/// The feed of one offering.
pub struct Subscription(broadcast::Receiver<Received>);

impl Subscription {
    /// Returns the next event; waits for ever once the feed is gone.
    pub async fn next(&mut self) -> Received {
        match self.0.recv().await {
            Ok(heard) => heard,
            Err(broadcast::error::RecvError::Lagged(_)) => Received::Interrupted,
            // The feed is gone, and sends nothing any more.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// The feed of a process that runs alone: there are no other listeners.
#[derive(Debug, Default)]
pub struct NoPubSub;

impl PubSub for NoPubSub {
    fn publish(&self, _: OfferingId, _: Bytes) {}

    fn subscribe(&self, _: OfferingId) -> Subscription {
        Subscription(broadcast::channel(1).1)
    }
}

/// The listeners of this process, by offering. On its own, the feed of instances that share a
/// process.
#[derive(Debug, Default)]
pub struct Listeners {
    // In a stable order: a simulation must notify listeners in the same order each time.
    by_offering: Mutex<BTreeMap<OfferingId, broadcast::Sender<Received>>>,
}

impl Listeners {
    /// Notifies all listeners of `offering`; returns whether there are any.
    pub fn tell(&self, offering: OfferingId, heard: Received) -> bool {
        self.lock().get(&offering).is_some_and(|sender| sender.send(heard).is_ok())
    }

    /// Notifies all listeners that they may have missed messages.
    pub fn interrupt(&self) {
        for sender in self.lock().values() {
            // A listener that was dropped has missed nothing.
            let _ = sender.send(Received::Interrupted);
        }
    }

    /// Returns the offerings that have listeners; forgets the rest.
    pub fn listened(&self) -> Vec<OfferingId> {
        let mut by_offering = self.lock();
        by_offering.retain(|_, sender| sender.receiver_count() > 0);
        by_offering.keys().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<OfferingId, broadcast::Sender<Received>>> {
        // No code panics while this lock is held.
        self.by_offering.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PubSub for Listeners {
    fn publish(&self, offering: OfferingId, message: Bytes) {
        self.tell(offering, Received::Message(message));
    }

    fn subscribe(&self, offering: OfferingId) -> Subscription {
        let mut by_offering = self.lock();
        let sender = by_offering.entry(offering).or_insert_with(|| broadcast::channel(BACKLOG).0);
        Subscription(sender.subscribe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_falls_behind_is_told_so_and_hears_what_follows() {
        let (listeners, offering) = (Listeners::default(), OfferingId::random());
        let mut heard = listeners.subscribe(offering);
        for number in 0..=BACKLOG {
            listeners.publish(offering, Bytes::from(vec![u8::try_from(number).unwrap()]));
        }
        assert_eq!(heard.next().await, Received::Interrupted);
        assert_eq!(heard.next().await, Received::Message(Bytes::from_static(&[1])));
        drop(heard);
        assert!(listeners.listened().is_empty());
        assert!(!listeners.tell(offering, Received::Interrupted));
    }
}
