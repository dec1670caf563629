//! The database of a simulation: the journals of all offerings, behind a network that loses, delays
//! and repeats, for clients that give up. A statement that has been sent may be carried out even if
//! its sender has ended.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::world::World;
use crate::ids::{BatchId, Epoch, InstanceId, OfferingId, Seq};
use crate::inventory::{Change, TimestampMs, Transition};
use crate::journal::{
    Append, AppendError, Appended, Head, Journal, LoadError, Loaded, Owner, Record, Row, RowFields,
    Snapshot,
};
use crate::planted::{Bug, is_planted};

/// How long a client waits for a statement.
const TIMEOUT: Duration = Duration::from_millis(400);

/// The database server.
pub(super) struct Database {
    world: Arc<World>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    chains: BTreeMap<OfferingId, Chain>,
    /// The server answers no client.
    down: bool,
}

#[derive(Default)]
pub(super) struct Chain {
    pub(super) rows: Vec<(Arc<Row>, Arc<Record>)>,
    /// Time at which each row became durable.
    pub(super) durable_at: Vec<Duration>,
    /// The most recent snapshots, as they are read.
    snapshots: Vec<Snapshot>,
    /// The row of every snapshot that was written, and the hash of its bytes.
    pub(super) written: Vec<(Seq, blake3::Hash)>,
    next_due_at: Option<TimestampMs>,
    owner: Option<Owner>,
}

impl Chain {
    fn head(&self) -> Head {
        self.rows.last().map_or(Head::EMPTY, |(row, _)| row.head())
    }
}

impl Database {
    pub(super) fn new(world: Arc<World>) -> Arc<Self> {
        Arc::new(Self { world, state: Mutex::default() })
    }

    pub(super) fn create(&self, offering: OfferingId, changes: Vec<Change>) {
        let record = Record::Batch(vec![Arc::new(Transition { idempotency: None, changes })]);
        let fields = RowFields {
            offering,
            epoch: Epoch(0),
            owner: InstanceId(uuid::Uuid::nil()),
            batch_id: BatchId::random(),
            at: self.world.now_ms(),
        };
        let row = Row::new(&Head::EMPTY, fields, &record);
        let mut chain = Chain::default();
        chain.rows.push((Arc::new(row), Arc::new(record)));
        chain.durable_at.push(self.world.elapsed());
        self.lock().chains.insert(offering, chain);
    }

    pub(super) fn set_down(&self, down: bool) {
        self.lock().down = down;
    }

    /// Returns `look`'s result on all journals as they are.
    pub(super) fn inspect<T>(&self, look: impl FnOnce(&BTreeMap<OfferingId, Chain>) -> T) -> T {
        look(&self.lock().chains)
    }

    /// Returns the last durable row.
    pub(super) fn head_seq(&self, offering: OfferingId) -> Seq {
        self.lock().chains.get(&offering).map_or(Seq(0), |chain| chain.head().seq)
    }

    /// Carries an append out.
    fn execute(&self, append: &Append) -> Result<Appended, AppendError> {
        let mut state = self.lock();
        let chain = state.chains.get_mut(&append.row.offering).ok_or(AppendError::Fenced)?;
        let mut row = Row::clone(&append.row);
        if is_planted(Bug::NoEpochInSwap) {
            let head = chain.head();
            row.seq = head.seq.next();
            row.hash = row.chained(&head.hash);
        } else if is_planted(Bug::FenceByPredecessorAlone) {
            let before = usize::try_from(append.previous.seq.0).unwrap_or(usize::MAX);
            if chain.rows.len() < before {
                return Err(AppendError::Fenced);
            }
            chain.rows.truncate(before);
            chain.durable_at.truncate(before);
        } else if chain.head() != append.previous {
            self.world.note(format_args!("database: fenced {} {}", row.owner, row.seq));
            return Err(AppendError::Fenced);
        }
        let what = match &*append.record {
            Record::Takeover => 0,
            Record::Batch(transitions) => transitions.len(),
        };
        self.world.note(format_args!(
            "database: {} row {} epoch {} of {}: {what} transitions",
            row.offering, row.seq, row.epoch, row.owner
        ));
        if row.epoch > append.previous.epoch {
            chain.owner = Some(Owner {
                incarnation: row.owner,
                address: Arc::clone(&append.owner_address),
                epoch: row.epoch,
            });
        }
        chain.next_due_at = append.next_due_at;
        chain.rows.push((Arc::new(row), Arc::clone(&append.record)));
        chain.durable_at.push(self.world.elapsed());
        Ok(Appended { database_now: self.world.now_ms() })
    }

    /// Keeps a snapshot whose row exists, and at most `most` snapshots in all.
    fn keep_snapshot(
        &self,
        offering: OfferingId,
        snapshot: Snapshot,
        most: usize,
    ) -> Result<bool, LoadError> {
        let rots = self.world.happens(self.world.faults().rotten);
        let how = self.world.within(0, 3);
        let mut state = self.lock();
        let chain = state.chains.get_mut(&offering).ok_or(LoadError::NotFound)?;
        let mut rows = chain.rows.iter();
        let confirmed = rows.any(|(row, _)| row.seq == snapshot.seq && row.hash == snapshot.hash);
        let newest = chain.snapshots.last().map_or(Seq(0), |kept| kept.seq);
        if !confirmed || newest > snapshot.seq || (newest == snapshot.seq && most > 1) {
            return Ok(false);
        }
        chain.snapshots.retain(|kept| kept.seq < snapshot.seq);
        chain.written.push((snapshot.seq, blake3::hash(&snapshot.payload)));
        chain.snapshots.push(if rots { rotten(snapshot, how) } else { snapshot });
        let surplus = chain.snapshots.len().saturating_sub(most);
        chain.snapshots.drain(..surplus);
        Ok(true)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An instance's connection to the [`Database`].
pub(super) struct SimJournal {
    database: Arc<Database>,
    /// Carries sent statements, beyond the life of the instance.
    wires: tokio::sync::mpsc::UnboundedSender<BoxFuture<'static, ()>>,
}

/// Returns the snapshot as a bad disk, or another version, may damage it.
fn rotten(snapshot: Snapshot, how: u64) -> Snapshot {
    let mut payload = snapshot.payload.to_vec();
    let middle = payload.len() / 2;
    match how {
        0 => payload.truncate(middle),
        1 => payload[middle] ^= 1,
        2 => payload[0] = 99,
        _ => return Snapshot { at: snapshot.at + 400, ..snapshot },
    }
    Snapshot { payload: payload.into(), ..snapshot }
}

fn broken() -> anyhow::Error {
    anyhow::anyhow!("simulated")
}

impl SimJournal {
    pub(super) fn new(
        database: Arc<Database>,
        wires: tokio::sync::mpsc::UnboundedSender<BoxFuture<'static, ()>>,
    ) -> Arc<Self> {
        Arc::new(Self { database, wires })
    }

    async fn append_over(&self, append: Append) -> Result<Appended, AppendError> {
        let world = Arc::clone(&self.database.world);
        let faults = world.faults();
        if self.database.lock().down {
            tokio::time::sleep(world.way()).await;
            return Err(AppendError::Unavailable(broken()));
        }
        if world.happens(faults.refused) {
            tokio::time::sleep(world.way()).await;
            return Err(AppendError::Unavailable(broken()));
        }
        let zombie = world.happens(faults.zombie);
        let way =
            if zombie { TIMEOUT + world.millis(0, 1_500) } else { world.way().min(TIMEOUT / 2) };
        let lost = world.happens(faults.lost);
        let unanswered = world.happens(faults.unanswered);
        let (answer, answered) = tokio::sync::oneshot::channel();
        let database = Arc::clone(&self.database);
        let carried = async move {
            tokio::time::sleep(way).await;
            if lost || database.lock().down {
                return;
            }
            let done = database.execute(&append);
            // The time of the disk's sync and of the way back.
            tokio::time::sleep(database.world.micros(100, 2_000)).await;
            if !unanswered {
                // The client may have given up, or died.
                let _ = answer.send(done);
            }
        };
        // The receiver lives as long as the simulation.
        let _ = self.wires.send(carried.boxed());
        match tokio::time::timeout(TIMEOUT, answered).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) | Err(_) => {
                // A broken connection is not noticed sooner than a slow one.
                Err(AppendError::OutcomeUnknown(broken()))
            }
        }
    }

    /// Simulates the delay and the failures of every read.
    async fn read<T>(
        &self,
        look: impl FnOnce(&State) -> Result<T, LoadError>,
    ) -> Result<T, LoadError> {
        let world = &self.database.world;
        tokio::time::sleep(world.way()).await;
        if world.happens(world.faults().lost) {
            tokio::time::sleep(TIMEOUT).await;
            return Err(LoadError::Unavailable(broken()));
        }
        let seen = {
            let state = self.database.lock();
            if state.down { Err(LoadError::Unavailable(broken())) } else { look(&state) }
        };
        tokio::time::sleep(world.micros(50, 1_000)).await;
        seen
    }

    fn copied(rows: &[(Arc<Row>, Arc<Record>)]) -> Vec<(Row, Record)> {
        rows.iter().map(|(row, record)| (Row::clone(row), Record::clone(record))).collect()
    }
}

fn chain_of(state: &State, offering: OfferingId) -> Result<&Chain, LoadError> {
    state.chains.get(&offering).ok_or(LoadError::NotFound)
}

fn load(chain: &Chain, before: Seq) -> Loaded {
    let snapshot = chain.snapshots.iter().rfind(|snapshot| snapshot.seq < before).cloned();
    let from = snapshot.as_ref().map_or(Seq(0), |snapshot| snapshot.seq);
    let from = usize::try_from(from.0).unwrap_or(usize::MAX).min(chain.rows.len());
    let tail = SimJournal::copied(&chain.rows[from..]);
    Loaded { snapshot, unfit: Vec::new(), tail, head: chain.head() }
}

impl Journal for SimJournal {
    fn append(&self, append: Append) -> BoxFuture<'_, Result<Appended, AppendError>> {
        self.append_over(append).boxed()
    }

    fn head(&self, offering: OfferingId) -> BoxFuture<'_, Result<Head, LoadError>> {
        self.read(move |state| chain_of(state, offering).map(Chain::head)).boxed()
    }

    fn owner(&self, offering: OfferingId) -> BoxFuture<'_, Result<Option<Owner>, LoadError>> {
        self.read(move |state| chain_of(state, offering).map(|chain| chain.owner.clone())).boxed()
    }

    fn database_now(&self) -> BoxFuture<'_, Result<TimestampMs, LoadError>> {
        async move {
            let now = self.database.world.now_ms();
            self.read(|_| Ok(now)).await
        }
        .boxed()
    }

    fn load_before(
        &self,
        offering: OfferingId,
        before: Seq,
    ) -> BoxFuture<'_, Result<Loaded, LoadError>> {
        self.read(move |state| chain_of(state, offering).map(|chain| load(chain, before))).boxed()
    }

    fn load_after(
        &self,
        offering: OfferingId,
        from: Head,
    ) -> BoxFuture<'_, Result<Option<Loaded>, LoadError>> {
        self.read(move |state| {
            let chain = chain_of(state, offering)?;
            let Some(at) = chain.rows.iter().position(|(row, _)| row.head() == from) else {
                return Ok(None);
            };
            let tail = SimJournal::copied(&chain.rows[at + 1..]);
            Ok(Some(Loaded { snapshot: None, unfit: Vec::new(), tail, head: chain.head() }))
        })
        .boxed()
    }

    fn row(
        &self,
        offering: OfferingId,
        seq: Seq,
    ) -> BoxFuture<'_, Result<Option<(Row, Record)>, LoadError>> {
        self.read(move |state| {
            let chain = chain_of(state, offering)?;
            let found = chain.rows.iter().find(|(row, _)| row.seq == seq);
            Ok(found.map(|(row, record)| (Row::clone(row), Record::clone(record))))
        })
        .boxed()
    }

    fn keep_snapshot(
        &self,
        offering: OfferingId,
        snapshot: Snapshot,
    ) -> BoxFuture<'_, Result<bool, LoadError>> {
        async move {
            self.read(|_| Ok(())).await?;
            self.database.keep_snapshot(offering, snapshot, 2)
        }
        .boxed()
    }

    fn replace_snapshots(
        &self,
        offering: OfferingId,
        snapshot: Snapshot,
    ) -> BoxFuture<'_, Result<bool, LoadError>> {
        async move {
            self.read(|_| Ok(())).await?;
            self.database.keep_snapshot(offering, snapshot, 1)
        }
        .boxed()
    }

    fn due(
        &self,
        now: TimestampMs,
        limit: u64,
    ) -> BoxFuture<'_, Result<Vec<OfferingId>, LoadError>> {
        self.read(move |state| {
            let mut due: Vec<_> = state
                .chains
                .iter()
                .filter_map(|(offering, chain)| Some((chain.next_due_at?, *offering)))
                .filter(|(at, _)| *at <= now)
                .collect();
            due.sort();
            due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            Ok(due.into_iter().map(|(_, offering)| offering).collect())
        })
        .boxed()
    }
}
