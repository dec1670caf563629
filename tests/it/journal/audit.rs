//! Audits find each fault of a journal, name the row, and agree with each other.

use std::sync::Arc;

use admitone::audit::{Auditor, OfflineAudit};
use admitone::ids::{HoldId, ProductId, Seq, UserId};
use admitone::inventory::{Command, Decision, Inventory, LineRequest, Request};
use admitone::journal::{Head, Journal, LoadError, Record, export, fold};
use admitone::store::Store;

use super::Writer;

/// An owner of an event that appends any changes the test chooses.
struct Owner {
    writer: Writer,
    inventory: Inventory,
}

impl Owner {
    async fn of_new_event(store: &Store) -> Self {
        let mut writer = Writer::of_new_event(store).await;
        writer.take_over().await.unwrap();
        let inventory = fold(&store.load(writer.offering).await.unwrap()).unwrap();
        Self { writer, inventory }
    }

    async fn hold_places(&mut self, batches: u32) {
        for _ in 0..batches {
            let now = 1_000 + i64::try_from(self.writer.head.seq.0).unwrap();
            self.inventory.begin_batch(self.writer.head.seq.next(), now);
            let lines = vec![LineRequest::Quantity { product: ProductId(0), quantity: 1 }];
            let (hold, customer) = (HoldId::random(), UserId::random());
            let command = Command::PlaceHold { hold, customer, lines };
            let decision = self.inventory.execute(&Request { command, idempotency: None });
            let Decision::Decided(transition) = decision else { panic!("{decision:?}") };
            let record = Record::Batch(vec![Arc::new(transition)]);
            let append = self.writer.append_of(self.writer.head.epoch, record);
            self.writer.send(append).await.unwrap();
        }
    }
}

fn damaged_at<T: std::fmt::Debug>(found: Result<T, LoadError>) -> u64 {
    match found {
        Err(LoadError::Damaged { seq, .. }) => seq.0,
        other => panic!("{other:?}"),
    }
}

on_both_databases! {
    async fn an_honest_journal_passes_and_its_audit_continues(db: TestDb) {
        let store = db.store().await;
        let mut owner = Owner::of_new_event(&store).await;
        owner.hold_places(3).await;
        let auditor = Auditor::new(store.clone());
        let report = auditor.audit(owner.writer.offering).await.unwrap();
        assert_eq!((report.seq, report.epoch, report.tally.holds_placed), (5, 1, 3));
        assert_eq!((report.products[0].held, report.products[0].available), (3, 97));
        owner.hold_places(2).await;
        let report = auditor.audit(owner.writer.offering).await.unwrap();
        assert_eq!((report.seq, report.tally.holds_placed), (7, 5));
        let fresh = Auditor::new(store.clone()).audit(owner.writer.offering).await.unwrap();
        assert_eq!(fresh, report);
    }

    async fn a_changed_row_is_named(db: TestDb) {
        let store = db.store().await;
        let mut owner = Owner::of_new_event(&store).await;
        owner.hold_places(4).await;
        db.sql("UPDATE journal SET owner = batch_id WHERE seq = 4").await;
        let audit = Auditor::new(store.clone()).audit(owner.writer.offering).await;
        assert_eq!(damaged_at(audit), 4);
    }

    async fn a_row_that_the_state_before_it_does_not_allow_is_named(db: TestDb) {
        let store = db.store().await;
        let mut owner = Owner::of_new_event(&store).await;
        owner.hold_places(2).await;
        // A well-formed row with a valid hash but an impossible change, written past the core.
        owner.writer.commit(Writer::hold()).await.unwrap();
        let audit = Auditor::new(store.clone()).audit(owner.writer.offering).await;
        assert_eq!(damaged_at(audit), 5);
    }

    async fn a_lost_tail_is_found(db: TestDb) {
        let store = db.store().await;
        let mut owner = Owner::of_new_event(&store).await;
        owner.hold_places(4).await;
        let auditor = Auditor::new(store.clone());
        auditor.audit(owner.writer.offering).await.unwrap();
        db.sql("DELETE FROM journal WHERE seq > 4").await;
        assert_eq!(damaged_at(Auditor::new(store).audit(owner.writer.offering).await), 5);
    }

    async fn an_audit_beside_appends_never_sees_damage(db: TestDb) {
        let store = db.store().await;
        let mut owner = Owner::of_new_event(&store).await;
        let offering = owner.writer.offering;
        let appending = tokio::spawn(async move { owner.hold_places(60).await });
        let auditor = Auditor::new(store);
        while !appending.is_finished() {
            auditor.audit(offering).await.unwrap();
        }
        appending.await.unwrap();
        assert_eq!(auditor.audit(offering).await.unwrap().tally.holds_placed, 60);
    }

    async fn an_export_is_verified_without_the_database(db: TestDb) {
        let store = db.store().await;
        let mut owner = Owner::of_new_event(&store).await;
        owner.hold_places(4).await;
        let offering = owner.writer.offering;
        let rows = store.journal_rows(offering, Head::EMPTY, 100).await.unwrap();
        let lines: Vec<_> = rows.iter().map(|(row, record)| export::to_line(row, record)).collect();
        let verify = |lines: &[String]| {
            let mut audit = OfflineAudit::default();
            for line in lines {
                audit.take(&export::from_line(line).unwrap())?;
            }
            audit.report()
        };
        let online = Auditor::new(store.clone()).audit(offering).await.unwrap();
        assert_eq!(verify(&lines).unwrap(), (offering, online));

        let mut edited = lines.clone();
        edited[3] = edited[3].replace("\"atMs\":1003", "\"atMs\":1002");
        assert_ne!(edited[3], lines[3]);
        assert_eq!(damaged_at(verify(&edited)), 4);
        let mut shortened = lines.clone();
        shortened.remove(2);
        assert_eq!(damaged_at(verify(&shortened)), 4);
        assert!(matches!(verify(&[]), Err(LoadError::NotFound)));
        assert_eq!(owner.writer.head.seq, Seq(6));
    }
}
