//! More clients than the server has descriptors or memory for: which clients are served, which
//! receive a 503, and which are disconnected.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, FuturesUnordered};
use reqwest::Method;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::process::Server;
use crate::support::sold_event;
use crate::support::test_app::{TestApp, standing_event};
use crate::support::test_db::{TestDb, eventually};

/// A time limit many times longer than any wait of a client here.
const TIMEOUT: Duration = Duration::from_secs(60);

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: admitone\r\n\r\n")
}

/// Connects and sends a request.
async fn asks(port: u16, request: &str) -> TcpStream {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.expect("it is accepted");
    socket.write_all(request.as_bytes()).await.expect("it can ask");
    socket
}

/// Reads the head of the answer; returns its status, its text, and the socket for further use.
async fn answered(mut socket: TcpStream) -> (u16, String, TcpStream) {
    let mut head = Vec::new();
    let read = async {
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await.expect("the answer has a head"));
        }
    };
    tokio::time::timeout(TIMEOUT, read).await.expect("it is answered");
    let head = String::from_utf8(head).expect("a head is ASCII").to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("a status"), head, socket)
}

/// Returns all text that arrives until the server ends the connection.
async fn rest(mut socket: TcpStream) -> String {
    let mut text = Vec::new();
    let read = tokio::time::timeout(TIMEOUT, socket.read_to_end(&mut text)).await;
    // A reset also counts as an end.
    let _ = read.expect("the connection ends");
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn head_has_the_headers_of_get_and_ends_and_leaves_nothing_behind() {
    let app = TestApp::start(TestDb::sqlite().await).await;
    let event = app.create_event(standing_event(9)).await;
    let event = format!("/api/events/{}", event["id"].as_str().unwrap());
    let port = app.running().address.port();
    let below = ["", "/availability", "/seats", "/stream", "/audit"];
    let mut paths: Vec<_> = below.iter().map(|path| format!("{event}{path}")).collect();
    paths.extend(["/api/events", "/health/live", "/api-docs/openapi.json"].map(String::from));
    for path in paths {
        let (status, of_get, _) = answered(asks(port, &get(&path)).await).await;
        assert_eq!(status, 200, "{path}");
        let head = get(&path).replace("GET", "HEAD");
        let next = "GET /none HTTP/1.1\r\nHost: admitone\r\nConnection: close\r\n\r\n";
        let kept = |head: &str| {
            let names = ["content-type", "content-length", "transfer-encoding", "etag"];
            let lines = head.lines().filter(|line| names.iter().any(|n| line.starts_with(n)));
            lines.map(str::to_owned).collect::<BTreeSet<_>>()
        };
        for pipelined in [false, true] {
            let first = if pipelined { format!("{head}{next}") } else { head.clone() };
            let (status, of_head, mut socket) = answered(asks(port, &first).await).await;
            assert_eq!(status, 200, "HEAD {path}");
            assert_eq!(kept(&of_head), kept(&of_get), "{path}");
            if !pipelined {
                socket.write_all(next.as_bytes()).await.unwrap();
            }
            // The next answer follows the head directly, because there is no body between them.
            assert!(rest(socket).await.starts_with("HTTP/1.1 404"), "HEAD {path}");
        }
    }
    eventually("nobody listens", async || {
        app.metrics().await.contains("admitone_stream_listeners 0\n")
    })
    .await;
}

/// A client that follows a stream sends nothing: only the end of its side shows that it is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_its_client_does() {
    let app = TestApp::start(TestDb::sqlite().await).await;
    let event = app.create_event(standing_event(9)).await;
    let stream = get(&format!("/api/events/{}/stream", event["id"].as_str().unwrap()));
    let port = app.running().address.port();
    let (_, _, mut socket) = answered(asks(port, &stream).await).await;
    socket.shutdown().await.unwrap();
    let heard = rest(socket).await;
    assert!(!heard.contains("still here"), "before the next heartbeat: {heard}");

    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    socket.write_all(stream.as_bytes()).await.unwrap();
    socket.shutdown().await.unwrap();
    let heard = rest(socket).await;
    assert!(!heard.contains("still here"), "also when it came with the request: {heard}");
}

/// Number of requests sent at once, more than the framework buffers.
const PIPELINED: usize = 20_000;

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_on_and_on_while_a_stream_is_answered_is_disconnected() {
    let app = TestApp::start(TestDb::sqlite().await).await;
    let event = app.create_event(standing_event(9)).await;
    let stream = get(&format!("/api/events/{}/stream", event["id"].as_str().unwrap()));
    for behind in [get("/api/events").repeat(PIPELINED), "x".repeat(1_000_000)] {
        let socket = asks(app.running().address.port(), &stream).await;
        let (mut read, mut write) = socket.into_split();
        // Writes until the server closes the connection.
        let sends = async {
            let _ = write.write_all(behind.as_bytes()).await;
        };
        let hears = async {
            let mut text = Vec::new();
            let _ = read.read_to_end(&mut text).await;
        };
        let both = async { tokio::join!(sends, hears) };
        tokio::time::timeout(TIMEOUT, both).await.expect("the connection ends");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_was_asked_ahead_is_answered_in_turn_also_to_who_reads_late() {
    const ASKED: usize = 2_000;
    let app = TestApp::start(TestDb::sqlite().await).await;
    let event = app.create_event(standing_event(9)).await;
    let path = format!("/api/events/{}", event["id"].as_str().unwrap());
    let socket = TcpStream::connect(("127.0.0.1", app.running().address.port())).await.unwrap();
    let (mut read, mut write) = socket.into_split();
    let last = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let all = get(&path).repeat(ASKED - 1) + &last;
    let sends = async { write.write_all(all.as_bytes()).await.unwrap() };
    let hears = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut text = String::new();
        read.read_to_string(&mut text).await.unwrap();
        text.matches("HTTP/1.1 200 OK").count()
    };
    let both = async { tokio::join!(sends, hears) };
    let ((), heard) = tokio::time::timeout(TIMEOUT, both).await.expect("all is answered");
    assert_eq!(heard, ASKED);
}

/// Buys a place as a new customer, with a new connection for each request.
async fn purchase(server: &Server, event: &str) {
    let buyer = server.mint().customer();
    let client = reqwest::Client::builder().timeout(TIMEOUT).pool_max_idle_per_host(0).build();
    let client = client.unwrap();
    let post = async |path: String, body: Value| {
        let request = client.request(Method::POST, format!("{}{path}", server.base));
        let request = request.bearer_auth(&buyer.token).json(&body);
        let key = format!("{:032x}", rand::random::<u128>());
        let answer = request.header("Idempotency-Key", key).send().await.expect("an answer");
        let (status, body) = (answer.status(), answer.text().await.expect("a body"));
        assert!(status.is_success(), "{path}: {status} {body}");
        serde_json::from_str::<Value>(&body).expect("JSON")["data"].clone()
    };
    let amount = json!({ "amount": { "amount": 1_000_000, "currency": "KRW" } });
    post("/api/wallet/charges".into(), amount).await;
    let product = format!("p{}-0", &event[..8]);
    let show = client.get(format!("{}/api/events/{event}", server.base)).send().await.unwrap();
    let show: Value = show.json().await.unwrap();
    let product = show["data"]["products"][0]["id"].as_str().unwrap_or(&product).to_owned();
    let best = json!({ "bestAvailable": { "productId": product, "quantity": 1 } });
    let hold = post(format!("/api/events/{event}/holds"), best).await;
    let hold = json!({ "eventId": event, "holdId": hold["id"] });
    let reservation = post("/api/reservations".into(), hold).await;
    let path = format!("/api/reservations/{}/payments", reservation["id"].as_str().unwrap());
    assert_eq!(post(path, json!({ "method": "wallet" })).await["status"], "CONFIRMED");
}

async fn is_answered(url: String) {
    let client = reqwest::Client::builder().timeout(TIMEOUT).build().unwrap();
    let answer = client.get(&url).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{url}");
}

/// The server's limit of open files; this process has room for as many sockets of its own.
const FILES: u32 = 1_024;
const CLIENTS: usize = 1_100;

fn make_room_for_clients() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum.or(Some(8_192)), ..limit };
    setrlimit(Resource::Nofile, raised).expect("a process may use what it may have");
}

on_both_databases! {
    async fn more_streams_than_descriptors_leave_room_for_who_buys(db: TestDb) {
        make_room_for_clients();
        let event = sold_event::open(&db.store().await, 1_000).await.to_string();
        let mut server = Server::with_settings(db.url(), &[]);
        server.limit_files(FILES);
        let metrics = server.show_metrics();
        server.start_again();
        server.until_ready().await;
        let request = get(&format!("/api/events/{event}/stream"));
        let port = server.port();
        let asked = stream::iter(0..CLIENTS).map(|_| async { answered(asks(port, &request).await).await });
        let listeners: Vec<_> = asked.buffer_unordered(64).collect().await;
        let served = listeners.iter().filter(|(status, ..)| *status == 200).count();
        println!("{served} of {CLIENTS} streams are open");
        for (status, head, _) in listeners.iter().filter(|(status, ..)| *status != 200) {
            assert_eq!(*status, 503, "{head}");
            assert!(head.contains("retry-after: ") && head.contains("connection: close"), "{head}");
        }
        assert!(served >= CLIENTS / 2, "{served}");
        is_answered(format!("{}/health/live", server.base)).await;
        is_answered(format!("{}/health/ready", server.base)).await;
        let url = format!("http://127.0.0.1:{metrics}/metrics");
        let measured = reqwest::get(&url).await.expect("it is answered").text().await.unwrap();
        assert!(measured.contains(&format!("admitone_process_max_fds {FILES}\n")), "{measured}");
        purchase(&server, &event).await;
        drop(listeners);
        // The freed descriptors are available to other clients.
        eventually("the streams have ended", async || {
            let text = reqwest::get(&url).await.unwrap().text().await.unwrap();
            text.contains("admitone_stream_listeners 0\n")
        })
        .await;
        let (status, ..) = answered(asks(port, &request).await).await;
        assert_eq!(status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_ask_for_nothing_make_room_for_who_buys() {
    make_room_for_clients();
    let db = TestDb::sqlite().await;
    let event = sold_event::open(&db.store().await, 1_000).await.to_string();
    let mut server = Server::with_settings(db.url(), &[]);
    server.limit_files(FILES);
    server.start_again();
    server.until_ready().await;
    let request = get(&format!("/api/events/{event}/stream"));
    let stream = |_| async { answered(asks(server.port(), &request).await).await };
    let streams: Vec<_> = stream::iter(0..300).map(stream).buffer_unordered(64).collect().await;
    let idle = |_| TcpStream::connect(("127.0.0.1", server.port()));
    let idle: Vec<_> = stream::iter(0..CLIENTS).map(idle).buffer_unordered(64).collect().await;
    // The server may end an idle connection in favour of the next, even during the handshake.
    let refused = |error: &std::io::Error| error.kind() != ErrorKind::ConnectionReset;
    assert!(!idle.iter().filter_map(|socket| socket.as_ref().err()).any(refused));
    is_answered(format!("{}/health/ready", server.base)).await;
    purchase(&server, &event).await;
    // Connections that follow a stream are not the first to be ended.
    for (_, _, mut socket) in streams {
        let mut first = [0];
        assert_eq!(socket.read(&mut first).await.expect("its first frame"), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_never_come_make_room_for_who_buys() {
    make_room_for_clients();
    let db = TestDb::sqlite().await;
    let event = sold_event::open(&db.store().await, 1_000).await.to_string();
    let mut server = Server::with_settings(db.url(), &[]);
    server.limit_files(FILES);
    server.start_again();
    server.until_ready().await;
    let head = "POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                Content-Length: 100\r\n\r\n{";
    // The server may end any of these connections in favour of the next, even during the handshake.
    let slow = |_| async {
        let mut socket = TcpStream::connect(("127.0.0.1", server.port())).await.ok()?;
        socket.write_all(head.as_bytes()).await.ok()?;
        Some(socket)
    };
    let slow: Vec<_> = stream::iter(0..CLIENTS).map(slow).buffer_unordered(64).collect().await;
    // While slow clients still arrive, a probe may be ended in favour of one of them as well; once one
    // is answered, all that came before it have been accepted.
    server.until_ready().await;
    purchase(&server, &event).await;
    drop(slow);
}

/// Seats of the largest allowed map; one takes some 57 bytes of JSON.
const SEATS: u32 = 1_000_000;
const STALLED: usize = 30;

/// A client that requests the map and reads only the head of the answer.
async fn stalled(port: u16, request: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut socket = socket.connect(([127, 0, 0, 1], port).into()).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let (status, _, socket) = answered(socket).await;
    assert_eq!(status, 200);
    socket
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_of_a_large_map_that_do_not_read_take_no_memory() {
    let db = TestDb::sqlite().await;
    let event = sold_event::open(&db.store().await, SEATS).await;
    let server = Server::start(db.url()).await;
    let path = format!("/api/events/{event}/seats");
    // The event is loaded and was read once, so that memory does not count for the readers.
    let section = format!("{}{path}?section=Stalls", server.base);
    is_answered(section.clone()).await;
    let before = server.resident();
    let request = get(&path);
    let readers: FuturesUnordered<_> =
        (0..STALLED).map(|_| stalled(server.port(), &request)).collect();
    let readers: Vec<_> = readers.collect().await;
    let map = reqwest::get(format!("{}{path}", server.base)).await.unwrap();
    let map = map.bytes().await.expect("others read on");
    assert_eq!(map.windows(9).filter(|found| found == b"AVAILABLE").count(), SEATS as usize);
    let grown = server.resident().saturating_sub(before);
    println!("{STALLED} readers of {} bytes: {grown} bytes more", map.len());
    assert!(grown < 2 * map.len() as u64, "{grown}");
    drop(readers);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_of_its_answer_is_disconnected() {
    let app = TestApp::with(TestDb::sqlite().await);
    let app = app.config(|config| config.write_timeout = Duration::from_secs(1)).start().await;
    let rows: Vec<_> = (0..200).map(|n| json!({ "name": n.to_string(), "seats": 1_000 })).collect();
    let map = json!({ "sections": [{ "name": "All", "product": "Seat", "rows": rows }] });
    let product = json!([{ "name": "Seat", "price": { "amount": 1_000, "currency": "KRW" } }]);
    let event = app.create_event(crate::support::test_app::event(&product, map)).await;
    let path = format!("/api/events/{}/seats", event["id"].as_str().unwrap());
    let port = app.running().address.port();
    let reader = stalled(port, &get(&path)).await;
    // A client that reads a little now and then is disconnected too.
    let slow = stalled(port, &get(&path)).await;
    let mut little = [0; 16];
    eventually("they are disconnected", async || {
        // The read may fail with a reset or not; the metric decides.
        let _ = slow.try_read(&mut little);
        app.metrics().await.contains("admitone_connections_ended_total{reason=\"stalled\"} 2\n")
    })
    .await;
    for socket in [reader, slow] {
        let taken = rest(socket).await;
        assert!(!taken.ends_with("]}}\r\n0\r\n\r\n"), "it did not get everything");
    }
}
