//! Claims of deliveries: none ends while its delivery is under way.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use admitone::clock::Clock;
use admitone::outbox::{Destination, Outcome, Relay, Subscription};
use admitone::store::{DeliveryRow, DeliveryState, NewNotice, Store, StoreError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::json;

use super::{Recorder, expand_all, relay, rows, sell};
use crate::support::payments::PaymentsFixture;

/// A destination that writes several times to the database, as webhooks do.
struct Writer {
    store: Store,
}

impl Destination for Writer {
    fn family(&self) -> &'static str {
        "writer"
    }

    fn subscriptions(&self) -> BoxFuture<'_, Result<Vec<Subscription>, StoreError>> {
        let (destination, kinds) = ("writer".into(), None);
        let all = Subscription { destination, kinds, offering: None, is_personal: false };
        std::future::ready(Ok(vec![all])).boxed()
    }

    fn deliver<'a>(&'a self, _: &'a DeliveryRow) -> BoxFuture<'a, Outcome> {
        async move {
            for _ in 0..3 {
                let payload = json!({});
                let notice = NewNotice { kind: "x", offering: None, user: None, payload };
                self.store.notice_put(&notice, 1).await.unwrap();
            }
            Outcome::Delivered
        }
        .boxed()
    }

    fn pauses(&self) -> &[Duration] {
        &[]
    }

    fn at_once(&self) -> usize {
        8
    }
}

on_both_databases! {
    async fn a_slow_destination_is_given_nothing_whose_claim_could_end_meanwhile(db: TestDb) {
        const SLOW_MS: i64 = 25_000;
        let till = PaymentsFixture::open(db, 20).await;
        sell(&till, 8).await;
        let clock = till.clock.clone();
        let began = Arc::new(Mutex::new(Vec::new()));
        let times = began.clone();
        let slow = Recorder::new("mail", move |_| {
            times.lock().unwrap().push(clock.now_ms());
            clock.advance_ms(SLOW_MS);
            Outcome::Delivered
        });
        let relay = relay(&till, std::slice::from_ref(&slow));
        expand_all(&relay).await;
        let mut rounds = 0;
        while !rows(&till.store, DeliveryState::Waiting).await.is_empty() {
            let (first, claimed_at) = (began.lock().unwrap().len(), till.clock.now_ms());
            relay.deliver_once().await.unwrap();
            let began = began.lock().unwrap();
            assert!(began.len() > first, "each round makes some");
            assert!(began[first..].iter().all(|at| at - claimed_at <= 60_000), "{began:?}");
            rounds += 1;
        }
        assert_eq!(slow.got.lock().unwrap().len(), 25, "each once");
        assert!(rounds > 1);
        assert!(rows(&till.store, DeliveryState::Done).await.iter().all(|row| row.attempts == 1));
    }

    async fn destinations_that_write_do_not_keep_the_ends_of_others_from_being_recorded(db: TestDb) {
        let till = PaymentsFixture::open(db, 20).await;
        sell(&till, 8).await;
        let writer = Arc::new(Writer { store: till.store.clone() });
        let relay = Relay::new(till.store.clone(), till.clock.clone(), vec![writer]);
        expand_all(&relay).await;
        let delivered = tokio::time::timeout(Duration::from_secs(8), relay.deliver_once());
        delivered.await.expect("none waits for a connection that another one holds").unwrap();
        assert!(rows(&till.store, DeliveryState::Done).await.len() >= 25);
    }

    async fn what_a_person_waits_for_goes_before_what_was_there_first(db: TestDb) {
        let till = PaymentsFixture::open(db, 20).await;
        sell(&till, 4).await;
        let refund = |kind| NewNotice { kind, offering: None, user: None, payload: json!({}) };
        let kinds = ["payment.refunded", "payment.failed", "account.password_reset"];
        let confirmed = "reservation.confirmed";
        let recorder = Recorder::of_kinds("mail", &[&kinds[..], &[confirmed]].concat());
        let relay = relay(&till, std::slice::from_ref(&recorder));
        expand_all(&relay).await;
        till.clock.advance_ms(1_000);
        for kind in kinds {
            till.store.notice_put(&refund(kind), till.clock.now_ms()).await.unwrap();
            expand_all(&relay).await;
            till.clock.advance_ms(1_000);
        }
        relay.deliver_once().await.unwrap();
        let order: Vec<_> =
            recorder.got.lock().unwrap().iter().map(|row| row.kind.clone()).collect();
        let expected = [
            "account.password_reset", confirmed, confirmed, confirmed, confirmed, "payment.failed",
            "payment.refunded",
        ];
        assert_eq!(order, expected);
        let waiting = |lane| format!("SELECT count(*) FROM deliveries WHERE lane = {lane}");
        assert_eq!(till.db.count(&waiting(-1)).await, 1);
    }
}
