//! The network of a simulation: between the instances, and from their clients.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

use super::world::World;
use crate::box_office::{Committed, QueueAnswer, SubmitError, Unavailable, View};
use crate::cluster::{Network, NetworkError};
use crate::ids::{OfferingId, UserId};
use crate::inventory::Request;

/// A message that reaches a process.
pub(super) enum Incoming {
    /// From another instance.
    Question { question: Bytes, reply: oneshot::Sender<Bytes> },
    /// From a client.
    Submit {
        offering: OfferingId,
        request: Request,
        reply: oneshot::Sender<Result<Committed, SubmitError>>,
    },
    /// From a client.
    Show { offering: OfferingId, reply: oneshot::Sender<Result<Arc<View>, Unavailable>> },
    /// From a client who waits in a queue.
    Poll {
        offering: OfferingId,
        customer: UserId,
        reply: oneshot::Sender<Result<Option<QueueAnswer>, Unavailable>>,
    },
    /// From the operator.
    Move { offering: OfferingId, to: Arc<str> },
    /// From the operating system.
    Terminate,
}

/// All addresses, and the processes that listen there.
pub(super) struct Switch {
    world: Arc<World>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    listening: BTreeMap<Arc<str>, mpsc::UnboundedSender<Incoming>>,
    /// Pairs of addresses: the first does not reach the second.
    cut: BTreeSet<(Arc<str>, Arc<str>)>,
}

impl Switch {
    pub(super) fn new(world: Arc<World>) -> Arc<Self> {
        Arc::new(Self { world, state: Mutex::default() })
    }

    pub(super) fn listen(&self, address: Arc<str>) -> mpsc::UnboundedReceiver<Incoming> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.lock().listening.insert(address, sender);
        receiver
    }

    pub(super) fn unlisten(&self, address: &str) {
        self.lock().listening.remove(address);
    }

    pub(super) fn cut(&self, from: Arc<str>, to: Arc<str>) {
        self.lock().cut.insert((from, to));
    }

    pub(super) fn heal(&self) {
        self.lock().cut.clear();
    }

    /// Returns the channel of the process that listens at the address.
    pub(super) fn at(&self, address: &str) -> Option<mpsc::UnboundedSender<Incoming>> {
        self.lock().listening.get(address).cloned()
    }

    fn passes(&self, from: &Arc<str>, to: &Arc<str>) -> bool {
        !self.lock().cut.contains(&(Arc::clone(from), Arc::clone(to)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The network as seen by one instance.
pub(super) struct SimNetwork {
    pub(super) switch: Arc<Switch>,
    pub(super) from: Arc<str>,
    /// Carries sent messages, beyond the life of the instance.
    pub(super) wires: mpsc::UnboundedSender<BoxFuture<'static, ()>>,
}

impl Network for SimNetwork {
    fn ask(
        &self,
        address: Arc<str>,
        question: Bytes,
        timeout: Duration,
    ) -> BoxFuture<'static, Result<Bytes, NetworkError>> {
        let (switch, from) = (Arc::clone(&self.switch), Arc::clone(&self.from));
        let wires = self.wires.clone();
        async move {
            let asked = ask(&switch, &from, &address, question, &wires);
            let no_answer = || Err(NetworkError::NoAnswer(Arc::clone(&address)));
            tokio::time::timeout(timeout, asked).await.unwrap_or_else(|_| no_answer())
        }
        .boxed()
    }
}

async fn ask(
    switch: &Arc<Switch>,
    from: &Arc<str>,
    to: &Arc<str>,
    question: Bytes,
    wires: &mpsc::UnboundedSender<BoxFuture<'static, ()>>,
) -> Result<Bytes, NetworkError> {
    let world = &switch.world;
    let faults = world.faults();
    if !switch.passes(from, to) {
        tokio::time::sleep(world.millis(50, 1_000)).await;
        return Err(NetworkError::Unreachable(Arc::clone(to)));
    }
    tokio::time::sleep(world.micros(20, 300)).await;
    let Some(receiver) = switch.at(to) else {
        return Err(NetworkError::Refused(Arc::clone(to)));
    };
    if world.happens(faults.doubled) {
        // The repeated message has no receiver for its answer.
        let (receiver, question, later) = (receiver.clone(), question.clone(), world.way());
        let repeated = async move {
            tokio::time::sleep(later).await;
            let (reply, _) = oneshot::channel();
            let _ = receiver.send(Incoming::Question { question, reply });
        };
        let _ = wires.send(repeated.boxed());
    }
    let (reply, answer) = oneshot::channel();
    let (way, lost) = (world.way(), world.happens(faults.lost));
    // The message travels on its own: it arrives even if its sender has died.
    let carried = async move {
        tokio::time::sleep(way).await;
        if !lost {
            // A process that has died since does not receive it.
            let _ = receiver.send(Incoming::Question { question, reply });
        }
    };
    let _ = wires.send(carried.boxed());
    let Ok(answer) = answer.await else {
        tokio::time::sleep(world.micros(20, 300)).await;
        return Err(NetworkError::NoAnswer(Arc::clone(to)));
    };
    tokio::time::sleep(world.way()).await;
    if world.happens(faults.lost) || !switch.passes(to, from) {
        std::future::pending::<()>().await;
    }
    Ok(answer)
}
