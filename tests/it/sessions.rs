//! Sessions of accounts over HTTP: listed, ended, and gone from every request and stream.

use reqwest::Method;
use serde_json::{Value, json};

use crate::http::api_client::Shop;
use crate::support::stream_frames::Frames;
use crate::support::test_app::{ADMIN_PASSWORD, Answer, Call, TestApp, TestUser};
use crate::support::test_db::{TestDb, eventually};

const PASSWORD: &str = "correct horse battery";

async fn register(app: &TestApp, email: &str) -> Value {
    let body = json!({ "email": email, "password": PASSWORD, "name": "Kim" });
    app.post_anonymously("/api/auth/register", body).await.expect(201)
}

async fn login(app: &TestApp, email: &str, device: &str) -> Value {
    let body = json!({ "email": email, "password": PASSWORD, "deviceName": device });
    app.post_anonymously("/api/auth/login", body).await.expect(200)
}

fn user(login: &Value) -> TestUser {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    TestUser {
        id: text(&login["user"]["id"]).parse().expect("an id"),
        token: text(&login["accessToken"]),
    }
}

async fn me(app: &TestApp, login: &Value) -> Answer {
    app.get("/api/users/me", &user(login)).await
}

async fn refreshed(app: &TestApp, login: &Value) -> Answer {
    let body = json!({ "refreshToken": login["refreshToken"] });
    app.post_anonymously("/api/auth/refresh", body).await
}

async fn sessions(app: &TestApp, login: &Value) -> Vec<Value> {
    let listed = app.get("/api/users/me/sessions", &user(login)).await.expect(200);
    listed.as_array().expect("a list").clone()
}

/// Asserts that neither token of a login is accepted.
async fn has_ended(app: &TestApp, login: &Value) {
    me(app, login).await.expect_error(401, "UNAUTHORIZED");
    refreshed(app, login).await.expect_error(401, "INVALID_REFRESH_TOKEN");
}

on_both_databases! {
    async fn a_person_lists_sessions_and_ends_one(db: TestDb) {
        let app = TestApp::start(db).await;
        let first = register(&app, "kim@example.com").await;
        let phone = login(&app, "kim@example.com", "Kim's phone").await;
        let other = register(&app, "lee@example.com").await;
        let listed = sessions(&app, &first).await;
        assert_eq!(listed.len(), 2);
        let of = |login: &Value| {
            listed.iter().find(|row| row["id"] == login["sessionId"]).expect("it is listed").clone()
        };
        assert_eq!(of(&phone)["device"], "Kim's phone");
        assert_eq!(of(&phone)["address"], "127.0.0.1");
        assert_eq!((&of(&phone)["isCurrent"], &of(&first)["isCurrent"]), (&json!(false), &json!(true)));
        let path = |login: &Value| {
            format!("/api/users/me/sessions/{}", login["sessionId"].as_str().expect("an id"))
        };
        app.delete(&path(&phone), &user(&other)).await.expect_error(404, "NOT_FOUND");
        me(&app, &phone).await.expect(200);
        app.delete(&path(&phone), &user(&first)).await.expect(200);
        has_ended(&app, &phone).await;
        app.delete(&path(&phone), &user(&first)).await.expect_error(404, "NOT_FOUND");
        assert_eq!(sessions(&app, &first).await.len(), 1);
        me(&app, &first).await.expect(200);
        refreshed(&app, &first).await.expect(200);
    }

    async fn a_logout_ends_the_access_token_too(db: TestDb) {
        let app = TestApp::start(db).await;
        let first = register(&app, "kim@example.com").await;
        let (second, third) =
            (login(&app, "kim@example.com", "b").await, login(&app, "kim@example.com", "c").await);
        let body = json!({ "refreshToken": second["refreshToken"] });
        app.post_anonymously("/api/auth/logout", body).await.expect(200);
        has_ended(&app, &second).await;
        // Without the refresh token, the access token names the session.
        app.call(Method::POST, "/api/auth/logout").by(&user(&third)).send().await.expect(200);
        has_ended(&app, &third).await;
        app.call(Method::POST, "/api/auth/logout").send().await.expect_error(401, "UNAUTHORIZED");
        me(&app, &first).await.expect(200);
    }

    async fn a_refresh_token_used_twice_ends_the_access_tokens_of_its_session(db: TestDb) {
        let app = TestApp::start(db).await;
        let first = register(&app, "kim@example.com").await;
        let other = login(&app, "kim@example.com", "b").await;
        let renewed = refreshed(&app, &first).await.expect(200);
        assert_eq!(renewed["sessionId"], first["sessionId"]);
        refreshed(&app, &first).await.expect_error(401, "REFRESH_TOKEN_REUSED");
        has_ended(&app, &first).await;
        has_ended(&app, &renewed).await;
        me(&app, &other).await.expect(200);
    }

    async fn all_other_sessions_end_or_all(db: TestDb) {
        let app = TestApp::start(db).await;
        let first = register(&app, "kim@example.com").await;
        let second = login(&app, "kim@example.com", "b").await;
        let all = "/api/users/me/sessions";
        app.delete(&format!("{all}?keepCurrent=true"), &user(&first)).await.expect(200);
        has_ended(&app, &second).await;
        me(&app, &first).await.expect(200);
        app.delete(&format!("{all}?keep=1"), &user(&first)).await.expect_error(422, "INVALID");
        let third = login(&app, "kim@example.com", "c").await;
        app.delete(all, &user(&first)).await.expect(200);
        for login in [&first, &third] {
            has_ended(&app, login).await;
        }
        login(&app, "kim@example.com", "d").await;
    }

    async fn a_new_password_leaves_the_session_that_set_it(db: TestDb) {
        let app = TestApp::start(db).await;
        let first = register(&app, "kim@example.com").await;
        let other = login(&app, "kim@example.com", "b").await;
        let change = json!({ "currentPassword": PASSWORD, "newPassword": "another long password" });
        let changed = app.call(Method::PATCH, "/api/users/me").by(&user(&first)).json(&change);
        let changed = changed.send().await.expect(200);
        let tokens = &changed["tokens"];
        assert_eq!(tokens["sessionId"], first["sessionId"]);
        for login in [&first, &other] {
            has_ended(&app, login).await;
        }
        me(&app, tokens).await.expect(200);
        assert_eq!(sessions(&app, tokens).await.len(), 1);
        let renewed = refreshed(&app, tokens).await.expect(200);
        me(&app, &renewed).await.expect(200);
        let rename = json!({ "name": "Min-su" });
        let renamed = app.call(Method::PATCH, "/api/users/me").by(&user(&renewed)).json(&rename);
        assert!(renamed.send().await.expect(200).get("tokens").is_none());
    }

    async fn a_login_beyond_the_hundredth_ends_the_oldest(db: TestDb) {
        let app = TestApp::start(db).await;
        let first = register(&app, "kim@example.com").await;
        let second = login(&app, "kim@example.com", "b").await;
        // As many as fit, without the work of hashing passwords.
        let row = if app.db.is_postgres() {
            "SELECT gen_random_uuid(), user_id, 'x', NULL, NULL, created_at + 1, last_seen_at,
             expires_at, NULL, NULL FROM sessions, generate_series(1, 98)"
        } else {
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 98)
             SELECT randomblob(16), user_id, 'x', NULL, NULL, created_at + 1, last_seen_at, expires_at,
             NULL, NULL FROM sessions, n"
        };
        app.db.sql(&format!("INSERT INTO sessions {row} WHERE device = 'b'")).await;
        assert_eq!(sessions(&app, &first).await.len(), 100);
        let newest = login(&app, "kim@example.com", "newest").await;
        has_ended(&app, &first).await;
        me(&app, &second).await.expect(200);
        assert_eq!(sessions(&app, &newest).await.len(), 100);
    }

    async fn the_last_use_of_a_session_is_stored(db: TestDb) {
        let shop = Shop::open(db).await;
        let app = &shop.app;
        let first = register(app, "kim@example.com").await;
        let seen = async || {
            app.state().accounts.tend_sessions().await.expect("it is stored");
            sessions(app, &first).await[0]["lastSeenAt"].clone()
        };
        let at_login = seen().await;
        shop.clock.advance_ms(299_000);
        assert_eq!(seen().await, at_login);
        shop.clock.advance_ms(2_000);
        let _used = seen().await;
        assert_eq!(seen().await, json!(shop.time_in(0)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_closes_with_its_session() {
    let shop = Shop::open(TestDb::sqlite().await).await;
    let event = shop.event().await;
    crate::http::queue::switch_on(&shop, &event, json!({})).await;
    let kim = register(&shop.app, "kim@example.com").await;
    let person = user(&kim);
    let enqueue = format!("/api/queue/{}/enqueue", event.id);
    shop.app.call(Method::POST, &enqueue).by(&person).send().await.expect(200);
    let stream = shop.app.url(&format!("/api/queue/{}/stream", event.id));
    let request = reqwest::Client::new().get(stream).bearer_auth(&person.token);
    let frames = Frames::of(request).await;
    shop.app.call(Method::POST, "/api/auth/logout").by(&person).send().await.expect(200);
    frames.until_closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_news_of_ended_sessions_nothing_is_paid_or_administered() {
    let db = TestDb::postgres().await;
    let app = TestApp::start(db).await;
    let kim = register(&app, "kim@example.com").await;
    let body = json!({ "email": "admin@admitone.local", "password": ADMIN_PASSWORD });
    let admin = app.post_anonymously("/api/auth/login", body).await.expect(200);
    let dashboard = async || app.get("/api/admin/refunds", &user(&admin)).await;
    let charge = async || {
        let amount = json!({ "amount": { "amount": 1_000, "currency": "KRW" } });
        let call = app.call(Method::POST, "/api/wallet/charges").by(&user(&kim));
        call.fresh_key().json(&amount).send().await
    };
    // Cancelling an enrollment gives its fee back.
    let enrollment = format!("enrollments/{}", uuid::Uuid::new_v4());
    let of_class = format!("/api/mclasses/{}/{enrollment}", uuid::Uuid::new_v4());
    let cancellations = async || {
        let (token, cancelled) = (user(&kim).token, json!({ "status": "CANCELED" }));
        let delete = app.call(Method::DELETE, &of_class).token(&token);
        let put = app.call(Method::PUT, &of_class).token(&token).json(&cancelled);
        let page = app.call(Method::POST, &format!("/{enrollment}/cancel"));
        let page = page.header("Cookie", &format!("__Host-admitone={token}")).form("key=a");
        let calls = [delete, put, page].map(Call::send);
        futures_util::future::join_all(calls).await.into_iter().map(|answer| answer.status)
    };
    dashboard().await.expect(200);
    charge().await.expect(201);
    assert!(cancellations().await.eq([404; 3]));
    app.db.sql("ALTER TABLE revocation_counter RENAME TO hidden").await;
    eventually("refused", async || dashboard().await.status == 503).await;
    dashboard().await.expect_error(503, "TEMPORARILY_UNAVAILABLE");
    charge().await.expect_error(503, "TEMPORARILY_UNAVAILABLE");
    assert!(cancellations().await.eq([503; 3]));
    let metrics = app.metrics().await;
    let mut ages = metrics.lines().filter_map(|line| {
        line.strip_prefix("admitone_ended_sessions_age_seconds ")?.parse::<f64>().ok()
    });
    assert!(ages.next().is_some_and(|age| age >= 5.0), "{metrics}");
    me(&app, &kim).await.expect(200);
    app.db.sql("ALTER TABLE hidden RENAME TO revocation_counter").await;
    eventually("allowed again", async || dashboard().await.status == 200).await;
    charge().await.expect(201);
}
