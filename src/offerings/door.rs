//! The questions of the staff at a door: the holder of a ticket, tickets by their holder or by a part
//! of their code, and the number of people inside. Check-ins are in `checkins.rs`.

use crate::ids::{OfferingId, UserId};
use crate::offerings::ticket_codes::{code_start, ids_from_start};
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

    /// Returns a person's tickets of an event, at most `limit`.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn tickets_of_person(
        &self,
        event: OfferingId,
        person: UserId,
        limit: u64,
    ) -> Result<Vec<FoundTicket>, OfferingError> {
        self.with_holders(self.store.ticket_list_of_person(event, person, limit).await?).await
    }

    /// Returns the tickets of an event whose codes begin with a text, at most `limit`; none if it is too
    /// short for a code.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn tickets_by_code_start(
        &self,
        event: OfferingId,
        text: &str,
        limit: u64,
    ) -> Result<Vec<FoundTicket>, OfferingError> {
        let Some(start) = code_start(text) else { return Ok(Vec::new()) };
        let Some(ids) = ids_from_start(&start) else { return Ok(Vec::new()) };
        let mut rows = self.store.ticket_list_between(event, ids, limit).await?;
        rows.retain(|row| self.codes.begins_with(row.id, &start));
        self.with_holders(rows).await
    }

    /// Returns the ticket with a whole code, of any event: it is at hand.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn ticket_at_hand(&self, code: &str) -> Result<Option<FoundTicket>, OfferingError> {
        let Some(id) = self.codes.read(code) else { return Ok(None) };
        let row = self.store.ticket_get(id).await?;
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
