//! Complimentary orders: an organiser gives places away, and the recipient has the tickets.

use serde_json::{Value, json};

use crate::http::api_client::{Event, Shop};

fn at(event: &Event<'_>) -> String {
    format!("/api/admin/offerings/{}/complimentary-orders", event.id)
}

on_both_databases! {
    async fn a_guest_is_given_places_and_opens_them_with_the_code(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, admin) = (shop.event().await, shop.admin());
        let seats = event.seats().await;
        let sale = format!("/api/admin/offerings/{}", event.id);
        admin.post(&format!("{sale}/block"), &json!({"seats": [seats[0]]})).await.is(200);
        admin.post_nothing(&format!("{sale}/pause")).await.is(200);
        let body = json!({
            "email": " Press@Example.com ",
            "seats": [seats[0], seats[1]],
            "lines": [{"productId": event.standing(), "quantity": 1}],
        });
        let given = admin.post_with_key(&at(&event), "press", &body).await.is(201);
        assert_eq!(given.header("location"), format!("/api/reservations/{}", given.data["reservationId"].as_str().unwrap()));
        let lines = given.data["lines"].as_array().unwrap();
        assert!(lines.iter().all(|line| line["unitPrice"]["amount"] == 0), "{lines:?}");
        let code = given.data["guest"]["claimCode"].clone();
        let again = admin.post_with_key(&at(&event), "press", &body).await.is(201);
        assert!(again.is_replay());
        assert_eq!((&again.data["guest"], &again.data["reservationId"]),
            (&given.data["guest"], &given.data["reservationId"]));
        assert_eq!(event.counts(event.stalls()).await.sold, 2);
        assert_eq!(event.counts(event.stalls()).await.blocked, 0);

        let claim = json!({"email": "press@example.com", "code": code});
        let session = shop.nobody().post("/api/auth/guest/claim", &claim).await.is(200).data;
        let user = session["user"]["id"].as_str().unwrap().parse().unwrap();
        let press = shop.with_token(user, session["accessToken"].as_str().unwrap().to_owned());
        assert_eq!(press.tickets().await.len(), 3);
        // The organiser knows that code: it ends by its use, and no answer has the next one.
        shop.nobody().post("/api/auth/guest/claim", &claim).await.refused(401, "INVALID_CLAIM_CODE");
        let later = admin.post_with_key(&at(&event), "press", &body).await.is(201);
        assert_eq!((later.is_replay(), later.data.get("guest")), (true, None));
        let own = json!({"email": "press@example.com"});
        let own = press.post("/api/auth/guest/email", &own).await.is(200).data["claimCode"].clone();
        assert_ne!(own, code);
        assert_eq!(own, session["claimCode"], "the answer of the claim has the next one");
        let claim = json!({"email": "press@example.com", "code": own});
        for _ in 0..2 {
            let again = shop.nobody().post("/api/auth/guest/claim", &claim).await.is(200).data;
            assert_eq!(again["claimCode"], own, "it stays");
        }
        let order = press.get("/api/reservations").await.is(200).data[0].clone();
        assert_eq!((&order["status"], &order["totalPrice"]["amount"]), (&json!("CONFIRMED"), &json!(0)));
        let cancelled = format!("/api/reservations/{}/cancel", order["id"].as_str().unwrap());
        admin.post_nothing(&cancelled).await.is(200);
        assert_eq!(event.counts(event.stalls()).await.sold, 0);
        let journal = shop.journal(&event).await;
        assert!(journal.contains("ActedBy"), "{journal}");
        let audit = admin.get(&event.at("audit")).await.is(200).data;
        assert_eq!(audit["invariants"], "ok", "{audit}");
    }

    async fn a_claim_whose_answer_was_lost_is_answered_again_by_its_key_alone(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event().await;
        let lines = json!([{"productId": event.standing(), "quantity": 1}]);
        let body = json!({"email": "press@example.com", "lines": lines});
        let given = shop.admin().post(&at(&event), &body).await.is(201).data;
        let claim = json!({"email": "press@example.com", "code": given["guest"]["claimCode"]});
        let (nobody, path) = (shop.nobody(), "/api/auth/guest/claim");
        let (one, two) = tokio::join!(
            nobody.post_with_key(path, "the-recipient", &claim),
            nobody.post_with_key(path, "the-recipient", &claim)
        );
        let (one, two) = (one.is(200).data, two.is(200).data);
        let later = nobody.post_with_key(path, "the-recipient", &claim).await.is(200).data;
        for name in ["user", "claimCode"] {
            assert!(one[name] == two[name] && one[name] == later[name], "{one} {two} {later}");
        }
        // The organiser knows the code too, and not the key.
        nobody.post_with_key(path, "the-organiser", &claim).await.refused(401, "INVALID_CLAIM_CODE");
        let refused = nobody.post(path, &claim).await.refused(401, "INVALID_CLAIM_CODE");
        assert!(refused.body["error"]["message"].as_str().unwrap().contains("it works once"));
        let next = json!({"email": "press@example.com", "code": later["claimCode"]});
        nobody.post(path, &next).await.is(200);
    }

    async fn an_account_is_given_places_beyond_its_limits(db: TestDb) {
        let mut shop = Shop::open(db).await;
        let mut body = shop.event_body();
        body["products"][1]["maxPerCustomer"] = json!(2);
        let (id, kim) = {
            let (event, kim) = (shop.event_from(body).await, shop.customer());
            let lines = json!([{"productId": event.standing(), "quantity": 5}]);
            let body = json!({"userId": kim.user, "lines": lines});
            shop.admin().post(&at(&event), &body).await.refused(404, "NOT_FOUND");
            kim.post(&at(&event), &body).await.refused(403, "FORBIDDEN");
            let kim = crate::web::known(&shop, "Kim", "kim@example.com").await;
            let body = json!({"userId": kim.user, "lines": lines});
            let given = shop.admin().post(&at(&event), &body).await.is(201).data;
            assert_eq!(given.get("guest"), None);
            kim.post(&event.at("holds"), &event.places(1)).await.refused(409, "LIMIT_EXCEEDED");
            (event.id, kim.user)
        };
        // Folded again from the journal, they are still there.
        shop.app.restart().await;
        let kim = shop.person(kim, admitone::accounts::Role::User);
        assert_eq!(kim.tickets().await.len(), 5);
        let admin = shop.admin();
        let audit = admin.get(&format!("/api/events/{id}/audit")).await.is(200).data;
        assert_eq!(audit["invariants"], "ok", "{audit}");
    }

    async fn a_closed_account_is_given_nothing(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, admin, kim) = (shop.event().await, shop.admin(), shop.app.registered().await);
        let kim = shop.with_token(kim.id, kim.token);
        kim.delete("/api/users/me").await.is(200);
        let lines = json!([{"productId": event.standing(), "quantity": 1}]);
        let body = json!({"userId": kim.user, "lines": lines});
        admin.post(&at(&event), &body).await.refused(404, "NOT_FOUND");
        assert_eq!(event.counts(event.standing()).await.sold, 0);
    }

    async fn what_cannot_be_given_is_refused_and_leaves_no_guest_behind(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, admin, kim) = (shop.event().await, shop.admin(), shop.customer());
        let seats = event.seats().await;
        kim.post(&event.at("holds"), &json!({"seats": [seats[0]]})).await.is(201);
        let quantity = |quantity: u32| json!([{"productId": event.standing(), "quantity": quantity}]);
        let email = "press@example.com";
        let cases: Vec<(Value, u16, &str)> = vec![
            (json!({"email": email}), 422, "INVALID"),
            (json!({"lines": quantity(1)}), 422, "INVALID"),
            (json!({"email": email, "userId": kim.user, "lines": quantity(1)}), 422, "INVALID"),
            (json!({"email": "nobody", "lines": quantity(1)}), 422, "INVALID"),
            (json!({"email": email, "lines": quantity(0)}), 422, "INVALID"),
            (json!({"email": email, "lines": quantity(65)}), 422, "INVALID"),
            (json!({"email": email, "lines": quantity(21)}), 409, "SOLD_OUT"),
            (json!({"email": email, "seats": [seats[0]]}), 409, "SEATS_TAKEN"),
            (json!({"email": email, "seats": ["x"]}), 422, "INVALID"),
            (json!({"email": email, "price": 0, "lines": quantity(1)}), 422, "INVALID"),
        ];
        for (body, status, code) in cases {
            let refused = admin.post(&at(&event), &body).await;
            let refused = refused.refused(status, code);
            if code == "SEATS_TAKEN" {
                assert!(!refused.body["error"]["details"]["nearest"].as_array().unwrap().is_empty());
            }
        }
        let guests = shop.app.state().store.guest_by_email(email, 10).await.unwrap();
        assert_eq!(guests, []);
        admin.post_nothing(&format!("/api/admin/offerings/{}/cancel", event.id)).await.is(200);
        let body = json!({"email": email, "lines": quantity(1)});
        admin.post(&at(&event), &body).await.refused(409, "EVENT_CANCELLED");
        let nowhere = format!("/api/admin/offerings/{}/complimentary-orders", uuid::Uuid::nil());
        admin.post(&nowhere, &body).await.refused(404, "EVENT_NOT_FOUND");
    }
}
