//! What an instance answers and shows of an event that another one owns.

use serde_json::{Value, json};

use super::Site;

impl Site {
    async fn act(&self, at: usize, action: &str, body: Value) -> Value {
        let path = format!("/api/admin/offerings/{}/{action}", self.event);
        let (status, answer) = self.administer(at, &path, Some(body)).await;
        assert_eq!(status, 200, "{action}: {answer}");
        answer["data"].clone()
    }

    /// Has the event owned by the instance where it belongs.
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
