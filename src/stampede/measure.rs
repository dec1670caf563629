//! What is counted and timed while the crowd is at work. Each lane has a recorder of its own, which
//! the progress line looks into once a second; they are put together at the end.
//!
//! Latencies are taken from the moment at which a request was meant to be sent, so that a server
//! which makes the generator wait is charged for the waiting (no coordinated omission).

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

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

/// Latencies in microseconds.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
    fn of(digits: u8) -> Self {
        Self(Histogram::new_with_bounds(1, MAX_US, digits).expect("the bounds are in order"))
    }

    /// One more.
    pub fn record(&mut self, latency: Duration) {
        let us = u64::try_from(latency.as_micros()).unwrap_or(MAX_US);
        self.0.saturating_record(us.clamp(1, MAX_US));
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
        Self::of(3)
    }
}

/// All that is known of one kind of request.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct OpFigures {
    pub attempts: u64,
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

/// One second of the run.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Second {
    pub successes: u64,
    pub refused: u64,
    pub turned_away: u64,
    pub errors: u64,
    /// Of successes.
    pub latencies: Latencies,
}

impl Default for Second {
    fn default() -> Self {
        Self { successes: 0, refused: 0, turned_away: 0, errors: 0, latencies: Latencies::of(2) }
    }
}

/// When what happened counts: times since the run began.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Window {
    pub from: Duration,
    pub to: Duration,
}

/// The figures of one lane, or of all.
#[derive(Clone, Debug)]
pub struct Figures {
    window: Window,
    /// By kind of request.
    pub ops: BTreeMap<Op, OpFigures>,
    /// From the start of the run, warm-up included.
    pub seconds: Vec<Second>,
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
            seconds: Vec::new(),
            lag: Latencies::default(),
            waits: Latencies::default(),
            begun: 0,
            dropped: 0,
        }
    }

    /// One request that was meant to be sent at `meant` ended at `now`.
    pub fn ended(&mut self, op: Op, meant: Duration, now: Duration, end: End<'_>) {
        let second = usize::try_from(now.as_secs()).unwrap_or(usize::MAX);
        let latency = now.saturating_sub(meant);
        if op != Op::StreamDelta {
            self.in_second(second, latency, end);
        }
        // What was begun in time and goes on afterwards belongs to it: the slowest are among that.
        if meant < self.window.from {
            return;
        }
        let figures = self.ops.entry(op).or_default();
        figures.attempts += 1;
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

    fn in_second(&mut self, second: usize, latency: Duration, end: End<'_>) {
        // A day: nobody measures for longer.
        const MAX_SECONDS: usize = 86_400;
        if second >= MAX_SECONDS {
            return;
        }
        if self.seconds.len() <= second {
            self.seconds.resize_with(second + 1, Second::default);
        }
        let second = &mut self.seconds[second];
        match end {
            End::Success => {
                second.successes += 1;
                second.latencies.record(latency);
            }
            End::Refused(_) => second.refused += 1,
            End::TurnedAway(_) => second.turned_away += 1,
            End::Error(_) => second.errors += 1,
        }
    }

    /// Puts the figures of another lane to these.
    pub fn add(&mut self, other: &Self) {
        for (op, theirs) in &other.ops {
            let ours = self.ops.entry(*op).or_default();
            ours.attempts += theirs.attempts;
            ours.successes += theirs.successes;
            ours.successes_in_time += theirs.successes_in_time;
            add_counts(&mut ours.refused, &theirs.refused);
            add_counts(&mut ours.turned_away, &theirs.turned_away);
            add_counts(&mut ours.errors, &theirs.errors);
            ours.latencies.add(&theirs.latencies);
            ours.refusal_latencies.add(&theirs.refusal_latencies);
        }
        if self.seconds.len() < other.seconds.len() {
            self.seconds.resize_with(other.seconds.len(), Second::default);
        }
        for (ours, theirs) in self.seconds.iter_mut().zip(&other.seconds) {
            ours.successes += theirs.successes;
            ours.refused += theirs.refused;
            ours.turned_away += theirs.turned_away;
            ours.errors += theirs.errors;
            ours.latencies.add(&theirs.latencies);
        }
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
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn latency_counts_from_the_intended_time_and_rates_from_the_measured_time() {
        let mut figures = Figures::new(Window { from: MS * 1_000, to: MS * 2_000 });
        // Before: not measured. Within. Meant within, and answered after the end.
        figures.ended(Op::Hold, MS * 500, MS * 1_500, End::Success);
        figures.ended(Op::Hold, MS * 1_000, MS * 1_250, End::Success);
        figures.ended(Op::Hold, MS * 1_900, MS * 2_900, End::Success);
        figures.ended(Op::Hold, MS * 1_100, MS * 1_101, End::Refused("SOLD_OUT"));
        figures.ended(Op::Hold, MS * 1_100, MS * 1_101, End::TurnedAway("BUSY"));
        figures.ended(Op::Hold, MS * 1_100, MS * 1_101, End::Error("no connection"));
        let hold = &figures.ops[&Op::Hold];
        assert_eq!((hold.attempts, hold.successes, hold.successes_in_time), (5, 2, 1));
        assert_eq!(hold.refused["SOLD_OUT"] + hold.turned_away["BUSY"], 2);
        assert_eq!(hold.errors["no connection"], 1);
        let within = |us: u64, about: u64| us.abs_diff(about) <= about / 500;
        assert!(within(hold.latencies.at_us(0.5), 250_000), "{}", hold.latencies.at_us(0.5));
        assert!(within(hold.latencies.max_us(), 1_000_000), "{}", hold.latencies.max_us());
        assert_eq!(figures.seconds.len(), 3);
        assert_eq!(figures.seconds[1].successes, 2, "seconds show the warm-up too");
    }

    #[test]
    fn lanes_add_up() {
        let window = Window { from: Duration::ZERO, to: MS * 1_000 };
        let (mut one, mut other) = (Figures::new(window), Figures::new(window));
        one.ended(Op::Pay, MS, MS * 3, End::Success);
        other.ended(Op::Pay, MS, MS * 5, End::Success);
        other.ended(Op::Hold, MS, MS * 5, End::Refused("SOLD_OUT"));
        other.begun = 2;
        one.add(&other);
        assert_eq!((one.ops[&Op::Pay].successes, one.begun), (2, 2));
        assert_eq!(one.ops[&Op::Hold].refused["SOLD_OUT"], 1);
        assert_eq!(one.ops[&Op::Pay].latencies.len(), 2);
        assert_eq!(one.seconds[0].refused, 1);
    }
}
