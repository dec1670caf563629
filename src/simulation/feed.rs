//! The feed of a simulation: messages are lost, late, doubled, and overtake each other. It bypasses
//! the network between the instances, as Redis does.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::world::World;
use crate::cluster::pubsub::{Listeners, PubSub, Received, Subscription};

/// The feed as seen by one instance.
pub(super) struct SimPubSub {
    pub(super) world: Arc<World>,
    /// The listeners of all instances.
    pub(super) listeners: Arc<Listeners>,
    pub(super) wires: mpsc::UnboundedSender<BoxFuture<'static, ()>>,
}

impl PubSub for SimPubSub {
    fn publish(&self, topic: Uuid, message: Bytes) {
        let faults = self.world.faults();
        let copies = if self.world.happens(faults.doubled) { 2 } else { 1 };
        for _ in 0..copies {
            let (way, lost) = (self.world.way(), self.world.happens(faults.lost));
            if lost {
                continue;
            }
            let (listeners, message) = (Arc::clone(&self.listeners), message.clone());
            let carried = async move {
                tokio::time::sleep(way).await;
                listeners.tell(topic, Received::Message(message));
            };
            let _ = self.wires.send(carried.boxed());
        }
    }

    fn subscribe(&self, topic: Uuid) -> Subscription {
        self.listeners.subscribe(topic)
    }
}
