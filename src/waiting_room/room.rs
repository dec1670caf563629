//! One waiting room as this instance sees it: the customers it has told their numbers, the last state
//! of the line, and the requests that are gathered for the owner.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::metrics::Counter;
use arc_swap::ArcSwapOption;
use dashmap::DashMap;
use futures_util::FutureExt;

use super::accuracy::Accuracy;
use super::gather::{Gather, Waiting};
use super::outlet::Answer;
use super::pace::Pace;
use super::status::{Outlook, RoomStatus, Seen, ahead, next_poll_s, people_in, place_now};
use super::{Passes, WaitingRoomError, metrics};
use crate::box_office::{BoxOffices, SubmitError};
use crate::clock::Clock;
use crate::executor::Executor;
use crate::ids::{OfferingId, QueueEntryId, UserId};
use crate::inventory::{
    Command, MAX_QUEUE_BATCH, Pass, QueueEntryView, QueuePhase, QueuePlace, Rejection, Request,
    TimestampMs,
};

/// How long customers who enter are gathered before a command, unless the one before it was full.
const GATHER: Duration = Duration::from_millis(10);
/// How long customers who ask are gathered.
const GATHER_ASKS: Duration = Duration::from_millis(5);
/// The pause before those who came while the list was being closed enter behind it.
const CLOSING_PAUSE: Duration = Duration::from_millis(200);
/// How long the state of the line is good for.
const PROGRESS_MS: i64 = 1_000;
/// An entry this near to the front is asked for at the owner.
const FRONT_S: u32 = 10;
/// An entry is asked for again after this time: it may have been voided.
const ASK_AGAIN_MS: i64 = 600_000;
/// A room that nobody asks for is dropped after this time, and the time of silence.
const UNUSED_MS: i64 = 60_000;
/// Polls of one customer closer together than this come too soon.
const POLL_MS: i64 = 900;
/// Polls that may come too soon before the next are slowed: a page is reloaded, or open twice.
const EARLY_POLLS: u8 = 5;

/// What this instance knows of a customer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    entry: QueueEntryView,
    asked_at: TimestampMs,
    polled_at: TimestampMs,
    /// Polls in a row that came too soon after the one before.
    early_polls: u8,
}

/// One waiting room.
pub(super) struct Room {
    event: OfferingId,
    offices: Arc<BoxOffices>,
    clock: Arc<dyn Clock>,
    executor: Executor,
    passes: Passes,
    known: DashMap<UserId, Known>,
    /// Which of the event's queues `known` is of.
    generation: AtomicU32,
    seen: ArcSwapOption<Seen>,
    /// When it was last seen that there is no queue.
    none_at: AtomicI64,
    /// Held by the request that reads the state of the line.
    reading: tokio::sync::Mutex<()>,
    pace: Mutex<Pace>,
    accuracy: Mutex<Accuracy>,
    used_at: AtomicI64,
    entering: Gather,
    asking: Gather,
    polls: Counter,
}

impl Room {
    pub(super) fn new(
        event: OfferingId,
        offices: Arc<BoxOffices>,
        clock: Arc<dyn Clock>,
        executor: Executor,
        passes: Passes,
    ) -> Self {
        let used_at = AtomicI64::new(clock.now_ms());
        Self {
            event,
            offices,
            clock,
            executor,
            passes,
            known: DashMap::new(),
            generation: AtomicU32::new(0),
            seen: ArcSwapOption::empty(),
            none_at: AtomicI64::new(TimestampMs::MIN),
            reading: tokio::sync::Mutex::new(()),
            pace: Mutex::new(Pace::default()),
            accuracy: Mutex::default(),
            used_at,
            entering: Gather::default(),
            asking: Gather::default(),
            polls: metrics::polls(),
        }
    }

    /// Enters a customer, gathered with others.
    pub(super) async fn enter(self: &Arc<Self>, customer: UserId) -> Answer {
        let (answer, is_first) = self.entering.add(customer, self.clock.now_ms())?;
        if is_first {
            let room = Arc::clone(self);
            self.executor.spawn(async move { room.empty_entering().await });
        }
        answer.await.unwrap_or(Err(WaitingRoomError::Crowded))
    }

    /// Asks the owner for a customer's entry, gathered with others.
    pub(super) async fn ask(self: &Arc<Self>, customer: UserId) -> Answer {
        let (answer, is_first) = self.asking.add(customer, self.clock.now_ms())?;
        if is_first {
            let room = Arc::clone(self);
            self.executor.spawn(async move { room.empty_asking().await });
        }
        answer.await.unwrap_or(Err(WaitingRoomError::Crowded))
    }

    pub(super) fn use_now(&self) {
        self.used_at.store(self.clock.now_ms(), Ordering::Relaxed);
    }

    /// True if somebody asked for it lately: within the time in which its customers may be silent, if
    /// it has a queue.
    pub(super) fn is_worth_keeping(&self, now: TimestampMs) -> bool {
        let silence_ms = self.seen.load().as_ref().map_or(0, |seen| seen.progress.rules.silence_ms);
        now - self.used_at.load(Ordering::Relaxed) < UNUSED_MS.saturating_add(silence_ms)
    }

    pub(super) fn forget(&self, customer: UserId) {
        self.known.remove(&customer);
    }

    /// Notes a poll; returns what is known of the customer, and the delay of a poll that came too soon
    /// after the last.
    pub(super) fn note_poll(&self, customer: UserId) -> (Option<Known>, Option<Duration>) {
        self.polls.increment(1);
        let now = self.clock.now_ms();
        let Some(mut known) = self.known.get_mut(&customer) else { return (None, None) };
        let early = u64::try_from(POLL_MS - (now - known.polled_at)).ok().filter(|ms| *ms > 0);
        known.polled_at = now;
        known.early_polls = early.map_or(0, |_| known.early_polls.saturating_add(1));
        let early = early.filter(|_| known.early_polls > EARLY_POLLS);
        (Some(*known), early.map(Duration::from_millis))
    }

    /// When each of these customers was last heard of here; `None` for those who never were.
    pub(super) fn last_heard(&self, customer: UserId) -> Option<TimestampMs> {
        self.known.get(&customer).map(|known| known.polled_at)
    }

    /// The status of a customer who is not near the front, from what this instance knows.
    pub(super) async fn known_status(
        self: &Arc<Self>,
        customer: UserId,
    ) -> Result<Option<RoomStatus>, WaitingRoomError> {
        let Some(known) = self.known.get(&customer).map(|known| *known) else { return Ok(None) };
        let seen = self.progress().await?;
        Ok(self.far_status(customer, &known, &seen))
    }

    /// As [`Self::known_status`], if the state of the line is at hand too.
    pub(super) fn status_at_hand(&self, customer: UserId, known: &Known) -> Option<RoomStatus> {
        self.far_status(customer, known, &self.recent()?)
    }

    fn far_status(&self, customer: UserId, known: &Known, seen: &Arc<Seen>) -> Option<RoomStatus> {
        let progress = &seen.progress;
        let now = self.clock.now_ms();
        if known.entry.generation != progress.generation || now - known.asked_at > ASK_AGAIN_MS {
            return None;
        }
        let is_far = match place_now(&known.entry, progress) {
            QueuePlace::BeforeDraw => progress.phase != QueuePhase::Open,
            QueuePlace::InLine { place } => {
                let margin = progress.rules.passes_per_minute / 60 * FRONT_S + 20;
                place >= progress.next.saturating_add(margin)
            }
            QueuePlace::Ahead { .. }
            | QueuePlace::Aside
            | QueuePlace::Inside { .. }
            | QueuePlace::Lapsed
            | QueuePlace::Served
            | QueuePlace::Left
            | QueuePlace::Voided => false,
        };
        is_far.then(|| self.status_of(customer, &known.entry, seen))
    }

    /// What was last known of a customer, if the owner of the queue cannot be asked for a moment.
    pub(super) fn last_status(
        &self,
        customer: UserId,
        error: &WaitingRoomError,
    ) -> Option<RoomStatus> {
        let seen = self.seen.load_full().filter(|_| error.is_passing())?;
        let known = self.known.get(&customer).map(|known| *known)?;
        let is_of_it = known.entry.generation == seen.progress.generation;
        is_of_it.then(|| self.status_of(customer, &known.entry, &seen))
    }

    /// What a customer with this entry is told.
    pub(super) fn status_of(
        &self,
        customer: UserId,
        entry: &QueueEntryView,
        seen: &Arc<Seen>,
    ) -> RoomStatus {
        let now = self.clock.now_ms();
        let place = place_now(entry, &seen.progress);
        let entry = QueueEntryView { place, ..*entry };
        let ahead = ahead(&entry, &seen.progress);
        let estimate = ahead.and_then(|ahead| {
            let pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
            pace.estimate(&seen.progress, ahead, now)
        });
        if let (QueuePlace::InLine { place }, Some(estimate)) = (place, estimate) {
            let mut accuracy = self.accuracy.lock().unwrap_or_else(PoisonError::into_inner);
            accuracy.keep(place, estimate, now);
        }
        // Before the draw anybody may be before one.
        let before = match place {
            QueuePlace::BeforeDraw => Some(seen.progress.waiting.saturating_sub(1)),
            _ => ahead.map(|ahead| people_in(ahead, &seen.progress)),
        };
        let pass = match place {
            QueuePlace::Inside { .. } => {
                let pass = Pass { generation: entry.generation, number: entry.number };
                Some(self.passes.sign(self.event, customer, pass))
            }
            _ => None,
        };
        RoomStatus {
            entry,
            ahead,
            estimate,
            next_poll_s: next_poll_s(place, estimate, &seen.progress, now),
            pass,
            outlook: Outlook::of(&seen.progress, before.unwrap_or(0)),
            seen: Arc::clone(seen),
        }
    }

    /// The state of the line, at most a second old; an older one if its owner does not answer.
    pub(super) async fn progress(&self) -> Result<Arc<Seen>, WaitingRoomError> {
        if let Some(seen) = self.recent() {
            return Ok(seen);
        }
        if let Some(here) = self.offices.queue_here(self.event) {
            let (progress, as_of) = (here.progress.clone(), self.clock.now_ms());
            return Ok(self.remember(Seen { event: self.event, progress, as_of }));
        }
        if self.is_known_off() {
            return Err(Rejection::NoQueue.into());
        }
        // One request reads; the others wait for its result.
        let _reading = self.reading.lock().await;
        if let Some(seen) = self.recent() {
            return Ok(seen);
        }
        if self.is_known_off() {
            return Err(Rejection::NoQueue.into());
        }
        self.fresh_progress().await
    }

    /// The state of the line, read at the owner; the last known if it does not answer.
    pub(super) async fn fresh_progress(&self) -> Result<Arc<Seen>, WaitingRoomError> {
        match self.offices.queue(self.event, Vec::new()).await {
            Ok(Some(answer)) => {
                let seen =
                    Seen { event: self.event, progress: answer.progress, as_of: answer.as_of };
                Ok(self.remember(seen))
            }
            Ok(None) => {
                self.seen.store(None);
                self.none_at.store(self.clock.now_ms(), Ordering::Relaxed);
                self.known.clear();
                Err(Rejection::NoQueue.into())
            }
            Err(error) => match self.seen.load_full() {
                Some(seen) => Ok(seen),
                None => Err(error.into()),
            },
        }
    }

    /// True if there was no queue a moment ago, and none is owned here.
    fn is_known_off(&self) -> bool {
        let since = self.clock.now_ms().saturating_sub(self.none_at.load(Ordering::Relaxed));
        (0..PROGRESS_MS).contains(&since)
    }

    fn recent(&self) -> Option<Arc<Seen>> {
        let now = self.clock.now_ms();
        self.seen.load_full().filter(|seen| (0..PROGRESS_MS).contains(&(now - seen.as_of)))
    }

    fn remember(&self, seen: Seen) -> Arc<Seen> {
        let generation = seen.progress.generation;
        if self.generation.swap(generation, Ordering::Relaxed) != generation {
            self.known.clear();
        }
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.observe(&seen.progress, seen.as_of);
        drop(pace);
        let mut accuracy = self.accuracy.lock().unwrap_or_else(PoisonError::into_inner);
        accuracy.judge(&seen.progress, seen.as_of).into_iter().for_each(metrics::misestimated);
        drop(accuracy);
        let seen = Arc::new(seen);
        self.seen.store(Some(Arc::clone(&seen)));
        seen
    }

    async fn empty_entering(self: &Arc<Self>) {
        loop {
            tokio::time::sleep(GATHER).await;
            // More than one command takes need not wait.
            loop {
                let waiting = self.entering.take(MAX_QUEUE_BATCH);
                if waiting.is_empty() {
                    return;
                }
                let is_all = waiting.len() < MAX_QUEUE_BATCH;
                contained(self.submit_entering(waiting)).await;
                if is_all {
                    break;
                }
            }
        }
    }

    async fn submit_entering(self: &Arc<Self>, waiting: Vec<Waiting>) {
        let Some(received_at) = waiting.first().map(|first| first.received_at) else { return };
        let named = waiting.iter().map(|one| (one.customer, QueueEntryId::random()));
        let command = Command::EnterQueue { entries: named.collect(), received_at };
        let request = Request { command, idempotency: None };
        match self.offices.submit(self.event, request).await {
            Err(SubmitError::Rejected(Rejection::QueueClosing)) => {
                self.entering.put_back(waiting);
                tokio::time::sleep(CLOSING_PAUSE).await;
            }
            // All of them are known already; or some are refused, and find no entry below.
            Ok(_) | Err(SubmitError::Rejected(Rejection::InQueue)) => {
                self.answer(waiting, None).await;
            }
            // The refusal is for new entries; people who have one keep it.
            Err(SubmitError::Rejected(rejection)) => {
                self.answer(waiting, Some(rejection)).await;
            }
            Err(error) => {
                for one in waiting {
                    one.tell(Err(error.clone().into()));
                }
            }
        }
    }

    async fn empty_asking(self: &Arc<Self>) {
        tokio::time::sleep(GATHER_ASKS).await;
        loop {
            let waiting = self.asking.take(MAX_QUEUE_BATCH);
            if waiting.is_empty() {
                return;
            }
            contained(self.answer(waiting, None)).await;
        }
    }

    /// Reads the entries of customers at the owner and tells them; those without one are refused for
    /// the given reason.
    async fn answer(self: &Arc<Self>, waiting: Vec<Waiting>, refused: Option<Rejection>) {
        let customers = waiting.iter().map(|one| one.customer).collect();
        let found = self.offices.queue(self.event, customers).await;
        let now = self.clock.now_ms();
        match found {
            Ok(Some(answer)) => {
                self.remember(Seen {
                    event: self.event,
                    progress: answer.progress,
                    as_of: answer.as_of,
                });
                for (one, entry) in waiting.into_iter().zip(answer.entries) {
                    if let Some(entry) = entry {
                        let mut known = self.known.entry(one.customer).or_insert(Known {
                            entry,
                            asked_at: now,
                            polled_at: now,
                            early_polls: 0,
                        });
                        (known.entry, known.asked_at) = (entry, now);
                    }
                    let told = match (&entry, &refused) {
                        (None, Some(rejection)) => Err(rejection.clone().into()),
                        (Some(ended), Some(rejection)) if ended.may_enter_again() => {
                            Err(rejection.clone().into())
                        }
                        _ => Ok(entry),
                    };
                    one.tell(told);
                }
            }
            Ok(None) => {
                let rejection = refused.unwrap_or(Rejection::NoQueue);
                for one in waiting {
                    one.tell(Err(rejection.clone().into()));
                }
            }
            Err(error) => {
                for one in waiting {
                    one.tell(Err(error.clone().into()));
                }
            }
        }
    }
}

/// Does the work for one batch. After a panic, which is reported where it happened, those of the batch
/// who have no answer yet are refused, and the next batch is served: without this, no later customer
/// would ever be answered.
async fn contained(work: impl Future<Output = ()>) {
    let _ = std::panic::AssertUnwindSafe(work).catch_unwind().await;
}
