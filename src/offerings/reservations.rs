//! Reservations as their customers and administrators see them: the relational rows that follow the
//! journal.

use uuid::Uuid;

use crate::caller::Caller;
use crate::ids::{ReservationId, Seq};
use crate::inventory::{
    CancellationPolicy, Change, Command, Idempotency, Line, Minor, Rejection, Requester,
    TimestampMs,
};
use crate::offerings::{OfferingError, Offerings};
use crate::roles::Permission;
use crate::store::{
    EventRow, ReservationFilter, ReservationRow, ReservationState, TicketRow, TicketState,
};

/// A page of reservations, newest first.
#[derive(Debug)]
pub struct ReservationPage {
    /// At most as many as were asked for.
    pub rows: Vec<ReservationRow>,
    /// Where the next page begins; `None` after the last.
    pub next_cursor: Option<String>,
}

/// The tickets of a reservation to cancel.
#[derive(Clone, Debug, Default)]
pub struct TicketsToCancel {
    /// All that are not void, if `None`.
    pub tickets: Option<Vec<Uuid>>,
    /// The amount to refund; only administrators may name one.
    pub refund: Option<Minor>,
}

/// Tickets that were cancelled.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct TicketsCancelled {
    /// The reservation as it was before.
    pub row: ReservationRow,
    pub tickets: Vec<Uuid>,
    pub refund: Minor,
    /// True if no ticket is left: the reservation is cancelled.
    pub is_over: bool,
    /// The row of the journal.
    pub seq: Seq,
    /// True if it repeats an earlier request with the same key.
    pub replayed: bool,
}

/// Returns what a customer who cancels tickets worth `price` at `now` gets back, at most `left`;
/// `None` if the event's terms allow none. For people to see beforehand: the box office decides.
#[must_use]
pub fn refund_of(event: &EventRow, price: Minor, left: Minor, now: TimestampMs) -> Option<Minor> {
    match event.cancellation {
        CancellationPolicy::Never => None,
        CancellationPolicy::Until { until, refund_percent } => {
            let until = until.unwrap_or(i64::MAX).min(event.details.event_date);
            let share = i128::from(price) * i128::from(refund_percent) / 100;
            (now < until).then(|| i64::try_from(share).unwrap_or(price).min(left))
        }
    }
}

/// Returns the price of each ticket of a reservation, by its index.
#[must_use]
pub fn ticket_prices(row: &ReservationRow) -> Vec<Minor> {
    let of = |line: &Line| vec![line.unit_price; line.quantity as usize];
    row.lines.iter().flat_map(of).collect()
}

impl Offerings {
    /// Returns a reservation of the caller or, for staff of its event, of any customer.
    ///
    /// # Errors
    /// [`Rejection::ReservationNotFound`], for reservations of other customers too.
    pub async fn reservation(
        &self,
        caller: Caller,
        id: ReservationId,
    ) -> Result<ReservationRow, OfferingError> {
        let row = self.store.reservation_get(id).await?;
        let row = row.filter(|row| {
            row.user == caller.user || self.roles.may(caller, Permission::ReadOrders, row.offering)
        });
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
            if let Some(Change::ReservationCancelledFor { refund, .. }) =
                committed.transition.changes.first()
            {
                row.refund_amount = Some(row.refund_amount.unwrap_or(0).saturating_add(*refund));
            }
        }
        Ok((row, committed.replayed))
    }

    /// Cancels tickets of a confirmed reservation; the others stay. A customer's own are refunded by
    /// the event's terms; an administrator refunds their price, or names the amount.
    ///
    /// # Errors
    /// The refusal, or why nothing could be decided.
    pub async fn cancel_tickets(
        &self,
        caller: Caller,
        id: ReservationId,
        wanted: TicketsToCancel,
        idempotency: Option<Idempotency>,
    ) -> Result<TicketsCancelled, OfferingError> {
        let row = self.reservation(caller, id).await?;
        let all = self.store.ticket_list_of(id).await?;
        let chosen: Vec<&TicketRow> = match &wanted.tickets {
            None => all.iter().filter(|ticket| ticket.state != TicketState::Void).collect(),
            Some(ids) => {
                let find = |id: &Uuid| all.iter().find(|ticket| ticket.id == *id);
                let found: Option<Vec<_>> = ids.iter().map(find).collect();
                found.ok_or(Rejection::TicketNotFound)?
            }
        };
        let tickets: Vec<u8> = chosen.iter().map(|ticket| ticket.index).collect();
        let refund = wanted.refund;
        let is_own = row.user == caller.user && refund.is_none();
        let command = |by| Command::CancelTickets { reservation: id, tickets, refund, by };
        let committed = if is_own || !self.roles.may(caller, Permission::Refund, row.offering) {
            let command = command(Requester::Customer(caller.user));
            self.submit(row.offering, command, idempotency).await?
        } else {
            let command = command(Requester::Admin);
            self.submit_by_admin(row.offering, caller.user, command, idempotency).await?
        };
        let (refund, is_over) = match committed.transition.changes.first() {
            Some(Change::TicketsCancelled { refund, .. }) => (*refund, false),
            Some(Change::ReservationCancelledFor { refund, .. }) => (*refund, true),
            // The whole amount paid comes back.
            _ => (row.total_price, true),
        };
        // A repeated request finds the tickets void that it named when it was new.
        let cancelled: Vec<Uuid> = match committed.transition.changes.first() {
            Some(Change::TicketsCancelled { tickets, .. }) => {
                let is_one = |ticket: &&TicketRow| tickets.contains(&ticket.index);
                all.iter().filter(is_one).map(|ticket| ticket.id).collect()
            }
            _ if chosen.is_empty() => all.iter().map(|ticket| ticket.id).collect(),
            _ => chosen.iter().map(|ticket| ticket.id).collect(),
        };
        Ok(TicketsCancelled {
            tickets: cancelled,
            refund,
            is_over,
            seq: committed.seq,
            replayed: committed.replayed,
            row,
        })
    }
}
