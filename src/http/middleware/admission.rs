//! Admission control: when orders arrive faster than they can be answered in time, new claims on
//! places are refused at once, 503 with `Retry-After`, before anything is read or decided. Admitted
//! orders are served as quickly as ever, and promised work is finished first.
//!
//! An order counts as load from the moment when its body has arrived and the order waits for
//! something. The time that its client takes to send the body, and a failure of the first checks,
//! are no load. Dismissed orders (for an event or a reservation that does not exist, or with an
//! invalid token) are no load either: a client that sends many of them must neither make the others
//! look quick nor use up their room.
//!
//! The number of orders that may be in flight follows the time that they take (`limit.rs`), so no
//! setting has to be tuned to the machine, the database or the mix of requests. Requests that free
//! places, check out or pay are never refused here (`work.rs`). During overload, an event that has
//! had much less than its even share of admissions goes before events that have had more, so one
//! hot event does not starve the others.

mod limit;
mod work;

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use dashmap::DashMap;
use metrics::{counter, describe_counter, describe_gauge, gauge};

use crate::http::error::{ApiError, ErrorCode};
use crate::ids::OfferingId;
use limit::{Limit, MOST, Sample};
pub use work::Work;

const LIMIT: &str = "admitone_admission_limit";
const IN_FLIGHT: &str = "admitone_admission_in_flight";
const ADMITTED: &str = "admitone_admission_admitted_total";
const REFUSED: &str = "admitone_admission_refused_total";

/// Interval at which the limit is recalculated while orders arrive.
const WINDOW: Duration = Duration::from_millis(100);
/// Number of windows for which an event's past sales are remembered.
const REMEMBERED: u64 = 100;
/// Upper bound in seconds for the least wait in `Retry-After` of a refused claim.
const LONGEST_RETRY_S: u64 = 15;

/// Describes the metrics to the recorder.
pub fn describe_metrics() {
    describe_gauge!(LIMIT, "Orders that may be in flight before new claims are refused as BUSY.");
    describe_gauge!(IN_FLIGHT, "Orders (holds, reservations, payments) that are in flight.");
    describe_counter!(ADMITTED, "Claims on places that admission control let in.");
    describe_counter!(REFUSED, "Claims on places that admission control refused as BUSY.");
    for name in [ADMITTED, REFUSED] {
        counter!(name).absolute(0);
    }
}

/// The orders of one process. The counters guard no other memory, and an error of one racing order
/// is harmless, so all of them are relaxed.
pub struct Admission {
    /// `None` admits everything.
    control: Option<Mutex<Control>>,
    /// The limit after the last window.
    most: AtomicUsize,
    in_flight: AtomicUsize,
    /// Average number of in-flight orders over the last window that ended as dismissed; they are no
    /// load.
    dismissed: AtomicUsize,
    /// The most orders in flight at once in this window.
    highest: AtomicUsize,
    totals: Totals,
    /// Start of the current window in microseconds of the monotonic clock.
    begun_us: AtomicU64,
    /// Number of windows so far.
    nth: AtomicU64,
    /// Recently decided claims per event, counted while a limit below `MOST` applies. Invented
    /// event ids are not in it.
    shares: DashMap<OfferingId, Share>,
    /// Sum of the claims counted in `shares` in this window.
    shared: AtomicU64,
    /// Claims of events without recent sales that tried to go before others in this window. All
    /// event ids that a client can invent have one share together.
    newcomers: AtomicU64,
    /// An event with fewer claims than this in a window goes before others.
    small: AtomicU64,
    /// Claims that went before others in this window, and how many may. The bound is needed because
    /// claims without an answer yet are in no event's share.
    ahead: AtomicU64,
    most_ahead: AtomicU64,
    /// Least wait in seconds that is sent to a refused claim.
    retry_s: AtomicU64,
}

/// Totals since the start of the process.
#[derive(Debug, Default)]
struct Totals {
    answered: AtomicU64,
    took_us: AtomicU64,
    dismissed: AtomicU64,
    dismissed_us: AtomicU64,
    admitted: AtomicU64,
    refused: AtomicU64,
}

#[derive(Clone, Copy, Default)]
struct Count {
    answered: u64,
    took_us: u64,
    dismissed: u64,
    dismissed_us: u64,
    admitted: u64,
    refused: u64,
}

/// Admitted claims of one event.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    /// The window of `now`, and its count.
    nth: u64,
    now: u64,
    /// The count of the window before.
    before: u64,
}

struct Control {
    limit: Limit,
    /// The totals at the end of the last window.
    seen: Count,
}

/// An admitted order; in flight until it is dropped.
pub struct Admitted<'a> {
    /// `None` for a request that is no order.
    admission: Option<&'a Admission>,
    event: Option<OfferingId>,
    /// Time at which the order began to count as load.
    begun: Cell<Option<Duration>>,
}

/// How an order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// An event has decided for or against it.
    Decided,
    /// The order is invalid, or its client may not give it.
    Dismissed,
    /// The order failed without a decision.
    Failed,
}

/// The refusal of a claim because of overload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overloaded {
    /// Time after which to try again.
    pub retry_after: Duration,
}

impl From<Overloaded> for ApiError {
    fn from(overloaded: Overloaded) -> Self {
        let message = "more orders come in than can be served in time: retry after Retry-After";
        Self::new(ErrorCode::Busy, message).with_retry_after(overloaded.retry_after)
    }
}

impl Admission {
    /// Returns an admission that keeps the mean time of orders at `target` or below; `None` admits
    /// everything.
    #[must_use]
    pub fn new(target: Option<Duration>) -> Self {
        let control =
            |target| Control { limit: Limit::new(target, WINDOW), seen: Count::default() };
        Self {
            control: target.map(|target| Mutex::new(control(target))),
            most: AtomicUsize::new(MOST),
            in_flight: AtomicUsize::new(0),
            dismissed: AtomicUsize::new(0),
            highest: AtomicUsize::new(0),
            totals: Totals::default(),
            begun_us: AtomicU64::new(0),
            nth: AtomicU64::new(0),
            shares: DashMap::new(),
            shared: AtomicU64::new(0),
            newcomers: AtomicU64::new(0),
            small: AtomicU64::new(0),
            ahead: AtomicU64::new(0),
            most_ahead: AtomicU64::new(0),
            retry_s: AtomicU64::new(1),
        }
    }

    /// Sets the time that one order alone probably takes, for use until orders have been measured.
    pub fn expect(&self, quiet: Duration) {
        if let Some(mut control) = self.try_control() {
            control.limit.expect(quiet);
        }
    }

    /// Admits or refuses an order that arrives at `now`.
    ///
    /// # Errors
    /// [`Overloaded`], for claims only.
    pub fn enter(&self, work: Work, now: Duration) -> Result<Admitted<'_>, Overloaded> {
        let event = match work {
            Work::Other => {
                return Ok(Admitted { admission: None, event: None, begun: Cell::default() });
            }
            Work::Promise => None,
            Work::Claim(event) => Some(event),
        };
        self.look(now);
        if let Some(event) = event {
            self.admit(event, self.in_flight.load(Relaxed))?;
        }
        Ok(Admitted { admission: Some(self), event, begun: Cell::default() })
    }

    /// Admits or refuses an order in flight that turns out to be a claim.
    ///
    /// # Errors
    /// [`Overloaded`].
    pub fn claim(&self, event: OfferingId) -> Result<(), Overloaded> {
        // The count includes this order itself.
        self.admit(event, self.in_flight.load(Relaxed).saturating_sub(1))
    }

    /// Admits or refuses a claim that finds `before` orders in flight.
    fn admit(&self, event: OfferingId, before: usize) -> Result<(), Overloaded> {
        let most = self.most.load(Relaxed);
        let before = before.saturating_sub(self.dismissed.load(Relaxed));
        if self.control.is_some() && before >= most && !self.goes_before_others(event, most) {
            let nth = self.totals.refused.fetch_add(1, Relaxed);
            let at_least = self.retry_s.load(Relaxed);
            // Clients that are refused together must not come back together.
            let seconds = at_least + nth % (at_least + 1);
            return Err(Overloaded { retry_after: Duration::from_secs(seconds) });
        }
        self.totals.admitted.fetch_add(1, Relaxed);
        Ok(())
    }

    /// True if a claim of `event` goes before others. The number of orders in flight does not
    /// matter here, because promised work alone may exceed the limit.
    fn goes_before_others(&self, event: OfferingId, most: usize) -> bool {
        if most >= MOST {
            return false;
        }
        let nth = self.nth.load(Relaxed);
        let had = match self.shares.get(&event) {
            Some(share) => share.most_at(nth),
            None => self.newcomers.fetch_add(1, Relaxed),
        };
        had < self.small.load(Relaxed)
            && self.ahead.fetch_add(1, Relaxed) < self.most_ahead.load(Relaxed)
    }

    /// Recalculates the limit if the window is over.
    fn look(&self, now: Duration) {
        let now_us = micros(now);
        let span_us = now_us.saturating_sub(self.begun_us.load(Relaxed));
        if span_us < micros(WINDOW) {
            return;
        }
        let Some(mut control) = self.try_control() else { return };
        self.begun_us.store(now_us, Relaxed);
        let (count, seen) = (self.totals.count(), control.seen);
        control.seen = count;
        let refused = count.refused - seen.refused;
        let admitted = count.admitted - seen.admitted;
        // Little's law: the sum of the times that dismissed orders took, over the time of the
        // window.
        let dismissed = (count.dismissed_us - seen.dismissed_us) / span_us;
        let dismissed = usize::try_from(dismissed).unwrap_or(usize::MAX);
        self.dismissed.store(dismissed, Relaxed);
        let highest = self.highest.swap(self.in_flight.load(Relaxed), Relaxed);
        let sample = Sample {
            span: Duration::from_micros(span_us),
            answered: count.answered - seen.answered,
            took: Duration::from_micros(count.took_us - seen.took_us),
            dismissed: count.dismissed - seen.dismissed,
            highest: highest.saturating_sub(dismissed),
            refused: refused > 0,
        };
        self.most.store(control.limit.after(&sample), Relaxed);
        let nth = self.nth.fetch_add(1, Relaxed) + 1;
        self.newcomers.store(0, Relaxed);
        let mut events = 0;
        self.shares.retain(|_, share| {
            events += u64::from(share.most_at(nth) > 0);
            nth - share.nth <= REMEMBERED
        });
        // With half of the even share as the bound, the number of claims that go before others
        // halves from window to window when all events do it.
        let shared = self.shared.swap(0, Relaxed);
        self.small.store(shared / events.max(1) / 2, Relaxed);
        self.most_ahead.store(shared / 2, Relaxed);
        self.ahead.store(0, Relaxed);
        let times = refused.div_ceil(admitted.max(1));
        self.retry_s.store(times.clamp(1, LONGEST_RETRY_S), Relaxed);
    }

    /// Returns the lock on the control; `None` if another thread holds it, or if there is nothing
    /// to control.
    fn try_control(&self) -> Option<MutexGuard<'_, Control>> {
        self.control.as_ref()?.try_lock().ok()
    }

    /// Publishes the metrics when they are read. Also recalculates the limit: while no orders
    /// arrive, nothing else does.
    #[expect(clippy::cast_precision_loss, reason = "far fewer orders than 2^52 are in flight")]
    pub fn measure(&self, now: Duration) {
        self.look(now);
        gauge!(LIMIT).set(self.most.load(Relaxed) as f64);
        gauge!(IN_FLIGHT).set(self.in_flight.load(Relaxed) as f64);
        let count = self.totals.count();
        counter!(ADMITTED).absolute(count.admitted);
        counter!(REFUSED).absolute(count.refused);
    }
}

impl Admitted<'_> {
    /// Counts the order as load from now on, if it did not count yet.
    pub fn begin(&self, now: impl FnOnce() -> Duration) {
        let Some(admission) = self.admission.filter(|_| self.begun.get().is_none()) else { return };
        self.begun.set(Some(now()));
        let before = admission.in_flight.fetch_add(1, Relaxed);
        admission.highest.fetch_max(before + 1, Relaxed);
    }

    /// Records that the order has its answer.
    pub fn answered(&self, now: Duration, ending: Ending) {
        let Some((admission, begun)) = self.admission.zip(self.begun.get()) else { return };
        let took_us = micros(now.saturating_sub(begun));
        if ending == Ending::Dismissed {
            admission.totals.dismissed.fetch_add(1, Relaxed);
            admission.totals.dismissed_us.fetch_add(took_us, Relaxed);
            return;
        }
        admission.totals.took_us.fetch_add(took_us, Relaxed);
        admission.totals.answered.fetch_add(1, Relaxed);
        if let Some(event) = self.event.filter(|_| ending == Ending::Decided)
            && admission.most.load(Relaxed) < MOST
        {
            admission.shared.fetch_add(1, Relaxed);
            admission.shares.entry(event).or_default().add_in(admission.nth.load(Relaxed));
        }
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        if let Some(admission) = self.admission.filter(|_| self.begun.get().is_some()) {
            admission.in_flight.fetch_sub(1, Relaxed);
        }
    }
}

impl Share {
    fn add_in(&mut self, nth: u64) {
        if self.nth != nth {
            *self = Self { nth, now: 0, before: if self.nth + 1 == nth { self.now } else { 0 } };
        }
        self.now += 1;
    }

    /// Returns the higher count of the current window and the one before it.
    fn most_at(&self, nth: u64) -> u64 {
        match nth.saturating_sub(self.nth) {
            0 => self.now.max(self.before),
            1 => self.now,
            _ => 0,
        }
    }
}

impl Totals {
    fn count(&self) -> Count {
        Count {
            answered: self.answered.load(Relaxed),
            took_us: self.took_us.load(Relaxed),
            dismissed: self.dismissed.load(Relaxed),
            dismissed_us: self.dismissed_us.load(Relaxed),
            admitted: self.admitted.load(Relaxed),
            refused: self.refused.load(Relaxed),
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
