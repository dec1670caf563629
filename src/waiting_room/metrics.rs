//! The metrics of waiting rooms for Prometheus: every name with its help text.

use metrics::{counter, describe_counter, describe_gauge, gauge};

use crate::inventory::QueueProgress;

const POLLS: &str = "admitone_queue_polls_total";
const SLOWED: &str = "admitone_queue_polls_slowed_total";
const STALLED: &str = "admitone_queue_draws_stalled_total";
const CHALLENGES: &str = "admitone_queue_challenges_total";
const BY_ADDRESS: &str = "admitone_queue_entries_refused_by_address_total";
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

pub(super) fn challenged(outcome: Challenged) {
    counter!(CHALLENGES, "outcome" => outcome.name()).increment(1);
}

pub(super) fn refused_by_address() {
    counter!(BY_ADDRESS).increment(1);
}

pub(super) fn polled() {
    counter!(POLLS).increment(1);
}

pub(super) fn poll_slowed() {
    counter!(SLOWED).increment(1);
}

pub(super) fn stalled() {
    counter!(STALLED).increment(1);
}
