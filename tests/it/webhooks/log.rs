//! The log of an endpoint, and messages that are sent again.

use admitone::clock::Clock;
use admitone::ids::WebhookId;
use admitone::webhooks::{Push, PushOutcome};
use reqwest::Method;
use serde_json::{Value, json};

use super::api::{PATH, shop};
use super::receiver::Receiver;
use crate::http::api_client::{Answer, Shop};

/// Writes a delivery as the relay does; returns its id.
pub async fn delivery(shop: &Shop, hook: &str, message: &str, state: &str, at: i64) -> String {
    deliveries(shop, hook, [message.to_owned()].into_iter(), state, at).await.remove(0)
}

/// Writes a delivery for each message, a millisecond apart; returns their ids.
async fn deliveries(
    shop: &Shop,
    hook: &str,
    messages: impl Iterator<Item = String>,
    state: &str,
    first: i64,
) -> Vec<String> {
    let (mut ids, mut rows) = (Vec::new(), Vec::new());
    for (at, message) in (first..).zip(messages) {
        let id = uuid::Uuid::new_v4();
        let written = match shop.app.db.is_postgres() {
            true => format!("'{id}'"),
            false => format!("X'{}'", id.simple()),
        };
        let processed = if state == "WAITING" { "NULL".to_owned() } else { at.to_string() };
        let error = if state == "PARKED" { "'it answered 500'" } else { "NULL" };
        rows.push(format!(
            "({written}, '{message}', 'webhook:{hook}', 'reservation.created', '{{\"id\":\"{message}\"}}', 0,
              '{state}', 3, {at}, {error}, {processed}, {at}, {at})"
        ));
        ids.push(id.to_string());
    }
    let insert =
        "INSERT INTO deliveries (id, message_id, destination, kind, body, lane, state, attempts,
        next_try_at, error, processed_at, created_at, updated_at) VALUES";
    shop.app.db.sql(&format!("{insert} {}", rows.join(", "))).await;
    ids
}

/// Makes an endpoint; returns its id.
pub async fn hook(shop: &Shop, url: &str) -> String {
    let made = shop.admin().post(PATH, &json!({ "url": url })).await.is(201);
    made.data["id"].as_str().unwrap().to_owned()
}

on_both_databases! {
    async fn the_log_shows_messages_with_their_attempts_newest_first(db: TestDb) {
        let (shop, receiver) = (shop(db).await, Receiver::start().await);
        let (admin, now) = (shop.admin(), shop.clock.now_ms());
        let (one, other) = (hook(&shop, &receiver.url("/flaky/x")).await, hook(&shop, &receiver.url("/take/x")).await);
        for (index, state) in (0..).zip(["DONE", "PARKED", "WAITING", "CANCELLED"]) {
            delivery(&shop, &one, &format!("m{index}"), state, now - 10_000 + index).await;
        }
        delivery(&shop, &other, "m0", "WAITING", now).await;
        let endpoint: WebhookId = one.parse().unwrap();
        for attempt in 1..=2 {
            let push = Push { endpoint, message_id: "m1".into(), body: "{}".into(), attempt };
            let outcome = shop.app.state().webhooks.push(&push).await;
            assert_eq!(outcome == PushOutcome::Delivered { status: 200 }, attempt == 2, "{outcome:?}");
        }
        let path = format!("{PATH}/{one}/deliveries");
        let first = admin.get(&format!("{path}?limit=3")).await.is(200);
        let ids = |page: &Answer| {
            let list = page.data.as_array().unwrap().clone();
            list.iter().map(|one| one["messageId"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(ids(&first), ["m3", "m2", "m1"]);
        let cursor = first.body["meta"]["nextCursor"].as_str().unwrap();
        assert_eq!(ids(&admin.get(&format!("{path}?cursor={cursor}")).await.is(200)), ["m0"]);
        let waiting = &first.data[1];
        assert_eq!((&waiting["status"], &waiting["attemptCount"]), (&json!("WAITING"), &json!(3)));
        assert!(waiting["nextTryAt"].is_string() && waiting["processedAt"].is_null());
        let parked = admin.get(&format!("{path}?status=PARKED")).await.is(200);
        assert_eq!(ids(&parked), ["m1"]);
        let parked = &parked.data[0];
        assert_eq!((&parked["error"], &parked["body"]), (&json!("it answered 500"), &json!("{\"id\":\"m1\"}")));
        let attempts = parked["attempts"].as_array().unwrap();
        let shown = |field: &str| attempts.iter().map(|one| one[field].clone()).collect::<Vec<_>>();
        assert_eq!(shown("attempt"), [1, 2]);
        assert_eq!(shown("httpStatus"), [500, 200]);
        assert_eq!(shown("error"), [json!("it answered 500"), Value::Null]);
        admin.get(&format!("{path}?status=LOST")).await.refused(422, "INVALID");
        admin.get(&format!("{path}?cursor=x")).await.refused(422, "INVALID");
        let none = format!("{PATH}/5f0f2c1a-0000-4000-8000-000000000001/deliveries");
        admin.get(&none).await.refused(404, "NOT_FOUND");
    }
}

on_both_databases! {
    async fn messages_are_sent_again_one_by_one_or_since_a_time(db: TestDb) {
        let shop = shop(db).await;
        let (admin, now) = (shop.admin(), shop.clock.now_ms());
        let (one, other) = (hook(&shop, "http://127.0.0.1:9/").await, hook(&shop, "http://127.0.0.1:9/").await);
        let old = delivery(&shop, &one, "old", "DONE", now - 60_000).await;
        let parked = delivery(&shop, &one, "parked", "PARKED", now - 30_000).await;
        let waiting = delivery(&shop, &one, "waiting", "WAITING", now - 20_000).await;
        let many = (0..1_500).map(|index| format!("n{index}"));
        deliveries(&shop, &one, many, "DONE", now - 10_000).await;
        let others = delivery(&shop, &other, "parked", "PARKED", now).await;
        let at = |delivery: &str| format!("{PATH}/{one}/deliveries/{delivery}/replay");
        let replay = |key: &'static str| admin.request(Method::POST, &at(&parked)).header("Idempotency-Key", key);
        let again = Answer::of(replay("r1")).await.is(200).data;
        assert_eq!((&again["status"], &again["attemptCount"]), (&json!("WAITING"), &json!(0)));
        assert!(again["error"].is_null() && again["processedAt"].is_null());
        assert_eq!(again["nextTryAt"], shop.time_in(0), "it is due now");
        assert!(Answer::of(replay("r1")).await.is(200).is_replay());
        Answer::of(replay("r2")).await.refused(409, "WRONG_STATE");
        admin.post_nothing(&at(&waiting)).await.refused(409, "WRONG_STATE");
        let later = delivery(&shop, &one, "later", "WAITING", now - 15_000).await;
        delivery(&shop, &one, "another", "WAITING", now - 15_000).await;
        let put_off = format!(
            "UPDATE deliveries SET next_try_at = {}, attempts = 3 WHERE message_id IN ('later', 'another')",
            now + 60_000
        );
        shop.app.db.sql(&put_off).await;
        let hurried = admin.post_nothing(&at(&later)).await.is(200).data;
        assert_eq!(hurried["nextTryAt"], shop.time_in(0), "it waits no longer");
        assert_eq!(hurried["attemptCount"], json!(3), "its attempts go on");
        admin.post_nothing(&at(&later)).await.refused(409, "WRONG_STATE");
        admin.post_nothing(&at(&others)).await.refused(404, "NOT_FOUND");

        shop.clock.advance_ms(1_000);
        let since = |seconds: i64| format!("{PATH}/{one}/replay?since={}", shop.time_in(seconds));
        let path = since(-40);
        let all = || admin.request(Method::POST, &path).header("Idempotency-Key", "all-1");
        assert_eq!(Answer::of(all()).await.is(200).data, json!({"replayed": 1_501}));
        let due = format!("SELECT count(*) FROM deliveries WHERE next_try_at = {}", shop.clock.now_ms());
        assert_eq!(shop.app.db.count(&due).await, 1_501, "the one that waited too");
        let again = Answer::of(all()).await.is(200);
        assert!(again.is_replay());
        assert_eq!(again.data, json!({"replayed": 1_501}));
        assert_eq!(admin.post_nothing(&since(-40)).await.is(200).data, json!({"replayed": 0}));
        let state = "SELECT state FROM deliveries WHERE message_id IN ('old', 'parked') AND state <> 'WAITING' ORDER BY state";
        assert_eq!(shop.app.db.texts(state).await, ["DONE", "PARKED"], "an older one, and another's");
        for bad in ["", "?since=", "?since=yesterday", "?since=2026-01-01", "?sinc=2026-01-01T00:00:00Z"] {
            admin.post_nothing(&format!("{PATH}/{one}/replay{bad}")).await.refused(422, "INVALID");
        }
        admin.post_nothing(&at(&old)).await.is(200);

        // What waits for an endpoint that is deleted is not sent.
        admin.delete(&format!("{PATH}/{one}")).await.is(200);
        let waiting = "SELECT COUNT(*) FROM deliveries WHERE state = 'WAITING'";
        assert_eq!(shop.app.db.count(waiting).await, 0);
    }
}
