//! The feed: what an owner tells all who follow an offering, whoever and wherever they are. It may
//! lose, repeat and reorder, so whoever listens must notice by what is said. Nobody ever waits for
//! it, and it knows nothing of what it carries.

mod redis;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::broadcast;

pub use redis::RedisPubSub;

use crate::ids::OfferingId;

/// Messages that a listener may be behind before it is told that it has missed some.
const BACKLOG: usize = 32;

/// What is heard of an offering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// What somebody said.
    Message(Bytes),
    /// Something may have been said that was not heard.
    Interrupted,
}

/// A way from the owners to those who follow: Redis, this process alone, or a simulation.
pub trait PubSub: Send + Sync + 'static {
    /// Tells all who follow, this process included. Does not wait: where there is no way just now,
    /// the message is dropped.
    fn publish(&self, offering: OfferingId, message: Bytes);

    /// Listens until the subscription is dropped. It begins some time after this returns.
    fn subscribe(&self, offering: OfferingId) -> Subscription;
}

/// What is heard of one offering.
pub struct Subscription(broadcast::Receiver<Heard>);

impl Subscription {
    /// The next that is heard; never ends.
    pub async fn next(&mut self) -> Heard {
        match self.0.recv().await {
            Ok(heard) => heard,
            Err(broadcast::error::RecvError::Lagged(_)) => Heard::Interrupted,
            // The feed is gone, and says nothing any more.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// The feed of a process that is alone: nobody listens.
#[derive(Debug, Default)]
pub struct Silence;

impl PubSub for Silence {
    fn publish(&self, _: OfferingId, _: Bytes) {}

    fn subscribe(&self, _: OfferingId) -> Subscription {
        Subscription(broadcast::channel(1).1)
    }
}

/// Who listens to what in this process. By itself the feed of instances that share a process.
#[derive(Debug, Default)]
pub struct Listeners {
    // In a stable order: a simulation must tell them in the same one each time.
    by_offering: Mutex<BTreeMap<OfferingId, broadcast::Sender<Heard>>>,
}

impl Listeners {
    /// Tells all who listen; says whether there is anybody.
    pub fn tell(&self, offering: OfferingId, heard: Heard) -> bool {
        self.lock().get(&offering).is_some_and(|sender| sender.send(heard).is_ok())
    }

    /// Tells all that something may have been missed.
    pub fn interrupt(&self) {
        for sender in self.lock().values() {
            // Whoever has gone away has missed nothing.
            let _ = sender.send(Heard::Interrupted);
        }
    }

    /// What somebody listens to; forgets the rest.
    pub fn listened(&self) -> Vec<OfferingId> {
        let mut by_offering = self.lock();
        by_offering.retain(|_, sender| sender.receiver_count() > 0);
        by_offering.keys().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<OfferingId, broadcast::Sender<Heard>>> {
        // Nothing panics while it is held.
        self.by_offering.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PubSub for Listeners {
    fn publish(&self, offering: OfferingId, message: Bytes) {
        self.tell(offering, Heard::Message(message));
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
        assert_eq!(heard.next().await, Heard::Interrupted);
        assert_eq!(heard.next().await, Heard::Message(Bytes::from_static(&[1])));
        drop(heard);
        assert!(listeners.listened().is_empty());
        assert!(!listeners.tell(offering, Heard::Interrupted));
    }
}
