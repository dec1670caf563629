//! Reads, writes and failures of a socket.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Socket;
use crate::http::middleware::connections::{Connections, Limits};

const LIMITS: Limits =
    Limits { connections: 4, connections_per_address: 4, streams: 4, streams_per_address: 4 };

/// Returns the server's side and the client's.
async fn pair() -> (Socket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, peer) = listener.accept().await.unwrap();
    let opened = Connections::new(LIMITS).accept(Some(peer)).ok().unwrap();
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
