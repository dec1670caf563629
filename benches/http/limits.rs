//! What the limits on requests cost a hold: two servers that differ in nothing else, in alternating
//! rounds.

use std::sync::Arc;

use admitone::ids::ProductId;
use admitone::server::Running;

use super::load::{closed_loop_of, median, post, report};
use super::{hot_event, serve_limited, tokens};

/// So many that none of them meets a limit, which is 1,200 holds a minute for each.
const PEOPLE: usize = 2_048;
const ROUNDS: usize = 8;
const CONNECTIONS: [usize; 2] = [64, 256];

/// Compares holds with limits and without, on two databases of one kind.
pub async fn limits(name: &str, urls: [&str; 2], workers: usize) {
    let directory = tempfile::tempdir().expect("a directory");
    let (with, without) = (directory.path().join("with"), directory.path().join("without"));
    let with = serve_limited(urls[0], &with, workers, true).await;
    let without = serve_limited(urls[1], &without, workers, false).await;
    let (of_with, of_without) = (holds(&with).await, holds(&without).await);
    for connections in CONNECTIONS {
        let (mut limited, mut free) = (Vec::new(), Vec::new());
        // The first round warms up and does not count. Each round begins with the other server.
        for round in 0..=ROUNDS {
            let one =
                async || closed_loop_of(with.address, connections, &of_with, "HTTP/1.1 201").await;
            let other = async || {
                closed_loop_of(without.address, connections, &of_without, "HTTP/1.1 201").await
            };
            let rates = if round % 2 == 0 {
                (one().await, other().await)
            } else {
                let free = other().await;
                (one().await, free)
            };
            if round > 0 {
                limited.push(rates.0);
                free.push(rates.1);
            }
        }
        let (limited, free) = (median(limited), median(free));
        report(&format!(
            "http_limits/{name}/{connections} connections: {limited:.0} holds/s with limits, \
             {free:.0}/s without, ratio {:.3}",
            limited / free
        ));
    }
    with.shutdown().await;
    without.shutdown().await;
}

/// A hold of each of many people.
pub async fn holds(server: &Running) -> Vec<Arc<[u8]>> {
    let event = hot_event(server).await;
    let product = ProductId(0).to_public(event);
    let path = format!("/api/events/{event}/holds");
    let body = format!("{{\"lines\":[{{\"productId\":\"{product}\",\"quantity\":1}}]}}");
    tokens(server, PEOPLE).await.iter().map(|token| post(&path, token, &body)).collect()
}
