//! Counts and times the requests of the crowd. Each worker has a recorder of its own, which the
//! progress line reads once a second; the recorders are merged at the end.
//!
//! Latencies are measured from the moment at which a request was meant to be sent, so that a server
//! which makes the generator wait is charged for the waiting (no coordinated omission).

mod intervals;

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

pub use intervals::{Interval, Intervals, Recent};

/// The longest latency that is distinguished, one minute: clients give up before it.
const MAX_US: u64 = 60_000_000;

/// The kind of a request.
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
    Apply,
    LookAtEnrollment,
    Unenroll,
    EnterQueue,
    PollQueue,
    LeaveQueue,
    Charge,
    /// Not a request: the age of a change when a listener of a stream received it, counted from the
    /// answer to the buyer that caused it.
    StreamDelta,
}

impl Op {
    /// All kinds, in the order in which they are shown.
    pub const ALL: [Self; 20] = [
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
        Self::Apply,
        Self::LookAtEnrollment,
        Self::Unenroll,
        Self::EnterQueue,
        Self::PollQueue,
        Self::LeaveQueue,
        Self::Charge,
        Self::StreamDelta,
    ];

    /// The name shown in tables.
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
            Self::Apply => "apply",
            Self::LookAtEnrollment => "look at place",
            Self::Unenroll => "cancel place",
            Self::EnterQueue => "enter",
            Self::PollQueue => "poll",
            Self::LeaveQueue => "leave",
            Self::Charge => "charge wallet",
            Self::StreamDelta => "stream delta",
        }
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End<'a> {
    /// 2xx or 304.
    Success,
    /// Refused by a decision, with the code: sold out, taken, expired.
    Refused(&'a str),
    /// 429 or 503: not decided, with the code.
    TurnedAway(&'a str),
    /// No answer, or one that should never occur, with its kind.
    Error(&'a str),
}

/// Whether a request was sent before under the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The request was not sent before.
    First,
    /// The request was sent before, and its outcome is not known.
    Again,
}

/// Latencies in microseconds.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
    /// A histogram with two digits of precision that grows only as far as its longest value needs:
    /// there are many of them.
    fn growing() -> Self {
        let mut histogram = Histogram::new(2).expect("two digits are allowed");
        histogram.auto(true);
        Self(histogram)
    }

    /// Records a latency.
    pub fn record(&mut self, latency: Duration) {
        let us = u64::try_from(latency.as_micros()).unwrap_or(MAX_US);
        // Fails only for values out of bounds, and none is.
        let _ = self.0.record(us.clamp(1, MAX_US));
    }

    /// Adds the latencies of another histogram of the same precision.
    pub fn add(&mut self, other: &Self) {
        // Fails only for values out of bounds, and the bounds are the same.
        let _ = self.0.add(&other.0);
    }

    /// Number of latencies.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// True if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The quantile in microseconds; 0 when there are none.
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

/// The figures of one kind of request.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct OpFigures {
    /// Requests, each counted once.
    pub attempts: u64,
    /// Repeats of the same requests under their keys.
    pub repeats: u64,
    pub successes: u64,
    /// Successes answered within the measured time: rates are computed from these.
    pub successes_in_time: u64,
    pub refused: BTreeMap<String, u64>,
    pub turned_away: BTreeMap<String, u64>,
    pub errors: BTreeMap<String, u64>,
    pub latencies: Latencies,
    /// Latencies of refused and turned-away requests.
    pub refusal_latencies: Latencies,
}

/// The measured part of the run, as times since its start.
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
    /// Figures by kind of request.
    pub ops: BTreeMap<Op, OpFigures>,
    /// Figures by interval, from the start of the run, warm-up included.
    pub intervals: Intervals,
    /// Figures of all requests in the last two seconds.
    pub recent: Recent,
    /// The time at which a hold was first refused as sold out.
    pub sold_out_at: Option<Duration>,
    /// Delay of the generator itself in starting journeys.
    pub lag: Latencies,
    /// Time that requests waited for a free connection.
    pub waits: Latencies,
    /// Journeys that began; `dropped` counts those that were due but did not begin, because too
    /// many were unfinished.
    pub begun: u64,
    /// See `begun`.
    pub dropped: u64,
}

impl Figures {
    /// Empty figures.
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

    /// Records that a request that was meant to be sent at `meant` ended at `now`. A request that
    /// was sent several times ends each time.
    pub fn ended(&mut self, op: Op, meant: Duration, now: Duration, end: End<'_>, sent: Sent) {
        let latency = now.saturating_sub(meant);
        self.intervals.record(op, now, latency, end, sent);
        if op != Op::StreamDelta {
            self.recent.record(now, latency, end, sent);
        }
        let is_sold_out = matches!(
            (op, end),
            (Op::Hold, End::Refused("SOLD_OUT")) | (Op::Apply, End::Refused("CLASS_FULL"))
        );
        if is_sold_out {
            self.sold_out_at = Some(self.sold_out_at.map_or(now, |first| first.min(now)));
        }
        // A request that was begun in time and ended afterwards counts: the slowest ones are among
        // these.
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

    /// Adds the figures of another worker.
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

    /// The measured time.
    #[must_use]
    pub fn measured(&self) -> Duration {
        self.window.to.saturating_sub(self.window.from)
    }

    /// Ends the measured time early, for an interrupted run.
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
