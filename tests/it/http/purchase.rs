//! A purchase, from an event to a ticket.

use serde_json::{Value, json};

use crate::http::api_client::Shop;
use crate::support::test_db::TestDb;

on_both_databases! {
    async fn a_seat_is_held_reserved_paid_and_becomes_a_ticket(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, kim) = (shop.event().await, shop.customer());
        let seats = event.seats().await;

        let hold = kim.post(&event.at("holds"), &json!({"seats": [seats[2], seats[3]]})).await.is(201);
        assert_eq!(hold.data["status"], "ACTIVE");
        assert_eq!(hold.data["eventId"], event.id);
        assert_eq!(hold.data["totalPrice"], json!({"amount": 180_000, "currency": "KRW"}));
        assert_eq!(hold.data["expiresAt"], shop.time_in(300));
        assert_eq!(hold.data["serverTime"], shop.time_in(0));
        let line = &hold.data["lines"][0];
        assert_eq!(line["quantity"], 2);
        let seat = json!({
            "id": seats[2], "section": "Left", "row": "A", "number": 3, "label": "3"});
        assert_eq!(line["seats"][0], seat);
        let at = event.at(&format!("holds/{}", hold.data["id"].as_str().unwrap()));
        assert_eq!(hold.header("location"), at);
        assert_eq!(kim.get(&at).await.is(200).data["lines"], hold.data["lines"]);
        assert_eq!(event.counts(event.stalls()).await.held, 2);

        let body = json!({"eventId": event.id, "holdId": hold.data["id"]});
        let reservation = kim.post("/api/reservations", &body).await.is(201);
        assert_eq!(reservation.data["status"], "PAYMENT_PENDING");
        assert_eq!(reservation.data["sagaId"], hold.data["id"]);
        assert_eq!(reservation.data["totalPrice"], hold.data["totalPrice"]);
        assert_eq!(reservation.data["paymentDueAt"], shop.time_in(600));
        let at = format!("/api/reservations/{}", reservation.data["id"].as_str().unwrap());
        assert_eq!(kim.get(&at).await.is(200).data["lines"], reservation.data["lines"]);
        assert_eq!(kim.get(&event.at(&format!("holds/{}", hold.data["id"].as_str().unwrap()))).await
            .is(200).data["status"], "CONVERTED");
    }

    async fn what_is_paid_for_is_listed_with_its_tickets(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, kim) = (shop.event().await, shop.customer());
        let seat = event.seats().await[0].clone();
        let first = kim.buy(&event, &json!({"seats": [seat]})).await;
        shop.clock.advance_ms(1_000);
        let second = kim.buy(&event, &event.places(2)).await;

        let page = kim.get("/api/reservations?limit=1").await.is(200);
        assert_eq!(page.data[0]["id"], second, "the newest comes first");
        assert_eq!(page.data[0]["status"], "CONFIRMED");
        let cursor = page.body["meta"]["nextCursor"].as_str().expect("a second page");
        let rest = kim.get(&format!("/api/reservations?limit=5&cursor={cursor}")).await.is(200);
        assert_eq!(rest.data.as_array().unwrap().len(), 1);
        assert_eq!(rest.data[0]["id"], first);
        assert!(rest.body["meta"]["nextCursor"].is_null());

        let tickets = kim.tickets().await;
        assert_eq!(tickets.len(), 3);
        let seated: Vec<_> = tickets.iter().filter(|ticket| !ticket["seat"].is_null()).collect();
        assert_eq!(seated.len(), 1);
        assert_eq!(seated[0]["seat"]["section"], "Left");
        assert!(tickets.iter().all(|ticket| ticket["status"] == "VALID"));
        assert_eq!(event.counts(event.standing()).await.sold, 2);
        assert_eq!(event.counts(event.stalls()).await.sold, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn places_can_be_reserved_without_a_hold() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, shop.customer());
    let body = json!({"eventId": event.id, "productId": event.standing(), "quantity": 3});
    let reservation = kim.post("/api/reservations", &body).await.is(201);
    assert_eq!(reservation.data["totalPrice"]["amount"], 150_000);
    assert_eq!(event.counts(event.standing()).await.held, 3);
    let at = format!("/api/reservations/{}", reservation.data["id"].as_str().unwrap());
    let cancelled = kim.post_nothing(&format!("{at}/cancel")).await.is(200);
    assert_eq!(cancelled.data["status"], "CANCELLED");
    assert_eq!(kim.get(&at).await.is(200).data["status"], "CANCELLED");
    assert_eq!(event.counts(event.standing()).await.available, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_can_be_extended_and_released() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, shop.customer());
    let hold = kim.post(&event.at("holds"), &event.places(2)).await.is(201);
    let at = event.at(&format!("holds/{}", hold.data["id"].as_str().unwrap()));
    shop.clock.advance_ms(60_000);
    let extended = kim.post_nothing(&format!("{at}/extend")).await.is(200);
    assert_eq!(extended.data["expiresAt"], shop.time_in(300));
    assert_eq!(extended.data["lines"], hold.data["lines"]);
    let released = kim.delete(&at).await.is(200);
    assert_eq!(released.data["status"], "RELEASED");
    assert_eq!(event.counts(event.standing()).await.available, 20);
    kim.delete(&at).await.refused(409, "HOLD_ENDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn best_available_says_what_it_had_to_give_up() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, shop.customer());
    let best = |quantity: u32, section: &str| {
        json!({"bestAvailable":
            {"productId": event.stalls(), "quantity": quantity, "section": section}})
    };
    let together = kim.post(&event.at("holds"), &best(4, "Right")).await.is(201);
    let line = &together.data["lines"][0];
    assert_eq!(line["fit"], "EXACT");
    assert!(line["note"].is_null());
    let numbers: Vec<_> = line["seats"].as_array().unwrap().iter().map(|s| &s["number"]).collect();
    assert_eq!(json!(numbers), json!([1, 2, 3, 4]));
    let split = kim.post(&event.at("holds"), &best(8, "Left")).await.is(201);
    assert_eq!(split.data["lines"][0]["fit"], "SPLIT_ROWS");
    assert!(split.data["lines"][0]["note"].as_str().unwrap().contains("rows"));
    kim.post(&event.at("holds"), &best(1, "Balcony")).await.refused(422, "UNKNOWN_SECTION");
    kim.post(&event.at("holds"), &best(5, "Left")).await.refused(409, "SOLD_OUT");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_of_several_lines_is_all_or_nothing() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim, lee) = (shop.event().await, shop.customer(), shop.customer());
    let seat = event.seats().await[0].clone();
    let both = json!({"seats": [seat],
        "lines": [{"productId": event.standing(), "quantity": 2}]});
    let hold = kim.post(&event.at("holds"), &both).await.is(201);
    assert_eq!(hold.data["totalPrice"]["amount"], 190_000);
    let taken = lee.post(&event.at("holds"), &both).await.refused(409, "SEATS_TAKEN");
    assert_eq!(taken.body["error"]["details"]["seats"], json!([seat]));
    assert_eq!(event.counts(event.standing()).await.held, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_an_event_names_no_limit_the_servers_limit_per_customer_counts() {
    let shop = Shop::open_with(TestDb::sqlite().await, |config| {
        config.max_per_customer = Some(3);
    })
    .await;
    let with = |policy: Value| {
        let mut body = shop.event_body();
        body["policy"] = policy;
        body
    };
    let mut of_product = shop.event_body();
    of_product["products"][1]["maxPerCustomer"] = json!(7);
    for (body, most) in [
        (shop.event_body(), 3),
        (with(json!({})), 3),
        (with(json!({ "maxPerCustomer": 5 })), 5),
        (with(json!({ "maxPerCustomer": null })), 20),
        (of_product, 7),
    ] {
        let event = shop.event_from(body).await;
        let (kim, lee) = (shop.customer(), shop.customer());
        let hold =
            async |quantity: u32| kim.post(&event.at("holds"), &event.places(quantity)).await;
        hold(most).await.is(201);
        if most < 20 {
            hold(1).await.refused(409, "LIMIT_EXCEEDED");
            lee.post(&event.at("holds"), &event.places(1)).await.is(201);
        }
    }
}
