//! Challenges before entering: a proof of work that costs a device a second, and a script with ten
//! thousand accounts ten thousand of them. Nothing is stored: a challenge is signed, and good for one
//! entry of one customer.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::ids::{OfferingId, UserId};
use crate::inventory::TimestampMs;

/// How long a challenge is good for.
const GOOD_MS: i64 = 600_000;
/// The beginning of every challenge.
const PREFIX: &str = "chal_";
const MAC_BYTES: usize = 16;
/// Generation, bits, expiry, signature.
const BYTES: usize = 4 + 1 + 8 + MAC_BYTES;
/// The most characters of a proof: with this, SHA-256 has one block to do.
const MAX_PROOF: usize = 55;

/// Makes challenges and checks their proofs.
pub(in crate::waiting_room) struct Challenges {
    key: [u8; 32],
}

/// What a challenge is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::waiting_room) struct Purpose {
    pub(in crate::waiting_room) event: OfferingId,
    pub(in crate::waiting_room) generation: u32,
    pub(in crate::waiting_room) customer: UserId,
    /// The number of the customer's newest entry, if there is one. Entering changes it, so that a
    /// proof is used once.
    pub(in crate::waiting_room) newest: Option<u32>,
}

/// A challenge for one customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The text that the proof begins with.
    pub text: String,
    /// Zero bits with which the hash of the proof begins.
    pub bits: u8,
    /// The end of its life.
    pub expires_at: TimestampMs,
}

/// Why a proof does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Not made here, or for another customer, event or queue, or used before.
    #[error("the challenge is not for this entry: it is another's, or was used before")]
    NotYours,
    /// Too old.
    #[error("the challenge has expired")]
    Expired,
    /// The organiser asks for more work by now.
    #[error("the challenge asks for less work than the queue does now")]
    TooEasy,
    /// The hash does not begin with enough zero bits.
    #[error("the SHA-256 of the proof does not begin with enough zero bits")]
    Unsolved,
}

impl Challenges {
    /// With a key of its own, derived from the secret of the access tokens: no challenge can stand for
    /// a pass or a token.
    pub(super) fn new(secret: &str) -> Self {
        Self { key: blake3::derive_key("admitone waiting room challenge v1", secret.as_bytes()) }
    }

    pub(in crate::waiting_room) fn issue(
        &self,
        purpose: Purpose,
        bits: u8,
        now: TimestampMs,
    ) -> Challenge {
        let expires_at = now.saturating_add(GOOD_MS);
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend_from_slice(&purpose.generation.to_be_bytes());
        bytes.push(bits);
        bytes.extend_from_slice(&expires_at.to_be_bytes());
        let mac = self.mac(purpose, &bytes);
        bytes.extend_from_slice(&mac);
        let text = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
        Challenge { text, bits, expires_at }
    }

    /// Checks a proof, `{challenge}.{nonce}`, for a queue that asks for `bits` now.
    pub(in crate::waiting_room) fn check(
        &self,
        purpose: Purpose,
        bits: u8,
        proof: &str,
        now: TimestampMs,
    ) -> Result<(), Flaw> {
        let signed = self.read(purpose, proof).ok_or(Flaw::NotYours)?;
        if signed.expires_at <= now {
            return Err(Flaw::Expired);
        }
        if signed.bits < bits {
            return Err(Flaw::TooEasy);
        }
        if zero_bits(proof) < u32::from(signed.bits) {
            return Err(Flaw::Unsolved);
        }
        Ok(())
    }

    /// Reads the challenge of a proof; `None` if it was not made here for this purpose.
    fn read(&self, purpose: Purpose, proof: &str) -> Option<Challenge> {
        // A longer text was not made here, and is not worth decoding.
        let (text, nonce) = proof.split_once('.').filter(|_| proof.len() <= MAX_PROOF)?;
        if nonce.is_empty() || !nonce.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let (said, mac) = bytes.split_at_checked(BYTES - MAC_BYTES)?;
        // Every byte is compared, so that the time taken tells nothing.
        let expected = self.mac(purpose, said);
        let differs = expected.iter().zip(mac).fold(0, |differs, (a, b)| differs | (a ^ b));
        if mac.len() != MAC_BYTES || differs != 0 || said[..4] != purpose.generation.to_be_bytes() {
            return None;
        }
        let expires_at = TimestampMs::from_be_bytes(said[5..].try_into().ok()?);
        Some(Challenge { text: text.to_owned(), bits: said[4], expires_at })
    }

    fn mac(&self, purpose: Purpose, said: &[u8]) -> [u8; MAC_BYTES] {
        // No entry has a number that needs more than 32 bits.
        let newest = purpose.newest.map_or(u64::MAX, u64::from);
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(purpose.event.0.as_bytes()).update(purpose.customer.0.as_bytes());
        hasher.update(&newest.to_be_bytes()).update(said);
        let mut mac = [0; MAC_BYTES];
        mac.copy_from_slice(&hasher.finalize().as_bytes()[..MAC_BYTES]);
        mac
    }
}

/// The zero bits with which the SHA-256 of a proof begins.
fn zero_bits(proof: &str) -> u32 {
    let hash = Sha256::digest(proof.as_bytes());
    let (head, _) = hash.split_at(8);
    u64::from_be_bytes(head.try_into().expect("eight bytes")).leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: TimestampMs = 1_790_000_000_000;

    fn purpose() -> Purpose {
        let (event, customer) = (OfferingId::new(), UserId::random());
        Purpose { event, generation: 3, customer, newest: None }
    }

    fn solved(challenge: &Challenge) -> String {
        let mut proofs = (0_u32..).map(|nonce| format!("{}.{nonce}", challenge.text));
        proofs.find(|proof| zero_bits(proof) >= u32::from(challenge.bits)).expect("a nonce")
    }

    #[test]
    fn a_proof_is_for_one_entry_of_one_customer_to_one_queue() {
        let challenges = Challenges::new("a secret");
        let purpose = purpose();
        let proof = solved(&challenges.issue(purpose, 8, NOW));
        assert!(proof.len() <= MAX_PROOF, "{proof}");
        let check = |purpose, proof: &str| challenges.check(purpose, 8, proof, NOW);
        assert_eq!(check(purpose, &proof), Ok(()));
        for other in [
            Purpose { event: OfferingId::new(), ..purpose },
            Purpose { customer: UserId::random(), ..purpose },
            Purpose { generation: 4, ..purpose },
            Purpose { newest: Some(0), ..purpose },
        ] {
            assert_eq!(check(other, &proof), Err(Flaw::NotYours), "{other:?}");
        }
        let foreign = solved(&Challenges::new("another").issue(purpose, 8, NOW));
        assert_eq!(check(purpose, &foreign), Err(Flaw::NotYours));
    }

    #[test]
    fn a_proof_has_enough_bits_and_is_not_too_old() {
        let challenges = Challenges::new("a secret");
        let purpose = purpose();
        let challenge = challenges.issue(purpose, 8, NOW);
        let proof = solved(&challenge);
        let ends = challenge.expires_at;
        assert_eq!(challenges.check(purpose, 8, &proof, ends - 1), Ok(()));
        assert_eq!(challenges.check(purpose, 8, &proof, ends), Err(Flaw::Expired));
        assert_eq!(challenges.check(purpose, 9, &proof, NOW), Err(Flaw::TooEasy));
        assert_eq!(challenges.check(purpose, 2, &proof, NOW), Ok(()), "the rules ask for less");
        let mut nonces = (0_u32..).map(|nonce| format!("{}.{nonce}", challenge.text));
        let wrong = nonces.find(|proof| zero_bits(proof) < 8).expect("most are wrong");
        assert_eq!(challenges.check(purpose, 8, &wrong, NOW), Err(Flaw::Unsolved));
    }

    #[test]
    fn other_texts_are_no_proofs() {
        let challenges = Challenges::new("a secret");
        let purpose = purpose();
        let text = challenges.issue(purpose, 1, NOW).text;
        let easier = text.replacen("chal_AAAAAwE", "chal_AAAAAwA", 1);
        assert_ne!(text, easier, "the number of bits is in it");
        for bad in [
            "",
            ".",
            "chal_.1",
            &*text,
            &format!("{text}."),
            &format!("{text}.x"),
            &format!("{text}.-1"),
            &format!("{text}.12345678901"),
            &format!("{easier}.1"),
            &format!("pass_{}.1", &text[5..]),
            &"A".repeat(1 << 20),
        ] {
            let checked = challenges.check(purpose, 1, bad, NOW);
            assert_eq!(checked, Err(Flaw::NotYours), "{}", &bad[..bad.len().min(60)]);
        }
    }
}
