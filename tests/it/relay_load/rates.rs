//! Deliveries a second where nothing fails: of the relay alone, to a webhook and to a mail server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use admitone::clock::Clock;
use admitone::clock::{ManualClock, SystemClock};
use admitone::outbox::{Destination, Destinations, Outcome, Relay, Subscription};
use admitone::store::{DeliveryRow, StoreError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::json;
use tokio::runtime::Handle;

use super::{event, mails, make_messages, name_of, per_second, timed, until};
use crate::support::smtp_server::SmtpServer;
use crate::support::test_app::TestApp;
use crate::support::test_db::TestDb;

const DONE: &str = "SELECT count(*) FROM deliveries WHERE state = 'DONE'";

/// A destination that takes everything at once.
struct Sink;

impl Destination for Sink {
    fn family(&self) -> &'static str {
        "sink"
    }

    fn subscriptions(&self) -> BoxFuture<'_, Result<Vec<Subscription>, StoreError>> {
        let all = Subscription {
            destination: "sink".into(),
            kinds: None,
            offering: None,
            is_personal: false,
        };
        std::future::ready(Ok(vec![all])).boxed()
    }

    fn deliver<'a>(&'a self, _: &'a DeliveryRow) -> BoxFuture<'a, Outcome> {
        std::future::ready(Outcome::Delivered).boxed()
    }

    fn pauses(&self) -> &[Duration] {
        &[]
    }

    fn at_once(&self) -> usize {
        8
    }
}

fn tell(db: &TestDb, what: &str, count: usize, took: Duration) {
    println!(
        "{}: {what}: {:.0} a second ({count} in {:.2} s)",
        name_of(db),
        per_second(count, took),
        took.as_secs_f64()
    );
}

async fn until_done(db: &TestDb, count: usize) {
    let count = i64::try_from(count).unwrap();
    until("all are delivered", async || db.count(DONE).await >= count).await;
}

/// Starts a server that relays nothing yet.
async fn quiet(db: TestDb) -> TestApp {
    let settings = |config: &mut admitone::config::Config| {
        config.relay = false;
        config.webhook_allow_private = Some(true);
    };
    TestApp::with(db).config(settings).start().await
}

async fn to_sink(db: TestDb, count: usize) {
    let app = quiet(db).await;
    let event = event(&app).await;
    make_messages(&app, event, count).await;
    let destinations: Destinations = vec![Arc::new(Sink)];
    let relay = Relay::new(app.state().store.clone(), app.state().clock.clone(), destinations);
    let running = relay.spawn(&Handle::current());
    let took = timed(until_done(&app.db, count)).await;
    running.stop().await;
    tell(&app.db, "relay alone", count, took);
}

async fn to_webhook(db: TestDb, count: usize) {
    let came = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&came);
    let service = move || {
        let came = Arc::clone(&counter);
        App::new().default_service(web::to(move |_body: web::Bytes| {
            came.fetch_add(1, Ordering::Relaxed);
            std::future::ready(HttpResponse::NoContent())
        }))
    };
    let receiver = HttpServer::new(service).workers(1).bind(("127.0.0.1", 0)).unwrap();
    let port = receiver.addrs()[0].port();
    let receiver = receiver.disable_signals().run();
    let handle = receiver.handle();
    tokio::spawn(receiver);
    let mut app = quiet(db).await;
    let url = format!("http://127.0.0.1:{port}/");
    app.post("/api/admin/webhooks", &app.admin(), json!({ "url": url })).await.expect(201);
    let event = event(&app).await;
    make_messages(&app, event, count).await;
    app.restart_with(|config| config.relay = true).await;
    let took = timed(until_done(&app.db, count)).await;
    assert!(came.load(Ordering::Relaxed) >= count);
    tell(&app.db, "relay and webhook", count, took);
    app.shutdown().await;
    handle.stop(false).await;
}

async fn to_mail_server(db: TestDb, count: usize) {
    mails::prepare(&db.store().await, count, |_| "kim").await;
    let server = SmtpServer::start(&["--brief"]);
    let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
    let app = mails::open(db, clock, server.url()).await;
    let took = timed(until_done(&app.db, count)).await;
    assert_eq!(server.end().len(), count);
    tell(&app.db, "relay and mail", count, took);
}

async fn run(db: impl AsyncFn() -> TestDb, count: usize) {
    to_sink(db().await, count).await;
    to_webhook(db().await, count).await;
    to_mail_server(db().await, count).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_where_nothing_fails() {
    run(TestDb::sqlite, 100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute: prints figures for docs/performance.md"]
async fn rates() {
    run(TestDb::postgres, 5_000).await;
    run(TestDb::sqlite, 5_000).await;
}
