//! The threads that box offices live on, in an actix system of their own: whoever starts box
//! offices (a server, a bench, a test) needs no actix system around them.

use std::sync::mpsc;
use std::thread;

use actix::{Arbiter, ArbiterHandle, System};

use crate::ids::OfferingId;

/// A fixed set of arbiters.
pub(super) struct Arbiters {
    system: System,
    arbiters: Vec<ArbiterHandle>,
}

impl Arbiters {
    pub(super) fn start(count: usize) -> Self {
        let (ready, started) = mpsc::channel();
        thread::Builder::new()
            .name("box-offices".into())
            .spawn(move || {
                let runner = System::new();
                let arbiters = (0..count.max(1)).map(|_| Arbiter::new().handle()).collect();
                let system = System::current();
                // The receiver is waiting below; there is nobody else to tell.
                let _ = ready.send(Self { system, arbiters });
                if let Err(error) = runner.run() {
                    tracing::error!(%error, "the box offices' system ended in an error");
                }
            })
            .expect("the operating system grants a thread at start");
        started.recv().expect("the thread above sends before it runs")
    }

    /// Always the same one for the same offering.
    pub(super) fn of(&self, offering: OfferingId) -> &ArbiterHandle {
        &self.arbiters[offering.tag() as usize % self.arbiters.len()]
    }

    pub(super) fn stop(&self) {
        self.system.stop();
    }
}
