//! How the clients of a simulation send requests to any machine, repeat them and record the answers.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::customers::{ClientAnswer, Crowd, Intent, Operation, Poll, Read};
use super::network::Incoming;
use crate::box_office::{Committed, SubmitError, Unavailable, View};
use crate::ids::{OfferingId, UserId};
use crate::inventory::{Idempotency, Request};
use crate::random;

/// How long a client waits for one answer.
const TIMEOUT: Duration = Duration::from_secs(5);

impl Crowd {
    /// Repeats a request until the answer is certain, or returns the first answer if there is no key
    /// to repeat it with.
    pub(super) async fn ask(&self, offering: OfferingId, wish: Intent) -> ClientAnswer {
        let world = &self.site.world;
        let keyed = world.happens(750);
        let fingerprint = random::bytes();
        let idempotency = keyed.then(|| Idempotency {
            key: random::bytes(),
            fingerprint,
            principal: UserId(uuid::Uuid::nil()),
        });
        let (mut drawn, mut doubtful) = (Vec::new(), false);
        loop {
            let request = Request { command: wish.command(&mut drawn), idempotency };
            let sent_at = world.elapsed();
            let answer = self.send(offering, request.clone()).await;
            let told = match answer {
                Some(Ok(Committed { seq, at, transition, .. })) => {
                    ClientAnswer::Done { seq, at, transition }
                }
                Some(Err(SubmitError::Rejected(rejection))) => ClientAnswer::Refused(rejection),
                Some(Err(SubmitError::Unavailable(Unavailable::OutcomeUnknown))) | None => {
                    ClientAnswer::Unknown
                }
                Some(Err(SubmitError::Unavailable(why))) => ClientAnswer::Nothing(why),
            };
            if self.is_calm.get()
                && matches!(told, ClientAnswer::Nothing(_) | ClientAnswer::Unknown)
            {
                let command = &request.command;
                world.violated(format_args!(
                    "in calm, {told:?} for {command:?} of {offering}, sent at {sent_at:?}"
                ));
            }
            let again = keyed && matches!(told, ClientAnswer::Unknown | ClientAnswer::Nothing(_));
            if !again {
                let answered_seq = self.site.database.head_seq(offering);
                let answered_at = world.elapsed();
                world.note(format_args!("told {told:?}"));
                self.deeds.borrow_mut().push(Operation {
                    offering,
                    request,
                    drawn,
                    told: told.clone(),
                    sent_at,
                    answered_seq,
                    answered_at,
                    doubtful,
                });
                return told;
            }
            doubtful |= matches!(told, ClientAnswer::Unknown);
            tokio::time::sleep(world.millis(5, 100)).await;
        }
    }

    async fn send(
        &self,
        offering: OfferingId,
        request: Request,
    ) -> Option<Result<Committed, SubmitError>> {
        let (reply, answer) = oneshot::channel();
        let sent = self.to_any(Incoming::Submit { offering, request, reply }).await;
        self.answer(sent, answer).await
    }

    pub(super) async fn look(&self, offering: OfferingId) {
        let sent_at = self.site.world.elapsed();
        let (reply, answer) = oneshot::channel();
        let sent = self.to_any(Incoming::Show { offering, reply }).await;
        self.shown(offering, sent_at, sent, answer).await;
    }

    /// Reads a view from one machine.
    pub(super) async fn look_at(&self, offering: OfferingId, machine: usize) {
        let sent_at = self.site.world.elapsed();
        let (reply, answer) = oneshot::channel();
        if let Some(process) = self.site.switch.at(&self.machines.name(machine)) {
            let sent = process.send(Incoming::Show { offering, reply }).is_ok();
            self.shown(offering, sent_at, sent, answer).await;
        }
    }

    async fn shown(
        &self,
        offering: OfferingId,
        sent_at: Duration,
        sent: bool,
        answer: oneshot::Receiver<Result<Arc<View>, Unavailable>>,
    ) {
        let world = &self.site.world;
        if let Some(Ok(view)) = self.answer(sent, answer).await {
            world.note(format_args!("shown {offering} at {}", view.seq));
            self.looks.borrow_mut().push(Read { offering, view, sent_at });
        }
    }

    /// Asks for the queue and the customer's entry, as those who wait do.
    pub(super) async fn poll(&self, offering: OfferingId, customer: UserId) {
        let world = &self.site.world;
        let sent_at = world.elapsed();
        let (reply, answer) = oneshot::channel();
        let sent = self.to_any(Incoming::Poll { offering, customer, reply }).await;
        if let Some(Ok(answer)) = self.answer(sent, answer).await {
            let answered_seq = self.site.database.head_seq(offering);
            let entry = answer.as_ref().and_then(|answer| answer.entries[0]);
            world.note(format_args!("{customer} of {offering} is told {entry:?}"));
            let poll = Poll { offering, customer, answer, sent_at, answered_seq };
            self.polls.borrow_mut().push(poll);
        }
    }

    /// Sends to any machine that listens, as a load balancer does.
    async fn to_any(&self, message: Incoming) -> bool {
        let world = &self.site.world;
        tokio::time::sleep(world.micros(100, 2_000)).await;
        loop {
            let first = usize::try_from(world.within(0, self.machines.count() as u64 - 1));
            let first = first.unwrap_or(0);
            let found = (0..self.machines.count())
                .map(|n| (first + n) % self.machines.count())
                .find_map(|index| self.site.switch.at(&self.machines.name(index)));
            if let Some(process) = found {
                return process.send(message).is_ok();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn answer<T>(&self, sent: bool, answer: oneshot::Receiver<T>) -> Option<T> {
        if !sent {
            return None;
        }
        let answer = tokio::time::timeout(TIMEOUT, answer).await;
        let world = &self.site.world;
        tokio::time::sleep(world.micros(100, 2_000)).await;
        answer.ok()?.ok()
    }
}
