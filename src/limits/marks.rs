//! Marks of what happened once, in the memory of this process. All last equally long, so that they end in
//! the order in which they were set: ended ones are found without a look at the others.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::key::MAX_KEYS;

/// Marks. All times are of the monotonic clock.
pub(super) struct Marks<T> {
    life: Duration,
    /// The most marks.
    room: usize,
    set: Mutex<Set<T>>,
}

struct Set<T> {
    marked: HashSet<T>,
    /// When each ends.
    ends: VecDeque<(Duration, T)>,
}

/// What came of setting a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marked {
    /// There was none.
    First,
    /// There was one already.
    Again,
    /// There was none, and there is no room for it.
    Full,
}

impl<T: Copy + Eq + Hash> Marks<T> {
    /// Returns a set without marks, each of which will last so long.
    pub(super) fn lasting(life: Duration) -> Self {
        let set = Set { marked: HashSet::new(), ends: VecDeque::new() };
        Self { life, room: MAX_KEYS, set: Mutex::new(set) }
    }

    /// True if there is this mark.
    pub(super) fn has(&self, what: T, now: Duration) -> bool {
        self.set_at(now).marked.contains(&what)
    }

    /// Sets a mark, if there is room.
    pub(super) fn set(&self, what: T, now: Duration) -> Marked {
        self.set_at(now).mark((what, now + self.life), self.room)
    }

    /// Sets a mark, if there is room for as many others.
    pub(super) fn set_if_roomy(&self, what: T, now: Duration) -> Marked {
        self.set_at(now).mark((what, now + self.life), self.room / 2)
    }

    /// Sets a mark, in the place of the oldest if there is no room; false if there was one already.
    pub(super) fn set_anyway(&self, what: T, now: Duration) -> bool {
        let (mut set, mark) = (self.set_at(now), (what, now + self.life));
        let mut marked = set.mark(mark, self.room);
        if marked == Marked::Full {
            set.forget_oldest();
            marked = set.mark(mark, self.room);
        }
        marked == Marked::First
    }

    /// Returns the marks that have not ended.
    fn set_at(&self, now: Duration) -> MutexGuard<'_, Set<T>> {
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        while set.ends.front().is_some_and(|(until, _)| *until <= now) {
            set.forget_oldest();
        }
        set
    }
}

impl<T: Copy + Eq + Hash> Set<T> {
    fn mark(&mut self, (what, until): (T, Duration), room: usize) -> Marked {
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
