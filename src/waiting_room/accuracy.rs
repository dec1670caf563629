//! How good estimated waits turned out to be: a few that were told are kept until the line reaches
//! their places. Bounded: a long line keeps fewer of each minute.

use super::pace::Estimate;
use crate::inventory::{QueuePhase, QueueProgress, TimestampMs};

/// The most estimates kept.
const MOST: usize = 600;
/// The least time between two of them.
const APART_MS: i64 = 1_000;
/// Shorter waits are not kept: a few seconds more or less do not matter to anybody.
const SHORTEST_S: u32 = 10;

/// An estimate that was told.
#[derive(Clone, Copy)]
struct Told {
    at: TimestampMs,
    place: u32,
    seconds: u32,
}

/// The estimates of one line that are still to be judged.
pub(super) struct Accuracy {
    generation: u32,
    told: Vec<Told>,
    last_at: TimestampMs,
    apart_ms: i64,
}

impl Default for Accuracy {
    fn default() -> Self {
        Self { generation: 0, told: Vec::new(), last_at: TimestampMs::MIN, apart_ms: APART_MS }
    }
}

impl Accuracy {
    /// Keeps an estimate for a place of the line, if it is time for one.
    pub(super) fn keep(&mut self, place: u32, estimate: Estimate, now: TimestampMs) {
        let is_early = now.saturating_sub(self.last_at) < self.apart_ms;
        if is_early || estimate.seconds < SHORTEST_S {
            return;
        }
        if self.told.len() >= MOST {
            // Every second one goes, so that those kept are from all of the time.
            let mut nth = 0_usize;
            self.told.retain(|_| {
                nth += 1;
                nth.is_multiple_of(2)
            });
            self.apart_ms *= 2;
        } else if self.told.len() < MOST / 4 {
            self.apart_ms = APART_MS;
        }
        self.last_at = now;
        self.told.push(Told { at: now, place, seconds: estimate.seconds });
    }

    /// Judges the estimates for places that the line has reached: |told − actual| ÷ actual of each.
    pub(super) fn judge(&mut self, progress: &QueueProgress, now: TimestampMs) -> Vec<f64> {
        // A line that was stopped, or has nothing to sell, makes no estimate wrong that was told
        // before.
        let stands = progress.rules.paused || !progress.on_sale || progress.places_left == 0;
        let is_other = progress.generation != self.generation;
        if is_other || stands || progress.phase != QueuePhase::Open {
            self.generation = progress.generation;
            self.told.clear();
            return Vec::new();
        }
        let mut errors = Vec::new();
        self.told.retain(|told| {
            let is_reached = told.place < progress.next;
            if is_reached {
                errors.push(error(*told, now));
            }
            !is_reached
        });
        errors
    }
}

fn error(told: Told, now: TimestampMs) -> f64 {
    let waited_ms = u32::try_from((now - told.at).max(1_000)).unwrap_or(u32::MAX);
    let waited = f64::from(waited_ms) / 1_000.0;
    (f64::from(told.seconds) - waited).abs() / waited
}

#[cfg(test)]
mod tests {
    use super::super::sample::line;
    use super::*;

    fn estimate(seconds: u32) -> Estimate {
        Estimate { seconds, low: seconds, high: None }
    }

    fn judged(accuracy: &mut Accuracy, next: u32, now: TimestampMs) -> Vec<String> {
        accuracy.judge(&line(next), now).iter().map(|error| format!("{error:.2}")).collect()
    }

    #[test]
    fn an_estimate_is_judged_when_the_line_has_reached_its_place() {
        let mut accuracy = Accuracy::default();
        judged(&mut accuracy, 0, 0);
        accuracy.keep(50, estimate(100), 0);
        accuracy.keep(20, estimate(100), 500);
        accuracy.keep(20, estimate(30), 1_000);
        accuracy.keep(19, estimate(9), 2_000);
        assert_eq!(judged(&mut accuracy, 20, 20_000), [""; 0], "one a second, and none so short");
        assert_eq!(judged(&mut accuracy, 21, 21_000), ["0.50"], "30 told, 20 waited");
        assert_eq!(judged(&mut accuracy, 90, 200_000), ["0.50"], "100 told, 200 waited");
        assert_eq!(judged(&mut accuracy, 99, 300_000), [""; 0], "each once");
    }

    #[test]
    fn a_line_that_was_stopped_judges_none() {
        for change in [
            (|line| line.rules.paused = true) as fn(&mut QueueProgress),
            |line| line.on_sale = false,
            |line| line.places_left = 0,
            |line| line.generation = 2,
        ] {
            let mut accuracy = Accuracy::default();
            judged(&mut accuracy, 0, 0);
            accuracy.keep(50, estimate(100), 0);
            let mut stopped = line(40);
            change(&mut stopped);
            assert!(accuracy.judge(&stopped, 60_000).is_empty());
            assert_eq!(judged(&mut accuracy, 90, 900_000), [""; 0]);
        }
    }

    #[test]
    fn a_long_line_keeps_few_and_of_all_times() {
        let mut accuracy = Accuracy::default();
        for second in 0..7_200 {
            accuracy.keep(1_000_000, estimate(7_200), second * 1_000);
            assert!(accuracy.told.len() <= MOST);
        }
        let times: Vec<i64> = accuracy.told.iter().map(|told| told.at / 1_000).collect();
        assert!(times.len() > MOST / 4, "{}", times.len());
        let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(gaps.max().is_some_and(|gap| gap <= 64), "{times:?}");
        assert!(times[0] < 100 && times[times.len() - 1] > 7_000, "{times:?}");
    }
}
