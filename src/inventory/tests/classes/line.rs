//! The line: who gets a free place, and when; offers; moves up.

use super::*;
use crate::ids::ProductId;
use crate::inventory::Approval;

#[test]
fn a_free_place_goes_to_the_first_in_line_in_the_same_transition() {
    let mut class = class(1, 0, rules());
    run(&mut class, (1..=3).map(apply));
    let changes = decided(&mut class, cancel(1));
    assert!(matches!(
        &changes[..],
        [
            Change::ReservationsCancelled { .. },
            Change::EnrollmentsCanceled { .. },
            Change::EnrollmentApproved { enrollment: id, how: Approval::Promoted, .. },
        ] if *id == enrollment(2)
    ));
    assert_eq!(status(&class, 3), EnrollmentStatus::Waitlisted);
    // A place that is added, unblocked or let go, too.
    for free in [
        vec![capacity(2)],
        vec![cancel(2)],
        vec![Command::Resize { product: ProductId(0), total: 2 }],
    ] {
        let mut class = class.clone();
        run(&mut class, free);
        assert_eq!(status(&class, 3), EnrollmentStatus::Approved);
    }
}

#[test]
fn nothing_is_promoted_once_the_class_has_started() {
    let mut class = class(1, 0, ClassRules { waitlist: 5, ..rules() });
    run(&mut class, [apply(1), apply(2)]);
    pass(&mut class, 48 * HOUR);
    let by = Requester::Admin;
    let (id, reason, version) = (enrollment(1), None, None);
    run(&mut class, [Command::CancelEnrollment { enrollment: id, by, reason, version }]);
    assert_eq!(status(&class, 2), EnrollmentStatus::Waitlisted);
    // The line still comes before those who apply now, and moves on if the class is put off.
    run(&mut class, [apply(3)]);
    assert_eq!(status(&class, 3), EnrollmentStatus::Waitlisted);
    let starts_at = Some(START + 72 * HOUR);
    let terms = OfferingChange { starts_at, ..OfferingChange::default() };
    run(&mut class, [change(ClassChange { terms, ..ClassChange::default() })]);
    assert_eq!(status(&class, 2), EnrollmentStatus::Approved);
}

#[test]
fn an_offered_place_is_taken_declined_or_lapses_to_the_next() {
    let offered = || {
        let mut class = class(1, 0, offering());
        run(&mut class, [apply(1), apply(2), apply(3), cancel(1)]);
        assert_eq!(status(&class, 2), EnrollmentStatus::Offered);
        class
    };
    let mut class = offered();
    assert_eq!(class.next_due_at(), Some(START + 7 * MINUTE));
    refused(&mut class, &accept(3), wrong("on the waitlist"));
    let changes = decided(&mut class, accept(2));
    assert!(matches!(changes[..], [Change::EnrollmentApproved { how: Approval::Accepted, .. }]));
    assert_eq!(status(&class, 2), EnrollmentStatus::Approved);
    let mut class = offered();
    run(&mut class, [cancel(2)]);
    assert_eq!(status(&class, 3), EnrollmentStatus::Offered);
    let mut class = offered();
    let changes = pass(&mut class, 7 * MINUTE);
    assert!(matches!(
        &changes[..],
        [
            Change::HoldsExpired { .. },
            Change::EnrollmentsCanceled { cause: crate::inventory::CancelCause::OfferExpired, .. },
            Change::PlaceOffered { enrollment: id, .. },
        ] if *id == enrollment(3)
    ));
    refused(&mut class, &accept(2), wrong("canceled"));
}

#[test]
fn an_offer_at_its_deadline_is_not_taken_even_before_due_work() {
    let mut class = class(1, 0, offering());
    run(&mut class, [apply(1), apply(2), cancel(1)]);
    class.begin_batch(crate::ids::Seq(9), START + 7 * MINUTE);
    refused(&mut class, &accept(2), Rejection::HoldExpired);
}

#[test]
fn an_offer_keeps_the_fee_that_it_named() {
    let mut class = class(1, FEE, offering());
    run(&mut class, [apply(1), apply(2), cancel(1)]);
    let fee = ClassChange { fee: Some(9 * FEE), ..ClassChange::default() };
    run(&mut class, [change(fee)]);
    let changes = decided(&mut class, accept(2));
    let [Change::EnrollmentApproved { line, pay_by, .. }] = &changes[..] else { panic!() };
    assert_eq!((line.unit_price, *pay_by), (FEE, Some(START + 10 * MINUTE)));
}

#[test]
fn one_who_waits_moves_up_to_each_position() {
    let waiting = || {
        let mut class = class(1, 0, ClassRules { waitlist: 9, ..rules() });
        run(&mut class, (1..=6).map(apply));
        class
    };
    let line = |class: &Inventory| {
        let mut all = class.enrollments();
        all.retain(|one| one.rank.is_some());
        all.sort_by_key(|one| one.rank);
        all.iter().map(|one| one.id).collect::<Vec<_>>()
    };
    let up = |number, position| Command::MoveUp {
        enrollment: enrollment(number),
        position,
        reason: REASON,
    };
    for position in 1..=4 {
        let mut class = waiting();
        let mut expected: Vec<_> = (2..=5).map(enrollment).collect();
        expected.insert(position as usize - 1, enrollment(6));
        run(&mut class, [up(6, position)]);
        assert_eq!(line(&class), expected, "to {position}");
        class.check().unwrap();
    }
    let mut class = waiting();
    for position in [0, 5, 6, u32::MAX] {
        let reason = invalid("position must be 1 to 4: it is 5 now");
        refused(&mut class, &up(6, position), reason);
    }
    refused(&mut class, &up(2, 1), invalid("the enrollment is the first in line already"));
    refused(&mut class, &up(1, 1), wrong("approved"));
    // The front has room for ever, the middle for twenty moves.
    for number in (3..=6).cycle().take(100) {
        if line(&class)[0] != enrollment(number) {
            run(&mut class, [up(number, 1)]);
        }
    }
    let mut class = waiting();
    let mut moves = 0;
    while let Decision::Decided(_) = execute(&mut class, &up(6 - moves % 2, 2)) {
        class.check().unwrap();
        moves += 1;
        if line(&class)[2] != enrollment(6 - moves % 2) {
            run(&mut class, [up(6 - moves % 2, 3)]);
        }
        assert!(moves < 60, "the ranks between two neighbours run out");
    }
    assert!(moves >= 9, "after {moves} moves");
}

#[test]
fn the_same_commands_give_the_same_line_from_a_snapshot() {
    let mut class = class(1, 0, ClassRules { waitlist: 9, ..rules() });
    run(&mut class, (1..=5).map(apply));
    let mut again = Inventory::from_snapshot(&class.to_snapshot()).unwrap();
    again.begin_batch(crate::ids::Seq(2), class.at());
    class.begin_batch(crate::ids::Seq(2), class.at());
    for command in [cancel(1), apply(6), cancel(3), capacity(3)] {
        assert_eq!(execute(&mut class, &command), execute(&mut again, &command));
    }
    assert_eq!(class.to_snapshot(), again.to_snapshot());
}
