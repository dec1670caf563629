//! A feed: messages about a topic (an offering, a chat room) to all followers of it, in any process. It
//! may lose, repeat and reorder messages, so followers must detect that from the contents. No sender ever
//! waits for it, and it does not interpret the messages.

mod redis;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::broadcast;
use uuid::Uuid;

pub use redis::RedisPubSub;

/// Messages that a listener may be behind before it is notified that it has missed some.
const BACKLOG: usize = 32;

/// An event on the feed of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A published message.
    Message(Bytes),
    /// Messages may have been missed.
    Interrupted,
}

/// A feed to followers: Redis, this process alone, or a simulation.
pub trait PubSub: Send + Sync + 'static {
    /// Publishes to all followers, this process included. Does not wait: without a connection the
    /// message is dropped.
    fn publish(&self, topic: Uuid, message: Bytes);

    /// Subscribes until the subscription is dropped. Delivery begins some time after this returns.
    fn subscribe(&self, topic: Uuid) -> Subscription;
}

/// The feed of one topic.
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
    fn publish(&self, _: Uuid, _: Bytes) {}

    fn subscribe(&self, _: Uuid) -> Subscription {
        Subscription(broadcast::channel(1).1)
    }
}

/// The listeners of this process, by topic. On its own, the feed of instances that share a
/// process.
#[derive(Debug, Default)]
pub struct Listeners {
    // In a stable order: a simulation must notify listeners in the same order each time.
    by_topic: Mutex<BTreeMap<Uuid, broadcast::Sender<Received>>>,
}

impl Listeners {
    /// Notifies all listeners of `topic`; returns whether there are any.
    pub fn tell(&self, topic: Uuid, heard: Received) -> bool {
        self.lock().get(&topic).is_some_and(|sender| sender.send(heard).is_ok())
    }

    /// Notifies all listeners that they may have missed messages.
    pub fn interrupt(&self) {
        for sender in self.lock().values() {
            // A listener that was dropped has missed nothing.
            let _ = sender.send(Received::Interrupted);
        }
    }

    /// Returns the topics that have listeners; forgets the rest.
    pub fn listened(&self) -> Vec<Uuid> {
        let mut by_topic = self.lock();
        by_topic.retain(|_, sender| sender.receiver_count() > 0);
        by_topic.keys().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Uuid, broadcast::Sender<Received>>> {
        // No code panics while this lock is held.
        self.by_topic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PubSub for Listeners {
    fn publish(&self, topic: Uuid, message: Bytes) {
        self.tell(topic, Received::Message(message));
    }

    fn subscribe(&self, topic: Uuid) -> Subscription {
        let mut by_topic = self.lock();
        let sender = by_topic.entry(topic).or_insert_with(|| broadcast::channel(BACKLOG).0);
        Subscription(sender.subscribe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_falls_behind_is_told_so_and_hears_what_follows() {
        let (listeners, topic) = (Listeners::default(), Uuid::from_u128(7));
        let mut heard = listeners.subscribe(topic);
        for number in 0..=BACKLOG {
            listeners.publish(topic, Bytes::from(vec![u8::try_from(number).unwrap()]));
        }
        assert_eq!(heard.next().await, Received::Interrupted);
        assert_eq!(heard.next().await, Received::Message(Bytes::from_static(&[1])));
        drop(heard);
        assert!(listeners.listened().is_empty());
        assert!(!listeners.tell(topic, Received::Interrupted));
    }
}
