//! Access tokens that are none, on every operation that needs one.

use admitone::accounts::{Caller, Role};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};

use super::Operation;
use super::stage::{Owner, Stage, text};
use crate::http::api_client::{Answer, Shop};
use crate::http::document::document;
use crate::support::test_app::SECRET;
use crate::support::test_db::TestDb;

/// Returns a token with the claims of another one, signed differently.
fn signed_again(token: &str, algorithm: Algorithm, secret: &str) -> String {
    let claims = token.split('.').nth(1).expect("three parts");
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64url");
    let claims: Value = serde_json::from_slice(&claims).expect("claims");
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(algorithm), &claims, &key).expect("HMAC signs")
}

/// Returns what is no access token, each with its name.
fn worthless(shop: &Shop, owner: &Owner<'_>) -> Vec<(&'static str, String)> {
    let good = owner.person.token();
    let claims = good.split('.').nth(1).expect("three parts");
    let none = URL_SAFE_NO_PAD.encode(json!({"alg": "none", "typ": "JWT"}).to_string());
    let admin =
        shop.app.state().accounts.access_token(Caller::account(owner.person.user, Role::Admin));
    let admin = admin.expect("signs");
    let admins_claims = admin.split('.').nth(1).expect("three parts");
    let (header, rest) = good.split_once('.').expect("three parts");
    let signature = rest.split_once('.').expect("three parts").1;
    vec![
        (
            "of another secret",
            signed_again(good, Algorithm::HS256, "another secret, also of 32 bytes or more"),
        ),
        ("of another algorithm", signed_again(good, Algorithm::HS512, SECRET)),
        ("without a signature", format!("{none}.{claims}.")),
        ("with an administrator's claims", format!("{header}.{admins_claims}.{signature}")),
        ("a refresh token", text(&owner.session["refreshToken"])),
        ("a device token", text(&owner.session["deviceToken"])),
        ("a pass", owner.things["passToken"].clone()),
        ("an id", owner.things["user"].clone()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_that_needs_a_token_refuses_what_is_none() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let document = document(&shop).await;
    let stage = Stage::of(&shop).await;
    let [kim, _] = stage.owners(["Kim", "Lee"]).await;
    let mut tokens = worthless(&shop, &kim);
    let operations = Operation::all(&document);
    let call = async |operation: &Operation, token: Option<&str>| {
        let method: Method = operation.method.to_uppercase().parse().expect("a method");
        let path = stage.path(operation, &kim);
        let request = shop.nobody().request(method, &path);
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answer = request.send().await.expect("it answers");
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.unwrap_or_default()["error"]["code"].clone())
    };
    for operation in operations.iter().filter(|operation| operation.needs_token()) {
        let name = operation.name();
        assert_eq!(call(operation, None).await, (401, json!("UNAUTHORIZED")), "{name}");
        for (what, token) in &tokens {
            let answer = call(operation, Some(token)).await;
            assert_eq!(answer, (401, json!("UNAUTHORIZED")), "{name}: {what}");
        }
    }
    let live = kim.person.get("/api/users/me").await.is(200);
    assert_eq!(live.data["email"], kim.email.as_str(), "Kim is signed in still");
    shop.clock.advance_ms(25 * 3_600_000);
    tokens = vec![("expired", kim.person.token().to_owned())];
    for operation in operations.iter().filter(|operation| operation.needs_token()) {
        let (status, _) = call(operation, Some(&tokens[0].1)).await;
        assert_eq!(status, 401, "{}: {}", operation.name(), tokens[0].0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_token_may_be_left_out_a_bad_one_opens_nothing_more() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let document = document(&shop).await;
    let stage = Stage::of(&shop).await;
    let [kim, _] = stage.owners(["Kim", "Lee"]).await;
    let optional =
        |operation: &Operation| operation.described["security"] == json!([{}, {"bearer": []}]);
    let operations: Vec<_> = Operation::all(&document).into_iter().filter(optional).collect();
    assert!(operations.len() > 3);
    for operation in operations {
        let method: Method = operation.method.to_uppercase().parse().expect("a method");
        let path = stage.path(&operation, &kim);
        let plain = Answer::of(shop.nobody().request(method.clone(), &path)).await;
        for (what, token) in worthless(&shop, &kim) {
            let request = shop.nobody().request(method.clone(), &path).bearer_auth(token);
            let answer = Answer::of(request).await;
            let is_same = (answer.status, &answer.data) == (plain.status, &plain.data);
            assert!(answer.status == 401 || is_same, "{}: {what}: {answer:?}", operation.name());
        }
    }
}
