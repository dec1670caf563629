//! Moves the first rows of journals into files, so that the database holds only the rows that are
//! still needed. A row is deleted only after its line is durable in a file that was read back and
//! verified, and after the state that follows from it was stored. An archiving run may be killed at
//! any time, run again, and run beside servers.

mod error;
mod files;

use crate::audit::Progress;
use crate::ids::{OfferingId, Seq};
use crate::inventory::{Inventory, TimestampMs};
use crate::journal::{Head, LoadError, Row, export};
use crate::store::{Archived, JournalRows, Prunable, Store, StoreError};
pub use error::ArchiveError;
use std::path::{Path, PathBuf};

pub use files::{Files, each_row, row_files};

/// Most rows and bytes in one file, whichever is reached first.
const FILE_ROWS: u64 = 10_000;
const FILE_BYTES: u64 = 64 * 1_024 * 1_024;
/// Rows read at a time.
const PAGE: u64 = 500;
/// Rows deleted in one transaction: the appends of a SQLite file wait for it.
const DELETED_AT_ONCE: u64 = 500;
/// Idempotency keys are remembered for a day, and payments are retried for less: until then, a
/// retry may ask for the row of its first outcome.
pub const MIN_AGE_MS: TimestampMs = 2 * 24 * 3_600_000;

/// The result of archiving one journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Rows that are in files now, from the first row on.
    pub archived: u64,
    /// Rows that are left in the database.
    pub left: u64,
    /// Rows deleted by this run.
    pub deleted: u64,
    /// Bytes written to files by this run.
    pub bytes: u64,
    /// Why nothing was done, if the reason was not the rows' age.
    pub kept_because: Option<&'static str>,
}

/// Which rows to archive, and where to.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Rows written before this are archived.
    pub before: TimestampMs,
    /// The current time.
    pub now: TimestampMs,
    /// The directory of all archives, with a directory for each offering.
    pub directory: PathBuf,
}

/// Archives the rows of one journal that are old enough. The last row always stays.
///
/// # Errors
/// [`ArchiveError`]. The rows deleted until then are in files, and the journal is whole with them.
pub async fn archive(
    store: &Store,
    offering: OfferingId,
    plan: &Plan,
) -> Result<Outcome, ArchiveError> {
    let head = store.journal_head(offering).await?;
    let mut outcome = Outcome { left: head.seq.0, ..Outcome::default() };
    let mut progress = start(store, offering).await?;
    // Finishes the deletion that an interrupted run left.
    outcome.deleted += delete(store, offering).await?;
    let last = store.journal_last_before(offering, plan.before.min(plan.now - MIN_AGE_MS)).await?;
    let last = last.unwrap_or_default().min(Seq(head.seq.0.saturating_sub(1)));
    if last > progress.head.seq && store.payment_unsettled_of(offering).await? {
        outcome.kept_because = Some("a payment is on its way");
    } else {
        let files = Files::of(&plan.directory, offering)?;
        while progress.head.seq < last {
            match files.after(progress.head.seq)? {
                // The file ends with a row that is younger than this run may archive.
                Some((_, end)) if end > last => break,
                Some((path, end)) => compare(store, offering, &path, &mut progress, end).await?,
                None => {
                    outcome.bytes += write(store, offering, &files, &mut progress, last).await?;
                }
            }
            note(store, offering, plan, &files, &progress).await?;
            outcome.deleted += delete(store, offering).await?;
        }
    }
    outcome.archived = progress.head.seq.0;
    outcome.left = head.seq.0 - outcome.archived;
    Ok(outcome)
}

/// Rebuilds the state after the archived rows from their files, where it was lost or is of another
/// version. Verifies every row, and that the remaining journal follows from them. The files also
/// hold rows that an interrupted run has not deleted yet: the state is that of the last row noted.
///
/// # Errors
/// [`ArchiveError`]; in that case nothing was changed.
pub async fn rebuild(
    store: &Store,
    offering: OfferingId,
    directory: &Path,
    now: TimestampMs,
) -> Result<Outcome, ArchiveError> {
    let head = store.journal_head(offering).await?;
    let first = store.journal_first(offering).await?.ok_or(LoadError::NotFound)?;
    let noted = store.archived(offering).await?.map_or(Seq(0), |archived| archived.head.seq);
    let last = noted.max(Seq(first.0 - 1));
    let mut progress = Progress::new();
    for path in row_files(&directory.join(offering.to_string()))? {
        each_row(&path, |_, row| match row.seq <= last {
            true => take(&mut progress, &row, &path),
            false => Ok(()),
        })?;
    }
    // The first remaining row has to follow: the hash chain proves that no row is missing between.
    store.journal_rows(offering, progress.head, 1).await?;
    if progress.head.seq < last {
        let reason = format!("its files end with row {}, and not with {last}", progress.head.seq);
        return Err(ArchiveError::Unfit { path: directory.join(offering.to_string()), reason });
    }
    let archived = archived(&progress, directory, now);
    let state = state_of(&progress)?;
    store.archive_restate(offering, &archived, state).await?;
    let archived = progress.head.seq.0;
    Ok(Outcome { archived, left: head.seq.0 - archived, ..Outcome::default() })
}

async fn start(store: &Store, offering: OfferingId) -> Result<Progress, LoadError> {
    let Some(archived) = store.archived(offering).await? else { return Ok(Progress::new()) };
    let state = store.snapshot_of(offering, archived.head).await?;
    Progress::after_archive(offering, &archived, state.as_deref())
}

/// Writes the next rows into one file, up to `last` at most; returns the bytes written.
async fn write(
    store: &Store,
    offering: OfferingId,
    files: &Files,
    progress: &mut Progress,
    last: Seq,
) -> Result<u64, ArchiveError> {
    let from = progress.head;
    let mut file = files.begin(from.seq)?;
    let end = Seq((from.seq.0 + FILE_ROWS).min(last.0));
    while progress.head.seq < end && file.bytes < FILE_BYTES {
        for (row, record) in &next_rows(store, offering, progress, end).await? {
            progress.take_one(row, record)?;
            file.row(row, record)?;
        }
    }
    let bytes = file.bytes;
    // The rows deleted afterwards are those read back here, not those that were meant to be
    // written.
    file.finish(progress.head.seq, |path| verify_file(path, from, progress.head))?;
    Ok(bytes)
}

/// Compares a file that exists already with the rows up to `end`.
async fn compare(
    store: &Store,
    offering: OfferingId,
    path: &Path,
    progress: &mut Progress,
    end: Seq,
) -> Result<(), ArchiveError> {
    let from = progress.head;
    while progress.head.seq < end {
        for (row, record) in &next_rows(store, offering, progress, end).await? {
            progress.take_one(row, record)?;
        }
    }
    verify_file(path, from, progress.head)
}

/// Verifies that a file holds the rows after `from` up to `end`, including their readable parts,
/// and nothing else. Each row's hash covers those before: the last row's hash proves that all are
/// the journal's.
fn verify_file(path: &Path, from: Head, end: Head) -> Result<(), ArchiveError> {
    let unfit = |error: LoadError| ArchiveError::Unfit {
        path: path.into(),
        reason: format!("{error}: move it away, and run this again"),
    };
    let mut last = from;
    each_row(path, |line, row| {
        let record = row.verify(&last).map_err(unfit)?;
        export::check_line(line, &row, &record).map_err(unfit)?;
        last = row.head();
        Ok(())
    })?;
    if last == end {
        return Ok(());
    }
    let reason = format!(
        "it ends with row {}, and should with row {} of this journal: move it away, and run this again",
        last.seq, end.seq
    );
    Err(ArchiveError::Unfit { path: path.into(), reason })
}

async fn next_rows(
    store: &Store,
    offering: OfferingId,
    progress: &Progress,
    end: Seq,
) -> Result<JournalRows, LoadError> {
    let limit = PAGE.min(end.0 - progress.head.seq.0);
    let rows = store.journal_rows(offering, progress.head, limit).await?;
    if rows.is_empty() {
        let reason = "it is gone".into();
        return Err(LoadError::Damaged { seq: progress.head.seq.next(), reason });
    }
    Ok(rows)
}

async fn note(
    store: &Store,
    offering: OfferingId,
    plan: &Plan,
    files: &Files,
    progress: &Progress,
) -> Result<(), ArchiveError> {
    files.sync()?;
    let state = state_of(progress)?;
    let archived = archived(progress, &plan.directory, plan.now);
    if store.archive_note(offering, &archived, state).await? {
        return Ok(());
    }
    let reason = "another row is there than was read a moment ago".into();
    Err(LoadError::Damaged { seq: progress.head.seq, reason }.into())
}

fn archived(progress: &Progress, directory: &Path, now: TimestampMs) -> Archived {
    Archived {
        head: progress.head,
        at: progress.inventory.at(),
        tally: progress.counted(),
        directory: directory.display().to_string(),
        archived_at: now,
    }
}

/// Returns the state as bytes that were read back: rows are deleted on the strength of them.
fn state_of(progress: &Progress) -> Result<Vec<u8>, LoadError> {
    let damaged = |reason: String| LoadError::Damaged { seq: progress.head.seq, reason };
    progress.inventory.check().map_err(|violation| damaged(violation.to_string()))?;
    let state = progress.inventory.to_snapshot();
    let back = Inventory::from_snapshot(&state).map_err(|why| damaged(why.to_string()))?;
    if back.to_snapshot() != state {
        return Err(damaged("its state does not read back as it was".into()));
    }
    Ok(state)
}

async fn delete(store: &Store, offering: OfferingId) -> Result<u64, LoadError> {
    let mut all = 0;
    loop {
        let deleted = store.archive_delete_rows(offering, DELETED_AT_ONCE).await?;
        all += deleted;
        if deleted == 0 {
            return Ok(all);
        }
        // Lets other writers run.
        tokio::task::yield_now().await;
    }
}

fn take(progress: &mut Progress, row: &Row, path: &Path) -> Result<(), ArchiveError> {
    let unfit =
        |error: LoadError| ArchiveError::Unfit { path: path.into(), reason: error.to_string() };
    let record = row.verify(&progress.head).map_err(unfit)?;
    Ok(progress.take_one(row, &record)?)
}

/// Rows deleted by [`prune`] are at least this old, regardless of the plan: customers look up the
/// outcome of a reservation.
const MIN_PRUNE_MS: TimestampMs = 30 * 24 * 3_600_000;

/// Moves outbox messages that were not taken into a file; returns how many.
///
/// # Errors
/// [`ArchiveError`], as an anyhow error. The deleted messages are in the file.
pub async fn outbox(store: &Store, plan: &Plan) -> anyhow::Result<u64> {
    let mut moved = 0;
    let path = plan.directory.join(format!("outbox-{}.jsonl", plan.now));
    loop {
        let messages = store.outbox_untaken(plan.before).await?;
        if messages.is_empty() {
            return Ok(moved);
        }
        let lines = messages.iter().map(|message| {
            serde_json::json!({
                "offering": message.offering_id, "seq": message.seq, "position": message.position,
                "kind": message.kind, "payload": message.payload, "createdAtMs": message.created_at,
            })
        });
        files::append(&path, lines)?;
        store.outbox_forget(&messages).await?;
        moved += messages.len() as u64;
    }
}

/// Deletes rows that the journal has and that are no longer read; returns how many rows.
///
/// # Errors
/// When the database cannot be reached.
pub async fn prune(store: &Store, plan: &Plan) -> Result<u64, StoreError> {
    let before = plan.before.min(plan.now - MIN_PRUNE_MS);
    let reservations = store.prune(Prunable::ExpiredReservations, before).await?;
    Ok(reservations + store.prune(Prunable::FailedPayments, before).await?)
}
