//! When a turn fails. Whatever goes wrong (a panic of the core, a failed append, a fence) has one
//! way out: drop the state and recover from the journal. Nothing is undone by hand.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use super::Unavailable;
use super::actor::{BoxOffice, Phase, RecoveryDone, Sealed, State, refuse};
use super::batch::{Batch, Work};
use super::metrics;
use super::recovery::{Doubt, Recovered, Settled, recover};
use super::view::Painter;
use crate::journal::{AppendError, LoadError};

impl BoxOffice {
    pub(super) fn core_panicked(&mut self, batch: Batch, ctx: &mut Context<Self>) {
        metrics::panic();
        tracing::error!(offering = %self.offering, "the core panicked; rebuilding from the journal");
        if let Some(culprit) = batch.requeue(&mut self.queue) {
            metrics::command(&culprit.request.command, "failed");
            culprit.answer(Err(Unavailable::Failed.into()));
        }
        self.start_recovery(0, None, Duration::ZERO, ctx);
    }

    pub(super) fn append_failed(&mut self, error: &AppendError, ctx: &mut Context<Self>) {
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

    pub(super) fn start_recovery(
        &mut self,
        failed: u32,
        doubtful: Option<Sealed>,
        pause: Duration,
        ctx: &mut Context<Self>,
    ) {
        metrics::rebuild();
        let doubt = doubtful.as_ref().and_then(|sealed| {
            let (row, _) = sealed.row.as_ref()?;
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

    pub(super) fn recovered(&mut self, recovered: Recovered, ctx: &mut Context<Self>) {
        metrics::takeover();
        self.snapshots.loaded(recovered.tail);
        let waiting = Phase::Recovering { failed: 0, doubtful: None };
        let doubtful = match std::mem::replace(&mut self.phase, waiting) {
            Phase::Recovering { doubtful, .. } => doubtful,
            Phase::Idle(_) | Phase::Busy(..) => unreachable!("recovery ends in recovery"),
        };
        if let Some(mut sealed) = doubtful {
            match (recovered.doubt, &sealed.row) {
                (Some(Settled::Committed), Some((row, _))) => {
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

    pub(super) fn recovery_failed(&mut self, error: &LoadError, ctx: &mut Context<Self>) {
        if matches!(error, LoadError::NotFound) {
            self.refuse_all(&Unavailable::NoSuchOffering);
            return self.close(ctx);
        }
        let waiting = Phase::Recovering { failed: 0, doubtful: None };
        let (failed, doubtful) = match std::mem::replace(&mut self.phase, waiting) {
            Phase::Recovering { failed, doubtful } => (failed + 1, doubtful),
            Phase::Idle(_) | Phase::Busy(..) => unreachable!("recovery ends in recovery"),
        };
        if matches!(error, LoadError::Damaged { .. } | LoadError::NewerFormat { .. }) {
            tracing::error!(offering = %self.offering, %error, failed, "the journal cannot be used");
        } else {
            tracing::warn!(offering = %self.offering, %error, failed, "recovery failed; trying again");
        }
        // Whoever waits is told now. The row of unknown outcome stays in doubt: its seq is still
        // to be occupied, by whichever recovery succeeds, before anything is decided again.
        drop(doubtful);
        self.refuse_all(&Unavailable::Recovering);
        self.refuse_while_recovering();
        if self.stop.is_some() {
            return self.close(ctx);
        }
        let backoff_ms = 50_u64 << failed.min(5);
        let pause = Duration::from_millis(rand::random_range(backoff_ms / 2..=backoff_ms));
        self.start_recovery(failed, None, pause, ctx);
    }

    /// Whoever asks between two attempts is told at once.
    pub(super) fn refuse_while_recovering(&mut self) {
        while !self.desk.inbox.rest() {
            self.refuse_all(&Unavailable::Recovering);
        }
    }
}
