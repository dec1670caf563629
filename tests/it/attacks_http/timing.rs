//! Whether the time of an answer tells which addresses have accounts. Samples are taken in turns and
//! compared as distributions, with margins that a noisy machine keeps and a missing comparison of passwords
//! (0.1 ms against 40 ms) does not.

use std::time::Duration;

use admitone::accounts::Role;
use admitone::config::MailMode;
use admitone::ids::UserId;
use admitone::store::NewUser;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::rank_test::Samples;
use crate::support::test_app::TestApp;
use crate::support::test_db::TestDb;

/// Pairs of each comparison.
const PAIRS: usize = 50;
const PASSWORD: &str = "correct horse battery";

/// Sends pairs of requests in turns, of which each has to be answered with this status.
async fn compare(
    app: &TestApp,
    path: &str,
    status: u16,
    bodies: impl Fn(usize) -> (Value, Value),
) -> Samples {
    let mut samples = Samples::default();
    let timed = async |body: Value| {
        let begun = Instant::now();
        let answer = app.post_anonymously(path, body).await;
        let took = begun.elapsed();
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        took
    };
    for nth in 0..PAIRS {
        let (first, second) = bodies(nth);
        // Neither of the two is always the one that comes after the other.
        if nth % 2 == 0 {
            samples.first.push(timed(first).await);
            samples.second.push(timed(second).await);
        } else {
            samples.second.push(timed(second).await);
            samples.first.push(timed(first).await);
        }
    }
    samples
}

/// Fails if the two can be told apart: by their medians, and by how often one is the slower of a pair.
#[track_caller]
fn look_alike(what: &str, samples: &Samples) {
    let (chance, ratio) = (samples.chance(), samples.ratio());
    println!("{what}: chance {chance:.2}, ratio of medians {ratio:.2}");
    let differs = !(0.1..=0.9).contains(&chance) && ratio > 2.0;
    assert!(!differs, "{what}: chance {chance:.2}, ratio {ratio:.2}: {samples:?}");
}

/// Makes accounts with a password, without the work of hashing it for each.
async fn accounts(app: &TestApp, count: usize) {
    let first = json!({"email": "first@example.com", "password": PASSWORD, "name": "Kim"});
    app.post_anonymously("/api/auth/register", first).await.expect(201);
    let store = app.state().store.clone();
    let now = app.state().clock.now_ms();
    let made = app.state().runtime.spawn(async move {
        let first = store.user_by_email("first@example.com").await.unwrap().unwrap();
        for nth in 0..count {
            let new = NewUser {
                id: UserId::random(),
                email: format!("known{nth}@example.com"),
                password_hash: first.password_hash.clone(),
                name: "Kim".into(),
                phone_number: None,
                role: Role::User,
            };
            store.user_create(new, None, now).await.unwrap();
        }
    });
    made.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_of_an_answer_does_not_tell_who_has_an_account() {
    let app = TestApp::with(TestDb::postgres().await)
        .config(|config| {
            config.mail = Some(MailMode::Keep);
            config.password_hashers = 1;
            config.latency_target = None;
        })
        .start()
        .await;
    accounts(&app, 3 * PAIRS).await;
    let known = |nth: usize| format!("known{nth}@example.com");
    let unknown = |nth: usize| format!("nobody{nth}@example.com");

    let wrong = |email: String| json!({"email": email, "password": "a wrong guess"});
    let samples =
        compare(&app, "/api/auth/login", 401, |nth| (wrong(known(nth)), wrong(unknown(nth)))).await;
    look_alike("logins", &samples);
    assert!(
        samples.first.iter().all(|took| *took > Duration::from_millis(1)),
        "a hash was compared"
    );

    let ask = |email: String| json!({ "email": email });
    let samples = compare(&app, "/api/auth/password/reset-request", 202, |nth| {
        (ask(known(PAIRS + nth)), ask(unknown(nth)))
    })
    .await;
    look_alike("requests for a new password", &samples);
}

/// Their values are secrets of 256 bits: nothing about them may be found byte by byte.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_of_a_refusal_does_not_tell_how_much_of_a_secret_was_right() {
    let app = TestApp::with(TestDb::postgres().await)
        .config(|config| config.mail = Some(MailMode::Keep))
        .start()
        .await;
    let body = json!({"email": "first@example.com", "password": PASSWORD, "name": "Kim"});
    let session = app.post_anonymously("/api/auth/register", body).await.expect(201);
    let refresh = session["refreshToken"].as_str().unwrap().to_owned();
    let nearly = {
        let last = if refresh.ends_with('A') { 'B' } else { 'A' };
        format!("{}{last}", &refresh[..refresh.len() - 1])
    };
    let random = || {
        let hex = format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
        (hex, rand::random::<u128>())
    };
    let samples = compare(&app, "/api/auth/refresh", 401, |_| {
        (json!({"refreshToken": nearly}), json!({"refreshToken": random().0}))
    })
    .await;
    look_alike("refresh tokens", &samples);
    let zeros = "0".repeat(64);
    for path in ["/api/auth/email/confirm", "/api/auth/password/reset"] {
        let with = |token: String| match path.ends_with("reset") {
            true => json!({"token": token, "password": "another horse battery"}),
            false => json!({ "token": token }),
        };
        let samples = compare(&app, path, 410, |_| (with(zeros.clone()), with(random().0))).await;
        look_alike(path, &samples);
    }
}
