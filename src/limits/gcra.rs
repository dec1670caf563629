//! The generic cell rate algorithm, in integers: of all that a limit has to remember, one number is
//! left, the time at which all requests so far will have had their share of the rate.
//! <https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm>
//!
//! A limit of 100 in 60 s lets 100 requests pass at once and one more every 600 ms. `take.lua` does the
//! same in Redis.

use std::time::Duration;

/// A rate: one request in `interval_us`, and up to `burst` at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Microseconds between two requests at the steady rate.
    pub interval_us: u64,
    /// The most requests at once.
    pub burst: u64,
}

/// What a limit says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// True if the request is within the limit.
    pub is_within: bool,
    /// Microseconds until everything so far has had its share.
    pub debt_us: u64,
    rate: Rate,
}

impl Rate {
    /// Lets `limit` requests pass in `window`, and `burst` of them at once.
    #[must_use]
    pub fn new(limit: u32, window: Duration, burst: u32) -> Self {
        let window_us = u64::try_from(window.as_micros()).unwrap_or(u64::MAX);
        Self { interval_us: window_us / u64::from(limit.max(1)), burst: u64::from(burst.max(1)) }
    }

    /// Returns the share of one of several instances that count apart.
    #[must_use]
    pub fn shared_by(self, instances: u64) -> Self {
        let instances = instances.max(1);
        Self {
            interval_us: self.interval_us.saturating_mul(instances),
            burst: (self.burst / instances).max(1),
        }
    }

    /// Returns the debt after `requests` at once.
    #[must_use]
    pub fn debt_of(self, requests: u64) -> u64 {
        self.interval_us.saturating_mul(requests)
    }

    /// Returns what the limit says, given the debt after the request was counted, or without it if it was not.
    #[must_use]
    pub fn standing(self, is_within: bool, debt_us: u64) -> Standing {
        Standing { is_within, debt_us, rate: self }
    }

    /// Decides about a request at `now_us`, if all earlier ones will have had their share at `due_us`.
    /// Returns the new `due_us` too: a request beyond the limit does not change it.
    #[must_use]
    pub fn decide(self, due_us: u64, now_us: u64) -> (u64, Standing) {
        let due_us = due_us.max(now_us);
        let after = due_us.saturating_add(self.interval_us);
        let is_within = after - now_us <= self.debt_of(self.burst);
        let due_us = if is_within { after } else { due_us };
        (due_us, self.standing(is_within, due_us - now_us))
    }
}

impl Standing {
    /// Returns how many more requests are within the limit now.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.rate.debt_of(self.rate.burst).saturating_sub(self.debt_us)
            / self.rate.interval_us.max(1)
    }

    /// Returns the most requests at once.
    #[must_use]
    pub fn quota(&self) -> u64 {
        self.rate.burst
    }

    /// Returns the seconds after which all of [`Self::quota`] is there again, rounded up.
    #[must_use]
    pub fn window_s(&self) -> u64 {
        self.rate.debt_of(self.rate.burst).div_ceil(1_000_000)
    }

    /// Returns how long to wait until one more request is within the limit.
    #[must_use]
    pub fn wait(&self) -> Duration {
        let room_us = self.rate.debt_of(self.rate.burst.saturating_sub(1));
        Duration::from_micros(self.debt_us.saturating_sub(room_us))
    }

    /// Returns how many seconds it takes until everything is as if there had been no request, rounded up.
    #[must_use]
    pub fn seconds_to_full(&self) -> u64 {
        self.debt_us.div_ceil(1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_limit_passes_at_once_and_one_more_when_its_share_of_the_time_is_over() {
        for (limit, wait_ms) in [(20, 3_000), (100, 600), (200, 300)] {
            let rate = Rate::new(limit, MINUTE, limit);
            let (mut due, mut now) = (0, 5_000_000);
            for left in (0..limit).rev() {
                let (after, standing) = rate.decide(due, now);
                assert!(standing.is_within);
                assert_eq!(standing.remaining(), u64::from(left));
                due = after;
            }
            let (after, standing) = rate.decide(due, now);
            assert!(!standing.is_within && standing.remaining() == 0);
            assert_eq!(standing.wait(), Duration::from_millis(wait_ms));
            assert_eq!(standing.seconds_to_full(), 60);
            assert_eq!(after, due, "a refused request changes nothing");
            now += wait_ms * 1_000 - 1;
            assert!(!rate.decide(due, now).1.is_within, "a microsecond too early");
            let (due, standing) = rate.decide(due, now + 1);
            assert!(standing.is_within && !rate.decide(due, now + 1).1.is_within);
        }
    }

    #[test]
    fn in_any_time_no_more_pass_than_the_limit_and_what_came_back_meanwhile() {
        let rate = Rate::new(100, MINUTE, 100);
        let (mut due, mut passed, mut now) = (0, 0_u64, 1_000_000_u64);
        let mut random = 7_u64;
        while now < 601_000_000 {
            let (after, standing) = rate.decide(due, now);
            due = after;
            passed += u64::from(standing.is_within);
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            now += random >> 47;
        }
        assert!((1_095..=1_100).contains(&passed), "{passed}");
    }

    #[test]
    fn instances_that_count_apart_have_the_limit_together() {
        let rate = Rate::new(100, MINUTE, 100).shared_by(3);
        assert_eq!(rate, Rate { interval_us: 1_800_000, burst: 33 });
        assert_eq!(Rate::new(20, MINUTE, 20).shared_by(50).burst, 1);
        assert_eq!(Rate::new(20, MINUTE, 20).shared_by(0), Rate::new(20, MINUTE, 20));
    }
}
