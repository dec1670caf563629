//! Ticket types of an event that sells.

use serde_json::{Value, json};

use crate::http::api_client::Shop;
use crate::support::test_db::TestDb;

fn late() -> Value {
    json!({"name": "Late bird", "description": "From the side",
        "price": {"amount": 20_000, "currency": "KRW"}, "totalStock": 5, "maxPerCustomer": 3})
}

on_both_databases! {
    async fn a_product_is_added_sold_called_otherwise_and_withdrawn(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, kim, lee, admin) =
            (shop.event().await, shop.customer(), shop.customer(), shop.admin());
        let products = event.at("products");
        kim.post(&products, &late()).await.refused(403, "FORBIDDEN");
        let added = admin.post_with_key(&products, "add-1", &late()).await.is(201);
        let again = admin.post_with_key(&products, "add-1", &late()).await.is(201);
        assert!(again.is_replay());
        assert_eq!(again.data["id"], added.data["id"]);
        assert_eq!(added.data["availableStock"], 5);
        let id = added.data["id"].as_str().unwrap().to_owned();
        let at = event.at(&format!("products/{id}"));
        assert_eq!(added.header("location"), at);
        let listed = shop.nobody().get(&event.path).await.is(200).data;
        assert_eq!(listed["products"].as_array().unwrap().len(), 3);
        assert_eq!(listed["products"][2], shop.nobody().get(&at).await.is(200).data);

        let places = |quantity: u32| json!({"lines": [{"productId": id, "quantity": quantity}]});
        kim.post(&event.at("holds"), &places(4)).await.refused(409, "LIMIT_EXCEEDED");
        kim.buy(&event, &places(2)).await;
        let hold = lee.post(&event.at("holds"), &places(1)).await.is(201);
        assert_eq!(event.counts(&id).await.available, 2);

        let patch = json!({"name": "Latest bird", "description": "",
            "saleEndAt": shop.time_in(3_600)});
        let changed = admin.patch(&at, &patch).await.is(200).data;
        assert_eq!(changed["name"], "Latest bird");
        assert_eq!(changed["description"], "");
        assert_eq!(changed["saleEndAt"], shop.time_in(3_600));
        assert_eq!(changed["price"]["amount"], 20_000, "what is left out stays");

        let withdrawn = admin.delete(&at).await.is(200).data;
        assert_eq!(withdrawn["withdrawnAt"], shop.time_in(0));
        lee.post(&event.at("holds"), &places(1)).await.refused(409, "PRODUCT_WITHDRAWN");
        kim.post(&event.at("waitlist"), &json!({"productId": id, "partySize": 2}))
            .await
            .refused(409, "PRODUCT_WITHDRAWN");
        let body = json!({"eventId": event.id, "holdId": hold.data["id"]});
        lee.post("/api/reservations", &body).await.is(201);
        assert_eq!(kim.tickets().await[0]["status"], "VALID", "what is sold stays");
        lee.post(&event.at("holds"), &event.places(1)).await.is(201);

        let offered = admin.patch(&at, &json!({"withdrawn": false})).await.is(200).data;
        assert!(offered["withdrawnAt"].is_null());
        lee.post(&event.at("holds"), &places(1)).await.is(201);
        assert_eq!(shop.nobody().get(&event.at("audit")).await.is(200).data["invariants"], "ok");
    }

    async fn whoever_waits_for_a_withdrawn_product_is_offered_it_when_it_is_back(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, kim, lee, admin) =
            (shop.event().await, shop.customer(), shop.customer(), shop.admin());
        let hold = kim.post(&event.at("holds"), &event.places(20)).await.is(201);
        let join = json!({"productId": event.standing(), "partySize": 2});
        let entry = lee.post(&event.at("waitlist"), &join).await.is(201);
        let entry = event.at(&format!("waitlist/{}", entry.data["id"].as_str().unwrap()));
        let at = event.at(&format!("products/{}", event.standing()));
        admin.delete(&at).await.is(200);
        let held = event.at(&format!("holds/{}", hold.data["id"].as_str().unwrap()));
        kim.delete(&held).await.is(200);
        shop.sweep().await;
        assert_eq!(lee.get(&entry).await.is(200).data["status"], "WAITING");
        admin.patch(&at, &json!({"withdrawn": false})).await.is(200);
        assert_eq!(lee.get(&entry).await.is(200).data["status"], "OFFERED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_that_cannot_be_sold_is_refused_and_says_why() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, admin) = (shop.event().await, shop.admin());
    let changed = |field: &str, value: Value| {
        let mut body = late();
        body[field] = value;
        body
    };
    let usd = json!({"amount": 1, "currency": "USD"});
    let cases = [
        (changed("name", json!(" ")), "name"),
        (changed("price", usd), "price.currency"),
        (changed("totalStock", Value::Null), "totalStock"),
        (changed("totalStock", json!(0)), "totalStock"),
        (changed("maxPerCustomer", json!(0)), "maxPerCustomer"),
    ];
    for (body, field) in cases {
        let refused = admin.post(&event.at("products"), &body).await.refused(422, "INVALID");
        assert_eq!(refused.body["error"]["details"]["field"], field, "{body}");
    }
    let free = json!({"amount": -1, "currency": "KRW"});
    let window = {
        let mut body = late();
        body["saleStartAt"] = json!(shop.time_in(60));
        body["saleEndAt"] = json!(shop.time_in(60));
        body
    };
    for body in [changed("price", free), window, changed("seats", json!([]))] {
        admin.post(&event.at("products"), &body).await.refused(422, "INVALID");
    }
    let at = event.at(&format!("products/{}", event.standing()));
    for bad in [json!({"name": ""}), json!({"price": 1}), json!({"saleEndAt": "soon"})] {
        admin.patch(&at, &bad).await.refused(422, "INVALID");
    }
    let unknown = event.at(&format!("products/{}9", event.standing()));
    admin.patch(&unknown, &json!({"name": "x"})).await.refused(404, "NOT_FOUND");
    admin.delete(&event.at("products/stalls")).await.refused(404, "NOT_FOUND");
    admin.delete(&event.path).await.is(200);
    admin.post(&event.at("products"), &late()).await.refused(409, "EVENT_CANCELLED");
}
