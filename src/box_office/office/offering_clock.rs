//! The time of one offering. It never runs back: where its journal is ahead of the clock (one that
//! was ahead and has been set right), it goes on from there at half speed until the clock has caught
//! up. So deadlines come at most twice as late, and nothing stands still.

use std::time::Duration;

use crate::inventory::TimestampMs;

/// What the log says of a journal that ends after the clock.
pub const JOURNAL_AHEAD: &str = "a journal ends in the future: the clock was ahead when it was written \
    and has been set right since, or it is behind now. If it is behind, set it right. Otherwise leave \
    it: until the clock has caught up, deadlines come up to twice as late, and sale windows count by the \
    journal's time (docs/operations.md, A journal from the future)";
/// So far ahead is nothing to speak of: clocks of two machines are.
pub const TOLERATED_MS: i64 = 1_000;

pub(crate) struct OfferingClock {
    /// A time that was reached, and when, on the monotonic clock.
    reached: TimestampMs,
    since: Duration,
    ahead_ms: i64,
}

impl OfferingClock {
    /// Of a journal that ends at `row_at`, in service since `monotonic`.
    pub(crate) fn new(row_at: TimestampMs, monotonic: Duration) -> Self {
        Self { reached: row_at, since: monotonic, ahead_ms: 0 }
    }

    /// The offering's time when the clock shows `clock`.
    pub(crate) fn now(&mut self, clock: TimestampMs, monotonic: Duration) -> TimestampMs {
        let passed = monotonic.saturating_sub(self.since) / 2;
        let passed_ms = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX);
        let slow = self.reached.saturating_add(passed_ms);
        self.ahead_ms = slow.saturating_sub(clock).max(0);
        if self.ahead_ms > 0 {
            return slow;
        }
        (self.reached, self.since) = (clock, monotonic);
        clock
    }

    /// How far it was ahead of the clock.
    pub(crate) fn ahead_ms(&self) -> i64 {
        self.ahead_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_journal_ahead_of_the_clock_goes_on_at_half_speed_until_it_is_caught_up_with() {
        let mut pace = OfferingClock::new(100_000, at(0));
        assert_eq!(pace.now(40_000, at(0)), 100_000);
        assert_eq!(pace.now(40_001, Duration::from_millis(1)), 100_000);
        assert_eq!(pace.now(60_000, at(20)), 110_000, "a hold of 10 s is over after 20");
        assert_eq!(pace.ahead_ms(), 50_000);
        assert_eq!(pace.now(160_000, at(120)), 160_000);
        assert_eq!(pace.ahead_ms(), 0);
        assert_eq!(pace.now(161_000, at(121)), 161_000);
    }

    #[test]
    fn a_clock_that_is_set_back_is_caught_up_with_too() {
        let mut pace = OfferingClock::new(0, at(0));
        assert_eq!(pace.now(50_000, at(50)), 50_000);
        assert_eq!(pace.now(20_000, at(50)), 50_000);
        assert_eq!(pace.now(30_000, at(60)), 55_000);
        assert_eq!(pace.now(80_000, at(110)), 80_000);
    }
}
