//! The lock after wrong passwords.

use reqwest::Method;
use serde_json::{Value, json};

use super::{limited, value_of};
use crate::support::process::Server;
use crate::support::test_app::{ADMIN_PASSWORD, Answer, TestApp};
use crate::support::test_db::{TestDb, eventually};

const ADMIN: &str = "admin@admitone.local";
const HERE: &str = "203.0.113.1";
const ELSEWHERE: &str = "203.0.113.2";

async fn login(app: &TestApp, from: &str, email: &str, password: &str, device: &str) -> Answer {
    let body = json!({"email": email, "password": password});
    let call = app.call(Method::POST, "/api/auth/login").json(&body);
    call.header("X-Forwarded-For", from).header("X-Device-Token", device).send().await
}

fn device_of(login: &Value) -> String {
    login["deviceToken"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn of_twenty_wrong_passwords_at_once_five_are_compared_and_then_the_right_one_is_refused() {
    let (app, clock) = limited("127.0.0.1").await;
    let tries = (0..20).map(|_| login(&app, HERE, ADMIN, "a wrong guess", ""));
    let answers = futures_util::future::join_all(tries).await;
    let compared = answers.iter().filter(|answer| answer.status == 401).count();
    assert_eq!(compared, 5);
    for answer in answers.into_iter().filter(|answer| answer.status != 401) {
        answer.expect_error(429, "LOGIN_LOCKED");
    }
    clock.advance_ms(60_000);
    let locked = login(&app, HERE, ADMIN, ADMIN_PASSWORD, "").await;
    assert_eq!(locked.headers["retry-after"], "1740");
    locked.expect_error(429, "LOGIN_LOCKED");
    clock.advance_ms(1_740_000);
    login(&app, HERE, ADMIN, ADMIN_PASSWORD, "").await.expect(200);
    let limited = value_of(&app, "admitone_logins_total{outcome=\"limited\"}").await;
    assert!(limited >= 16.0, "{limited}");
}

#[tokio::test]
async fn guesses_of_many_ipv6_networks_meet_the_lock_of_their_site() {
    let (app, _clock) = limited("127.0.0.1").await;
    let first = login(&app, HERE, ADMIN, ADMIN_PASSWORD, "").await.expect(200);
    let network = |nth: u32| format!("2001:db8:1:{nth:x}::1");
    for nth in 0..80 {
        let wrong = login(&app, &network(nth / 4), ADMIN, "a wrong guess", "").await;
        wrong.expect_error(401, "INVALID_CREDENTIALS");
    }
    let another = login(&app, &network(20), ADMIN, ADMIN_PASSWORD, "").await;
    another.expect_error(429, "LOGIN_LOCKED");
    login(&app, &network(20), ADMIN, ADMIN_PASSWORD, &device_of(&first)).await.expect(200);
    login(&app, "2001:db8:2::1", ADMIN, ADMIN_PASSWORD, "").await.expect(200);
    login(&app, ELSEWHERE, ADMIN, ADMIN_PASSWORD, "").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_given_up_counts_for_no_lock() {
    let (app, _clock) = limited("127.0.0.1").await;
    for _ in 0..10 {
        let accounts = app.state().accounts.clone();
        let from: Option<std::net::IpAddr> = Some(HERE.parse().unwrap());
        let mut given_up = Box::pin(accounts.login(ADMIN, ADMIN_PASSWORD.into(), from));
        // It is counted, and then waits for the comparison.
        assert!(futures_util::poll!(&mut given_up).is_pending());
    }
    eventually("the attempts are taken back", async || {
        login(&app, HERE, ADMIN, ADMIN_PASSWORD, "").await.status == 200
    })
    .await;
}

#[tokio::test]
async fn an_address_without_an_account_looks_the_same() {
    let (app, clock) = limited("127.0.0.1").await;
    for email in [ADMIN, "nobody@example.com", "nobody", "no\u{0}body@example.com", ""] {
        let mut said = Vec::new();
        for _ in 0..6 {
            let answer = login(&app, HERE, email, "a wrong guess", "").await;
            let after = answer.headers.get("retry-after").cloned();
            said.push((answer.status, answer.body["error"]["code"].clone(), after));
        }
        let refused = (401, json!("INVALID_CREDENTIALS"), None);
        assert_eq!(said[..5], vec![refused; 5], "{email}");
        let locked = (429, json!("LOGIN_LOCKED"), Some("1800".parse().unwrap()));
        assert_eq!(said[5], locked, "{email}");
        clock.advance_ms(60_000);
    }
}

#[tokio::test]
async fn a_stranger_cannot_lock_the_owner_out() {
    let (app, clock) = limited("127.0.0.1").await;
    let session = login(&app, HERE, ADMIN, ADMIN_PASSWORD, "").await.expect(200);
    let device = device_of(&session);
    let other = json!({"email": "kim@example.com", "password": "correct horse", "name": "Kim"});
    let kim = app.post_anonymously("/api/auth/register", other).await.expect(201);
    for _ in 0..5 {
        login(&app, HERE, ADMIN, "a wrong guess", "")
            .await
            .expect_error(401, "INVALID_CREDENTIALS");
    }
    // The device of another account, a damaged and an invented one are none.
    for bad in [&*device_of(&kim), &device[..device.len() - 1], "dev_AAAA", "x"] {
        let refused = login(&app, HERE, ADMIN, ADMIN_PASSWORD, bad).await;
        refused.expect_error(429, "LOGIN_LOCKED");
    }
    let again = login(&app, HERE, ADMIN, ADMIN_PASSWORD, &device).await.expect(200);
    login(&app, ELSEWHERE, ADMIN, ADMIN_PASSWORD, "").await.expect(200);
    clock.advance_ms(60_000);
    // A device has a lock of its own, wherever it is, and a new token is the same device.
    for device in [&device, &device_of(&again), &device, &device, &device] {
        let refused = login(&app, ELSEWHERE, ADMIN, "a wrong guess", device).await;
        refused.expect_error(401, "INVALID_CREDENTIALS");
    }
    for from in [HERE, ELSEWHERE] {
        let refused = login(&app, from, ADMIN, ADMIN_PASSWORD, &device_of(&again)).await;
        refused.expect_error(429, "LOGIN_LOCKED");
    }
    login(&app, ELSEWHERE, ADMIN, ADMIN_PASSWORD, "").await.expect(200);
    // A new password ends every lock, and every device.
    let new = "another horse battery";
    let accounts = app.state().accounts.clone();
    let reset = async move { accounts.reset_password(ADMIN, new.into()).await };
    app.state().runtime.spawn(reset).await.unwrap().unwrap();
    login(&app, HERE, ADMIN, new, &device).await.expect(200);
    for _ in 0..5 {
        login(&app, HERE, ADMIN, "a wrong guess", "")
            .await
            .expect_error(401, "INVALID_CREDENTIALS");
    }
    let refused = login(&app, HERE, ADMIN, new, &device).await;
    refused.expect_error(429, "LOGIN_LOCKED");
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_logins_and_locks_are_in_the_log_with_a_masked_address() {
    let db = TestDb::sqlite().await;
    let mut server = Server::with_settings(db.url(), &[("ADMITONE_LOG", "info".to_owned())]);
    server.start_again();
    server.until_ready().await;
    let (url, client) = (format!("{}/api/auth/login", server.base), reqwest::Client::new());
    let body = json!({"email": "kim.lee@example.com", "password": "a wrong guess"});
    for nth in 1..=6 {
        let answer = client.post(&url).json(&body).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), if nth < 6 { 401 } else { 429 }, "{nth}");
    }
    let lines = [
        ("a login failed", 4),
        ("wrong passwords have locked a login", 1),
        ("a login met a lock", 1),
    ];
    for (line, times) in lines {
        eventually(line, async || {
            let log = server.written();
            let found = log.lines().filter(|it| it.contains(line) && it.contains("k…@example.com"));
            found.count() == times
        })
        .await;
    }
    assert!(!server.written().contains("kim.lee"), "{}", server.written());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_of_staff_is_in_the_audit_log_once_in_half_an_hour_and_none_of_customers() {
    let (app, clock) = limited("127.0.0.1").await;
    let kim = json!({"email": "kim@example.com", "password": "correct horse", "name": "Kim"});
    app.post_anonymously("/api/auth/register", kim).await.expect(201);
    for email in ["kim@example.com", "nobody@example.com", ADMIN] {
        for _ in 0..6 {
            login(&app, HERE, email, "a wrong guess", "").await;
        }
    }
    let admin = app.admin();
    let mut rows = Value::Null;
    eventually("the lock is in the audit log", async || {
        rows = app.get("/api/admin/audit-log?action=login.locked", &admin).await.expect(200);
        rows.as_array().is_some_and(|rows| !rows.is_empty())
    })
    .await;
    assert_eq!(rows.as_array().map(Vec::len), Some(1), "{rows}");
    let row = &rows[0];
    assert_eq!((&row["actorId"], &row["offeringId"]), (&Value::Null, &Value::Null));
    assert_eq!((&row["target"], &row["address"]), (&json!(admin.id), &json!(HERE)));
    // Locks from other networks add nothing meanwhile.
    let lock = async |from: &str| {
        for _ in 0..6 {
            login(&app, from, ADMIN, "a wrong guess", "").await;
        }
    };
    for from in [ELSEWHERE, "203.0.113.3", "203.0.113.4"] {
        lock(from).await;
    }
    clock.advance_ms(30 * 60_000);
    lock("203.0.113.5").await;
    eventually("a later lock is in the audit log", async || {
        rows = app.get("/api/admin/audit-log?action=login.locked", &admin).await.expect(200);
        rows[0]["address"] == "203.0.113.5"
    })
    .await;
    assert_eq!(rows.as_array().map(Vec::len), Some(2), "{rows}");
}
