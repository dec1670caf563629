//! The actor: a queue, the state, and at most one append in flight.
//!
//! One turn: decide all waiting work into one row, append the row, and take the next turn once it
//! is durable; the replies are sent while the next row is being appended. During an append,
//! commands wait undecided: deciding takes about a microsecond each and appending takes most of a
//! millisecond, so deciding ahead would gain next to nothing. In this way no state is shown,
//! refused from or snapshotted before it is durable.
//!
//! Commands come through the inbox; the mailbox carries only notifications about them.
//! `failure.rs` handles turns that fail.

pub(crate) mod batch;
mod failure;
pub(crate) mod handoff;
pub(crate) mod inbox;
pub(crate) mod offering_clock;
pub(crate) mod recovery;
mod replies;
pub(crate) mod restore;
pub(crate) mod snapshots;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Poll, Waker};
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::{oneshot, watch};

use crate::box_office::Unavailable;
use crate::box_office::handle::OfficeHandle;
use crate::box_office::office::batch::{Batch, Work};
use crate::box_office::office::failure::Attempt;
use crate::box_office::office::handoff::Successor;
use crate::box_office::office::offering_clock::OfferingClock;
use crate::box_office::office::recovery::{NotRecovered, Recovered};
use crate::box_office::office::snapshots::Snapshots;
use crate::box_office::shared::Shared;
use crate::box_office::telemetry::metrics;
use crate::box_office::unknown::{UnknownReason, outcome_unknown};
use crate::box_office::views::queue_state::{PublishedQueue, changes_view};
use crate::box_office::views::view::{View, ViewBuilder};
use crate::ids::{BatchId, OfferingId, Seq};
use crate::inventory::Inventory;
use crate::journal::{Append, AppendError, Appended, Head, LoadError, Record, Row, RowFields};
use crate::planted::{Bug, is_planted};
use crate::trace::{self, Origin};

/// The owner of one offering.
pub(crate) struct BoxOffice {
    pub(crate) shared: Arc<Shared>,
    pub(crate) offering: OfferingId,
    pub(crate) handle: Arc<OfficeHandle>,
    pub(crate) phase: Phase,
    /// Work that was taken out of the inbox and is not decided yet.
    pub(crate) queue: VecDeque<Work>,
    /// As `queue`, for commands by which customers enter the event's queue.
    pub(crate) entries: VecDeque<Work>,
    /// The number of commands of a batch that the database refused as bad data: they are decided
    /// one by one, so that the culprit is found and the others get their replies.
    pub(crate) one_by_one: usize,
    turn_queued: bool,
    /// A durable batch whose replies are sent once the next append has started.
    unanswered: Option<(Sealed, Seq)>,
    pub(crate) stop: Option<oneshot::Sender<()>>,
    pub(crate) successor: Option<Successor>,
    pub(crate) snapshots: Snapshots,
}

pub(crate) enum Phase {
    /// A recovery is running or scheduled; `failed` counts the failed attempts.
    Recovering { failed: u32, unknown: Option<Sealed> },
    /// In service, nothing in flight.
    Idle(Box<State>),
    /// In service; the sealed batch waits for its append, or for a proof of ownership.
    Busy(Box<State>, Sealed),
    /// Takes no turns: another instance is taking over.
    Leaving(Box<State>),
}

pub(crate) struct State {
    pub(crate) inventory: Inventory,
    pub(crate) head: Head,
    pub(crate) view_builder: ViewBuilder,
    pub(crate) pace: OfferingClock,
    /// Monotonic time of the last proof that this box office appended the journal's head.
    pub(crate) verified_at: Duration,
}

/// A batch that is decided but not answered. If it is dropped unanswered, its outcome is unknown.
pub(crate) struct Sealed {
    pub(crate) batch: Batch,
    /// The row to append; `None` if the batch changes nothing.
    pub(crate) row: Option<(Arc<Row>, Arc<Record>)>,
    pub(crate) sent: Duration,
}

impl Drop for Sealed {
    fn drop(&mut self) {
        let offering = self.row.as_ref().map(|(row, _)| row.offering);
        for (pending, _) in self.batch.decided.drain(..) {
            let origin = &mut pending.origin.clone();
            let why = trace::scope(origin, || {
                outcome_unknown(UnknownReason::AppendUnconfirmed, offering)
            });
            pending.answer(Err(why.into()));
        }
    }
}

/// Take a turn if there is work.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct TakeTurn;

/// Answer all waiting work, then stop.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Stop;

/// The lease store names another owner: verify ownership in the journal.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Superseded;

/// Send the replies of a durable batch, if they are not sent yet.
#[derive(Message)]
#[rtype(result = "()")]
struct SendReplies;

#[derive(Message)]
#[rtype(result = "()")]
struct HeadRead(Result<Head, LoadError>);

#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct RecoveryDone(pub(crate) Result<Recovered, NotRecovered>);

impl BoxOffice {
    pub(crate) fn new(
        shared: Arc<Shared>,
        offering: OfferingId,
        handle: Arc<OfficeHandle>,
    ) -> Self {
        let snapshots = Snapshots::new(Arc::clone(&shared), offering);
        Self {
            shared,
            offering,
            handle,
            phase: Phase::Recovering { failed: 0, unknown: None },
            queue: VecDeque::new(),
            entries: VecDeque::new(),
            one_by_one: 0,
            turn_queued: false,
            unanswered: None,
            stop: None,
            successor: None,
            snapshots,
        }
    }

    /// Schedules a turn after all other work that waits on the arbiter.
    pub(crate) fn take_turn_soon(&mut self, ctx: &mut Context<Self>) {
        if !self.turn_queued && matches!(self.phase, Phase::Idle(_)) {
            self.turn_queued = true;
            ctx.notify(TakeTurn);
        }
    }

    /// Decides the waiting work and seals it into a row.
    fn turn(&mut self, ctx: &mut Context<Self>) {
        let waiting = Phase::Recovering { failed: 0, unknown: None };
        let Phase::Idle(mut state) = std::mem::replace(&mut self.phase, waiting) else {
            unreachable!("turns are taken when idle alone");
        };
        if let Some(successor) = &self.successor {
            let to = successor.to.clone();
            self.phase = Phase::Leaving(state);
            self.handle.is_leaving.store(true, Ordering::Relaxed);
            return self.leave(to, ctx);
        }
        let Some(now) = self.shared.guard.now() else {
            self.phase = Phase::Idle(state);
            self.refuse_all(&Unavailable::ClockSkewed);
            return self.rest(ctx);
        };
        let now = state.pace.now(now, self.shared.guard.monotonic());
        self.handle.inbox.drain_into(&mut self.queue, &mut self.entries);
        let mut batch = Batch::default();
        let max_commands =
            if self.one_by_one > 0 { 1 } else { self.shared.settings.max_batch_commands };
        let decided = catch_unwind(AssertUnwindSafe(|| {
            let row = (state.head.seq.next(), now, max_commands);
            let Self { queue, entries, shared, .. } = self;
            let waiting = (queue, entries);
            batch.fill(self.offering, &mut state.inventory, waiting, &shared.settings, row);
        }));
        if decided.is_err() {
            return self.core_panicked(batch, ctx);
        }
        self.one_by_one = self.one_by_one.saturating_sub(batch.decided.len());
        self.seal(state, batch, ctx);
    }

    /// Appends the sealed batch to the journal, or releases it directly if it changes nothing.
    fn seal(&mut self, state: Box<State>, mut batch: Batch, ctx: &mut Context<Self>) {
        let sent = self.shared.guard.monotonic();
        if batch.transitions.is_empty() {
            let age = sent.saturating_sub(state.verified_at);
            let proven = (age < self.shared.settings.ownership_max_age && !batch.refuses_payment())
                || is_planted(Bug::RefusalWithoutProof);
            self.phase = Phase::Busy(state, Sealed { batch, row: None, sent });
            return if proven {
                self.release(ctx);
            } else {
                self.read_head(ctx);
            };
        }
        let fields = RowFields {
            offering: self.offering,
            epoch: state.head.epoch,
            owner: self.shared.settings.instance,
            batch_id: BatchId::random(),
            at: batch.at,
        };
        let record = Arc::new(Record::Batch(std::mem::take(&mut batch.transitions)));
        let row = Arc::new(Row::new(&state.head, fields, &record));
        metrics::batch(batch.decided.len(), row.payload.len());
        let append = Append {
            previous: state.head,
            row: Arc::clone(&row),
            record: Arc::clone(&record),
            owner_address: Arc::clone(&self.shared.settings.address),
            next_due_at: state.inventory.next_due_at(),
        };
        let origin = batch.sole_origin();
        self.phase = Phase::Busy(state, Sealed { batch, row: Some((row, record)), sent });
        if is_planted(Bug::AckBeforeAppend) {
            self.answer_early();
        }
        self.append((append, origin), ctx);
    }

    /// Implements [`Bug::AckBeforeAppend`].
    fn answer_early(&mut self) {
        let waiting = Phase::Recovering { failed: 0, unknown: None };
        if let Phase::Busy(state, mut sealed) = std::mem::replace(&mut self.phase, waiting) {
            self.answer(&mut sealed, state.head.seq.next());
            self.phase = Phase::Busy(state, sealed);
        }
    }

    /// Runs the append on this thread, which also has the connection, so that no other thread wakes
    /// up for it. The append is polled at once; if it completes at once, its result is handled at
    /// once.
    fn append(&mut self, (append, origin): (Append, Option<Origin>), ctx: &mut Context<Self>) {
        let shared = Arc::clone(&self.shared);
        let appending = async move { shared.journal.append(append).await };
        let mut appending = Box::pin(trace::within(origin, appending));
        let begun = appending.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop()));
        match begun {
            Poll::Ready(done) => self.append_done(done, ctx),
            Poll::Pending => {
                ctx.spawn(appending.into_actor(self).map(|done, actor, ctx| {
                    actor.append_done(done, ctx);
                }));
            }
        }
    }

    fn append_done(&mut self, done: Result<Appended, AppendError>, ctx: &mut Context<Self>) {
        match done {
            Ok(appended) => {
                if let Phase::Busy(state, sealed) = &mut self.phase {
                    state.verified_at = sealed.sent;
                    note_verified(&self.handle, sealed.sent);
                    self.shared.guard.observe(appended.database_now, sealed.sent);
                    metrics::append(self.shared.guard.monotonic().saturating_sub(sealed.sent));
                }
                self.release(ctx);
            }
            Err(error) => self.append_failed(&error, ctx),
        }
    }

    fn read_head(&self, ctx: &mut Context<Self>) {
        let (shared, address, offering) = (Arc::clone(&self.shared), ctx.address(), self.offering);
        self.shared.executor.spawn(async move {
            let head = shared.journal.head(offering).await;
            address.do_send(HeadRead(head));
        });
    }

    /// Releases the sealed batch: it is durable, or it needs no append and this box office may
    /// answer it.
    fn release(&mut self, ctx: &mut Context<Self>) {
        self.tell();
        let waiting = Phase::Recovering { failed: 0, unknown: None };
        let Phase::Busy(mut state, mut sealed) = std::mem::replace(&mut self.phase, waiting) else {
            unreachable!("only a sealed batch is released");
        };
        if let Some((row, _)) = &sealed.row {
            state.head = row.head();
            self.snapshots.row_appended(row.payload.len(), &state.inventory);
        }
        let is_shown = sealed.row.as_ref().is_some_and(|(_, record)| changes_view(record));
        self.publish(&mut state, sealed.batch.at, is_shown);
        for look in sealed.batch.queries.drain(..) {
            (look.look)(Ok(&state.inventory));
            drop(look.permit);
        }
        let due_remains = sealed.batch.due_remains;
        self.unanswered = Some((sealed, state.head.seq));
        self.phase = Phase::Idle(state);
        if due_remains {
            self.take_turn_soon(ctx);
        } else {
            self.rest(ctx);
        }
        if self.turn_queued {
            // The next append starts first: the disk writes while the replies are sent.
            ctx.notify(SendReplies);
        } else {
            self.tell();
        }
    }

    /// Sends the replies of the last durable batch, if they are not sent yet.
    fn tell(&mut self) {
        if let Some((mut sealed, seq)) = self.unanswered.take() {
            self.answer(&mut sealed, seq);
        }
    }

    /// Continues with waiting work, or rests until it is notified.
    pub(crate) fn rest(&mut self, ctx: &mut Context<Self>) {
        if self.successor.is_some()
            || !self.queue.is_empty()
            || !self.entries.is_empty()
            || !self.handle.inbox.rest()
        {
            self.take_turn_soon(ctx);
        } else if self.stop.is_some() && self.handle.inbox.close_if_empty() {
            self.finish(ctx);
        }
    }

    /// Shows the durable state. `is_shown`: the last row changes what the view shows; otherwise the
    /// view before it, and its ETag, stay.
    pub(crate) fn publish(&self, state: &mut State, as_of: i64, is_shown: bool) {
        let due = state.inventory.next_due_at().unwrap_or(i64::MAX);
        let due = due.saturating_sub(state.pace.ahead_ms());
        self.handle.next_due_at.store(due, Ordering::Relaxed);
        self.publish_queue(state, as_of);
        let shown = self.handle.view.load().as_ref().map(|view| view.hash);
        if shown == Some(state.head.hash) || (shown.is_some() && !is_shown) {
            return;
        }
        let State { view_builder, inventory, head, .. } = state;
        let view: Arc<View> = Arc::new(view_builder.paint(self.offering, inventory, head, as_of));
        self.handle.view.store(Some(Arc::clone(&view)));
        let views = self.handle.views.get_or_init(|| watch::Sender::new(Arc::clone(&view)));
        views.send_replace(view);
    }

    fn publish_queue(&self, state: &State, as_of: i64) {
        let progress = state.inventory.queue_progress();
        if progress.is_none() && self.handle.queue.load().is_none() {
            return;
        }
        let seq = state.head.seq;
        let published = progress.map(|progress| PublishedQueue { seq, as_of, progress });
        self.handle.queue.store(published.map(Arc::new));
    }

    /// Stops with no work left to answer; keeps a snapshot so that the next start is quick.
    fn finish(&mut self, ctx: &mut Context<Self>) {
        if let Phase::Idle(state) = &self.phase {
            let kept = self.snapshots.take_last(&state.inventory, &state.head);
            let stop = self.stop.take();
            self.shared.executor.spawn(async move {
                kept.await;
                drop(stop);
            });
        }
        self.close(ctx);
    }

    pub(crate) fn close(&mut self, ctx: &mut Context<Self>) {
        self.tell();
        self.handle.inbox.close();
        self.stop = None;
        self.successor = None;
        ctx.stop();
    }

    pub(crate) fn in_service(&self, state: &State) {
        note_verified(&self.handle, state.verified_at);
        let now_ms = self.handle.verified_at_ms.load(Ordering::Relaxed);
        self.handle.in_service_at_ms.store(now_ms.max(1), Ordering::Relaxed);
    }
}

fn note_verified(handle: &OfficeHandle, at: Duration) {
    let at_ms = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
    handle.verified_at_ms.store(at_ms, Ordering::Relaxed);
}

/// Also runs when a panic outside the core kills the actor: no caller may wait for it any more.
impl Drop for BoxOffice {
    fn drop(&mut self) {
        self.handle.inbox.close();
    }
}

impl Actor for BoxOffice {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.start_recovery(Attempt::default(), None, ctx);
    }
}

impl Handler<TakeTurn> for BoxOffice {
    type Result = ();

    fn handle(&mut self, _: TakeTurn, ctx: &mut Context<Self>) {
        self.turn_queued = false;
        match self.phase {
            Phase::Idle(_) => self.turn(ctx),
            // Before the first failure, commands wait: a recovery takes milliseconds.
            Phase::Recovering { failed, .. } if failed > 0 => self.refuse_while_recovering(),
            Phase::Recovering { .. } | Phase::Busy(..) | Phase::Leaving(_) => {}
        }
    }
}

impl Handler<SendReplies> for BoxOffice {
    type Result = ();

    fn handle(&mut self, _: SendReplies, _: &mut Context<Self>) {
        self.tell();
    }
}

impl Handler<Superseded> for BoxOffice {
    type Result = ();

    fn handle(&mut self, _: Superseded, ctx: &mut Context<Self>) {
        // In the busy phase, the append in flight detects it.
        if let Phase::Idle(state) = &mut self.phase {
            state.verified_at = Duration::ZERO;
            self.handle.verified_at_ms.store(0, Ordering::Relaxed);
            self.take_turn_soon(ctx);
        }
    }
}

impl Handler<HeadRead> for BoxOffice {
    type Result = ();

    fn handle(&mut self, HeadRead(read): HeadRead, ctx: &mut Context<Self>) {
        let Phase::Busy(state, sealed) = &mut self.phase else {
            unreachable!("a head is read only while busy");
        };
        match read {
            Ok(head) if head == state.head => {
                state.verified_at = sealed.sent;
                note_verified(&self.handle, sealed.sent);
                self.release(ctx);
            }
            Ok(_) => self.append_failed(&AppendError::Fenced, ctx),
            Err(error) => self.append_failed(&AppendError::Unavailable(error.into()), ctx),
        }
    }
}

impl Handler<RecoveryDone> for BoxOffice {
    type Result = ();

    fn handle(&mut self, RecoveryDone(done): RecoveryDone, ctx: &mut Context<Self>) {
        match done {
            Ok(recovered) => self.recovered(recovered, ctx),
            Err(NotRecovered::OwnedBy(owner, settled)) => self.give_way(&owner, settled, ctx),
            Err(NotRecovered::Failed(error)) => self.recovery_failed(&error, ctx),
        }
    }
}

impl Handler<Stop> for BoxOffice {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Stop, ctx: &mut Context<Self>) -> Self::Result {
        let (stop, stopped) = oneshot::channel();
        self.stop = Some(stop);
        match &self.phase {
            Phase::Idle(_) => self.rest(ctx),
            Phase::Busy(..) | Phase::Recovering { .. } | Phase::Leaving(_) => {}
        }
        Box::pin(async move {
            // Dropped without a message when the actor has stopped.
            let _ = stopped.await;
        })
    }
}
