//! The sale status of an event is the same in every view, and the stream sends each change of it.

use admitone::clock::Clock;
use reqwest::Method;
use serde_json::{Value, json};

use crate::http::api_client::{Event, Shop};
use crate::support::stream_frames::Frames;
use crate::support::test_app::{TestApp, event, product};
use crate::support::test_db::TestDb;

/// Returns the status after checking that the list, the event and its availability agree.
async fn status(app: &TestApp, event: &str) -> String {
    let list = app.get_anonymously("/api/events?limit=100").await.expect(200);
    let listed = list.as_array().unwrap().iter().find(|listed| listed["id"] == event).unwrap();
    let shown = app.get_anonymously(&format!("/api/events/{event}")).await.expect(200);
    let left = app.get_anonymously(&format!("/api/events/{event}/availability")).await.expect(200);
    assert_eq!((&listed["status"], &shown["status"]), (&left["status"], &left["status"]));
    assert_eq!(listed["products"], shown["products"]);
    left["status"].as_str().unwrap().to_owned()
}

async fn follow(shop: &Shop, event: &Event<'_>) -> (Frames, Value) {
    let mut frames = Frames::of(shop.nobody().request(Method::GET, &event.at("stream"))).await;
    let first = frames.next().await;
    assert_eq!(first.event, "availability");
    (frames, first.data)
}

on_both_databases! {
    async fn what_an_administrator_does_to_the_sale_is_a_frame(db: TestDb) {
        let shop = Shop::open(db).await;
        let mut body = shop.event_body();
        body["products"] = json!([product("Standing", 10_000, 5)]);
        body["seatMap"] = Value::Null;
        for last in ["close", "cancel"] {
            let event = shop.event_from(body.clone()).await;
            let (mut frames, first) = follow(&shop, &event).await;
            assert_eq!(first["status"], "SELLING");
            let all = json!({ "productId": event.products[0], "quantity": 5 });
            let ended = if last == "close" { "ENDED" } else { "CANCELLED" };
            for (action, body, expected) in [
                ("pause", &Value::Null, "PAUSED"),
                ("open", &Value::Null, "SELLING"),
                ("block", &all, "SOLD_OUT"),
                ("pause", &Value::Null, "PAUSED"),
                ("open", &Value::Null, "SOLD_OUT"),
                ("unblock", &all, "SELLING"),
                (last, &Value::Null, ended),
            ] {
                let path = format!("/api/admin/offerings/{}/{action}", event.id);
                let answer = match body {
                    Value::Null => shop.admin().post_nothing(&path).await,
                    body => shop.admin().post(&path, body).await,
                };
                assert_eq!(answer.is(200).data["status"], expected, "{action}");
                let frame = frames.next().await;
                assert_eq!(frame.data["status"], expected, "{action}: {}", frame.data);
                assert_eq!(status(&shop.app, &event.id).await, expected, "{action}");
            }
        }
    }

    async fn an_event_that_sleeps_is_listed_as_what_it_is(db: TestDb) {
        let mut app = TestApp::start(db).await;
        let sold_out = app.create_event(event(&json!([product("Seat", 0, 3)]), Value::Null)).await;
        let sold_out = sold_out["id"].as_str().unwrap().to_owned();
        let mut bodies = Vec::new();
        // Events whose products were on sale last year, or will be in 2090.
        for (start, end) in [(Value::Null, json!("2021-01-01T00:00:00Z")), (json!("2090-01-01T00:00:00Z"), Value::Null)] {
            let mut body = event(&json!([product("Seat", 0, 3)]), Value::Null);
            (body["products"][0]["saleStartAt"], body["products"][0]["saleEndAt"]) = (start, end);
            let made = app.create_event(body).await;
            bodies.push(made["id"].as_str().unwrap().to_owned());
        }
        let user = app.user().await;
        let product = app.get_anonymously(&format!("/api/events/{sold_out}")).await.expect(200);
        let all = json!({ "lines": [{ "productId": product["products"][0]["id"], "quantity": 3 }] });
        assert_eq!(status(&app, &sold_out).await, "SELLING");
        app.post(&format!("/api/events/{sold_out}/holds"), &user, all).await.expect(201);
        for _ in 0..2 {
            assert_eq!(status(&app, &sold_out).await, "SOLD_OUT");
            assert_eq!(status(&app, &bodies[0]).await, "ENDED");
            assert_eq!(status(&app, &bodies[1]).await, "SCHEDULED");
            // After the restart no request has woken the events, and the list is the first to ask.
            app.restart().await;
            let list = app.get_anonymously("/api/events").await.expect(200);
            let listed = list.as_array().unwrap().iter().find(|listed| listed["id"] == sold_out.as_str());
            assert_eq!(listed.unwrap()["status"], "SOLD_OUT");
        }
    }
}

/// The clock stands still until it is moved; a stream reads it when the next change is due.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_opens_or_closes_is_a_frame_at_its_time() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let at = |millis: i64| admitone::http::respond::rfc3339(shop.clock.now_ms() + millis);
    let mut body = shop.event_body();
    body["products"] = json!([product("Early", 1_000, 5), product("Late", 1_000, 5)]);
    body["seatMap"] = Value::Null;
    (body["saleStartAt"], body["saleEndAt"]) = (json!(at(100)), json!(at(500)));
    body["products"][0]["saleEndAt"] = json!(at(200));
    body["products"][1]["saleStartAt"] = json!(at(300));
    let event = shop.event_from(body).await;
    let (mut frames, first) = follow(&shop, &event).await;
    assert_eq!(first["status"], "SCHEDULED");
    for expected in ["SELLING", "SCHEDULED", "SELLING"] {
        shop.clock.advance_ms(100);
        let frame = frames.next().await;
        assert_eq!(frame.event, "delta");
        assert_eq!(frame.data["status"], expected);
        assert_eq!(frame.data["previousSeq"], frame.data["seq"], "nothing else has changed");
        assert_eq!(frame.data["seats"], json!([]));
        assert_eq!(status(&shop.app, &event.id).await, expected);
    }
    shop.clock.advance_ms(200);
    assert_eq!(frames.next().await.data["status"], "ENDED");
    // A client that resumes from the current version receives the status change made by time alone.
    let version = first["seq"].as_u64().unwrap();
    let last = frames_id(&shop, &event).await;
    assert!(last.starts_with(&format!("{version}-")), "{last}");
    let request = shop.nobody().request(Method::GET, &event.at("stream"));
    let mut resumed = Frames::of(request.header("Last-Event-ID", last)).await;
    let frame = resumed.next().await;
    assert_eq!((frame.event.as_str(), &frame.data["status"]), ("delta", &json!("ENDED")));
}

async fn frames_id(shop: &Shop, event: &Event<'_>) -> String {
    let mut frames = Frames::of(shop.nobody().request(Method::GET, &event.at("stream"))).await;
    frames.next().await.id
}
