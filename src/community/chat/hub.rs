//! The rooms that have listeners in this process, each a task of its own (`live.rs`). It hands on what is
//! said in a room, and looks once a second whether a room has gone on without its listeners: messages of
//! the feed may be lost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::live::{Entered, Live, NewListener, Site, ToRoom};
use super::said::{Render, Said};
use crate::cluster::pubsub::PubSub;
use crate::ids::{InstanceId, RoomId};
use crate::store::{Store, StoreError};

/// Interval of the look at the table.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Things that may wait for a room; what is said beyond is read from the table.
const MAX_WAITING: usize = 4_096;
/// Rooms in one statement.
const AT_ONCE: usize = 500;

/// The rooms with listeners.
pub(super) struct Hub {
    pub(super) site: Arc<Site>,
    rooms: Mutex<HashMap<RoomId, mpsc::Sender<ToRoom>>>,
}

impl Hub {
    /// Returns a hub without rooms. To be called in the runtime.
    pub(super) fn start(
        store: Store,
        feed: Arc<dyn PubSub>,
        me: InstanceId,
        render: Render,
    ) -> Arc<Self> {
        let site = Arc::new(Site { store, feed, me, render });
        let hub = Arc::new(Self { site, rooms: Mutex::default() });
        tokio::spawn(look(Arc::downgrade(&hub)));
        hub
    }

    /// Adds a listener to a room, and sends it what it has missed.
    pub(super) async fn enter(
        self: &Arc<Self>,
        room: RoomId,
        listener: NewListener,
    ) -> Result<Entered, StoreError> {
        let mut listener = listener;
        loop {
            let (reply, entered) = oneshot::channel();
            let sender = self.of(room);
            match sender.send(ToRoom::Enter(listener, reply)).await {
                Ok(()) => {
                    let lost = |_| StoreError::Damaged("a room ended while it was entered".into());
                    return entered.await.unwrap_or_else(|error| Err(lost(error)));
                }
                // The room's task has just ended: another one begins.
                Err(mpsc::error::SendError(ToRoom::Enter(back, _))) => listener = back,
                Err(_) => return Err(StoreError::Damaged("not what was sent".into())),
            }
        }
    }

    /// Removes a listener.
    pub(super) async fn leave(&self, room: RoomId, connection: u64) {
        let sender = self.lock().get(&room).cloned();
        if let Some(sender) = sender {
            let _ = sender.send(ToRoom::Leave(connection)).await;
        }
    }

    /// Tells a room that a listener types, or has stopped.
    pub(super) fn type_in(&self, room: RoomId, connection: u64, types: bool) {
        self.tell(room, ToRoom::Types { connection, types });
    }

    /// Tells all listeners of a room, in every process.
    pub(super) fn say(&self, room: RoomId, said: Said) {
        self.site.publish(room, &said);
        self.tell(room, ToRoom::Said(said));
    }

    fn tell(&self, room: RoomId, what: ToRoom) {
        if let Some(sender) = self.lock().get(&room)
            && sender.try_send(what).is_err()
        {
            tracing::debug!(%room, "a room has too much to do: it reads the table instead");
        }
    }

    /// Returns the way to a room's task, which begins if there is none.
    fn of(self: &Arc<Self>, room: RoomId) -> mpsc::Sender<ToRoom> {
        let mut rooms = self.lock();
        if let Some(sender) = rooms.get(&room).filter(|sender| !sender.is_closed()) {
            return sender.clone();
        }
        let (sender, waiting) = mpsc::channel(MAX_WAITING);
        rooms.insert(room, sender.clone());
        let live = Live::new(room, Arc::clone(&self.site), waiting);
        let hub = Arc::clone(self);
        tokio::spawn(async move {
            let waiting = live.run().await;
            hub.end(room, waiting).await;
        });
        sender
    }

    /// Ends a room without listeners. What still waits for it goes to the task that follows.
    async fn end(self: &Arc<Self>, room: RoomId, mut waiting: mpsc::Receiver<ToRoom>) {
        {
            let mut rooms = self.lock();
            // Those who have a sender already find it closed, and ask for another.
            waiting.close();
            if rooms.get(&room).is_some_and(mpsc::Sender::is_closed) {
                rooms.remove(&room);
            }
        }
        while let Some(left) = waiting.recv().await {
            if let ToRoom::Enter(..) = left {
                let _ = self.of(room).send(left).await;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RoomId, mpsc::Sender<ToRoom>>> {
        // No code panics while this lock is held.
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells rooms that have gone on, until the hub is gone.
async fn look(hub: Weak<Hub>) {
    let mut tick = tokio::time::interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let Some(hub) = hub.upgrade() else { return };
        let rooms: Vec<RoomId> = hub.lock().keys().copied().collect();
        for some in rooms.chunks(AT_ONCE) {
            match hub.site.store.chat_room_revs(some).await {
                Ok(found) => {
                    for stand in found {
                        hub.tell(stand.room, ToRoom::Stands(stand));
                    }
                }
                Err(error) => tracing::debug!(%error, "rooms cannot be looked at"),
            }
        }
    }
}
