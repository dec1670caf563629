//! How far and how recently this instance has read the revocations of others.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// With an older list of revocations, nothing is done that needs a right.
const MAX_AGE: Duration = Duration::from_secs(5);

/// How far this instance has read the revocations in the database.
#[derive(Default)]
pub(crate) struct Learned {
    /// The number of the last revocation that was read; 0 before the first read.
    pub(super) number: AtomicI64,
    /// True if this instance has ended sessions of which streams were not told yet.
    pub(super) has_news: AtomicBool,
    /// When the last read began; `None` before the first.
    at: Mutex<Option<Instant>>,
}

impl Learned {
    /// Notes that everything up to `number` was read, by a read that began at `began`.
    pub(super) fn up_to(&self, number: i64, began: Instant) {
        self.number.store(number, Ordering::Release);
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = Some(began);
    }

    /// True if the last read is recent.
    pub(super) fn is_recent(&self) -> bool {
        self.age() < MAX_AGE
    }

    /// Returns the time since the last read began. A process that does not read, like a command, has read
    /// nothing late.
    pub(super) fn age(&self) -> Duration {
        let at = *self.at.lock().unwrap_or_else(PoisonError::into_inner);
        at.map_or(Duration::ZERO, |at| at.elapsed())
    }
}
