//! People who stand in the line of a waiting room over HTTP, leave at their turn and enter anew.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use admitone::ids::OfferingId;
use rand::rngs::StdRng;
use reqwest::Method;
use serde_json::json;

use crate::support::customers::{Customer, Shop};
use crate::support::process::Mint;

/// Admissions per minute: two a second, so that the line moves all the time.
const PER_MINUTE: u32 = 120;
/// So many that the last ones wait for half a minute.
const PEOPLE: usize = 60;
/// Between two rounds of polls.
const PAUSE: Duration = Duration::from_millis(500);

/// Switches the waiting room of an event on.
pub async fn open_room(shop: &Shop, admin: &Customer, rng: &mut StdRng, event: OfferingId) {
    let rules = json!({"enabled": true, "passesPerMinute": PER_MINUTE, "turns": 100});
    let path = format!("/api/admin/events/{event}/queue");
    let set = shop.ask(admin, rng, (Method::PUT, &path), Some(rules)).await;
    assert!(set.is_ok(), "{set:?}");
}

/// Enters everybody and polls until the shop closes. Who is admitted leaves, and enters at the end.
pub async fn stand_in_line(shop: Arc<Shop>, mint: Arc<Mint>, event: OfferingId, mut rng: StdRng) {
    let queue = format!("/api/queue/{event}");
    let (enqueue, status) = (format!("{queue}/enqueue"), format!("{queue}/status"));
    let people: Vec<Customer> = (0..PEOPLE).map(|_| mint.customer()).collect();
    while !shop.closing.load(Ordering::Relaxed) {
        for person in &people {
            let told = shop.ask(person, &mut rng, (Method::GET, &status), None).await;
            let state = told.data()["status"].as_str().unwrap_or_default();
            if state == "ADMITTED" {
                shop.ask(person, &mut rng, (Method::DELETE, &queue), None).await;
            }
            if state != "WAITING" {
                shop.ask(person, &mut rng, (Method::POST, &enqueue), None).await;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}
