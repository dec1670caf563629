//! The metrics of box offices for Prometheus: every name with its help text, and the one place
//! where each is counted. No customers' ids, and a bounded number of series per offering.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use metrics::{
    Counter, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};

use crate::box_office::command::kind;
use crate::box_office::office::batch::Pending;
use crate::box_office::unknown;
use crate::cluster::NetworkError;
use crate::journal::{AppendError, LoadError};

const COMMANDS: &str = "admitone_commands_total";
const COMMAND_SECONDS: &str = "admitone_command_duration_seconds";
const PENDING: &str = "admitone_pending_commands";
const PENDING_HIGHEST: &str = "admitone_pending_commands_highest";
const PENDING_LIMIT: &str = "admitone_pending_commands_limit";
const TURNED_AWAY: &str = "admitone_commands_turned_away_total";
const BATCH_COMMANDS: &str = "admitone_batch_commands";
const BATCH_BYTES: &str = "admitone_batch_bytes";
const APPEND_SECONDS: &str = "admitone_journal_append_seconds";
const APPEND_FAILURES: &str = "admitone_append_failures_total";
const RECOVERY_FAILURES: &str = "admitone_recovery_failures_total";
const LIVE: &str = "admitone_box_offices_live";
const CLOCK_TRUSTED: &str = "admitone_clock_trusted";
const CLOCK_SKEW: &str = "admitone_clock_skew_seconds";
const CLOCK_STEP: &str = "admitone_clock_step_seconds";
const TAKEOVERS: &str = "admitone_takeovers_total";
const FENCED: &str = "admitone_fenced_appends_total";
const REBUILDS: &str = "admitone_rebuilds_total";
const UNFIT_SNAPSHOTS: &str = "admitone_unfit_snapshots_total";
const PANICS: &str = "admitone_core_panics_total";
const FORWARDED: &str = "admitone_forwarded_calls_total";
const FORWARD_FAILURES: &str = "admitone_forward_failures_total";
const HANDOFF_SECONDS: &str = "admitone_handoff_seconds";
/// The name of [`HANDOFF_SECONDS`] in 0.1.0, for dashboards that still query it.
const HAND_OVER_SECONDS: &str = "admitone_hand_over_seconds";
const FOLLOWED: &str = "admitone_followed_offerings";
const FOLLOWED_OLDEST: &str = "admitone_followed_oldest_seconds";
const DELTAS_PUBLISHED: &str = "admitone_feed_deltas_published_total";
const DELTAS_APPLIED: &str = "admitone_feed_deltas_applied_total";
const RESYNCS: &str = "admitone_feed_resyncs_total";

/// Registers names and help texts with the recorder, once at start.
pub fn describe() {
    unknown::describe();
    describe_counter!(COMMANDS, "Commands answered, by kind and outcome.");
    describe_histogram!(
        COMMAND_SECONDS,
        "Seconds from a command's arrival at its box office to its answer, by kind and outcome."
    );
    describe_gauge!(PENDING, "Commands that wait for their box office or are at work.");
    describe_gauge!(PENDING_HIGHEST, "The most of these for one offering.");
    describe_gauge!(
        PENDING_LIMIT,
        "How many of one offering may wait before holds and reservations are refused as BUSY."
    );
    describe_counter!(TURNED_AWAY, "Commands and reads for which there was no room: BUSY.");
    describe_histogram!(BATCH_COMMANDS, "Commands decided into one journal row.");
    describe_histogram!(BATCH_BYTES, "Bytes of a journal row's payload.");
    describe_histogram!(APPEND_SECONDS, "Seconds until a journal row was durable.");
    describe_counter!(
        APPEND_FAILURES,
        "Appends that failed, by reason (outcome_unknown, unavailable, bad_data); fences are \
        counted apart."
    );
    describe_counter!(
        RECOVERY_FAILURES,
        "Recoveries of box offices that failed and are tried again, by reason (unavailable, \
        damaged, newer_format)."
    );
    describe_gauge!(LIVE, "Box offices that are live in this process.");
    describe_gauge!(CLOCK_TRUSTED, "1 while this machine's clock agrees with the database's.");
    describe_gauge!(
        CLOCK_SKEW,
        "Seconds by which this machine's clock is ahead of the database's."
    );
    describe_gauge!(
        CLOCK_STEP,
        "Seconds by which this machine's clock has stepped while that is not believed yet."
    );
    describe_counter!(TAKEOVERS, "Takeovers appended: starts and recoveries of box offices.");
    describe_counter!(FENCED, "Appends refused because the journal had moved on.");
    describe_counter!(REBUILDS, "States rebuilt from the journal, first starts included.");
    describe_counter!(
        UNFIT_SNAPSHOTS,
        "Snapshots that did not fit their journal: the state was folded without them."
    );
    describe_counter!(PANICS, "Panics of the core; each cost one rebuild.");
    describe_counter!(FORWARDED, "Calls handed on to the instance that owns their offering.");
    describe_counter!(FORWARD_FAILURES, "Questions to other instances without answer, by reason.");
    describe_histogram!(HANDOFF_SECONDS, "Seconds that the handoff of an offering took.");
    describe_histogram!(HAND_OVER_SECONDS, "Deprecated: use admitone_handoff_seconds.");
    describe_gauge!(FOLLOWED, "Offerings of other instances that are kept up to date here.");
    describe_gauge!(
        FOLLOWED_OLDEST,
        "Seconds since the followed view was confirmed that was \
        confirmed the longest ago, of those that are read."
    );
    describe_counter!(DELTAS_PUBLISHED, "Changes told to instances that follow an offering.");
    describe_counter!(DELTAS_APPLIED, "Changes that owners told, applied to followed views.");
    describe_counter!(RESYNCS, "Times that a followed view was asked for as a whole, by reason.");
    for name in [
        TURNED_AWAY,
        DELTAS_PUBLISHED,
        DELTAS_APPLIED,
        FORWARDED,
        TAKEOVERS,
        FENCED,
        REBUILDS,
        UNFIT_SNAPSHOTS,
        PANICS,
    ] {
        // A counter that first appears when it is 1 has no rate to alert on.
        counter!(name).absolute(0);
    }
    for reason in ["refused", "unreachable", "no_answer", "wrong_secret", "not_taken"] {
        counter!(FORWARD_FAILURES, "reason" => reason).absolute(0);
    }
    for reason in ["outcome_unknown", "unavailable", "bad_data"] {
        counter!(APPEND_FAILURES, "reason" => reason).absolute(0);
    }
    for reason in ["unavailable", "damaged", "newer_format"] {
        counter!(RECOVERY_FAILURES, "reason" => reason).absolute(0);
    }
}

/// Metric handles by kind and outcome.
type Commands = HashMap<(&'static str, &'static str), (Counter, Histogram)>;

thread_local! {
    /// Handles are kept per thread: building a key with two labels costs more than counting.
    static ANSWERED: RefCell<Commands> = RefCell::default();
}

/// Counts a command that is about to be answered at `now`, on the monotonic clock.
pub(crate) fn command(pending: &Pending, outcome: &'static str, now: Duration) {
    let kind = kind(&pending.request.command);
    ANSWERED.with_borrow_mut(|answered| {
        let (count, seconds) = answered.entry((kind, outcome)).or_insert_with(|| {
            let labels = [("kind", kind), ("outcome", outcome)];
            (counter!(COMMANDS, &labels), histogram!(COMMAND_SECONDS, &labels))
        });
        count.increment(1);
        seconds.record(now.saturating_sub(pending.since));
    });
}

/// Sets the number of waiting commands in this process, the highest for one offering, and its
/// limit.
#[expect(clippy::cast_precision_loss, reason = "far fewer commands than 2^52 wait")]
pub(crate) fn pending(all: usize, highest: usize, limit: usize) {
    gauge!(PENDING).set(all as f64);
    gauge!(PENDING_HIGHEST).set(highest as f64);
    gauge!(PENDING_LIMIT).set(limit as f64);
}

/// Counts a command for which there was no room.
pub(crate) fn turned_away() {
    counter!(TURNED_AWAY).increment(1);
}

/// Counts a failed append; [`fenced`] counts fences.
pub(crate) fn append_failed(error: &AppendError) {
    let reason = match error {
        AppendError::OutcomeUnknown(_) => "outcome_unknown",
        AppendError::Unavailable(_) => "unavailable",
        AppendError::BadData(_) => "bad_data",
        AppendError::Fenced => return,
    };
    counter!(APPEND_FAILURES, "reason" => reason).increment(1);
}

/// Counts a failed recovery that will be tried again.
pub(crate) fn recovery_failed(error: &LoadError) {
    let reason = match error {
        LoadError::Unavailable(_) => "unavailable",
        LoadError::Damaged { .. } => "damaged",
        LoadError::NewerFormat { .. } => "newer_format",
        LoadError::NotFound => return,
    };
    counter!(RECOVERY_FAILURES, "reason" => reason).increment(1);
}

#[expect(clippy::cast_precision_loss, reason = "a batch is far smaller than 2^52")]
pub(crate) fn batch(commands: usize, bytes: usize) {
    histogram!(BATCH_COMMANDS).record(commands as f64);
    histogram!(BATCH_BYTES).record(bytes as f64);
}

pub(crate) fn append(took: Duration) {
    histogram!(APPEND_SECONDS).record(took.as_secs_f64());
}

/// Counts calls that are forwarded to another instance.
pub(crate) fn forwarded(calls: usize) {
    counter!(FORWARDED).increment(calls as u64);
}

pub(crate) fn forward_failed(error: &NetworkError) {
    let reason = match error {
        NetworkError::Refused(_) => "refused",
        NetworkError::Unreachable(_) => "unreachable",
        NetworkError::NoAnswer(_) => "no_answer",
        NetworkError::WrongSecret(_) => "wrong_secret",
        NetworkError::NotTaken(..) => "not_taken",
    };
    counter!(FORWARD_FAILURES, "reason" => reason).increment(1);
}

pub(crate) fn handoff_done(took: Duration) {
    histogram!(HANDOFF_SECONDS).record(took.as_secs_f64());
    histogram!(HAND_OVER_SECONDS).record(took.as_secs_f64());
}

/// Why a follower asks for a whole view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resync {
    /// No view is known yet.
    First,
    /// To renew the subscription, and the known offset of the owner's clock.
    Renewal,
    /// The view is read, and was not confirmed lately.
    Stale,
    /// A reader knows of a newer row.
    Outdated,
    /// No update has come from the owner for long.
    Silence,
    /// An update was missed.
    Gap,
    /// The history of the view is another one.
    Hash,
    /// The update cannot be applied.
    Damaged,
    /// The feed was interrupted and is back.
    Interrupted,
    /// The owner has changed.
    Owner,
}

pub(crate) fn resync(reason: Resync) {
    let reason = match reason {
        Resync::First => "first",
        Resync::Renewal => "renewal",
        Resync::Stale => "stale",
        Resync::Outdated => "outdated",
        Resync::Silence => "silence",
        Resync::Gap => "gap",
        Resync::Hash => "hash",
        Resync::Damaged => "damaged",
        Resync::Interrupted => "interrupted",
        Resync::Owner => "owner",
    };
    counter!(RESYNCS, "reason" => reason).increment(1);
}

pub(crate) fn delta_published() {
    counter!(DELTAS_PUBLISHED).increment(1);
}

pub(crate) fn delta_applied() {
    counter!(DELTAS_APPLIED).increment(1);
}

#[expect(clippy::cast_precision_loss, reason = "there are far fewer offerings than 2^52")]
pub(crate) fn followed(count: usize, oldest: Duration) {
    gauge!(FOLLOWED).set(count as f64);
    gauge!(FOLLOWED_OLDEST).set(oldest.as_secs_f64());
}

pub(crate) fn takeover() {
    counter!(TAKEOVERS).increment(1);
}

pub(crate) fn fenced() {
    counter!(FENCED).increment(1);
}

pub(crate) fn rebuild() {
    counter!(REBUILDS).increment(1);
}

pub(crate) fn snapshot_unfit() {
    counter!(UNFIT_SNAPSHOTS).increment(1);
}

pub(crate) fn panic() {
    counter!(PANICS).increment(1);
}

#[expect(clippy::cast_precision_loss, reason = "there are far fewer box offices than 2^52")]
pub(crate) fn live(count: usize) {
    gauge!(LIVE).set(count as f64);
}

/// Sets the gauges of the clock: whether it is trusted, and the milliseconds by which it is ahead
/// of the database's and by which it has stepped.
#[expect(clippy::cast_precision_loss, reason = "2^52 milliseconds are many thousand years")]
pub(crate) fn clock(trusted: bool, skew_ms: i64, step_ms: i64) {
    gauge!(CLOCK_TRUSTED).set(if trusted { 1.0 } else { 0.0 });
    gauge!(CLOCK_SKEW).set(skew_ms as f64 / 1_000.0);
    gauge!(CLOCK_STEP).set(step_ms as f64 / 1_000.0);
}
