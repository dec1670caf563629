//! One balance that is spent twice.

use serde_json::json;

use crate::http::api_client::Shop;

on_both_databases! {
    async fn one_balance_pays_one_of_many_orders_at_once(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, kim) = (shop.event().await, shop.customer());
        for round in 0..4 {
            kim.charge(50_000).await;
            let mut orders = Vec::new();
            for _ in 0..4 {
                orders.push(kim.reserve(&event, &event.places(1)).await);
            }
            let pay = async |order: &String| {
                let path = format!("/api/reservations/{order}/payments");
                let key = format!("pay-{round}-{order}");
                kim.post_with_key(&path, &key, &json!({"method": "wallet"})).await
            };
            let answers = futures_util::future::join_all(orders.iter().map(pay)).await;
            let (paid, refused): (Vec<_>, Vec<_>) =
                answers.into_iter().partition(|answer| answer.status == 200);
            assert_eq!(paid.len(), 1);
            for answer in refused {
                answer.refused(409, "INSUFFICIENT_BALANCE");
            }
            assert_eq!(kim.balance().await, 0);
            assert_eq!(kim.tickets().await.len(), round + 1);
            for order in orders {
                // What is paid stays, so that the next round has a balance of its own.
                let path = format!("/api/reservations/{order}");
                if kim.get(&path).await.is(200).data["status"] != "CONFIRMED" {
                    kim.post_nothing(&format!("{path}/cancel")).await.is(200);
                }
            }
        }
    }
}
