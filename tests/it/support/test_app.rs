//! The real server in this process, on ports and with a database of its own, and a client that
//! calls it over HTTP.

use std::sync::Arc;
use std::time::Duration;

use admitone::accounts::{Caller, Role};
use admitone::clock::Clock;
use admitone::config::{Config, MailMode, Secret};
use admitone::http::state::AppState;
use admitone::ids::UserId;
use admitone::server::{Parts, Running, Server};
use admitone::store::{Answered, NewUser};
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::test_db::TestDb;

/// The secret that signs the tokens of every test server.
pub const SECRET: &str = "a secret for tests, of at least thirty-two bytes";
/// The password of the first administrator.
pub const ADMIN_PASSWORD: &str = "the password of the administrator";

/// The differences of a test server from the usual one.
pub struct TestAppBuilder {
    db: TestDb,
    parts: Parts,
    config: Config,
    admin: Option<UserId>,
}

impl TestAppBuilder {
    /// Sets the administrator of a database that is already in use.
    pub fn admin(mut self, admin: UserId) -> Self {
        self.admin = Some(admin);
        self
    }

    /// Sets a clock that is moved by hand. The database's clock runs on its own, so the check that
    /// compares them is off.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.parts.clock = clock;
        self.parts.offices.max_clock_skew = Duration::from_secs(u64::from(u32::MAX));
        self
    }

    pub fn parts(mut self, change: impl FnOnce(&mut Parts)) -> Self {
        change(&mut self.parts);
        self
    }

    pub fn config(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    pub async fn start(self) -> TestApp {
        let data_dir = tempfile::tempdir().expect("a temporary directory");
        let mut config = self.config;
        config.data_dir = data_dir.path().into();
        if config.database_url.is_empty() {
            config.database_url = Secret::new(self.db.url());
        }
        let running = start(&config, &self.parts).await;
        let first = || running.first_start.admin.as_ref().expect("the database is empty").id;
        let admin = self.admin.unwrap_or_else(first);
        TestApp {
            running: Some(running),
            config,
            parts: self.parts,
            admin,
            client: client(),
            db: self.db,
            _data_dir: data_dir,
        }
    }
}

async fn start(config: &Config, parts: &Parts) -> Running {
    Server::start(config.clone(), parts.clone()).await.expect("the server starts")
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().timeout(Duration::from_secs(30)).build().expect("a client")
}

/// A running server and the parts that a test needs with it.
pub struct TestApp {
    running: Option<Running>,
    config: Config,
    parts: Parts,
    admin: UserId,
    client: reqwest::Client,
    // Dropped after the server, which has connections to it.
    pub db: TestDb,
    _data_dir: TempDir,
}

/// A user with an account.
#[derive(Clone, Debug)]
pub struct TestUser {
    pub id: UserId,
    pub token: String,
}

impl TestApp {
    /// Starts a server with the machine's clock.
    pub async fn start(db: TestDb) -> Self {
        Self::with(db).start().await
    }

    /// Returns a builder for a server without demo event and with an administrator for tests.
    pub fn with(db: TestDb) -> TestAppBuilder {
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            metrics_listen: Some(([127, 0, 0, 1], 0).into()),
            jwt_secret: Secret::new(SECRET),
            demo: Some(false),
            // Tests about limits set their own.
            max_per_customer: None,
            wallet_self_charge: Some(true),
            admin_password: Some(Secret::new(ADMIN_PASSWORD)),
            workers: 2,
            database_pool: 8,
            // Refusals must not depend on the load of the machine.
            latency_target: None,
            // Tests of limits say so.
            rate_limits: false,
            // Tests of mails say so.
            mail: Some(MailMode::Off),
            // The clock of tests stands still: a page would be kept for ever.
            page_lifetime: Duration::ZERO,
            log: "warn".into(),
            ..Config::default()
        };
        TestAppBuilder { db, parts: Parts::default(), config, admin: None }
    }

    pub fn running(&self) -> &Running {
        self.running.as_ref().expect("the server runs")
    }

    pub fn state(&self) -> &AppState {
        self.running().state()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running().address)
    }

    /// Stops the server as SIGTERM does.
    pub async fn shutdown(&mut self) {
        if let Some(running) = self.running.take() {
            running.shutdown().await;
        }
    }

    /// Stops the server and starts another on the same database.
    pub async fn restart(&mut self) {
        self.shutdown().await;
        self.client = client();
        self.running = Some(start(&self.config, &self.parts).await);
    }

    /// Does the same with other settings from then on.
    pub async fn restart_with(&mut self, change: impl FnOnce(&mut Config)) {
        change(&mut self.config);
        self.restart().await;
    }

    /// Returns the first administrator.
    pub fn admin(&self) -> TestUser {
        let token = self.token(self.admin, Role::Admin);
        TestUser { id: self.admin, token }
    }

    /// Creates an account without the work of hashing a password, so that thousands are cheap.
    pub async fn user(&self) -> TestUser {
        let id = UserId::random();
        let email = format!("{}@example.com", id.0.simple());
        let new = NewUser {
            id,
            email,
            password_hash: String::new(),
            name: "A Tester".into(),
            phone_number: None,
            role: Role::User,
        };
        let (store, now) = (self.state().store.clone(), self.state().clock.now_ms());
        let made =
            self.state().runtime.spawn(async move { store.user_create(new, None, now).await });
        let made = made.await.expect("no panic").expect("the account is made");
        assert!(matches!(made, Answered::Now(_)));
        TestUser { id, token: self.token(id, Role::User) }
    }

    /// Creates an account that has just logged in.
    pub async fn registered(&self) -> TestUser {
        let email = format!("{}@example.com", uuid::Uuid::new_v4().simple());
        let body = json!({ "email": email, "password": "correct horse", "name": "A Tester" });
        let made = self.post_anonymously("/api/auth/register", body).await.expect(201);
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let id = text(&made["user"]["id"]).parse().expect("a UUID");
        TestUser { id, token: text(&made["accessToken"]) }
    }

    fn token(&self, user: UserId, role: Role) -> String {
        self.state().accounts.access_token(Caller::account(user, role)).expect("signs")
    }

    /// Starts a request; finish it with [`Call::send`].
    pub fn call(&self, method: Method, path: &str) -> Call {
        Call(self.client.request(method, self.url(path)))
    }

    pub async fn get(&self, path: &str, user: &TestUser) -> Answer {
        self.call(Method::GET, path).by(user).send().await
    }

    pub async fn get_anonymously(&self, path: &str) -> Answer {
        self.call(Method::GET, path).send().await
    }

    /// Posts with an idempotency key of its own.
    pub async fn post(&self, path: &str, user: &TestUser, body: Value) -> Answer {
        self.call(Method::POST, path).by(user).fresh_key().json(&body).send().await
    }

    pub async fn post_anonymously(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path).json(&body).send().await
    }

    pub async fn post_with_key(
        &self,
        path: &str,
        user: &TestUser,
        key: &str,
        body: Value,
    ) -> Answer {
        self.call(Method::POST, path).by(user).key(key).json(&body).send().await
    }

    pub async fn delete(&self, path: &str, user: &TestUser) -> Answer {
        self.call(Method::DELETE, path).by(user).fresh_key().send().await
    }

    /// Creates an event as the administrator; see [`event`] for `body`.
    pub async fn create_event(&self, body: Value) -> Value {
        self.post("/api/events", &self.admin(), body).await.expect(201)
    }

    /// Puts money into the user's wallet.
    pub async fn charge(&self, user: &TestUser, amount: i64) -> Answer {
        let body = json!({ "amount": { "amount": amount, "currency": "KRW" } });
        self.post("/api/wallet/charges", user, body).await
    }

    /// Returns the metrics, as Prometheus would scrape them.
    pub async fn metrics(&self) -> String {
        let address = self.running().metrics_address.expect("metrics are on");
        let answer = self.client.get(format!("http://{address}/metrics")).send().await;
        answer.expect("an answer").text().await.expect("text")
    }
}

/// Returns the body of an event on sale since yesterday: general admission with `stock` places at
/// 10,000 won.
pub fn standing_event(stock: u32) -> Value {
    event(&json!([product("Standing", 10_000, stock)]), Value::Null)
}

pub fn product(name: &str, price: i64, stock: u32) -> Value {
    json!({
        "name": name, "price": { "amount": price, "currency": "KRW" }, "totalStock": stock,
    })
}

pub fn event(products: &Value, seat_map: Value) -> Value {
    let mut event = json!({
        "name": "A Concert", "description": "For tests", "venue": "A Hall",
        "eventDate": "2099-12-31T19:00:00Z",
        "saleStartAt": "2020-01-01T00:00:00Z", "saleEndAt": "2099-12-31T00:00:00Z",
        "status": "SELLING",
        "products": products,
    });
    if !seat_map.is_null() {
        event["seatMap"] = seat_map;
    }
    event
}

/// A request that is not sent yet.
pub struct Call(RequestBuilder);

impl Call {
    pub fn by(self, user: &TestUser) -> Self {
        self.token(&user.token)
    }

    pub fn token(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    pub fn key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }

    pub fn fresh_key(self) -> Self {
        self.key(&format!("{:032x}", rand::random::<u128>()))
    }

    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    pub fn json(self, body: &Value) -> Self {
        Self(self.0.json(body))
    }

    /// Sets a body that is declared as JSON.
    pub fn raw(self, body: impl Into<reqwest::Body>) -> Self {
        Self(self.0.header("Content-Type", "application/json").body(body))
    }

    /// Sets the form of a page of this server.
    pub fn form(self, body: &str) -> Self {
        let form = "application/x-www-form-urlencoded";
        let call = self.header("Content-Type", form).header("Sec-Fetch-Site", "same-origin");
        Self(call.0.body(body.to_owned()))
    }

    pub async fn send(self) -> Answer {
        self.try_send().await.expect("an answer")
    }

    pub async fn try_send(self) -> reqwest::Result<Answer> {
        let response = self.0.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { status, headers, text, body })
    }
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Answer {
    /// Returns the `data` of an answer that must have this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if status == 204 {
            return Value::Null;
        }
        assert_eq!(self.body["success"], json!(true), "{}", self.text);
        self.body["data"].clone()
    }

    /// Returns the `error` of an answer that must have this status and code.
    #[track_caller]
    pub fn expect_error(self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.body["success"], json!(false), "{}", self.text);
        let error = self.body["error"].clone();
        assert_eq!(error["code"], json!(code), "{}", self.text);
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{}", self.text);
        let id = self.headers.get("x-request-id").and_then(|id| id.to_str().ok());
        assert_eq!(error["requestId"].as_str(), id, "{}", self.text);
        if status == 503 || status == 429 {
            assert!(self.headers.contains_key("retry-after"), "{:?}", self.headers);
        }
        error
    }
}
