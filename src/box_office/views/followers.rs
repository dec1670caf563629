//! The followers of an offering that is live here: until when they follow it, and the last view
//! sent to them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::box_office::views::update::Stamp;
use crate::box_office::views::view::View;

/// A view, and the stamp that bounds how long it is good.
pub(crate) type StampedView = (Stamp, Arc<View>);

/// The other instances that follow an offering.
#[derive(Default)]
pub(crate) struct Followers {
    /// Monotonic milliseconds until which the last of them asked to be notified.
    pub(crate) until_ms: AtomicU64,
    /// True while a publisher runs.
    pub(crate) is_served: AtomicBool,
    /// The last view sent to them.
    pub(crate) last_sent: Mutex<Option<StampedView>>,
}

impl Followers {
    /// True if all subscriptions have lapsed; the next follower then starts a new publisher.
    pub(crate) fn end_if_lapsed(&self, now_ms: impl Fn() -> u64) -> bool {
        let lapsed = || self.until_ms.load(Ordering::SeqCst) <= now_ms();
        if !lapsed() {
            return false;
        }
        // Without followers there is no view that an update could build on.
        *self.last_sent.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.is_served.store(false, Ordering::SeqCst);
        // A follower may have arrived after the check and before the flag was cleared, and found a
        // publisher.
        lapsed() || self.is_served.swap(true, Ordering::SeqCst)
    }
}
