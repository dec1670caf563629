//! The relay: every message reaches every destination that wants it, whatever fails in between.

mod claims;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use admitone::clock::Clock;
use admitone::ids::ReservationId;
use admitone::inventory::{Command, OfferingChange};
use admitone::journal::Head;
use admitone::journal::messages;
use admitone::outbox::{Audience, Destination, Destinations, Outcome, Relay, Stream, Subscription};
use admitone::store::{DeliveryFilter, DeliveryRow, DeliveryState, NewNotice, Store, StoreError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::support::payments::{PRICE, PaymentsFixture};
use crate::support::private_redis::PrivateRedis;
use crate::support::test_db::TestDb;

const PAUSES: [Duration; 3] =
    [Duration::from_secs(300), Duration::from_secs(900), Duration::from_secs(3_600)];

type Answer = dyn Fn(&DeliveryRow) -> Outcome + Send + Sync;

/// A destination that notes what it gets, and answers as it is told to.
struct Recorder {
    family: &'static str,
    kinds: Option<Vec<String>>,
    got: Mutex<Vec<DeliveryRow>>,
    answer: Box<Answer>,
    hangs: AtomicBool,
}

impl Recorder {
    fn new(
        family: &'static str,
        answer: impl Fn(&DeliveryRow) -> Outcome + Send + Sync + 'static,
    ) -> Arc<Self> {
        let (got, hangs) = (Mutex::default(), AtomicBool::new(false));
        Arc::new(Self { family, kinds: None, got, answer: Box::new(answer), hangs })
    }

    /// Takes everything of these kinds.
    fn of_kinds(family: &'static str, kinds: &[&str]) -> Arc<Self> {
        let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        let (got, hangs) = (Mutex::default(), AtomicBool::new(false));
        let answer = Box::new(|_: &DeliveryRow| Outcome::Delivered);
        Arc::new(Self { family, kinds: Some(kinds), got, answer, hangs })
    }

    fn bodies(&self) -> Vec<Value> {
        let got = self.got.lock().unwrap();
        got.iter().map(|row| serde_json::from_str(&row.body).unwrap()).collect()
    }

    fn ids(&self) -> BTreeSet<String> {
        self.got.lock().unwrap().iter().map(|row| row.message_id.clone()).collect()
    }
}

impl Destination for Recorder {
    fn family(&self) -> &'static str {
        self.family
    }

    fn subscriptions(&self) -> BoxFuture<'_, Result<Vec<Subscription>, StoreError>> {
        let one = Subscription {
            destination: self.family.into(),
            kinds: self.kinds.clone(),
            offering: None,
            is_personal: false,
        };
        std::future::ready(Ok(vec![one])).boxed()
    }

    fn deliver<'a>(&'a self, delivery: &'a DeliveryRow) -> BoxFuture<'a, Outcome> {
        async move {
            if self.hangs.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            self.got.lock().unwrap().push(delivery.clone());
            (self.answer)(delivery)
        }
        .boxed()
    }

    fn pauses(&self) -> &[Duration] {
        &PAUSES
    }

    fn at_once(&self) -> usize {
        8
    }
}

fn relay(till: &PaymentsFixture, destinations: &[Arc<Recorder>]) -> Relay {
    let all: Destinations =
        destinations.iter().map(|one| Arc::clone(one) as Arc<dyn Destination>).collect();
    Relay::new(till.store.clone(), till.clock.clone(), all)
}

async fn expand_all(relay: &Relay) {
    while relay.expand_once().await.unwrap() > 0 {}
}

/// Buys `count` tickets, and cancels the last one.
async fn sell(till: &PaymentsFixture, count: usize) -> Vec<ReservationId> {
    let customer = till.customer(PRICE * i64::try_from(count).unwrap()).await;
    let mut sold = Vec::new();
    for nth in 0..count {
        let reservation = till.reserve(customer).await;
        till.pay(customer, reservation, &format!("k{nth}")).await.expect("pays");
        sold.push(reservation);
    }
    till.cancel(customer, *sold.last().unwrap()).await.expect("cancels");
    sold
}

async fn rows(store: &Store, state: DeliveryState) -> Vec<DeliveryRow> {
    let filter = DeliveryFilter { state: Some(state), destination: None };
    store.delivery_list(&filter, None, 1_000).await.unwrap()
}

/// Checks that each message follows the one before it.
fn check_chain(bodies: &[Value]) {
    let mut by_place: BTreeMap<(u64, u64), &Value> = BTreeMap::new();
    for body in bodies {
        let place = (body["seq"].as_u64().unwrap(), body["position"].as_u64().unwrap());
        by_place.insert(place, body);
    }
    let mut previous = json!("0");
    for body in by_place.values() {
        assert_eq!(body["previous"], previous, "{body}");
        previous = body["cursor"].clone();
    }
}

on_both_databases! {
    async fn every_message_reaches_every_destination_and_names_the_one_before_it(db: TestDb) {
        let till = PaymentsFixture::open(db, 20).await;
        sell(&till, 5).await;
        let (first, second) =
            (Recorder::new("stream", |_| Outcome::Delivered), Recorder::new("mail", |_| Outcome::Delivered));
        let relay = relay(&till, &[first.clone(), second.clone()]);
        expand_all(&relay).await;
        // More are due than are claimed at a time.
        for _ in 0..4 {
            relay.deliver_once().await.unwrap();
        }
        assert_eq!(first.ids(), second.ids());
        let bodies = first.bodies();
        check_chain(&bodies);
        let of = |kind: &str| bodies.iter().filter(|body| body["type"] == kind).count();
        let counts = ["reservation.created", "payment.completed", "reservation.confirmed", "reservation.cancelled"].map(of);
        assert_eq!(counts, [5, 5, 5, 1]);
        assert_eq!(bodies.len(), 16);
        let created = bodies.iter().find(|body| body["type"] == "reservation.created").unwrap();
        assert_eq!(created["name"], "ReservationCreated");
        assert_eq!(created["data"]["totalPrice"], PRICE);
        assert_eq!(created["eventId"], till.offering.to_string());
        // Nothing is left, and nothing comes twice.
        let before = first.got.lock().unwrap().len();
        expand_all(&relay).await;
        relay.deliver_once().await.unwrap();
        assert_eq!(first.got.lock().unwrap().len(), before);
        assert_eq!(rows(&till.store, DeliveryState::Done).await.len(), 32);
    }

    async fn the_outbox_and_the_journal_tell_the_same_messages(db: TestDb) {
        let till = PaymentsFixture::open(db, 20).await;
        let customer = till.customer(PRICE - 1).await;
        let poor = till.reserve(customer).await;
        till.pay(customer, poor, "k").await.expect_err("too little money");
        sell(&till, 3).await;
        for _ in 0..3 {
            till.reserve(customer).await;
        }
        till.let_pay_windows_pass().await;
        let journal = till.store.journal_rows(till.offering, Head::EMPTY, 1_000).await.unwrap();
        let of_journal = journal.iter().flat_map(|(row, record)| messages::of_row(row, record));
        let mut told: BTreeMap<_, _> =
            of_journal.map(|message| (message.position, message.kind.to_owned())).collect();
        let of_outbox = till.store.outbox_of(till.offering, 1_000).await.unwrap();
        for row in &of_outbox {
            assert_eq!(told.remove(&row.position).as_ref(), Some(&row.kind), "{row:?}");
        }
        let mut kinds: Vec<_> = of_outbox.into_iter().map(|row| row.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let expected = ["payment.failed", "reservation.cancelled", "reservation.confirmed", "reservation.created", "reservation.expired"];
        assert_eq!(kinds, expected);
        // The one kind that takes no row of its own.
        assert!(told.values().all(|kind| kind == "payment.completed"), "{told:?}");
        assert_eq!(told.len(), 3);
    }

    async fn what_fails_is_tried_at_the_stated_times_and_then_parked(db: TestDb) {
        let till = PaymentsFixture::open(db, 5).await;
        sell(&till, 1).await;
        let later = |error: &str| Outcome::Later { error: error.into(), after: None };
        let failing = Recorder::new("mail", move |row| match row.kind.as_str() {
            "reservation.confirmed" => later("451 try again"),
            "reservation.cancelled" => Outcome::Never("550 no such mailbox".into()),
            _ => Outcome::Unneeded("no mail for it"),
        });
        let relay = relay(&till, std::slice::from_ref(&failing));
        expand_all(&relay).await;
        relay.deliver_once().await.unwrap();
        let parked = rows(&till.store, DeliveryState::Parked).await;
        assert_eq!(parked.len(), 1);
        assert_eq!(parked[0].error.as_deref(), Some("550 no such mailbox"));
        let mut waited = Vec::new();
        for _ in 0..3 {
            let waiting = rows(&till.store, DeliveryState::Waiting).await;
            assert_eq!(waiting.len(), 1);
            assert_eq!(waiting[0].error.as_deref(), Some("451 try again"));
            let pause = waiting[0].next_try_at - till.clock.now_ms();
            waited.push(pause / 1_000);
            till.clock.advance_ms(pause - 1);
            let before = failing.got.lock().unwrap().len();
            relay.deliver_once().await.unwrap();
            assert_eq!(failing.got.lock().unwrap().len(), before, "too early");
            till.clock.advance_ms(1);
            relay.deliver_once().await.unwrap();
        }
        assert_eq!(waited, [300, 900, 3_600]);
        let parked = rows(&till.store, DeliveryState::Parked).await;
        assert_eq!(parked.len(), 2);
        // An administrator has it tried again: it begins anew.
        let id = parked.iter().find(|row| row.attempts == 4).expect("the one of four attempts").id;
        assert!(till.store.delivery_retry(id, till.clock.now_ms()).await.unwrap());
        relay.deliver_once().await.unwrap();
        let again = till.store.delivery_get(id).await.unwrap().unwrap();
        assert_eq!((again.state, again.attempts), (DeliveryState::Waiting, 1));
        assert!(till.store.delivery_cancel(id, till.clock.now_ms()).await.unwrap());
        assert!(!till.store.delivery_cancel(id, till.clock.now_ms()).await.unwrap());
    }

    async fn a_destination_that_is_away_costs_no_attempt(db: TestDb) {
        let till = PaymentsFixture::open(db, 5).await;
        sell(&till, 2).await;
        let is_away = Arc::new(AtomicBool::new(true));
        let asked = is_away.clone();
        let stream = Recorder::new("stream", move |_| match asked.load(Ordering::SeqCst) {
            true => Outcome::Away("connection refused".into()),
            false => Outcome::Delivered,
        });
        let relay = relay(&till, std::slice::from_ref(&stream));
        expand_all(&relay).await;
        for _ in 0..10 {
            relay.deliver_once().await.unwrap();
            till.clock.advance_ms(60_000);
        }
        is_away.store(false, Ordering::SeqCst);
        relay.deliver_once().await.unwrap();
        assert!(rows(&till.store, DeliveryState::Waiting).await.is_empty());
        assert!(rows(&till.store, DeliveryState::Parked).await.is_empty());
        assert!(rows(&till.store, DeliveryState::Done).await.iter().all(|row| row.attempts == 1));
    }

    async fn a_process_that_dies_with_claims_loses_none(db: TestDb) {
        let till = PaymentsFixture::open(db, 10).await;
        sell(&till, 3).await;
        let hanging = Recorder::new("mail", |_| Outcome::Delivered);
        hanging.hangs.store(true, Ordering::SeqCst);
        let died = relay(&till, std::slice::from_ref(&hanging));
        expand_all(&died).await;
        let dying = tokio::spawn(async move { died.deliver_once().await });
        let claimed = async {
            while till.db.count("SELECT count(*) FROM deliveries WHERE attempts > 0").await < 10 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), claimed).await.expect("claims");
        dying.abort();
        let other = Recorder::new("mail", |_| Outcome::Delivered);
        let living = relay(&till, std::slice::from_ref(&other));
        living.deliver_once().await.unwrap();
        assert!(other.ids().is_empty(), "the claims are still valid");
        till.clock.advance_ms(180_000);
        living.deliver_once().await.unwrap();
        assert_eq!(other.ids().len(), 10);
        assert!(rows(&till.store, DeliveryState::Waiting).await.is_empty());
    }

    async fn several_relays_share_the_work_and_one_that_hangs_holds_up_no_other(db: TestDb) {
        let mut till = PaymentsFixture::open(db, 40).await;
        let mails: Vec<_> = (0..3).map(|_| Recorder::new("mail", |_| Outcome::Delivered)).collect();
        let streams: Vec<_> = (0..3).map(|_| Recorder::new("stream", |_| Outcome::Delivered)).collect();
        for stream in &streams {
            stream.hangs.store(true, Ordering::SeqCst);
        }
        let running: Vec<_> = mails.iter().zip(&streams)
            .map(|(mail, stream)| relay(&till, &[mail.clone(), stream.clone()]).spawn(&Handle::current()))
            .collect();
        sell(&till, 12).await;
        till.another_event(20).await;
        sell(&till, 6).await;
        let all = 2 * 18 + 18 + 2;
        let done = async {
            let count = "SELECT count(*) FROM deliveries WHERE destination = 'mail' AND state = 'DONE'";
            while till.db.count(count).await < all {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), done).await.expect("all mails are delivered");
        let ids: Vec<_> = mails.iter().map(|mail| mail.ids()).collect();
        let sum: usize = ids.iter().map(BTreeSet::len).sum();
        assert_eq!(i64::try_from(sum).unwrap(), all, "each mail was sent by one relay");
        drop(running);
    }
}

on_both_databases! {
    async fn what_concerns_everyone_with_places_reaches_each_of_them_once(db: TestDb) {
        let till = PaymentsFixture::open(db, 20).await;
        let (mut holders, mut without) = (BTreeSet::new(), BTreeSet::new());
        for nth in 0..6 {
            let customer = till.customer(2 * PRICE).await;
            for key in ["a", "b"] {
                let reservation = till.reserve(customer).await;
                if nth < 4 {
                    till.pay(customer, reservation, key).await.expect("pays");
                }
            }
            if nth < 4 { holders.insert(customer) } else { without.insert(customer) };
        }
        let now = till.clock.now_ms();
        let day = 24 * 3_600_000;
        let change = OfferingChange {
            starts_at: Some(now + 30 * day),
            ends_at: Some(now + 31 * day),
            ..OfferingChange::default()
        };
        till.submit(Command::ChangeOffering { change }).await.expect("is moved");
        let mut mail = Recorder::new("mail", |_| Outcome::Delivered);
        Arc::get_mut(&mut mail).unwrap().kinds = Some(Vec::new());
        let audience = Arc::new(Audience::new(till.store.clone(), till.clock.clone(), "mail"));
        let all: Destinations = vec![mail.clone(), audience];
        let relay = Relay::new(till.store.clone(), till.clock.clone(), all);
        expand_all(&relay).await;
        for _ in 0..2 {
            relay.deliver_once().await.unwrap();
        }
        // As if the process had died before it noted the end.
        till.db.sql("UPDATE deliveries SET state = 'WAITING' WHERE destination = 'audience'").await;
        for _ in 0..2 {
            relay.deliver_once().await.unwrap();
        }
        let got = mail.got.lock().unwrap();
        assert_eq!(got.iter().filter_map(|row| row.user).collect::<BTreeSet<_>>(), holders);
        assert_eq!(got.len(), 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_reaches_the_destinations_that_want_its_kind_and_no_other() {
    let till = PaymentsFixture::open(TestDb::sqlite().await, 1).await;
    let user = till.customer(0).await;
    let notice = NewNotice {
        kind: "account.password_reset",
        offering: None,
        user: Some(user),
        payload: json!({ "link": "a secret" }),
    };
    till.store.notice_put(&notice, till.clock.now_ms()).await.unwrap();
    let mail = Recorder::of_kinds("mail", &["account.password_reset"]);
    let stream = Recorder::new("stream", |_| Outcome::Delivered);
    let relay = relay(&till, &[mail.clone(), stream.clone()]);
    expand_all(&relay).await;
    relay.deliver_once().await.unwrap();
    assert_eq!(mail.got.lock().unwrap()[0].user, Some(user));
    assert!(stream.ids().is_empty(), "the link is as good as a password");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_survives_a_redis_that_was_away() {
    let till = PaymentsFixture::open(TestDb::sqlite().await, 10).await;
    let mut redis = PrivateRedis::start();
    let client = redis::Client::open(redis.url()).unwrap();
    let stream = Arc::new(Stream::new(&redis.url(), "").unwrap());
    let relay = Relay::new(till.store.clone(), till.clock.clone(), vec![stream]);
    sell(&till, 2).await;
    redis.stop();
    expand_all(&relay).await;
    relay.deliver_once().await.unwrap();
    assert_eq!(rows(&till.store, DeliveryState::Waiting).await.len(), 7);
    redis.up();
    till.clock.advance_ms(60_000);
    for _ in 0..2 {
        relay.deliver_once().await.unwrap();
    }
    assert_eq!(rows(&till.store, DeliveryState::Done).await.len(), 7);
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let entries: Vec<(String, Vec<String>)> = redis::cmd("XRANGE")
        .arg("{admitone}:events")
        .arg("-")
        .arg("+")
        .query_async(&mut connection)
        .await
        .unwrap();
    let bodies: Vec<Value> = entries
        .iter()
        .map(|(_, fields)| {
            let at = fields.iter().position(|field| field == "body").unwrap();
            serde_json::from_str(&fields[at + 1]).unwrap()
        })
        .collect();
    assert_eq!(bodies.len(), 7);
    check_chain(&bodies);
}
