//! Reservations as their customers and administrators see them: the relational rows that follow the
//! journal.

use crate::caller::Caller;
use crate::ids::ReservationId;
use crate::inventory::{Change, Command, Idempotency, Rejection, Requester};
use crate::offerings::{OfferingError, Offerings};
use crate::store::{ReservationFilter, ReservationRow, ReservationState};

/// A page of reservations, newest first.
#[derive(Debug)]
pub struct ReservationPage {
    /// At most as many as were asked for.
    pub rows: Vec<ReservationRow>,
    /// Where the next page begins; `None` after the last.
    pub next_cursor: Option<String>,
}

impl Offerings {
    /// Returns a reservation of the caller or, for administrators, of any customer.
    ///
    /// # Errors
    /// [`Rejection::ReservationNotFound`], for reservations of other customers too.
    pub async fn reservation(
        &self,
        caller: Caller,
        id: ReservationId,
    ) -> Result<ReservationRow, OfferingError> {
        let row = self.store.reservation_get(id).await?;
        let row = row.filter(|row| row.user == caller.user || caller.is_admin());
        Ok(row.ok_or(Rejection::ReservationNotFound)?)
    }

    /// Returns the reservations that match a filter.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn reservations(
        &self,
        filter: ReservationFilter,
        limit: u64,
    ) -> Result<ReservationPage, OfferingError> {
        let rows = self.store.reservation_list(filter, limit).await?;
        let last = rows.last().filter(|_| rows.len() as u64 == limit);
        let next_cursor = last.map(|row| format!("{}_{}", row.created_at, row.id));
        Ok(ReservationPage { rows, next_cursor })
    }

    /// Cancels a reservation. A customer's own cancellation is refunded by the event's terms; an
    /// administrator's cancellation for another customer refunds all of it. Returns the row after
    /// the cancellation, and whether this repeats an earlier request with the same key.
    ///
    /// # Errors
    /// The refusal, or why nothing could be decided.
    pub async fn cancel_reservation(
        &self,
        caller: Caller,
        id: ReservationId,
        idempotency: Option<Idempotency>,
    ) -> Result<(ReservationRow, bool), OfferingError> {
        let mut row = self.reservation(caller, id).await?;
        let cancel = |by| Command::CancelReservation { reservation: id, by };
        let committed = if row.user == caller.user {
            let command = cancel(Requester::Customer(caller.user));
            self.submit(row.offering, command, idempotency).await?
        } else {
            let command = cancel(Requester::Admin);
            self.submit_by_admin(row.offering, caller.user, command, idempotency).await?
        };
        // The rows follow the journal a moment later.
        if row.state != ReservationState::Cancelled {
            row.state = ReservationState::Cancelled;
            row.updated_at = committed.at;
            row.refund_amount = match committed.transition.changes.first() {
                Some(Change::ReservationCancelledFor { refund, .. }) => Some(*refund),
                _ => None,
            };
        }
        Ok((row, committed.replayed))
    }
}
