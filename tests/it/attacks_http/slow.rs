//! Clients that take their time: they are ended, and others are served meanwhile.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{TIMEOUT, connect};
use crate::support::test_app::TestApp;
use crate::support::test_db::TestDb;

/// Writes one byte after another, with a pause between them, until the server ends the connection; returns
/// what came.
async fn drip(socket: TcpStream, pause: Duration) -> String {
    let (mut read, mut write) = socket.into_split();
    let drips = async {
        loop {
            tokio::time::sleep(pause).await;
            if write.write_all(b"a").await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let hears = async {
        let (mut heard, mut some) = (Vec::new(), [0; 4_096]);
        while let Ok(count @ 1..) = read.read(&mut some).await {
            heard.extend_from_slice(&some[..count]);
        }
        String::from_utf8_lossy(&heard).into_owned()
    };
    let ended = async {
        tokio::select! { heard = hears => heard, () = drips => String::new() }
    };
    tokio::time::timeout(TIMEOUT, ended).await.expect("the server ends it")
}

/// Connects and sends the beginning of something.
async fn begun(app: &TestApp, bytes: &str) -> TcpStream {
    let mut socket = connect(app).await;
    socket.write_all(bytes.as_bytes()).await.expect("it is read");
    socket
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_that_never_end_are_ended_and_others_are_served_meanwhile() {
    let app = TestApp::start(TestDb::sqlite().await).await;
    let whole = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n";
    let half = "GET /health/live HTTP/1.1\r\nHost: x\r\nX-A: ";
    let silent = Duration::from_secs(3_600);
    let second = Duration::from_secs(1);
    let begun_with = async |bytes: &str, pause| drip(begun(&app, bytes).await, pause).await;
    let behind = format!("{whole}{half}");
    let slow = futures_util::future::join_all([
        Box::pin(begun_with("", silent)) as std::pin::Pin<Box<dyn Future<Output = String>>>,
        Box::pin(begun_with(half, silent)),
        Box::pin(begun_with(half, second)),
        Box::pin(async {
            // The second request of a connection, after the answer to the first.
            let mut socket = begun(&app, whole).await;
            let mut some = [0; 4_096];
            assert!(socket.read(&mut some).await.expect("an answer") > 0);
            socket.write_all(half.as_bytes()).await.expect("it is read");
            drip(socket, silent).await
        }),
        Box::pin(begun_with(&behind, second)),
    ]);
    let others = async {
        for _ in 0..50 {
            app.get_anonymously("/health/live").await.expect(200);
        }
    };
    let (heard, ()) = tokio::join!(slow, others);
    for first in &heard[..3] {
        assert!(first.is_empty() || first.starts_with("HTTP/1.1 408"), "{first}");
    }
    assert_eq!(heard[4].matches("HTTP/1.1").count(), 1, "{}", heard[4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_comes_byte_by_byte_is_answered_408_in_the_time_of_a_request() {
    let app = TestApp::with(TestDb::sqlite().await)
        .config(|config| config.request_timeout = Duration::from_secs(2))
        .start()
        .await;
    let event = app.create_event(crate::support::test_app::standing_event(5)).await;
    let admin = app.admin().token;
    let form = "application/x-www-form-urlencoded\r\nSec-Fetch-Site: same-origin";
    let (json, length) = ("application/json", "Content-Length: 1000");
    let of_event = format!("/api/events/{}", event["id"].as_str().unwrap());
    for (path, kind, length) in [
        ("/api/auth/login", json, length),
        ("/api/auth/login", json, "Transfer-Encoding: chunked"),
        ("/sign-in", form, length),
        ("/api/events", json, length),
        (&format!("{of_event}/holds"), json, length),
        ("/api/webhooks/stripe", json, length),
        ("/health/live", json, length),
    ] {
        let method = if path == "/health/live" { "GET" } else { "POST" };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {admin}\r\n\
             Idempotency-Key: slow-body\r\nContent-Type: {kind}\r\n{length}\r\n\r\n"
        );
        let start = if length.starts_with('T') { "3E8\r\n" } else { "" };
        let slow = drip(begun(&app, &format!("{head}{start}")).await, Duration::from_millis(200));
        let others = async {
            for _ in 0..5 {
                app.get_anonymously(&of_event).await.expect(200);
            }
        };
        let (heard, ()) = tokio::join!(slow, others);
        // Routes that are not there, or take no body, need not wait for it.
        if path.ends_with("stripe") {
            assert!(heard.starts_with("HTTP/1.1 4"), "{path}: {heard}");
            continue;
        }
        assert!(heard.starts_with("HTTP/1.1 408"), "{path}: {heard}");
        if path.starts_with("/api") {
            let (_, body) = heard.split_once("\r\n\r\n").expect("a body");
            let body: Value = serde_json::from_str(body).expect("the envelope");
            assert_eq!(body["error"]["code"], "REQUEST_TIMEOUT", "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_was_refused_unread_holds_its_connection_no_longer_than_a_head() {
    let app = TestApp::start(TestDb::sqlite().await).await;
    let head = "POST /no-such-route HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n";
    let heard = drip(begun(&app, head).await, Duration::from_millis(500)).await;
    assert!(heard.starts_with("HTTP/1.1 404"), "{heard}");
    assert_eq!(heard.matches("HTTP/1.1").count(), 1, "{heard}");
}
