//! Where the process stands between start and stop, as requests need to know it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::{Notify, watch};

/// Shared by the server, which sets it, and by everything that must end when the server does.
#[derive(Debug)]
pub struct Lifecycle {
    /// Clients are served; before, only other instances and probes are answered.
    open: AtomicBool,
    stopping: watch::Sender<bool>,
    in_flight: AtomicUsize,
    drained: Notify,
}

impl Lifecycle {
    /// Running, with nothing in flight.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            open: AtomicBool::new(false),
            stopping: watch::Sender::new(false),
            in_flight: AtomicUsize::new(0),
            drained: Notify::new(),
        })
    }

    /// From now on clients are served.
    pub fn open(&self) {
        self.open.store(true, Ordering::SeqCst);
    }

    /// Clients are told to wait, until [`Self::open`] is called again.
    pub fn close(&self) {
        self.open.store(false, Ordering::SeqCst);
    }

    /// Whether clients are served.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// From now on: not ready, and every connection closes after its answer.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Whether [`Self::stop`] was called.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Ends when the server begins to stop. Endless answers (event streams) end with it.
    pub async fn stopping(&self) {
        // The sender is `self`, so it outlives the receiver.
        let _ = self.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }

    /// Counts a request as in flight until the returned value is dropped.
    #[must_use]
    pub fn begin(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        InFlight(self)
    }

    /// How many requests have no answer yet.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// Ends when nothing is in flight.
    pub async fn drained(&self) {
        loop {
            let notified = self.drained.notified();
            if self.in_flight() == 0 {
                return;
            }
            notified.await;
        }
    }
}

/// A request that has no answer yet.
#[derive(Debug)]
pub struct InFlight<'a>(&'a Lifecycle);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if self.0.in_flight.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.drained.notify_waiters();
        }
    }
}
