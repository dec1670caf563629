//! Every invalid input of a client is answered with its place in the request, and changes nothing.

use serde_json::{Value, json};

use crate::http::api_client::{Counts, Shop};
use crate::support::test_db::TestDb;

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_hold_is_refused_and_changes_nothing() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, other, kim) = (shop.event().await, shop.event().await, shop.customer());
    let (seats, foreign) = (event.seats().await, other.seats().await);
    let unknown = format!("{}-99999", seats[0].split('-').next().unwrap());
    let line = |product: &str, quantity: Value| json!({"lines": [{"productId": product, "quantity": quantity}]});
    let with = |field: &str, value: Value| {
        let mut body = event.places(1);
        body[field] = value;
        body
    };
    let cases = [
        (event.places(0), 422, "INVALID"),
        (event.places(-1), 422, "INVALID"),
        (event.places(1.5), 422, "INVALID"),
        (event.places("two"), 422, "INVALID"),
        (event.places(u64::MAX), 422, "INVALID"),
        (event.places(u32::MAX), 422, "INVALID"),
        (event.places(21), 422, "INVALID"),
        (line(event.stalls(), json!(1)), 422, "WRONG_KIND_OF_PRODUCT"),
        (line(other.standing(), json!(1)), 422, "INVALID"),
        (line("p-1", json!(1)), 422, "INVALID"),
        (line("", json!(1)), 422, "INVALID"),
        (json!({"seats": [foreign[0]]}), 422, "INVALID"),
        (json!({"seats": [unknown]}), 422, "UNKNOWN_SEATS"),
        (json!({"seats": [seats[0], seats[0]]}), 422, "DUPLICATE_SEATS"),
        (json!({"seats": "all"}), 422, "INVALID"),
        (json!({"seats": [7]}), 422, "INVALID"),
        (json!({"seats": []}), 422, "INVALID"),
        (json!({}), 422, "INVALID"),
        (json!([]), 422, "INVALID"),
        (json!([[{"productId": event.standing(), "quantity": 1}]]), 422, "INVALID"),
        (json!({"lines": [[event.standing(), 1]]}), 422, "INVALID"),
        (json!({"bestAvailable": [event.stalls(), 1]}), 422, "INVALID"),
        (Value::Null, 422, "INVALID"),
        (with("price", json!(1)), 422, "INVALID"),
        (with("status", json!("CONFIRMED")), 422, "INVALID"),
        (with("userId", json!(kim.user)), 422, "INVALID"),
    ];
    for (body, status, code) in cases {
        let answer = kim.post(&event.at("holds"), &body).await;
        assert_eq!(
            (answer.status, answer.body["error"]["code"].as_str()),
            (status, Some(code)),
            "{body}: {:#}",
            answer.body
        );
    }
    let untouched = Counts { total: 20, available: 20, held: 0, sold: 0, blocked: 0 };
    assert_eq!(event.counts(event.standing()).await, untouched);
    assert_eq!(event.counts(event.stalls()).await.held, 0);
    let foreign = kim.post(&event.at("holds"), &json!({"seats": [foreign[0]]})).await;
    let message = foreign.body["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("another event"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_json_is_malformed() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, shop.customer());
    for body in ["", "{", "lines", "{\"lines\":[}", "{} {}", "\u{0}", "{\"seats\":[\"\\ud800\"]}"] {
        let answer = kim.post_text(&event.at("holds"), body.to_owned()).await;
        answer.refused(400, "MALFORMED_JSON");
    }
    kim.post_text(&event.at("holds"), vec![0xff, 0xfe, 0x00]).await.refused(400, "MALFORMED_JSON");
    kim.post_text(&event.at("holds"), "[".repeat(60_000)).await.refused(400, "MALFORMED_JSON");
    let plain = kim.request(reqwest::Method::POST, &event.at("holds")).body("{}");
    let plain = plain.header("Content-Type", "text/plain");
    crate::http::api_client::Answer::of(plain).await.refused(415, "UNSUPPORTED_MEDIA_TYPE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_ten_megabytes_is_too_large() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, shop.customer());
    let large = format!("{{\"seats\":[\"{}\"]}}", "x".repeat(10 * 1_024 * 1_024));
    for path in [event.at("holds"), "/api/reservations".into()] {
        kim.post_text(&path, large.clone()).await.refused(413, "PAYLOAD_TOO_LARGE");
    }
    shop.admin().post_text("/api/events", large).await.refused(413, "PAYLOAD_TOO_LARGE");
    kim.post(&event.at("holds"), &event.places(1)).await.is(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_event_is_refused_with_the_field() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let admin = shop.admin();
    let cases = [
        ("/name", json!("a\0b"), "name"),
        ("/name", json!(""), "name"),
        ("/name", json!("\u{200b}\u{feff}"), "name"),
        ("/name", json!("good\u{202e}lived"), "name"),
        ("/name", json!("two\nlines"), "name"),
        ("/name", json!("x".repeat(201)), "name"),
        ("/name", json!(7), "name"),
        ("/venue", json!("a\u{7}b"), "venue"),
        ("/eventDate", json!("tomorrow"), "eventDate"),
        ("/saleEndAt", json!("2001-01-01T00:00:00Z"), "sale"),
        ("/status", json!("SOLD_OUT"), "status"),
        ("/products", json!([]), "products"),
        ("/products/0/price/amount", json!(-1), "products[0].price"),
        ("/products/0/price/amount", json!(1_000_000_000_001_i64), "products[0].price"),
        ("/products/0/price/amount", json!(i64::MAX), "products[0].price"),
        ("/products/0/price/amount", json!(1e300), "products[0].price"),
        ("/products/0/price/amount", json!("free"), "products[0].price"),
        ("/products/0/price/currency", json!("won"), "currency"),
        ("/products/1/price/currency", json!("USD"), "currency"),
        ("/products/0/totalStock", json!(5), "products[0].totalStock"),
        ("/products/1/totalStock", json!(0), "products[1].totalStock"),
        ("/products/1/totalStock", json!(-20), "products[1].totalStock"),
        ("/products/1/totalStock", json!(4_294_967_295_u32), "products"),
        ("/products/1/totalStock", Value::Null, "products[1].totalStock"),
        ("/products/1/maxPerCustomer", json!(0), "products[1].maxPerCustomer"),
        ("/products/1/name", json!("Stalls"), "products[1].name"),
        ("/products/1/name", json!("\0"), "products[1].name"),
        ("/seatMap/sections/0/product", json!("Balcony"), "seatMap.sections[0].product"),
        ("/seatMap/sections/1/name", json!("Left"), "seatMap.sections[1].name"),
        ("/seatMap/sections/0/rows/1/name", json!("A"), "seatMap.sections[0].rows[1].name"),
        ("/seatMap/sections/0/rows/0/seats", json!(0), "seatMap.sections[0].rows[0].seats"),
        ("/seatMap/sections/0/rows/0/seats", json!(-6), "seatMap.sections[0].rows[0].seats"),
        ("/seatMap/sections/0/rows", json!([]), "seatMap.sections[0].rows"),
        ("/createdBy", json!("me"), "createdBy"),
        ("/id", json!("0192f6c8-7a4e-7cc3-98c4-dc0c0c07398f"), "id"),
        ("/products/0/available", json!(5), "available"),
    ];
    for (place, value, says) in cases {
        let mut body = shop.event_body();
        let (parent, field) = place.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[field] = value.clone();
        let answer = admin.post("/api/events", &body).await;
        assert_eq!(answer.status, 422, "{place} = {value}: {:#}", answer.body);
        let answer = answer.refused(422, "INVALID");
        let message = answer.body["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(says), "{place} = {value}: {message}");
    }
    let listed = shop.nobody().get("/api/events").await.is(200);
    assert_eq!(listed.data, json!([]), "nothing was made");
}

on_both_databases! {
    async fn names_of_any_script_come_back_as_they_were_sent(db: TestDb) {
        let shop = Shop::open(db).await;
        for name in ["햄릿", "مسرح", "🎭🎟️ — Ω", "a'; DROP TABLE events; --", "<script>\"&"] {
            let mut body = shop.event_body();
            body["name"] = json!(name);
            body["seatMap"]["sections"][0]["name"] = json!(name);
            let event = shop.event_from(body).await;
            assert_eq!(shop.nobody().get(&event.path).await.is(200).data["name"], name);
            let seats = shop.nobody().get(&event.at("seats")).await.is(200);
            assert_eq!(seats.data["sections"][0]["name"], name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_reservation_is_refused() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, shop.customer());
    let hold = kim.post(&event.at("holds"), &event.places(1)).await.is(201).data["id"].clone();
    let (id, standing) = (json!(event.id), json!(event.standing()));
    for (body, status, code) in [
        (json!({"eventId": id}), 422, "INVALID"),
        (json!({"holdId": hold}), 422, "INVALID"),
        (json!({"eventId": id, "holdId": "nonsense"}), 422, "INVALID"),
        (json!({"eventId": id, "holdId": id}), 404, "HOLD_NOT_FOUND"),
        (json!({"eventId": id, "holdId": hold, "quantity": 1}), 422, "INVALID"),
        (json!({"eventId": id, "productId": standing}), 422, "INVALID"),
        (json!({"eventId": id, "productId": standing, "quantity": 0}), 422, "INVALID"),
        (json!({"eventId": id, "holdId": hold, "price": 1}), 422, "INVALID"),
        (json!({"eventId": id, "holdId": hold, "totalPrice": {"amount": 1}}), 422, "INVALID"),
        (json!({"eventId": id, "holdId": hold, "status": "CONFIRMED"}), 422, "INVALID"),
        (json!({"eventId": id, "holdId": hold, "userId": kim.user}), 422, "INVALID"),
        (json!({"eventId": hold, "holdId": hold}), 404, "EVENT_NOT_FOUND"),
    ] {
        let answer = kim.post("/api/reservations", &body).await;
        assert_eq!(
            (answer.status, answer.body["error"]["code"].as_str()),
            (status, Some(code)),
            "{body}: {:#}",
            answer.body
        );
    }
    assert_eq!(kim.get("/api/reservations").await.is(200).data, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_past_its_deadline_is_gone() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim, lee) = (shop.event().await, shop.customer(), shop.customer());
    let hold = kim.post(&event.at("holds"), &event.places(20)).await.is(201).data["id"].clone();
    shop.clock.advance_ms(300_000);
    let body = json!({"eventId": event.id, "holdId": hold});
    kim.post("/api/reservations", &body).await.refused(410, "HOLD_EXPIRED");
    let at = event.at(&format!("holds/{}", hold.as_str().unwrap()));
    kim.post_nothing(&format!("{at}/extend")).await.refused(410, "HOLD_EXPIRED");
    assert_eq!(kim.get(&at).await.is(200).data["status"], "EXPIRED");
    lee.post(&event.at("holds"), &event.places(20)).await.is(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sold_outside_the_sale() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let kim = shop.customer();
    let mut early = shop.event_body();
    early["saleStartAt"] = json!(shop.time_in(60));
    let early = shop.event_from(early).await;
    assert_eq!(kim.get(&early.path).await.data["status"], "SCHEDULED");
    let answer = kim.post(&early.at("holds"), &early.places(1)).await;
    let answer = answer.refused(409, "SALE_NOT_OPEN");
    assert_eq!(answer.body["error"]["details"]["opensAt"], shop.time_in(60));
    shop.clock.advance_ms(60_000);
    assert_eq!(kim.get(&early.path).await.data["status"], "SELLING");
    kim.post(&early.at("holds"), &early.places(1)).await.is(201);
    shop.clock.advance_ms(86_400_000);
    // The first token has expired by now.
    let kim = shop.customer();
    assert_eq!(kim.get(&early.path).await.data["status"], "ENDED");
    kim.post(&early.at("holds"), &early.places(1)).await.refused(409, "SALE_CLOSED");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_per_customer_count_holds_and_reservations_together() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let mut body = shop.event_body();
    body["products"][1]["maxPerCustomer"] = json!(3);
    let (event, kim) = (shop.event_from(body).await, shop.customer());
    kim.post(&event.at("holds"), &event.places(4)).await.refused(409, "LIMIT_EXCEEDED");
    let hold = kim.post(&event.at("holds"), &event.places(2)).await.is(201);
    let body = json!({"eventId": event.id, "holdId": hold.data["id"]});
    let reserved = kim.post("/api/reservations", &body).await.is(201);
    let over = kim.post(&event.at("holds"), &event.places(2)).await.refused(409, "LIMIT_EXCEEDED");
    assert_eq!(
        over.body["error"]["details"],
        json!({"max": 3, "current": 2,
        "holdIds": [], "offerIds": [], "reservationIds": [reserved.data["id"]]})
    );
    shop.customer().post(&event.at("holds"), &event.places(3)).await.is(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_and_queries_that_name_nothing_are_answered_plainly() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, shop.customer());
    let missing = admitone::ids::OfferingId::random();
    for path in [
        format!("/api/events/{missing}"),
        format!("/api/events/{missing}/availability"),
        format!("/api/events/{missing}/seats"),
        format!("/api/events/{missing}/stream"),
        format!("/api/events/{missing}/audit"),
        "/api/events/42".into(),
        "/api/events/%00/seats".into(),
        event.at(&format!("holds/{missing}")),
        event.at("holds/x"),
        event.at(&format!("waitlist/{missing}")),
        format!("/api/reservations/{missing}"),
        format!("/api/tickets/{missing}"),
        format!("/api/tickets/{missing}/qr.svg"),
        "/api/nothing".into(),
    ] {
        kim.get(&path).await.is(404);
    }
    for path in [
        "/api/events?limit=0",
        "/api/events?limit=101",
        "/api/events?limit=many",
        "/api/events?cursor=x",
        "/api/events?page=2",
        "/api/reservations?cursor=x",
        "/api/tickets?cursor=1_x",
    ] {
        kim.get(path).await.refused(422, "INVALID");
    }
    kim.delete("/api/events").await.refused(405, "METHOD_NOT_ALLOWED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_that_is_given_twice_is_refused() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    for path in ["/api/events?limit=1&limit=2", "/api/reservations?limit=1&limit=1"] {
        shop.customer().get(path).await.refused(422, "INVALID");
    }
}
