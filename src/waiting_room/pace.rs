//! The pace of a line, and the waits that follow from it: from what the line did lately, with a spread
//! from its faster and slower stretches. No wait is told beyond the places left: nobody can say when
//! some come back. Nothing here decides an admission.

use std::collections::VecDeque;

use crate::inventory::{QueueProgress, TimestampMs};

/// How far back the pace looks.
const WINDOW_MS: i64 = 60_000;
/// The stretches whose paces make the spread.
const STRETCHES: i64 = 4;
/// Moves too few to tell a pace from.
const TOO_FEW: u32 = 10;
/// The least time between two samples.
const SAMPLE_MS: i64 = 1_000;

/// How far a line was at a time.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: TimestampMs,
    next: u32,
    admitted: u32,
}

/// An estimated wait, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// The most likely wait.
    pub seconds: u32,
    /// If the line goes on as it did when it was fastest lately.
    pub low: u32,
    /// If it goes on as it did when it was slowest; `None` if it stood still then.
    pub high: Option<u32>,
}

/// What one line did lately.
#[derive(Debug, Default)]
pub struct Pace {
    samples: VecDeque<Sample>,
    generation: u32,
}

impl Pace {
    /// Takes a state of the line into account.
    pub fn observe(&mut self, progress: &QueueProgress, at: TimestampMs) {
        if progress.generation != self.generation {
            self.samples.clear();
            self.generation = progress.generation;
        }
        if self.samples.back().is_some_and(|last| at - last.at < SAMPLE_MS) {
            return;
        }
        if progress.totals.admitted == 0 {
            // The line has not begun, and its pace does not count the time before.
            self.samples.clear();
        }
        self.samples.push_back(Sample {
            at,
            next: progress.next,
            admitted: progress.totals.admitted,
        });
        // One sample before the window stays: it is where the window begins.
        while self.samples.get(1).is_some_and(|second| at - second.at >= WINDOW_MS) {
            self.samples.pop_front();
        }
    }

    /// The wait behind `ahead` others; `None` if the line stands still, or will before it comes so
    /// far, and nobody can say for how long.
    #[must_use]
    pub fn estimate(
        &self,
        progress: &QueueProgress,
        ahead: u32,
        now: TimestampMs,
    ) -> Option<Estimate> {
        if progress.rules.paused || !progress.on_sale || runs_out_before(progress, ahead) {
            return None;
        }
        let ruled = f64::from(progress.rules.passes_per_minute) / 60.0;
        let (Some(first), Some(last)) = (self.samples.front(), self.samples.back()) else {
            return Some(by_rate(there(progress, ahead), ruled));
        };
        let moved = last.next.saturating_sub(first.next);
        if last.at - first.at < WINDOW_MS / 6 || (1..TOO_FEW).contains(&moved) {
            return Some(by_rate(there(progress, ahead), ruled));
        }
        // What was given at once when the line began does not come again: it never moves faster than the
        // rate for long.
        let mean = speed(first, last)?.min(fastest_for_long(first, last, ruled));
        // The pace since the last sample counts as well: a line that has just stopped is slower.
        let silent = f64::from(u32::try_from(now - last.at).unwrap_or(0)) / 1_000.0;
        let stretch = (last.at - first.at) / STRETCHES;
        let (mut fastest, mut slowest) = (mean, mean);
        for nth in 0..STRETCHES {
            let begin = self.sample_at(first.at + nth * stretch);
            let end = self.sample_at(first.at + (nth + 1) * stretch);
            if let (Some(begin), Some(end)) = (begin, end) {
                let of_stretch = speed(begin, end).unwrap_or(0.0);
                fastest = fastest.max(of_stretch);
                slowest = slowest.min(of_stretch);
            }
        }
        let wait = |pace: f64| seconds((f64::from(ahead) + 1.0) / pace);
        let wait_mean = wait(mean).saturating_add(seconds((silent - 5.0).max(0.0)));
        let high = (slowest > 0.0).then(|| wait(slowest).max(wait_mean));
        Some(Estimate { seconds: wait_mean, low: wait(fastest).min(wait_mean), high })
    }

    /// The last sample at or before a time.
    fn sample_at(&self, at: TimestampMs) -> Option<&Sample> {
        let after = self.samples.partition_point(|sample| sample.at <= at);
        self.samples.get(after.checked_sub(1)?)
    }
}

/// True if the places left are likely to be gone before so many others are admitted.
fn runs_out_before(progress: &QueueProgress, ahead: u32) -> bool {
    let admitted = progress.totals.admitted;
    // Those who were admitted and have done nothing yet say nothing about how many places a person
    // takes.
    let (taken, have_acted) = (
        progress.places.saturating_sub(progress.places_left),
        admitted.saturating_sub(progress.idle),
    );
    if progress.places_left == 0 {
        return true;
    }
    if have_acted < TOO_FEW || taken == 0 {
        return false;
    }
    let each = f64::from(taken) / f64::from(have_acted);
    let turns = f64::from(progress.places_left) / each - f64::from(progress.idle);
    there(progress, ahead) >= turns
}

/// How many are really ahead: of the places in line before this one some are gaps.
fn there(progress: &QueueProgress, ahead: u32) -> f64 {
    let places_of_line = progress.entered.saturating_sub(progress.next).max(1);
    f64::from(ahead) * (f64::from(progress.waiting) / f64::from(places_of_line)).min(1.0)
}

/// Places of the line per second at the ruled rate, with as many gaps as there were lately.
fn fastest_for_long(from: &Sample, to: &Sample, ruled: f64) -> f64 {
    let admitted = to.admitted.saturating_sub(from.admitted);
    match to.next.saturating_sub(from.next) {
        moved if admitted > 0 => ruled * f64::from(moved) / f64::from(admitted),
        _ => f64::INFINITY,
    }
}

/// The wait where the line has not moved long enough to have a pace of its own.
fn by_rate(ahead: f64, per_second: f64) -> Estimate {
    // Even with nobody ahead one waits for the next pass.
    let at_best = seconds((ahead + 1.0) / per_second);
    Estimate { seconds: at_best, low: at_best, high: Some(at_best.saturating_mul(3)) }
}

/// Places per second between two samples; `None` if the line did not move.
fn speed(from: &Sample, to: &Sample) -> Option<f64> {
    let (moved, took) = (to.next.checked_sub(from.next)?, to.at - from.at);
    if moved == 0 || took <= 0 {
        return None;
    }
    let took = f64::from(u32::try_from(took).ok()?) / 1_000.0;
    Some(f64::from(moved) / took)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "waits are positive, and longer ones than a u32 has seconds are cut"
)]
fn seconds(wait: f64) -> u32 {
    wait.ceil() as u32
}

#[cfg(test)]
mod tests;
