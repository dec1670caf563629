//! The feed of an event, and the deliveries that administrators see.

use serde_json::{Value, json};

use crate::http::api_client::{Event, Person, Shop};
use crate::support::stream_frames::Frames;
use crate::support::test_db::TestDb;

async fn read(person: &Person<'_>, path: &str) -> Vec<Value> {
    let answer = person.request(reqwest::Method::GET, path).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
    let text = answer.text().await.unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

on_both_databases! {
    async fn a_feed_is_read_from_any_cursor_and_proves_that_nothing_is_missing(db: TestDb) {
        let shop = Shop::open(db).await;
        let (event, kim, admin) = (shop.event().await, shop.customer(), shop.admin());
        let path = event.at("feed");
        assert!(read(&admin, &path).await.is_empty());
        for _ in 0..3 {
            kim.buy(&event, &event.places(1)).await;
        }
        let all = read(&admin, &path).await;
        assert_eq!(all.len(), 9);
        assert_eq!(all, read(&admin, &format!("{path}?after=0")).await);
        let mut previous = json!("0");
        for message in &all {
            assert_eq!(message["previous"], previous);
            previous = message["cursor"].clone();
            assert!(!message.to_string().contains(&kim.user.to_string()), "{message}");
        }
        for (nth, message) in all.iter().enumerate() {
            let after = message["cursor"].as_str().unwrap();
            let rest = read(&admin, &format!("{path}?after={after}")).await;
            assert_eq!(rest, all[nth + 1..], "after {after}");
            let one = read(&admin, &format!("{path}?after={after}&limit=1")).await;
            assert_eq!(one, all[nth + 1..].iter().take(1).cloned().collect::<Vec<_>>());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_of_a_class_is_for_administrators_and_of_classes_alone() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, admin, kim) = (shop.event().await, shop.admin(), shop.customer());
    let body = json!({
        "title": "Pottery", "location": "Studio 3", "capacity": 1, "selectionType": "FIRST_COME",
        "startAt": shop.time_in(90_000), "endAt": shop.time_in(97_200),
    });
    let made = admin.post("/api/mclasses", &body).await.is(201).data;
    let class = format!("/api/mclasses/{}", made["id"].as_str().unwrap());
    let path = format!("{class}/feed");
    assert!(read(&admin, &path).await.is_empty());
    let applied = kim.post(&format!("{class}/enrollments"), &json!({})).await.is(201).data;
    let all = read(&admin, &path).await;
    assert_eq!(all.len(), 1);
    assert_eq!(all[0]["type"], "enrollment.approved");
    assert_eq!(all[0]["data"], json!({"enrollmentId": applied["id"], "fee": 0, "payByMs": null}));
    assert_eq!(all[0]["eventId"], made["id"]);
    assert!(!all[0].to_string().contains(&kim.user.to_string()));
    kim.get(&path).await.refused(403, "FORBIDDEN");
    shop.nobody().get(&path).await.refused(401, "UNAUTHORIZED");
    let of_event = format!("/api/mclasses/{}/feed", event.id);
    admin.get(&of_event).await.refused(404, "CLASS_NOT_FOUND");
    admin.get(&format!("{path}?after=x")).await.refused(422, "INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_refuses_what_it_cannot_answer() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, other, kim) = (shop.event().await, shop.event().await, shop.customer());
    kim.buy(&event, &event.places(1)).await;
    let (admin, path) = (shop.admin(), event.at("feed"));
    for bad in [
        "x",
        "-1",
        "1",
        "1z",
        "z1",
        "01z0",
        "1z00",
        "ffffffffffffffffffz0",
        "1zffffffffff",
        "%00",
        "",
    ] {
        admin.get(&format!("{path}?after={bad}")).await.refused(422, "INVALID");
    }
    for bad in ["limit=0", "limit=-1", "limit=x", "befor=0"] {
        let answer = admin.get(&format!("{path}?{bad}")).await;
        assert!([400, 422].contains(&answer.status), "{bad}: {}", answer.status);
    }
    let last = read(&admin, &path).await.pop().unwrap();
    let of_event = last["cursor"].as_str().unwrap();
    for unknown in [of_event, "1z0", "ffffz1", "7fffffffffffffffz0"] {
        let path = format!("{}?after={unknown}", other.at("feed"));
        admin.get(&path).await.refused(404, "NOT_FOUND");
    }
    kim.get(&path).await.refused(403, "FORBIDDEN");
    shop.nobody().get(&path).await.refused(401, "UNAUTHORIZED");
    let unknown = format!("/api/events/{}/feed", uuid::Uuid::nil());
    admin.get(&unknown).await.refused(404, "EVENT_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_feed_goes_on_where_a_client_left_off() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim, admin) = (shop.event().await, shop.customer(), shop.admin());
    kim.buy(&event, &event.places(1)).await;
    let request = || {
        admin.request(reqwest::Method::GET, &event.at("feed")).header("Accept", "text/event-stream")
    };
    let mut frames = Frames::of(request()).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(frames.next().await.id.clone());
    }
    kim.buy(&event, &event.places(1)).await;
    let next = frames.next().await;
    assert_eq!(next.data["previous"], json!(seen[2]));
    let mut again = Frames::of(request().header("Last-Event-ID", &seen[1])).await;
    assert_eq!(again.next().await.id, seen[2]);
    assert_eq!(again.next().await.id, next.id);
}

/// Returns a person who reads the orders of an event, and the grant.
async fn bookkeeper<'a>(shop: &'a Shop, event: &Event<'_>) -> (Person<'a>, String) {
    let user = shop.app.user().await;
    let role = json!({"userId": user.id, "role": "FINANCE", "offeringId": event.id});
    let grant = shop.admin().post("/api/admin/grants", &role).await.is(201).data;
    let grant = grant["id"].as_str().unwrap().to_owned();
    (shop.with_token(user.id, user.token), grant)
}

async fn opened(person: &Person<'_>, event: &Event<'_>) -> Frames {
    let request = person.request(reqwest::Method::GET, &event.at("feed"));
    Frames::of(request.header("Accept", "text/event-stream")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_feed_closes_with_the_role_of_its_reader() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, kim, admin) = (shop.event().await, shop.customer(), shop.admin());
    let (lee, grant) = bookkeeper(&shop, &event).await;
    kim.buy(&event, &event.places(1)).await;
    let (mut of_lee, mut of_admin) = (opened(&lee, &event).await, opened(&admin, &event).await);
    for _ in 0..3 {
        assert_eq!(of_lee.next().await.id, of_admin.next().await.id);
    }
    admin.delete(&format!("/api/admin/grants/{grant}")).await.is(200);
    of_lee.until_closed().await;
    lee.get(&event.at("feed")).await.refused(403, "FORBIDDEN");
    kim.buy(&event, &event.places(1)).await;
    of_admin.next().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_feed_closes_where_ended_sessions_are_not_known() {
    let shop = Shop::open(TestDb::postgres().await).await;
    let (event, kim) = (shop.event().await, shop.customer());
    let (lee, _) = bookkeeper(&shop, &event).await;
    kim.buy(&event, &event.places(1)).await;
    let mut frames = opened(&lee, &event).await;
    frames.next().await;
    shop.app.db.sql("ALTER TABLE revocation_counter RENAME TO hidden").await;
    frames.until_closed().await;
    lee.get(&event.at("feed")).await.refused(503, "TEMPORARILY_UNAVAILABLE");
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_for_administrators_and_bad_requests_are_refused() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (kim, admin) = (shop.customer(), shop.admin());
    admin.get("/api/admin/outbox?status=PARKED&destination=mail").await.is(200);
    admin.get("/api/admin/outbox?status=LOST").await.refused(422, "INVALID");
    admin.get("/api/admin/outbox?cursor=x").await.refused(422, "INVALID");
    admin.get("/api/admin/outbox?limit=101").await.refused(422, "INVALID");
    let unknown = format!("/api/admin/outbox/{}", uuid::Uuid::nil());
    admin.get(&unknown).await.refused(404, "NOT_FOUND");
    for action in ["retry", "cancel"] {
        let path = format!("{unknown}/{action}");
        admin.post_nothing(&path).await.refused(404, "NOT_FOUND");
        kim.post_nothing(&path).await.refused(403, "FORBIDDEN");
    }
    kim.get("/api/admin/outbox").await.refused(403, "FORBIDDEN");
    let retried = admin.post("/api/admin/outbox/retry", &json!({})).await.is(200);
    assert_eq!(retried.data["retried"], 0);
    admin.post("/api/admin/outbox/retry", &json!({"to": "mail"})).await.refused(422, "INVALID");
}
