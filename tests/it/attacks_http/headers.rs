//! Floods of headers, and headers that should come back in answers or logs as something else.

use std::fmt::Write as _;

use admitone::config::Config;
use reqwest::Method;
use serde_json::json;

use super::{get, talk};
use crate::support::process::Server;
use crate::support::test_app::{ADMIN_PASSWORD, Call, TestApp};
use crate::support::test_db::{TestDb, eventually};

#[tokio::test]
async fn heads_that_are_too_large_end_the_connection_and_large_ones_are_served() {
    let app = TestApp::start(TestDb::sqlite().await).await;
    let mut headers = String::new();
    for nth in 0..10_000 {
        let _ = write!(headers, "X-{nth}: a\r\n");
    }
    let some =
        |count: usize| -> String { (0..count).map(|nth| format!("X-{nth}: a\r\n")).collect() };
    for (what, bytes) in [
        ("10,000 headers", get("/health/live", &headers)),
        ("more headers than are read", get("/health/live", &some(120))),
        ("a header of 1 MB", get("/health/live", &format!("X-A: {}\r\n", "a".repeat(1 << 20)))),
        ("a name of 1 MB", get("/health/live", &format!("{}: a\r\n", "a".repeat(1 << 20)))),
        ("a request line of 1 MB", get(&format!("/{}", "a".repeat(1 << 20)), "")),
        ("a query of 1 MB", get(&format!("/api/events?{}", "a=b&".repeat(1 << 18)), "")),
        ("a path of 100 KB", get(&format!("/{}", "a".repeat(100_000)), "")),
    ] {
        let answers = talk(&app, bytes).await.statuses();
        // Where more was sent than is ever read, the answer may be lost.
        assert!(matches!(answers[..], [] | [400 | 414 | 431]), "{what}: {answers:?}");
    }
    let cookies = |count: usize| {
        let all: Vec<_> = (0..count).map(|nth| format!("c{nth}=abcdefgh")).collect();
        format!("Cookie: {}\r\n", all.join("; "))
    };
    let parameters: String = (0..6_000).map(|nth| format!("p{nth}=a&")).collect();
    for (what, bytes, status) in [
        ("90 headers", get("/health/live", &some(90)), 200),
        ("a cookie of 100 KB", get("/", &format!("Cookie: a={}\r\n", "a".repeat(100_000))), 200),
        ("7,000 cookies", get("/", &cookies(7_000)), 200),
        ("6,000 parameters of a page", get(&format!("/?{parameters}"), ""), 0),
        ("6,000 parameters", get(&format!("/api/events?{parameters}"), ""), 422),
        (
            "one parameter 6,000 times",
            get(&format!("/api/events?{}", "limit=1&".repeat(6_000)), ""),
            422,
        ),
        (
            "a token of 100 KB",
            get("/api/users/me", &format!("Authorization: Bearer {}\r\n", "a".repeat(100_000))),
            401,
        ),
        (
            "a language of 100 KB",
            get("/", &format!("Accept-Language: {}\r\n", "ko,".repeat(33_000))),
            200,
        ),
        (
            "an etag of 100 KB",
            get("/api/events", &format!("If-None-Match: {}\r\n", "\"a\",".repeat(25_000))),
            200,
        ),
        (
            "a range of 100 KB",
            get("/", &format!("Range: bytes={}\r\n", "0-1,".repeat(25_000))),
            200,
        ),
    ] {
        let answers = talk(&app, bytes).await.statuses();
        assert_eq!(answers.len(), 2, "{what}: {answers:?}");
        assert!(answers[0] < 500 && (status == 0 || answers[0] == status), "{what}: {answers:?}");
        assert_eq!(answers[1], 200, "{what}");
    }
}

#[tokio::test]
async fn a_list_of_addresses_is_read_from_its_end_however_long_it_is() {
    let app = TestApp::with(TestDb::sqlite().await)
        .config(|config: &mut Config| {
            config.rate_limits = true;
            config.trusted_proxies = Some("127.0.0.0/8, 10.0.0.0/8".parse().unwrap());
        })
        .start()
        .await;
    let invented = |count: usize| vec!["198.51.100.1"; count].join(", ");
    let ask = async |list: &str| {
        let body = json!({"token": "no"}).to_string();
        let request = format!(
            "POST /api/auth/email/confirm HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {list}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        talk(&app, request).await.statuses()[0]
    };
    let exhaust = async |list: &str| while ask(list).await != 429 {};
    exhaust("203.0.113.1").await;
    exhaust(&format!("{}, 203.0.113.1", invented(250))).await;
    exhaust(&format!("203.0.113.1, {}", vec!["10.0.0.7"; 250].join(","))).await;
    assert_eq!(ask(&format!("{}, 203.0.113.2", invented(250))).await, 410, "another client");
    // Nor does a list that no proxies make turn its client into the proxy.
    assert_eq!(ask(&format!("{}, 203.0.113.1", invented(5_000))).await, 429);
    assert_eq!(ask(&format!("{}, 203.0.113.3", invented(5_000))).await, 410);
}

#[tokio::test]
async fn an_idempotency_key_of_odd_bytes_is_refused() {
    let app = TestApp::start(TestDb::sqlite().await).await;
    let kim = app.user().await;
    let event = app.create_event(crate::support::test_app::standing_event(5)).await;
    let path = format!("/api/events/{}/holds", event["id"].as_str().unwrap());
    let product = &event["products"][0]["id"];
    let body = json!({"lines": [{"productId": product, "quantity": 1}]}).to_string();
    let long = "k".repeat(10_000);
    for (key, statuses) in [
        (&b"\xff\xfe"[..], [400, 422]),
        (b"\xed\xa0\x80", [400, 422]),
        (b"a\tb", [400, 422]),
        (b"a\x7fb", [400, 422]),
        (b"a\0b", [400, 400]),
        (b"a\rb", [400, 400]),
        (b"", [400, 422]),
        (long.as_bytes(), [400, 422]),
        (b"'; DROP TABLE users; --\r\nIdempotency-Key: b", [400, 422]),
    ] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nIdempotency-Key: ",
            kim.token,
            body.len()
        );
        let bytes = [head.as_bytes(), key, b"\r\n\r\n", body.as_bytes()].concat();
        let answers = talk(&app, bytes).await;
        let status = answers.statuses()[0];
        assert!(statuses.contains(&status), "{}: {answers:?}", key.escape_ascii());
    }
    let path = format!("/api/events/{}/availability", event["id"].as_str().unwrap());
    let seen = app.get(&path, &kim).await.expect(200);
    assert_eq!(seen["products"][0]["held"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_sends_makes_no_lines_of_its_own_in_answers_and_logs() {
    let db = TestDb::sqlite().await;
    let mut server = Server::with_settings(db.url(), &[("ADMITONE_LOG", "debug".to_owned())]);
    server.start_again();
    server.until_ready().await;
    let client = reqwest::Client::new();
    let line = "\nINJECTED a line of its own";
    let encoded = "%0d%0aINJECTED:%20a%20line";
    let ask = async |method: Method, path: String, name: &str, value: &str| {
        let value = reqwest::header::HeaderValue::from_bytes(value.as_bytes());
        let request = client.request(method, format!("{}{path}", server.base));
        request.header(name, value.expect("bytes that headers may have")).send().await.unwrap()
    };
    for name in
        ["X-Request-Id", "traceparent", "tracestate", "User-Agent", "X-Forwarded-For", "Origin"]
    {
        for value in
            ["a%0d%0aINJECTED: b", "a\tINJECTED: b", "\u{85}INJECTED: b", "\u{2028}INJECTED"]
        {
            let answer = ask(Method::GET, format!("/api/{encoded}?{encoded}"), name, value).await;
            assert!(!answer.headers().contains_key("injected"), "{name}");
            let shown = answer
                .headers()
                .values()
                .any(|it| it.as_bytes().windows(8).any(|w| w == b"INJECTED"));
            assert!(!shown, "{name}: {:?}", answer.headers());
        }
    }
    // The log names the address of a failed login, the device and the id of a request.
    let email = format!("kim@example.com{line}");
    let body = json!({"email": email, "password": "a wrong guess"});
    let login = client.post(format!("{}/api/auth/login", server.base)).json(&body);
    assert_eq!(login.send().await.unwrap().status(), 401);
    eventually("the log has the login", async || server.written().contains("a login failed")).await;
    let log = server.written();
    let bad = log.lines().find(|line| line.trim_start().starts_with("INJECTED"));
    assert_eq!(bad, None);
    let raw = log.bytes().any(|byte| byte < 0x20 && byte != b'\n' && byte != b'\x1b');
    assert!(!raw, "no control characters");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_says_of_its_address_counts_nowhere() {
    let app = TestApp::with(TestDb::sqlite().await).config(|config| config.rate_limits = true);
    let app = app.start().await;
    let (mut nth, admin) = (0, app.admin());
    let mut claimed = |call: Call| {
        nth += 1;
        let address = format!("203.0.113.{nth}");
        let call = call.header("Forwarded", &format!("for={address}"));
        let call = call.header("X-Forwarded-For", &address).header("X-Real-IP", &address);
        call.header("True-Client-IP", &address).header("CF-Connecting-IP", &address)
    };
    let login = |password: &str| {
        let body = json!({"email": "admin@admitone.local", "password": password});
        app.call(Method::POST, "/api/auth/login").json(&body)
    };
    claimed(login(ADMIN_PASSWORD)).send().await.expect(200);
    for _ in 0..5 {
        let guess = claimed(login("a wrong guess")).send().await;
        guess.expect_error(401, "INVALID_CREDENTIALS");
    }
    claimed(login(ADMIN_PASSWORD)).send().await.expect_error(429, "LOGIN_LOCKED");
    let event = crate::support::test_app::standing_event(1);
    let call = app.call(Method::POST, "/api/events").by(&admin).fresh_key().json(&event);
    claimed(call).send().await.expect(201);
    for table in ["sessions", "audit_log"] {
        let of = |what: &str| format!("SELECT count(*) FROM {table} WHERE address {what}");
        assert!(app.db.count(&of("= '127.0.0.1'")).await > 0, "{table}");
        assert_eq!(app.db.count(&of("LIKE '203.%'")).await, 0, "{table}");
    }
}
