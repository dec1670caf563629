//! Planned operations in the middle of a sale, which customers should not notice.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use super::Site;
use crate::support::customers::seed;
use crate::support::test_db::eventually;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_instances_are_replaced_one_by_one_and_nobody_sees_an_error() {
    let mut site = Site::open("2s").await;
    site.sell(seed());
    site.until_sold(100).await;
    for index in 0..site.servers.len() {
        assert!(site.servers[index].stop().await, "it stops in an orderly way");
        site.until_sold(50).await;
        site.servers[index].start_again();
        site.servers[index].until_ready().await;
        site.until_sold(50).await;
    }
    let doors = site.shop.closed_doors.load(Ordering::Relaxed);
    println!("{doors} connections were refused and went to another door");
    let facts = site.close().await;
    assert_eq!(facts.unavailable, 0, "no answer 503");
    assert_eq!(facts.lost, 0, "no request without an answer");
}

/// The frames of the stream of one instance: each frame follows the one before, or is a full view.
struct Frames {
    response: reqwest::Response,
    buffer: String,
    seq: u64,
}

impl Frames {
    async fn follow(site: &Site, door: usize) -> Self {
        let url = format!("{}/api/events/{}/stream", site.servers[door].base, site.event);
        let response = reqwest::get(url).await.expect("an answer");
        assert_eq!(response.status(), 200);
        Self { response, buffer: String::new(), seq: 0 }
    }

    async fn until(&mut self, seq: u64) {
        while self.seq < seq {
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.response.chunk());
            let chunk = chunk.await.expect("a frame in time").expect("it is not cut off");
            let chunk = chunk.expect("the stream goes on");
            self.buffer.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
            while let Some((frame, rest)) = self.buffer.split_once("\n\n") {
                let data = frame.lines().find_map(|line| line.strip_prefix("data: "));
                let data = data.map(|data| serde_json::from_str::<Value>(data).expect("JSON"));
                self.buffer = rest.to_owned();
                if let Some(data) = data {
                    self.take(&data);
                }
            }
        }
    }

    fn take(&mut self, data: &Value) {
        let seq = data["seq"].as_u64().expect("a seq");
        assert!(seq >= self.seq, "never back: {seq} after {}", self.seq);
        if let Some(previous) = data["previousSeq"].as_u64() {
            assert_eq!(previous, self.seq, "no change was missed");
        }
        self.seq = seq;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_go_on_at_all_doors_while_the_event_changes_hands() {
    let mut site = Site::open("2s").await;
    site.sell(seed());
    site.until_sold(50).await;
    site.until_at_home().await;
    let mut all = Vec::new();
    for door in 0..site.servers.len() {
        all.push(Frames::follow(&site, door).await);
    }
    for _ in 0..4 {
        let owner = site.owner().await;
        let name = ["a", "b", "c"][site.other_than(owner)];
        let path = format!("/api/admin/offerings/{}/move", site.event);
        // A slow machine may be moving it already: then the answer says to try again.
        eventually("it is moved", async || {
            let (status, answer) =
                site.administer(owner, &path, Some(json!({ "instance": name }))).await;
            assert!(
                status == 200 || answer["error"]["code"] == "TEMPORARILY_UNAVAILABLE",
                "{answer}"
            );
            status == 200
        })
        .await;
        site.until_sold(30).await;
        let head = site.store.journal_head(site.event).await.expect("it can be read");
        for frames in &mut all {
            frames.until(head.seq.0).await;
        }
    }
    // The owner dies: the streams at the other instances go on.
    let owner = site.owner().await;
    site.servers[owner].kill();
    drop(all.remove(owner));
    site.until_sold(30).await;
    let head = site.store.journal_head(site.event).await.expect("it can be read");
    for frames in &mut all {
        frames.until(head.seq.0).await;
    }
    drop(all);
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_moved_by_hand_stays_where_it_was_moved_to() {
    let mut site = Site::open("2s").await;
    site.sell(seed());
    site.until_sold(50).await;
    site.until_at_home().await;
    for _ in 0..4 {
        let owner = site.owner().await;
        let to = site.other_than(owner);
        let name = ["a", "b", "c"][to];
        let path = format!("/api/admin/offerings/{}/move", site.event);
        let asked = site.other_than(to);
        let (status, answer) =
            site.administer(asked, &path, Some(json!({ "instance": name }))).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["data"]["owner"]["name"], name, "{answer}");
        site.until_sold(50).await;
        assert_eq!(site.owner().await, to);
    }
    let facts = site.close().await;
    assert_eq!((facts.unavailable, facts.lost), (0, 0), "nobody noticed");
}
