//! A sale as another system sees it through its webhook, with the relay at work.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::api::PATH;
use super::receiver::Receiver;
use crate::http::api_client::{Event, Shop};
use crate::support::test_db::eventually;

const BOUGHT: usize = 8;

/// The messages of one path of a receiver.
fn of<'a>(log: &'a [Value], path: &str) -> Vec<&'a Value> {
    log.iter().filter(|message| message["path"] == path).collect()
}

async fn sell(shop: &Shop, event: &Event<'_>) {
    for _ in 0..BOUGHT {
        shop.customer().buy(event, &event.places(1)).await;
    }
}

on_both_databases! {
    async fn a_receiver_gets_every_message_signed_and_can_prove_it_whatever_others_do(db: TestDb) {
        let receiver = Receiver::start().await;
        let shop = Shop::open_with(db, |config| config.webhook_allow_private = Some(true)).await;
        let (admin, event, other) = (shop.admin(), shop.event().await, shop.event().await);
        let make = async |path: &str, filter: Value| {
            let mut body = json!({"url": receiver.url(path), "eventIds": [event.id]});
            body.as_object_mut().unwrap().extend(filter.as_object().unwrap().clone());
            admin.post(PATH, &body).await.is(201)
        };
        let all = make("/take/all", json!({})).await;
        make("/take/paid", json!({"types": ["payment.*"]})).await;
        make("/hang/x", json!({})).await;
        let fails = make("/status/503/x", json!({"types": ["reservation.created"]})).await;
        let gone = make("/status/410/x", json!({})).await;
        make("/take/others", json!({"eventIds": [other.id]})).await;
        receiver.secrets(&[all.data["secret"].as_str().unwrap()]).await;
        sell(&shop, &event).await;

        // Created, paid and confirmed. What hangs is given up after 10 s, and nothing waits for it.
        eventually("all messages arrive", async || {
            let log = receiver.log().await;
            of(&log, "/take/all").len() >= 3 * BOUGHT && of(&log, "/take/paid").len() >= BOUGHT
        })
        .await;
        let log = receiver.log().await;
        let mut followers = BTreeMap::new();
        for message in of(&log, "/take/all") {
            assert_eq!(message["verified"], json!([0]), "{message}");
            let body: Value = serde_json::from_str(message["body"].as_str().unwrap()).unwrap();
            assert_eq!((&body["id"], &body["eventId"]), (&message["id"], &json!(event.id)));
            let text = |field: &str| body[field].as_str().unwrap().to_owned();
            followers.insert(text("previous"), text("cursor"));
        }
        // In whatever order the messages came, they are one chain: it follows what the event told
        // before the webhook was made, and has no gap.
        let cursors: BTreeSet<&String> = followers.values().collect();
        let starts: Vec<_> = followers.keys().filter(|previous| !cursors.contains(previous)).collect();
        let [start] = *starts else { panic!("{starts:?} in {followers:?}") };
        let (mut at, mut length) = (start.clone(), 0);
        while let Some(next) = followers.get(&at) {
            (at, length) = (next.clone(), length + 1);
        }
        assert_eq!(length, 3 * BOUGHT, "{followers:?}");
        for message in of(&log, "/take/paid") {
            assert!(message["body"].as_str().unwrap().contains("\"payment.completed\""));
        }
        assert!(of(&log, "/take/others").is_empty(), "of another event");

        eventually("the one that is gone is disabled", async || {
            let shown = admin.get(gone.header("location")).await.is(200).data;
            shown["status"] == "DISABLED"
        })
        .await;
        // What failed is tried again when its time comes, under the same id.
        let failed = async || {
            let log = receiver.log().await;
            let messages = of(&log, "/status/503/x").into_iter();
            messages.map(|one| one["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        eventually("each was tried once", async || failed().await.len() == BOUGHT).await;
        let path = format!("{}/deliveries?status=WAITING", fails.header("location"));
        eventually("each has its next time", async || {
            let waiting = admin.get(&path).await.is(200).data;
            let waiting = waiting.as_array().unwrap().clone();
            waiting.len() == BOUGHT && waiting.iter().all(|one| one["error"] == "it answered 503")
        })
        .await;
        // Retry-After of 7 s is longer than the first pause.
        let waiting = admin.get(&path).await.is(200).data;
        assert_eq!(waiting[0]["nextTryAt"], shop.time_in(7));
        shop.clock.advance_ms(7_000);
        eventually("each was tried twice", async || failed().await.len() == 2 * BOUGHT).await;
        let mut ids = failed().await;
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), BOUGHT);
    }
}
