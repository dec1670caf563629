//! The waiting room of an event, over HTTP.

pub mod abuse;
mod line;
mod organisers;
mod passes;

use serde_json::{Value, json};

use crate::http::api_client::{Answer, Event, Person, Shop};

/// Switches the waiting room on with these rules.
pub async fn switch_on(shop: &Shop, event: &Event<'_>, mut rules: Value) {
    rules["enabled"] = json!(true);
    shop.admin().put(&admin_path(event), &rules).await.is(200);
}

fn admin_path(event: &Event<'_>) -> String {
    format!("/api/admin/events/{}/queue", event.id)
}

fn queue_path(event: &Event<'_>, rest: &str) -> String {
    format!("/api/queue/{}/{rest}", event.id)
}

async fn enter(event: &Event<'_>, person: &Person<'_>) -> Value {
    person.post_nothing(&queue_path(event, "enqueue")).await.is(200).data
}

async fn status(event: &Event<'_>, person: &Person<'_>) -> Value {
    person.get(&queue_path(event, "status")).await.is(200).data
}

/// Lets time pass, and does what is due by then.
async fn pass_seconds(shop: &Shop, seconds: i64) {
    shop.clock.advance_ms(seconds * 1_000);
    shop.sweep().await;
    shop.app.state().waiting_rooms.tend_once(true).await;
}

/// Holds places with the pass, if there is one.
async fn hold_with(event: &Event<'_>, person: &Person<'_>, places: u32, pass: &Value) -> Answer {
    let request = person.request(reqwest::Method::POST, &event.at("holds"));
    let request = request.json(&event.places(places));
    let request = match pass.as_str() {
        Some(pass) => request.header("X-Pass-Token", pass),
        None => request,
    };
    Answer::of(request).await
}
