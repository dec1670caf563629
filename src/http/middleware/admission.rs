//! Admission control: when more orders come than are answered in time, new claims on places are
//! refused at once, 503 with `Retry-After`, before anything is read or decided, so that those that
//! are let in are served as quickly as ever and what was promised is finished first.
//!
//! An order counts from when its body is there and something is waited for: what its client takes to
//! send it, and what is wrong with it at first sight, is no load. Nor is what is dismissed (an event
//! or a reservation that does not exist, a token that is no good): whoever asks for much of that must
//! neither make the others look quick nor take their room.
//!
//! How many orders may be in flight follows the time that they take (`limit.rs`): there is no number
//! to be tuned to the machine, the database or the mix. Whoever frees places, checks out or pays is
//! never refused here (`work.rs`). While there is too much, an event that has had much less than its
//! even share goes before those that have had more: one hot event does not starve the others.

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

/// How often the limit is set anew while orders come.
const WINDOW: Duration = Duration::from_millis(100);
/// For so many windows it is remembered that an event has sold something.
const REMEMBERED: u64 = 100;
/// The longest that somebody who is refused is told to wait at least, in seconds.
const LONGEST_RETRY_S: u64 = 15;

/// Announces the metrics.
pub fn describe_metrics() {
    describe_gauge!(LIMIT, "Orders that may be in flight before new claims are refused as BUSY.");
    describe_gauge!(IN_FLIGHT, "Orders (holds, reservations, payments) that are in flight.");
    describe_counter!(ADMITTED, "Claims on places that admission control let in.");
    describe_counter!(REFUSED, "Claims on places that admission control refused as BUSY.");
    for name in [ADMITTED, REFUSED] {
        counter!(name).absolute(0);
    }
}

/// The orders of one process. The counters guard no other memory, and being off by a racing order
/// is harmless: all of them are relaxed.
pub struct Admission {
    /// `None` lets everything in.
    control: Option<Mutex<Control>>,
    /// What the limit last was.
    most: AtomicUsize,
    in_flight: AtomicUsize,
    /// How many of these were dismissed in the end, on average over the last window: they are no load.
    dismissed: AtomicUsize,
    /// The most in this window.
    highest: AtomicUsize,
    totals: Totals,
    /// When the window began, in microseconds of the monotonic clock.
    begun_us: AtomicU64,
    /// How many windows there were.
    nth: AtomicU64,
    /// What each event has had of late, made-up ones left out; counted while there is too much.
    shares: DashMap<OfferingId, Share>,
    /// The sum of it in this window.
    shared: AtomicU64,
    /// Claims of events that had nothing of late, let in before others in this window: all the
    /// events that anybody can invent have one share.
    newcomers: AtomicU64,
    /// An event that has had less in a window goes before others.
    small: AtomicU64,
    /// Claims that went before others in this window, and how many may: what has not been answered
    /// yet is in nobody's share.
    ahead: AtomicU64,
    most_ahead: AtomicU64,
    /// What who is refused is to wait at least.
    retry_s: AtomicU64,
}

/// Since the start.
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

/// Claims of an event that were let in.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    /// During this window,
    nth: u64,
    now: u64,
    /// and during the one before.
    before: u64,
}

struct Control {
    limit: Limit,
    /// The totals at the end of the last window.
    seen: Count,
}

/// An order that was let in, until it is dropped.
pub struct Admitted<'a> {
    /// None for what is no order.
    admission: Option<&'a Admission>,
    event: Option<OfferingId>,
    /// When it began to count.
    begun: Cell<Option<Duration>>,
}

/// How an order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// An event has decided for or against it.
    Decided,
    /// It makes no sense, or is not its client's to give.
    Dismissed,
    /// It came to nothing.
    Failed,
}

/// There is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overloaded {
    /// When to try again.
    pub retry_after: Duration,
}

impl From<Overloaded> for ApiError {
    fn from(overloaded: Overloaded) -> Self {
        let message = "more orders come in than can be served in time: retry after Retry-After";
        Self::new(ErrorCode::Busy, message).with_retry_after(overloaded.retry_after)
    }
}

impl Admission {
    /// Keeps the mean time of orders at `target` or below; `None` lets everything in.
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

    /// What an order probably takes by itself, before any has come.
    pub fn expect(&self, quiet: Duration) {
        if let Some(mut control) = self.try_control() {
            control.limit.expect(quiet);
        }
    }

    /// Lets an order in that comes at `now`, or not.
    ///
    /// # Errors
    /// [`Overloaded`], for claims alone.
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

    /// Lets an order go on that is in flight and turns out to be a claim, or not.
    ///
    /// # Errors
    /// [`Overloaded`].
    pub fn claim(&self, event: OfferingId) -> Result<(), Overloaded> {
        // It is in flight itself.
        self.admit(event, self.in_flight.load(Relaxed).saturating_sub(1))
    }

    /// A claim that finds `before` orders in flight.
    fn admit(&self, event: OfferingId, before: usize) -> Result<(), Overloaded> {
        let most = self.most.load(Relaxed);
        let before = before.saturating_sub(self.dismissed.load(Relaxed));
        if self.control.is_some() && before >= most && !self.goes_before_others(event, most) {
            let nth = self.totals.refused.fetch_add(1, Relaxed);
            let at_least = self.retry_s.load(Relaxed);
            // Who is refused together must not come back together.
            let seconds = at_least + nth % (at_least + 1);
            return Err(Overloaded { retry_after: Duration::from_secs(seconds) });
        }
        self.totals.admitted.fetch_add(1, Relaxed);
        Ok(())
    }

    /// However many are in flight: those who were promised something may be more than the limit.
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

    /// Sets the limit anew when it is time.
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
        // By Little's law: the sum of what they took, over the time in which they took it.
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
        // With half of the even share, what goes before others halves from window to window when
        // all events do it.
        let shared = self.shared.swap(0, Relaxed);
        self.small.store(shared / events.max(1) / 2, Relaxed);
        self.most_ahead.store(shared / 2, Relaxed);
        self.ahead.store(0, Relaxed);
        let times = refused.div_ceil(admitted.max(1));
        self.retry_s.store(times.clamp(1, LONGEST_RETRY_S), Relaxed);
    }

    /// Unless somebody else is at it, or there is nothing to control.
    fn try_control(&self) -> Option<MutexGuard<'_, Control>> {
        self.control.as_ref()?.try_lock().ok()
    }

    /// Tells the recorder, when somebody looks: while nobody comes, nobody else sets the limit anew.
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
    /// From now on it counts, if it did not yet.
    pub fn begin(&self, now: impl FnOnce() -> Duration) {
        let Some(admission) = self.admission.filter(|_| self.begun.get().is_none()) else { return };
        self.begun.set(Some(now()));
        let before = admission.in_flight.fetch_add(1, Relaxed);
        admission.highest.fetch_max(before + 1, Relaxed);
    }

    /// It has its answer.
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

    /// The more of the window and the one before it.
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
