//! The state of an offering with every kind of content, as a snapshot keeps it.

use super::classes::rules;
use super::journal::{cancellation, definition, idempotency, line};
use super::queue;
use super::{Sample, check_pinned, id};
use crate::ids::{
    EnrollmentId, HoldId, PaymentId, ProductId, ReservationId, SeatId, SectionId, Seq, UserId,
};
use crate::inventory::{
    Approval, Attendance, CancelCause, CanceledEnrollment, Change, EnrollmentStatus, Entered, Fit,
    Inventory, Line, Moved, SaleState, Transition,
};

const AT: i64 = 1_795_000_000_000;

pub(super) fn standing() -> Line {
    Line {
        product: ProductId(0),
        quantity: 1,
        unit_price: 99_000,
        seats: Box::new([]),
        fit: Fit::Exact,
    }
}

/// Returns the state after one row per change.
fn state(history: Vec<Change>) -> Inventory {
    let mut inventory = Inventory::empty();
    for (seq, change) in (1..).zip(history) {
        assert_eq!(inventory.begin_batch(Seq(seq), AT), AT);
        let idempotency = (seq == 2).then(idempotency);
        inventory.apply(&Transition { idempotency, changes: vec![change] }).unwrap();
    }
    inventory
}

/// A hold, an extended hold, an offer, a waitlist entry, a reservation in each of its states, a
/// hold that ended in each way, and a map with a new row, a blocked and a removed seat.
fn history() -> Vec<Change> {
    let (product, section) = (ProductId(0), SectionId(0));
    let (pay_by, expires_at) = (AT + 600_000, AT + 300_000);
    let place = |number, line| Change::HoldPlaced {
        hold: HoldId(id(number)),
        customer: UserId(id(100 + number)),
        lines: vec![line],
        expires_at,
    };
    let check_out = |number, line| Change::CheckedOut {
        hold: HoldId(id(number)),
        reservation: ReservationId(id(50 + number)),
        customer: UserId(id(100 + number)),
        lines: vec![line],
        pay_by,
    };
    let reservation = |number: u8| ReservationId(id(50 + number));
    let payment = |number: u8| PaymentId(id(200 + number));
    let begin = |number| Change::PaymentBegun {
        reservation: reservation(number),
        payment: payment(number),
        pay_by: pay_by + 1_000,
    };
    let of_two = Line { seats: Box::new([SeatId(50), SeatId(51)]), ..line() };
    let seat = |number| Line { seats: Box::new([SeatId(number)]), quantity: 1, ..line() };
    let mut history = vec![
        Change::Created { definition: definition() },
        place(1, standing()),
        place(2, Line { seats: Box::new([SeatId(7), SeatId(8)]), ..line() }),
        place(3, standing()),
        Change::HoldReleased { hold: HoldId(id(3)) },
        place(4, standing()),
        Change::HoldsExpired { holds: vec![HoldId(id(4))] },
    ];
    for number in 5..=9 {
        history.push(place(number, seat(u32::from(number) + 10)));
        history.push(check_out(number, seat(u32::from(number) + 10)));
    }
    history.extend([
        begin(6),
        begin(7),
        Change::ReservationConfirmed {
            reservation: reservation(7),
            payment: payment(7),
            customer: UserId(id(107)),
            lines: vec![seat(17)],
        },
        Change::CheckedIn { reservation: reservation(7), ticket: 0 },
        place(13, of_two.clone()),
        check_out(13, of_two.clone()),
        begin(13),
        Change::ReservationConfirmed {
            reservation: reservation(13),
            payment: payment(13),
            customer: UserId(id(113)),
            lines: vec![of_two],
        },
        Change::TicketsCancelled { reservation: reservation(13), tickets: vec![1], refund: 5 },
        begin(8),
        Change::ReservationsExpired { reservations: vec![reservation(8)] },
        Change::ReservationsCancelled { reservations: vec![reservation(9)] },
        Change::WaitlistJoined {
            entry: HoldId(id(10)),
            customer: UserId(id(110)),
            product,
            party_size: 1,
        },
        Change::OfferMade {
            entry: HoldId(id(10)),
            customer: UserId(id(110)),
            line: standing(),
            expires_at,
        },
        Change::WaitlistJoined {
            entry: HoldId(id(11)),
            customer: UserId(id(111)),
            product,
            party_size: 6,
        },
        Change::RowAdded { section, name: "C".into(), seats: 12, first_seat: SeatId(82) },
        Change::SeatsBlocked { seats: vec![SeatId(30), SeatId(31)] },
        Change::SeatsRemoved { seats: vec![SeatId(32)] },
        Change::SeatsKept { seats: vec![SeatId(7), SeatId(40), SeatId(41)], until: AT + 3_600_000 },
        Change::PlacesBlocked { product, quantity: 5 },
        Change::SaleStateSet { state: SaleState::Open },
        Change::ProductAdded {
            product: ProductId(2),
            name: "Late".into(),
            description: String::new(),
            definition: definition().products.remove(0),
        },
        Change::ProductWithdrawn { product: ProductId(2) },
        Change::EventTimesSet { starts_at: AT, ends_at: AT + 86_400_000 },
        Change::CancellationPolicySet { policy: cancellation() },
        Change::WaitlistJoined {
            entry: HoldId(id(12)),
            customer: UserId(id(112)),
            product,
            party_size: 2,
        },
        Change::WaitlistLeft { entry: HoldId(id(12)) },
    ]);
    history
}

/// A class with an enrollment in each state: applied, waiting, offered, approved and to be paid,
/// approved with attendance, rejected, canceled.
fn history_of_class() -> Vec<Change> {
    let mut definition = definition();
    definition.products.truncate(1);
    definition.sections.clear();
    let ids = |number: u8| (EnrollmentId(id(number)), UserId(id(100 + number)));
    let enrolled = |number: u8| {
        let (enrollment, customer) = ids(number);
        let into = match number {
            2 | 3 => Entered::Waitlisted { rank: i64::from(number) * 1_000_000 },
            _ => Entered::Applied,
        };
        Change::Enrolled { enrollment, customer, answers: None, into }
    };
    let (applied, waits) = (EnrollmentStatus::Applied, EnrollmentStatus::Waitlisted);
    let moved = |from| Moved { from, version: 2 };
    let approved = |number, pay_by: Option<i64>| {
        let (enrollment, customer) = ids(number);
        // What is not to be paid is free.
        let unit_price = if pay_by.is_some() { 99_000 } else { 0 };
        let line = Line { unit_price, ..standing() };
        let (how, moved) = (Approval::Decided { reason: None }, moved(applied));
        Change::EnrollmentApproved { enrollment, customer, line, pay_by, how, moved }
    };
    let mut history =
        vec![Change::Created { definition }, Change::ClassRulesSet { rules: rules() }];
    history.extend((1..=7).map(enrolled));
    let (offered, of_offered) = ids(3);
    let (attended, _) = ids(5);
    let (rejected, of_rejected) = ids(6);
    let (canceled, of_canceled) = ids(7);
    let one =
        CanceledEnrollment { enrollment: canceled, customer: of_canceled, moved: moved(applied) };
    history.extend([
        Change::PlaceOffered {
            enrollment: offered,
            customer: of_offered,
            line: standing(),
            expires_at: AT + 300_000,
            moved: moved(waits),
        },
        approved(4, Some(AT + 600_000)),
        approved(5, None),
        Change::AttendanceRecorded {
            enrollment: attended,
            attendance: Some(Attendance::Present),
            version: 3,
        },
        Change::EnrollmentRejected {
            enrollment: rejected,
            customer: of_rejected,
            reason: None,
            moved: moved(applied),
        },
        Change::EnrollmentsCanceled {
            enrollments: vec![one],
            cause: CancelCause::Customer,
            reason: None,
        },
    ]);
    history
}

#[test]
fn a_snapshot_keeps_its_bytes_and_reads_back_as_the_state() {
    let samples = [
        ("Snapshot", history()),
        ("Snapshot of a class", history_of_class()),
        ("Snapshot of a queue", queue::history(definition(), &standing())),
    ];
    let samples = samples.map(|(name, history)| {
        let snapshot = state(history).to_snapshot();
        assert_eq!(Inventory::from_snapshot(&snapshot).unwrap().to_snapshot(), snapshot);
        Sample::bytes(name, &snapshot)
    });
    check_pinned(&samples, "src/box_office/encodings/snapshot.txt", include_str!("snapshot.txt"));
}

/// A snapshot of version 0.1.0 has neither terms nor ended entries: the journal is folded instead.
#[test]
fn a_snapshot_of_an_older_version_is_refused_by_its_version() {
    let (_, hex) = include_str!("snapshot_unsealed.txt").trim_end().split_once(": ").unwrap();
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    let unsealed: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
    let refusal = Inventory::from_snapshot(&unsealed).unwrap_err().to_string();
    assert!(refusal.contains("version 1, not 6"), "{refusal}");
}

/// Snapshots of an unknown version and damaged bytes are reported and never served.
#[test]
fn a_snapshot_that_cannot_be_read_says_why() {
    let whole = state(history()).to_snapshot();
    let refusal = |bytes: &[u8]| Inventory::from_snapshot(bytes).unwrap_err().to_string();
    let mut newer = whole.clone();
    newer[0] += 1;
    assert!(refusal(&newer).contains("version 7, not 6"), "{}", refusal(&newer));
    // Cut off before the seal, the snapshot is complete but has no seal.
    for length in (0..whole.len()).filter(|length| *length != whole.len() - 16) {
        assert!(Inventory::from_snapshot(&whole[..length]).is_err(), "cut at {length}");
    }
}
