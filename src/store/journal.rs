//! Reads the journal from its tables, and verifies everything it reads. Snapshots are in
//! `journal/snapshots.rs`, appends in `journal/append_postgres.rs` and `journal/append_sqlite.rs`.

pub(crate) mod append_group;
pub(crate) mod append_pool;
pub(crate) mod append_postgres;
pub(crate) mod append_queue;
pub(crate) mod append_sqlite;
pub(crate) mod archive;
pub(crate) mod projection;
pub(crate) mod prune;
mod rows;
mod snapshots;

pub use rows::JournalRows;
pub(crate) use rows::{hash_of, row_of, rows_after, signed, unreadable, unsigned};
use std::sync::Arc;

use entities::{head, journal};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IsolationLevel, QueryFilter, QueryOrder,
    QuerySelect, Statement, TransactionTrait,
};

use super::{Appends, Store, StoreError};
use crate::ids::{Epoch, InstanceId, OfferingId, Seq};
use crate::inventory::TimestampMs;
use crate::journal::{
    Append, AppendError, Appended, FORMAT, Head, Journal, LoadError, Loaded, Owner, Record, Row,
    Snapshot,
};

impl Store {
    /// Returns the rows of a journal after `previous`, each verified against the row before it; at
    /// most `limit`. `previous` is the head up to which the caller has verified.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn journal_rows(
        &self,
        offering: OfferingId,
        previous: Head,
        limit: u64,
    ) -> Result<JournalRows, LoadError> {
        rows_after(self.reads(), offering, previous, Some(limit)).await
    }

    /// Returns the rows of a journal before `before`, newest first; at most `limit`. Meant for
    /// lookups: each row is decoded, and none is verified against the others.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn journal_rows_before(
        &self,
        offering: OfferingId,
        before: Seq,
        limit: u64,
    ) -> Result<JournalRows, LoadError> {
        let before = i64::try_from(before.0).unwrap_or(i64::MAX);
        let found = journal::Entity::find()
            .filter(journal::Column::OfferingId.eq(offering.0))
            .filter(journal::Column::Seq.lt(before))
            .order_by_desc(journal::Column::Seq)
            .limit(limit)
            .all(self.reads())
            .await
            .map_err(unreadable)?;
        found.into_iter().map(|found| decoded(row_of(found)?)).collect()
    }

    /// Returns all offerings that have a journal.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn journal_offerings(&self) -> Result<Vec<OfferingId>, StoreError> {
        let heads = head::Entity::find().order_by_asc(head::Column::OfferingId);
        let heads = heads.all(self.reads()).await?;
        Ok(heads.into_iter().map(|head| OfferingId(head.offering_id)).collect())
    }

    /// Returns the head of a journal, as its next append must find it.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn journal_head(&self, offering: OfferingId) -> Result<Head, LoadError> {
        self.head_read(self.reads(), offering).await
    }

    async fn head_read(
        &self,
        connection: &impl ConnectionTrait,
        offering: OfferingId,
    ) -> Result<Head, LoadError> {
        let found = head::Entity::find_by_id(offering.0).one(connection).await;
        let found = found.map_err(unreadable)?.ok_or(LoadError::NotFound)?;
        let seq = Seq(unsigned(found.seq));
        let epoch = Epoch(unsigned(found.epoch));
        Ok(Head { seq, epoch, hash: hash_of(&found.hash, seq)? })
    }

    /// Reads in one transaction that sees one state: appends and snapshots go on meanwhile.
    async fn load_now(&self, offering: OfferingId, before: Seq) -> Result<Loaded, LoadError> {
        let level = self.is_postgres().then_some(IsolationLevel::RepeatableRead);
        let transaction = self.reads().begin_with_config(level, None).await.map_err(unreadable)?;
        let loaded = self.load_from(&transaction, offering, before).await;
        // The transaction has written nothing: nothing is lost if its end fails.
        let _ = transaction.rollback().await;
        loaded
    }

    async fn owner_read(&self, offering: OfferingId) -> Result<Option<Owner>, LoadError> {
        let found = head::Entity::find_by_id(offering.0).one(self.reads()).await;
        let found = found.map_err(unreadable)?.ok_or(LoadError::NotFound)?;
        let owner = Owner {
            incarnation: InstanceId(found.owner),
            address: found.owner_address.into(),
            epoch: Epoch(unsigned(found.epoch)),
        };
        // The first row of an offering has no owner.
        Ok((!found.owner.is_nil()).then_some(owner))
    }

    async fn tail_load(
        &self,
        offering: OfferingId,
        from: Head,
    ) -> Result<Option<Loaded>, LoadError> {
        let level = self.is_postgres().then_some(IsolationLevel::RepeatableRead);
        let transaction = self.reads().begin_with_config(level, None).await.map_err(unreadable)?;
        let read = async {
            let head = self.head_read(&transaction, offering).await?;
            Ok((head, rows_after(&transaction, offering, from, None).await?))
        };
        let read = read.await;
        // The transaction has written nothing: nothing is lost if its end fails.
        let _ = transaction.rollback().await;
        match read {
            Ok((head, tail)) => {
                let last = tail.last().map_or(from, |(row, _)| row.head());
                let loaded = Loaded { snapshot: None, unfit: Vec::new(), tail, head };
                Ok((last == head).then_some(loaded))
            }
            // The first row does not follow from `from`, or the row that does is archived. A load
            // from the beginning reports any other damage.
            Err(LoadError::Damaged { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn row_now(
        &self,
        offering: OfferingId,
        seq: Seq,
    ) -> Result<Option<(Row, Record)>, LoadError> {
        let id = (offering.0, signed(seq.0));
        let found = journal::Entity::find_by_id(id).one(self.reads()).await.map_err(unreadable)?;
        let Some(found) = found else { return Ok(None) };
        decoded(row_of(found)?).map(Some)
    }

    async fn due_now(&self, now: TimestampMs, limit: u64) -> Result<Vec<OfferingId>, LoadError> {
        let due = head::Entity::find()
            .filter(head::Column::NextDueAt.lte(now))
            .order_by_asc(head::Column::NextDueAt)
            .limit(limit)
            .all(self.reads())
            .await
            .map_err(unreadable)?;
        Ok(due.into_iter().map(|head| OfferingId(head.offering_id)).collect())
    }

    /// Returns the offerings whose last row is later than `now`, with that row's time; the latest
    /// first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn journals_after(
        &self,
        now: TimestampMs,
        limit: u64,
    ) -> Result<Vec<(OfferingId, TimestampMs)>, StoreError> {
        let sql = "SELECT heads.offering_id, journal.at FROM heads
            JOIN journal ON journal.offering_id = heads.offering_id AND journal.seq = heads.seq
            WHERE journal.at > $1 ORDER BY journal.at DESC, heads.offering_id LIMIT $2";
        let values = [now.into(), signed(limit).into()];
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let rows = self.reads().query_all_raw(statement).await?;
        let rows = rows
            .iter()
            .map(|row| Ok((OfferingId(row.try_get("", "offering_id")?), row.try_get("", "at")?)));
        Ok(rows.collect::<Result<_, DbErr>>()?)
    }

    async fn clock_read(&self) -> Result<TimestampMs, LoadError> {
        let sql = if self.is_postgres() {
            "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now"
        } else {
            "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now"
        };
        let statement = Statement::from_string(self.backend(), sql);
        let row = self.reads().query_one_raw(statement).await.map_err(unreadable)?;
        let row = row.ok_or_else(|| LoadError::Unavailable(anyhow::anyhow!("no clock")))?;
        row.try_get("", "now").map_err(unreadable)
    }

    async fn append_now(&self, append: Append) -> Result<Appended, AppendError> {
        match &self.inner.appends {
            Appends::Sqlite(appender) => appender.append(append, self.inner.append_timeout).await,
            Appends::Postgres(pool) => {
                append_postgres::append(pool, self.inner.append_timeout, append).await
            }
        }
    }
}

/// Returns a row with its record, not verified against the row before it.
pub(crate) fn decoded(row: Row) -> Result<(Row, Record), LoadError> {
    let (seq, format) = (row.seq, row.format);
    if format > FORMAT {
        return Err(LoadError::NewerFormat { seq, format });
    }
    let record = postcard::from_bytes(&row.payload)
        .map_err(|_| LoadError::Damaged { seq, reason: "its payload does not decode".into() })?;
    Ok((row, record))
}

impl Journal for Store {
    fn append(&self, append: Append) -> BoxFuture<'_, Result<Appended, AppendError>> {
        self.append_now(append).boxed()
    }

    fn head(&self, offering: OfferingId) -> BoxFuture<'_, Result<Head, LoadError>> {
        self.head_read(self.reads(), offering).boxed()
    }

    fn owner(&self, offering: OfferingId) -> BoxFuture<'_, Result<Option<Owner>, LoadError>> {
        self.owner_read(offering).boxed()
    }

    fn database_now(&self) -> BoxFuture<'_, Result<TimestampMs, LoadError>> {
        self.clock_read().boxed()
    }

    fn has_own_clock(&self) -> bool {
        self.is_postgres()
    }

    fn load_before(
        &self,
        offering: OfferingId,
        before: Seq,
    ) -> BoxFuture<'_, Result<Loaded, LoadError>> {
        self.load_now(offering, before).boxed()
    }

    fn load_after(
        &self,
        offering: OfferingId,
        from: Head,
    ) -> BoxFuture<'_, Result<Option<Loaded>, LoadError>> {
        self.tail_load(offering, from).boxed()
    }

    fn row(
        &self,
        offering: OfferingId,
        seq: Seq,
    ) -> BoxFuture<'_, Result<Option<(Row, Record)>, LoadError>> {
        self.row_now(offering, seq).boxed()
    }

    fn keep_snapshot(
        &self,
        offering: OfferingId,
        snapshot: Snapshot,
    ) -> BoxFuture<'_, Result<bool, LoadError>> {
        self.snapshot_keep(offering, snapshot, rows::KEPT).boxed()
    }

    fn replace_snapshots(
        &self,
        offering: OfferingId,
        snapshot: Snapshot,
    ) -> BoxFuture<'_, Result<bool, LoadError>> {
        self.snapshot_keep(offering, snapshot, 1).boxed()
    }

    fn due(
        &self,
        now: TimestampMs,
        limit: u64,
    ) -> BoxFuture<'_, Result<Vec<OfferingId>, LoadError>> {
        self.due_now(now, limit).boxed()
    }
}

impl Store {
    /// Returns this store as the journal that box offices append to.
    pub fn journal(&self) -> Arc<dyn Journal> {
        Arc::new(self.clone())
    }
}
