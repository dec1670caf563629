//! The metrics of waiting rooms for Prometheus: every name with its help text.

use std::time::Duration;

use metrics::{
    Counter, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use crate::inventory::QueueProgress;

const POLLS: &str = "admitone_queue_polls_total";
const SLOWED: &str = "admitone_queue_polls_slowed_total";
const STALLED: &str = "admitone_queue_draws_stalled_total";
const CHALLENGES: &str = "admitone_queue_challenges_total";
const BY_ADDRESS: &str = "admitone_queue_entries_refused_by_address_total";
const PASSES: &str = "admitone_queue_passes_total";
const STALLED_S: &str = "admitone_queue_stalled_seconds";
const OVER_RATE: &str = "admitone_queue_admissions_over_rate";
const ERROR: &str = "admitone_queue_estimate_error_ratio";
const WAITING: &str = "admitone_queue_waiting";
const SESSIONS: &str = "admitone_queue_sessions";
const ENTRIES: &str = "admitone_queue_entries";

/// The ends of entries, and what led there.
const OUTCOMES: [&str; 7] =
    ["admitted", "used", "lapsed", "left", "voided", "set_aside", "returned"];

/// Registers names and help texts with the recorder, once at start.
pub fn describe() {
    describe_counter!(
        POLLS,
        "Requests for one's own place in a waiting room that this instance answered."
    );
    describe_counter!(
        SLOWED,
        "Of these, requests that came too soon after the last and were delayed."
    );
    describe_counter!(
        STALLED,
        "Looks at a closed queue whose draw cannot be made, since its secret is lost."
    );
    describe_counter!(
        CHALLENGES,
        "Requests to enter a queue that asks for a proof of work, by outcome (passed, failed, missing)."
    );
    describe_counter!(
        BY_ADDRESS,
        "Requests to enter a queue that were refused because too many came from one network address."
    );
    describe_counter!(
        PASSES,
        "Passes of the queues that this instance owned at the time, by what happened to them (admitted: given, used: places were held, lapsed: not used in time)."
    );
    describe_gauge!(
        STALLED_S,
        "For how long nobody was admitted though somebody waits and the rules allow it, or a due draw was not made; the longest of the queues that this instance owns."
    );
    describe_gauge!(
        OVER_RATE,
        "Admissions within a minute beyond what the rate and its burst allow; the most of the queues that this instance owns."
    );
    describe_histogram!(
        ERROR,
        "Estimated waits that were told: how far they were from the actual ones, as a share of these (|told - actual| / actual)."
    );
    describe_gauge!(WAITING, "Customers who wait in the queues that this instance owns.");
    describe_gauge!(SESSIONS, "Open sessions of the queues that this instance owns.");
    describe_gauge!(
        ENTRIES,
        "Entries of the queues that this instance owns, by what happened to them (admitted, used, lapsed, left, voided, set_aside, returned)."
    );
    for name in [POLLS, SLOWED, STALLED, BY_ADDRESS] {
        counter!(name).absolute(0);
    }
    for outcome in [Challenged::Passed, Challenged::Failed, Challenged::Missing] {
        counter!(CHALLENGES, "outcome" => outcome.name()).absolute(0);
    }
    for outcome in [Passed::Admitted, Passed::Used, Passed::Lapsed] {
        passes(outcome, 0);
    }
    watched(Duration::ZERO, 0);
    measure([].into_iter());
}

/// Sets the gauges to the state of the queues that are owned here.
pub fn measure<'a>(queues: impl Iterator<Item = &'a QueueProgress>) {
    let (mut waiting, mut sessions, mut totals) = (0_u64, 0_u64, [0_u64; 7]);
    for queue in queues {
        waiting += u64::from(queue.waiting);
        sessions += u64::from(queue.sessions);
        let of = &queue.totals;
        let counts =
            [of.admitted, of.used, of.lapsed, of.left, of.voided, of.set_aside, of.returned];
        for (total, count) in totals.iter_mut().zip(counts) {
            *total += u64::from(count);
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of people are exact in a float")]
    let set = |name: &'static str, value: u64| gauge!(name).set(value as f64);
    set(WAITING, waiting);
    set(SESSIONS, sessions);
    for (outcome, total) in OUTCOMES.into_iter().zip(totals) {
        #[expect(clippy::cast_precision_loss, reason = "counts of people are exact in a float")]
        gauge!(ENTRIES, "outcome" => outcome).set(total as f64);
    }
}

/// What a request to enter showed where a proof of work is asked for.
#[derive(Clone, Copy)]
pub(super) enum Challenged {
    Passed,
    Failed,
    Missing,
}

impl Challenged {
    fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Missing => "missing",
        }
    }
}

/// What happened to a pass.
#[derive(Clone, Copy)]
pub(super) enum Passed {
    Admitted,
    Used,
    Lapsed,
}

pub(super) fn passes(outcome: Passed, count: u32) {
    let outcome = match outcome {
        Passed::Admitted => "admitted",
        Passed::Used => "used",
        Passed::Lapsed => "lapsed",
    };
    counter!(PASSES, "outcome" => outcome).increment(u64::from(count));
}

/// Sets the gauges to what a look at the queues that are owned here has found.
pub(super) fn watched(stalled: Duration, over_rate: u32) {
    gauge!(STALLED_S).set(stalled.as_secs_f64());
    gauge!(OVER_RATE).set(f64::from(over_rate));
}

/// Records how far an estimated wait was from the actual one.
pub(super) fn misestimated(error: f64) {
    histogram!(ERROR).record(error);
}

pub(super) fn challenged(outcome: Challenged) {
    counter!(CHALLENGES, "outcome" => outcome.name()).increment(1);
}

pub(super) fn refused_by_address() {
    counter!(BY_ADDRESS).increment(1);
}

/// The counter of polls, to be kept: finding it takes a hash and a lock.
pub(super) fn polls() -> Counter {
    counter!(POLLS)
}

pub(super) fn poll_slowed() {
    counter!(SLOWED).increment(1);
}

pub(super) fn stalled() {
    counter!(STALLED).increment(1);
}
