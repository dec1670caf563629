//! Attempts of few, in the memory of this process. There are so many keys at most: where there are more,
//! those with the least to lose are forgotten first.

use std::time::Duration;

use dashmap::DashMap;

use super::MAX_KEYS;
use crate::limits::key::Key;

/// Counts of attempts. All times are of the monotonic clock.
#[derive(Default)]
pub(in crate::limits) struct Attempts(DashMap<Key, Count>);

#[derive(Clone, Copy)]
struct Count {
    count: u32,
    /// The most there may be: with so many they are a lock.
    max: u32,
    until: Duration,
}

impl Attempts {
    /// Counts an attempt, unless there were `max` already. Returns how many there are with it, or
    /// the time for which there can be no more. An attempt counts for `life` after the last one.
    pub(in crate::limits) fn attempt(
        &self,
        key: Key,
        (max, life): (u32, Duration),
        now: Duration,
    ) -> Result<u32, Duration> {
        if self.0.len() >= MAX_KEYS {
            self.forget_some(now);
        }
        let none = Count { count: 0, max, until: now };
        let mut known = self.0.entry(key).or_insert(none);
        if known.until <= now {
            *known = none;
        }
        if known.count >= max {
            return Err(known.until.saturating_sub(now));
        }
        *known = Count { count: known.count + 1, max, until: now + life };
        Ok(known.count)
    }

    /// Returns the attempts so far.
    pub(in crate::limits) fn count(&self, key: Key, now: Duration) -> u32 {
        let found = self.0.get(&key);
        found.filter(|known| known.until > now).map_or(0, |known| known.count)
    }

    /// Takes an attempt back.
    pub(in crate::limits) fn undo(&self, key: Key) {
        if let Some(mut known) = self.0.get_mut(&key) {
            known.count = known.count.saturating_sub(1);
        }
    }

    pub(in crate::limits) fn forget(&self, key: Key) {
        self.0.remove(&key);
    }

    /// Forgets half of the attempts: those that are over, then those that are furthest from a lock, and of
    /// locks those that end first.
    fn forget_some(&self, now: Duration) {
        self.0.retain(|_, known| known.until > now);
        let mut worths: Vec<_> = self.0.iter().map(|known| known.worth()).collect();
        let mut surplus = worths.len().saturating_sub(MAX_KEYS / 2);
        if surplus == 0 {
            return;
        }
        let (_, most, _) = worths.select_nth_unstable(surplus - 1);
        self.0.retain(|_, known| {
            let goes = surplus > 0 && known.worth() <= *most;
            surplus -= usize::from(goes);
            !goes
        });
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Count {
    /// Orders attempts by what is lost with them: the thousandths of a lock that they are, and their end.
    fn worth(&self) -> (u64, Duration) {
        (u64::from(self.count) * 1_000 / u64::from(self.max.max(1)), self.until)
    }
}
