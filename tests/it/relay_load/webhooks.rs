//! Webhooks to four endpoints: one is good, one stumbles, one hangs, and one is gone. The receiver
//! verifies every message with the public library of another language.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use admitone::clock::{Clock, ManualClock, SystemClock};
use admitone::ids::OfferingId;
use admitone::store::{DeliveryRow, DeliveryState};
use reqwest::Method;
use serde_json::{Value, json};

use super::{deliveries, event, make_messages, name_of, pass_time, per_second, timed, until};
use crate::support::test_app::TestApp;
use crate::support::test_db::TestDb;
use crate::webhooks::receiver::Receiver;

const PATH: &str = "/api/admin/webhooks";
/// A call that hangs is given up after this time.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Calls to one endpoint under way at a time, as the relay has it.
const UNDER_WAY: usize = 8;
/// The receiver's library refuses what is older or younger by five minutes.
const BEYOND_TOLERANCE: i64 = 600;
const REFUSED: usize = 20;

struct Scene {
    app: TestApp,
    clock: Arc<ManualClock>,
    receiver: Receiver,
    secrets: Vec<String>,
}

/// An endpoint, and its name among the destinations.
struct Endpoint {
    path: String,
    destination: String,
}

impl Scene {
    async fn open(db: TestDb) -> Self {
        let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
        let app = TestApp::with(db)
            .clock(clock.clone())
            .config(|config| config.webhook_allow_private = Some(true))
            .parts(|parts| {
                parts.webhook_timeout = TIMEOUT;
                parts.offices.sweep_interval = Duration::from_secs(3_600);
            });
        let receiver = Receiver::start().await;
        // The relay's clock stands still, and is moved on by minutes while messages are under way.
        receiver.ahead_of_sender(0).await;
        Self { app: app.start().await, clock, receiver, secrets: Vec::new() }
    }

    async fn endpoint(&mut self, path: &str, event: OfferingId) -> Endpoint {
        let body = json!({ "url": self.receiver.url(path), "eventIds": [event.to_string()] });
        let made = self.app.post(PATH, &self.app.admin(), body).await.expect(201);
        self.secrets.push(made["secret"].as_str().unwrap().into());
        let secrets: Vec<&str> = self.secrets.iter().map(String::as_str).collect();
        self.receiver.secrets(&secrets).await;
        let id = made["id"].as_str().unwrap();
        Endpoint { path: format!("{PATH}/{id}"), destination: format!("webhook:{id}") }
    }

    /// Waits until so many messages have come to a path.
    async fn until_came(&self, path: &str, count: usize) {
        until(&format!("{count} messages to {path}"), async || {
            self.receiver.counts().await.get(path).is_some_and(|came| *came >= count)
        })
        .await;
    }

    /// Lets time pass until no delivery waits.
    async fn until_settled(&self) {
        until("no webhook waits", async || pass_time(&self.app.db, &self.clock).await).await;
    }

    async fn rows(&self, endpoint: &Endpoint) -> Vec<DeliveryRow> {
        deliveries(&self.app.state().store, &endpoint.destination).await
    }
}

/// The messages of a path, in the order in which they came.
fn bodies(log: &[Value], path: &str) -> Vec<Value> {
    let of_path = log.iter().filter(|message| message["path"] == path);
    of_path
        .map(|message| serde_json::from_str(message["body"].as_str().unwrap()).unwrap())
        .collect()
}

/// Brings messages in their order by nothing but what they say: each names the one before it. Returns
/// as many chains as there are messages whose predecessor is missing.
fn rebuild(bodies: &[Value]) -> Vec<Vec<&Value>> {
    let cursors: BTreeSet<&str> =
        bodies.iter().map(|body| body["cursor"].as_str().unwrap()).collect();
    let mut following: BTreeMap<&str, &Value> =
        bodies.iter().map(|body| (body["previous"].as_str().unwrap(), body)).collect();
    let starts: Vec<&str> =
        following.keys().copied().filter(|previous| !cursors.contains(previous)).collect();
    let chain = |start| {
        let (mut chain, mut at) = (Vec::new(), start);
        while let Some(next) = following.remove(at) {
            chain.push(next);
            at = next["cursor"].as_str().unwrap();
        }
        chain
    };
    starts.into_iter().map(chain).collect()
}

fn place(body: &Value) -> (u64, u64) {
    (body["seq"].as_u64().unwrap(), body["position"].as_u64().unwrap())
}

/// Checks that order and gaps follow from what came; returns how many came after a later one.
fn check_order(came: &[Value], count: usize) -> usize {
    let chains = rebuild(came);
    let [chain] = &*chains else { panic!("{} gaps", chains.len() - 1) };
    assert_eq!(chain.len(), count, "each message once");
    assert!(chain.windows(2).all(|pair| place(pair[0]) < place(pair[1])), "in the event's order");
    // A message that is missing shows, and where.
    let missing = chain[count / 2];
    let rest: Vec<Value> = came.iter().filter(|body| *body != missing).cloned().collect();
    let chains = rebuild(&rest);
    let lengths: Vec<usize> = chains.iter().map(Vec::len).collect();
    assert_eq!(lengths.iter().sum::<usize>(), count - 1);
    assert_eq!(lengths.len(), 2, "one gap");
    assert!(chains.iter().any(|chain| chain[0]["previous"] == missing["cursor"]));
    came.windows(2).filter(|pair| place(&pair[0]) > place(&pair[1])).count()
}

/// Returns how long an endpoint without fault waits for all messages of an event that is its own.
async fn alone(scene: &mut Scene, messages: usize) -> Duration {
    let event = event(&scene.app).await;
    scene.endpoint("/strict/alone", event).await;
    timed_sale(scene, event, messages, "/strict/alone").await
}

/// Does the same beside an endpoint that hangs, which is deleted afterwards.
async fn beside_one_that_hangs(scene: &mut Scene, messages: usize) -> Duration {
    let event = event(&scene.app).await;
    scene.endpoint("/strict/beside", event).await;
    let hanging = scene.endpoint("/hang/beside", event).await;
    let took = timed_sale(scene, event, messages, "/strict/beside").await;
    let deleting = scene.app.call(Method::DELETE, &hanging.path).by(&scene.app.admin());
    deleting.fresh_key().send().await.expect(200);
    took
}

async fn timed_sale(scene: &Scene, event: OfferingId, messages: usize, path: &str) -> Duration {
    timed(async {
        make_messages(&scene.app, event, messages).await;
        scene.until_came(path, messages).await;
    })
    .await
}

async fn run(db: TestDb, messages: usize) {
    let mut scene = Scene::open(db).await;
    let alone = alone(&mut scene, messages).await;
    let beside_one = beside_one_that_hangs(&mut scene, messages).await;

    let event = event(&scene.app).await;
    let good = scene.endpoint("/strict/good", event).await;
    let stumbling = scene.endpoint("/stumble/x", event).await;
    let hanging = scene.endpoint("/hang/x", event).await;
    let gone = scene.endpoint("/status/410/x", event).await;
    let began = SystemClock::new();
    let together = timed_sale(&scene, event, messages, "/strict/good").await;
    let hung = scene.receiver.counts().await.get("/hang/x").copied().unwrap_or_default();
    let still: usize = scene.rows(&hanging).await.iter().filter(|row| is_waiting(row)).count();
    assert_eq!(still, messages, "the one that hangs has taken none");

    // The endpoint that hung is mended.
    let mended = json!({ "url": scene.receiver.url("/strict/mended") });
    let changing = scene.app.call(Method::PATCH, &hanging.path).by(&scene.app.admin());
    changing.fresh_key().json(&mended).send().await.expect(200);
    scene.until_settled().await;
    let took = began.monotonic();
    let log = scene.receiver.log().await;
    let late = check_order(&bodies(&log, "/strict/good"), messages);
    check_order(&bodies(&log, "/strict/mended"), messages);
    for message in &log {
        let verified = message["verified"].as_array().unwrap().len();
        assert_eq!(verified, 1, "by the secret of its endpoint: {message}");
    }
    for endpoint in [&good, &stumbling, &hanging] {
        let rows = scene.rows(endpoint).await;
        assert_eq!(rows.len(), messages);
        assert!(rows.iter().all(|row| row.state == DeliveryState::Done), "delivered in the end");
    }
    let stumbled = bodies(&log, "/stumble/x");
    assert!(stumbled.len() > messages, "some were sent again");
    let ended = check_gone(&scene, &gone, &log).await;
    let sent = log.iter().filter(|message| is_of(message, event)).count();
    let rows = 3 * messages + ended;
    println!(
        "{}: {messages} messages, {rows} deliveries, {sent} calls in {:.0} s; the good endpoint had all after \
         {:.2} s alone ({:.0}/s), beside one that hangs in {:.2} times as long, beside all three in {:.2}; {late} \
         came after a later one; {} calls hung meanwhile; {} failed with 500; {ended} parked by 410",
        name_of(&scene.app.db),
        took.as_secs_f64(),
        alone.as_secs_f64(),
        per_second(messages, alone),
        beside_one.as_secs_f64() / alone.as_secs_f64(),
        together.as_secs_f64() / alone.as_secs_f64(),
        hung,
        stumbled.len() - messages,
    );
    check_wrong_clock(&scene, event, &good, messages).await;
}

fn is_of(message: &Value, event: OfferingId) -> bool {
    message["body"].as_str().unwrap().contains(&event.to_string())
}

fn is_waiting(row: &DeliveryRow) -> bool {
    row.state == DeliveryState::Waiting
}

/// Checks that the endpoint that is gone was left alone; returns how many deliveries it had.
async fn check_gone(scene: &Scene, gone: &Endpoint, log: &[Value]) -> usize {
    let asked = bodies(log, "/status/410/x").len();
    assert!((1..=UNDER_WAY).contains(&asked), "asked {asked} times");
    let shown = scene.app.get(&gone.path, &scene.app.admin()).await.expect(200);
    assert_eq!(shown["status"], "DISABLED");
    let rows = scene.rows(gone).await;
    for row in &rows {
        assert_eq!(row.state, DeliveryState::Parked);
        assert!(row.error.as_deref().unwrap().contains("it answered 410 Gone"), "{row:?}");
    }
    rows.len()
}

/// Checks that a receiver whose clock is wrong refuses messages, and gets them once it is right.
async fn check_wrong_clock(scene: &Scene, event: OfferingId, good: &Endpoint, messages: usize) {
    scene.receiver.ahead_of_sender(BEYOND_TOLERANCE).await;
    make_messages(&scene.app, event, REFUSED).await;
    until("what is refused waits", async || {
        let rows = scene.rows(good).await;
        let refused = rows.iter().filter(|row| row.error.as_deref() == Some("it answered 401"));
        refused.filter(|row| is_waiting(row)).count() == REFUSED
    })
    .await;
    scene.receiver.ahead_of_sender(0).await;
    scene.until_settled().await;
    let log = scene.receiver.log().await;
    let came: Vec<&Value> =
        log.iter().filter(|message| message["path"] == "/strict/good").skip(messages).collect();
    let verified = |message: &&&Value| message["verified"] != json!([]);
    assert_eq!(came.iter().filter(verified).count(), REFUSED);
    assert_eq!(came.len(), 2 * REFUSED, "each was refused once");
    let rows = scene.rows(good).await;
    assert!(rows.iter().all(|row| row.state == DeliveryState::Done));
}

on_both_databases! {
    async fn an_endpoint_gets_all_messages_whatever_three_others_do(db: TestDb) {
        run(db, 150).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: prints figures for docs/performance.md"]
async fn ten_thousand_webhooks() {
    run(TestDb::postgres().await, 3_400).await;
    run(TestDb::sqlite().await, 3_400).await;
}
