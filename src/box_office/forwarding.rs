//! Routes requests to the owners of their offerings: a request is decided here or forwarded, and
//! retried while its offering moves. A request that may have been carried out is repeated only
//! under an idempotency key, so a request without a key is given one.

pub(crate) mod queue;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use crate::box_office::command::{self, MintedKey};
use crate::box_office::forwarding::queue::{Failure, MAX_CALLS};
use crate::box_office::office::batch::{Pending, Work};
use crate::box_office::protocol::{
    Call, CallAnswer, PeerReply, PeerRequest, TracedCall, decode, encode,
};
use crate::box_office::telemetry::spans;
use crate::box_office::unknown::{UnknownReason, outcome_unknown};
use crate::box_office::{BoxOffices, Committed, SubmitError, Unavailable};
use crate::cluster::Route;
use crate::ids::{HoldId, InstanceId, OfferingId, SeatId, UserId};
use crate::inventory::{EndedEntryView, HoldView, Idempotency, Request, SeatView, WaitlistView};
use crate::journal::{LoadError, Owner};
use crate::planted::{Bug, is_planted};
use crate::{random, trace};

/// How often a call is forwarded: once to the owner, and once more by an owner that is just handing
/// the offering off.
pub const MAX_HOPS: u8 = 2;

/// The first pause before a request is retried while its offering moves; it doubles, up to the
/// longest.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(160);

/// Why a peer request is not answered.
#[derive(Debug, thiserror::Error)]
pub enum PeerRequestError {
    /// The message is not of this version.
    #[error("the question is of another version, or damaged")]
    NotUnderstood,
    /// The call was forwarded too often: its route is a circle.
    #[error("the call has been handed on {0} times")]
    Loop(u8),
}

impl BoxOffices {
    /// Decides and journals one request, here or at the instance that owns the offering; wakes the
    /// offering if it sleeps. A request that was accepted is decided even if this future is
    /// dropped.
    ///
    /// # Errors
    /// A refusal, or why nothing could be decided.
    pub async fn submit(
        &self,
        offering: OfferingId,
        request: Request,
    ) -> Result<Committed, SubmitError> {
        if self.shared().cluster.is_alone() {
            return self.submit_here(offering, request, (0, false)).await;
        }
        let answer = self.call(offering, Call::Submit(request)).await;
        let CallAnswer::Submitted(submitted) = answer else {
            return Err(outcome_unknown(UnknownReason::OwnerUnanswered, Some(offering)).into());
        };
        submitted
    }

    pub(crate) async fn hold_of_owner(
        &self,
        offering: OfferingId,
        hold: HoldId,
    ) -> Result<Option<HoldView>, Unavailable> {
        let answer = self.call(offering, Call::Hold(hold)).await;
        let CallAnswer::Hold(found) = answer else { return Err(Unavailable::Recovering) };
        found
    }

    pub(crate) async fn waitlist_entry_of_owner(
        &self,
        offering: OfferingId,
        entry: HoldId,
    ) -> Result<Option<WaitlistView>, Unavailable> {
        let answer = self.call(offering, Call::WaitlistEntry(entry)).await;
        let CallAnswer::WaitlistEntry(found) = answer else { return Err(Unavailable::Recovering) };
        found
    }

    pub(crate) async fn ended_entry_of_owner(
        &self,
        offering: OfferingId,
        entry: HoldId,
    ) -> Result<Option<EndedEntryView>, Unavailable> {
        let answer = self.call(offering, Call::EndedEntry(entry)).await;
        let CallAnswer::EndedEntry(found) = answer else { return Err(Unavailable::Recovering) };
        found
    }

    pub(crate) async fn seat_of_owner(
        &self,
        offering: OfferingId,
        seat: SeatId,
    ) -> Result<Option<SeatView>, Unavailable> {
        let answer = self.call(offering, Call::Seat(seat)).await;
        let CallAnswer::Seat(found) = answer else { return Err(Unavailable::Recovering) };
        found
    }

    /// Finds the owner and sends it the call, and repeats this while the offering moves.
    pub(crate) async fn call(&self, offering: OfferingId, call: Call) -> CallAnswer {
        self.pursue(offering, call, false).await
    }

    /// As [`Self::call`], for a repeated call. `unknown`: an earlier copy may have had an effect, or may
    /// yet have one. From then on, the box office that refuses the call remembers the refusal under
    /// its key, so that no copy has an effect afterwards.
    async fn pursue(&self, offering: OfferingId, mut call: Call, mut unknown: bool) -> CallAnswer {
        let shared = self.shared();
        let timeout = shared.settings.answer_timeout;
        let started = shared.guard.monotonic();
        let mut pause = FIRST_PAUSE;
        loop {
            let waited = shared.guard.monotonic().saturating_sub(started);
            let left = timeout.saturating_sub(waited);
            if unknown {
                call = call.settling();
            }
            match self.call_once(offering, &mut call, left, &mut unknown).await {
                // A box office that could not decide does not know the outcome of the copies
                // either.
                Some(answer) if !unknown || answer.unavailable().is_none() => return answer,
                Some(_) | None => {}
            }
            let waited = shared.guard.monotonic().saturating_sub(started);
            if waited + pause >= self.moving_timeout(unknown) {
                let why = match unknown {
                    true => outcome_unknown(UnknownReason::OwnerUnanswered, Some(offering)),
                    false => Unavailable::Moving,
                };
                return call.failed(why);
            }
            tokio::time::sleep(random::jittered(pause)).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    /// Makes one attempt; returns `None` if the offering is between two owners, or the outcome is
    /// unknown.
    async fn call_once(
        &self,
        offering: OfferingId,
        call: &mut Call,
        timeout: Duration,
        unknown: &mut bool,
    ) -> Option<CallAnswer> {
        let shared = self.shared();
        let route = if self.is_live(offering) {
            Ok(Route::Here)
        } else {
            shared.cluster.route(offering, &*shared.journal).await
        };
        let owner = match route {
            Err(error) => return Some(call.failed(unreadable(&error))),
            Ok(Route::Here) => {
                let answer = self.call_here(offering, call.clone(), 0).await;
                if is_moving(&answer) {
                    tracing::debug!(%offering, "not decided here: it is moving");
                    return None;
                }
                return Some(answer);
            }
            Ok(Route::There(owner)) => owner,
        };
        mint_key(call);
        let mut origin = trace::current();
        let tracer = &shared.settings.tracer;
        let span = spans::forwarded(tracer, &mut origin, (offering, &*call, &owner));
        let asked = TracedCall { call: call.clone(), origin };
        let answered = shared.forward_queues.call(offering, &owner, (1, asked), timeout).await;
        spans::called(span, answered.as_ref().ok());
        match &answered {
            Ok(answer) if !is_moving(answer) && !is_unknown(answer) => {}
            _ => tracing::debug!(%offering, to = %owner.address, epoch = %owner.epoch, ?answered,
                "no decision from another instance"),
        }
        match answered {
            Ok(answer) if is_moving(&answer) => None,
            // The call has a key: the current owner knows its outcome when it is asked again.
            Ok(answer) if is_unknown(&answer) => {
                *unknown = true;
                None
            }
            Ok(answer) => Some(answer),
            Err(Failure::NotOwner(other)) => {
                self.correct(offering, &owner, other.as_ref());
                None
            }
            Err(Failure::Unavailable(why)) => Some(call.failed(why)),
            Err(failure @ (Failure::NotReceived | Failure::Unknown)) => {
                // Forgotten even if it may be the owner: the next attempt looks the owner up again.
                shared.cluster.forget(offering, &owner);
                *unknown |= matches!(failure, Failure::Unknown);
                None
            }
        }
    }

    /// Forwards the requests that waited for a closed box office to the owner, in order; a request
    /// that the owner does not answer is then routed on its own.
    pub(crate) fn forward_all(
        self: &Arc<Self>,
        offering: OfferingId,
        owner: Owner,
        works: VecDeque<Work>,
    ) {
        let mut waiting = Vec::new();
        for work in works {
            match work {
                Work::Command(pending) if pending.hops < MAX_HOPS => waiting.push(pending),
                // Forwarded often enough: the instance that sent it finds the owner again.
                Work::Command(_) | Work::Query(_) => work.refuse(Unavailable::Moving),
            }
        }
        if is_planted(Bug::HandoffDropsTheQueue) {
            waiting.clear();
        }
        if waiting.is_empty() {
            return;
        }
        let (offices, timeout) = (Arc::clone(self), self.shared().settings.answer_timeout);
        self.shared().executor.spawn(async move {
            let hops = waiting.iter().map(|pending| pending.hops).max().unwrap_or_default() + 1;
            let forward_queues = &offices.shared().forward_queues;
            while !waiting.is_empty() {
                // One peer request after the other keeps the order.
                let rest = waiting.split_off(waiting.len().min(MAX_CALLS));
                let mut handed = std::mem::replace(&mut waiting, rest);
                let calls = handed.iter_mut().map(handed_on).collect();
                match forward_queues.call_all(offering, &owner, (hops, calls), timeout).await {
                    Ok(answers) => {
                        for (pending, answer) in handed.into_iter().zip(answers) {
                            offices.pass_on(offering, pending, Ok(answer));
                        }
                    }
                    Err(failure) => {
                        for pending in handed {
                            offices.pass_on(offering, pending, Err(&failure));
                        }
                    }
                }
            }
        });
    }

    /// Sends the owner's answer to the caller. Without one, the command is routed on its own: it
    /// has a key, so a repetition does no harm if the owner carried it out.
    fn pass_on(
        self: &Arc<Self>,
        offering: OfferingId,
        pending: Pending,
        answer: Result<CallAnswer, &Failure>,
    ) {
        let unknown = match &answer {
            Ok(answer) => is_unknown(answer),
            Err(failure) => matches!(failure, Failure::Unknown),
        };
        match answer {
            Ok(answer) if !is_moving(&answer) && !is_unknown(&answer) => {
                if let CallAnswer::Submitted(submitted) = answer {
                    pending.answer(submitted);
                }
            }
            // The instance that forwarded it to us asks again.
            Ok(answer) if pending.hops > 0 && is_moving(&answer) => {
                pending.answer(Err(Unavailable::Moving.into()));
            }
            Ok(_) | Err(Failure::Unknown) if pending.hops > 0 => {
                let origin = &mut pending.origin.clone();
                let why = trace::scope(origin, || {
                    outcome_unknown(UnknownReason::OwnerUnanswered, Some(offering))
                });
                pending.answer(Err(why.into()));
            }
            Err(_) if pending.hops > 0 => pending.answer(Err(Unavailable::Moving.into())),
            Ok(_) | Err(_) => {
                let offices = Arc::clone(self);
                let unknown = pending.settle || unknown;
                self.shared().executor.spawn(async move {
                    let call = Call::Submit(pending.request.clone());
                    let pursued = offices.pursue(offering, call, unknown);
                    let answer = trace::within(pending.origin.clone(), pursued).await;
                    if let CallAnswer::Submitted(submitted) = answer {
                        pending.answer(submitted);
                    }
                });
            }
        }
    }

    /// Returns how long a call is retried: if its outcome is unknown, for the whole answer timeout,
    /// because no other instance can find out the outcome as well.
    fn moving_timeout(&self, unknown: bool) -> Duration {
        let settings = &self.shared().settings;
        if unknown { settings.answer_timeout } else { settings.moving_timeout }
    }

    /// Applies another instance's reply about the owner of the offering.
    fn correct(&self, offering: OfferingId, asked: &Owner, other: Option<&Owner>) {
        let cluster = &self.shared().cluster;
        cluster.forget(offering, asked);
        if let Some(other) = other
            && other.incarnation != cluster.me().incarnation
        {
            cluster.learn(offering, other.clone());
        }
    }

    /// Answers a call by the box office that is, or may become, live here.
    pub(crate) async fn call_here(&self, offering: OfferingId, call: Call, hops: u8) -> CallAnswer {
        match call {
            Call::Submit(request) => {
                CallAnswer::Submitted(self.submit_here(offering, request, (hops, false)).await)
            }
            Call::Settle(request) => {
                CallAnswer::Submitted(self.submit_here(offering, request, (hops, true)).await)
            }
            Call::Hold(hold) => {
                let found = self.read(offering, move |inventory| inventory.hold(hold)).await;
                CallAnswer::Hold(found)
            }
            Call::WaitlistEntry(entry) => {
                let look =
                    move |inventory: &crate::inventory::Inventory| inventory.waitlist_entry(entry);
                CallAnswer::WaitlistEntry(self.read(offering, look).await)
            }
            Call::EndedEntry(entry) => {
                let look =
                    move |inventory: &crate::inventory::Inventory| inventory.ended_entry(entry);
                CallAnswer::EndedEntry(self.read(offering, look).await)
            }
            Call::Seat(seat) => {
                let found = self.read(offering, move |inventory| inventory.seat(seat)).await;
                CallAnswer::Seat(found)
            }
            Call::Holdings(customer, limit) => {
                CallAnswer::Holdings(self.holdings_here(offering, customer, limit).await)
            }
            Call::LiveHolds(after, limit) => {
                CallAnswer::LiveHolds(self.live_holds_here(offering, after, limit).await)
            }
            Call::Waiting(after, limit) => {
                CallAnswer::Waiting(self.waiting_here(offering, after, limit).await)
            }
            Call::Queue(customers) => {
                let found = self.queue_of_here(offering, customers).await;
                CallAnswer::Queue(found.map(|found| found.map(Box::new)))
            }
        }
    }

    /// Answers a peer request.
    ///
    /// # Errors
    /// [`PeerRequestError`]; then nothing was done.
    pub async fn answer(
        self: &Arc<Self>,
        question: &[u8],
    ) -> Result<bytes::Bytes, PeerRequestError> {
        let question = decode(question).ok_or(PeerRequestError::NotUnderstood)?;
        let answer = match question {
            PeerRequest::Calls { hops, .. } if hops > MAX_HOPS => {
                return Err(PeerRequestError::Loop(hops));
            }
            PeerRequest::Calls { from, offering, hops, timeout_ms, calls } => {
                let timeout = Duration::from_millis(timeout_ms);
                match self.decline(offering, from).await {
                    Some(answer) => answer,
                    None => self.answer_calls(offering, (hops, calls), timeout).await,
                }
            }
            PeerRequest::Prepare { offering } => self.prepare(offering).await,
            PeerRequest::Adopt { offering } => self.adopt(offering).await,
            PeerRequest::Move { offering, to } => match self.move_mine(offering, &to).await {
                Ok(owner) => PeerReply::InService(owner),
                Err(why) => PeerReply::Failed(why),
            },
            PeerRequest::Show { offering } => self.show(offering).await,
            PeerRequest::Heard { offering, customers, within_ms } => {
                PeerReply::Heard(self.heard_here(offering, &customers, within_ms))
            }
        };
        Ok(encode(&answer))
    }

    async fn answer_calls(
        self: &Arc<Self>,
        offering: OfferingId,
        (hops, calls): (u8, Vec<TracedCall>),
        timeout: Duration,
    ) -> PeerReply {
        let answers = calls.into_iter().map(|TracedCall { call, mut origin }| {
            let tracer = &self.shared().settings.tracer;
            let span = spans::received(tracer, &mut origin, (offering, &call, hops));
            trace::within(origin, async move {
                let unanswered = call.failed(Unavailable::OutcomeUnknown);
                let answered = tokio::time::timeout(timeout, self.call_here(offering, call, hops));
                let answer = answered.await.unwrap_or_else(|_| {
                    outcome_unknown(UnknownReason::CallTimeout, Some(offering));
                    unanswered
                });
                spans::called(span, Some(&answer));
                answer
            })
        });
        PeerReply::Calls(join_all(answers).await)
    }

    /// Returns why calls for an offering that is not live here are declined. The sender believes
    /// that it is placed here and, unless another instance owns it, that suffices: the lease store
    /// lets one instance have it.
    async fn decline(&self, offering: OfferingId, from: InstanceId) -> Option<PeerReply> {
        if self.is_live(offering) {
            return None;
        }
        let shared = self.shared();
        let me = shared.cluster.me();
        if me.leaving || self.is_stopping() {
            // A lease entry of ours that was left behind would lead all instances here.
            shared.cluster.release(offering).await;
            return Some(PeerReply::NotOwner(None));
        }
        // Not from the remembered owners: the sender has found them out of date.
        match shared.cluster.owner_now(offering, &*shared.journal).await {
            Ok(Some(owner)) if owner.incarnation != me.incarnation && owner.incarnation != from => {
                Some(PeerReply::NotOwner(Some(owner)))
            }
            Ok(_) => None,
            Err(error) => Some(PeerReply::Failed(unreadable(&error))),
        }
    }
}

/// Gives the call a key, by which it is known when it is sent again. Payments that end need no key:
/// their own ids identify them, and once refused they are refused for ever.
fn mint_key(call: &mut Call) {
    let (Call::Submit(request) | Call::Settle(request)) = call else { return };
    if is_planted(Bug::LostIdempotencyKey) {
        request.idempotency = None;
        return;
    }
    if request.idempotency.is_some() {
        return;
    }
    let principal = match command::minted_key(&request.command) {
        MintedKey::None => return,
        MintedKey::OfCustomer(customer) => customer,
        MintedKey::OfItsOwn => UserId::random(),
    };
    let idempotency = Idempotency { key: random::bytes(), fingerprint: [0; 16], principal };
    request.idempotency = Some(idempotency);
}

/// Returns the call for a command that was never decided and is now forwarded. The command keeps
/// the key, in case it is sent again.
fn handed_on(pending: &mut Pending) -> TracedCall {
    let mut call = Call::Submit(pending.request.clone());
    mint_key(&mut call);
    if let Call::Submit(keyed) = &call {
        pending.request.idempotency = keyed.idempotency;
    }
    let call = if pending.settle { call.settling() } else { call };
    TracedCall { call, origin: pending.origin.clone() }
}

fn is_moving(answer: &CallAnswer) -> bool {
    matches!(answer.unavailable(), Some(Unavailable::Moving | Unavailable::Stopping))
}

fn is_unknown(answer: &CallAnswer) -> bool {
    matches!(answer.unavailable(), Some(Unavailable::OutcomeUnknown))
}

fn unreadable(error: &LoadError) -> Unavailable {
    match error {
        LoadError::NotFound => Unavailable::NoSuchOffering,
        LoadError::Unavailable(_) | LoadError::NewerFormat { .. } | LoadError::Damaged { .. } => {
            tracing::warn!(%error, "the owner of an event cannot be found");
            Unavailable::Recovering
        }
    }
}
