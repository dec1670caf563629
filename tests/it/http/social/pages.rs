//! Signing in by a provider in a browser, with pages and cookies.

use serde_json::json;

use super::kim;
use crate::http::social::browser::{Begun, Browser, open, open_with_mails, sell};
use crate::support::test_db::TestDb;

#[tokio::test]
async fn a_browser_ends_signed_in_on_the_page_that_was_asked_for() {
    let (shop, at) = open(TestDb::sqlite().await).await;
    let mut browser = Browser::with_pages(&shop);
    assert_eq!(browser.get("/sign-in?back=/orders").await.status, 200);
    // The button of that page.
    let led = browser.get("/sign-in/google?back=/orders").await;
    assert_eq!(led.status, 303);
    assert!(led.header("location").starts_with(&at.issuer("google")), "{led:?}");
    let answer = browser.get("/api/auth/google?redirect=/orders").await;
    let cookie = answer.header("set-cookie").to_owned();
    assert!(cookie.starts_with("__Host-admitone-login="), "{cookie}");
    for part in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/", "Max-Age=600"] {
        assert!(cookie.contains(part), "{part}: {cookie}");
    }
    let begun = Begun::of(answer.header("location"));
    let code = sell(&at, &shop, "google", &begun, &kim());
    let led = browser.finish("google", &begun, &code).await;
    assert_eq!(led.status, 303);
    let end = led.header("location").to_owned();
    assert!(end.starts_with("/sign-in/google/callback?code="), "{end}");
    let ended = browser.get(&end).await;
    assert_eq!((ended.status, ended.header("location")), (303, "/orders"));
    let mut names: Vec<&str> = browser.cookies.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["__Host-admitone", "__Host-admitone-refresh", "__Host-device"]);
    assert_eq!(browser.get("/account").await.status, 200);
    // The same address again: a page that says so, and the session stays.
    let again = browser.get(&end).await;
    assert_eq!(again.status, 400);
    assert_eq!(browser.get("/account").await.status, 200);
    // A second provider is linked by a form, whose answer is a page that leads on.
    let led = browser.post_form("/account/identities/kakao", "").await;
    assert_eq!(led.status, 200);
    let begun = Begun::of(led.header("refresh").trim_start_matches("0; url="));
    let code = sell(&at, &shop, "kakao", &begun, &json!({}));
    let led = browser.finish("kakao", &begun, &code).await;
    let ended = browser.get(led.header("location")).await;
    assert_eq!(ended.header("location"), "/account?notice=linked");
    let removed = browser.post_form("/account/identities/google/remove", "").await;
    assert_eq!(removed.header("location"), "/account?notice=unlinked");
    let kept = browser.post_form("/account/identities/kakao/remove", "").await;
    assert_eq!(kept.status, 409);
    let set = browser.post_form("/account/first-password", "password=correct+horse").await;
    assert_eq!(set.status, 303, "{:#}", set.body);
    let login = json!({"email": "kim@example.com", "password": "correct horse"});
    shop.nobody().post("/api/auth/login", &login).await.is(200);
}

#[tokio::test]
async fn the_page_takes_a_first_password_once_the_address_is_confirmed() {
    let (shop, at) = open_with_mails(TestDb::sqlite().await).await;
    let mut browser = Browser::with_pages(&shop);
    let begun = browser.begin("kakao").await;
    let code = sell(&at, &shop, "kakao", &begun, &json!({}));
    let led = browser.finish("kakao", &begun, &code).await;
    assert_eq!(browser.get(led.header("location")).await.status, 303);
    let added = browser.post_form("/account/email", "email=kim%40example.com").await;
    assert_eq!(added.header("location"), "/account?notice=saved");
    let (path, form) = ("/account/first-password", "password=correct+horse");
    assert_eq!(browser.post_form(path, form).await.status, 422);
    shop.app.db.sql("UPDATE users SET email_confirmed_at = 1").await;
    let set = browser.post_form(path, form).await;
    assert_eq!(set.header("location"), "/account?notice=new_password");
}

#[tokio::test]
async fn a_browser_whose_login_fails_gets_a_page_and_no_session() {
    let (shop, at) = open(TestDb::sqlite().await).await;
    let local = json!({"email": "kim@example.com", "password": "correct horse", "name": "Kim"});
    shop.nobody().post("/api/auth/register", &local).await.is(201);
    let mut browser = Browser::with_pages(&shop);
    let begun = browser.begin("google").await;
    let code = sell(&at, &shop, "google", &begun, &kim());
    let led = browser.finish("google", &begun, &code).await;
    assert_eq!(browser.get(led.header("location")).await.status, 409);
    let begun = browser.begin("google").await;
    let denied = format!("/api/auth/google/callback?error=access_denied&state={}", begun.state());
    let led = browser.get(&denied).await;
    assert_eq!(browser.get(led.header("location")).await.status, 401);
    let led = browser.get("/api/auth/google/callback?code=1&state=2").await;
    assert_eq!(browser.get(led.header("location")).await.status, 400);
    assert!(browser.cookies.is_empty(), "{:?}", browser.cookies);
    // A browser that began with `mode=token` gets tokens, whatever it accepts.
    let answer = browser.get("/api/auth/oidc?mode=token").await;
    let begun = Begun::of(answer.header("location"));
    let code = sell(&at, &shop, "oidc", &begun, &json!({}));
    let made = browser.finish("oidc", &begun, &code).await.is(200).data;
    assert_eq!(made["user"]["provider"], "OIDC");
}
