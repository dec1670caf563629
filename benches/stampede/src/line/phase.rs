//! One phase: a number of requests over kept-alive connections, as fast as they are answered or at a
//! given pace, where latency counts from the moment at which a request was due.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::Instant;

use super::Journey;
use crate::connection::{Answer, Connection, Failure};
use crate::measure::Latencies;

const TIMEOUT: Duration = Duration::from_secs(60);
/// Time for all connections to be made before the first request is due.
const LEAD: Duration = Duration::from_secs(2);

/// The clients of a phase.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crew {
    pub(super) address: SocketAddr,
    pub(super) clients: u32,
    pub(super) threads: u32,
}

/// How many requests there are, and how fast they come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Phase {
    count: u32,
    per_second: Option<f64>,
}

/// The figures of a phase.
#[derive(Debug, Default)]
pub(super) struct Ended {
    pub(super) latencies: Latencies,
    pub(super) refused: u64,
    /// What the first refusal said.
    pub(super) complaint: Option<String>,
    took: Duration,
}

impl Phase {
    /// All of them, each client as fast as it is answered.
    pub(super) fn all(count: u32) -> Self {
        Self { count, per_second: None }
    }

    /// So many a second for this time, whether they are answered or not.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    pub(super) fn paced(per_second: f64, time: Duration) -> Self {
        let count = (per_second * time.as_secs_f64()) as u32;
        Self { count, per_second: Some(per_second) }
    }
}

impl Ended {
    pub(super) fn per_second(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let count = self.latencies.len() as f64;
        count / self.took.as_secs_f64().max(1e-9)
    }

    fn add(&mut self, other: Self) {
        self.latencies.add(&other.latencies);
        self.refused += other.refused;
        self.complaint = self.complaint.take().or(other.complaint);
        self.took = self.took.max(other.took);
    }
}

impl Crew {
    /// Runs a phase in threads of its own.
    pub(super) async fn run(self, phase: Phase, journey: Journey) -> Result<Ended> {
        let next = Arc::new(AtomicU32::new(0));
        let begin = Instant::now() + LEAD;
        let mut ends = Vec::new();
        for thread in 0..self.threads {
            let clients = (self.clients + thread) / self.threads;
            let (next, journey) = (Arc::clone(&next), journey.clone());
            let (tell, told) = tokio::sync::oneshot::channel();
            std::thread::spawn(move || {
                let work = async {
                    let tasks = (0..clients).map(|_| {
                        client(self.address, phase, begin, Arc::clone(&next), journey.clone())
                    });
                    let mut all = Ended::default();
                    for ended in futures_util::future::join_all(tasks).await {
                        all.add(ended?);
                    }
                    Ok::<_, Failure>(all)
                };
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let ended = runtime.map(|runtime| runtime.block_on(work));
                let _ = tell.send(ended);
            });
            ends.push(told);
        }
        let mut all = Ended::default();
        for end in ends {
            let ended = end.await.context("a thread of the generator failed")?;
            let ended = ended.context("a runtime")?;
            all.add(ended.map_err(|failure| anyhow::anyhow!("{failure}"))?);
        }
        if let Some(complaint) = &all.complaint {
            crate::say(&format!("stampede: {} refused, first: {complaint}", all.refused));
        }
        Ok(all)
    }
}

async fn client(
    address: SocketAddr,
    phase: Phase,
    begin: Instant,
    next: Arc<AtomicU32>,
    journey: Journey,
) -> Result<Ended, Failure> {
    let mut connection = Connection::open(address).await?;
    let mut ended = Ended::default();
    tokio::time::sleep_until(begin).await;
    loop {
        let nth = next.fetch_add(1, Ordering::Relaxed);
        if nth >= phase.count {
            return Ok(ended);
        }
        let mut due = Instant::now();
        if let Some(per_second) = phase.per_second {
            due = begin + Duration::from_secs_f64(f64::from(nth) / per_second);
            tokio::time::sleep_until(due).await;
        }
        let answer = exchange(&mut connection, address, &(journey.ask)(nth)).await?;
        let end = Instant::now();
        ended.latencies.record(end - due);
        ended.took = end - begin;
        if !(200..300).contains(&answer.head.status) {
            ended.refused += 1;
            let text =
                || format!("{} {}", answer.head.status, String::from_utf8_lossy(&answer.body));
            ended.complaint.get_or_insert_with(text);
        } else if let Some(then) = journey.then.as_ref().and_then(|then| then(nth, &answer.body)) {
            exchange(&mut connection, address, &then).await?;
        }
    }
}

async fn exchange(
    connection: &mut Connection,
    address: SocketAddr,
    request: &[u8],
) -> Result<Answer, Failure> {
    if !connection.is_usable() {
        *connection = Connection::open(address).await?;
    }
    connection.exchange(request, TIMEOUT).await
}
