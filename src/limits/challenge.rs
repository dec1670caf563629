//! Proofs of work for a network that is over its limit: one who does some work gets a fresh allowance,
//! so that thousands behind one address are slowed down and not shut out.

use std::net::IpAddr;
use std::time::Duration;

use super::Class;
use crate::proof_of_work::{Bound, Challenge, Challenges, Flaw, GOOD_MS, MAC_BYTES};

/// Zero bits that are asked for: a second or so on a phone.
pub const BITS: u8 = 18;
/// How long a proof is remembered as used: longer than its challenge is good, since clocks differ.
pub(super) const REMEMBERED: Duration = Duration::from_millis(GOOD_MS.unsigned_abs() + 60_000);

/// The challenges of a process. Those of all instances have the same key.
pub(super) struct LimitChallenges(Challenges);

impl LimitChallenges {
    pub(super) fn new(secret: &str) -> Self {
        Self(Challenges::new("admitone limit challenge v1", secret))
    }

    pub(super) fn issue(&self, class: Class, network: IpAddr, now_ms: i64) -> Challenge {
        let number = rand::random();
        self.0.issue(Bound { number, to: &bytes(class, network) }, BITS, now_ms)
    }

    /// Checks a proof. Returns what tells its challenge from all others.
    pub(super) fn check(
        &self,
        class: Class,
        network: IpAddr,
        proof: &str,
        now_ms: i64,
    ) -> Result<[u8; MAC_BYTES], Flaw> {
        self.0.check_any(&bytes(class, network), BITS, proof, now_ms)
    }
}

fn bytes(class: Class, network: IpAddr) -> Vec<u8> {
    format!("{} {network}", class.as_str()).into_bytes()
}
