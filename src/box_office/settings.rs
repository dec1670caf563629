//! The settings of the box offices of one process, and the limits that bound them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::ids::{InstanceId, OfferingId, UserId};
use crate::inventory::Request;
use crate::trace::Tracer;

/// Called inside the guarded section right before a request is decided. Fault injection: a panic in
/// it counts as a panic of the core.
pub type BeforeDecide = Arc<dyn Fn(OfferingId, &Request) + Send + Sync>;

/// Says of each customer in line whether this instance has heard of them within so many
/// milliseconds.
pub type Heard = Arc<dyn Fn(OfferingId, &[UserId], i64) -> Vec<bool> + Send + Sync>;

/// Settings of all box offices of a process.
#[derive(Clone)]
pub struct Settings {
    /// The id of this process in the rows of the journal.
    pub instance: InstanceId,
    /// The address at which other instances reach this process.
    pub address: Arc<str>,
    /// The number of threads on which box offices run.
    pub arbiters: usize,
    /// Commands of one offering that may wait or be at work at a time.
    pub max_pending: usize,
    /// How many of these are reserved for commands that confirm, cancel, release and the like: a
    /// flood of holds must not keep places from being freed or paid for.
    pub reserved_pending: usize,
    /// The most commands in one append.
    pub max_batch_commands: usize,
    /// How long a reply may take before the outcome is reported as unknown.
    pub answer_timeout: Duration,
    /// How long a request waits while its offering is between two instances.
    pub moving_timeout: Duration,
    /// How long a recovery may take before it is begun again.
    pub longest_recovery: Duration,
    /// Offerings that are loaded and taken over at the same time.
    pub max_recoveries: usize,
    /// The greatest age of the last proof of ownership with which a refusal is given without an
    /// append. An instance of several asks the journal each time: another one may have taken over a
    /// moment ago, and a customer who got a hold there must not get the answer here that there is
    /// none.
    pub ownership_max_age: Duration,
    /// How far this machine's clock may be from the database's.
    pub max_clock_skew: Duration,
    /// A box office that is idle this long goes to sleep.
    pub passivate_after: Duration,
    /// How long an offering of another instance is followed after it was last read here.
    pub follow_for: Duration,
    /// The number of rows after which a new snapshot is taken.
    pub snapshot_every: u64,
    /// Rows since the last snapshot that make a new one worth writing when a box office goes to
    /// sleep.
    pub snapshot_at_rest: u64,
    /// Interval of the search for due work.
    pub sweep_interval: Duration,
    /// The destination of the spans of traced requests.
    pub tracer: Tracer,
    /// Fault injection; `None` in production.
    pub before_decide: Option<BeforeDecide>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            instance: InstanceId::random(),
            address: Arc::from("127.0.0.1:8080"),
            arbiters: 2,
            max_pending: 16_384,
            reserved_pending: 1_024,
            max_batch_commands: 1_024,
            answer_timeout: Duration::from_secs(10),
            moving_timeout: Duration::from_secs(3),
            longest_recovery: Duration::from_secs(30),
            max_recoveries: 16,
            ownership_max_age: Duration::from_secs(2),
            max_clock_skew: Duration::from_secs(1),
            passivate_after: Duration::from_secs(600),
            follow_for: Duration::from_secs(60),
            snapshot_every: 2_000,
            snapshot_at_rest: 64,
            sweep_interval: Duration::from_millis(250),
            tracer: Tracer::OFF,
            before_decide: None,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("instance", &self.instance)
            .field("address", &self.address)
            .field("arbiters", &self.arbiters)
            .field("max_pending", &self.max_pending)
            .finish_non_exhaustive()
    }
}
