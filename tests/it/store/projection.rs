//! The relational rows that follow from the journal.

use admitone::ids::{
    HoldId, OfferingId, PaymentId, ProductId, ReservationId, SeatId, SectionId, UserId,
};
use admitone::inventory::{
    CancellationPolicy, Change, Fit, Line, ProductDefinition, SaleState, SaleWindow,
};
use admitone::journal::AppendError;
use admitone::store::{
    Authorization, Balance, Key, NewPayment, PaidBack, PaymentState, RefundFilter, RefundReason,
    RefundState, ReservationFilter, ReservationState, Store, TicketState, ticket_id,
};

use crate::journal::Writer;
use crate::support::test_db::TestDb;

pub(super) struct Purchase {
    pub(super) customer: UserId,
    pub(super) hold: HoldId,
    pub(super) reservation: ReservationId,
    pub(super) payment: PaymentId,
    pub(super) lines: Vec<Line>,
}

impl Purchase {
    fn new() -> Self {
        let line = |product, quantity, seats: &[u32]| Line {
            product: ProductId(product),
            quantity,
            unit_price: 12_000,
            seats: seats.iter().copied().map(SeatId).collect(),
            fit: Fit::Exact,
        };
        Self {
            customer: UserId::random(),
            hold: HoldId::random(),
            reservation: ReservationId::random(),
            payment: PaymentId::random(),
            lines: vec![line(0, 1, &[]), line(1, 2, &[4, 5])],
        }
    }

    fn checked_out(&self) -> Change {
        Change::CheckedOut {
            hold: self.hold,
            reservation: self.reservation,
            customer: self.customer,
            lines: self.lines.clone(),
            pay_by: 60_000,
        }
    }

    fn payment_begun(&self) -> Change {
        let (reservation, payment) = (self.reservation, self.payment);
        Change::PaymentBegun { reservation, payment, pay_by: 90_000 }
    }

    fn confirmed(&self) -> Change {
        Change::ReservationConfirmed {
            reservation: self.reservation,
            payment: self.payment,
            customer: self.customer,
            lines: self.lines.clone(),
        }
    }

    /// Sets aside the money that the confirmation takes.
    pub(super) async fn set_aside(&self, store: &Store, offering: OfferingId) {
        let amount = self.lines.iter().map(|line| line.unit_price * i64::from(line.quantity)).sum();
        let charge = Balance { currency: "KRW".into(), amount };
        let key = Key {
            principal: self.customer,
            operation: "test.charge",
            key_hash: rand::random(),
            fingerprint: [0; 16],
        };
        store.wallet_charge(self.customer, &charge, &key, 1).await.expect("charges");
        let new = NewPayment {
            id: self.payment,
            reservation: self.reservation,
            offering,
            user: self.customer,
            method: admitone::store::PaymentMethod::Wallet,
            amount,
            currency: charge.currency,
            options: None,
            return_url: None,
        };
        let row = store.payment_create(&new, 1, 1).await.expect("begins");
        let authorized = store.payment_authorize(&row, 1).await.expect("authorizes");
        assert_eq!(authorized, Authorization::Authorized);
    }

    /// The same, and then puts the payment into another state behind the store's back.
    async fn payment_in(&self, db: &TestDb, store: &Store, offering: OfferingId, state: &str) {
        if store.payment_get(self.payment).await.unwrap().is_none() {
            self.set_aside(store, offering).await;
        }
        let update = format!("UPDATE payments SET state = '{state}' WHERE user_id = ");
        let user = self.customer.0.simple();
        // A uuid on Postgres, bytes on SQLite.
        let user = if db.is_postgres() { format!("'{user}'") } else { format!("x'{user}'") };
        db.sql(&(update + &user)).await;
    }

    async fn payment(&self, store: &Store) -> PaymentState {
        store.payment_get(self.payment).await.unwrap().expect("it is there").state
    }

    async fn state(&self, store: &Store) -> ReservationState {
        store.reservation_get(self.reservation).await.unwrap().expect("it is there").state
    }

    async fn tickets(&self, store: &Store) -> Vec<TicketState> {
        let mut tickets = store.ticket_list(self.customer, None, 10).await.unwrap();
        tickets.sort_by_key(|ticket| ticket.index);
        tickets.into_iter().map(|ticket| ticket.state).collect()
    }
}

async fn owner(db: &TestDb) -> (Store, Writer) {
    let store = db.store().await;
    let mut writer = Writer::of_new_event(&store).await;
    writer.take_over().await.unwrap();
    (store, writer)
}

async fn outbox(db: &TestDb, kind: &str) -> i64 {
    db.count(&format!("SELECT count(*) FROM outbox_messages WHERE kind = '{kind}'")).await
}

on_both_databases! {
    async fn a_purchase_is_projected_step_by_step(db: TestDb) {
        let (store, mut writer) = owner(&db).await;
        let purchase = Purchase::new();
        writer.commit(vec![purchase.checked_out()]).await.unwrap();
        let row = store.reservation_get(purchase.reservation).await.unwrap().unwrap();
        assert_eq!(row.state, ReservationState::PaymentPending);
        assert_eq!((row.user, row.hold, row.pay_by), (purchase.customer, purchase.hold, 60_000));
        assert_eq!((row.total_price, &row.lines), (36_000, &purchase.lines));
        assert_eq!(row.payment, None);

        writer.commit(vec![purchase.payment_begun()]).await.unwrap();
        let row = store.reservation_get(purchase.reservation).await.unwrap().unwrap();
        assert_eq!((row.state, row.pay_by), (ReservationState::PaymentPending, 60_000));

        purchase.set_aside(&store, writer.offering).await;
        writer.commit(vec![purchase.confirmed()]).await.unwrap();
        let row = store.reservation_get(purchase.reservation).await.unwrap().unwrap();
        assert_eq!((row.state, row.payment), (ReservationState::Confirmed, Some(purchase.payment)));
        let mut tickets = store.ticket_list(purchase.customer, None, 10).await.unwrap();
        tickets.sort_by_key(|ticket| ticket.index);
        let seats: Vec<_> = tickets.iter().map(|ticket| ticket.seat).collect();
        assert_eq!(seats, [None, Some(SeatId(4)), Some(SeatId(5))]);

        let check_in = Change::CheckedIn { reservation: purchase.reservation, ticket: 1 };
        writer.commit(vec![check_in]).await.unwrap();
        let used = store.ticket_get(ticket_id(purchase.reservation, 1)).await.unwrap().unwrap();
        assert_eq!((used.state, used.checked_in_at), (TicketState::Used, Some(1_005)));
        assert_eq!(purchase.tickets(&store).await, [TicketState::Valid, TicketState::Used, TicketState::Valid]);
        for kind in ["reservation.created", "reservation.confirmed", "ticket.checked_in"] {
            assert_eq!(outbox(&db, kind).await, 1, "{kind}");
        }
    }

    async fn all_of_a_purchase_in_one_batch_ends_in_the_same_rows(db: TestDb) {
        let (store, mut writer) = owner(&db).await;
        let purchase = Purchase::new();
        let check_in = Change::CheckedIn { reservation: purchase.reservation, ticket: 0 };
        purchase.set_aside(&store, writer.offering).await;
        let changes =
            vec![purchase.checked_out(), purchase.payment_begun(), purchase.confirmed(), check_in];
        writer.commit(changes).await.unwrap();
        let row = store.reservation_get(purchase.reservation).await.unwrap().unwrap();
        assert_eq!((row.state, row.pay_by), (ReservationState::Confirmed, 60_000));
        assert_eq!(row.payment, Some(purchase.payment));
        assert_eq!(purchase.tickets(&store).await, [TicketState::Used, TicketState::Valid, TicketState::Valid]);
        assert_eq!(db.count("SELECT count(*) FROM outbox_messages WHERE seq = 3").await, 3);
    }

    async fn a_cancelled_reservation_voids_its_tickets(db: TestDb) {
        let (store, mut writer) = owner(&db).await;
        let (gone, kept) = (Purchase::new(), Purchase::new());
        for purchase in [&gone, &kept] {
            purchase.set_aside(&store, writer.offering).await;
            writer.commit(vec![purchase.checked_out(), purchase.confirmed()]).await.unwrap();
        }
        let reservations = vec![gone.reservation];
        writer.commit(vec![Change::ReservationsCancelled { reservations }]).await.unwrap();
        assert_eq!(gone.state(&store).await, ReservationState::Cancelled);
        assert_eq!(gone.tickets(&store).await, [TicketState::Void; 3]);
        assert_eq!(kept.state(&store).await, ReservationState::Confirmed);
        assert_eq!(kept.tickets(&store).await, [TicketState::Valid; 3]);
        assert_eq!(outbox(&db, "reservation.cancelled").await, 1);
    }

    async fn a_ticket_used_and_void_in_one_batch_is_void(db: TestDb) {
        let (store, mut writer) = owner(&db).await;
        let purchase = Purchase::new();
        purchase.set_aside(&store, writer.offering).await;
        writer.commit(vec![purchase.checked_out(), purchase.confirmed()]).await.unwrap();
        let reservation = purchase.reservation;
        let check_in = Change::CheckedIn { reservation, ticket: 2 };
        let cancel = Change::ReservationsCancelled { reservations: vec![reservation] };
        writer.commit(vec![check_in, cancel]).await.unwrap();
        assert_eq!(purchase.tickets(&store).await, [TicketState::Void; 3]);
        let used = store.ticket_get(ticket_id(reservation, 2)).await.unwrap().unwrap();
        assert_eq!(used.checked_in_at, Some(1_003));
    }

    async fn what_the_door_does_is_projected_with_its_gate_and_author(db: TestDb) {
        let (store, mut writer) = owner(&db).await;
        let purchase = Purchase::new();
        purchase.set_aside(&store, writer.offering).await;
        writer.commit(vec![purchase.checked_out(), purchase.confirmed()]).await.unwrap();
        let (reservation, admin) = (purchase.reservation, UserId::random());
        let enter = |ticket: u8, gate: &str| Change::CheckedInAtGate { reservation, ticket, gate: gate.into() };
        let by = Change::ActedBy { admin };
        writer.commit(vec![enter(0, "North"), enter(1, "South 2"), by.clone()]).await.unwrap();
        let ticket = async |index| store.ticket_get(ticket_id(reservation, index)).await.unwrap().unwrap();
        let first = ticket(0).await;
        assert_eq!((first.state, first.checked_in_at), (TicketState::Used, Some(1_003)));
        assert_eq!((first.gate.as_deref(), first.checked_in_by), (Some("North"), Some(admin)));
        let undone = Change::CheckInUndone { reservation, ticket: 0 };
        writer.commit(vec![undone.clone(), by]).await.unwrap();
        let first = ticket(0).await;
        assert_eq!((first.state, first.checked_in_at, first.gate, first.checked_in_by),
            (TicketState::Valid, None, None, None));
        assert_eq!(ticket(1).await.gate.as_deref(), Some("South 2"), "the other stays");
        // Of several changes to a ticket in one batch, the last one counts.
        writer.commit(vec![enter(0, "East"), undone, enter(0, "West")]).await.unwrap();
        assert_eq!(ticket(0).await.gate.as_deref(), Some("West"));
        assert_eq!(outbox(&db, "ticket.check_in_undone").await, 2);
    }

    async fn a_reservation_cancelled_for_a_part_has_its_payment_return_that_part(db: TestDb) {
        let (store, mut writer) = owner(&db).await;
        let (whole, part) = (Purchase::new(), Purchase::new());
        for purchase in [&whole, &part] {
            purchase.set_aside(&store, writer.offering).await;
            writer.commit(vec![purchase.checked_out(), purchase.confirmed()]).await.unwrap();
        }
        let reservations = vec![whole.reservation];
        let in_part = Change::ReservationCancelledFor { reservation: part.reservation, refund: 7 };
        writer.commit(vec![Change::ReservationsCancelled { reservations }, in_part]).await.unwrap();
        for (purchase, refund) in [(&whole, None), (&part, Some(7))] {
            assert_eq!(purchase.state(&store).await, ReservationState::Cancelled);
            assert_eq!(purchase.tickets(&store).await, [TicketState::Void; 3]);
            let row = store.reservation_get(purchase.reservation).await.unwrap().unwrap();
            assert_eq!(row.refund_amount, refund);
            let payment = store.payment_get(purchase.payment).await.unwrap().unwrap();
            let [due] = &store.refund_open_of(purchase.payment).await.unwrap()[..] else { panic!() };
            assert_eq!((due.amount, due.state), (refund.unwrap_or(36_000), RefundState::Due));
            assert_eq!(due.reason, RefundReason::ReservationCancelled);
            assert_eq!(due.requested_by, Some(purchase.customer), "by no administrator");
            let pay_back = || store.refund_pay_back(due, &payment, 9);
            assert_eq!(pay_back().await.unwrap(), PaidBack::Done);
            assert_eq!(pay_back().await.unwrap(), PaidBack::Elsewhere);
            let balance = &store.wallet_get(purchase.customer).await.unwrap()[0];
            assert_eq!(balance.amount, refund.unwrap_or(36_000));
        }
    }

    async fn single_tickets_are_void_and_each_cancellation_is_a_refund(db: TestDb) {
        let (store, mut writer) = owner(&db).await;
        let purchase = Purchase::new();
        let (reservation, admin) = (purchase.reservation, UserId::random());
        purchase.set_aside(&store, writer.offering).await;
        writer.commit(vec![purchase.checked_out(), purchase.confirmed()]).await.unwrap();
        let cancel = |ticket, refund| {
            Change::TicketsCancelled { reservation, tickets: vec![ticket], refund }
        };
        let by = Change::ActedBy { admin };
        writer.commit(vec![cancel(1, 12_000), cancel(0, 0), by]).await.unwrap();
        let (valid, void) = (TicketState::Valid, TicketState::Void);
        assert_eq!(purchase.tickets(&store).await, [void, void, valid]);
        assert_eq!(purchase.state(&store).await, ReservationState::Confirmed);
        let row = store.reservation_get(reservation).await.unwrap().unwrap();
        assert_eq!(row.refund_amount, Some(12_000));
        let rest = Change::ReservationCancelledFor { reservation, refund: 7 };
        let cancelled = Change::SaleStateSet { state: SaleState::Cancelled };
        writer.commit(vec![cancelled, rest]).await.unwrap();
        assert_eq!(purchase.tickets(&store).await, [void; 3]);
        let row = store.reservation_get(reservation).await.unwrap().unwrap();
        assert_eq!(row.refund_amount, Some(12_007));
        let all = RefundFilter { reservation: Some(reservation), ..RefundFilter::default() };
        let all = store.refund_list(all, 9).await.unwrap();
        let facts: Vec<_> =
            all.iter().map(|one| (one.amount, one.reason, one.requested_by)).collect();
        assert_eq!(facts, [
            (7, RefundReason::EventCancelled, None),
            (12_000, RefundReason::TicketsCancelled, Some(admin)),
        ], "nothing to give back is no refund");
        assert!(all.iter().all(|one| one.payment == purchase.payment));
        assert_eq!(outbox(&db, "tickets.cancelled").await, 2);
    }

    async fn what_is_bought_and_cancelled_in_one_batch_is_refunded(db: TestDb) {
        let (store, mut writer) = owner(&db).await;
        let (part, whole) = (Purchase::new(), Purchase::new());
        for purchase in [&part, &whole] {
            purchase.set_aside(&store, writer.offering).await;
        }
        let reservation = part.reservation;
        let cancel = |ticket| {
            Change::TicketsCancelled { reservation, tickets: vec![ticket], refund: 5 }
        };
        writer.commit(vec![
            part.checked_out(), part.confirmed(), whole.checked_out(), whole.confirmed(),
            cancel(0), cancel(2),
            Change::ReservationsCancelled { reservations: vec![whole.reservation] },
        ]).await.unwrap();
        let (valid, void) = (TicketState::Valid, TicketState::Void);
        assert_eq!(part.tickets(&store).await, [void, valid, void]);
        for (purchase, amounts) in [(&part, &[5, 5][..]), (&whole, &[36_000])] {
            let open = store.refund_open_of(purchase.payment).await.unwrap();
            assert_eq!(open.iter().map(|one| one.amount).collect::<Vec<_>>(), amounts);
            assert_eq!(purchase.payment(&store).await, PaymentState::Captured);
        }
    }

    async fn a_deferred_payment_shows_its_deadline(db: TestDb) {
        let (store, mut writer) = owner(&db).await;
        let purchase = Purchase::new();
        let (reservation, payment) = (purchase.reservation, purchase.payment);
        let deferred = Change::PaymentDeferred { reservation, payment, pay_by: 900_000 };
        writer.commit(vec![purchase.checked_out(), purchase.payment_begun()]).await.unwrap();
        writer.commit(vec![deferred]).await.unwrap();
        let pay_by = async || store.reservation_get(reservation).await.unwrap().unwrap().pay_by;
        assert_eq!(pay_by().await, 900_000);
        let failed = Change::PaymentFailed { reservation, payment, pay_by: 60_000 };
        writer.commit(vec![failed]).await.unwrap();
        assert_eq!(pay_by().await, 60_000);
    }

    async fn products_and_terms_are_projected(db: TestDb) {
        let (store, mut writer) = owner(&db).await;
        let definition = ProductDefinition {
            price: 500, capacity: Some(9), max_per_customer: Some(2), sale: SaleWindow::default(),
        };
        let (product, name, description) = (ProductId(2), "Late".into(), "bird".into());
        let added = Change::ProductAdded { product, name, description, definition };
        let renamed = Change::ProductDescribed { product, name: Some("Later".into()), description: None };
        let first = ProductId(0);
        let window = SaleWindow { start: Some(5), end: Some(6) };
        let policy = CancellationPolicy::Until { until: Some(7), refund_percent: 30 };
        writer.commit(vec![
            added,
            renamed,
            Change::ProductDescribed { product: first, name: None, description: Some("By the wall".into()) },
            Change::ProductWithdrawn { product: first },
            Change::SaleWindowSet { product: Some(product), window },
            Change::EventTimesSet { starts_at: 10, ends_at: 20 },
            Change::CancellationPolicySet { policy },
        ]).await.unwrap();
        let event = store.event_get(writer.offering).await.unwrap().unwrap();
        assert_eq!((event.details.event_date, event.event_end, event.cancellation), (10, Some(20), policy));
        let [standing, seat, late] = &event.products[..] else { panic!("{:?}", event.products) };
        assert_eq!((standing.description.as_str(), standing.withdrawn_at), ("By the wall", Some(1_002)));
        assert_eq!((standing.name.as_str(), seat.withdrawn_at), ("Standing", None));
        assert_eq!((late.name.as_str(), late.description.as_str()), ("Later", "bird"));
        assert_eq!((late.price, late.total_stock, late.max_per_customer), (500, 9, Some(2)));
        assert_eq!(late.sale, window);
        writer.commit(vec![Change::ProductRestored { product: first }]).await.unwrap();
        let event = store.event_get(writer.offering).await.unwrap().unwrap();
        assert_eq!(event.products[0].withdrawn_at, None);
        let nul = Change::ProductDescribed { product: first, name: Some("a\0b".into()), description: None };
        let refused = writer.commit(vec![nul]).await;
        assert!(matches!(refused, Err(AppendError::BadData(_))), "{refused:?}");
    }

    async fn an_expired_reservation_can_be_revived(db: TestDb) {
        let (store, mut writer) = owner(&db).await;
        let purchase = Purchase::new();
        let reservation = purchase.reservation;
        writer.commit(vec![purchase.checked_out()]).await.unwrap();
        let expired = Change::ReservationsExpired { reservations: vec![reservation] };
        writer.commit(vec![expired]).await.unwrap();
        assert_eq!(purchase.state(&store).await, ReservationState::Expired);
        let revived = Change::ReservationRevived { reservation };
        purchase.set_aside(&store, writer.offering).await;
        writer.commit(vec![revived, purchase.confirmed()]).await.unwrap();
        assert_eq!(purchase.state(&store).await, ReservationState::Confirmed);
        assert_eq!(purchase.tickets(&store).await.len(), 3);
    }

    async fn nothing_is_confirmed_without_money(db: TestDb) {
        let (store, mut writer) = owner(&db).await;
        let (paid, unpaid) = (Purchase::new(), Purchase::new());
        writer.commit(vec![paid.checked_out(), unpaid.checked_out()]).await.unwrap();
        paid.set_aside(&store, writer.offering).await;
        let head = writer.head;
        for state in [None, Some("CREATED"), Some("VOIDED"), Some("CAPTURED")] {
            if let Some(state) = state {
                unpaid.payment_in(&db, &store, writer.offering, state).await;
            }
            let refused = writer.commit(vec![paid.confirmed(), unpaid.confirmed()]).await;
            let Err(AppendError::BadData(why)) = refused else { panic!("{state:?}: {refused:?}") };
            let says = "the money is not set aside of 1 of 2 payments";
            assert!(why.to_string().contains(says), "{why}");
            assert_eq!(writer.head, head);
            for purchase in [&paid, &unpaid] {
                assert_eq!(purchase.state(&store).await, ReservationState::PaymentPending);
                assert_eq!(purchase.tickets(&store).await, []);
            }
            assert_eq!(paid.payment(&store).await, PaymentState::Authorized);
        }
        unpaid.payment_in(&db, &store, writer.offering, "AUTHORIZED").await;
        writer.commit(vec![paid.confirmed(), unpaid.confirmed()]).await.unwrap();
        for purchase in [&paid, &unpaid] {
            assert_eq!(purchase.state(&store).await, ReservationState::Confirmed);
            assert_eq!(purchase.payment(&store).await, PaymentState::Captured);
        }
    }

    async fn an_append_that_is_fenced_says_so_though_it_confirms(db: TestDb) {
        let (store, mut writer) = owner(&db).await;
        let purchase = Purchase::new();
        writer.commit(vec![purchase.checked_out()]).await.unwrap();
        purchase.set_aside(&store, writer.offering).await;
        let mut fenced = writer.clone();
        writer.commit(vec![Change::Repriced { product: ProductId(0), price: 1 }]).await.unwrap();
        let refused = fenced.commit(vec![purchase.confirmed()]).await;
        assert!(matches!(refused, Err(AppendError::Fenced)), "{refused:?}");
        assert_eq!(purchase.payment(&store).await, PaymentState::Authorized);
    }

    async fn reservations_are_listed_in_pages(db: TestDb) {
        let (store, mut writer) = owner(&db).await;
        let customer = UserId::random();
        for _ in 0..5 {
            let purchase = Purchase { customer, ..Purchase::new() };
            writer.commit(vec![purchase.checked_out(), Purchase::new().checked_out()]).await.unwrap();
        }
        let mut filter = ReservationFilter { user: Some(customer), ..Default::default() };
        let mut seen = Vec::new();
        loop {
            let page = store.reservation_list(filter.clone(), 2).await.unwrap();
            let Some(last) = page.last() else { break };
            filter.after = Some((last.created_at, last.id));
            seen.extend(page.iter().map(|row| row.created_at));
        }
        assert_eq!(seen, [1_006, 1_005, 1_004, 1_003, 1_002]);
        let offering = ReservationFilter { offering: Some(writer.offering), ..Default::default() };
        assert_eq!(store.reservation_list(offering, 100).await.unwrap().len(), 10);
    }

    async fn the_catalogue_follows_the_journal(db: TestDb) {
        let (store, mut writer) = owner(&db).await;
        let (standing, seated) = (ProductId(0), ProductId(1));
        let window = SaleWindow { start: Some(5), end: None };
        writer
            .commit(vec![
                Change::Repriced { product: standing, price: 15_000 },
                Change::Resized { product: standing, total: 80 },
                Change::Repriced { product: seated, price: 20_000 },
                Change::SaleWindowSet { product: Some(seated), window },
                Change::SaleWindowSet { product: None, window: SaleWindow { start: None, end: Some(9) } },
                Change::RowAdded {
                    section: SectionId(0),
                    name: "C".into(),
                    seats: 4,
                    first_seat: SeatId(6),
                },
                Change::SeatsRemoved { seats: vec![SeatId(0), SeatId(9)] },
                Change::SaleStateSet { state: SaleState::Paused },
            ])
            .await
            .unwrap();
        let event = store.event_get(writer.offering).await.unwrap().unwrap();
        assert_eq!(event.sale_state, SaleState::Paused);
        assert_eq!(event.sale, SaleWindow { start: None, end: Some(9) });
        let products: Vec<_> =
            event.products.iter().map(|row| (row.price, row.total_stock, row.sale)).collect();
        assert_eq!(
            products,
            [(15_000, 80, SaleWindow::default()), (20_000, 6 + 4 - 2, window)]
        );
        let labels = store.seat_labels(writer.offering, &[SeatId(5), SeatId(8)]).await.unwrap();
        assert_eq!(labels[&SeatId(5)], ("Stalls".into(), "B".into(), 3));
        assert_eq!(labels[&SeatId(8)], ("Stalls".into(), "C".into(), 3));
        writer.commit(vec![Change::SaleStateSet { state: SaleState::Cancelled }]).await.unwrap();
        let event = store.event_get(writer.offering).await.unwrap().unwrap();
        assert_eq!((event.sale_state, event.sale.end), (SaleState::Cancelled, Some(9)));
        assert_eq!(outbox(&db, "event.cancelled").await, 1);
    }

    async fn a_name_that_cannot_be_stored_is_bad_data(db: TestDb) {
        let (store, mut writer) = owner(&db).await;
        let row = |name: &str| {
            let name = name.into();
            Change::RowAdded { section: SectionId(0), name, seats: 1, first_seat: SeatId(6) }
        };
        let refused = writer.commit(vec![row("C\0")]).await;
        let refused = refused.expect_err("a NUL is refused");
        assert!(matches!(refused, AppendError::BadData(_)), "{refused:?}");
        writer.commit(vec![row("ㄱ열 🎭")]).await.unwrap();
        let labels = store.seat_labels(writer.offering, &[SeatId(6)]).await.unwrap();
        assert_eq!(labels[&SeatId(6)].1, "ㄱ열 🎭");
    }
}
