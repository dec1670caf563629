//! Two instances whose clocks are a minute apart, in the test's process: a machine has one clock.

use std::sync::Arc;
use std::time::Duration;

use admitone::accounts::{Caller, Role, Tokens};
use admitone::clock::{Clock, SystemClock};
use admitone::config::{Config, Secret};
use admitone::ids::{ProductId, UserId};
use admitone::inventory::TimestampMs;
use admitone::server::{Parts, Running, Server};
use admitone::store::{Options, Store};
use serde_json::{Value, json};

use super::CLUSTER_SECRET;
use crate::support::private_postgres::PrivatePostgres;
use crate::support::private_redis::PrivateRedis;
use crate::support::sold_event;
use crate::support::test_app::{ADMIN_PASSWORD, SECRET};
use crate::support::test_db::eventually;

/// The machine's clock, off by a fixed number of milliseconds.
struct Ahead(SystemClock, i64);

impl Clock for Ahead {
    fn now_ms(&self) -> TimestampMs {
        self.0.now_ms() + self.1
    }
    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }
}

async fn start(redis: &PrivateRedis, postgres: &PrivatePostgres, ahead_ms: i64) -> Running {
    let data = tempfile::tempdir().expect("a directory");
    let config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        metrics_listen: None,
        database_url: Secret::new(postgres.url()),
        redis_url: Some(Secret::new(redis.url())),
        cluster_secret: Some(Secret::new(CLUSTER_SECRET)),
        instance: Some(format!("{ahead_ms} ms ahead").replace(' ', "-")),
        lease_ttl: Duration::from_secs(2),
        jwt_secret: Secret::new(SECRET),
        admin_password: Some(Secret::new(ADMIN_PASSWORD)),
        data_dir: data.path().into(),
        demo: Some(false),
        workers: 1,
        database_pool: 4,
        drain_delay: Some(Duration::ZERO),
        log: "warn".into(),
        ..Config::default()
    };
    let clock = Arc::new(Ahead(SystemClock::new(), ahead_ms));
    let parts = Parts { clock, ..Parts::default() };
    Server::start(config, parts).await.expect("it starts")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_whose_clock_is_a_minute_off_owns_nothing_and_sells_through_the_other() {
    let (redis, postgres) = (PrivateRedis::start(), PrivatePostgres::start());
    let store = Store::connect(&Options::new(postgres.url())).await.expect("it answers");
    store.migrate().await.expect("the schema can be made");
    let wrong = start(&redis, &postgres, 60_000).await;
    let right = start(&redis, &postgres, 0).await;
    let client = reqwest::Client::new();
    let ready = async |server: &Running| {
        let url = format!("http://{}/health/ready", server.address);
        let answer = client.get(url).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"))
    };
    eventually("the clock is compared with the database's", async || {
        let (status, said) = ready(&wrong).await;
        status == 503 && said["error"]["details"]["clock"] == "down"
    })
    .await;
    for server in [&right, &wrong] {
        eventually("both know that one of them is ill", async || {
            let view = server.state().cluster.view();
            let ill = view.live_members().filter(|member| member.leaving).count();
            (ill, view.live_members().count()) == (1, 2)
        })
        .await;
    }
    assert_eq!(ready(&right).await.0, 200);

    let clock = Arc::new(SystemClock::new());
    let tokens = Tokens::new(SECRET, Duration::from_secs(600), clock);
    for _ in 0..12 {
        let event = sold_event::open(&store, 50).await;
        let caller = Caller::account(UserId::random(), Role::User);
        let token = tokens.issue(caller).expect("HMAC signs");
        let product = ProductId(0).to_public(event);
        let url = format!("http://{}/api/events/{event}/holds", wrong.address);
        let body = json!({ "bestAvailable": { "productId": product, "quantity": 2 } });
        let answer = client.post(url).bearer_auth(token).json(&body).send();
        let answer = answer.await.expect("an answer");
        let status = answer.status().as_u16();
        let hold: Value = answer.json().await.expect("JSON");
        assert_eq!(status, 201, "{hold}");
        let owner = store.journal().owner(event).await.expect("it can be read").expect("an owner");
        assert_eq!(*owner.address, right.address.to_string());
    }
    wrong.shutdown().await;
    right.shutdown().await;
}
