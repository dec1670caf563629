//! Reads anywhere: what an instance shows of an offering that another one owns, over a real Redis,
//! and what it shows while that is away.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use admitone::box_office::{BoxOffices, Settings, Unavailable};
use admitone::clock::SystemClock;
use admitone::cluster::feed::{Feed, RedisFeed, Subscription};
use admitone::cluster::lease::RedisLeases;
use admitone::cluster::{Cluster, Keeper, Member, Network, NetworkError};
use admitone::executor::Executor;
use admitone::ids::{HoldId, InstanceId, OfferingId, ProductId, SectionId, Seq, UserId};
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
use tokio::time::Instant;

use crate::private_redis::PrivateRedis;
use crate::test_db::eventually;

const LEASE_TTL: Duration = Duration::from_secs(4);
/// What an answer may be older than what is durable.
const STALE_AT_MOST: Duration = Duration::from_secs(2);

/// The database of both instances.
struct CountingJournal {
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
    fn load(&self, offering: OfferingId) -> BoxFuture<'_, Result<Loaded, LoadError>> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        self.memory.load(offering)
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
    fn due(
        &self,
        now: TimestampMs,
        limit: u64,
    ) -> BoxFuture<'_, Result<Vec<OfferingId>, LoadError>> {
        self.memory.due(now, limit)
    }
}

/// Wires between instances in one process.
#[derive(Default)]
struct Wires {
    offices: Mutex<HashMap<Arc<str>, Weak<BoxOffices>>>,
    asked: AtomicU32,
}

struct Wire(Arc<Wires>);

impl Network for Wire {
    fn ask(
        &self,
        address: Arc<str>,
        question: Bytes,
        patience: Duration,
    ) -> BoxFuture<'static, Result<Bytes, NetworkError>> {
        let wires = Arc::clone(&self.0);
        async move {
            wires.asked.fetch_add(1, Ordering::SeqCst);
            let offices = wires.offices.lock().unwrap().get(&address).and_then(Weak::upgrade);
            let offices = offices.ok_or_else(|| NetworkError::Refused(Arc::clone(&address)))?;
            let answered = tokio::time::timeout(patience, offices.answer(&question)).await;
            answered.ok().and_then(Result::ok).ok_or(NetworkError::NoAnswer(address))
        }
        .boxed()
    }
}

/// A feed that loses messages on their way out.
struct Lossy {
    feed: RedisFeed,
    to_lose: AtomicU32,
}

impl Feed for Lossy {
    fn publish(&self, offering: OfferingId, message: Bytes) {
        let lose = |left: u32| left.checked_sub(1);
        if self.to_lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, lose).is_err() {
            self.feed.publish(offering, message);
        }
    }

    fn subscribe(&self, offering: OfferingId) -> Subscription {
        self.feed.subscribe(offering)
    }
}

struct Instance {
    name: &'static str,
    cluster: Arc<Cluster>,
    offices: Arc<BoxOffices>,
    feed: Arc<Lossy>,
    _keeper: Keeper,
}

/// Two instances and an offering that `a` owns.
struct Stage {
    a: Instance,
    b: Instance,
    journal: Arc<CountingJournal>,
    wires: Arc<Wires>,
    offering: OfferingId,
}

impl Stage {
    async fn shared() -> Self {
        let url = std::env::var("ADMITONE_TEST_REDIS_URL").unwrap_or_else(|_| {
            panic!("this test needs Redis (ADMITONE_TEST_REDIS_URL is not set): use tests/run")
        });
        Self::on(&url).await
    }

    async fn on(url: &str) -> Self {
        let stage = Self::asleep_on(url).await;
        stage.a.offices.move_to(stage.offering, "a").await.unwrap();
        stage
    }

    /// Nobody owns the offering yet.
    async fn asleep_on(url: &str) -> Self {
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

    fn loads(&self) -> u32 {
        self.journal.loads.load(Ordering::SeqCst)
    }

    fn asked(&self) -> u32 {
        self.wires.asked.load(Ordering::SeqCst)
    }

    async fn epoch(&self) -> u64 {
        self.journal.head(self.offering).await.unwrap().epoch.0
    }

    /// Holds a place at the instance, and says in which row.
    async fn hold(&self, at: &Instance) -> Seq {
        let lines = vec![LineRequest::Quantity { product: ProductId(0), quantity: 1 }];
        let (hold, customer) = (HoldId::random(), UserId::random());
        let command = Command::PlaceHold { hold, customer, lines };
        self.submit(at, command).await.0
    }

    async fn submit(&self, at: &Instance, command: Command) -> (Seq, Vec<Change>) {
        let request = Request { command, idempotency: None };
        let committed = at.offices.submit(self.offering, request).await.unwrap();
        (committed.seq, committed.transition.changes.clone())
    }

    async fn seq_at(&self, instance: &Instance) -> Seq {
        instance.offices.view(self.offering).await.unwrap().seq
    }

    async fn shows(&self, instance: &Instance, seq: Seq) {
        let what = format!("{} shows row {seq}", instance.name);
        eventually(&what, async || self.seq_at(instance).await >= seq).await;
    }

    /// Both show the same, to the last seat.
    async fn agree(&self) {
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
    let feed = RedisFeed::start(url, prefix).unwrap();
    let feed = Arc::new(Lossy { feed, to_lose: AtomicU32::new(0) });
    let network = Arc::new(Wire(Arc::clone(wires)));
    let clock = Arc::new(SystemClock::new());
    let cluster = Cluster::of_many(me, settings, clock.clone(), Arc::new(leases), network)
        .with_feed(feed.clone());
    let executor = Executor::Threads(tokio::runtime::Handle::current());
    let keeper = Keeper::join(Arc::clone(&cluster), &executor).await.unwrap();
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_at_the_owner_shows_elsewhere_at_once_and_nothing_is_loaded() {
    let stage = Stage::shared().await;
    stage.hold(&stage.a).await;
    stage.shows(&stage.b, Seq(3)).await;
    // What was said before the subscription came about is noticed by the next that is said.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let (loads, asked) = (stage.loads(), stage.asked());
    for _ in 0..5 {
        let seq = stage.hold(&stage.a).await;
        let began = Instant::now();
        stage.shows(&stage.b, seq).await;
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }
    for _ in 0..10_000 {
        stage.seq_at(&stage.b).await;
    }
    assert_eq!(stage.loads(), loads, "nothing was loaded");
    assert_eq!(stage.asked(), asked, "and nobody was asked: it came over the feed");
    stage.agree().await;
    assert_eq!(stage.b.offices.live(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_a_follower_keeps_up_without_asking() {
    let stage = Stage::shared().await;
    stage.shows(&stage.b, Seq(2)).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let asked = stage.asked();
    let began = Instant::now();
    let mut last = Seq(0);
    while began.elapsed() < Duration::from_secs(2) {
        last = stage.hold(&stage.a).await;
        stage.seq_at(&stage.b).await;
    }
    stage.shows(&stage.b, last).await;
    stage.agree().await;
    // The owner loads for its snapshots.
    assert_eq!(stage.asked(), asked, "{last} rows");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missed_change_is_noticed_and_made_up_for() {
    let stage = Stage::shared().await;
    stage.shows(&stage.b, Seq(2)).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let (loads, asked) = (stage.loads(), stage.asked());
    stage.a.feed.to_lose.store(1, Ordering::SeqCst);
    let missed = stage.hold(&stage.a).await;
    let began = Instant::now();
    stage.shows(&stage.b, missed).await;
    assert!(began.elapsed() < STALE_AT_MOST, "{:?}", began.elapsed());
    assert!(stage.asked() > asked, "by asking the owner");
    let seq = stage.hold(&stage.a).await;
    stage.shows(&stage.b, seq).await;
    assert_eq!(stage.loads(), loads, "the store was not needed");
    stage.agree().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_reads_go_on_and_stay_young_and_the_feed_comes_back() {
    let mut redis = PrivateRedis::start();
    let stage = Stage::on(&redis.url()).await;
    stage.shows(&stage.b, Seq(2)).await;
    redis.stop();
    for _ in 0..3 {
        let seq = stage.hold(&stage.a).await;
        let began = Instant::now();
        while stage.seq_at(&stage.b).await < seq {
            assert!(began.elapsed() < STALE_AT_MOST, "{:?}", began.elapsed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    redis.up();
    eventually("the feed is back", async || {
        let asked = stage.asked();
        let seq = stage.hold(&stage.a).await;
        let began = Instant::now();
        stage.shows(&stage.b, seq).await;
        tokio::time::sleep(Duration::from_millis(1_600)).await;
        // Nobody had to ask for it, nor for a sign of life after it.
        stage.asked() == asked && began.elapsed() < Duration::from_secs(3)
    })
    .await;
    stage.agree().await;
    assert_eq!(stage.epoch().await, 1, "and the owner has stayed the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_hangs_reads_stay_young_and_afterwards_the_feed_goes_on() {
    let redis = PrivateRedis::start();
    let stage = Stage::on(&redis.url()).await;
    stage.shows(&stage.b, Seq(2)).await;
    redis.freeze();
    for _ in 0..3 {
        let seq = stage.hold(&stage.a).await;
        let began = Instant::now();
        while stage.seq_at(&stage.b).await < seq {
            assert!(began.elapsed() < STALE_AT_MOST, "{:?}", began.elapsed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    redis.thaw();
    eventually("the feed is back", async || {
        let asked = stage.asked();
        let seq = stage.hold(&stage.a).await;
        stage.shows(&stage.b, seq).await;
        stage.asked() == asked
    })
    .await;
    stage.agree().await;
    assert_eq!(stage.epoch().await, 1, "and the owner has stayed the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_followed_goes_on_from_the_same_row_when_it_changes_hands() {
    let stage = Stage::shared().await;
    let seq = stage.hold(&stage.a).await;
    stage.shows(&stage.b, seq).await;
    let mut views = stage.b.offices.watch(stage.offering).await.unwrap();
    let shown = views.borrow_and_update().seq;
    assert_eq!(shown, seq);
    stage.a.offices.move_to(stage.offering, "b").await.unwrap();
    // What is live here is shown from here: who watches is told to follow anew.
    let ended = async { while views.changed().await.is_ok() {} };
    tokio::time::timeout(STALE_AT_MOST, ended).await.expect("it ends soon");
    assert_eq!(views.borrow().seq, seq);
    let views = stage.b.offices.watch(stage.offering).await.unwrap();
    assert_eq!(views.borrow().seq, seq.next(), "a takeover follows");
    // And the other way round.
    let seq = stage.hold(&stage.b).await;
    stage.shows(&stage.a, seq).await;
    assert_eq!((stage.a.offices.live(), stage.b.offices.live()), (0, 1));
    stage.agree().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_watches_takes_nothing_over() {
    let url = std::env::var("ADMITONE_TEST_REDIS_URL").unwrap();
    let stage = Stage::asleep_on(&url).await;
    let mut views = stage.b.offices.watch(stage.offering).await.unwrap();
    assert_eq!(views.borrow_and_update().seq, Seq(1));
    assert_eq!(stage.a.offices.watch(stage.offering).await.unwrap().borrow().seq, Seq(1));
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(stage.epoch().await, 0, "nobody has woken it");
    stage.a.offices.move_to(stage.offering, "a").await.unwrap();
    let seq = stage.hold(&stage.a).await;
    let began = Instant::now();
    while views.borrow_and_update().seq < seq {
        views.changed().await.unwrap();
    }
    assert!(began.elapsed() < STALE_AT_MOST, "{:?}", began.elapsed());
    let seq = stage.hold(&stage.a).await;
    while views.borrow_and_update().seq < seq {
        views.changed().await.unwrap();
    }
    assert_eq!(stage.epoch().await, 1);
    assert_eq!(stage.b.offices.live(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_owner_is_replaced_by_the_store() {
    let stage = Stage::shared().await;
    let seq = stage.hold(&stage.a).await;
    stage.shows(&stage.b, seq).await;
    stage.wires.offices.lock().unwrap().remove("a");
    stage.a.feed.to_lose.store(u32::MAX, Ordering::SeqCst);
    let loads = stage.loads();
    let seq = stage.hold(&stage.a).await;
    let began = Instant::now();
    while stage.seq_at(&stage.b).await < seq {
        assert!(began.elapsed() < 2 * STALE_AT_MOST, "{:?}", began.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(stage.loads() > loads);
    assert_eq!(stage.b.offices.live(), 0, "a read takes nothing over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seats_of_a_row_that_is_new_have_their_labels() {
    let stage = Stage::shared().await;
    stage.shows(&stage.b, Seq(2)).await;
    // The news will be late.
    stage.a.feed.to_lose.store(u32::MAX, Ordering::SeqCst);
    let name = "B".to_owned();
    stage.submit(&stage.a, Command::AddRow { section: SectionId(0), name, seats: 2 }).await;
    let seats = LineRequest::Seats(vec![admitone::ids::SeatId(10)]);
    let (hold, customer) = (HoldId::random(), UserId::random());
    let command = Command::PlaceHold { hold, customer, lines: vec![seats] };
    let (_, changes) = stage.submit(&stage.b, command).await;
    let Some(Change::HoldPlaced { lines, .. }) = changes.first() else { panic!("{changes:?}") };
    let view = stage.b.offices.view_covering(stage.offering, lines).await.unwrap();
    assert_eq!(view.label(lines[0].seats[0]), Some(("Stalls", "B", 1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_exist_is_not_followed() {
    let stage = Stage::shared().await;
    let nothing = OfferingId::random();
    for _ in 0..3 {
        let shown = stage.b.offices.view(nothing).await;
        assert_eq!(shown.unwrap_err(), Unavailable::NoSuchOffering);
        let watched = stage.b.offices.watch(nothing).await;
        assert_eq!(watched.unwrap_err(), Unavailable::NoSuchOffering);
    }
}
