//! One attempt to deliver a message: signatures, outcomes, bounds, and what may not be called.

use std::sync::Arc;
use std::time::Duration;

use admitone::clock::{Clock, ManualClock, SystemClock};
use admitone::ids::{UserId, WebhookId, time_ordered};
use admitone::store::{Answered, NewUser, Prunable, Role, Store, WebhookRow};
use admitone::webhooks::{
    EndpointDraft, EndpointEdit, GIVEN_UP, PREVIOUS_FOR_MS, Push, PushOutcome, RETRIES, Reach,
    SigningSecret, Webhooks,
};
use serde_json::json;

use super::receiver::Receiver;
use crate::support::test_db::TestDb;

const BODY: &str = "{\"type\":\"reservation.created\",\"name\":\"김민수\"}";
/// Far longer than any answer takes that comes, and short enough to wait for it.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The longest that a test waits for something bounded.
const DEADLINE: Duration = Duration::from_secs(30);

/// Endpoints of a database, with a clock that is moved by hand.
struct Bench {
    store: Store,
    clock: Arc<ManualClock>,
    webhooks: Webhooks,
    _db: TestDb,
}

impl Bench {
    async fn on(db: TestDb, reach: Reach) -> Self {
        let store = db.store().await;
        let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
        let webhooks =
            Webhooks::new(store.clone(), clock.clone(), reach, TIMEOUT).expect("a client");
        Self { store, clock, webhooks, _db: db }
    }

    async fn endpoint(&self, url: &str) -> WebhookRow {
        let draft = EndpointDraft { url: url.into(), ..EndpointDraft::default() };
        let now = self.clock.now_ms();
        self.webhooks.create(&draft, UserId::random(), None, now).await.expect("it is made").0
    }

    async fn push(&self, endpoint: WebhookId, message: &str, attempt: u32) -> PushOutcome {
        let push = Push { endpoint, message_id: message.into(), body: BODY.into(), attempt };
        tokio::time::timeout(DEADLINE, self.webhooks.push(&push)).await.expect("it is bounded")
    }

    async fn enable(&self, id: WebhookId) {
        let edit = EndpointEdit { enabled: Some(true), ..EndpointEdit::default() };
        let now = self.clock.now_ms();
        self.webhooks.change(id, &edit, None, now).await.expect("it is changed");
    }

    async fn is_enabled(&self, id: WebhookId) -> bool {
        let wanted = self.webhooks.wanted().await.expect("endpoints can be read");
        wanted.iter().find(|one| one.id == id).expect("it is there").enabled
    }
}

fn delivered(status: u16) -> PushOutcome {
    PushOutcome::Delivered { status }
}

/// Returns the error of an outcome after which the message is sent again.
#[track_caller]
fn later(outcome: PushOutcome) -> (String, Option<u16>, Option<Duration>) {
    let PushOutcome::Later { error, status, retry_after } = outcome else {
        panic!("{outcome:?}");
    };
    (error, status, retry_after)
}

on_both_databases! {
    async fn messages_verify_with_the_public_library_through_a_rotation(db: TestDb) {
        let (bench, receiver) = (Bench::on(db, Reach::Anywhere).await, Receiver::start().await);
        let endpoint = bench.endpoint(&receiver.url("/take/x")).await;
        let forged = SigningSecret::draw();
        receiver.secrets(&[&endpoint.secret, forged.expose()]).await;
        assert_eq!(bench.push(endpoint.id, "message-1", 1).await, delivered(200));
        assert_eq!(bench.push(endpoint.id, "message-1", 2).await, delivered(200));
        let log = receiver.log().await;
        assert_eq!(log.len(), 2);
        for message in &log {
            assert_eq!(message["id"], "message-1", "the same at each attempt");
            assert_eq!(message["body"], BODY, "not changed");
            assert_eq!(message["verified"], json!([0]), "by its secret and by no other");
            assert_eq!(message["contentType"], "application/json");
        }

        let now = bench.clock.now_ms();
        let (rotated, _) = bench.webhooks.rotate(endpoint.id, None, now).await.expect("it rotates");
        assert_ne!(rotated.secret, endpoint.secret);
        receiver.secrets(&[&endpoint.secret, &rotated.secret]).await;
        bench.push(endpoint.id, "message-2", 1).await;
        // The signature holds the time: a receiver whose clock is wrong refuses it.
        receiver.ahead(600).await;
        bench.push(endpoint.id, "message-3", 1).await;
        // A day later the old secret signs no more.
        bench.clock.advance_ms(PREVIOUS_FOR_MS);
        receiver.ahead(PREVIOUS_FOR_MS / 1_000).await;
        bench.push(endpoint.id, "message-4", 1).await;
        let log = receiver.log().await;
        let verified: Vec<_> = log[2..].iter().map(|message| &message["verified"]).collect();
        assert_eq!(verified, [&json!([0, 1]), &json!([]), &json!([1])]);
        let signatures: Vec<_> = log.iter().map(|message| message["signatures"].as_i64().unwrap()).collect();
        assert_eq!(signatures, [1, 1, 2, 2, 1]);
    }
}

on_both_databases! {
    async fn every_answer_has_its_outcome_and_its_line_in_the_log(db: TestDb) {
        let (bench, receiver) = (Bench::on(db, Reach::Anywhere).await, Receiver::start().await);
        let seven = Some(Duration::from_secs(7));
        for (path, status, retry_after, says) in [
            ("/status/500/x", 500, None, "it answered 500"),
            ("/status/404/x", 404, None, "it answered 404"),
            ("/status/429/x", 429, seven, "it answered 429"),
            ("/status/503/x", 503, seven, "it answered 503"),
            ("/redirect/x", 302, None, "it answered 302, and redirects are not followed"),
        ] {
            let endpoint = bench.endpoint(&receiver.url(path)).await;
            let (error, of, after) = later(bench.push(endpoint.id, path, 3).await);
            assert_eq!((&*error, of, after), (says, Some(status), retry_after), "{path}");
            let log = bench.store.webhook_attempts(endpoint.id, &[path]).await.unwrap();
            let [attempt] = &*log else { panic!("{log:?}") };
            assert_eq!((attempt.attempt, attempt.status), (3, Some(status)));
            assert_eq!(attempt.error.as_deref(), Some(says));
        }
        let taken = bench.endpoint(&receiver.url("/take/x")).await;
        assert_eq!(bench.push(taken.id, "m", 1).await, delivered(200));
        let log = bench.store.webhook_attempts(taken.id, &["m"]).await.unwrap();
        assert_eq!(log[0].error, None);
        assert_eq!(log[0].answer.as_deref(), Some("thank you "), "without control characters");
        let log = receiver.log().await;
        assert!(log.iter().all(|message| message["path"] != "/take/redirected"), "{log:?}");

        // Old lines leave, and only those.
        bench.clock.advance_ms(1_000);
        bench.push(taken.id, "n", 1).await;
        bench.store.prune(Prunable::WebhookAttempts, bench.clock.now_ms()).await.unwrap();
        let left = bench.store.webhook_attempts(taken.id, &["m", "n"]).await.unwrap();
        assert_eq!(left.iter().map(|attempt| &*attempt.message_id).collect::<Vec<_>>(), ["n"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_never_end_are_cut_off_and_silence_is_tried_again() {
    let bench = Bench::on(TestDb::sqlite().await, Reach::Anywhere).await;
    let receiver = Receiver::start().await;
    // What counts is the status, which came.
    for path in ["/drip/x", "/flood/x"] {
        let endpoint = bench.endpoint(&receiver.url(path)).await;
        assert_eq!(bench.push(endpoint.id, "m", 1).await, delivered(200), "{path}");
        let log = bench.store.webhook_attempts(endpoint.id, &["m"]).await.unwrap();
        let kept = log[0].answer.as_deref().unwrap();
        assert!(!kept.is_empty() && kept.len() <= 1_024, "{path}: {}", kept.len());
    }
    let hangs = bench.endpoint(&receiver.url("/hang/x")).await;
    let (error, status, _) = later(bench.push(hangs.id, "m", 1).await);
    assert_eq!((&*error, status), ("no answer within 2 s", None));
    let cuts = bench.endpoint(&receiver.url("/cut/x")).await;
    let (error, status, _) = later(bench.push(cuts.id, "m", 1).await);
    assert!(error.starts_with("the call failed: ") && status.is_none(), "{error}");
    // A port where no one listens: it was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let closed = bench.endpoint(&format!("http://127.0.0.1:{port}/?token=hush")).await;
    let (error, ..) = later(bench.push(closed.id, "m", 1).await);
    assert!(error.starts_with("cannot connect: ") && !error.contains("hush"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_to_one_endpoint_share_a_connection() {
    let bench = Bench::on(TestDb::sqlite().await, Reach::Anywhere).await;
    let receiver = Receiver::start().await;
    let endpoint = bench.endpoint(&receiver.url("/take/x")).await;
    for message in ["a", "b", "c"] {
        bench.push(endpoint.id, message, 1).await;
    }
    let log = receiver.log().await;
    let connections: Vec<_> = log.iter().map(|message| &message["connection"]).collect();
    assert!(connections.windows(2).all(|pair| pair[0] == pair[1]), "{connections:?}");
}

on_both_databases! {
    async fn an_endpoint_that_is_gone_is_disabled_and_administrators_are_told(db: TestDb) {
        let bench = Bench::on(db, Reach::Anywhere).await;
        let receiver = Receiver::start().await;
        for (role, email) in [(Role::Admin, "a@x.example"), (Role::Admin, "b@x.example"), (Role::User, "c@x.example")] {
            let new = NewUser {
                id: UserId(time_ordered(1)),
                email: email.into(),
                password_hash: String::new(),
                name: "Kim".into(),
                phone_number: None,
                role,
            };
            let made = bench.store.user_create(new, None, 1).await.unwrap();
            assert!(matches!(made, Answered::Now(_)));
        }
        let endpoint = bench.endpoint(&receiver.url("/status/410/x?token=hush")).await;
        assert_eq!(bench.push(endpoint.id, "m", 1).await, PushOutcome::Gone);
        assert!(!bench.is_enabled(endpoint.id).await);
        let next = bench.push(endpoint.id, "n", 1).await;
        let PushOutcome::Never(reason) = next else { panic!("{next:?}") };
        assert_eq!(reason, "the webhook is disabled: it answered 410 Gone");
        assert_eq!(receiver.log().await.len(), 1, "nothing is sent to it");
        let notices = bench._db.texts("SELECT payload FROM notices WHERE kind = 'webhook.disabled'").await;
        assert_eq!(notices.len(), 2, "one for each administrator");
        assert!(notices.iter().all(|notice| notice.contains("410 Gone") && !notice.contains("hush")));
        bench.enable(endpoint.id).await;
        assert_eq!(bench.push(endpoint.id, "n", 1).await, PushOutcome::Gone);
        bench.webhooks.delete(endpoint.id, None, 1).await.unwrap();
        let gone = bench.push(endpoint.id, "n", 1).await;
        assert_eq!(gone, PushOutcome::Never("the webhook was deleted".into()));
    }
}

on_both_databases! {
    async fn an_endpoint_that_takes_nothing_for_days_is_disabled(db: TestDb) {
        let (bench, receiver) = (Bench::on(db, Reach::Anywhere).await, Receiver::start().await);
        let endpoint = bench.endpoint(&receiver.url("/status/500/x")).await;
        let last = u32::try_from(RETRIES.len()).unwrap() + 1;
        for message in 1..GIVEN_UP {
            // Attempts before the last give nothing up.
            later(bench.push(endpoint.id, &message.to_string(), last - 1).await);
            later(bench.push(endpoint.id, &message.to_string(), last).await);
        }
        // One that arrives proves that it is alive.
        let edit = |path| EndpointEdit { url: Some(receiver.url(path)), ..EndpointEdit::default() };
        bench.webhooks.change(endpoint.id, &edit("/take/x"), None, 1).await.unwrap();
        assert_eq!(bench.push(endpoint.id, "alive", 1).await, delivered(200));
        bench.webhooks.change(endpoint.id, &edit("/status/500/x"), None, 1).await.unwrap();
        for message in 1..GIVEN_UP {
            later(bench.push(endpoint.id, &format!("b{message}"), last).await);
        }
        assert!(bench.is_enabled(endpoint.id).await);
        later(bench.push(endpoint.id, "one too many", last).await);
        assert!(!bench.is_enabled(endpoint.id).await);
        let row = bench.webhooks.endpoint(endpoint.id).await.unwrap();
        let reason = row.disabled.expect("it is disabled").reason;
        assert_eq!(reason, "5 messages in a row were given up; the last error: it answered 500");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn private_addresses_are_not_called_by_name_or_by_number() {
    let bench = Bench::on(TestDb::sqlite().await, Reach::Anywhere).await;
    let receiver = Receiver::start().await;
    let by_number = bench.endpoint(&receiver.url("/take/number")).await;
    let by_name = receiver.url("/take/name").replace("127.0.0.1", "localhost");
    let by_name = bench.endpoint(&by_name).await;
    assert_eq!(bench.push(by_number.id, "m", 1).await, delivered(200));
    assert_eq!(bench.push(by_name.id, "m", 1).await, delivered(200));
    // The same endpoints where the setting is off.
    let (store, clock) = (bench.store.clone(), bench.clock.clone());
    let strict = Webhooks::new(store, clock, Reach::Public, TIMEOUT).expect("a client");
    let strict = Bench { webhooks: strict, ..bench };
    let outcome = strict.push(by_number.id, "n", 1).await;
    let PushOutcome::Never(error) = outcome else { panic!("{outcome:?}") };
    assert!(error.starts_with("the URL must be at a public address"), "{error}");
    let (error, ..) = later(strict.push(by_name.id, "n", 1).await);
    assert_eq!(error, "cannot connect: the name has an address that is not public");
    assert_eq!(receiver.log().await.len(), 2, "nothing was sent");
}
