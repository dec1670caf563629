//! The journal on both databases: compare-and-swap, takeover, recovery, snapshots, damage.

use std::sync::Arc;

use admitone::ids::{BatchId, Epoch, HoldId, InstanceId, OfferingId, ReservationId, Seq, UserId};
use admitone::inventory::{
    Change, Definition, Policy, ProductDefinition, RowDefinition, SaleState, SaleWindow,
    SectionDefinition, Transition,
};
use admitone::journal::{
    Append, AppendError, Head, Journal, LoadError, Record, Row, RowFields, Snapshot,
};
use admitone::store::{EventDetails, NewEvent, Store};

mod audit;
mod connections;
mod fencing;
mod groups;

/// Returns the time of a row: rows are a millisecond apart, and the event is created at 1,000.
pub fn time_of(seq: Seq) -> i64 {
    999 + i64::try_from(seq.0).expect("small")
}

/// An instance that appends to one offering, with the head that it knows.
#[derive(Clone)]
pub struct Writer {
    pub store: Store,
    pub offering: OfferingId,
    pub instance: InstanceId,
    pub head: Head,
}

pub fn definition() -> Definition {
    let product = |capacity| ProductDefinition {
        price: 12_000,
        capacity,
        max_per_customer: Some(4),
        sale: SaleWindow::default(),
    };
    let row = |name: &str| RowDefinition { name: name.into(), seats: 3 };
    Definition {
        currency: *b"KRW",
        products: vec![product(Some(100)), product(None)],
        sections: vec![SectionDefinition {
            name: "Stalls".into(),
            product: admitone::ids::ProductId(1),
            rows: vec![row("A"), row("B")],
        }],
        policy: Policy::default(),
        sale: SaleWindow::default(),
        sale_state: SaleState::Open,
    }
}

pub fn new_event() -> NewEvent {
    NewEvent {
        id: OfferingId::new(),
        details: EventDetails {
            name: "A night at the opera".into(),
            description: "In three acts".into(),
            venue: "The old theatre".into(),
            event_date: 2_000_000,
        },
        products: vec![("Standing".into(), String::new()), ("Seat".into(), "Upholstered".into())],
        definition: definition(),
        terms: admitone::store::Terms::default(),
        further: Vec::new(),
        plan: None,
        time_zone: None,
        class: None,
        created_by: UserId::random(),
    }
}

impl Writer {
    /// Creates an event and the first owner of its journal.
    pub async fn of_new_event(store: &Store) -> Self {
        let event = new_event();
        store.event_create(&event, None, 1_000).await.expect("the event is made");
        let head = store.head(event.id).await.expect("it has a head");
        let store = store.clone();
        Self { store, offering: event.id, instance: InstanceId::random(), head }
    }

    /// Returns another instance that has read the same journal.
    pub async fn rival(&self, store: &Store) -> Self {
        let head = store.head(self.offering).await.expect("it has a head");
        let offering = self.offering;
        Self { store: store.clone(), offering, instance: InstanceId::random(), head }
    }

    pub fn append_of(&self, epoch: Epoch, record: Record) -> Append {
        let fields = RowFields {
            offering: self.offering,
            epoch,
            owner: self.instance,
            batch_id: BatchId::random(),
            at: time_of(self.head.seq.next()),
        };
        let row = Row::new(&self.head, fields, &record);
        Append {
            previous: self.head,
            row: Arc::new(row),
            record: Arc::new(record),
            owner_address: format!("http://{}", self.instance).into(),
            next_due_at: None,
        }
    }

    pub async fn send(&mut self, append: Append) -> Result<(), AppendError> {
        let head = append.row.head();
        let appended = self.store.append(append).await?;
        assert!(appended.database_now > 1_600_000_000_000, "the database's clock is in ms");
        self.head = head;
        Ok(())
    }

    pub async fn take_over(&mut self) -> Result<(), AppendError> {
        let epoch = Epoch(self.head.epoch.0 + 1);
        self.send(self.append_of(epoch, Record::Takeover)).await
    }

    pub async fn commit(&mut self, changes: Vec<Change>) -> Result<(), AppendError> {
        self.send(self.batch(changes)).await
    }

    pub fn batch(&self, changes: Vec<Change>) -> Append {
        let transition = Transition { idempotency: None, changes };
        self.append_of(self.head.epoch, Record::Batch(vec![Arc::new(transition)]))
    }

    /// Returns a change that has no relational rows.
    pub fn hold() -> Vec<Change> {
        vec![Change::HoldReleased { hold: HoldId::random() }]
    }

    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            seq: self.head.seq,
            epoch: self.head.epoch,
            at: time_of(self.head.seq),
            hash: self.head.hash,
            format: admitone::journal::FORMAT,
            payload: bytes::Bytes::from_static(b"a state"),
        }
    }
}

on_both_databases! {
    async fn what_was_appended_is_loaded_in_order(db: TestDb) {
        let store = db.store().await;
        let mut writer = Writer::of_new_event(&store).await;
        writer.take_over().await.unwrap();
        for _ in 0..3 {
            writer.commit(Writer::hold()).await.unwrap();
        }
        let loaded = store.load(writer.offering).await.unwrap();
        assert_eq!(loaded.head, writer.head);
        assert_eq!(loaded.snapshot, None);
        let seqs: Vec<_> = loaded.tail.iter().map(|(row, _)| (row.seq.0, row.epoch.0)).collect();
        assert_eq!(seqs, [(1, 0), (2, 1), (3, 1), (4, 1), (5, 1)]);
        assert_eq!(loaded.tail[1].1, Record::Takeover);
        let (row, _) = store.row(writer.offering, Seq(3)).await.unwrap().unwrap();
        assert_eq!(row, loaded.tail[2].0);
        assert!(store.row(writer.offering, Seq(6)).await.unwrap().is_none());
    }

    async fn an_unknown_offering_has_no_journal(db: TestDb) {
        let store = db.store().await;
        let unknown = OfferingId::random();
        assert!(matches!(store.load(unknown).await, Err(LoadError::NotFound)));
        assert!(matches!(store.head(unknown).await, Err(LoadError::NotFound)));
    }

    async fn of_concurrent_appends_exactly_one_wins_each_seq(db: TestDb) {
        let store = db.store().await;
        let mut first = Writer::of_new_event(&store).await;
        first.take_over().await.unwrap();
        for round in 0..20 {
            let rivals = (0..8).map(|_| {
                let mut writer = first.clone();
                tokio::spawn(async move {
                    let sent = writer.commit(Writer::hold()).await;
                    (writer.head, sent)
                })
            });
            let mut winners = Vec::new();
            for rival in futures_util::future::join_all(rivals).await {
                match rival.unwrap() {
                    (head, Ok(())) => winners.push(head),
                    (_, Err(AppendError::Fenced)) => {}
                    (_, Err(error)) => panic!("round {round}: {error:?}"),
                }
            }
            assert_eq!(winners.len(), 1, "round {round}");
            first.head = winners[0];
        }
        assert_eq!(store.load(first.offering).await.unwrap().head, first.head);
    }

    async fn a_takeover_fences_the_owner_before(db: TestDb) {
        let store = db.store().await;
        let mut old = Writer::of_new_event(&store).await;
        old.take_over().await.unwrap();
        let mut new = old.rival(&store).await;
        new.take_over().await.unwrap();
        assert_eq!(new.head.epoch, Epoch(2));
        assert!(matches!(old.commit(Writer::hold()).await, Err(AppendError::Fenced)));
        assert!(matches!(old.take_over().await, Err(AppendError::Fenced)));
        new.commit(Writer::hold()).await.unwrap();
        let mine = format!("SELECT count(*) FROM heads WHERE owner_address = 'http://{}'", new.instance);
        assert_eq!(db.count(&mine).await, 1);
    }

    async fn a_refused_batch_changes_nothing_and_hurts_no_other(db: TestDb) {
        let store = db.store().await;
        let mut good = Vec::new();
        for _ in 0..6 {
            let mut writer = Writer::of_new_event(&store).await;
            writer.take_over().await.unwrap();
            good.push(writer);
        }
        let mut bad = good.pop().unwrap();
        // Two reservations with one id, which the core never decides and the table refuses.
        let reservation = ReservationId::random();
        let check_out = || checked_out(reservation, HoldId::random());
        bad.commit(vec![check_out()]).await.unwrap();
        let before = bad.head;
        let refused = bad.batch(vec![check_out()]);
        let (refused, accepted) = tokio::join!(
            bad.store.append(refused),
            futures_util::future::join_all(good.iter_mut().map(|writer| writer.commit(Writer::hold())))
        );
        assert!(matches!(refused, Err(AppendError::BadData(_))), "{refused:?}");
        for accepted in accepted {
            accepted.unwrap();
        }
        assert_eq!(store.head(bad.offering).await.unwrap(), before);
        bad.commit(Writer::hold()).await.unwrap();
    }

    async fn recovery_starts_from_the_newest_snapshot(db: TestDb) {
        let store = db.store().await;
        let mut writer = Writer::of_new_event(&store).await;
        let mut snapshots = Vec::new();
        for _ in 0..4 {
            writer.take_over().await.unwrap();
            assert!(store.keep_snapshot(writer.offering, writer.snapshot()).await.unwrap());
            snapshots.push(writer.snapshot());
        }
        writer.commit(Writer::hold()).await.unwrap();
        let loaded = store.load(writer.offering).await.unwrap();
        assert_eq!(loaded.snapshot.as_ref(), snapshots.last());
        assert_eq!(loaded.tail.len(), 1);
        assert_eq!(loaded.head, writer.head);
        assert_eq!(db.count("SELECT count(*) FROM snapshots").await, 2, "older ones are dropped");
    }

    async fn a_snapshot_of_another_history_is_not_kept_or_used(db: TestDb) {
        let store = db.store().await;
        let mut writer = Writer::of_new_event(&store).await;
        writer.take_over().await.unwrap();
        assert!(store.keep_snapshot(writer.offering, writer.snapshot()).await.unwrap());
        writer.commit(Writer::hold()).await.unwrap();
        let other = Snapshot { hash: [7; 32], ..writer.snapshot() };
        assert!(!store.keep_snapshot(writer.offering, other).await.unwrap());
        let ahead = Snapshot { seq: Seq(9), ..writer.snapshot() };
        assert!(!store.keep_snapshot(writer.offering, ahead).await.unwrap());
        // The snapshot was kept while its row existed; then the row was replaced.
        assert!(store.keep_snapshot(writer.offering, writer.snapshot()).await.unwrap());
        let zeroes = if db.is_postgres() { "decode(repeat('00', 32), 'hex')" } else { "zeroblob(32)" };
        db.sql(&format!("UPDATE snapshots SET hash = {zeroes} WHERE seq = 3")).await;
        let loaded = store.load(writer.offering).await.unwrap();
        assert_eq!(loaded.snapshot.map(|snapshot| snapshot.seq), Some(Seq(2)));
        assert_eq!(loaded.head, writer.head);
    }

    async fn an_older_snapshot_does_not_replace_a_newer_one(db: TestDb) {
        let store = db.store().await;
        let mut writer = Writer::of_new_event(&store).await;
        writer.take_over().await.unwrap();
        let early = writer.snapshot();
        writer.commit(Writer::hold()).await.unwrap();
        assert!(store.keep_snapshot(writer.offering, writer.snapshot()).await.unwrap());
        assert!(!store.keep_snapshot(writer.offering, early).await.unwrap());
        let loaded = store.load(writer.offering).await.unwrap();
        assert_eq!(loaded.snapshot, Some(writer.snapshot()));
    }

    async fn damage_is_found_and_named(db: TestDb) {
        let store = db.store().await;
        let mut writer = Writer::of_new_event(&store).await;
        writer.take_over().await.unwrap();
        for _ in 0..4 {
            writer.commit(Writer::hold()).await.unwrap();
        }
        let damaged_at = async || match store.load(writer.offering).await {
            Err(LoadError::Damaged { seq, .. }) => seq.0,
            other => panic!("{other:?}"),
        };
        db.sql("UPDATE journal SET at = at + 1 WHERE seq = 4").await;
        assert_eq!(damaged_at().await, 4);
        db.sql("UPDATE journal SET at = at - 1 WHERE seq = 4").await;
        db.sql("UPDATE journal SET payload = hash WHERE seq = 3").await;
        assert_eq!(damaged_at().await, 3);
        db.sql("DELETE FROM journal WHERE seq = 3").await;
        assert_eq!(damaged_at().await, 4, "the row after the gap");
    }

    async fn a_row_of_a_newer_format_is_not_taken_over(db: TestDb) {
        let store = db.store().await;
        let mut writer = Writer::of_new_event(&store).await;
        writer.take_over().await.unwrap();
        db.sql("UPDATE journal SET format = 99 WHERE seq = 2").await;
        let loaded = store.load(writer.offering).await;
        assert!(matches!(loaded, Err(LoadError::NewerFormat { seq: Seq(2), format: 99 })));
    }

    async fn due_offerings_come_longest_due_first(db: TestDb) {
        let store = db.store().await;
        let mut offerings = Vec::new();
        for due in [Some(300), Some(100), None, Some(200), Some(900)] {
            let mut writer = Writer::of_new_event(&store).await;
            let mut append = writer.append_of(Epoch(1), Record::Takeover);
            append.next_due_at = due;
            writer.send(append).await.unwrap();
            offerings.push(writer.offering);
        }
        let due = store.due(300, 10).await.unwrap();
        assert_eq!(due, [offerings[1], offerings[3], offerings[0]]);
        assert_eq!(store.due(300, 1).await.unwrap(), [offerings[1]]);
    }

    async fn a_batch_of_a_thousand_transitions_is_one_row(db: TestDb) {
        let store = db.store().await;
        let mut writer = Writer::of_new_event(&store).await;
        writer.take_over().await.unwrap();
        let changes: Vec<_> = (0..5_000)
            .map(|_| checked_out(ReservationId::random(), HoldId::random()))
            .collect();
        writer.commit(changes).await.unwrap();
        assert_eq!(db.count("SELECT count(*) FROM journal").await, 3);
        assert_eq!(db.count("SELECT count(*) FROM reservations").await, 5_000);
        assert_eq!(db.count("SELECT count(*) FROM outbox_messages").await, 5_000);
    }

    async fn loading_while_others_append_sees_one_whole_history(db: TestDb) {
        let store = db.store().await;
        let mut writer = Writer::of_new_event(&store).await;
        writer.take_over().await.unwrap();
        let offering = writer.offering;
        let appending = tokio::spawn(async move {
            for round in 0..100 {
                writer.commit(Writer::hold()).await.unwrap();
                if round % 10 == 0 {
                    writer.store.keep_snapshot(offering, writer.snapshot()).await.unwrap();
                }
            }
            writer.head
        });
        while !appending.is_finished() {
            let loaded = store.load(offering).await.unwrap();
            let from = loaded.snapshot.map_or(Seq(0), |snapshot| snapshot.seq);
            assert_eq!(loaded.head.seq.0 - from.0, loaded.tail.len() as u64);
        }
        assert_eq!(store.load(offering).await.unwrap().head, appending.await.unwrap());
    }
}

pub fn checked_out(reservation: ReservationId, hold: HoldId) -> Change {
    Change::CheckedOut {
        hold,
        reservation,
        customer: UserId::random(),
        lines: vec![admitone::inventory::Line {
            product: admitone::ids::ProductId(0),
            quantity: 2,
            unit_price: 12_000,
            seats: Box::default(),
            fit: admitone::inventory::Fit::Exact,
        }],
        pay_by: 60_000,
    }
}
