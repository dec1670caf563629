//! The door: a ticket admits its holder once, at its own event. A check-in made by mistake is undone;
//! the journal records by whom.

use uuid::Uuid;

use crate::box_office::SubmitError;
use crate::ids::{OfferingId, UserId};
use crate::inventory::{Command, Idempotency, Rejection};
use crate::offerings::{OfferingError, Offerings};
use crate::store::TicketRow;
use crate::text::{self, InvalidField};

/// A ticket at a door.
#[derive(Clone, Debug)]
pub struct CheckIn {
    /// The ticket's code.
    pub code: String,
    /// The event of the door; without one, the door admits to any event.
    pub event: Option<OfferingId>,
    /// The name of the door.
    pub gate: Option<String>,
}

impl CheckIn {
    /// Returns the check-in of a code at a door.
    ///
    /// # Errors
    /// The name of the door is not allowed.
    pub fn new(
        code: &str,
        event: Option<OfferingId>,
        gate: Option<&str>,
    ) -> Result<Self, InvalidField> {
        let gate = gate.map(|gate| text::line("gate", gate, 50)).transpose()?;
        Ok(Self { code: code.to_owned(), event, gate })
    }
}

/// A ticket, as the door names it.
#[derive(Clone, Debug)]
pub enum TicketRef {
    /// By its code.
    Code(String),
    /// By its id.
    Id(Uuid),
}

impl Offerings {
    /// Finds the ticket of a check-in; the key of the check-in is derived from it.
    ///
    /// # Errors
    /// [`OfferingError::NotATicketCode`], [`OfferingError::WrongEvent`].
    pub async fn ticket_at_door(&self, check_in: &CheckIn) -> Result<TicketRow, OfferingError> {
        let row = self.ticket_by_code(&check_in.code).await?;
        if check_in.event.is_some_and(|event| event != row.offering) {
            return Err(OfferingError::WrongEvent(Box::new(row)));
        }
        Ok(row)
    }

    /// Admits the holder of a ticket. Returns the ticket after the check-in, and whether this
    /// repeats an earlier request with the same key.
    ///
    /// # Errors
    /// [`OfferingError::AlreadyCheckedIn`] with the ticket, or
    /// [`OfferingError::CheckInUndone`]: a repeated answer admits a holder only while its own
    /// check-in stands.
    pub async fn check_in(
        &self,
        admin: UserId,
        row: &TicketRow,
        gate: Option<String>,
        idempotency: Option<Idempotency>,
    ) -> Result<(TicketRow, bool), OfferingError> {
        let (reservation, ticket) = (row.reservation, row.index);
        let command = match gate {
            None => Command::CheckIn { reservation, ticket },
            Some(gate) => Command::CheckInAtGate { reservation, ticket, gate },
        };
        let submitted = self.submit_by_admin(row.offering, admin, command, idempotency).await;
        let committed = match submitted {
            Err(OfferingError::Command(_, SubmitError::Rejected(Rejection::AlreadyCheckedIn))) => {
                // The ticket's row was written together with the journal row on which this refusal
                // rests.
                return Err(self.used_before(row.id).await?);
            }
            submitted => submitted?,
        };
        let row = self.ticket_by_id(row.id).await?;
        if committed.replayed && row.checked_in_at != Some(committed.at) {
            return Err(match row.checked_in_at {
                Some(_) => OfferingError::AlreadyCheckedIn(Box::new(row)),
                None => OfferingError::CheckInUndone,
            });
        }
        Ok((row, committed.replayed))
    }

    /// Returns the ticket whose check-in is to be undone.
    ///
    /// # Errors
    /// [`OfferingError::NotATicketCode`], [`Rejection::TicketNotFound`].
    pub async fn ticket_of(&self, ticket: &TicketRef) -> Result<TicketRow, OfferingError> {
        match ticket {
            TicketRef::Code(code) => self.ticket_by_code(code).await,
            TicketRef::Id(id) => self.ticket_by_id(*id).await,
        }
    }

    /// Undoes a check-in: the ticket admits its holder again. Returns the ticket after that, and
    /// whether this repeats an earlier request with the same key.
    ///
    /// # Errors
    /// The refusal, or [`OfferingError::CheckedInAgain`].
    pub async fn undo_check_in(
        &self,
        admin: UserId,
        row: &TicketRow,
        idempotency: Option<Idempotency>,
    ) -> Result<(TicketRow, bool), OfferingError> {
        let command = Command::UndoCheckIn { reservation: row.reservation, ticket: row.index };
        let committed = self.submit_by_admin(row.offering, admin, command, idempotency).await?;
        let row = self.ticket_by_id(row.id).await?;
        if committed.replayed && row.checked_in_at.is_some() {
            return Err(OfferingError::CheckedInAgain);
        }
        Ok((row, committed.replayed))
    }

    async fn ticket_by_code(&self, code: &str) -> Result<TicketRow, OfferingError> {
        let id = self.codes.read(code).ok_or(OfferingError::NotATicketCode)?;
        self.ticket_by_id(id).await
    }

    async fn ticket_by_id(&self, id: Uuid) -> Result<TicketRow, OfferingError> {
        Ok(self.store.ticket_get(id).await?.ok_or(Rejection::TicketNotFound)?)
    }

    async fn used_before(&self, id: Uuid) -> Result<OfferingError, OfferingError> {
        Ok(OfferingError::AlreadyCheckedIn(Box::new(self.ticket_by_id(id).await?)))
    }
}
