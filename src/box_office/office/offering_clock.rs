//! The clock of one offering. It never runs back: if the journal is ahead of the machine's clock
//! (which was ahead and has been set right), it continues from the journal's end at half speed
//! until the machine's clock has caught up. Deadlines then come at most twice as late, and time
//! does not stand still.

use std::time::Duration;

use crate::inventory::TimestampMs;

/// The log message for a journal that ends in the future.
pub const JOURNAL_AHEAD: &str = "a journal ends in the future: the clock was ahead when it was written \
    and has been set right since, or it is behind now. If it is behind, set it right. Otherwise leave \
    it: until the clock has caught up, deadlines come up to twice as late, and sale windows count by the \
    journal's time (docs/operations.md, A journal from the future)";
/// Milliseconds by which a journal may be ahead without a warning: clocks of two machines differ by
/// as much.
pub const TOLERATED_MS: i64 = 1_000;

pub(crate) struct OfferingClock {
    /// The last time reached; `since` is the monotonic time of that moment.
    reached: TimestampMs,
    since: Duration,
    ahead_ms: i64,
}

impl OfferingClock {
    /// Returns the clock of an offering whose journal ends at `row_at`, in service since
    /// `monotonic`.
    pub(crate) fn new(row_at: TimestampMs, monotonic: Duration) -> Self {
        Self { reached: row_at, since: monotonic, ahead_ms: 0 }
    }

    /// Returns the offering's time when the machine's clock shows `clock`.
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

    /// Milliseconds by which the last returned time was ahead of the machine's clock.
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
