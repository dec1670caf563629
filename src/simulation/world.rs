//! The surroundings of the instances of a simulation: time, random choices, the current faults, and
//! the trace of all events.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::inventory::{ClassRules, Minor, Promotion, Selection, TimestampMs};

/// Start of a simulation by the database's clock.
pub(super) const BEGINNING: TimestampMs = 1_800_000_000_000;

/// How often each fault happens, in a thousand, and how long it takes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    /// A message or its answer is lost.
    pub(super) lost: u32,
    /// A message is delayed.
    pub(super) slow: u32,
    /// A message arrives twice.
    pub(super) doubled: u32,
    /// A statement is carried out and its answer is lost.
    pub(super) unanswered: u32,
    /// A statement is carried out after its client has given up.
    pub(super) zombie: u32,
    /// The server refuses a statement.
    pub(super) refused: u32,
    /// A claim is granted although another instance's lease is valid.
    pub(super) granted_twice: u32,
    /// A snapshot is damaged in storage.
    pub(super) rotten: u32,
}

/// Conditions that differ from run to run, besides the faults; drawn from the seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Regime {
    /// Number of days. In the night between two days, all data that is kept only for a while expires.
    pub(super) days: u32,
    pub(super) snapshot_every: u64,
    pub(super) snapshot_at_rest: u64,
    pub(super) passivate_after: Duration,
    pub(super) max_batch_commands: usize,
    /// Largest constant difference of a clock from the database's, either way, in milliseconds.
    pub(super) clock_spread_ms: u64,
    /// How long a step of a clock lasts before it is believed.
    pub(super) believed_after: Duration,
    /// Whether an administrator pauses, resizes and blocks meanwhile.
    pub(super) is_administered: bool,
    /// Whether the administrator also cancels.
    pub(super) is_cancelled: bool,
    /// Whether customers participate in one of the offerings for free.
    pub(super) has_free_event: bool,
    /// The fee and the rules of a class, if one of the offerings is one.
    pub(super) class: Option<(Minor, ClassRules)>,
    /// When the class begins, in milliseconds since the beginning; most begin after the run.
    pub(super) class_after_ms: i64,
    /// The rules of a waiting room, if one of the offerings has one.
    pub(super) queue: Option<QueueRegime>,
}

impl Regime {
    fn drawn(rng: &mut StdRng, seed: u64) -> Self {
        let is_administered = rng.random_range(0..10) < 4;
        Self {
            days: one_of(rng, &[1, 1, 1, 2, 3]),
            snapshot_every: one_of(rng, &[2, 10, 10, 60]),
            snapshot_at_rest: one_of(rng, &[1, 1, 4, 64]),
            passivate_after: Duration::from_millis(one_of(rng, &[400, 2_500, 2_500, 20_000])),
            max_batch_commands: one_of(rng, &[1, 16, 16, 64]),
            clock_spread_ms: one_of(rng, &[0, 200, 300, 450]),
            believed_after: Duration::from_millis(one_of(rng, &[1_500, 5_000, 600_000])),
            is_administered,
            is_cancelled: is_administered && rng.random_range(0..10) < 3,
            has_free_event: rng.random_range(0..10) < 3,
            class: class(rng),
            class_after_ms: one_of(rng, &[2_000, 6_000, 1 << 40, 1 << 40, 1 << 40]),
            queue: queue(seed),
        }
    }
}

fn one_of<T: Copy>(rng: &mut StdRng, of: &[T]) -> T {
    of[rng.random_range(0..of.len())]
}

/// The rate, the limit of sessions and the percentage of a run's queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueueRegime {
    pub(super) passes_per_minute: u32,
    pub(super) active_limit: u32,
    pub(super) admit_percent: u32,
    /// Whether a draw is made; customers are served as they come otherwise.
    pub(super) has_draw: bool,
}

/// Draws a waiting room in every third run, by chance of its own: the other runs are what they were.
fn queue(seed: u64) -> Option<QueueRegime> {
    let mut rng = StdRng::seed_from_u64(seed ^ 0x9e_37_79_b9);
    (rng.random_range(0..3) == 0).then(|| QueueRegime {
        passes_per_minute: one_of(&mut rng, &[6, 60, 6_000, 6_000]),
        active_limit: one_of(&mut rng, &[1, 3, 1_000, 1_000]),
        admit_percent: one_of(&mut rng, &[10, 100, 1_000]),
        has_draw: rng.random_range(0..2) == 0,
    })
}

/// Draws a small class with short deadlines, in every second run.
fn class(rng: &mut StdRng) -> Option<(Minor, ClassRules)> {
    let mut happens = || rng.random_range(0..2) == 0;
    let (is_class, is_free) = (happens(), happens());
    let rules = ClassRules {
        selection: if happens() { Selection::FirstCome } else { Selection::Review },
        promotion: if happens() { Promotion::Auto } else { Promotion::Offer },
        waitlist: 4,
        offer_ttl_ms: 1_000,
        pay_window_ms: 1_500,
        allow_reapply: true,
    };
    is_class.then_some((if is_free { 0 } else { 10 }, rules))
}

/// State shared by everything in a simulation.
pub(super) struct World {
    started: Instant,
    pub(super) regime: Regime,
    state: Mutex<State>,
}

struct State {
    rng: StdRng,
    faults: Faults,
    ever_doubled: bool,
    trace: blake3::Hasher,
    log: Option<Vec<String>>,
    events: u64,
    /// Total time in which nothing ran.
    slept: Duration,
    violations: Vec<String>,
}

impl World {
    pub(super) fn new(seed: u64, keeps_log: bool) -> Arc<Self> {
        let mut rng = StdRng::seed_from_u64(seed);
        Arc::new(Self {
            started: Instant::now(),
            regime: Regime::drawn(&mut rng, seed),
            state: Mutex::new(State {
                rng,
                faults: Faults::default(),
                ever_doubled: false,
                trace: blake3::Hasher::new(),
                log: keeps_log.then(Vec::new),
                events: 0,
                slept: Duration::ZERO,
                violations: Vec::new(),
            }),
        })
    }

    /// Virtual time since the beginning.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed() + self.lock().slept
    }

    /// Advances time while all machines stand still.
    pub(super) fn sleep(&self, for_so_long: Duration) {
        self.note(format_args!("all sleep for {for_so_long:?}"));
        self.lock().slept += for_so_long;
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

    /// True if no message has ever arrived twice.
    pub(super) fn faults_were_without_doubles(&self) -> bool {
        !self.lock().ever_doubled
    }

    /// Returns true with the given probability, in a thousand.
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

    /// Returns the delay of a message.
    pub(super) fn way(&self) -> Duration {
        if self.happens(self.faults().slow) { self.millis(20, 400) } else { self.micros(50, 3_000) }
    }

    /// Appends one line to the trace: the same seed writes the same lines.
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

    /// Records the violation of an invariant.
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

    /// Returns the hash of the trace, the number of its lines, the lines if they were kept, and
    /// violations.
    pub(super) fn finish(&self) -> (blake3::Hash, u64, Vec<String>, Vec<String>) {
        let mut state = self.lock();
        let log = state.log.take().unwrap_or_default();
        (state.trace.finalize(), state.events, log, std::mem::take(&mut state.violations))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The clocks of one machine.
pub(super) struct SimClock {
    world: Arc<World>,
    /// Constant offset of its wall clock, in milliseconds.
    home_ms: i64,
    /// Current step of its wall clock away from that offset, in milliseconds.
    step_ms: Mutex<i64>,
    /// Its monotonic clock at the beginning of the simulation.
    since_boot: Duration,
}

impl SimClock {
    pub(super) fn new(world: Arc<World>) -> Arc<Self> {
        let spread = world.regime.clock_spread_ms;
        let home_ms =
            world.within(0, 2 * spread).cast_signed().saturating_sub(spread.cast_signed());
        let since_boot = world.millis(5_000, 90_000);
        Arc::new(Self { world, home_ms, step_ms: Mutex::new(0), since_boot })
    }

    pub(super) fn set_step(&self, step_ms: i64) {
        *self.step_ms.lock().unwrap_or_else(PoisonError::into_inner) = step_ms;
    }
}

impl Clock for SimClock {
    fn now_ms(&self) -> TimestampMs {
        let step_ms = *self.step_ms.lock().unwrap_or_else(PoisonError::into_inner);
        self.world.now_ms() + self.home_ms + step_ms
    }

    fn monotonic(&self) -> Duration {
        self.since_boot + self.world.elapsed()
    }
}
