//! Offerings of other instances, as they are shown here: the last view of each that is read, kept up
//! to date by its owner. No view is shown that was not confirmed a moment ago, and nothing is taken
//! over. A read looks up and loads; whoever finds nothing good enough waits for the follower.

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

/// How long a read waits for the follower before it turns to the store itself.
const TIMEOUT: Duration = Duration::from_millis(1_500);
/// A read is noted at most so often: they come by the thousand.
const NOTE_EVERY_MS: u64 = 100;

/// All that are followed.
#[derive(Default)]
pub(crate) struct FollowedOfferings {
    by_offering: DashMap<OfferingId, Arc<Followed>>,
}

type Views = watch::Sender<Arc<View>>;

/// One of them, as readers see it.
pub(crate) struct Followed {
    shown: ArcSwapOption<Confirmed>,
    /// For streams: there from the first view on, and gone when it is followed no more.
    views: Mutex<Option<Views>>,
    /// Monotonic, a little late.
    read_at_ms: AtomicU64,
    /// It was read since the owner was last asked.
    is_used: AtomicBool,
    /// Somebody knows that there is more than what is shown.
    is_outdated: AtomicBool,
    /// Somebody waits.
    wanted: Notify,
    /// Wakes who waits in the order of their coming, as a watch channel does not.
    attempted: Notify,
    failed: Mutex<Option<Unavailable>>,
    has_ended: AtomicBool,
}

/// A view and how good it is.
pub(crate) struct Confirmed {
    view: Arc<View>,
    /// On our monotonic clock, at the earliest.
    confirmed_at_ms: u64,
    good_until_ms: u64,
}

impl FollowedOfferings {
    /// How many, and the milliseconds since that one was confirmed which was confirmed the longest
    /// ago, of those that are in use.
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

    /// The view, if it was confirmed lately enough to be shown.
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
        // Nothing panics while it is held.
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_watched(&self) -> bool {
        self.views().as_ref().is_some_and(|views| views.receiver_count() > 0)
    }

    /// Has the follower look now, and waits for what comes of it.
    async fn refreshed(&self) -> Option<Unavailable> {
        let mut attempted = pin!(self.attempted.notified());
        // From now on: it may end between the next line and the last.
        attempted.as_mut().enable();
        if self.has_ended.load(Ordering::SeqCst) {
            let failed = self.failed().clone();
            return failed.filter(|why| matches!(why, Unavailable::NoSuchOffering));
        }
        self.wanted.notify_one();
        // Late or not, what there is shows.
        let _ = tokio::time::timeout(TIMEOUT, attempted).await;
        self.failed().clone()
    }

    /// Tells whoever waits what came of asking.
    fn tell(&self, failed: Option<Unavailable>) {
        *self.failed() = failed;
        self.attempted.notify_waiters();
    }

    fn failed(&self) -> MutexGuard<'_, Option<Unavailable>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
