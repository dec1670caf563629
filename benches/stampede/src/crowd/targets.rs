//! Tracks which targets answer. A target that refuses connections is avoided: one request at a time
//! probes whether it is back, after pauses that grow and are randomized, and all others use another
//! target.

use std::cell::Cell;
use std::time::Duration;

/// The pause after the first refusal; each later pause is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy)]
enum State {
    Up,
    /// Not used before `until`, after `looks` failed probes.
    Down {
        looks: u32,
        until: Duration,
    },
}

/// The targets of one worker. Times are since the start of the run; chances are from 0 to 1.
pub(super) struct Targets(Vec<Cell<State>>);

impl Targets {
    pub(super) fn all_up(number: usize) -> Self {
        Self((0..number).map(|_| Cell::new(State::Up)).collect())
    }

    /// The preferred target, or the next one that may be used. A caller that gets a target that was
    /// down probes it for all others.
    ///
    /// # Errors
    /// The time until a target may be used, when none may be used now.
    pub(super) fn choose(
        &self,
        preferred: usize,
        now: Duration,
        chance: f64,
    ) -> Result<usize, Duration> {
        let all = || (0..self.0.len()).map(|step| (preferred + step) % self.0.len());
        if let Some(target) = all().find(|target| self.may_ask(*target, now, chance).is_ok()) {
            return Ok(target);
        }
        let times = all().filter_map(|target| self.may_ask(target, now, chance).err());
        Err(times.min().unwrap_or(FIRST_PAUSE))
    }

    /// Checks whether this target may be used.
    ///
    /// # Errors
    /// The time until it may.
    pub(super) fn may_ask(
        &self,
        target: usize,
        now: Duration,
        chance: f64,
    ) -> Result<(), Duration> {
        match self.0[target].get() {
            State::Up => Ok(()),
            State::Down { until, .. } if now < until => Err(until - now),
            State::Down { looks, .. } => {
                // No other request probes this target before this probe has had time to finish.
                self.set_down(target, looks + 1, now, chance);
                Ok(())
            }
        }
    }

    /// Records that the target refused a connection.
    pub(super) fn refused(&self, target: usize, now: Duration, chance: f64) {
        // Requests already sent when the target went down do not extend its pause.
        if matches!(self.0[target].get(), State::Up) {
            self.set_down(target, 0, now, chance);
        }
    }

    /// Records that the target answered. Returns true if it was down.
    pub(super) fn answered(&self, target: usize) -> bool {
        matches!(self.0[target].replace(State::Up), State::Down { .. })
    }

    fn set_down(&self, target: usize, looks: u32, now: Duration, chance: f64) {
        let pause = FIRST_PAUSE.saturating_mul(1 << looks.min(10)).min(LONGEST_PAUSE);
        // From half of the pause to the whole, so that workers do not probe at the same time.
        let until = now + pause.mul_f64(0.5 + chance / 2.0);
        self.0[target].set(State::Down { looks, until });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_dead_target_is_looked_at_now_and_then_and_the_others_are_asked() {
        let targets = Targets::all_up(3);
        let mut looks = 0;
        // Ten seconds at a thousand requests a second, all of which prefer this target.
        for ms in 0..10_000 {
            match targets.choose(1, MS * ms, 1.0).expect("two are well") {
                1 => {
                    looks += 1;
                    targets.refused(1, MS * ms, 1.0);
                }
                other => assert_eq!(other, 2, "the next one"),
            }
        }
        // After 50, 100, 200, 400, 800 ms and then every second.
        assert!((13..=15).contains(&looks), "{looks}");
        assert_eq!(
            targets.choose(0, MS * 10_000, 1.0),
            Ok(0),
            "its own targets are not left alone"
        );
    }

    #[test]
    fn where_all_are_dead_it_is_said_when_to_come_back() {
        let targets = Targets::all_up(2);
        targets.refused(0, Duration::ZERO, 0.0);
        targets.refused(1, MS * 10, 0.0);
        let target = |n: usize, at: u32| targets.choose(n, MS * at, 0.0);
        assert_eq!(target(1, 12), Err(MS * 13), "half of 50 ms after the first refusal");
        assert_eq!(target(1, 25), Ok(0), "one looks");
        assert_eq!(target(1, 25), Err(MS * 10), "and only one");
        assert!(targets.answered(0));
        assert!(!targets.answered(0), "that is nothing new");
        assert_eq!(target(1, 26), Ok(0));
    }

    #[test]
    fn refusals_of_requests_that_were_on_their_way_count_once() {
        let targets = Targets::all_up(1);
        for ms in 0..20 {
            targets.refused(0, MS * ms, 1.0);
        }
        assert_eq!(targets.may_ask(0, MS * 40, 1.0), Err(MS * 10));
        assert_eq!(targets.may_ask(0, MS * 50, 1.0), Ok(()));
    }
}
