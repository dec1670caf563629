//! The end of an owner that is replaced in good order: it takes no turn while its successor takes
//! over, and then hands on all that waits. If that comes to nothing, it goes on.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use actix::prelude::*;
use tokio::sync::oneshot;

use crate::box_office::Unavailable;
use crate::box_office::office::{BoxOffice, Phase};
use crate::box_office::registry::handoff::transfer_ownership;
use crate::cluster::Member;
use crate::journal::Owner;

/// Have this instance take over: after the batch in flight, before any other.
#[derive(Message)]
#[rtype(result = "Result<Owner, Unavailable>")]
pub(crate) struct Handoff {
    pub(crate) to: Member,
}

#[derive(Message)]
#[rtype(result = "()")]
struct HandoffDone(Result<Owner, Unavailable>);

/// Who is to take over, and whom to tell.
pub(crate) struct Successor {
    pub(crate) to: Member,
    tell: oneshot::Sender<Result<Owner, Unavailable>>,
}

impl BoxOffice {
    /// Takes no turn while the successor takes over.
    pub(crate) fn leave(&self, to: Member, ctx: &mut Context<Self>) {
        let (shared, address, offering) = (Arc::clone(&self.shared), ctx.address(), self.offering);
        self.shared.executor.spawn(async move {
            address.do_send(HandoffDone(transfer_ownership(&shared, offering, &to).await));
        });
    }

    /// Passes all that waits to the owner, in order, and closes.
    pub(crate) fn forward(&mut self, owner: Owner, ctx: &mut Context<Self>) {
        self.handle.inbox.close_into(&mut self.queue);
        if let Some(offices) = self.shared.offices.get().and_then(Weak::upgrade) {
            offices.remove_this(self.offering, &self.handle);
            offices.forward(self.offering, owner.clone(), std::mem::take(&mut self.queue));
        }
        if let Some(Successor { tell, .. }) = self.successor.take() {
            // Whoever asked may have gone away.
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
        // Dropped without a word if it is being handed over already, or recovers and closes.
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
            // Perhaps it did take over after all: then the next append finds out.
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
