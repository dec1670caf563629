//! People who apply for a class over HTTP, cancel and apply anew.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use admitone::inventory::MAX_APPLICATIONS;
use rand::rngs::StdRng;
use reqwest::Method;
use serde_json::json;

use crate::support::customers::{Customer, Shop};
use crate::support::process::Mint;

/// Makes a first-come class with `places` places, as long a waitlist, and a form with one question;
/// returns the path of its enrollments.
pub async fn open_class(shop: &Shop, admin: &Customer, rng: &mut StdRng, places: u32) -> String {
    let class = json!({
        "title": "Pottery", "location": "Studio 3", "capacity": places, "allowWaitlist": true,
        "waitlistCapacity": places, "selectionType": "FIRST_COME",
        "startAt": "2090-05-01T10:00:00Z", "endAt": "2090-05-01T12:00:00Z",
    });
    let made = shop.ask(admin, rng, (Method::POST, "/api/mclasses"), Some(class)).await;
    assert!(made.is_ok(), "{made:?}");
    let class = format!("/api/mclasses/{}", made.data()["id"].as_str().expect("an id"));
    let why = json!({"id": "why", "type": "LONG_TEXT", "label": "Why?", "required": true});
    let form = json!({"title": "About you", "questions": [why]});
    let to = (Method::POST, &*format!("{class}/enrollment-form"));
    let made = shop.ask(admin, rng, to, Some(form)).await;
    assert!(made.is_ok(), "{made:?}");
    format!("{class}/enrollments")
}

/// Applies and cancels until the shop closes, as another person after as many applications as one may
/// make; returns the ids of the enrollments that the answers named. The last one may be left alive.
pub async fn come_and_go(
    shop: Arc<Shop>,
    mint: Arc<Mint>,
    path: String,
    mut rng: StdRng,
) -> Vec<String> {
    let mut made = Vec::new();
    let mut person = mint.customer();
    while !shop.closing.load(Ordering::Relaxed) {
        let body = json!({"answers": {"why": "because"}});
        let answer = shop.ask(&person, &mut rng, (Method::POST, &path), Some(body)).await;
        if !answer.is_ok() {
            assert_eq!(answer.code(), "CLASS_FULL", "{answer:?}");
            continue;
        }
        let id = answer.data()["id"].as_str().expect("an id").to_owned();
        assert_eq!(answer.data()["answers"]["why"], "because");
        let one = format!("{path}/{id}");
        made.push(id);
        let is_last = made.len().is_multiple_of(MAX_APPLICATIONS as usize);
        if !shop.closing.load(Ordering::Relaxed) {
            let gone = shop.ask(&person, &mut rng, (Method::DELETE, &one), None).await;
            assert!(gone.is_ok(), "{gone:?}");
        }
        if is_last {
            person = mint.customer();
        }
    }
    made
}
