//! The lines of a record: what each event of a queue is called and contains, in JSON. It is public
//! and documented (`docs/waiting-room.md`): names and meanings stay, new fields may be added. A
//! person's id is never part of it.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::{OfferingId, QueueEntryId, Seq};
use crate::inventory::{QueueEnd, QueueRules, SessionEnd, TimestampMs};

/// The version that the first line of a record names.
pub const VERSION: u32 = 1;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordLine {
    /// The row of the journal.
    pub seq: Seq,
    /// The time of the row.
    pub at: Time,
    /// What happened.
    #[serde(flatten)]
    pub event: QueueEvent,
}

/// One event of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the names say it, and docs/waiting-room.md")]
pub enum QueueEvent {
    /// The first line.
    Queue {
        version: u32,
        offering: OfferingId,
        generation: u32,
        commitment: Hex,
        rules: PublicRules,
    },
    /// A change of the rules, or another commitment.
    Rules {
        commitment: Hex,
        rules: PublicRules,
    },
    /// Entries with the next numbers, which begin with `from`.
    Entered {
        from: u32,
        entries: Vec<QueueEntryId>,
    },
    /// Entries that were set aside wait again, ahead of the line.
    Returned {
        numbers: Vec<u32>,
    },
    Closed {
        count: u32,
        root: Hex,
    },
    Drawn {
        secret: Hex,
        public_value: String,
        seed: Hex,
    },
    /// The line goes on at place `next`.
    Admitted {
        admitted: Vec<Admitted>,
        next: u32,
    },
    Left {
        number: u32,
    },
    SetAside {
        numbers: Vec<u32>,
    },
    Voided {
        numbers: Vec<u32>,
        reason: String,
    },
    /// Entries ahead of the line: those with these numbers, then new ones, which begin with `from`.
    Prioritised {
        numbers: Vec<u32>,
        from: u32,
        entries: Vec<QueueEntryId>,
        reason: String,
    },
    PassUsed {
        number: u32,
    },
    SessionsEnded {
        sessions: Vec<Ended>,
    },
    Ended {
        how: QueueEnding,
    },
    /// The last line, after this many others.
    Complete {
        lines: u64,
    },
}

/// One admission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Admitted {
    pub number: u32,
    /// Its place in the line, also if it did not wait there.
    pub place: u32,
    pub entry: QueueEntryId,
    pub lane: PublicLane,
    /// The reason of its priority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// Where an admitted entry waited, as [`crate::inventory::Lane`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "as in `Lane`")]
pub enum PublicLane {
    Line,
    Returned,
    Priority,
}

/// The end of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Ended {
    pub number: u32,
    pub how: SessionEnding,
}

/// Why a session ended, as [`SessionEnd`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "as in `SessionEnd`")]
pub enum SessionEnding {
    Lapsed,
    Bought,
    Idle,
    TimedOut,
    Left,
}

impl From<SessionEnd> for SessionEnding {
    fn from(how: SessionEnd) -> Self {
        match how {
            SessionEnd::Lapsed => Self::Lapsed,
            SessionEnd::Bought => Self::Bought,
            SessionEnd::Idle => Self::Idle,
            SessionEnd::TimedOut => Self::TimedOut,
            SessionEnd::Left => Self::Left,
        }
    }
}

/// Why a queue ended, as [`QueueEnd`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "as in `QueueEnd`")]
pub enum QueueEnding {
    SwitchedOff,
    Drained,
    SaleOver,
    /// The event was cancelled, which ends its queue.
    EventCancelled,
}

impl From<QueueEnd> for QueueEnding {
    fn from(how: QueueEnd) -> Self {
        match how {
            QueueEnd::SwitchedOff => Self::SwitchedOff,
            QueueEnd::Drained => Self::Drained,
            QueueEnd::SaleOver => Self::SaleOver,
        }
    }
}

/// The rules of a queue, as [`QueueRules`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "as in `QueueRules`")]
pub struct PublicRules {
    pub opens_at: Option<Time>,
    pub passes_per_minute: u32,
    pub active_limit: u32,
    pub admit_percent: u32,
    pub pass_seconds: i64,
    pub silence_seconds: i64,
    pub turns: u8,
    pub paused: bool,
    pub draining: bool,
    pub account_before: Option<Time>,
    pub confirmed_only: bool,
    pub challenge_bits: u8,
    pub public_source: Option<String>,
}

impl From<&QueueRules> for PublicRules {
    fn from(rules: &QueueRules) -> Self {
        Self {
            opens_at: rules.opens_at.map(Time),
            passes_per_minute: rules.passes_per_minute,
            active_limit: rules.active_limit,
            admit_percent: rules.admit_percent,
            pass_seconds: rules.pass_ms / 1_000,
            silence_seconds: rules.silence_ms / 1_000,
            turns: rules.turns,
            paused: rules.paused,
            draining: rules.draining,
            account_before: rules.account_before.map(Time),
            confirmed_only: rules.confirmed_only,
            challenge_bits: rules.challenge_bits,
            public_source: rules.public_source.clone(),
        }
    }
}

/// 32 bytes, in JSON 64 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hex(pub [u8; 32]);

impl std::fmt::Display for Hex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let is_hex = text.len() == 64
            && text.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c));
        let hash = is_hex.then(|| blake3::Hash::from_hex(&text).ok()).flatten();
        hash.map(|hash| Self(*hash.as_bytes()))
            .ok_or_else(|| D::Error::custom("a hash has 64 lower-case hex digits"))
    }
}

/// A time, in JSON in the form of RFC 3339: `2026-01-02T03:04:05.678Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub TimestampMs);

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let nearest = if self.0 < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
        let time = DateTime::<Utc>::from_timestamp_millis(self.0).unwrap_or(nearest);
        f.write_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let time = DateTime::parse_from_rfc3339(&String::deserialize(from)?);
        time.map(|time| Self(time.timestamp_millis()))
            .map_err(|_| D::Error::custom("a time is not in the form of RFC 3339"))
    }
}
