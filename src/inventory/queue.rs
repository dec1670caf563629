//! The waiting room of an event: its rules, and the state of its queue. Positions, admissions and
//! sessions are part of the offering's state, so that an admission sees the stock at the same step.
//!
//! Journalled and sent between instances: append new variants, never reorder, never change the
//! fields of an old type (`box_office/encodings.rs` pins the bytes).

mod draw;
mod line;
mod saved;
mod sessions;

use serde::{Deserialize, Serialize};

use super::definition::TimestampMs;
use super::status::Violation;
use crate::ids::{QueueEntryId, UserId};
pub use draw::{Draw, chained, commitment_of, first_link, seed_of};
pub(super) use line::{Closed, Entry, EntryState, Line};
pub(super) use saved::SavedQueue;
pub(super) use sessions::{Session, Sessions};

/// The most entries of one queue, ended ones included.
pub const MAX_QUEUE_ENTRIES: u32 = 4_000_000;
/// The most customers in one [`super::Command::EnterQueue`], and the most entries that an
/// organiser names in one command.
pub const MAX_QUEUE_BATCH: usize = 1_000;
/// The most characters of a reason or a label that the journal records.
pub const MAX_QUEUE_TEXT: usize = 100;
/// How long after its opening a queue is closed for the draw: all who were received before the
/// opening are on the list by then.
pub const CLOSING_MS: i64 = 1_000;
/// The longest time from the first hold to the end of a session.
pub const SESSION_MS: i64 = 15 * 60_000;
/// How long a session stays open after its last hold or unpaid reservation has ended.
pub const IDLE_MS: i64 = 60_000;
/// The time whose worth of passes may be given at once.
pub const BURST_MS: i64 = 10_000;

/// The rules of a queue. Durations are in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRules {
    /// The time of the draw among those who came before it; the first instant on sale if `None`.
    pub opens_at: Option<TimestampMs>,
    /// Passes per minute; ten seconds' worth may be given at once.
    pub passes_per_minute: u32,
    /// The most sessions open at a time.
    pub active_limit: u32,
    /// Sessions that hold nothing yet, in percent of the places left.
    pub admit_percent: u32,
    /// The time from an admission to the first hold.
    pub pass_ms: i64,
    /// The time without a poll after which an entry that is next is set aside.
    pub silence_ms: i64,
    /// How often one customer may enter.
    pub turns: u8,
    /// True while nobody is admitted.
    pub paused: bool,
    /// True once no new entries are taken; the queue ends when the last one was served.
    pub draining: bool,
    /// Only accounts that were made before this time may enter; checked outside the core.
    pub account_before: Option<TimestampMs>,
    /// True if only confirmed addresses may enter; checked outside the core.
    pub confirmed_only: bool,
    /// Leading zero bits of the proof of work that an entry needs, 0 for none; checked outside the
    /// core.
    pub challenge_bits: u8,
    /// If set, the draw waits for the public value from this announced source.
    pub public_source: Option<String>,
}

impl Default for QueueRules {
    fn default() -> Self {
        Self {
            opens_at: None,
            passes_per_minute: 100,
            active_limit: 1_000,
            admit_percent: 100,
            pass_ms: 300_000,
            silence_ms: 1_800_000,
            turns: 5,
            paused: false,
            draining: false,
            account_before: None,
            confirmed_only: false,
            challenge_bits: 0,
            public_source: None,
        }
    }
}

/// A change of a queue's rules: the parts that are `None` stay as they are. `Some(None)` takes an
/// optional part away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in `QueueRules`")]
pub struct QueueChange {
    /// Switches the queue on or off.
    pub enabled: Option<bool>,
    pub opens_at: Option<Option<TimestampMs>>,
    pub passes_per_minute: Option<u32>,
    pub active_limit: Option<u32>,
    pub admit_percent: Option<u32>,
    pub pass_ms: Option<i64>,
    pub silence_ms: Option<i64>,
    pub turns: Option<u8>,
    pub paused: Option<bool>,
    pub draining: Option<bool>,
    pub account_before: Option<Option<TimestampMs>>,
    pub confirmed_only: Option<bool>,
    pub challenge_bits: Option<u8>,
    pub public_source: Option<Option<String>>,
    /// The hash of the secret of the draw. A queue that is switched on takes it; one that is on
    /// takes it only if `recommits`.
    pub commitment: [u8; 32],
    /// Replaces the commitment of a queue that is not closed yet, because its secret is lost.
    pub recommits: bool,
}

/// An admission, and the lane that the entry came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// The number of the entry.
    pub number: u32,
    /// Where the entry waited.
    pub lane: Lane,
}

/// Where an admitted entry waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lane {
    /// In the line, at its place.
    Line,
    /// It had been set aside for its silence, and had come back.
    Returned,
    /// It was given priority by an organiser.
    Priority,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionEnd {
    /// The pass was not used in time.
    Lapsed,
    /// The customer has bought, and has nothing else on hold.
    Bought,
    /// The customer has had nothing on hold for a while.
    Idle,
    /// The longest time of a session was over.
    TimedOut,
    /// The customer left.
    Left,
}

/// Why a queue ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum QueueEnd {
    /// An organiser switched it off.
    SwitchedOff,
    /// The last entry of a queue that takes no new ones was served.
    Drained,
    /// The sale is over.
    SaleOver,
}

/// The pass that came with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// Which of the event's queues.
    pub generation: u32,
    /// The number of the entry.
    pub number: u32,
}

/// What happened in a queue so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct QueueTotals {
    pub admitted: u32,
    /// Passes that led to a hold.
    pub used: u32,
    pub lapsed: u32,
    pub left: u32,
    pub voided: u32,
    pub set_aside: u32,
    pub returned: u32,
}

/// The state of a queue that is on.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    pub(super) rules: QueueRules,
    pub(super) commitment: [u8; 32],
    /// The time at which it was switched on.
    pub(super) began_at: TimestampMs,
    pub(super) line: Line,
    pub(super) sessions: Sessions,
    /// The earliest time, in nanoseconds, at which the next pass keeps the rate, without the burst.
    pub(super) next_pass_ns: i64,
    pub(super) totals: QueueTotals,
}

impl Queue {
    pub(super) fn new(rules: QueueRules, commitment: [u8; 32], began_at: TimestampMs) -> Self {
        Self {
            rules,
            commitment,
            began_at,
            line: Line::default(),
            sessions: Sessions::default(),
            next_pass_ns: i64::MIN,
            totals: QueueTotals::default(),
        }
    }

    /// The time between two passes, rounded up: the rate is never exceeded.
    fn interval_ns(&self) -> i64 {
        const MINUTE_NS: i64 = 60_000_000_000;
        let passes = i64::from(self.rules.passes_per_minute.max(1));
        (MINUTE_NS + passes - 1) / passes
    }

    /// How far ahead of their time passes may be given.
    fn tolerance_ns(&self) -> i64 {
        (BURST_MS * NS_PER_MS - self.interval_ns()).max(0)
    }

    /// The number of passes that the rate allows now: the generic cell rate algorithm (ITU-T
    /// I.371), whose only state is the time of the next cell.
    pub(super) fn rate_allows(&self, now: TimestampMs) -> u32 {
        let now_ns = now.saturating_mul(NS_PER_MS);
        let due = self.next_pass_ns.max(now_ns);
        let slack = now_ns.saturating_add(self.tolerance_ns()).saturating_sub(due);
        if slack < 0 {
            return 0;
        }
        u32::try_from(slack / self.interval_ns() + 1).unwrap_or(u32::MAX)
    }

    /// The first time at which the rate allows a pass.
    pub(super) fn rate_allows_at(&self) -> TimestampMs {
        let at_ns = self.next_pass_ns.saturating_sub(self.tolerance_ns());
        at_ns.div_euclid(NS_PER_MS) + i64::from(at_ns.rem_euclid(NS_PER_MS) > 0)
    }

    /// Records passes given now.
    pub(super) fn passes_given(&mut self, passes: u32, now: TimestampMs) {
        let due = self.next_pass_ns.max(now.saturating_mul(NS_PER_MS));
        self.next_pass_ns =
            due.saturating_add(self.interval_ns().saturating_mul(i64::from(passes)));
    }

    pub(super) fn check(&self) -> Result<(), Violation> {
        self.line.check()?;
        self.sessions.check()?;
        let inside = self.line.count(EntryState::Inside);
        if inside != self.sessions.open() {
            return Err(Violation("open sessions are not the entries inside".into()));
        }
        for (customer, session) in self.sessions.iter() {
            let entry = self.line.entry(session.number);
            if entry.is_none_or(|entry| entry.customer != customer) {
                return Err(Violation("a session is not of its entry's customer".into()));
            }
        }
        Ok(())
    }
}

const NS_PER_MS: i64 = 1_000_000;

/// A customer and the id that the public record of the queue shows instead.
pub type QueueEntry = (UserId, QueueEntryId);
