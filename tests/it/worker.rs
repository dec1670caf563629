//! `admitone worker`: the work that instances leave to a process of its own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use admitone::config::{Config, Secret};
use admitone::ids::{OfferingId, ProductId};
use admitone::payments::{CrashPoints, Edge, Pace, Side};
use admitone::server::{Parts, Server as InProcess};
use reqwest::Method;
use serde_json::{Value, json};

use crate::cluster::CLUSTER_SECRET;
use crate::support::customers::Customer;
use crate::support::private_redis::PrivateRedis;
use crate::support::process::Server;
use crate::support::sold_event;
use crate::support::test_app::{SECRET, TestApp, standing_event};
use crate::support::test_db::{TestDb, eventually};
use crate::webhooks::receiver::Receiver;

const ORDERS: usize = 10;

/// Returns a process of a cluster, which is not started yet.
fn member(db: &TestDb, redis: &PrivateRedis, name: &str) -> Server {
    let settings = [
        ("REDIS_URL", redis.url()),
        ("ADMITONE_CLUSTER_SECRET", CLUSTER_SECRET.into()),
        ("ADMITONE_INSTANCE", name.into()),
        ("ADMITONE_LEASE_TTL", "1s".into()),
        ("ADMITONE_WORKERS", "1".into()),
        ("ADMITONE_RELAY", "false".into()),
        ("ADMITONE_WEBHOOK_ALLOW_PRIVATE", "true".into()),
    ];
    Server::with_settings(db.url(), &settings)
}

/// Sends a request to an instance; returns the data of the answer.
async fn ask(
    server: &Server,
    by: &Customer,
    (method, path): (Method, &str),
    body: &Value,
) -> Value {
    let request = reqwest::Client::new().request(method, format!("{}{path}", server.base));
    let answer = request.bearer_auth(&by.token).json(body).send().await.expect("it answers");
    let status = answer.status();
    let answer: Value = answer.json().await.expect("JSON");
    assert!(status.is_success(), "{path}: {answer}");
    answer["data"].clone()
}

/// Places an order, which is told in one message.
async fn order(server: &Server, event: OfferingId) {
    let customer = server.mint().customer();
    let places = json!({"productId": ProductId(0).to_public(event), "quantity": 1});
    let holds = format!("/api/events/{event}/holds");
    let body = json!({"bestAvailable": places});
    let hold = ask(server, &customer, (Method::POST, &holds), &body).await;
    let body = json!({"eventId": event, "holdId": hold["id"]});
    ask(server, &customer, (Method::POST, "/api/reservations"), &body).await;
}

/// Returns the ids of the messages that arrived below a path.
async fn arrived(receiver: &Receiver, path: &str) -> BTreeSet<String> {
    let log = receiver.log().await;
    let of_path = log.iter().filter(|message| message["path"] == path);
    of_path.map(|message| message["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_worker_had_claimed_is_sent_by_the_next() {
    let (db, redis) = (TestDb::postgres().await, PrivateRedis::start());
    let receiver = Receiver::start().await;
    let event = sold_event::open(&db.store().await, 50).await;
    let mut server = member(&db, &redis, "a");
    server.start_again();
    server.until_ready().await;
    let admin = server.mint().admin();
    let webhooks = "/api/admin/webhooks";
    let hangs = json!({"url": receiver.url("/hang/x"), "types": ["reservation.created"]});
    let made = ask(&server, &admin, (Method::POST, webhooks), &hangs).await;
    for _ in 0..ORDERS {
        order(&server, event).await;
    }
    assert_eq!(db.count("SELECT count(*) FROM deliveries").await, 0, "the instance relays nothing");

    let mut first = member(&db, &redis, "worker-1").into_worker();
    first.start_again();
    first.until_ready().await;
    eventually("calls are under way", async || !arrived(&receiver, "/hang/x").await.is_empty())
        .await;
    let members = ask(&server, &admin, (Method::GET, "/api/admin/instances"), &json!({})).await;
    let worker = members.as_array().unwrap().iter().find(|one| one["name"] == "worker-1");
    assert_eq!(worker.expect("it is a member")["weight"], 0);
    let client = reqwest::Client::new();
    for (path, status) in [("/api/events", 404), ("/", 404), ("/health/live", 200)] {
        let answer = client.get(format!("{}{path}", first.base)).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
    }
    first.kill();
    let waiting =
        "SELECT count(*) FROM deliveries WHERE state = 'WAITING' AND destination LIKE 'webhook%'";
    assert_eq!(db.count(waiting).await, ORDERS as i64, "nothing ended");

    let takes = json!({"url": receiver.url("/take/x")});
    let path = format!("{webhooks}/{}", made["id"].as_str().unwrap());
    ask(&server, &admin, (Method::PATCH, &path), &takes).await;
    // As if the two minutes of the claims were over.
    db.sql("UPDATE deliveries SET next_try_at = 0").await;
    let mut second = member(&db, &redis, "worker-2").into_worker();
    second.start_again();
    eventually("all arrive", async || arrived(&receiver, "/take/x").await.len() == ORDERS).await;
    let done =
        "SELECT count(*) FROM deliveries WHERE state = 'DONE' AND destination LIKE 'webhook%'";
    eventually("all are recorded", async || db.count(done).await == ORDERS as i64).await;
    assert!(second.stop().await, "{}", second.written());
    assert!(second.written().contains("works for the instances"), "{}", second.written());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_brings_a_payment_to_its_end_at_the_instance_that_owns_the_event() {
    let (db, redis) = (TestDb::postgres().await, PrivateRedis::start());
    let pace = |scan_interval| Pace {
        timeout: Duration::from_millis(100),
        scan_interval,
        ..Pace::default()
    };
    let has_stopped = Arc::new(AtomicBool::new(false));
    let stops = Arc::clone(&has_stopped);
    let stop_once = CrashPoints::new(move |_, edge, side| {
        (edge, side) == (Edge::Confirm, Side::Before) && !stops.swap(true, Ordering::SeqCst)
    });
    let of_cluster = |config: &mut Config, name: &str| {
        config.redis_url = Some(Secret::new(redis.url()));
        config.cluster_secret = Some(Secret::new(CLUSTER_SECRET));
        config.instance = Some(name.into());
        config.drain_delay = Some(Duration::ZERO);
    };
    let app = TestApp::with(db).config(|config| of_cluster(config, "a")).parts(|parts| {
        // The instance itself does not look for abandoned payments again.
        parts.payments_pace = pace(Duration::from_secs(3_600));
        parts.crash_points = stop_once;
    });
    let app = app.start().await;
    let mut config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        metrics_listen: None,
        jwt_secret: Secret::new(SECRET),
        database_url: Secret::new(app.db.url()),
        database_pool: 4,
        ..Config::default()
    };
    of_cluster(&mut config, "worker");
    let parts = Parts { payments_pace: pace(Duration::from_millis(50)), ..Parts::default() };
    let dir = tempfile::tempdir().unwrap();
    config.data_dir = dir.path().into();
    let worker = InProcess::start(config.for_worker(), parts).await.expect("it starts");
    assert!(worker.first_start.admin.is_none() && worker.first_start.demo.is_none());

    let event = app.create_event(standing_event(5)).await;
    let user = app.user().await;
    app.charge(&user, 10_000).await.expect(201);
    let lines = json!([{"productId": event["products"][0]["id"], "quantity": 1}]);
    let holds = format!("/api/events/{}/holds", event["id"].as_str().unwrap());
    let hold = app.post(&holds, &user, json!({"lines": lines})).await.expect(201);
    let body = json!({"eventId": event["id"], "holdId": hold["id"]});
    let order = app.post("/api/reservations", &user, body).await.expect(201);
    let order = format!("/api/reservations/{}", order["id"].as_str().unwrap());
    let paid = app.post(&format!("{order}/payments"), &user, json!({"method": "wallet"})).await;
    assert_eq!(paid.status, 503, "{}", paid.body);
    assert!(has_stopped.load(Ordering::SeqCst));
    eventually("the worker ends it", async || {
        app.get(&order, &user).await.expect(200)["status"] == "CONFIRMED"
    })
    .await;
    let at = format!("/api/admin/offerings/{}", event["id"].as_str().unwrap());
    let owner = app.get(&at, &app.admin()).await.expect(200)["owner"]["name"].clone();
    assert_eq!(owner, "a", "the worker asked the owner");
    worker.shutdown().await;
}

#[test]
fn a_worker_says_what_it_is_for_and_what_it_lacks() {
    let run = |url: &str, settings: &[(&str, String)], arguments: &[&str]| {
        let server = Server::with_settings(url, settings);
        let ended = server.command(arguments).output().expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (ended.status.code(), text(&ended.stdout), text(&ended.stderr))
    };
    let postgres = "postgres://nobody@127.0.0.1:9/none";
    let redis = ("REDIS_URL", "redis://127.0.0.1:9".to_owned());
    let secret = ("ADMITONE_CLUSTER_SECRET", CLUSTER_SECRET.to_owned());
    let smtp = [
        ("ADMITONE_MAIL", "smtp".to_owned()),
        ("ADMITONE_SMTP_URL", "smtp://127.0.0.1:9".to_owned()),
        ("ADMITONE_MAIL_FROM", "tickets@example.com".to_owned()),
    ];
    let with_mail = [vec![redis.clone(), secret.clone()], smtp.to_vec()].concat();
    for (url, settings, says) in [
        ("", vec![], "needs Postgres: a SQLite file belongs to one process"),
        (postgres, vec![], "REDIS_URL is not set: a worker finds the instances"),
        (postgres, vec![redis], "ADMITONE_CLUSTER_SECRET is not set"),
        (postgres, with_mail, "ADMITONE_PUBLIC_URL is not set"),
    ] {
        let (code, _, err) = run(url, &settings, &["worker"]);
        assert_eq!(code, Some(2), "{err}");
        assert!(err.contains(says), "{says}: {err}");
    }
    let (code, help, _) = run(postgres, &[], &["worker", "--help"]);
    assert_eq!(code, Some(0));
    for says in ["sell nothing", "ADMITONE_RELAY=false", "abandoned payments", "DATABASE_URL"] {
        assert!(help.contains(says), "{says}: {help}");
    }
}
