//! What a journal is: per offering one chain of rows, appended by compare-and-swap on its head.
//! Knows the words and the encoding; the tables are `store/journal.rs`, the in-memory one for
//! benches and tests is `journal/memory.rs`. It never decides anything about inventory.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::ids::{BatchId, Epoch, InstanceId, OfferingId, Seq};
use crate::inventory::{Change, TimestampMs, Transition};

pub mod export;
mod fold;
pub mod memory;

pub use fold::{fold, fold_onto, fold_row};

/// The newest encoding that this binary can read: older ones refuse such a row by its format, and take
/// nothing over. Each row has the oldest format that its content can be read by ([`Record::format`]).
/// `box_office/encodings.rs` says when it rises, and pins the bytes of each.
pub const FORMAT: u16 = 2;

/// blake3 of the previous row's hash and the whole canonical row.
pub type Hash = [u8; 32];

/// Where a journal ends: what the next append must find there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Position of the last row.
    pub seq: Seq,
    /// Who may append.
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

/// Who took an offering over, and by which epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The process.
    pub incarnation: InstanceId,
    /// Where the others reach it, `host:port`.
    pub address: Arc<str>,
    /// The journal's; where a claim is meant that no takeover has followed yet, that of the owner
    /// before.
    pub epoch: Epoch,
}

/// What a row holds. Append only, as [`Transition`] and all that is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// A new owner; its epoch is the row's. Also how a seq of unknown outcome is occupied.
    Takeover,
    /// A batch of decisions, all taken at the row's `at`.
    Batch(Vec<Arc<Transition>>),
}

impl Record {
    /// The oldest format that knows everything in it.
    #[must_use]
    pub fn format(&self) -> u16 {
        let Self::Batch(transitions) = self else { return 1 };
        let changes = transitions.iter().flat_map(|transition| &transition.changes);
        changes.map(Change::format).max().unwrap_or(1)
    }
}

/// One row. `hash` covers all other fields and the row before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Whose journal.
    pub offering: OfferingId,
    /// Position, from 1.
    pub seq: Seq,
    /// The appender's epoch.
    pub epoch: Epoch,
    /// The appender.
    pub owner: InstanceId,
    /// Drawn by the appender for this append.
    pub batch_id: BatchId,
    /// When it was decided, by the owner's clock; never decreases along a journal.
    pub at: TimestampMs,
    /// Encoding of `payload`.
    pub format: u16,
    /// A [`Record`].
    pub payload: Bytes,
    /// See [`tyalias@Hash`].
    pub hash: Hash,
}

/// A row to append and what goes with it.
#[derive(Clone, Debug)]
pub struct Append {
    /// What the head must be. A row of a higher epoch than this is a takeover.
    pub previous: Head,
    /// The row.
    pub row: Arc<Row>,
    /// The row's record, decoded: what the relational rows are derived from.
    pub record: Arc<Record>,
    /// Where other instances reach the owner; written to the head by a takeover.
    pub owner_address: Arc<str>,
    /// When the offering next needs somebody to look after it.
    pub next_due_at: Option<TimestampMs>,
}

/// A durable append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The database's clock, to measure the owner's skew by.
    pub database_now: TimestampMs,
}

/// Why an append was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The head is not what was expected: somebody else's history. Nothing was written.
    #[error("the journal has moved on: another owner appended")]
    Fenced,
    /// It may or may not be, or become, durable. Resolve by occupying the seq.
    #[error("the outcome of the append is unknown")]
    OutcomeUnknown(#[source] anyhow::Error),
    /// A relational row of this batch was refused as bad data. Nothing was written.
    #[error("the database refused a row of the batch")]
    BadData(#[source] anyhow::Error),
    /// Certainly nothing was written: no connection, or an error of the server before COMMIT.
    #[error("the journal cannot be reached")]
    Unavailable(#[source] anyhow::Error),
}

/// Why reading failed.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No such offering.
    #[error("there is no journal of this offering")]
    NotFound,
    /// The database is away.
    #[error("the journal cannot be read")]
    Unavailable(#[source] anyhow::Error),
    /// Written by a newer version.
    #[error("row {seq} has format {format}, and this version reads up to {FORMAT}")]
    NewerFormat {
        /// Where.
        seq: Seq,
        /// What.
        format: u16,
    },
    /// A gap, a hash that does not match, or a payload that does not decode.
    #[error("the journal is damaged at row {seq}: {reason}")]
    Damaged {
        /// The first bad row.
        seq: Seq,
        /// What is wrong with it.
        reason: String,
    },
}

/// A state that the fold can start from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The last row folded in.
    pub seq: Seq,
    /// That row's epoch.
    pub epoch: Epoch,
    /// That row's `at`.
    pub at: TimestampMs,
    /// That row's hash.
    pub hash: Hash,
    /// Encoding of `payload`.
    pub format: u16,
    /// `Inventory::to_snapshot`.
    pub payload: Bytes,
}

/// A snapshot that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnfitSnapshot {
    /// The row that it names.
    pub seq: Seq,
    /// Why it cannot be used.
    pub reason: String,
}

/// What recovery starts from. Rows are verified: gapless, chained, decodable.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The newest snapshot that the journal confirms: it has that row, with that time and hash, or
    /// the row is archived and the next one follows from the hash.
    pub snapshot: Option<Snapshot>,
    /// Snapshots that were passed over because the journal does not confirm them.
    pub unfit: Vec<UnfitSnapshot>,
    /// All rows after it, with their records.
    pub tail: Vec<(Row, Record)>,
    /// The head, as it was when the last row was read.
    pub head: Head,
}

/// Storage of journals. Implemented by `store` (Postgres and SQLite) and by [`memory`].
pub trait Journal: Send + Sync + 'static {
    /// Appends durably, with the relational rows that follow from it, or not at all.
    fn append(&self, append: Append) -> BoxFuture<'_, Result<Appended, AppendError>>;

    /// Where the journal ends now: how an owner that has long appended nothing learns whether its
    /// history still is the history.
    fn head(&self, offering: OfferingId) -> BoxFuture<'_, Result<Head, LoadError>>;

    /// Who appended the last takeover, and where it is reached; `None` if nobody has yet.
    fn owner(&self, offering: OfferingId) -> BoxFuture<'_, Result<Option<Owner>, LoadError>>;

    /// The database's clock, which owners measure their own by.
    fn database_now(&self) -> BoxFuture<'_, Result<TimestampMs, LoadError>>;

    /// Whether that clock is another than this process's.
    fn has_own_clock(&self) -> bool {
        true
    }

    /// Reads what a recovery needs: the newest snapshot of a row before `before` that the journal
    /// confirms, and the rows after it; all rows if there is none.
    fn load_before(
        &self,
        offering: OfferingId,
        before: Seq,
    ) -> BoxFuture<'_, Result<Loaded, LoadError>>;

    /// The same from the newest snapshot of all.
    fn load(&self, offering: OfferingId) -> BoxFuture<'_, Result<Loaded, LoadError>> {
        self.load_before(offering, Seq(u64::MAX))
    }

    /// The rows after `from` for whoever has folded up to there; `None` where the journal does not
    /// confirm that row.
    fn load_after(
        &self,
        offering: OfferingId,
        from: Head,
    ) -> BoxFuture<'_, Result<Option<Loaded>, LoadError>>;

    /// One row, to answer a retried request with its first outcome.
    fn row(
        &self,
        offering: OfferingId,
        seq: Seq,
    ) -> BoxFuture<'_, Result<Option<(Row, Record)>, LoadError>>;

    /// Keeps a snapshot if the journal has that seq with that hash; says whether it was kept.
    fn keep_snapshot(
        &self,
        offering: OfferingId,
        snapshot: Snapshot,
    ) -> BoxFuture<'_, Result<bool, LoadError>>;

    /// Keeps a snapshot in place of all those before it, under the same condition.
    fn replace_snapshots(
        &self,
        offering: OfferingId,
        snapshot: Snapshot,
    ) -> BoxFuture<'_, Result<bool, LoadError>>;

    /// Offerings whose due time has come, the longest due first.
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
        // Every field has a fixed width or stands last, so no two rows share a canonical form.
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
