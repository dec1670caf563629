//! The end of an owner that is replaced in good order: it takes no turn while its successor takes
//! over, and then forwards all waiting requests. If the takeover fails, it continues.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;

use crate::box_office::Unavailable;
use crate::box_office::forwarding::queue::{Failure, ask_peer};
use crate::box_office::office::{BoxOffice, Phase};
use crate::box_office::protocol::{PeerReply, PeerRequest};
use crate::box_office::shared::Shared;
use crate::cluster::Member;
use crate::ids::OfferingId;
use crate::journal::Owner;

/// Hand the offering off to this instance: after the batch in flight, before any other.
#[derive(Message)]
#[rtype(result = "Result<Owner, Unavailable>")]
pub(crate) struct Handoff {
    pub(crate) to: Member,
}

#[derive(Message)]
#[rtype(result = "()")]
struct HandoffDone(Result<Owner, Unavailable>);

/// The instance that takes over, and the channel for the outcome.
pub(crate) struct Successor {
    pub(crate) to: Member,
    tell: oneshot::Sender<Result<Owner, Unavailable>>,
}

impl BoxOffice {
    /// Starts the takeover by the successor; no turn is taken meanwhile.
    pub(crate) fn leave(&self, to: Member, ctx: &mut Context<Self>) {
        let (shared, address, offering) = (Arc::clone(&self.shared), ctx.address(), self.offering);
        self.shared.executor.spawn(async move {
            address.do_send(HandoffDone(transfer_ownership(&shared, offering, &to).await));
        });
    }

    /// Forwards all waiting requests to the owner, in order, and closes.
    pub(crate) fn forward(&mut self, owner: Owner, ctx: &mut Context<Self>) {
        self.queue.append(&mut self.entries);
        self.handle.inbox.close_into(&mut self.queue);
        if let Some(registry) = self.shared.registry() {
            registry.remove_closed(self.offering, &self.handle);
            registry.forward(self.offering, owner.clone(), std::mem::take(&mut self.queue));
        }
        if let Some(Successor { tell, .. }) = self.successor.take() {
            // The caller may have been dropped.
            let _ = tell.send(Ok(owner));
        }
        self.close(ctx);
    }
}

impl Handler<Handoff> for BoxOffice {
    type Result = ResponseFuture<Result<Owner, Unavailable>>;

    fn handle(&mut self, Handoff { to }: Handoff, ctx: &mut Context<Self>) -> Self::Result {
        let (tell, told) = oneshot::channel();
        if self.successor.is_none() {
            self.successor = Some(Successor { to, tell });
            self.take_turn_soon(ctx);
        }
        // Dropped without a message if a handoff is already running, or if the box office recovers
        // and closes.
        Box::pin(async move { told.await.unwrap_or(Err(Unavailable::Moving)) })
    }
}

impl Handler<HandoffDone> for BoxOffice {
    type Result = ();

    fn handle(&mut self, HandoffDone(done): HandoffDone, ctx: &mut Context<Self>) {
        let waiting = Phase::Recovering { failed: 0, unknown: None };
        let Phase::Leaving(state) = std::mem::replace(&mut self.phase, waiting) else {
            unreachable!("only who leaves hands over");
        };
        self.handle.is_leaving.store(false, Ordering::Relaxed);
        match done {
            Ok(owner) => {
                self.shared.cluster.learn(self.offering, owner.clone());
                self.forward(owner, ctx);
            }
            // If the successor did take over after all, the next append finds out.
            Err(why) => {
                if let Some(Successor { tell, .. }) = self.successor.take() {
                    let _ = tell.send(Err(why));
                }
                self.phase = Phase::Idle(state);
                self.rest(ctx);
            }
        }
    }
}

/// Timeout of the successor for the step that clients wait for.
pub(crate) const STEP_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) fn in_service(answer: PeerReply) -> Result<Owner, Unavailable> {
    match answer {
        PeerReply::InService(owner) => Ok(owner),
        PeerReply::Failed(why) => Err(why),
        PeerReply::Calls(_)
        | PeerReply::NotOwner(_)
        | PeerReply::Prepared
        | PeerReply::Shown(_)
        | PeerReply::Heard(_) => Err(Unavailable::Moving),
    }
}

/// Transfers the lease entry and then the journal, while the actor takes no turns.
pub(crate) async fn transfer_ownership(
    shared: &Shared,
    offering: OfferingId,
    to: &Member,
) -> Result<Owner, Unavailable> {
    let cluster = &shared.cluster;
    if let Err(error) = cluster.transfer(offering, to).await {
        tracing::warn!(%offering, %error, "the entry could not be transferred");
        return Err(Unavailable::Moving);
    }
    let successor = to.owning(crate::ids::Epoch(0));
    let asked = ask_peer(cluster, &successor, &PeerRequest::Adopt { offering }, STEP_TIMEOUT).await;
    let adopted = match asked {
        Ok(answer) => in_service(answer),
        Err(Failure::NotOwner(_) | Failure::NotReceived | Failure::Unknown) => {
            Err(Unavailable::Moving)
        }
        Err(Failure::Unavailable(why)) => Err(why),
    };
    if adopted.is_err() {
        cluster.take_back(offering, to).await;
    }
    adopted
}
