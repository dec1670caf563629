//! The box office against a journal that fails on purpose: after every kind of failed append, the
//! answers given are true, and the next command finds a state rebuilt from the journal.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use admitone::box_office::{BoxOffices, Settings, SubmitError, Unavailable};
use admitone::clock::{Clock, ManualClock, SystemClock};
use admitone::ids::{
    BatchId, Epoch, HoldId, InstanceId, OfferingId, PaymentId, ProductId, ReservationId, Seq,
    UserId,
};
use admitone::inventory::{
    Change, Command, Definition, HoldStatus, Idempotency, LineRequest, Policy, ProductDefinition,
    Rejection, Request, SaleState, SaleWindow, TimestampMs,
};
use admitone::journal::memory::MemoryJournal;
use admitone::journal::{
    Append, AppendError, Appended, Head, Journal, LoadError, Loaded, Owner, Record, Row, RowFields,
    Snapshot,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::support::test_db::eventually;

/// The fault of the next append of a batch; takeovers are not affected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    CommittedButUnanswered,
    LostAndUnanswered,
    Unreachable,
}

struct FaultyJournal {
    memory: MemoryJournal,
    next: Mutex<Option<Fault>>,
    /// A customer whose claims make a batch be refused as bad data.
    poison: Mutex<Option<UserId>>,
    appended: AtomicU32,
    snapshots: AtomicU32,
}

impl FaultyJournal {
    fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            memory: MemoryJournal::new(clock),
            next: Mutex::new(None),
            poison: Mutex::new(None),
            appended: AtomicU32::new(0),
            snapshots: AtomicU32::new(0),
        })
    }

    fn fail_next(&self, fault: Fault) {
        *self.next.lock().unwrap() = Some(fault);
    }
}

fn broken() -> anyhow::Error {
    anyhow::anyhow!("broken on purpose")
}

impl Journal for FaultyJournal {
    fn append(&self, append: Append) -> BoxFuture<'_, Result<Appended, AppendError>> {
        async move {
            let Record::Batch(_) = &*append.record else { return self.memory.append(append).await };
            let poison = *self.poison.lock().unwrap();
            if poison.is_some_and(|who| format!("{:?}", append.record).contains(&who.to_string())) {
                return Err(AppendError::BadData(broken()));
            }
            let fault = self.next.lock().unwrap().take();
            match fault {
                None => {
                    self.appended.fetch_add(1, Ordering::SeqCst);
                    self.memory.append(append).await
                }
                Some(Fault::CommittedButUnanswered) => {
                    self.memory.append(append).await?;
                    Err(AppendError::OutcomeUnknown(broken()))
                }
                Some(Fault::LostAndUnanswered) => Err(AppendError::OutcomeUnknown(broken())),
                Some(Fault::Unreachable) => Err(AppendError::Unavailable(broken())),
            }
        }
        .boxed()
    }
    fn head(&self, offering: OfferingId) -> BoxFuture<'_, Result<Head, LoadError>> {
        self.memory.head(offering)
    }
    fn database_now(&self) -> BoxFuture<'_, Result<TimestampMs, LoadError>> {
        self.memory.database_now()
    }
    fn owner(&self, offering: OfferingId) -> BoxFuture<'_, Result<Option<Owner>, LoadError>> {
        self.memory.owner(offering)
    }
    fn load_before(
        &self,
        offering: OfferingId,
        before: Seq,
    ) -> BoxFuture<'_, Result<Loaded, LoadError>> {
        self.memory.load_before(offering, before)
    }
    fn load_after(
        &self,
        offering: OfferingId,
        from: Head,
    ) -> BoxFuture<'_, Result<Option<Loaded>, LoadError>> {
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
        self.snapshots.fetch_add(1, Ordering::SeqCst);
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

fn definition(places: u32) -> Definition {
    let product = ProductDefinition {
        price: 1_000,
        capacity: Some(places),
        max_per_customer: None,
        sale: SaleWindow::default(),
    };
    Definition {
        currency: *b"KRW",
        products: vec![product],
        sections: Vec::new(),
        policy: Policy::default(),
        sale: SaleWindow::default(),
        sale_state: SaleState::Open,
    }
}

struct TwoInstances {
    journal: Arc<FaultyJournal>,
    offices: Arc<BoxOffices>,
    offering: OfferingId,
}

fn stage(places: u32, settings: Settings) -> TwoInstances {
    stage_at(Arc::new(SystemClock::new()), places, settings)
}

fn stage_at(clock: Arc<dyn Clock>, places: u32, settings: Settings) -> TwoInstances {
    let journal = FaultyJournal::new(clock.clone());
    let offering = OfferingId::new();
    journal.memory.create(offering, definition(places));
    let runtime = tokio::runtime::Handle::current();
    let offices = BoxOffices::start(journal.clone(), clock, settings, runtime);
    TwoInstances { journal, offices, offering }
}

fn hold_of(customer: UserId, quantity: u32) -> (HoldId, Request) {
    let hold = HoldId::random();
    let lines = vec![LineRequest::Quantity { product: ProductId(0), quantity }];
    let command = Command::PlaceHold { hold, customer, lines };
    (hold, Request { command, idempotency: None })
}

fn keyed(mut request: Request, customer: UserId) -> Request {
    request.idempotency =
        Some(Idempotency { key: [7; 16], fingerprint: [1; 16], principal: customer });
    request
}

impl TwoInstances {
    async fn hold(&self, quantity: u32) -> Result<HoldId, SubmitError> {
        let (hold, request) = hold_of(UserId::random(), quantity);
        self.offices.submit(self.offering, request).await.map(|_| hold)
    }

    async fn held(&self) -> u32 {
        // Goes through the mailbox first, because a published view may lag by a moment.
        self.offices.hold(self.offering, HoldId::random()).await.unwrap();
        self.offices.view(self.offering).await.unwrap().products[0].counts.held
    }

    async fn settled(&self) {
        for _ in 0..1_000 {
            if self.offices.hold(self.offering, HoldId::random()).await.is_ok() {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("the box office does not come back");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_that_committed_unseen_is_found_and_not_repeated() {
    let stage = stage(10, Settings::default());
    stage.hold(1).await.unwrap();
    stage.journal.fail_next(Fault::CommittedButUnanswered);
    let hold = stage.hold(2).await.expect("it is in the journal, so the answer is yes");
    let found = stage.offices.hold(stage.offering, hold).await.unwrap();
    assert_eq!(found.unwrap().status, HoldStatus::Active);
    assert_eq!(stage.held().await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_that_was_lost_leaves_nothing_and_its_retry_counts_once() {
    let stage = stage(10, Settings::default());
    let customer = UserId::random();
    stage.journal.fail_next(Fault::LostAndUnanswered);
    let (_, request) = hold_of(customer, 4);
    let lost = stage.offices.submit(stage.offering, keyed(request.clone(), customer)).await;
    assert!(matches!(lost, Err(SubmitError::Unavailable(Unavailable::Recovering))), "{lost:?}");
    assert_eq!(stage.held().await, 0);
    let retried = stage.offices.submit(stage.offering, keyed(request, customer)).await.unwrap();
    assert!(!retried.replayed);
    assert_eq!(stage.held().await, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_with_its_key_gets_the_first_answer_also_after_a_restart() {
    let stage = stage(10, Settings::default());
    let customer = UserId::random();
    let (first_id, request) = hold_of(customer, 2);
    let first = stage.offices.submit(stage.offering, keyed(request, customer)).await.unwrap();
    stage.offices.shutdown().await;
    let clock = Arc::new(SystemClock::new());
    let runtime = tokio::runtime::Handle::current();
    let offices = BoxOffices::start(stage.journal.clone(), clock, Settings::default(), runtime);
    let (_, again) = hold_of(customer, 2);
    let again = offices.submit(stage.offering, keyed(again, customer)).await.unwrap();
    assert!(again.replayed);
    assert_eq!((again.seq, &again.transition), (first.seq, &first.transition));
    assert!(offices.hold(stage.offering, first_id).await.unwrap().is_some());
    let mut other = keyed(hold_of(customer, 3).1, customer);
    other.idempotency.as_mut().unwrap().fingerprint = [2; 16];
    let refused = offices.submit(stage.offering, other).await;
    assert!(matches!(refused, Err(SubmitError::Rejected(Rejection::KeyReused))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_data_of_one_command_does_not_poison_the_others_of_its_batch() {
    let stage = stage(100, Settings::default());
    stage.hold(1).await.unwrap();
    let culprit = UserId::random();
    *stage.journal.poison.lock().unwrap() = Some(culprit);
    let others: Vec<_> = (0..8).map(|_| hold_of(UserId::random(), 1).1).collect();
    let bad = stage.offices.submit(stage.offering, hold_of(culprit, 1).1);
    let good = others.into_iter().map(|request| stage.offices.submit(stage.offering, request));
    let (bad, good) = tokio::join!(bad, futures_util::future::join_all(good));
    assert!(matches!(bad, Err(SubmitError::Unavailable(Unavailable::BadData))), "{bad:?}");
    assert!(good.iter().all(Result::is_ok), "{good:?}");
    assert_eq!(stage.held().await, 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_journal_is_no_refusal_and_passes() {
    let stage = stage(10, Settings::default());
    stage.hold(1).await.unwrap();
    stage.journal.fail_next(Fault::Unreachable);
    let away = stage.hold(1).await;
    assert!(matches!(away, Err(SubmitError::Unavailable(Unavailable::Recovering))), "{away:?}");
    stage.hold(1).await.unwrap();
    assert_eq!(stage.held().await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_one_event_is_never_noticed_by_another_on_its_thread() {
    let culprit = UserId::random();
    let settings = Settings {
        arbiters: 1,
        before_decide: Some(Arc::new(move |_, request| {
            if let Command::PlaceHold { customer, .. } = &request.command {
                assert_ne!(*customer, culprit, "planted");
            }
        })),
        ..Settings::default()
    };
    let stage = stage(50, settings);
    let neighbour = OfferingId::new();
    stage.journal.memory.create(neighbour, definition(50));
    stage.hold(1).await.unwrap();
    for _ in 0..3 {
        let panicking = stage.offices.submit(stage.offering, hold_of(culprit, 1).1);
        let beside = stage.offices.submit(neighbour, hold_of(UserId::random(), 1).1);
        let with_it = stage.hold(1);
        let (panicked, beside, with_it) = tokio::join!(panicking, beside, with_it);
        let failed = matches!(panicked, Err(SubmitError::Unavailable(Unavailable::Failed)));
        assert!(failed, "{panicked:?}");
        beside.expect("the neighbour never notices");
        with_it.expect("whoever was in the same batch is decided again");
    }
    assert_eq!(stage.held().await, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_was_fenced_appends_nothing_and_refuses_nothing_from_dead_state() {
    let settings = Settings { ownership_max_age: Duration::ZERO, ..Settings::default() };
    let stage = stage(1, settings);
    let taken = stage.hold(1).await.unwrap();
    let head = stage.journal.head(stage.offering).await.unwrap();
    // Another owner takes over and frees the place.
    let takeover = foreign_row(&stage, head, Epoch(head.epoch.0 + 1), Record::Takeover).await;
    let changes = vec![Change::HoldReleased { hold: taken }];
    let transition = admitone::inventory::Transition { idempotency: None, changes };
    let record = Record::Batch(vec![Arc::new(transition)]);
    foreign_row(&stage, takeover, takeover.epoch, record).await;
    // The old owner's state shows the event sold out, but the owner must not answer so.
    let refused = stage.hold(1).await;
    assert!(
        matches!(refused, Err(SubmitError::Unavailable(Unavailable::Recovering))),
        "answered from dead state: {refused:?}"
    );
    stage.settled().await;
    stage.hold(1).await.expect("the rebuilt state has the place");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_never_goes_back_on_a_refusal_from_dead_state() {
    // Ownership was proven a moment ago: recent enough for "sold out", but not for a refusal that
    // returns money.
    let stage = stage(1, Settings::default());
    stage.hold(1).await.unwrap();
    let head = stage.journal.head(stage.offering).await.unwrap();
    foreign_row(&stage, head, Epoch(head.epoch.0 + 1), Record::Takeover).await;
    let (reservation, payment) = (ReservationId::random(), PaymentId::random());
    let command = Command::ConfirmPayment { reservation, payment };
    let confirm = Request { command, idempotency: None };
    let refused = stage.offices.submit(stage.offering, confirm.clone()).await;
    assert!(
        matches!(refused, Err(SubmitError::Unavailable(Unavailable::Recovering))),
        "answered from dead state: {refused:?}"
    );
    stage.settled().await;
    let refused = stage.offices.submit(stage.offering, confirm).await;
    assert!(matches!(refused, Err(SubmitError::Rejected(Rejection::ReservationNotFound))));
}

async fn foreign_row(stage: &TwoInstances, previous: Head, epoch: Epoch, record: Record) -> Head {
    let fields = RowFields {
        offering: stage.offering,
        epoch,
        owner: InstanceId::random(),
        batch_id: BatchId::random(),
        at: i64::MAX / 4_000_000,
    };
    let at = stage.journal.memory.row(stage.offering, previous.seq).await.unwrap();
    let fields = RowFields { at: at.unwrap().0.at, ..fields };
    let row = Arc::new(Row::new(&previous, fields, &record));
    let head = row.head();
    let append = Append {
        previous,
        row,
        record: Arc::new(record),
        owner_address: Arc::from("elsewhere"),
        next_due_at: None,
    };
    stage.journal.memory.append(append).await.unwrap();
    head
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_expires_at_its_deadline_without_anybody_asking() {
    let clock = Arc::new(ManualClock::at(1_000_000));
    let stage = stage_at(clock.clone(), 5, Settings::default());
    let hold = stage.hold(5).await.unwrap();
    clock.advance_ms(Policy::default().hold_ttl_ms - 1);
    stage.offices.sweep().await;
    assert_eq!(stage.held().await, 5);
    clock.advance_ms(1);
    stage.offices.sweep().await;
    assert_eq!(stage.offices.view(stage.offering).await.unwrap().products[0].counts.held, 0);
    let found = stage.offices.hold(stage.offering, hold).await.unwrap().unwrap();
    assert_eq!(found.status, HoldStatus::Expired);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_box_office_sleeps_is_read_asleep_and_wakes_with_its_state() {
    let settings = Settings {
        passivate_after: Duration::ZERO,
        sweep_interval: Duration::from_millis(5),
        ..Settings::default()
    };
    let stage = stage(5, settings);
    let hold = stage.hold(2).await.unwrap();
    let asleep = async {
        while stage.offices.live() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asleep).await.expect("it goes to sleep");
    let view = stage.offices.view(stage.offering).await.unwrap();
    assert_eq!(view.products[0].counts.held, 2);
    assert!(stage.offices.hold(stage.offering, hold).await.unwrap().is_some());
    let sold_out = stage.hold(4).await;
    assert!(matches!(sold_out, Err(SubmitError::Rejected(Rejection::SoldOut { .. }))));
    stage.hold(3).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_offerings_are_not_found_and_leave_nothing_behind() {
    let stage = stage(5, Settings::default());
    let nowhere = OfferingId::new();
    let answer = stage.offices.submit(nowhere, hold_of(UserId::random(), 1).1).await;
    let not_found = Unavailable::NoSuchOffering;
    assert!(matches!(answer, Err(SubmitError::Unavailable(why)) if why == not_found));
    assert_eq!(stage.offices.view(nowhere).await.unwrap_err(), not_found);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_shares_appends_and_nobody_gets_a_place_twice() {
    let stage = stage(100, Settings::default());
    let crowd = (0..500).map(|_| stage.hold(1));
    let answers = futures_util::future::join_all(crowd).await;
    let taken = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(taken, 100);
    assert_eq!(stage.held().await, 100);
    let rows = stage.journal.appended.load(Ordering::SeqCst);
    assert!(rows < 100, "{rows} appends for 100 holds: nothing was batched");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_event_ends_its_reservations_in_many_rows() {
    const PLACES: u32 = 2_600;
    let stage = stage(PLACES, Settings::default());
    let reserved = (0..PLACES).map(|_| async {
        let lines = vec![LineRequest::Quantity { product: ProductId(0), quantity: 1 }];
        let (hold, reservation) = (HoldId::random(), ReservationId::random());
        let command = Command::Reserve { hold, reservation, customer: UserId::random(), lines };
        stage.offices.submit(stage.offering, Request { command, idempotency: None }).await
    });
    let reserved = futures_util::future::join_all(reserved).await;
    assert!(reserved.iter().all(Result::is_ok));
    let cancel = Request { command: Command::CancelOffering, idempotency: None };
    stage.offices.submit(stage.offering, cancel).await.unwrap();
    eventually("all are cancelled", async || stage.held().await == 0).await;
    let loaded = stage.journal.load_before(stage.offering, Seq(1)).await.unwrap();
    let ended = loaded.tail.iter().map(|(_, record)| match record {
        Record::Takeover => 0,
        Record::Batch(transitions) => {
            let changes = transitions.iter().flat_map(|transition| &transition.changes);
            let ended = changes.map(|change| match change {
                Change::ReservationsCancelled { reservations } => reservations.len(),
                _ => 0,
            });
            ended.sum::<usize>()
        }
    });
    let ended: Vec<usize> = ended.filter(|ended| *ended > 0).collect();
    assert_eq!(ended, [1_000, 1_000, 600], "others' appends get through in between");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_are_taken_where_claims_come_and_go() {
    let settings = Settings { snapshot_every: 20, ..Settings::default() };
    let stage = stage(10, settings);
    let customer = UserId::random();
    for _ in 0..20 {
        let (hold, request) = hold_of(customer, 1);
        stage.offices.submit(stage.offering, request).await.unwrap();
        let command = Command::ReleaseHold { hold, customer };
        let release = Request { command, idempotency: None };
        stage.offices.submit(stage.offering, release).await.unwrap();
    }
    let taken = || stage.journal.snapshots.load(Ordering::SeqCst);
    eventually("a snapshot is taken", async || taken() > 0).await;
    let loaded = stage.journal.load(stage.offering).await.unwrap();
    assert!(loaded.snapshot.is_some() && loaded.tail.len() < 40, "it stands for the rows before");
}
