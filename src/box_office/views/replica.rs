//! Offerings of other instances, as they are shown here: the last view of each offering that is
//! read, kept up to date by its owner. Only views that were confirmed a moment ago are shown, and
//! no offering is taken over. A read finds and loads the view; if the view is not good enough, the
//! read waits for the follower.

mod follower;
mod lookup;
mod resync;

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use dashmap::DashMap;
use tokio::sync::{Notify, watch};

use crate::box_office::{Unavailable, View};
use crate::ids::OfferingId;

/// How long a read waits for the follower before it reads the store itself.
const TIMEOUT: Duration = Duration::from_millis(1_500);
/// Reads are recorded at most this often, because thousands arrive per second.
const NOTE_EVERY_MS: u64 = 100;

/// All followed offerings.
#[derive(Default)]
pub(crate) struct FollowedOfferings {
    by_offering: DashMap<OfferingId, Arc<Followed>>,
}

type Views = watch::Sender<Arc<View>>;

/// One followed offering, as readers see it.
pub(crate) struct Followed {
    shown: ArcSwapOption<Confirmed>,
    /// For streams: set from the first view on, and removed when the offering is no longer
    /// followed.
    views: Mutex<Option<Views>>,
    /// Monotonic milliseconds of the last read, a little late.
    read_at_ms: AtomicU64,
    /// True if it was read since the owner was last asked.
    is_used: AtomicBool,
    /// True if a reader knows of a newer row than the view includes.
    is_outdated: AtomicBool,
    /// Notified by readers that wait.
    wanted: Notify,
    /// Wakes waiting readers in the order of their arrival, as a watch channel does not.
    attempted: Notify,
    failed: Mutex<Option<Unavailable>>,
    has_ended: AtomicBool,
}

/// A view, and the times that bound how long it may be shown.
pub(crate) struct Confirmed {
    view: Arc<View>,
    /// Earliest time at which the owner confirmed it, in milliseconds of this instance's monotonic
    /// clock.
    confirmed_at_ms: u64,
    good_until_ms: u64,
}

impl FollowedOfferings {
    /// Returns the number of followed offerings and, of those in use, the milliseconds since the
    /// oldest confirmation.
    pub(crate) fn count(&self, now_ms: u64) -> (usize, u64) {
        let age_ms = |followed: &Followed| {
            let shown = followed.shown.load();
            let used = followed.is_used.load(Ordering::Relaxed) || followed.is_watched();
            used.then(|| shown.as_ref().map(|it| now_ms.saturating_sub(it.confirmed_at_ms)))
                .flatten()
                .unwrap_or_default()
        };
        let oldest_ms = self.by_offering.iter().map(|it| age_ms(it.value())).max();
        (self.by_offering.len(), oldest_ms.unwrap_or_default())
    }
}

impl Followed {
    fn new() -> Self {
        Self {
            shown: ArcSwapOption::empty(),
            views: Mutex::new(None),
            read_at_ms: AtomicU64::new(0),
            is_used: AtomicBool::new(true),
            is_outdated: AtomicBool::new(false),
            wanted: Notify::new(),
            attempted: Notify::new(),
            failed: Mutex::new(None),
            has_ended: AtomicBool::new(false),
        }
    }

    /// Returns the view, if it was confirmed recently enough to be shown.
    fn current(&self, now_ms: u64) -> Option<Arc<View>> {
        if now_ms.saturating_sub(self.read_at_ms.load(Ordering::Relaxed)) >= NOTE_EVERY_MS {
            self.read_at_ms.store(now_ms, Ordering::Relaxed);
            self.is_used.store(true, Ordering::Relaxed);
        }
        let shown = self.shown.load();
        let shown = shown.as_ref().filter(|shown| now_ms <= shown.good_until_ms)?;
        Some(Arc::clone(&shown.view))
    }

    fn views(&self) -> MutexGuard<'_, Option<Views>> {
        // No code panics while the lock is held.
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_watched(&self) -> bool {
        self.views().as_ref().is_some_and(|views| views.receiver_count() > 0)
    }

    /// Has the follower ask now, and waits for the outcome; returns the failure, if any.
    async fn refreshed(&self) -> Option<Unavailable> {
        let mut attempted = pin!(self.attempted.notified());
        // Registered from now on: the follower may end between the next line and the last.
        attempted.as_mut().enable();
        if self.has_ended.load(Ordering::SeqCst) {
            let failed = self.failed().clone();
            return failed.filter(|why| matches!(why, Unavailable::NoSuchOffering));
        }
        self.wanted.notify_one();
        // Late or not, the caller reads the view that is there.
        let _ = tokio::time::timeout(TIMEOUT, attempted).await;
        self.failed().clone()
    }

    /// Notifies waiting readers of the outcome of a resync.
    fn tell(&self, failed: Option<Unavailable>) {
        *self.failed() = failed;
        self.attempted.notify_waiters();
    }

    fn failed(&self) -> MutexGuard<'_, Option<Unavailable>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
