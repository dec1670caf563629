//! Counts of what there may be few of, in the memory of this process. Their number is bounded: where there
//! are more, those with the least to lose are forgotten first.

use std::time::Duration;

use dashmap::DashMap;

use super::key::{Key, MAX_KEYS};
use crate::cluster::Since;

/// Counts of attempts. All times are of the monotonic clock.
pub(super) struct Attempts {
    since: Since,
    counts: DashMap<Key, Count>,
}

#[derive(Clone, Copy)]
struct Count {
    count: u32,
    /// The most there may be: with so many they are a lock.
    max: u32,
    until: Duration,
}

impl Attempts {
    /// Returns a count of attempts that end some time after the first or the last of them.
    pub(super) fn new(since: Since) -> Self {
        Self { since, counts: DashMap::new() }
    }

    pub(super) fn since(&self) -> Since {
        self.since
    }

    /// Counts an attempt, unless there were `max` already. Returns how many there are with it, or
    /// the time for which there can be no more.
    pub(super) fn attempt(
        &self,
        key: Key,
        (max, life): (u32, Duration),
        now: Duration,
    ) -> Result<u32, Duration> {
        if self.counts.len() >= MAX_KEYS {
            self.forget_some(now);
        }
        let none = Count { count: 0, max, until: now };
        let mut known = self.counts.entry(key).or_insert(none);
        if known.until <= now {
            *known = none;
        }
        if known.count >= max {
            return Err(known.until.saturating_sub(now));
        }
        let until = match self.since {
            Since::First if known.count > 0 => known.until,
            Since::First | Since::Last => now + life,
        };
        *known = Count { count: known.count + 1, max, until };
        Ok(known.count)
    }

    /// Returns the attempts so far.
    pub(super) fn count(&self, key: Key, now: Duration) -> u32 {
        let found = self.counts.get(&key);
        found.filter(|known| known.until > now).map_or(0, |known| known.count)
    }

    /// Takes an attempt back.
    pub(super) fn undo(&self, key: Key) {
        if let Some(mut known) = self.counts.get_mut(&key) {
            known.count = known.count.saturating_sub(1);
        }
    }

    pub(super) fn forget(&self, key: Key) {
        self.counts.remove(&key);
    }

    /// Forgets half of the attempts: those that are over, then those that are furthest from a lock, and of
    /// locks those that end first.
    fn forget_some(&self, now: Duration) {
        self.counts.retain(|_, known| known.until > now);
        let mut worths: Vec<_> = self.counts.iter().map(|known| known.worth()).collect();
        let mut surplus = worths.len().saturating_sub(MAX_KEYS / 2);
        if surplus == 0 {
            return;
        }
        let (_, most, _) = worths.select_nth_unstable(surplus - 1);
        self.counts.retain(|_, known| {
            let goes = surplus > 0 && known.worth() <= *most;
            surplus -= usize::from(goes);
            !goes
        });
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }
}

impl Count {
    /// Orders attempts by what is lost with them: the thousandths of a lock that they are, and their end.
    fn worth(&self) -> (u64, Duration) {
        (u64::from(self.count) * 1_000 / u64::from(self.max.max(1)), self.until)
    }
}
