//! Steps of a wall clock, on a machine whose clocks are set by hand.

use super::*;
use crate::clock::SetClock;

const HOUR_MS: i64 = 3_600_000;

fn machine() -> (Arc<SetClock>, SteadyClock) {
    let machine = Arc::new(SetClock::at(1_800_000_000_000));
    let steady = SteadyClock::new(machine.clone(), BELIEVED_AFTER);
    (machine, steady)
}

/// A machine whose clock shows fractions of a millisecond.
struct Fine {
    ms: SetClock,
}

impl Clock for Fine {
    fn now_ms(&self) -> TimestampMs {
        self.ms.now_ms()
    }

    fn wall(&self) -> Duration {
        self.ms.wall() + Duration::from_micros(250)
    }

    fn monotonic(&self) -> Duration {
        self.ms.monotonic()
    }
}

#[test]
fn the_time_is_told_as_finely_as_the_machine_shows_it() {
    let machine = Arc::new(Fine { ms: SetClock::at(1_800_000_000_000) });
    let steady = SteadyClock::new(machine.clone(), BELIEVED_AFTER);
    let began = Duration::from_micros(1_800_000_000_000_250);
    assert_eq!(steady.wall(), began);
    machine.ms.step_ms(HOUR_MS);
    machine.ms.pass_ms(3_000);
    let passed = steady.wall() - Duration::from_millis(1_800_000_000_000);
    assert_eq!(passed, Duration::from_secs(3), "the step is not told");
    machine.ms.step_ms(-HOUR_MS);
    assert_eq!(steady.wall(), began + Duration::from_secs(3));
}

#[test]
fn a_step_that_does_not_last_is_not_told() {
    for step_ms in [HOUR_MS, -HOUR_MS, 24 * HOUR_MS, -24 * HOUR_MS, 1_001, -1_001] {
        let (machine, steady) = machine();
        let began = steady.now_ms();
        machine.step_ms(step_ms);
        assert_eq!(steady.now_ms(), began, "{step_ms}");
        assert_eq!(steady.unsteady_ms() - steady.now_ms(), step_ms);
        machine.pass_ms(3_000);
        assert_eq!(steady.now_ms(), began + 3_000, "time goes on");
        machine.step_ms(-step_ms);
        assert_eq!(steady.now_ms(), began + 3_000);
        machine.pass_ms(HOUR_MS);
        assert_eq!(steady.now_ms(), began + 3_000 + HOUR_MS, "{step_ms}: nothing is left of it");
    }
}

#[test]
fn a_step_that_lasts_is_believed_after_ten_minutes() {
    for step_ms in [HOUR_MS, -HOUR_MS] {
        let (machine, steady) = machine();
        let began = steady.now_ms();
        machine.step_ms(step_ms);
        assert_eq!(steady.now_ms(), began);
        machine.pass_ms(599_999);
        assert_eq!(steady.now_ms(), began + 599_999);
        machine.pass_ms(1);
        assert_eq!(steady.now_ms(), began + 600_000 + step_ms);
        assert_eq!(steady.now_ms(), steady.unsteady_ms());
    }
}

#[test]
fn another_step_begins_to_last_anew() {
    let (machine, steady) = machine();
    let began = steady.now_ms();
    machine.step_ms(HOUR_MS);
    assert_eq!(steady.now_ms(), began);
    machine.pass_ms(500_000);
    machine.step_ms(HOUR_MS);
    assert_eq!(steady.now_ms(), began + 500_000);
    machine.pass_ms(500_000);
    assert_eq!(steady.now_ms(), began + 1_000_000);
}

#[test]
fn small_steps_and_drift_are_followed_at_once() {
    let (machine, steady) = machine();
    let began = steady.now_ms();
    for _ in 0..100 {
        machine.pass_ms(1_000);
        machine.step_ms(-50);
        assert_eq!(steady.now_ms(), steady.unsteady_ms());
    }
    assert_eq!(steady.now_ms(), began + 95_000);
    machine.step_ms(1_000);
    assert_eq!(steady.now_ms(), began + 96_000);
}

#[test]
fn a_clock_that_was_never_right_is_believed_when_it_is_told_so() {
    let (machine, steady) = machine();
    machine.step_ms(-HOUR_MS);
    steady.believe();
    assert_eq!(steady.now_ms(), steady.unsteady_ms());
}
