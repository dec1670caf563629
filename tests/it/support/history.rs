//! Compares the answers that clients received with the journal: no acknowledged change may be lost,
//! no change may exist without an acknowledgement, and none may be made twice.
//!
//! The check uses a model of its own, a map from seats to holds, which is too simple to share a
//! mistake with the core.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use admitone::ids::{HoldId, OfferingId, PaymentId, ReservationId, SeatId, UserId};
use admitone::inventory::{Change, Line};
use admitone::journal::{Head, Record};
use admitone::store::{JournalRows, Store};

/// An answer that a client received and acted upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acknowledged {
    Held { user: UserId, hold: HoldId, seats: Vec<SeatId> },
    Released { hold: HoldId },
    Reserved { user: UserId, hold: HoldId, reservation: ReservationId },
    Paid { reservation: ReservationId, payment: PaymentId },
    Cancelled { reservation: ReservationId },
}

/// The acknowledged answers of all clients, in no order.
#[derive(Default)]
pub struct History(Mutex<Vec<Acknowledged>>);

impl History {
    pub fn note(&self, told: Acknowledged) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(told);
    }

    pub fn told(&self) -> Vec<Acknowledged> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Compares the history with the journal of `offering`. Every client must have received an
    /// answer to each request.
    pub async fn check(&self, store: &Store, offering: OfferingId) -> Facts {
        let rows = store.journal_rows(offering, Head::EMPTY, u64::from(u32::MAX)).await;
        let rows = rows.expect("the journal is whole: gapless, chained, decodable");
        let (facts, violations) = compare(&self.told(), &rows);
        assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), {
            let shown: Vec<_> = violations.iter().take(20).cloned().collect();
            shown.join("\n")
        });
        facts
    }
}

/// The facts in the journal.
#[derive(Debug, Default)]
pub struct Facts {
    pub rows: usize,
    pub holds: HashMap<HoldId, HoldFact>,
    pub reservations: HashMap<ReservationId, ReservationFact>,
    /// The hold of each seat at the end.
    pub taken: HashMap<SeatId, HoldId>,
}

#[derive(Debug)]
pub struct HoldFact {
    pub customer: UserId,
    pub seats: Vec<SeatId>,
    pub released: bool,
}

#[derive(Debug)]
pub struct ReservationFact {
    pub customer: UserId,
    pub hold: HoldId,
    pub price: i64,
    pub confirmed_by: Option<PaymentId>,
    pub cancelled: bool,
}

/// Returns every difference between the answers and the journal, as text.
pub fn compare(told: &[Acknowledged], rows: &JournalRows) -> (Facts, Vec<String>) {
    let mut reading = Reading::default();
    for (row, record) in rows {
        let Record::Batch(transitions) = record else { continue };
        for transition in transitions {
            if let Some(identity) = transition.idempotency
                && !reading.keys.insert(identity.key)
            {
                reading.violation(format!("row {}: a key had its effect twice", row.seq));
            }
            for change in &transition.changes {
                reading.take(change);
            }
        }
    }
    reading.facts.rows = rows.len();
    let Reading { facts, mut violations, .. } = reading;
    compare_told(told, &facts, &mut violations);
    compare_facts(told, &facts, &mut violations);
    (facts, violations)
}

/// Checks that every acknowledged change is in the journal, unchanged.
fn compare_told(told: &[Acknowledged], facts: &Facts, violations: &mut Vec<String>) {
    for one in told {
        let holds = match one {
            Acknowledged::Held { user, hold, seats } => facts
                .holds
                .get(hold)
                .is_some_and(|fact| fact.customer == *user && same(&fact.seats, seats)),
            Acknowledged::Released { hold } => {
                facts.holds.get(hold).is_some_and(|fact| fact.released)
            }
            Acknowledged::Reserved { user, hold, reservation } => facts
                .reservations
                .get(reservation)
                .is_some_and(|fact| fact.customer == *user && fact.hold == *hold),
            Acknowledged::Paid { reservation, payment } => facts
                .reservations
                .get(reservation)
                .is_some_and(|fact| fact.confirmed_by == Some(*payment)),
            Acknowledged::Cancelled { reservation } => {
                facts.reservations.get(reservation).is_some_and(|fact| fact.cancelled)
            }
        };
        if !holds {
            violations.push(format!("acknowledged, but not so in the journal: {one:?}"));
        }
    }
}

/// Checks that every change in the journal was acknowledged.
fn compare_facts(told: &[Acknowledged], facts: &Facts, violations: &mut Vec<String>) {
    let (mut holds, mut reservations) = (HashSet::new(), HashSet::new());
    let (mut paid, mut cancelled, mut released) = (HashSet::new(), HashSet::new(), HashSet::new());
    for one in told {
        match one {
            Acknowledged::Held { hold, .. } => holds.insert(*hold),
            Acknowledged::Released { hold } => released.insert(*hold),
            Acknowledged::Reserved { reservation, .. } => reservations.insert(*reservation),
            Acknowledged::Paid { reservation, .. } => paid.insert(*reservation),
            Acknowledged::Cancelled { reservation } => cancelled.insert(*reservation),
        };
    }
    let mut unknown = |what: &str, id: &dyn std::fmt::Display, is_known: bool| {
        if !is_known {
            violations.push(format!("in the journal, but acknowledged to nobody: {what} {id}"));
        }
    };
    for (id, fact) in &facts.holds {
        unknown("hold", id, holds.contains(id));
        unknown("release of", id, !fact.released || released.contains(id));
    }
    for (id, fact) in &facts.reservations {
        unknown("reservation", id, reservations.contains(id));
        unknown("payment of", id, fact.confirmed_by.is_none() || paid.contains(id));
        unknown("cancellation of", id, !fact.cancelled || cancelled.contains(id));
    }
}

fn same(a: &[SeatId], b: &[SeatId]) -> bool {
    let sorted = |seats: &[SeatId]| {
        let mut seats = seats.to_vec();
        seats.sort_unstable();
        seats
    };
    sorted(a) == sorted(b)
}

#[derive(Default)]
struct Reading {
    facts: Facts,
    keys: HashSet<[u8; 16]>,
    violations: Vec<String>,
}

impl Reading {
    fn violation(&mut self, what: String) {
        self.violations.push(what);
    }

    fn take(&mut self, change: &Change) {
        match change {
            Change::HoldPlaced { hold, customer, lines, .. } => {
                self.place(*hold, *customer, lines);
            }
            Change::HoldReleased { hold } => self.end_hold(*hold, true),
            Change::HoldsExpired { holds } => {
                for hold in holds {
                    self.end_hold(*hold, false);
                }
            }
            Change::CheckedOut { hold, reservation, customer, lines, .. } => {
                if !self.facts.holds.contains_key(hold) {
                    // Held and checked out at once.
                    self.place(*hold, *customer, lines);
                }
                let price =
                    lines.iter().map(|line| line.unit_price * i64::from(line.quantity)).sum();
                let fact = ReservationFact {
                    customer: *customer,
                    hold: *hold,
                    price,
                    confirmed_by: None,
                    cancelled: false,
                };
                if self.facts.reservations.insert(*reservation, fact).is_some() {
                    self.violation(format!("{reservation} is made twice"));
                }
            }
            Change::ReservationConfirmed { reservation, payment, .. } => {
                match self.facts.reservations.get_mut(reservation) {
                    Some(fact) if fact.confirmed_by.is_none() => {
                        fact.confirmed_by = Some(*payment);
                    }
                    _ => self.violation(format!("{reservation} is confirmed twice, or unknown")),
                }
            }
            Change::ReservationsCancelled { reservations } => {
                for reservation in reservations {
                    self.end_reservation(*reservation, true);
                }
            }
            Change::ReservationsExpired { reservations } => {
                for reservation in reservations {
                    self.end_reservation(*reservation, false);
                }
            }
            // The other changes move no seats in these tests.
            _ => {}
        }
    }

    fn place(&mut self, hold: HoldId, customer: UserId, lines: &[Line]) {
        let seats: Vec<SeatId> = lines.iter().flat_map(|line| line.seats.iter().copied()).collect();
        for seat in &seats {
            if let Some(holder) = self.facts.taken.insert(*seat, hold) {
                self.violation(format!("{seat:?} is given to {hold}, and {holder} has it"));
            }
        }
        let fact = HoldFact { customer, seats, released: false };
        if self.facts.holds.insert(hold, fact).is_some() {
            self.violation(format!("{hold} is placed twice"));
        }
    }

    fn end_hold(&mut self, hold: HoldId, released: bool) {
        let Some(fact) = self.facts.holds.get_mut(&hold) else {
            return self.violation(format!("{hold} ends and was never placed"));
        };
        fact.released |= released;
        self.free(hold);
    }

    fn end_reservation(&mut self, reservation: ReservationId, cancelled: bool) {
        let Some(fact) = self.facts.reservations.get_mut(&reservation) else {
            return self.violation(format!("{reservation} ends and was never made"));
        };
        fact.cancelled |= cancelled;
        let hold = fact.hold;
        self.free(hold);
    }

    fn free(&mut self, hold: HoldId) {
        let seats = self.facts.holds.get(&hold).map(|fact| fact.seats.clone()).unwrap_or_default();
        for seat in seats {
            if self.facts.taken.remove(&seat) != Some(hold) {
                self.violation(format!("{seat:?} is freed by {hold}, which does not have it"));
            }
        }
    }
}

mod tests {
    use std::sync::Arc;

    use admitone::ids::{BatchId, Epoch, InstanceId, ProductId};
    use admitone::inventory::{Fit, Idempotency, Transition};
    use admitone::journal::{Row, RowFields};

    use super::*;

    fn journal(batches: Vec<Vec<Transition>>) -> JournalRows {
        let (offering, owner) = (OfferingId::random(), InstanceId::random());
        let mut head = Head::EMPTY;
        let mut rows = Vec::new();
        for batch in batches {
            let record = Record::Batch(batch.into_iter().map(Arc::new).collect());
            let batch_id = BatchId::random();
            let fields = RowFields { offering, epoch: Epoch(1), owner, batch_id, at: 0 };
            let row = Row::new(&head, fields, &record);
            head = row.head();
            rows.push((row, record));
        }
        rows
    }

    fn change(change: Change) -> Vec<Transition> {
        vec![Transition { idempotency: None, changes: vec![change] }]
    }

    fn placed(hold: HoldId, customer: UserId, seat: u32) -> Change {
        let line = Line {
            product: ProductId(0),
            quantity: 1,
            unit_price: 1,
            seats: Box::new([SeatId(seat)]),
            fit: Fit::Exact,
        };
        Change::HoldPlaced { hold, customer, lines: vec![line], expires_at: 1 }
    }

    fn check(told: &[Acknowledged], batches: Vec<Vec<Transition>>, expected: &[&str]) {
        let (_, violations) = compare(told, &journal(batches));
        assert_eq!(violations.len(), expected.len(), "{violations:?}");
        for (violation, expected) in violations.iter().zip(expected) {
            assert!(violation.contains(expected), "{violation:?} is not about {expected:?}");
        }
    }

    #[test]
    fn the_checker_finds_what_is_lost_invented_and_done_twice() {
        let (user, hold, other) = (UserId::random(), HoldId::random(), HoldId::random());
        let held = |hold, seat| Acknowledged::Held { user, hold, seats: vec![SeatId(seat)] };
        let made = |hold, seat| change(placed(hold, user, seat));

        check(&[held(hold, 1)], vec![made(hold, 1)], &[]);
        check(&[held(hold, 1)], vec![], &["not so in the journal"]);
        check(&[held(hold, 2)], vec![made(hold, 1)], &["not so in the journal"]);
        check(&[], vec![made(hold, 1)], &["acknowledged to nobody: hold"]);
        check(&[held(hold, 1), held(other, 1)], vec![made(hold, 1), made(other, 1)], &["given to"]);
        let released = change(Change::HoldReleased { hold });
        check(
            &[held(hold, 1), Acknowledged::Released { hold }, held(other, 1)],
            vec![made(hold, 1), released.clone(), made(other, 1)],
            &[],
        );
        check(&[held(hold, 1)], vec![made(hold, 1), released], &["nobody: release of"]);
        check(
            &[held(hold, 1), Acknowledged::Released { hold }],
            vec![made(hold, 1)],
            &["not so in the journal: Released"],
        );

        let identity = Idempotency { key: [1; 16], fingerprint: [2; 16], principal: user };
        let twice = |hold, seat| {
            vec![Transition {
                idempotency: Some(identity),
                changes: vec![placed(hold, user, seat)],
            }]
        };
        check(
            &[held(hold, 1), held(other, 2)],
            vec![twice(hold, 1), twice(other, 2)],
            &["a key had its effect twice"],
        );
    }

    #[test]
    fn the_checker_finds_payments_that_are_lost_or_invented() {
        let (user, hold) = (UserId::random(), HoldId::random());
        let (reservation, payment) = (ReservationId::random(), PaymentId::random());
        let lines: Vec<Line> = Vec::new();
        let batches = || {
            let checked_out = Change::CheckedOut {
                hold,
                reservation,
                customer: user,
                lines: lines.clone(),
                pay_by: 1,
            };
            vec![change(placed(hold, user, 1)), change(checked_out)]
        };
        let confirmed = Change::ReservationConfirmed {
            reservation,
            payment,
            customer: user,
            lines: lines.clone(),
        };
        let told = vec![
            Acknowledged::Held { user, hold, seats: vec![SeatId(1)] },
            Acknowledged::Reserved { user, hold, reservation },
        ];
        check(&told, batches(), &[]);
        let paid = [told.clone(), vec![Acknowledged::Paid { reservation, payment }]].concat();
        check(&paid, batches(), &["not so in the journal: Paid"]);
        let with_payment = [batches(), vec![change(confirmed)]].concat();
        check(&paid, with_payment.clone(), &[]);
        check(&told, with_payment, &["nobody: payment of"]);
    }
}
