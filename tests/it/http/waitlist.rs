//! Waiting for what is sold out.

use serde_json::json;

use crate::http::shop::Shop;

on_both_databases! {
    async fn freed_places_go_to_whoever_waited_first(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, kim, lee, park) =
            (shop.event().await, shop.customer(), shop.customer(), shop.customer());
        let join = json!({"productId": event.standing(), "partySize": 2});
        let waitlist = event.at("waitlist");
        lee.post(&waitlist, &join).await.refused(409, "PLACES_AVAILABLE");
        let hold = kim.post(&event.at("holds"), &event.places(20)).await.is(201);
        assert_eq!(shop.nobody().get(&event.path).await.data["status"], "SELLING");

        let entry = lee.post(&waitlist, &join).await.is(201);
        let second = park.post(&waitlist, &join).await.is(201);
        lee.post(&waitlist, &join).await.refused(409, "ALREADY_WAITING");
        let at = event.at(&format!("waitlist/{}", entry.data["id"].as_str().unwrap()));
        let second_at = event.at(&format!("waitlist/{}", second.data["id"].as_str().unwrap()));
        assert_eq!(park.get(&second_at).await.is(200).data["position"], 2);
        park.get(&at).await.refused(404, "WAITLIST_ENTRY_NOT_FOUND");
        park.delete(&second_at).await.is(200);

        let held = event.at(&format!("holds/{}", hold.data["id"].as_str().unwrap()));
        kim.delete(&held).await.is(200);
        assert_eq!(event.counts(event.standing()).await.available, 18, "two are offered");
        let offered = lee.get(&at).await.is(200);
        assert_eq!(offered.data["status"], "OFFERED");
        assert_eq!(offered.data["offer"]["lines"][0]["quantity"], 2);
        assert_eq!(offered.data["offer"]["expiresAt"], shop.time_in(600));
        kim.post_nothing(&format!("{at}/accept")).await.is(404);
        let accepted = lee.post_nothing(&format!("{at}/accept")).await.is(200);
        assert_eq!(accepted.data["status"], "ACTIVE");
        assert_eq!(accepted.data["totalPrice"]["amount"], 100_000);
        let body = json!({"eventId": event.id, "holdId": accepted.data["id"]});
        lee.post("/api/reservations", &body).await.is(201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_is_not_taken_goes_to_the_next() {
    let shop = Shop::open(crate::test_db::TestDb::sqlite().await).await;
    let (event, kim, lee, park) =
        (shop.event().await, shop.customer(), shop.customer(), shop.customer());
    kim.post(&event.at("holds"), &event.places(20)).await.is(201);
    let join = json!({"productId": event.standing(), "partySize": 20});
    let lee_at = lee.post(&event.at("waitlist"), &join).await.is(201).data["id"].clone();
    let park_at = park.post(&event.at("waitlist"), &join).await.is(201).data["id"].clone();
    let at = |id: &serde_json::Value| event.at(&format!("waitlist/{}", id.as_str().unwrap()));
    shop.clock.advance_ms(300_000);
    shop.sweep().await;
    assert_eq!(lee.get(&at(&lee_at)).await.is(200).data["status"], "OFFERED");
    assert_eq!(park.get(&at(&park_at)).await.is(200).data["status"], "WAITING");
    shop.clock.advance_ms(600_000);
    shop.sweep().await;
    assert_eq!(lee.get(&at(&lee_at)).await.is(200).data["status"], "EXPIRED");
    assert_eq!(park.get(&at(&park_at)).await.is(200).data["status"], "OFFERED");
    lee.post_nothing(&format!("{}/accept", at(&lee_at))).await.refused(410, "HOLD_EXPIRED");
    park.delete(&at(&park_at)).await.is(200);
    assert_eq!(event.counts(event.standing()).await.available, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_wish_to_wait_is_refused() {
    let shop = Shop::open(crate::test_db::TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, shop.customer());
    for body in [
        json!({"productId": event.standing(), "partySize": 0}),
        json!({"productId": event.standing(), "partySize": -1}),
        json!({"productId": event.standing(), "partySize": 65}),
        json!({"productId": "p00000000-0", "partySize": 1}),
        json!({"productId": event.standing()}),
        json!({"productId": event.standing(), "partySize": 1, "position": 1}),
    ] {
        kim.post(&event.at("waitlist"), &body).await.refused(422, "INVALID");
    }
}
