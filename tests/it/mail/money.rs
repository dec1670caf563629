//! Mails about money: payments that fail while their customer is elsewhere, and refunds.

use admitone::mail::MailOutcome;
use serde_json::{Value, json};

use super::{count, letter, mail, open, register, tell};
use crate::http::api_client::{Event, Person, Shop};
use crate::support::test_db::{TestDb, eventually};

const FAILED: &str = "payment.failed";
const REFUNDED: &str = "payment.refunded";

/// Reserves one place; returns the id and where it is paid.
async fn reserved(person: &Person<'_>, event: &Event<'_>) -> (String, String) {
    let id = person.reserve(event, &event.places(1)).await;
    let at = format!("/api/reservations/{id}/payments");
    (id, at)
}

async fn until_failed(person: &Person<'_>, at: &str) {
    let has_failed = async || person.get(at).await.is(200).data[0]["status"] == "FAILED";
    eventually("the payment fails", has_failed).await;
}

/// Waits until `n` deliveries of a kind to the mailer have ended.
async fn until_handled(shop: &Shop, kind: &str, n: i64) {
    let sql = format!(
        "SELECT count(*) FROM deliveries WHERE kind = '{kind}'
        AND destination = 'mail' AND state = 'DONE'"
    );
    eventually("the messages are handled", async || shop.app.db.count(&sql).await == n).await;
}

on_both_databases! {
    async fn an_automatic_payment_that_fails_is_mailed(db: TestDb) {
        let shop = open(db).await;
        let (event, kim) = (shop.event().await, register(&shop, "kim@example.com", "ko").await);
        let hold = kim.post(&event.at("holds"), &event.places(1)).await.is(201).data;
        let body = json!({"eventId": event.id, "holdId": hold["id"], "autoPay": true, "method": "wallet"});
        let order = kim.post("/api/reservations", &body).await.is(201).data["id"].clone();
        let (sent, _) = mail(&shop, FAILED, kim.user).await;
        assert_eq!(sent.subject, "햄릿 — Hamlet 결제에 실패했습니다");
        let link = format!("https://tickets.example.com/orders/{}", order.as_str().unwrap());
        for text in ["50,000원", "다시 결제하기", &link] {
            assert!(sent.plain.contains(text), "{text}: {}", sent.plain);
        }
    }

    async fn a_failure_is_mailed_unless_its_request_was_answered_with_it(db: TestDb) {
        let shop = open(db).await;
        let (event, kim) = (shop.event().await, register(&shop, "kim@example.com", "en").await);
        let (_, at) = reserved(&kim, &event).await;
        let small = json!({"method": "wallet"});
        kim.post_with_key(&at, "k-1", &small).await.refused(409, "INSUFFICIENT_BALANCE");
        let declined = json!({"method": "simulator", "outcome": "decline"});
        kim.post_with_key(&at, "k-2", &declined).await.refused(409, "PAYMENT_DECLINED");
        shop.app.state().payments.send_simulated().await;
        until_handled(&shop, FAILED, 2).await;
        assert_eq!(count(&shop, FAILED).await, 0);

        let later = json!({"method": "simulator", "outcome": "decline", "delayMs": 5_000});
        let (_, at) = reserved(&kim, &event).await;
        kim.post_with_key(&at, "k-3", &later).await.is(202);
        shop.clock.advance_ms(5_000);
        shop.app.state().payments.send_simulated().await;
        until_failed(&kim, &at).await;
        let (sent, _) = mail(&shop, FAILED, kim.user).await;
        assert_eq!(sent.subject, "The payment for 햄릿 — Hamlet failed");
        assert!(sent.plain.contains("You can try again until then."), "{}", sent.plain);
        assert_eq!(count(&shop, FAILED).await, 1);
    }

    async fn a_refund_is_mailed_once_when_the_money_is_back(db: TestDb) {
        let shop = open(db).await;
        let event = shop.event().await;
        let (kim, lee) = (
            register(&shop, "kim@example.com", "en").await,
            register(&shop, "lee@example.com", "ko").await,
        );
        let mut orders = Vec::new();
        for person in [&kim, &lee] {
            let order = person.buy(&event, &event.places(2)).await;
            person.post_nothing(&format!("/api/reservations/{order}/cancel")).await.is(200);
            orders.push(order);
        }
        shop.refund_all().await;
        let (to_kim, _) = mail(&shop, REFUNDED, kim.user).await;
        assert_eq!(to_kim.subject, "₩100,000 goes back to you");
        for text in ["₩100,000 of your order is back in your wallet.", &orders[0]] {
            assert!(to_kim.plain.contains(text) && to_kim.html.contains(text), "{}", to_kim.plain);
        }
        let (to_lee, _) = mail(&shop, REFUNDED, lee.user).await;
        assert!(to_lee.plain.contains("100,000원 환불이 완료되어 지갑에 들어왔습니다."), "{}", to_lee.plain);
        shop.refund_all().await;
        let notices = format!("SELECT count(*) FROM notices WHERE kind = '{REFUNDED}'");
        assert_eq!(shop.app.db.count(&notices).await, 2);
        until_handled(&shop, REFUNDED, 2).await;
        let elsewhere = format!("SELECT count(*) FROM deliveries WHERE kind = '{REFUNDED}'
            AND (destination <> 'mail' OR lane <> 1)");
        assert_eq!(shop.app.db.count(&elsewhere).await, 0, "they make way for other mails");

        // A reservation that was never paid gives nothing back.
        let (unpaid, _) = reserved(&kim, &event).await;
        kim.post_nothing(&format!("/api/reservations/{unpaid}/cancel")).await.is(200);
        shop.refund_all().await;
        assert_eq!(shop.app.db.count(&notices).await, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_says_where_the_money_went() {
    let shop = open(TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, register(&shop, "kim@example.com", "en").await);
    let (order, _) = reserved(&kim, &event).await;
    let body = |method: Value| json!({"reservationId": order, "amount": 5, "method": method});
    for (method, says) in [
        (json!("wallet"), "back in your wallet"),
        (json!("manual"), "by bank transfer or in cash"),
        (json!("stripe"), "the card or account that you paid with"),
        (json!("simulator"), "the way you paid"),
        (Value::Null, "the way you paid"),
    ] {
        let letter = letter(REFUNDED, kim.user, None, body(method));
        assert_eq!(shop.app.state().mailer.deliver(&letter).await, MailOutcome::Sent);
        let (mail, _) = shop.app.state().store.kept_mail_get(letter.id).await.unwrap().unwrap();
        assert!(mail.plain.contains(says) && mail.html.contains(says), "{says}: {}", mail.plain);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_not_mailed_after_the_order_was_paid() {
    let shop = open(TestDb::sqlite().await).await;
    let (event, kim) = (shop.event().await, register(&shop, "kim@example.com", "en").await);
    let order = kim.buy(&event, &event.places(1)).await;
    let id = admitone::store::auto_payment_id(order.parse().unwrap());
    let body = json!({"reservationId": order, "paymentId": id});
    let late = tell(&shop, FAILED, kim.user, body).await;
    assert_eq!(late, MailOutcome::NothingToSend("the order was paid since"));
}
