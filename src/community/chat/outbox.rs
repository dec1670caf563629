//! The frames that wait for one connection: a bounded number, so that a client that does not read costs
//! no memory. A connection that cannot take a frame is told that it is too slow, and ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bytestring::ByteString;
use tokio::sync::{Notify, mpsc};

/// Batches of frames that may wait.
const MAX_WAITING: usize = 128;

/// Frames that go out together.
pub type Frames = Arc<[ByteString]>;

/// The side of a connection's senders.
#[derive(Clone, Debug)]
pub struct Outbox {
    queue: mpsc::Sender<Frames>,
    overflow: Arc<Overflow>,
}

/// Says that a frame did not fit.
#[derive(Debug, Default)]
pub struct Overflow {
    happened: AtomicBool,
    noticed: Notify,
}

impl Overflow {
    /// Waits until a frame did not fit.
    pub async fn happens(&self) {
        if !self.happened.load(Relaxed) {
            self.noticed.notified().await;
        }
    }
}

impl Outbox {
    /// Returns both sides of an empty outbox.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Frames>, Arc<Overflow>) {
        let (queue, waiting) = mpsc::channel(MAX_WAITING);
        let overflow = Arc::new(Overflow::default());
        (Self { queue, overflow: Arc::clone(&overflow) }, waiting, overflow)
    }

    /// Queues frames. False if the connection has ended, or now ends since they do not fit.
    pub fn send(&self, frames: Frames) -> bool {
        match self.queue.try_send(frames) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.overflow.happened.store(true, Relaxed);
                // Kept for one who waits later.
                self.overflow.noticed.notify_one();
                false
            }
        }
    }

    /// Queues one frame.
    pub fn send_one(&self, frame: ByteString) -> bool {
        self.send(Arc::from([frame]))
    }
}
