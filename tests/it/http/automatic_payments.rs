//! `autoPay` of a checkout over HTTP: by the default or another method, what is refused, and retries.

use serde_json::{Value, json};

use crate::http::api_client::{Event, Person, Shop};
use crate::support::test_db::{TestDb, eventually};

const PASSWORD: &str = "correct horse battery";

async fn open(db: TestDb) -> Shop {
    Shop::open_with(db, |config| config.demo_payments = Some(true)).await
}

/// Registers a person, who can choose a default method.
async fn register<'a>(shop: &'a Shop, email: &str) -> Person<'a> {
    let body = json!({"email": email, "password": PASSWORD, "name": "Kim"});
    let session = shop.nobody().post("/api/auth/register", &body).await.is(201).data;
    assert_eq!(session["user"]["defaultPaymentMethod"], Value::Null);
    let user = session["user"]["id"].as_str().unwrap().parse().unwrap();
    shop.with_token(user, session["accessToken"].as_str().unwrap().to_owned())
}

/// Holds one place; returns the body of its checkout.
async fn held(person: &Person<'_>, event: &Event<'_>) -> Value {
    let hold = person.post(&event.at("holds"), &event.places(1)).await.is(201).data;
    json!({"eventId": event.id, "holdId": hold["id"], "autoPay": true})
}

async fn until_paid(person: &Person<'_>, id: &str) {
    let path = format!("/api/reservations/{id}");
    let is_paid = async || person.get(&path).await.is(200).data["status"] == "CONFIRMED";
    eventually("it is paid", is_paid).await;
}

/// Checks out and waits for the payment; returns its method.
async fn method_of(person: &Person<'_>, body: &Value) -> String {
    let id = person.post("/api/reservations", body).await.is(201).data["id"].clone();
    let id = id.as_str().unwrap();
    until_paid(person, id).await;
    let listed = person.get(&format!("/api/reservations/{id}/payments")).await.is(200).data;
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    listed[0]["method"].as_str().unwrap().to_owned()
}

async fn until_no_intents(shop: &Shop) {
    let count = async || shop.app.db.count("SELECT count(*) FROM auto_payments").await;
    eventually("no intent is left", async || count().await == 0).await;
}

on_both_databases! {
    async fn a_checkout_with_auto_pay_is_paid_by_itself(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, kim) = (shop.event().await, shop.customer());
        kim.charge(150_000).await;
        let made = kim.post("/api/reservations", &held(&kim, &event).await).await.is(201).data;
        assert_eq!(made["status"], "PAYMENT_PENDING", "the answer does not wait");
        until_paid(&kim, made["id"].as_str().unwrap()).await;
        let at_once = json!({"eventId": event.id, "productId": event.standing(), "quantity": 2, "autoPay": true});
        assert_eq!(method_of(&kim, &at_once).await, "wallet");
        assert_eq!((kim.balance().await, kim.tickets().await.len()), (0, 3));
        until_no_intents(&shop).await;

        // Without it, nothing is paid and nothing is noted.
        kim.charge(50_000).await;
        let mut body = held(&kim, &event).await;
        body["autoPay"] = json!(false);
        kim.post("/api/reservations", &body).await.is(201);
        assert_eq!(shop.app.db.count("SELECT count(*) FROM auto_payments").await, 0);
        shop.clock.advance_ms(60_000);
        shop.app.state().payments.recover_due().await.unwrap();
        assert_eq!(kim.balance().await, 50_000);
    }

    async fn a_customer_chooses_how_automatic_payments_are_made(db: TestDb) {
        let shop = open(db).await;
        let (event, kim) = (shop.event().await, register(&shop, "kim@example.com").await);
        kim.charge(100_000).await;
        let me = "/api/users/me";
        let set = async |method: Value| {
            let body = json!({"defaultPaymentMethod": method});
            let changed = kim.patch(me, &body).await.is(200).data;
            assert_eq!(changed["defaultPaymentMethod"], method);
            assert_eq!(kim.get(me).await.is(200).data["defaultPaymentMethod"], method);
        };
        assert_eq!(kim.get(me).await.is(200).data["defaultPaymentMethod"], Value::Null);
        assert_eq!(method_of(&kim, &held(&kim, &event).await).await, "wallet");
        set(json!("simulator")).await;
        kim.patch(me, &json!({"name": "Min"})).await.is(200);
        assert_eq!(method_of(&kim, &held(&kim, &event).await).await, "simulator");
        let mut body = held(&kim, &event).await;
        body["method"] = json!("wallet");
        assert_eq!(method_of(&kim, &body).await, "wallet");
        set(json!("wallet")).await;
        set(Value::Null).await;
        let mut body = held(&kim, &event).await;
        body["method"] = json!("simulator");
        assert_eq!(method_of(&kim, &body).await, "simulator");
        assert_eq!(kim.balance().await, 0);
    }

    async fn what_cannot_be_paid_by_itself_is_refused_and_leaves_nothing(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, kim) = (shop.event().await, register(&shop, "kim@example.com").await);
        let body = held(&kim, &event).await;
        for (field, value, code) in [
            ("method", json!("simulator"), "PAYMENT_METHOD_UNAVAILABLE"),
            ("method", json!("manual"), "INVALID"),
            ("method", json!("stripe"), "INVALID"),
            ("method", json!({"wallet": null}), "INVALID"),
            ("method", json!(7), "INVALID"),
            ("autoPay", json!("yes"), "INVALID"),
            ("autopay", json!(true), "INVALID"),
            ("quantity", json!(1), "INVALID"),
        ] {
            let mut bad = body.clone();
            bad[field] = value;
            let refused = kim.post("/api/reservations", &bad).await;
            assert_eq!(refused.status, 422, "{bad}: {:#}", refused.body);
            refused.refused(422, code);
        }
        for auto_pay in [Value::Null, json!(false)] {
            let mut bad = body.clone();
            (bad["autoPay"], bad["method"]) = (auto_pay, json!("wallet"));
            kim.post("/api/reservations", &bad).await.refused(422, "INVALID");
        }
        for (value, code) in [
            (json!("simulator"), "PAYMENT_METHOD_UNAVAILABLE"),
            (json!("stripe"), "INVALID"),
            (json!(""), "INVALID"),
            (json!(["wallet"]), "INVALID"),
        ] {
            let bad = json!({"defaultPaymentMethod": value});
            kim.patch("/api/users/me", &bad).await.refused(422, code);
        }
        assert_eq!(shop.app.db.count("SELECT count(*) FROM auto_payments").await, 0);

        // The hold is as it was, and another person's checkout of it is refused.
        let lee = shop.customer();
        lee.post("/api/reservations", &body).await.refused(404, "HOLD_NOT_FOUND");
        until_no_intents(&shop).await;
        let made = kim.post("/api/reservations", &body).await.is(201).data;
        let path = format!("/api/reservations/{}/payments", made["id"].as_str().unwrap());
        let has_failed = async || kim.get(&path).await.is(200).data[0]["status"] == "FAILED";
        eventually("the empty wallet is refused", has_failed).await;
        until_no_intents(&shop).await;
        kim.charge(50_000).await;
        kim.post_with_key(&path, "by-hand", &json!({"method": "wallet"})).await.is(200);
    }

    async fn a_repeated_checkout_pays_once(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, kim) = (shop.event().await, shop.customer());
        kim.charge(200_000).await;
        let body = held(&kim, &event).await;
        let first = kim.post_with_key("/api/reservations", "k", &body).await.is(201);
        let again = kim.post_with_key("/api/reservations", "k", &body).await.is(201);
        assert!(again.is_replay());
        assert_eq!(again.data["id"], first.data["id"]);
        let mut other = body.clone();
        other["autoPay"] = json!(false);
        kim.post_with_key("/api/reservations", "k", &other).await.refused(422, "IDEMPOTENCY_KEY_REUSED");
        until_paid(&kim, first.data["id"].as_str().unwrap()).await;
        until_no_intents(&shop).await;
        shop.clock.advance_ms(60_000);
        shop.app.state().payments.recover_due().await.unwrap();
        assert_eq!(kim.balance().await, 150_000);
        assert_eq!(shop.app.db.count("SELECT count(*) FROM payments").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_pay_by_themselves_and_choose_no_default() {
    let shop = open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    let session = shop.nobody().post_nothing("/api/auth/guest").await.is(201).data;
    let user = session["user"]["id"].as_str().unwrap().parse().unwrap();
    let guest = shop.with_token(user, session["accessToken"].as_str().unwrap().to_owned());
    let body = json!({"defaultPaymentMethod": "wallet"});
    guest.patch("/api/users/me", &body).await.refused(403, "ACCOUNT_REQUIRED");
    let shown = guest.get("/api/users/me").await.is(200).data;
    assert_eq!(shown["defaultPaymentMethod"], Value::Null);
    let mut body = held(&guest, &event).await;
    body["method"] = json!("simulator");
    assert_eq!(method_of(&guest, &body).await, "simulator");
}
