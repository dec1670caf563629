//! Attacks on logins by providers: none opens a session.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::kim;
use crate::http::api_client::Shop;
use crate::http::social::browser::{Begun, Browser, CLIENT, SECRET, claims, open, sell};
use crate::http::social::provider::{ONE, Pace, Provider, TWO, Worth};
use crate::support::test_db::TestDb;

async fn accounts(shop: &Shop) -> i64 {
    shop.app.db.count("SELECT count(*) FROM users").await
}

/// Returns a token that is not signed, or by a secret.
fn forged(algorithm: &str, secret: Option<&[u8]>, claims: &Value) -> String {
    match secret {
        Some(secret) => {
            let header = Header { kid: Some("one".into()), ..Header::new(Algorithm::HS256) };
            jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(secret)).expect("signs")
        }
        None => {
            let header = json!({"alg": algorithm, "kid": "one", "typ": "JWT"});
            let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            format!("{}.{}.", part(&header), part(claims))
        }
    }
}

/// Ends a login with a code that is worth this.
async fn end(browser: &mut Browser<'_>, at: &Provider, begun: &Begun, worth: Worth, code: &str) {
    at.sell("the-code", Worth { challenge: begun.get("code_challenge").to_owned(), ..worth });
    let status = if code == "PROVIDER_UNAVAILABLE" { 503 } else { 502 };
    browser.finish("google", begun, "the-code").await.refused(status, code);
}

#[tokio::test]
async fn a_token_that_proves_nothing_opens_no_session() {
    let (shop, at) = open(TestDb::sqlite().await).await;
    let before = accounts(&shop).await;
    let now = {
        use admitone::clock::Clock;
        shop.clock.now_ms() / 1_000
    };
    let changed = [
        ("another issuer", json!({"iss": at.issuer("kakao")})),
        ("no issuer", json!({"iss": null})),
        ("another audience", json!({"aud": "another-shop"})),
        ("a further audience", json!({"aud": [CLIENT, "another-shop"]})),
        ("no audience", json!({"aud": null})),
        ("expired", json!({"exp": now - 1})),
        ("an expiry that is text", json!({"exp": (now + 600).to_string()})),
        ("no expiry", json!({"exp": null})),
        ("issued in the future", json!({"iat": now + 3_600, "exp": now + 7_200})),
        ("another login's nonce", json!({"nonce": "0123456789"})),
        ("no nonce", json!({"nonce": null})),
        ("no subject", json!({"sub": null})),
        ("an empty subject", json!({"sub": ""})),
        ("a long subject", json!({"sub": "x".repeat(256)})),
        ("another access token", json!({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"})),
    ];
    for (what, more) in &changed {
        let mut browser = Browser::of(&shop);
        let begun = browser.begin("google").await;
        let code = sell(&at, &shop, "google", &begun, more);
        let answer = browser.finish("google", &begun, &code).await;
        assert_eq!(answer.status, 502, "{what}: {:#}", answer.body);
        answer.refused(502, "SOCIAL_ANSWER_REFUSED");
    }
    type Sign = fn(&Value) -> Option<String>;
    let signatures: [(&str, Sign); 9] = [
        ("none", |claims| Some(forged("none", None, claims))),
        ("None", |claims| Some(forged("None", None, claims))),
        ("an empty signature", |claims| Some(forged("ES256", None, claims))),
        ("HS256 by the public key", |claims| Some(forged("", Some(ONE.x.as_bytes()), claims))),
        ("HS256 by the secret", |claims| Some(forged("", Some(SECRET.as_bytes()), claims))),
        ("another key of the same name", |claims| Some(TWO.sign("one", claims))),
        ("an unknown key", |claims| Some(TWO.sign("two", claims))),
        ("no token", |_| Some("not.a.token".into())),
        ("nothing", |_| None),
    ];
    for (what, sign) in signatures {
        let mut browser = Browser::of(&shop);
        let begun = browser.begin("google").await;
        let id_token = sign(&claims(&at, &shop, "google", &begun, &kim()));
        assert!(browser.cookies.len() == 1, "{what}");
        end(
            &mut browser,
            &at,
            &begun,
            Worth { id_token, ..Worth::default() },
            "SOCIAL_ANSWER_REFUSED",
        )
        .await;
    }
    assert_eq!(accounts(&shop).await, before);
}

#[tokio::test]
async fn a_provider_that_is_down_or_answers_garbage_opens_no_session() {
    let (shop, at) = open(TestDb::sqlite().await).await;
    let before = accounts(&shop).await;
    at.set_down(true);
    let mut browser = Browser::of(&shop);
    browser.get("/api/auth/google").await.refused(503, "PROVIDER_UNAVAILABLE");
    at.set_down(false);
    for (status, body, code) in [
        (500, "oh".to_owned(), "PROVIDER_UNAVAILABLE"),
        (429, "{}".to_owned(), "PROVIDER_UNAVAILABLE"),
        (200, String::new(), "SOCIAL_ANSWER_REFUSED"),
        (200, "<html>".to_owned(), "SOCIAL_ANSWER_REFUSED"),
        (200, "[]".to_owned(), "SOCIAL_ANSWER_REFUSED"),
        (200, "x".repeat(300_000), "SOCIAL_ANSWER_REFUSED"),
        (302, "{}".to_owned(), "SOCIAL_ANSWER_REFUSED"),
        (400, json!({"error": "invalid_grant"}).to_string(), "SOCIAL_ANSWER_REFUSED"),
    ] {
        let mut browser = Browser::of(&shop);
        let begun = browser.begin("kakao").await;
        let challenge = begun.get("code_challenge").to_owned();
        at.sell("a-code", Worth { challenge, instead: Some((status, body)), ..Worth::default() });
        let answer = browser.finish("kakao", &begun, "a-code").await;
        let expected = if code == "PROVIDER_UNAVAILABLE" { 503 } else { 502 };
        answer.refused(expected, code);
    }
    assert!(at.seen().iter().all(|seen| seen.path != "/elsewhere"), "no redirect is followed");
    assert_eq!(accounts(&shop).await, before);
}

#[tokio::test]
async fn a_provider_that_is_slow_opens_no_session() {
    let (shop, at) = open(TestDb::sqlite().await).await;
    let sessions = async || shop.app.db.count("SELECT count(*) FROM sessions").await;
    let before = (accounts(&shop).await, sessions().await);
    at.set_slow("google", Pace::Late);
    at.set_slow("kakao", Pace::Trickling);
    let log_in = async |name: &str| {
        let answer = Browser::of(&shop).log_in(&at, name, &kim()).await;
        answer.refused(503, "PROVIDER_UNAVAILABLE");
        // It is asked once: a code works once.
        let path = format!("/{name}/token");
        assert_eq!(at.seen().iter().filter(|seen| seen.path == path).count(), 1);
    };
    tokio::join!(log_in("google"), log_in("kakao"));
    assert_eq!((accounts(&shop).await, sessions().await), before);
}

#[tokio::test]
async fn an_issuer_that_promises_to_name_itself_is_not_heard_without_its_name() {
    let (shop, at) = open(TestDb::sqlite().await).await;
    at.say(json!({"authorization_response_iss_parameter_supported": true}));
    let mut browser = Browser::of(&shop);
    let begun = browser.begin("google").await;
    let code = sell(&at, &shop, "google", &begun, &kim());
    browser.finish("google", &begun, &code).await.refused(400, "SOCIAL_LOGIN_EXPIRED");
    let begun = browser.begin("google").await;
    let code = sell(&at, &shop, "google", &begun, &kim());
    let issuer: String = form_urlencoded::byte_serialize(at.issuer("google").as_bytes()).collect();
    let path =
        format!("/api/auth/google/callback?code={code}&state={}&iss={issuer}", begun.state());
    browser.get(&path).await.is(200);
}

#[tokio::test]
async fn a_login_ends_once_in_the_browser_and_with_the_provider_of_its_begin() {
    let (shop, at) = open(TestDb::sqlite().await).await;
    let before = accounts(&shop).await;
    let expired = "SOCIAL_LOGIN_EXPIRED";
    let mut victim = Browser::of(&shop);
    let begun = victim.begin("google").await;
    let code = sell(&at, &shop, "google", &begun, &kim());
    // Another browser, without a login of its own and with one.
    Browser::of(&shop).finish("google", &begun, &code).await.refused(400, expired);
    let mut other = Browser::of(&shop);
    let of_other = other.begin("google").await;
    other.finish("google", &begun, &code).await.refused(400, expired);
    other.finish("google", &of_other, &code).await.refused(502, "SOCIAL_ANSWER_REFUSED");
    // The right browser with a wrong state, and with the state of another provider.
    let code = sell(&at, &shop, "google", &begun, &kim());
    for state in ["", "wrong", of_other.state(), &begun.state()[1..]] {
        let path = format!("/api/auth/google/callback?code={code}&state={state}");
        victim.get(&path).await.refused(400, expired);
    }
    victim.get(&format!("/api/auth/google/callback?code={code}")).await.refused(400, expired);
    victim.finish("kakao", &begun, &code).await.refused(400, expired);
    let mixed_up = format!(
        "/api/auth/google/callback?code={code}&state={}&iss={}",
        begun.state(),
        "https%3A%2F%2Fevil.example"
    );
    victim.get(&mixed_up).await.refused(400, expired);
    // That used the login up.
    victim.finish("google", &begun, &code).await.refused(400, expired);
    assert_eq!(accounts(&shop).await, before);
    // A callback twice: the second does nothing, with or without the cookie.
    let mut browser = Browser::of(&shop);
    let begun = browser.begin("google").await;
    let cookies = browser.cookies.clone();
    let code = sell(&at, &shop, "google", &begun, &kim());
    browser.finish("google", &begun, &code).await.is(200);
    browser.finish("google", &begun, &code).await.refused(400, expired);
    browser.cookies = cookies;
    sell(&at, &shop, "google", &begun, &kim());
    browser.finish("google", &begun, &code).await.refused(400, expired);
    // The person cancels.
    let begun = browser.begin("google").await;
    let path = format!("/api/auth/google/callback?error=access_denied&state={}", begun.state());
    browser.get(&path).await.refused(401, "SOCIAL_LOGIN_DENIED");
    // A code of another login, which has another PKCE challenge.
    let (one, two) = (browser.begin("google").await, Browser::of(&shop).begin("google").await);
    let stolen = sell(&at, &shop, "google", &two, &json!({"nonce": one.get("nonce")}));
    browser.finish("google", &one, &stolen).await.refused(502, "SOCIAL_ANSWER_REFUSED");
    // Ten minutes are enough.
    let begun = browser.begin("google").await;
    shop.clock.advance_ms(10 * 60_000);
    let code = sell(&at, &shop, "google", &begun, &kim());
    browser.finish("google", &begun, &code).await.refused(400, expired);
}

#[tokio::test]
async fn a_login_leads_to_no_other_site() {
    let (shop, _at) = open(TestDb::sqlite().await).await;
    for redirect in [
        "https%3A%2F%2Fevil.example",
        "%2F%2Fevil.example",
        "%2F%5Cevil.example",
        "%5C%5Cevil.example",
        "javascript%3Aalert(1)",
        "%2Fa%0D%0ASet-Cookie%3A%20a%3Db",
        "%2F%09%2Fevil.example",
        "orders",
        "",
    ] {
        let path = format!("/api/auth/google?redirect={redirect}");
        Browser::of(&shop).get(&path).await.refused(422, "INVALID");
    }
    for query in ["mode=other", "redirect=/&redirect=/a", "next=/"] {
        let path = format!("/api/auth/google?{query}");
        Browser::of(&shop).get(&path).await.refused(422, "INVALID");
    }
}

#[tokio::test]
async fn an_address_that_has_an_account_is_never_joined() {
    let (shop, at) = open(TestDb::sqlite().await).await;
    let local = json!({"email": "kim@example.com", "password": "correct horse", "name": "Kim"});
    let local = shop.nobody().post("/api/auth/register", &local).await.is(201).data;
    let before = accounts(&shop).await;
    for name in ["google", "kakao", "oidc"] {
        let answer = Browser::of(&shop).log_in(&at, name, &kim()).await;
        let refused = answer.refused(409, "EMAIL_TAKEN");
        assert_eq!(refused.body["error"]["details"]["hint"], "SIGN_IN_AND_LINK");
    }
    assert_eq!(accounts(&shop).await, before);
    // A provider that has not confirmed the address: an account of its own, without the address.
    let unverified = json!({"email": "kim@example.com", "email_verified": false});
    let made = Browser::of(&shop).log_in(&at, "google", &unverified).await.is(200).data;
    assert_ne!(made["user"]["id"], local["user"]["id"]);
    assert_eq!(made["user"]["email"], Value::Null);
    let login = json!({"email": "kim@example.com", "password": "-"});
    shop.nobody().post("/api/auth/login", &login).await.refused(401, "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn new_keys_of_a_provider_are_fetched_at_most_once_a_minute() {
    let (shop, at) = open(TestDb::sqlite().await).await;
    Browser::of(&shop).log_in(&at, "google", &json!({})).await.is(200);
    at.set_keys(&[("two", TWO)]);
    let fetched = || at.seen().iter().filter(|seen| seen.path == "/google/jwks").count();
    let log_in = async || {
        let mut browser = Browser::of(&shop);
        let begun = browser.begin("google").await;
        let claims = claims(&at, &shop, "google", &begun, &json!({}));
        let token = TWO.sign("two", &claims);
        let challenge = begun.get("code_challenge").to_owned();
        let userinfo = Some(claims);
        let worth = Worth { challenge, id_token: Some(token), userinfo, ..Worth::default() };
        at.sell("a-code", worth);
        browser.finish("google", &begun, "a-code").await
    };
    assert_eq!(fetched(), 1);
    log_in().await.refused(502, "SOCIAL_ANSWER_REFUSED");
    log_in().await.refused(502, "SOCIAL_ANSWER_REFUSED");
    assert_eq!(fetched(), 1, "a minute has not passed");
    shop.clock.advance_ms(61_000);
    log_in().await.is(200);
    assert_eq!(fetched(), 2);
}
