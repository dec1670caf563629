//! Passes: signed texts that name an admission. Whether the session is still open is the box office's
//! to say; a signature only keeps forged, shared and foreign passes out.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::ids::{OfferingId, UserId};
use crate::inventory::Pass;

/// The beginning of every pass.
const PREFIX: &str = "pass_";
/// Bytes of the signature in a pass.
const MAC_BYTES: usize = 16;
/// Generation, number, signature.
const BYTES: usize = 4 + 4 + MAC_BYTES;

/// Signs and reads passes.
#[derive(Clone)]
pub struct Passes {
    key: [u8; 32],
}

impl Passes {
    /// With a key of its own, derived from the secret of the access tokens: neither can stand for the
    /// other.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self { key: blake3::derive_key("admitone waiting room pass v1", secret.as_bytes()) }
    }

    /// The pass of a customer's admission to an event.
    #[must_use]
    pub fn sign(&self, event: OfferingId, customer: UserId, pass: Pass) -> String {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend_from_slice(&pass.generation.to_be_bytes());
        bytes.extend_from_slice(&pass.number.to_be_bytes());
        bytes.extend_from_slice(&self.mac(event, customer, pass));
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads a pass of this customer for this event; `None` if it is forged, or of another customer or
    /// event.
    #[must_use]
    pub fn read(&self, event: OfferingId, customer: UserId, text: &str) -> Option<Pass> {
        // A longer text was not made here, and is not worth decoding.
        let encoded = text.strip_prefix(PREFIX).filter(|encoded| encoded.len() <= 2 * BYTES)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        let (number, mac) = bytes.split_at_checked(8)?;
        let (generation, number) = number.split_at(4);
        let pass = Pass {
            generation: u32::from_be_bytes(generation.try_into().ok()?),
            number: u32::from_be_bytes(number.try_into().ok()?),
        };
        // Every byte is compared, so that the time taken tells nothing.
        let expected = self.mac(event, customer, pass);
        let differs = expected.iter().zip(mac).fold(0, |differs, (a, b)| differs | (a ^ b));
        (mac.len() == MAC_BYTES && differs == 0).then_some(pass)
    }

    fn mac(&self, event: OfferingId, customer: UserId, pass: Pass) -> [u8; MAC_BYTES] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(event.0.as_bytes()).update(customer.0.as_bytes());
        hasher.update(&pass.generation.to_be_bytes()).update(&pass.number.to_be_bytes());
        let mut mac = [0; MAC_BYTES];
        mac.copy_from_slice(&hasher.finalize().as_bytes()[..MAC_BYTES]);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_is_of_one_customer_one_event_and_one_admission() {
        let passes = Passes::new("a secret");
        let (event, other) = (OfferingId::new(), OfferingId::new());
        let (owner, thief) = (UserId::random(), UserId::random());
        let pass = Pass { generation: 2, number: 70_000 };
        let text = passes.sign(event, owner, pass);
        assert_eq!(passes.read(event, owner, &text), Some(pass));
        assert_eq!(passes.read(event, thief, &text), None);
        assert_eq!(passes.read(other, owner, &text), None);
        assert_eq!(Passes::new("another").read(event, owner, &text), None);
        for bad in ["", "pass_", "pass_AAAA", "Bearer x", &text[5..], &text[..20]] {
            assert_eq!(passes.read(event, owner, bad), None, "{bad}");
        }
        let long = format!("pass_{}", "A".repeat(1 << 20));
        assert_eq!(passes.read(event, owner, &long), None);
    }
}
