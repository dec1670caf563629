//! A closed loop over kept-alive connections, the same for all contenders.

use std::net::SocketAddr;
use std::time::Duration;

use stampede::connection::Connection;
use stampede::measure::Latencies;
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(30);

/// The results of a round.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// Number of answers other than 201.
    pub failed: u64,
}

/// Runs one client per element of `requests`; each sends its own requests in turn, one after the
/// other.
pub async fn closed_loop(
    address: SocketAddr,
    requests: Vec<Vec<Vec<u8>>>,
    time: Duration,
) -> Measured {
    let started = Instant::now();
    let until = started + time;
    let mut clients = tokio::task::JoinSet::new();
    for (own, offset) in requests.into_iter().zip(0_usize..) {
        clients.spawn(async move {
            let mut connection = Connection::open(address).await.expect("the server listens");
            let (mut latencies, mut failed) = (Latencies::default(), 0_u64);
            // Clients start at different events; otherwise they would all move through the events
            // in step.
            let mut turn = offset * 17;
            while Instant::now() < until {
                let request = &own[turn % own.len()];
                turn += 1;
                let sent = Instant::now();
                let answer = connection.exchange(request, PATIENCE).await.expect("an answer");
                if answer.head.status == 201 {
                    latencies.record(sent.elapsed());
                } else {
                    failed += 1;
                }
            }
            (latencies, failed)
        });
    }
    let (mut latencies, mut failed) = (Latencies::default(), 0);
    while let Some(client) = clients.join_next().await {
        let (own, own_failed) = client.expect("clients do not fail");
        latencies.add(&own);
        failed += own_failed;
    }
    let seconds = started.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let (held, ms) =
        (latencies.len() as f64, |quantile| latencies.at_us(quantile) as f64 / 1_000.0);
    Measured { per_second: held / seconds, p50_ms: ms(0.5), p99_ms: ms(0.99), failed }
}

/// The request for a hold of one place, in the form of each contender.
pub fn hold(address: SocketAddr, path: &str, token: &str, body: &str) -> Vec<u8> {
    let host = address.to_string();
    stampede::api::request("POST", path, &host, Some(token), None, body)
}
