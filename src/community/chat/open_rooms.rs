//! The rooms that a connection listens to: its socket enters them, and a room takes itself out when its
//! person is no longer in it.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ids::RoomId;

/// The rooms of one connection.
#[derive(Debug, Default)]
pub struct OpenRooms(Mutex<BTreeSet<RoomId>>);

impl OpenRooms {
    /// Adds a room, unless there are `max` others. Returns whether it is among them now.
    #[must_use]
    pub fn add(&self, room: RoomId, max: usize) -> bool {
        let mut rooms = self.lock();
        let fits = rooms.len() < max || rooms.contains(&room);
        if fits {
            rooms.insert(room);
        }
        fits
    }

    /// Takes a room out; false if it was not among them.
    pub fn remove(&self, room: RoomId) -> bool {
        self.lock().remove(&room)
    }

    /// True if the connection listens to the room.
    #[must_use]
    pub fn has(&self, room: RoomId) -> bool {
        self.lock().contains(&room)
    }

    /// Takes all rooms out.
    pub fn take(&self) -> BTreeSet<RoomId> {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<RoomId>> {
        // No code panics while this lock is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
