//! A customer who has lost the page with the ids can list their holds and waitlist entries again.

use serde_json::{Value, json};

use crate::http::api_client::Shop;
use crate::support::test_db::TestDb;

fn ids(list: &Value) -> Vec<Value> {
    list.as_array().unwrap().iter().map(|one| one["id"].clone()).collect()
}

on_both_databases! {
    async fn ones_own_holds_and_entries_are_listed(db: TestDb) {
        let mut shop = Shop::open(db).await;
        let (kim, path, waiting) = {
            let (event, kim, lee) = (shop.event().await, shop.customer(), shop.customer());
            assert_eq!(kim.get(&event.at("holds")).await.is(200).data, json!([]));
            assert_eq!(kim.get(&event.at("waitlist")).await.is(200).data, json!([]));
            let first = kim.post(&event.at("holds"), &event.places(12)).await.is(201);
            shop.clock.advance_ms(1_000);
            let seat = event.seats().await[0].clone();
            let second = kim.post(&event.at("holds"), &json!({"seats": [seat]})).await.is(201);
            lee.post(&event.at("holds"), &event.places(8)).await.is(201);

            let mine = kim.get(&event.at("holds")).await.is(200);
            assert!(mine.body["meta"]["nextCursor"].is_null());
            assert_eq!(ids(&mine.data), [second.data["id"].clone(), first.data["id"].clone()]);
            assert_eq!(mine.data[0]["lines"], second.data["lines"]);
            assert_eq!(mine.data[1]["expiresAt"], first.data["expiresAt"]);
            shop.nobody().get(&event.at("holds")).await.refused(401, "UNAUTHORIZED");

            let body = json!({"eventId": event.id, "holdId": first.data["id"]});
            kim.post("/api/reservations", &body).await.is(201);
            assert_eq!(ids(&kim.get(&event.at("holds")).await.is(200).data), [second.data["id"].clone()]);

            let join = json!({"productId": event.standing(), "partySize": 2});
            let entry = kim.post(&event.at("waitlist"), &join).await.is(201);
            let mine = kim.get(&event.at("waitlist")).await.is(200).data;
            assert_eq!(mine[0]["id"], entry.data["id"]);
            assert_eq!([&mine[0]["status"], &mine[0]["position"]], [&json!("WAITING"), &json!(1)]);
            assert_eq!(lee.get(&event.at("waitlist")).await.is(200).data, json!([]));
            let twice = kim.post(&event.at("waitlist"), &join).await.refused(409, "ALREADY_WAITING");
            assert_eq!(twice.body["error"]["details"]["entryId"], entry.data["id"]);
            (kim.user, event.path.clone(), entry.data["id"].clone())
        };
        // The lists are the same when loaded from the snapshot and the journal as from memory.
        shop.app.restart().await;
        let kim = shop.person(kim, admitone::accounts::Role::User);
        assert_eq!(kim.get(&format!("{path}/holds")).await.is(200).data.as_array().unwrap().len(), 1);
        assert_eq!(ids(&kim.get(&format!("{path}/waitlist")).await.is(200).data), std::slice::from_ref(&waiting));
        // Ended holds are not listed; an offer is, until it is accepted or over.
        shop.clock.advance_ms(300_000);
        assert_eq!(kim.get(&format!("{path}/holds")).await.is(200).data, json!([]));
        shop.sweep().await;
        let mine = kim.get(&format!("{path}/waitlist")).await.is(200).data;
        assert_eq!(ids(&mine), std::slice::from_ref(&waiting));
        assert_eq!(mine[0]["status"], "OFFERED");
        assert_eq!(mine[0]["offer"]["id"], waiting);
        assert_eq!(kim.get(&format!("{path}/holds")).await.is(200).data, json!([]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_says_what_it_is_used_up_by() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let mut body = shop.event_body();
    body["policy"] = json!({"maxPerCustomer": 3});
    let (event, kim) = (shop.event_from(body).await, shop.customer());
    let hold = kim.post(&event.at("holds"), &event.places(1)).await.is(201).data["id"].clone();
    let body = json!({"eventId": event.id, "productId": event.standing(), "quantity": 2});
    let reservation = kim.post("/api/reservations", &body).await.is(201).data["id"].clone();
    let expected = json!({"max": 3, "current": 3, "holdIds": [hold], "offerIds": [],
        "reservationIds": [reservation]});
    let join = json!({"productId": event.standing(), "partySize": 1});
    for (at, body) in [
        (event.at("holds"), event.places(1)),
        (event.at("waitlist"), join),
        ("/api/reservations".to_owned(), body),
    ] {
        let refused = kim.post(&at, &body).await.refused(409, "LIMIT_EXCEEDED");
        assert_eq!(refused.body["error"]["details"], expected, "{at}");
    }
}
