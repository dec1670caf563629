//! Liveness and readiness report the true state while the database is stopped and started again.

use std::sync::Arc;
use std::time::Duration;

use admitone::clock::{Clock, ManualClock, SystemClock};
use admitone::config::Secret;

use sea_orm::sqlx::{self, AssertSqlSafe, Connection, PgConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::private_postgres::PrivatePostgres;
use crate::support::test_app::TestApp;
use crate::support::test_db::{TestDb, eventually};

async fn ready(app: &TestApp) -> u16 {
    app.get_anonymously("/health/ready").await.status
}

#[tokio::test]
async fn a_server_is_ready_when_it_has_started() {
    let app = TestApp::start(TestDb::sqlite().await).await;
    let data = app.get_anonymously("/health/ready").await.expect(200);
    assert_eq!(data["database"], "up");
    assert_eq!(data["clock"], "up");
    assert_eq!(app.get_anonymously("/health/live").await.expect(200)["status"], "live");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_and_comes_back_is_seen_without_a_restart() {
    let postgres = PrivatePostgres::start();
    let db = TestDb::sqlite().await;
    let app = TestApp::with(db)
        .config(|config| config.database_url = Secret::new(postgres.url()))
        .start()
        .await;
    assert_eq!(ready(&app).await, 200);

    postgres.stop();
    eventually("not ready without a database", async || ready(&app).await == 503).await;
    let answer = app.get_anonymously("/health/ready").await;
    let error = answer.expect_error(503, "NOT_READY");
    assert_eq!(error["details"]["database"], "down");
    app.get_anonymously("/health/live").await.expect(200);
    let answer = app.get("/api/users/me", &app.admin()).await;
    answer.expect_error(503, "TEMPORARILY_UNAVAILABLE");
    assert!(app.metrics().await.contains("admitone_ready 0"));

    postgres.up();
    eventually("ready again", async || ready(&app).await == 200).await;
    app.get("/api/users/me", &app.admin()).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_only_reads_is_of_no_use() {
    let postgres = PrivatePostgres::start();
    let app = TestApp::with(TestDb::sqlite().await)
        .config(|config| config.database_url = Secret::new(postgres.url()))
        .start()
        .await;
    assert_eq!(ready(&app).await, 200);
    let set =
        |value: &'static str| format!("ALTER SYSTEM SET default_transaction_read_only = {value}");
    let mut session = PgConnection::connect(&postgres.url()).await.unwrap();
    let reload = "SELECT pg_reload_conf()";
    sqlx::query(AssertSqlSafe(set("on"))).execute(&mut session).await.unwrap();
    sqlx::query(reload).execute(&mut session).await.unwrap();
    eventually("not ready when nothing can be written", async || ready(&app).await == 503).await;
    sqlx::query(AssertSqlSafe(set("off"))).execute(&mut session).await.unwrap();
    sqlx::query(reload).execute(&mut session).await.unwrap();
    eventually("ready again", async || ready(&app).await == 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_hangs_is_not_waited_for_for_ever() {
    let db = TestDb::postgres().await;
    let app = TestApp::with(db)
        .config(|config| config.request_timeout = Duration::from_secs(1))
        .start()
        .await;
    let (admin, event) = (app.admin(), serde_json::json!({ "name": "renamed" }));
    let mut session = PgConnection::connect(app.db.url()).await.unwrap();
    sqlx::query("BEGIN").execute(&mut session).await.unwrap();
    sqlx::query("LOCK TABLE events, users").execute(&mut session).await.unwrap();
    let read = app.get_anonymously("/api/events").await;
    assert!(read.headers.contains_key("retry-after"));
    read.expect_error(503, "TEMPORARILY_UNAVAILABLE");
    let written = app.call(reqwest::Method::PATCH, "/api/users/me").by(&admin).json(&event);
    written.send().await.expect_error(503, "OUTCOME_UNKNOWN");
    let counted = "admitone_outcome_unknown_total{reason=\"request_deadline\"} 1";
    assert!(app.metrics().await.contains(counted));
    sqlx::query("ROLLBACK").execute(&mut session).await.unwrap();
    eventually("it goes on", async || app.get_anonymously("/api/events").await.status == 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let app = TestApp::with(TestDb::sqlite().await)
        .config(|config| config.request_timeout = Duration::from_secs(1))
        .start()
        .await;
    let mut slow = TcpStream::connect(app.running().address).await.unwrap();
    let head = "POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{";
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4_096];
    let answered = slow.read(&mut answer);
    let read = tokio::time::timeout(Duration::from_secs(8), answered).await.expect("an answer");
    let answer = String::from_utf8_lossy(&answer[..read.unwrap()]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("REQUEST_TIMEOUT"), "{answer}");
}

#[tokio::test]
async fn what_can_be_read_can_be_asked_about() {
    let app = TestApp::start(TestDb::sqlite().await).await;
    let client = reqwest::Client::new();
    for path in ["/health/ready", "/api/events", "/api-docs/openapi.json"] {
        let answer = client.head(app.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert!(answer.bytes().await.unwrap().is_empty());
    }
    let answer = client.head(app.url("/api/events/x/participate")).send().await.unwrap();
    assert_eq!(answer.status(), 405, "there is nothing to read");
}

#[tokio::test]
async fn probes_do_not_flood_the_database() {
    let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
    let app = TestApp::with(TestDb::sqlite().await).clock(clock).start().await;
    let asked = futures_util::future::join_all((0..50).map(|_| ready(&app)));
    let asked = tokio::time::timeout(Duration::from_secs(10), asked).await.expect("fast");
    assert!(asked.iter().all(|status| *status == 200));
}
