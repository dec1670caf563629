//! Which valid tokens came lately, in bounded memory: each leaves a few bytes of its signature in a slot,
//! where another may replace them.

use std::sync::atomic::{AtomicU64, Ordering};

/// 512 KiB.
const SLOTS: usize = 65_536;
/// Bytes that choose the slot, and bytes that are kept in it: the last ones of a signature. Two tokens
/// that are alike in both only make a valid token remembered at its first sight.
const CHOOSING: usize = 8;
const KEPT: usize = 8;

/// Tokens that were seen.
pub(super) struct Sighted(Box<[AtomicU64]>);

impl Default for Sighted {
    fn default() -> Self {
        Self((0..SLOTS).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Sighted {
    /// Notes a valid token; returns true if it came before, and its slot is still its own.
    pub(super) fn again(&self, token: &str) -> bool {
        let Some((rest, kept)) = token.as_bytes().split_last_chunk::<KEPT>() else { return false };
        let Some(choosing) = rest.last_chunk::<CHOOSING>() else { return false };
        // Letters of base64 fill their bytes unevenly: a product spreads them over its upper bits.
        let spread = u64::from_le_bytes(*choosing).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let slot = usize::try_from(spread >> 48).unwrap_or_default();
        let kept = u64::from_le_bytes(*kept);
        self.0[slot].swap(kept, Ordering::Relaxed) == kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(number: u64) -> String {
        blake3::hash(&number.to_le_bytes()).to_hex().to_string()
    }

    #[test]
    fn a_token_is_known_when_it_comes_again() {
        let sighted = Sighted::default();
        assert!(!sighted.again(&token(1)));
        assert!(!sighted.again(&token(2)));
        assert!(sighted.again(&token(1)) && sighted.again(&token(2)));
        assert!(!sighted.again("short") && !sighted.again("short"));
    }

    #[test]
    fn tokens_of_a_crowd_spread_over_the_slots() {
        let sighted = Sighted::default();
        (0..30_000).for_each(|number| assert!(!sighted.again(&token(number))));
        let again = (0..30_000).filter(|number| sighted.again(&token(*number))).count();
        // Evenly spread, more than six in ten are alone in their slot.
        assert!(again > 18_000, "{again}");
    }
}
