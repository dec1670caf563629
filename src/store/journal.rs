//! The journal in tables. An append is a compare-and-swap on the head; on Postgres it is one
//! statement, so that a client that stalls between two statements cannot keep the row locked.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use entities::{head, journal, snapshot};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, Statement, TransactionTrait, Value,
};

use super::{Store, StoreError, projection, sqlstate};
use crate::ids::{BatchId, Epoch, InstanceId, OfferingId, Seq};
use crate::inventory::TimestampMs;
use crate::journal::{
    Append, AppendError, Appended, FORMAT, Hash, Head, Journal, LoadError, Loaded, Record, Row,
    Snapshot,
};

/// Rows of a journal with their records, in order.
pub type JournalRows = Vec<(Row, Record)>;

/// A deadlock or a serialization failure is tried again so often.
const MAX_RETRIES: u32 = 5;
/// Snapshots kept per offering: one to start from, one in case that is damaged.
const SNAPSHOTS_KEPT: u64 = 2;

const CAS_POSTGRES: &str = "
WITH h AS (
    UPDATE heads SET seq = $2, epoch = $3, hash = $8, next_due_at = $10,
        owner = CASE WHEN epoch = $3 THEN owner ELSE $4 END,
        owner_address = CASE WHEN epoch = $3 THEN owner_address ELSE $11 END
    WHERE offering_id = $1 AND seq = $2 - 1 AND epoch = $12 AND hash = $13 RETURNING 1
)
INSERT INTO journal (offering_id, seq, epoch, owner, batch_id, at, format, hash, payload)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 FROM h
RETURNING (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now";

const CAS_SQLITE: &str = "
UPDATE heads SET seq = $2, epoch = $3, hash = $8, next_due_at = $10,
    owner = CASE WHEN epoch = $3 THEN owner ELSE $4 END,
    owner_address = CASE WHEN epoch = $3 THEN owner_address ELSE $11 END
WHERE offering_id = $1 AND seq = $2 - 1 AND epoch = $12 AND hash = $13";

const INSERT_SQLITE: &str = "
INSERT INTO journal (offering_id, seq, epoch, owner, batch_id, at, format, hash, payload)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
RETURNING CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now";

/// Swaps the head and writes the row; `None` when the head is another.
pub(super) async fn swap(
    connection: &impl ConnectionTrait,
    append: &Append,
) -> Result<Option<Appended>, DbErr> {
    let row = &append.row;
    let mut values: Vec<Value> = vec![
        row.offering.0.into(),
        signed(row.seq.0).into(),
        signed(row.epoch.0).into(),
        row.owner.0.into(),
        row.batch_id.0.into(),
        row.at.into(),
        i32::from(row.format).into(),
        row.hash.to_vec().into(),
        row.payload.to_vec().into(),
    ];
    let of_head: [Value; 4] = [
        append.next_due_at.into(),
        append.owner_address.to_string().into(),
        signed(append.previous.epoch.0).into(),
        append.previous.hash.to_vec().into(),
    ];
    let backend = connection.get_database_backend();
    let row = if backend == DbBackend::Postgres {
        values.extend(of_head);
        let statement = Statement::from_sql_and_values(backend, CAS_POSTGRES, values);
        connection.query_one_raw(statement).await?
    } else {
        let inserted = values.clone();
        values.extend(of_head);
        let swap = Statement::from_sql_and_values(backend, CAS_SQLITE, values);
        if connection.execute_raw(swap).await?.rows_affected() == 0 {
            return Ok(None);
        }
        let insert = Statement::from_sql_and_values(backend, INSERT_SQLITE, inserted);
        connection.query_one_raw(insert).await?
    };
    row.map(|row| Ok(Appended { database_now: row.try_get("", "now")? })).transpose()
}

/// What a failed append means, on Postgres.
fn append_error(error: DbErr) -> AppendError {
    match sqlstate(&error).as_deref() {
        Some(code) if code.starts_with("22") || code.starts_with("23") => {
            AppendError::BadData(error.into())
        }
        // The server ended the session, or is going down or broken: perhaps after it committed.
        Some(code) if ["08", "57", "58", "XX"].iter().any(|class| code.starts_with(class)) => {
            AppendError::OutcomeUnknown(error.into())
        }
        // Any other error of the server's own comes before COMMIT.
        Some(_) => AppendError::Unavailable(error.into()),
        None => match error {
            // Nothing was sent.
            DbErr::ConnectionAcquire(_) => AppendError::Unavailable(error.into()),
            _ => AppendError::OutcomeUnknown(error.into()),
        },
    }
}

fn is_conflict(error: &DbErr) -> bool {
    matches!(sqlstate(error).as_deref(), Some("40001" | "40P01"))
}

impl Store {
    async fn append_postgres(&self, append: &Append) -> Result<Appended, AppendError> {
        for retry in 0.. {
            let done = if projection::is_empty(&append.record) {
                swap(self.writes(), append).await
            } else {
                self.append_with_rows(append).await
            };
            match done {
                Ok(Some(appended)) => return Ok(appended),
                Ok(None) => return Err(AppendError::Fenced),
                Err(error) if is_conflict(&error) && retry < MAX_RETRIES => {
                    let pause = Duration::from_millis(rand::random_range(1..=4_u64 << retry));
                    tokio::time::sleep(pause).await;
                }
                Err(error) => return Err(append_error(error)),
            }
        }
        unreachable!("the last retry returns")
    }

    /// The row and the relational rows that follow from it, in one transaction.
    async fn append_with_rows(&self, append: &Append) -> Result<Option<Appended>, DbErr> {
        // An error of BEGIN or of any statement before COMMIT leaves nothing behind, but a broken
        // connection is still reported as unknown: telling the two apart gains little.
        let transaction = self.writes().begin().await?;
        let Some(appended) = swap(&transaction, append).await? else {
            transaction.rollback().await?;
            return Ok(None);
        };
        projection::write(&transaction, append).await?;
        transaction.commit().await?;
        Ok(Some(appended))
    }

    /// Rows of a journal after `after`, verified one by one against the row before; at most
    /// `limit`. `previous` is the head up to which the caller has verified.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn journal_rows(
        &self,
        offering: OfferingId,
        previous: Head,
        limit: u64,
    ) -> Result<JournalRows, LoadError> {
        let rows = journal::Entity::find()
            .filter(journal::Column::OfferingId.eq(offering.0))
            .filter(journal::Column::Seq.gt(signed(previous.seq.0)))
            .order_by_asc(journal::Column::Seq)
            .limit(limit)
            .all(self.reads())
            .await
            .map_err(unreadable)?;
        verify_all(rows, previous)
    }

    /// All offerings that have a journal.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn journal_offerings(&self) -> Result<Vec<OfferingId>, StoreError> {
        let heads = head::Entity::find().order_by_asc(head::Column::OfferingId);
        let heads = heads.all(self.reads()).await?;
        Ok(heads.into_iter().map(|head| OfferingId(head.offering_id)).collect())
    }

    /// Where a journal ends, as its next append must find it.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn journal_head(&self, offering: OfferingId) -> Result<Head, LoadError> {
        self.head_read(offering).await
    }

    async fn head_read(&self, offering: OfferingId) -> Result<Head, LoadError> {
        let found = head::Entity::find_by_id(offering.0).one(self.reads()).await;
        let found = found.map_err(unreadable)?.ok_or(LoadError::NotFound)?;
        let seq = Seq(unsigned(found.seq));
        let epoch = Epoch(unsigned(found.epoch));
        Ok(Head { seq, epoch, hash: hash_of(&found.hash, seq)? })
    }

    async fn snapshot_newest(&self, offering: OfferingId) -> Result<Option<Snapshot>, LoadError> {
        let found = snapshot::Entity::find()
            .filter(snapshot::Column::OfferingId.eq(offering.0))
            .filter(snapshot::Column::Format.lte(i32::from(FORMAT)))
            .order_by_desc(snapshot::Column::Seq)
            .one(self.reads())
            .await
            .map_err(unreadable)?;
        let Some(found) = found else { return Ok(None) };
        let seq = Seq(unsigned(found.seq));
        Ok(Some(Snapshot {
            seq,
            epoch: Epoch(unsigned(found.epoch)),
            at: found.at,
            hash: hash_of(&found.hash, seq)?,
            format: FORMAT,
            payload: Bytes::from(found.payload),
        }))
    }

    async fn load_now(&self, offering: OfferingId) -> Result<Loaded, LoadError> {
        // The head first: rows that are appended while we read may be in the tail as well, and
        // then they are the head.
        let head = self.head_read(offering).await?;
        let snapshot = self.snapshot_newest(offering).await?;
        let snapshot = snapshot.filter(|snapshot| snapshot.seq <= head.seq);
        let from = snapshot.as_ref().map_or(Head::EMPTY, |snapshot| Head {
            seq: snapshot.seq,
            epoch: snapshot.epoch,
            hash: snapshot.hash,
        });
        let tail = self.journal_rows(offering, from, u64::from(u32::MAX)).await?;
        let last = tail.last().map_or(from, |(row, _)| row.head());
        if last.seq < head.seq || (last.seq == head.seq && last != head) {
            let reason = "the head names a row that is not there".into();
            return Err(LoadError::Damaged { seq: head.seq, reason });
        }
        Ok(Loaded { snapshot, tail, head: last })
    }

    async fn row_now(
        &self,
        offering: OfferingId,
        seq: Seq,
    ) -> Result<Option<(Row, Record)>, LoadError> {
        let id = (offering.0, signed(seq.0));
        let found = journal::Entity::find_by_id(id).one(self.reads()).await.map_err(unreadable)?;
        let Some(found) = found else { return Ok(None) };
        let row = row_of(found)?;
        if row.format > FORMAT {
            return Err(LoadError::NewerFormat { seq, format: row.format });
        }
        let record = postcard::from_bytes(&row.payload).map_err(|_| LoadError::Damaged {
            seq,
            reason: "its payload does not decode".into(),
        })?;
        Ok(Some((row, record)))
    }

    async fn snapshot_keep(
        &self,
        offering: OfferingId,
        snapshot: Snapshot,
    ) -> Result<bool, LoadError> {
        let transaction = self.writes().begin().await.map_err(unreadable)?;
        let id = (offering.0, signed(snapshot.seq.0));
        let row = journal::Entity::find_by_id(id).one(&transaction).await.map_err(unreadable)?;
        if row.is_none_or(|row| row.hash != snapshot.hash) {
            transaction.rollback().await.map_err(unreadable)?;
            return Ok(false);
        }
        let kept = snapshot::ActiveModel {
            offering_id: Set(offering.0),
            seq: Set(signed(snapshot.seq.0)),
            epoch: Set(signed(snapshot.epoch.0)),
            at: Set(snapshot.at),
            hash: Set(snapshot.hash.to_vec()),
            format: Set(i32::from(snapshot.format)),
            payload: Set(snapshot.payload.to_vec()),
        };
        let kept = snapshot::Entity::insert(kept)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(&transaction)
            .await
            .map_err(unreadable)?;
        let old: Vec<i64> = snapshot::Entity::find()
            .select_only()
            .column(snapshot::Column::Seq)
            .filter(snapshot::Column::OfferingId.eq(offering.0))
            .order_by_desc(snapshot::Column::Seq)
            .offset(SNAPSHOTS_KEPT)
            .limit(1_000)
            .into_tuple()
            .all(&transaction)
            .await
            .map_err(unreadable)?;
        snapshot::Entity::delete_many()
            .filter(snapshot::Column::OfferingId.eq(offering.0))
            .filter(snapshot::Column::Seq.is_in(old))
            .exec(&transaction)
            .await
            .map_err(unreadable)?;
        transaction.commit().await.map_err(unreadable)?;
        Ok(kept > 0)
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

    /// On a task of its own: an append that its caller gives up, or that times out, still runs to
    /// its end and leaves a clean connection.
    async fn append_now(&self, append: Append) -> Result<Appended, AppendError> {
        if let Some(appender) = &self.inner.appender {
            return appender.append(append).await;
        }
        let store = self.clone();
        let running = tokio::spawn(async move { store.append_postgres(&append).await });
        within(self.inner.append_timeout, running).await
    }
}

/// The result of a task, or that its outcome is unknown once the time is up.
async fn within(
    timeout: Duration,
    running: impl Future<Output = Result<Result<Appended, AppendError>, tokio::task::JoinError>>,
) -> Result<Appended, AppendError> {
    match tokio::time::timeout(timeout, running).await {
        Ok(Ok(done)) => done,
        Ok(Err(panic)) => Err(AppendError::OutcomeUnknown(panic.into())),
        Err(elapsed) => Err(AppendError::OutcomeUnknown(elapsed.into())),
    }
}

impl Journal for Store {
    fn append(&self, append: Append) -> BoxFuture<'_, Result<Appended, AppendError>> {
        self.append_now(append).boxed()
    }

    fn head(&self, offering: OfferingId) -> BoxFuture<'_, Result<Head, LoadError>> {
        self.head_read(offering).boxed()
    }

    fn database_now(&self) -> BoxFuture<'_, Result<TimestampMs, LoadError>> {
        self.clock_read().boxed()
    }

    fn load(&self, offering: OfferingId) -> BoxFuture<'_, Result<Loaded, LoadError>> {
        self.load_now(offering).boxed()
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
        self.snapshot_keep(offering, snapshot).boxed()
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
    /// This store as the journal that box offices append to.
    pub fn journal(&self) -> Arc<dyn Journal> {
        Arc::new(self.clone())
    }
}

fn verify_all(rows: Vec<journal::Model>, mut previous: Head) -> Result<JournalRows, LoadError> {
    let mut verified = Vec::with_capacity(rows.len());
    for row in rows {
        let row = row_of(row)?;
        let record = row.verify(&previous)?;
        previous = row.head();
        verified.push((row, record));
    }
    Ok(verified)
}

fn row_of(row: journal::Model) -> Result<Row, LoadError> {
    let seq = Seq(unsigned(row.seq));
    let format = u16::try_from(row.format)
        .map_err(|_| LoadError::Damaged { seq, reason: "its format is not a format".into() })?;
    Ok(Row {
        offering: OfferingId(row.offering_id),
        seq,
        epoch: Epoch(unsigned(row.epoch)),
        owner: InstanceId(row.owner),
        batch_id: BatchId(row.batch_id),
        at: row.at,
        format,
        payload: Bytes::from(row.payload),
        hash: hash_of(&row.hash, seq)?,
    })
}

fn hash_of(bytes: &[u8], seq: Seq) -> Result<Hash, LoadError> {
    Hash::try_from(bytes)
        .map_err(|_| LoadError::Damaged { seq, reason: "its hash is not 32 bytes".into() })
}

fn unreadable(error: DbErr) -> LoadError {
    LoadError::Unavailable(error.into())
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).expect("a seq or epoch grows by one at a time and stays below 2^63")
}

/// A negative number in the database is damage that the hash of the row shows.
fn unsigned(value: i64) -> u64 {
    value.unsigned_abs()
}
