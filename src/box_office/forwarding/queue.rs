//! Calls on their way to other instances. Calls that wait for the same owner of the same offering
//! travel together, as commands that wait for the same journal row do: a lone call is sent at once,
//! and under load a few peer requests in flight carry everything.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dashmap::DashMap;
use tokio::sync::oneshot;

use crate::box_office::Unavailable;
use crate::box_office::protocol::{CallAnswer, PeerReply, PeerRequest, TracedCall, decode, encode};
use crate::box_office::telemetry::metrics;
use crate::cluster::{Cluster, NetworkError};
use crate::executor::Executor;
use crate::ids::{InstanceId, OfferingId};
use crate::journal::Owner;
use crate::trace;

/// Peer requests in flight for one offering to one owner.
const MAX_IN_FLIGHT: usize = 2;
/// The most calls in one peer request.
pub(crate) const MAX_CALLS: usize = 512;

/// Why a call has no answer.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The other instance is not the owner; the named one is, if the owner is known. Nothing was
    /// done.
    NotOwner(Option<Owner>),
    /// The other instance did not receive the call.
    NotReceived,
    /// The other instance may have received the call.
    Unknown,
    /// The other instance could not carry it out, for this reason. Nothing was done.
    Unavailable(Unavailable),
}

/// The forward queues to all other instances.
pub(crate) struct ForwardQueues {
    cluster: Arc<Cluster>,
    executor: Executor,
    forward_queues: DashMap<(InstanceId, OfferingId), Arc<ForwardQueue>>,
}

#[derive(Default)]
struct ForwardQueue {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    in_flight: usize,
}

struct Waiting {
    asked: TracedCall,
    hops: u8,
    timeout: Duration,
    reply: oneshot::Sender<Result<CallAnswer, Failure>>,
}

impl ForwardQueues {
    pub(crate) fn new(cluster: Arc<Cluster>, executor: Executor) -> Self {
        Self { cluster, executor, forward_queues: DashMap::new() }
    }

    /// Sends the call to the owner. It is carried on if the caller is dropped.
    pub(crate) async fn call(
        &self,
        offering: OfferingId,
        owner: &Owner,
        (hops, asked): (u8, TracedCall),
        timeout: Duration,
    ) -> Result<CallAnswer, Failure> {
        let (reply, answer) = oneshot::channel();
        let key = (owner.incarnation, offering);
        let queue = Arc::clone(self.forward_queues.entry(key).or_default().value());
        let begin = {
            let mut state = queue.lock();
            state.waiting.push_back(Waiting { asked, hops, timeout, reply });
            let begin = state.in_flight < MAX_IN_FLIGHT;
            state.in_flight += usize::from(begin);
            begin
        };
        if begin {
            let (cluster, owner) = (Arc::clone(&self.cluster), owner.clone());
            self.executor.spawn(async move { queue.run(&cluster, &owner, offering).await });
        }
        answer.await.unwrap_or(Err(Failure::Unknown))
    }

    /// Sends calls to the owner in their order, in one peer request.
    pub(crate) async fn call_all(
        &self,
        offering: OfferingId,
        owner: &Owner,
        (hops, calls): (u8, Vec<TracedCall>),
        timeout: Duration,
    ) -> Result<Vec<CallAnswer>, Failure> {
        ask(&self.cluster, owner, offering, (hops, calls), timeout).await
    }

    /// Drops forward queues that are not in use.
    pub(crate) fn forget_unused(&self) {
        self.forward_queues
            .retain(|_, queue| queue.lock().in_flight > 0 || Arc::strong_count(queue) > 1);
    }
}

impl ForwardQueue {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while the lock is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(&self, cluster: &Cluster, owner: &Owner, offering: OfferingId) {
        let is_live = || cluster.view().live(owner.incarnation).is_some();
        let was_live = is_live();
        loop {
            let batch: Vec<Waiting> = {
                let mut state = self.lock();
                if state.waiting.is_empty() {
                    state.in_flight -= 1;
                    return;
                }
                let count = state.waiting.len().min(MAX_CALLS);
                state.waiting.drain(..count).collect()
            };
            if was_live && !is_live() {
                // The owner's lease ran out while these calls waited for earlier ones.
                for waiting in batch {
                    let _ = waiting.reply.send(Err(Failure::NotReceived));
                }
                continue;
            }
            let hops = batch.iter().map(|waiting| waiting.hops).max().unwrap_or_default();
            let timeout = batch.iter().map(|waiting| waiting.timeout).max().unwrap_or_default();
            let calls: Vec<_> = batch.iter().map(|waiting| waiting.asked.clone()).collect();
            match ask(cluster, owner, offering, (hops, calls), timeout).await {
                Ok(answers) => {
                    for (waiting, answer) in batch.into_iter().zip(answers) {
                        // The caller may have been dropped.
                        let _ = waiting.reply.send(Ok(answer));
                    }
                }
                Err(failure) => {
                    for waiting in batch {
                        let _ = waiting.reply.send(Err(failure.clone()));
                    }
                }
            }
        }
    }
}

async fn ask(
    cluster: &Cluster,
    owner: &Owner,
    offering: OfferingId,
    (hops, calls): (u8, Vec<TracedCall>),
    timeout: Duration,
) -> Result<Vec<CallAnswer>, Failure> {
    let count = calls.len();
    metrics::forwarded(count);
    // A peer request for several calls has no origin: each call in it has its own.
    let origin = match &calls[..] {
        [lone] => lone.origin.clone(),
        _ => None,
    };
    let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
    let from = cluster.me().incarnation;
    let question = PeerRequest::Calls { from, offering, hops, timeout_ms, calls };
    let asked = ask_peer(cluster, owner, &question, timeout);
    match trace::within(origin, asked).await? {
        PeerReply::Calls(answers) if answers.len() == count => Ok(answers),
        PeerReply::NotOwner(other) => Err(Failure::NotOwner(other)),
        PeerReply::Failed(why) => Err(Failure::Unavailable(why)),
        // The reply does not fit the request; the outcome is unknown.
        PeerReply::Calls(_)
        | PeerReply::Prepared
        | PeerReply::InService(_)
        | PeerReply::Shown(_)
        | PeerReply::Heard(_) => Err(Failure::Unknown),
    }
}

/// Sends a peer request; gives up when the instance's lease runs out, because it will not answer
/// after that.
pub(crate) async fn ask_peer(
    cluster: &Cluster,
    to: &Owner,
    question: &PeerRequest,
    timeout: Duration,
) -> Result<PeerReply, Failure> {
    let asked = cluster.network().ask(Arc::clone(&to.address), encode(question), timeout);
    let answered = tokio::time::timeout(timeout, until_gone(cluster, to.incarnation, asked)).await;
    let answered = answered
        .unwrap_or_else(|_| Some(Err(NetworkError::NoAnswer(Arc::clone(&to.address)))))
        .unwrap_or_else(|| Err(NetworkError::NoAnswer(Arc::clone(&to.address))));
    match answered {
        Ok(answer) => {
            cluster.mark_alive(to.incarnation);
            decode(&answer).ok_or(Failure::Unknown)
        }
        Err(error) => {
            metrics::forward_failed(&error);
            tracing::debug!(%error, "a question to another instance has no answer");
            match error {
                NetworkError::Refused(_) => {
                    cluster.mark_dead(to.incarnation);
                    Err(Failure::NotReceived)
                }
                NetworkError::Unreachable(_) => {
                    cluster.mark_silent(to.incarnation);
                    Err(Failure::NotReceived)
                }
                NetworkError::WrongSecret(_) | NetworkError::NotTaken(..) => {
                    cluster.mark_refusing(to, &error);
                    Err(Failure::NotReceived)
                }
                NetworkError::NoAnswer(_) => {
                    cluster.mark_silent(to.incarnation);
                    Err(Failure::Unknown)
                }
            }
        }
    }
}

/// Returns the answer, or `None` if the instance was a member at first and is none any more.
async fn until_gone<T>(
    cluster: &Cluster,
    incarnation: InstanceId,
    answer: impl Future<Output = T>,
) -> Option<T> {
    if cluster.view().live(incarnation).is_none() {
        // No live lease vouches for the instance: it is given less time.
        let timeout = cluster.settings().lease_ttl / 4;
        return tokio::time::timeout(timeout, answer).await.ok();
    }
    let gone = async {
        loop {
            let changed = cluster.changed();
            if cluster.view().live(incarnation).is_none() {
                return;
            }
            changed.await;
        }
    };
    match futures_util::future::select(std::pin::pin!(answer), std::pin::pin!(gone)).await {
        futures_util::future::Either::Left((answer, _)) => Some(answer),
        futures_util::future::Either::Right(((), _)) => None,
    }
}
