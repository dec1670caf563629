//! The only source of random numbers for ids, jitter and minted keys. A simulation seeds the thread
//! it runs on, and then the same seed draws the same numbers; all other code draws from the
//! thread's cryptographic generator. Secrets are not drawn here.

use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

thread_local! {
    static SEEDED: RefCell<Option<StdRng>> = const { RefCell::new(None) };
}

/// Makes this thread draw numbers that depend on `seed` alone from now on; `None` ends that.
pub fn seed_thread(seed: Option<u64>) {
    SEEDED.set(seed.map(StdRng::seed_from_u64));
}

/// Sixteen random bytes.
#[must_use]
pub fn bytes() -> [u8; 16] {
    draw(|rng| {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        bytes
    })
}

/// A random number within the range.
#[must_use]
pub fn within(range: RangeInclusive<u64>) -> u64 {
    draw(|rng| rng.random_range(range))
}

/// A random pause from half of `longest` to `longest`, so that callers that failed at the same time
/// do not retry at the same time.
#[must_use]
pub fn jittered(longest: Duration) -> Duration {
    let micros = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(within(micros / 2..=micros))
}

fn draw<T>(from: impl FnOnce(&mut dyn Rng) -> T) -> T {
    SEEDED.with_borrow_mut(|seeded| match seeded {
        Some(rng) => from(rng),
        None => from(&mut rand::rng()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seeded_thread_draws_the_same_again_and_others_do_not() {
        let five = || (0..5).map(|_| bytes()).collect::<Vec<_>>();
        seed_thread(Some(7));
        let first = five();
        seed_thread(Some(7));
        assert_eq!(five(), first);
        seed_thread(None);
        assert_ne!(five(), first);
    }
}
