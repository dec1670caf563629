//! Tickets: access to them, and the signed code that the door reads.

use uuid::Uuid;

use crate::caller::Caller;
use crate::ids::ReservationId;
use crate::inventory::{Rejection, TimestampMs};
use crate::offerings::ticket_codes::TicketCodes;
use crate::offerings::{OfferingError, Offerings};
use crate::roles::Permission;
use crate::store::TicketRow;

/// A page of tickets, newest first.
#[derive(Debug)]
pub struct TicketPage {
    /// At most as many as were asked for.
    pub rows: Vec<TicketRow>,
    /// Where the next page begins; `None` after the last.
    pub next_cursor: Option<String>,
}

impl Offerings {
    /// Returns the signer and reader of ticket codes.
    #[must_use]
    pub fn ticket_codes(&self) -> &TicketCodes {
        &self.codes
    }

    /// Returns a ticket of the caller or, for staff of its event, of any customer.
    ///
    /// # Errors
    /// [`Rejection::TicketNotFound`], for tickets of other customers too.
    pub async fn ticket(&self, caller: Caller, id: Uuid) -> Result<TicketRow, OfferingError> {
        let row = self.store.ticket_get(id).await?;
        let row = row.filter(|row| {
            row.user == caller.user || self.roles.may(caller, Permission::ReadOrders, row.offering)
        });
        Ok(row.ok_or(Rejection::TicketNotFound)?)
    }

    /// Returns the caller's tickets after a cursor.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn tickets(
        &self,
        caller: Caller,
        after: Option<(TimestampMs, Uuid)>,
        limit: u64,
    ) -> Result<TicketPage, OfferingError> {
        let rows = self.store.ticket_list(caller.user, after, limit).await?;
        let last = rows.last().filter(|_| rows.len() as u64 == limit);
        let next_cursor = last.map(|row| format!("{}_{}", row.created_at, row.id));
        Ok(TicketPage { rows, next_cursor })
    }

    /// Returns the tickets of a reservation, in the order of its places.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn tickets_of(&self, id: ReservationId) -> Result<Vec<TicketRow>, OfferingError> {
        Ok(self.store.ticket_list_of(id).await?)
    }
}
