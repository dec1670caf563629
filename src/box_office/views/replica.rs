//! Offerings of other instances, as they are shown here: the last view of each that is read, kept up
//! to date by its owner. No view is shown that was not confirmed a moment ago, and nothing is taken
//! over. A read looks up and loads; whoever finds nothing good enough waits for the follower.

mod follower;
mod resync;

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::{Notify, watch};

use crate::box_office::{BoxOffices, Unavailable, View};
use crate::ids::OfferingId;
use follower::Follower;

/// The most offerings that are followed: a view of a large house takes some 300 KiB. Further ones
/// are read from the store.
const MAX_FOLLOWED: usize = 4_096;
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

impl BoxOffices {
    /// What an offering that is not live here is like, as its owner shows it; where nobody owns it,
    /// or the owner does not answer, as the store has it.
    pub(crate) async fn followed_view(
        &self,
        offering: OfferingId,
    ) -> Result<Arc<View>, Unavailable> {
        if let Some(followed) = self.follow(offering) {
            if let Some(view) = followed.current(self.monotonic_ms()) {
                return Ok(view);
            }
            let failed = followed.refreshed().await;
            if let Some(view) = followed.current(self.monotonic_ms()) {
                return Ok(view);
            }
            if let Some(Unavailable::NoSuchOffering) = failed {
                return Err(Unavailable::NoSuchOffering);
            }
        }
        Ok(Arc::clone(&self.cold().get(self.shared(), offering).await?.view))
    }

    /// There is more than what is shown of an offering: has it looked for.
    pub(crate) async fn refresh(&self, offering: OfferingId) {
        if let Some(followed) = self.follow(offering) {
            followed.is_outdated.store(true, Ordering::SeqCst);
            // What came of it shows.
            let _ = followed.refreshed().await;
        }
    }

    /// The views of an offering that is not live here.
    pub(crate) async fn followed_views(
        &self,
        offering: OfferingId,
    ) -> Result<watch::Receiver<Arc<View>>, Unavailable> {
        for _ in 0..3 {
            let followed = self.follow(offering).ok_or(Unavailable::Busy)?;
            if followed.current(self.monotonic_ms()).is_none()
                && let Some(why) = followed.refreshed().await
            {
                return Err(why);
            }
            let views = followed.views().as_ref().map(watch::Sender::subscribe);
            if let Some(views) = views {
                return Ok(views);
            }
            if !followed.has_ended.load(Ordering::SeqCst) {
                break;
            }
            // The follower ended for want of readers just as this one came: another is started.
        }
        Err(Unavailable::Recovering)
    }

    /// What is known of it, which is kept up to date from now on. `None` when too many are followed.
    fn follow(&self, offering: OfferingId) -> Option<Arc<Followed>> {
        let by_offering = &self.followed().by_offering;
        if let Some(followed) = by_offering.get(&offering) {
            return Some(Arc::clone(followed.value()));
        }
        if by_offering.len() >= MAX_FOLLOWED || self.is_stopping() {
            return None;
        }
        let followed = match by_offering.entry(offering) {
            Entry::Occupied(entry) => return Some(Arc::clone(entry.get())),
            Entry::Vacant(entry) => Arc::clone(entry.insert(Arc::new(Followed::new())).value()),
        };
        let shared = Arc::clone(self.shared());
        let follower = Follower::new(Arc::clone(&shared), offering, Arc::clone(&followed));
        shared.executor.spawn(follower.run());
        Some(followed)
    }

    /// Nobody keeps it up to date any more.
    fn unfollow(&self, offering: OfferingId, followed: &Arc<Followed>) {
        let by_offering = &self.followed().by_offering;
        by_offering.remove_if(&offering, |_, found| Arc::ptr_eq(found, followed));
    }
}
