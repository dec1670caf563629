//! What operators are told of the queues that this instance owns, and no single state shows: for how
//! long nobody was admitted though somebody could be, whether more are admitted than the rate allows,
//! and what becomes of passes. Looks only; nothing here decides an admission.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::metrics::{self, Passed};
use crate::box_office::PublishedQueue;
use crate::ids::OfferingId;
use crate::inventory::{CLOSING_MS, QueuePhase, QueueProgress, QueueTotals, TimestampMs};

/// The stretch within which admissions are compared with the rate.
const WINDOW: Duration = Duration::from_secs(60);
/// The least time between two samples of it.
const SAMPLE: Duration = Duration::from_secs(1);
/// The time whose worth of passes may be given at once, by the rules of queues.
const BURST_MS: i64 = 10_000;
/// A state may be seen so much later than it was reached.
const SEEN_LATE_MS: i64 = 1_000;

/// The queues that were owned here at the last look.
#[derive(Default)]
pub(super) struct Watch {
    queues: Mutex<HashMap<OfferingId, Watched>>,
}

struct Watched {
    generation: u32,
    totals: QueueTotals,
    /// Since when somebody could be admitted and was not, in monotonic time.
    able_since: Option<Duration>,
    samples: VecDeque<Sample>,
}

/// What had been admitted at a monotonic time, and the rate that was ruled then.
#[derive(Clone, Copy)]
struct Sample {
    at: Duration,
    admitted: u32,
    per_minute: u32,
}

/// What one look found, the worst of all queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// For how long nobody was admitted though somebody could be.
    pub(super) stalled: Duration,
    /// Admissions within a minute beyond what the rate and its burst allow.
    pub(super) over_rate: u32,
}

impl Watch {
    /// Looks at all queues that are owned here, at a time of the wall clock and the same monotonic
    /// time, and publishes what it found.
    pub(super) fn look(
        &self,
        queues: &[(OfferingId, Arc<PublishedQueue>)],
        wall: TimestampMs,
        now: Duration,
    ) {
        let all = queues.iter().map(|(event, queue)| (*event, &queue.progress));
        let Found { stalled, over_rate } = self.find(all, wall, now);
        metrics::watched(stalled, over_rate);
    }

    fn find<'a>(
        &self,
        queues: impl Iterator<Item = (OfferingId, &'a QueueProgress)>,
        wall: TimestampMs,
        now: Duration,
    ) -> Found {
        let mut watched = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *watched);
        let mut found = Found::default();
        for (event, progress) in queues {
            // What was counted elsewhere, or of an earlier queue, is not counted again.
            let old = before.remove(&event).filter(|old| old.generation == progress.generation);
            let mut queue = old.unwrap_or_else(|| Watched::new(progress));
            found.stalled = found.stalled.max(queue.stalled(progress, wall, now));
            found.over_rate = found.over_rate.max(queue.over_rate(progress, now));
            queue.count(progress);
            watched.insert(event, queue);
        }
        found
    }
}

impl Watched {
    fn new(progress: &QueueProgress) -> Self {
        Self {
            generation: progress.generation,
            totals: progress.totals,
            able_since: None,
            samples: VecDeque::new(),
        }
    }

    fn stalled(&mut self, progress: &QueueProgress, wall: TimestampMs, now: Duration) -> Duration {
        let has_moved = progress.totals.admitted != self.totals.admitted;
        if has_moved || !may_go_on(progress, wall) {
            self.able_since = None;
        }
        if !may_go_on(progress, wall) {
            return Duration::ZERO;
        }
        let since = *self.able_since.get_or_insert(now);
        // The next pass has its time by the rate.
        let apart = WINDOW / progress.rules.passes_per_minute.max(1);
        now.saturating_sub(since).saturating_sub(apart)
    }

    fn over_rate(&mut self, progress: &QueueProgress, now: Duration) -> u32 {
        let (admitted, per_minute) = (progress.totals.admitted, progress.rules.passes_per_minute);
        if self.samples.back().is_none_or(|last| now.saturating_sub(last.at) >= SAMPLE) {
            self.samples.push_back(Sample { at: now, admitted, per_minute });
        }
        // One sample before the window stays: it is where the window begins.
        while self.samples.get(1).is_some_and(|next| now.saturating_sub(next.at) >= WINDOW) {
            self.samples.pop_front();
        }
        let Some(first) = self.samples.front() else { return 0 };
        let most = self.samples.iter().map(|sample| sample.per_minute).fold(per_minute, u32::max);
        let within = i64::try_from(now.saturating_sub(first.at).as_millis()).unwrap_or(0);
        let allowed = i64::from(most) * (within + BURST_MS + SEEN_LATE_MS) / 60_000 + 1;
        let over = i64::from(admitted.saturating_sub(first.admitted)) - allowed;
        u32::try_from(over).unwrap_or(0)
    }

    /// Counts the passes since the last look.
    fn count(&mut self, progress: &QueueProgress) {
        let (before, now) = (self.totals, progress.totals);
        metrics::passes(Passed::Admitted, now.admitted.saturating_sub(before.admitted));
        metrics::passes(Passed::Used, now.used.saturating_sub(before.used));
        metrics::passes(Passed::Lapsed, now.lapsed.saturating_sub(before.lapsed));
        self.totals = now;
    }
}

/// True if a queue should go on by itself: somebody waits, and the rules would admit them, or the draw
/// that needs no public value is due.
fn may_go_on(progress: &QueueProgress, wall: TimestampMs) -> bool {
    let rules = &progress.rules;
    if progress.waiting == 0 {
        return false;
    }
    match progress.phase {
        QueuePhase::Open => {
            let places = u64::from(progress.places_left) * u64::from(rules.admit_percent);
            let has_room = progress.sessions < rules.active_limit
                && u64::from(progress.idle) < places.div_ceil(100);
            !rules.paused && progress.on_sale && has_room
        }
        QueuePhase::PreQueue | QueuePhase::Drawing => {
            let closes_at = progress.opens_at.map(|at| at.saturating_add(CLOSING_MS));
            rules.public_source.is_none() && closes_at.is_some_and(|at| at <= wall)
        }
    }
}

#[cfg(test)]
mod tests;
