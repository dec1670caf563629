//! Proofs of work: some digits behind a text whose hash begins with enough zero bits. It costs a device a
//! second, and a script with ten thousand requests ten thousand of them. Nothing is stored: a challenge
//! is signed, and bound to what it is good for.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// How long a challenge is good for.
pub const GOOD_MS: i64 = 600_000;
/// The beginning of every challenge.
const PREFIX: &str = "chal_";
/// Bytes of a signature.
pub const MAC_BYTES: usize = 16;
/// Number, bits, expiry, signature.
const BYTES: usize = 4 + 1 + 8 + MAC_BYTES;
/// The most characters of a proof: with this, SHA-256 has one block to do.
const MAX_PROOF: usize = 55;

/// Makes challenges and checks their proofs.
pub struct Challenges {
    key: [u8; 32],
}

/// What a challenge is good for.
#[derive(Clone, Copy, Debug)]
pub struct Bound<'a> {
    /// A number that can be read from the challenge.
    pub number: u32,
    /// What only its maker knows to be behind the signature.
    pub to: &'a [u8],
}

/// A challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The text that the proof begins with.
    pub text: String,
    /// Zero bits with which the hash of the proof begins.
    pub bits: u8,
    /// The end of its life, in milliseconds since 1970.
    pub expires_at: i64,
}

/// Why a proof does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Not made here, or for something else, or used before.
    #[error("the challenge is not for this request: it is another's, or was used before")]
    NotYours,
    /// Too old.
    #[error("the challenge has expired")]
    Expired,
    /// More work is asked for by now.
    #[error("the challenge asks for less work than is needed now")]
    TooEasy,
    /// The hash does not begin with enough zero bits.
    #[error("the SHA-256 of the proof does not begin with enough zero bits")]
    Unsolved,
}

/// A challenge as its text says it.
struct Said {
    number: u32,
    bits: u8,
    expires_at: i64,
    mac: [u8; MAC_BYTES],
}

impl Challenges {
    /// With a key of its own for each `context`, derived from the secret of the access tokens: no
    /// challenge can stand for one of another kind, a pass or a token.
    #[must_use]
    pub fn new(context: &str, secret: &str) -> Self {
        Self { key: blake3::derive_key(context, secret.as_bytes()) }
    }

    /// Makes a challenge that is good for ten minutes from `now`.
    #[must_use]
    pub fn issue(&self, bound: Bound<'_>, bits: u8, now: i64) -> Challenge {
        let expires_at = now.saturating_add(GOOD_MS);
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend_from_slice(&bound.number.to_be_bytes());
        bytes.push(bits);
        bytes.extend_from_slice(&expires_at.to_be_bytes());
        let mac = self.mac(bound.to, &bytes);
        bytes.extend_from_slice(&mac);
        let text = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
        Challenge { text, bits, expires_at }
    }

    /// Checks a proof, `{challenge}.{nonce}`, where `bits` are asked for now.
    ///
    /// # Errors
    /// [`Flaw`].
    pub fn check(&self, bound: Bound<'_>, bits: u8, proof: &str, now: i64) -> Result<(), Flaw> {
        let said = self.read(bound.to, proof).filter(|said| said.number == bound.number);
        said.ok_or(Flaw::NotYours)?.is_done(bits, proof, now)
    }

    /// Checks a proof of a challenge with any number. Returns what tells the challenge from all others, so
    /// that it can be remembered as used, and its bits.
    ///
    /// # Errors
    /// [`Flaw`].
    pub fn check_any(
        &self,
        to: &[u8],
        bits: u8,
        proof: &str,
        now: i64,
    ) -> Result<([u8; MAC_BYTES], u8), Flaw> {
        let said = self.read(to, proof).ok_or(Flaw::NotYours)?;
        said.is_done(bits, proof, now).map(|()| (said.mac, said.bits))
    }

    /// Reads the challenge of a proof; `None` if it was not made here for this.
    fn read(&self, to: &[u8], proof: &str) -> Option<Said> {
        // A longer text was not made here, and is not worth decoding.
        let (text, nonce) = proof.split_once('.').filter(|_| proof.len() <= MAX_PROOF)?;
        if nonce.is_empty() || !nonce.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let (said, mac) = bytes.split_at_checked(BYTES - MAC_BYTES)?;
        // Every byte is compared, so that the time taken tells nothing.
        let expected = self.mac(to, said);
        let differs = expected.iter().zip(mac).fold(0, |differs, (a, b)| differs | (a ^ b));
        if mac.len() != MAC_BYTES || differs != 0 {
            return None;
        }
        let number = u32::from_be_bytes(said[..4].try_into().ok()?);
        let expires_at = i64::from_be_bytes(said[5..].try_into().ok()?);
        Some(Said { number, bits: said[4], expires_at, mac: expected })
    }

    fn mac(&self, to: &[u8], said: &[u8]) -> [u8; MAC_BYTES] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(to).update(said);
        let mut mac = [0; MAC_BYTES];
        mac.copy_from_slice(&hasher.finalize().as_bytes()[..MAC_BYTES]);
        mac
    }
}

impl Said {
    fn is_done(&self, bits: u8, proof: &str, now: i64) -> Result<(), Flaw> {
        if self.expires_at <= now {
            return Err(Flaw::Expired);
        }
        if self.bits < bits {
            return Err(Flaw::TooEasy);
        }
        if zero_bits(proof) < u32::from(self.bits) {
            return Err(Flaw::Unsolved);
        }
        Ok(())
    }
}

/// Returns a proof of a challenge, as a client finds it: for tests and for the load generator.
#[must_use]
pub fn solve(challenge: &str, bits: u8) -> String {
    let mut proof = format!("{challenge}.");
    let begins = proof.len();
    for nonce in 0_u32.. {
        proof.truncate(begins);
        let _ = write!(proof, "{nonce}");
        if zero_bits(&proof) >= u32::from(bits) {
            break;
        }
    }
    proof
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

    const NOW: i64 = 1_790_000_000_000;
    const CONTEXT: &str = "admitone tests of challenges";
    const BOUND: Bound<'static> = Bound { number: 3, to: b"one entry" };

    fn solved(challenge: &Challenge) -> String {
        solve(&challenge.text, challenge.bits)
    }

    #[test]
    fn a_proof_is_good_for_what_its_challenge_is_bound_to() {
        let challenges = Challenges::new(CONTEXT, "a secret");
        let proof = solved(&challenges.issue(BOUND, 8, NOW));
        assert!(proof.len() <= MAX_PROOF, "{proof}");
        assert_eq!(challenges.check(BOUND, 8, &proof, NOW), Ok(()));
        for other in [Bound { number: 4, ..BOUND }, Bound { to: b"another", ..BOUND }] {
            assert_eq!(challenges.check(other, 8, &proof, NOW), Err(Flaw::NotYours), "{other:?}");
        }
        let foreign = solved(&Challenges::new(CONTEXT, "another").issue(BOUND, 8, NOW));
        assert_eq!(challenges.check(BOUND, 8, &foreign, NOW), Err(Flaw::NotYours));
        let other_use = solved(&Challenges::new("another use", "a secret").issue(BOUND, 8, NOW));
        assert_eq!(challenges.check(BOUND, 8, &other_use, NOW), Err(Flaw::NotYours));
    }

    #[test]
    fn challenges_with_numbers_of_their_own_are_told_apart_as_used() {
        let challenges = Challenges::new(CONTEXT, "a secret");
        let of = |number| {
            let proof = solved(&challenges.issue(Bound { number, ..BOUND }, 4, NOW));
            challenges.check_any(BOUND.to, 4, &proof, NOW)
        };
        assert!(of(1).is_ok() && of(1) == of(1) && of(1) != of(2));
    }

    #[test]
    fn a_proof_has_enough_bits_and_is_not_too_old() {
        let challenges = Challenges::new(CONTEXT, "a secret");
        let challenge = challenges.issue(BOUND, 8, NOW);
        let proof = solved(&challenge);
        let ends = challenge.expires_at;
        assert_eq!(challenges.check(BOUND, 8, &proof, ends - 1), Ok(()));
        assert_eq!(challenges.check(BOUND, 8, &proof, ends), Err(Flaw::Expired));
        assert_eq!(challenges.check(BOUND, 9, &proof, NOW), Err(Flaw::TooEasy));
        assert_eq!(challenges.check(BOUND, 2, &proof, NOW), Ok(()), "the rules ask for less");
        let mut nonces = (0_u32..).map(|nonce| format!("{}.{nonce}", challenge.text));
        let wrong = nonces.find(|proof| zero_bits(proof) < 8).expect("most are wrong");
        assert_eq!(challenges.check(BOUND, 8, &wrong, NOW), Err(Flaw::Unsolved));
    }

    #[test]
    fn other_texts_are_no_proofs() {
        let challenges = Challenges::new(CONTEXT, "a secret");
        let text = challenges.issue(BOUND, 1, NOW).text;
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
            let checked = challenges.check(BOUND, 1, bad, NOW);
            assert_eq!(checked, Err(Flaw::NotYours), "{}", &bad[..bad.len().min(60)]);
        }
    }
}
