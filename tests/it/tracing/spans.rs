//! One instance: which requests are traced, and a collector that fails.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::collector::{Collector, Mood};
use crate::support::test_app::{Answer, TestApp, standing_event};
use crate::support::test_db::{TestDb, eventually};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

struct Shop {
    app: TestApp,
    event: Value,
}

impl Shop {
    async fn open(endpoint: &str, sample: f64) -> Self {
        let endpoint = format!("{endpoint}/v1/traces");
        let app = TestApp::with(TestDb::sqlite().await)
            .config(|config| {
                config.otlp_endpoint = Some(endpoint);
                config.trace_sample = sample;
                config.instance = Some("the-only-one".into());
            })
            .start()
            .await;
        let event = app.create_event(standing_event(10_000)).await;
        Self { app, event }
    }

    async fn hold(&self, headers: &[(&str, &str)]) -> Answer {
        let path = format!("/api/events/{}/holds", self.event["id"].as_str().unwrap());
        let lines = json!([{ "productId": self.event["products"][0]["id"], "quantity": 1 }]);
        let user = self.app.user().await;
        let mut call = self.app.call(Method::POST, &path).by(&user).fresh_key();
        for (name, value) in headers {
            call = call.header(name, value);
        }
        call.json(&json!({ "lines": lines })).send().await
    }

    async fn metric(&self, series: &str) -> f64 {
        let metrics = self.app.metrics().await;
        let value = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{series}\n{metrics}"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_core_decides_on_behalf_of_the_request() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let noting = Arc::clone(&seen);
    let app = TestApp::with(TestDb::sqlite().await)
        .parts(|parts| {
            parts.offices.before_decide = Some(Arc::new(move |_, _| {
                let origin = admitone::trace::current().map(|origin| origin.request_id.to_string());
                noting.lock().unwrap().extend(origin);
            }));
        })
        .start()
        .await;
    let event = app.create_event(standing_event(10)).await;
    let shop = Shop { app, event };
    shop.hold(&[("X-Request-Id", "one")]).await.expect(201);
    let drawn = shop.hold(&[("X-Request-Id", "not sane")]).await;
    let drawn = drawn.headers["x-request-id"].to_str().unwrap();
    assert_eq!(*seen.lock().unwrap(), ["one", drawn]);
}

/// Returns a `traceparent` header: a span of the caller's trace.
fn from(span: u64, flags: &str) -> String {
    format!("00-{TRACE}-{span:016x}-{flags}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_traced_is_what_callers_want_and_chance_takes() {
    let collector = Collector::start(Mood::Takes).await;
    let mut shop = Shop::open(&collector.endpoint(), 0.0).await;
    shop.hold(&[]).await.expect(201);
    shop.hold(&[("traceparent", &from(1, "00"))]).await.expect(201);
    shop.hold(&[("traceparent", "00-nonsense-01")]).await.expect(201);
    shop.hold(&[("traceparent", &from(2, "01").to_uppercase())]).await.expect(201);
    shop.app.call(Method::GET, "/health/live").header("traceparent", &from(3, "01")).send().await;
    shop.hold(&[("traceparent", &from(4, "01"))]).await.expect(201);
    let path = "/api/events/00000000-0000-0000-0000-000000000000/holds";
    let call = shop.app.call(Method::POST, path).header("traceparent", &from(5, "01"));
    call.send().await.expect_error(401, "UNAUTHORIZED");
    shop.app.shutdown().await;
    let seen = collector.seen();
    let mut told: Vec<_> =
        seen.iter().map(|seen| (seen.parent(), seen.span.name.as_str())).collect();
    told.sort();
    let door = seen.iter().find(|seen| seen.parent() == "0000000000000004").unwrap();
    let mut expected = vec![
        ("0000000000000004".to_owned(), "POST /api/events/{event}/holds"),
        ("0000000000000005".to_owned(), "POST /api/events/{event}/holds"),
        (door.id(), "place_hold"),
    ];
    expected.sort();
    assert_eq!(told, expected, "sent before the stop was over");
    assert!(seen.iter().all(|seen| seen.instance == "the-only-one"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_that_begins_here_has_the_id_that_the_answer_gives() {
    let collector = Collector::start(Mood::Takes).await;
    let mut shop = Shop::open(&collector.endpoint(), 1.0).await;
    let answer = shop.hold(&[("traceparent", "00-00000000000000000000000000000000-01-01")]).await;
    let id = answer.headers["x-request-id"].to_str().unwrap().to_owned();
    let spans = collector.trace(&id, 2).await;
    assert!(spans.iter().any(|seen| seen.parent().is_empty()), "a new one begins: {spans:?}");
    let refused = shop.hold(&[("traceparent", &from(1, "00"))]).await;
    refused.expect(201);
    eventually("the exporter counts", async || {
        shop.metric("admitone_trace_spans_exported_total").await >= 2.0
    })
    .await;
    shop.app.shutdown().await;
    let unwanted = collector
        .seen()
        .into_iter()
        .filter(|seen| super::collector::hex(&seen.span.trace_id) == TRACE);
    assert_eq!(unwanted.count(), 0, "not against the caller's will");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_hangs_or_is_busy_disturbs_neither_sale_nor_stop() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (hanging, busy) =
        (Collector::start(Mood::Hangs).await, Collector::start(Mood::Overloaded).await);
    for endpoint in [format!("http://{nobody}"), hanging.endpoint(), busy.endpoint()] {
        let mut shop = Shop::open(&endpoint, 1.0).await;
        let started = Instant::now();
        for _ in 0..50 {
            shop.hold(&[]).await.expect(201);
        }
        assert!(started.elapsed() < Duration::from_secs(5), "{endpoint}");
        if endpoint != format!("http://{nobody}") {
            eventually("it is called", async || hanging.calls() + busy.calls() > 0).await;
        }
        let started = Instant::now();
        shop.app.shutdown().await;
        assert!(started.elapsed() < Duration::from_secs(6), "{endpoint}: {:?}", started.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_wait_for_a_collector_that_comes_back_and_are_counted_when_there_are_too_many() {
    let collector = Collector::start(Mood::Hangs).await;
    let mut shop = Shop::open(&collector.endpoint(), 1.0).await;
    let dropped = r#"admitone_trace_spans_dropped_total{reason="queue_full"}"#;
    assert!(shop.metric(dropped).await.abs() < f64::EPSILON);
    eventually("the first call hangs", async || collector.calls() > 0).await;
    eventually("the queue is full", async || {
        let asking = (0..200).map(|_| shop.app.get_anonymously("/api/events"));
        futures_util::future::join_all(asking).await;
        shop.metric(dropped).await > 0.0
    })
    .await;
    collector.set(Mood::Takes);
    eventually("what waited is sent", async || collector.seen().len() > 1_000).await;
    shop.app.shutdown().await;
}
