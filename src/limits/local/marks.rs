//! Marks of what happened once, in the memory of this process. All last equally long, so that they end in
//! the order in which they were set: ended ones are found without a look at the others.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::MAX_KEYS;

/// Marks. All times are of the monotonic clock.
pub(in crate::limits) struct Marks {
    life: Duration,
    /// The most marks.
    room: usize,
    set: Mutex<Set>,
}

#[derive(Default)]
struct Set {
    marked: HashSet<[u8; 16]>,
    /// When each ends.
    ends: VecDeque<(Duration, [u8; 16])>,
}

/// What came of setting a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::limits) enum Marked {
    /// There was none.
    First,
    /// There was one already.
    Again,
    /// There was none, and there is no room for it.
    Full,
}

impl Marks {
    /// Returns a set without marks, each of which will last so long.
    pub(super) fn lasting(life: Duration) -> Self {
        Self { life, room: MAX_KEYS, set: Mutex::default() }
    }

    /// True if there is this mark.
    pub(in crate::limits) fn has(&self, what: [u8; 16], now: Duration) -> bool {
        self.set_at(now).marked.contains(&what)
    }

    /// Sets a mark, if there is room.
    pub(in crate::limits) fn set(&self, what: [u8; 16], now: Duration) -> Marked {
        self.set_at(now).mark((what, now + self.life), self.room)
    }

    /// Sets a mark, if there is room for as many others.
    pub(in crate::limits) fn set_if_roomy(&self, what: [u8; 16], now: Duration) -> Marked {
        self.set_at(now).mark((what, now + self.life), self.room / 2)
    }

    /// Returns the marks that have not ended.
    fn set_at(&self, now: Duration) -> MutexGuard<'_, Set> {
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        while set.ends.front().is_some_and(|(until, _)| *until <= now) {
            set.forget_oldest();
        }
        set
    }
}

impl Set {
    fn mark(&mut self, (what, until): ([u8; 16], Duration), room: usize) -> Marked {
        if self.marked.contains(&what) {
            return Marked::Again;
        }
        if self.marked.len() >= room {
            return Marked::Full;
        }
        self.marked.insert(what);
        self.ends.push_back((until, what));
        Marked::First
    }

    fn forget_oldest(&mut self) {
        if let Some((_, oldest)) = self.ends.pop_front() {
            self.marked.remove(&oldest);
        }
    }
}
