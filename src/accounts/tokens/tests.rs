//! Attacks on tokens, one per row of a table.

use serde_json::{Value, json};

use super::*;
use crate::clock::ManualClock;

const SECRET: &str = "a secret of at least thirty-two bytes";
const NOW_MS: i64 = 1_800_000_000_000;
const NOW_S: i64 = NOW_MS / 1_000;

fn tokens(clock: &Arc<ManualClock>) -> Tokens {
    Tokens::new(SECRET, Duration::from_secs(3_600), clock.clone())
}

fn claims() -> Value {
    json!({
        "sub": UserId::random(), "role": "ADMIN", "iss": ISSUER, "aud": AUDIENCE,
        "iat": NOW_S, "exp": NOW_S + 60,
    })
}

fn signed(claims: &Value, secret: &str, algorithm: Algorithm) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(algorithm), claims, &key).unwrap()
}

fn with(key: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[key] = value;
    claims
}

fn without(key: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(key);
    claims
}

#[test]
fn a_token_speaks_for_whom_it_was_issued_until_it_expires() {
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let tokens = tokens(&clock);
    let caller = Caller::account(UserId::random(), Role::User);
    let token = tokens.issue(caller).unwrap();
    assert_eq!(tokens.verify(&token), Ok(caller));
    assert!(tokens.remembered.is_empty(), "it may never come again");
    assert_eq!(tokens.verify(&token), Ok(caller));
    assert_eq!(tokens.remembered.len(), 1, "it came again");
    assert_eq!(tokens.verify(&token), Ok(caller), "the remembered one too");
    clock.advance_ms(3_600_000 + LEEWAY_MS);
    assert_eq!(tokens.verify(&token), Err(TokenError::Expired), "also when it is remembered");
    assert_eq!(tokens.verify(&token), Err(TokenError::Expired));
}

#[test]
fn forged_and_foreign_tokens_are_refused() {
    let tokens = tokens(&Arc::new(ManualClock::at(NOW_MS)));
    let good = signed(&claims(), SECRET, Algorithm::HS256);
    assert!(tokens.verify(&good).is_ok(), "the table below differs in one thing each");

    let (header, rest) = good.split_once('.').unwrap();
    let (body, signature) = rest.split_once('.').unwrap();
    // {"alg":"none","typ":"JWT"} and {"alg":"None"}
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    for (what, token) in [
        ("alg none", format!("{none}.{body}.")),
        ("alg none with the signature", format!("{none}.{body}.{signature}")),
        ("no signature", format!("{header}.{body}.")),
        ("another key", signed(&claims(), "another secret of thirty-two bytes!", Algorithm::HS256)),
        ("another algorithm", signed(&claims(), SECRET, Algorithm::HS384)),
        ("string exp", signed(&with("exp", json!("9999999999")), SECRET, Algorithm::HS256)),
        ("null exp", signed(&with("exp", Value::Null), SECRET, Algorithm::HS256)),
        ("no exp", signed(&without("exp"), SECRET, Algorithm::HS256)),
        ("huge exp", signed(&with("exp", json!(1e300)), SECRET, Algorithm::HS256)),
        ("foreign aud", signed(&with("aud", json!("other-api")), SECRET, Algorithm::HS256)),
        ("no aud", signed(&without("aud"), SECRET, Algorithm::HS256)),
        ("foreign iss", signed(&with("iss", json!("other")), SECRET, Algorithm::HS256)),
        ("no iss", signed(&without("iss"), SECRET, Algorithm::HS256)),
        ("sub that is no id", signed(&with("sub", json!("admin")), SECRET, Algorithm::HS256)),
        ("swapped body", format!("{header}.{}.{signature}", body.replace('A', "B"))),
        ("empty", String::new()),
        ("dots", "..".into()),
        ("long", "a".repeat(1 << 20)),
    ] {
        assert_eq!(tokens.verify(&token), Err(TokenError::Invalid), "{what}");
    }
    let expired = signed(&with("exp", json!(NOW_S - 2)), SECRET, Algorithm::HS256);
    assert_eq!(tokens.verify(&expired), Err(TokenError::Expired));
    let negative = signed(&with("exp", json!(-1)), SECRET, Algorithm::HS256);
    assert!(tokens.verify(&negative).is_err());
}

#[test]
fn tokens_of_before_a_revocation_are_refused_until_they_have_expired() {
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let tokens = tokens(&clock);
    let caller = Caller::account(UserId::random(), Role::User);
    let token = |version| tokens.issue_at(Grant { caller, version }, clock.now_ms()).unwrap();
    let (old, new) = (token(0), token(1));
    for _ in 0..2 {
        assert!(tokens.verify(&old).is_ok() && tokens.verify(&new).is_ok());
    }
    assert_eq!(tokens.remembered.len(), 2);
    tokens.revoke(caller.user, 1, NOW_MS);
    assert_eq!(tokens.verify(&old), Err(TokenError::Invalid), "though it is remembered");
    assert_eq!(tokens.verify(&new), Ok(caller));
    let unversioned = signed(&with("sub", json!(caller.user)), SECRET, Algorithm::HS256);
    assert_eq!(tokens.verify(&unversioned), Err(TokenError::Invalid), "of an earlier program");
    clock.advance_ms(3_600_000 + LEEWAY_MS);
    tokens.expire_revocations();
    assert_eq!(tokens.verify(&old), Err(TokenError::Expired));
}

#[test]
fn a_guest_is_known_for_a_day_and_refused_as_long_after_a_revocation() {
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let tokens = tokens(&clock);
    let guest = Caller::guest(UserId::random());
    let token = tokens.issue(guest).unwrap();
    clock.advance_ms(3_600_000 + LEEWAY_MS);
    assert_eq!(tokens.verify(&token), Ok(guest), "accounts' tokens would have expired");
    // The guest registers and changes the password.
    tokens.revoke(guest.user, 1, clock.now_ms());
    clock.advance_ms(23 * 3_600_000 - LEEWAY_MS);
    tokens.expire_revocations();
    assert_eq!(tokens.verify(&token), Err(TokenError::Invalid));
    clock.advance_ms(2 * LEEWAY_MS);
    assert_eq!(tokens.verify(&token), Err(TokenError::Expired));
    let forever = with("guest", json!(true));
    let mut forever = forever.as_object().unwrap().clone();
    forever.insert("exp".into(), json!(NOW_S + 1_000_000));
    forever.insert("iat".into(), json!(NOW_S - 24 * 3_600));
    let token = signed(&Value::Object(forever), SECRET, Algorithm::HS256);
    assert_eq!(tokens.verify(&token), Err(TokenError::Expired), "a day after its issue");
}

#[test]
fn no_token_lives_longer_than_the_setting_of_today() {
    let tokens = tokens(&Arc::new(ManualClock::at(NOW_MS)));
    let mut claims = with("exp", json!(NOW_S + 24 * 3_600));
    assert!(tokens.verify(&signed(&claims, SECRET, Algorithm::HS256)).is_ok());
    claims["iat"] = json!(NOW_S - 3_700);
    let token = signed(&claims, SECRET, Algorithm::HS256);
    assert_eq!(tokens.verify(&token), Err(TokenError::Expired));
}
