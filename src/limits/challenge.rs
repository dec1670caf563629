//! Proofs of work for a network that is over its limit: the request of one who does some work passes, so
//! that thousands behind one address are slowed down and not shut out. The work rises with the number of
//! proofs that a network has shown of late: a server solves them faster than a phone.

use std::net::IpAddr;
use std::time::Duration;

use super::Class;
use crate::proof_of_work::{Bound, Challenge, Challenges, Flaw, GOOD_MS, MAC_BYTES};

/// Zero bits that the first proofs need: a second or so on a phone.
pub const BITS: u8 = 18;
/// The most zero bits: nine of ten phones find a proof within 10 s.
pub const MAX_BITS: u8 = 20;
/// Proofs of a network within [`super::WINDOW`] after which one bit more is asked for. Twice as many more
/// ask for another.
const STEP: u32 = 32;
/// So many bits less than asked for now are enough: others were faster while this one was solved.
const SLACK: u8 = 1;
/// How long a proof is remembered as used: longer than its challenge is good, since clocks differ.
pub(super) const REMEMBERED: Duration = Duration::from_millis(GOOD_MS.unsigned_abs() + 60_000);

/// Returns the bits to ask for after so many proofs of a network.
pub(super) fn bits_after(proofs: u32) -> u8 {
    let doublings = (proofs / STEP + 1).ilog2();
    BITS.saturating_add(u8::try_from(doublings).unwrap_or(u8::MAX)).min(MAX_BITS)
}

/// Returns the most proofs of a network after which a proof with so many bits is still good.
pub(super) fn proofs_for(bits: u8) -> u32 {
    if bits + SLACK >= MAX_BITS {
        return u32::MAX;
    }
    let doublings = u32::from((bits + SLACK).saturating_sub(BITS));
    STEP * ((1 << (doublings + 1)) - 1) - 1
}

/// The challenges of a process. Those of all instances have the same key.
pub(super) struct LimitChallenges(Challenges);

impl LimitChallenges {
    pub(super) fn new(secret: &str) -> Self {
        Self(Challenges::new("admitone limit challenge v1", secret))
    }

    pub(super) fn issue(
        &self,
        (class, network): (Class, IpAddr),
        bits: u8,
        now_ms: i64,
    ) -> Challenge {
        let number = rand::random();
        self.0.issue(Bound { number, to: &bytes(class, network) }, bits, now_ms)
    }

    /// Checks a proof. Returns what tells its challenge from all others, and its bits.
    pub(super) fn check(
        &self,
        class: Class,
        network: IpAddr,
        proof: &str,
        now_ms: i64,
    ) -> Result<([u8; MAC_BYTES], u8), Flaw> {
        self.0.check_any(&bytes(class, network), BITS, proof, now_ms)
    }
}

fn bytes(class: Class, network: IpAddr) -> Vec<u8> {
    format!("{} {network}", class.as_str()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_rises_with_the_proofs_and_a_little_less_is_enough() {
        for (proofs, bits) in [(0, 18), (31, 18), (32, 19), (95, 19), (96, 20), (u32::MAX, 20)] {
            assert_eq!(bits_after(proofs), bits, "{proofs}");
        }
        // One bit less than asked for now is enough, and no less.
        assert_eq!([proofs_for(18), proofs_for(19), proofs_for(20)], [95, u32::MAX, u32::MAX]);
        for proofs in [0, 31, 32, 95] {
            assert!(bits_after(proofs) <= BITS + SLACK, "{proofs}");
        }
        assert_eq!(bits_after(96), BITS + SLACK + 1);
    }
}
