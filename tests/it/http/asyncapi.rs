//! The AsyncAPI document describes the messages that are sent: their kinds, and the form of each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use admitone::accounts::Role;
use admitone::journal::messages::{KINDS, name_of};
use admitone::payments::{CrashPoints, Edge, Side};
use admitone::server::Parts;
use reqwest::Method;
use serde_json::{Value, json};

use crate::http::api_client::{Event, Person, Shop};
use crate::http::conformance::{fits, resolved};
use crate::support::test_db::{TestDb, eventually};

/// The message that belongs to no event: only webhooks get it.
const PING: &str = "webhook.ping";

fn document() -> Value {
    serde_saphyr::from_str(admitone::http::openapi::MESSAGES).expect("YAML")
}

/// Returns the kinds of the messages of a channel, after checking that they resolve.
fn of_channel(document: &Value, channel: &str) -> BTreeSet<String> {
    let messages = document["channels"][channel]["messages"].as_object().expect("messages");
    let kind = |(name, message): (&String, &Value)| {
        let kind = resolved(document, message)["name"].as_str().expect("a name").to_owned();
        assert_eq!(name, &name_of(&kind));
        kind
    };
    messages.iter().map(kind).collect()
}

/// Checks a message against the schema of its kind.
fn check(document: &Value, message: &Value) -> Result<(), String> {
    let name = message["name"].as_str().ok_or("no name")?;
    let described = &document["components"]["messages"][name];
    if described["name"] != message["type"] {
        return Err(format!("{name} is not described"));
    }
    fits(document, &described["payload"], message, name)
}

#[test]
fn the_document_of_the_messages_has_every_kind_and_no_other() {
    let document = document();
    assert_eq!(document["asyncapi"], "3.0.0");
    let kinds: BTreeSet<_> = KINDS.iter().map(|kind| (*kind).to_owned()).collect();
    assert_eq!(of_channel(&document, "feed"), kinds);
    assert_eq!(of_channel(&document, "stream"), kinds);
    let mut of_webhooks = of_channel(&document, "webhooks");
    assert!(of_webhooks.remove(PING));
    assert_eq!(of_webhooks, kinds);
    let described = document["components"]["messages"].as_object().expect("messages");
    assert_eq!(described.len(), kinds.len() + 1);
    for operation in document["operations"].as_object().expect("operations").values() {
        resolved(&document, &operation["channel"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_of_the_messages_is_served_as_it_is_in_the_docs() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let request = shop.nobody().request(Method::GET, "/api-docs/asyncapi.yaml");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/yaml");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/asyncapi.yaml");
    assert_eq!(answer.text().await.unwrap(), std::fs::read_to_string(file).unwrap());
}

/// Lets happen at the event what customers do.
async fn sell(shop: &Shop, event: &Event<'_>) {
    let (kim, lee, admin) = (shop.customer(), shop.customer(), shop.admin());
    let seats = event.seats().await;
    kim.buy(event, &json!({"seats": &seats[..2]})).await;
    let ticket = kim.tickets().await[0].clone();
    let code = json!({"code": ticket["code"]});
    admin.post("/api/checkins", &code).await.is(200);
    admin.post("/api/checkins/undo", &json!({"code": ticket["code"]})).await.is(200);
    let order = ticket["reservationId"].as_str().expect("an order");
    let some = json!({"tickets": [ticket["id"]]});
    let refunds = format!("/api/reservations/{order}/refunds");
    admin.post_with_key(&refunds, "one-ticket", &some).await.is(201);

    let poor = lee.reserve(event, &event.places(1)).await;
    let payments = format!("/api/reservations/{poor}/payments");
    let by_wallet = json!({"method": "wallet"});
    lee.post_with_key(&payments, "too-poor", &by_wallet).await.refused(409, "INSUFFICIENT_BALANCE");
    lee.post_nothing(&format!("/api/reservations/{poor}/cancel")).await.is(200);

    let all = kim.post(&event.at("holds"), &event.places(20)).await.is(201).data;
    let join = json!({"productId": event.standing(), "partySize": 2});
    lee.post(&event.at("waitlist"), &join).await.is(201);
    kim.delete(&event.at(&format!("holds/{}", all["id"].as_str().unwrap()))).await.is(200);
}

/// Has an order expire while its payment is under way, which then ends well.
async fn pay_late(shop: &Shop, event: &Event<'_>) {
    let kim = shop.customer();
    let order = kim.reserve(event, &event.places(1)).await;
    kim.charge(50_000).await;
    let payments = format!("/api/reservations/{order}/payments");
    let by_wallet = json!({"method": "wallet"});
    kim.post_with_key(&payments, "late", &by_wallet).await.is(503);
    shop.clock.advance_ms(3_600_000);
    shop.sweep().await;
    let kim = shop.again(&kim, Role::User);
    eventually("the payment is taken up", async || {
        shop.app.state().payments.recover_due().await.expect("payments can be read");
        kim.get(&format!("/api/reservations/{order}")).await.is(200).data["status"] == "CONFIRMED"
    })
    .await;
}

/// Makes a class with one place, and returns its path.
async fn class(shop: &Shop, more: &[(&str, Value)]) -> String {
    let mut body = json!({
        "title": "Pottery", "location": "Studio 3", "capacity": 1, "selectionType": "FIRST_COME",
        "startAt": shop.time_in(90_000), "endAt": shop.time_in(97_200),
        "allowWaitlist": true, "waitlistCapacity": 5,
    });
    for (field, value) in more {
        body[*field] = value.clone();
    }
    let made = shop.admin().post("/api/mclasses", &body).await.is(201).data;
    format!("/api/mclasses/{}", made["id"].as_str().expect("an id"))
}

async fn apply(person: &Person<'_>, class: &str) -> String {
    let made = person.post(&format!("{class}/enrollments"), &json!({})).await.is(201).data;
    format!("{class}/enrollments/{}", made["id"].as_str().expect("an id"))
}

/// Lets happen in classes what applicants and administrators do; returns the paths of the classes.
async fn enroll(shop: &Shop) -> Vec<String> {
    let (kim, lee) = (shop.customer(), shop.customer());
    let reviewed = class(shop, &[("selectionType", json!("REVIEW"))]).await;
    let refused = apply(&kim, &reviewed).await;
    let id = refused.rsplit('/').next().expect("an id");
    let body = json!({"status": "REJECTED", "version": 1});
    shop.admin().put(&format!("/api/admin/enrollments/{id}"), &body).await.is(200);
    let fee = json!({"amount": 5_000, "currency": "KRW"});
    let paid = class(shop, &[("fee", fee)]).await;
    let offers = class(shop, &[("promotion", json!("OFFER"))]).await;
    for class in [&paid, &offers] {
        let first = apply(&kim, class).await;
        apply(&lee, class).await;
        kim.delete(&first).await.is(200);
    }
    vec![reviewed, paid, offers]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_of_a_sale_has_the_form_that_the_document_describes() {
    let (stops, has_stopped) = (Arc::new(AtomicBool::new(false)), AtomicBool::new(false));
    let is_late = Arc::clone(&stops);
    let crash_points = CrashPoints::new(move |_, edge, side| {
        let is_here = (edge, side) == (Edge::Confirm, Side::Before);
        is_here && is_late.load(Ordering::SeqCst) && !has_stopped.swap(true, Ordering::SeqCst)
    });
    let replace = |parts: &mut Parts| parts.crash_points = crash_points;
    let shop = Shop::open_from(TestDb::sqlite().await, |_| {}, replace).await;
    let event = shop.event().await;
    let classes = enroll(&shop).await;
    sell(&shop, &event).await;
    stops.store(true, Ordering::SeqCst);
    pay_late(&shop, &event).await;
    let admin = shop.admin();
    admin.patch(&event.path, &json!({"eventDate": shop.time_in(172_800)})).await.is(200);
    admin.delete(&event.path).await.is(200);
    shop.sweep().await;

    let admin = shop.admin();
    let mut feed = String::new();
    for path in classes.iter().map(|class| format!("{class}/feed")).chain([event.at("feed")]) {
        let answer = admin.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        feed.push_str(&answer.text().await.unwrap());
    }
    let document = document();
    let mut seen = BTreeMap::new();
    for line in feed.lines() {
        let message: Value = serde_json::from_str(line).expect("JSON");
        check(&document, &message).unwrap_or_else(|fault| panic!("{fault}: {message:#}"));
        seen.insert(message["type"].as_str().expect("a type").to_owned(), message);
    }
    assert_eq!(seen.keys().map(String::as_str).collect::<Vec<_>>(), KINDS, "all kinds occur");

    for message in seen.values() {
        for field in ["id", "timestamp", "cursor", "data", "name"] {
            let mut bad = message.clone();
            bad.as_object_mut().unwrap().remove(field);
            check(&document, &bad).expect_err(field);
        }
        for name in message["data"].as_object().expect("an object").keys() {
            let mut bad = message.clone();
            bad["data"][name] = json!(true);
            check(&document, &bad).expect_err(name);
        }
    }
}
