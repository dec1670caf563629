//! Places in line: the draw, first come first served, silence, what is left.

use serde_json::{Value, json};

use super::{admin_path, enter, hold_with, pass_seconds, queue_path, status, switch_on};
use crate::http::api_client::{Person, Shop};
use crate::support::test_db::TestDb;

on_both_databases! {
    async fn people_are_served_in_the_order_in_which_they_came(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        switch_on(&shop, &event, json!({"passesPerMinute": 6})).await;
        let people: Vec<Person<'_>> = (0..4).map(|_| shop.customer()).collect();
        for (nth, person) in people.iter().enumerate() {
            let entered = enter(&event, person).await;
            let position = nth.checked_sub(1);
            assert_eq!(entered["position"], json!(position), "the first is admitted at once");
            let again = enter(&event, person).await;
            assert_eq!(again["entryNumber"], entered["entryNumber"], "the same place");
            assert_eq!(again["position"], json!(position));
        }
        let first = status(&event, &people[0]).await;
        assert_eq!(first["status"], "ADMITTED");
        assert!(first["passToken"].as_str().is_some_and(|pass| pass.starts_with("pass_")));
        let last = status(&event, &people[3]).await;
        assert_eq!((&last["status"], &last["passToken"]), (&json!("WAITING"), &Value::Null));
        assert_eq!(last["total"], 3);

        // Six passes a minute: one every ten seconds.
        pass_seconds(&shop, 9).await;
        assert_eq!(status(&event, &people[1]).await["status"], "WAITING");
        pass_seconds(&shop, 1).await;
        assert_eq!(status(&event, &people[1]).await["status"], "ADMITTED");
        assert_eq!(status(&event, &people[2]).await["position"], 0);
        people[2].delete(&format!("/api/queue/{}", event.id)).await.is(200);
        pass_seconds(&shop, 10).await;
        assert_eq!(status(&event, &people[3]).await["status"], "ADMITTED", "who left is a gap");
    }

    async fn who_came_before_the_opening_is_drawn_and_others_stand_behind(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        let rules = json!({"opensAt": shop.time_in(60), "passesPerMinute": 6});
        switch_on(&shop, &event, rules).await;
        let early: Vec<Person<'_>> = (0..12).map(|_| shop.customer()).collect();
        for person in &early {
            let entered = enter(&event, person).await;
            assert_eq!(entered["status"], "PRE_QUEUE");
            assert_eq!((&entered["position"], &entered["passToken"]), (&Value::Null, &Value::Null));
            assert_eq!(entered["opensAt"], shop.time_in(60));
        }
        pass_seconds(&shop, 59).await;
        let progress = shop.nobody().get(&queue_path(&event, "progress")).await.is(200);
        assert_eq!(progress.data["phase"], "PRE_QUEUE");
        assert_eq!(progress.data["admitted"], 0, "nobody is admitted before the draw");
        assert_eq!(progress.header("cache-control"), "public, max-age=1");
        pass_seconds(&shop, 2).await;
        pass_seconds(&shop, 1).await;
        let late = shop.customer();
        assert_eq!(enter(&event, &late).await["position"], 11, "one is admitted, eleven wait");
        let mut positions = Vec::new();
        for person in &early {
            let now = status(&event, person).await;
            match now["position"].as_u64() {
                Some(position) => positions.push(position),
                None => assert_eq!(now["status"], "ADMITTED"),
            }
        }
        let arrived = positions.clone();
        positions.sort_unstable();
        assert!(positions.iter().copied().eq(0..11), "each place once: {arrived:?}");
    }

    async fn a_freed_place_goes_to_the_next_in_line_and_none_to_others(db: TestDb) {
        let shop = Shop::open(db).await;
        let mut body = shop.event_body();
        body["products"] = json!([
            {"name": "Standing", "price": {"amount": 50_000, "currency": "KRW"}, "totalStock": 2}
        ]);
        body["seatMap"] = Value::Null;
        let event = shop.event_from(body).await;
        let product = shop.nobody().get(&event.path).await.data["products"][0]["id"].clone();
        switch_on(&shop, &event, json!({"passesPerMinute": 600})).await;
        let people: Vec<Person<'_>> = (0..4).map(|_| shop.customer()).collect();
        for person in &people {
            enter(&event, person).await;
        }
        // Two places: two sessions, and no more.
        let first = status(&event, &people[0]).await;
        assert_eq!(status(&event, &people[1]).await["status"], "ADMITTED");
        let third = status(&event, &people[2]).await;
        assert_eq!((&third["status"], &third["position"]), (&json!("WAITING"), &json!(0)));
        let places = |quantity: u32| json!({"lines": [{"productId": product, "quantity": quantity}]});
        let request = people[0].request(reqwest::Method::POST, &event.at("holds")).json(&places(2));
        let request = request.header("X-Pass-Token", first["passToken"].as_str().unwrap());
        let held = crate::http::api_client::Answer::of(request).await.is(201);
        pass_seconds(&shop, 2).await;
        let third = status(&event, &people[2]).await;
        assert_eq!(third["prospects"]["outlook"], "SOLD_OUT_FOR_NOW");
        assert_eq!(third["prospects"]["placesHeld"], 2);
        let second = status(&event, &people[1]).await;
        assert_eq!(second["prospects"]["placesLeft"], 0, "who is inside is told");
        let hold = event.at(&format!("holds/{}", held.data["id"].as_str().unwrap()));
        people[0].delete(&hold).await.is(200);
        pass_seconds(&shop, 1).await;
        // One is inside who holds nothing yet, and one who had both: a place is for the next.
        assert_eq!(status(&event, &people[2]).await["status"], "ADMITTED");
        assert_eq!(status(&event, &people[3]).await["status"], "WAITING", "and none for others");
    }

    async fn who_is_silent_is_passed_over_and_returns_to_the_front(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        switch_on(&shop, &event, json!({"passesPerMinute": 6, "silenceSeconds": 120})).await;
        let people: Vec<Person<'_>> = (0..4).map(|_| shop.customer()).collect();
        for person in &people {
            enter(&event, person).await;
        }
        shop.admin().put(&admin_path(&event), &json!({"paused": true})).await.is(200);
        pass_seconds(&shop, 100).await;
        status(&event, &people[2]).await;
        status(&event, &people[3]).await;
        pass_seconds(&shop, 30).await;
        // The second was not heard of for 130 seconds.
        let totals = shop.admin().get(&admin_path(&event)).await.is(200);
        assert_eq!(totals.data["totals"]["setAside"], 1);
        let behind = status(&event, &people[2]).await["position"].as_u64();
        let back = status(&event, &people[1]).await;
        assert_eq!((&back["status"], &back["position"]), (&json!("WAITING"), &json!(0)));
        let now = status(&event, &people[2]).await["position"].as_u64();
        assert!(now > behind, "who returns is next: {behind:?} {now:?}");
        shop.admin().put(&admin_path(&event), &json!({"paused": false})).await.is(200);
        pass_seconds(&shop, 1).await;
        assert_eq!(status(&event, &people[1]).await["status"], "ADMITTED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entering_changes_no_availability_and_no_etag() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    switch_on(&shop, &event, json!({"opensAt": shop.time_in(3_600)})).await;
    let before = shop.nobody().get(&event.at("availability")).await.is(200);
    for _ in 0..5 {
        enter(&event, &shop.customer()).await;
    }
    let after = shop.nobody().get(&event.at("availability")).await.is(200);
    assert_eq!(after.header("etag"), before.header("etag"));
    assert_eq!(after.data["seq"], before.data["seq"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_enter_at_once_and_each_has_a_place_of_their_own() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    let rules = json!({"opensAt": shop.time_in(3_600)});
    switch_on(&shop, &event, rules).await;
    let people: Vec<Person<'_>> = (0..1_000).map(|_| shop.customer()).collect();
    let entered = people.iter().map(|person| enter(&event, person));
    let entered = futures_util::future::join_all(entered).await;
    let mut numbers: Vec<u64> =
        entered.iter().map(|one| one["entryNumber"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..1_000));
    // A sale of that size takes few rows of the journal.
    let rows = shop.journal(&event).await.lines().count();
    assert!(rows < 200, "{rows} rows");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_is_refused_where_there_is_none() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    let kim = shop.customer();
    let enqueue = queue_path(&event, "enqueue");
    kim.post_nothing(&enqueue).await.refused(404, "NO_QUEUE");
    kim.get(&queue_path(&event, "status")).await.refused(404, "NO_QUEUE");
    shop.nobody().get(&queue_path(&event, "progress")).await.refused(404, "NO_QUEUE");
    kim.post_nothing("/api/queue/0190f5a0-7c1e-7d34-9b1f-3a5c1a2b3c4d/enqueue")
        .await
        .refused(404, "EVENT_NOT_FOUND");
    shop.nobody().post_nothing(&enqueue).await.refused(401, "UNAUTHORIZED");
    switch_on(&shop, &event, json!({})).await;
    kim.get(&queue_path(&event, "status")).await.refused(404, "NOT_IN_QUEUE");
    kim.delete(&format!("/api/queue/{}", event.id)).await.refused(404, "NOT_IN_QUEUE");
    let lee = shop.customer();
    let for_lee = format!("{enqueue}?clientId={}", lee.user);
    kim.post_nothing(&for_lee).await.refused(403, "NOT_THE_CALLER");
    lee.post_nothing(&for_lee).await.is(200);
    shop.admin().post_nothing(&format!("/api/admin/offerings/{}/cancel", event.id)).await.is(200);
    kim.post_nothing(&enqueue).await.refused(409, "EVENT_CANCELLED");
    kim.get(&queue_path(&event, "status")).await.refused(404, "NO_QUEUE");
    let held = hold_with(&event, &lee, 1, &Value::Null).await;
    held.refused(409, "EVENT_CANCELLED");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_far_from_the_front_asks_every_30_to_60_seconds() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    switch_on(&shop, &event, json!({"opensAt": shop.time_in(600)})).await;
    let kim = shop.customer();
    let mut said = Vec::new();
    for _ in 0..5 {
        said.push(enter(&event, &kim).await["nextPollSeconds"].as_u64().unwrap());
    }
    assert!(said.iter().all(|seconds| (30..=60).contains(seconds)), "{said:?}");
    pass_seconds(&shop, 602).await;
    pass_seconds(&shop, 1).await;
    let turn = status(&event, &kim).await;
    assert_eq!(turn["status"], "ADMITTED");
}
