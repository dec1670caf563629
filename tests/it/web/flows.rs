//! Whole flows of several people in a browser. Each scenario makes events of its own as the
//! administrator, so that its combinations do not meet.

use admitone::accounts::Role;
use serde_json::json;

use super::passes;
use crate::clients::{PASSWORD, account};
use crate::http::api_client::Shop;
use crate::support::test_db::TestDb;

/// Runs a scenario at a shop with an administrator and the demonstration's payment.
async fn flows(scenario: &str) {
    let demo = |config: &mut admitone::config::Config| {
        config.demo_payments = Some(true);
        config.payment_manual = true;
    };
    let shop = Shop::open_with(TestDb::sqlite().await, demo).await;
    account(&shop, "admin@example.com", Role::Admin).await;
    let things = json!({"admin": {"email": "admin@example.com", "password": PASSWORD}});
    passes(scenario, &shop, &things).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_buyers_one_has_the_seat_and_the_other_the_one_beside_it() {
    flows("race").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_becomes_free_is_offered_to_the_first_in_line() {
    flows("waitlist").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organiser_makes_sells_refunds_and_cancels_an_event() {
    flows("organiser").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organiser_makes_a_hall_and_buyers_see_its_seats() {
    flows("organiser_hall").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mishaps_of_buyers_end_in_one_order_or_a_clear_refusal() {
    flows("mishaps").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn markup_emoji_and_long_words_in_names_are_shown_as_text() {
    flows("odd_text").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_pays_by_gateways_and_an_administrator_by_hand() {
    flows("gateway_payments").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organiser_builds_a_form_and_reads_the_answers_of_an_applicant() {
    flows("class_form").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn terms_are_written_agreed_to_at_registration_and_replaced() {
    flows("terms").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_apply_for_classes_and_an_organiser_decides() {
    flows("classes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_wait_in_line_for_their_turn() {
    flows("waiting_room").await;
}
