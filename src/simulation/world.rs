//! What surrounds the instances of a simulation: time, chance, the faults of the hour, and the trace
//! of all that happens.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::inventory::TimestampMs;

/// When a simulation begins, by the database's clock.
pub(super) const BEGINNING: TimestampMs = 1_800_000_000_000;

/// How often things go wrong, each in a thousand, and how long they take.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    /// A message or its answer is lost.
    pub(super) lost: u32,
    /// A message takes long.
    pub(super) slow: u32,
    /// A message arrives twice.
    pub(super) doubled: u32,
    /// A statement is carried out and its answer is lost.
    pub(super) unanswered: u32,
    /// A statement is carried out after its client has given up.
    pub(super) zombie: u32,
    /// A statement is refused by the server.
    pub(super) refused: u32,
    /// A claim is granted although somebody else's lease lives.
    pub(super) granted_twice: u32,
}

/// Shared by everything in a simulation.
pub(super) struct World {
    started: Instant,
    state: Mutex<State>,
}

struct State {
    rng: StdRng,
    faults: Faults,
    ever_doubled: bool,
    trace: blake3::Hasher,
    log: Option<Vec<String>>,
    events: u64,
    violations: Vec<String>,
}

impl World {
    pub(super) fn new(seed: u64, keeps_log: bool) -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            state: Mutex::new(State {
                rng: StdRng::seed_from_u64(seed),
                faults: Faults::default(),
                ever_doubled: false,
                trace: blake3::Hasher::new(),
                log: keeps_log.then(Vec::new),
                events: 0,
                violations: Vec::new(),
            }),
        })
    }

    /// Since the beginning.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub(super) fn now_ms(&self) -> TimestampMs {
        BEGINNING + i64::try_from(self.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    pub(super) fn faults(&self) -> Faults {
        self.lock().faults
    }

    pub(super) fn set_faults(&self, faults: Faults) {
        let mut state = self.lock();
        state.ever_doubled |= faults.doubled > 0;
        state.faults = faults;
    }

    /// Whether no message has ever arrived twice.
    pub(super) fn faults_were_without_doubles(&self) -> bool {
        !self.lock().ever_doubled
    }

    /// Whether something happens that happens so often in a thousand times.
    pub(super) fn happens(&self, per_mille: u32) -> bool {
        per_mille > 0 && self.within(0, 999) < u64::from(per_mille)
    }

    pub(super) fn within(&self, low: u64, high: u64) -> u64 {
        self.lock().rng.random_range(low..=high)
    }

    pub(super) fn micros(&self, low: u64, high: u64) -> Duration {
        Duration::from_micros(self.within(low, high))
    }

    pub(super) fn millis(&self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.within(low, high))
    }

    /// How long a message is on its way.
    pub(super) fn way(&self) -> Duration {
        if self.happens(self.faults().slow) { self.millis(20, 400) } else { self.micros(50, 3_000) }
    }

    /// One line of the trace: the same seed writes the same lines.
    pub(super) fn note(&self, what: fmt::Arguments<'_>) {
        let line = format!("{:>9.3} {what}", self.elapsed().as_secs_f64());
        let mut state = self.lock();
        state.trace.update(line.as_bytes());
        state.trace.update(b"\n");
        state.events += 1;
        if let Some(log) = &mut state.log {
            log.push(line);
        }
    }

    /// Something happened that must not.
    pub(super) fn violated(&self, what: fmt::Arguments<'_>) {
        self.note(format_args!("VIOLATION {what}"));
        let mut state = self.lock();
        if state.violations.len() < 20 {
            state.violations.push(what.to_string());
        }
    }

    pub(super) fn is_violated(&self) -> bool {
        !self.lock().violations.is_empty()
    }

    /// The hash of the trace, the number of its lines, the lines if they were kept, and violations.
    pub(super) fn finish(&self) -> (blake3::Hash, u64, Vec<String>, Vec<String>) {
        let mut state = self.lock();
        let log = state.log.take().unwrap_or_default();
        (state.trace.finalize(), state.events, log, std::mem::take(&mut state.violations))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One machine's clocks.
pub(super) struct SimClock {
    world: Arc<World>,
    /// How far its wall clock is off.
    offset_ms: Mutex<i64>,
    /// What its monotonic clock showed at the beginning.
    since_boot: Duration,
}

impl SimClock {
    pub(super) fn new(world: Arc<World>) -> Arc<Self> {
        let off = i64::try_from(world.within(0, 600)).unwrap_or(0) - 300;
        let offset_ms = Mutex::new(if world.happens(500) { off } else { 0 });
        let since_boot = world.millis(5_000, 90_000);
        Arc::new(Self { world, offset_ms, since_boot })
    }

    pub(super) fn set_offset(&self, offset_ms: i64) {
        *self.offset_ms.lock().unwrap_or_else(PoisonError::into_inner) = offset_ms;
    }
}

impl Clock for SimClock {
    fn now_ms(&self) -> TimestampMs {
        let offset = *self.offset_ms.lock().unwrap_or_else(PoisonError::into_inner);
        self.world.now_ms() + offset
    }

    fn monotonic(&self) -> Duration {
        self.since_boot + self.world.elapsed()
    }
}
