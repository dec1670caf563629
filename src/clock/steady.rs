//! A clock that does not follow every step of the wall clock: between steps it advances with the
//! monotonic clock, and it follows a step only once the step has lasted. A clock that is set wrong
//! for a moment therefore neither ends holds and other deadlines early nor defers them. Never
//! sleeps and makes no remote calls.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Clock;
use crate::inventory::TimestampMs;

/// Differences up to this are followed at once: NTP causes them now and then.
const FOLLOWED_MS: u64 = 1_000;
/// Smaller differences are not stored.
const SLACK_MS: u64 = 20;
/// How long a larger step must last before it is followed.
pub const BELIEVED_AFTER: Duration = Duration::from_secs(600);
/// The longest time between two reads that belong together; a longer one shows that the thread was
/// stopped in between.
const READ_WITHIN: Duration = Duration::from_millis(20);

/// The wall clock of another [`Clock`], without its steps.
pub struct SteadyClock {
    machine: Arc<dyn Clock>,
    believed_after: Duration,
    /// The time reported minus the monotonic clock, in milliseconds.
    base_ms: AtomicI64,
    is_stepped: AtomicBool,
    /// The step that is not followed yet.
    step: Mutex<Option<Step>>,
}

#[derive(Clone, Copy)]
struct Step {
    by_ms: i64,
    /// Monotonic time at which the step was first seen.
    since: Duration,
}

impl SteadyClock {
    /// A clock that reports the machine's time at this moment, plus the time that passes from now
    /// on.
    #[must_use]
    pub fn new(machine: Arc<dyn Clock>, believed_after: Duration) -> Self {
        let base_ms = AtomicI64::new(machine.now_ms() - millis(machine.monotonic()));
        let (is_stepped, step) = (AtomicBool::new(false), Mutex::new(None));
        Self { machine, believed_after, base_ms, is_stepped, step }
    }

    /// Reads the monotonic clock and the wall clock at the same moment.
    fn read(&self) -> (Duration, TimestampMs) {
        loop {
            let before = self.machine.monotonic();
            let wall = self.machine.now_ms();
            if self.machine.monotonic().saturating_sub(before) <= READ_WITHIN {
                return (before, wall);
            }
        }
    }

    /// The time while the wall clock is far from it, or the wall clock's once the step is followed.
    #[cold]
    fn stepped(&self) -> TimestampMs {
        let (monotonic, wall) = self.read();
        let told = self.base_ms.load(Ordering::Relaxed) + millis(monotonic);
        let by_ms = wall - told;
        if by_ms.unsigned_abs() <= FOLLOWED_MS {
            return wall;
        }
        let mut step = self.step.lock().unwrap_or_else(PoisonError::into_inner);
        let lasting = step.filter(|step| step.by_ms.abs_diff(by_ms) <= FOLLOWED_MS);
        let Some(lasting) = lasting else {
            *step = Some(Step { by_ms, since: monotonic });
            self.is_stepped.store(true, Ordering::Relaxed);
            tracing::warn!(
                by_ms,
                believed_after_s = self.believed_after.as_secs(),
                "the clock of this machine has stepped: time goes on by its monotonic clock, and the \
                 step is believed once it has lasted"
            );
            return told;
        };
        if monotonic.saturating_sub(lasting.since) < self.believed_after {
            return told;
        }
        tracing::warn!(
            by_ms,
            lasted_s = monotonic.saturating_sub(lasting.since).as_secs(),
            "the step of this machine's clock has lasted: it is believed from now on"
        );
        self.adopt(&mut step, wall - millis(monotonic));
        wall
    }

    fn adopt(&self, step: &mut Option<Step>, base_ms: i64) {
        *step = None;
        self.base_ms.store(base_ms, Ordering::Relaxed);
        self.is_stepped.store(false, Ordering::Relaxed);
    }

    #[cold]
    fn is_back(&self) {
        let mut step = self.step.lock().unwrap_or_else(PoisonError::into_inner);
        if step.take().is_some() {
            self.is_stepped.store(false, Ordering::Relaxed);
            tracing::info!("the clock of this machine is back from its step");
        }
    }
}

impl Clock for SteadyClock {
    fn now_ms(&self) -> TimestampMs {
        let monotonic = self.machine.monotonic();
        let wall = self.machine.now_ms();
        let base_ms = self.base_ms.load(Ordering::Relaxed);
        let by_ms = wall - (base_ms + millis(monotonic));
        if by_ms.unsigned_abs() > FOLLOWED_MS {
            return self.stepped();
        }
        if by_ms.unsigned_abs() > SLACK_MS {
            self.base_ms.store(base_ms + by_ms, Ordering::Relaxed);
        }
        if self.is_stepped.load(Ordering::Relaxed) {
            self.is_back();
        }
        wall
    }

    /// The time at the machine clock's full resolution, unless the machine's clock is not followed.
    fn wall(&self) -> Duration {
        let told = self.now_ms();
        let machine = self.machine.wall();
        if told.abs_diff(millis(machine)) <= FOLLOWED_MS {
            return machine;
        }
        Duration::from_millis(u64::try_from(told).unwrap_or_default())
    }

    fn monotonic(&self) -> Duration {
        self.machine.monotonic()
    }

    fn unsteady_ms(&self) -> TimestampMs {
        self.machine.now_ms()
    }

    fn believe(&self) {
        let (monotonic, wall) = self.read();
        let mut step = self.step.lock().unwrap_or_else(PoisonError::into_inner);
        self.adopt(&mut step, wall - millis(monotonic));
    }
}

fn millis(monotonic: Duration) -> i64 {
    i64::try_from(monotonic.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
