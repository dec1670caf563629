//! The rules of a queue, and their bounds. Journalled and sent between instances, as `queue.rs` says.

use serde::{Deserialize, Serialize};

use crate::inventory::definition::TimestampMs;

/// The most entries of one queue, ended ones included.
pub const MAX_QUEUE_ENTRIES: u32 = 4_000_000;
/// The most customers in one [`crate::inventory::Command::EnterQueue`], and the most entries that an
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
/// The most places of the line looked at in one transition of due work: each costs a few hashes.
pub(in crate::inventory) const LOOKS: u32 = 1_000;
/// As [`LOOKS`], in the transition of a command.
pub(in crate::inventory) const FEW_LOOKS: u32 = 64;

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
