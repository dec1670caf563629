//! Snapshots in tables: which snapshot a load starts from, and which are kept. The journal is the
//! truth: a snapshot that the journal does not confirm is passed over, never served.

use bytes::Bytes;
use entities::{archive, journal, snapshot};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, TransactionTrait,
};

use super::{hash_of, rows_after, signed, unreadable, unsigned};
use crate::ids::{Epoch, OfferingId, Seq};
use crate::journal::{FORMAT, Head, LoadError, Loaded, Snapshot, UnfitSnapshot};
use crate::store::Store;

impl Store {
    pub(super) async fn load_from(
        &self,
        transaction: &impl ConnectionTrait,
        offering: OfferingId,
        before: Seq,
    ) -> Result<Loaded, LoadError> {
        let head = self.head_read(transaction, offering).await?;
        let mut unfit = Vec::new();
        for found in newest_first(transaction, offering, before).await? {
            let seq = Seq(unsigned(found.seq));
            let read = match confirmed(transaction, head, found).await? {
                Ok(snapshot) => from_snapshot(transaction, offering, head, snapshot).await,
                Err(reason) => Err(LoadError::Damaged { seq, reason }),
            };
            match read {
                Ok((snapshot, tail)) => {
                    return Ok(Loaded { snapshot: Some(snapshot), unfit, tail, head });
                }
                Err(LoadError::Damaged { reason, .. }) => unfit.push(UnfitSnapshot { seq, reason }),
                Err(error) => return Err(error),
            }
        }
        let tail = tail_after(transaction, offering, head, Head::EMPTY).await;
        let tail = tail.map_err(|error| first_rows_gone(error, before, &unfit))?;
        Ok(Loaded { snapshot: None, unfit, tail, head })
    }

    /// Stores a snapshot, and keeps the newest `most` snapshots of the offering in all.
    pub(super) async fn snapshot_keep(
        &self,
        offering: OfferingId,
        snapshot: Snapshot,
        most: u64,
    ) -> Result<bool, LoadError> {
        let transaction = self.writes().begin().await.map_err(unreadable)?;
        let kept = keep_if_confirmed(&transaction, offering, snapshot, most).await;
        let kept = kept.map_err(unreadable)?;
        transaction.commit().await.map_err(unreadable)?;
        Ok(kept)
    }
}

async fn newest_first(
    connection: &impl ConnectionTrait,
    offering: OfferingId,
    before: Seq,
) -> Result<Vec<snapshot::Model>, LoadError> {
    let before = i64::try_from(before.0).unwrap_or(i64::MAX);
    snapshot::Entity::find()
        .filter(snapshot::Column::OfferingId.eq(offering.0))
        .filter(snapshot::Column::Seq.lt(before))
        .order_by_desc(snapshot::Column::Seq)
        .all(connection)
        .await
        .map_err(unreadable)
}

/// Returns the snapshot, if its row has the same time and hash, or is archived; otherwise the
/// reason.
async fn confirmed(
    connection: &impl ConnectionTrait,
    head: Head,
    found: snapshot::Model,
) -> Result<Result<Snapshot, String>, LoadError> {
    let seq = Seq(unsigned(found.seq));
    if seq > head.seq {
        return Ok(Err(format!("the journal ends at row {}", head.seq)));
    }
    let readable = u16::try_from(found.format).ok().filter(|format| *format <= FORMAT);
    let Some(format) = readable else {
        let format = found.format;
        return Ok(Err(format!("it has format {format}, and this version reads up to {FORMAT}")));
    };
    let row = journal::Entity::find_by_id((found.offering_id, found.seq)).one(connection).await;
    let row = row.map_err(unreadable)?;
    let (hash, at) = match row {
        Some(row) => (row.hash, row.at),
        None if seq == head.seq => (head.hash.to_vec(), found.at),
        // The row after the snapshot must follow from its hash.
        None => (found.hash.clone(), found.at),
    };
    if hash != found.hash {
        return Ok(Err("its row has another hash".into()));
    }
    if at != found.at {
        return Ok(Err(format!("it is of {}, and its row of {at}", found.at)));
    }
    let Ok(hash) = hash_of(&found.hash, seq) else {
        return Ok(Err("its hash is not 32 bytes".into()));
    };
    Ok(Ok(Snapshot {
        seq,
        epoch: Epoch(unsigned(found.epoch)),
        at,
        hash,
        format,
        payload: Bytes::from(found.payload),
    }))
}

async fn from_snapshot(
    connection: &impl ConnectionTrait,
    offering: OfferingId,
    head: Head,
    snapshot: Snapshot,
) -> Result<(Snapshot, super::JournalRows), LoadError> {
    let from = Head { seq: snapshot.seq, epoch: snapshot.epoch, hash: snapshot.hash };
    let tail = tail_after(connection, offering, head, from).await?;
    Ok((snapshot, tail))
}

/// Returns all rows after `from`, up to the head.
async fn tail_after(
    connection: &impl ConnectionTrait,
    offering: OfferingId,
    head: Head,
    from: Head,
) -> Result<super::JournalRows, LoadError> {
    let tail = rows_after(connection, offering, from, None).await?;
    let last = tail.last().map_or(from, |(row, _)| row.head());
    if last == head {
        return Ok(tail);
    }
    let reason = "the head names another row than the last one there is".into();
    Err(LoadError::Damaged { seq: last.seq.next().min(head.seq), reason })
}

/// Returns the error of a load without a usable snapshot. A journal that does not begin with row 1
/// can be read only from a snapshot: the error says that, and why the existing snapshots are unfit.
fn first_rows_gone(error: LoadError, before: Seq, unfit: &[UnfitSnapshot]) -> LoadError {
    let LoadError::Damaged { seq, reason } = error else { return error };
    let is_tried = before < Seq(u64::MAX) || !unfit.is_empty();
    if seq == Seq(1) || !is_tried {
        return LoadError::Damaged { seq, reason };
    }
    let unfit: Vec<String> =
        unfit.iter().map(|unfit| format!("that of row {}: {}", unfit.seq, unfit.reason)).collect();
    let reason = format!(
        "{reason}, and no snapshot can be used in place of the rows before it ({}): if they were \
         archived, `admitone archive rebuild <event> --from <directory>` makes one from the files",
        if unfit.is_empty() { "there is no other".into() } else { unfit.join("; ") }
    );
    LoadError::Damaged { seq, reason }
}

/// Writes the snapshot if the journal has its row, the row is not archived, and there is no newer
/// snapshot; deletes the snapshots older than the newest `most`. Rows may be archived meanwhile.
async fn keep_if_confirmed(
    transaction: &impl ConnectionTrait,
    offering: OfferingId,
    snapshot: Snapshot,
    most: u64,
) -> Result<bool, DbErr> {
    let seq = signed(snapshot.seq.0);
    let archived = archive::Entity::find_by_id(offering.0).one(transaction).await?;
    let archived = archived.map_or(-1, |archived| archived.seq);
    if seq <= archived {
        return Ok(false);
    }
    let row = journal::Entity::find_by_id((offering.0, seq)).one(transaction).await?;
    if row.is_none_or(|row| row.hash != snapshot.hash || row.at != snapshot.at) {
        return Ok(false);
    }
    let of_offering =
        || snapshot::Entity::find().filter(snapshot::Column::OfferingId.eq(offering.0));
    for newer in of_offering().filter(snapshot::Column::Seq.gt(seq)).all(transaction).await? {
        let id = (offering.0, newer.seq);
        let row = journal::Entity::find_by_id(id).one(transaction).await?;
        if row.is_some_and(|row| row.hash == newer.hash && row.at == newer.at) {
            return Ok(false);
        }
        // The snapshot is of a history that a restored backup has undone.
        if delete_unless_archived(transaction, offering, vec![newer.seq]).await? == 0 {
            return Ok(false);
        }
    }
    let kept = snapshot::ActiveModel {
        offering_id: Set(offering.0),
        seq: Set(seq),
        epoch: Set(signed(snapshot.epoch.0)),
        at: Set(snapshot.at),
        hash: Set(snapshot.hash.to_vec()),
        format: Set(i32::from(snapshot.format)),
        payload: Set(snapshot.payload.to_vec()),
    };
    // A snapshot at this seq may be of such a history as well.
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
    let old: Vec<i64> = of_offering()
        .filter(snapshot::Column::Seq.ne(archived))
        .select_only()
        .column(snapshot::Column::Seq)
        .order_by_desc(snapshot::Column::Seq)
        .offset(most)
        .limit(1_000)
        .into_tuple()
        .all(transaction)
        .await?;
    delete_unless_archived(transaction, offering, old).await?;
    Ok(true)
}

/// Deletes snapshots, but never the one that stands for archived rows, which are gone. The same
/// statement checks that: a value read before may have changed.
async fn delete_unless_archived(
    transaction: &impl ConnectionTrait,
    offering: OfferingId,
    seqs: Vec<i64>,
) -> Result<u64, DbErr> {
    let archived =
        archive::Entity::find_by_id(offering.0).select_only().column(archive::Column::Seq);
    let deleted = snapshot::Entity::delete_many()
        .filter(snapshot::Column::OfferingId.eq(offering.0))
        .filter(snapshot::Column::Seq.is_in(seqs))
        .filter(snapshot::Column::Seq.not_in_subquery(archived.into_query()))
        .exec(transaction)
        .await?;
    Ok(deleted.rows_affected)
}
