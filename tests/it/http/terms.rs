//! When an event takes place, when its sale ends, and how much a cancellation refunds.

use admitone::accounts::Role;
use serde_json::{Value, json};

use crate::http::api_client::{Event, Person, Shop};
use crate::support::test_db::TestDb;

/// Returns the body of an event that starts in an hour, ends in three, and has no end of the sale.
fn soon(shop: &Shop) -> Value {
    let mut body = shop.event_body();
    body["eventDate"] = json!(shop.time_in(3_600));
    body["eventEndAt"] = json!(shop.time_in(3 * 3_600));
    body["saleEndAt"] = Value::Null;
    body
}

async fn cancel(person: &Person<'_>, reservation: &str) -> crate::http::api_client::Answer {
    person.post_nothing(&format!("/api/reservations/{reservation}/cancel")).await
}

async fn status(shop: &Shop, event: &Event<'_>) -> Value {
    let one = shop.nobody().get(&event.path).await.is(200).data["status"].clone();
    let all = shop.nobody().get("/api/events").await.is(200).data;
    let all = all.as_array().unwrap();
    let listed = all.iter().find(|found| found["id"] == event.id).unwrap();
    assert_eq!(listed["status"], one, "the list says the same");
    one
}

on_both_databases! {
    async fn the_sale_ends_with_the_event_where_it_has_no_end_of_its_own(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event_from(soon(&shop)).await;
        shop.clock.advance_ms(3 * 3_600_000 - 1);
        let (kim, admin) = (shop.customer(), shop.admin());
        kim.post(&event.at("holds"), &event.places(1)).await.is(201);
        assert_eq!(status(&shop, &event).await, "SELLING", "the box office is open at the door");
        shop.clock.advance_ms(1);
        kim.post(&event.at("holds"), &event.places(1)).await.refused(409, "SALE_CLOSED");
        assert_eq!(status(&shop, &event).await, "ENDED");
        // The event is prolonged, as festivals are.
        let later = json!({"eventEndAt": shop.time_in(3_600)});
        let changed = admin.patch(&event.path, &later).await.is(200).data;
        assert_eq!(changed["eventEndAt"], shop.time_in(3_600));
        assert!(changed["saleEndAt"].is_null());
        kim.post(&event.at("holds"), &event.places(1)).await.is(201);
    }

    async fn an_event_of_the_past_sells_nothing(db: TestDb) {
        let shop = Shop::open(db).await;
        let mut body = shop.event_body();
        body["eventDate"] = json!(shop.time_in(-365 * 86_400));
        body["saleEndAt"] = Value::Null;
        let event = shop.event_from(body).await;
        assert_eq!(status(&shop, &event).await, "ENDED");
        let kim = shop.customer();
        kim.post(&event.at("holds"), &event.places(1)).await.refused(409, "SALE_CLOSED");
    }

    async fn an_event_that_moves_keeps_its_length(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event_from(soon(&shop)).await;
        let admin = shop.admin();
        let moved = json!({"eventDate": shop.time_in(86_400)});
        let changed = admin.patch(&event.path, &moved).await.is(200).data;
        assert_eq!(changed["eventDate"], shop.time_in(86_400));
        assert_eq!(changed["eventEndAt"], shop.time_in(86_400 + 2 * 3_600));
        assert_eq!(shop.nobody().get(&event.path).await.is(200).data, changed);
        for bad in [
            json!({"eventEndAt": shop.time_in(86_400)}),
            json!({"saleEndAt": shop.time_in(5 * 86_400)}),
            json!({"eventDate": shop.time_in(60), "eventEndAt": shop.time_in(59)}),
        ] {
            admin.patch(&event.path, &bad).await.refused(422, "INVALID");
        }
        assert_eq!(shop.nobody().get(&event.path).await.is(200).data, changed);
    }

    async fn a_customer_gets_back_what_the_terms_say_and_an_administrator_gives_all(db: TestDb) {
        let shop = Shop::open(db).await;
        let mut body = soon(&shop);
        body["products"][1]["price"]["amount"] = json!(999);
        body["cancellation"] = json!({"until": shop.time_in(1_800), "refundPercent": 80});
        let event = shop.event_from(body).await;
        let (kim, lee, admin) = (shop.customer(), shop.customer(), shop.admin());
        let shown = shop.nobody().get(&event.path).await.is(200).data["cancellation"].clone();
        let until = shop.time_in(1_800);
        assert_eq!(shown, json!({"allowed": true, "until": until, "refundPercent": 80}));

        let first = kim.buy(&event, &event.places(1)).await;
        let cancelled = cancel(&kim, &first).await.is(200).data;
        assert_eq!(cancelled["status"], "CANCELLED");
        assert_eq!(cancelled["refund"], json!({"amount": 799, "currency": "KRW"}));
        shop.refund_all().await;
        assert_eq!(kim.balance().await, 799, "rounded down");
        let read = kim.get(&format!("/api/reservations/{first}")).await.is(200).data;
        assert_eq!(read["refund"], cancelled["refund"]);
        assert_eq!(kim.tickets().await[0]["status"], "VOID");

        let second = lee.buy(&event, &event.places(1)).await;
        let third = kim.buy(&event, &event.places(1)).await;
        shop.clock.advance_ms(1_800_000);
        let refused = cancel(&lee, &second).await.refused(409, "CANCELLATION_REFUSED");
        assert_eq!(refused.body["error"]["details"]["until"], until);
        // An unpaid reservation can always be cancelled.
        let hold = lee.post(&event.at("holds"), &event.places(1)).await.is(201);
        let unpaid = json!({"eventId": event.id, "holdId": hold.data["id"]});
        let unpaid = lee.post("/api/reservations", &unpaid).await.is(201).data["id"].clone();
        let given_up = cancel(&lee, unpaid.as_str().unwrap()).await.is(200).data;
        assert!(given_up["refund"].is_null());

        let all = cancel(&admin, &second).await.is(200).data;
        assert_eq!(all["refund"]["amount"], 999);
        admin.delete(&event.path).await.is(200);
        shop.sweep().await;
        shop.refund_all().await;
        assert_eq!(lee.balance().await, 999);
        assert_eq!(kim.balance().await, 799 + 999, "a cancelled event gives all back");
        let third = kim.get(&format!("/api/reservations/{third}")).await.is(200).data;
        assert_eq!(third["refund"]["amount"], 999);
    }

    async fn nothing_is_refunded_by_the_customers_own_hand_once_the_event_has_started(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = shop.event_from(soon(&shop)).await;
        let kim = shop.customer();
        let paid = kim.buy(&event, &event.places(1)).await;
        shop.clock.advance_ms(3_600_000);
        let (kim, admin) = (shop.again(&kim, Role::User), shop.admin());
        cancel(&kim, &paid).await.refused(409, "CANCELLATION_REFUSED");
        kim.delete(&format!("/api/reservations/{paid}")).await.refused(409, "CANCELLATION_REFUSED");
        // Postponed, the event allows cancellations again; then the terms forbid them.
        let moved = json!({"eventDate": shop.time_in(3_600)});
        admin.patch(&event.path, &moved).await.is(200);
        let never = json!({"cancellation": {"allowed": false}});
        let changed = admin.patch(&event.path, &never).await.is(200).data;
        let shown = json!({"allowed": false, "until": null, "refundPercent": 0});
        assert_eq!(changed["cancellation"], shown);
        cancel(&kim, &paid).await.refused(409, "CANCELLATION_REFUSED");
        let again = json!({"cancellation": {"refundPercent": 0}});
        admin.patch(&event.path, &again).await.is(200);
        assert_eq!(cancel(&kim, &paid).await.is(200).data["refund"]["amount"], 0);
        shop.refund_all().await;
        assert_eq!(kim.balance().await, 0);
    }

    async fn the_journal_names_the_administrator_who_acted(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, kim, admin) = (shop.event().await, shop.customer(), shop.admin());
        let paid = kim.buy(&event, &event.places(1)).await;
        let act = |action: &str| format!("/api/admin/offerings/{}/{action}", event.id);
        let places = json!({"productId": event.standing(), "quantity": 2});
        admin.post(&act("block"), &places).await.is(200);
        cancel(&admin, &paid).await.is(200);
        admin.patch(&event.path, &json!({"status": "PAUSED"})).await.is(200);
        let journal = shop.journal(&event).await;
        let by = format!("{{\"ActedBy\":{{\"admin\":\"{}\"}}}}", admin.user);
        for change in ["PlacesBlocked", "ReservationsCancelled", "SaleStateSet"] {
            let line = journal.lines().find(|line| line.contains(change)).unwrap();
            assert!(line.contains(&by), "{change}: {line}");
        }
        let made = journal.lines().next().unwrap();
        assert!(made.contains("ActedBy"), "{made}");
        let bought = journal.lines().find(|line| line.contains("HoldPlaced")).unwrap();
        assert!(!bought.contains("ActedBy"), "{bought}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_a_sale_that_is_over_says_what_to_change() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    let open = format!("/api/admin/offerings/{}/open", event.id);
    let ended = shop.time_in(86_400);
    shop.clock.advance_ms(86_400_000);
    let admin = shop.admin();
    let refused = admin.post_nothing(&open).await.refused(409, "WRONG_STATE");
    let details = json!({"what": "sale", "state": "over", "field": "saleEndAt", "endedAt": ended});
    assert_eq!(refused.body["error"]["details"], details);
    let message = refused.body["error"]["message"].as_str().unwrap();
    assert!(message.contains("saleEndAt"), "{message}");
    admin.patch(&event.path, &json!({"status": "SELLING"})).await.refused(409, "WRONG_STATE");
    let both = json!({"status": "SELLING", "saleEndAt": shop.time_in(60)});
    assert_eq!(admin.patch(&event.path, &both).await.is(200).data["status"], "SELLING");

    let over = shop.event_from(soon(&shop)).await;
    shop.clock.advance_ms(3 * 3_600_000);
    let admin = shop.admin();
    let open = format!("/api/admin/offerings/{}/open", over.id);
    let refused = admin.post_nothing(&open).await.refused(409, "WRONG_STATE");
    assert_eq!(refused.body["error"]["details"]["field"], "eventEndAt");
}

#[tokio::test(flavor = "multi_thread")]
async fn terms_that_make_no_sense_are_refused() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let admin = shop.admin();
    let end = shop.time_in(3_600);
    let cases = [
        ("eventEndAt", json!(end), "eventEndAt"),
        ("saleEndAt", json!(shop.time_in(4 * 3_600)), "saleEndAt"),
        ("cancellation", json!({"refundPercent": 101}), "cancellation.refundPercent"),
        ("cancellation", json!({"allowed": false, "refundPercent": 1}), "cancellation.allowed"),
    ];
    for (field, value, named) in cases {
        let mut body = soon(&shop);
        body[field] = value;
        let refused = admin.post("/api/events", &body).await.refused(422, "INVALID");
        assert_eq!(refused.body["error"]["details"]["field"], named, "{body}");
    }
    for value in [json!("never"), json!({"percent": 5}), json!({"refundPercent": -1}), json!([])] {
        let mut body = soon(&shop);
        body["cancellation"] = value;
        admin.post("/api/events", &body).await.refused(422, "INVALID");
    }
}
