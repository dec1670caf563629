//! Attacks on tokens, one per row of a table.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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

fn caller_of(tokens: &Tokens, token: &str) -> Result<Caller, TokenError> {
    tokens.verify(token).map(|access| access.caller)
}

#[test]
fn a_token_speaks_for_whom_it_was_issued_until_it_expires() {
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let tokens = tokens(&clock);
    let caller = Caller::account(UserId::random(), Role::User);
    let token = tokens.issue(caller).unwrap();
    assert_eq!(caller_of(&tokens, &token), Ok(caller));
    assert!(tokens.remembered.is_empty(), "it may never come again");
    assert_eq!(caller_of(&tokens, &token), Ok(caller));
    assert_eq!(tokens.remembered.len(), 1, "it came again");
    assert_eq!(caller_of(&tokens, &token), Ok(caller), "the remembered one too");
    clock.advance_ms(3_600_000 + LEEWAY_MS);
    assert_eq!(tokens.verify(&token), Err(TokenError::Expired), "also when it is remembered");
    assert_eq!(tokens.verify(&token), Err(TokenError::Expired));
}

/// Returns a token of ours that says more in its header, rightly signed.
fn with_header(more: &Value) -> String {
    let mut header = json!({ "typ": "JWT", "alg": "HS256" });
    header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&header), part(&claims()));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256);
    format!("{message}.{}", signature.unwrap())
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
        ("iat in the future", signed(&with("iat", json!(NOW_S + 2)), SECRET, Algorithm::HS256)),
        ("nbf in the future", signed(&with("nbf", json!(NOW_S + 2)), SECRET, Algorithm::HS256)),
        ("string nbf", signed(&with("nbf", json!("0")), SECRET, Algorithm::HS256)),
        ("a key by name", with_header(&json!({"kid": "../../dev/null"}))),
        ("a key by address", with_header(&json!({"jku": "http://127.0.0.1/keys"}))),
        ("a key of its own", with_header(&json!({"jwk": {"kty": "oct", "k": "AAAA"}}))),
        ("an extension", with_header(&json!({"crit": ["exp2"], "exp2": 1}))),
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
    let token = |version| {
        tokens.issue_at(Subject { caller, session: None, version }, clock.now_ms()).unwrap()
    };
    let (old, new) = (token(0), token(1));
    for _ in 0..2 {
        assert!(tokens.verify(&old).is_ok() && tokens.verify(&new).is_ok());
    }
    assert_eq!(tokens.remembered.len(), 2);
    tokens.revoke(caller.user, 1, NOW_MS);
    assert_eq!(tokens.verify(&old), Err(TokenError::Invalid), "though it is remembered");
    assert_eq!(caller_of(&tokens, &new), Ok(caller));
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
    assert_eq!(caller_of(&tokens, &token), Ok(guest), "accounts' tokens would have expired");
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

#[test]
fn an_ended_session_takes_its_tokens_and_no_others() {
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let tokens = tokens(&clock);
    let caller = Caller::account(UserId::random(), Role::User);
    let [ended, other] = [SessionId::random(), SessionId::random()];
    let of = |session| Subject { caller, session: Some(session), version: 0 };
    let [first, second] = [ended, other].map(|id| tokens.issue_at(of(id), NOW_MS).unwrap());
    for _ in 0..3 {
        assert_eq!(tokens.verify(&first).unwrap().session, Some(ended));
    }
    tokens.end(ended, NOW_MS);
    assert_eq!(caller_of(&tokens, &first), Err(TokenError::Invalid), "the remembered one too");
    assert_eq!(caller_of(&tokens, &second), Ok(caller));
    // Guests' tokens live for a day: until then, it is not known whose token has expired.
    clock.advance_ms(24 * 3_600_000);
    tokens.expire_sessions();
    assert!(tokens.ended.has(ended));
    clock.advance_ms(KEPT_LONGER_MS);
    tokens.expire_sessions();
    assert!(!tokens.ended.has(ended));
}

#[test]
fn the_use_of_a_session_is_reported_once_in_five_minutes() {
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let tokens = tokens(&clock);
    let session = SessionId::random();
    let caller = Caller::account(UserId::random(), Role::User);
    let subject = Subject { caller, session: Some(session), version: 0 };
    let token = tokens.issue_at(subject, NOW_MS).unwrap();
    let used = |times| {
        for _ in 0..times {
            tokens.verify(&token).unwrap();
        }
        tokens.take_seen()
    };
    assert_eq!(used(3), [], "it was issued just now");
    clock.advance_ms(SEEN_EVERY_MS);
    assert_eq!(used(3), [session]);
    assert_eq!(used(3), []);
    clock.advance_ms(SEEN_EVERY_MS);
    assert_eq!(used(1), [session]);
    // A token that is seen for the first time here was in use elsewhere.
    let elsewhere = self::tokens(&clock);
    elsewhere.verify(&token).unwrap();
    assert_eq!(elsewhere.take_seen(), [session]);
}
