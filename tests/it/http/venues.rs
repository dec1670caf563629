//! Venues and the versions of their plans.

use serde_json::{Value, json};

use crate::http::api_client::Shop;
use crate::support::test_db::TestDb;

/// Returns a venue to create.
fn venue() -> Value {
    json!({"name": "The old theatre", "place": "서울", "timeZone": "Asia/Seoul"})
}

/// Returns a small plan: one row of four seats with an aisle in the middle.
pub fn small_plan() -> Value {
    json!({"format": 1, "name": "Main hall", "zones": [{"name": "Gold"}], "sections": [
        {"name": "Stalls", "zone": "Gold", "x": 0.0, "y": 0.0, "rows": [
            {"name": "A", "x": 0.0, "y": 0.0, "seats": 4,
             "gaps": [{"after": 2, "width": 1.5}]}]}]})
}

on_both_databases! {
    async fn a_venue_is_created_once_per_key_changed_and_listed(db: TestDb) {
        let shop = Shop::open(db).await;
        let admin = shop.admin();
        let path = "/api/admin/venues";
        let made = admin.post_with_key(path, "venue-1", &venue()).await.is(201);
        let again = admin.post_with_key(path, "venue-1", &venue()).await.is(201);
        assert!(again.is_replay() && !made.is_replay());
        assert_eq!(made.data, again.data);
        assert_eq!(made.data["timeZone"], "Asia/Seoul");
        assert_eq!(made.data["planVersion"], Value::Null);
        let one = made.header("location").to_owned();
        assert_eq!(one, format!("{path}/{}", made.data["id"].as_str().unwrap()));

        let changed = admin.patch(&one, &json!({"name": "The new theatre"})).await.is(200).data;
        assert_eq!(changed["name"], "The new theatre");
        assert_eq!(changed["place"], "서울");
        assert_eq!(admin.get(&one).await.is(200).data, changed);
        shop.clock.advance_ms(1_000);
        let second = admin.post(path, &venue()).await.is(201).data;
        let page = admin.get(&format!("{path}?limit=1")).await.is(200);
        assert_eq!(page.data, json!([second]));
        let cursor = page.body["meta"]["nextCursor"].as_str().unwrap();
        let rest = admin.get(&format!("{path}?cursor={cursor}")).await.is(200).data;
        assert_eq!(rest, json!([changed]));
    }
}

on_both_databases! {
    async fn versions_of_a_plan_are_added_and_exported_as_they_were(db: TestDb) {
        let shop = Shop::open(db).await;
        let admin = shop.admin();
        let made = admin.post("/api/admin/venues", &venue()).await.is(201);
        let plans = format!("{}/plans", made.header("location"));
        let first = admin.post_with_key(&plans, "plan-1", &small_plan()).await.is(201);
        assert_eq!((&first.data["version"], &first.data["seats"]), (&json!(1), &json!(4)));
        let again = admin.post_with_key(&plans, "plan-1", &small_plan()).await.is(201);
        assert!(again.is_replay());
        assert_eq!(again.data, first.data);
        let mut larger = small_plan();
        larger["sections"][0]["rows"][0]["seats"] = json!(6);
        let second = admin.post(&plans, &larger).await.is(201);
        assert_eq!(second.data["version"], 2);
        assert_eq!(second.header("location"), format!("{plans}/2"));

        let exported = admin.get(&format!("{plans}/1")).await.is(200).data;
        assert_eq!(exported, small_plan());
        assert_eq!(admin.get(&format!("{plans}/2")).await.is(200).data, larger);
        let listed = admin.get(&plans).await.is(200).data;
        assert_eq!(listed, json!([second.data, first.data]));
        let older = admin.get(&format!("{plans}?cursor=2")).await.is(200).data;
        assert_eq!(older, json!([first.data]));
        let venue = admin.get(made.header("location")).await.is(200).data;
        assert_eq!(venue["planVersion"], 2);
    }
}

on_both_databases! {
    async fn versions_that_are_added_at_once_have_numbers_of_their_own(db: TestDb) {
        let shop = Shop::open(db).await;
        let admin = shop.admin();
        let made = admin.post("/api/admin/venues", &venue()).await.is(201);
        let plans = format!("{}/plans", made.header("location"));
        let plan = small_plan();
        let tries = (0..8).map(|_| admin.post(&plans, &plan));
        let answers = futures_util::future::join_all(tries).await;
        let version = |answer: crate::http::api_client::Answer| answer.is(201).data["version"].as_u64();
        let mut versions: Vec<_> = answers.into_iter().filter_map(version).collect();
        versions.sort_unstable();
        assert_eq!(versions, (1..=8).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn venues_and_plans_that_are_not_allowed_are_refused() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (admin, kim) = (shop.admin(), shop.customer());
    let path = "/api/admin/venues";
    kim.post(path, &venue()).await.refused(403, "FORBIDDEN");
    kim.get(path).await.refused(403, "FORBIDDEN");
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("<script>\u{0}")),
        ("place", json!("x".repeat(201))),
        ("timeZone", json!("Mars/Olympus")),
        ("timeZone", json!("+09:00")),
        ("timeZone", json!(9)),
    ] {
        let mut body = venue();
        body[field] = value;
        let refused = admin.post(path, &body).await.refused(422, "INVALID");
        assert_eq!(refused.body["error"]["details"]["field"], field);
    }
    let made = admin.post(path, &venue()).await.is(201);
    let one = made.header("location").to_owned();
    admin.patch(&one, &json!({"timeZone": "Nowhere"})).await.refused(422, "INVALID");
    let plans = format!("{one}/plans");
    let mut bad = small_plan();
    bad["sections"][0]["rows"][0]["gaps"][0]["after"] = json!(4);
    let refused = admin.post(&plans, &bad).await.refused(422, "INVALID");
    assert_eq!(refused.body["error"]["details"]["field"], "sections[0].rows[0].gaps[0].after");
    for (pointer, value, field) in [
        ("/sections/0", json!(["Stalls", "Gold", 0, 0]), "sections[0]"),
        ("/sections/0/rows/0/colour", json!("red"), "sections[0].rows[0].colour"),
        ("/sections/0/rows/0/seats", json!(2.5), "sections[0].rows[0].seats"),
        ("/format", json!("1"), "format"),
    ] {
        let mut body = small_plan();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        match body.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => body.pointer_mut(parent).unwrap()[name] = value,
        }
        let refused = admin.post(&plans, &body).await.refused(422, "INVALID");
        assert_eq!(refused.body["error"]["details"]["field"], field);
    }
    let huge = small_plan().to_string().replace("\"x\":0.0", "\"x\":1e999");
    admin.post_text(&plans, huge).await.refused(400, "MALFORMED_JSON");
    let none = format!("{path}/{}", admitone::ids::VenueId::random());
    admin.get(&none).await.refused(404, "NOT_FOUND");
    admin.patch(&none, &json!({"name": "x"})).await.refused(404, "NOT_FOUND");
    admin.get(&format!("{none}/plans")).await.refused(404, "NOT_FOUND");
    admin.post(&format!("{none}/plans"), &small_plan()).await.refused(404, "NOT_FOUND");
    admin.get(&format!("{plans}/1")).await.refused(404, "NOT_FOUND");
    admin.get(&format!("{plans}/first")).await.refused(404, "NOT_FOUND");
    assert_eq!(admin.get(&plans).await.is(200).data, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_plan_can_be_imported() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let admin = shop.admin();
    let spec = json!({"name": "Hall", "blocks": [
        {"kind": "arc", "section": "Stalls", "zone": "Gold", "rows": 25, "seatsPerRow": 40,
         "aisles": [10, 30], "accessible": 4},
        {"kind": "block", "section": "Balcony", "zone": "Silver", "rows": 20, "seatsPerRow": 50},
    ]});
    let path = "/api/admin/plans/generate";
    let plan = admin.post(path, &spec).await.is(200).data;
    let made = admin.post("/api/admin/venues", &venue()).await.is(201);
    let plans = format!("{}/plans", made.header("location"));
    let added = admin.post(&plans, &plan).await.is(201).data;
    assert_eq!(added["seats"], 2_000);
    assert_eq!(admin.get(&format!("{plans}/1")).await.is(200).data, plan);
    shop.customer().post(path, &spec).await.refused(403, "FORBIDDEN");
    let mut bad = spec.clone();
    bad["blocks"][1]["rows"] = json!(0);
    let refused = admin.post(path, &bad).await.refused(422, "INVALID");
    assert_eq!(refused.body["error"]["details"]["field"], "blocks[1].rows");
}
