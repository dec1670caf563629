//! The actor: a queue, the state, and at most one append in flight.
//!
//! Its turn: decide everything that waits into one row, append the row, and when it is durable
//! release the answers and take the next turn. While a row is being appended, commands wait
//! undecided: deciding takes about a microsecond each and appending takes milliseconds, so
//! deciding ahead would gain next to nothing, and like this no state is ever shown, refused from
//! or snapshotted that is not durable.
//!
//! Whatever goes wrong (a panic of the core, a failed append, a fence) has one way out: drop the
//! state and recover from the journal. Nothing is undone by hand.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::{oneshot, watch};

use super::batch::{Batch, Pending, Verdict, Work};
use super::metrics;
use super::recovery::{Doubt, Recovered, Settled, recover};
use super::registry::{Desk, Shared};
use super::snapshots::Snapshots;
use super::view::{Painter, View};
use super::{Committed, Unavailable};
use crate::ids::{BatchId, OfferingId, Seq};
use crate::inventory::{Inventory, Place};
use crate::journal::{Append, AppendError, Appended, Head, LoadError, Record, Row, RowFields};

/// The owner of one offering.
pub(super) struct BoxOffice {
    shared: Arc<Shared>,
    offering: OfferingId,
    desk: Arc<Desk>,
    phase: Phase,
    queue: VecDeque<Work>,
    /// Commands of a batch that the database refused as bad data: decided one by one, so that the
    /// culprit is found and the others get their answers.
    one_by_one: usize,
    attend_queued: bool,
    stop: Option<oneshot::Sender<()>>,
    snapshots: Snapshots,
}

enum Phase {
    /// A recovery is under way or scheduled; `failed` counts those that came to nothing.
    Recovering { failed: u32, doubtful: Option<Sealed> },
    /// In service, nothing in flight.
    Idle(Box<State>),
    /// In service; the sealed batch waits for its append, or for a proof of ownership.
    Busy(Box<State>, Sealed),
}

struct State {
    inventory: Inventory,
    head: Head,
    painter: Painter,
    /// Monotonic time of the last proof that the journal's head is ours.
    verified_at: Duration,
}

/// A batch that is decided and not answered yet. Dropped unanswered, its outcome is unknown.
struct Sealed {
    batch: Batch,
    /// `None` when there is nothing to append.
    row: Option<Arc<Row>>,
    sent: Duration,
}

impl Drop for Sealed {
    fn drop(&mut self) {
        for (pending, _) in self.batch.decided.drain(..) {
            pending.answer(Err(Unavailable::OutcomeUnknown.into()));
        }
    }
}

/// Take a turn if there is something to do.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Attend;

/// Answer what waits, then stop.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Stop;

#[derive(Message)]
#[rtype(result = "()")]
struct AppendDone(Result<Appended, AppendError>);

#[derive(Message)]
#[rtype(result = "()")]
struct HeadRead(Result<Head, LoadError>);

#[derive(Message)]
#[rtype(result = "()")]
struct RecoveryDone(Result<Recovered, LoadError>);

impl Message for Work {
    type Result = ();
}

impl BoxOffice {
    pub(super) fn new(shared: Arc<Shared>, offering: OfferingId, desk: Arc<Desk>) -> Self {
        let snapshots = Snapshots::new(Arc::clone(&shared), offering);
        Self {
            shared,
            offering,
            desk,
            phase: Phase::Recovering { failed: 0, doubtful: None },
            queue: VecDeque::new(),
            one_by_one: 0,
            attend_queued: false,
            stop: None,
            snapshots,
        }
    }

    /// Attends once the mailbox is drained, so that all that has arrived goes into one row.
    fn attend_soon(&mut self, ctx: &mut Context<Self>) {
        if !self.attend_queued && matches!(self.phase, Phase::Idle(_)) {
            self.attend_queued = true;
            ctx.notify(Attend);
        }
    }

    /// Decides what waits and seals it into a row.
    fn turn(&mut self, ctx: &mut Context<Self>) {
        let waiting = Phase::Recovering { failed: 0, doubtful: None };
        let Phase::Idle(mut state) = std::mem::replace(&mut self.phase, waiting) else {
            unreachable!("turns are taken when idle alone");
        };
        let Some(now) = self.shared.guard.now() else {
            self.phase = Phase::Idle(state);
            return self.refuse_all(&Unavailable::ClockSkewed);
        };
        let mut batch = Batch::default();
        let max_commands =
            if self.one_by_one > 0 { 1 } else { self.shared.settings.max_batch_commands };
        let decided = catch_unwind(AssertUnwindSafe(|| {
            let row = (state.head.seq.next(), now, max_commands);
            let Self { queue, shared, .. } = self;
            batch.fill(self.offering, &mut state.inventory, queue, &shared.settings, row);
        }));
        if decided.is_err() {
            return self.core_panicked(batch, ctx);
        }
        self.one_by_one = self.one_by_one.saturating_sub(batch.decided.len());
        self.seal(state, batch, ctx);
    }

    /// Sends the batch on its way: to the journal, or, when nothing changed, straight to release.
    fn seal(&mut self, state: Box<State>, mut batch: Batch, ctx: &mut Context<Self>) {
        let sent = self.shared.guard.monotonic();
        if batch.transitions.is_empty() {
            let sealed = Sealed { batch, row: None, sent };
            let age = sent.saturating_sub(state.verified_at);
            self.phase = Phase::Busy(state, sealed);
            return if age <= self.shared.settings.ownership_max_age {
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
        let record = Record::Batch(std::mem::take(&mut batch.transitions));
        let row = Arc::new(Row::new(&state.head, fields, &record));
        let Record::Batch(transitions) = &record else {
            unreachable!("it was built two lines above");
        };
        batch.transitions.clone_from(transitions);
        metrics::batch(batch.decided.len(), row.payload.len());
        let append = Append {
            previous: state.head,
            row: Arc::clone(&row),
            record: Arc::new(record),
            owner_address: Arc::clone(&self.shared.settings.address),
            next_due_at: state.inventory.next_due_at(),
        };
        self.phase = Phase::Busy(state, Sealed { batch, row: Some(row), sent });
        let (shared, address) = (Arc::clone(&self.shared), ctx.address());
        self.shared.runtime.spawn(async move {
            let done = shared.journal.append(append).await;
            address.do_send(AppendDone(done));
        });
    }

    fn read_head(&self, ctx: &mut Context<Self>) {
        let (shared, address, offering) = (Arc::clone(&self.shared), ctx.address(), self.offering);
        self.shared.runtime.spawn(async move {
            let head = shared.journal.head(offering).await;
            address.do_send(HeadRead(head));
        });
    }

    /// The sealed batch is durable, or needs no append and is ours to answer.
    fn release(&mut self, ctx: &mut Context<Self>) {
        let waiting = Phase::Recovering { failed: 0, doubtful: None };
        let Phase::Busy(mut state, mut sealed) = std::mem::replace(&mut self.phase, waiting) else {
            unreachable!("only a sealed batch is released");
        };
        if let Some(row) = sealed.row.take() {
            state.head = row.head();
        }
        self.publish(&mut state, sealed.batch.at);
        self.answer(&mut sealed, state.head.seq);
        for look in sealed.batch.looks.drain(..) {
            (look.look)(Ok(&state.inventory));
            drop(look.permit);
        }
        self.snapshots.row_appended(state.head.seq);
        self.phase = Phase::Idle(state);
        if !self.queue.is_empty() || sealed.batch.due_remains {
            self.attend_soon(ctx);
        } else if self.stop.is_some() {
            self.finish(ctx);
        }
    }

    fn publish(&self, state: &mut State, as_of: i64) {
        let due = state.inventory.next_due_at().unwrap_or(i64::MAX);
        self.desk.next_due_at.store(due, Ordering::Relaxed);
        let shown = self.desk.view.load().as_ref().map(|view| view.hash);
        if shown == Some(state.head.hash) {
            return;
        }
        let State { painter, inventory, head, .. } = state;
        let view: Arc<View> = Arc::new(painter.paint(self.offering, inventory, head, as_of));
        self.desk.view.store(Some(Arc::clone(&view)));
        let views = self.desk.views.get_or_init(|| watch::Sender::new(Arc::clone(&view)));
        views.send_replace(view);
    }

    fn answer(&self, sealed: &mut Sealed, seq: Seq) {
        let (at, transitions) = (sealed.batch.at, &sealed.batch.transitions);
        for (pending, verdict) in sealed.batch.decided.drain(..) {
            match verdict {
                Verdict::Effect(index) => {
                    let transition = Arc::clone(&transitions[index]);
                    let committed = Committed { seq, at, transition, replayed: false };
                    metrics::command(&pending.request.command, "committed");
                    pending.answer(Ok(committed));
                }
                Verdict::Replay(place) if place.seq == seq && !transitions.is_empty() => {
                    let transition = Arc::clone(&transitions[place.index as usize]);
                    let committed = Committed { seq, at, transition, replayed: true };
                    metrics::command(&pending.request.command, "replayed");
                    pending.answer(Ok(committed));
                }
                Verdict::Replay(place) => self.answer_from_journal(pending, place),
                Verdict::Refused(rejection) => {
                    metrics::refused(&pending.request.command, &rejection);
                    pending.answer(Err(rejection.into()));
                }
            }
        }
    }

    /// A retry of a command whose effect is in an earlier row.
    fn answer_from_journal(&self, pending: Pending, place: Place) {
        let (shared, offering) = (Arc::clone(&self.shared), self.offering);
        self.shared.runtime.spawn(async move {
            metrics::command(&pending.request.command, "replayed");
            let found = shared.journal.row(offering, place.seq).await;
            let committed = found.ok().flatten().and_then(|(row, record)| match record {
                Record::Batch(transitions) => {
                    let transition = Arc::clone(transitions.get(place.index as usize)?);
                    Some(Committed { seq: row.seq, at: row.at, transition, replayed: true })
                }
                Record::Takeover => None,
            });
            pending.answer(committed.ok_or_else(|| Unavailable::Recovering.into()));
        });
    }

    fn core_panicked(&mut self, batch: Batch, ctx: &mut Context<Self>) {
        metrics::panic();
        tracing::error!(offering = %self.offering, "the core panicked; rebuilding from the journal");
        if let Some(culprit) = batch.requeue(&mut self.queue) {
            metrics::command(&culprit.request.command, "failed");
            culprit.answer(Err(Unavailable::Failed.into()));
        }
        self.start_recovery(0, None, Duration::ZERO, ctx);
    }

    fn append_failed(&mut self, error: &AppendError, ctx: &mut Context<Self>) {
        let waiting = Phase::Recovering { failed: 0, doubtful: None };
        let Phase::Busy(_, mut sealed) = std::mem::replace(&mut self.phase, waiting) else {
            unreachable!("an append is in flight only while busy");
        };
        tracing::warn!(offering = %self.offering, %error, "append failed; rebuilding from the journal");
        match error {
            AppendError::OutcomeUnknown(_) => {
                self.start_recovery(0, Some(sealed), Duration::ZERO, ctx);
            }
            AppendError::BadData(_) => {
                let batch = std::mem::take(&mut sealed.batch);
                let alone = batch.decided.len() == 1;
                self.one_by_one = batch.decided.len();
                batch.requeue(&mut self.queue);
                if alone && let Some(Work::Command(culprit)) = self.queue.pop_front() {
                    self.one_by_one = 0;
                    culprit.answer(Err(Unavailable::BadData.into()));
                }
                self.start_recovery(0, None, Duration::ZERO, ctx);
            }
            AppendError::Fenced => {
                metrics::fenced();
                refuse(&mut sealed, &Unavailable::Recovering);
                self.refuse_all(&Unavailable::Recovering);
                // Whoever fenced us is at work: do not snatch the offering back at once.
                let pause = Duration::from_millis(rand::random_range(50..250));
                self.start_recovery(0, None, pause, ctx);
            }
            AppendError::Unavailable(_) => {
                refuse(&mut sealed, &Unavailable::Recovering);
                self.start_recovery(0, None, Duration::ZERO, ctx);
            }
        }
    }

    fn start_recovery(
        &mut self,
        failed: u32,
        doubtful: Option<Sealed>,
        pause: Duration,
        ctx: &mut Context<Self>,
    ) {
        metrics::rebuild();
        let doubt = doubtful.as_ref().and_then(|sealed| {
            let row = sealed.row.as_ref()?;
            Some(Doubt { seq: row.seq, batch_id: row.batch_id })
        });
        self.phase = Phase::Recovering { failed, doubtful };
        let (shared, address, offering) = (Arc::clone(&self.shared), ctx.address(), self.offering);
        self.shared.runtime.spawn(async move {
            tokio::time::sleep(pause).await;
            let task = recover(&shared, offering, doubt);
            // A fold may panic as a live core may; it must not leave the actor waiting for ever.
            let done = futures_util::FutureExt::catch_unwind(AssertUnwindSafe(task)).await;
            let done = done.unwrap_or_else(|_| {
                metrics::panic();
                Err(LoadError::Unavailable(anyhow::anyhow!("the core panicked in recovery")))
            });
            address.do_send(RecoveryDone(done));
        });
    }

    fn recovered(&mut self, recovered: Recovered, ctx: &mut Context<Self>) {
        metrics::takeover();
        let waiting = Phase::Recovering { failed: 0, doubtful: None };
        let doubtful = match std::mem::replace(&mut self.phase, waiting) {
            Phase::Recovering { doubtful, .. } => doubtful,
            Phase::Idle(_) | Phase::Busy(..) => unreachable!("recovery ends in recovery"),
        };
        if let Some(mut sealed) = doubtful {
            match (recovered.doubt, &sealed.row) {
                (Some(Settled::Committed), Some(row)) => {
                    let seq = row.seq;
                    self.answer(&mut sealed, seq);
                }
                (Some(Settled::Lost), _) => refuse(&mut sealed, &Unavailable::Recovering),
                // Not settled: dropped as unknown.
                (_, _) => {}
            }
        }
        let mut state = Box::new(State {
            inventory: recovered.inventory,
            head: recovered.head,
            painter: Painter::default(),
            verified_at: self.shared.guard.monotonic(),
        });
        let as_of = self.shared.guard.now().unwrap_or_default();
        self.publish(&mut state, as_of);
        self.phase = Phase::Idle(state);
        self.attend_soon(ctx);
    }

    fn recovery_failed(&mut self, error: &LoadError, ctx: &mut Context<Self>) {
        if matches!(error, LoadError::NotFound) {
            self.refuse_all(&Unavailable::NoSuchOffering);
            return self.close(ctx);
        }
        let waiting = Phase::Recovering { failed: 0, doubtful: None };
        let (failed, doubtful) = match std::mem::replace(&mut self.phase, waiting) {
            Phase::Recovering { failed, doubtful } => (failed + 1, doubtful),
            Phase::Idle(_) | Phase::Busy(..) => unreachable!("recovery ends in recovery"),
        };
        tracing::warn!(offering = %self.offering, %error, failed, "recovery failed; trying again");
        // Whoever waits is told now. The row of unknown outcome stays in doubt: its seq is still
        // to be occupied, by whichever recovery succeeds, before anything is decided again.
        drop(doubtful);
        self.refuse_all(&Unavailable::Recovering);
        if self.stop.is_some() {
            return self.close(ctx);
        }
        let backoff_ms = 50_u64 << failed.min(5);
        let pause = Duration::from_millis(rand::random_range(backoff_ms / 2..=backoff_ms));
        self.start_recovery(failed, None, pause, ctx);
    }

    fn refuse_all(&mut self, why: &Unavailable) {
        for work in self.queue.drain(..) {
            work.refuse(why.clone());
        }
    }

    /// Stops with nothing left to answer; leaves a snapshot so that the next start is quick.
    fn finish(&mut self, ctx: &mut Context<Self>) {
        if let Phase::Idle(state) = &self.phase {
            let kept = self.snapshots.take_last(&state.inventory, &state.head);
            let stop = self.stop.take();
            self.shared.runtime.spawn(async move {
                kept.await;
                drop(stop);
            });
        }
        self.close(ctx);
    }

    fn close(&mut self, ctx: &mut Context<Self>) {
        self.stop = None;
        ctx.stop();
    }
}

fn refuse(sealed: &mut Sealed, why: &Unavailable) {
    for (pending, _) in sealed.batch.decided.drain(..) {
        pending.answer(Err(why.clone().into()));
    }
    for look in sealed.batch.looks.drain(..) {
        (look.look)(Err(why.clone()));
    }
}

impl Actor for BoxOffice {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // Room is given out by permits; a mailbox never fills before they run out.
        ctx.set_mailbox_capacity(self.shared.settings.max_pending * 2);
        self.start_recovery(0, None, Duration::ZERO, ctx);
    }
}

impl Handler<Work> for BoxOffice {
    type Result = ();

    fn handle(&mut self, work: Work, ctx: &mut Context<Self>) {
        match &self.phase {
            // Until the first failure it is worth waiting: a recovery takes milliseconds.
            Phase::Recovering { failed, .. } if *failed > 0 => {
                work.refuse(Unavailable::Recovering);
            }
            Phase::Recovering { .. } | Phase::Idle(_) | Phase::Busy(..) => {
                self.queue.push_back(work);
                self.attend_soon(ctx);
            }
        }
    }
}

impl Handler<Attend> for BoxOffice {
    type Result = ();

    fn handle(&mut self, _: Attend, ctx: &mut Context<Self>) {
        self.attend_queued = false;
        if matches!(self.phase, Phase::Idle(_)) {
            self.turn(ctx);
        }
    }
}

impl Handler<AppendDone> for BoxOffice {
    type Result = ();

    fn handle(&mut self, AppendDone(done): AppendDone, ctx: &mut Context<Self>) {
        match done {
            Ok(appended) => {
                if let Phase::Busy(state, sealed) = &mut self.phase {
                    state.verified_at = sealed.sent;
                    self.shared.guard.observe(appended.database_now, sealed.sent);
                    metrics::append(self.shared.guard.monotonic().saturating_sub(sealed.sent));
                }
                self.release(ctx);
            }
            Err(error) => self.append_failed(&error, ctx),
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
            Err(error) => self.recovery_failed(&error, ctx),
        }
    }
}

impl Handler<Stop> for BoxOffice {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Stop, ctx: &mut Context<Self>) -> Self::Result {
        let (stop, stopped) = oneshot::channel();
        self.stop = Some(stop);
        match &self.phase {
            Phase::Idle(_) if self.queue.is_empty() => self.finish(ctx),
            Phase::Idle(_) | Phase::Busy(..) | Phase::Recovering { .. } => {}
        }
        Box::pin(async move {
            // Dropped without a word when the actor is through.
            let _ = stopped.await;
        })
    }
}
