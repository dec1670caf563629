//! A server with something to sell, its customers, and their requests.

use std::sync::Arc;
use std::time::Duration;

use admitone::accounts::{Caller, Role};
use admitone::clock::{Clock, ManualClock, SystemClock};
use admitone::config::Config;
use admitone::ids::{OfferingId, ReservationId, UserId};
use admitone::payments::Method as PayBy;
use admitone::server::Parts;
use admitone::store::{Balance, Key};
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::http::conformance;
use crate::support::sold_event::until_settled;
use crate::support::test_app::TestApp;
use crate::support::test_db::TestDb;

/// A running server with a clock that is moved by hand, and events to sell.
pub struct Shop {
    pub app: TestApp,
    pub clock: Arc<ManualClock>,
    client: reqwest::Client,
}

impl Shop {
    pub async fn open(db: TestDb) -> Self {
        Self::open_with(db, |_| {}).await
    }

    /// Opens a shop with other settings.
    pub async fn open_with(db: TestDb, change: impl FnOnce(&mut Config)) -> Self {
        Self::open_from(db, change, |_| {}).await
    }

    /// Opens a shop with other settings and parts.
    pub async fn open_from(
        db: TestDb,
        change: impl FnOnce(&mut Config),
        replace: impl FnOnce(&mut Parts),
    ) -> Self {
        let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
        let without_sweeps = |parts: &mut Parts| {
            parts.offices.sweep_interval = Duration::from_secs(3_600);
        };
        let app = TestApp::with(db).clock(clock.clone()).parts(without_sweeps);
        let app = app.parts(replace).config(change);
        let app = app.start().await;
        Self { app, clock, client: reqwest::Client::new() }
    }

    /// Does the work that is due by now.
    pub async fn sweep(&self) {
        self.app.state().offices.sweep().await;
    }

    /// Returns a person with an access token and nothing else.
    pub fn customer(&self) -> Person<'_> {
        self.person(UserId::random(), Role::User)
    }

    /// Returns the first administrator.
    pub fn admin(&self) -> Person<'_> {
        self.person(self.app.admin().id, Role::Admin)
    }

    pub fn person(&self, user: UserId, role: Role) -> Person<'_> {
        let token = self.app.state().accounts.access_token(Caller::account(user, role));
        let token = token.expect("HMAC signs");
        Person { shop: self, user, token: Some(token) }
    }

    /// Returns the same person with a token issued now.
    pub fn again(&self, person: &Person<'_>, role: Role) -> Person<'_> {
        self.person(person.user, role)
    }

    /// Returns a person with the token of a login.
    pub fn with_token(&self, user: UserId, token: String) -> Person<'_> {
        Person { shop: self, user, token: Some(token) }
    }

    /// Returns a person without a token.
    pub fn nobody(&self) -> Person<'_> {
        Person { shop: self, user: UserId::random(), token: None }
    }

    /// Returns the event's journal as administrators download it.
    pub async fn journal(&self, event: &Event<'_>) -> String {
        let path = format!("/api/admin/offerings/{}/journal", event.id);
        let answer = self.admin().request(Method::GET, &path).send().await.expect("it answers");
        answer.text().await.expect("a whole answer")
    }

    /// Makes all refunds that are due, and waits for those that the server is making.
    pub async fn refund_all(&self) {
        while self.app.state().payments.recover_due().await.expect("payments can be read") > 0 {}
        until_settled(&self.app.state().store).await;
    }

    /// Returns the time `seconds` from now, as request bodies write it.
    pub fn time_in(&self, seconds: i64) -> String {
        admitone::http::respond::rfc3339(self.clock.now_ms() + seconds * 1_000)
    }

    /// Returns the body of an event on sale: `Stalls` with two sections of numbered seats at
    /// 90,000, and `Standing` with 20 places at 50,000.
    pub fn event_body(&self) -> Value {
        json!({
            "name": "햄릿 — Hamlet", "venue": "The old theatre",
            "eventDate": self.time_in(90_000), "saleStartAt": self.time_in(-60),
            "saleEndAt": self.time_in(86_400), "status": "SELLING",
            "products": [
                {"name": "Stalls", "price": {"amount": 90_000, "currency": "KRW"}},
                {"name": "Standing", "price": {"amount": 50_000, "currency": "KRW"},
                 "totalStock": 20},
            ],
            "seatMap": {"sections": [
                {"name": "Left", "product": "Stalls",
                 "rows": [{"name": "A", "seats": 6}, {"name": "B", "seats": 6}]},
                {"name": "Right", "product": "Stalls", "rows": [{"name": "A", "seats": 4}]},
            ]},
        })
    }

    /// Creates the event of [`Shop::event_body`].
    pub async fn event(&self) -> Event<'_> {
        self.event_from(self.event_body()).await
    }

    pub async fn event_from(&self, body: Value) -> Event<'_> {
        let made = self.admin().post("/api/events", &body).await.is(201);
        let id = made.data["id"].as_str().expect("an id").to_owned();
        let products = made.data["products"].as_array().expect("products");
        let products = products.iter().map(|p| p["id"].as_str().expect("an id").to_owned());
        Event { shop: self, path: format!("/api/events/{id}"), id, products: products.collect() }
    }
}

/// An event on sale.
pub struct Event<'a> {
    shop: &'a Shop,
    pub id: String,
    pub path: String,
    /// Product ids in the order of the body.
    pub products: Vec<String>,
}

impl Event<'_> {
    pub fn at(&self, rest: &str) -> String {
        format!("{}/{rest}", self.path)
    }

    pub fn offering(&self) -> OfferingId {
        self.id.parse().expect("a UUID")
    }

    pub fn stalls(&self) -> &str {
        &self.products[0]
    }

    pub fn standing(&self) -> &str {
        &self.products[1]
    }

    /// Returns the body `{"lines":[…]}` for standing places.
    pub fn places(&self, quantity: impl Into<Value>) -> Value {
        json!({"lines": [{"productId": self.standing(), "quantity": quantity.into()}]})
    }

    /// Returns the ids of all seats, section by section.
    pub async fn seats(&self) -> Vec<String> {
        let map = self.shop.nobody().get(&self.at("seats")).await.is(200).data;
        let mut ids = Vec::new();
        for section in map["sections"].as_array().expect("sections") {
            for row in section["rows"].as_array().expect("rows") {
                for seat in row["seats"].as_array().expect("seats") {
                    ids.push(seat["id"].as_str().expect("an id").to_owned());
                }
            }
        }
        ids
    }

    /// Returns the counts of one product, after checking that they add up.
    pub async fn counts(&self, product: &str) -> Counts {
        let data = self.shop.nobody().get(&self.at("availability")).await.is(200).data;
        let products = data["products"].as_array().expect("products").clone();
        let found = products.into_iter().find(|p| p["id"] == product).expect("the product");
        let counts: Counts = serde_json::from_value(found).expect("counts");
        assert_eq!(
            counts.available + counts.held + counts.sold + counts.blocked,
            counts.total,
            "{counts:?}"
        );
        counts
    }
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct Counts {
    pub total: u32,
    pub available: u32,
    pub held: u32,
    pub sold: u32,
    pub blocked: u32,
}

/// A client with or without a token.
#[derive(Clone)]
pub struct Person<'a> {
    shop: &'a Shop,
    pub user: UserId,
    token: Option<String>,
}

impl Person<'_> {
    /// Returns the token for `Authorization: Bearer …`.
    pub fn token(&self) -> &str {
        self.token.as_deref().expect("logged in")
    }

    /// Starts a request that the test completes.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.shop.client.request(method, self.shop.app.url(path));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(body)).await
    }

    pub async fn post_nothing(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::POST, path)).await
    }

    pub async fn post_with_key(&self, path: &str, key: &str, body: &Value) -> Answer {
        let request = self.request(Method::POST, path).header("Idempotency-Key", key);
        Answer::of(request.json(body)).await
    }

    pub async fn post_text(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.request(Method::POST, path).header("Content-Type", "application/json");
        Answer::of(request.body(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::PATCH, path).json(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::PUT, path).json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, path)).await
    }

    /// Holds, reserves, charges and pays; returns the reservation's id.
    pub async fn buy(&self, event: &Event<'_>, hold: &Value) -> String {
        let hold = self.post(&event.at("holds"), hold).await.is(201);
        let body = json!({"eventId": event.id, "holdId": hold.data["id"]});
        let reservation = self.post("/api/reservations", &body).await.is(201);
        let id = reservation.data["id"].as_str().expect("an id").to_owned();
        let amount = reservation.data["totalPrice"]["amount"].as_i64().expect("an amount");
        self.pay(&id, amount).await;
        id
    }

    /// Holds and reserves; returns the reservation's id.
    pub async fn reserve(&self, event: &Event<'_>, hold: &Value) -> String {
        let hold = self.post(&event.at("holds"), hold).await.is(201);
        let body = json!({"eventId": event.id, "holdId": hold.data["id"]});
        let reservation = self.post("/api/reservations", &body).await.is(201);
        reservation.data["id"].as_str().expect("an id").to_owned()
    }

    /// Puts money into the wallet.
    pub async fn charge(&self, amount: i64) {
        let state = self.shop.app.state();
        let key = Key {
            principal: self.user,
            operation: "test.charge",
            key_hash: rand::random(),
            fingerprint: [0; 16],
        };
        let charge = Balance { currency: "KRW".into(), amount };
        let now = self.shop.clock.now_ms();
        state.store.wallet_charge(self.user, &charge, &key, now).await.expect("charges");
    }

    async fn pay(&self, reservation: &str, amount: i64) {
        self.charge(amount).await;
        let state = self.shop.app.state();
        let id: ReservationId = reservation.parse().expect("a UUID");
        let key = format!("pay {reservation}");
        state.payments.pay(self.user, id, PayBy::Wallet, &key).await.expect("pays");
    }

    /// Returns the wallet's balance.
    pub async fn balance(&self) -> i64 {
        let wallet = self.get("/api/wallet").await.is(200).data;
        wallet["balances"][0]["amount"].as_i64().unwrap_or(0)
    }

    /// Returns the tickets of a customer who has few.
    pub async fn tickets(&self) -> Vec<Value> {
        let tickets = self.get("/api/tickets").await.is(200).data;
        tickets.as_array().expect("a list").clone()
    }
}

/// An answer in its envelope; checked to be one that the API document describes.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
    /// `body.data`.
    pub data: Value,
}

impl Answer {
    pub async fn of(request: RequestBuilder) -> Self {
        let (client, request) = request.build_split();
        let request = request.expect("a request");
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = client.execute(request).await.expect("the server answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.expect("a whole answer");
        conformance::check(&method, &path, status, &headers, &bytes);
        let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Self { status, headers, data: body["data"].clone(), body }
    }

    /// Fails the test unless the answer has this status and the right envelope.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:#}", self.body);
        if status != 204 && status != 304 {
            assert_eq!(self.body["success"], status < 400, "{:#}", self.body);
        }
        self
    }

    /// Fails the test unless the answer is this refusal.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Self {
        let answer = self.is(status);
        assert_eq!(answer.body["error"]["code"], code, "{:#}", answer.body);
        for field in ["message", "requestId"] {
            let text = answer.body["error"][field].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{field}: {:#}", answer.body);
        }
        answer
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn is_replay(&self) -> bool {
        self.header("idempotency-replayed") == "true"
    }
}
