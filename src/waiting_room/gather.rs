//! Gathers requests of many customers for a moment, so that they become one. Bounded: what does not
//! fit is refused at once.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::WaitingRoomError;
use super::outlet::{self, Answer, Outlet};
use crate::ids::UserId;
use crate::inventory::TimestampMs;

/// The most customers who wait here at a time.
const MOST: usize = 100_000;

/// A customer who waits for an answer.
pub(super) struct Waiting {
    pub(super) customer: UserId,
    pub(super) received_at: TimestampMs,
    reply: oneshot::Sender<Answer>,
    /// The outlet of the thread that waits.
    outlet: Option<Outlet>,
}

impl Waiting {
    /// Answers.
    pub(super) fn tell(self, answer: Answer) {
        outlet::tell(self.outlet.as_ref(), self.reply, answer);
    }
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// True while a task empties it.
    is_emptied: bool,
}

/// Customers who wait for one kind of answer.
#[derive(Default)]
pub(super) struct Gather {
    state: Mutex<State>,
}

impl Gather {
    /// Adds a customer; returns the channel of the answer, and true if a task must be started that
    /// empties it.
    pub(super) fn add(
        &self,
        customer: UserId,
        received_at: TimestampMs,
    ) -> Result<(oneshot::Receiver<Answer>, bool), WaitingRoomError> {
        let mut state = self.lock();
        if state.waiting.len() >= MOST {
            return Err(WaitingRoomError::Crowded);
        }
        let (reply, answer) = oneshot::channel();
        let outlet = Outlet::here();
        state.waiting.push_back(Waiting { customer, received_at, reply, outlet });
        Ok((answer, !std::mem::replace(&mut state.is_emptied, true)))
    }

    /// Takes the first customers, at most `most`. With none left the task that empties it ends.
    pub(super) fn take(&self, most: usize) -> Vec<Waiting> {
        let mut state = self.lock();
        let most = most.min(state.waiting.len());
        state.is_emptied = most > 0;
        state.waiting.drain(..most).collect()
    }

    /// Puts customers back to the front, in their order.
    pub(super) fn put_back(&self, waiting: Vec<Waiting>) {
        let mut state = self.lock();
        for one in waiting.into_iter().rev() {
            state.waiting.push_front(one);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while the lock is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
