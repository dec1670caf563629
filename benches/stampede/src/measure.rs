//! What is counted and timed while the crowd is at work. Each worker has a recorder of its own, which
//! the progress line looks into once a second; they are put together at the end.
//!
//! Latencies are taken from the moment at which a request was meant to be sent, so that a server
//! which makes the generator wait is charged for the waiting (no coordinated omission).

mod intervals;

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

pub use intervals::{Interval, Intervals, Recent};

/// The longest that is told apart, one minute: patience ends before it.
const MAX_US: u64 = 60_000_000;

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Op {
    Hold,
    Extend,
    Release,
    Reserve,
    Pay,
    Cancel,
    JoinWaitlist,
    LookAtWaitlist,
    AcceptOffer,
    LeaveWaitlist,
    Availability,
    SeatMap,
    /// Not a request: how old a change was when a listener of a stream heard of it, counted from
    /// the answer to whoever caused it.
    StreamDelta,
}

impl Op {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 13] = [
        Self::Hold,
        Self::Extend,
        Self::Release,
        Self::Reserve,
        Self::Pay,
        Self::Cancel,
        Self::JoinWaitlist,
        Self::LookAtWaitlist,
        Self::AcceptOffer,
        Self::LeaveWaitlist,
        Self::Availability,
        Self::SeatMap,
        Self::StreamDelta,
    ];

    /// As tables show it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Extend => "extend",
            Self::Release => "release",
            Self::Reserve => "reserve",
            Self::Pay => "pay",
            Self::Cancel => "cancel",
            Self::JoinWaitlist => "join waitlist",
            Self::LookAtWaitlist => "look at waitlist",
            Self::AcceptOffer => "accept offer",
            Self::LeaveWaitlist => "leave waitlist",
            Self::Availability => "availability",
            Self::SeatMap => "seat map",
            Self::StreamDelta => "stream delta",
        }
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End<'a> {
    /// 2xx or 304.
    Success,
    /// A decision against it, by code: sold out, taken, expired.
    Refused(&'a str),
    /// 429 or 503: not decided, by code.
    TurnedAway(&'a str),
    /// No answer, or one that should never come, by kind.
    Error(&'a str),
}

/// Whether a request was sent before, under the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It was not.
    First,
    /// It was, and it is not known what became of it.
    Again,
}

/// Latencies in microseconds.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
    /// Of two digits, and no larger than the longest needs: there are many of them.
    fn growing() -> Self {
        let mut histogram = Histogram::new(2).expect("two digits are allowed");
        histogram.auto(true);
        Self(histogram)
    }

    /// One more.
    pub fn record(&mut self, latency: Duration) {
        let us = u64::try_from(latency.as_micros()).unwrap_or(MAX_US);
        // It fails for values out of bounds alone, and none is.
        let _ = self.0.record(us.clamp(1, MAX_US));
    }

    /// Adds those of another, of the same precision.
    pub fn add(&mut self, other: &Self) {
        // It fails for values out of bounds alone, and the bounds are the same.
        let _ = self.0.add(&other.0);
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The quantile in microseconds, 0 when there are none.
    #[must_use]
    pub fn at_us(&self, quantile: f64) -> u64 {
        if self.0.is_empty() { 0 } else { self.0.value_at_quantile(quantile) }
    }

    /// The longest in microseconds.
    #[must_use]
    pub fn max_us(&self) -> u64 {
        self.0.max()
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, MAX_US, 3).expect("the bounds are in order"))
    }
}

/// All that is known of one kind of request.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct OpFigures {
    /// Requests, each counted once.
    pub attempts: u64,
    /// The same requests sent again under their key.
    pub repeats: u64,
    pub successes: u64,
    /// Successes that were answered within the measured time: what rates are made of.
    pub successes_in_time: u64,
    pub refused: BTreeMap<String, u64>,
    pub turned_away: BTreeMap<String, u64>,
    pub errors: BTreeMap<String, u64>,
    pub latencies: Latencies,
    /// Of answers that say no.
    pub refusal_latencies: Latencies,
}

/// When what happened counts: times since the run began.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Window {
    pub from: Duration,
    pub to: Duration,
}

/// The figures of one worker, or of all.
#[derive(Clone, Debug)]
pub struct Figures {
    window: Window,
    /// By kind of request.
    pub ops: BTreeMap<Op, OpFigures>,
    /// From the start of the run, warm-up included.
    pub intervals: Intervals,
    /// The last two seconds of all requests.
    pub recent: Recent,
    /// When a hold was first refused as sold out.
    pub sold_out_at: Option<Duration>,
    /// How late the generator itself was with what it meant to start.
    pub lag: Latencies,
    /// How long requests waited for a free connection.
    pub waits: Latencies,
    /// Journeys that were begun, and that were due and not begun since too many were under way.
    pub begun: u64,
    /// See `begun`.
    pub dropped: u64,
}

impl Figures {
    /// None yet.
    #[must_use]
    pub fn new(window: Window) -> Self {
        Self {
            window,
            ops: BTreeMap::new(),
            intervals: Intervals::of_run(window.to),
            recent: Recent::default(),
            sold_out_at: None,
            lag: Latencies::default(),
            waits: Latencies::default(),
            begun: 0,
            dropped: 0,
        }
    }

    /// A request that was meant to be sent at `meant` ended at `now`. One that was sent several times
    /// ended each time.
    pub fn ended(&mut self, op: Op, meant: Duration, now: Duration, end: End<'_>, sent: Sent) {
        let latency = now.saturating_sub(meant);
        self.intervals.record(op, now, latency, end, sent);
        if op != Op::StreamDelta {
            self.recent.record(now, latency, end, sent);
        }
        if op == Op::Hold && end == End::Refused("SOLD_OUT") {
            self.sold_out_at = Some(self.sold_out_at.map_or(now, |first| first.min(now)));
        }
        // What was begun in time and goes on afterwards belongs to it: the slowest are among that.
        if meant < self.window.from {
            return;
        }
        let figures = self.ops.entry(op).or_default();
        match sent {
            Sent::First => figures.attempts += 1,
            Sent::Again => figures.repeats += 1,
        }
        match end {
            End::Success => {
                figures.successes += 1;
                figures.successes_in_time += u64::from(now < self.window.to);
                figures.latencies.record(latency);
            }
            End::Refused(code) => {
                count(&mut figures.refused, code);
                figures.refusal_latencies.record(latency);
            }
            End::TurnedAway(code) => {
                count(&mut figures.turned_away, code);
                figures.refusal_latencies.record(latency);
            }
            End::Error(kind) => count(&mut figures.errors, kind),
        }
    }

    /// Puts the figures of another worker to these.
    pub fn add(&mut self, other: &Self) {
        for (op, theirs) in &other.ops {
            let ours = self.ops.entry(*op).or_default();
            ours.attempts += theirs.attempts;
            ours.repeats += theirs.repeats;
            ours.successes += theirs.successes;
            ours.successes_in_time += theirs.successes_in_time;
            add_counts(&mut ours.refused, &theirs.refused);
            add_counts(&mut ours.turned_away, &theirs.turned_away);
            add_counts(&mut ours.errors, &theirs.errors);
            ours.latencies.add(&theirs.latencies);
            ours.refusal_latencies.add(&theirs.refusal_latencies);
        }
        self.intervals.add(&other.intervals);
        self.sold_out_at = self.sold_out_at.into_iter().chain(other.sold_out_at).min();
        self.lag.add(&other.lag);
        self.waits.add(&other.waits);
        self.begun += other.begun;
        self.dropped += other.dropped;
    }

    /// The time that is measured.
    #[must_use]
    pub fn measured(&self) -> Duration {
        self.window.to.saturating_sub(self.window.from)
    }

    /// Ends the measured time early, when the run was interrupted.
    pub fn cut(&mut self, at: Duration) {
        self.window.to = self.window.to.min(at).max(self.window.from);
        self.intervals.cut(at);
    }
}

fn count(counts: &mut BTreeMap<String, u64>, name: &str) {
    match counts.get_mut(name) {
        Some(count) => *count += 1,
        None => {
            counts.insert(name.to_owned(), 1);
        }
    }
}

fn add_counts(ours: &mut BTreeMap<String, u64>, theirs: &BTreeMap<String, u64>) {
    for (name, more) in theirs {
        *ours.entry(name.clone()).or_default() += more;
    }
}

#[cfg(test)]
mod tests;
