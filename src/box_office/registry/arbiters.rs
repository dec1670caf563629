//! The threads on which box offices run, in an actix system of their own: code that starts box
//! offices (a server, a bench, a test) needs no actix system around it.

use std::sync::mpsc;
use std::thread;

use actix::{Actor, Addr, Arbiter, ArbiterHandle, Context, System};

use crate::box_office::office::BoxOffice;
use crate::ids::OfferingId;

/// Where box offices run.
pub(crate) enum Arbiters {
    /// On a fixed set of arbiters.
    Threads { system: System, arbiters: Vec<ArbiterHandle> },
    /// In the `LocalSet` that they are started from.
    Here,
}

impl Arbiters {
    pub(crate) fn start(count: usize) -> Self {
        let (ready, started) = mpsc::channel();
        thread::Builder::new()
            .name("box-offices".into())
            .spawn(move || {
                let runner = System::new();
                let arbiters = (0..count.max(1)).map(|_| Arbiter::new().handle()).collect();
                let system = System::current();
                // The receiver waits below; if it is gone, there is nothing else to notify.
                let _ = ready.send(Self::Threads { system, arbiters });
                if let Err(error) = runner.run() {
                    tracing::error!(%error, "the box offices' system ended in an error");
                }
            })
            .expect("the operating system grants a thread at start");
        started.recv().expect("the thread above sends before it runs")
    }

    /// Starts a box office, always on the same arbiter for the same offering.
    pub(crate) fn start_on(&self, offering: OfferingId, office: BoxOffice) -> Addr<BoxOffice> {
        match self {
            Self::Threads { arbiters, .. } => {
                let arbiter = &arbiters[offering.tag() as usize % arbiters.len()];
                BoxOffice::start_in_arbiter(arbiter, |_| office)
            }
            Self::Here => Context::new().run(office),
        }
    }

    pub(crate) fn stop(&self) {
        match self {
            Self::Threads { system, .. } => system.stop(),
            Self::Here => {}
        }
    }
}
