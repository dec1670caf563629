//! A client's socket, as used by the HTTP workers. Its operations fail when the connection was ended
//! to make room, when the client takes too little of an answer or sends a request's head for too long,
//! and when a stream's client is gone.

mod head_deadline;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::http::middleware::connections::{self, Connection, Opened};
use head_deadline::HeadDeadline;

/// Bytes that a client must take within the write timeout: 2 KB a second at the default.
const LEAST: usize = 64 * 1_024;

/// Bytes that a client may send before earlier requests are answered. The framework buffers all of
/// them, and above 128 KB it polls again and again without a pause.
const AHEAD: usize = 16 * 1_024;
/// Bytes that the client of a WebSocket may send before a frame of it is taken: more than the largest frame.
const SOCKET_AHEAD: usize = 96 * 1_024;

/// A socket with limits on the behaviour of its client.
pub(super) struct Socket {
    stream: TcpStream,
    opened: Opened,
    write_timeout: Duration,
    /// Bytes that the client has sent since the framework last had time to read them.
    ahead: usize,
    /// Reading is suspended because the client takes none of its answer.
    is_held_back: bool,
    /// Set while the socket waits for the client to take data.
    waiting: Option<Waiting>,
    head: HeadDeadline,
}

/// A wait for the client to take more.
struct Waiting {
    timeout: Pin<Box<Sleep>>,
    /// Bytes taken since the wait began.
    taken: usize,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, opened: Opened, write_timeout: Duration) -> Self {
        // For data that the kernel has taken and the client has not: a client that vanished without
        // closing is not waited for either. Longer than our own timeout, whose expiry is counted.
        #[cfg(target_os = "linux")]
        if let Ok(millis) = u32::try_from(2 * write_timeout.as_millis()) {
            // Without it, retransmissions end after a quarter of an hour.
            let _ = rustix::net::sockopt::set_tcp_user_timeout(&stream, millis);
        }
        let (ahead, is_held_back, waiting) = (0, false, None);
        let head = HeadDeadline::default();
        Self { stream, opened, write_timeout, ahead, is_held_back, waiting, head }
    }

    pub(super) fn connection(&self) -> &Arc<Connection> {
        self.opened.connection()
    }

    /// Fails once the connection is ended. Checked before every read or write: a peer that always
    /// takes or sends a little would keep the socket for ever.
    fn unless_ended(&self) -> io::Result<()> {
        if self.connection().is_ended() { self.end() } else { Ok(()) }
    }

    /// As [`Self::unless_ended`], and wakes the task when the connection is ended later.
    fn poll_ended(&self, context: &Context<'_>) -> io::Result<()> {
        if self.connection().is_ended_or_wakes(context.waker()) { self.end() } else { Ok(()) }
    }

    fn end(&self) -> io::Result<()> {
        self.reset();
        Err(io::Error::new(io::ErrorKind::ConnectionAborted, "ended to make room"))
    }

    /// Makes the kernel drop data that the client has not taken.
    fn reset(&self) {
        // Without it the kernel tries for a while longer.
        let _ = self.stream.set_zero_linger();
    }

    /// Ready when the socket may be read. A client that keeps sending while a stream is answered has
    /// mistaken the stream for something else, and is disconnected.
    fn poll_listen(&mut self, context: &Context<'_>) -> Poll<io::Result<()>> {
        if self.ahead < AHEAD {
            return Poll::Ready(Ok(()));
        }
        if self.connection().is_socket() {
            return self.poll_listen_to_socket(context);
        }
        if self.connection().is_streaming() {
            self.reset();
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        self.poll_ended(context)?;
        if self.waiting.is_some() {
            self.is_held_back = true;
        } else if self.connection().is_answering() {
            self.connection().hold_back();
        } else {
            // The framework processes the present input first.
            self.ahead = 0;
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// As [`Self::poll_listen`], for a WebSocket: its client waits while its frames are not taken.
    fn poll_listen_to_socket(&mut self, context: &Context<'_>) -> Poll<io::Result<()>> {
        // The task is registered before the look, so that no frame is taken unnoticed between them.
        self.poll_ended(context)?;
        if self.connection().was_heard() {
            self.ahead = 0;
        }
        if self.ahead < SOCKET_AHEAD { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Resumes reading once the client has taken the waiting data.
    fn listen(&mut self, context: &Context<'_>) {
        if self.is_held_back && self.waiting.is_none() {
            self.is_held_back = false;
            context.waker().wake_by_ref();
        }
    }

    /// Counts bytes that the kernel has taken.
    fn taken(&mut self, bytes: usize) {
        if let Some(waiting) = &mut self.waiting {
            waiting.taken += bytes;
            if waiting.taken >= LEAST {
                self.waiting = None;
            }
        }
    }

    /// Fails when the client has taken too little for too long.
    fn poll_stalled(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let timeout = self.write_timeout;
        let begin = || Waiting { timeout: Box::pin(tokio::time::sleep(timeout)), taken: 0 };
        let waiting = self.waiting.get_or_insert_with(begin);
        ready!(waiting.timeout.as_mut().poll(context));
        connections::stalled();
        self.reset();
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes too little")))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.unless_ended()?;
        ready!(self.poll_listen(context))?;
        let before = buffer.filled().len();
        if Pin::new(&mut self.stream).poll_read(context, buffer)?.is_pending() {
            self.poll_ended(context)?;
            if !self.connection().is_answering() {
                self.ahead = 0;
            }
            let Self { head, opened, .. } = &mut *self;
            ready!(head.poll(opened.connection(), context));
            self.reset();
            let slow = io::Error::new(io::ErrorKind::TimedOut, "the head of a request is late");
            return Poll::Ready(Err(slow));
        }
        let count = buffer.filled().len() - before;
        self.ahead += count;
        if count > 0 {
            let Self { head, opened, .. } = &mut *self;
            head.read(opened.connection());
        }
        if buffer.filled().len() == before && buffer.remaining() > 0 {
            self.connection().half_close();
            if self.connection().is_streaming() {
                // The rest of the stream has no reader. After a read, the framework takes a reset for
                // an orderly end and goes on.
                return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.unless_ended()?;
        match Pin::new(&mut self.stream).poll_write(context, bytes) {
            Poll::Ready(written) => {
                self.taken(*written.as_ref().unwrap_or(&0));
                self.listen(context);
                Poll::Ready(written)
            }
            Poll::Pending => {
                self.poll_ended(context)?;
                self.poll_stalled(context).map(|failed| failed.map(|()| 0))
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.unless_ended()?;
        // Called when everything is written: the socket waits for nothing any more.
        self.waiting = None;
        self.listen(context);
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
