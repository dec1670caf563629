//! Events and products, created and shown.

use serde_json::json;

use crate::http::api_client::Shop;

on_both_databases! {
    async fn an_event_is_shown_as_it_was_made(db: TestDb) {
        let shop = Shop::open(db).await;
        let body = json!({
            "name": "햄릿 — Hamlet", "description": "In five acts", "venue": "The old theatre",
            "eventDate": shop.time_in(90_000),
            "saleStartAt": shop.time_in(-60), "saleEndAt": shop.time_in(86_400),
            "products": [{
                "name": "Standing", "description": "In the pit",
                "price": {"amount": 50_000, "currency": "KRW"}, "totalStock": 20,
                "saleStartAt": shop.time_in(-30), "saleEndAt": shop.time_in(3_600),
            }],
        });
        let made = shop.admin().post("/api/events", &body).await.is(201);
        let at = format!("/api/events/{}", made.data["id"].as_str().unwrap());
        let shown = shop.nobody().get(&at).await.is(200).data;
        for field in ["name", "description", "venue", "eventDate", "saleStartAt", "saleEndAt"] {
            assert_eq!(shown[field], body[field], "{field}");
        }
        assert_eq!(shown["createdAt"], shop.time_in(0));
        let product = &body["products"][0];
        for field in ["name", "description", "price", "totalStock", "saleStartAt", "saleEndAt"] {
            assert_eq!(shown["products"][0][field], product[field], "{field}");
        }
        assert_eq!(shown["products"][0]["availableStock"], 20);
        let listed = shop.nobody().get("/api/events").await.is(200).data;
        assert_eq!(listed[0]["description"], body["description"]);
        assert_eq!(listed[0]["products"][0]["availableStock"], 20);
    }
}
