//! The pages in a browser: each test starts a server and runs one scenario of `tests/web/scenarios/`
//! in Chromium, in every language, width and colour scheme. A machine without Chromium fails them.

mod buyer;
mod class_after;
mod class_desk;
mod classes;
mod closing;
mod community;
mod door;
mod flows;
mod form_builder;
mod giving;
mod korean;
mod order_refunds;
pub mod organiser;
mod organiser_lists;
mod organiser_venues;
mod payment_pages;
mod people;
mod public_pages;
mod queue;
mod reasons;
mod sessions;
mod strings;
mod team;
mod terms;

pub use organiser::known;
use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use admitone::accounts::Role;
use serde_json::{Value, json};

use crate::clients::{PASSWORD, account};
use crate::dashboards::path;
use crate::http::api_client::Shop;
use crate::support::test_db::TestDb;

/// Runs a scenario, which finds what there is to test in `things`. Meanwhile the server's time passes
/// as it does in the browser.
async fn run(scenario: &str, shop: &Shop, things: &Value) -> Output {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/web/run");
    let mut command = Command::new(script);
    command.args([scenario, &shop.app.url(""), &things.to_string()]).stdin(Stdio::null());
    let clock = shop.clock.clone();
    let (offices, rooms) = {
        let state = shop.app.state();
        (Arc::clone(&state.offices), Arc::clone(&state.waiting_rooms))
    };
    let passing = tokio::spawn(async move {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        loop {
            second.tick().await;
            clock.advance_ms(1_000);
            offices.sweep().await;
            rooms.tend_once(true).await;
        }
    });
    let run = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic");
    passing.abort();
    run.unwrap_or_else(|error| panic!("{script} cannot be run: {error}"))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

pub async fn passes(scenario: &str, shop: &Shop, things: &Value) {
    let output = run(scenario, shop, things).await;
    assert!(output.status.success(), "{}", said(&output));
    println!("{}", said(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_document_shows_every_operation() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    passes("api_docs", &shop, &json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_found_on_the_start_page() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    let mut other = shop.event_body();
    other["name"] = json!("<b>맥베스</b> & Macbeth עברית");
    other["venue"] = json!("Sejong Center");
    shop.event_from(other).await;
    let things = json!({"event": event.id, "name": "햄릿 — Hamlet", "place": "sejong"});
    passes("start", &shop, &things).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_made_left_and_entered_in_both_languages() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    passes("account", &shop, &json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_pages_that_say_what_to_do() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    passes("refusals", &shop, &json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_are_bought_and_cancelled_without_scripts() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let mut body = shop.event_body();
    body["cancellation"] = json!({"refundPercent": 90});
    let event = shop.event_from(body).await;
    passes("forms_only", &shop, &json!({"event": event.id})).await;
    assert_eq!(event.counts(event.stalls()).await.available, 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn seats_are_picked_on_the_map_and_a_taken_one_comes_with_others() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    let mut body = shop.event_body();
    for (section, row, name) in
        [(0, 0, "Parterre left"), (0, 1, "Loge 12"), (1, 0, "Parterre right")]
    {
        body["seatMap"]["sections"][section]["rows"][row]["name"] = json!(name);
    }
    let long = shop.event_from(body).await;
    passes("seat_map", &shop, &json!({"event": event.id, "long": long.id})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn seats_are_bought_by_keyboard_alone() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    let things = json!({"event": event.id, "sections": ["Left", "Right"]});
    passes("keyboard", &shop, &things).await;
    assert_eq!(event.counts(event.stalls()).await.available, 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_buys_finds_the_order_again_and_keeps_it() {
    let demo = |config: &mut admitone::config::Config| config.demo_payments = Some(true);
    let shop = Shop::open_with(TestDb::sqlite().await, demo).await;
    let event = shop.event().await;
    passes("guest", &shop, &json!({"event": event.id})).await;
    assert_eq!(event.counts(event.stalls()).await.sold, 2);
}

/// The faults of the page in `tests/web/scenarios/planted.mjs`, as the report says them.
const PLANTED: &[&str] = &[
    "content security policy: Executing inline script",
    "the console shows an error: planted error",
    "a script failed: planted exception",
    "a request was refused: GET /missing: 404",
    "a request failed: GET /cut",
    "px wider than the window: <p class=\"wide\">",
    "the page has no title",
    "a link is dead: GET /nowhere: 404",
    "the page is in \"en\", not \"ko\"",
    "accessibility (color-contrast, serious)",
    "accessibility (label, critical)",
    "the scenario stopped: locator.waitFor: Timeout",
    "expected, but did not happen: /planted, and never seen/",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_planted_fault_of_a_page_is_reported() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let output = run("planted", &shop, &json!({})).await;
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let missed: Vec<_> = PLANTED.iter().filter(|fault| !said.contains(**fault)).collect();
    assert!(missed.is_empty(), "{missed:?} in {said}");
}

/// An event with a seat and two standing places sold, one of which is used and one cancelled, a
/// ticket of another event, and an order of a guest.
async fn a_door(shop: &Shop) -> Value {
    let (event, other) = (shop.event().await, shop.event_from(macbeth(shop)).await);
    let admin = account(shop, "admin@example.com", Role::Admin).await;
    let kim = account(shop, "kim@example.com", Role::User).await;
    let seat = event.seats().await[0].clone();
    let mut tickets = Vec::new();
    for (event, hold) in [
        (&event, json!({"seats": [seat]})),
        (&event, event.places(1)),
        (&other, other.places(1)),
        (&event, event.places(1)),
    ] {
        let order = kim.buy(event, &hold).await;
        let of_order = |ticket: &Value| ticket["reservationId"] == order.as_str();
        let ticket = kim.tickets().await.into_iter().find(of_order).expect("a ticket");
        tickets.push((order, ticket));
    }
    let [(_, seat), (_, used), (_, elsewhere), (order, gone)] =
        <[_; 4]>::try_from(tickets).expect("four tickets");
    let at_north = json!({"code": used["code"], "eventId": event.id, "gate": "North"});
    admin.post("/api/checkins", &at_north).await.is(200);
    admin.post_nothing(&format!("/api/reservations/{order}/cancel")).await.is(200);
    let (_, claim) = door::guest_with_tickets(shop, &event).await;
    let qr = format!("/api/tickets/{}/qr.svg", seat["id"].as_str().expect("an id"));
    let qr = kim.request(reqwest::Method::GET, &qr).send().await.expect("an answer");
    json!({
        "event": event.id, "seat": seat, "used": used["code"], "other": elsewhere["code"],
        "gone": gone["code"], "claim": claim, "qr": qr.text().await.expect("a drawing"),
        "admin": {"email": "admin@example.com", "password": PASSWORD},
        "kim": {"email": "kim@example.com", "password": PASSWORD, "name": "김민수"},
    })
}

fn macbeth(shop: &Shop) -> Value {
    let mut body = shop.event_body();
    body["name"] = json!("Macbeth");
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_reads_tickets_by_camera_scanner_and_name() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    passes("door", &shop, &a_door(&shop).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_works_without_scripts() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    passes("door_plain", &shop, &a_door(&shop).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opened_ticket_shows_without_a_network_until_its_holder_signs_out() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    passes("offline_ticket", &shop, &a_door(&shop).await).await;
}

#[test]
fn every_scenario_is_run_by_a_test() {
    let files = [
        "tests/it/web.rs",
        "tests/it/web/community.rs",
        "tests/it/web/flows.rs",
        "tests/it/web/people.rs",
        "tests/it/webhooks/browser.rs",
        "tests/it/limits/pages.rs",
    ];
    let source = files.map(|file| fs::read_to_string(path(file)).unwrap()).concat();
    let entries = fs::read_dir(path("tests/web/scenarios")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let scenarios: BTreeSet<_> =
        names.map(|name| name.strip_suffix(".mjs").expect("a scenario").to_owned()).collect();
    assert!(scenarios.len() > 1, "{scenarios:?}");
    let is_run = |name: &String| {
        source.contains(&format!("(\"{name}\", &shop"))
            || source.contains(&format!("flows(\"{name}\")"))
    };
    let forgotten: Vec<_> = scenarios.iter().filter(|name| !is_run(name)).collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}
