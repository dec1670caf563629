//! Holds while many people log in: an open loop of both, and the latencies of holds with logins and
//! without, in alternating rounds.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::limits::holds;
use super::load::{once, post, report};
use super::serve;

const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(10);
const LOGINS_A_SECOND: u32 = 200;
const HOLDS_A_SECOND: [u32; 2] = [1_000, 4_000];
/// So many people log in, in turn.
const PEOPLE: usize = 1_024;

/// Measures holds alone and beside logins.
pub async fn logins(name: &str, url: &str, workers: usize) {
    let data_dir = tempfile::tempdir().expect("a directory");
    let server = serve(url, data_dir.path(), workers).await;
    let address = server.address;
    let holds = holds(&server).await;
    let logins: Vec<_> = (0..PEOPLE).map(|n| account("/api/auth/login", n)).collect();
    for person in 0..PEOPLE {
        let head = once(address, &account("/api/auth/register", person)).await.0;
        assert!(head.starts_with("HTTP/1.1 201"), "{head}");
    }
    for rate in HOLDS_A_SECOND {
        let (mut alone, mut beside) = (Vec::new(), Vec::new());
        let (mut sent, mut answered) = (0, 0);
        for _ in 0..ROUNDS {
            alone.append(&mut open_loop(address, &holds, rate, "HTTP/1.1 201").await);
            let (mut times, of_logins) = tokio::join!(
                open_loop(address, &holds, rate, "HTTP/1.1 201"),
                open_loop(address, &logins, LOGINS_A_SECOND, "HTTP/1.1 200"),
            );
            beside.append(&mut times);
            answered += of_logins.iter().flatten().count();
            sent += of_logins.len();
        }
        report(&format!(
            "http_logins/{name}/{rate} holds a second: {} alone, {} beside {LOGINS_A_SECOND} \
             logins a second, of which {answered} of {sent} got in",
            described(alone),
            described(beside),
        ));
    }
    server.shutdown().await;
}

fn account(path: &str, number: usize) -> Arc<[u8]> {
    let body = format!(
        "{{\"email\":\"{number}@bench.invalid\",\"password\":\"a quiet password 4711\",\
         \"name\":\"bench\"}}"
    );
    let body = if path.ends_with("login") { body.replace(",\"name\":\"bench\"", "") } else { body };
    post(path, "", &body)
}

/// Sends requests at a fixed rate, each on a connection of its own. Returns the time from when each
/// was due to its answer, `None` where that has another status.
async fn open_loop(
    address: SocketAddr,
    requests: &[Arc<[u8]>],
    rate: u32,
    status: &'static str,
) -> Vec<Option<Duration>> {
    let began = Instant::now();
    let mut sent = Vec::new();
    let mut due = began;
    for request in requests.iter().cycle() {
        if due >= began + ROUND {
            break;
        }
        sleep_until(due).await;
        let request = Arc::clone(request);
        sent.push(tokio::spawn(async move {
            let head = once(address, &request).await.0;
            head.starts_with(status).then(|| due.elapsed())
        }));
        due += Duration::from_secs(1) / rate;
    }
    let mut times = Vec::with_capacity(sent.len());
    for one in sent {
        times.push(one.await.expect("clients do not fail"));
    }
    times
}

fn described(times: Vec<Option<Duration>>) -> String {
    let refused = times.iter().filter(|time| time.is_none()).count();
    let mut times: Vec<_> = times.into_iter().flatten().collect();
    times.sort();
    let at = |percent: usize| {
        let time = times.get((times.len() * percent / 100).min(times.len().saturating_sub(1)));
        time.map_or(0.0, |time| time.as_secs_f64() * 1_000.0)
    };
    format!("p50 {:.1} ms, p99 {:.1} ms ({refused} refused)", at(50), at(99))
}
