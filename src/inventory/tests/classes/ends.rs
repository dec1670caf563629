//! How enrollments end: unpaid, refused, with the class or the account.

use super::*;
use crate::ids::ProductId;
use crate::inventory::{CancelCause, CancellationPolicy, ReservationStatus};

fn begin(number: u64) -> Command {
    let (reservation, payment) = (enrollment(number).reservation(), world::payment(number));
    Command::BeginPayment { reservation, payment, customer: user(number) }
}

fn confirm(number: u64) -> Command {
    let (reservation, payment) = (enrollment(number).reservation(), world::payment(number));
    Command::ConfirmPayment { reservation, payment }
}

pub(super) fn pay(number: u64) -> Vec<Command> {
    vec![begin(number), confirm(number)]
}

fn causes(changes: &[Change]) -> Vec<CancelCause> {
    let of = |change: &Change| match change {
        Change::EnrollmentsCanceled { cause, .. } => Some(*cause),
        _ => None,
    };
    changes.iter().filter_map(of).collect()
}

#[test]
fn a_place_that_is_not_paid_goes_to_the_next_in_the_same_transition() {
    let mut class = class(1, FEE, rules());
    run(&mut class, [apply(1), apply(2)]);
    assert_eq!(class.next_due_at(), Some(START + 10 * MINUTE));
    let changes = pass(&mut class, 10 * MINUTE);
    assert!(matches!(
        &changes[..],
        [
            Change::ReservationsExpired { .. },
            Change::EnrollmentsCanceled { cause: CancelCause::Unpaid, .. },
            Change::EnrollmentApproved { enrollment: id, pay_by: Some(_), .. },
        ] if *id == enrollment(2)
    ));
    run(&mut class, pay(2));
    assert_eq!(status(&class, 2), EnrollmentStatus::Approved);
    assert_eq!(pass(&mut class, HOUR), []);
}

#[test]
fn a_late_payment_revives_only_if_a_place_is_free_and_its_customer_has_no_other() {
    let late = || {
        let mut class = class(1, FEE, rules());
        run(&mut class, [apply(1), begin(1)]);
        // The pay window and the grace of the payment.
        pass(&mut class, 12 * MINUTE);
        assert_eq!(status(&class, 1), EnrollmentStatus::Canceled);
        class
    };
    let mut class = late();
    let version = found(&class, 1).version;
    let changes = decided(&mut class, confirm(1));
    assert!(matches!(
        changes[..],
        [
            Change::ReservationRevived { .. },
            Change::EnrollmentRevived { .. },
            Change::ReservationConfirmed { .. },
        ]
    ));
    assert_eq!(status(&class, 1), EnrollmentStatus::Approved);
    assert_eq!(found(&class, 1).version, version + 1);
    let mut taken = late();
    run(&mut taken, [apply(2)]);
    refused(&mut taken, &confirm(1), Rejection::ReservationExpired);
    let mut another = late();
    let again = Command::Apply { enrollment: enrollment(9), customer: user(1), answers: None };
    run(&mut another, [capacity(2), again]);
    refused(&mut another, &confirm(1), Rejection::ReservationExpired);
    assert_eq!(another.counts(ProductId(0)).available, 1);
}

#[test]
fn each_end_has_its_cause() {
    let by_admin =
        |command: Command| Command::ByAdmin { admin: user(9), command: Box::new(command) };
    let reservation = enrollment(1).reservation();
    let fail = || {
        let payment = world::payment(1);
        Command::FailAndCancel { reservation, payment }
    };
    let own = Requester::Customer(user(1));
    let tickets = |by| Command::CancelTickets { reservation, tickets: vec![0], refund: None, by };
    let whole = |by| Command::CancelReservation { reservation, by };
    let by = Requester::Admin;
    let (id, reason, version) = (enrollment(1), Some(REASON), None);
    let admins = Command::CancelEnrollment { enrollment: id, by, reason, version };
    use CancelCause::{Admin, Customer, Unpaid};
    let cases = [
        (vec![], cancel(1), Customer),
        (vec![], admins.clone(), Admin),
        (vec![], by_admin(admins), Admin),
        (vec![], whole(own), Customer),
        (vec![], by_admin(whole(Requester::Admin)), Admin),
        (vec![begin(1)], fail(), Unpaid),
        (pay(1), tickets(own), Customer),
        (pay(1), tickets(Requester::Admin), Admin),
    ];
    for (given, command, expected) in cases {
        let mut class = class(1, FEE, rules());
        run(&mut class, [apply(1)]);
        run(&mut class, given);
        let shown = format!("{command:?}");
        let is_admins = matches!(command, Command::ByAdmin { .. });
        let changes = decided(&mut class, command);
        assert_eq!(causes(&changes), [expected], "{shown}");
        assert_eq!(status(&class, 1), EnrollmentStatus::Canceled, "{shown}");
        let stands_behind = matches!(changes.last(), Some(Change::ActedBy { .. }));
        assert_eq!(stands_behind, is_admins, "{changes:?}");
    }
}

#[test]
fn a_paid_place_is_cancelled_by_the_policy_and_never_during_a_payment() {
    let mut class = class(1, FEE, rules());
    run(&mut class, [apply(1), begin(1)]);
    refused(&mut class, &cancel(1), Rejection::PaymentInProgress);
    refused(&mut class, &decide(1, Ruling::Reject), Rejection::PaymentInProgress);
    run(&mut class, [confirm(1)]);
    let cancellation = Some(CancellationPolicy::Never);
    let terms = OfferingChange { cancellation, ..OfferingChange::default() };
    run(&mut class, [change(ClassChange { terms, ..ClassChange::default() })]);
    refused(&mut class, &cancel(1), Rejection::CancellationRefused { until: None });
    run(&mut class, [decide(1, Ruling::Reject)]);
    assert_eq!(status(&class, 1), EnrollmentStatus::Rejected);
    let place = class.reservation(enrollment(1).reservation()).unwrap();
    assert_eq!(place.status, ReservationStatus::Cancelled);
}

#[test]
fn an_enrollment_ends_once() {
    let mut class = class(1, 0, rules());
    run(&mut class, [apply(1), cancel(1)]);
    refused(&mut class, &cancel(1), wrong("canceled"));
}

#[test]
fn a_class_with_enrollments_is_cancelled_only_with_them() {
    let mut class = class(2_000, 0, ClassRules { waitlist: 1_000, ..rules() });
    run(&mut class, (0..3_000).map(apply));
    let with = |with_enrollments| Command::CancelClass { with_enrollments };
    refused(&mut class, &with(false), Rejection::HasEnrollments { living: 3_000 });
    assert_eq!(decided(&mut class, with(true)).len(), 1, "a marker; the rest is due work");
    let mut again = Inventory::from_snapshot(&class.to_snapshot()).unwrap();
    let mut pages = 0;
    while let Some(page) = class.run_due() {
        pages += 1;
        assert!(causes(&page.changes).iter().all(|cause| *cause == CancelCause::ClassCancelled));
        assert_eq!(again.run_due(), Some(page), "a snapshot goes on alike");
    }
    assert_eq!((pages, class.next_due_at()), (3, None));
    assert_eq!(class.counts(ProductId(0)).available, 2_000);
    assert!(class.enrollments().iter().all(|one| one.status == EnrollmentStatus::Canceled));
    class.check().unwrap();
    refused(&mut class, &with(true), Rejection::Cancelled);
    for command in [accept(1), decide(1, Ruling::Approve), capacity(9)] {
        refused(&mut class, &command, Rejection::Cancelled);
    }
}

#[test]
fn an_empty_class_is_cancelled_at_once() {
    let mut class = class(2, 0, rules());
    run(&mut class, [Command::CancelClass { with_enrollments: false }]);
    assert_eq!(class.next_due_at(), None);
}

#[test]
fn who_closes_an_account_leaves_the_line_and_keeps_what_is_paid() {
    let end = |number| Command::EndClaims { customer: user(number) };
    let mut class = class(1, 0, offering());
    run(&mut class, [apply(1), apply(2), apply(3), cancel(1)]);
    // 2 has an offer and 3 waits.
    let changes = decided(&mut class, end(2));
    assert_eq!(causes(&changes), [CancelCause::AccountClosed]);
    assert_eq!(status(&class, 3), EnrollmentStatus::Offered);
    run(&mut class, [accept(3)]);
    refused(&mut class, &end(3), Rejection::HoldNotFound);
    assert_eq!(status(&class, 3), EnrollmentStatus::Approved);
    run(&mut class, [apply(4)]);
    assert_eq!(causes(&decided(&mut class, end(4))), [CancelCause::AccountClosed]);
    assert_eq!(status(&class, 4), EnrollmentStatus::Canceled);
}

#[test]
fn thousands_are_promoted_over_several_transitions_before_those_who_apply_now() {
    let mut class = class(1, 0, ClassRules { waitlist: 5_000, ..rules() });
    run(&mut class, (0..2_502).map(apply));
    let changes = decided(&mut class, capacity(5_000));
    assert_eq!(changes.len(), 1 + 1_000);
    assert_eq!(class.next_due_at(), Some(START));
    run(&mut class, [apply(9_999)]);
    let applied = class.enrollments().iter().filter(|one| one.rank.is_some()).count();
    assert!(applied < 2_502, "the line moves on with each transition");
    assert_eq!(pass(&mut class, 0).len(), applied);
    assert_eq!(status(&class, 9_999), EnrollmentStatus::Approved);
}
