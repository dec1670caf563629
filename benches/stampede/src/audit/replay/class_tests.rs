//! Journals of classes with one defect: each defect must be found, and a correct journal must pass.

use std::sync::Arc;

use super::*;
use admitone::ids::{
    BatchId, EnrollmentId, Epoch, InstanceId, OfferingId, ReasonId, ReservationId,
};
use admitone::inventory::{
    Approval, CancelCause, CanceledEnrollment, ClassRules, EnrollmentStatus, Entered, Fit, Moved,
    Policy, ProductDefinition, Promotion, SaleState, SaleWindow, Selection,
};
use admitone::journal::RowFields;

use EnrollmentStatus::{Applied, Approved, Offered, Waitlisted};

fn id(number: u128) -> (EnrollmentId, UserId) {
    (EnrollmentId(Uuid::from_u128(number)), UserId(Uuid::from_u128(number % 100)))
}

fn moved(from: EnrollmentStatus, version: u32) -> Moved {
    Moved { from, version }
}

fn line() -> Line {
    let (seats, fit) = (Box::default(), Fit::Exact);
    Line { product: ProductId(0), quantity: 1, unit_price: 0, seats, fit }
}

fn enrolled(number: u128, into: Entered) -> Change {
    let (enrollment, customer) = id(number);
    Change::Enrolled { enrollment, customer, answers: None, into }
}

fn waits(number: u128) -> Change {
    enrolled(number, Entered::Waitlisted { rank: i64::try_from(number).unwrap() })
}

fn approved(number: u128, how: Approval, moved: Moved) -> Change {
    let (enrollment, customer) = id(number);
    Change::EnrollmentApproved { enrollment, customer, line: line(), pay_by: None, how, moved }
}

/// A first-come approval.
fn comes(number: u128) -> Vec<Change> {
    let approved = approved(number, Approval::FirstCome, moved(Applied, 1));
    vec![enrolled(number, Entered::Approved), approved]
}

fn promoted(number: u128) -> Change {
    approved(number, Approval::Promoted, moved(Waitlisted, 2))
}

fn offered(number: u128) -> Change {
    let (enrollment, customer) = id(number);
    let moved = moved(Waitlisted, 2);
    Change::PlaceOffered { enrollment, customer, line: line(), expires_at: 50, moved }
}

/// The end of the place and of the enrollment.
fn cancels(number: u128) -> Vec<Change> {
    vec![loses(number), canceled(number, moved(Approved, 2))]
}

fn loses(number: u128) -> Change {
    Change::ReservationsCancelled { reservations: vec![ReservationId(Uuid::from_u128(number))] }
}

fn canceled(number: u128, moved: Moved) -> Change {
    let (enrollment, customer) = id(number);
    let enrollments = vec![CanceledEnrollment { enrollment, customer, moved }];
    Change::EnrollmentsCanceled { enrollments, cause: CancelCause::Customer, reason: None }
}

fn moves(number: u128, rank: i64, version: u32) -> Change {
    let reason = ReasonId(Uuid::nil());
    Change::WaitlistMoved { enrollment: id(number).0, rank, reason, version }
}

/// The findings in a journal of a class of one place, with a row for each transition; the class
/// begins at 100.
fn found(transitions: Vec<(TimestampMs, Vec<Change>)>) -> Replay {
    let sale = SaleWindow::default();
    let product = ProductDefinition { price: 0, capacity: Some(1), max_per_customer: None, sale };
    let definition = Definition {
        currency: *b"KRW",
        products: vec![product],
        sections: Vec::new(),
        policy: Policy::default(),
        sale,
        sale_state: SaleState::Open,
    };
    let rules = ClassRules {
        selection: Selection::FirstCome,
        waitlist: 3,
        promotion: Promotion::Auto,
        offer_ttl_ms: 50,
        pay_window_ms: 50,
        allow_reapply: true,
    };
    let first = vec![
        Change::Created { definition },
        Change::ClassRulesSet { rules },
        Change::EventTimesSet { starts_at: 100, ends_at: 200 },
    ];
    let offering = OfferingId::random();
    let (mut replay, mut head) = (Replay::default(), Head::EMPTY);
    for (at, changes) in std::iter::once((0, first)).chain(transitions) {
        let transition = Transition { idempotency: None, changes };
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

fn then(first: Vec<Change>, then: Vec<Change>) -> Vec<Change> {
    first.into_iter().chain(then).collect()
}

#[test]
fn an_honest_journal_of_a_class_passes() {
    let raised = Change::Resized { product: ProductId(0), total: 2 };
    let replay = found(vec![
        (1, comes(1)),
        (2, vec![waits(2)]),
        (3, vec![waits(3)]),
        (4, vec![waits(4), moves(4, 1, 2)]),
        (5, then(cancels(1), vec![approved(4, Approval::Promoted, moved(Waitlisted, 3))])),
        (6, vec![raised, offered(2)]),
        (7, vec![approved(2, Approval::Decided { reason: None }, moved(Offered, 3))]),
        // After the beginning the line stays.
        (101, vec![loses(2), canceled(2, moved(Approved, 4))]),
    ]);
    assert_eq!(replay.violations, Vec::<String>::new());
    assert_eq!(replay.products[0], Counts { total: 2, available: 1, held: 0, sold: 1 });
    assert_eq!(replay.class.promoted.len(), 2);
}

#[test]
fn each_thing_that_must_not_be_in_a_class_is_found() {
    let line = || vec![(1, comes(1)), (2, vec![waits(2)]), (3, vec![waits(3)])];
    let after = |changes: Vec<Change>| {
        let mut all = line();
        all.push((4, changes));
        all
    };
    let decided = Approval::Decided { reason: None };
    for (says, transitions) in [
        ("not the first in line", after(then(cancels(1), vec![promoted(3)]))),
        ("not the first in line", after(then(cancels(1), vec![offered(3)]))),
        ("1 places are free and 2 wait", after(cancels(1))),
        ("passed those in line", after(then(cancels(1), comes(5)))),
        (
            "passed those in line",
            after(then(
                then(cancels(1), vec![enrolled(5, Entered::Applied)]),
                vec![approved(5, decided, moved(Applied, 2))],
            )),
        ),
        ("more places than there were", vec![(1, comes(1)), (2, comes(2))]),
        ("has two living enrollments", after(vec![waits(102)])),
        ("applied twice", after(then(cancels(1), comes(1)))),
        ("waits, and 1 places are free", vec![(1, vec![waits(1)])]),
        ("two wait at rank 2", after(vec![moves(3, 2, 2)])),
        ("4 wait where 3 may", after(vec![waits(4), waits(5)])),
        ("from version 1 to 3", after(vec![canceled(2, moved(Waitlisted, 3))])),
        ("went from Waitlisted", after(vec![canceled(2, moved(Applied, 2))])),
        ("changed as Waitlisted to version 4", after(vec![moves(3, 9, 4)])),
        ("never applied", after(vec![canceled(9, moved(Applied, 2))])),
        ("lost its place and stays approved", after(vec![loses(1), promoted(2)])),
        ("placed twice", after(then(cancels(1), vec![offered(2), offered(2)]))),
        (
            "smaller than what is taken",
            after(vec![Change::Resized { product: ProductId(0), total: 0 }]),
        ),
    ] {
        let replay = found(transitions);
        let is_found = replay.violations.iter().any(|violation| violation.contains(says));
        assert!(is_found, "{says}: {:?}", replay.violations);
    }
}
