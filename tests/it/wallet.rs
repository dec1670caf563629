//! Wallets and payments over HTTP: their answers and their refusals.

use serde_json::{Value, json};

use crate::support::test_app::{TestApp, TestUser, standing_event};

/// Reserves one place at 10,000 won.
async fn reserve(app: &TestApp, user: &TestUser) -> String {
    let event = app.create_event(standing_event(5)).await;
    let body = json!({
        "eventId": event["id"], "productId": event["products"][0]["id"], "quantity": 1,
    });
    let reservation = app.post("/api/reservations", user, body).await.expect(201);
    reservation["id"].as_str().expect("an id").to_owned()
}

fn payments_of(reservation: &str) -> String {
    format!("/api/reservations/{reservation}/payments")
}

fn charge(amount: impl Into<Value>, currency: &str) -> Value {
    json!({ "amount": { "amount": amount.into(), "currency": currency } })
}

on_both_databases! {
    async fn a_charge_is_made_once_however_often_it_is_sent(db: TestDb) {
        let app = TestApp::start(db).await;
        let user = app.user().await;
        let first = app.post_with_key("/api/wallet/charges", &user, "k", charge(500, "KRW")).await;
        assert_eq!(first.expect(201)["balance"], json!({ "amount": 500, "currency": "KRW" }));
        app.charge(&user, 70).await.expect(201);
        let again = app.post_with_key("/api/wallet/charges", &user, "k", charge(500, "KRW")).await;
        assert_eq!(again.expect(201)["balance"]["amount"], 500, "the first answer again");
        let other = app.post_with_key("/api/wallet/charges", &user, "k", charge(501, "KRW")).await;
        other.expect_error(422, "IDEMPOTENCY_KEY_REUSED");
        app.post("/api/wallet/charges", &user, charge(9, "USD")).await.expect(201);

        let wallet = app.get("/api/wallet", &user).await.expect(200);
        let balances = json!([
            { "amount": 570, "currency": "KRW" }, { "amount": 9, "currency": "USD" },
        ]);
        assert_eq!(wallet["balances"], balances);
        assert_eq!(wallet["entries"].as_array().map(Vec::len), Some(3));
        assert_eq!(wallet["entries"][0]["kind"], "CHARGE");
        let stranger = app.user().await;
        let empty = app.get("/api/wallet", &stranger).await.expect(200);
        assert_eq!(empty, json!({ "balances": [], "entries": [] }));
    }

    async fn charges_that_make_no_sense_are_refused_and_change_nothing(db: TestDb) {
        let app = TestApp::start(db).await;
        let user = app.user().await;
        let bad = [
            charge(0, "KRW"),
            charge(-5, "KRW"),
            charge(i64::MAX, "KRW"),
            charge(json!(9_223_372_036_854_775_808_u64), "KRW"),
            charge(1.5, "KRW"),
            charge("5", "KRW"),
            charge(5, "won"),
            charge(5, "KRWX"),
            charge(5, "K\u{0}W"),
            charge(5, "₩₩₩"),
            json!({ "amount": 5 }),
            json!({}),
            json!({ "amount": { "amount": 5, "currency": "KRW" }, "userId": user.id }),
            json!({ "amount": { "amount": 5, "currency": "KRW", "balance": 7 } }),
        ];
        for body in bad {
            let answer = app.post("/api/wallet/charges", &user, body.clone()).await;
            assert_eq!((answer.status, &answer.body["error"]["code"]), (422, &json!("INVALID")), "{body}: {answer:?}");
        }
        let without_key =
            app.call(reqwest::Method::POST, "/api/wallet/charges").by(&user).json(&charge(5, "KRW"));
        without_key.send().await.expect_error(422, "IDEMPOTENCY_KEY_REQUIRED");
        app.post_anonymously("/api/wallet/charges", charge(5, "KRW"))
            .await
            .expect_error(401, "UNAUTHORIZED");
        let wallet = app.get("/api/wallet", &user).await.expect(200);
        assert_eq!(wallet, json!({ "balances": [], "entries": [] }));
    }

    async fn a_wallet_never_overflows(db: TestDb) {
        let app = TestApp::start(db).await;
        let user = app.user().await;
        app.charge(&user, 1).await.expect(201);
        let full = i64::MAX - 10;
        app.db.sql(&format!("UPDATE wallets SET balance = {full}")).await;
        app.charge(&user, 11).await.expect_error(409, "CONFLICT");
        let wallet = app.get("/api/wallet", &user).await.expect(200);
        assert_eq!(wallet["balances"][0]["amount"], full);
        app.charge(&user, 10).await.expect(201);
    }

    async fn paying_costs_what_the_server_says(db: TestDb) {
        let app = TestApp::start(db).await;
        let user = app.user().await;
        let reservation = reserve(&app, &user).await;
        let path = payments_of(&reservation);
        let wallet = json!({ "method": "wallet" });

        app.post(&path, &user, wallet.clone()).await.expect_error(409, "INSUFFICIENT_BALANCE");
        app.charge(&user, 25_000).await.expect(201);
        let paid = app.post_with_key(&path, &user, "k", wallet.clone()).await;
        let paid = paid.expect(200);
        assert_eq!(paid["status"], "CONFIRMED");
        assert_eq!(paid["reservationId"], json!(reservation));
        assert_eq!(paid["amount"], json!({ "amount": 10_000, "currency": "KRW" }));
        let again = app.post_with_key(&path, &user, "k", wallet.clone()).await;
        assert_eq!(again.expect(200), paid);
        app.post(&path, &user, wallet).await.expect_error(409, "WRONG_STATE");

        let balance = app.get("/api/wallet", &user).await.expect(200);
        assert_eq!(balance["balances"][0]["amount"], 15_000);
        assert_eq!(balance["entries"][0]["kind"], "PAYMENT");
        assert_eq!(balance["entries"][0]["paymentId"], paid["paymentId"]);
        let shown = app.get(&format!("/api/reservations/{reservation}"), &user).await.expect(200);
        assert_eq!(shown["status"], "CONFIRMED");
        let tickets = app.get("/api/tickets", &user).await.expect(200);
        assert_eq!(tickets.as_array().map(Vec::len), Some(1), "{tickets}");
    }

    async fn payments_that_make_no_sense_are_refused_and_cost_nothing(db: TestDb) {
        let app = TestApp::start(db).await;
        let (user, stranger) = (app.user().await, app.user().await);
        app.charge(&user, 20_000).await.expect(201);
        app.charge(&stranger, 20_000).await.expect(201);
        let (reservation, other) = (reserve(&app, &user).await, reserve(&app, &user).await);
        let path = payments_of(&reservation);
        let wallet = json!({ "method": "wallet" });

        let bad = [
            json!({}),
            json!({ "method": "card" }),
            json!({ "method": "wallet", "amount": { "amount": 1, "currency": "KRW" } }),
            json!({ "method": "wallet", "status": "CONFIRMED" }),
            json!({ "method": "wallet", "userId": stranger.id }),
        ];
        for body in bad {
            let answer = app.post(&path, &user, body.clone()).await;
            assert_eq!((answer.status, &answer.body["error"]["code"]), (422, &json!("INVALID")), "{body}: {answer:?}");
        }
        let without_key = app.call(reqwest::Method::POST, &path).by(&user).json(&wallet);
        without_key.send().await.expect_error(422, "IDEMPOTENCY_KEY_REQUIRED");
        app.post_anonymously(&path, wallet.clone()).await.expect_error(401, "UNAUTHORIZED");
        app.post(&path, &stranger, wallet.clone()).await.expect_error(404, "RESERVATION_NOT_FOUND");
        let nowhere = payments_of(&uuid::Uuid::new_v4().to_string());
        app.post(&nowhere, &user, wallet.clone()).await.expect_error(404, "RESERVATION_NOT_FOUND");
        app.post(&payments_of("7"), &user, wallet.clone()).await.expect_error(404, "NOT_FOUND");

        app.post_with_key(&path, &user, "k", wallet.clone()).await.expect(200);
        let reused = app.post_with_key(&payments_of(&other), &user, "k", wallet).await;
        reused.expect_error(422, "IDEMPOTENCY_KEY_REUSED");
        let balance = app.get("/api/wallet", &user).await.expect(200);
        assert_eq!(balance["balances"][0]["amount"], 10_000);
        let balance = app.get("/api/wallet", &stranger).await.expect(200);
        assert_eq!(balance["balances"][0]["amount"], 20_000);
    }

    async fn a_cancelled_reservation_is_refunded_without_being_asked(db: TestDb) {
        let app = TestApp::start(db).await;
        let user = app.user().await;
        app.charge(&user, 10_000).await.expect(201);
        let reservation = reserve(&app, &user).await;
        let path = payments_of(&reservation);
        let wallet = json!({ "method": "wallet" });
        app.post_with_key(&path, &user, "k", wallet.clone()).await.expect(200);
        let cancel = format!("/api/reservations/{reservation}/cancel");
        app.call(reqwest::Method::POST, &cancel).by(&user).fresh_key().send().await.expect(200);

        crate::support::test_db::eventually("the money comes back", async || {
            let wallet = app.get("/api/wallet", &user).await.expect(200);
            wallet["balances"][0]["amount"] == 10_000
        })
        .await;
        let shown = app.get("/api/wallet", &user).await.expect(200);
        let kinds: Vec<_> = shown["entries"]
            .as_array()
            .expect("entries")
            .iter()
            .map(|entry| entry["kind"].as_str().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(kinds.len(), 3, "{kinds:?}");
        assert!(kinds.contains(&"REFUND".to_owned()), "{kinds:?}");
        let again = app.post_with_key(&path, &user, "k", wallet).await.expect(200);
        assert_eq!(again["status"], "REFUNDED");
    }
}

#[tokio::test]
async fn where_customers_may_not_charge_themselves_administrators_charge_them() {
    let app = TestApp::with(crate::support::test_db::TestDb::sqlite().await)
        .config(|config| config.wallet_self_charge = None)
        .start()
        .await;
    let (user, admin) = (app.registered().await, app.admin());
    let body = charge(500, "KRW");
    for caller in [&user, &admin] {
        let refused = app.post("/api/wallet/charges", caller, body.clone()).await;
        refused.expect_error(403, "WALLET_SELF_CHARGE_OFF");
    }
    let path = format!("/api/admin/users/{}/wallet/charges", user.id);
    app.post(&path, &user, body.clone()).await.expect_error(403, "FORBIDDEN");
    let without_key = app.call(reqwest::Method::POST, &path).by(&admin).json(&body).send().await;
    without_key.expect_error(422, "IDEMPOTENCY_KEY_REQUIRED");
    for _ in 0..2 {
        let charged = app.post_with_key(&path, &admin, "k", body.clone()).await.expect(201);
        assert_eq!(charged["balance"], json!({ "amount": 500, "currency": "KRW" }));
    }
    app.post(&path, &admin, charge(0, "KRW")).await.expect_error(422, "INVALID");
    assert_eq!(app.get("/api/wallet", &user).await.expect(200)["balances"][0]["amount"], 500);

    let nobody = format!("/api/admin/users/{}/wallet/charges", admitone::ids::UserId::random());
    app.post(&nobody, &admin, body.clone()).await.expect_error(404, "NOT_FOUND");
    let settle = json!({ "settle": { "balance": "forfeit" } });
    let close = app.call(reqwest::Method::DELETE, "/api/users/me").by(&user).json(&settle);
    close.send().await.expect(200);
    app.post(&path, &admin, body).await.expect_error(404, "NOT_FOUND");
}

#[test]
fn customers_charge_themselves_in_a_demonstration_alone() {
    use admitone::config::{Config, Secret};
    let embedded = Config::default();
    assert!(embedded.allows_self_charge());
    assert!(!Config { demo: Some(false), ..embedded.clone() }.allows_self_charge());
    let postgres = Config { database_url: Secret::new("postgres://h/d"), ..embedded };
    assert!(!postgres.allows_self_charge());
    assert!(Config { wallet_self_charge: Some(true), ..postgres }.allows_self_charge());
}
