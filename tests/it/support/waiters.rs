//! People who stand in the line of a waiting room over HTTP, leave at their turn and enter anew.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use admitone::ids::OfferingId;
use futures_util::future::join_all;
use rand::rngs::StdRng;
use reqwest::Method;
use serde_json::json;

use crate::support::customers::{Customer, Shop, rng};
use crate::support::process::Mint;

/// Admissions per minute: one a second, so that the line moves all the time.
const PER_MINUTE: u32 = 60;
/// So many that the last ones are told a wait that is long enough to be judged, and soon over.
const PEOPLE: usize = 24;
/// Between two rounds of polls; sooner ones are slowed.
const PAUSE: Duration = Duration::from_secs(1);

/// Switches the waiting room of an event on.
pub async fn open_room(shop: &Shop, admin: &Customer, rng: &mut StdRng, event: OfferingId) {
    let rules = json!({"enabled": true, "passesPerMinute": PER_MINUTE, "turns": 100});
    let path = format!("/api/admin/events/{event}/queue");
    let set = shop.ask(admin, rng, (Method::PUT, &path), Some(rules)).await;
    assert!(set.is_ok(), "{set:?}");
}

/// Enters everybody and polls until the shop closes. Who is admitted leaves, and enters at the end.
pub async fn stand_in_line(shop: Arc<Shop>, mint: Arc<Mint>, event: OfferingId, seed: u64) {
    let people = (0..PEOPLE).map(|nth| {
        let rng = rng(seed, u64::MAX / 2 + nth as u64);
        wait_and_leave(&shop, mint.customer(), event, rng)
    });
    join_all(people).await;
}

async fn wait_and_leave(shop: &Shop, person: Customer, event: OfferingId, mut rng: StdRng) {
    let queue = format!("/api/queue/{event}");
    let (enqueue, status) = (format!("{queue}/enqueue"), format!("{queue}/status"));
    while !shop.closing.load(Ordering::Relaxed) {
        let told = shop.ask(&person, &mut rng, (Method::GET, &status), None).await;
        let state = told.data()["status"].as_str().unwrap_or_default();
        if state == "ADMITTED" {
            shop.ask(&person, &mut rng, (Method::DELETE, &queue), None).await;
        }
        if state != "WAITING" {
            shop.ask(&person, &mut rng, (Method::POST, &enqueue), None).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
}
