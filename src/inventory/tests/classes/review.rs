//! Decisions of administrators, one by one and many at once; attendance.

use super::ends::pay;
use super::*;
use crate::inventory::{Approval, Attendance, Fit, Line, Moved};

/// The commands before, the time, the ruling, and what comes of it.
type Case<'a> = (&'a [Command], u64, Ruling, Result<EnrollmentStatus, Rejection>);

#[test]
fn each_decision_from_each_state() {
    use EnrollmentStatus::{Approved, Canceled, Offered, Rejected, Waitlisted};
    use Ruling::{Approve, ApproveOrWaitlist, Reject, Waitlist};
    // A class of one place with an offer to 1, and the line 2.
    let with_offer = || {
        let rules = ClassRules { selection: Selection::Review, ..offering() };
        let mut class = class(1, 0, rules);
        run(&mut class, [apply(1), apply(2), apply(3), apply(4)]);
        // A place is offered when it becomes free.
        run(&mut class, [apply(5), decide(5, Approve)]);
        run(&mut class, [decide(1, Waitlist), decide(2, Waitlist), decide(5, Reject)]);
        assert_eq!((status(&class, 1), status(&class, 2)), (Offered, Waitlisted));
        class
    };
    let none_left = Rejection::NoPlacesLeft { left: 0 };
    let cases: [Case<'_>; 17] = [
        (&[], 3, Approve, Err(none_left.clone())),
        (&[], 3, ApproveOrWaitlist, Ok(Waitlisted)),
        (&[], 3, Waitlist, Ok(Waitlisted)),
        (&[], 3, Reject, Ok(Rejected)),
        (&[], 2, Approve, Err(none_left)),
        (&[], 2, ApproveOrWaitlist, Err(wrong("on the waitlist"))),
        (&[], 2, Waitlist, Err(wrong("on the waitlist"))),
        (&[], 2, Reject, Ok(Rejected)),
        (&[], 1, Approve, Ok(Approved)),
        (&[], 1, ApproveOrWaitlist, Ok(Approved)),
        (&[], 1, Waitlist, Err(wrong("offered a place"))),
        (&[], 1, Reject, Ok(Rejected)),
        (&[decide(1, Approve)], 1, Approve, Err(wrong("approved"))),
        (&[decide(1, Approve)], 1, Reject, Ok(Rejected)),
        (&[decide(3, Reject)], 3, Reject, Err(wrong("rejected"))),
        (&[decide(3, Reject)], 3, ApproveOrWaitlist, Ok(Waitlisted)),
        (&[cancel(3)], 3, Approve, Err(wrong("canceled"))),
    ];
    for (given, number, ruling, expected) in cases {
        let mut class = with_offer();
        run(&mut class, given.iter().cloned());
        match expected {
            Err(rejection) => refused(&mut class, &decide(number, ruling), rejection),
            Ok(expected) => {
                let version = found(&class, number).version;
                decided(&mut class, decide(number, ruling));
                assert_eq!(status(&class, number), expected, "{ruling:?} of {number}");
                assert_eq!(found(&class, number).version, version + 1);
                assert_ne!(status(&class, number), Canceled);
            }
        }
    }
}

#[test]
fn a_decision_for_another_version_is_refused() {
    let mut class = class(1, 0, reviewed());
    run(&mut class, [apply(1)]);
    let at = |version| {
        let verdict = Verdict { version: Some(version), ..verdict(1, Ruling::Approve) };
        Command::DecideEnrollment { verdict }
    };
    refused(&mut class, &at(2), Rejection::VersionConflict { current: 1 });
    run(&mut class, [at(1)]);
    let by = Requester::Admin;
    let (id, reason, version) = (enrollment(1), Some(REASON), Some(1));
    let stale = Command::CancelEnrollment { enrollment: id, by, reason, version };
    refused(&mut class, &stale, Rejection::VersionConflict { current: 2 });
    let unknown = decide(7, Ruling::Approve);
    refused(&mut class, &unknown, Rejection::EnrollmentNotFound);
}

#[test]
fn three_hundred_are_approved_for_two_hundred_places_in_their_order() {
    let mut class = class(200, 0, reviewed());
    run(&mut class, (0..300).map(apply));
    let verdicts = (0..300).map(|number| verdict(number, Ruling::Approve)).collect();
    let changes = decided(&mut class, Command::DecideEnrollments { verdicts });
    assert_eq!(changes.len(), 300);
    for (number, change) in (0..).zip(&changes) {
        match change {
            Change::EnrollmentApproved { enrollment: id, how, pay_by: None, .. } => {
                assert_eq!(*how, Approval::Decided { reason: Some(REASON) });
                assert!(number < 200 && *id == enrollment(number));
            }
            Change::VerdictRefused { enrollment: id, rejection } => {
                assert!(number >= 200 && *id == enrollment(number));
                assert_eq!(**rejection, Rejection::NoPlacesLeft { left: 0 });
            }
            other => panic!("{other:?}"),
        }
    }
    class.check().unwrap();
    let or_wait = (200..300).map(|number| verdict(number, Ruling::ApproveOrWaitlist)).collect();
    let changes = decided(&mut class, Command::DecideEnrollments { verdicts: or_wait });
    let waits = |change: &&Change| matches!(change, Change::EnrollmentWaitlisted { .. });
    assert_eq!(changes.iter().filter(waits).count(), 2, "the waitlist has two places");
    let full = Box::new(Rejection::WaitlistUnavailable { full: true });
    let refused = Change::VerdictRefused { enrollment: enrollment(202), rejection: full };
    assert_eq!(changes[2], refused);
}

#[test]
fn decisions_made_at_once_are_those_made_one_by_one() {
    use EnrollmentStatus::{Approved, Rejected, Waitlisted};
    let mut class = class(2, 0, reviewed());
    run(&mut class, (1..=6).map(apply));
    run(&mut class, [decide(1, Ruling::Approve), decide(2, Ruling::Approve)]);
    // A place that a rejection frees goes to the line, and to others only if the line is empty.
    let verdicts = vec![
        verdict(1, Ruling::Reject),
        verdict(3, Ruling::Approve),
        verdict(4, Ruling::Waitlist),
        verdict(2, Ruling::Reject),
        verdict(5, Ruling::Approve),
        verdict(6, Ruling::ApproveOrWaitlist),
    ];
    decided(&mut class, Command::DecideEnrollments { verdicts });
    let statuses: Vec<_> = (1..=6).map(|number| status(&class, number)).collect();
    use EnrollmentStatus::Applied;
    assert_eq!(statuses, [Rejected, Rejected, Approved, Approved, Applied, Waitlisted]);
}

#[test]
fn an_application_is_put_in_line_only_when_no_place_is_left_for_it() {
    use EnrollmentStatus::{Applied, Approved, Rejected, Waitlisted};
    use Ruling::{Approve, ApproveOrWaitlist, Reject, Waitlist};
    let mut class = class(2, 0, reviewed());
    run(&mut class, (1..=6).map(apply));
    refused(&mut class, &decide(1, Waitlist), Rejection::PlacesLeft { left: 2 });
    run(&mut class, [decide(1, ApproveOrWaitlist), decide(6, Reject)]);
    assert_eq!(status(&class, 1), Approved);
    // A rejection is turned into a place as well.
    refused(&mut class, &decide(6, Waitlist), Rejection::PlacesLeft { left: 1 });
    // Each row is judged by what those before it leave.
    let verdicts = vec![
        verdict(2, Waitlist),
        verdict(3, Approve),
        verdict(4, Waitlist),
        verdict(1, Reject),
        verdict(5, Waitlist),
    ];
    let changes = decided(&mut class, Command::DecideEnrollments { verdicts });
    let rejection = Box::new(Rejection::PlacesLeft { left: 1 });
    assert_eq!(changes[0], Change::VerdictRefused { enrollment: enrollment(2), rejection });
    let statuses: Vec<_> = (1..=6).map(|number| status(&class, number)).collect();
    assert_eq!(statuses, [Rejected, Applied, Approved, Approved, Waitlisted, Rejected]);
}

#[test]
fn a_place_that_the_line_cannot_get_any_more_is_not_in_the_way_of_the_line() {
    let mut class = class(1, 0, reviewed());
    run(&mut class, (1..=3).map(apply));
    run(&mut class, [decide(1, Ruling::Approve), decide(2, Ruling::Waitlist)]);
    pass(&mut class, 48 * HOUR);
    run(&mut class, [decide(1, Ruling::Reject), decide(3, Ruling::Waitlist)]);
    assert_eq!(status(&class, 3), EnrollmentStatus::Waitlisted);
}

#[test]
fn a_journal_in_which_an_application_was_put_in_line_beside_a_free_place_still_folds() {
    let mut class = class(1, 0, reviewed());
    run(&mut class, [apply(1)]);
    let (id, customer) = (enrollment(1), user(1));
    let moved = |from, version| Moved { from, version };
    let line = Line {
        product: crate::ids::ProductId(0),
        quantity: 1,
        unit_price: 0,
        seats: Box::default(),
        fit: Fit::Exact,
    };
    let changes = vec![
        Change::EnrollmentWaitlisted {
            enrollment: id,
            customer,
            rank: 1_048_576,
            reason: None,
            moved: moved(EnrollmentStatus::Applied, 2),
        },
        Change::EnrollmentApproved {
            enrollment: id,
            customer,
            line,
            pay_by: None,
            how: Approval::Promoted,
            moved: moved(EnrollmentStatus::Waitlisted, 3),
        },
    ];
    class.apply(&Transition { idempotency: None, changes }).unwrap();
    assert_eq!(status(&class, 1), EnrollmentStatus::Approved);
}

#[test]
fn a_bad_list_of_decisions_is_refused_whole() {
    let mut class = class(1, 0, reviewed());
    run(&mut class, [apply(1)]);
    let many = |verdicts| Command::DecideEnrollments { verdicts };
    refused(&mut class, &many(vec![]), invalid("1 to 1000 decisions at once"));
    let twice = vec![verdict(1, Ruling::Approve), verdict(1, Ruling::Reject)];
    refused(&mut class, &many(twice), invalid("an enrollment is named twice"));
    let long = (0..1_001).map(|number| verdict(number, Ruling::Approve)).collect();
    refused(&mut class, &many(long), invalid("1 to 1000 decisions at once"));
}

#[test]
fn a_waitlist_that_is_off_is_refused() {
    let mut class = class(1, 0, ClassRules { waitlist: 0, ..reviewed() });
    run(&mut class, [apply(1), apply(2), decide(2, Ruling::Approve)]);
    let off = Rejection::WaitlistUnavailable { full: false };
    refused(&mut class, &decide(1, Ruling::Waitlist), off);
    let mut first_come = super::class(1, 0, ClassRules { waitlist: 0, ..rules() });
    run(&mut first_come, [apply(1)]);
    refused(&mut first_come, &apply(2), Rejection::ClassFull { capacity: 1, waitlist: 0 });
}

#[test]
fn a_rejected_application_is_decided_again_only_if_it_is_the_last_and_had_no_place() {
    let mut class = class(2, 0, reviewed());
    run(&mut class, [apply(1), decide(1, Ruling::Reject), decide(1, Ruling::Approve)]);
    // What had a place has no second one.
    run(&mut class, [decide(1, Ruling::Reject)]);
    refused(&mut class, &decide(1, Ruling::Approve), wrong("rejected"));
    run(&mut class, [apply(2), decide(2, Ruling::Reject)]);
    let again = Command::Apply { enrollment: enrollment(9), customer: user(2), answers: None };
    run(&mut class, [again]);
    refused(&mut class, &decide(2, Ruling::Approve), wrong("rejected"));
}

#[test]
fn an_offer_that_was_taken_back_is_not_made_again() {
    let mut class = class(1, 0, ClassRules { selection: Selection::Review, ..offering() });
    run(&mut class, [apply(1), apply(2), decide(2, Ruling::Approve)]);
    run(&mut class, [decide(1, Ruling::Waitlist), decide(2, Ruling::Reject)]);
    assert_eq!(status(&class, 1), EnrollmentStatus::Offered);
    run(&mut class, [decide(1, Ruling::Reject)]);
    for ruling in [Ruling::Waitlist, Ruling::Approve] {
        refused(&mut class, &decide(1, ruling), wrong("rejected"));
    }
    assert_eq!(class.counts(crate::ids::ProductId(0)).available, 1);
}

#[test]
fn attendance_is_recorded_from_the_day_before_for_those_with_a_paid_place() {
    let mut class = class(2, FEE, reviewed());
    let mark = |numbers: &[u64], mark| {
        let marks = numbers.iter().map(|number| (enrollment(*number), mark)).collect();
        Command::RecordAttendance { marks }
    };
    let present = Some(Attendance::Present);
    run(&mut class, [apply(1), apply(2), decide(1, Ruling::Approve)]);
    let early = invalid("attendance can be recorded from 24 hours before startAt");
    refused(&mut class, &mark(&[1], present), early);
    run(&mut class, pay(1));
    pass(&mut class, 24 * HOUR);
    refused(&mut class, &mark(&[1, 2], present), wrong("not decided yet"));
    refused(&mut class, &mark(&[1, 1], present), invalid("an enrollment is named twice"));
    refused(&mut class, &mark(&[], present), invalid("1 to 1000 marks at once"));
    refused(&mut class, &mark(&[7], present), Rejection::EnrollmentNotFound);
    run(&mut class, [mark(&[1], present)]);
    assert_eq!(found(&class, 1).attendance, present);
    run(&mut class, [mark(&[1], None), decide(2, Ruling::Approve)]);
    assert_eq!(found(&class, 1).attendance, None);
    refused(&mut class, &mark(&[2], present), wrong("not paid yet"));
}

#[test]
fn a_place_in_a_class_is_a_ticket_that_can_be_checked_in() {
    let mut class = class(1, 0, rules());
    run(&mut class, [apply(1)]);
    let reservation = enrollment(1).reservation();
    let check_in = Command::CheckIn { reservation, ticket: 0 };
    run(&mut class, [check_in.clone()]);
    refused(&mut class, &check_in, Rejection::AlreadyCheckedIn);
    refused(&mut class, &cancel(1), Rejection::AlreadyCheckedIn);
    refused(&mut class, &decide(1, Ruling::Reject), Rejection::AlreadyCheckedIn);
    run(&mut class, [Command::UndoCheckIn { reservation, ticket: 0 }, cancel(1)]);
}
