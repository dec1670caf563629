//! Sessions in cookies, over HTTP: what a browser sends and gets.

use admitone::accounts::{Registration, Role};
use admitone::config::Config;
use reqwest::header::{COOKIE, HeaderMap, SET_COOKIE};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::http::api_client::Shop;
use crate::support::test_app::TestApp;
use crate::support::test_db::TestDb;

pub(super) const PASSWORD: &str = "correct horse battery";
const ACCESS: &str = "__Host-admitone";
const REFRESH: &str = "__Host-admitone-refresh";

/// A browser without scripts, which follows no redirects.
pub(super) struct Browser {
    client: Client,
    base: String,
    pub(super) cookies: Vec<(String, String)>,
}

impl Browser {
    pub(super) fn at(base: String) -> Self {
        let none = reqwest::redirect::Policy::none();
        let client = Client::builder().redirect(none).build().expect("a client");
        Self { client, base, cookies: Vec::new() }
    }

    fn with_cookies(&self, request: RequestBuilder) -> RequestBuilder {
        let cookies: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        request.header(COOKIE, cookies.join("; ")).header("Accept", "text/html")
    }

    /// Keeps the cookies of an answer, as a browser does.
    fn keep(&mut self, headers: &HeaderMap) {
        for cookie in headers.get_all(SET_COOKIE) {
            let cookie = cookie.to_str().expect("cookies are text");
            let (pair, _) = cookie.split_once(';').expect("attributes");
            let (name, value) = pair.split_once('=').expect("a value");
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    pub(super) async fn get(&mut self, path: &str) -> Response {
        let request = self.client.get(format!("{}{path}", self.base));
        let answer = self.with_cookies(request).send().await.expect("it answers");
        self.keep(answer.headers());
        answer
    }

    pub(super) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Response {
        self.post_from("same-origin", path, form).await
    }

    async fn post_from(&mut self, site: &str, path: &str, form: &[(&str, &str)]) -> Response {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.client.post(format!("{}{path}", self.base));
        let request = self.with_cookies(request).header("Sec-Fetch-Site", site);
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        let answer = request.body(body).send().await.expect("it answers");
        self.keep(answer.headers());
        answer
    }

    fn has(&self, name: &str) -> bool {
        self.cookies.iter().any(|(known, _)| known == name)
    }
}

pub(super) async fn member(shop: &Shop, email: &str) -> Browser {
    let registration = Registration {
        email: email.into(),
        password: PASSWORD.into(),
        name: "김 <b>민수</b>".into(),
        phone_number: None,
        role: Role::User,
    };
    shop.app.state().accounts.register(registration, None, None).await.expect("registers");
    let mut browser = Browser::at(shop.app.url(""));
    let form = [("email", email), ("password", PASSWORD), ("back", "/tickets")];
    let answer = browser.post("/sign-in", &form).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    // The first request of a browser has no cookies yet.
    assert_eq!(answer.headers()["location"], "/session/check?back=%2Ftickets");
    let checked = browser.get("/session/check?back=%2Ftickets").await;
    assert_eq!(checked.headers()["location"], "/tickets");
    browser
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ended_elsewhere_is_told_once_at_the_sign_in() {
    const SAID: &str = "You were signed out: on another device";
    let shop = Shop::open(TestDb::sqlite().await).await;
    let mut phone = member(&shop, "kim@example.com").await;
    let mut desk = Browser::at(shop.app.url(""));
    let form = [("email", "kim@example.com"), ("password", PASSWORD), ("back", "/")];
    desk.post("/sign-in", &form).await;
    let form = [("current", PASSWORD), ("password", "battery staple")];
    assert_eq!(desk.post("/account/password", &form).await.status(), StatusCode::SEE_OTHER);
    let led = phone.get("/account").await.headers()["location"].clone();
    let led = led.to_str().expect("text");
    assert_eq!(led, "/sign-in?back=%2Faccount");
    assert!(phone.get(led).await.text().await.expect("a page").contains(SAID));
    assert!(!phone.has(ACCESS) && !phone.has(REFRESH));
    assert!(!phone.get(led).await.text().await.expect("a page").contains(SAID));
    let mut stranger = Browser::at(shop.app.url(""));
    assert!(!stranger.get(led).await.text().await.expect("a page").contains(SAID));
    assert!(!desk.get("/account").await.text().await.expect("a page").contains(SAID));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_refuses_cookies_is_told_so_and_holds_nothing() {
    const ADVICE: &str = "Allow cookies for this site";
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    member(&shop, "kim@example.com").await;
    let mut browser = Browser::at(shop.app.url(""));
    let sign_in = [("email", "kim@example.com"), ("password", PASSWORD), ("back", "/tickets")];
    let register = [("email", "lee@example.com"), ("password", PASSWORD), ("name", "Lee")];
    for (path, form) in [("/sign-in", sign_in), ("/register", register)] {
        let answer = browser.post(path, &form).await;
        let to = answer.headers()["location"].to_str().expect("text").to_owned();
        assert!(to.starts_with("/session/check?back="), "{path}: {to}");
        browser.cookies.clear();
        let page = browser.get(&to).await;
        assert_eq!(page.status(), StatusCode::OK, "{path}");
        let page = page.text().await.expect("a page");
        assert!(page.contains(ADVICE), "{path}: {page}");
    }
    let away = browser.get("/session/check?back=//evil.example").await.text().await;
    assert!(away.expect("a page").contains("href=\"/sign-in?back=%2F\""));

    let standing = [("kind", "lines"), ("productId", event.standing()), ("quantity", "1")];
    let wait = [("key", "w"), ("product", event.standing()), ("places", "1")];
    for (path, form) in [("holds", standing), ("waitlist", wait)] {
        browser.cookies.clear();
        let answer = browser.post(&format!("/events/{}/{path}", event.id), &form).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert!(answer.text().await.expect("a page").contains(ADVICE), "{path}");
    }
    assert_eq!(event.counts(event.standing()).await.held, 0);
    // A cookie came with this answer: a browser that keeps it is not refused again.
    let held = browser.post(&format!("/events/{}/holds", event.id), &standing).await;
    assert_eq!(held.status(), StatusCode::SEE_OTHER);
    let to = held.headers()["location"].to_str().expect("text").to_owned();
    assert_eq!(browser.get(&to).await.status(), StatusCode::OK);
    // Without the session there are no places; the address may be another person's.
    browser.cookies.retain(|(name, _)| name == "events");
    let lost = browser.get(&to).await;
    assert_eq!(lost.status(), StatusCode::OK);
    let lost = lost.text().await.expect("a page");
    assert!(!lost.contains("These places are yours") && !lost.contains("basket-hold"), "{lost}");
    browser.cookies.clear();
    let lost = browser.get(&to).await.text().await.expect("a page");
    assert!(lost.contains(ADVICE) && !lost.contains("basket-hold"), "{lost}");
    // A value that is given twice is refused as a page.
    let twice = browser.get(&format!("/events/{}?notice=held&notice=held", event.id)).await;
    assert_eq!(twice.status(), StatusCode::BAD_REQUEST);
    assert!(twice.text().await.expect("a page").contains("<h1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_keeps_tokens_where_no_script_reads_them() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let mut browser = Browser::at(shop.app.url(""));
    member(&shop, "kim@example.com").await;
    let form = [("email", "kim@example.com"), ("password", PASSWORD)];
    let answer = browser.post("/sign-in", &form).await;
    let cookies: Vec<_> = answer.headers().get_all(SET_COOKIE).iter().collect();
    assert_eq!(cookies.len(), 3, "two tokens, and what the device is known by");
    for cookie in cookies {
        let cookie = cookie.to_str().expect("text");
        let is_ours = ["__Host-admitone", "__Host-device"].iter().any(|it| cookie.starts_with(it));
        assert!(is_ours, "{cookie}");
        for attribute in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
    let page = browser.get("/account").await.text().await.expect("a page");
    assert!(page.contains("kim@example.com"), "{page}");
    assert!(page.contains("&lt;b&gt;"), "names are text: {page}");
    assert!(!page.contains("<b>민수"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_takes_the_cookie_and_refuses_changes_from_other_sites() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    let browser = member(&shop, "kim@example.com").await;
    let holds = shop.app.url(&format!("/api/events/{}/holds", event.id));
    let body = json!({"bestAvailable": {"productId": event.stalls(), "quantity": 2}});
    let place = |name: &'static str, value: String| {
        let request = browser.client.post(&holds).json(&body);
        browser.with_cookies(request).header(name, value).send()
    };
    let own = place("Sec-Fetch-Site", "same-origin".into()).await.expect("it answers");
    assert_eq!(own.status(), StatusCode::CREATED);
    let host = shop.app.url("");
    let old_browser = place("Origin", host.clone()).await.expect("it answers");
    assert_eq!(old_browser.status(), StatusCode::CREATED);
    for (name, value) in [
        ("Sec-Fetch-Site", "cross-site".to_owned()),
        ("Sec-Fetch-Site", "same-site".to_owned()),
        ("Origin", "https://evil.example".to_owned()),
        ("Origin", "null".to_owned()),
        ("X-Nothing", "at all".to_owned()),
    ] {
        let answer = place(name, value.clone()).await.expect("it answers");
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{name}: {value}");
        let body: Value = answer.json().await.expect("JSON");
        assert_eq!(body["error"]["code"], "FOREIGN_PAGE");
    }
    assert_eq!(event.counts(event.stalls()).await.held, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_another_site_does_nothing() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let mut browser = member(&shop, "kim@example.com").await;
    let answer = browser.post_from("cross-site", "/account", &[("name", "Mallory")]).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    let answer = browser.post_from("cross-site", "/sign-out", &[]).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    let page = browser.get("/account").await.text().await.expect("a page");
    assert!(!page.contains("Mallory"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_outlives_its_access_token_and_ends_with_sign_out() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let mut browser = member(&shop, "kim@example.com").await;
    let first = browser.cookies.clone();
    shop.clock.advance_ms(25 * 3_600_000);
    assert_eq!(browser.get("/account").await.status(), StatusCode::OK);
    assert_ne!(browser.cookies, first, "both tokens were renewed");
    // A second tab had the old cookies: it must not end the login.
    let mut other_tab = Browser::at(shop.app.url(""));
    other_tab.cookies = first;
    assert_eq!(other_tab.get("/account").await.status(), StatusCode::OK);
    assert_eq!(browser.post("/sign-out", &[]).await.status(), StatusCode::SEE_OTHER);
    assert!(!browser.has("__Host-admitone") && !browser.has("__Host-admitone-refresh"));
    let answer = browser.get("/account").await;
    assert_eq!(answer.headers()["location"], "/sign-in?back=%2Faccount");
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_session_of_each_token_that_the_browser_has() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let mut browser = member(&shop, "kim@example.com").await;
    let refresh = browser.cookies.iter().position(|(name, _)| name == REFRESH).expect("a cookie");
    browser.cookies[refresh].1 = "0".repeat(64);
    let kept = browser.cookies.clone();
    assert_eq!(browser.post("/sign-out", &[]).await.status(), StatusCode::SEE_OTHER);
    browser.cookies = kept;
    let answer = browser.get("/account").await;
    assert_eq!(answer.headers()["location"], "/sign-in?back=%2Faccount");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_encryption_the_operator_decides_about_cookies() {
    let change = |config: &mut Config| config.allow_plain_http = true;
    let app = TestApp::with(TestDb::sqlite().await).config(change).start().await;
    let mut browser = Browser::at(app.url(""));
    let form =
        [("email", "kim@example.com"), ("password", PASSWORD), ("name", "Kim"), ("back", "//evil")];
    let answer = browser.post("/register", &form).await;
    let back = "/session/check?back=%2F%3Fnotice%3Daccount_made";
    assert!(answer.headers()["location"].to_str().expect("text").starts_with(back));
    assert!(browser.has("admitone") && browser.has("admitone-refresh"));
    for cookie in answer.headers().get_all(SET_COOKIE) {
        assert!(!cookie.to_str().expect("text").contains("Secure"), "{cookie:?}");
    }
    assert_eq!(browser.get("/account").await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_keep_a_session_is_told_so() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let client = Client::new();
    let page = async |host: &str| {
        let request = client.get(shop.app.url("/sign-in")).header("Host", host);
        request.header("Accept", "text/html").send().await.expect("it answers").text().await
    };
    let advice = "ADMITONE_ALLOW_PLAIN_HTTP";
    assert!(page("192.168.0.7:8080").await.expect("a page").contains(advice));
    assert!(!page("localhost:8080").await.expect("a page").contains(advice));
    assert!(!page("127.0.0.1").await.expect("a page").contains(advice));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_for_everyone_carry_no_session() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let mut browser = member(&shop, "kim@example.com").await;
    shop.clock.advance_ms(25 * 3_600_000);
    for path in [
        "/assets/any/admitone.css",
        "/favicon.ico",
        "/sw.js",
        "/site.webmanifest",
        // A link of a stranger's, so that a cache keeps the session of one who follows it.
        "/%61ssets/any/admitone.css",
        "/s%77.js",
    ] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert!(!answer.headers().contains_key(SET_COOKIE), "{path}");
    }
    let answer = browser.get("/account").await;
    assert_eq!(answer.headers().get_all(SET_COOKIE).iter().count(), 2, "the page renews it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_form_arrives_and_one_that_is_too_long_is_refused() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let mut browser = member(&shop, "kim@example.com").await;
    let long = "가".repeat(30_000);
    let answer =
        browser.post("/language", &[("language", "ko"), ("back", "/"), ("x", &long)]).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let longer = "x".repeat(600_000);
    let answer = browser.post("/language", &[("language", "ko"), ("x", &longer)]).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_who_registers_is_alone_with_the_account() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    let mut giver = Browser::at(shop.app.url(""));
    giver.get(&format!("/events/{}", event.id)).await;
    let kind = [("kind", "best"), ("productId", event.stalls()), ("quantity", "1")];
    let answer = giver.post(&format!("/events/{}/holds", event.id), &kind).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let page = giver.get(&format!("/events/{}", event.id)).await.text().await.expect("a page");
    let (_, rest) = page.split_once("href=\"/checkout/").expect("a hold");
    let (path, _) = rest.split_once('"').expect("an end");
    let path = format!("/checkout/{path}");
    let order = giver.post(&path, &[("key", "k"), ("email", "gift@example.com")]).await;
    let order = order.headers()["location"].to_str().expect("text").to_owned();
    assert_eq!(giver.get(&order).await.status(), StatusCode::OK);

    let mut friend = Browser::at(shop.app.url(""));
    friend.cookies = giver.cookies.clone();
    let form = [("email", "friend@example.com"), ("password", PASSWORD), ("name", "Lee")];
    assert_eq!(friend.post("/register", &form).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(friend.get(&order).await.status(), StatusCode::OK, "the order is the account's");
    let answer = giver.get(&order).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "the guest's token is worth nothing now");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_of_a_form_leads_back_to_its_page() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    let mut browser = member(&shop, "kim@example.com").await;
    for (path, page) in [
        (format!("/events/{}/holds", event.id), format!("/events/{}", event.id)),
        ("/orders/1/cancel".to_owned(), "/orders/1".to_owned()),
        ("/organiser/events/1/actions".to_owned(), "/organiser/events/1".to_owned()),
        ("/sign-out".to_owned(), "/".to_owned()),
    ] {
        let answer = browser.get(&path).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
        assert_eq!(answer.headers()["location"], page, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_a_page_has_used_up_is_of_no_use_to_a_thief() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let mut browser = member(&shop, "kim@example.com").await;
    let token = |browser: &Browser| {
        let found = browser.cookies.iter().find(|(name, _)| name == REFRESH);
        found.expect("a cookie").1.clone()
    };
    let first = token(&browser);
    browser.cookies.retain(|(name, _)| name != ACCESS);
    assert_eq!(browser.get("/tickets").await.status(), StatusCode::OK);
    assert_ne!(token(&browser), first, "the page has renewed the session");
    // Pages renew with a key, so that two tabs get the same answer; it is none that a client can send.
    let stolen = json!({"refreshToken": first});
    let stolen = shop.nobody().post_with_key("/api/auth/refresh", "pages", &stolen).await;
    stolen.refused(401, "REFRESH_TOKEN_REUSED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_whose_session_cannot_be_renewed_now_does_not_become_a_guest() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    let mut browser = member(&shop, "kim@example.com").await;
    browser.cookies.retain(|(name, _)| name != ACCESS);
    shop.app.db.sql("ALTER TABLE refresh_tokens RENAME TO refresh_tokens_away").await;
    assert_eq!(browser.get("/tickets").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    let standing = [("kind", "lines"), ("productId", event.standing()), ("quantity", "1")];
    for path in ["/session/guest", "/session/refresh"] {
        let answer = browser.post(path, &[]).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
    }
    let held = browser.post(&format!("/events/{}/holds", event.id), &standing).await;
    assert_eq!(held.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(!browser.has(ACCESS));
    shop.app.db.sql("ALTER TABLE refresh_tokens_away RENAME TO refresh_tokens").await;
    let held = browser.post(&format!("/events/{}/holds", event.id), &standing).await;
    assert_eq!(held.status(), StatusCode::SEE_OTHER);
    let kind = browser.post("/session/guest", &[]).await.json::<Value>().await.expect("JSON");
    assert_eq!(kind["data"]["kind"], "account");
}
