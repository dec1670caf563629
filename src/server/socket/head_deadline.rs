//! The time that a client has to send the head of a request, for every request of a connection. The
//! framework measures it for the first one alone, and forgets its keep-alive once a byte of the next has
//! come: a client could keep a connection for ever with one request and half of another.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::http::middleware::connections::Connection;

/// Longer than the framework waits for the first head (10 s), which it answers with 408.
const HEAD: Duration = Duration::from_secs(11);
/// Longer than the framework keeps an idle connection (75 s): for half a head that came together with the
/// request before it, which looks like an idle connection from here.
const IDLE: Duration = Duration::from_secs(80);

/// Watches over the heads of one connection.
#[derive(Default)]
pub(super) struct HeadDeadline {
    idle: Option<Idle>,
    /// Rings at the deadline or before it: setting it anew for each request would cost more.
    timer: Option<Pin<Box<Sleep>>>,
}

/// A connection without a request under way.
#[derive(Clone, Copy)]
struct Idle {
    /// The requests so far; when there is another, this one is over.
    requests: u32,
    since: Instant,
    /// When the first byte came.
    head: Option<Instant>,
}

impl HeadDeadline {
    /// Records that bytes have come.
    pub(super) fn read(&mut self, connection: &Connection) {
        if let Some(idle) = self.look(connection) {
            idle.head.get_or_insert_with(Instant::now);
        }
    }

    /// Ready when the client has taken too long; otherwise the task is woken to ask again.
    pub(super) fn poll(&mut self, connection: &Connection, context: &mut Context<'_>) -> Poll<()> {
        let now = Instant::now();
        let deadline = match self.look(connection) {
            Some(idle) => idle.head.map_or(idle.since + IDLE, |head| head + HEAD),
            // The end of a request or a stream wakes no timer.
            None => now + if connection.is_streaming() { IDLE } else { HEAD },
        };
        if now >= deadline {
            return Poll::Ready(());
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        while timer.as_mut().poll(context).is_ready() {
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    /// Returns the state of a connection without a request.
    fn look(&mut self, connection: &Connection) -> Option<&mut Idle> {
        let Some(requests) = connection.idle_after() else {
            self.idle = None;
            return None;
        };
        if self.idle.is_none_or(|idle| idle.requests != requests) {
            self.idle = Some(Idle { requests, since: Instant::now(), head: None });
        }
        self.idle.as_mut()
    }
}
