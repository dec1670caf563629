//! Requests repeated with the same key and body have one effect and one answer.

use reqwest::Method;
use serde_json::json;

use crate::http::api_client::{Answer, Shop};

on_both_databases! {
    async fn a_retry_is_answered_again_and_has_no_effect(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, kim) = (shop.event().await, shop.customer());
        let seat = event.seats().await[0].clone();
        let holds = event.at("holds");
        let body = json!({"seats": [seat]});
        let first = kim.post_with_key(&holds, "h1", &body).await.is(201);
        assert!(!first.is_replay());
        let again = kim.post_with_key(&holds, "h1", &body).await.is(201);
        assert!(again.is_replay());
        assert_eq!(again.data, first.data);
        kim.post_with_key(&holds, "h1", &event.places(1)).await
            .refused(422, "IDEMPOTENCY_KEY_REUSED");
        shop.customer().post_with_key(&holds, "h1", &event.places(1)).await.is(201);

        let body = json!({"eventId": event.id, "holdId": first.data["id"]});
        let reserved = kim.post_with_key("/api/reservations", "r1", &body).await.is(201);
        let again = kim.post_with_key("/api/reservations", "r1", &body).await.is(201);
        assert!(again.is_replay());
        assert_eq!(again.data["id"], reserved.data["id"]);
        let other = json!({"eventId": event.id, "productId": event.standing(), "quantity": 1});
        kim.post_with_key("/api/reservations", "r1", &other).await
            .refused(422, "IDEMPOTENCY_KEY_REUSED");
        assert_eq!(kim.get("/api/reservations").await.data.as_array().unwrap().len(), 1);
        // The hold has ended, but its answer is still the same.
        let late = kim.post_with_key(&holds, "h1", &json!({"seats": [seat]})).await.is(201);
        assert_eq!(late.data["lines"], first.data["lines"]);
        assert_eq!(event.counts(event.stalls()).await.held, 1);
    }

    async fn an_event_is_made_once_per_key(db: TestDb) {
        let shop = Shop::open(db).await;
        let (admin, body) = (shop.admin(), shop.event_body());
        let first = admin.post_with_key("/api/events", "e1", &body).await.is(201);
        let again = admin.post_with_key("/api/events", "e1", &body).await.is(201);
        assert!(again.is_replay() && !first.is_replay());
        assert_eq!(again.data["id"], first.data["id"]);
        assert_eq!(again.data["products"], first.data["products"]);
        let mut other = body.clone();
        other["name"] = json!("Othello");
        admin.post_with_key("/api/events", "e1", &other).await
            .refused(422, "IDEMPOTENCY_KEY_REUSED");
        assert_eq!(admin.get("/api/events").await.data.as_array().unwrap().len(), 1);
        let at = first.header("location").to_owned();
        let patch = |key: &'static str, body: serde_json::Value| {
            admin.request(Method::PATCH, &at).header("Idempotency-Key", key).json(&body)
        };
        Answer::of(patch("p1", json!({"name": "Macbeth"}))).await.is(200);
        let reused = Answer::of(patch("p1", json!({"name": "Lear", "status": "PAUSED"}))).await;
        reused.refused(422, "IDEMPOTENCY_KEY_REUSED");
        let now = admin.get(&at).await.is(200);
        assert_eq!((&now.data["name"], &now.data["status"]), (&json!("Macbeth"), &json!("SELLING")));
        // A change repeated after others have changed the same fields is not made again.
        let pause = json!({"status": "PAUSED", "saleStartAt": shop.time_in(-60), "name": "Lear"});
        Answer::of(patch("p2", pause.clone())).await.is(200);
        let resume = json!({"status": "SELLING", "saleStartAt": shop.time_in(-30), "name": "Hamlet"});
        Answer::of(patch("p3", resume)).await.is(200);
        let stale = Answer::of(patch("p2", pause)).await.is(200);
        assert!(stale.is_replay());
        assert_eq!([&stale.data["status"], &stale.data["name"]], ["SELLING", "Hamlet"]);
        assert_eq!(stale.data["saleStartAt"], shop.time_in(-30));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_of_a_customer_can_be_retried() {
    let shop = Shop::open(crate::support::test_db::TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, shop.customer());
    let hold = kim.post(&event.at("holds"), &event.places(1)).await.is(201);
    let at = event.at(&format!("holds/{}", hold.data["id"].as_str().unwrap()));
    shop.clock.advance_ms(1_000);
    let keyed = |method: Method, path: &str, key: &str| {
        kim.request(method, path).header("Idempotency-Key", key.to_owned())
    };
    let reservation = json!({"eventId": event.id, "productId": event.standing(), "quantity": 1});
    let reservation = kim.post("/api/reservations", &reservation).await.is(201);
    let reservation = format!("/api/reservations/{}", reservation.data["id"].as_str().unwrap());
    for (method, path) in [
        (Method::POST, format!("{at}/extend")),
        (Method::DELETE, at.clone()),
        (Method::POST, format!("{reservation}/cancel")),
    ] {
        let first = Answer::of(keyed(method.clone(), &path, "k")).await.is(200);
        let again = Answer::of(keyed(method.clone(), &path, "k")).await.is(200);
        assert!(!first.is_replay() && again.is_replay(), "{method} {path}");
        assert_eq!(again.data["status"], first.data["status"], "{method} {path}");
        assert_eq!(again.data["expiresAt"], first.data["expiresAt"], "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_1_to_255_visible_characters() {
    let shop = Shop::open(crate::support::test_db::TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, shop.customer());
    for bad in ["", "two words", "schlüssel", &"k".repeat(256)] {
        let answer = kim.post_with_key(&event.at("holds"), bad, &event.places(1)).await;
        answer.refused(400, "MALFORMED_IDEMPOTENCY_KEY");
    }
    kim.post_with_key(&event.at("holds"), &"k".repeat(255), &event.places(1)).await.is(201);
}
