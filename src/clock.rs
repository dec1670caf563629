//! The only reader of wall time. All other code receives a [`Clock`], so that tests and simulations
//! set the time.

mod steady;

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use steady::{BELIEVED_AFTER, SteadyClock};

use crate::inventory::TimestampMs;

/// A source of time.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch, UTC. May jump when the machine's clock is set.
    fn now_ms(&self) -> TimestampMs;

    /// As [`Self::now_ms`], at the clock's full resolution.
    fn wall(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.now_ms()).unwrap_or_default())
    }

    /// Time since a fixed point, including time in which the machine was suspended; never runs
    /// backwards. The age of leases and proofs of ownership is measured by it: a machine that slept
    /// must not take them for young.
    fn monotonic(&self) -> Duration;

    /// The machine's wall clock in milliseconds, also where [`Self::now_ms`] does not follow it
    /// (yet).
    fn unsteady_ms(&self) -> TimestampMs {
        self.now_ms()
    }

    /// Makes [`Self::now_ms`] follow the machine's clock from now on.
    fn believe(&self) {}
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    started: Duration,
}

impl SystemClock {
    /// The clock of this process.
    #[must_use]
    pub fn new() -> Self {
        Self { started: since_boot() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now_ms(&self) -> TimestampMs {
        i64::try_from(self.wall().as_millis()).unwrap_or(i64::MAX)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clocks")]
    fn wall(&self) -> Duration {
        // A clock set before 1970 reads as 1970: `at` never runs backwards in a journal anyway.
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    fn monotonic(&self) -> Duration {
        since_boot().saturating_sub(self.started)
    }
}

fn since_boot() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// A clock that stands still until it is advanced.
#[derive(Debug)]
pub struct ManualClock {
    now_ms: AtomicI64,
}

impl ManualClock {
    /// A clock that shows `now_ms`.
    #[must_use]
    pub fn at(now_ms: TimestampMs) -> Self {
        Self { now_ms: AtomicI64::new(now_ms) }
    }

    /// Advances the clock.
    pub fn advance_ms(&self, by_ms: i64) {
        self.now_ms.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> TimestampMs {
        self.now_ms.load(Ordering::SeqCst)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.now_ms()).unwrap_or_default())
    }
}

/// A machine whose wall clock can be set independently of its monotonic clock.
#[derive(Debug)]
pub struct SetClock {
    wall_ms: AtomicI64,
    monotonic_ms: AtomicI64,
}

impl SetClock {
    /// A machine that started just now, at `now_ms`.
    #[must_use]
    pub fn at(now_ms: TimestampMs) -> Self {
        Self { wall_ms: AtomicI64::new(now_ms), monotonic_ms: AtomicI64::new(0) }
    }

    /// Lets time pass.
    pub fn pass_ms(&self, ms: i64) {
        self.monotonic_ms.fetch_add(ms, Ordering::SeqCst);
        self.wall_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// Sets the wall clock forward, or back.
    pub fn step_ms(&self, by_ms: i64) {
        self.wall_ms.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now_ms(&self) -> TimestampMs {
        self.wall_ms.load(Ordering::SeqCst)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.monotonic_ms.load(Ordering::SeqCst).unsigned_abs())
    }
}
