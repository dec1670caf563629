//! The progress line, once a second.

use std::io::{self, IsTerminal, Write};

use crate::crowd::Crowd;
use crate::measure::{Interval, Latencies};
use crate::options::Options;
use crate::report::{count, ms};

/// Without a terminal, a line every few seconds is enough.
const EVERY_IN_LOGS: u64 = 5;

pub(super) struct Progress {
    whole: u64,
    is_watched: bool,
    shown: Option<u64>,
}

impl Progress {
    pub(super) fn new(options: &Options) -> Self {
        let whole = (options.warm_up + options.duration).as_secs();
        Self { whole, is_watched: io::stderr().is_terminal(), shown: None }
    }

    /// Prints the figures of the second that has just passed.
    pub(super) fn show(&mut self, crowd: &Crowd) {
        let now = crowd.started.elapsed().as_secs();
        let Some(last) = now.checked_sub(1) else { return };
        if self.shown == Some(last) || (!self.is_watched && !now.is_multiple_of(EVERY_IN_LOGS)) {
            return;
        }
        self.shown = Some(last);
        let mut second = Interval::default();
        let mut lag = Latencies::default();
        for worker in &crowd.figures {
            let figures = worker.lock().expect("nobody panics while counting");
            lag.add(&figures.lag);
            if let Some(worker) = figures.recent.of(last) {
                second.add(worker);
            }
        }
        let line = format!(
            "{now:>4}/{} s  {:>8} done/s  {:>8} refused  {:>7} turned away  {:>6} errors  \
             p50 {}  p99 {}  lag p99 {}",
            self.whole,
            count(second.successes),
            count(second.refused),
            count(second.turned_away),
            count(second.errors),
            ms(second.latencies.at_us(0.5)),
            ms(second.latencies.at_us(0.99)),
            ms(lag.at_us(0.99)),
        );
        let mut out = io::stderr().lock();
        let _ = match self.is_watched {
            true => write!(out, "\r{line:<130}"),
            false => writeln!(out, "{line}"),
        };
        let _ = out.flush();
    }

    pub(super) fn end(&self) {
        if self.is_watched && self.shown.is_some() {
            let _ = writeln!(io::stderr());
        }
    }
}
