//! The signed code of a ticket, which the door reads.

use uuid::Uuid;

/// Bytes of the keyed hash in a code.
pub(crate) const MAC_BYTES: usize = 16;

/// Digits of the beginning of a code that people type; fewer find nothing. 32 bits: two tickets of one
/// event hardly ever share them, and no ticket is admitted by them alone.
const START_DIGITS: usize = 8;

/// Returns the beginning of a code in groups, to be read out or typed.
#[must_use]
pub fn short_code(code: &str) -> String {
    let start = code.get(..START_DIGITS).unwrap_or(code);
    let (first, second) = start.split_at(start.len() / 2);
    format!("{first} {second}")
}

/// Reads the beginning of a code as people type it, in groups and in lower case; `None` if it is none, or
/// too short.
pub(super) fn code_start(text: &str) -> Option<String> {
    let digits = text.chars().filter(|c| !c.is_whitespace() && *c != '-');
    // Longer texts are no codes; the rest of them is not worth reading.
    let digits: String = digits.take(2 * (16 + MAC_BYTES) + 1).collect();
    let fits = (START_DIGITS..=2 * (16 + MAC_BYTES)).contains(&digits.len());
    (fits && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
        .then(|| digits.to_ascii_uppercase())
}

/// Returns the least and the greatest ticket id whose codes begin with `start`, which are hexadecimal
/// digits.
pub(super) fn ids_from_start(start: &str) -> Option<(Uuid, Uuid)> {
    let id = start.get(..32).unwrap_or(start);
    let (least, greatest) = (format!("{id:0<32}"), format!("{id:F<32}"));
    Uuid::try_parse(&least).ok().zip(Uuid::try_parse(&greatest).ok())
}

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

    /// True if a code begins with `start`, as [`code_start`] reads it.
    pub(super) fn begins_with(&self, ticket: Uuid, start: &str) -> bool {
        self.code(ticket).starts_with(start)
    }

    fn mac(&self, ticket: Uuid) -> blake3::Hash {
        blake3::keyed_hash(&self.key, ticket.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_by_its_beginning_as_people_type_it() {
        let codes = TicketCodes::new("secret");
        let id = Uuid::from_u128(0x1A2B_3C4D_5E6F_8708_9910_1112_1314_1516);
        let code = codes.code(id);
        assert_eq!(short_code(&code), "1A2B 3C4D");
        for text in ["1A2B 3C4D", " 1a2b-3c4d", "1a2b3c4d5e6f", &code, &code[..40]] {
            let start = code_start(text).expect("a beginning");
            let (least, greatest) = ids_from_start(&start).expect("ids");
            assert!(least <= id && id <= greatest && codes.begins_with(id, &start), "{text}");
        }
        let (_, greatest) = ids_from_start("1A2B3C4C").expect("ids");
        assert!(greatest < id);
        let forged = format!("{}{}", &code[..32], "0".repeat(32));
        assert!(!codes.begins_with(id, &code_start(&forged).expect("digits")));
        for text in ["", "1A2B3C4", "1A2B 3C4G", "한글 코드 여덟 글자", &"0".repeat(65)] {
            assert_eq!(code_start(text), None, "{text}");
        }
    }
}
