//! One live box office, as the rest of the process sees it.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use crate::box_office::office::inbox::Inbox;
use crate::box_office::permits::Permits;
use crate::box_office::telemetry::counters::OfferingCounters;
use crate::box_office::views::followers::Followers;
use crate::box_office::views::queue_state::PublishedQueue;
use crate::box_office::views::view::View;

/// Commands, of up to a thousand customers each, that may wait to enter a queue.
const MAX_ENTRY_COMMANDS: usize = 64;

/// The parts of a box office that other threads read and write.
pub(crate) struct OfficeHandle {
    pub(crate) permits: Arc<Permits>,
    /// For commands by which customers enter the queue.
    pub(crate) entry_permits: Arc<Permits>,
    pub(crate) inbox: Inbox,
    /// The last durable view; `None` until the first recovery has succeeded.
    pub(crate) view: ArcSwapOption<View>,
    /// The same view, as a channel for subscribers.
    pub(crate) views: OnceLock<watch::Sender<Arc<View>>>,
    /// The time of the next due work, as `TimestampMs`; `i64::MAX` for never.
    pub(crate) next_due_at: AtomicI64,
    /// Monotonic milliseconds of the last request.
    pub(crate) used_at_ms: AtomicU64,
    /// Monotonic milliseconds of the last proof that this instance owns the offering.
    pub(crate) verified_at_ms: AtomicU64,
    /// Monotonic milliseconds of the takeover; 0 before the takeover.
    pub(crate) in_service_at_ms: AtomicU64,
    /// True while it takes no turns because another instance is taking over.
    pub(crate) is_leaving: AtomicBool,
    /// The other instances that follow it.
    pub(crate) followers: Followers,
    /// The state of the offering's queue; `None` if it has none.
    pub(crate) queue: ArcSwapOption<PublishedQueue>,
    /// The counts of its answers.
    pub(crate) counters: OfferingCounters,
}

impl OfficeHandle {
    /// Returns the handle of an office that starts now, at `now_ms` of the monotonic clock.
    pub(crate) fn new(permits: Arc<Permits>, now_ms: u64) -> Self {
        Self {
            permits,
            entry_permits: Permits::new(MAX_ENTRY_COMMANDS, 0),
            inbox: Inbox::new(),
            view: ArcSwapOption::empty(),
            views: OnceLock::new(),
            next_due_at: AtomicI64::new(i64::MAX),
            used_at_ms: AtomicU64::new(now_ms),
            verified_at_ms: AtomicU64::new(0),
            in_service_at_ms: AtomicU64::new(0),
            is_leaving: AtomicBool::new(false),
            followers: Followers::default(),
            queue: ArcSwapOption::empty(),
            counters: OfferingCounters::new(),
        }
    }
}
