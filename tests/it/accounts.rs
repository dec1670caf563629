//! Registering, logging in, renewing and ending logins, over HTTP.

use std::sync::Arc;

use admitone::clock::{Clock, ManualClock, SystemClock};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::test_app::{ADMIN_PASSWORD, TestApp, TestUser};
use crate::support::test_db::TestDb;

const PASSWORD: &str = "correct horse battery";

async fn app() -> TestApp {
    TestApp::start(TestDb::sqlite().await).await
}

async fn register(app: &TestApp, email: &str) -> Value {
    let body = json!({ "email": email, "password": PASSWORD, "name": "김민수 👩‍🚀" });
    app.post_anonymously("/api/auth/register", body).await.expect(201)
}

fn with_token(session: &Value) -> TestUser {
    TestUser {
        id: text(&session["user"]["id"]).parse().expect("an id"),
        token: text(&session["accessToken"]).into(),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

async fn refresh(app: &TestApp, token: &Value) -> crate::support::test_app::Answer {
    app.post_anonymously("/api/auth/refresh", json!({ "refreshToken": token })).await
}

on_both_databases! {
    async fn an_account_is_made_used_and_forgotten(db: TestDb) {
        let app = TestApp::start(db).await;
        let session = register(&app, "  Kim@Example.COM ").await;
        assert_eq!(session["user"]["email"], "kim@example.com");
        assert_eq!(session["user"]["role"], "USER");
        assert_eq!(session["tokenType"], "Bearer");
        assert_eq!(session["expiresIn"], 24 * 3_600);

        let login = json!({ "email": "KIM@example.com", "password": PASSWORD });
        let again = app.post_anonymously("/api/auth/login", login.clone()).await.expect(200);
        assert_eq!(again["user"]["id"], session["user"]["id"]);

        let user = with_token(&again);
        let me = app.get("/api/users/me", &user).await.expect(200);
        assert_eq!(me["name"], "김민수 👩‍🚀");
        let change = json!({ "name": "Min-su Kim", "phoneNumber": "010-1234-5678" });
        let changed = app.call(Method::PATCH, "/api/users/me").by(&user).json(&change).send().await;
        assert_eq!(changed.expect(200)["phoneNumber"], "010-1234-5678");
        let change = json!({ "phoneNumber": null });
        let changed = app.call(Method::PATCH, "/api/users/me").by(&user).json(&change).send().await;
        let changed = changed.expect(200);
        assert_eq!((&changed["phoneNumber"], &changed["name"]), (&Value::Null, &json!("Min-su Kim")));
        let [before, after] = [&me, &changed].map(|user| text(&user["updatedAt"]).to_owned());
        assert!(before < after, "{before} and then {after}");

        app.delete("/api/users/me", &user).await.expect(200);
        app.get("/api/users/me", &user).await.expect_error(401, "UNAUTHORIZED");
        app.post_anonymously("/api/auth/login", login).await.expect_error(401, "INVALID_CREDENTIALS");
        refresh(&app, &again["refreshToken"]).await.expect_error(401, "INVALID_REFRESH_TOKEN");
        register(&app, "kim@example.com").await;
    }

    async fn a_refresh_token_used_twice_ends_its_whole_login(db: TestDb) {
        let app = TestApp::start(db).await;
        let first = register(&app, "kim@example.com").await;
        let login = json!({ "email": "kim@example.com", "password": PASSWORD });
        let other = app.post_anonymously("/api/auth/login", login).await.expect(200);

        let second = refresh(&app, &first["refreshToken"]).await.expect(200);
        assert_ne!(second["refreshToken"], first["refreshToken"]);
        assert_eq!(second["user"]["id"], first["user"]["id"]);
        app.get("/api/users/me", &with_token(&second)).await.expect(200);

        refresh(&app, &first["refreshToken"]).await.expect_error(401, "REFRESH_TOKEN_REUSED");
        refresh(&app, &second["refreshToken"]).await.expect_error(401, "INVALID_REFRESH_TOKEN");
        refresh(&app, &other["refreshToken"]).await.expect(200);
    }

    async fn a_refresh_whose_answer_was_lost_is_repeated_with_its_key(db: TestDb) {
        let app = TestApp::start(db).await;
        let first = register(&app, "kim@example.com").await;
        let keyed = |token: Value, key: &'static str| {
            let call = app.call(Method::POST, "/api/auth/refresh").key(key);
            call.json(&json!({ "refreshToken": token })).send()
        };
        let tries = (0..4).map(|_| keyed(first["refreshToken"].clone(), "once"));
        let answers = futures_util::future::join_all(tries).await;
        let tokens: Vec<_> = answers.into_iter().map(|answer| answer.expect(200)).collect();
        assert!(tokens.iter().all(|second| second["refreshToken"] == tokens[0]["refreshToken"]));
        assert!(tokens.iter().all(|second| second["refreshExpiresAt"] == tokens[0]["refreshExpiresAt"]));
        let second = &tokens[0];
        assert_ne!(second["refreshToken"], first["refreshToken"]);
        app.get("/api/users/me", &with_token(&tokens[3])).await.expect(200);

        let third = keyed(second["refreshToken"].clone(), "twice").await.expect(200);
        assert_ne!(third["refreshToken"], second["refreshToken"]);
        // The second token has been used, so this repeat of the first token is treated as a copy.
        keyed(first["refreshToken"].clone(), "once").await.expect_error(401, "REFRESH_TOKEN_REUSED");
        refresh(&app, &third["refreshToken"]).await.expect_error(401, "INVALID_REFRESH_TOKEN");
    }

    async fn another_key_does_not_excuse_a_used_refresh_token(db: TestDb) {
        let app = TestApp::start(db).await;
        let first = register(&app, "kim@example.com").await;
        let body = json!({ "refreshToken": first["refreshToken"] });
        for (key, status) in [("one", 200), ("another", 401)] {
            let call = app.call(Method::POST, "/api/auth/refresh").key(key).json(&body);
            assert_eq!(call.send().await.status, status);
        }
    }
}

#[tokio::test]
async fn of_many_refreshes_at_once_one_wins_and_the_login_ends() {
    let app = app().await;
    let session = register(&app, "kim@example.com").await;
    let tries = (0..8).map(|_| refresh(&app, &session["refreshToken"]));
    let answers = futures_util::future::join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert!(answers.iter().all(|answer| [200, 401].contains(&answer.status)));
}

#[tokio::test]
async fn a_logged_out_refresh_token_is_worthless() {
    let app = app().await;
    let session = register(&app, "kim@example.com").await;
    let body = json!({ "refreshToken": session["refreshToken"] });
    app.post_anonymously("/api/auth/logout", body.clone()).await.expect(200);
    app.post_anonymously("/api/auth/logout", body).await.expect(200);
    refresh(&app, &session["refreshToken"]).await.expect_error(401, "INVALID_REFRESH_TOKEN");
}

#[tokio::test]
async fn an_access_token_ends_with_its_time() {
    let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
    let app = TestApp::with(TestDb::sqlite().await).clock(clock.clone()).start().await;
    let session = register(&app, "kim@example.com").await;
    app.get("/api/users/me", &with_token(&session)).await.expect(200);
    clock.advance_ms(24 * 3_600_000 + 2_000);
    app.get("/api/users/me", &with_token(&session)).await.expect_error(401, "TOKEN_EXPIRED");
    let renewed = refresh(&app, &session["refreshToken"]).await.expect(200);
    app.get("/api/users/me", &with_token(&renewed)).await.expect(200);
    clock.advance_ms(8 * 24 * 3_600_000);
    refresh(&app, &renewed["refreshToken"]).await.expect_error(401, "INVALID_REFRESH_TOKEN");
}

#[tokio::test]
async fn a_refresh_token_lives_for_seven_days() {
    const WEEK_MS: i64 = 7 * 24 * 3_600_000;
    let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
    let app = TestApp::with(TestDb::sqlite().await).clock(clock.clone()).start().await;
    let (first, other) =
        (register(&app, "kim@example.com").await, register(&app, "lee@example.com").await);
    let ends = admitone::http::respond::rfc3339(clock.now_ms() + WEEK_MS);
    assert_eq!(first["refreshExpiresAt"], ends);
    clock.advance_ms(WEEK_MS - 1);
    refresh(&app, &first["refreshToken"]).await.expect(200);
    clock.advance_ms(1);
    refresh(&app, &other["refreshToken"]).await.expect_error(401, "INVALID_REFRESH_TOKEN");
}

#[tokio::test]
async fn a_password_is_kept_as_an_argon2id_hash_of_19_mib() {
    let app = app().await;
    let user = with_token(&register(&app, "kim@example.com").await);
    let kept = app.state().store.user_by_email("kim@example.com").await.unwrap().unwrap();
    assert!(kept.password_hash.starts_with("$argon2id$v=19$m=19456,"), "{}", kept.password_hash);
    let me = app.get("/api/users/me", &user).await;
    assert!(
        !me.text.contains("argon2") && !me.text.to_lowercase().contains("password"),
        "{}",
        me.text
    );
}

#[tokio::test]
async fn registrations_that_make_no_sense_are_refused_by_field() {
    let app = app().await;
    register(&app, "kim@example.com").await;
    let good = json!({ "email": "lee@example.com", "password": PASSWORD, "name": "Lee" });
    for (field, value, status, code) in [
        ("email", json!("kim@example.com"), 409, "EMAIL_TAKEN"),
        ("email", json!("KIM@EXAMPLE.com"), 409, "EMAIL_TAKEN"),
        ("email", json!("lee"), 422, "INVALID"),
        ("email", json!("lee\u{0}@example.com"), 422, "INVALID"),
        ("email", json!(17), 422, "INVALID"),
        ("password", json!("short"), 422, "INVALID"),
        ("password", json!("x".repeat(129)), 422, "INVALID"),
        ("password", Value::Null, 422, "INVALID"),
        ("name", json!(""), 422, "INVALID"),
        ("name", json!("a\u{0}b"), 422, "INVALID"),
        ("name", json!("a\u{202e}b"), 422, "INVALID"),
        ("name", json!("x".repeat(101)), 422, "INVALID"),
        ("phoneNumber", json!("call me"), 422, "INVALID"),
        ("role", json!("ADMIN"), 422, "INVALID"),
        ("id", json!("0"), 422, "INVALID"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let error = app.post_anonymously("/api/auth/register", body).await;
        let error = error.expect_error(status, code);
        if code == "INVALID" {
            assert!(error["message"].as_str().unwrap().contains(field), "{error}");
        }
    }
    app.post_anonymously("/api/auth/register", good).await.expect(201);
}

#[tokio::test]
async fn a_retried_registration_logs_in_to_the_same_account() {
    let app = app().await;
    let body = json!({ "email": "kim@example.com", "password": PASSWORD, "name": "Kim" });
    let send =
        |body: Value| app.call(Method::POST, "/api/auth/register").key("one").json(&body).send();
    let first = send(body.clone()).await.expect(201);
    let again = send(body.clone()).await.expect(201);
    assert_eq!(first["user"]["id"], again["user"]["id"]);
    let mut other = body.clone();
    other["name"] = json!("Lee");
    send(other).await.expect_error(422, "IDEMPOTENCY_KEY_REUSED");
    let mut guess = body;
    guess["password"] = json!("not the password");
    send(guess).await.expect_error(401, "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn a_new_password_needs_the_old_one() {
    let app = app().await;
    let user = with_token(&register(&app, "kim@example.com").await);
    let change =
        |body: Value| app.call(Method::PATCH, "/api/users/me").by(&user).json(&body).send();
    let new = "another long password";
    change(json!({ "newPassword": new })).await.expect_error(422, "INVALID");
    let wrong = json!({ "currentPassword": "wrong password", "newPassword": new });
    change(wrong).await.expect_error(422, "INVALID");
    change(json!({ "currentPassword": PASSWORD, "newPassword": new })).await.expect(200);
    let old = json!({ "email": "kim@example.com", "password": PASSWORD });
    app.post_anonymously("/api/auth/login", old).await.expect_error(401, "INVALID_CREDENTIALS");
    let login = json!({ "email": "kim@example.com", "password": new });
    app.post_anonymously("/api/auth/login", login).await.expect(200);
}

#[tokio::test]
async fn a_new_password_ends_all_logins_of_the_old_one() {
    let app = app().await;
    let first = register(&app, "kim@example.com").await;
    let login = json!({ "email": "kim@example.com", "password": PASSWORD });
    let other = app.post_anonymously("/api/auth/login", login).await.expect(200);
    let change = json!({ "currentPassword": PASSWORD, "newPassword": "another long password" });
    let user = with_token(&first);
    app.call(Method::PATCH, "/api/users/me").by(&user).json(&change).send().await.expect(200);
    for session in [first, other] {
        refresh(&app, &session["refreshToken"]).await.expect_error(401, "INVALID_REFRESH_TOKEN");
    }
}

#[tokio::test]
async fn a_stolen_token_is_no_way_to_guess_the_password() {
    let app = app().await;
    let user = with_token(&register(&app, "kim@example.com").await);
    let guess = json!({ "currentPassword": "wrong password", "newPassword": "another one" });
    let guesses =
        (0..30).map(|_| app.call(Method::PATCH, "/api/users/me").by(&user).json(&guess).send());
    let answers = futures_util::future::join_all(guesses).await;
    let tried = answers.iter().filter(|answer| answer.status == 422).count();
    assert!(tried <= 10, "{tried} guesses at once");
    assert!(answers.iter().all(|answer| [422, 429, 503].contains(&answer.status)));
}

#[tokio::test]
async fn a_closed_account_stays_closed_when_the_server_starts_again() {
    let mut app = app().await;
    let user = with_token(&register(&app, "kim@example.com").await);
    let other = with_token(&register(&app, "lee@example.com").await);
    app.delete("/api/users/me", &user).await.expect(200);
    app.restart().await;
    app.get("/api/wallet", &user).await.expect_error(401, "UNAUTHORIZED");
    app.get("/api/wallet", &other).await.expect(200);
}

#[tokio::test]
async fn the_last_administrator_cannot_leave() {
    let app = app().await;
    let body = json!({ "currentPassword": ADMIN_PASSWORD });
    let call = app.call(Method::DELETE, "/api/users/me").by(&app.admin()).json(&body);
    call.send().await.expect_error(409, "LAST_ADMINISTRATOR");
    app.get("/api/users/me", &app.admin()).await.expect(200);
}

#[tokio::test]
async fn tokens_that_are_not_ours_are_refused() {
    let app = app().await;
    let good = app.admin().token;
    let (body, signature) = good.rsplit_once('.').unwrap();
    for authorization in [
        String::new(),
        good.clone(),
        format!("Basic {good}"),
        "Bearer".into(),
        "Bearer ".into(),
        "Bearer null".into(),
        format!("Bearer {body}."),
        format!("Bearer {body}.{}", signature.chars().rev().collect::<String>()),
        format!("Bearer {}", "x".repeat(5_000)),
    ] {
        let call = app.call(Method::GET, "/api/users/me").header("Authorization", &authorization);
        let answer = call.send().await;
        assert!(answer.headers.contains_key("www-authenticate"));
        answer.expect_error(401, "UNAUTHORIZED");
    }
    let bearer =
        app.call(Method::GET, "/api/users/me").header("Authorization", &format!("bEaReR {good}"));
    bearer.send().await.expect(200);
}
