//! Journals of a waiting room with one defect: each defect must be found, and a correct journal must
//! pass.

use std::sync::Arc;

use super::*;
use admitone::ids::{BatchId, Epoch, HoldId, InstanceId, OfferingId, QueueEntryId};
use admitone::inventory::{
    Admission, Draw, Fit, Lane, Policy, ProductDefinition, QueueEnd, QueueEntry, QueueRules,
    SaleState, SaleWindow, SessionEnd, chained, commitment_of, first_link, seed_of,
};
use admitone::journal::RowFields;

const SECRET: [u8; 32] = [5; 32];

fn customer(number: u32) -> UserId {
    UserId(Uuid::from_u128(u128::from(number) + 1))
}

fn entry(number: u32) -> QueueEntry {
    (customer(number), QueueEntryId(Uuid::from_u128(u128::from(number) + 1_000)))
}

fn rules() -> QueueRules {
    QueueRules { passes_per_minute: 12, active_limit: 3, ..QueueRules::default() }
}

/// The numbers of six entries in the order of their draw, and the hash of their list.
fn drawn() -> (Vec<u32>, [u8; 32]) {
    let ids = (0..6).map(|number| entry(number).1.0);
    let root = ids.fold(first_link(), |list, id| chained(list, *id.as_bytes()));
    let draw = Draw::new(seed_of(&SECRET, &root, ""), 6);
    ((0..6).map(|place| draw.number_at(place)).collect(), root)
}

fn admits(places: &[u32], next: u32) -> Change {
    let (order, _) = drawn();
    let admit = |place: &u32| Admission { number: order[*place as usize], lane: Lane::Line };
    Change::QueueAdmitted { admitted: places.iter().map(admit).collect(), next }
}

fn holds(place: u32) -> Change {
    let (order, _) = drawn();
    let (seats, fit) = (Box::default(), Fit::Exact);
    let line = Line { product: ProductId(0), quantity: 1, unit_price: 0, seats, fit };
    let customer = customer(order[place as usize]);
    let (hold, lines) = (HoldId(Uuid::from_u128(9_000 + u128::from(place))), vec![line]);
    Change::HoldPlaced { hold, customer, lines, expires_at: 1_000_000 }
}

fn ends(place: u32) -> Change {
    let (order, _) = drawn();
    Change::SessionsEnded { sessions: vec![(order[place as usize], SessionEnd::Left)] }
}

/// The findings in the journal of an event whose queue of six is drawn at 0.
fn found(changes: Vec<(TimestampMs, Change)>) -> Vec<String> {
    replayed(changes).violations
}

fn replayed(changes: Vec<(TimestampMs, Change)>) -> Replay {
    let sale = SaleWindow::default();
    let product = ProductDefinition { price: 0, capacity: Some(9), max_per_customer: None, sale };
    let definition = Definition {
        currency: *b"KRW",
        products: vec![product],
        sections: Vec::new(),
        policy: Policy::default(),
        sale,
        sale_state: SaleState::Open,
    };
    let opening = [
        Change::Created { definition },
        Change::QueueSet { rules: rules(), commitment: commitment_of(&SECRET) },
        Change::QueueEntered { entries: (0..6).map(entry).collect() },
        Change::QueueClosed { count: 6, root: drawn().1 },
        Change::QueueDrawn { secret: SECRET, public_value: String::new() },
    ];
    let offering = OfferingId::random();
    let (mut replay, mut head) = (Replay::default(), Head::EMPTY);
    for (at, change) in opening.into_iter().map(|change| (0, change)).chain(changes) {
        let transition = Transition { idempotency: None, changes: vec![change] };
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
fn an_honest_journal_of_a_queue_passes() {
    let (order, _) = drawn();
    let findings = found(vec![
        // Ten seconds' worth, and one every five seconds.
        (0, admits(&[0, 1], 2)),
        (1, holds(0)),
        (2, Change::QueueLeft { number: order[2] }),
        (5_000, admits(&[3], 4)),
        (6_000, ends(1)),
        (10_000, admits(&[4], 5)),
        (10_001, Change::QueueEnded { how: QueueEnd::SwitchedOff }),
        (10_002, holds(5)),
    ]);
    assert!(findings.is_empty(), "{findings:?}");
}

#[test]
fn each_defect_of_a_queue_is_found() {
    let (_, root) = drawn();
    let few = QueueRules { admit_percent: 1, ..rules() };
    let few = Change::QueueSet { rules: few, commitment: commitment_of(&SECRET) };
    let aside = |numbers| Change::QueueSetAside { numbers };
    let cases = [
        ("out of turn", vec![(0, admits(&[1], 2))]),
        ("passed over", vec![(0, admits(&[0], 2))]),
        ("beyond the rate", vec![(0, admits(&[0, 1], 2)), (4_999, admits(&[2], 3))]),
        ("4 sessions are open", vec![(0, admits(&[0, 1], 2)), (10_000, admits(&[2, 3], 4))]),
        ("2 are inside with nothing, for 9 places", vec![(0, few), (0, admits(&[0, 1], 2))]),
        ("without a pass", vec![(0, admits(&[0], 1)), (1, holds(1))]),
        ("without a pass", vec![(0, admits(&[0], 1)), (300_000, holds(0))]),
        ("without a pass", vec![(0, admits(&[0], 1)), (1, ends(0)), (2, holds(0))]),
        ("was not open", vec![(0, ends(0))]),
        ("no entry", vec![(0, aside(vec![6]))]),
        ("over another list", vec![(0, Change::QueueClosed { count: 5, root })]),
        ("a second", vec![(0, Change::QueueDrawn { secret: SECRET, public_value: String::new() })]),
        ("was replaced", vec![(0, Change::QueueSet { rules: rules(), commitment: [0; 32] })]),
        (
            "a queue that is off",
            vec![(0, Change::QueueEnded { how: QueueEnd::Drained }), (0, admits(&[0], 1))],
        ),
    ];
    for (expected, changes) in cases {
        let findings = found(changes);
        let is_found = findings.iter().any(|finding| finding.contains(expected));
        assert!(is_found, "{expected}: {findings:?}");
    }
}

#[test]
fn the_time_from_a_free_session_to_the_next_admission_is_measured() {
    let history = replayed(vec![
        (0, admits(&[0, 1], 2)),
        // The rate allows the next after five seconds: 30 milliseconds late.
        (5_030, admits(&[2], 3)),
        // Three sessions are open, as many as may be, until one ends.
        (60_000, ends(1)),
        (60_007, admits(&[3], 4)),
    ])
    .into_history();
    assert_eq!(history.delays, [(0, false), (30, false), (7, true)]);
    let admitted: Vec<_> = history.admissions.iter().map(|(at, _)| *at).collect();
    assert_eq!(admitted, [0, 0, 5_030, 60_007]);
}
