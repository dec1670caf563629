//! The answers and views that an instance gives of an event that another instance owns.

use serde_json::{Value, json};

use super::Site;
use crate::support::stream_frames::Frames;

impl Site {
    async fn act(&self, at: usize, action: &str, body: Value) -> Value {
        let path = format!("/api/admin/offerings/{}/{action}", self.event);
        let (status, answer) = self.administer(at, &path, Some(body)).await;
        assert_eq!(status, 200, "{action}: {answer}");
        answer["data"].clone()
    }

    /// Makes its preferred instance own the event.
    async fn wake(&self) {
        self.act(0, "pause", json!({})).await;
        self.act(0, "open", json!({})).await;
        self.until_at_home().await;
    }

    async fn shown(&self, at: usize, below: &str) -> Value {
        let path = format!("/api/events{below}");
        let (status, answer) = self.administer(at, &path, None).await;
        assert_eq!(status, 200, "{answer}");
        answer["data"].clone()
    }

    /// Returns the status in the list, in the event and in its availability, read at one instance.
    async fn statuses(&self, at: usize) -> [Value; 3] {
        let event = format!("/{}", self.event);
        let [list, shown, left] = [
            self.shown(at, "").await,
            self.shown(at, &event).await,
            self.shown(at, &format!("{event}/availability")).await,
        ];
        [&list[0], &shown, &left].map(|it| it["status"].clone())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_of_any_instance_shows_what_its_command_did() {
    let site = Site::open("2s").await;
    site.wake().await;
    let owner = site.owner().await;
    let product = site.shown(owner, &format!("/{}", site.event)).await["products"][0]["id"].clone();
    for round in 1..=8_i64 {
        for at in 0..site.servers.len() {
            let paused = site.act(at, "pause", json!({})).await;
            assert_eq!(paused["status"], "PAUSED", "round {round} at {at}, owned by {owner}");
            let opened = site.act(at, "open", json!({})).await;
            assert_eq!(opened["status"], "SELLING", "round {round} at {at}, owned by {owner}");
            let price =
                json!({ "amount": 1_000 * round + i64::try_from(at).unwrap(), "currency": "KRW" });
            let body = json!({ "productId": product, "price": price });
            let repriced = site.act(at, "reprice", body).await;
            assert_eq!(repriced["products"][0]["price"], price, "round {round} at {at}");
        }
    }
    let cancelled = site.act(site.other_than(owner), "cancel", json!({})).await;
    assert_eq!(cancelled["status"], "CANCELLED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_instance_says_the_same_of_a_sale_and_streams_when_it_changes() {
    let site = Site::open("2s").await;
    site.wake().await;
    let mut streams = Vec::new();
    for server in &site.servers {
        let url = format!("{}/api/events/{}/stream", server.base, site.event);
        let mut frames = Frames::of(site.client.get(url)).await;
        assert_eq!(frames.next().await.data["status"], "SELLING");
        streams.push(frames);
    }
    let map = site.shown(0, &format!("/{}/seats", site.event)).await;
    let rows = |section: &Value| section["rows"].as_array().unwrap().clone();
    let sections = map["sections"].as_array().unwrap();
    let seats =
        sections.iter().flat_map(rows).flat_map(|row| row["seats"].as_array().unwrap().clone());
    let seats: Vec<Value> = seats.map(|seat| seat["id"].clone()).collect();
    let all = json!({ "seats": seats });
    let mut before = "SELLING";
    for (at, (action, body, expected)) in [
        ("pause", json!({}), "PAUSED"),
        ("open", json!({}), "SELLING"),
        ("block", all.clone(), "SOLD_OUT"),
        ("unblock", all, "SELLING"),
        ("close", json!({}), "ENDED"),
    ]
    .into_iter()
    .enumerate()
    {
        let at = at % site.servers.len();
        assert_eq!(site.act(at, action, body).await["status"], expected, "{action} at {at}");
        for (at, frames) in streams.iter_mut().enumerate() {
            // Other frames may come before the one that changes the status.
            let mut status = frames.next().await.data["status"].clone();
            while status == before {
                status = frames.next().await.data["status"].clone();
            }
            assert_eq!(status, expected, "{action} at {at}");
            assert_eq!(site.statuses(at).await, [expected; 3], "{action} at {at}");
        }
        before = expected;
    }
}
