//! Closed-loop clients, their requests, and the report of their rates.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ROUND: Duration = Duration::from_secs(3);
/// Most bytes of a head. Bodies are counted and not kept.
const HEAD: usize = 16_384;

/// Sends one request after the other on each of many connections; returns answers per second.
pub async fn closed_loop(address: SocketAddr, requests: &[Arc<[u8]>], status: &'static str) -> f64 {
    closed_loop_of(address, requests.len(), requests, status).await
}

/// The same with several requests for each connection, which sends them in turn.
pub async fn closed_loop_of(
    address: SocketAddr,
    connections: usize,
    requests: &[Arc<[u8]>],
    status: &'static str,
) -> f64 {
    let until = Instant::now() + ROUND;
    let mut clients = Vec::new();
    for first in 0..connections {
        let requests: Vec<_> = requests.iter().skip(first).step_by(connections).cloned().collect();
        clients.push(tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await.expect("the server listens");
            stream.set_nodelay(true).expect("a TCP socket");
            let mut buffer = vec![0; HEAD];
            let mut answered = 0_u64;
            for request in requests.iter().cycle() {
                if Instant::now() >= until {
                    break;
                }
                stream.write_all(request).await.expect("the server reads");
                read_answer(&mut stream, &mut buffer, status).await;
                answered += 1;
            }
            answered
        }));
    }
    let started = Instant::now();
    let mut total = 0;
    for client in clients {
        total += client.await.expect("clients do not fail");
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let total = total as f64;
    total / started.elapsed().as_secs_f64()
}

async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8], status: &str) {
    let mut filled = 0;
    let mut missing = loop {
        filled += read_some(stream, &mut buffer[filled..]).await;
        let Some(end) = buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = std::str::from_utf8(&buffer[..end]).expect("a head is text");
        assert!(head.starts_with(status), "unexpected answer: {head}");
        let length = header(head, "content-length")
            .and_then(|length| length.parse::<usize>().ok())
            .or_else(|| head.starts_with("HTTP/1.1 304").then_some(0))
            .expect("answers have a length");
        break (end + 4 + length).saturating_sub(filled);
    };
    while missing > 0 {
        let room = missing.min(buffer.len());
        missing -= read_some(stream, &mut buffer[..room]).await;
    }
}

async fn read_some(stream: &mut TcpStream, buffer: &mut [u8]) -> usize {
    let read = stream.read(buffer).await.expect("the server answers");
    assert!(read > 0, "the server closed the connection");
    read
}

/// Returns a header of a head.
pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::trim)
}

/// Asks once; returns the head and the body.
pub async fn once(address: SocketAddr, request: &[u8]) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    stream.write_all(request).await.expect("the server reads");
    let mut answer = Vec::new();
    loop {
        let mut buffer = [0; HEAD];
        let read = read_some(&mut stream, &mut buffer).await;
        answer.extend_from_slice(&buffer[..read]);
        let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let length = header(&head, "content-length").and_then(|length| length.parse().ok());
        if answer.len() >= end + 4 + length.unwrap_or(0) {
            return (head, answer.split_off(end + 4));
        }
    }
}

/// A POST of JSON, with a token unless that is empty.
pub fn post(path: &str, token: &str, body: &str) -> Arc<[u8]> {
    let token = match token {
        "" => String::new(),
        token => format!("Authorization: Bearer {token}\r\n"),
    };
    format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n\
         {token}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
    .into()
}

/// A GET with further header lines.
pub fn get(path: &str, more: &str) -> Arc<[u8]> {
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\n{more}\r\n").into_bytes().into()
}

/// The median.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Prints a line of the report.
#[expect(clippy::print_stdout, reason = "the figures are what this program is for")]
pub fn report(line: &str) {
    println!("{line}");
}
