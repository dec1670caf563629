//! The waitlist of a sold-out product.

use admitone::accounts::Role;
use serde_json::json;

use crate::http::api_client::Shop;

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
        assert_eq!(park.get(&second_at).await.is(200).data["status"], "LEFT");

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
    let shop = Shop::open(crate::support::test_db::TestDb::sqlite().await).await;
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
    let shop = Shop::open(crate::support::test_db::TestDb::sqlite().await).await;
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

on_both_databases! {
    async fn an_entry_that_is_over_says_how_and_when(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, kim, admin) = (shop.event().await, shop.customer(), shop.admin());
        let hold = kim.post(&event.at("holds"), &event.places(20)).await.is(201);
        let join = json!({"productId": event.standing(), "partySize": 10});
        let people: Vec<_> = (0..5).map(|_| shop.customer()).collect();
        let mut entries = Vec::new();
        for person in &people {
            let entry = person.post(&event.at("waitlist"), &join).await.is(201).data;
            entries.push(event.at(&format!("waitlist/{}", entry["id"].as_str().unwrap())));
        }
        let ended = async |which: usize| {
            let person = shop.again(&people[which], Role::User);
            let entry = person.get(&entries[which]).await.is(200).data;
            assert_eq!(entry["partySize"], 10);
            assert_eq!(entry["productId"], event.standing());
            (entry["status"].as_str().unwrap().to_owned(), entry["endedAt"].clone())
        };
        people[0].delete(&entries[0]).await.is(200);
        let left = ("LEFT".to_owned(), json!(shop.time_in(0)));
        assert_eq!(ended(0).await, left);
        admin.delete(&entries[1]).await.is(200);
        assert_eq!(ended(1).await.0, "LEFT");
        people[0].get(&entries[1]).await.refused(404, "WAITLIST_ENTRY_NOT_FOUND");

        let held = event.at(&format!("holds/{}", hold.data["id"].as_str().unwrap()));
        kim.delete(&held).await.is(200);
        let accepted = people[2].post_nothing(&format!("{}/accept", entries[2])).await.is(200);
        assert_eq!(ended(2).await.0, "ACCEPTED");
        let declined = people[3].delete(&entries[3]).await.is(200);
        assert_eq!(declined.data["status"], "DECLINED");
        assert_eq!(ended(3).await.0, "DECLINED");
        // An accepted entry stays accepted although its hold ends; ended entries are kept for long.
        let hold = event.at(&format!("holds/{}", accepted.data["id"].as_str().unwrap()));
        people[2].delete(&hold).await.is(200);
        shop.clock.advance_ms(86_000_000);
        shop.sweep().await;
        assert_eq!(ended(2).await.0, "ACCEPTED");
        assert_eq!(ended(0).await, left);
        assert_eq!(ended(4).await.0, "EXPIRED");
    }

    async fn whoever_waits_for_a_cancelled_event_is_told_so(db: TestDb) {
        let shop = Shop::open(db).await;
        let mut body = shop.event_body();
        body["products"][1]["maxPerCustomer"] = json!(20);
        let event = shop.event_from(body).await;
        let (kim, lee, park) = (shop.customer(), shop.customer(), shop.customer());
        let hold = kim.post(&event.at("holds"), &event.places(20)).await.is(201);
        let join = |size: u32| json!({"productId": event.standing(), "partySize": size});
        let waiting = lee.post(&event.at("waitlist"), &join(2)).await.is(201).data;
        let offered = park.post(&event.at("waitlist"), &join(20)).await.is(201).data;
        let at = |entry: &serde_json::Value| {
            event.at(&format!("waitlist/{}", entry["id"].as_str().unwrap()))
        };
        lee.delete(&at(&waiting)).await.is(200);
        let held = event.at(&format!("holds/{}", hold.data["id"].as_str().unwrap()));
        kim.delete(&held).await.is(200);
        let again = lee.post(&event.at("waitlist"), &join(1)).await.is(201).data;
        assert_eq!(park.get(&at(&offered)).await.is(200).data["status"], "OFFERED");
        shop.admin().delete(&event.path).await.is(200);
        shop.sweep().await;
        for (person, entry) in [(&park, &offered), (&lee, &again)] {
            let ended = person.get(&at(entry)).await.is(200).data;
            assert_eq!(ended["status"], "EVENT_CANCELLED");
            assert_eq!(ended["endedAt"], shop.time_in(0));
        }
    }

    async fn whoever_has_bought_elsewhere_as_much_as_one_may_is_passed_over_and_told(db: TestDb) {
        let shop = Shop::open(db).await;
        let mut body = shop.event_body();
        body["products"][1]["totalStock"] = json!(4);
        body["products"][1]["maxPerCustomer"] = json!(3);
        let event = shop.event_from(body).await;
        let (kim, lee) = (shop.customer(), shop.customer());
        lee.post(&event.at("holds"), &event.places(1)).await.is(201);
        let all = kim.post(&event.at("holds"), &event.places(3)).await.is(201).data;
        let join = json!({"productId": event.standing(), "partySize": 2});
        let entry = lee.post(&event.at("waitlist"), &join).await.is(201).data;
        let entry = event.at(&format!("waitlist/{}", entry["id"].as_str().unwrap()));
        let at = |hold: &serde_json::Value| {
            event.at(&format!("holds/{}", hold["id"].as_str().unwrap()))
        };
        // One place is free: too few for the party, enough for one more hold.
        let resize = format!("/api/admin/offerings/{}/resize", event.id);
        let more = json!({"productId": event.standing(), "totalStock": 5});
        shop.admin().post(&resize, &more).await.is(200);
        lee.post(&event.at("holds"), &event.places(1)).await.is(201);
        kim.delete(&at(&all)).await.is(200);
        let over = lee.get(&entry).await.is(200).data;
        assert_eq!(over["status"], "LIMIT_REACHED");
        assert_eq!(over["endedAt"], shop.time_in(0));
    }
}
