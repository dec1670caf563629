//! Mails about what changed after the purchase: another name or place of the event, single tickets that
//! were cancelled.

use admitone::accounts::Role;
use admitone::mail::MailOutcome;
use serde_json::{Value, json};

use super::{count, letter, mail, open, register};
use crate::http::api_client::{Answer, Event, Shop};
use crate::support::test_db::{TestDb, eventually};

const CHANGED: &str = "event.details_changed";

async fn notices(shop: &Shop) -> i64 {
    shop.app.db.count(&format!("SELECT count(*) FROM notices WHERE kind = '{CHANGED}'")).await
}

/// Changes the event under an idempotency key.
async fn change(shop: &Shop, event: &Event<'_>, key: &str, body: &Value) -> Answer {
    let admin = shop.admin();
    let request = admin.request(reqwest::Method::PATCH, &event.path);
    Answer::of(request.header("Idempotency-Key", key).json(body)).await.is(200)
}

on_both_databases! {
    async fn another_place_of_an_event_is_told_to_everyone_with_places_once(db: TestDb) {
        let shop = open(db).await;
        let event = shop.event().await;
        let (kim, lee) = (
            register(&shop, "kim@example.com", "en").await,
            register(&shop, "lee@example.com", "ko").await,
        );
        let park = register(&shop, "park@example.com", "en").await;
        kim.buy(&event, &event.places(2)).await;
        kim.buy(&event, &event.places(1)).await;
        lee.buy(&event, &event.places(1)).await;
        // Neither a description nor what is there already is a change of name or place.
        change(&shop, &event, "a", &json!({"description": "New", "venue": "The old theatre"})).await;
        assert_eq!(notices(&shop).await, 0);

        let body = json!({"name": "Macbeth", "venue": "The new hall"});
        let admin = shop.admin();
        for _ in 0..2 {
            let request = admin.request(reqwest::Method::PATCH, &event.path);
            Answer::of(request.header("Idempotency-Key", "b").json(&body)).await.is(200);
        }
        let (to_kim, _) = mail(&shop, CHANGED, kim.user).await;
        assert_eq!(to_kim.subject, "Macbeth: new place");
        for text in ["The new hall", "it was called 햄릿 — Hamlet.", "the place was The old theatre."] {
            assert!(to_kim.plain.contains(text) && to_kim.html.contains(text), "{}", to_kim.plain);
        }
        let (to_lee, _) = mail(&shop, CHANGED, lee.user).await;
        assert_eq!(to_lee.subject, "Macbeth 장소 변경");
        assert!(to_lee.plain.contains("변경 전 장소: The old theatre"), "{}", to_lee.plain);
        assert_eq!((notices(&shop).await, count(&shop, CHANGED).await), (1, 2));
        let store = &shop.app.state().store;
        let mails = store.kept_mail_list(None, 100).await.unwrap();
        assert!(!mails.iter().any(|mail| mail.user == park.user && mail.kind == CHANGED));

        // A name alone is told as such, and webhooks and the stream get journals only.
        shop.admin().post("/api/admin/webhooks", &json!({"url": "https://example.com/x"})).await.is(201);
        shop.clock.advance_ms(1_000);
        change(&shop, &event, "c", &json!({"name": "Othello"})).await;
        eventually("both are told", async || count(&shop, CHANGED).await == 4)
            .await;
        let (again, _) = mail(&shop, CHANGED, kim.user).await;
        assert_eq!(again.subject, "Othello: new name");
        let elsewhere = format!("SELECT count(*) FROM deliveries WHERE kind = '{CHANGED}' \
            AND destination NOT IN ('mail', 'audience')");
        assert_eq!(shop.app.db.count(&elsewhere).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_so_any_more_or_is_over_is_not_told() {
    let shop = open(TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, register(&shop, "kim@example.com", "en").await);
    let deliver = async |body: Value| {
        let letter = letter(CHANGED, kim.user, Some(event.offering()), body);
        shop.app.state().mailer.deliver(&letter).await
    };
    let same = json!({"previousVenue": "The old theatre", "previousName": "햄릿 — Hamlet"});
    assert_eq!(deliver(same).await, MailOutcome::NothingToSend("the event is as it was"));
    let other = json!({"previousVenue": ""});
    assert_eq!(deliver(other.clone()).await, MailOutcome::Sent);
    let (sent, _) = mail(&shop, CHANGED, kim.user).await;
    assert!(sent.plain.contains("Before, the place was not stated."), "{}", sent.plain);
    shop.clock.advance_ms(3 * 86_400_000);
    assert_eq!(deliver(other.clone()).await, MailOutcome::NothingToSend("the event is over"));
    shop.again(&shop.admin(), Role::Admin).delete(&event.path).await.is(200);
    assert_eq!(deliver(other).await, MailOutcome::NothingToSend("the event was cancelled since"));
}

on_both_databases! {
    async fn tickets_that_are_cancelled_are_told_with_what_goes_back(db: TestDb) {
        let shop = open(db).await;
        let mut body = shop.event_body();
        body["cancellation"] = json!({"refundPercent": 30});
        let event = shop.event_from(body).await;
        let (kim, lee) = (
            register(&shop, "kim@example.com", "en").await,
            register(&shop, "lee@example.com", "ko").await,
        );
        let seats = event.seats().await;
        let order = kim.buy(&event, &json!({"seats": [seats[2], seats[3]]})).await;
        let tickets = kim.tickets().await;
        let third = tickets.iter().find(|ticket| ticket["seat"]["label"] == "3").unwrap();
        let path = format!("/api/reservations/{order}/refunds");
        kim.post_with_key(&path, "k", &json!({"tickets": [third["id"]]})).await.is(201);
        let (sent, _) = mail(&shop, "tickets.cancelled", kim.user).await;
        assert_eq!(sent.subject, "Tickets for 햄릿 — Hamlet are cancelled");
        for text in ["Left, row A, seat 3", "₩27,000 goes back to you", "other tickets stay valid"] {
            assert!(sent.plain.contains(text) && sent.html.contains(text), "{text}: {}", sent.plain);
        }
        assert!(!sent.plain.contains("seat 4"), "{}", sent.plain);

        let order = lee.buy(&event, &event.places(2)).await;
        let ticket = lee.tickets().await[0]["id"].clone();
        let nothing = json!({"tickets": [ticket], "amount": {"amount": 0, "currency": "KRW"}, "reason": "x"});
        let path = format!("/api/reservations/{order}/refunds");
        shop.admin().post_with_key(&path, "l", &nothing).await.is(201);
        let (sent, _) = mail(&shop, "tickets.cancelled", lee.user).await;
        for text in ["다음 티켓이 취소되어", "환불되는 금액은 없습니다"] {
            assert!(sent.plain.contains(text) && sent.html.contains(text), "{text}: {}", sent.plain);
        }
    }
}
