//! Requests that two programs could understand differently: one request never becomes two.

use super::{talk, talk_to};
use crate::balancer::Balancer;
use crate::support::test_app::TestApp;
use crate::support::test_db::{TestDb, eventually};

/// The request that an attacker wants to hide. It would be answered 200.
const HIDDEN: &str = "GET /api/events HTTP/1.1\r\nHost: x\r\n\r\n";

/// A login with these headers, and this behind them.
fn login(headers: &str, behind: &str) -> String {
    let head = "POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    format!("{head}{headers}\r\n{behind}")
}

/// Requests whose length is in doubt, with the hidden one behind them.
fn doubtful() -> Vec<(&'static str, String)> {
    let hidden = HIDDEN;
    let chunked = |headers: &str| login(headers, &format!("0\r\n\r\n{hidden}"));
    let sized = |headers: &str| login(headers, &format!("{{}}{hidden}"));
    vec![
        ("both lengths", chunked("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")),
        ("both, the other way", chunked("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")),
        ("two lengths", sized("Content-Length: 2\r\nContent-Length: 60\r\n")),
        ("two equal lengths", sized("Content-Length: 2\r\nContent-Length: 2\r\n")),
        ("a list of lengths", sized("Content-Length: 2, 2\r\n")),
        ("a signed length", sized("Content-Length: +2\r\n")),
        ("a negative length", sized("Content-Length: -2\r\n")),
        ("a length in hex", sized("Content-Length: 0x2\r\n")),
        ("a length beyond all numbers", sized("Content-Length: 99999999999999999999\r\n")),
        ("no length", sized("Content-Length: \r\n")),
        ("an unknown encoding", chunked("Transfer-Encoding: xchunked\r\n")),
        ("a control character", chunked("Transfer-Encoding: \x0bchunked\r\n")),
        ("a quoted encoding", chunked("Transfer-Encoding: \"chunked\"\r\n")),
        ("two encodings", chunked("Transfer-Encoding: identity, chunked\r\n")),
        ("two encodings, turned", chunked("Transfer-Encoding: chunked, identity\r\n")),
        ("identity", chunked("Transfer-Encoding: identity\r\n")),
        (
            "two lines of encodings",
            chunked("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"),
        ),
        ("a space before the colon", chunked("Transfer-Encoding : chunked\r\n")),
        ("a space before a length's colon", sized("Content-Length : 2\r\n")),
        ("a tab in a name", chunked("Transfer\tEncoding: chunked\r\n")),
        ("a folded line", sized("X-A: b\r\n Content-Length: 2\r\n")),
        ("a folded encoding", chunked("Transfer-Encoding:\r\n chunked\r\n")),
        ("a bare CR in a value", sized("X-A: b\rContent-Length: 2\r\n")),
        ("a bare CR between lines", sized("X-A: b\r\r\nContent-Length: 2\r\n")),
        ("a NUL in a value", sized("X-A: b\0\r\nContent-Length: 2\r\n")),
        ("a line without a colon", sized("X-A\r\nContent-Length: 2\r\n")),
        ("a line without a name", sized(": b\r\nContent-Length: 2\r\n")),
        ("two hosts", sized("Host: evil.example\r\nContent-Length: 2\r\n")),
        ("the preface of HTTP/2", format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{hidden}")),
        ("no version", format!("GET /health/live\r\n\r\n{hidden}")),
        ("another version", format!("GET /health/live HTTP/1.7\r\nHost: x\r\n\r\n{hidden}")),
        ("no host", format!("GET /health/live HTTP/1.1\r\n\r\n{hidden}")),
        (
            "chunks in HTTP/1.0",
            format!(
                "POST /api/auth/login HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"
            ),
        ),
        (
            "a target with a space",
            format!("GET /health/live /x HTTP/1.1\r\nHost: x\r\n\r\n{hidden}"),
        ),
    ]
}

#[tokio::test]
async fn a_request_whose_length_is_in_doubt_ends_the_connection() {
    let app = TestApp::start(TestDb::sqlite().await).await;
    for (what, bytes) in doubtful() {
        let answers = talk(&app, bytes).await;
        assert_eq!(answers.statuses(), [400], "{what}: {answers:?}");
    }
}

/// The balancer may understand some of them, in one way. Then the server understands the same: the next
/// client on a connection between the two gets the answer to its own request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_the_balancer_the_next_client_gets_its_own_answer() {
    let app = TestApp::start(TestDb::sqlite().await).await;
    let balancer = Balancer::alone(app.running().address);
    let client = reqwest::Client::new();
    let probe = async |id: String| {
        let request = client.get(format!("{}/health/live", balancer.base));
        let answer = request.header("X-Request-Id", &id).send().await.ok()?;
        let is_own = answer.headers()["x-request-id"] == id;
        (answer.status() == 200).then_some(is_own)
    };
    eventually("an answer comes through", async || probe("first".into()).await.is_some()).await;
    let address = balancer.base.trim_start_matches("http://").parse().unwrap();
    for (nth, (what, bytes)) in doubtful().into_iter().enumerate() {
        let answers = talk_to(address, bytes).await;
        assert!(answers.statuses().iter().all(|status| *status < 500), "{what}: {answers:?}");
        for probed in 0..3 {
            assert_eq!(probe(format!("probe-{nth}-{probed}")).await, Some(true), "{what}");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_chunked_wrongly_ends_the_connection() {
    let app = TestApp::start(TestDb::sqlite().await).await;
    for (what, chunks) in [
        ("a size beyond all numbers", "FFFFFFFFFFFFFFFFF\r\n{}"),
        ("the size that wraps round", "10000000000000002\r\n{}\r\n0\r\n\r\n"),
        ("a negative size", "-2\r\n{}\r\n0\r\n\r\n"),
        ("a size with 0x", "0x2\r\n{}\r\n0\r\n\r\n"),
        ("no size", "\r\n{}\r\n0\r\n\r\n"),
        ("a size that is none", "two\r\n{}\r\n0\r\n\r\n"),
        ("a chunk without an end", "2\r\n{}0\r\n\r\n"),
        ("a chunk that is longer", "2\r\n{}x\r\n0\r\n\r\n"),
        ("a bare CR behind the size", "2\r{}\r\n0\r\n\r\n"),
        ("a bare LF in an extension", "2;a=\n{}\r\n0\r\n\r\n"),
    ] {
        let bytes = login("Transfer-Encoding: chunked\r\n", &format!("{chunks}{HIDDEN}"));
        let answers = talk(&app, bytes).await;
        assert_eq!(answers.statuses(), [400], "{what}: {answers:?}");
    }
}

/// These are one request each, and the next one is answered as such.
#[tokio::test]
async fn requests_of_another_form_are_one_request_each() {
    let app = TestApp::start(TestDb::sqlite().await).await;
    let empty_login = |encoding: &str| {
        login(&format!("Transfer-Encoding: {encoding}\r\n"), "2;ext=\"a\"\r\n{}\r\n0\r\n\r\n")
    };
    for (what, bytes, status) in [
        ("chunks", empty_login("chunked"), 422),
        ("chunks in capitals", empty_login(" CHUNKED "), 422),
        (
            "a trailer",
            login(
                "Transfer-Encoding: chunked\r\nTrailer: Authorization\r\n",
                "2\r\n{}\r\n0\r\nAuthorization: x\r\n\r\n",
            ),
            422,
        ),
        ("lines that end with LF", "GET /health/live HTTP/1.1\nHost: x\n\n".into(), 200),
        (
            "a body of a GET",
            "GET /health/live HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}".into(),
            200,
        ),
        (
            "a hidden request as the body of a GET",
            format!(
                "GET /health/live HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{HIDDEN}",
                HIDDEN.len()
            ),
            422,
        ),
        (
            "an upgrade to h2c",
            "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n\
             Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n"
                .into(),
            200,
        ),
        (
            "another site's target",
            "GET http://evil.example/health/live HTTP/1.1\r\nHost: x\r\n\r\n".into(),
            200,
        ),
        ("a trace", "TRACE /health/live HTTP/1.1\r\nHost: x\r\nX-Secret: a\r\n\r\n".into(), 405),
        ("a method of one's own", "BREW /health/live HTTP/1.1\r\nHost: x\r\n\r\n".into(), 405),
        ("all options", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n".into(), 404),
        ("an odd host", "GET /health/live HTTP/1.1\r\nHost: a b<script>\r\n\r\n".into(), 200),
    ] {
        let answers = talk(&app, bytes).await;
        assert_eq!(answers.statuses(), [status, 200], "{what}: {answers:?}");
        assert!(!answers.0[0].1.contains("X-Secret"), "{answers:?}");
    }
    // What follows these is theirs: no tunnel, and no second request.
    for (what, bytes) in [
        ("a tunnel", format!("CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n{HIDDEN}")),
        (
            "a web socket",
            format!(
                "GET /api/events HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n{HIDDEN}"
            ),
        ),
    ] {
        let answers = talk(&app, bytes).await;
        assert_eq!(answers.0.len(), 1, "{what}: {answers:?}");
        assert_ne!(answers.statuses(), [101], "{what}");
    }
}
