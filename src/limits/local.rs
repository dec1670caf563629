//! Counts in the memory of this process. They are bounded, so that invented addresses cannot fill the
//! memory: where there are too many, those with the least to lose are forgotten first.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use dashmap::{DashMap, Entry};

use super::attempts::Attempts;
use super::gcra::{Rate, Standing};
use super::key::{Key, MAX_KEYS};
use super::marks::Marks;
use crate::cluster::Since;

/// Limits and counts. All times are of the monotonic clock.
pub(super) struct Local {
    /// For each key the time in microseconds at which its requests will have had their share.
    due_us: DashMap<Key, u64>,
    /// About the number of these keys: the map itself locks all of its parts to tell.
    keys: AtomicUsize,
    /// Attempts that may become a lock. Nothing else is among them, so that nothing else ends a lock.
    pub(super) attempts: Attempts,
    /// What there may be few of in some time.
    pub(super) windows: Attempts,
    /// Proofs that were used.
    pub(super) used: Marks<[u8; 16]>,
    /// What was counted already.
    pub(super) counted: Marks<Key>,
}

impl Local {
    /// Returns counts of nothing; what was used, and what was counted, is remembered for so long.
    pub(super) fn new(used: Duration, counted: Duration) -> Self {
        Self {
            due_us: DashMap::new(),
            keys: AtomicUsize::new(0),
            attempts: Attempts::new(Since::Last),
            windows: Attempts::new(Since::First),
            used: Marks::lasting(used),
            counted: Marks::lasting(counted),
        }
    }

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

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.due_us.len().max(self.attempts.len()).max(self.windows.len())
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
