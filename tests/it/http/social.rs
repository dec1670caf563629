//! Signing in by providers of identities: accounts that are made and found again, what is linked, and
//! each provider's own ways. The attacks are in `social/attacks.rs`.

mod attacks;
pub mod browser;
mod endpoints;
mod links;
mod pages;
pub mod provider;
mod quirks;
pub mod real;

use serde_json::{Value, json};

use crate::http::api_client::Shop;
use crate::http::social::browser::{Browser, SHOP, open};
use crate::http::social::provider::Provider;
use crate::support::test_db::TestDb;

/// A person whose address the provider has confirmed.
fn kim() -> Value {
    json!({"email": "Kim@example.com", "email_verified": true, "name": "김민수"})
}

on_both_databases! {
    async fn an_account_is_made_by_a_provider_and_found_again(db: TestDb) {
        let (shop, at) = open(db).await;
        let mut browser = Browser::of(&shop);
        let begun = browser.begin("google").await;
        assert!(begun.url.as_str().starts_with(&format!("{}/authorize?", at.issuer("google"))));
        for (name, value) in [
            ("response_type", "code"),
            ("code_challenge_method", "S256"),
            ("scope", "openid email profile"),
            ("redirect_uri", &*format!("{SHOP}/api/auth/google/callback")),
        ] {
            assert_eq!(begun.get(name), value);
        }
        assert!(begun.state().len() >= 43 && begun.get("nonce").len() >= 43);
        let made = browser.log_in(&at, "google", &kim()).await.is(200).data;
        assert!(browser.cookies.is_empty(), "the login's cookie is over");
        let user = &made["user"];
        assert_eq!(
            (&user["provider"], &user["socialId"], &user["email"], &user["name"], &user["role"]),
            (&json!("GOOGLE"), &json!("a-person"), &json!("kim@example.com"), &json!("김민수"), &json!("USER"))
        );
        assert!(user["emailConfirmedAt"].is_string());
        assert_eq!(user["isSignUpCompleted"], true);
        // The same person later, with another address: the account is the same, and keeps its own.
        let later = json!({"email": "other@example.com", "email_verified": true});
        let again = Browser::of(&shop).log_in(&at, "google", &later).await.is(200).data;
        assert_eq!((&again["user"]["id"], &again["user"]["email"]), (&user["id"], &user["email"]));
        // The same subject at another provider is another person.
        let other = Browser::of(&shop).log_in(&at, "kakao", &json!({})).await.is(200).data;
        assert_ne!(other["user"]["id"], user["id"]);
        let me = shop.with_token(
            user["id"].as_str().expect("an id").parse().expect("a UUID"),
            made["accessToken"].as_str().expect("a token").to_owned(),
        );
        let shown = me.get("/api/users/me").await.is(200).data;
        assert_eq!((&shown["provider"], &shown["socialId"]), (&json!("GOOGLE"), &json!("a-person")));
        let refresh = json!({"refreshToken": made["refreshToken"]});
        shop.nobody().post("/api/auth/refresh", &refresh).await.is(200);
        // A closed account is forgotten, and the person is a new one.
        me.delete("/api/users/me").await.is(200);
        assert_eq!(shop.app.db.count("SELECT count(*) FROM social_identities").await, 1);
        let anew = Browser::of(&shop).log_in(&at, "google", &kim()).await.is(200).data;
        assert_ne!(anew["user"]["id"], user["id"]);
    }
}

#[tokio::test]
async fn an_account_without_an_address_gets_one_later() {
    let (shop, at) = open(TestDb::sqlite().await).await;
    let unverified = json!({"email": "kim@example.com", "email_verified": false});
    let made = Browser::of(&shop).log_in(&at, "google", &unverified).await.is(200).data;
    assert_eq!((&made["user"]["email"], &made["user"]["name"]), (&Value::Null, &json!("GOOGLE")));
    let user = made["user"]["id"].as_str().expect("an id").parse().expect("a UUID");
    let me = shop.with_token(user, made["accessToken"].as_str().expect("a token").into());
    assert_eq!(me.get("/api/users/me").await.is(200).data["email"], Value::Null);
    let other = json!({"email": "lee@example.com", "password": "correct horse", "name": "Lee"});
    shop.nobody().post("/api/auth/register", &other).await.is(201);
    let add = "/api/users/me/email";
    me.post(add, &json!({"email": "nonsense"})).await.refused(422, "INVALID");
    // Without an address there is no login by password.
    let set = json!({"password": "correct horse"});
    me.post("/api/users/me/password", &set).await.refused(422, "INVALID");
    me.post(add, &json!({"email": "lee@example.com"})).await.refused(409, "EMAIL_TAKEN");
    let added = me.post(add, &json!({"email": "Kim@example.com"})).await.is(200).data;
    assert_eq!(
        (&added["email"], &added["emailConfirmedAt"], &added["provider"]),
        (&json!("kim@example.com"), &Value::Null, &json!("GOOGLE"))
    );
    // One that is not confirmed may be a mistake, so it can be replaced.
    let other = me.post(add, &json!({"email": "kim2@example.com"})).await.is(200).data;
    assert_eq!(other["email"], "kim2@example.com");
    let token = me.post("/api/users/me/password", &set).await.is(200).data;
    let me = shop.with_token(me.user, token["tokens"]["accessToken"].as_str().unwrap().into());
    me.post(add, &json!({"email": "kim3@example.com"})).await.refused(409, "EMAIL_SET");
    shop.nobody().post(add, &json!({"email": "a@example.com"})).await.is(401);
}

#[tokio::test]
async fn a_guest_keeps_the_orders_in_the_account_that_a_provider_makes() {
    let (shop, at) = open(TestDb::sqlite().await).await;
    for (leaves_an_address, sub) in [(true, "a-person"), (false, "another-person")] {
        becomes_an_account(&shop, &at, leaves_an_address, sub).await;
    }
}

async fn becomes_an_account(shop: &Shop, at: &Provider, leaves_an_address: bool, sub: &str) {
    let guest = shop.nobody().post_nothing("/api/auth/guest").await.is(201).data;
    let id = &guest["user"]["id"];
    let mut browser = Browser::of(shop);
    browser.bearer = guest["accessToken"].as_str().map(str::to_owned);
    let token = browser.bearer.clone().expect("a token");
    let here = shop.with_token(id.as_str().expect("an id").parse().expect("a UUID"), token);
    if leaves_an_address {
        here.post("/api/auth/guest/email", &json!({"email": "guest@example.com"})).await.is(200);
    }
    let made = browser.log_in(at, "kakao", &json!({"sub": sub})).await.is(200).data;
    assert_eq!(&made["user"]["id"], id);
    // The guest's token is not the account's.
    browser.get("/api/users/me").await.refused(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn providers_without_a_registration_are_not_offered() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let mut browser = Browser::of(&shop);
    assert_eq!(browser.get("/api/auth/providers").await.is(200).data, json!([]));
    for name in ["google", "kakao", "naver", "apple", "oidc", "GOOGLE", "unknown"] {
        browser.get(&format!("/api/auth/{name}")).await.refused(404, "NOT_FOUND");
        let back = format!("/api/auth/{name}/callback?code=1&state=2");
        browser.get(&back).await.refused(404, "NOT_FOUND");
    }
    let (shop, _at) = open(TestDb::sqlite().await).await;
    let offered = Browser::of(&shop).get("/api/auth/providers").await.is(200).data;
    let names: Vec<&str> =
        offered.as_array().expect("a list").iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["Google", "Kakao", "Naver", "Apple", "The theatre club"]);
    assert_eq!(offered[0]["path"], "/api/auth/google");
}
