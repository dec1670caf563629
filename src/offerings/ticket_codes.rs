//! The signed code of a ticket, which the door reads.

use uuid::Uuid;

/// Bytes of the keyed hash in a code.
pub(crate) const MAC_BYTES: usize = 16;

/// Signs and reads the codes of tickets.
#[derive(Clone)]
pub struct TicketCodes {
    key: [u8; 32],
}

impl TicketCodes {
    /// With a key of its own, derived from the secret of the access tokens: neither can stand for the
    /// other.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self { key: blake3::derive_key("admitone ticket code v1", secret.as_bytes()) }
    }

    /// The ticket's id and a keyed hash of it, in capital hexadecimal digits, which QR codes hold
    /// compactly.
    #[must_use]
    pub fn code(&self, ticket: Uuid) -> String {
        let mac = self.mac(ticket);
        let bytes = ticket.as_bytes().iter().chain(&mac.as_bytes()[..MAC_BYTES]);
        bytes.map(|byte| format!("{byte:02X}")).collect()
    }

    /// The id of the ticket with this code; `None` if the code is forged or misread.
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
