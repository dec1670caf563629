//! Guests: their code after they have registered, and their basket and orders when they sign in.

use admitone::config::{Config, MailMode};
use admitone::store::KeptMail;

use super::super::sessions::{PASSWORD, member};
use super::Visitor;
use crate::http::api_client::{Event, Shop};
use crate::support::test_db::{TestDb, eventually};

const EMAIL: &str = "kim@example.com";

async fn open() -> Shop {
    let demo = |config: &mut Config| config.demo_payments = Some(true);
    Shop::open_with(TestDb::sqlite().await, demo).await
}

async fn hold(browser: &mut Visitor, event: &Event<'_>) -> String {
    let form = [("kind", "lines"), ("productId", event.standing()), ("quantity", "1")];
    let held = browser.post(&format!("/events/{}/holds", event.id), &form).await;
    assert_eq!(held.status.as_u16(), 303, "{}", held.text);
    let page = browser.get(&format!("/events/{}", event.id)).await;
    let (_, behind) = page.text.split_once(&format!("/checkout/{}/", event.id)).expect("a hold");
    behind[..36].to_owned()
}

/// Buys one place; returns the claim code.
async fn buy(browser: &mut Visitor, event: &Event<'_>, email: &str) -> String {
    let hold = hold(browser, event).await;
    let path = format!("/checkout/{}/{hold}", event.id);
    let ordered = browser.post(&path, &[("key", &hold), ("email", email)]).await;
    assert_eq!(ordered.status.as_u16(), 303, "{}", ordered.text);
    let order = ordered.location;
    let form = [("key", "pay"), ("method", "simulator")];
    assert_eq!(browser.post(&format!("{order}/pay"), &form).await.status.as_u16(), 303);
    let page = browser.get(&order).await;
    let (_, behind) = page.text.split_once("class=\"code-large\"><code>").expect("the code");
    behind[..10].to_owned()
}

async fn claim(shop: &Shop, email: &str, code: &str) -> super::Page {
    Visitor::new(shop, "ko").post("/claim", &[("email", email), ("code", code)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_of_a_guest_who_registered_leads_to_the_sign_in_and_tells_strangers_nothing() {
    const ACCOUNT: &str = "가입한 뒤 계정으로 옮겨진 주문";
    let shop = open().await;
    let event = shop.event().await;
    let mut kim = Visitor::new(&shop, "ko");
    let code = buy(&mut kim, &event, EMAIL).await;
    assert_eq!(claim(&shop, EMAIL, &code).await.location, "/tickets");

    // Another address would take the order away from its buyer.
    let again = hold(&mut kim, &event).await;
    let path = format!("/checkout/{}/{again}", event.id);
    kim.get(&path).await.shows(&["value=\"kim@example.com\"", "action=\"/sign-out\""]);
    let other = kim.post(&path, &[("key", &*again), ("email", "lee@example.org")]).await;
    assert_eq!(other.status.as_u16(), 409);
    other.shows(&["kim@example.com 님의 것입니다"]);
    assert_eq!(claim(&shop, EMAIL, &code).await.location, "/tickets");

    let form = kim.get("/register?back=/tickets").await;
    form.shows(&["value=\"kim@example.com\"", "새 계정으로 옮겨집니다"]);
    let entered = [("email", EMAIL), ("password", PASSWORD), ("name", "Kim"), ("back", "/tickets")];
    let led = kim.post("/register", &entered).await.location;
    assert!(led.starts_with("/tickets?notice=account_made"), "{led}");
    kim.get(&led).await.shows(&["계정을 만들고 로그인했습니다"]);
    kim.get("/tickets").await.shows(&["data-status=\"VALID\""]);

    let right = claim(&shop, EMAIL, &code.to_lowercase()).await;
    assert_eq!(right.status.as_u16(), 401);
    right.shows(&[ACCOUNT, "href=\"/sign-in?back=/tickets\""]);

    // Neither a wrong code nor another address tells that there is an account.
    member(&shop, "lee@example.com").await;
    let mut refusals = Vec::new();
    for (email, code) in
        [(EMAIL, "0000000000"), ("lee@example.com", &*code), ("nobody@example.com", &*code)]
    {
        let refused = claim(&shop, email, code).await;
        assert_eq!(refused.status.as_u16(), 401);
        refused.hides(&[ACCOUNT]);
        refusals.push(refused.alert());
    }
    assert!(refusals.iter().all(|said| *said == refusals[0]), "{refusals:?}");
}

/// Gives a place away; returns the code to pass on.
async fn give(shop: &Shop, event: &Event<'_>) -> String {
    let lines = serde_json::json!([{"productId": event.standing(), "quantity": 1}]);
    let body = serde_json::json!({"email": EMAIL, "lines": lines});
    let at = format!("/api/admin/offerings/{}/complimentary-orders", event.id);
    let given = shop.admin().post(&at, &body).await.is(201).data;
    given["guest"]["claimCode"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_after_the_claim_of_a_gift_shows_the_code_that_works_from_then_on() {
    let shop = open().await;
    let event = shop.event().await;
    let code = give(&shop, &event).await;
    let mut press = Visitor::new(&shop, "en");
    press.get("/claim").await;
    let claimed = press.post("/claim", &[("email", EMAIL), ("code", &code)]).await;
    assert_eq!(claimed.location, "/tickets?notice=new_claim_code");
    let page = press.get(&claimed.location).await;
    page.shows(&["data-status=\"VALID\"", "how you open the tickets again", "Keep this code"]);
    let (_, behind) = page.text.split_once("class=\"code-large\"><code>").expect("the code");
    let next = behind[..10].to_owned();
    assert_ne!(next, code);
    press.get("/tickets").await.shows(&[&next]);
    // A form that is sent twice, or once more after its answer was lost, is no other use.
    let again = press.post("/claim", &[("email", EMAIL), ("code", &code)]).await;
    assert_eq!(again.location, "/tickets?notice=new_claim_code");
    press.get(&again.location).await.shows(&[&next]);
    // Also days later, on another device.
    assert_eq!(claim(&shop, EMAIL, &next).await.location, "/tickets");
    let mut giver = Visitor::new(&shop, "en");
    giver.get("/claim").await;
    let used = giver.post("/claim", &[("email", EMAIL), ("code", &code)]).await;
    assert_eq!(used.status.as_u16(), 401);
    used.shows(&["This code was used already."]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sign_in_page_says_what_becomes_of_a_guest_s_basket_and_orders() {
    let shop = open().await;
    let event = shop.event().await;
    let plain = Visitor::new(&shop, "ko").get("/sign-in").await;
    plain.shows(&["href=\"/claim\"", "주문 코드로 찾기"]).hides(&["장바구니의 자리가"]);
    let for_tickets = Visitor::new(&shop, "ko").get("/sign-in?back=/tickets").await;
    let place = |of| for_tickets.text.find(of).expect("it is on the page");
    assert!(place("주문 코드로 찾기") < place("type=\"password\""), "guests find their way first");

    member(&shop, EMAIL).await;
    let mut kim = Visitor::new(&shop, "ko");
    let code = buy(&mut kim, &event, "guest@example.com").await;
    hold(&mut kim, &event).await;
    let page = kim.get("/sign-in?back=/tickets").await;
    page.shows(&["장바구니의 자리가 계정으로", "guest@example.com", &code]);
    let form = [("email", EMAIL), ("password", PASSWORD), ("back", "/events/x?a=b#basket")];
    let signed_in = kim.post("/sign-in", &form).await;
    assert_eq!(signed_in.location, "/events/x?a=b&notice=taken_along#basket");
    let basket = kim.get("/basket?notice=taken_along").await;
    basket.shows(&["장바구니의 자리를 계정으로 옮겼습니다", "basket-hold"]);
    kim.get("/tickets").await.hides(&["data-status=\"VALID\""]);

    let warned = kim.get("/claim").await;
    warned.shows(&["로그아웃됩니다"]);
    let form = [("email", "guest@example.com"), ("code", &*code)];
    assert_eq!(kim.post("/claim", &form).await.location, "/tickets");
    kim.get("/tickets").await.shows(&["data-status=\"VALID\""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_basket_that_an_account_may_not_have_is_said_to_be_lost() {
    let shop = open().await;
    let mut body = shop.event_body();
    body["policy"] = serde_json::json!({"maxPerCustomer": 1});
    let event = shop.event_from(body).await;
    let mut kim = Visitor::member(&shop, "en", EMAIL).await;
    hold(&mut kim, &event).await;
    let mut guest = Visitor::new(&shop, "en");
    hold(&mut guest, &event).await;
    let form = [("email", EMAIL), ("password", PASSWORD), ("back", "/basket")];
    let signed_in = guest.post("/sign-in", &form).await;
    assert_eq!(signed_in.location, "/basket?notice=partly_taken_along");
    guest.get(&signed_in.location).await.shows(&["Not all places of your basket"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_s_link_changes_neither_the_browser_s_guest_nor_its_basket() {
    const CONFIRMATION: &str = "account.email_confirmation";
    let keeps = |config: &mut Config| {
        config.mail = Some(MailMode::Keep);
        config.demo_payments = Some(true);
    };
    let shop = Shop::open_with(TestDb::sqlite().await, keeps).await;
    let event = shop.event().await;
    let store = shop.app.state().store.clone();
    let link = async |to: &str| {
        let mut token = None;
        eventually("a mail with a link", async || {
            let kept = store.kept_mail_list(None, 100).await.unwrap();
            let of = |mail: &&KeptMail| mail.kind == CONFIRMATION && mail.recipient == to;
            let Some(mail) = kept.iter().find(of) else { return false };
            let (letter, _) = store.kept_mail_get(mail.id).await.unwrap().unwrap();
            let (_, behind) = letter.plain.split_once("/confirm?token=").expect("a link");
            token = behind.split_whitespace().next().map(str::to_owned);
            true
        })
        .await;
        token.unwrap()
    };
    let mut stranger = Visitor::new(&shop, "en");
    let order = hold(&mut stranger, &event).await;
    let at = format!("/checkout/{}/{order}", event.id);
    stranger.post(&at, &[("key", &order), ("email", EMAIL)]).await;
    let token = link(EMAIL).await;

    // The owner of the address presses the button in the mail, with places in the basket.
    let mut kim = Visitor::new(&shop, "en");
    let own = hold(&mut kim, &event).await;
    let page = format!("/confirm?token={token}");
    kim.get(&page).await.hides(&["your orders open"]);
    let confirmed = kim.post("/confirm", &[("token", &token)]).await;
    assert_eq!(confirmed.location, "/claim?notice=confirmed_guest");
    kim.get(&confirmed.location).await.shows(&["the address is confirmed"]);
    kim.get("/basket").await.shows(&[&own]);
    stranger.get("/basket").await.hides(&[&own]);
    kim.get("/orders").await.hides(&[&format!("/orders/{order}")]);

    // A browser that confirms its own address is led to its orders.
    let mut lee = Visitor::new(&shop, "en");
    let order = hold(&mut lee, &event).await;
    let at = format!("/checkout/{}/{order}", event.id);
    lee.post(&at, &[("key", &order), ("email", "lee@example.com")]).await;
    let token = link("lee@example.com").await;
    let confirmed = lee.post("/confirm", &[("token", &token)]).await;
    assert_eq!(confirmed.location, "/orders?notice=confirmed");
}
