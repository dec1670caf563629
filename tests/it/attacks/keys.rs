//! Idempotency keys of other people: they name nothing of theirs.

use serde_json::{Value, json};

use crate::http::api_client::{Answer, Person, Shop};

/// One key for everything that everyone sends.
const KEY: &str = "00000000-0000-4000-8000-000000000000";

async fn buys(
    shop: &Shop,
    person: &Person<'_>,
    event: &crate::http::api_client::Event<'_>,
) -> Vec<Answer> {
    let send = async |path: &str, body: Value| person.post_with_key(path, KEY, &body).await;
    let charge = json!({"amount": {"amount": 100_000, "currency": "KRW"}});
    let charge = send("/api/wallet/charges", charge).await.is(201);
    let hold = send(&event.at("holds"), event.places(1)).await.is(201);
    let order = json!({"eventId": event.id, "holdId": hold.data["id"]});
    let order = send("/api/reservations", order).await.is(201);
    let at = format!("/api/reservations/{}", order.data["id"].as_str().expect("an id"));
    let paid = send(&format!("{at}/payments"), json!({"method": "wallet"})).await.is(200);
    let refund = send(&format!("{at}/refunds"), json!({})).await.is(201);
    shop.refund_all().await;
    vec![charge, hold, order, paid, refund]
}

on_both_databases! {
    async fn a_key_of_another_person_repeats_nothing_of_theirs(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, kim, lee) = (shop.event().await, shop.customer(), shop.customer());
        let of_kim = buys(&shop, &kim, &event).await;
        let of_lee = buys(&shop, &lee, &event).await;
        for (first, second) in of_kim.iter().zip(&of_lee) {
            assert!(!second.is_replay(), "{:#}", second.body);
            for id in ["id", "paymentId", "refundId"] {
                let (first, second) = (&first.data[id], &second.data[id]);
                assert!(first.is_null() || first != second, "{id}: {second}");
            }
        }
        let user = kim.user.to_string();
        assert!(of_lee.iter().all(|answer| !answer.body.to_string().contains(&user)));
        // The owner is answered again.
        let again = kim.post_with_key(&event.at("holds"), KEY, &event.places(1)).await.is(201);
        assert!(again.is_replay());
        assert_eq!(again.data["id"], of_kim[1].data["id"]);
    }
}
