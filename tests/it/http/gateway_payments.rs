//! Payments by gateways over HTTP: the simulator in a demonstration, the wait for a gateway, payments
//! that an administrator marks, and notifications.

use std::time::Duration;

use admitone::config::Config;
use admitone::server::Parts;
use reqwest::Method;
use serde_json::{Value, json};

use crate::http::api_client::{Answer, Person, Shop};
use crate::support::test_db::TestDb;

async fn open(db: TestDb) -> Shop {
    open_from(db, |_| {}).await
}

async fn open_from(db: TestDb, replace: impl FnOnce(&mut Parts)) -> Shop {
    let with_gateways = |config: &mut Config| {
        config.demo_payments = Some(true);
        config.payment_manual = true;
        config.payment_return_urls = vec!["https://shop.example/paid".into()];
    };
    Shop::open_from(db, with_gateways, replace).await
}

/// Reserves one place; returns the reservation and where it is paid.
async fn reserved(shop: &Shop, person: &Person<'_>) -> (String, String) {
    let event = shop.event().await;
    let id = person.reserve(&event, &event.places(1)).await;
    let at = format!("/api/reservations/{id}/payments");
    (id, at)
}

fn simulated(outcome: &str, delay_ms: u32) -> Value {
    json!({"method": "simulator", "outcome": outcome, "delayMs": delay_ms})
}

on_both_databases! {
    async fn a_simulated_payment_needs_no_money(db: TestDb) {
        let shop = open(db).await;
        let (event, kim) = (shop.event().await, shop.customer());
        let id = kim.reserve(&event, &event.places(2)).await;
        let at = format!("/api/reservations/{id}/payments");
        let body = json!({"method": "simulator"});
        kim.post(&at, &body).await.refused(422, "IDEMPOTENCY_KEY_REQUIRED");
        let paid = kim.post_with_key(&at, "pay-1", &body).await.is(200);
        assert_eq!(paid.data["status"], "CONFIRMED");
        assert_eq!(paid.data["method"], "simulator");
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

    async fn methods_that_are_not_offered_or_not_understood_are_refused(db: TestDb) {
        let shop = Shop::open(db).await;
        let kim = shop.customer();
        let (_, at) = reserved(&shop, &kim).await;
        for (body, code) in [
            (json!({"method": "simulator"}), "PAYMENT_METHOD_UNAVAILABLE"),
            (json!({"method": "manual"}), "PAYMENT_METHOD_UNAVAILABLE"),
            (json!({"method": "stripe", "paymentMethod": "pm_card_visa"}), "PAYMENT_METHOD_UNAVAILABLE"),
            (json!({"method": "demo"}), "INVALID"),
            (json!({"method": "cash"}), "INVALID"),
            (json!({"method": "wallet", "outcome": "succeed"}), "INVALID"),
            (json!({"method": "manual", "delayMs": 5}), "INVALID"),
            (json!({"method": "simulator", "outcome": "explode"}), "INVALID"),
            (json!({"method": "simulator", "outcome": {"succeed": null}}), "INVALID"),
            (json!({"method": "simulator", "delayMs": -1}), "INVALID"),
            (json!({"method": "simulator", "delayMs": 2_592_000_001_u32}), "INVALID"),
            (json!({"method": "simulator", "paymentMethod": "pm_1"}), "INVALID"),
            (json!({"method": "stripe"}), "INVALID"),
            (json!({"method": "stripe", "paymentMethod": "../v1/payouts"}), "INVALID"),
            (json!({"method": "wallet", "returnUrl": "https://shop.example/paid"}), "INVALID"),
            (json!({"method": "wallet", "amount": 1}), "INVALID"),
        ] {
            let refused = kim.post_with_key(&at, "pay-1", &body).await;
            assert_eq!(refused.status, 422, "{body}: {:#}", refused.body);
            refused.refused(422, code);
        }
        assert_eq!(kim.get(&at).await.is(200).data, json!([]), "nothing was begun");
        kim.charge(50_000).await;
        kim.post_with_key(&at, "pay-1", &json!({"method": "wallet"})).await.is(200);
    }

    async fn a_gateway_at_work_is_202_and_a_payment_to_ask_for(db: TestDb) {
        let shop = open(db).await;
        let (kim, lee) = (shop.customer(), shop.customer());
        let (_, at) = reserved(&shop, &kim).await;
        let mut body = simulated("succeed", 5_000);
        body["returnUrl"] = json!("https://evil.example/");
        kim.post_with_key(&at, "pay-1", &body).await.refused(422, "INVALID");
        body["returnUrl"] = json!("https://shop.example/paid/here");
        let begun = kim.post_with_key(&at, "pay-1", &body).await.is(202).data;
        assert_eq!(begun["status"], "PENDING");
        assert_eq!(begun["redirectUrl"], "https://shop.example/paid/here");
        let id = begun["paymentId"].as_str().unwrap().to_owned();
        let one = format!("{at}/{id}");
        let shown = kim.get(&one).await.is(200).data;
        assert_eq!((&shown["status"], &shown["redirectUrl"]), (&begun["status"], &begun["redirectUrl"]));
        assert!(shown["deadlineAt"].is_string() && shown["reason"].is_null());
        lee.get(&one).await.refused(404, "RESERVATION_NOT_FOUND");
        lee.get(&at).await.refused(404, "RESERVATION_NOT_FOUND");
        kim.get(&format!("{at}/{}", uuid::Uuid::nil())).await.refused(404, "NOT_FOUND");
        kim.get(&format!("{at}/x")).await.refused(404, "NOT_FOUND");
        assert_eq!(kim.post_with_key(&at, "pay-1", &body).await.is(202).data, begun);

        shop.clock.advance_ms(5_000);
        shop.app.state().payments.send_simulated().await;
        let done = async || kim.get(&one).await.is(200).data["status"] == "CONFIRMED";
        crate::support::test_db::eventually("it is confirmed", done).await;
        assert_eq!(kim.post_with_key(&at, "pay-1", &body).await.is(200).data["status"], "CONFIRMED");
        assert_eq!(kim.get(&at).await.is(200).data.as_array().map(Vec::len), Some(1));
        assert_eq!(kim.tickets().await.len(), 1);
    }

    async fn a_decline_names_its_reason_and_another_payment_may_follow(db: TestDb) {
        let shop = open(db).await;
        let kim = shop.customer();
        let (_, at) = reserved(&shop, &kim).await;
        let body = json!({"method": "simulator", "outcome": "decline"});
        let declined = kim.post_with_key(&at, "pay-1", &body).await.refused(409, "PAYMENT_DECLINED");
        assert_eq!(declined.body["error"]["details"]["reason"], "card_declined");
        let listed = kim.get(&at).await.is(200).data;
        assert_eq!((&listed[0]["status"], &listed[0]["reason"]), (&json!("FAILED"), &json!("card_declined")));
        let body = json!({"method": "simulator"});
        kim.post_with_key(&at, "pay-2", &body).await.is(200);
    }

    async fn a_payment_by_hand_keeps_places_for_people_who_can_be_reached_one_order_each(db: TestDb) {
        let shop = Shop::open_with(db, |config| {
            config.payment_manual = true;
            config.mail = Some(admitone::config::MailMode::Keep);
        }).await;
        let event = shop.event().await;
        let by_hand = json!({"method": "manual"});
        let order = async |person: &Person<'_>| {
            let id = person.reserve(&event, &event.places(1)).await;
            format!("/api/reservations/{id}/payments")
        };
        let session = shop.nobody().post_nothing("/api/auth/guest").await.is(201).data;
        let token = session["accessToken"].as_str().unwrap().to_owned();
        let guest = shop.with_token(session["user"]["id"].as_str().unwrap().parse().unwrap(), token);
        let at = order(&guest).await;
        guest.post_with_key(&at, "g-1", &by_hand).await.refused(403, "ACCOUNT_REQUIRED");
        let email = json!({"email": "kim@example.com"});
        guest.post("/api/auth/guest/email", &email).await.is(200);
        guest.post_with_key(&at, "g-1", &by_hand).await.refused(403, "ACCOUNT_REQUIRED");
        shop.app.db.sql("UPDATE guests SET email_confirmed_at = 1").await;
        guest.post_with_key(&at, "g-1", &by_hand).await.is(202);

        // An account costs a name and any address.
        let kim = crate::web::known(&shop, "Kim", "kim@example.com").await;
        let at = order(&kim).await;
        kim.post_with_key(&at, "k-0", &by_hand).await.refused(403, "ACCOUNT_REQUIRED");
        shop.app.db.sql("UPDATE users SET email_confirmed_at = 1").await;
        let (first, second) = (order(&kim).await, order(&kim).await);
        let (one, two) = tokio::join!(
            kim.post_with_key(&first, "k-1", &by_hand),
            kim.post_with_key(&second, "k-2", &by_hand)
        );
        let mut said = [one.status, two.status];
        said.sort_unstable();
        assert_eq!(said, [202, 409], "one waits, also of two at once");
        let (waits, refused, key) = if one.status == 202 { (&first, &second, "k-2") } else { (&second, &first, "k-1") };
        kim.post_with_key(refused, key, &by_hand).await.refused(409, "PAYMENT_IN_PROGRESS");
        let again = if key == "k-2" { "k-1" } else { "k-2" };
        kim.post_with_key(waits, again, &by_hand).await.is(202);
        let cancel = waits.replace("/payments", "/cancel");
        kim.post_nothing(&cancel).await.is(200);
        kim.post_with_key(refused, key, &by_hand).await.is(202);
    }

    async fn an_administrator_marks_manual_payments(db: TestDb) {
        let shop = open(db).await;
        let (kim, admin) = (shop.customer(), shop.admin());
        let mut ids = Vec::new();
        for _ in 0..2 {
            let (_, at) = reserved(&shop, &kim).await;
            let begun = kim.post_with_key(&at, &at[18..54], &json!({"method": "manual"})).await;
            ids.push((begun.is(202).data["paymentId"].as_str().unwrap().to_owned(), at));
        }
        let list = "/api/admin/payments?status=PENDING";
        kim.get(list).await.refused(403, "FORBIDDEN");
        let listed = admin.get(list).await.is(200).data;
        assert_eq!(listed.as_array().map(Vec::len), Some(2));
        assert_eq!(listed[0]["userId"], json!(kim.user));
        assert_eq!(listed[0]["method"], "manual");
        let first = admin.get(&format!("{list}&limit=1")).await.is(200);
        let next = first.body["meta"]["nextCursor"].as_str().unwrap().to_owned();
        let second = admin.get(&format!("{list}&limit=1&cursor={next}")).await.is(200).data;
        assert_ne!(first.data[0]["paymentId"], second[0]["paymentId"]);
        for bad in ["status=PAID", "limit=0", "cursor=x", "problem=maybe", "x=1"] {
            admin.get(&format!("/api/admin/payments?{bad}")).await.refused(422, "INVALID");
        }

        let (paid, refused) = (&ids[0], &ids[1]);
        let mark = |id: &str, what: &str| format!("/api/admin/payments/{id}/{what}");
        kim.post_nothing(&mark(&paid.0, "paid")).await.refused(403, "FORBIDDEN");
        for _ in 0..2 {
            let marked = admin.post_nothing(&mark(&paid.0, "paid")).await.is(200).data;
            assert_eq!(marked["status"], "CONFIRMED");
            assert!(marked["capturedAt"].is_string());
            let marked = admin.post_nothing(&mark(&refused.0, "refused")).await.is(200).data;
            assert_eq!((&marked["status"], &marked["reason"]), (&json!("FAILED"), &json!("refused_by_administrator")));
        }
        admin.post_nothing(&mark(&paid.0, "refused")).await.refused(409, "WRONG_STATE");
        let nothing = uuid::Uuid::nil().to_string();
        admin.post_nothing(&mark(&nothing, "paid")).await.refused(404, "NOT_FOUND");
        assert_eq!(kim.tickets().await.len(), 1);
        assert_eq!(admin.get(list).await.is(200).data, json!([]));
        assert_eq!(admin.get("/api/admin/payments?problem=true").await.is(200).data, json!([]));

        // A gateway says itself whether it was paid.
        let (_, at) = reserved(&shop, &kim).await;
        let begun = kim.post_with_key(&at, "s", &simulated("succeed", 60_000)).await.is(202).data;
        let id = begun["paymentId"].as_str().unwrap();
        admin.post_nothing(&mark(id, "paid")).await.refused(409, "WRONG_STATE");
        admin.post_nothing(&mark(id, "refused")).await.is(200);
        assert_eq!(kim.get(&format!("{at}/{id}")).await.is(200).data["status"], "FAILED");
    }

    async fn notifications_are_taken_by_their_signature_alone(db: TestDb) {
        // The scan sends the simulator's notifications too: here the test alone takes them.
        let no_scan = |parts: &mut Parts| parts.payments_pace.scan_interval = Duration::from_secs(3_600);
        let shop = open_from(db, no_scan).await;
        let (kim, admin) = (shop.customer(), shop.admin());
        let (_, at) = reserved(&shop, &kim).await;
        kim.post_with_key(&at, "pay-1", &simulated("duplicate", 1_000)).await.is(202);
        let at_simulator = "/api/webhooks/simulator";
        let nobody = shop.nobody();
        nobody.post(at_simulator, &json!({})).await.refused(400, "INVALID_SIGNATURE");
        admin.post(at_simulator, &json!({})).await.refused(400, "INVALID_SIGNATURE");
        for other in ["paypal", "stripe", "manual", "wallet"] {
            nobody.post(&format!("/api/webhooks/{other}"), &json!({})).await.refused(404, "NOT_FOUND");
        }
        assert_eq!(admin.get("/api/admin/payments/notifications").await.is(200).data, json!([]));
        kim.get("/api/admin/payments/notifications").await.refused(403, "FORBIDDEN");

        // The simulator's own notifications, sent as a stranger would send them: twice, cut, changed
        // and late.
        shop.clock.advance_ms(1_000);
        let simulator = shop.app.state().payments.simulator().expect("it is offered");
        let sent = simulator.take_notifications().await.unwrap();
        let send = async |body: Vec<u8>| {
            let mut request = nobody.request(Method::POST, at_simulator);
            for (name, value) in &sent[0].headers {
                request = request.header(*name, value);
            }
            Answer::of(request.header("content-type", "application/json").body(body)).await
        };
        let body = &sent[0].body;
        send(body[..body.len() - 1].to_vec()).await.refused(400, "INVALID_SIGNATURE");
        send([body, b" ".as_slice()].concat()).await.refused(400, "INVALID_SIGNATURE");
        send(Vec::new()).await.refused(400, "INVALID_SIGNATURE");
        send(vec![b'x'; 70_000]).await.refused(413, "PAYLOAD_TOO_LARGE");
        assert_eq!(shop.app.db.count("SELECT count(*) FROM gateway_notifications").await, 0);
        send(body.clone()).await.is(200);
        send(body.clone()).await.is(200);
        let done = async || kim.get(&at).await.is(200).data[0]["status"] == "CONFIRMED";
        crate::support::test_db::eventually("it is confirmed", done).await;
        shop.clock.advance_ms(302_000);
        send(body.clone()).await.refused(400, "INVALID_SIGNATURE");
        assert_eq!(shop.app.db.count("SELECT count(*) FROM gateway_notifications").await, 1);
    }
}
