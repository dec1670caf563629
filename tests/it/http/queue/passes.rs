//! Passes: what opens a session, and what does not.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{enter, hold_with, pass_seconds, queue_path, status, switch_on};
use crate::http::api_client::{Answer, Shop};
use crate::support::test_db::TestDb;

on_both_databases! {
    async fn places_are_held_with_ones_own_pass_alone(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, other) = (shop.event().await, shop.event().await);
        switch_on(&shop, &event, json!({})).await;
        switch_on(&shop, &other, json!({})).await;
        let (kim, lee) = (shop.customer(), shop.customer());
        hold_with(&event, &kim, 1, &Value::Null).await.refused(403, "PASS_REQUIRED");
        let pass = enter(&event, &kim).await["passToken"].clone();
        let of_other = enter(&other, &kim).await["passToken"].clone();
        hold_with(&event, &kim, 1, &Value::Null).await.refused(403, "PASS_REQUIRED");
        hold_with(&event, &lee, 1, &pass).await.refused(403, "PASS_REQUIRED");
        hold_with(&event, &kim, 1, &of_other).await.refused(403, "PASS_REQUIRED");
        for forged in ["pass_", "pass_AAAAAQAAAAAAAAAAAAAAAAAAAAAAAAAA", "é", "Bearer x"] {
            hold_with(&event, &kim, 1, &json!(forged)).await.refused(403, "PASS_REQUIRED");
        }
        let wrong_header = kim.request(reqwest::Method::POST, &event.at("holds"));
        let wrong_header = wrong_header.header("X-Pass", pass.as_str().unwrap());
        let answer = Answer::of(wrong_header.json(&event.places(1))).await;
        answer.refused(403, "PASS_REQUIRED");
        hold_with(&event, &kim, 1, &pass).await.is(201);
        hold_with(&event, &kim, 1, &pass).await.is(201);
        assert_eq!(status(&event, &kim).await["passUsed"], true);
        let join = json!({"productId": event.standing(), "partySize": 1});
        lee.post(&event.at("waitlist"), &join).await.refused(409, "QUEUE_IS_ON");
    }

    async fn a_pass_that_is_not_used_expires(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        switch_on(&shop, &event, json!({"turns": 2})).await;
        let kim = shop.customer();
        let pass = enter(&event, &kim).await["passToken"].clone();
        pass_seconds(&shop, 299).await;
        assert_eq!(status(&event, &kim).await["status"], "ADMITTED");
        shop.clock.advance_ms(1_000);
        hold_with(&event, &kim, 1, &pass).await.refused(403, "PASS_EXPIRED");
        pass_seconds(&shop, 1).await;
        let expired = status(&event, &kim).await;
        assert_eq!((&expired["status"], &expired["turnsLeft"]), (&json!("EXPIRED"), &json!(1)));
        hold_with(&event, &kim, 1, &pass).await.refused(403, "PASS_EXPIRED");
        let second = enter(&event, &kim).await["passToken"].clone();
        assert_ne!(second, pass);
        hold_with(&event, &kim, 1, &pass).await.refused(403, "PASS_EXPIRED");
        hold_with(&event, &kim, 1, &second).await.is(201);
        // The hold ends after five minutes, the session a minute later.
        pass_seconds(&shop, 301).await;
        pass_seconds(&shop, 61).await;
        assert_eq!(status(&event, &kim).await["status"], "SERVED");
        hold_with(&event, &kim, 1, &second).await.refused(403, "PASS_USED");
        let enqueue = queue_path(&event, "enqueue");
        kim.post_nothing(&enqueue).await.refused(409, "QUEUE_TURNS_USED");
    }

    async fn a_purchase_ends_the_session(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        switch_on(&shop, &event, json!({})).await;
        let kim = shop.customer();
        kim.charge(1_000_000).await;
        let pass = enter(&event, &kim).await["passToken"].clone();
        // The way of the published design: the ids in the query, the pass in the header.
        let path = format!("/api/reservations?eventId={}&clientId={}", event.id, kim.user);
        let body = json!({"productId": event.standing(), "quantity": 2});
        kim.post(&path, &body).await.refused(403, "PASS_REQUIRED");
        let request = kim.request(reqwest::Method::POST, &path).json(&body);
        let request = request.header("X-Pass-Token", pass.as_str().unwrap());
        let reserved = Answer::of(request).await.is(201);
        let id = reserved.data["id"].as_str().unwrap();
        // Payment needs no pass.
        let pay = format!("/api/reservations/{id}/payments");
        kim.post_with_key(&pay, "pay-1", &json!({"method": "wallet"})).await.is(200);
        assert_eq!(status(&event, &kim).await["status"], "SERVED");
        hold_with(&event, &kim, 1, &pass).await.refused(403, "PASS_USED");
        let again = enter(&event, &kim).await;
        assert_eq!(again["status"], "ADMITTED", "a later turn is another session");
    }

    async fn a_pass_is_used_in_another_shop_once_even_by_a_hundred_requests(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        switch_on(&shop, &event, json!({})).await;
        let (kim, lee) = (shop.customer(), shop.customer());
        let pass = enter(&event, &kim).await["passToken"].clone();
        let validate = queue_path(&event, "validate-pass-token");
        let body = json!({"passToken": pass});
        lee.post(&validate, &body).await.refused(403, "PASS_REQUIRED");
        let named = json!({"passToken": pass, "clientId": kim.user});
        lee.post(&validate, &named).await.refused(403, "NOT_THE_CALLER");
        let raced = join_all((0..100).map(|_| kim.post(&validate, &body))).await;
        let (valid, refused): (Vec<_>, Vec<_>) =
            raced.into_iter().partition(|answer| answer.status == 200);
        assert_eq!(valid.len(), 1);
        for answer in refused {
            answer.refused(403, "PASS_USED");
        }
        let park = shop.customer();
        let pass = enter(&event, &park).await["passToken"].clone();
        // A shop's backend, with a key: the retry gets the first answer.
        let named = json!({"passToken": pass, "clientId": park.user});
        let admin = shop.admin();
        assert!(!admin.post_with_key(&validate, "shop-1", &named).await.is(200).is_replay());
        assert!(admin.post_with_key(&validate, "shop-1", &named).await.is(200).is_replay());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_published_routes_answer_too() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    switch_on(&shop, &event, json!({})).await;
    let kim = shop.customer();
    let base = shop.app.url(&format!("/queue/{}", event.id));
    let (client, token) = (reqwest::Client::new(), kim.token().to_owned());
    let enqueue = format!("{base}/enqueue?clientId={}", kim.user);
    let entered = client.post(enqueue).bearer_auth(&token).send().await.unwrap();
    assert_eq!(entered.status(), 200);
    let status = format!("{base}/status?clientId={}", kim.user);
    let status = client.get(status).bearer_auth(&token).send().await.unwrap();
    let status: Value = status.json().await.unwrap();
    let pass = status["data"]["passToken"].as_str().unwrap();
    assert!(pass.starts_with("pass_"), "{status}");
    let progress = client.get(format!("{base}/progress")).send().await.unwrap();
    assert_eq!(progress.status(), 200);
    let validate = client.post(format!("{base}/validate-pass-token")).bearer_auth(&token);
    let validated = validate.json(&json!({"passToken": pass})).send().await.unwrap();
    assert_eq!(validated.status(), 200);
    let left = client.delete(&base).bearer_auth(&token).send().await.unwrap();
    assert_eq!(left.status(), 200);
}
