//! Challenges before entering: a proof of work for one entry of one customer.

use crate::ids::{OfferingId, UserId};
use crate::inventory::TimestampMs;
use crate::proof_of_work::{self, Bound};
pub use crate::proof_of_work::{Challenge, Flaw};

/// Makes challenges and checks their proofs.
pub(in crate::waiting_room) struct Challenges(proof_of_work::Challenges);

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

impl Challenges {
    pub(super) fn new(secret: &str) -> Self {
        Self(proof_of_work::Challenges::new("admitone waiting room challenge v1", secret))
    }

    pub(in crate::waiting_room) fn issue(
        &self,
        purpose: Purpose,
        bits: u8,
        now: TimestampMs,
    ) -> Challenge {
        let to = purpose.bytes();
        self.0.issue(Bound { number: purpose.generation, to: &to }, bits, now)
    }

    /// Checks a proof, `{challenge}.{nonce}`, for a queue that asks for `bits` now.
    pub(in crate::waiting_room) fn check(
        &self,
        purpose: Purpose,
        bits: u8,
        proof: &str,
        now: TimestampMs,
    ) -> Result<(), Flaw> {
        let to = purpose.bytes();
        self.0.check(Bound { number: purpose.generation, to: &to }, bits, proof, now)
    }
}

impl Purpose {
    fn bytes(&self) -> Vec<u8> {
        // No entry has a number that needs more than 32 bits.
        let newest = self.newest.map_or(u64::MAX, u64::from);
        let ids = [self.event.0.as_bytes(), self.customer.0.as_bytes()];
        let ids = ids.into_iter().flatten().copied();
        ids.chain(newest.to_be_bytes()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof_of_work::solve;

    const NOW: TimestampMs = 1_790_000_000_000;

    #[test]
    fn a_proof_is_for_one_entry_of_one_customer_to_one_queue() {
        let challenges = Challenges::new("a secret");
        let (event, customer) = (OfferingId::new(), UserId::random());
        let purpose = Purpose { event, generation: 3, customer, newest: None };
        let challenge = challenges.issue(purpose, 8, NOW);
        let proof = solve(&challenge.text, challenge.bits);
        let check = |purpose| challenges.check(purpose, 8, &proof, NOW);
        assert_eq!(check(purpose), Ok(()));
        for other in [
            Purpose { event: OfferingId::new(), ..purpose },
            Purpose { customer: UserId::random(), ..purpose },
            Purpose { generation: 4, ..purpose },
            Purpose { newest: Some(0), ..purpose },
        ] {
            assert_eq!(check(other), Err(Flaw::NotYours), "{other:?}");
        }
    }
}
