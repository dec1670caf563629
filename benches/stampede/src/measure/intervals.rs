//! The figures of each interval of the run, for plots over time. An interval is a second, or more
//! in long runs, so that hours of load fill neither the memory nor a page.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{End, Latencies, Op, Sent};

/// The most intervals of a run.
const MOST: u64 = 600;

/// One interval of one kind of request, or of all.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Interval {
    pub successes: u64,
    pub refused: u64,
    pub turned_away: u64,
    pub errors: u64,
    /// Requests sent again under their key, regardless of the answer.
    pub repeats: u64,
    /// Latencies of successes.
    pub latencies: Latencies,
}

impl Default for Interval {
    fn default() -> Self {
        let latencies = Latencies::growing();
        Self { successes: 0, refused: 0, turned_away: 0, errors: 0, repeats: 0, latencies }
    }
}

impl Interval {
    pub(super) fn record(&mut self, latency: Duration, end: End<'_>, sent: Sent) {
        self.repeats += u64::from(sent == Sent::Again);
        match end {
            End::Success => {
                self.successes += 1;
                self.latencies.record(latency);
            }
            End::Refused(_) => self.refused += 1,
            End::TurnedAway(_) => self.turned_away += 1,
            End::Error(_) => self.errors += 1,
        }
    }

    /// Adds another interval's figures.
    pub fn add(&mut self, other: &Self) {
        self.successes += other.successes;
        self.refused += other.refused;
        self.turned_away += other.turned_away;
        self.errors += other.errors;
        self.repeats += other.repeats;
        self.latencies.add(&other.latencies);
    }
}

/// The intervals of a run from its start, warm-up included, by kind of request.
#[derive(Clone, Debug)]
pub struct Intervals {
    width: Duration,
    /// Number of intervals that lie completely within the run.
    whole: usize,
    by_op: BTreeMap<Op, Vec<Interval>>,
}

impl Intervals {
    pub(super) fn of_run(length: Duration) -> Self {
        let width = Duration::from_secs(length.as_secs().div_ceil(MOST).max(1));
        Self { width, whole: whole(length, width), by_op: BTreeMap::new() }
    }

    /// Records a request. One that ends after the run is in no interval: the last interval would
    /// look like a collapse.
    pub(super) fn record(
        &mut self,
        op: Op,
        now: Duration,
        latency: Duration,
        end: End<'_>,
        sent: Sent,
    ) {
        let index = whole(now, self.width);
        if index >= self.whole {
            return;
        }
        let intervals = self.by_op.entry(op).or_default();
        if intervals.len() <= index {
            intervals.resize_with(index + 1, Interval::default);
        }
        intervals[index].record(latency, end, sent);
    }

    /// Ends the run early.
    pub(super) fn cut(&mut self, at: Duration) {
        self.whole = self.whole.min(whole(at, self.width));
        for intervals in self.by_op.values_mut() {
            intervals.truncate(self.whole);
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (op, theirs) in &other.by_op {
            let ours = self.by_op.entry(*op).or_default();
            if ours.len() < theirs.len() {
                ours.resize_with(theirs.len(), Interval::default);
            }
            for (ours, theirs) in ours.iter_mut().zip(theirs) {
                ours.add(theirs);
            }
        }
    }

    /// The length of an interval.
    #[must_use]
    pub fn width(&self) -> Duration {
        self.width
    }

    /// Number of intervals.
    #[must_use]
    pub fn len(&self) -> usize {
        self.whole
    }

    /// True if the run was too short for any interval.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.whole == 0
    }

    /// All intervals of one kind of request; empty ones where there were no requests.
    #[must_use]
    pub fn of(&self, op: Op) -> Vec<Interval> {
        let mut intervals = self.by_op.get(&op).cloned().unwrap_or_default();
        intervals.resize_with(self.whole, Interval::default);
        intervals
    }

    /// All intervals, over all kinds of requests.
    #[must_use]
    pub fn of_all(&self) -> Vec<Interval> {
        let mut all = Vec::new();
        all.resize_with(self.whole, Interval::default);
        for (op, intervals) in &self.by_op {
            if *op != Op::StreamDelta {
                all.iter_mut().zip(intervals).for_each(|(all, one)| all.add(one));
            }
        }
        all
    }
}

/// Number of complete intervals until then, which is also the index of the current one.
fn whole(until: Duration, width: Duration) -> usize {
    usize::try_from(until.as_secs() / width.as_secs()).unwrap_or(usize::MAX)
}

/// The current second and the one before it, for the progress line.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    second: u64,
    now: Interval,
    before: Interval,
}

impl Recent {
    pub(super) fn record(&mut self, now: Duration, latency: Duration, end: End<'_>, sent: Sent) {
        let second = now.as_secs();
        if second > self.second {
            let last = std::mem::take(&mut self.now);
            self.before = if second == self.second + 1 { last } else { Interval::default() };
            self.second = second;
        }
        self.now.record(latency, end, sent);
    }

    /// The figures of this second; only the last two are kept.
    #[must_use]
    pub fn of(&self, second: u64) -> Option<&Interval> {
        match self.second.checked_sub(second) {
            Some(0) => Some(&self.now),
            Some(1) => Some(&self.before),
            Some(_) | None => None,
        }
    }
}
