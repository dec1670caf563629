//! Rows of the journal table, verified as they are read, and its integers and hashes.

use bytes::Bytes;
use entities::journal;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use crate::ids::{BatchId, Epoch, InstanceId, OfferingId, Seq};
use crate::journal::{Hash, Head, LoadError, Record, Row};

/// Rows of a journal with their records, in order.
pub type JournalRows = Vec<(Row, Record)>;

pub(crate) async fn rows_after(
    connection: &impl ConnectionTrait,
    offering: OfferingId,
    previous: Head,
    limit: Option<u64>,
) -> Result<JournalRows, LoadError> {
    let rows = journal::Entity::find()
        .filter(journal::Column::OfferingId.eq(offering.0))
        .filter(journal::Column::Seq.gt(signed(previous.seq.0)))
        .order_by_asc(journal::Column::Seq)
        .limit(limit)
        .all(connection)
        .await
        .map_err(unreadable)?;
    verify_all(rows, previous)
}

pub(crate) fn verify_all(
    rows: Vec<journal::Model>,
    mut previous: Head,
) -> Result<JournalRows, LoadError> {
    let mut verified = Vec::with_capacity(rows.len());
    for row in rows {
        let row = row_of(row)?;
        let record = row.verify(&previous)?;
        previous = row.head();
        verified.push((row, record));
    }
    Ok(verified)
}

pub(crate) fn row_of(row: journal::Model) -> Result<Row, LoadError> {
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

pub(crate) fn hash_of(bytes: &[u8], seq: Seq) -> Result<Hash, LoadError> {
    Hash::try_from(bytes)
        .map_err(|_| LoadError::Damaged { seq, reason: "its hash is not 32 bytes".into() })
}

pub(crate) fn unreadable(error: DbErr) -> LoadError {
    LoadError::Unavailable(error.into())
}

pub(crate) fn signed(value: u64) -> i64 {
    i64::try_from(value).expect("a seq or epoch grows by one at a time and stays below 2^63")
}

/// Converts a number from the database. A negative one is damage that the row's hash reveals.
pub(crate) fn unsigned(value: i64) -> u64 {
    value.unsigned_abs()
}

/// Snapshots kept per offering: one to start from, and one in case the first is damaged.
pub(crate) const KEPT: u64 = 2;
