//! What waiting rooms need from outside the core: the secret at the draw, and word of customers who
//! have fallen silent. Done by the instance that owns the queue.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::{WaitingRooms, metrics};
use crate::box_office::{PublishedQueue, SubmitError};
use crate::ids::OfferingId;
use crate::inventory::{Command, QueuePhase, Rejection, Request};

/// How often queues are looked at.
const EVERY: Duration = Duration::from_millis(250);
/// Silent customers are looked for once in this many rounds.
const SILENCE_EVERY: u64 = 20;
/// How far ahead of their admission customers are looked for, in passes.
const FRONT: usize = 1_000;

impl WaitingRooms {
    /// Sees to draws and silent customers until the service is dropped.
    pub async fn tend(this: Weak<Self>) {
        let mut round: u64 = 0;
        loop {
            tokio::time::sleep(EVERY).await;
            let Some(rooms) = this.upgrade() else { return };
            rooms.tend_once(round.is_multiple_of(SILENCE_EVERY)).await;
            round += 1;
        }
    }

    /// Sees to draws now, and to silent customers if asked to. For tests that move the clock by hand.
    pub async fn tend_once(self: &Arc<Self>, looks_for_silence: bool) {
        let queues = self.offices.queues_here();
        self.watch.look(&queues, self.clock.now_ms(), self.clock.monotonic());
        for (event, queue) in &queues {
            self.tend_one(*event, queue, looks_for_silence).await;
        }
        if looks_for_silence {
            self.forget_unused();
        }
    }

    async fn tend_one(
        self: &Arc<Self>,
        event: OfferingId,
        queue: &PublishedQueue,
        looks_for_silence: bool,
    ) {
        let progress = &queue.progress;
        if progress.phase == QueuePhase::Drawing && progress.rules.public_source.is_none() {
            self.draw_by_itself(event, progress.commitment).await;
        }
        if looks_for_silence && progress.phase == QueuePhase::Open && progress.waiting > 0 {
            self.set_aside_the_silent(event, queue).await;
        }
    }

    async fn draw_by_itself(&self, event: OfferingId, commitment: [u8; 32]) {
        let secret = match self.store.queue_secret(event, commitment).await {
            Ok(Some(secret)) => secret,
            Ok(None) => {
                metrics::stalled();
                tracing::error!(%event, "the secret of the draw is lost: the queue cannot open");
                return;
            }
            Err(error) => {
                tracing::warn!(%event, %error, "the secret of the draw cannot be read yet");
                return;
            }
        };
        let command = Command::DrawQueue { secret, public_value: None };
        match self.offices.submit(event, Request { command, idempotency: None }).await {
            Ok(_) => tracing::info!(%event, "the draw of the queue was made"),
            // Another round made it a moment ago.
            Err(SubmitError::Rejected(Rejection::WrongState { .. })) => {}
            Err(error) => tracing::warn!(%event, %error, "the draw was not made yet"),
        }
    }

    /// Sets those aside who are next and were not heard of for the time that the rules allow, neither
    /// here nor elsewhere.
    async fn set_aside_the_silent(self: &Arc<Self>, event: OfferingId, queue: &PublishedQueue) {
        let silence_ms = queue.progress.rules.silence_ms;
        let soon = usize::try_from(queue.progress.rules.passes_per_minute).unwrap_or(FRONT);
        let Ok(front) = self.offices.queue_front(event, soon.min(FRONT)).await else { return };
        let customers: Vec<_> = front.iter().map(|(_, customer)| *customer).collect();
        let heard = self.heard(event, &customers, silence_ms);
        let silent: Vec<_> =
            front.into_iter().zip(heard).filter(|(_, heard)| !heard).map(|(one, _)| one).collect();
        if silent.is_empty() {
            return;
        }
        let customers = silent.iter().map(|(_, customer)| *customer).collect();
        // An instance that does not answer may have heard of them: then nobody is silent.
        let Some(heard) = self.offices.heard_elsewhere(event, customers, silence_ms).await else {
            return;
        };
        let silent: Vec<_> =
            silent.into_iter().zip(heard).filter(|(_, heard)| !heard).map(|(one, _)| one).collect();
        if silent.is_empty() {
            return;
        }
        let numbers: Vec<u32> = silent.iter().map(|(number, _)| *number).collect();
        let generation = queue.progress.generation;
        let count = numbers.len();
        let command = Command::SetAside { generation, numbers };
        if let Err(error) = self.offices.submit(event, Request { command, idempotency: None }).await
        {
            tracing::debug!(%event, %error, "silent customers were not set aside");
            return;
        }
        let room = self.room(event);
        for (_, customer) in silent {
            room.forget(customer);
        }
        tracing::debug!(%event, count, "silent customers were set aside");
    }
}
