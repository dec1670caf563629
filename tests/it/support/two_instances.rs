//! Two instances in the process of a test, on a real Redis and a journal in memory, with a
//! connection between them that the test can control.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use crate::support::test_db::eventually;
use admitone::box_office::{BoxOffices, Settings};
use admitone::clock::SystemClock;
use admitone::cluster::lease::RedisLeases;
use admitone::cluster::pubsub::{PubSub, RedisPubSub, Subscription};
use admitone::cluster::{Cluster, HeartbeatLoop, Member, Network, NetworkError};
use admitone::executor::Executor;
use admitone::ids::{HoldId, InstanceId, OfferingId, ProductId, Seq, UserId};
use admitone::inventory::{
    Change, Command, Definition, LineRequest, Policy, ProductDefinition, Request, RowDefinition,
    SaleState, SaleWindow, SectionDefinition, TimestampMs,
};
use admitone::journal::memory::MemoryJournal;
use admitone::journal::{
    Append, AppendError, Appended, Head, Journal, LoadError, Loaded, Owner, Record, Row, Snapshot,
};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use uuid::Uuid;

const LEASE_TTL: Duration = Duration::from_secs(4);

/// The journal of both instances, which counts the loads.
pub struct CountingJournal {
    memory: MemoryJournal,
    loads: AtomicU32,
}

impl Journal for CountingJournal {
    fn append(&self, append: Append) -> BoxFuture<'_, Result<Appended, AppendError>> {
        self.memory.append(append)
    }
    fn head(&self, offering: OfferingId) -> BoxFuture<'_, Result<Head, LoadError>> {
        self.memory.head(offering)
    }
    fn owner(&self, offering: OfferingId) -> BoxFuture<'_, Result<Option<Owner>, LoadError>> {
        self.memory.owner(offering)
    }
    fn database_now(&self) -> BoxFuture<'_, Result<TimestampMs, LoadError>> {
        self.memory.database_now()
    }
    fn load_before(
        &self,
        offering: OfferingId,
        before: Seq,
    ) -> BoxFuture<'_, Result<Loaded, LoadError>> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        self.memory.load_before(offering, before)
    }
    fn load_after(
        &self,
        offering: OfferingId,
        from: Head,
    ) -> BoxFuture<'_, Result<Option<Loaded>, LoadError>> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        self.memory.load_after(offering, from)
    }
    fn row(
        &self,
        offering: OfferingId,
        seq: Seq,
    ) -> BoxFuture<'_, Result<Option<(Row, Record)>, LoadError>> {
        self.memory.row(offering, seq)
    }
    fn keep_snapshot(
        &self,
        offering: OfferingId,
        snapshot: Snapshot,
    ) -> BoxFuture<'_, Result<bool, LoadError>> {
        self.memory.keep_snapshot(offering, snapshot)
    }
    fn replace_snapshots(
        &self,
        offering: OfferingId,
        snapshot: Snapshot,
    ) -> BoxFuture<'_, Result<bool, LoadError>> {
        self.memory.replace_snapshots(offering, snapshot)
    }
    fn due(
        &self,
        now: TimestampMs,
        limit: u64,
    ) -> BoxFuture<'_, Result<Vec<OfferingId>, LoadError>> {
        self.memory.due(now, limit)
    }
}

/// Connections between instances in one process.
#[derive(Default)]
pub struct Wires {
    pub offices: Mutex<HashMap<Arc<str>, Weak<BoxOffices>>>,
    asked: AtomicU32,
    /// Number of questions still to hold back.
    pub to_hold_back: AtomicU32,
    held_back: Mutex<Vec<(Arc<str>, Bytes)>>,
}

impl Wires {
    /// Delivers the questions held back; their senders have long given up.
    pub async fn deliver(&self) {
        let held_back = std::mem::take(&mut *self.held_back.lock().unwrap());
        assert!(!held_back.is_empty(), "something was held back");
        for (address, question) in held_back {
            let offices = self.offices.lock().unwrap().get(&address).and_then(Weak::upgrade);
            offices.expect("it still runs").answer(&question).await.unwrap();
        }
    }
}

pub struct Wire(Arc<Wires>);

impl Network for Wire {
    fn ask(
        &self,
        address: Arc<str>,
        question: Bytes,
        timeout: Duration,
    ) -> BoxFuture<'static, Result<Bytes, NetworkError>> {
        let wires = Arc::clone(&self.0);
        async move {
            wires.asked.fetch_add(1, Ordering::SeqCst);
            let left = |left: u32| left.checked_sub(1);
            let (set, get) = (Ordering::SeqCst, Ordering::SeqCst);
            if wires.to_hold_back.fetch_update(set, get, left).is_ok() {
                wires.held_back.lock().unwrap().push((Arc::clone(&address), question));
                return Err(NetworkError::NoAnswer(address));
            }
            let offices = wires.offices.lock().unwrap().get(&address).and_then(Weak::upgrade);
            let offices = offices.ok_or_else(|| NetworkError::Refused(Arc::clone(&address)))?;
            let answered = tokio::time::timeout(timeout, offices.answer(&question)).await;
            answered.ok().and_then(Result::ok).ok_or(NetworkError::NoAnswer(address))
        }
        .boxed()
    }
}

/// A feed that loses messages when they are sent.
pub struct Lossy {
    feed: RedisPubSub,
    pub to_lose: AtomicU32,
}

impl PubSub for Lossy {
    fn publish(&self, topic: Uuid, message: Bytes) {
        let lose = |left: u32| left.checked_sub(1);
        if self.to_lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, lose).is_err() {
            self.feed.publish(topic, message);
        }
    }

    fn subscribe(&self, topic: Uuid) -> Subscription {
        self.feed.subscribe(topic)
    }
}

pub struct Instance {
    pub name: &'static str,
    pub cluster: Arc<Cluster>,
    pub offices: Arc<BoxOffices>,
    pub feed: Arc<Lossy>,
    _keeper: HeartbeatLoop,
}

/// Two instances and an offering that `a` owns.
pub struct TwoInstances {
    pub a: Instance,
    pub b: Instance,
    pub journal: Arc<CountingJournal>,
    pub wires: Arc<Wires>,
    pub offering: OfferingId,
}

impl TwoInstances {
    pub async fn shared() -> Self {
        let url = std::env::var("ADMITONE_TEST_REDIS_URL").unwrap_or_else(|_| {
            panic!("this test needs Redis (ADMITONE_TEST_REDIS_URL is not set): use tests/run")
        });
        Self::on(&url).await
    }

    pub async fn on(url: &str) -> Self {
        let stage = Self::asleep_on(url).await;
        stage.a.offices.move_to(stage.offering, "a").await.unwrap();
        stage
    }

    /// Returns two instances of which neither owns the offering yet.
    pub async fn asleep_on(url: &str) -> Self {
        let memory = MemoryJournal::new(Arc::new(SystemClock::new()));
        let journal = Arc::new(CountingJournal { memory, loads: AtomicU32::new(0) });
        let offering = OfferingId::random();
        journal.memory.create(offering, definition());
        let (wires, prefix) = (Arc::default(), format!("test-{:016x}", rand::random::<u64>()));
        let a = instance("a", url, &prefix, &wires, &journal).await;
        let b = instance("b", url, &prefix, &wires, &journal).await;
        let all = |it: &Instance| it.cluster.view().live_members().count() == 2;
        eventually("they know each other", async || all(&a) && all(&b)).await;
        Self { a, b, journal, wires, offering }
    }

    pub fn loads(&self) -> u32 {
        self.journal.loads.load(Ordering::SeqCst)
    }

    pub fn asked(&self) -> u32 {
        self.wires.asked.load(Ordering::SeqCst)
    }

    pub async fn epoch(&self) -> u64 {
        self.journal.head(self.offering).await.unwrap().epoch.0
    }

    /// Holds a place at the instance; returns the seq of its row.
    pub async fn hold(&self, at: &Instance) -> Seq {
        let lines = vec![LineRequest::Quantity { product: ProductId(0), quantity: 1 }];
        let (hold, customer) = (HoldId::random(), UserId::random());
        let command = Command::PlaceHold { hold, customer, lines };
        self.submit(at, command).await.0
    }

    pub async fn submit(&self, at: &Instance, command: Command) -> (Seq, Vec<Change>) {
        let request = Request { command, idempotency: None };
        let committed = at.offices.submit(self.offering, request).await.unwrap();
        (committed.seq, committed.transition.changes.clone())
    }

    pub async fn seq_at(&self, instance: &Instance) -> Seq {
        instance.offices.view(self.offering).await.unwrap().seq
    }

    pub async fn shows(&self, instance: &Instance, seq: Seq) {
        let what = format!("{} shows row {seq}", instance.name);
        eventually(&what, async || self.seq_at(instance).await >= seq).await;
    }

    /// Checks that both instances show the same view, to the last seat.
    pub async fn agree(&self) {
        let [a, b] = [&self.a, &self.b].map(|it| it.offices.view(self.offering));
        assert_eq!(a.await.unwrap(), b.await.unwrap());
    }
}

async fn instance(
    name: &'static str,
    url: &str,
    prefix: &str,
    wires: &Arc<Wires>,
    journal: &Arc<CountingJournal>,
) -> Instance {
    let incarnation = InstanceId::random();
    let me =
        Member { name: name.into(), incarnation, address: name.into(), weight: 1, leaving: false };
    let settings = admitone::cluster::Settings {
        lease_ttl: LEASE_TTL,
        settle: Duration::from_secs(600),
        ..Default::default()
    };
    let leases = RedisLeases::connect(url, prefix, name.into()).await.unwrap();
    let feed = RedisPubSub::start(url, prefix, "feed").unwrap();
    let feed = Arc::new(Lossy { feed, to_lose: AtomicU32::new(0) });
    let network = Arc::new(Wire(Arc::clone(wires)));
    let clock = Arc::new(SystemClock::new());
    let cluster = Cluster::of_many(me, settings, clock.clone(), Arc::new(leases), network)
        .with_feed(feed.clone());
    let executor = Executor::Threads(tokio::runtime::Handle::current());
    let keeper = HeartbeatLoop::join(Arc::clone(&cluster), &executor).await.unwrap();
    let settings = Settings { instance: incarnation, address: name.into(), ..Settings::default() };
    let (kept, journal) = (Arc::clone(&cluster), Arc::clone(journal));
    let offices = BoxOffices::start_in(kept, journal, clock, settings, executor);
    wires.offices.lock().unwrap().insert(name.into(), Arc::downgrade(&offices));
    Instance { name, cluster, offices, feed, _keeper: keeper }
}

fn definition() -> Definition {
    let product = |capacity| ProductDefinition {
        price: 1_000,
        capacity,
        max_per_customer: None,
        sale: SaleWindow::default(),
    };
    let rows = vec![RowDefinition { name: "A".into(), seats: 10 }];
    Definition {
        currency: *b"KRW",
        products: vec![product(Some(1_000_000)), product(None)],
        sections: vec![SectionDefinition { name: "Stalls".into(), product: ProductId(1), rows }],
        policy: Policy::default(),
        sale: SaleWindow::default(),
        sale_state: SaleState::Open,
    }
}
