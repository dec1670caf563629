//! Journals with one defect: each defect must be found, and a correct journal must pass.

use std::sync::Arc;

use super::*;
use admitone::ids::{
    BatchId, Epoch, HoldId, InstanceId, OfferingId, PaymentId, ReservationId, SeatId,
};
use admitone::inventory::{
    Fit, Idempotency, Policy, ProductDefinition, RowDefinition, SaleState, SaleWindow,
    SectionDefinition,
};
use admitone::journal::RowFields;

/// Two places of general admission and a row of four seats.
fn definition() -> Definition {
    let product = |capacity| ProductDefinition {
        price: 100,
        capacity,
        max_per_customer: None,
        sale: SaleWindow::default(),
    };
    Definition {
        currency: *b"KRW",
        products: vec![product(Some(2)), product(None)],
        sections: vec![SectionDefinition {
            name: "A".into(),
            product: ProductId(1),
            rows: vec![RowDefinition { name: "1".into(), seats: 4 }],
        }],
        policy: Policy::default(),
        sale: SaleWindow::default(),
        sale_state: SaleState::Open,
    }
}

fn hold(number: u128, customer: u128, product: u16, places: u32, seats: &[u32]) -> Change {
    let line = Line {
        product: ProductId(product),
        quantity: places,
        unit_price: 100,
        seats: seats.iter().copied().map(SeatId).collect(),
        fit: Fit::Exact,
    };
    let (hold, customer) = (HoldId(Uuid::from_u128(number)), UserId(Uuid::from_u128(customer)));
    Change::HoldPlaced { hold, customer, lines: vec![line], expires_at: 1_000 }
}

fn check_out(number: u128, customer: u128) -> Change {
    Change::CheckedOut {
        hold: HoldId(Uuid::from_u128(number)),
        reservation: ReservationId(Uuid::from_u128(number)),
        customer: UserId(Uuid::from_u128(customer)),
        lines: Vec::new(),
        pay_by: 2_000,
    }
}

fn confirm(number: u128, customer: u128) -> Change {
    Change::ReservationConfirmed {
        reservation: ReservationId(Uuid::from_u128(number)),
        payment: PaymentId(Uuid::from_u128(number)),
        customer: UserId(Uuid::from_u128(customer)),
        lines: Vec::new(),
    }
}

fn change(number: u128, expires_at: TimestampMs, seats: &[u32]) -> Change {
    let Change::HoldPlaced { hold, mut lines, .. } = hold(number, 0, 1, 0, seats) else {
        unreachable!("a hold is placed")
    };
    lines[0].quantity = u32::try_from(seats.len()).unwrap();
    Change::HoldChanged { hold, lines, expires_at }
}

fn release(number: u128) -> Change {
    Change::HoldReleased { hold: HoldId(Uuid::from_u128(number)) }
}

fn expire(number: u128) -> Change {
    Change::HoldsExpired { holds: vec![HoldId(Uuid::from_u128(number))] }
}

/// The findings in a journal of these changes, one per row, each at the time given before it.
fn found(changes: Vec<(TimestampMs, Option<u8>, Change)>) -> Replay {
    let offering = OfferingId::random();
    let mut replay = Replay::default();
    let mut head = Head::EMPTY;
    let created = (0, None, Change::Created { definition: definition() });
    for (at, key, change) in std::iter::once(created).chain(changes) {
        let key = key.map(|key| Idempotency {
            key: [key; 16],
            fingerprint: [0; 16],
            principal: UserId(Uuid::nil()),
        });
        let transition = Transition { idempotency: key, changes: vec![change] };
        let fields = RowFields {
            offering,
            epoch: Epoch(1),
            owner: InstanceId::random(),
            batch_id: BatchId::random(),
            at,
        };
        let row = Row::new(&head, fields, &Record::Batch(vec![Arc::new(transition)]));
        head = row.head();
        replay.take(&row);
    }
    replay
}

#[test]
fn an_honest_journal_passes_and_its_counts_are_kept() {
    let replay = found(vec![
        (1, Some(1), hold(1, 7, 0, 2, &[])),
        (2, Some(2), hold(2, 8, 1, 2, &[0, 1])),
        (3, Some(3), check_out(2, 8)),
        (4, None, confirm(2, 8)),
        (5, Some(4), release(1)),
        (6, Some(5), hold(3, 7, 0, 1, &[])),
        (7, Some(6), hold(4, 7, 1, 1, &[2])),
        (8, Some(7), change(4, 1_000, &[2, 3])),
        (9, Some(8), change(4, 1_000, &[3])),
        (10, Some(9), hold(5, 9, 1, 1, &[2])),
        (11, Some(10), release(5)),
        (1_000, None, expire(3)),
        (1_000, None, expire(4)),
    ]);
    assert_eq!(replay.violations, Vec::<String>::new());
    let counts = |total, available, held, sold| Counts { total, available, held, sold };
    assert_eq!(replay.products, [counts(2, 2, 0, 0), counts(4, 2, 0, 2)]);
    assert_eq!(replay.seats.len(), 2);
}

#[test]
fn each_thing_that_must_not_be_is_found() {
    let sold = vec![
        (1, Some(1), hold(1, 7, 1, 1, &[0])),
        (2, Some(2), check_out(1, 7)),
        (3, None, confirm(1, 7)),
    ];
    let then = |more: (TimestampMs, Option<u8>, Change)| {
        let mut changes = sold.clone();
        changes.push(more);
        changes
    };
    for (says, changes) in [
        ("has it", vec![(1, None, hold(1, 7, 1, 1, &[3])), (2, None, hold(2, 8, 1, 1, &[3]))]),
        ("has it", then((4, None, hold(2, 8, 1, 1, &[0])))),
        ("more places than there were", vec![(1, None, hold(1, 7, 0, 3, &[]))]),
        ("none of that product", vec![(1, None, hold(1, 7, 0, 1, &[2]))]),
        ("none of that product", vec![(1, None, hold(1, 7, 1, 1, &[9]))]),
        ("another number of seats", vec![(1, None, hold(1, 7, 1, 2, &[2]))]),
        ("does not exist", vec![(1, None, hold(1, 7, 5, 1, &[]))]),
        ("placed twice", vec![(1, None, hold(1, 7, 0, 1, &[])), (2, None, hold(1, 7, 0, 1, &[]))]),
        (
            "second effect of one idempotency key",
            vec![(1, Some(9), hold(1, 7, 0, 1, &[])), (2, Some(9), hold(2, 7, 0, 1, &[]))],
        ),
        ("before its time", vec![(1, None, hold(1, 7, 0, 1, &[])), (999, None, expire(1))]),
        ("lies before", vec![(5, None, hold(1, 7, 0, 1, &[])), (4, None, release(1))]),
        (
            "has it",
            vec![
                (1, None, hold(1, 7, 1, 1, &[0])),
                (2, None, hold(2, 8, 1, 1, &[1])),
                (3, None, change(1, 1_000, &[0, 1])),
            ],
        ),
        (
            "another deadline",
            vec![(1, None, hold(1, 7, 1, 1, &[0])), (2, None, change(1, 1_001, &[0]))],
        ),
        ("ended as Sold", then((4, None, change(1, 1_000, &[0])))),
        ("changed and was never placed", vec![(1, None, change(1, 1_000, &[0]))]),
        ("never placed", vec![(1, None, release(1))]),
        ("never made", vec![(1, None, confirm(1, 7))]),
        ("confirmed twice", then((4, None, confirm(1, 7)))),
        ("ended as Sold", then((4, None, release(1)))),
        ("by somebody else", vec![(1, None, hold(1, 7, 0, 1, &[])), (2, None, check_out(1, 8))]),
        ("no part of a stampede", vec![(1, None, Change::SeatsBlocked { seats: Vec::new() })]),
    ] {
        let violations = found(changes).violations;
        assert!(violations.iter().any(|one| one.contains(says)), "{says}: {violations:?}");
    }
}

#[test]
fn a_row_that_does_not_follow_is_found() {
    let fields = RowFields {
        offering: OfferingId::random(),
        epoch: Epoch(1),
        owner: InstanceId::random(),
        batch_id: BatchId::random(),
        at: 1,
    };
    let mut row = Row::new(&Head::EMPTY, fields, &Record::Takeover);
    row.hash[0] ^= 1;
    let mut replay = Replay::default();
    assert!(replay.take(&row).is_none());
    assert_eq!(replay.violations.len(), 1, "{:?}", replay.violations);
}
