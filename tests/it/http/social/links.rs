//! Linking and unlinking: an account has several ways in, and always one.

use serde_json::{Value, json};

use super::{kim, person};
use crate::http::api_client::{Answer, Person, Shop};
use crate::http::social::browser::{Begun, Browser, open, open_with_mails, sell};
use crate::http::social::provider::Provider;
use crate::support::test_db::{TestDb, eventually};

const IDENTITIES: &str = "/api/users/me/identities";

async fn register<'a>(shop: &'a Shop, name: &str) -> Person<'a> {
    let email = format!("{name}@example.com");
    let body = json!({"email": email, "password": "correct horse", "name": name});
    let registered = shop.nobody().post("/api/auth/register", &body).await.is(201);
    // What an account was made for is told by the time.
    shop.clock.advance_ms(1);
    person(shop, &registered)
}

/// Links a provider on a browser on which `who` is signed in.
async fn link(shop: &Shop, at: &Provider, who: &Person<'_>, name: &str, claims: &Value) -> Answer {
    let mut browser = Browser::with_bearer(shop, who);
    let begun = begin(&mut browser, name).await;
    let code = sell(at, shop, name, &begun, claims);
    browser.finish(name, &begun, &code).await
}

async fn begin(browser: &mut Browser<'_>, name: &str) -> Begun {
    let started = browser.post(&format!("{IDENTITIES}/{name}")).await.is(200);
    Begun::of(started.data["url"].as_str().expect("a URL"))
}

on_both_databases! {
    async fn a_provider_is_linked_from_inside_a_session_and_signs_in_to_that_account(db: TestDb) {
        let (shop, at) = open_with_mails(db).await;
        let kim_here = register(&shop, "kim").await;
        let linked = link(&shop, &at, &kim_here, "google", &kim()).await.is(200);
        assert_eq!(linked.data, json!({"linked": "GOOGLE"}));
        // Once more: it changes nothing, and the owner is not told.
        link(&shop, &at, &kim_here, "google", &kim()).await.is(200);
        let told = "SELECT count(*) FROM notices WHERE kind = 'security.identity_linked'";
        assert_eq!(shop.app.db.count(told).await, 1);
        let signed_in = Browser::of(&shop).log_in(&at, "google", &kim()).await.is(200);
        assert_eq!(signed_in.data["user"]["id"], json!(kim_here.user));
        // The account was made with a password.
        assert_eq!(signed_in.data["user"]["provider"], "LOCAL");
        assert_eq!(signed_in.data["user"]["socialId"], Value::Null);
        let ways = kim_here.get(IDENTITIES).await.is(200).data;
        assert_eq!(ways["hasPassword"], true);
        assert_eq!(ways["identities"][0]["provider"], "GOOGLE");
        assert_eq!(ways["identities"][0]["email"], "kim@example.com");
        // Another identity of the same provider, and the same identity for another account.
        let other = json!({"sub": "another-person"});
        link(&shop, &at, &kim_here, "google", &other).await.refused(409, "PROVIDER_LINKED");
        let lee = register(&shop, "lee").await;
        link(&shop, &at, &lee, "google", &kim()).await.refused(409, "IDENTITY_TAKEN");
        link(&shop, &at, &lee, "google", &other).await.is(200);
        lee.delete(&format!("{IDENTITIES}/google")).await.is(200);
        lee.delete(&format!("{IDENTITIES}/google")).await.refused(404, "NOT_FOUND");
        lee.delete(&format!("{IDENTITIES}/nobody")).await.refused(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn a_link_that_was_begun_in_one_session_never_ends_in_another() {
    let (shop, at) = open(TestDb::sqlite().await).await;
    let attacker = register(&shop, "attacker").await;
    let victim = register(&shop, "victim").await;
    // The attacker's login under way, pushed into the victim's session, and into none.
    for bearer in [Some(victim.token().to_owned()), None] {
        let mut browser = Browser::with_bearer(&shop, &attacker);
        let begun = begin(&mut browser, "google").await;
        let code = sell(&at, &shop, "google", &begun, &json!({}));
        browser.bearer = bearer;
        browser.finish("google", &begun, &code).await.refused(400, "SOCIAL_LOGIN_EXPIRED");
        browser.bearer = Some(attacker.token().to_owned());
        browser.finish("google", &begun, &code).await.refused(400, "SOCIAL_LOGIN_EXPIRED");
    }
    // A session that ended meanwhile.
    let mut browser = Browser::with_bearer(&shop, &victim);
    let begun = begin(&mut browser, "google").await;
    let code = sell(&at, &shop, "google", &begun, &json!({}));
    victim.delete("/api/users/me").await.is(200);
    browser.finish("google", &begun, &code).await.refused(401, "UNAUTHORIZED");
    assert_eq!(shop.app.db.count("SELECT count(*) FROM social_identities").await, 0);
    // Guests have nothing to link, and a form of another site begins nothing.
    let guest = shop.nobody().post_nothing("/api/auth/guest").await.is(201).data;
    let token = guest["accessToken"].as_str().expect("a token").to_owned();
    let guest = shop.with_token(guest["user"]["id"].as_str().unwrap().parse().unwrap(), token);
    let path = format!("{IDENTITIES}/google");
    guest.post_nothing(&path).await.refused(403, "ACCOUNT_REQUIRED");
    guest.get(IDENTITIES).await.refused(403, "ACCOUNT_REQUIRED");
    shop.nobody().post_nothing(&path).await.refused(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_link_counts_only_while_the_session_that_began_it_lives_and_is_fresh() {
    let (shop, at) = open(TestDb::sqlite().await).await;
    let links = async || shop.app.db.count("SELECT count(*) FROM social_identities").await;
    // All sessions end while the provider is asked: the thief of one links nothing.
    let thief = register(&shop, "kim").await;
    let mut browser = Browser::with_bearer(&shop, &thief);
    let begun = begin(&mut browser, "google").await;
    let code = sell(&at, &shop, "google", &begun, &json!({}));
    at.hold(true);
    let ending = async {
        let is_asked = async || at.seen().iter().any(|seen| seen.path == "/google/token");
        eventually("the provider is asked", is_asked).await;
        shop.app.state().accounts.end_all_sessions(thief.user).await.expect("an account");
        at.hold(false);
    };
    let (answer, ()) = tokio::join!(browser.finish("google", &begun, &code), ending);
    answer.refused(403, "LOGIN_TOO_OLD");
    assert_eq!(links().await, 0);
    // Another session of the account does not end what one that has ended began.
    let login = json!({"email": "kim@example.com", "password": "correct horse"});
    let one = person(&shop, &shop.nobody().post("/api/auth/login", &login).await.is(200));
    let other = person(&shop, &shop.nobody().post("/api/auth/login", &login).await.is(200));
    let mut browser = Browser::with_bearer(&shop, &one);
    let begun = begin(&mut browser, "google").await;
    let code = sell(&at, &shop, "google", &begun, &json!({}));
    one.post_nothing("/api/auth/logout").await.is(200);
    browser.bearer = Some(other.token().to_owned());
    browser.finish("google", &begun, &code).await.refused(403, "LOGIN_TOO_OLD");
    // The ten minutes are over at the end.
    shop.clock.advance_ms(5 * 60_000);
    let mut browser = Browser::with_bearer(&shop, &other);
    let begun = begin(&mut browser, "google").await;
    shop.clock.advance_ms(5 * 60_000 + 1);
    let code = sell(&at, &shop, "google", &begun, &json!({}));
    browser.finish("google", &begun, &code).await.refused(403, "LOGIN_TOO_OLD");
    assert_eq!(links().await, 0);
}

#[tokio::test]
async fn ways_in_change_only_in_a_session_that_was_opened_lately() {
    let (shop, at) = open(TestDb::sqlite().await).await;
    let kim_here = register(&shop, "kim").await;
    link(&shop, &at, &kim_here, "google", &kim()).await.is(200);
    shop.clock.advance_ms(10 * 60_000 + 1);
    // Who has stolen a token adds no way in that outlives it, and takes none away.
    let google = format!("{IDENTITIES}/google");
    let kakao = format!("{IDENTITIES}/kakao");
    kim_here.post_nothing(&kakao).await.refused(403, "LOGIN_TOO_OLD");
    kim_here.delete(&google).await.refused(403, "LOGIN_TOO_OLD");
    let email = json!({"email": "another@example.com"});
    kim_here.post("/api/users/me/email", &email).await.refused(403, "LOGIN_TOO_OLD");
    let by_google = Browser::of(&shop).log_in(&at, "google", &kim()).await.is(200);
    let by_google = person(&shop, &by_google);
    let login = json!({"email": "kim@example.com", "password": "correct horse"});
    let fresh = person(&shop, &shop.nobody().post("/api/auth/login", &login).await.is(200));
    // What the identity has opened ends with it.
    fresh.delete(&google).await.is(200);
    by_google.get("/api/users/me").await.refused(401, "UNAUTHORIZED");
    for stays in [&fresh, &kim_here] {
        stays.get("/api/users/me").await.is(200);
    }
}

#[tokio::test]
async fn the_owner_of_a_locked_login_gets_in_by_a_provider() {
    let (shop, at) = open(TestDb::sqlite().await).await;
    let owner = register(&shop, "kim").await;
    link(&shop, &at, &owner, "google", &kim()).await.is(200);
    let login = async |password: &str| {
        let body = json!({"email": "kim@example.com", "password": password});
        shop.nobody().post("/api/auth/login", &body).await
    };
    for _ in 0..5 {
        login("a wrong guess").await.refused(401, "INVALID_CREDENTIALS");
    }
    login("correct horse").await.refused(429, "LOGIN_LOCKED");
    let signed_in = Browser::of(&shop).log_in(&at, "google", &kim()).await.is(200);
    assert_eq!(signed_in.data["user"]["id"], json!(owner.user));
    login("correct horse").await.refused(429, "LOGIN_LOCKED");
}

#[tokio::test]
async fn one_way_in_always_remains_and_a_first_password_needs_a_fresh_sign_in() {
    let (shop, at) = open(TestDb::sqlite().await).await;
    let made = Browser::of(&shop).log_in(&at, "google", &kim()).await.is(200);
    let me = person(&shop, &made);
    me.delete(&format!("{IDENTITIES}/google")).await.refused(409, "LAST_WAY_IN");
    link(&shop, &at, &me, "kakao", &json!({})).await.is(200);
    me.delete(&format!("{IDENTITIES}/google")).await.is(200);
    me.delete(&format!("{IDENTITIES}/kakao")).await.refused(409, "LAST_WAY_IN");
    let password = "/api/users/me/password";
    let set = json!({"password": "correct horse battery"});
    shop.clock.advance_ms(10 * 60_000 + 1);
    me.post(password, &set).await.refused(403, "LOGIN_TOO_OLD");
    let again = Browser::of(&shop).log_in(&at, "kakao", &json!({})).await.is(200);
    let me = person(&shop, &again);
    me.post(password, &json!({"password": "short"})).await.refused(422, "INVALID");
    let other = person(&shop, &Browser::of(&shop).log_in(&at, "kakao", &json!({})).await.is(200));
    let set_now = me.post(password, &set).await.is(200).data;
    // All other sessions have ended, and this one has new tokens.
    for ended in [&me, &other] {
        ended.get("/api/users/me").await.refused(401, "UNAUTHORIZED");
    }
    let token = set_now["tokens"]["accessToken"].as_str().expect("a token").to_owned();
    let me = shop.with_token(me.user, token);
    assert_eq!(me.get(IDENTITIES).await.is(200).data["hasPassword"], true);
    let login = json!({"email": "kim@example.com", "password": "correct horse battery"});
    let me = person(&shop, &shop.nobody().post("/api/auth/login", &login).await.is(200));
    me.post(password, &set).await.refused(422, "INVALID");
    me.delete(&format!("{IDENTITIES}/kakao")).await.is(200);
    assert_eq!(me.get(IDENTITIES).await.is(200).data["identities"], json!([]));
}
