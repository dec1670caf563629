//! Where commands wait for their box office. The actor is told that something waits only when it
//! would not look by itself: while an append is in flight a thousand commands come in without one
//! message, so a busy box office costs its arbiter one wake-up per batch and not one per command.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::box_office::office::batch::Work;

/// The queue in front of one box office.
pub(crate) struct Inbox {
    state: Mutex<State>,
}

struct State {
    waiting: VecDeque<Work>,
    /// The actor is going to look, without being told again.
    attended: bool,
    closed: bool,
}

impl Inbox {
    /// Of an actor that starts up, and looks when it is in service.
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State { waiting: VecDeque::new(), attended: true, closed: false }),
        }
    }

    /// Queues `work`; says whether the actor must be told. Gives it back when the actor is gone.
    pub(crate) fn push(&self, work: Work) -> Result<bool, Box<Work>> {
        let mut state = self.lock();
        if state.closed {
            return Err(Box::new(work));
        }
        state.waiting.push_back(work);
        Ok(!std::mem::replace(&mut state.attended, true))
    }

    /// Moves all that waits behind `queue`.
    pub(crate) fn drain_into(&self, queue: &mut VecDeque<Work>) {
        let mut state = self.lock();
        if queue.is_empty() {
            // The actor's buffer and this one change places, so that neither is made anew.
            std::mem::swap(&mut state.waiting, queue);
        } else {
            queue.append(&mut state.waiting);
        }
    }

    /// The actor is not going to look until it is told, unless something waits already: then the
    /// answer is `false`, and it must look.
    pub(crate) fn rest(&self) -> bool {
        let mut state = self.lock();
        state.attended = !state.waiting.is_empty();
        !state.attended
    }

    /// Takes nothing more in, unless something waits already: then the answer is `false`.
    pub(crate) fn close_if_empty(&self) -> bool {
        let mut state = self.lock();
        state.closed = state.waiting.is_empty();
        state.closed
    }

    /// Takes nothing more in, and moves all that waits behind `queue`.
    pub(crate) fn close_into(&self, queue: &mut VecDeque<Work>) {
        let mut state = self.lock();
        state.closed = true;
        queue.append(&mut state.waiting);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes nothing more in. Who waits is told by the drop of what they wait for.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let dropped = std::mem::take(&mut state.waiting);
        // A dropped command wakes whoever waits for it: not under the lock.
        drop(state);
        drop(dropped);
    }
}
