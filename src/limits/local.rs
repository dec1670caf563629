//! Counts in the memory of this process. They are bounded, so that invented addresses cannot fill the
//! memory: where there are too many, those with the least to lose are forgotten first.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use dashmap::{DashMap, Entry};

use super::gcra::{Rate, Standing};
use super::key::Key;

/// The most keys of each kind; 128 Ki take about 8 MiB.
pub(super) const MAX_KEYS: usize = 131_072;

/// Limits and counts. All times are of the monotonic clock.
#[derive(Default)]
pub(super) struct Local {
    /// For each key the time in microseconds at which its requests will have had their share.
    due_us: DashMap<Key, u64>,
    /// About the number of these keys: the map itself locks all of its parts to tell.
    keys: AtomicUsize,
    attempts: DashMap<Key, Attempts>,
    /// What was used, and until when that matters.
    used: DashMap<[u8; 16], Duration>,
}

#[derive(Clone, Copy)]
struct Attempts {
    count: u32,
    /// The most there may be: with so many they are a lock.
    max: u32,
    until: Duration,
}

impl Local {
    pub(super) fn take(&self, key: Key, rate: Rate, now: Duration) -> Standing {
        let now_us = micros(now);
        if self.keys.load(Relaxed) >= MAX_KEYS {
            self.forget_some(now_us);
        }
        let mut due = match self.due_us.entry(key) {
            Entry::Occupied(known) => known.into_ref(),
            Entry::Vacant(new) => {
                self.keys.fetch_add(1, Relaxed);
                new.insert(now_us)
            }
        };
        let (after, standing) = rate.decide(*due, now_us);
        *due = after;
        standing
    }

    /// Says what the limit would say to a request, without counting one.
    pub(super) fn look(&self, key: Key, rate: Rate, now: Duration) -> Standing {
        let now_us = micros(now);
        let due = self.due_us.get(&key).map_or(now_us, |due| *due);
        let (_, standing) = rate.decide(due, now_us);
        rate.standing(standing.is_within, due.saturating_sub(now_us))
    }

    /// Counts a request that is paid for. Of the debt before it no more than `left_us` stays; with `None`
    /// the debt stays as it is, and the request adds nothing to it.
    pub(super) fn pay(
        &self,
        key: Key,
        rate: Rate,
        left_us: Option<u64>,
        now: Duration,
    ) -> Standing {
        let now_us = micros(now);
        let Some(mut due) = self.due_us.get_mut(&key) else {
            return rate.standing(true, 0);
        };
        if let Some(left_us) = left_us {
            *due = (*due).max(now_us).min(now_us.saturating_add(left_us)) + rate.interval_us;
        }
        rate.standing(true, due.saturating_sub(now_us))
    }

    /// Counts an attempt, unless there were `max` already. Returns how many there are with it, or
    /// the time for which there can be no more. An attempt counts for `life` after the last one.
    pub(super) fn attempt(
        &self,
        key: Key,
        (max, life): (u32, Duration),
        now: Duration,
    ) -> Result<u32, Duration> {
        if self.attempts.len() >= MAX_KEYS {
            self.forget_attempts(now);
        }
        let none = Attempts { count: 0, max, until: now };
        let mut attempts = self.attempts.entry(key).or_insert(none);
        if attempts.until <= now {
            attempts.count = 0;
        }
        if attempts.count >= max {
            return Err(attempts.until.saturating_sub(now));
        }
        *attempts = Attempts { count: attempts.count + 1, max, until: now + life };
        Ok(attempts.count)
    }

    /// Returns the attempts so far.
    pub(super) fn attempts(&self, key: Key, now: Duration) -> u32 {
        let found = self.attempts.get(&key);
        found.filter(|attempts| attempts.until > now).map_or(0, |attempts| attempts.count)
    }

    /// Takes an attempt back.
    pub(super) fn undo(&self, key: Key) {
        if let Some(mut attempts) = self.attempts.get_mut(&key) {
            attempts.count = attempts.count.saturating_sub(1);
        }
    }

    pub(super) fn forget(&self, key: Key) {
        self.attempts.remove(&key);
    }

    /// Marks something as used; false if it was before.
    pub(super) fn use_once(&self, what: [u8; 16], life: Duration, now: Duration) -> bool {
        if self.used.len() >= MAX_KEYS {
            self.used.retain(|_, until| *until > now);
        }
        if self.used.len() >= MAX_KEYS {
            // Better refuse a good proof than take one twice.
            return false;
        }
        let mut is_first = false;
        self.used.entry(what).or_insert_with(|| {
            is_first = true;
            now + life
        });
        is_first
    }

    fn forget_some(&self, now_us: u64) {
        let mut kept_us = now_us;
        let mut step_us = 1_000_000;
        while self.due_us.len() > MAX_KEYS / 2 {
            self.due_us.retain(|_, due| *due > kept_us);
            kept_us = kept_us.saturating_add(step_us);
            step_us = step_us.saturating_mul(4);
        }
        self.keys.store(self.due_us.len(), Relaxed);
    }

    /// Forgets half of the attempts: those that are over, then those that are furthest from a lock, and of
    /// locks those that end first.
    fn forget_attempts(&self, now: Duration) {
        self.attempts.retain(|_, attempts| attempts.until > now);
        let mut worths: Vec<_> = self.attempts.iter().map(|attempts| attempts.worth()).collect();
        let mut surplus = worths.len().saturating_sub(MAX_KEYS / 2);
        if surplus == 0 {
            return;
        }
        let (_, most, _) = worths.select_nth_unstable(surplus - 1);
        self.attempts.retain(|_, attempts| {
            let goes = surplus > 0 && attempts.worth() <= *most;
            surplus -= usize::from(goes);
            !goes
        });
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.due_us.len().max(self.attempts.len())
    }
}

impl Attempts {
    /// Orders attempts by what is lost with them: the thousandths of a lock that they are, and their end.
    fn worth(&self) -> (u64, Duration) {
        (u64::from(self.count) * 1_000 / u64::from(self.max.max(1)), self.until)
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
