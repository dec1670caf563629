//! Journals whose first rows are in files: finds where the remaining rows begin, and deletes
//! archived rows. Rows are deleted only up to a row whose state is kept as a snapshot.

use bytes::Bytes;
use entities::{archive, journal, payment, refund, snapshot};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, Statement, TransactionTrait,
};

use crate::ids::{Epoch, OfferingId, Seq};
use crate::inventory::TimestampMs;
use crate::journal::{FORMAT, Head, LoadError};
use crate::store::Store;
use crate::store::journal::{hash_of, signed, unreadable, unsigned};

/// How far a journal is archived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// The last row that is in files.
    pub head: Head,
    /// The time of that row.
    pub at: TimestampMs,
    /// Counts of the changes up to that row, as JSON.
    pub tally: String,
    /// The directory of the files, as it was named when they were archived.
    pub directory: String,
    /// When the rows were archived.
    pub archived_at: TimestampMs,
}

impl Store {
    /// Returns how far the journal is archived; `None` if it is whole.
    ///
    /// # Errors
    /// [`LoadError::Unavailable`].
    pub async fn archived(&self, offering: OfferingId) -> Result<Option<Archived>, LoadError> {
        let found = archive::Entity::find_by_id(offering.0).one(self.reads()).await;
        let Some(found) = found.map_err(unreadable)? else { return Ok(None) };
        let seq = Seq(unsigned(found.seq));
        let head =
            Head { seq, epoch: Epoch(unsigned(found.epoch)), hash: hash_of(&found.hash, seq)? };
        let archive::Model { at, tally, directory, archived_at, .. } = found;
        Ok(Some(Archived { head, at, tally, directory, archived_at }))
    }

    /// Returns the snapshot of exactly this row.
    ///
    /// # Errors
    /// [`LoadError::Unavailable`].
    pub async fn snapshot_of(
        &self,
        offering: OfferingId,
        row: Head,
    ) -> Result<Option<Bytes>, LoadError> {
        let id = (offering.0, signed(row.seq.0));
        let found = snapshot::Entity::find_by_id(id).one(self.reads()).await.map_err(unreadable)?;
        let fits =
            |found: &snapshot::Model| found.hash == row.hash && found.format == i32::from(FORMAT);
        Ok(found.filter(fits).map(|found| Bytes::from(found.payload)))
    }

    /// Returns the last row that was written before `before`; `None` if there is none.
    ///
    /// # Errors
    /// [`LoadError::Unavailable`].
    pub async fn journal_last_before(
        &self,
        offering: OfferingId,
        before: TimestampMs,
    ) -> Result<Option<Seq>, LoadError> {
        let last = journal::Entity::find()
            .filter(journal::Column::OfferingId.eq(offering.0))
            .filter(journal::Column::At.lt(before))
            .order_by_desc(journal::Column::Seq)
            .one(self.reads())
            .await
            .map_err(unreadable)?;
        Ok(last.map(|row| Seq(unsigned(row.seq))))
    }

    /// Returns the first row that is still in the table.
    ///
    /// # Errors
    /// [`LoadError::Unavailable`].
    pub async fn journal_first(&self, offering: OfferingId) -> Result<Option<Seq>, LoadError> {
        let first = journal::Entity::find()
            .filter(journal::Column::OfferingId.eq(offering.0))
            .order_by_asc(journal::Column::Seq)
            .one(self.reads())
            .await
            .map_err(unreadable)?;
        Ok(first.map(|row| Seq(unsigned(row.seq))))
    }

    /// True if a payment of this offering is under way: it may still ask for an old row.
    ///
    /// # Errors
    /// [`LoadError::Unavailable`].
    pub async fn payment_unsettled_of(&self, offering: OfferingId) -> Result<bool, LoadError> {
        let open = payment::Entity::find()
            .filter(payment::Column::OfferingId.eq(offering.0))
            .filter(payment::Column::NextTryAt.is_not_null());
        let refunds = refund::Entity::find()
            .filter(refund::Column::OfferingId.eq(offering.0))
            .filter(refund::Column::NextTryAt.is_not_null());
        Ok(open.count(self.reads()).await.map_err(unreadable)? > 0
            || refunds.count(self.reads()).await.map_err(unreadable)? > 0)
    }

    /// Records that all rows up to `archived` are in files, and stores the state after them.
    /// Returns `false`, and records nothing, if the table has another row there.
    ///
    /// # Errors
    /// [`LoadError::Unavailable`].
    pub async fn archive_note(
        &self,
        offering: OfferingId,
        archived: &Archived,
        state: Vec<u8>,
    ) -> Result<bool, LoadError> {
        let transaction = self.writes().begin().await.map_err(unreadable)?;
        // The first statement writes: from here on, SQLite admits no other writer.
        let noted = note(&transaction, offering, archived, true).await.map_err(unreadable)?;
        if noted {
            keep_state(&transaction, offering, archived, state).await.map_err(unreadable)?;
        }
        transaction.commit().await.map_err(unreadable)?;
        Ok(noted)
    }

    /// Stores the state after the archived rows again, where it was lost. The caller has verified
    /// that the first row of the table follows from `archived`.
    ///
    /// # Errors
    /// [`LoadError::Unavailable`].
    pub async fn archive_restate(
        &self,
        offering: OfferingId,
        archived: &Archived,
        state: Vec<u8>,
    ) -> Result<(), LoadError> {
        let transaction = self.writes().begin().await.map_err(unreadable)?;
        note(&transaction, offering, archived, false).await.map_err(unreadable)?;
        keep_state(&transaction, offering, archived, state).await.map_err(unreadable)?;
        transaction.commit().await.map_err(unreadable)
    }

    /// Deletes the first `limit` archived rows; returns how many there were. Deletes nothing while
    /// the state after the archived rows is not stored.
    ///
    /// # Errors
    /// [`LoadError::Unavailable`].
    pub async fn archive_delete_rows(
        &self,
        offering: OfferingId,
        limit: u64,
    ) -> Result<u64, LoadError> {
        let sql = "DELETE FROM journal WHERE offering_id = $1
            AND seq <= (SELECT a.seq FROM archives a JOIN snapshots s
                ON s.offering_id = a.offering_id AND s.seq = a.seq AND s.hash = a.hash
                WHERE a.offering_id = $1)
            AND seq < (SELECT MIN(j.seq) FROM journal j WHERE j.offering_id = $1) + $2";
        let values = [offering.0.into(), signed(limit).into()];
        let delete = Statement::from_sql_and_values(self.backend(), sql, values);
        let deleted = self.writes().execute_raw(delete).await.map_err(unreadable)?;
        Ok(deleted.rows_affected())
    }
}

async fn note(
    transaction: &impl ConnectionTrait,
    offering: OfferingId,
    archived: &Archived,
    if_there: bool,
) -> Result<bool, DbErr> {
    let there = if if_there {
        "EXISTS (SELECT 1 FROM journal WHERE offering_id = $1 AND seq = $2 AND hash = $5)"
    } else {
        "1 = 1"
    };
    let sql = format!(
        "INSERT INTO archives (offering_id, seq, epoch, at, hash, tally, directory, archived_at)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8 WHERE {there}
         ON CONFLICT (offering_id) DO UPDATE SET seq = excluded.seq, epoch = excluded.epoch,
             at = excluded.at, hash = excluded.hash, tally = excluded.tally,
             directory = excluded.directory, archived_at = excluded.archived_at
         WHERE archives.seq <= excluded.seq"
    );
    let Archived { head, at, tally, directory, archived_at } = archived;
    let values = [
        offering.0.into(),
        signed(head.seq.0).into(),
        signed(head.epoch.0).into(),
        (*at).into(),
        head.hash.to_vec().into(),
        tally.as_str().into(),
        directory.as_str().into(),
        (*archived_at).into(),
    ];
    let backend = transaction.get_database_backend();
    let noted =
        transaction.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    Ok(noted.rows_affected() > 0)
}

/// Stores the state after the archived rows, and deletes the snapshots before it, which are of no
/// use: the rows after them are about to be deleted.
async fn keep_state(
    transaction: &impl ConnectionTrait,
    offering: OfferingId,
    archived: &Archived,
    state: Vec<u8>,
) -> Result<(), DbErr> {
    let kept = snapshot::ActiveModel {
        offering_id: Set(offering.0),
        seq: Set(signed(archived.head.seq.0)),
        epoch: Set(signed(archived.head.epoch.0)),
        at: Set(archived.at),
        hash: Set(archived.head.hash.to_vec()),
        format: Set(i32::from(FORMAT)),
        payload: Set(state),
    };
    let replace = OnConflict::columns([snapshot::Column::OfferingId, snapshot::Column::Seq])
        .update_columns([
            snapshot::Column::Epoch,
            snapshot::Column::At,
            snapshot::Column::Hash,
            snapshot::Column::Format,
            snapshot::Column::Payload,
        ])
        .to_owned();
    snapshot::Entity::insert(kept).on_conflict(replace).exec_without_returning(transaction).await?;
    snapshot::Entity::delete_many()
        .filter(snapshot::Column::OfferingId.eq(offering.0))
        .filter(snapshot::Column::Seq.lt(signed(archived.head.seq.0)))
        .exec(transaction)
        .await?;
    Ok(())
}
