//! Customers of a server, over HTTP: each repeats a request with the same key until the answer is
//! certain, even if answers are lost, and the answers go into the history.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use admitone::ids::{HoldId, OfferingId, PaymentId, ProductId, ReservationId, SeatId, UserId};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::history::{Acknowledged, History};
use crate::support::line_history::LineHistory;
use crate::support::process::Mint;

/// How long a request is repeated before the test fails.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Requests in flight at a time: more would only fill the queues of the operating system.
const CONNECTIONS: usize = 256;
pub const PRICE: i64 = 15_000;

/// An answer that is certain.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub body: Value,
}

impl Answer {
    pub fn is_ok(&self) -> bool {
        self.status.is_success()
    }

    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    pub fn data(&self) -> &Value {
        &self.body["data"]
    }

    pub fn id<T: std::str::FromStr>(&self, field: &str) -> T {
        let text = self.data()[field].as_str().unwrap_or_default();
        text.parse().unwrap_or_else(|_| panic!("{field} is an id: {}", self.body))
    }
}

/// A customer with a token.
#[derive(Clone)]
pub struct Customer {
    pub user: UserId,
    pub token: String,
    /// Of the waiting room, once it is the customer's turn.
    pub pass: Option<String>,
}

/// The sale, shared by all customers.
pub struct Shop {
    /// The URLs of the instances: customers use any that is ready.
    bases: Vec<String>,
    ready: Vec<AtomicBool>,
    http: Client,
    room: Semaphore,
    pub event: OfferingId,
    pub seats: u32,
    /// One answer in this many is not waited for; 0 for none.
    pub impatience: u32,
    pub history: History,
    /// What customers were told in the waiting room; `None` if there is none.
    pub line: Option<LineHistory>,
    pub charged: std::sync::Mutex<Vec<(UserId, i64)>>,
    pub closing: AtomicBool,
    /// Number of answers 503, all of them with Retry-After.
    pub unavailable: AtomicU64,
    /// Number of requests without any answer.
    pub lost: AtomicU64,
    /// Number of refused connections, where there was another instance to try.
    pub closed_doors: AtomicU64,
}

/// The seats that a customer wants.
#[derive(Clone, Copy, Debug)]
pub enum Wish {
    /// Given seats, drawn anew at each try.
    Seats(u32),
    /// The best seats that are left.
    BestAvailable(u32),
}

impl Shop {
    pub fn new(base: &str, event: OfferingId, seats: u32) -> Self {
        Self::over(&[base.to_owned()], event, seats)
    }

    /// A shop of several instances, as behind a load balancer: a customer whose connection is
    /// refused tries another instance.
    pub fn over(bases: &[String], event: OfferingId, seats: u32) -> Self {
        Self {
            bases: bases.to_vec(),
            ready: bases.iter().map(|_| AtomicBool::new(true)).collect(),
            http: Client::builder()
                .pool_max_idle_per_host(CONNECTIONS)
                .timeout(Duration::from_secs(15))
                .build()
                .expect("a client"),
            room: Semaphore::new(CONNECTIONS),
            event,
            seats,
            impatience: 0,
            history: History::default(),
            line: None,
            charged: std::sync::Mutex::default(),
            closing: AtomicBool::new(false),
            unavailable: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            closed_doors: AtomicU64::new(0),
        }
    }

    /// Polls which instances are ready, as a load balancer does, until the shop is dropped.
    pub fn watch_doors(self: &Arc<Self>) {
        for (index, base) in self.bases.iter().enumerate() {
            let (shop, url) = (Arc::downgrade(self), format!("{base}/health/ready"));
            let http = Client::builder().timeout(Duration::from_millis(500)).build();
            let http = http.expect("a client");
            tokio::spawn(async move {
                while let Some(shop) = shop.upgrade() {
                    let ready = http.get(&url).send().await;
                    let ready = ready.is_ok_and(|answer| answer.status().is_success());
                    shop.ready[index].store(ready, Ordering::Relaxed);
                    drop(shop);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            });
        }
    }

    /// Returns an instance that is ready, or any if none is.
    fn door(&self, rng: &mut StdRng) -> &str {
        let ready: Vec<_> = (0..self.bases.len())
            .filter(|index| self.ready[*index].load(Ordering::Relaxed))
            .collect();
        let index = match ready.len() {
            0 => rng.random_range(0..self.bases.len()),
            count => ready[rng.random_range(0..count)],
        };
        &self.bases[index]
    }

    /// Repeats a request until the answer is certain. The key stays the same, so that the request
    /// takes effect only once.
    pub async fn ask(
        &self,
        customer: &Customer,
        rng: &mut StdRng,
        (method, path): (Method, &str),
        body: Option<Value>,
    ) -> Answer {
        let key = format!("{:032x}", rng.random::<u128>());
        let asked = self.ask_with_key(customer, rng, (method.clone(), path), &key, body);
        let answer = tokio::time::timeout(TIMEOUT, asked).await;
        answer.unwrap_or_else(|_| panic!("no certain answer to {method} {path}"))
    }

    async fn ask_with_key(
        &self,
        customer: &Customer,
        rng: &mut StdRng,
        (method, path): (Method, &str),
        key: &str,
        body: Option<Value>,
    ) -> Answer {
        loop {
            let base = self.door(rng);
            let request = self
                .http
                .request(method.clone(), format!("{base}{path}"))
                .bearer_auth(&customer.token)
                .header("Idempotency-Key", key);
            let request = match &body {
                Some(body) => request.json(body),
                None => request,
            };
            let request = match &customer.pass {
                Some(pass) => request.header("X-Pass-Token", pass),
                None => request,
            };
            let answered = async {
                let _room = self.room.acquire().await.expect("never closed");
                let answer = request.send().await?;
                let (status, retry) =
                    (answer.status(), answer.headers().contains_key("retry-after"));
                Ok::<_, reqwest::Error>((status, retry, answer.bytes().await?))
            };
            let timeout = if self.impatience > 0 && rng.random_ratio(1, self.impatience) {
                // Some end before the request is read, some after it is answered, under any load.
                Duration::from_millis(1 << rng.random_range(0..11))
            } else {
                TIMEOUT
            };
            match tokio::time::timeout(timeout, answered).await {
                Ok(Ok((StatusCode::SERVICE_UNAVAILABLE, retry, body))) => {
                    assert!(retry, "503 without Retry-After: {body:?}");
                    self.unavailable.fetch_add(1, Ordering::Relaxed);
                }
                Ok(Ok((status, _, body))) => {
                    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
                    let answer = Answer { status, body };
                    assert!(!status.is_server_error(), "{method} {path}: {answer:?}");
                    if answer.code() != "IDEMPOTENCY_KEY_IN_PROGRESS" {
                        return answer;
                    }
                }
                // The instance refuses connections: another one is tried.
                Ok(Err(error)) if error.is_connect() && self.bases.len() > 1 => {
                    self.closed_doors.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                Ok(Err(_)) | Err(_) => {
                    self.lost.fetch_add(1, Ordering::Relaxed);
                }
            }
            // The pace of the customers; it does not wait for anything.
            tokio::time::sleep(Duration::from_millis(rng.random_range(10..60))).await;
        }
    }

    /// Holds the wanted seats; returns the refusal otherwise.
    pub async fn hold(
        &self,
        customer: &Customer,
        rng: &mut StdRng,
        wish: Wish,
    ) -> Result<HoldId, Answer> {
        let body = match wish {
            Wish::Seats(count) => {
                let first = rng.random_range(0..self.seats);
                let seat = |n| SeatId((first + n * 7) % self.seats).to_public(self.event);
                json!({ "seats": (0..count).map(seat).collect::<Vec<_>>() })
            }
            Wish::BestAvailable(quantity) => {
                let product = ProductId(0).to_public(self.event);
                json!({ "bestAvailable": { "productId": product, "quantity": quantity } })
            }
        };
        let path = format!("/api/events/{}/holds", self.event);
        let answer = self.ask(customer, rng, (Method::POST, &path), Some(body)).await;
        if !answer.is_ok() {
            return Err(answer);
        }
        let hold = answer.id("id");
        let lines = answer.data()["lines"].as_array().cloned().unwrap_or_default();
        let seats: Vec<SeatId> = lines
            .iter()
            .flat_map(|line| line["seats"].as_array().cloned().unwrap_or_default())
            .map(|seat| {
                let id = seat["id"].as_str().unwrap_or_default();
                SeatId::from_public(self.event, id).expect("a seat of this event")
            })
            .collect();
        let (Wish::Seats(wanted) | Wish::BestAvailable(wanted)) = wish;
        assert_eq!(seats.len(), wanted as usize, "{answer:?}");
        self.history.note(Acknowledged::Held { user: customer.user, hold, seats });
        Ok(hold)
    }

    pub async fn release(&self, customer: &Customer, rng: &mut StdRng, hold: HoldId) {
        let path = format!("/api/events/{}/holds/{hold}", self.event);
        let answer = self.ask(customer, rng, (Method::DELETE, &path), None).await;
        assert!(answer.is_ok(), "{answer:?}");
        self.history.note(Acknowledged::Released { hold });
    }

    pub async fn reserve(
        &self,
        customer: &Customer,
        rng: &mut StdRng,
        hold: HoldId,
    ) -> ReservationId {
        let body = json!({ "eventId": self.event, "holdId": hold });
        let to = (Method::POST, "/api/reservations");
        let answer = self.ask(customer, rng, to, Some(body)).await;
        assert!(answer.is_ok(), "{answer:?}");
        let reservation = answer.id("id");
        self.history.note(Acknowledged::Reserved { user: customer.user, hold, reservation });
        reservation
    }

    pub async fn charge(&self, customer: &Customer, rng: &mut StdRng, amount: i64) {
        let body = json!({ "amount": { "amount": amount, "currency": "KRW" } });
        let to = (Method::POST, "/api/wallet/charges");
        let answer = self.ask(customer, rng, to, Some(body)).await;
        assert!(answer.is_ok(), "{answer:?}");
        self.charged.lock().expect("not poisoned").push((customer.user, amount));
    }

    pub async fn pay(
        &self,
        customer: &Customer,
        rng: &mut StdRng,
        reservation: ReservationId,
    ) -> PaymentId {
        let path = format!("/api/reservations/{reservation}/payments");
        let body = json!({ "method": "wallet" });
        let answer = self.ask(customer, rng, (Method::POST, &path), Some(body)).await;
        assert!(answer.is_ok(), "{answer:?}");
        assert_eq!(answer.data()["status"], "CONFIRMED", "{answer:?}");
        let payment = answer.id("paymentId");
        self.history.note(Acknowledged::Paid { reservation, payment });
        payment
    }

    pub async fn cancel(&self, customer: &Customer, rng: &mut StdRng, reservation: ReservationId) {
        let path = format!("/api/reservations/{reservation}/cancel");
        let answer = self.ask(customer, rng, (Method::POST, &path), None).await;
        assert!(answer.is_ok(), "{answer:?}");
        self.history.note(Acknowledged::Cancelled { reservation });
    }

    /// Makes one visit after another, each as a new customer, until the shop closes; releases most
    /// of the seats it takes, so that there is always something to take.
    pub async fn visit_until_closed(&self, mut rng: StdRng, mint: &Mint) {
        while !self.closing.load(Ordering::Relaxed) {
            let mut customer = mint.customer();
            if let Some(line) = &self.line {
                if self.wait_in(line, &mut customer, &mut rng).await {
                    self.visit(&customer, &mut rng).await;
                    self.leave(line, &customer, &mut rng).await;
                }
            } else {
                self.visit(&customer, &mut rng).await;
            }
        }
    }

    async fn visit(&self, customer: &Customer, rng: &mut StdRng) {
        let count = rng.random_range(1..=3);
        let wish = if rng.random() { Wish::Seats(count) } else { Wish::BestAvailable(count) };
        let Ok(hold) = self.hold(customer, rng, wish).await else { return };
        if rng.random_ratio(1, 4) {
            return self.release(customer, rng, hold).await;
        }
        let reservation = self.reserve(customer, rng, hold).await;
        if rng.random_ratio(1, 4) {
            return self.cancel(customer, rng, reservation).await;
        }
        self.charge(customer, rng, 3 * PRICE).await;
        self.pay(customer, rng, reservation).await;
        if rng.random_ratio(9, 10) {
            self.cancel(customer, rng, reservation).await;
        }
    }

    /// Returns the amount of each charge, with its customer.
    pub fn charges(&self) -> Vec<(UserId, i64)> {
        self.charged.lock().expect("not poisoned").clone()
    }
}

/// Returns the seed of a run: printed, and set by `ADMITONE_TEST_SEED` to repeat the run.
pub fn seed() -> u64 {
    let set = std::env::var("ADMITONE_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = set.unwrap_or_else(rand::random);
    println!("ADMITONE_TEST_SEED={seed}");
    seed
}

/// Returns the n-th random generator of a run.
pub fn rng(seed: u64, nth: u64) -> StdRng {
    StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(nth))
}
