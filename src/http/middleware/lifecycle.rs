//! The state of the process between start and stop, as requests need it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::{Notify, watch};

/// Shared by the server, which sets it, and by everything that must end when the server does.
#[derive(Debug)]
pub struct Lifecycle {
    /// True while clients are served; before that, only other instances and probes are answered.
    open: AtomicBool,
    stopping: watch::Sender<bool>,
    in_flight: AtomicUsize,
    /// Acts of staff, which go on without their clients.
    acts: AtomicUsize,
    drained: Notify,
}

impl Lifecycle {
    /// Returns the state of a running process with no request in flight.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            open: AtomicBool::new(false),
            stopping: watch::Sender::new(false),
            in_flight: AtomicUsize::new(0),
            acts: AtomicUsize::new(0),
            drained: Notify::new(),
        })
    }

    /// Serves clients from now on.
    pub fn open(&self) {
        self.open.store(true, Ordering::SeqCst);
    }

    /// Refuses clients, which are asked to wait, until [`Self::open`] is called again.
    pub fn close(&self) {
        self.open.store(false, Ordering::SeqCst);
    }

    /// True if clients are served.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// Stops the process: it is no longer ready, and every connection closes after its answer.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// True if [`Self::stop`] was called.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Completes when the server begins to stop. Endless answers (event streams) end then.
    pub async fn stopping(&self) {
        // The sender is `self`, so it outlives the receiver.
        let _ = self.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }

    /// Counts a request as in flight until the returned value is dropped.
    #[must_use]
    pub fn begin(&self) -> InFlight<'_> {
        InFlight::of(self, &self.in_flight)
    }

    /// Counts an act of staff as under way until the returned value is dropped.
    #[must_use]
    pub fn begin_act(&self) -> InFlight<'_> {
        InFlight::of(self, &self.acts)
    }

    /// Returns the number of requests without an answer.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// Completes when no act of staff is under way.
    pub async fn acts_over(&self) {
        loop {
            let notified = self.drained.notified();
            if self.acts.load(Ordering::SeqCst) == 0 {
                return;
            }
            notified.await;
        }
    }

    /// Completes when no request is in flight, and no act is under way.
    pub async fn drained(&self) {
        loop {
            let notified = self.drained.notified();
            if self.in_flight() == 0 && self.acts.load(Ordering::SeqCst) == 0 {
                return;
            }
            notified.await;
        }
    }
}

/// A request without an answer yet, or an act that is under way.
#[derive(Debug)]
pub struct InFlight<'a> {
    lifecycle: &'a Lifecycle,
    count: &'a AtomicUsize,
}

impl<'a> InFlight<'a> {
    fn of(lifecycle: &'a Lifecycle, count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self { lifecycle, count }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if self.count.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.lifecycle.drained.notify_waiters();
        }
    }
}
