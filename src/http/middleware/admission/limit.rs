//! The number of orders that may be in flight: as many as are answered within the target time. By
//! Little's law the number in flight is the rate of answers times the time of each, so a mean time
//! that is too long by some factor means that the number in flight is too high by the same factor.
//!
//! Where the machine or the network is slow by itself, the target is raised to a multiple of the
//! time that a lone order takes: refusing other orders gains nothing then, while many orders
//! together are cheaper than one by one. Pure: callers pass in all measurements.

use std::time::Duration;

/// The highest limit, and the limit until the first overload.
pub(crate) const MOST: usize = 16_384;
/// The lowest limit.
pub(crate) const LEAST: usize = 64;
/// The target time is at least this many times the time of an order that is almost alone.
const OVER_QUIET: f64 = 4.0;
/// The most orders in flight for a window to count as quiet. The number of answers cannot decide
/// this: the first answers after a standstill are few, and those orders have taken long.
const QUIET: usize = 4;
/// The quiet time follows a shorter measurement at once, and a longer one by at most this factor a
/// window. One slow order, such as the first one, which wakes everything up, or one that meets a
/// stalled database, does not mean that the system has become slow for good.
const QUIET_GROWTH: f64 = 1.05;
/// The most by which the limit grows in a window.
const UP: f64 = 1.5;
/// Growth of the limit after a window without a refusal.
const RECOVERY: f64 = 1.25;

/// Sum of the points of consecutive slow windows at which orders are refused: `TOO_LONG` points for
/// a window with answers, `STILL` for one without. A database that stalls for a moment causes only
/// a short queue; in real overload, some orders are answered in every window.
const MAX_WINDOWS_TOO_LONG: u32 = 15;
const TOO_LONG: u32 = 5;
const STILL: u32 = 3;

/// The measurements of one window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) span: Duration,
    pub(crate) answered: u64,
    /// Sum of the times that the `answered` orders took.
    pub(crate) took: Duration,
    /// Orders that were answered as dismissed: they show only that the server does not stand still.
    pub(crate) dismissed: u64,
    /// The most orders in flight at once.
    pub(crate) highest: usize,
    /// True if a claim was refused in the window.
    pub(crate) refused: bool,
}

/// The limit, and the measurements that it rests on.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    target_s: f64,
    window_s: f64,
    /// Seconds that an order takes when it is alone or almost alone.
    quiet_s: f64,
    /// Points of the consecutive slow windows so far.
    too_long: u32,
    most: f64,
}

impl Limit {
    /// Returns a limit that is recalculated once per `window` while orders arrive.
    pub(crate) fn new(target: Duration, window: Duration) -> Self {
        let (target_s, window_s) = (target.as_secs_f64(), window.as_secs_f64());
        Self { target_s, window_s, quiet_s: 0.0, too_long: 0, most: whole(MOST) }
    }

    /// Sets the time that a lone order probably takes, for use until it is measured; it cannot be
    /// measured while the first orders arrive as a crowd. A database that is slow when everything
    /// starts may be quick later, so the guess counts for no more than four times the target.
    pub(crate) fn expect(&mut self, quiet: Duration) {
        self.quiet_s = quiet.as_secs_f64().min(OVER_QUIET * self.target_s);
    }

    /// Returns the limit after a window with these measurements.
    #[expect(clippy::cast_precision_loss, reason = "counts of a window are far below 2^52")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in bounds")]
    pub(crate) fn after(&mut self, sample: &Sample) -> usize {
        let span_s = sample.span.as_secs_f64().max(f64::MIN_POSITIVE);
        let wanted_s = self.wanted_s();
        // The mean; if nothing was answered, the orders in flight have waited for the whole window.
        let mean_s = match sample.answered {
            0 if sample.highest == 0 || sample.dismissed > 0 => 0.0,
            0 => span_s,
            answered => sample.took.as_secs_f64() / answered as f64,
        };
        if sample.highest <= QUIET && sample.answered > 0 {
            let least = self.target_s / OVER_QUIET;
            self.quiet_s = mean_s.min(self.quiet_s.max(least) * QUIET_GROWTH);
        }
        let factor = wanted_s / mean_s.max(f64::MIN_POSITIVE);
        self.too_long = match sample.answered {
            _ if factor >= 1.0 => 0,
            0 => self.too_long.saturating_add(STILL),
            _ => self.too_long.saturating_add(TOO_LONG),
        };
        self.most = if factor < 1.0 && self.too_long < MAX_WINDOWS_TOO_LONG && !sample.refused {
            self.most
        } else if factor < 1.0 {
            // Unused room did not limit anything, so the cut starts at the highest number in
            // flight. Orders answered now may have arrived when more were in flight, which
            // overstates the mean; the number answered in the target time is always allowed.
            let cut = self.most.min(whole(sample.highest)) * factor;
            cut.max(sample.answered as f64 / span_s * wanted_s)
        } else if sample.refused {
            self.most * factor.min(UP)
        } else {
            self.most * RECOVERY
        };
        // A window is evaluated when the next order arrives: in the rest of a long window none did.
        let idle = span_s / self.window_s - 2.0;
        if idle > 0.0 {
            self.most *= RECOVERY.powf(idle.min(100.0));
        }
        self.most = self.most.clamp(whole(LEAST), whole(MOST));
        self.most as usize
    }

    fn wanted_s(&self) -> f64 {
        self.target_s.max(OVER_QUIET * self.quiet_s)
    }
}

#[expect(clippy::cast_precision_loss, reason = "orders in flight are far below 2^52")]
fn whole(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_millis(25);
    const SPAN: Duration = Duration::from_millis(100);

    /// Runs `windows` windows against a server that answers at most `per_s` orders a second and
    /// takes at least `alone_s` for one, with `asking` orders at a time. Returns the limit.
    fn settled(limit: &mut Limit, per_s: f64, alone_s: f64, asking: usize, windows: u32) -> usize {
        let mut most = MOST;
        for _ in 0..windows {
            let in_flight = asking.min(most);
            let mean_s = alone_s.max(whole(in_flight) / per_s);
            let answered = (whole(in_flight) / mean_s * SPAN.as_secs_f64()).round().max(1.0);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
            let count = answered as u64;
            most = limit.after(&Sample {
                span: SPAN,
                answered: count,
                took: Duration::from_secs_f64(mean_s * answered),
                dismissed: 0,
                highest: in_flight,
                refused: asking > most,
            });
        }
        most
    }

    #[test]
    fn as_many_are_let_in_as_are_answered_in_the_wanted_time() {
        for per_s in [4_000.0, 16_000.0, 60_000.0] {
            let mut limit = Limit::new(TARGET, SPAN);
            let most = whole(settled(&mut limit, per_s, 0.001, 10_000, 50));
            let wanted = per_s * TARGET.as_secs_f64();
            assert!((0.8..1.2).contains(&(most / wanted)), "{per_s}/s: {most}, not {wanted}");
        }
    }

    #[test]
    fn who_asks_for_less_is_not_limited_and_what_was_too_much_is_forgotten() {
        let mut limit = Limit::new(TARGET, SPAN);
        assert_eq!(settled(&mut limit, 16_000.0, 0.001, 200, 50), MOST);
        let low = settled(&mut limit, 16_000.0, 0.001, 10_000, 50);
        assert!(low < 500, "{low}");
        assert_eq!(settled(&mut limit, 16_000.0, 0.001, 100, 50), MOST);
    }

    #[test]
    fn a_slow_database_is_not_taken_for_a_crowd() {
        let mut limit = Limit::new(TARGET, SPAN);
        // 40 ms for one order, and the same for a thousand at once.
        settled(&mut limit, 1.0e6, 0.04, 1, 50);
        assert_eq!(settled(&mut limit, 1.0e6, 0.04, 1_000, 50), MOST);
        // 200 ms are overload.
        let most = settled(&mut limit, 5_000.0, 0.04, 1_000, 50);
        assert!((700..900).contains(&most), "{most}");
    }

    #[test]
    fn a_crowd_that_comes_first_is_not_taken_for_a_slow_database() {
        let mut limit = Limit::new(TARGET, SPAN);
        // The very first order wakes everything up, and then all others wait while the event is
        // loaded.
        let waking = Sample {
            span: SPAN,
            answered: 1,
            took: SPAN * 6,
            dismissed: 0,
            highest: 1,
            refused: false,
        };
        limit.after(&waking);
        for answered in [0, 2] {
            let took = SPAN * answered;
            let answered = u64::from(answered);
            limit.after(&Sample {
                span: SPAN,
                answered,
                took,
                dismissed: 0,
                highest: 900,
                refused: false,
            });
        }
        let most = whole(settled(&mut limit, 4_000.0, 0.001, 10_000, 50));
        assert!((80.0..120.0).contains(&most), "{most}");
    }

    #[test]
    fn a_crowd_that_comes_first_to_a_slow_database_is_served() {
        for (expected_s, is_served) in [(0.0, false), (0.04, true)] {
            let mut limit = Limit::new(TARGET, SPAN);
            limit.expect(Duration::from_secs_f64(expected_s));
            let most = settled(&mut limit, 1.0e6, 0.06, 100, 50);
            assert_eq!(most == MOST, is_served, "{most}");
        }
    }

    #[test]
    fn a_moment_is_no_crowd() {
        let mut limit = Limit::new(TARGET, SPAN);
        settled(&mut limit, 16_000.0, 0.001, 100, 10);
        let late = |answered: u64| Sample {
            span: SPAN,
            answered,
            took: Duration::from_millis(100 * answered),
            dismissed: 0,
            highest: 1_000,
            refused: false,
        };
        // The server stalls and then answers all waiting orders; or a short rush arrives.
        for moment in [&[0, 0, 0, 500][..], &[500, 500]] {
            for answered in moment {
                assert_eq!(limit.after(&late(*answered)), MOST);
            }
            assert_eq!(settled(&mut limit, 16_000.0, 0.001, 100, 1), MOST);
        }
        // A long-lasting condition is overload.
        for lasting in [&[0; 5][..], &[500; 3]] {
            let most = lasting.iter().map(|answered| limit.after(&late(*answered))).last();
            assert!(most < Some(1_000), "{most:?}");
            assert_eq!(settled(&mut limit, 16_000.0, 0.001, 100, 50), MOST);
        }
    }

    #[test]
    fn who_comes_after_a_quiet_time_is_let_in() {
        let mut limit = Limit::new(TARGET, SPAN);
        let low = settled(&mut limit, 4_000.0, 0.001, 10_000, 50);
        assert!(low < 200, "{low}");
        // The last orders of the crowd were answered, and then none arrived for ten seconds.
        let last = Sample {
            span: Duration::from_secs(10),
            answered: 100,
            took: Duration::from_secs(10),
            dismissed: 0,
            highest: 200,
            refused: true,
        };
        assert_eq!(limit.after(&last), MOST);
    }

    #[test]
    fn what_is_dismissed_neither_hides_a_crowd_nor_stands_still() {
        let mut limit = Limit::new(TARGET, SPAN);
        let late = Sample {
            span: SPAN,
            answered: 100,
            took: 100 * 8 * TARGET,
            dismissed: 100_000,
            highest: 1_000,
            refused: true,
        };
        let most = (0..10).map(|_| limit.after(&late)).last();
        assert!(most < Some(200), "{most:?}");
        let none = Sample { answered: 0, took: Duration::ZERO, ..late };
        let most = (0..50).map(|_| limit.after(&none)).last();
        assert_eq!(most, Some(MOST));
    }

    #[test]
    fn some_are_let_in_whatever_happens() {
        let mut limit = Limit::new(TARGET, SPAN);
        let stuck = Sample {
            span: SPAN,
            answered: 0,
            took: Duration::ZERO,
            dismissed: 0,
            highest: 5_000,
            refused: true,
        };
        let most = (0..100).map(|_| limit.after(&stuck)).last();
        assert_eq!(most, Some(LEAST));
    }
}
