//! What each provider does in its own way.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use crate::http::social::browser::{Browser, CLIENT, SECRET, claims, open, sell};
use crate::http::social::provider::{ONE, TWO, Worth};
use crate::support::test_db::TestDb;

#[tokio::test]
async fn kakao_says_in_its_userinfo_whether_an_address_is_confirmed() {
    let (shop, at) = open(TestDb::sqlite().await).await;
    for (is_verified, email) in [(true, json!("kim@kakao.example")), (false, Value::Null)] {
        let mut browser = Browser::of(&shop);
        let begun = browser.begin("kakao").await;
        assert_eq!(begun.get("scope"), "openid account_email profile_nickname");
        let sub = format!("9{}", i32::from(is_verified));
        // The token of Kakao has the address, and no word about it.
        let more = json!({"sub": sub, "email": "kim@kakao.example", "nickname": "춘식이"});
        let token = claims(&at, &shop, "kakao", &begun, &more);
        let userinfo = json!({"sub": sub, "nickname": "춘식이", "email": "kim@kakao.example",
            "email_verified": is_verified, "picture": "https://k.example/p.jpg"});
        at.sell(
            "a-code",
            Worth {
                challenge: begun.get("code_challenge").to_owned(),
                id_token: Some(ONE.sign("one", &token)),
                userinfo: Some(userinfo),
                instead: None,
            },
        );
        let made = browser.finish("kakao", &begun, "a-code").await.is(200).data;
        assert_eq!((&made["user"]["email"], &made["user"]["name"]), (&email, &json!("춘식이")));
        assert_eq!(made["user"]["provider"], "KAKAO");
    }
    // A userinfo about another person.
    let mut browser = Browser::of(&shop);
    let begun = browser.begin("kakao").await;
    at.sell(
        "a-code",
        Worth {
            challenge: begun.get("code_challenge").to_owned(),
            id_token: Some(ONE.sign("one", &claims(&at, &shop, "kakao", &begun, &json!({})))),
            userinfo: Some(
                json!({"sub": "another", "email": "a@b.example", "email_verified": true}),
            ),
            instead: None,
        },
    );
    browser.finish("kakao", &begun, "a-code").await.refused(502, "SOCIAL_ANSWER_REFUSED");
}

#[tokio::test]
async fn naver_is_asked_for_a_profile_whose_address_counts_as_not_confirmed() {
    let (shop, at) = open(TestDb::sqlite().await).await;
    let mut browser = Browser::of(&shop);
    let begun = browser.begin("naver").await;
    assert_eq!(begun.url.path(), "/naver/oauth2.0/authorize");
    assert_eq!((begun.get("client_id"), begun.get("response_type")), (CLIENT, "code"));
    let challenge = begun.get("code_challenge").to_owned();
    let profile = json!({"resultcode": "00", "message": "success", "response": {
        "id": "32742776", "email": "kim@naver.example", "name": "김네이버", "nickname": "nv"}});
    at.sell("a-code", Worth { challenge, userinfo: Some(profile), ..Worth::default() });
    let made = browser.finish("naver", &begun, "a-code").await.is(200).data;
    let user = &made["user"];
    assert_eq!(
        (&user["provider"], &user["socialId"], &user["name"], &user["email"]),
        (&json!("NAVER"), &json!("32742776"), &json!("김네이버"), &Value::Null)
    );
    let seen = at.seen();
    let exchanged = seen.iter().find(|seen| seen.path.ends_with("/token")).expect("an exchange");
    assert_eq!(exchanged.form["client_secret"], SECRET);
    assert_eq!(exchanged.form["state"], begun.state());
    // Naver answers errors with 200.
    for body in [json!({"error": "invalid_request", "error_description": "no"}), json!({})] {
        let begun = browser.begin("naver").await;
        let challenge = begun.get("code_challenge").to_owned();
        let instead = Some((200, body.to_string()));
        at.sell("a-code", Worth { challenge, instead, ..Worth::default() });
        browser.finish("naver", &begun, "a-code").await.refused(502, "SOCIAL_ANSWER_REFUSED");
    }
    let begun = browser.begin("naver").await;
    let challenge = begun.get("code_challenge").to_owned();
    let userinfo = Some(json!({"resultcode": "024", "message": "Authentication failed"}));
    at.sell("a-code", Worth { challenge, userinfo, ..Worth::default() });
    browser.finish("naver", &begun, "a-code").await.refused(502, "SOCIAL_ANSWER_REFUSED");
}

#[tokio::test]
async fn apple_sends_a_form_and_a_name_once_and_takes_a_signed_client_secret() {
    let (shop, at) = open(TestDb::sqlite().await).await;
    let mut browser = Browser::of(&shop);
    let begun = browser.begin("apple").await;
    assert_eq!(begun.get("response_mode"), "form_post");
    assert_eq!(begun.get("scope"), "openid name email");
    // Apple writes truth as text.
    let relay = "x@privaterelay.appleid.example";
    let more = json!({"email": relay, "email_verified": "true", "is_private_email": "true"});
    let code = sell(&at, &shop, "apple", &begun, &more);
    let user = r#"{"name":{"firstName":"Min Su","lastName":"Kim"},"email":"x@y.example"}"#;
    let user: String = form_urlencoded::byte_serialize(user.as_bytes()).collect();
    let form = format!("state={}&code={code}&user={user}", begun.state());
    // The form comes from Apple's page, with which a browser sends no cookie.
    let led = Browser::of(&shop).post_form("/api/auth/apple/callback", &form).await;
    assert_eq!(led.status, 303);
    let made = browser.get(led.header("location")).await.is(200).data;
    assert_eq!(
        (&made["user"]["email"], &made["user"]["name"], &made["user"]["provider"]),
        (&json!(relay), &json!("Min Su Kim"), &json!("APPLE"))
    );
    let seen = at.seen();
    let exchanged = seen.iter().find(|seen| seen.path == "/apple/token").expect("an exchange");
    let coordinate = |text: &str| URL_SAFE_NO_PAD.decode(text).expect("base64");
    let point = [vec![4], coordinate(TWO.x), coordinate(TWO.y)].concat();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.validate_exp = false;
    validation.set_audience(&["https://appleid.apple.com"]);
    let secret = jsonwebtoken::decode::<Value>(
        &exchanged.form["client_secret"],
        &DecodingKey::from_ec_der(&point),
        &validation,
    );
    let secret = secret.expect("signed by the key of the developer");
    assert_eq!(secret.header.kid.as_deref(), Some("KEY1234567"));
    assert_eq!(
        (&secret.claims["iss"], &secret.claims["sub"]),
        (&json!("TEAM123456"), &json!(CLIENT))
    );
    // The name comes once, and stays.
    let again = Browser::of(&shop).log_in(&at, "apple", &json!({})).await.is(200).data;
    assert_eq!(again["user"]["name"], "Min Su Kim");
    let cancelled = format!("state={}&error=user_cancelled_authorize", begun.state());
    let led = browser.post_form("/api/auth/apple/callback", &cancelled).await;
    browser.get(led.header("location")).await.refused(400, "SOCIAL_LOGIN_EXPIRED");
    for bad in ["", "code=1", "{\"state\":1}"] {
        browser.post_form("/api/auth/apple/callback", bad).await.refused(422, "INVALID");
    }
}
