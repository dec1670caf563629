//! Tickets: access to them, and the signed code that the door reads.

use uuid::Uuid;

use crate::caller::Caller;
use crate::inventory::{Rejection, TimestampMs};
use crate::offerings::{OfferingError, Offerings};
use crate::store::TicketRow;

/// Bytes of the keyed hash in a code.
const MAC_BYTES: usize = 16;

/// Signs and reads the codes of tickets.
#[derive(Clone)]
pub struct TicketCodes {
    key: [u8; 32],
}

impl TicketCodes {
    /// Creates codes with a key of their own, derived from the secret of the access tokens: neither
    /// can stand for the other.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self { key: blake3::derive_key("admitone ticket code v1", secret.as_bytes()) }
    }

    /// Returns the ticket's id and a keyed hash of it, in capital hexadecimal digits, which QR
    /// codes hold compactly.
    #[must_use]
    pub fn code(&self, ticket: Uuid) -> String {
        let mac = self.mac(ticket);
        let bytes = ticket.as_bytes().iter().chain(&mac.as_bytes()[..MAC_BYTES]);
        bytes.map(|byte| format!("{byte:02X}")).collect()
    }

    /// Returns the id of the ticket with this code; `None` if the code is forged or misread.
    #[must_use]
    pub fn read(&self, code: &str) -> Option<Uuid> {
        let code = code.trim();
        if code.len() != 2 * (16 + MAC_BYTES) || !code.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let byte = |at: usize| u8::from_str_radix(code.get(at..at + 2)?, 16).ok();
        let bytes: Vec<u8> = (0..code.len()).step_by(2).map(byte).collect::<Option<_>>()?;
        let id = Uuid::from_slice(&bytes[..16]).ok()?;
        let (mut sent, mut expected) = ([0; 32], [0; 32]);
        sent[..MAC_BYTES].copy_from_slice(&bytes[16..]);
        expected[..MAC_BYTES].copy_from_slice(&self.mac(id).as_bytes()[..MAC_BYTES]);
        // Hashes compare in constant time.
        (blake3::Hash::from(sent) == blake3::Hash::from(expected)).then_some(id)
    }

    fn mac(&self, ticket: Uuid) -> blake3::Hash {
        blake3::keyed_hash(&self.key, ticket.as_bytes())
    }
}

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

    /// Returns a ticket of the caller or, for administrators, of any customer.
    ///
    /// # Errors
    /// [`Rejection::TicketNotFound`], for tickets of other customers too.
    pub async fn ticket(&self, caller: Caller, id: Uuid) -> Result<TicketRow, OfferingError> {
        let row = self.store.ticket_get(id).await?;
        let row = row.filter(|row| row.user == caller.user || caller.is_admin());
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
}
