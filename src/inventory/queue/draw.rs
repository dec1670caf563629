//! The draw of a pre-queue, by a documented byte form (`docs/waiting-room.md`), so that anybody can
//! repeat it: SHA-256 throughout, numbers in big-endian order.

use sha2::{Digest, Sha256};

/// Rounds of the permutation.
const ROUNDS: u8 = 8;

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// The hash of an empty list of entries.
#[must_use]
pub fn first_link() -> [u8; 32] {
    sha256(&[b"admitone-queue-1"])
}

/// The hash of a list of entries, from that of the list without its last entry.
#[must_use]
pub fn chained(list: [u8; 32], entry: [u8; 16]) -> [u8; 32] {
    sha256(&[&list, &entry])
}

/// The public commitment to a secret.
#[must_use]
pub fn commitment_of(secret: &[u8; 32]) -> [u8; 32] {
    sha256(&[secret])
}

/// The seed of the draw over the list with the hash `root`.
#[must_use]
pub fn seed_of(secret: &[u8; 32], root: &[u8; 32], public_value: &str) -> [u8; 32] {
    sha256(&[b"admitone-draw-1", secret, root, public_value.as_bytes()])
}

/// A permutation of the numbers below `count`, computed place by place: a Feistel network over the
/// next power of four, walked until it meets a number below `count` (J. Black and P. Rogaway,
/// "Ciphers with Arbitrary Finite Domains", 2002).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    seed: [u8; 32],
    count: u32,
    half_bits: u32,
}

impl Draw {
    /// The permutation of the numbers below `count` that belongs to `seed`.
    #[must_use]
    pub fn new(seed: [u8; 32], count: u32) -> Self {
        let bits = 32 - count.saturating_sub(1).leading_zeros();
        Self { seed, count, half_bits: bits.div_ceil(2).max(1) }
    }

    /// How many entries took part.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The seed.
    #[must_use]
    pub fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// The place of an entry: `number` must be below the count.
    #[must_use]
    pub fn place_of(&self, number: u32) -> u32 {
        self.walk(number, |value| self.forward(value))
    }

    /// The entry at a place: `place` must be below the count.
    #[must_use]
    pub fn number_at(&self, place: u32) -> u32 {
        self.walk(place, |value| self.backward(value))
    }

    fn walk(&self, from: u32, step: impl Fn(u32) -> u32) -> u32 {
        if from >= self.count {
            return from;
        }
        let mut value = step(from);
        // Ends: the network is a permutation, and the walk began below the count.
        while value >= self.count {
            value = step(value);
        }
        value
    }

    fn forward(&self, value: u32) -> u32 {
        let (mut left, mut right) = self.split(value);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ self.mixed(round, right));
        }
        left << self.half_bits | right
    }

    fn backward(&self, value: u32) -> u32 {
        let (mut left, mut right) = self.split(value);
        for round in (0..ROUNDS).rev() {
            (left, right) = (right ^ self.mixed(round, left), left);
        }
        left << self.half_bits | right
    }

    fn split(&self, value: u32) -> (u32, u32) {
        (value >> self.half_bits, value & self.mask())
    }

    fn mask(&self) -> u32 {
        (1 << self.half_bits) - 1
    }

    fn mixed(&self, round: u8, half: u32) -> u32 {
        let hash = sha256(&[&self.seed, &[round], &half.to_be_bytes()]);
        u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]) & self.mask()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_gives_every_place_once() {
        for count in [1, 2, 3, 4, 5, 16, 17, 100, 1_000, 4_097] {
            let draw = Draw::new(seed_of(&[7; 32], &first_link(), ""), count);
            let mut places: Vec<u32> = (0..count).map(|number| draw.place_of(number)).collect();
            for (number, place) in (0..).zip(&places) {
                assert_eq!(draw.number_at(*place), number);
            }
            places.sort_unstable();
            assert!(places.into_iter().eq(0..count));
        }
    }

    #[test]
    fn who_comes_after_the_draw_keeps_the_order_of_arrival() {
        let draw = Draw::new([1; 32], 10);
        assert_eq!((draw.place_of(10), draw.number_at(11)), (10, 11));
        let nobody = Draw::new([0; 32], 0);
        assert_eq!((nobody.place_of(0), nobody.number_at(5)), (0, 5));
    }

    #[test]
    fn early_numbers_have_no_better_places() {
        let count = 1_000;
        let mut sum = 0;
        for seed in 0..50_u8 {
            let draw = Draw::new(seed_of(&[seed; 32], &first_link(), ""), count);
            sum += (0..100).map(|number| u64::from(draw.place_of(number))).sum::<u64>();
        }
        let mean = sum / (50 * 100);
        assert!((460..540).contains(&mean), "the first hundred are at {mean} of 1,000 on average");
    }
}
