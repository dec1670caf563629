//! More requests than can be served in time, over HTTP: which are admitted or refused, and how.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use admitone::inventory::Command;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::test_app::{Answer, TestApp, TestUser, standing_event};
use crate::support::test_db::TestDb;

/// The origin of a page that may call the API.
const ORIGIN: &str = "https://tickets.example";
/// Many more requests than the lowest admission limit.
const CROWD: usize = 400;

/// Starts a server that takes two milliseconds to decide a claim, on any machine, so that a crowd
/// waits for long.
async fn slow_server() -> TestApp {
    let slow = Arc::new(|_, request: &admitone::inventory::Request| {
        if matches!(request.command, Command::PlaceHold { .. } | Command::Reserve { .. }) {
            std::thread::sleep(Duration::from_millis(2));
        }
    });
    let builder = TestApp::with(TestDb::sqlite().await).config(|config| {
        config.latency_target = Some(Duration::from_millis(15));
        config.cors_origins = vec![ORIGIN.into()];
    });
    builder.parts(|parts| parts.offices.before_decide = Some(slow)).start().await
}

#[derive(Clone, Copy)]
enum Claim {
    Hold,
    /// A reservation without a hold before it.
    Reservation,
}

struct Sale {
    app: TestApp,
    hot: Value,
    quiet: Value,
    is_over: AtomicBool,
    held: AtomicUsize,
    refused: AtomicUsize,
}

impl Sale {
    async fn open() -> Arc<Self> {
        let app = slow_server().await;
        let hot = app.create_event(standing_event(1_000_000)).await;
        let quiet = app.create_event(standing_event(9)).await;
        Arc::new(Self {
            app,
            hot,
            quiet,
            is_over: AtomicBool::new(false),
            held: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
        })
    }

    fn let_in(self: &Arc<Self>, what: Claim) -> Vec<JoinHandle<()>> {
        (0..CROWD).map(|_| tokio::spawn(Arc::clone(self).press(what))).collect()
    }

    async fn hold(&self, event: &Value, user: &TestUser) -> Answer {
        let path = format!("/api/events/{}/holds", event["id"].as_str().unwrap());
        let lines = json!([{ "productId": event["products"][0]["id"], "quantity": 1 }]);
        let call = self.app.call(Method::POST, &path).by(user).header("Origin", ORIGIN);
        call.json(&json!({ "lines": lines })).send().await
    }

    async fn reserve(&self, event: &Value, user: &TestUser) -> Answer {
        let product = &event["products"][0]["id"];
        let body = json!({ "eventId": event["id"], "productId": product, "quantity": 1 });
        let call = self.app.call(Method::POST, "/api/reservations").by(user);
        call.header("Origin", ORIGIN).json(&body).send().await
    }

    /// Repeats the request without a pause, as no client should.
    async fn press(self: Arc<Self>, what: Claim) {
        let user = self.app.user().await;
        while !self.is_over.load(Ordering::Relaxed) {
            let answer = match what {
                Claim::Hold => self.hold(&self.hot, &user).await,
                Claim::Reservation => self.reserve(&self.hot, &user).await,
            };
            if answer.status == 201 {
                self.held.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            look_at_refusal(&answer);
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn until(&self, counter: &AtomicUsize, least: usize) {
        while counter.load(Ordering::Relaxed) < least {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn look_at_refusal(answer: &Answer) {
    answer.clone().expect_error(503, "BUSY");
    let header = |name: &str| answer.headers[name].to_str().unwrap().to_owned();
    let seconds: u64 = header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&seconds), "{seconds}");
    assert_eq!(header("access-control-allow-origin"), ORIGIN, "the page can read it");
    assert_eq!(header("x-request-id"), answer.body["error"]["requestId"].as_str().unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_is_kept_out_and_what_was_promised_goes_on() {
    let sale = Sale::open().await;
    let buyer = sale.app.user().await;
    sale.app.charge(&buyer, 1_000_000).await.expect(201);
    let hold = sale.hold(&sale.hot, &buyer).await.expect(201);
    let crowd = sale.let_in(Claim::Hold);
    sale.until(&sale.refused, 1).await;

    // A customer who has a hold can reserve and pay amid the crowd, step by step.
    let body = json!({ "eventId": hold["eventId"], "holdId": hold["id"] });
    let reservation = sale.app.post("/api/reservations", &buyer, body).await.expect(201);
    let path = format!("/api/reservations/{}/payments", reservation["id"].as_str().unwrap());
    let paid = sale.app.post(&path, &buyer, json!({ "method": "wallet" })).await.expect(200);
    assert_eq!(paid["status"], "CONFIRMED");
    // Another event sells, sooner or later, because it has had less than its share.
    let other = sale.app.user().await;
    let mut tries = 0;
    while sale.hold(&sale.quiet, &other).await.status != 201 {
        tries += 1;
        assert!(tries < 1_000, "the crowd keeps the other event out");
    }
    // Reads and scrapes are answered.
    let path = format!("/api/events/{}/availability", hold["eventId"].as_str().unwrap());
    sale.app.get_anonymously(&path).await.expect(200);
    let metrics = sale.app.metrics().await;
    assert!(value(&metrics, "admitone_admission_refused_total") > 0.0);
    assert!(value(&metrics, "admitone_admission_admitted_total") > 0.0);
    assert!(value(&metrics, "admitone_admission_limit") < 16_384.0);

    // The crowd is still being served, and after it ends all customers are admitted again.
    let held = sale.held.load(Ordering::Relaxed);
    sale.until(&sale.held, held + CROWD).await;
    sale.is_over.store(true, Ordering::Relaxed);
    for presser in crowd {
        presser.await.expect("no panic");
    }
    sale.hold(&sale.hot, &other).await.expect(201);
    let audit = format!("/api/events/{}/audit", hold["eventId"].as_str().unwrap());
    let audit = sale.app.get_anonymously(&audit).await.expect(200);
    let all = sale.held.load(Ordering::Relaxed) + 2;
    let path = format!("/api/events/{}/availability", hold["eventId"].as_str().unwrap());
    let shown = sale.app.get_anonymously(&path).await.expect(200);
    let taken = 1_000_000 - shown["products"][0]["available"].as_u64().unwrap();
    assert_eq!(taken, all as u64, "who was refused has nothing, everybody else has: {audit}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reservation_without_a_hold_is_a_claim_too() {
    let sale = Sale::open().await;
    let crowd = sale.let_in(Claim::Reservation);
    sale.until(&sale.refused, 1).await;
    sale.until(&sale.held, 1).await;
    sale.is_over.store(true, Ordering::Relaxed);
    for presser in crowd {
        presser.await.expect("no panic");
    }
}

fn value(metrics: &str, name: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name}\n{metrics}"))
}
