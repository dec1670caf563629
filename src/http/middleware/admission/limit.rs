//! How many orders may be in flight: as many as are answered within the time that is wanted. By
//! Little's law what is in flight is the rate of answers times the time that each takes, so a mean
//! time that is too long by a factor says by which factor there is too much.
//!
//! Where the machine or the network is slow by itself, what an order takes when it is alone counts:
//! nothing is gained by refusing others then, while many together are cheaper than one by one.
//! Pure: it is told what happened.

use std::time::Duration;

/// The most that may ever be in flight, and what may be until there has been too much.
pub(crate) const MOST: usize = 16_384;
/// What may always be.
pub(crate) const LEAST: usize = 64;
/// The wanted time is at least so many times what an order takes when hardly any other is there.
const OVER_QUIET: f64 = 4.0;
/// In flight at most when hardly any other is there. What is answered does not tell: the first of a
/// crowd that come out of a standstill are few, and have taken long.
const QUIET: usize = 4;
/// The quiet time follows at once where it gets shorter, and by so much a window where it gets
/// longer: what takes long once, a first order that wakes everything up or a database that stands
/// still, has not become slow for good.
const QUIET_GROWTH: f64 = 1.05;
/// By how much the limit grows within a window at most.
const UP: f64 = 1.5;
/// How it grows when it kept nobody out.
const RECOVERY: f64 = 1.25;

/// So much has to be too long before anybody is refused: a database that stands still for a moment
/// makes a queue that is gone soon. Of a crowd, some are answered all the time.
const MAX_WINDOWS_TOO_LONG: u32 = 15;
const TOO_LONG: u32 = 5;
const STILL: u32 = 3;

/// What happened within a window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) span: Duration,
    pub(crate) answered: u64,
    /// The sum over these.
    pub(crate) took: Duration,
    /// Others that were answered: they say nothing but that nothing stands still.
    pub(crate) dismissed: u64,
    /// The most in flight.
    pub(crate) highest: usize,
    /// Whether anybody was kept out.
    pub(crate) refused: bool,
}

/// The limit, and what it has learned.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    target_s: f64,
    window_s: f64,
    /// What an order takes by itself, or as little as makes no difference.
    quiet_s: f64,
    /// What windows in a row that were too long add up to.
    too_long: u32,
    most: f64,
}

impl Limit {
    /// Looked at once in `window` while orders come.
    pub(crate) fn new(target: Duration, window: Duration) -> Self {
        let (target_s, window_s) = (target.as_secs_f64(), window.as_secs_f64());
        Self { target_s, window_s, quiet_s: 0.0, too_long: 0, most: whole(MOST) }
    }

    /// What an order probably takes by itself, until it is known: of a crowd that comes first it
    /// cannot be learned. A database that is slow when everything starts may be quick later: a guess
    /// counts for no more than four times the target.
    pub(crate) fn expect(&mut self, quiet: Duration) {
        self.quiet_s = quiet.as_secs_f64().min(OVER_QUIET * self.target_s);
    }

    /// The limit after such a window.
    #[expect(clippy::cast_precision_loss, reason = "counts of a window are far below 2^52")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in bounds")]
    pub(crate) fn after(&mut self, sample: &Sample) -> usize {
        let span_s = sample.span.as_secs_f64().max(f64::MIN_POSITIVE);
        let wanted_s = self.wanted_s();
        // The mean; where nothing is answered, what is in flight has waited for the whole window.
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
            // What is not used up was no limit. What is answered now may have come when there was more
            // inside, so its time says too much; what is answered in the wanted time is enough.
            let cut = self.most.min(whole(sample.highest)) * factor;
            cut.max(sample.answered as f64 / span_s * wanted_s)
        } else if sample.refused {
            self.most * factor.min(UP)
        } else {
            self.most * RECOVERY
        };
        // A window is looked at when somebody comes: nobody came for the rest of a long one.
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

    /// A server that answers so many a second at most, and takes so long for one at least, asked by
    /// so many at a time; after so many windows.
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
        // 40 ms for one, as for a thousand.
        settled(&mut limit, 1.0e6, 0.04, 1, 50);
        assert_eq!(settled(&mut limit, 1.0e6, 0.04, 1_000, 50), MOST);
        // But 200 ms are a crowd.
        let most = settled(&mut limit, 5_000.0, 0.04, 1_000, 50);
        assert!((700..900).contains(&most), "{most}");
    }

    #[test]
    fn a_crowd_that_comes_first_is_not_taken_for_a_slow_database() {
        let mut limit = Limit::new(TARGET, SPAN);
        // The very first order wakes everything up, and then the event is loaded while all wait.
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
        // It stands still, and then all who have waited are answered; or there is a rush.
        for moment in [&[0, 0, 0, 500][..], &[500, 500]] {
            for answered in moment {
                assert_eq!(limit.after(&late(*answered)), MOST);
            }
            assert_eq!(settled(&mut limit, 16_000.0, 0.001, 100, 1), MOST);
        }
        // What lasts is too much.
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
        // The last of the crowd were answered, and then nobody came for ten seconds.
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
