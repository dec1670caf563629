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

use admitone::config::MailMode;
use serde_json::{Value, json};

use crate::http::api_client::{Answer, Person, Shop};
use crate::http::social::browser::{Browser, SHOP, open, open_with_mails};
use crate::http::social::provider::Provider;
use crate::support::test_db::{TestDb, eventually};

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

/// Returns the person who has signed in.
fn person<'a>(shop: &'a Shop, signed_in: &Answer) -> Person<'a> {
    let user = signed_in.data["user"]["id"].as_str().expect("an id").parse().expect("a UUID");
    shop.with_token(user, signed_in.data["accessToken"].as_str().expect("a token").to_owned())
}

on_both_databases! {
    async fn an_address_that_no_one_has_proved_to_own_yields_to_who_registers_with_it(db: TestDb) {
        let (shop, at) = open_with_mails(db).await;
        let local = json!({"password": "correct horse", "name": "Kim"});
        for (sub, is_by_provider) in [("one", false), ("two", true)] {
            let email = format!("{sub}@example.com");
            let stranger = Browser::of(&shop).log_in(&at, "kakao", &json!({"sub": sub})).await;
            let stranger = person(&shop, &stranger.is(200));
            let add = json!({"email": email});
            stranger.post("/api/users/me/email", &add).await.is(200);
            let owner = match is_by_provider {
                true => {
                    let claims = json!({"sub": sub, "email": email, "email_verified": true});
                    Browser::of(&shop).log_in(&at, "google", &claims).await.is(200)
                }
                false => {
                    let mut body = local.clone();
                    body["email"] = json!(email);
                    shop.nobody().post("/api/auth/register", &body).await.is(201)
                }
            };
            assert_eq!(owner.data["user"]["email"], email);
            // The stranger's account goes on without an address, and without a link to confirm it.
            assert_eq!(stranger.get("/api/users/me").await.is(200).data["email"], Value::Null);
            let links = format!("SELECT count(*) FROM mail_links JOIN users ON users.id = user_id \
                WHERE users.email <> '{email}' AND users.email LIKE '%.invalid'");
            assert_eq!(shop.app.db.count(&links).await, 0);
            // Whose account has a password, or a confirmed address, keeps it.
            stranger.post("/api/users/me/email", &add).await.refused(409, "EMAIL_TAKEN");
            let mut body = local.clone();
            body["email"] = json!(email);
            shop.nobody().post("/api/auth/register", &body).await.refused(409, "EMAIL_TAKEN");
            let claims = json!({"sub": "another", "email": email, "email_verified": true});
            Browser::of(&shop).log_in(&at, "google", &claims).await.refused(409, "EMAIL_TAKEN");
        }
    }
}

#[tokio::test]
async fn an_account_without_an_address_gets_one_later() {
    let (shop, at) = open_with_mails(TestDb::sqlite().await).await;
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
    // With a password it would be the account's for good.
    me.post("/api/users/me/password", &set).await.refused(422, "INVALID");
    shop.app.db.sql("UPDATE users SET email_confirmed_at = 1").await;
    let token = me.post("/api/users/me/password", &set).await.is(200).data;
    let me = shop.with_token(me.user, token["tokens"]["accessToken"].as_str().unwrap().into());
    me.post(add, &json!({"email": "kim3@example.com"})).await.refused(409, "EMAIL_SET");
    shop.nobody().post(add, &json!({"email": "a@example.com"})).await.is(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_gets_one_mail_a_minute_of_all_the_accounts_that_add_it() {
    let (shop, at) = open_with_mails(TestDb::sqlite().await).await;
    let mails = async |recipient: &str| {
        let mails = "SELECT count(*) FROM kept_mails WHERE kind = 'account.email_confirmation'";
        shop.app.db.count(&format!("{mails} AND recipient LIKE '{recipient}'")).await
    };
    let add = "/api/users/me/email";
    let victim = json!({"email": "victim@example.com"});
    for round in 0..5 {
        let sub = json!({"sub": round.to_string()});
        let me = Browser::of(&shop).log_in(&at, "kakao", &sub).await.is(200);
        let me = person(&shop, &me);
        me.post(add, &victim).await.is(200);
        if round == 0 {
            eventually("a mail", async || mails("victim@%").await == 1).await;
        }
        // The same address again: its mail was sent, and its link stays.
        me.post(add, &victim).await.is(200);
        me.post(add, &json!({"email": format!("{round}@example.org")})).await.is(200);
    }
    let made = Browser::of(&shop).log_in(&at, "kakao", &json!({"sub": "last"})).await.is(200);
    let me = person(&shop, &made);
    me.post(add, &victim).await.refused(429, "TOO_MANY_REQUESTS");
    eventually("the other mails", async || mails("%@example.org").await == 5).await;
    assert_eq!(mails("victim@%").await, 1);
    shop.clock.advance_ms(60_001);
    me.post(add, &victim).await.is(200);
    eventually("a second mail", async || mails("victim@%").await == 2).await;
    me.post(add, &victim).await.is(200);
    let store = &shop.app.state().store;
    let kept = store.kept_mail_list(None, 100).await.expect("a store");
    let newest = kept.into_iter().find(|mail| mail.recipient == "victim@example.com");
    let newest = newest.expect("a mail").id;
    let (letter, _) = store.kept_mail_get(newest).await.expect("a store").expect("a mail");
    let (_, link) = letter.plain.split_once("token=").expect("a link");
    let confirm = json!({"token": link.split_whitespace().next()});
    shop.nobody().post("/api/auth/email/confirm", &confirm).await.is(200);
}

#[tokio::test]
async fn without_mails_a_first_password_needs_no_confirmed_address() {
    let (shop, provider) = open(TestDb::sqlite().await).await;
    assert_eq!(shop.app.state().config.mail_mode(), MailMode::Off);
    let made = Browser::of(&shop).log_in(&provider, "kakao", &json!({})).await.is(200);
    let me = person(&shop, &made);
    me.post("/api/users/me/email", &json!({"email": "kim@example.com"})).await.is(200);
    let set = json!({"password": "correct horse"});
    me.post("/api/users/me/password", &set).await.is(200);
    let login = json!({"email": "kim@example.com", "password": "correct horse"});
    shop.nobody().post("/api/auth/login", &login).await.is(200);
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
