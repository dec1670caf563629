//! Availability, seat maps and the stream show the same state.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::http::api_client::{Answer, Event, Person, Shop};
use crate::support::stream_frames::{Frame, Frames};
use crate::support::test_app::{TestApp, event};
use crate::support::test_db::TestDb;

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_known_is_not_sent_again() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, shop.customer());
    for path in [event.at("availability"), event.at("seats"), event.at("seats?section=Left")] {
        kim.post(&event.at("holds"), &event.places(1)).await.is(201);
        let first = kim.get(&path).await.is(200);
        let etag = first.header("etag").to_owned();
        assert!(first.header("cache-control").contains("no-cache"), "{path}");
        let ask = |etag: String| kim.request(Method::GET, &path).header("If-None-Match", etag);
        let known = Answer::of(ask(format!("\"other\", W/{etag}"))).await.is(304);
        assert_eq!((known.header("etag"), &known.body), (etag.as_str(), &Value::Null));
        Answer::of(ask("\"0-0\"".into())).await.is(200);
        kim.post(&event.at("holds"), &event.places(1)).await.is(201);
        let changed = Answer::of(ask(etag.clone())).await.is(200);
        assert_ne!(changed.header("etag"), etag);
        assert_eq!(kim.get(&path).await.is(200).body, changed.body, "the same bytes per version");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_seat_map_shows_each_seat_with_its_price() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, shop.customer());
    let seats = event.seats().await;
    assert_eq!(seats.len(), 16);
    kim.post(&event.at("holds"), &json!({"seats": [seats[7]]})).await.is(201);
    let map = kim.get(&event.at("seats")).await.is(200).data;
    let left = &map["sections"][0];
    assert_eq!(left["name"], "Left");
    assert_eq!(left["productId"], event.stalls());
    assert_eq!(left["price"], json!({"amount": 90_000, "currency": "KRW"}));
    let seat = &left["rows"][1]["seats"][1];
    assert_eq!(*seat, json!({"id": seats[7], "number": 2, "status": "HELD"}));
    let right = kim.get(&event.at("seats?section=Right")).await.is(200).data;
    assert_eq!(right["sections"], json!([map["sections"][1]]));
    assert!(kim.get(&event.at("seats?section=Balcony")).await.status >= 400);
}

/// The map of many sections is sent in pieces.
#[tokio::test(flavor = "multi_thread")]
async fn the_seat_map_of_a_stadium_is_whole() {
    const SECTIONS: usize = 30;
    let app = TestApp::start(TestDb::sqlite().await).await;
    // The last section has several blocks.
    let section = |nth: usize| {
        let mut rows =
            vec![json!({ "name": "A", "seats": 3 }), json!({ "name": "B", "seats": nth })];
        let more = if nth == SECTIONS { 7 } else { 0 };
        rows.extend((0..more).map(|row| json!({ "name": format!("C{row}"), "seats": 400 })));
        json!({ "name": format!("Block {nth}"), "product": "Seat", "rows": rows })
    };
    let sections: Vec<Value> = (1..=SECTIONS).map(section).collect();
    let product = json!([{ "name": "Seat", "price": { "amount": 1_000, "currency": "KRW" } }]);
    let event = app.create_event(event(&product, json!({ "sections": sections }))).await;
    let path = format!("/api/events/{}/seats", event["id"].as_str().unwrap());
    let map = app.get_anonymously(&path).await;
    assert_eq!(map.headers["content-type"], "application/json");
    let again =
        app.call(Method::GET, &path).header("If-None-Match", map.headers["etag"].to_str().unwrap());
    assert_eq!(again.send().await.status, 304);
    let map = map.expect(200);
    let shown = map["sections"].as_array().unwrap();
    assert_eq!(shown.len(), SECTIONS);
    let last = &shown[SECTIONS - 1];
    assert_eq!(last["rows"].as_array().unwrap().len(), 9);
    // A change in the middle is shown, and nothing else changes.
    let seat = last["rows"][5]["seats"][200]["id"].clone();
    let user = app.user().await;
    let holds = path.replace("/seats", "/holds");
    app.post(&holds, &user, json!({ "seats": [seat] })).await.expect(201);
    let mut changed = map["sections"].clone();
    changed[SECTIONS - 1]["rows"][5]["seats"][200]["status"] = json!("HELD");
    let again = app.get_anonymously(&path).await.expect(200);
    assert_eq!(again["sections"], changed);
    for (nth, section) in (1..).zip(changed.as_array().unwrap()) {
        let one = app.get_anonymously(&format!("{path}?section=Block%20{nth}")).await.expect(200);
        assert_eq!(one["sections"], json!([section]));
        assert_eq!(section["rows"][1]["seats"].as_array().unwrap().len(), nth);
    }
}

/// The state that a client has after following the stream.
#[derive(Debug, Default, PartialEq)]
struct Picture {
    products: BTreeMap<String, Value>,
    seats: BTreeMap<String, String>,
    seq: u64,
}

impl Picture {
    async fn read(person: &Person<'_>, event: &Event<'_>) -> Self {
        let data = person.get(&event.at("availability")).await.is(200).data;
        let mut picture = Self::default();
        picture.learn_products(&data);
        picture.seq = data["seq"].as_u64().expect("a seq");
        let map = person.get(&event.at("seats")).await.is(200).data;
        for section in map["sections"].as_array().expect("sections") {
            for row in section["rows"].as_array().expect("rows") {
                picture.learn_seats(&row["seats"]);
            }
        }
        picture
    }

    fn learn_products(&mut self, data: &Value) {
        for product in data["products"].as_array().expect("products") {
            self.products.insert(product["id"].to_string(), product.clone());
        }
    }

    fn learn_seats(&mut self, seats: &Value) {
        for seat in seats.as_array().expect("seats") {
            self.seats.insert(seat["id"].to_string(), seat["status"].to_string());
        }
    }

    fn apply(&mut self, frame: &Frame) {
        assert_eq!(frame.event, "delta");
        assert_eq!(frame.data["previousSeq"].as_u64(), Some(self.seq), "no frame was missed");
        assert_ne!(frame.data["resync"], true);
        self.learn_products(&frame.data);
        self.learn_seats(&frame.data["seats"]);
        self.seq = frame.data["seq"].as_u64().expect("a seq");
        assert!(frame.id.starts_with(&format!("{}-", self.seq)), "{}", frame.id);
    }
}

/// Opens the stream of an event, from the version `last` on.
async fn follow(person: &Person<'_>, event: &Event<'_>, last: Option<&str>) -> Frames {
    let mut request = person.request(Method::GET, &event.at("stream"));
    if let Some(last) = last {
        request = request.header("Last-Event-ID", last);
    }
    Frames::of(request).await
}

on_both_databases! {
    async fn following_the_stream_is_as_good_as_reading_again(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, kim) = (shop.event().await, shop.customer());
        let seats = event.seats().await;
        kim.post(&event.at("holds"), &event.places(1)).await.is(201);
        let mut picture = Picture::read(&kim, &event).await;
        let mut frames = follow(&shop.nobody(), &event, None).await;
        let first = frames.next().await;
        assert_eq!(first.event, "availability");
        assert_eq!(first.data["seq"].as_u64(), Some(picture.seq));
        picture.learn_products(&first.data);

        let mut holds = Vec::new();
        for seat in &seats[..5] {
            let body = json!({"seats": [seat], "lines": [{"productId": event.standing(), "quantity": 1}]});
            let hold = kim.post(&event.at("holds"), &body).await.is(201);
            holds.push(hold.data["id"].as_str().unwrap().to_owned());
        }
        for hold in &holds[..2] {
            kim.delete(&event.at(&format!("holds/{hold}"))).await.is(200);
        }
        shop.admin()
            .post(&format!("/api/admin/offerings/{}/block", event.id), &json!({"seats": [seats[9]]}))
            .await
            .is(200);
        let now = Picture::read(&kim, &event).await;
        let mut last = first.id;
        while picture.seq < now.seq {
            let frame = frames.next().await;
            picture.apply(&frame);
            last = frame.id;
        }
        assert_eq!(picture, now);

        // A client that has this version receives the status first, and then only later changes.
        let mut resumed = follow(&shop.nobody(), &event, Some(&last)).await;
        let status = resumed.next().await;
        assert_eq!(status.data["status"], "SELLING");
        assert_eq!((&status.data["products"], &status.data["seats"]), (&json!([]), &json!([])));
        picture.apply(&status);
        let mut started = follow(&shop.nobody(), &event, Some("7-nonsense")).await;
        assert_eq!(started.next().await.event, "availability");
        kim.post(&event.at("holds"), &event.places(1)).await.is(201);
        let frame = resumed.next().await;
        picture.apply(&frame);
        assert_eq!(picture, Picture::read(&kim, &event).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_when_the_server_stops() {
    let mut shop = Shop::open(TestDb::sqlite().await).await;
    let mut frames = {
        let event = shop.event().await;
        follow(&shop.nobody(), &event, None).await
    };
    frames.next().await;
    tokio::time::timeout(Duration::from_secs(5), shop.app.shutdown())
        .await
        .expect("it stops in time");
}
