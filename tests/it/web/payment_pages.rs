//! Payments by gateways on pages, as a browser without scripts uses them: the wait and the decline on
//! the page of an order, and what administrators do with payments, refunds and notifications.

use admitone::config::MailMode;
use admitone::ids::UserId;
use admitone::store::NotificationRow;
use serde_json::json;

use super::organiser::{Browser, Page, known};
use crate::http::api_client::{Person, Shop};
use crate::support::test_db::{TestDb, eventually};

async fn open(db: TestDb) -> Shop {
    Shop::open_with(db, |config| {
        config.demo_payments = Some(true);
        config.payment_manual = true;
    })
    .await
}

/// Reserves one place; returns the page of the order.
async fn reserved(shop: &Shop, person: &Person<'_>) -> String {
    let event = shop.event().await;
    format!("/orders/{}", person.reserve(&event, &event.places(1)).await)
}

/// Returns the value of the hidden field `name` of the form that pays by `method`.
fn key_of(page: &Page, method: &str) -> String {
    let end = format!("-{method}\"");
    let (before, _) = page.text.split_once(&end).expect("the method is offered");
    let (_, start) = before.rsplit_once("name=\"key\" value=\"").expect("the form has a key");
    format!("{start}-{method}")
}

/// Returns the address of the first form that ends with `step`.
fn form_of(page: &Page, step: &str) -> String {
    let end = format!("/{step}\"");
    let (before, _) = page.text.split_once(&end).unwrap_or_else(|| panic!("{step}: {}", page.text));
    let (_, start) = before.rsplit_once("action=\"").expect("a form");
    format!("{start}/{step}")
}

/// Begins a manual payment on the page of a new order; returns that page.
async fn begun(shop: &Shop, kim: &Person<'_>) -> String {
    let (browser, at) = (Browser::of(shop, kim), reserved(shop, kim).await);
    let key = key_of(&browser.get(&at).await, "manual");
    let form = [("key", &*key), ("method", "manual")];
    browser.post(&format!("{at}/pay"), &form).await.leads_to(&at);
    at
}

on_both_databases! {
    async fn the_page_of_an_order_waits_for_a_gateway_without_scripts(db: TestDb) {
        let shop = open(db).await;
        let kim = known(&shop, "김민수", "kim@example.com").await;
        let (browser, at) = (Browser::of(&shop, &kim), reserved(&shop, &kim).await);
        let (pay, key) = (format!("{at}/pay"), key_of(&browser.get(&at).await, "simulator"));
        let form = [("key", &*key), ("method", "simulator"), ("outcome", "wait")];
        browser.post(&pay, &form).await.leads_to(&at);
        browser.post(&pay, &form).await.leads_to(&at);
        let page = browser.get(&at).await;
        page.shows(&["Your payment is being processed", "waiting", "demonstration"]);
        assert_eq!(page.refresh, format!("3; url={at}"));
        // Another form of the same order is refused, and leads back to the order.
        let other = [("key", "other"), ("method", "simulator")];
        let refused = browser.post(&pay, &other).await;
        assert_eq!((refused.status, &*refused.refresh), (409, &*format!("3; url={at}")));

        shop.clock.advance_ms(8_000);
        shop.app.state().payments.send_simulated().await;
        let is_paid = async || browser.get(&at).await.text.contains("These tickets are yours");
        eventually("it is paid", is_paid).await;
        assert_eq!(browser.get(&at).await.refresh, "");
        assert_eq!(kim.tickets().await.len(), 1);
    }

    async fn an_order_is_paid_after_any_number_of_declines(db: TestDb) {
        let shop = open(db).await;
        let kim = known(&shop, "김민수", "kim@example.com").await;
        let (browser, at) = (Browser::of(&shop, &kim), reserved(&shop, &kim).await);
        let pay = format!("{at}/pay");
        for _ in 0..17 {
            let key = key_of(&browser.get(&at).await, "simulator");
            let form = [("key", &*key), ("method", "simulator"), ("outcome", "decline")];
            let declined = browser.post(&pay, &form).await;
            assert_eq!((declined.status, &*declined.refresh), (409, ""));
            declined.shows(&["The payment was declined"]);
            assert!(!declined.text.contains("The last payment was declined"), "it is said once");
        }
        let page = browser.get(&at).await;
        page.shows(&["The last payment was declined, and nothing was charged", "failed"]);
        let key = key_of(&page, "simulator");
        let form = [("key", &*key), ("method", "simulator"), ("outcome", "succeed")];
        browser.post(&pay, &form).await.leads_to(&at);
        browser.get(&at).await.shows(&["Paid. These tickets are yours."]);
    }

    async fn a_transfer_is_taken_back_with_the_order(db: TestDb) {
        let shop = open(db).await;
        let kim = known(&shop, "김민수", "kim@example.com").await;
        let buyer = Browser::of(&shop, &kim);
        let at = begun(&shop, &kim).await;
        let page = buyer.get(&at).await;
        page.shows(&["Please pay ₩50,000 until", "Give up this order"]);
        assert!(!page.text.contains("/pay\""), "it is chosen already");
        buyer.post(&format!("{at}/cancel"), &[("key", "cancel-1")]).await.leads_to(&at);
        buyer.get(&at).await.shows(&["Cancelled"]);

        let other = begun(&shop, &kim).await;
        let api = other.replace("/orders/", "/api/reservations/");
        for is_replay in [false, true] {
            let nothing = json!({});
            let cancelled = kim.post_with_key(&format!("{api}/cancel"), "c", &nothing).await.is(200);
            assert_eq!((&cancelled.data["status"], cancelled.is_replay()), (&json!("CANCELLED"), is_replay));
        }
        let payments = kim.get(&format!("{api}/payments")).await.is(200).data;
        assert_eq!((&payments[0]["status"], &payments[0]["reason"]), (&json!("FAILED"), &json!("order_cancelled")));
        shop.admin().post_nothing(&format!("{api}/cancel")).await.refused(409, "WRONG_STATE");
    }

    async fn an_organiser_says_once_that_money_has_come_and_that_it_is_paid_back(db: TestDb) {
        let shop = open(db).await;
        let kim = known(&shop, "김민수", "kim@example.com").await;
        let (buyer, organiser) = (Browser::of(&shop, &kim), Browser::of(&shop, &shop.admin()));
        let at = begun(&shop, &kim).await;
        let page = buyer.get(&at).await;
        page.shows(&["Waiting for your money", "Please pay ₩50,000 until", "transfer or till"]);
        assert_eq!(page.refresh, "", "days are not waited for");

        let list = "/organiser/payments";
        organiser.get("/organiser").await.shows(&["href=\"/organiser/payments\""]);
        let page = organiser.get(&format!("{list}?show=waiting")).await;
        page.shows(&["₩50,000", "transfer or till", "kim@example.com", "until"]);
        let number = at.trim_start_matches("/orders/");
        organiser.get(&format!("{list}?order=+{number}")).await.shows(&[number, "₩50,000"]);
        organiser.get(&format!("{list}?order=x")).await.shows(&["No such payments."]);
        let paid = form_of(&page, "paid");
        assert_eq!(buyer.post(&paid, &[]).await.status, 403);
        assert_eq!(buyer.get(list).await.status, 403);
        organiser.post(&paid, &[]).await.leads_to(list);
        organiser.post(&paid, &[]).await.leads_to(list);
        buyer.get(&at).await.shows(&["Paid. These tickets are yours."]);
        assert_eq!(kim.tickets().await.len(), 1);
        let refused = organiser.post(&paid.replace("/paid", "/refused"), &[]).await;
        assert_eq!(refused.status, 409);
        refused.shows(&["role=\"alert\"", list]);
        organiser.get(&format!("{list}?show=waiting")).await.shows(&["No such payments."]);
        organiser.get(&format!("{list}?show=paid")).await.shows(&["₩50,000"]);

        buyer.post(&format!("{at}/cancel"), &[("key", "cancel-1")]).await.leads_to(&at);
        let refunds = "/organiser/refunds";
        let page = organiser.get(refunds).await;
        let back = form_of(&page, "paid");
        organiser.get(&format!("/organiser{at}")).await.shows(&[&back, "It is paid back"]);
        assert_eq!(buyer.post(&back, &[]).await.status, 403);
        let order = at.trim_start_matches("/orders/");
        organiser.post(&back, &[("order", order)]).await.leads_to(&format!("/organiser{at}?notice"));
        organiser.post(&back, &[]).await.leads_to(refunds);
        organiser.get(&format!("{refunds}?state=DONE")).await.shows(&["given back", "₩50,000"]);
        for open in ["DUE", "AT_GATEWAY"] {
            organiser.get(&format!("{refunds}?state={open}")).await.shows(&["No such refunds."]);
        }
        organiser.get(&format!("{list}?show=refunded")).await.shows(&["given back"]);
    }

    async fn an_organiser_refuses_a_payment_that_waits_and_ends_one_with_a_problem(db: TestDb) {
        let shop = open(db).await;
        let kim = known(&shop, "김민수", "kim@example.com").await;
        let (buyer, organiser) = (Browser::of(&shop, &kim), Browser::of(&shop, &shop.admin()));
        let (at, list) = (begun(&shop, &kim).await, "/organiser/payments");
        let problems = format!("{list}?show=problem");
        organiser.get(&problems).await.shows(&["No such payments."]);
        shop.app.db.sql("UPDATE payments SET problem = 'the gateway has <b>1</b> KRW'").await;
        let backlog = shop.app.state().store.payment_backlog().await.unwrap();
        assert_eq!((backlog.problems, backlog.notifications_parked), (1, 0));
        let page = organiser.get(&problems).await;
        page.shows(&["the gateway has &lt;b&gt;1&lt;/b&gt; KRW"]);
        let refuse = form_of(&page, "refused");
        organiser.post(&refuse, &[]).await.leads_to(list);
        organiser.post(&refuse, &[]).await.leads_to(list);
        organiser.get(&problems).await.shows(&["No such payments."]);
        organiser.get(&format!("{list}?show=failed")).await.shows(&["refused_by_administrator"]);
        buyer.get(&at).await.shows(&["The last payment was declined"]);

        shop.app.db.sql("UPDATE payments SET problem = 'paid back?'").await;
        let page = organiser.get(&problems).await;
        page.shows(&["It is done by hand"]);
        organiser.post(&form_of(&page, "settled"), &[]).await.leads_to(list);
        organiser.get(&problems).await.shows(&["No such payments."]);
        let unknown = format!("{list}/{}/paid", uuid::Uuid::nil());
        assert_eq!(organiser.post(&unknown, &[]).await.status, 404);
        assert_eq!(organiser.get(&format!("{list}?show=x&after=x")).await.status, 422);
    }

    async fn a_refused_refund_is_tried_again_from_the_list(db: TestDb) {
        let shop = open(db).await;
        let event = shop.event().await;
        let kim = known(&shop, "김민수", "kim@example.com").await;
        let order = kim.buy(&event, &event.places(1)).await;
        kim.charge(i64::MAX).await;
        kim.post(&format!("/api/reservations/{order}/cancel"), &json!({})).await.is(200);
        shop.refund_all().await;
        let organiser = Browser::of(&shop, &shop.admin());
        let list = "/organiser/refunds";
        let page = organiser.get(&format!("{list}?state=REFUSED")).await;
        page.shows(&["more than a wallet may", "wallet", &order]);
        let retry = form_of(&page, "retry");
        shop.app.db.sql("UPDATE wallets SET balance = 0").await;
        organiser.post(&retry, &[]).await.leads_to(list);
        organiser.post(&retry, &[]).await.leads_to(list);
        shop.refund_all().await;
        assert_eq!(kim.balance().await, 50_000);
        organiser.get(list).await.shows(&["given back"]);
        // The gateway of a wallet pays by itself.
        let paid = retry.replace("/retry", "/paid");
        organiser.post(&paid, &[]).await.leads_to(list);
        for step in ["retry", "paid"] {
            let unknown = format!("{list}/{}/{step}", uuid::Uuid::nil());
            assert_eq!(organiser.post(&unknown, &[]).await.status, 404, "{step}");
        }
    }

    async fn parked_notifications_are_shown_as_text(db: TestDb) {
        let shop = open(db).await;
        let organiser = Browser::of(&shop, &shop.admin());
        let at = "/organiser/payments/notifications";
        organiser.get(at).await.shows(&["None."]);
        let row = NotificationRow {
            gateway: "stripe".into(),
            id: "evt_1".into(),
            kind: "payment_intent.succeeded".into(),
            payment: None,
            parked_reason: Some("there is no such payment".into()),
            body: Some("{\"x\":\"<script>\"}".into()),
            received_at: 1,
        };
        shop.app.state().store.gateway_notification_note(&row).await.unwrap();
        organiser.get(at).await.shows(&["evt_1", "there is no such payment", "&lt;script&gt;"]);
        assert_eq!(shop.app.state().store.payment_backlog().await.unwrap().notifications_parked, 1);
        assert_eq!(Browser::of(&shop, &shop.customer()).get(at).await.status, 403);
    }
}

/// Opens a shop with payments by hand, and an order there of a guest with an address.
async fn order_of_a_guest(mail: MailMode) -> (Shop, UserId, String, String) {
    let shop = Shop::open_with(TestDb::sqlite().await, |config| {
        config.payment_manual = true;
        config.mail = Some(mail);
    })
    .await;
    let session = shop.nobody().post_nothing("/api/auth/guest").await.is(201).data;
    let user = session["user"]["id"].as_str().unwrap().parse().unwrap();
    let token = session["accessToken"].as_str().unwrap().to_owned();
    let at = {
        let guest = shop.with_token(user, token.clone());
        guest.post("/api/auth/guest/email", &json!({"email": "kim@example.com"})).await.is(200);
        reserved(&shop, &guest).await
    };
    (shop, user, token, at)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_who_got_no_link_asks_for_another_on_the_page_of_the_order() {
    let (shop, user, token, at) = order_of_a_guest(MailMode::Keep).await;
    let guest = shop.with_token(user, token);
    let browser = Browser::of(&shop, &guest);
    let page = browser.get(&at).await;
    page.shows(&["you need a confirmed e-mail address", "Send a new link"]);
    assert!(!page.text.contains("value=\"manual\""), "{}", page.text);
    let kept = "SELECT count(*) FROM kept_mails WHERE kind = 'account.email_confirmation'";
    eventually("the first link", async || shop.app.db.count(kept).await == 1).await;
    // An address gets one link a minute.
    shop.clock.advance_ms(60_001);
    let led = browser.post("/account/confirmation", &[("back", &at)]).await;
    let led = led.leads_to(&format!("{at}?notice=confirmation_sent"));
    browser.get(&led).await.shows(&["A mail with a link is on its way."]);
    eventually("another link", async || shop.app.db.count(kept).await == 2).await;
    shop.app.db.sql("UPDATE guests SET email_confirmed_at = 1").await;
    let page = browser.get(&at).await;
    page.shows(&["value=\"manual\""]);
    assert!(!page.text.contains("/account/confirmation"), "{}", page.text);
    // The form leads to no other site.
    let away = browser.post("/account/confirmation", &[("back", "//evil.example")]).await;
    away.leads_to("/account?notice=");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_confirms_its_address_before_it_pays_by_hand() {
    let shop = Shop::open_with(TestDb::sqlite().await, |config| {
        config.payment_manual = true;
        config.mail = Some(MailMode::Keep);
    })
    .await;
    let kim = known(&shop, "Kim", "kim@example.com").await;
    let at = reserved(&shop, &kim).await;
    let browser = Browser::of(&shop, &kim);
    let page = browser.get(&at).await;
    page.shows(&["you need a confirmed e-mail address: press the link", "Send a new link"]);
    assert!(!page.text.contains("value=\"manual\""), "{}", page.text);
    let led = browser.post("/account/confirmation", &[("back", &at)]).await;
    led.leads_to(&format!("{at}?notice=confirmation_sent"));
    let kept = "SELECT count(*) FROM kept_mails WHERE kind = 'account.email_confirmation'";
    eventually("a link", async || shop.app.db.count(kept).await == 1).await;
    shop.app.db.sql("UPDATE users SET email = 'kim@none.invalid' WHERE name = 'Kim'").await;
    browser.get(&at).await.shows(&["Add one to your account:"]);
    shop.app.db.sql("UPDATE users SET email_confirmed_at = 1").await;
    browser.get(&at).await.shows(&["value=\"manual\""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_mails_a_guest_is_told_to_make_an_account_and_no_mail_is_promised() {
    let (shop, user, token, at) = order_of_a_guest(MailMode::Off).await;
    let guest = shop.with_token(user, token);
    let browser = Browser::of(&shop, &guest);
    let page = browser.get(&at).await;
    page.shows(&["at the till you need an account.", &format!("/register?back={at}")]);
    for text in ["confirmed e-mail address", "/account/confirmation", "value=\"manual\""] {
        assert!(!page.text.contains(text), "{text}: {}", page.text);
    }
    let led = browser.post("/account/confirmation", &[("back", &at)]).await;
    let led = led.leads_to(&format!("{at}?notice=sends_no_mails"));
    let page = browser.get(&led).await;
    page.shows(&["This shop sends no mails"]);
    assert!(!page.text.contains("on its way"), "{}", page.text);
    let said = guest.post_nothing("/api/auth/email/confirmation").await.is(202);
    assert_eq!(said.body["message"], "this server sends no mails");
    let pay = format!("/api/reservations/{}/payments", at.trim_start_matches("/orders/"));
    let refused = guest.post_with_key(&pay, "k", &json!({"method": "manual"})).await;
    let refused = refused.refused(403, "ACCOUNT_REQUIRED");
    let said = refused.body["error"]["message"].as_str().unwrap();
    assert!(said.starts_with("paying by hand needs an account: "), "{said}");
}
