//! The questions of the staff at a door: the holder of a ticket, tickets by the name of their
//! holder, and the number of people inside. Check-ins are in `checkins.rs`.

use uuid::Uuid;

use crate::ids::OfferingId;
use crate::offerings::{OfferingError, Offerings};
use crate::store::{Person, TicketRow};

/// A ticket and its holder.
#[derive(Clone, Debug)]
pub struct FoundTicket {
    /// The ticket.
    pub row: TicketRow,
    /// `None` if the holder's account is closed.
    pub holder: Option<Person>,
}

/// How many of an event's tickets are sold and used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attendance {
    /// Tickets that are checked in.
    pub checked_in: u64,
    /// Places that are sold.
    pub sold: u64,
}

impl Offerings {
    /// Returns tickets of an event whose holders' name or e-mail address contains `who`, at most
    /// `limit`.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn tickets_by_holder(
        &self,
        event: OfferingId,
        who: &str,
        limit: u64,
    ) -> Result<Vec<FoundTicket>, OfferingError> {
        let rows = self.store.ticket_list_by_holder(event, who, limit).await?;
        self.with_holders(rows).await
    }

    /// Returns a ticket of an event by its id, with its holder; `None` for tickets of other events.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn ticket_with_holder(
        &self,
        event: OfferingId,
        id: Uuid,
    ) -> Result<Option<FoundTicket>, OfferingError> {
        let row = self.store.ticket_get(id).await?.filter(|row| row.offering == event);
        Ok(self.with_holders(row.into_iter().collect()).await?.pop())
    }

    /// Returns how many tickets of an event are sold and used.
    ///
    /// # Errors
    /// If the event or the store cannot be read.
    pub async fn attendance(&self, event: OfferingId) -> Result<Attendance, OfferingError> {
        let view = self.offices.view(event).await?;
        let sold = view.products.iter().map(|product| u64::from(product.counts.sold)).sum();
        let checked_in = self.store.ticket_count_checked_in(event).await?;
        Ok(Attendance { checked_in, sold })
    }

    async fn with_holders(&self, rows: Vec<TicketRow>) -> Result<Vec<FoundTicket>, OfferingError> {
        let holders = self.store.people(rows.iter().map(|row| row.user)).await?;
        let found = rows.into_iter().map(|row| {
            let holder = holders.get(&row.user).cloned();
            FoundTicket { row, holder }
        });
        Ok(found.collect())
    }
}
