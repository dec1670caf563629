//! The pages of webhooks in Chromium.

use admitone::accounts::Role;
use admitone::clock::Clock;
use admitone::ids::WebhookId;
use admitone::webhooks::Push;
use serde_json::json;

use super::api::shop;
use super::log::{delivery, hook};
use super::receiver::Receiver;
use crate::clients::{PASSWORD, account};
use crate::support::test_db::TestDb;
use crate::web::passes;

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_made_and_tried_in_a_browser_and_its_log_is_readable() {
    let (shop, receiver) = (shop(TestDb::sqlite().await).await, Receiver::start().await);
    account(&shop, "admin@example.com", Role::Admin).await;
    let webhook = hook(&shop, &receiver.url("/status/500/x")).await;
    let (endpoint, now): (WebhookId, _) = (webhook.parse().unwrap(), shop.clock.now_ms());
    for (index, state) in (0..).zip(["DONE", "PARKED", "WAITING", "CANCELLED"]) {
        let message = format!("5f0f2c1a-0000-4000-8000-000000000001.{index}.0");
        delivery(&shop, &webhook, &message, state, now - 10_000 + index).await;
        let push = Push { endpoint, message_id: message, body: "{}".into(), attempt: 1 };
        shop.app.state().webhooks.push(&push).await;
    }
    let admin = json!({"email": "admin@example.com", "password": PASSWORD});
    passes("webhooks", &shop, &json!({"admin": admin, "webhook": webhook})).await;
}
