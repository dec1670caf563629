//! A process with living offers, unpaid fees and ended enrollments, killed with SIGKILL.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use admitone::accounts::{Caller, Role};
use admitone::clock::{Clock as _, ManualClock, SystemClock};
use admitone::http::respond::rfc3339;
use admitone::ids::UserId;
use reqwest::Method;
use serde_json::{Value, json};

use super::HOUR_MS;
use crate::support::customers::Customer;
use crate::support::process::Server;
use crate::support::test_app::{TestApp, TestUser};
use crate::support::test_db::TestDb;

const OFFER_S: i64 = 3_600;
const PAY_S: i64 = 7_200;

/// A server that can be killed, and requests to it.
struct Killable {
    server: Server,
    client: reqwest::Client,
}

impl Killable {
    async fn start(db: &TestDb) -> Self {
        let server = Server::start(db.url()).await;
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30));
        Self { server, client: client.build().expect("a client") }
    }

    async fn kill_and_start_again(&mut self) {
        self.server.kill();
        self.server.start_again();
        self.server.until_ready().await;
    }

    fn customers<const N: usize>(&self) -> [Customer; N] {
        std::array::from_fn(|_| self.server.mint().customer())
    }

    async fn send(
        &self,
        by: &Customer,
        (method, path): (Method, &str),
        key: &str,
        body: &Value,
    ) -> (u16, Value) {
        let url = format!("{}{path}", self.server.base);
        let request = self.client.request(method, url).bearer_auth(&by.token);
        let answer = request.header("Idempotency-Key", key).json(body).send().await;
        let answer = answer.expect("the server answers");
        let (status, text) = (answer.status().as_u16(), answer.text().await.expect("whole"));
        (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}")))
    }

    /// Makes a class with one place; returns the path of its enrollments.
    async fn class(&self, more: Value) -> String {
        let mut body = json!({
            "title": "Pottery", "location": "Studio 3", "capacity": 1, "allowWaitlist": true,
            "waitlistCapacity": 5, "selectionType": "FIRST_COME",
            "startAt": "2090-05-01T10:00:00Z", "endAt": "2090-05-01T12:00:00Z",
        });
        let more = more.as_object().expect("an object").clone();
        body.as_object_mut().expect("an object").extend(more);
        let (admin, key) = (self.server.mint().admin(), format!("{:032x}", rand::random::<u128>()));
        let (status, made) = self.send(&admin, (Method::POST, "/api/mclasses"), &key, &body).await;
        assert_eq!(status, 201, "{made}");
        format!("/api/mclasses/{}/enrollments", made["data"]["id"].as_str().expect("an id"))
    }

    async fn apply(&self, by: &Customer, path: &str, key: &str) -> (u16, Value) {
        self.send(by, (Method::POST, path), key, &json!({})).await
    }

    async fn enroll(&self, by: &Customer, path: &str) -> Value {
        let (status, made) = self.apply(by, path, "k").await;
        assert_eq!(status, 201, "{made}");
        made["data"].clone()
    }

    async fn cancel(&self, by: &Customer, path: &str, enrollment: &Value) {
        let path = format!("{path}/{}", enrollment["id"].as_str().expect("an id"));
        let (status, gone) = self.send(by, (Method::DELETE, &path), "d", &json!({})).await;
        assert_eq!(status, 200, "{gone}");
    }

    /// A person's enrollments in a class, newest first.
    async fn of(&self, by: &Customer, path: &str) -> Vec<Value> {
        let url = format!("{}{path}", self.server.base);
        let answer = self.client.get(url).bearer_auth(&by.token).send().await.expect("it answers");
        let body: Value = answer.json().await.expect("JSON");
        body["data"].as_array().unwrap_or_else(|| panic!("{body}")).clone()
    }
}

/// The only enrollment of a person in a class, at a server in this process.
async fn at(app: &TestApp, user: UserId, path: &str) -> Value {
    let token = app.state().accounts.access_token(Caller::account(user, Role::User));
    let user = TestUser { id: user, token: token.expect("signs") };
    app.get(path, &user).await.expect(200)[0].clone()
}

/// How many messages of each kind there are about enrollments.
async fn messages(app: &TestApp) -> BTreeMap<String, usize> {
    let kinds = "SELECT kind FROM outbox_messages WHERE kind LIKE 'enrollment.%'";
    let mut counts = BTreeMap::new();
    for kind in app.db.texts(kinds).await {
        *counts.entry(kind).or_default() += 1;
    }
    counts
}

on_both_databases! {
    async fn offers_and_unpaid_places_keep_their_deadlines_and_go_to_the_next_once(db: TestDb) {
        let mut killable = Killable::start(&db).await;
        let offer = json!({"promotion": "OFFER", "offerSeconds": OFFER_S});
        let offered = killable.class(offer).await;
        let fee = json!({"amount": 30_000, "currency": "KRW"});
        let paid = killable.class(json!({"fee": fee, "payWindowSeconds": PAY_S})).await;
        let [ann, bo, cy, dee, eve, fay] = killable.customers();
        let first = killable.enroll(&ann, &offered).await;
        for person in [&bo, &cy] {
            killable.enroll(person, &offered).await;
        }
        killable.cancel(&ann, &offered, &first).await;
        for person in [&dee, &eve, &fay] {
            killable.enroll(person, &paid).await;
        }
        let all = [(&bo, &offered), (&cy, &offered), (&dee, &paid), (&eve, &paid), (&fay, &paid)];
        let seen = async |killable: &Killable| {
            let mut seen = Vec::new();
            for (person, path) in all {
                seen.extend(killable.of(person, path).await);
            }
            seen
        };
        let before = seen(&killable).await;
        assert!(before[0]["offerExpiresAt"].is_string(), "{}", before[0]);
        assert!(before[2]["paymentDueAt"].is_string(), "{}", before[2]);
        killable.kill_and_start_again().await;
        assert_eq!(seen(&killable).await, before, "the same deadlines");
        killable.server.kill();

        // Both deadlines pass while no process runs.
        let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms() + PAY_S * 1_000 + 1_000));
        let by_hand = |parts: &mut admitone::server::Parts| {
            parts.offices.sweep_interval = Duration::from_secs(3_600);
        };
        let app = TestApp::with(db).clock(clock.clone()).parts(by_hand).admin(UserId::random());
        let mut app = app.start().await;
        let in_seconds = |seconds: i64| json!(rfc3339(clock.now_ms() + seconds * 1_000));
        for round in ["after the deadlines", "after one more start"] {
            app.state().offices.sweep().await;
            let lapsed = at(&app, bo.user, &offered).await;
            let expected = (&json!("CANCELED"), &json!("OFFER_EXPIRED"));
            assert_eq!((&lapsed["status"], &lapsed["cause"]), expected, "{round}");
            let next = at(&app, cy.user, &offered).await;
            let expected = (&json!("WAITLISTED"), &in_seconds(OFFER_S));
            assert_eq!((&next["status"], &next["offerExpiresAt"]), expected, "{round}");
            let unpaid = at(&app, dee.user, &paid).await;
            let expected = (&json!("CANCELED"), &json!("UNPAID"));
            assert_eq!((&unpaid["status"], &unpaid["cause"]), expected, "{round}");
            let next = at(&app, eve.user, &paid).await;
            let expected = (&json!("APPROVED"), &in_seconds(PAY_S));
            assert_eq!((&next["status"], &next["paymentDueAt"]), expected, "{round}");
            let waits = at(&app, fay.user, &paid).await;
            let expected = (&json!("WAITLISTED"), &json!(1));
            assert_eq!((&waits["status"], &waits["waitlistPosition"]), expected, "{round}");
            let expected = [
                ("enrollment.approved", 2), ("enrollment.canceled", 3), ("enrollment.offered", 2),
                ("enrollment.promoted", 1), ("enrollment.waitlisted", 4),
            ];
            let expected = expected.map(|(kind, n)| (kind.to_owned(), n));
            assert_eq!(messages(&app).await, BTreeMap::from(expected), "{round}");
            app.restart().await;
        }
        // The next ones have their full time.
        clock.advance_ms(HOUR_MS - 1_000);
        app.state().offices.sweep().await;
        assert_eq!(at(&app, cy.user, &offered).await["status"], "WAITLISTED");
        clock.advance_ms(HOUR_MS + 1_000);
        app.state().offices.sweep().await;
        assert_eq!(at(&app, cy.user, &offered).await["cause"], "OFFER_EXPIRED");
        assert_eq!(at(&app, fay.user, &paid).await["status"], "APPROVED");
    }

    async fn one_applies_anew_after_a_cancellation_and_a_kill(db: TestDb) {
        let mut killable = Killable::start(&db).await;
        let many = killable.class(json!({})).await;
        let once = killable.class(json!({"allowReapply": false})).await;
        let [kim] = killable.customers();
        let first = killable.enroll(&kim, &many).await;
        killable.cancel(&kim, &many, &first).await;
        let only = killable.enroll(&kim, &once).await;
        killable.cancel(&kim, &once, &only).await;
        killable.kill_and_start_again().await;

        // A late copy of the first request finds what it made.
        let (status, copy) = killable.apply(&kim, &many, "k").await;
        assert_eq!((status, &copy["data"]["id"]), (201, &first["id"]));
        assert_eq!(copy["data"]["status"], "CANCELED");
        let (status, refused) = killable.apply(&kim, &once, "k2").await;
        assert_eq!((status, &refused["error"]["code"]), (409, &json!("REAPPLY_REFUSED")));
        let (status, second) = killable.apply(&kim, &many, "k2").await;
        assert_eq!((status, &second["data"]["status"]), (201, &json!("APPROVED")));
        assert_ne!(second["data"]["id"], first["id"]);

        killable.kill_and_start_again().await;
        let (status, refused) = killable.apply(&kim, &many, "k3").await;
        assert_eq!((status, &refused["error"]["code"]), (409, &json!("ALREADY_ENROLLED")));
        assert_eq!(refused["error"]["details"]["enrollmentId"], second["data"]["id"]);
        let all = killable.of(&kim, &many).await;
        let ids: Vec<_> = all.iter().map(|one| (&one["id"], one["status"].as_str())).collect();
        let expected =
            [(&second["data"]["id"], Some("APPROVED")), (&first["id"], Some("CANCELED"))];
        assert_eq!(ids, expected);
    }
}
