//! Whether this machine's clock may decide deadlines. One jump of a day must neither expire a
//! whole sale nor freeze it, so the wall clock is compared with what the database last said plus
//! the time that has passed since by the monotonic clock. Where they part, nothing is decided
//! until the database has been asked again.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::inventory::TimestampMs;

/// Shared by all box offices of a process.
pub(super) struct ClockGuard {
    clock: Arc<dyn Clock>,
    tolerance_ms: i64,
    /// The database's clock minus our monotonic clock, in ms.
    base_ms: AtomicI64,
    /// Round trip of the measurement `base_ms` is from: a long one says little.
    best: Mutex<Option<Duration>>,
}

impl ClockGuard {
    pub(super) fn new(clock: Arc<dyn Clock>, tolerance: Duration) -> Self {
        let tolerance_ms = i64::try_from(tolerance.as_millis()).unwrap_or(i64::MAX);
        let base_ms = AtomicI64::new(clock.now_ms() - monotonic_ms(&*clock));
        Self { clock, tolerance_ms, base_ms, best: Mutex::new(None) }
    }

    /// The wall time, or `None` while it is not trusted.
    pub(super) fn now(&self) -> Option<TimestampMs> {
        let now = self.clock.now_ms();
        (now.abs_diff(self.expected()) <= self.tolerance_ms.unsigned_abs()).then_some(now)
    }

    /// How many milliseconds the wall clock is ahead of the database's.
    pub(super) fn skew_ms(&self) -> i64 {
        self.clock.now_ms().saturating_sub(self.expected())
    }

    fn expected(&self) -> TimestampMs {
        self.base_ms.load(Ordering::Relaxed) + monotonic_ms(&*self.clock)
    }

    /// Takes in what the database's clock showed at some time between `sent` and now.
    pub(super) fn observe(&self, database_now: TimestampMs, sent: Duration) {
        let received = self.clock.monotonic();
        let round_trip = received.saturating_sub(sent);
        let mut best = self.best.lock().unwrap_or_else(PoisonError::into_inner);
        // A slow answer may have been read off the database's clock any time ago: it is used only
        // where it is no worse than what we have, which ages a little with every look.
        if best.is_some_and(|best| round_trip > best + Duration::from_millis(5)) {
            *best = best.map(|best| best + best / 8 + Duration::from_millis(1));
            return;
        }
        *best = Some(round_trip);
        let middle = sent + round_trip / 2;
        let middle_ms = i64::try_from(middle.as_millis()).unwrap_or(i64::MAX);
        self.base_ms.store(database_now - middle_ms, Ordering::Relaxed);
    }

    /// The monotonic clock, to pass to [`Self::observe`].
    pub(super) fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }
}

fn monotonic_ms(clock: &dyn Clock) -> i64 {
    i64::try_from(clock.monotonic().as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    /// A machine whose wall clock can be set.
    #[derive(Default)]
    struct Machine {
        wall_ms: AtomicI64,
        monotonic_ms: AtomicU64,
    }

    impl Clock for Machine {
        fn now_ms(&self) -> TimestampMs {
            self.wall_ms.load(Ordering::SeqCst)
        }
        fn monotonic(&self) -> Duration {
            Duration::from_millis(self.monotonic_ms.load(Ordering::SeqCst))
        }
    }

    #[test]
    fn a_jump_of_the_wall_clock_stops_decisions_until_it_is_right_again() {
        let machine = Arc::new(Machine::default());
        machine.wall_ms.store(1_000_000, Ordering::SeqCst);
        let guard = ClockGuard::new(machine.clone(), Duration::from_secs(1));
        guard.observe(1_000_200, Duration::ZERO);
        assert_eq!(guard.now(), Some(1_000_000));

        let day = 86_400_000;
        machine.wall_ms.store(1_000_000 + day, Ordering::SeqCst);
        assert_eq!(guard.now(), None);
        guard.observe(1_000_200, Duration::ZERO);
        assert_eq!(guard.now(), None, "the database does not confirm the jump");

        machine.wall_ms.store(1_000_000, Ordering::SeqCst);
        assert_eq!(guard.now(), Some(1_000_000));
    }

    #[test]
    fn a_measurement_with_a_long_round_trip_does_not_spoil_a_good_one() {
        let machine = Arc::new(Machine::default());
        let guard = ClockGuard::new(machine.clone(), Duration::from_secs(1));
        guard.observe(0, Duration::ZERO);
        machine.wall_ms.store(9_000, Ordering::SeqCst);
        machine.monotonic_ms.store(9_000, Ordering::SeqCst);
        // Sent at 0, read off the database's clock at 100, stalled on the way back.
        guard.observe(100, Duration::ZERO);
        assert_eq!(guard.now(), Some(9_000));
    }
}
