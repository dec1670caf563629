//! Events that are created from a plan: their seats, labels, drawing and seat states.

use std::io::Read;

use reqwest::Method;
use serde_json::{Value, json};

use crate::http::api_client::{Event, Shop};
use crate::support::test_db::TestDb;

/// Returns a plan with an aisle, two zones in a row, a row that counts from the right, and a rotated
/// section.
fn plan() -> Value {
    json!({"format": 1, "name": "Main hall",
    "stage": {"x": 0, "y": -5, "width": 8, "height": 3, "label": "무대"},
    "zones": [{"name": "Gold"}, {"name": "Silver"}],
    "sections": [
        {"name": "Stalls", "zone": "Gold", "rows": [
            {"name": "A", "x": -4, "y": 0, "seats": 6, "gaps": [{"after": 3, "width": 2}],
             "accessible": [1], "companion": [2]},
            {"name": "B", "x": -4, "y": 1.2, "seats": 6, "direction": "rtl",
             "numbering": {"start": 2, "step": 2},
             "zones": [{"from": 4, "to": 6, "zone": "Silver"}]},
        ]},
        {"name": "Box", "zone": "Silver", "x": 10, "y": 5, "rotation": 90, "rows": [
            {"name": "1", "x": 0, "y": 0, "seats": 2,
             "numbering": {"labels": ["왼쪽", "R"]}},
        ]},
    ]})
}

/// Creates a venue with the plan; returns its id.
async fn venue(shop: &Shop, plan: &Value) -> String {
    let admin = shop.admin();
    let body = json!({"name": "The old theatre", "timeZone": "Asia/Seoul"});
    let made = admin.post("/api/admin/venues", &body).await.is(201);
    admin.post(&format!("{}/plans", made.header("location")), plan).await.is(201);
    made.data["id"].as_str().unwrap().to_owned()
}

/// Returns the body of an event whose seats are those of the venue's plan.
fn event_body(shop: &Shop, venue: &str) -> Value {
    let mut body = shop.event_body();
    body["products"] = json!([
        {"name": "Gold", "price": {"amount": 90_000, "currency": "KRW"}},
        {"name": "Side", "price": {"amount": 50_000, "currency": "KRW"}},
    ]);
    let fields = body.as_object_mut().unwrap();
    fields.remove("seatMap");
    fields.remove("venue");
    body["plan"] = json!({"venueId": venue, "zones": {"Silver": "Side"}});
    body
}

async fn states(shop: &Shop, event: &Event<'_>) -> String {
    let data = shop.nobody().get(&event.at("seat-states")).await.is(200).data;
    data["states"].as_str().unwrap().to_owned()
}

fn seat(event: &Event<'_>, index: u32) -> String {
    admitone::ids::SeatId(index).to_public(event.offering())
}

on_both_databases! {
    async fn an_event_has_the_seats_of_its_plan(db: TestDb) {
        let shop = Shop::open(db).await;
        let venue = venue(&shop, &plan()).await;
        let event = shop.event_from(event_body(&shop, &venue)).await;
        let shown = shop.nobody().get(&event.path).await.is(200).data;
        assert_eq!(shown["timeZone"], "Asia/Seoul");
        assert_eq!(shown["venue"], "The old theatre");
        let totals: Vec<_> =
            shown["products"].as_array().unwrap().iter().map(|one| &one["totalStock"]).collect();
        assert_eq!(totals, [9, 5]);
        // Stalls of Gold: A with its gap, half of B. Stalls of Side: the other half. The box.
        assert_eq!(states(&shop, &event).await, "aaa-aaaaaaaaaaa");
        assert_eq!(event.counts(&event.products[0]).await.available, 9);

        let map = shop.nobody().get(&event.at("seats")).await.is(200).data;
        let names: Vec<_> =
            map["sections"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
        assert_eq!(names, ["Stalls", "Stalls", "Box"]);
        let kim = shop.customer();
        let body = json!({"seats": [seat(&event, 7), seat(&event, 10), seat(&event, 13)]});
        let hold = kim.post(&event.at("holds"), &body).await.is(201).data;
        let lines = hold["lines"].as_array().unwrap().iter();
        let seats = lines.flat_map(|line| line["seats"].as_array().unwrap());
        let labels: Vec<_> = seats.map(|seat| [&seat["row"], &seat["label"]]).collect();
        assert_eq!(json!(labels), json!([["B", "12"], ["B", "6"], ["1", "왼쪽"]]));
        assert_eq!(states(&shop, &event).await, "aaa-aaahaahaaha");
        shop.nobody().get(&event.at("audit")).await.is(200);
    }
}

on_both_databases! {
    async fn tickets_and_lookups_have_the_labels_of_the_plan(db: TestDb) {
        let mut shop = Shop::open(db).await;
        let venue = venue(&shop, &plan()).await;
        let event = shop.event_from(event_body(&shop, &venue)).await;
        let (kim, admin) = (shop.customer(), shop.admin());
        let reservation = kim.buy(&event, &json!({"seats": [seat(&event, 8)]})).await;
        let ticket = kim.tickets().await[0]["seat"].clone();
        assert_eq!((&ticket["section"], &ticket["row"]), (&json!("Stalls"), &json!("B")));
        assert_eq!((&ticket["number"], &ticket["label"]), (&json!(2), &json!("10")));
        let shown = kim.get(&format!("/api/reservations/{reservation}")).await.is(200).data;
        assert_eq!(shown["lines"][0]["seats"][0], ticket);
        let at = |index| {
            format!("/api/admin/offerings/{}/seats/{}", event.id, seat(&event, index))
        };
        let sold = at(8);
        let found = admin.get(&sold).await.is(200).data;
        assert_eq!(found["seat"], ticket);
        assert_eq!(found["status"], "SOLD");
        // The place of the aisle is no seat.
        assert_eq!(admin.get(&at(3)).await.is(200).data["status"], "REMOVED");
        let aisle = json!({"seats": [seat(&event, 3)]});
        kim.post(&event.at("holds"), &aisle).await.refused(422, "UNKNOWN_SEATS");
        // A restart reads the plan again.
        let before = shop.nobody().get(&event.at("plan")).await.is(200).data;
        let path = event.at("plan");
        shop.app.restart().await;
        assert_eq!(shop.nobody().get(&path).await.is(200).data, before);
        let found = shop.admin().get(&sold).await.is(200).data;
        assert_eq!(found["seat"]["label"], "10");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn best_available_seats_nobody_across_an_aisle() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let plan = json!({"format": 1, "name": "One row", "zones": [{"name": "Gold"}], "sections": [
    {"name": "Stalls", "zone": "Gold", "rows": [
        {"name": "A", "x": 0, "y": 0, "seats": 6, "gaps": [{"after": 3, "width": 2}]},
    ]}]});
    let venue = venue(&shop, &plan).await;
    let mut body = event_body(&shop, &venue);
    body["products"] = json!([body["products"][0]]);
    body["plan"] = json!({"venueId": venue, "version": 1});
    let event = shop.event_from(body).await;
    let kim = shop.customer();
    let best = |quantity: u32| json!({"bestAvailable": {"productId": event.products[0], "quantity": quantity}});
    let four = kim.post(&event.at("holds"), &best(4)).await.is(201).data;
    assert_eq!(four["lines"][0]["fit"], "SCATTERED", "no four seats are together");
    kim.delete(&event.at(&format!("holds/{}", four["id"].as_str().unwrap()))).await.is(200);
    let three = kim.post(&event.at("holds"), &best(3)).await.is(201).data;
    assert_eq!(three["lines"][0]["fit"], "EXACT");
    let labels: Vec<_> =
        three["lines"][0]["seats"].as_array().unwrap().iter().map(|s| &s["label"]).collect();
    assert!(labels == ["1", "2", "3"] || labels == ["4", "5", "6"], "{labels:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn best_available_finds_the_section_of_its_product() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let venue = venue(&shop, &plan()).await;
    let event = shop.event_from(event_body(&shop, &venue)).await;
    let kim = shop.customer();
    for product in [0, 1] {
        let body = json!({"bestAvailable": {
            "productId": event.products[product], "quantity": 2, "section": "Stalls"}});
        let hold = kim.post(&event.at("holds"), &body).await.is(201).data;
        let seats = hold["lines"][0]["seats"].as_array().unwrap().clone();
        assert_eq!(seats[0]["section"], "Stalls");
        assert_eq!(hold["lines"][0]["productId"], event.products[product]);
        assert_eq!(seats.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_drawing_has_every_seat_in_global_coordinates() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let venue = venue(&shop, &plan()).await;
    let event = shop.event_from(event_body(&shop, &venue)).await;
    let drawing = shop.nobody().get(&event.at("plan")).await.is(200).data;
    assert_eq!(drawing["drawn"], true);
    assert_eq!(drawing["seatCount"], 15);
    assert_eq!(seat(&event, 14), format!("{}14", drawing["seatIdPrefix"].as_str().unwrap()));
    assert_eq!(drawing["stage"]["label"], "무대");
    let zones = json!([{"name": "Gold", "productId": event.products[0]},
        {"name": "Silver", "productId": event.products[1]}]);
    assert_eq!(drawing["zones"], zones);
    let row = |section: usize, row: usize| drawing["sections"][section]["rows"][row].clone();
    let run = |from: u32, count: u32, first: u32, product: usize| json!({"from": from, "count": count, "firstSeat": first, "productId": event.products[product]});
    assert_eq!(row(0, 0)["runs"], json!([run(1, 3, 0, 0), run(4, 3, 4, 0)]));
    assert_eq!(row(0, 0)["gaps"], json!([{"after": 3, "width": 2.0}]));
    assert_eq!(row(0, 0)["accessible"], json!([1]));
    assert_eq!(row(0, 1)["runs"], json!([run(1, 3, 7, 0), run(4, 3, 10, 1)]));
    assert_eq!(row(0, 1)["numbering"], json!({"start": 2, "step": 2}));
    let boxed = row(1, 0);
    assert_eq!(
        (&boxed["x"], &boxed["y"], &boxed["rotation"]),
        (&json!(10.0), &json!(5.0), &json!(90.0))
    );
    assert_eq!(boxed["numbering"], json!({"labels": ["왼쪽", "R"]}));
    assert_eq!(drawing["sections"][0]["productIds"], json!(event.products));
    // Rows that are added later are drawn below.
    let more = json!({"section": "Box", "row": {"name": "2", "seats": 3}});
    let add = format!("/api/admin/offerings/{}/add-row", event.id);
    shop.admin().post(&add, &more).await.is(200);
    let wider = shop.nobody().get(&event.at("plan")).await.is(200).data;
    assert_ne!(wider["version"], drawing["version"]);
    assert_eq!(wider["seatCount"], 18);
    let added = &wider["sections"][2];
    assert_eq!(added["rows"][0]["runs"], json!([run(1, 3, 15, 1)]));
    assert!(added["rows"][0]["y"].as_f64() > drawing["bounds"][3].as_f64());
    assert_eq!(states(&shop, &event).await.len(), 18);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_without_a_plan_is_drawn_plainly() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    let shown = shop.nobody().get(&event.path).await.is(200).data;
    assert_eq!(shown["timeZone"], "UTC");
    let drawing = shop.nobody().get(&event.at("plan")).await.is(200).data;
    assert_eq!(drawing["drawn"], false);
    assert_eq!(drawing["stage"], Value::Null);
    assert_eq!(drawing["zones"], json!([{"name": "Stalls", "productId": event.products[0]}]));
    let names: Vec<_> =
        drawing["sections"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["Left", "Right"]);
    assert_eq!(drawing["sections"][1]["rows"][0]["runs"][0]["firstSeat"], 12);
    let hold = json!({"seats": [seat(&event, 4)]});
    let hold = shop.customer().post(&event.at("holds"), &hold).await.is(201).data;
    let held = &hold["lines"][0]["seats"][0];
    assert_eq!((&held["number"], &held["label"]), (&json!(5), &json!("5")));
    let block = json!({"seats": [seat(&event, 0)]});
    let at = format!("/api/admin/offerings/{}", event.id);
    shop.admin().post(&format!("{at}/block"), &block).await.is(200);
    let remove = json!({"seats": [seat(&event, 15)]});
    shop.admin().post(&format!("{at}/remove-seats"), &remove).await.is(200);
    assert_eq!(states(&shop, &event).await, "baaahaaaaaaaaaa-");
    // An event of standing places has nothing to draw.
    let mut body = shop.event_body();
    body.as_object_mut().unwrap().remove("seatMap");
    body["products"] = json!([body["products"][1]]);
    let standing = shop.event_from(body).await;
    let drawing = shop.nobody().get(&standing.at("plan")).await.is(200).data;
    assert_eq!((&drawing["seatCount"], &drawing["sections"]), (&json!(0), &json!([])));
    assert_eq!(states(&shop, &standing).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn drawings_and_states_have_versions_and_are_compressed_on_request() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let spec = json!({"name": "Hall", "blocks": [
        {"kind": "block", "section": "Stalls", "zone": "Gold", "rows": 40, "seatsPerRow": 50}]});
    let plan = shop.admin().post("/api/admin/plans/generate", &spec).await.is(200).data;
    let venue = venue(&shop, &plan).await;
    let mut body = event_body(&shop, &venue);
    body["products"] = json!([body["products"][0]]);
    body["plan"] = json!({"venueId": venue});
    let event = shop.event_from(body).await;
    for path in [event.at("plan"), event.at("seat-states")] {
        let plain = shop.nobody().get(&path).await.is(200);
        assert_eq!(plain.header("content-encoding"), "");
        let sent = shop.nobody().request(Method::GET, &path).header("Accept-Encoding", "gzip");
        let sent = sent.send().await.unwrap();
        assert_eq!(sent.headers()["content-encoding"], "gzip");
        assert!(sent.headers()["vary"].to_str().unwrap().contains("Accept-Encoding"));
        let packed = sent.bytes().await.unwrap();
        let mut json = String::new();
        flate2::read::GzDecoder::new(&*packed).read_to_string(&mut json).unwrap();
        let unpacked: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(unpacked, plain.body);
        assert!(packed.len() * 3 < json.len(), "{} of {}", packed.len(), json.len());
        let tag = plain.header("etag").to_owned();
        let known =
            |tag: &str| shop.nobody().request(Method::GET, &path).header("If-None-Match", tag);
        assert_eq!(known(&tag).send().await.unwrap().status(), 304);
        assert_eq!(known("\"another\"").send().await.unwrap().status(), 200);
    }
    let tag = shop.nobody().get(&event.at("seat-states")).await.header("etag").to_owned();
    shop.customer().post(&event.at("holds"), &json!({"seats": [seat(&event, 0)]})).await.is(201);
    let newer = shop.nobody().get(&event.at("seat-states")).await.is(200);
    assert_ne!(newer.header("etag"), tag);
    assert!(newer.data["states"].as_str().unwrap().starts_with("haa"));
    let none = admitone::ids::OfferingId::random();
    for path in ["plan", "seat-states"] {
        let path = format!("/api/events/{none}/{path}");
        shop.nobody().get(&path).await.refused(404, "EVENT_NOT_FOUND");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_names_a_plan_that_exists_and_a_product_for_each_zone() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let venue = venue(&shop, &plan()).await;
    let admin = shop.admin();
    let other = admitone::ids::VenueId::random();
    let map = json!({"sections": [{"name": "S", "product": "Gold", "rows": [{"name": "A", "seats": 1}]}]});
    for (pointer, value, field) in [
        ("/plan/venueId", json!(other), "plan.venueId"),
        ("/plan/venueId", json!("hall"), "plan.venueId"),
        ("/plan/version", json!(2), "plan.version"),
        ("/plan/zones", json!({}), "plan.zones"),
        ("/plan/zones", json!({"Silver": "Nothing"}), "plan.zones"),
        ("/plan/zones", json!({"Bronze": "Gold", "Silver": "Side"}), "plan.zones"),
        ("/plan/colour", json!("red"), "plan.colour"),
        ("/seatMap", map, "seatMap"),
        ("/timeZone", json!("Seoul"), "timeZone"),
        ("/products/0/totalStock", json!(10), "products[0].totalStock"),
    ] {
        let mut body = event_body(&shop, &venue);
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        match body.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => body.pointer_mut(parent).unwrap()[name] = value,
        }
        let refused = admin.post("/api/events", &body).await.refused(422, "INVALID");
        assert_eq!(
            refused.body["error"]["details"]["field"], field,
            "{pointer}: {:#}",
            refused.body
        );
    }
    let mut body = event_body(&shop, &venue);
    body["timeZone"] = json!("Europe/Berlin");
    body["venue"] = json!("The small stage");
    body["products"][0]["totalStock"] = json!(9);
    let event = shop.event_from(body).await;
    let shown = shop.nobody().get(&event.path).await.is(200).data;
    assert_eq!(
        (&shown["timeZone"], &shown["venue"]),
        (&json!("Europe/Berlin"), &json!("The small stage"))
    );
    let change = json!({"timeZone": "Asia/Tokyo"});
    let changed = admin.patch(&event.path, &change).await.is(200).data;
    assert_eq!(changed["timeZone"], "Asia/Tokyo");
    let bad = json!({"timeZone": "Tokyo"});
    admin.patch(&event.path, &bad).await.refused(422, "INVALID");
    let listed = shop.nobody().get("/api/events").await.is(200).data;
    assert_eq!(listed[0]["timeZone"], "Asia/Tokyo");
}

/// On SQLite the seats of a large event are written ahead of it; places without a seat have no row.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_plan_is_written_in_slices() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let spec = json!({"name": "Hall", "blocks": [
        {"kind": "block", "section": "Stalls", "zone": "Gold", "rows": 60, "seatsPerRow": 50,
         "aisles": [10, 40]}]});
    let plan = shop.admin().post("/api/admin/plans/generate", &spec).await.is(200).data;
    let venue = venue(&shop, &plan).await;
    let mut body = event_body(&shop, &venue);
    body["products"] = json!([body["products"][0]]);
    body["plan"] = json!({"venueId": venue});
    let event = shop.event_from(body).await;
    assert_eq!(event.counts(&event.products[0]).await.total, 3_000);
    assert_eq!(event.seats().await.len(), 3_000);
    assert_eq!(states(&shop, &event).await.matches('-').count(), 120);
    let last = seat(&event, 3_119);
    let kim = shop.customer();
    kim.buy(&event, &json!({"seats": [last]})).await;
    assert_eq!(kim.tickets().await[0]["seat"]["label"], "50");
}
