//! The journal: one chain of rows per offering, appended by compare-and-swap on its head. This
//! module defines its types and encoding; `store/journal.rs` implements it with tables,
//! `journal/memory.rs` in memory for benches and tests. It never decides anything about inventory.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::ids::{BatchId, Epoch, InstanceId, OfferingId, Seq};
use crate::inventory::{Change, TimestampMs, Transition};

pub mod export;
mod fold;
pub mod memory;
pub mod messages;

pub use fold::{fold, fold_onto, fold_row};

/// The newest encoding that this binary can read. A binary that does not know a row's format
/// refuses the row and does not take over the offering. Each row has the oldest format that can
/// encode its content ([`Record::format`]). `box_office/encodings.rs` says when the number rises,
/// and pins the bytes of each format.
pub const FORMAT: u16 = 2;

/// blake3 of the previous row's hash and the whole canonical row.
pub type Hash = [u8; 32];

/// The head of a journal: the state that the next append must find there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Position of the last row.
    pub seq: Seq,
    /// The epoch of the owner that may append.
    pub epoch: Epoch,
    /// Hash of the last row.
    pub hash: Hash,
}

impl Default for Head {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl Head {
    /// The head of a journal without rows.
    pub const EMPTY: Self = Self { seq: Seq(0), epoch: Epoch(0), hash: [0; 32] };
}

/// The owner of an offering, and the epoch of its takeover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The owner's process.
    pub incarnation: InstanceId,
    /// The address at which the other instances reach the owner, `host:port`.
    pub address: Arc<str>,
    /// The journal's epoch. For a claim that no takeover has followed yet, the epoch of the owner
    /// before.
    pub epoch: Epoch,
}

/// The content of a row. Variants are only ever appended, as in [`Transition`] and the types it
/// contains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// A new owner, whose epoch is the row's. Also occupies a seq whose append has an unknown
    /// outcome.
    Takeover,
    /// A batch of decisions, all made at the row's `at`.
    Batch(Vec<Arc<Transition>>),
}

impl Record {
    /// The oldest format that knows every variant in the record.
    #[must_use]
    pub fn format(&self) -> u16 {
        let Self::Batch(transitions) = self else { return 1 };
        let changes = transitions.iter().flat_map(|transition| &transition.changes);
        changes.map(Change::format).max().unwrap_or(1)
    }
}

/// One row. `hash` covers all other fields and the previous row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The offering whose journal this is.
    pub offering: OfferingId,
    /// Position, from 1.
    pub seq: Seq,
    /// The appender's epoch.
    pub epoch: Epoch,
    /// The appender.
    pub owner: InstanceId,
    /// Drawn at random by the appender for this append.
    pub batch_id: BatchId,
    /// The time of the decisions, by the owner's clock; never decreases along a journal.
    pub at: TimestampMs,
    /// Encoding of `payload`.
    pub format: u16,
    /// An encoded [`Record`].
    pub payload: Bytes,
    /// See [`tyalias@Hash`].
    pub hash: Hash,
}

/// A row to append, with the data that goes with it.
#[derive(Clone, Debug)]
pub struct Append {
    /// The head expected by the append. A row with a higher epoch is a takeover.
    pub previous: Head,
    /// The row.
    pub row: Arc<Row>,
    /// The row's record, decoded: the relational rows are derived from it.
    pub record: Arc<Record>,
    /// The address at which other instances reach the owner; a takeover writes it to the head.
    pub owner_address: Arc<str>,
    /// The time of the offering's next due work; `None` if there is none.
    pub next_due_at: Option<TimestampMs>,
}

/// A durable append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The database's clock, used to measure the skew of the owner's clock.
    pub database_now: TimestampMs,
}

/// Why an append was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The head is not as expected: another owner has appended. Nothing was written.
    #[error("the journal has moved on: another owner appended")]
    Fenced,
    /// The row may or may not be, or become, durable. The caller resolves this by occupying the
    /// seq.
    #[error("the outcome of the append is unknown")]
    OutcomeUnknown(#[source] anyhow::Error),
    /// A relational row of this batch was refused as bad data. Nothing was written.
    #[error("the database refused a row of the batch")]
    BadData(#[source] anyhow::Error),
    /// Nothing was written, for certain: no connection, or an error of the server before COMMIT.
    #[error("the journal cannot be reached")]
    Unavailable(#[source] anyhow::Error),
}

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No such offering.
    #[error("there is no journal of this offering")]
    NotFound,
    /// The database cannot be reached.
    #[error("the journal cannot be read")]
    Unavailable(#[source] anyhow::Error),
    /// The row was written by a newer version.
    #[error("row {seq} has format {format}, and this version reads up to {FORMAT}")]
    NewerFormat {
        /// The row.
        seq: Seq,
        /// The row's format.
        format: u16,
    },
    /// A gap, a hash that does not match, or a payload that does not decode.
    #[error("the journal is damaged at row {seq}: {reason}")]
    Damaged {
        /// The first bad row.
        seq: Seq,
        /// What does not fit.
        reason: String,
    },
}

/// A state from which a fold can start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The last row that the state includes.
    pub seq: Seq,
    /// That row's epoch.
    pub epoch: Epoch,
    /// That row's `at`.
    pub at: TimestampMs,
    /// That row's hash.
    pub hash: Hash,
    /// Encoding of `payload`.
    pub format: u16,
    /// The output of `Inventory::to_snapshot`.
    pub payload: Bytes,
}

/// A snapshot that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnfitSnapshot {
    /// The row that the snapshot names.
    pub seq: Seq,
    /// Why the snapshot cannot be used.
    pub reason: String,
}

/// The data from which recovery starts. Rows are verified: gapless, chained, decodable.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The newest snapshot that the journal confirms: the journal has its row, with its time and
    /// hash, or the row is archived and the next row follows from its hash.
    pub snapshot: Option<Snapshot>,
    /// Snapshots skipped because the journal does not confirm them.
    pub unfit: Vec<UnfitSnapshot>,
    /// All rows after the snapshot, with their records.
    pub tail: Vec<(Row, Record)>,
    /// The head at the time when the last row was read.
    pub head: Head,
}

/// Storage of journals. Implemented by `store` (Postgres and SQLite) and by [`memory`].
pub trait Journal: Send + Sync + 'static {
    /// Appends durably, together with the relational rows derived from the row, or not at all.
    fn append(&self, append: Append) -> BoxFuture<'_, Result<Appended, AppendError>>;

    /// The current head of the journal. An owner that has not appended for a long time learns from
    /// it whether its history is still the journal's.
    fn head(&self, offering: OfferingId) -> BoxFuture<'_, Result<Head, LoadError>>;

    /// The owner that appended the last takeover, with its address; `None` before the first
    /// takeover.
    fn owner(&self, offering: OfferingId) -> BoxFuture<'_, Result<Option<Owner>, LoadError>>;

    /// The database's clock, against which owners measure their own.
    fn database_now(&self) -> BoxFuture<'_, Result<TimestampMs, LoadError>>;

    /// True if that clock is not this process's own.
    fn has_own_clock(&self) -> bool {
        true
    }

    /// Reads the data for a recovery: the newest snapshot of a row before `before` that the journal
    /// confirms, and the rows after it; all rows if there is none.
    fn load_before(
        &self,
        offering: OfferingId,
        before: Seq,
    ) -> BoxFuture<'_, Result<Loaded, LoadError>>;

    /// As [`Self::load_before`], from the newest snapshot of all.
    fn load(&self, offering: OfferingId) -> BoxFuture<'_, Result<Loaded, LoadError>> {
        self.load_before(offering, Seq(u64::MAX))
    }

    /// The rows after `from`, for a caller that has folded up to it; `None` where the journal does
    /// not confirm that row.
    fn load_after(
        &self,
        offering: OfferingId,
        from: Head,
    ) -> BoxFuture<'_, Result<Option<Loaded>, LoadError>>;

    /// One row, used to answer a retried request with its first outcome.
    fn row(
        &self,
        offering: OfferingId,
        seq: Seq,
    ) -> BoxFuture<'_, Result<Option<(Row, Record)>, LoadError>>;

    /// Keeps a snapshot if the journal has that seq with that hash; returns whether it was kept.
    fn keep_snapshot(
        &self,
        offering: OfferingId,
        snapshot: Snapshot,
    ) -> BoxFuture<'_, Result<bool, LoadError>>;

    /// Keeps a snapshot and deletes all earlier ones, under the same condition.
    fn replace_snapshots(
        &self,
        offering: OfferingId,
        snapshot: Snapshot,
    ) -> BoxFuture<'_, Result<bool, LoadError>>;

    /// Offerings whose due time has come, the longest overdue first.
    fn due(
        &self,
        now: TimestampMs,
        limit: u64,
    ) -> BoxFuture<'_, Result<Vec<OfferingId>, LoadError>>;
}

impl Row {
    /// Builds the row that follows `previous`, encoded and hashed.
    #[must_use]
    pub fn new(previous: &Head, fields: RowFields, record: &Record) -> Self {
        let payload = postcard::to_stdvec(record).expect("records hold only encodable types");
        let mut row = Self {
            offering: fields.offering,
            seq: previous.seq.next(),
            epoch: fields.epoch,
            owner: fields.owner,
            batch_id: fields.batch_id,
            at: fields.at,
            format: record.format(),
            payload: Bytes::from(payload),
            hash: [0; 32],
        };
        row.hash = row.chained(&previous.hash);
        row
    }

    /// The hash this row must have after a row with `previous`.
    #[must_use]
    pub fn chained(&self, previous: &Hash) -> Hash {
        // Every field has a fixed width or is last, so no two rows share a canonical form.
        let mut hasher = blake3::Hasher::new();
        hasher.update(previous);
        hasher.update(self.offering.0.as_bytes());
        hasher.update(&self.seq.0.to_be_bytes());
        hasher.update(&self.epoch.0.to_be_bytes());
        hasher.update(self.owner.0.as_bytes());
        hasher.update(self.batch_id.0.as_bytes());
        hasher.update(&self.at.to_be_bytes());
        hasher.update(&self.format.to_be_bytes());
        hasher.update(&self.payload);
        *hasher.finalize().as_bytes()
    }

    /// The head of a journal that ends with this row.
    #[must_use]
    pub fn head(&self) -> Head {
        Head { seq: self.seq, epoch: self.epoch, hash: self.hash }
    }

    /// Checks that this row follows `previous` and decodes its record.
    ///
    /// # Errors
    /// [`LoadError::Damaged`] or [`LoadError::NewerFormat`].
    pub fn verify(&self, previous: &Head) -> Result<Record, LoadError> {
        let damaged = |reason: &str| LoadError::Damaged { seq: self.seq, reason: reason.into() };
        if self.format > FORMAT {
            return Err(LoadError::NewerFormat { seq: self.seq, format: self.format });
        }
        if self.seq != previous.seq.next() {
            return Err(damaged("a row is missing before it"));
        }
        if self.epoch < previous.epoch {
            return Err(damaged("its epoch is lower than the one before"));
        }
        if self.chained(&previous.hash) != self.hash {
            return Err(damaged("its hash does not follow from its content and the row before"));
        }
        postcard::from_bytes(&self.payload).map_err(|_| damaged("its payload does not decode"))
    }
}

/// The fields of a row that its appender chooses.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the same as in Row")]
pub struct RowFields {
    pub offering: OfferingId,
    pub epoch: Epoch,
    pub owner: InstanceId,
    pub batch_id: BatchId,
    pub at: TimestampMs,
}
