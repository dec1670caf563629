//! Listeners of an event's stream: they hold a connection open, and measure the age of each change
//! when they receive it.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Mutex;
use std::time::Duration;

use super::api::request;
use super::connection::{Connection, Failure};
use super::crowd::Worker;
use super::measure::{End, Op, Sent};

/// Acknowledgements kept per event. If listeners fall further behind, the age is measured from the
/// oldest one kept.
const KEPT: usize = 100_000;
const PAUSE: Duration = Duration::from_millis(500);

/// Per event, the time of the first answer that contained each row's number.
pub struct Acknowledged(Vec<Mutex<VecDeque<(u64, Duration)>>>);

impl Acknowledged {
    /// Acknowledgements for this many events.
    #[must_use]
    pub fn new(events: usize) -> Self {
        Self((0..events).map(|_| Mutex::default()).collect())
    }

    /// Records that a buyer was answered from row `seq` at `now`.
    pub fn add(&self, event: usize, seq: u64, now: Duration) {
        let mut known = self.0[event].lock().expect("nobody panics here");
        // Nearly always at the end: answers arrive in the order of rows.
        let at = known.iter().rposition(|(other, _)| *other <= seq);
        match at {
            Some(at) if known[at].0 == seq => {}
            Some(at) => known.insert(at + 1, (seq, now)),
            None => known.push_front((seq, now)),
        }
        if known.len() > KEPT {
            known.pop_front();
        }
    }

    /// The time at which the first row after `previous` and up to `seq` was acknowledged.
    fn first_between(&self, event: usize, previous: u64, seq: u64) -> Option<Duration> {
        let known = self.0[event].lock().expect("nobody panics here");
        let from = known.partition_point(|(other, _)| *other <= previous);
        known.get(from).filter(|(other, _)| *other <= seq).map(|(_, at)| *at)
    }
}

/// Follows the event's stream until the worker ends.
pub async fn listen(worker: Rc<Worker>, event: usize) {
    let target = worker.index as usize % worker.plan.addresses.len();
    while !worker.is_ending.get() {
        worker.until_it_may_answer(target).await;
        if let Err(failure) = follow(&worker, target, event).await {
            worker.heard_of(target, Err(&failure));
            let now = worker.now();
            worker.with_figures(|figures| {
                let end = End::Error(failure.name());
                figures.ended(Op::StreamDelta, now, now, end, Sent::First);
            });
        }
        // Listeners whose connections broke together do not reconnect at the same time.
        tokio::time::sleep(PAUSE.mul_f64(0.5 + worker.chance())).await;
    }
}

async fn follow(worker: &Worker, target: usize, event: usize) -> Result<(), Failure> {
    let address = worker.plan.addresses[target];
    let path = format!("/api/events/{}/stream", worker.plan.events[event].id);
    let mut connection = Connection::open(address).await?;
    worker.heard_of(target, Ok(()));
    let host = address.to_string();
    let head = connection.begin(&request("GET", &path, &host, None, None, "")).await?;
    if head.status != 200 {
        return Err(Failure::Malformed(format!("a stream was answered {}", head.status)));
    }
    let mut heard = None;
    let mut text = String::new();
    while let Some(piece) = connection.piece().await? {
        text.push_str(&String::from_utf8_lossy(piece));
        while let Some(end) = text.find("\n\n") {
            if let Some(seq) = frame_seq(&text[..end]) {
                if let Some(previous) = heard
                    && let Some(since) = worker.acknowledged.first_between(event, previous, seq)
                {
                    let now = worker.now();
                    worker.with_figures(|figures| {
                        figures.ended(Op::StreamDelta, since, now, End::Success, Sent::First);
                    });
                }
                heard = Some(seq);
            }
            text.drain(..end + 2);
        }
    }
    Ok(())
}

/// The last row that a frame includes, from its id.
fn frame_seq(frame: &str) -> Option<u64> {
    let id = frame.lines().find_map(|line| line.strip_prefix("id: "))?;
    id.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_change_of_a_frame_is_found() {
        let known = Acknowledged::new(1);
        for (seq, ms) in [(2, 20), (5, 50), (4, 40), (5, 55), (9, 90)] {
            known.add(0, seq, Duration::from_millis(ms));
        }
        let first = |previous, seq| known.first_between(0, previous, seq).map(|at| at.as_millis());
        assert_eq!(first(0, 9), Some(20));
        assert_eq!(first(2, 9), Some(40), "put in order");
        assert_eq!(first(4, 9), Some(50), "the first answer of a row counts");
        assert_eq!(first(5, 8), None, "a row beyond the frame");
        assert_eq!(first(9, 12), None);
    }

    #[test]
    fn a_frame_says_its_row() {
        assert_eq!(frame_seq("event: delta\nid: 17-abcdef\ndata: {}"), Some(17));
        assert_eq!(frame_seq(": still here"), None);
    }
}
