//! Classes in tables: each refusal, each way of an application, the line, the ends.

mod ends;
mod line;
mod review;

use super::tables::{decided, execute, pass};
use super::world::{self, HOUR, MINUTE, START, enrollment, user};
use crate::ids::{AnswersId, ReasonId};
use crate::inventory::MAX_APPLICATIONS;
use crate::inventory::{
    Change, ClassChange, ClassRules, Command, Decision, EnrollmentStatus, Inventory,
    OfferingChange, Promotion, Rejection, Requester, Ruling, SaleState, Selection, Transition,
    Verdict,
};

const REASON: ReasonId = ReasonId(uuid::Uuid::from_bytes([9; 16]));
const FEE: i64 = 20_000;

/// First come, first served; the first in line is approved.
pub(super) fn rules() -> ClassRules {
    ClassRules {
        selection: Selection::FirstCome,
        waitlist: 2,
        promotion: Promotion::Auto,
        offer_ttl_ms: 7 * MINUTE,
        pay_window_ms: 10 * MINUTE,
        allow_reapply: true,
    }
}

fn reviewed() -> ClassRules {
    ClassRules { selection: Selection::Review, ..rules() }
}

fn offering() -> ClassRules {
    ClassRules { promotion: Promotion::Offer, ..rules() }
}

/// A class that begins in 48 hours and recruits until then.
pub(super) fn class(capacity: u32, fee: i64, rules: ClassRules) -> Inventory {
    let mut class = world::opened(world::class(capacity, fee));
    let starts_at = START + 48 * HOUR;
    let changes = vec![
        Change::EventTimesSet { starts_at, ends_at: starts_at + HOUR },
        Change::ClassRulesSet { rules },
    ];
    class.apply(&Transition { idempotency: None, changes }).unwrap();
    class
}

fn apply(number: u64) -> Command {
    Command::Apply { enrollment: enrollment(number), customer: user(number), answers: None }
}

fn cancel(number: u64) -> Command {
    cancel_of(number, number)
}

fn cancel_of(number: u64, customer: u64) -> Command {
    let by = Requester::Customer(user(customer));
    Command::CancelEnrollment { enrollment: enrollment(number), by, reason: None, version: None }
}

fn accept(number: u64) -> Command {
    Command::AcceptPlace { enrollment: enrollment(number), customer: user(number) }
}

fn verdict(number: u64, ruling: Ruling) -> Verdict {
    Verdict { enrollment: enrollment(number), ruling, reason: Some(REASON), version: None }
}

fn decide(number: u64, ruling: Ruling) -> Command {
    Command::DecideEnrollment { verdict: verdict(number, ruling) }
}

fn change(change: ClassChange) -> Command {
    Command::ChangeClass { change: Box::new(change) }
}

fn capacity(capacity: u32) -> Command {
    change(ClassChange { capacity: Some(capacity), ..ClassChange::default() })
}

fn switch(state: SaleState) -> Command {
    let terms = OfferingChange { state: Some(state), ..OfferingChange::default() };
    change(ClassChange { terms, ..ClassChange::default() })
}

#[track_caller]
fn refused(class: &mut Inventory, command: &Command, expected: Rejection) {
    let before = class.to_snapshot();
    assert_eq!(execute(class, command), Decision::Rejected(expected), "{command:?}");
    assert_eq!(class.to_snapshot(), before, "a refusal changes nothing");
}

/// The status of an enrollment, after a check of the whole state.
#[track_caller]
fn status(class: &Inventory, number: u64) -> EnrollmentStatus {
    class.check().unwrap();
    found(class, number).status
}

fn found(class: &Inventory, number: u64) -> crate::inventory::EnrollmentView {
    let all = class.enrollments();
    *all.iter().find(|one| one.id == enrollment(number)).expect("it applied")
}

fn run(class: &mut Inventory, commands: impl IntoIterator<Item = Command>) {
    for command in commands {
        decided(class, command);
    }
}

fn wrong(state: &'static str) -> Rejection {
    Rejection::WrongState { what: "enrollment".into(), state: state.into() }
}

fn invalid(reason: &'static str) -> Rejection {
    Rejection::Invalid { reason: reason.into() }
}

#[test]
fn recruitment_has_a_beginning_and_an_end() {
    let mut class = class(2, 0, rules());
    let over = Rejection::RecruitmentOver { ended_at: None };
    for state in [SaleState::Paused, SaleState::Closed] {
        decided(&mut class, switch(state));
        refused(&mut class, &apply(1), over.clone());
    }
    decided(&mut class, switch(SaleState::Open));
    let window = |start, end| {
        let (sale_start, sale_end) = (Some(Some(start)), Some(Some(end)));
        let terms = OfferingChange { sale_start, sale_end, ..OfferingChange::default() };
        change(ClassChange { terms, ..ClassChange::default() })
    };
    decided(&mut class, window(START + HOUR, START + 2 * HOUR));
    let opens_at = Some(START + HOUR);
    refused(&mut class, &apply(1), Rejection::RecruitmentNotOpen { opens_at });
    pass(&mut class, HOUR);
    run(&mut class, [apply(1)]);
    pass(&mut class, HOUR);
    let ended_at = Some(START + 2 * HOUR);
    refused(&mut class, &apply(2), Rejection::RecruitmentOver { ended_at });
    decided(&mut class, Command::CancelClass { with_enrollments: true });
    refused(&mut class, &apply(2), Rejection::Cancelled);
}

#[test]
fn a_class_that_is_scheduled_takes_no_applications() {
    let mut definition = world::class(1, 0);
    definition.sale_state = SaleState::Scheduled;
    let mut class = world::opened(definition);
    let changes = vec![Change::ClassRulesSet { rules: rules() }];
    class.apply(&Transition { idempotency: None, changes }).unwrap();
    refused(&mut class, &apply(1), Rejection::RecruitmentNotOpen { opens_at: None });
}

#[test]
fn first_come_is_approved_then_waits_then_finds_the_class_full() {
    let mut class = class(2, 0, rules());
    run(&mut class, (1..=4).map(apply));
    let statuses: Vec<_> = (1..=4).map(|number| status(&class, number)).collect();
    use EnrollmentStatus::{Approved, Waitlisted};
    assert_eq!(statuses, [Approved, Approved, Waitlisted, Waitlisted]);
    refused(&mut class, &apply(5), Rejection::ClassFull { capacity: 2, waitlist: 2 });
    let enrolled = Rejection::AlreadyEnrolled { enrollment: enrollment(3) };
    let again = Command::Apply { enrollment: enrollment(6), customer: user(3), answers: None };
    refused(&mut class, &again, enrolled);
    let in_use = Command::Apply { enrollment: enrollment(3), customer: user(6), answers: None };
    refused(&mut class, &in_use, invalid("this enrollment id is in use"));
}

#[test]
fn applying_again_is_for_the_class_to_allow() {
    let again = Command::Apply { enrollment: enrollment(9), customer: user(1), answers: None };
    let mut strict = class(1, 0, ClassRules { allow_reapply: false, ..rules() });
    run(&mut strict, [apply(1), cancel(1)]);
    let refusal = Rejection::ReapplyRefused { enrollment: enrollment(1) };
    refused(&mut strict, &again, refusal);
    let mut class = class(1, 0, rules());
    run(&mut class, [apply(1), cancel(1), again]);
    assert_eq!(status(&class, 9), EnrollmentStatus::Approved);
    assert_eq!(status(&class, 1), EnrollmentStatus::Canceled);
}

#[test]
fn one_person_applies_a_bounded_number_of_times() {
    let again = |number| Command::Apply {
        enrollment: enrollment(number),
        customer: user(1),
        answers: None,
    };
    let mut class = class(1, 0, rules());
    for number in 1..=MAX_APPLICATIONS.into() {
        run(&mut class, [again(number), cancel_of(number, 1)]);
    }
    let refusal = Rejection::TooManyApplications { limit: MAX_APPLICATIONS };
    let next = u64::from(MAX_APPLICATIONS) + 1;
    refused(&mut class, &again(next), refusal.clone());
    // Loaded from a snapshot, too.
    let mut loaded = Inventory::from_snapshot(&class.to_snapshot()).unwrap();
    refused(&mut loaded, &again(next), refusal);
    run(&mut class, [apply(99)]);
}

#[test]
fn answers_change_until_the_decision() {
    let mut class = class(1, 0, reviewed());
    let replace = |version| {
        let (answers, customer) = (AnswersId(REASON.0), user(1));
        Command::ReplaceAnswers { enrollment: enrollment(1), customer, answers, version }
    };
    refused(&mut class, &replace(None), Rejection::EnrollmentNotFound);
    run(&mut class, [apply(1), replace(Some(1))]);
    refused(&mut class, &replace(Some(1)), Rejection::VersionConflict { current: 2 });
    decided(&mut class, decide(1, Ruling::Approve));
    refused(&mut class, &replace(None), wrong("approved"));
}

#[test]
fn an_enrollment_is_its_customers_alone() {
    let mut class = class(1, 0, rules());
    run(&mut class, [apply(1)]);
    let by = Requester::Customer(user(2));
    let (id, reason, version) = (enrollment(1), None, None);
    let foreign = Command::CancelEnrollment { enrollment: id, by, reason, version };
    refused(&mut class, &foreign, Rejection::EnrollmentNotFound);
    let accept = Command::AcceptPlace { enrollment: id, customer: user(2) };
    refused(&mut class, &accept, Rejection::EnrollmentNotFound);
    refused(&mut class, &super::classes::accept(1), wrong("approved"));
    let answers = AnswersId(REASON.0);
    let replace = Command::ReplaceAnswers { enrollment: id, customer: user(2), answers, version };
    refused(&mut class, &replace, Rejection::EnrollmentNotFound);
}

#[test]
fn commands_of_events_and_of_classes_are_refused_in_each_other() {
    let mut class = class(1, 0, rules());
    let of_class = Rejection::WrongOffering { is_class: true };
    let hold = world::hold(1);
    let of_events = [
        super::tables::places(1, 1),
        Command::ReleaseHold { hold, customer: user(1) },
        Command::AcceptOffer { entry: hold, customer: user(1) },
        super::tables::join(1, 1),
        Command::OpenSale,
        Command::CancelOffering,
        Command::ChangeOffering { change: OfferingChange::default() },
    ];
    for command in of_events {
        refused(&mut class, &command, of_class.clone());
        let (admin, command) = (user(9), Box::new(command));
        refused(&mut class, &Command::ByAdmin { admin, command }, of_class.clone());
    }
    let mut event = super::tables::given([]);
    let of_classes = [
        apply(1),
        accept(1),
        cancel(1),
        decide(1, Ruling::Approve),
        capacity(3),
        Command::DecideEnrollments { verdicts: vec![] },
        Command::MoveUp { enrollment: enrollment(1), position: 1, reason: REASON },
        Command::RecordAttendance { marks: vec![] },
        Command::CancelClass { with_enrollments: true },
    ];
    for command in of_classes {
        refused(&mut event, &command, Rejection::WrongOffering { is_class: false });
    }
}

#[test]
fn rules_freeze_and_the_capacity_stays_above_what_is_taken() {
    let mut class = class(3, 0, rules());
    let with = |rules| change(ClassChange { rules: Some(rules), ..ClassChange::default() });
    run(&mut class, [with(reviewed()), with(rules()), apply(1), apply(2)]);
    refused(&mut class, &with(reviewed()), Rejection::SelectionFrozen);
    refused(&mut class, &capacity(1), Rejection::BelowTaken { taken: 2 });
    refused(&mut class, &capacity(0), invalid("capacity must be at least 1"));
    let fee = |fee| change(ClassChange { fee: Some(fee), ..ClassChange::default() });
    assert!(matches!(execute(&mut class, &fee(-1)), Decision::Rejected(Rejection::Invalid { .. })));
    for bad in [
        ClassRules { waitlist: 100_001, ..rules() },
        ClassRules { offer_ttl_ms: 59_999, ..rules() },
        ClassRules { pay_window_ms: 61 * 24 * HOUR, ..rules() },
    ] {
        let decision = execute(&mut class, &with(bad));
        assert!(matches!(decision, Decision::Rejected(Rejection::Invalid { .. })), "{bad:?}");
    }
    // All of a change, or nothing.
    let both = ClassChange { capacity: Some(9), rules: Some(reviewed()), ..ClassChange::default() };
    refused(&mut class, &change(both), Rejection::SelectionFrozen);
    assert_eq!(decided(&mut class, capacity(2)).len(), 1);
    let counts = class.counts(crate::ids::ProductId(0));
    assert_eq!((counts.total, counts.available), (2, 0));
}
