//! The payment method `demo`: it exists only where the operator says so, and moves no money.

use serde_json::json;

use crate::http::api_client::Shop;

on_both_databases! {
    async fn a_demonstration_pays_without_money(db: TestDb) {
        let shop = Shop::open_with(db, |config| config.demo_payments = Some(true)).await;
        let (event, kim) = (shop.event().await, shop.customer());
        let id = kim.reserve(&event, &event.places(2)).await;
        let at = format!("/api/reservations/{id}/payments");
        let body = json!({"method": "demo"});
        kim.post(&at, &body).await.refused(422, "IDEMPOTENCY_KEY_REQUIRED");
        let paid = kim.post_with_key(&at, "pay-1", &body).await.is(200);
        assert_eq!(paid.data["status"], "CONFIRMED");
        assert_eq!(paid.data["method"], "demo");
        assert_eq!(paid.data["amount"], json!({"amount": 100_000, "currency": "KRW"}));
        assert_eq!(kim.post_with_key(&at, "pay-1", &body).await.is(200).data, paid.data);
        let other = json!({"method": "wallet"});
        kim.post_with_key(&at, "pay-1", &other).await.refused(422, "IDEMPOTENCY_KEY_REUSED");
        assert_eq!(kim.tickets().await.len(), 2);

        kim.post(&format!("/api/reservations/{id}/cancel"), &json!({})).await.is(200);
        shop.refund_all().await;
        assert_eq!(kim.post_with_key(&at, "pay-1", &body).await.is(200).data["status"], "REFUNDED");
        let wallet = kim.get("/api/wallet").await.is(200).data;
        assert_eq!(wallet, json!({"balances": [], "entries": []}));
        assert_eq!(event.counts(event.standing()).await.available, 20);
    }

    async fn without_the_demo_the_method_is_refused(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, kim) = (shop.event().await, shop.customer());
        let id = kim.reserve(&event, &event.places(1)).await;
        let at = format!("/api/reservations/{id}/payments");
        let refused = kim.post_with_key(&at, "pay-1", &json!({"method": "demo"})).await;
        refused.refused(422, "PAYMENT_METHOD_UNAVAILABLE");
        let unknown = kim.post_with_key(&at, "pay-1", &json!({"method": "cash"})).await;
        unknown.refused(422, "INVALID");
        kim.charge(50_000).await;
        kim.post_with_key(&at, "pay-1", &json!({"method": "wallet"})).await.is(200);
    }
}
