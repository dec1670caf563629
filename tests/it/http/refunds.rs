//! Refunds of single tickets: by customers under the event's terms, by administrators with an
//! amount; bad input, and several administrators at once.

use std::collections::HashSet;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::http::api_client::{Answer, Event, Person, Shop};

/// The price of a place in `Standing`.
const PRICE: i64 = 50_000;

fn at(reservation: &str) -> String {
    format!("/api/reservations/{reservation}/refunds")
}

fn won(amount: i64) -> Value {
    json!({"amount": amount, "currency": "KRW"})
}

async fn refund(person: &Person<'_>, reservation: &str, body: &Value) -> Answer {
    person.post_with_key(&at(reservation), &Uuid::new_v4().to_string(), body).await
}

/// The ids of a reservation's tickets, by their numbers.
async fn tickets(shop: &Shop, reservation: &str) -> Vec<Value> {
    let id = reservation.parse().unwrap();
    let rows = shop.app.state().store.ticket_list_of(id).await.unwrap();
    rows.iter().map(|row| json!(row.id)).collect()
}

/// Sells an event with terms that give `percent` back.
async fn event_with(shop: &Shop, percent: u8) -> Event<'_> {
    let mut body = shop.event_body();
    body["cancellation"] = json!({"refundPercent": percent});
    shop.event_from(body).await
}

on_both_databases! {
    async fn a_customer_cancels_single_tickets_by_the_terms(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = event_with(&shop, 30).await;
        let kim = shop.customer();
        let order = kim.buy(&event, &event.places(3)).await;
        let [first, second, third] = &tickets(&shop, &order).await[..] else { panic!() };
        let body = json!({"tickets": [second], "reason": "ill"});
        let done = kim.post_with_key(&at(&order), "k-1", &body).await.is(201);
        assert_eq!(done.data["status"], "CONFIRMED");
        assert_eq!(done.data["refund"], won(15_000));
        assert_eq!(done.data["ticketIds"], json!([second]));
        let again = kim.post_with_key(&at(&order), "k-1", &body).await.is(201);
        assert!(again.is_replay());
        assert_eq!(again.data, done.data);
        kim.post_with_key(&at(&order), "k-1", &json!({})).await.refused(422, "IDEMPOTENCY_KEY_REUSED");
        assert_eq!(shop.nobody().get(&event.at("availability")).await.is(200)
            .data["products"][1]["available"], 18, "the place is free");

        let due = kim.get(&at(&order)).await.is(200).data;
        assert_eq!(due[0]["id"], done.data["refundId"]);
        // The server may have made it already.
        assert!(["DUE", "DONE"].contains(&due[0]["status"].as_str().unwrap()), "{due}");
        assert_eq!(due[0]["reason"], "TICKETS_CANCELLED");
        assert!(due[0].get("note").is_none(), "reasons are the administrators'");
        shop.refund_all().await;
        assert_eq!(kim.balance().await, 15_000);
        assert_eq!(kim.get(&at(&order)).await.is(200).data[0]["status"], "DONE");
        let read = kim.get(&format!("/api/reservations/{order}")).await.is(200).data;
        assert_eq!((&read["status"], &read["refund"]), (&json!("CONFIRMED"), &won(15_000)));

        // The door takes the tickets that are left.
        let path = |ticket: &Value| format!("/api/tickets/{}", ticket.as_str().unwrap());
        assert_eq!(kim.get(&path(second)).await.is(200).data["status"], "VOID");
        let code = kim.get(&path(third)).await.is(200).data["code"].clone();
        shop.admin().post("/api/checkins", &json!({"code": code})).await.is(200);
        refund(&kim, &order, &json!({"tickets": [third]})).await.refused(409, "ALREADY_CHECKED_IN");
        refund(&kim, &order, &json!({})).await.refused(409, "ALREADY_CHECKED_IN");
        refund(&kim, &order, &json!({"tickets": [second]})).await.refused(409, "WRONG_STATE");
        let last = refund(&kim, &order, &json!({"tickets": [first]})).await.is(201).data;
        assert_eq!((&last["status"], &last["refund"]), (&json!("CONFIRMED"), &won(15_000)));
        shop.refund_all().await;
        assert_eq!(kim.balance().await, 30_000);
    }

    async fn without_a_list_all_tickets_that_are_left_are_cancelled(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = event_with(&shop, 100).await;
        let kim = shop.customer();
        let order = kim.buy(&event, &event.places(3)).await;
        let ids = tickets(&shop, &order).await;
        refund(&kim, &order, &json!({"tickets": [ids[0]]})).await.is(201);
        // Null is a fault of the client, and no wish to cancel them all.
        refund(&kim, &order, &json!({"tickets": null})).await.refused(422, "INVALID");
        let rest = refund(&kim, &order, &json!({})).await.is(201).data;
        assert_eq!((&rest["status"], &rest["refund"]), (&json!("CANCELLED"), &won(2 * PRICE)));
        assert_eq!(rest["ticketIds"], json!(ids[1..]));
        shop.refund_all().await;
        assert_eq!(kim.balance().await, 3 * PRICE);
        refund(&kim, &order, &json!({})).await.refused(409, "WRONG_STATE");
        let read = kim.get(&format!("/api/reservations/{order}")).await.is(200).data;
        assert_eq!(read["refund"], won(3 * PRICE));
    }

    async fn an_administrator_names_the_amount_and_the_reason(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = event_with(&shop, 0).await;
        let (kim, admin) = (shop.customer(), shop.admin());
        let order = kim.buy(&event, &event.places(3)).await;
        let ids = tickets(&shop, &order).await;
        let body = json!({"tickets": [ids[0]], "amount": won(120_000), "reason": "He could not see"});
        let done = refund(&admin, &order, &body).await.is(201).data;
        assert_eq!(done["refund"], won(120_000));
        let listed = admin.get("/api/admin/refunds").await.is(200).data;
        assert_eq!(listed[0]["id"], done["refundId"]);
        assert_eq!(listed[0]["note"], "He could not see");
        assert_eq!(listed[0]["requestedBy"], json!(admin.user));
        assert_eq!(admin.get("/api/admin/refunds?status=REFUSED").await.is(200).data, json!([]));
        for amount in [-1, 30_001, i64::MAX] {
            let body = json!({"tickets": [ids[1]], "amount": won(amount)});
            let refused = refund(&admin, &order, &body).await.refused(422, "INVALID");
            let message = refused.body["error"]["message"].as_str().unwrap();
            assert!(message.contains("0 to 30000"), "{message}");
        }
        // Without an amount the price comes back, but no more than is left.
        let rest = refund(&admin, &order, &json!({"tickets": [ids[1]]})).await.is(201).data;
        assert_eq!(rest["refund"], won(30_000));
        let none = refund(&admin, &order, &json!({"amount": won(0)})).await.is(201).data;
        assert_eq!((&none["status"], &none["refundId"]), (&json!("CANCELLED"), &Value::Null));
        shop.refund_all().await;
        assert_eq!(kim.balance().await, 3 * PRICE);
        let back = admin.get("/api/admin/refunds?status=DONE").await.is(200).data;
        assert_eq!(back.as_array().map(Vec::len), Some(2), "{back}");
        assert_eq!(admin.get("/api/admin/refunds?status=DUE").await.is(200).data, json!([]));
    }

    async fn bad_refunds_say_what_is_wrong_and_change_nothing(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = event_with(&shop, 100).await;
        let (kim, lee, admin) = (shop.customer(), shop.customer(), shop.admin());
        let order = kim.buy(&event, &event.places(2)).await;
        let other = lee.buy(&event, &event.places(1)).await;
        let unpaid = kim.reserve(&event, &event.places(1)).await;
        let ids = tickets(&shop, &order).await;
        let foreign = tickets(&shop, &other).await;
        let some = json!({"tickets": [ids[0]]});
        kim.post(&at(&order), &some).await.refused(422, "IDEMPOTENCY_KEY_REQUIRED");
        let cases = [
            (&lee, &order, some.clone(), 404, "RESERVATION_NOT_FOUND"),
            (&lee, &order, json!({"tickets": [foreign[0]]}), 404, "RESERVATION_NOT_FOUND"),
            (&lee, &order, json!({"amount": won(1)}), 404, "RESERVATION_NOT_FOUND"),
            (&kim, &order, json!({"tickets": [foreign[0]]}), 404, "TICKET_NOT_FOUND"),
            (&kim, &order, json!({"tickets": [Uuid::new_v4()]}), 404, "TICKET_NOT_FOUND"),
            (&kim, &order, json!({"tickets": []}), 422, "INVALID"),
            (&kim, &order, json!({"tickets": [ids[0], ids[0]]}), 422, "INVALID"),
            (&kim, &order, json!({"tickets": [ids[0]], "amount": won(1)}), 403, "FORBIDDEN"),
            (&kim, &order, json!({"reason": "x".repeat(501)}), 422, "INVALID"),
            (&admin, &order, json!({"amount": {"amount": 1, "currency": "USD"}}), 422, "INVALID"),
            (&kim, &unpaid, json!({}), 409, "WRONG_STATE"),
            (&admin, &unpaid, json!({"amount": won(1)}), 409, "WRONG_STATE"),
        ];
        for (person, order, body, status, code) in cases {
            refund(person, order, &body).await.refused(status, code);
        }
        lee.get(&at(&order)).await.refused(404, "RESERVATION_NOT_FOUND");
        kim.get("/api/admin/refunds").await.refused(403, "FORBIDDEN");
        admin.get("/api/admin/refunds?status=LOST").await.refused(422, "INVALID");
        let retry = |id: &str| format!("/api/admin/refunds/{id}/retry");
        kim.post_nothing(&retry(&Uuid::new_v4().to_string())).await.refused(403, "FORBIDDEN");
        admin.post_nothing(&retry(&Uuid::new_v4().to_string())).await.refused(404, "NOT_FOUND");
        shop.refund_all().await;
        assert_eq!((kim.balance().await, lee.balance().await), (0, 0));
        assert_eq!(shop.app.db.count("SELECT count(*) FROM refunds").await, 0);
        assert_eq!(shop.app.db.count("SELECT count(*) FROM tickets WHERE status = 'VOID'").await, 0);
        let done = refund(&kim, &order, &some).await.is(201).data;
        let id = done["refundId"].as_str().unwrap();
        admin.post_nothing(&retry(id)).await.refused(409, "WRONG_STATE");
    }

    async fn administrators_at_once_never_give_back_more_than_was_paid(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = event_with(&shop, 100).await;
        let (kim, first, second) = (shop.customer(), shop.admin(), shop.admin());
        for _ in 0..6 {
            let before = kim.balance().await;
            let order = kim.buy(&event, &event.places(3)).await;
            let ids = tickets(&shop, &order).await;
            // Each of them alone is allowed; any two for the whole price are not.
            let one = |ticket: usize| json!({"tickets": [ids[ticket]], "amount": won(3 * PRICE)});
            let (whole, same) = (json!({}), json!({"tickets": [ids[1]]}));
            let (of_first, of_second) = (one(0), one(1));
            let answers = tokio::join!(
                refund(&first, &order, &of_first),
                refund(&second, &order, &of_second),
                refund(&second, &order, &of_first),
                refund(&first, &order, &same),
                refund(&kim, &order, &whole),
            );
            let answers = [answers.0, answers.1, answers.2, answers.3, answers.4];
            let statuses: HashSet<u16> = answers.iter().map(|answer| answer.status).collect();
            assert!(statuses.contains(&201), "{answers:?}");
            assert!(statuses.is_subset(&HashSet::from([201, 409, 422])), "{answers:?}");
            let granted: i64 = answers
                .iter()
                .filter(|answer| answer.status == 201)
                .map(|answer| answer.data["refund"]["amount"].as_i64().unwrap())
                .sum();
            assert!(granted <= 3 * PRICE, "{answers:?}");
            shop.refund_all().await;
            assert_eq!(kim.balance().await, before + granted);
            // What is left of it goes back, and then all is.
            shop.admin().post_nothing(&format!("/api/reservations/{order}/cancel")).await;
            shop.refund_all().await;
        }
        let more = "SELECT count(*) FROM payments WHERE refunded > amount";
        assert_eq!(shop.app.db.count(more).await, 0);
        let refused = "SELECT count(*) FROM refunds WHERE state = 'REFUSED'";
        assert_eq!(shop.app.db.count(refused).await, 0, "the box office has decided before");
    }

    async fn pages_of_refunds_follow_each_other(db: TestDb) {
        let shop = Shop::open(db).await;
        let event = event_with(&shop, 100).await;
        let (kim, admin) = (shop.customer(), shop.admin());
        let order = kim.buy(&event, &event.places(5)).await;
        for ticket in tickets(&shop, &order).await {
            refund(&kim, &order, &json!({"tickets": [ticket]})).await.is(201);
        }
        let mut seen = Vec::new();
        let mut next = String::new();
        for expected in [2, 2, 1] {
            let page = admin.get(&format!("/api/admin/refunds?limit=2{next}")).await.is(200);
            let rows = page.data.as_array().unwrap().clone();
            assert_eq!(rows.len(), expected);
            seen.extend(rows.into_iter().map(|row| row["id"].to_string()));
            next = format!("&cursor={}", page.body["meta"]["nextCursor"].as_str().unwrap_or(""));
        }
        assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 5);
    }

    async fn an_event_says_what_a_failed_payment_does(db: TestDb) {
        let shop = Shop::open(db).await;
        let (kim, admin) = (shop.customer(), shop.admin());
        let event = shop.event().await;
        let read = async || shop.nobody().get(&event.path).await.is(200).data["onPaymentFailure"].clone();
        assert_eq!(read().await, "KEEP_OPEN");
        for bad in [json!("NEVER"), json!(1), json!({})] {
            let answer = admin.patch(&event.path, &json!({"onPaymentFailure": bad})).await;
            assert!([400, 422].contains(&answer.status), "{answer:?}");
        }
        let changed = admin.patch(&event.path, &json!({"onPaymentFailure": "CANCEL"})).await.is(200).data;
        assert_eq!((&changed["onPaymentFailure"], read().await), (&json!("CANCEL"), json!("CANCEL")));
        let order = kim.reserve(&event, &event.places(1)).await;
        let pay = format!("/api/reservations/{order}/payments");
        let refused = kim.post_with_key(&pay, "p", &json!({"method": "wallet"})).await;
        refused.refused(409, "INSUFFICIENT_BALANCE");
        let read = kim.get(&format!("/api/reservations/{order}")).await.is(200).data;
        assert_eq!(read["status"], "CANCELLED");
        let mut body = shop.event_body();
        body["onPaymentFailure"] = json!("CANCEL");
        let made = admin.post("/api/events", &body).await.is(201).data;
        assert_eq!(made["onPaymentFailure"], "CANCEL");
    }
}
