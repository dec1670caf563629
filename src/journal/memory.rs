//! A journal in memory: the same compare-and-swap, nothing durable. For benches, for tests of code
//! that uses a journal, and for readers who want to see the contract without SQL.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

use super::{
    Append, AppendError, Appended, Head, Journal, LoadError, Loaded, Owner, Record, Row, Snapshot,
};
use crate::clock::Clock;
use crate::ids::{BatchId, Epoch, InstanceId, OfferingId, Seq};
use crate::inventory::{Change, Definition, TimestampMs, Transition};

/// A journal in memory, as one chain of rows per offering.
pub struct MemoryJournal {
    clock: Arc<dyn Clock>,
    chains: Mutex<HashMap<OfferingId, Chain>>,
}

struct Chain {
    head: Head,
    rows: Vec<(Arc<Row>, Arc<Record>)>,
    snapshot: Option<Snapshot>,
    next_due_at: Option<TimestampMs>,
    owner: Option<Owner>,
}

impl MemoryJournal {
    /// A journal without offerings, whose "database clock" is `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, chains: Mutex::default() }
    }

    /// Writes the first row of a new offering, which no box office owns yet.
    pub fn create(&self, offering: OfferingId, definition: Definition) {
        let changes = vec![Change::Created { definition }];
        let record = Record::Batch(vec![Arc::new(Transition { idempotency: None, changes })]);
        let fields = super::RowFields {
            offering,
            epoch: Epoch(0),
            owner: InstanceId(uuid::Uuid::nil()),
            batch_id: BatchId::random(),
            at: self.clock.now_ms(),
        };
        let row = Row::new(&Head::EMPTY, fields, &record);
        let chain = Chain {
            head: row.head(),
            rows: vec![(Arc::new(row), Arc::new(record))],
            snapshot: None,
            next_due_at: None,
            owner: None,
        };
        self.chains().insert(offering, chain);
    }

    fn chains(&self) -> MutexGuard<'_, HashMap<OfferingId, Chain>> {
        // No code panics while it holds the lock, and a partial change is not possible.
        self.chains.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append_now(&self, append: Append) -> Result<Appended, AppendError> {
        let mut chains = self.chains();
        let chain = chains.get_mut(&append.row.offering).ok_or(AppendError::Fenced)?;
        if chain.head != append.previous {
            return Err(AppendError::Fenced);
        }
        if append.row.epoch > append.previous.epoch {
            chain.owner = Some(Owner {
                incarnation: append.row.owner,
                address: append.owner_address,
                epoch: append.row.epoch,
            });
        }
        chain.head = append.row.head();
        chain.next_due_at = append.next_due_at;
        chain.rows.push((append.row, append.record));
        Ok(Appended { database_now: self.clock.now_ms() })
    }

    fn load_now(&self, offering: OfferingId, before: Seq) -> Result<Loaded, LoadError> {
        let chains = self.chains();
        let chain = chains.get(&offering).ok_or(LoadError::NotFound)?;
        let snapshot = chain.snapshot.as_ref().filter(|snapshot| snapshot.seq < before);
        let from = snapshot.map_or(Seq(0), |snapshot| snapshot.seq);
        let tail = chain.rows.iter().filter(|(row, _)| row.seq > from);
        Ok(Loaded {
            snapshot: snapshot.cloned(),
            unfit: Vec::new(),
            tail: tail.map(|(row, record)| (Row::clone(row), Record::clone(record))).collect(),
            head: chain.head,
        })
    }

    fn tail_now(&self, offering: OfferingId, from: Head) -> Result<Option<Loaded>, LoadError> {
        let chains = self.chains();
        let chain = chains.get(&offering).ok_or(LoadError::NotFound)?;
        if !chain.rows.iter().any(|(row, _)| row.head() == from) {
            return Ok(None);
        }
        let tail = chain.rows.iter().filter(|(row, _)| row.seq > from.seq);
        Ok(Some(Loaded {
            snapshot: None,
            unfit: Vec::new(),
            tail: tail.map(|(row, record)| (Row::clone(row), Record::clone(record))).collect(),
            head: chain.head,
        }))
    }

    fn keep_snapshot_now(
        &self,
        offering: OfferingId,
        snapshot: Snapshot,
    ) -> Result<bool, LoadError> {
        let mut chains = self.chains();
        let chain = chains.get_mut(&offering).ok_or(LoadError::NotFound)?;
        let confirmed =
            chain.rows.iter().any(|(row, _)| row.seq == snapshot.seq && row.hash == snapshot.hash);
        let newer = chain.snapshot.as_ref().is_none_or(|kept| kept.seq <= snapshot.seq);
        if confirmed && newer {
            chain.snapshot = Some(snapshot);
        }
        Ok(confirmed && newer)
    }
}

impl Journal for MemoryJournal {
    fn append(&self, append: Append) -> BoxFuture<'_, Result<Appended, AppendError>> {
        ready(self.append_now(append)).boxed()
    }

    fn head(&self, offering: OfferingId) -> BoxFuture<'_, Result<Head, LoadError>> {
        let head = self.chains().get(&offering).map(|chain| chain.head);
        ready(head.ok_or(LoadError::NotFound)).boxed()
    }

    fn owner(&self, offering: OfferingId) -> BoxFuture<'_, Result<Option<Owner>, LoadError>> {
        let chains = self.chains();
        let owner = chains.get(&offering).map(|chain| chain.owner.clone());
        ready(owner.ok_or(LoadError::NotFound)).boxed()
    }

    fn database_now(&self) -> BoxFuture<'_, Result<TimestampMs, LoadError>> {
        ready(Ok(self.clock.now_ms())).boxed()
    }

    fn load_before(
        &self,
        offering: OfferingId,
        before: Seq,
    ) -> BoxFuture<'_, Result<Loaded, LoadError>> {
        ready(self.load_now(offering, before)).boxed()
    }

    fn load_after(
        &self,
        offering: OfferingId,
        from: Head,
    ) -> BoxFuture<'_, Result<Option<Loaded>, LoadError>> {
        ready(self.tail_now(offering, from)).boxed()
    }

    fn row(
        &self,
        offering: OfferingId,
        seq: Seq,
    ) -> BoxFuture<'_, Result<Option<(Row, Record)>, LoadError>> {
        let found = self.chains().get(&offering).and_then(|chain| {
            chain
                .rows
                .iter()
                .find(|(row, _)| row.seq == seq)
                .map(|(row, record)| (Row::clone(row), Record::clone(record)))
        });
        ready(Ok(found)).boxed()
    }

    fn keep_snapshot(
        &self,
        offering: OfferingId,
        snapshot: Snapshot,
    ) -> BoxFuture<'_, Result<bool, LoadError>> {
        ready(self.keep_snapshot_now(offering, snapshot)).boxed()
    }

    fn replace_snapshots(
        &self,
        offering: OfferingId,
        snapshot: Snapshot,
    ) -> BoxFuture<'_, Result<bool, LoadError>> {
        // This journal keeps only one snapshot anyway.
        ready(self.keep_snapshot_now(offering, snapshot)).boxed()
    }

    fn due(
        &self,
        now: TimestampMs,
        limit: u64,
    ) -> BoxFuture<'_, Result<Vec<OfferingId>, LoadError>> {
        let chains = self.chains();
        let mut due: Vec<_> = chains
            .iter()
            .filter_map(|(offering, chain)| Some((chain.next_due_at?, *offering)))
            .filter(|(at, _)| *at <= now)
            .collect();
        due.sort();
        due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        ready(Ok(due.into_iter().map(|(_, offering)| offering).collect())).boxed()
    }
}
