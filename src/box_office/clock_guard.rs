//! Decides whether this machine's clock may be used for deadlines. One jump of a day must neither
//! expire a whole sale nor freeze it, so the clock is compared with the last time from the database
//! plus the time that has passed since by the monotonic clock. If the two differ, nothing is
//! decided until the database has been asked again. A database in this process has no clock of its
//! own and is not asked.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::inventory::TimestampMs;

/// Shared by all box offices of a process.
pub(crate) struct ClockGuard {
    clock: Arc<dyn Clock>,
    /// `None` if there is no other clock to compare with.
    tolerance_ms: Option<u64>,
    /// True if the two clocks agreed until the step that is not believed yet: the time given out is
    /// right.
    has_agreed: AtomicBool,
    /// The database's clock minus our monotonic clock, in milliseconds.
    base_ms: AtomicI64,
    /// Round trip of the measurement of `base_ms`; a long one is not accurate.
    best: Mutex<Option<Duration>>,
}

impl ClockGuard {
    /// Returns the guard of a clock that may differ from the database's by `tolerance`, which is
    /// `None` if the database has no clock of its own.
    pub(crate) fn new(clock: Arc<dyn Clock>, tolerance: Option<Duration>) -> Self {
        let millis = |tolerance: Duration| u64::try_from(tolerance.as_millis()).unwrap_or(u64::MAX);
        let base_ms = AtomicI64::new(clock.now_ms() - monotonic_ms(&*clock));
        Self {
            clock,
            tolerance_ms: tolerance.map(millis),
            has_agreed: AtomicBool::new(false),
            base_ms,
            best: Mutex::new(None),
        }
    }

    /// Returns the time, or `None` while it is not trusted.
    pub(crate) fn now(&self) -> Option<TimestampMs> {
        let now = self.clock.now_ms();
        let Some(tolerance_ms) = self.tolerance_ms else { return Some(now) };
        let expected = self.expected();
        if now.abs_diff(expected) <= tolerance_ms {
            // Only after the database was asked.
            if !self.has_agreed.load(Ordering::Relaxed) && self.was_asked() {
                self.has_agreed.store(true, Ordering::Relaxed);
            }
            return Some(now);
        }
        let shown = self.clock.unsteady_ms();
        if shown.abs_diff(expected) > tolerance_ms {
            self.has_agreed.store(false, Ordering::Relaxed);
            return None;
        }
        if self.has_agreed.load(Ordering::Relaxed) {
            // The database's clock has made the step too, as that of a database on this machine
            // does: like this machine's step, it is believed once it has lasted.
            return Some(now);
        }
        tracing::info!("the clock of this machine agrees with the database's by now");
        self.clock.believe();
        Some(shown)
    }

    /// Milliseconds by which this machine's clock is ahead of the database's.
    pub(crate) fn skew_ms(&self) -> i64 {
        self.clock.now_ms().saturating_sub(self.expected())
    }

    /// Milliseconds by which the machine's clock has stepped away from the time given out here.
    pub(crate) fn step_ms(&self) -> i64 {
        self.clock.unsteady_ms().saturating_sub(self.clock.now_ms())
    }

    fn was_asked(&self) -> bool {
        self.best.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn expected(&self) -> TimestampMs {
        self.base_ms.load(Ordering::Relaxed) + monotonic_ms(&*self.clock)
    }

    /// Records the database's clock, which was read at some time between `sent` and now.
    pub(crate) fn observe(&self, database_now: TimestampMs, sent: Duration) {
        let received = self.clock.monotonic();
        let round_trip = received.saturating_sub(sent);
        let mut best = self.best.lock().unwrap_or_else(PoisonError::into_inner);
        // The time in a slow reply may have been read long ago: it is used only if its round trip
        // is no worse than the best one, which ages a little with every reply.
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
    pub(crate) fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }
}

fn monotonic_ms(clock: &dyn Clock) -> i64 {
    i64::try_from(clock.monotonic().as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{BELIEVED_AFTER, SetClock, SteadyClock};

    const DAY_MS: i64 = 86_400_000;

    fn steady(machine: &Arc<SetClock>) -> ClockGuard {
        let clock = Arc::new(SteadyClock::new(machine.clone(), BELIEVED_AFTER));
        ClockGuard::new(clock, Some(Duration::from_secs(1)))
    }

    #[test]
    fn a_clock_that_parts_from_the_databases_stops_decisions_until_it_is_right_again() {
        let machine = Arc::new(SetClock::at(1_000_000));
        let guard = ClockGuard::new(machine.clone(), Some(Duration::from_secs(1)));
        guard.observe(1_000_200, Duration::ZERO);
        assert_eq!(guard.now(), Some(1_000_000));

        machine.step_ms(DAY_MS);
        assert_eq!(guard.now(), None);
        guard.observe(1_000_200, Duration::ZERO);
        assert_eq!(guard.now(), None, "the database does not confirm the jump");

        machine.step_ms(-DAY_MS);
        assert_eq!(guard.now(), Some(1_000_000));
    }

    #[test]
    fn a_jump_that_the_database_does_not_show_stops_nothing_until_it_is_believed() {
        let machine = Arc::new(SetClock::at(1_000_000));
        let guard = steady(&machine);
        guard.observe(1_000_200, Duration::ZERO);
        assert_eq!(guard.now(), Some(1_000_000));
        machine.step_ms(DAY_MS);
        assert_eq!((guard.now(), guard.step_ms()), (Some(1_000_000), DAY_MS));
        machine.pass_ms(600_000);
        assert_eq!(guard.now(), None, "from now on it is this machine's time, and wrong");
        machine.step_ms(-DAY_MS);
        assert_eq!(guard.now(), Some(1_600_000), "which the database confirms");
    }

    #[test]
    fn a_jump_that_the_database_shows_too_neither_expires_nor_freezes() {
        for jump_ms in [DAY_MS, -DAY_MS] {
            let machine = Arc::new(SetClock::at(DAY_MS));
            let guard = steady(&machine);
            guard.observe(DAY_MS, Duration::ZERO);
            assert_eq!(guard.now(), Some(DAY_MS));
            machine.step_ms(jump_ms);
            guard.observe(DAY_MS + jump_ms, Duration::ZERO);
            assert_eq!(guard.now(), Some(DAY_MS), "{jump_ms}");
            machine.pass_ms(3_000);
            assert_eq!(guard.now(), Some(DAY_MS + 3_000), "{jump_ms}");
        }
    }

    #[test]
    fn a_clock_that_was_wrong_from_the_start_is_believed_as_soon_as_the_database_agrees() {
        let machine = Arc::new(SetClock::at(DAY_MS));
        let guard = steady(&machine);
        guard.observe(1_000_000, Duration::ZERO);
        assert_eq!(guard.now(), None);
        machine.step_ms(1_000_000 - DAY_MS);
        assert_eq!(guard.now(), Some(1_000_000));
    }

    #[test]
    fn a_database_without_a_clock_of_its_own_is_not_asked() {
        let machine = Arc::new(SetClock::at(1_000_000));
        let guard = ClockGuard::new(machine.clone(), None);
        guard.observe(DAY_MS, Duration::ZERO);
        assert_eq!(guard.now(), Some(1_000_000));
    }

    #[test]
    fn a_measurement_with_a_long_round_trip_does_not_spoil_a_good_one() {
        let machine = Arc::new(SetClock::at(0));
        let guard = ClockGuard::new(machine.clone(), Some(Duration::from_secs(1)));
        guard.observe(0, Duration::ZERO);
        machine.pass_ms(9_000);
        // Sent at 0, read off the database's clock at 100, stalled on the way back.
        guard.observe(100, Duration::ZERO);
        assert_eq!(guard.now(), Some(9_000));
    }
}
