//! A refusal names the field and the expected value, in the API's words.

use serde_json::{Value, json};

use crate::http::api_client::{Answer, Shop};
use crate::support::test_db::TestDb;

#[track_caller]
fn says(answer: Answer, field: &str, message: &str) {
    let error = answer.refused(422, "INVALID").body["error"].clone();
    assert_eq!(error["message"], message);
    assert_eq!(error["details"]["field"], field, "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_an_event_is_said_with_its_field() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let time = "a time such as 2030-05-01T19:30:00Z, with Z or an offset, in the years 0 to 9999";
    for (place, value, field, message) in [
        (
            "/eventDate",
            json!("2030-05-01T19:30:00"),
            "eventDate",
            format!("must be {time}, not \"2030-05-01T19:30:00\""),
        ),
        ("/eventDate", json!(""), "eventDate", format!("must be {time}, not \"\"")),
        (
            "/eventDate",
            json!(1_893_456_000),
            "eventDate",
            format!("must be {time}, not 1893456000"),
        ),
        (
            "/eventDate",
            json!("9999-12-31T23:59:59-12:00"),
            "eventDate",
            format!("must be {time}, not \"9999-12-31T23:59:59-12:00\""),
        ),
        (
            "/products/0/saleEndAt",
            json!("0000-01-01T00:00:00+12:00"),
            "products[0].saleEndAt",
            format!("must be {time}, not \"0000-01-01T00:00:00+12:00\""),
        ),
        (
            "/saleEndAt",
            json!("2001-01-01T00:00:00Z"),
            "saleEndAt",
            "must be after saleStartAt".into(),
        ),
        (
            "/products/1/totalStock",
            json!("many"),
            "products[1].totalStock",
            "must be a whole number from 0 to 4294967295, not \"many\"".into(),
        ),
        (
            "/products/0/price",
            json!(90_000),
            "products[0].price",
            "must be an object, not 90000".into(),
        ),
        (
            "/products/0/price/amount",
            json!(-1),
            "products[0].price.amount",
            "must be 0 to 1000000000000".into(),
        ),
        ("/status", json!("SOLD"), "status", "must be SCHEDULED or SELLING, not \"SOLD\"".into()),
        (
            "/policy",
            json!({"holdTtlSeconds": 0}),
            "policy.holdTtlSeconds",
            "must be 1 to 2592000 (30 days)".into(),
        ),
        (
            "/policy",
            json!({"paymentGraceSeconds": 90_000}),
            "policy.paymentGraceSeconds",
            "must be 0 to 86400 (a day)".into(),
        ),
        (
            "/seatMap/sections/0/name",
            json!("가".repeat(101)),
            "seatMap.sections[0].name",
            "must have 1 to 100 characters".into(),
        ),
    ] {
        let mut body = shop.event_body();
        let (parent, name) = place.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[name] = value;
        let answer = shop.admin().post("/api/events", &body).await;
        says(answer, field, &format!("{field} {message}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_an_order_is_said_with_its_field() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, shop.customer());
    let holds = event.at("holds");
    for (body, field, message) in [
        (
            event.places("two"),
            "lines[0].quantity",
            "must be a whole number from 0 to 4294967295, not \"two\"",
        ),
        (
            event.places(-1),
            "lines[0].quantity",
            "must be a whole number from 0 to 4294967295, not -1",
        ),
        (event.places(0), "lines[0].quantity", "must be at least 1"),
        (json!({"lines": [{"quantity": 1}]}), "lines[0].productId", "is missing"),
        (json!({"seats": "all"}), "seats", "must be a list, not \"all\""),
        (json!({"seat": []}), "seat", "is not known here; known are: lines, seats, bestAvailable"),
    ] {
        says(kim.post(&holds, &body).await, field, &format!("{field} {message}"));
    }
    let many = kim.post(&holds, &event.places(21)).await.refused(422, "INVALID");
    assert_eq!(many.body["error"]["message"], "one hold may have at most 20 places in all");
    let party = json!({"productId": event.standing(), "partySize": 21});
    let party = kim.post(&event.at("waitlist"), &party).await.refused(422, "INVALID");
    let message = "partySize must be 1 to 20: it must fit into one hold";
    assert_eq!(party.body["error"]["message"], message);
    let body = json!({"eventId": "x", "holdId": "y"});
    let answer = kim.post("/api/reservations", &body).await;
    says(answer, "eventId", "eventId must be an id: a UUID");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_query_is_said_with_its_field() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (admin, event) = (shop.admin(), shop.event().await);
    for (path, field, message) in [
        ("/api/events?limit=abc", "limit", "must be a whole number"),
        ("/api/events?limit=-1", "limit", "must be a whole number"),
        ("/api/events?limit=0", "limit", "must be 1 to 100"),
        ("/api/events?cursor=zzz", "cursor", "must be the nextCursor of a page of this list"),
        ("/api/events?page=2", "page", "is not known here; known are: limit, cursor"),
        ("/api/tickets?cursor=zzz", "cursor", "must be the nextCursor of a page of this list"),
        ("/api/reservations?limit=1&limit=2", "limit", "is there twice"),
        (&event.at("audit?full=yes"), "full", "must be true or false"),
    ] {
        says(admin.get(path).await, field, &format!("{field} {message}"));
    }
}

on_both_databases! {
    async fn names_are_counted_in_characters(db: TestDb) {
        let shop = Shop::open(db).await;
        let mut body = shop.event_body();
        let (section, row) = ("가".repeat(100), "\u{1F3AD}".repeat(50));
        body["name"] = json!("한".repeat(200));
        body["seatMap"]["sections"][0]["name"] = json!(section);
        body["seatMap"]["sections"][0]["rows"][0]["name"] = json!(row);
        let event = shop.event_from(body).await;
        let seats = shop.nobody().get(&event.at("seats")).await.is(200).data;
        assert_eq!(seats["sections"][0]["name"], section);
        assert_eq!(seats["sections"][0]["rows"][0]["name"], row);
        let other = "나".repeat(50);
        let body = json!({"section": section, "row": {"name": other, "seats": 2}});
        let path = format!("/api/admin/offerings/{}/add-row", event.id);
        shop.admin().post(&path, &body).await.is(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_second_of_the_year_9999_comes_back_as_it_was_sent() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let mut body = shop.event_body();
    body["eventDate"] = json!("9999-12-31T23:59:59Z");
    let event = shop.event_from(body).await;
    let shown = shop.nobody().get(&event.path).await.is(200).data;
    assert_eq!(shown["eventDate"], "9999-12-31T23:59:59.000Z");
    let patch = json!({"saleEndAt": "9999-12-31T23:59:59-00:01"});
    let answer = shop.admin().patch(&event.path, &patch).await;
    assert_eq!(answer.refused(422, "INVALID").body["error"]["details"]["field"], "saleEndAt");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_not_there_is_said_before_ids_that_do_not_belong_to_it() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim, admin) = (shop.event().await, shop.customer(), shop.admin());
    let (seat, standing) = (event.seats().await[0].clone(), event.standing());
    let missing = admitone::ids::OfferingId::random().to_string();
    let line = json!({"productId": standing, "quantity": 1});
    let acts: [(String, Value); 6] = [
        (format!("/api/events/{missing}/holds"), json!({"lines": [line]})),
        (format!("/api/events/{missing}/holds"), json!({"seats": [seat]})),
        (format!("/api/events/{missing}/holds"), json!({"bestAvailable": line})),
        (format!("/api/events/{missing}/waitlist"), json!({"productId": standing, "partySize": 1})),
        (
            "/api/reservations".into(),
            json!({"eventId": missing, "productId": standing, "quantity": 1}),
        ),
        (format!("/api/admin/offerings/{missing}/block"), json!({"seats": [seat]})),
    ];
    for (path, body) in acts {
        let person = if path.contains("admin") { &admin } else { &kim };
        person.post(&path, &body).await.refused(404, "EVENT_NOT_FOUND");
    }
}
