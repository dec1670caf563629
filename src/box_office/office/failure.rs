//! Failed turns. All failures (a panic of the core, a failed append, a fence) have one way out:
//! drop the state and recover from the journal. Nothing is undone by hand.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use crate::box_office::Unavailable;
use crate::box_office::office::batch::{Batch, Work};
use crate::box_office::office::offering_clock::{self, OfferingClock};
use crate::box_office::office::recovery::{Recovered, Settled, UnknownAppend, recover};
use crate::box_office::office::{BoxOffice, Phase, RecoveryDone, Sealed, State, Superseded};
use crate::box_office::telemetry::metrics;
use crate::box_office::views::view::ViewBuilder;
use crate::cluster::Route;
use crate::ids::Epoch;
use crate::inventory::TimestampMs;
use crate::journal::{AppendError, LoadError, Owner};
use crate::planted::{Bug, is_planted};
use crate::{random, trace};

/// How a recovery begins.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Attempt {
    /// The number of failed attempts before it.
    pub(crate) failed: u32,
    pub(crate) pause: Duration,
    /// True if another instance has appended.
    pub(crate) fenced: bool,
}

impl Attempt {
    pub(crate) fn fenced() -> Self {
        Self { fenced: true, ..Self::default() }
    }
}

impl BoxOffice {
    pub(crate) fn core_panicked(&mut self, batch: Batch, ctx: &mut Context<Self>) {
        metrics::panic();
        let mut culprit = batch.requeue(&mut self.queue);
        // Due work has no origin: it is done for no request.
        let origin = &mut culprit.as_mut().and_then(|culprit| culprit.origin.take());
        trace::scope(origin, || {
            tracing::error!(offering = %self.offering,
                "the core panicked; rebuilding from the journal");
        });
        if let Some(culprit) = culprit {
            metrics::command(&culprit, "failed", self.shared.guard.monotonic());
            culprit.answer(Err(Unavailable::Failed.into()));
        }
        self.start_recovery(Attempt::default(), None, ctx);
    }

    pub(crate) fn append_failed(&mut self, error: &AppendError, ctx: &mut Context<Self>) {
        let waiting = Phase::Recovering { failed: 0, unknown: None };
        let Phase::Busy(_, mut sealed) = std::mem::replace(&mut self.phase, waiting) else {
            unreachable!("an append is in flight only while busy");
        };
        metrics::append_failed(error);
        trace::scope(&mut sealed.batch.sole_origin(), || {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            tracing::warn!(offering = %self.offering, %error, cause,
                "append failed; rebuilding from the journal");
        });
        if is_planted(Bug::ReplyReleasedOnFailure)
            && let Some((row, _)) = &sealed.row
        {
            let seq = row.seq;
            self.answer(&mut sealed, seq);
        }
        match error {
            AppendError::OutcomeUnknown(_) => {
                self.start_recovery(Attempt::default(), Some(sealed), ctx);
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
                self.start_recovery(Attempt::default(), None, ctx);
            }
            AppendError::Fenced => {
                metrics::fenced();
                if self.shared.cluster.is_alone() {
                    refuse(&mut sealed, &Unavailable::Recovering);
                    self.refuse_all(&Unavailable::Recovering);
                    // The instance that fenced us is at work: do not take the offering back at
                    // once.
                    let pause = Duration::from_millis(random::within(50..=250));
                    return self.start_recovery(Attempt { pause, ..Attempt::fenced() }, None, ctx);
                }
                // The batch was not written: the current owner of the offering decides it.
                let batch = std::mem::take(&mut sealed.batch);
                batch.requeue(&mut self.queue);
                self.start_recovery(Attempt::fenced(), None, ctx);
            }
            AppendError::Unavailable(_) => {
                refuse(&mut sealed, &Unavailable::Recovering);
                self.start_recovery(Attempt::default(), None, ctx);
            }
        }
    }

    pub(crate) fn start_recovery(
        &mut self,
        attempt: Attempt,
        unknown: Option<Sealed>,
        ctx: &mut Context<Self>,
    ) {
        let Attempt { failed, pause, fenced } = attempt;
        metrics::rebuild();
        let doubt = unknown.as_ref().and_then(|sealed| {
            let (row, _) = sealed.row.as_ref()?;
            Some(UnknownAppend { seq: row.seq, batch_id: row.batch_id })
        });
        self.phase = Phase::Recovering { failed, unknown };
        let (shared, address, offering) = (Arc::clone(&self.shared), ctx.address(), self.offering);
        self.shared.executor.spawn(async move {
            tokio::time::sleep(pause).await;
            let recovery = recover(&shared, offering, doubt, fenced);
            // A recovery that hangs must not keep its permit from others.
            let task = async {
                let longest = shared.settings.longest_recovery;
                tokio::time::timeout(longest, recovery)
                    .await
                    .unwrap_or_else(|elapsed| Err(LoadError::Unavailable(elapsed.into()).into()))
            };
            // A fold may panic as a live core may; the actor must not wait for ever after that.
            let done = futures_util::FutureExt::catch_unwind(AssertUnwindSafe(task)).await;
            let done = done.unwrap_or_else(|_| {
                metrics::panic();
                let why = anyhow::anyhow!("the core panicked in recovery");
                Err(LoadError::Unavailable(why).into())
            });
            address.do_send(RecoveryDone(done));
        });
    }

    pub(crate) fn recovered(&mut self, recovered: Recovered, ctx: &mut Context<Self>) {
        metrics::takeover();
        self.snapshots.loaded(recovered.tail);
        let waiting = Phase::Recovering { failed: 0, unknown: None };
        let unknown = match std::mem::replace(&mut self.phase, waiting) {
            Phase::Recovering { unknown, .. } => unknown,
            Phase::Idle(_) | Phase::Busy(..) | Phase::Leaving(_) => {
                unreachable!("recovery ends in recovery")
            }
        };
        if let Some(mut sealed) = unknown {
            match (recovered.doubt, &sealed.row) {
                (Some(Settled::Committed), Some((row, _))) => {
                    let seq = row.seq;
                    self.answer(&mut sealed, seq);
                }
                (Some(Settled::Lost), _) => refuse(&mut sealed, &Unavailable::Recovering),
                // Not settled: dropped, with an unknown outcome.
                (_, _) => {}
            }
        }
        let pace = OfferingClock::new(recovered.inventory.at(), self.shared.guard.monotonic());
        self.warn_of_the_future(recovered.inventory.at());
        let mut state = Box::new(State {
            inventory: recovered.inventory,
            pace,
            head: recovered.head,
            view_builder: ViewBuilder::default(),
            verified_at: recovered.verified_at,
        });
        let as_of = self.shared.guard.now().unwrap_or_default();
        self.publish(&mut state, as_of, true);
        self.in_service(&state);
        self.tell_others(state.head.epoch, ctx);
        self.phase = Phase::Idle(state);
        self.take_turn_soon(ctx);
    }

    /// Logs a warning if the journal is ahead of the clock.
    fn warn_of_the_future(&self, row_at: TimestampMs) {
        let Some(now) = self.shared.guard.now() else { return };
        let ahead_ms = row_at.saturating_sub(now);
        if ahead_ms > offering_clock::TOLERATED_MS {
            tracing::warn!(offering = %self.offering, ahead_s = ahead_ms / 1_000,
                "{}", offering_clock::JOURNAL_AHEAD);
        }
    }

    /// Publishes the ownership, so that this instance and the lease store name the new owner.
    fn tell_others(&self, epoch: Epoch, ctx: &mut Context<Self>) {
        let cluster = &self.shared.cluster;
        cluster.learn(self.offering, cluster.me().owning(epoch));
        if cluster.is_alone() {
            return;
        }
        let (shared, address, offering) = (Arc::clone(&self.shared), ctx.address(), self.offering);
        self.shared.executor.spawn(async move {
            if shared.cluster.publish(offering, epoch).await.is_some() {
                address.do_send(Superseded);
            }
        });
    }

    /// Gives way to another live owner: forwards the requests that wait here to it, and closes this
    /// box office. A batch of unknown outcome is answered if its outcome is certain by now.
    pub(crate) fn give_way(
        &mut self,
        owner: &Owner,
        settled: Option<Settled>,
        ctx: &mut Context<Self>,
    ) {
        let waiting = Phase::Recovering { failed: 0, unknown: None };
        if let Phase::Recovering { unknown: Some(mut sealed), .. } =
            std::mem::replace(&mut self.phase, waiting)
        {
            match (settled, &sealed.row) {
                (Some(Settled::Committed), Some((row, _))) => {
                    let seq = row.seq;
                    self.answer(&mut sealed, seq);
                }
                (Some(Settled::Lost), _) => {
                    let batch = std::mem::take(&mut sealed.batch);
                    batch.requeue(&mut self.queue);
                }
                // Not settled: dropped, with an unknown outcome.
                (_, _) => {}
            }
        }
        tracing::info!(offering = %self.offering, to = %owner.address, epoch = %owner.epoch,
            waiting = self.queue.len(), "gives way to another owner");
        self.forward(owner.clone(), ctx);
    }

    pub(crate) fn recovery_failed(&mut self, error: &LoadError, ctx: &mut Context<Self>) {
        if matches!(error, LoadError::NotFound) {
            // The offering was claimed before it was known not to exist.
            self.let_others_have_it();
            self.refuse_all(&Unavailable::NoSuchOffering);
            return self.close(ctx);
        }
        metrics::recovery_failed(error);
        let waiting = Phase::Recovering { failed: 0, unknown: None };
        let (failed, unknown) = match std::mem::replace(&mut self.phase, waiting) {
            Phase::Recovering { failed, unknown } => (failed + 1, unknown),
            Phase::Idle(_) | Phase::Busy(..) | Phase::Leaving(_) => {
                unreachable!("recovery ends in recovery")
            }
        };
        if matches!(error, LoadError::Damaged { .. } | LoadError::NewerFormat { .. }) {
            tracing::error!(offering = %self.offering, %error, failed, "the journal cannot be used");
            self.let_others_have_it();
        } else {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            tracing::warn!(offering = %self.offering, %error, cause, failed,
                "recovery failed; trying again");
        }
        // Callers that wait are answered now. The row is still of unknown outcome: the recovery
        // that succeeds must occupy its seq before anything is decided again.
        drop(unknown);
        self.refuse_all(&Unavailable::Recovering);
        self.refuse_while_recovering();
        if self.stop.is_some() {
            return self.close(ctx);
        }
        let cluster = &self.shared.cluster;
        if cluster.is_ailing() && matches!(cluster.place_of(self.offering), Route::There(_)) {
            // Another instance can serve the offering; requests must not find and wake this box
            // office again.
            if let Some(registry) = self.shared.registry() {
                registry.remove_closed(self.offering, &self.handle);
            }
            self.let_others_have_it();
            return self.close(ctx);
        }
        let pause = random::jittered(Duration::from_millis(50 << failed.min(5)));
        self.start_recovery(Attempt { failed, pause, fenced: false }, None, ctx);
    }

    /// Releases the lease entry, because another instance may be able to serve the offering.
    fn let_others_have_it(&self) {
        let (shared, offering) = (Arc::clone(&self.shared), self.offering);
        self.shared.executor.spawn(async move { shared.cluster.release(offering).await });
    }

    /// Refuses requests between two attempts at once.
    pub(crate) fn refuse_while_recovering(&mut self) {
        while !self.handle.inbox.rest() {
            self.refuse_all(&Unavailable::Recovering);
        }
    }
}

/// Refuses all commands and queries of a batch that was not written.
fn refuse(sealed: &mut Sealed, why: &Unavailable) {
    for (pending, _) in sealed.batch.decided.drain(..) {
        pending.answer(Err(why.clone().into()));
    }
    for look in sealed.batch.queries.drain(..) {
        (look.look)(Err(why.clone()));
    }
}
