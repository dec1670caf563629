//! The feed of an event, and the deliveries that administrators see.

use serde_json::{Value, json};

use crate::http::api_client::{Person, Shop};
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
        let path = event.at("/feed");
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
async fn a_feed_refuses_what_it_cannot_answer() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let (event, other, kim) = (shop.event().await, shop.event().await, shop.customer());
    kim.buy(&event, &event.places(1)).await;
    let (admin, path) = (shop.admin(), event.at("/feed"));
    for bad in [
        "x",
        "-1",
        "1",
        "1z",
        "z1",
        "01z0",
        "1z00",
        "7fffffffffffffffz0",
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
    admin.get(&format!("{}?after={of_event}", other.at("/feed"))).await.refused(422, "INVALID");
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
        admin
            .request(reqwest::Method::GET, &event.at("/feed"))
            .header("Accept", "text/event-stream")
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
