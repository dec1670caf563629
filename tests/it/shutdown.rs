//! A stop answers every accepted request, and accepts no more.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::test_app::TestApp;
use crate::support::test_db::TestDb;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_were_accepted_are_answered() {
    let mut app = TestApp::with(TestDb::sqlite().await)
        .config(|config| config.password_hashers = 1)
        .start()
        .await;
    // Hashing makes these requests slow, so that all are in progress when the stop comes.
    let body = |n: u32| json!({ "email": format!("u{n}@example.com"), "password": "long enough", "name": "U" });
    let calls: Vec<_> = (0..10)
        .map(|n| app.call(Method::POST, "/api/auth/register").json(&body(n)))
        .map(|call| tokio::spawn(call.send()))
        .collect();
    crate::support::test_db::eventually("the requests are under way", async || {
        app.state().lifecycle.in_flight() == 10
    })
    .await;
    app.shutdown().await;
    for call in calls {
        call.await.unwrap().expect(201);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_do_not_hold_up_a_stop() {
    let mut app = TestApp::start(TestDb::sqlite().await).await;
    let mut idle = TcpStream::connect(app.running().address).await.unwrap();
    idle.write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut some = [0; 64];
    assert!(idle.read(&mut some).await.unwrap() > 0);
    let address = app.running().address;
    tokio::time::timeout(Duration::from_secs(5), app.shutdown()).await.expect("a quick stop");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_still_on_its_way_does_not_hold_up_a_stop() {
    let mut app = TestApp::start(TestDb::sqlite().await).await;
    let mut slow = TcpStream::connect(app.running().address).await.unwrap();
    let head = "POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{";
    slow.write_all(head.as_bytes()).await.unwrap();
    crate::support::test_db::eventually("the request is under way", async || {
        app.state().lifecycle.in_flight() == 1
    })
    .await;
    tokio::time::timeout(Duration::from_secs(8), app.shutdown()).await.expect("a quick stop");
    let mut answer = Vec::new();
    let _ = slow.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("SHUTTING_DOWN"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_starts_again_on_what_it_left() {
    let mut app = TestApp::start(TestDb::sqlite().await).await;
    let body = json!({ "email": "kim@example.com", "password": "long enough", "name": "Kim" });
    app.post_anonymously("/api/auth/register", body.clone()).await.expect(201);
    app.restart().await;
    assert_eq!(app.running().first_start.admin, None, "it is made once");
    app.post_anonymously("/api/auth/register", body).await.expect_error(409, "EMAIL_TAKEN");
}
