//! Closing an account: its open claims are settled as the owner chooses, or the closing is refused.

use admitone::clock::{Clock, ManualClock, SystemClock};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::test_app::{Answer, TestApp, TestUser, standing_event};
use crate::support::test_db::TestDb;

async fn close(app: &TestApp, user: &TestUser, body: &Value) -> Answer {
    app.call(Method::DELETE, "/api/users/me").by(user).json(body).send().await
}

/// Returns an event with `places` places, and a function that makes a request body for some.
async fn event(app: &TestApp, places: u32) -> (String, impl Fn(u32) -> Value + use<>) {
    let event = app.create_event(standing_event(places)).await;
    let product = event["products"][0]["id"].clone();
    let wish = move |quantity| json!({ "lines": [{ "productId": product, "quantity": quantity }] });
    (event["id"].as_str().expect("an id").to_owned(), wish)
}

async fn free_places(app: &TestApp, event: &str) -> Value {
    let path = format!("/api/events/{event}/availability");
    app.get_anonymously(&path).await.expect(200)["products"][0]["available"].clone()
}

async fn join(app: &TestApp, user: &TestUser, event: &str, wish: &Value) -> Value {
    let body = json!({ "productId": wish["lines"][0]["productId"], "partySize": 1 });
    let path = format!("/api/events/{event}/waitlist");
    app.post(&path, user, body).await.expect(201)["id"].clone()
}

/// Reserves one place, paid or not.
async fn reserve(app: &TestApp, user: &TestUser, is_paid: bool) -> Value {
    let (event, wish) = event(app, 5).await;
    let line = &wish(1)["lines"][0];
    let body = json!({ "eventId": event, "productId": line["productId"], "quantity": 1 });
    let reservation = app.post("/api/reservations", user, body).await.expect(201)["id"].clone();
    if is_paid {
        let id = reservation.as_str().expect("an id");
        let path = format!("/api/reservations/{id}/payments");
        app.post(&path, user, json!({ "method": "wallet" })).await.expect(200);
    }
    reservation
}

on_both_databases! {
    async fn a_closed_account_holds_nothing_and_waits_for_nothing(db: TestDb) {
        let app = TestApp::start(db).await;
        let (leaver, stayer) = (app.registered().await, app.user().await);
        let (held, some) = event(&app, 5).await;
        let holds = format!("/api/events/{held}/holds");
        app.post(&holds, &leaver, some(3)).await.expect(201);
        app.post(&holds, &leaver, some(1)).await.expect(201);
        app.post(&holds, &stayer, some(1)).await.expect(201);

        let (waited, all) = event(&app, 2).await;
        let holds = format!("/api/events/{waited}/holds");
        let kept = app.post(&holds, &stayer, all(2)).await.expect(201)["id"].clone();
        join(&app, &leaver, &waited, &all(1)).await;
        let behind = app.user().await;
        let entry = join(&app, &behind, &waited, &all(1)).await;

        app.delete("/api/users/me", &leaver).await.expect(200);
        assert_eq!(free_places(&app, &held).await, 4, "only the stayer's place is held");
        let kept = kept.as_str().unwrap();
        app.delete(&format!("{holds}/{kept}"), &stayer).await.expect(200);
        assert_eq!(free_places(&app, &waited).await, 1, "one is offered to who waited behind");
        let path = format!("/api/events/{waited}/waitlist/{}", entry.as_str().unwrap());
        assert_eq!(app.get(&path, &behind).await.expect(200)["status"], "OFFERED");
    }

    async fn an_account_with_money_or_reservations_is_not_closed_unmentioned(db: TestDb) {
        let app = TestApp::start(db).await;
        let user = app.registered().await;
        app.charge(&user, 15_000).await.expect(201);
        let paid = reserve(&app, &user, true).await;
        let unpaid = reserve(&app, &user, false).await;
        let refused = app.delete("/api/users/me", &user).await;
        let error = refused.expect_error(409, "ACCOUNT_NOT_SETTLED");
        assert_eq!(error["details"]["reservations"], json!([unpaid, paid]));
        let money = json!([{ "amount": 5_000, "currency": "KRW" }]);
        assert_eq!(error["details"]["balances"], money);
        assert!(error["message"].as_str().unwrap().contains("settle"), "{error}");
        for settle in [
            json!({}),
            json!({ "balance": "forfeit" }),
            json!({ "reservations": "cancel" }),
            json!({ "reservations": "keep-tickets" }),
        ] {
            let refused = close(&app, &user, &json!({ "settle": settle })).await;
            refused.expect_error(409, "ACCOUNT_NOT_SETTLED");
        }
        for id in [&paid, &unpaid] {
            let path = format!("/api/reservations/{}", id.as_str().unwrap());
            let status = app.get(&path, &user).await.expect(200)["status"].clone();
            assert_ne!(status, "CANCELLED", "a refusal does nothing");
        }
    }

    async fn cancelled_reservations_are_refunded_before_the_balance_is_given_up(db: TestDb) {
        let app = TestApp::start(db).await;
        let user = app.registered().await;
        app.charge(&user, 15_000).await.expect(201);
        reserve(&app, &user, true).await;
        reserve(&app, &user, false).await;
        let settle = json!({ "settle": { "reservations": "cancel", "balance": "forfeit" } });
        let answer = close(&app, &user, &settle).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.body, json!({ "success": true, "message": "the account is closed" }));
        app.get("/api/users/me", &user).await.expect_error(401, "UNAUTHORIZED");
        let count = async |sql: &str| app.db.count(sql).await;
        assert_eq!(count("SELECT count(*) FROM reservations WHERE status = 'CANCELLED'").await, 2);
        assert_eq!(count("SELECT count(*) FROM payments WHERE state = 'REFUNDED'").await, 1);
        assert_eq!(count("SELECT CAST(sum(balance) AS bigint) FROM wallets").await, 0);
        assert_eq!(count("SELECT CAST(sum(amount) AS bigint) FROM wallet_entries").await, 0);
        assert_eq!(
            count("SELECT -amount FROM wallet_entries WHERE kind = 'forfeit'").await, 15_000,
            "what was given up includes the refund"
        );
    }

    async fn tickets_can_be_kept_by_nobody(db: TestDb) {
        let app = TestApp::start(db).await;
        let user = app.registered().await;
        app.charge(&user, 10_000).await.expect(201);
        reserve(&app, &user, true).await;
        reserve(&app, &user, false).await;
        close(&app, &user, &json!({ "settle": { "reservations": "keep-tickets" } })).await.expect(200);
        let count = async |sql: &str| app.db.count(sql).await;
        assert_eq!(count("SELECT count(*) FROM tickets WHERE status = 'VALID'").await, 1);
        assert_eq!(count("SELECT count(*) FROM reservations WHERE status = 'CANCELLED'").await, 1);
        assert_eq!(count("SELECT count(*) FROM waitlisted").await, 0);
    }

    async fn what_a_process_that_stopped_left_of_a_closed_account_is_ended(db: TestDb) {
        let app = TestApp::start(db).await;
        let (leaver, stayer) = (app.registered().await, app.user().await);
        let (event, all) = event(&app, 1).await;
        let holds = format!("/api/events/{event}/holds");
        app.post(&holds, &stayer, all(1)).await.expect(201);
        close(&app, &leaver, &json!({})).await.expect(200);
        // Acts as an instance that does not know of the closing yet and ends right afterwards.
        let state = app.state();
        let offering = event.parse().unwrap();
        state.store.waitlisted_add(leaver.id, offering).await.unwrap();
        let product = admitone::ids::ProductId(0);
        let (entry, customer, party_size) = (admitone::ids::HoldId::random(), leaver.id, 1);
        let command =
            admitone::inventory::Command::JoinWaitlist { entry, customer, product, party_size };
        let request = admitone::inventory::Request { command, idempotency: None };
        state.offices.submit(offering, request).await.unwrap();

        let waits = async || {
            let ended = state.offices.ended_entry(offering, entry).await.unwrap();
            ended.is_none()
        };
        assert!(waits().await);
        let closed = app.db.count("SELECT max(updated_at) FROM users WHERE email LIKE '%deleted.invalid'").await;
        state.closing().finish_old().await.unwrap();
        assert!(waits().await, "closed at {closed}: whoever closed it may be at it");
        app.db.sql("UPDATE users SET updated_at = updated_at - 10000").await;
        state.closing().finish_old().await.unwrap();
        assert!(!waits().await);
        assert_eq!(app.db.count("SELECT count(*) FROM waitlisted").await, 0);
    }

    async fn tickets_of_an_event_that_goes_on_are_not_over(db: TestDb) {
        let app = TestApp::start(db).await;
        let user = app.registered().await;
        app.charge(&user, 10_000).await.expect(201);
        reserve(&app, &user, true).await;
        // The event has begun, and ends tomorrow.
        app.db.sql("UPDATE events SET event_date = 0, event_end_at = 4102444800000").await;
        close(&app, &user, &json!({})).await.expect_error(409, "ACCOUNT_NOT_SETTLED");
        app.db.sql("UPDATE events SET event_end_at = 1").await;
        close(&app, &user, &json!({})).await.expect(200);
    }

    async fn what_its_owner_cannot_cancel_keeps_an_account_open(db: TestDb) {
        let app = TestApp::start(db).await;
        let user = app.registered().await;
        app.charge(&user, 10_000).await.expect(201);
        let reservation = reserve(&app, &user, true).await;
        let path = format!("/api/reservations/{}", reservation.as_str().unwrap());
        let found = app.get(&path, &user).await.expect(200);
        let event = found["eventId"].as_str().unwrap();
        let patching = app.call(Method::PATCH, &format!("/api/events/{event}")).by(&app.admin());
        let terms = json!({ "cancellation": { "allowed": false } });
        patching.fresh_key().json(&terms).send().await.expect(200);

        let cancel = json!({ "settle": { "reservations": "cancel", "balance": "forfeit" } });
        let error = close(&app, &user, &cancel).await.expect_error(409, "CANCELLATION_REFUSED");
        assert_eq!(error["details"]["reservationId"], reservation);
        assert!(error["message"].as_str().unwrap().contains("keep-tickets"), "{error}");
        app.get("/api/users/me", &user).await.expect(200);
        let keep = json!({ "settle": { "reservations": "keep-tickets" } });
        close(&app, &user, &keep).await.expect(200);
    }
}

/// An access token alone, which may be a copy, closes no account.
#[tokio::test]
async fn an_account_is_closed_by_its_password_or_soon_after_its_login() {
    let clock = std::sync::Arc::new(ManualClock::at(SystemClock::new().now_ms()));
    let app = TestApp::with(TestDb::sqlite().await).clock(clock.clone()).start().await;
    let (user, lee) = (app.registered().await, app.registered().await);
    close(&app, &app.user().await, &json!({})).await.expect_error(403, "LOGIN_TOO_OLD");
    clock.advance_ms(10 * 60_000 + 1);
    close(&app, &user, &json!({})).await.expect_error(403, "LOGIN_TOO_OLD");
    let wrong = json!({ "currentPassword": "battery staple" });
    let refused = close(&app, &user, &wrong).await;
    assert_eq!(refused.expect_error(422, "INVALID")["details"]["field"], "currentPassword");
    app.get("/api/users/me", &user).await.expect(200);
    close(&app, &user, &json!({ "currentPassword": "correct horse" })).await.expect(200);
    app.get("/api/users/me", &user).await.expect_error(401, "UNAUTHORIZED");
    // Guesses are counted, and end before the right one.
    for _ in 0..5 {
        close(&app, &lee, &wrong).await.expect_error(422, "INVALID");
    }
    let right = json!({ "currentPassword": "correct horse" });
    close(&app, &lee, &right).await.expect_error(429, "TOO_MANY_REQUESTS");
}

#[tokio::test]
async fn a_settlement_that_is_not_understood_closes_nothing() {
    let app = TestApp::start(TestDb::sqlite().await).await;
    let user = app.registered().await;
    for body in [
        json!({ "password": "wrong" }),
        json!({ "settle": "cancel" }),
        json!({ "settle": { "reservations": "keep" } }),
        json!({ "settle": { "reservations": { "cancel": null } } }),
        json!({ "settle": { "balance": true } }),
        json!({ "settle": { "tickets": "keep" } }),
        json!([]),
    ] {
        close(&app, &user, &body).await.expect_error(422, "INVALID");
    }
    let call = app.call(Method::DELETE, "/api/users/me").by(&user).raw("{not json");
    call.send().await.expect_error(400, "MALFORMED_JSON");
    app.get("/api/users/me", &user).await.expect(200);
    close(&app, &user, &json!({ "settle": null })).await.expect(200);
}
