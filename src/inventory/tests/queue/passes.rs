//! Tables of passes and sessions: who may hold places, and for how long.

use super::super::world::{payment, reservation};
use super::*;
use crate::inventory::{HoldStatus, Pass, SessionEnd};

fn this(generation: u32, number: u32, command: Command) -> Command {
    let pass = Some(Pass { generation, number });
    Command::WithPass { pass, command: Box::new(command) }
}

fn of(customer: u64, hold_number: u64) -> Command {
    let lines = vec![LineRequest::Quantity { product: STANDING, quantity: 1 }];
    Command::PlaceHold { hold: hold(hold_number), customer: user(customer), lines }
}

/// Pays a hold of the same number.
fn buy(event: &mut Inventory, number: u64) -> Vec<Change> {
    let (hold, reservation) = (hold(number), reservation(number));
    let (payment, customer) = (payment(number), user(number));
    decided(event, Command::CheckOut { hold, reservation, customer });
    decided(event, Command::BeginPayment { reservation, payment, customer });
    decided(event, Command::ConfirmPayment { reservation, payment })
}

fn ended(number: u32, how: SessionEnd) -> Change {
    Change::SessionsEnded { sessions: vec![(number, how)] }
}

#[test]
fn places_are_held_with_the_own_pass_alone() {
    let mut event = open(5, QueueChange::default());
    refused(&mut event, &one_place(1), Rejection::PassRequired);
    refused(&mut event, &with_pass(one_place(1)), Rejection::PassRequired);
    refused(&mut event, &this(1, 0, one_place(1)), Rejection::PassRequired);
    decided(&mut event, enter([1, 2]));
    refused(&mut event, &one_place(1), Rejection::PassRequired);
    refused(&mut event, &this(1, 1, one_place(1)), Rejection::PassExpired);
    refused(&mut event, &this(2, 0, one_place(1)), Rejection::PassExpired);
    let twice = with_pass(with_pass(one_place(1)));
    refused(&mut event, &twice, invalid("one pass opens one session"));
    let by_admin = |command| Command::ByAdmin { admin: user(99), command: Box::new(command) };
    refused(&mut event, &by_admin(one_place(1)), Rejection::PassRequired);
    let inside = with_pass(by_admin(one_place(1)));
    refused(&mut event, &inside, invalid("one pass opens one session"));
    decided(&mut event, this(1, 0, one_place(1)));
    let (hold, reservation, customer) = (hold(2), reservation(2), user(2));
    let lines = vec![LineRequest::Quantity { product: STANDING, quantity: 1 }];
    let reserve = Command::Reserve { hold, reservation, customer, lines };
    refused(&mut event, &reserve, Rejection::PassRequired);
    decided(&mut event, with_pass(reserve));
    assert_eq!(event.queue_progress().unwrap().totals.used, 2);
}

#[test]
fn a_free_event_is_joined_with_a_pass() {
    let mut event = with_queue(opened(world::free(false)), QueueChange::default());
    let join =
        Command::Participate { hold: hold(1), reservation: reservation(1), customer: user(1) };
    refused(&mut event, &join, Rejection::PassRequired);
    decided(&mut event, enter([1]));
    let changes = decided(&mut event, with_pass(join));
    // Who has what they came for makes room at once.
    assert_eq!(changes.last(), Some(&ended(0, SessionEnd::Bought)));
}

#[test]
fn who_holds_when_the_queue_is_switched_on_keeps_and_pays() {
    let mut event = event(5);
    decided(&mut event, one_place(1));
    let mut event = with_queue(event, QueueChange::default());
    let now = START + MINUTE;
    at(&mut event, now);
    decided(&mut event, Command::ExtendHold { hold: hold(1), customer: user(1) });
    refused(&mut event, &of(1, 3), Rejection::PassRequired);
    buy(&mut event, 1);
    decided(&mut event, set(QueueChange { enabled: Some(false), ..QueueChange::default() }));
    decided(&mut event, of(1, 3));
    // A pass does no harm where none is needed.
    decided(&mut event, with_pass(of(2, 4)));
}

#[test]
fn a_pass_of_an_earlier_queue_has_expired() {
    let mut event = open(5, QueueChange::default());
    decided(&mut event, enter([1]));
    decided(&mut event, set(QueueChange { enabled: Some(false), ..QueueChange::default() }));
    let mut event = with_queue(event, QueueChange::default());
    refused(&mut event, &this(1, 0, one_place(1)), Rejection::PassExpired);
    decided(&mut event, enter([1]));
    refused(&mut event, &this(1, 0, one_place(1)), Rejection::PassExpired);
    decided(&mut event, this(2, 0, one_place(1)));
}

#[test]
fn a_pass_that_is_not_used_in_time_lapses() {
    let mut event = open(5, QueueChange::default());
    decided(&mut event, enter([1, 2]));
    at(&mut event, START + 300 * SECOND - 1);
    decided(&mut event, with_pass(one_place(2)));
    // Due work comes after the commands that wait.
    event.begin_batch(Seq(9_000), START + 300 * SECOND);
    refused(&mut event, &with_pass(one_place(1)), Rejection::PassExpired);
    let now = event.now;
    assert_eq!(at(&mut event, now), [ended(0, SessionEnd::Lapsed)]);
    assert_eq!(place(&event, 1), Some(QueuePlace::Lapsed));
    refused(&mut event, &with_pass(one_place(1)), Rejection::PassExpired);
    let totals = event.queue_progress().unwrap().totals;
    assert_eq!((totals.admitted, totals.used, totals.lapsed), (2, 1, 1));
}

#[test]
fn who_has_bought_needs_another_pass() {
    let mut event = open(5, QueueChange::default());
    decided(&mut event, enter([1]));
    decided(&mut event, with_pass(one_place(1)));
    let changes = buy(&mut event, 1);
    assert_eq!(changes.last(), Some(&ended(0, SessionEnd::Bought)));
    refused(&mut event, &with_pass(of(1, 2)), Rejection::PassUsed);
    decided(&mut event, enter([1]));
    decided(&mut event, with_pass(of(1, 2)));
}

#[test]
fn a_session_lives_with_its_claims_and_a_minute_more() {
    let mut event = open(5, QueueChange::default());
    decided(&mut event, enter([1]));
    decided(&mut event, with_pass(one_place(1)));
    at(&mut event, START + MINUTE);
    decided(&mut event, Command::ReleaseHold { hold: hold(1), customer: user(1) });
    at(&mut event, START + 2 * MINUTE - 1);
    decided(&mut event, with_pass(of(1, 2)));
    // The next hold keeps it, far beyond the minute.
    at(&mut event, START + 5 * MINUTE);
    decided(&mut event, with_pass(of(1, 3)));
    decided(&mut event, Command::ReleaseHold { hold: hold(2), customer: user(1) });
    decided(&mut event, Command::ReleaseHold { hold: hold(3), customer: user(1) });
    assert_eq!(at(&mut event, START + 6 * MINUTE - 1), []);
    assert_eq!(at(&mut event, START + 6 * MINUTE), [ended(0, SessionEnd::Idle)]);
    assert_eq!(place(&event, 1), Some(QueuePlace::Served));
    refused(&mut event, &with_pass(of(1, 4)), Rejection::PassUsed);
}

#[test]
fn after_fifteen_minutes_a_session_is_over_and_its_holds_live_on() {
    let mut event = open(5, QueueChange::default());
    decided(&mut event, enter([1]));
    decided(&mut event, with_pass(one_place(1)));
    for minute in [4, 8] {
        at(&mut event, START + minute * MINUTE);
        decided(&mut event, Command::ExtendHold { hold: hold(1), customer: user(1) });
    }
    at(&mut event, START + 11 * MINUTE);
    decided(&mut event, with_pass(of(1, 2)));
    let timed_out = ended(0, SessionEnd::TimedOut);
    assert_eq!(at(&mut event, START + 15 * MINUTE).last(), Some(&timed_out));
    assert_eq!(event.hold(hold(2)).unwrap().status, HoldStatus::Active);
    decided(&mut event, Command::ExtendHold { hold: hold(2), customer: user(1) });
    refused(&mut event, &with_pass(of(1, 3)), Rejection::PassUsed);
}

#[test]
fn a_pass_is_used_elsewhere_once() {
    let mut event = open(5, QueueChange::default());
    let pass =
        |number| Command::UsePass { customer: user(1), pass: Pass { generation: 1, number } };
    refused(&mut event, &pass(0), Rejection::PassRequired);
    decided(&mut event, enter([1]));
    refused(&mut event, &pass(1), Rejection::PassExpired);
    assert_eq!(decided(&mut event, pass(0)), [Change::PassUsed { number: 0 }]);
    refused(&mut event, &pass(0), Rejection::PassUsed);
    assert_eq!(at(&mut event, START + 14 * MINUTE), []);
    assert_eq!(at(&mut event, START + 15 * MINUTE), [ended(0, SessionEnd::Idle)]);
}

#[test]
fn who_leaves_inside_ends_the_session_and_keeps_the_holds() {
    let mut event = open(5, QueueChange::default());
    decided(&mut event, enter([1, 2]));
    decided(&mut event, with_pass(one_place(1)));
    let changes = decided(&mut event, Command::LeaveQueue { customer: user(1) });
    assert_eq!(changes, [ended(0, SessionEnd::Left)]);
    assert_eq!(place(&event, 1), Some(QueuePlace::Served));
    assert_eq!(event.hold(hold(1)).unwrap().status, HoldStatus::Active);
    decided(&mut event, Command::LeaveQueue { customer: user(2) });
    assert_eq!(place(&event, 2), Some(QueuePlace::Left));
    refused(&mut event, &with_pass(of(2, 9)), Rejection::PassRequired);
}

#[test]
fn who_is_voided_inside_is_out() {
    let mut event = open(5, QueueChange::default());
    decided(&mut event, enter([1]));
    let changes = decided(&mut event, void(1));
    let voided = Change::QueueVoided { numbers: vec![0], reason: "a robot".into() };
    assert_eq!(changes, [ended(0, SessionEnd::Left), voided]);
    refused(&mut event, &with_pass(one_place(1)), Rejection::PassRequired);
    refused(&mut event, &enter([1]), Rejection::InQueue);
}

#[test]
fn an_organiser_gives_places_away_past_the_queue() {
    let mut event = open(5, QueueChange::default());
    let lines = vec![LineRequest::Quantity { product: STANDING, quantity: 1 }];
    let (hold, reservation, customer) = (hold(1), reservation(1), user(1));
    decided(&mut event, Command::IssueComplimentary { hold, reservation, customer, lines });
}

#[test]
fn a_hold_grows_in_an_open_session_alone() {
    let mut event = open(5, QueueChange { active_limit: Some(1), ..QueueChange::default() });
    decided(&mut event, enter([1]));
    decided(&mut event, with_pass(one_place(1)));
    let change = |places| Command::ChangeHold {
        hold: hold(1),
        customer: user(1),
        places: vec![(STANDING, places)],
        seats: Vec::new(),
    };
    decided(&mut event, change(3));
    decided(&mut event, Command::LeaveQueue { customer: user(1) });
    refused(&mut event, &change(4), Rejection::PassUsed);
    decided(&mut event, change(2));
    decided(&mut event, set(QueueChange { enabled: Some(false), ..QueueChange::default() }));
    decided(&mut event, change(3));
}
