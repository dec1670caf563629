//! Limits on requests and the lock after wrong passwords, over HTTP and over several instances.

mod instances;
mod lock;
mod pages;

use std::sync::Arc;

use admitone::clock::{Clock, ManualClock, SystemClock};
use admitone::limits::{Class, Principal};
use admitone::proof_of_work::solve;
use reqwest::Method;
use serde_json::json;

use crate::support::test_app::{Answer, Call, TestApp};
use crate::support::test_db::TestDb;

/// A server that limits requests and trusts the proxies in `trusted`, and its clock.
async fn limited(trusted: &str) -> (TestApp, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
    let proxies = trusted.parse().unwrap();
    let app = TestApp::with(TestDb::sqlite().await)
        .clock(clock.clone())
        .config(|config| {
            config.rate_limits = true;
            config.trusted_proxies = Some(proxies);
        })
        .start()
        .await;
    (app, clock)
}

/// A request that is counted strictly and costs nothing, as a proxy forwards it from this address.
fn strict(app: &TestApp, from: &str) -> Call {
    let call = app.call(Method::POST, "/api/auth/email/confirm").json(&json!({"token": "no"}));
    call.header("X-Forwarded-For", from)
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

/// Sends strict requests until one is beyond the limit; returns how many were within it.
async fn exhaust(app: &TestApp, from: &str) -> u32 {
    let mut passed = 0;
    loop {
        let answer = strict(app, from).send().await;
        if answer.status == 429 {
            return passed;
        }
        answer.expect_error(410, "INVALID_LINK");
        passed += 1;
    }
}

#[tokio::test]
async fn a_hundred_pass_and_the_next_is_told_when_to_come_back() {
    let (app, clock) = limited("none").await;
    let (kim, lee) = (app.user().await, app.user().await);
    for left in (0..100).rev() {
        let answer = app.get("/api/wallet", &kim).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(header(&answer, "ratelimit-policy"), "\"general\";q=100;w=60");
        let until = (100_u64 - left).saturating_mul(600).div_ceil(1_000);
        assert_eq!(header(&answer, "ratelimit"), format!("\"general\";r={left};t={until}"));
    }
    let refused = app.get("/api/wallet", &kim).await;
    assert_eq!(header(&refused, "retry-after"), "1");
    assert_eq!(header(&refused, "ratelimit"), "\"general\";r=0;t=60");
    let error = refused.expect_error(429, "TOO_MANY_REQUESTS");
    assert_eq!(error["details"], json!({"class": "general"}), "a person needs no challenge");
    app.get("/api/wallet", &lee).await.expect(200);
    app.get("/api/events", &kim).await.expect(200);
    clock.advance_ms(599);
    app.get("/api/wallet", &kim).await.expect_error(429, "TOO_MANY_REQUESTS");
    clock.advance_ms(1);
    app.get("/api/wallet", &kim).await.expect(200);
    app.get("/api/wallet", &kim).await.expect_error(429, "TOO_MANY_REQUESTS");
    let limited = value_of(&app, "admitone_requests_limited_total{class=\"general\"}").await;
    // The recorder is of the process: other tests may have counted too.
    assert!(limited >= 3.0, "{limited}");
    // An address has more at once, at the same rate.
    let answer = app.call(Method::GET, "/api/payment-methods").send().await;
    let (policy, left) = (header(&answer, "ratelimit-policy"), header(&answer, "ratelimit"));
    assert_eq!((policy, left), ("\"general\";q=1000;w=600", "\"general\";r=999;t=1"));
}

#[tokio::test]
async fn two_hundred_public_reads_pass_where_a_hundred_of_others_do() {
    let (app, clock) = limited("none").await;
    let kim = app.user().await;
    for left in (0..200).rev() {
        let answer = app.get("/api/events", &kim).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(header(&answer, "ratelimit-policy"), "\"relaxed\";q=200;w=60");
        let standing = format!("\"relaxed\";r={left};");
        assert!(header(&answer, "ratelimit").starts_with(&standing), "{standing}");
    }
    let refused = app.get("/api/events", &kim).await;
    assert_eq!(header(&refused, "retry-after"), "1");
    let error = refused.expect_error(429, "TOO_MANY_REQUESTS");
    assert_eq!(error["details"], json!({"class": "relaxed"}));
    let other = app.get("/api/wallet", &kim).await;
    assert_eq!(header(&other, "ratelimit-policy"), "\"general\";q=100;w=60");
    clock.advance_ms(300);
    app.get("/api/events", &kim).await.expect(200);
    app.get("/api/events", &kim).await.expect_error(429, "TOO_MANY_REQUESTS");
}

/// Returns the value of a series of the server's metrics.
async fn value_of(app: &TestApp, series: &str) -> f64 {
    let metrics = app.metrics().await;
    let line = metrics.lines().find(|line| line.starts_with(series));
    let value = line.and_then(|line| line.rsplit(' ').next());
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {series}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_of_one_address_have_a_bound_together_and_a_crowd_is_within_it() {
    let (app, _) = limited("127.0.0.1").await;
    let campus = "203.0.113.1";
    let guest = async |proof: &str| {
        let call = app.call(Method::POST, "/api/auth/guest").header("X-Forwarded-For", campus);
        call.header("X-Challenge-Answer", proof).send().await
    };
    let one = guest("").await.expect(201)["accessToken"].as_str().unwrap().to_owned();
    // A crowd of guests came before, and asked for much.
    let (limits, network) = (&app.state().limits, campus.parse().unwrap());
    for class in [Class::Guest, Class::Hot, Class::General] {
        let of = Principal::Network(network);
        while limits.count(class, of).await.unwrap().is_within {}
    }
    let refused = guest("").await.expect_error(429, "TOO_MANY_REQUESTS");
    assert_eq!(refused["details"]["challenge"], "/api/challenge?class=guest");
    let challenge = limits.challenge(Class::Guest, network).await;
    let proof = solve(&challenge.text, challenge.bits);
    guest(&proof).await.expect(201);
    guest(&proof).await.expect_error(429, "TOO_MANY_REQUESTS");
    let hot = async |token: &str, from: &str| {
        let call = app.call(Method::GET, "/api/queue/x/status").token(token);
        call.header("X-Forwarded-For", from).send().await.status
    };
    assert_eq!(hot(&one, campus).await, 429, "a guest is one of the address");
    assert_ne!(hot(&one, "203.0.113.2").await, 429);
    let spelt = async |word: &str, token: &str, from: &str| {
        let at = format!("/api/events/{}/{word}", uuid::Uuid::nil());
        let call = app.call(Method::POST, &at).token(token).header("X-Forwarded-For", from);
        call.send().await.status
    };
    let part = async |token: &str, from: &str| spelt("participate", token, from).await;
    assert_eq!(part(&one, campus).await, 429, "participations of guests are counted together");
    for word in ["%70articipate", "particip%61te", "%70%61rticipat%65"] {
        assert_eq!(spelt(word, &one, campus).await, 429, "{word}");
    }
    assert_ne!(part(&one, "203.0.113.2").await, 429);
    let kim = app.user().await;
    assert_ne!(hot(&kim.token, campus).await, 429, "an account is a person");
    assert_ne!(part(&kim.token, campus).await, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_beyond_twenty_in_a_minute_cost_a_proof_of_work_each() {
    let (app, _) = limited("127.0.0.1").await;
    let script = "203.0.113.1";
    let mut nth = 0;
    let mut register = async |proof: &str| {
        nth += 1;
        let email = format!("script{nth}@example.com");
        let body = json!({"email": email, "password": "correct horse", "name": "Kim"});
        let call = app.call(Method::POST, "/api/auth/register").json(&body);
        let call = call.header("X-Forwarded-For", script).header("X-Challenge-Answer", proof);
        call.send().await
    };
    for _ in 0..20 {
        register("").await.expect(201);
    }
    for _ in 0..2 {
        let refused = register("").await.expect_error(429, "TOO_MANY_REQUESTS");
        assert_eq!(refused["details"]["challenge"], "/api/challenge?class=strict");
        let network = script.parse().unwrap();
        let challenge = app.state().limits.challenge(Class::Strict, network).await;
        let proof = solve(&challenge.text, challenge.bits);
        register(&proof).await.expect(201);
        register(&proof).await.expect_error(429, "TOO_MANY_REQUESTS");
    }
}

#[tokio::test]
async fn a_client_cannot_choose_its_address_and_a_proxy_names_it() {
    let (app, _) = limited("none").await;
    for nth in 0..20 {
        let answer = strict(&app, &format!("203.0.113.{nth}")).send().await;
        answer.expect_error(410, "INVALID_LINK");
    }
    let invented =
        strict(&app, "203.0.113.99").header("Forwarded", "for=203.0.113.98").send().await;
    invented.expect_error(429, "TOO_MANY_REQUESTS");
    // A token makes no other person of one who guesses.
    let kim = app.user().await;
    strict(&app, "203.0.113.99").by(&kim).send().await.expect_error(429, "TOO_MANY_REQUESTS");

    let (app, _) = limited("127.0.0.0/8, 10.0.0.0/8").await;
    assert_eq!(exhaust(&app, "203.0.113.1").await, 20);
    // Behind the same proxies, with something invented in front, and from the same /64.
    for from in ["203.0.113.1, 10.0.0.7", "198.51.100.1, 203.0.113.1", "::ffff:203.0.113.1"] {
        strict(&app, from).send().await.expect_error(429, "TOO_MANY_REQUESTS");
    }
    assert_eq!(exhaust(&app, "2001:db8:1:2::1").await, 20);
    let neighbour = strict(&app, "2001:db8:1:2:ffff::9").send().await;
    neighbour.expect_error(429, "TOO_MANY_REQUESTS");
    strict(&app, "2001:db8:1:3::1").send().await.expect_error(410, "INVALID_LINK");
    // All networks of a /48 have sixteen times as much together, and then a proof of work for each.
    for network in 0x10..0x1f_u32 {
        exhaust(&app, &format!("2001:db8:1:{network:x}::1")).await;
    }
    let other = strict(&app, "2001:db8:1:20::1").send().await;
    assert_eq!(
        other.expect_error(429, "TOO_MANY_REQUESTS")["details"]["challenge"],
        "/api/challenge?class=strict"
    );
    strict(&app, "2001:db8:2::1").send().await.expect_error(410, "INVALID_LINK");
    strict(&app, "203.0.113.2").send().await.expect_error(410, "INVALID_LINK");
}

#[tokio::test]
async fn a_proof_of_work_lets_one_request_of_one_address_pass() {
    let (app, clock) = limited("127.0.0.1").await;
    let challenge = async |from: &str, query: &str| {
        let path = format!("/api/challenge{query}");
        app.call(Method::GET, &path).header("X-Forwarded-For", from).send().await
    };
    let campus = "203.0.113.1";
    assert_eq!(challenge(campus, "").await.expect(200)["isNeeded"], false);
    exhaust(&app, campus).await;
    let refused = strict(&app, campus).send().await;
    assert_eq!(header(&refused, "retry-after"), "3");
    let details = &refused.expect_error(429, "TOO_MANY_REQUESTS")["details"];
    assert_eq!(*details, json!({"class": "strict", "challenge": "/api/challenge?class=strict"}));
    let given = challenge(campus, "?class=strict").await.expect(200);
    assert_eq!((&given["isNeeded"], &given["limitClass"]), (&json!(true), &json!("strict")));
    let solved = |given: &serde_json::Value| {
        let bits = u8::try_from(given["bits"].as_u64().unwrap()).unwrap();
        solve(given["challenge"].as_str().unwrap(), bits)
    };
    let proof = solved(&given);
    let other_class = solved(&challenge(campus, "?class=general").await.expect(200));
    let foreign = solved(&challenge("203.0.113.2", "").await.expect(200));
    let late = solved(&challenge(campus, "").await.expect(200));
    let answered = |proof: &str| strict(&app, campus).header("X-Challenge-Answer", proof).send();
    for bad in ["", "x", &proof[..proof.len() - 9], &other_class, &foreign, "chal_AAAA.1"] {
        answered(bad).await.expect_error(429, "TOO_MANY_REQUESTS");
    }
    answered(&proof).await.expect_error(410, "INVALID_LINK");
    assert_eq!(exhaust(&app, campus).await, 0);
    answered(&proof).await.expect_error(429, "TOO_MANY_REQUESTS");
    clock.advance_ms(10 * 60_000);
    assert_eq!(exhaust(&app, campus).await, 20);
    answered(&late).await.expect_error(429, "TOO_MANY_REQUESTS");
    challenge(campus, "?class=free").await.expect_error(422, "INVALID");
}
