//! The whole API document, tried with schemathesis as a user and as an administrator: no server
//! error, no undocumented answer, and a request that fits its schema is refused only by the rules
//! that tests/schemathesis/hooks.py lists. `tests/fuzz` tries longer.

use std::process::{Command, Stdio};

use admitone::accounts::Role;
use serde_json::{Value, json};

use crate::clients::account;
use crate::http::api_client::{Answer, Event, Person, Shop};
use crate::support::test_db::TestDb;

/// The operations that close the account, end its tokens or take its role, which the others need.
const ENDS: [(&str, Role); 3] =
    [("forgetMe", Role::User), ("endSessions", Role::User), ("revokeRole", Role::Admin)];

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_a_user_can_send_is_answered_as_documented() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let person = account(&shop, "user@example.com", Role::User).await;
    try_all(
        &shop,
        &person,
        &ENDS.map(|(operation, _)| ["--exclude-operation-id", operation]).concat(),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_an_administrator_can_send_is_answered_as_documented() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let person = account(&shop, "admin@example.com", Role::Admin).await;
    try_all(
        &shop,
        &person,
        &ENDS.map(|(operation, _)| ["--exclude-operation-id", operation]).concat(),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_an_account_its_sessions_or_its_role_is_answered_as_documented() {
    for (operation, role) in ENDS {
        let shop = Shop::open(TestDb::sqlite().await).await;
        let person = account(&shop, "leaver@example.com", role).await;
        try_all(&shop, &person, &["--include-operation-id", operation]).await;
    }
}

async fn try_all(shop: &Shop, person: &Person<'_>, more: &[&str]) {
    let things = things(shop, person).await;
    let setting = |name, usual: &str| std::env::var(name).unwrap_or_else(|_| usual.to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemathesis/run");
    let mut command = Command::new(script);
    command
        .args([&shop.app.url(""), person.token()])
        .arg(setting("ADMITONE_FUZZ_EXAMPLES", "5"))
        .args(["--seed", &setting("ADMITONE_FUZZ_SEED", "1")])
        .args(["--phases", &setting("ADMITONE_FUZZ_PHASES", "examples,fuzzing")])
        .args(more)
        .env("THINGS", things.to_string())
        .stdin(Stdio::null());
    let run = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic");
    let output = run.unwrap_or_else(|error| panic!("{script} cannot be run: {error}"));
    let said = [&*output.stdout, &*output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

/// Creates resources of a person for the requests; returns their ids.
async fn things(shop: &Shop, person: &Person<'_>) -> Value {
    let mut body = shop.event_body();
    body["products"][1]["totalStock"] = json!(10_000);
    let rare = json!({"name": "Rare", "totalStock": 1, "price": {"amount": 10, "currency": "KRW"}});
    body["products"].as_array_mut().expect("a list").push(rare);
    body["seatMap"]["sections"][0]["rows"][0]["seats"] = json!(1_000);
    let (event, spare) = (shop.event_from(body).await, shop.event().await);
    let id = |answer: Answer| answer.is(201).data["id"].clone();
    let hold = async |event: &Event<'_>, product: &str| {
        let body = json!({"lines": [{"productId": product, "quantity": 1}]});
        id(person.post(&event.at("holds"), &body).await)
    };
    person.buy(&event, &event.places(1)).await;
    let ticket = person.tickets().await.remove(0);
    let order = json!({"eventId": event.id, "holdId": hold(&event, event.standing()).await});
    let reservation = id(person.post("/api/reservations", &order).await);
    hold(&event, &event.products[2]).await;
    let wish = json!({"productId": event.products[2], "partySize": 1});
    let entry = id(person.post(&event.at("waitlist"), &wish).await);
    let hold = hold(&event, event.standing()).await;
    let class = async || {
        let body = json!({
            "title": "Pottery", "capacity": 1_000, "selectionType": "REVIEW",
            "allowWaitlist": true, "waitlistCapacity": 1_000,
            "startAt": shop.time_in(90_000), "endAt": shop.time_in(97_200),
        });
        id(shop.admin().post("/api/mclasses", &body).await)
    };
    let (class, spare_class) = (class().await, class().await);
    let path = format!("/api/mclasses/{}/enrollments", class.as_str().expect("an id"));
    let enrollment = id(person.post(&path, &json!({})).await);
    let terms = json!({"type": "SERVICE", "title": "Terms", "content": "1.", "isRequired": true});
    let term = id(shop.admin().post("/api/terms", &terms).await);
    json!({
        "class": class, "mclassId": class, "spareClass": spare_class, "enrollment": enrollment,
        "event": event.id, "eventId": event.id, "spareEvent": spare.id, "products": event.products,
        "seats": event.seats().await[..1_000], "section": "Left", "hold": hold, "holdId": hold,
        "entry": entry, "reservation": reservation, "id": reservation, "ticket": ticket["id"],
        "code": ticket["code"], "term": term,
    })
}
