//! The queue in which commands wait for their box office. The actor is notified only if it would
//! not read the inbox by itself: during an append a thousand commands arrive without one message,
//! so a busy box office costs its arbiter one wake-up per batch and not one per command.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::box_office::office::batch::Work;

/// The queue in front of one box office.
pub(crate) struct Inbox {
    state: Mutex<State>,
}

struct State {
    waiting: VecDeque<Work>,
    /// Commands by which customers enter the queue; they come after all others.
    entries: VecDeque<Work>,
    /// True if the actor will read the inbox without another notification.
    attended: bool,
    closed: bool,
}

impl Inbox {
    /// Returns the inbox of an actor that is starting, and reads the inbox once it is in service.
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                entries: VecDeque::new(),
                attended: true,
                closed: false,
            }),
        }
    }

    /// Queues `work`; returns true if the actor must be notified. Returns the work if the actor is
    /// gone.
    pub(crate) fn push(&self, work: Work) -> Result<bool, Box<Work>> {
        let mut state = self.lock();
        if state.closed {
            return Err(Box::new(work));
        }
        match work.is_entry() {
            true => state.entries.push_back(work),
            false => state.waiting.push_back(work),
        }
        Ok(!std::mem::replace(&mut state.attended, true))
    }

    /// Moves all waiting work to the end of `queue`, and commands that enter the queue of the event
    /// to the end of `entries`.
    pub(crate) fn drain_into(&self, queue: &mut VecDeque<Work>, entries: &mut VecDeque<Work>) {
        let mut state = self.lock();
        entries.append(&mut state.entries);
        if queue.is_empty() {
            // The actor's buffer and this one are swapped, so that neither is allocated again.
            std::mem::swap(&mut state.waiting, queue);
        } else {
            queue.append(&mut state.waiting);
        }
    }

    /// Returns true if the actor may rest until it is notified; false if work waits already, which
    /// the actor must read.
    pub(crate) fn rest(&self) -> bool {
        let mut state = self.lock();
        state.attended = !state.waiting.is_empty() || !state.entries.is_empty();
        !state.attended
    }

    /// Closes the inbox and returns true; returns false if work waits already.
    pub(crate) fn close_if_empty(&self) -> bool {
        let mut state = self.lock();
        state.closed = state.waiting.is_empty() && state.entries.is_empty();
        state.closed
    }

    /// Closes the inbox, and moves all waiting work to the end of `queue`.
    pub(crate) fn close_into(&self, queue: &mut VecDeque<Work>) {
        let mut state = self.lock();
        state.closed = true;
        queue.append(&mut state.waiting);
        queue.append(&mut state.entries);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while the lock is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the inbox. Callers that wait are notified by the drop of their reply channels.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let dropped = (std::mem::take(&mut state.waiting), std::mem::take(&mut state.entries));
        // A dropped command wakes its caller, so it is not dropped under the lock.
        drop(state);
        drop(dropped);
    }
}
