//! Reads, writes and failures of a socket.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::Socket;
use crate::http::middleware::connections::{Connections, Limits};

const LIMITS: Limits =
    Limits { connections: 4, connections_per_address: 4, streams: 4, streams_per_address: 4 };

/// Returns the server's side and the client's.
async fn pair() -> (Socket, TcpStream) {
    pair_of(&Connections::new(LIMITS)).await
}

async fn pair_of(connections: &Arc<Connections>) -> (Socket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, peer) = listener.accept().await.unwrap();
    let opened = connections.accept(Some(peer)).ok().unwrap();
    (Socket::new(stream, opened, Duration::from_secs(30)), client)
}

#[tokio::test]
async fn an_ended_connection_fails_also_while_its_client_reads_and_writes() {
    let (mut socket, mut client) = pair().await;
    client.write_all(b"something").await.unwrap();
    let mut some = [0; 4];
    socket.read_exact(&mut some).await.unwrap();
    socket.connection().end();
    let aborted = Some(io::ErrorKind::ConnectionAborted);
    assert_eq!(socket.write(b"x").await.err().map(|error| error.kind()), aborted);
    assert_eq!(socket.flush().await.err().map(|error| error.kind()), aborted);
    assert_eq!(socket.read(&mut some).await.err().map(|error| error.kind()), aborted);
}

/// Reads as the framework does, until there is nothing to read for as long as may be.
async fn waited(socket: &mut Socket) -> Duration {
    let (begun, mut some) = (Instant::now(), [0; 64]);
    loop {
        if let Err(error) = socket.read(&mut some).await {
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            return begun.elapsed();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn half_a_head_is_waited_for_so_long_whichever_request_it_is_of() {
    let connections = Connections::new(LIMITS);
    for requests in 0..3 {
        let (mut socket, mut client) = pair_of(&connections).await;
        for _ in 0..requests {
            client.write_all(b"first").await.unwrap();
            socket.read_exact(&mut [0; 5]).await.unwrap();
            drop(connections.begin_request(socket.connection()));
        }
        client.write_all(b"GET / HT").await.unwrap();
        let waited = waited(&mut socket).await;
        assert!((Duration::from_secs(11)..Duration::from_secs(13)).contains(&waited), "{waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_byte_now_and_then_makes_no_head_that_takes_longer() {
    let connections = Connections::new(LIMITS);
    let (mut socket, mut client) = pair_of(&connections).await;
    let drips = tokio::spawn(async move {
        while client.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let waited = waited(&mut socket).await;
    assert!(waited < Duration::from_secs(13), "{waited:?}");
    drop(socket);
    drips.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_request_under_way_is_waited_for_and_an_idle_connection_for_longer() {
    let connections = Connections::new(LIMITS);
    let (mut socket, mut client) = pair_of(&connections).await;
    client.write_all(b"first").await.unwrap();
    socket.read_exact(&mut [0; 5]).await.unwrap();
    let request = connections.begin_request(socket.connection());
    let minutes = tokio::time::timeout(Duration::from_secs(600), waited(&mut socket)).await;
    assert!(minutes.is_err(), "it is being answered");
    drop(request);
    let waited = waited(&mut socket).await;
    assert!((Duration::from_secs(80)..Duration::from_secs(95)).contains(&waited), "{waited:?}");
}
