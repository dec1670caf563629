//! The seats of a large event on SQLite, which has one writer. The seats are written in slices
//! ahead of the event, so that the appends of sales run in between. The event exists once all of it
//! is written; seats without an event are unused, and are deleted when a store is opened.

use entities::seat;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};

use crate::ids::OfferingId;
use crate::inventory::{Definition, TimestampMs};
use crate::store::tables::event::Seats;
use crate::store::tables::idempotency;
use crate::store::tables::seat::seat_rows;
use crate::store::{Answered, Key, NewEvent, Store, StoreError};

/// Seats written, or deleted, at a time: that takes a few milliseconds.
const SLICE: u32 = 2_000;

/// Deletes the seats whose event does not exist. Finds each offering that has seats with one index
/// lookup.
const WITHOUT_EVENT: &str = "
WITH RECURSIVE mapped(id) AS (
    SELECT min(offering_id) FROM seats
    UNION ALL
    SELECT (SELECT min(offering_id) FROM seats WHERE offering_id > mapped.id) FROM mapped
    WHERE mapped.id IS NOT NULL
)
DELETE FROM seats WHERE offering_id IN (
    SELECT id FROM mapped WHERE NOT EXISTS (SELECT 1 FROM events WHERE events.id = mapped.id)
)";

impl Store {
    /// True if an event of this definition is created by [`Self::event_create_in_slices`].
    pub(crate) fn writes_seats_ahead(&self, definition: &Definition) -> bool {
        let rows = definition.sections.iter().flat_map(|section| &section.rows);
        !self.is_postgres() && rows.map(|row| u64::from(row.seats)).sum::<u64>() > u64::from(SLICE)
    }

    /// Creates an event whose seats take long to write.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn event_create_in_slices(
        &self,
        new: &NewEvent,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<Answered<()>, StoreError> {
        if let Some(key) = key
            && let Some(before) = idempotency::earlier(self.reads(), key).await?
        {
            return Ok(Answered::Before(before));
        }
        let (store, new, key) = (self.clone(), new.clone(), key.cloned());
        // The task goes on after the caller is gone: seats without their event are of no use.
        let made = tokio::spawn(async move {
            let made = match store.seats_write(&new).await {
                Ok(()) => store.event_insert(&new, key.as_ref(), now, Seats::AreThere).await,
                Err(error) => Err(error),
            };
            if !matches!(made, Ok(Answered::Now(()))) {
                store.seats_discard(new.id).await;
            }
            made
        });
        let died = |error| StoreError::Unavailable(DbErr::Custom(format!("it stopped: {error}")));
        made.await.map_err(died)?
    }

    async fn seats_write(&self, new: &NewEvent) -> Result<(), StoreError> {
        let mut rows = seat_rows(new.id, &new.definition, &new.further);
        loop {
            let slice: Vec<_> = rows.by_ref().take(SLICE as usize).collect();
            if slice.is_empty() {
                return Ok(());
            }
            seat::Entity::insert_many(slice).exec_without_returning(self.writes()).await?;
        }
    }

    /// Deletes the seats of an event that was not created after all. Seats that cannot be deleted
    /// now are deleted when the store is opened again.
    async fn seats_discard(&self, offering: OfferingId) {
        // The event may exist: created before, or just now, although its COMMIT failed.
        if !matches!(self.event_names(&[offering]).await.as_deref(), Ok([])) {
            return;
        }
        let mut end = i64::from(SLICE);
        loop {
            let slice = seat::Entity::delete_many()
                .filter(seat::Column::OfferingId.eq(offering.0))
                .filter(seat::Column::SeatId.lt(end));
            match slice.exec(self.writes()).await {
                Ok(deleted) if deleted.rows_affected > 0 => end += i64::from(SLICE),
                Ok(_) => return,
                Err(error) => {
                    tracing::debug!(%offering, %error, "seats without an event are left for now");
                    return;
                }
            }
        }
    }

    /// Deletes the seats of events that were never created because the process ended before;
    /// returns how many. Call it before any event is created. On Postgres there are none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn seats_without_event_delete(&self) -> Result<u64, StoreError> {
        if self.is_postgres() {
            return Ok(0);
        }
        let deleted = self.writes().execute_unprepared(WITHOUT_EVENT).await?;
        Ok(deleted.rows_affected())
    }
}
