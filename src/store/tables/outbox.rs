//! Messages of journals that wait for the relay, and how far it has come in each offering.

use std::collections::{BTreeSet, HashMap};

use entities::{journal, outbox_message, relay, reservation};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, Statement, TransactionTrait,
};
use uuid::Uuid;

use crate::ids::{OfferingId, ReservationId, Seq, UserId};
use crate::inventory::TimestampMs;
use crate::journal::LoadError;
use crate::journal::messages::Position;
use crate::store::journal::{JournalRows, decoded, row_of, signed, unreadable, unsigned};
use crate::store::tables::delivery::{self, NewDelivery};
use crate::store::{Store, StoreError};

/// Waiting messages that are looked at to find the offerings that have some.
const LOOKED_AT: u64 = 1_000;

/// An outbox message as its row has it: without the data that only the journal has.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct OutboxRow {
    pub position: Position,
    pub kind: String,
    pub payload: String,
    pub created_at: TimestampMs,
}

impl Store {
    /// Returns how many messages wait, counted up to 100,000, and when the oldest was written.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn outbox_waiting(&self) -> Result<(u64, Option<TimestampMs>), StoreError> {
        // This query runs every few seconds: its cost must not grow with the backlog without limit.
        let sql = "SELECT COUNT(*) AS waiting, MIN(created_at) AS oldest
                   FROM (SELECT created_at FROM outbox_messages WHERE processed_at IS NULL
                         ORDER BY created_at LIMIT 100000) AS messages";
        let statement = Statement::from_string(self.backend(), sql);
        let Some(row) = self.reads().query_one_raw(statement).await? else { return Ok((0, None)) };
        let waiting: i64 = row.try_get("", "waiting")?;
        let oldest: Option<i64> = row.try_get("", "oldest")?;
        Ok((waiting.unsigned_abs(), oldest))
    }

    /// Returns the offerings of the oldest messages that wait.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn outbox_offerings(&self) -> Result<Vec<OfferingId>, StoreError> {
        let oldest: Vec<Uuid> = outbox_message::Entity::find()
            .select_only()
            .column(outbox_message::Column::OfferingId)
            .filter(outbox_message::Column::ProcessedAt.is_null())
            .order_by_asc(outbox_message::Column::CreatedAt)
            .limit(LOOKED_AT)
            .into_tuple()
            .all(self.reads())
            .await?;
        let mut seen = BTreeSet::new();
        Ok(oldest.into_iter().filter(|id| seen.insert(*id)).map(OfferingId).collect())
    }

    /// Returns the first messages of an offering that wait, with all messages of the last row.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn outbox_of(
        &self,
        offering: OfferingId,
        limit: u64,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        let waiting = outbox_message::Entity::find()
            .filter(outbox_message::Column::OfferingId.eq(offering.0))
            .filter(outbox_message::Column::ProcessedAt.is_null())
            .order_by_asc(outbox_message::Column::Seq)
            .order_by_asc(outbox_message::Column::Position);
        let mut rows = waiting.clone().limit(limit).all(self.reads()).await?;
        if rows.len() as u64 == limit
            && let Some(last) = rows.pop()
        {
            // The messages of a row are expanded together.
            rows.retain(|row| row.seq != last.seq);
            let of_last = waiting.filter(outbox_message::Column::Seq.eq(last.seq));
            rows.extend(of_last.all(self.reads()).await?);
        }
        let row = |row: outbox_message::Model| OutboxRow {
            position: Position {
                seq: Seq(unsigned(row.seq)),
                index: u32::try_from(row.position).unwrap_or_default(),
            },
            kind: row.kind,
            payload: row.payload,
            created_at: row.created_at,
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Returns these rows of a journal, decoded, without those that were archived. None is verified
    /// against the others.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn journal_rows_at(
        &self,
        offering: OfferingId,
        seqs: impl IntoIterator<Item = Seq>,
    ) -> Result<JournalRows, LoadError> {
        let found = journal::Entity::find()
            .filter(journal::Column::OfferingId.eq(offering.0))
            .filter(journal::Column::Seq.is_in(seqs.into_iter().map(|seq| signed(seq.0))))
            .order_by_asc(journal::Column::Seq)
            .all(self.reads())
            .await
            .map_err(unreadable)?;
        found.into_iter().map(|found| decoded(row_of(found)?)).collect()
    }

    /// Returns the last message of an offering that was expanded.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn relay_position(
        &self,
        offering: OfferingId,
    ) -> Result<Option<Position>, StoreError> {
        let found = relay::Entity::find_by_id(offering.0).one(self.reads()).await?;
        Ok(found.map(|row| Position {
            seq: Seq(unsigned(row.seq)),
            index: u32::try_from(row.position).unwrap_or_default(),
        }))
    }

    /// Replaces the messages of these rows by their deliveries, if no other process has expanded
    /// messages of this offering since `from` was read; returns whether it was so.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_expand(
        &self,
        offering: OfferingId,
        (from, to): (Option<Position>, Position),
        seqs: impl IntoIterator<Item = Seq>,
        deliveries: Vec<NewDelivery>,
        now: TimestampMs,
    ) -> Result<bool, StoreError> {
        let transaction = self.writes().begin().await?;
        if !move_relay(&transaction, offering, from, to).await? {
            transaction.rollback().await?;
            return Ok(false);
        }
        outbox_message::Entity::update_many()
            .col_expr(outbox_message::Column::ProcessedAt, Expr::value(now))
            .filter(outbox_message::Column::OfferingId.eq(offering.0))
            .filter(outbox_message::Column::Seq.is_in(seqs.into_iter().map(|seq| signed(seq.0))))
            .filter(outbox_message::Column::ProcessedAt.is_null())
            .exec(&transaction)
            .await?;
        delivery::insert(&transaction, deliveries, now).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Returns the customers of these reservations.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn reservation_customers(
        &self,
        ids: impl IntoIterator<Item = ReservationId>,
    ) -> Result<HashMap<ReservationId, UserId>, StoreError> {
        let found: Vec<(Uuid, Uuid)> = reservation::Entity::find()
            .select_only()
            .columns([reservation::Column::Id, reservation::Column::UserId])
            .filter(reservation::Column::Id.is_in(ids.into_iter().map(|id| id.0)))
            .into_tuple()
            .all(self.reads())
            .await?;
        Ok(found.into_iter().map(|(id, user)| (ReservationId(id), UserId(user))).collect())
    }
}

/// Moves the mark of the last expanded message; returns `false` if it was not at `from`.
async fn move_relay(
    transaction: &impl ConnectionTrait,
    offering: OfferingId,
    from: Option<Position>,
    to: Position,
) -> Result<bool, StoreError> {
    let index = |position: Position| i32::try_from(position.index).unwrap_or(i32::MAX);
    let moved = match from {
        None => {
            let row = relay::ActiveModel {
                offering_id: Set(offering.0),
                seq: Set(signed(to.seq.0)),
                position: Set(index(to)),
            };
            relay::Entity::insert(row)
                .on_conflict(OnConflict::new().do_nothing().to_owned())
                .exec_without_returning(transaction)
                .await?
        }
        Some(from) => {
            relay::Entity::update_many()
                .col_expr(relay::Column::Seq, Expr::value(signed(to.seq.0)))
                .col_expr(relay::Column::Position, Expr::value(index(to)))
                .filter(relay::Column::OfferingId.eq(offering.0))
                .filter(relay::Column::Seq.eq(signed(from.seq.0)))
                .filter(relay::Column::Position.eq(index(from)))
                .exec(transaction)
                .await?
                .rows_affected
        }
    };
    Ok(moved == 1)
}
