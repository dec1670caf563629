//! The organiser's pages of webhooks, as a browser without scripts uses them.

use admitone::clock::Clock;

use super::api::{PATH, shop};
use super::log::{delivery, hook};
use super::receiver::Receiver;
use crate::http::api_client::Shop;
use crate::support::test_db::TestDb;
use crate::web::organiser::Browser;

const LIST: &str = "/organiser/webhooks";

fn form<'a>(key: &'a str, url: &'a str, types: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("key", key),
        ("url", url),
        ("description", "<b>회계</b>"),
        ("types", types),
        ("events", ""),
    ]
}

on_both_databases! {
    async fn a_webhook_is_made_tried_changed_and_deleted_by_forms(db: TestDb) {
        let (shop, receiver) = (shop(db).await, Receiver::start().await);
        let organiser = Browser::of(&shop, &shop.admin());
        organiser.get(LIST).await.shows(&["No webhooks yet."]);
        let url = receiver.url("/take/x");
        let made = organiser.post(LIST, &form("k1", &url, "reservation.*\r\nevent.changed\r\n")).await;
        assert_eq!(made.status, 200);
        made.shows(&["whsec_", "It is not shown again."]);
        let again = organiser.post(LIST, &form("k1", &url, "reservation.*\r\nevent.changed\r\n")).await;
        assert_eq!(again.text, made.text, "a form that is sent twice makes one");
        let listed = organiser.get(LIST).await;
        listed.shows(&[&url, "&lt;b&gt;회계&lt;/b&gt;", "reservation.*, event.changed"]);
        assert!(!listed.text.contains("whsec_"));
        let listed = shop.admin().get(PATH).await.is(200).data;
        assert_eq!(listed.as_array().unwrap().len(), 1);
        let at = format!("{LIST}/{}", listed[0]["id"].as_str().unwrap());

        organiser.get(&at).await.shows(&["All events", "No messages.", "Turn off"]);
        let pinged = organiser.post(&format!("{at}/ping"), &[("key", "p")]).await;
        pinged.shows(&["It took the test message: status 200", "thank you"]);
        assert_eq!(receiver.log().await.len(), 1);
        let off = [("key", "off"), ("enabled", "false")];
        organiser.post(&format!("{at}/enabled"), &off).await.leads_to(&at);
        organiser.get(&at).await.shows(&["by an administrator", "Turn on"]);
        let rotated = organiser.post(&format!("{at}/rotate"), &[("key", "r")]).await;
        rotated.shows(&["whsec_", "The secret before signs too until"]);

        let edit = form("e", "http://127.0.0.1:9/other", "");
        organiser.post(&at, &edit).await.leads_to(&at);
        organiser.get(&at).await.shows(&["http://127.0.0.1:9/other", "All messages"]);
        let failed = organiser.post(&format!("{at}/ping"), &[("key", "p")]).await;
        failed.shows(&["There was no answer to the test message", "cannot connect"]);
        let bad = organiser.post(&at, &form("b", "ftp://127.0.0.1/", "")).await;
        assert_eq!(bad.status, 422);
        bad.shows(&["id=\"field-url-error\"", "value=\"ftp://127.0.0.1/\""]);

        organiser.post(&format!("{at}/delete"), &[("key", "d")]).await.leads_to(LIST);
        assert_eq!(organiser.get(&at).await.status, 404);
        assert_eq!(Browser::of(&shop, &shop.customer()).get(LIST).await.status, 403);
    }
}

on_both_databases! {
    async fn messages_in_the_log_are_sent_again_by_forms(db: TestDb) {
        let shop = shop(db).await;
        let organiser = Browser::of(&shop, &shop.admin());
        let id = hook(&shop, "http://127.0.0.1:9/").await;
        let now = shop.clock.now_ms();
        let parked = delivery(&shop, &id, "message-1", "PARKED", now - 5_000).await;
        delivery(&shop, &id, "message-2", "DONE", now - 4_000).await;
        let at = format!("{LIST}/{id}");
        organiser.get(&at).await.shows(&["message-1", "Given up", "it answered 500", "message-2", "Arrived"]);
        let only = organiser.get(&format!("{at}?status=DONE")).await;
        assert!(!only.shows(&["message-2"]).text.contains("message-1"));
        let again = format!("{at}/deliveries/{parked}/replay");
        organiser.post(&again, &[("key", "a")]).await.leads_to(&at);
        organiser.get(&at).await.shows(&["Waiting", "next at"]);
        assert_eq!(organiser.post(&again, &[("key", "b")]).await.status, 409);
        let since = format!("{at}/replay");
        shop.clock.advance_ms(1_000);
        organiser.post(&since, &[("key", "c"), ("since", "2020-01-01T00:00")]).await.leads_to(&at);
        organiser.get(&format!("{at}?status=DONE")).await.shows(&["No messages."]);
        assert_eq!(organiser.post(&since, &[("key", "d"), ("since", "soon")]).await.status, 422);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_address_is_explained_in_the_language_of_the_page() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let organiser = Browser::of(&shop, &shop.admin());
    let refused = organiser.post(LIST, &form("k", "http://127.0.0.1/", "")).await;
    assert_eq!(refused.status, 422);
    refused.shows(&["id=\"field-url-error\"", "public address"]);
    let bad = organiser.post(LIST, &form("k", "https://1.1.1.1/", "everything")).await;
    bad.shows(&["id=\"field-types-error\"", "reservation.created"]);
    let mut events = form("k", "https://1.1.1.1/", "");
    events[4].1 = "x";
    organiser
        .post(LIST, &events)
        .await
        .shows(&["id=\"field-events-error\"", "is not the id of an event"]);
}
