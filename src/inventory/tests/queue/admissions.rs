//! Tables of admissions: in which order, how fast and how many.

use super::super::world::{payment, reservation};
use super::*;
use crate::inventory::{Requester, SessionEnd};

/// An event of many places whose queue is drawn, with these entries on the list; nobody is admitted
/// yet. Returns the numbers in the order of the line.
fn drawn(numbers: std::ops::Range<u64>, change: QueueChange) -> (Inventory, Vec<u32>) {
    let change = QueueChange { paused: Some(true), ..change };
    let mut event = before_draw(10_000, change);
    let count = u32::try_from(numbers.end - numbers.start).unwrap();
    decided(&mut event, enter(numbers));
    at(&mut event, OPENING + SECOND);
    let (_, root) = event.queue_progress().unwrap().closed.unwrap();
    assert_eq!(decided(&mut event, draw()).len(), 1);
    let draw = Draw::new(seed_of(&SECRET, &root, ""), count);
    (event, (0..count).map(|place| draw.number_at(place)).collect())
}

fn resume() -> Command {
    set(QueueChange { paused: Some(false), ..QueueChange::default() })
}

fn customer(number: u32) -> u64 {
    u64::from(number)
}

fn leave(number: u64) -> Command {
    Command::LeaveQueue { customer: user(number) }
}

#[test]
fn the_line_is_served_in_the_order_of_the_draw_and_late_comers_behind() {
    let (mut event, order) = drawn(0..10, QueueChange::default());
    decided(&mut event, enter([20, 21]));
    decided(&mut event, leave(customer(order[1])));
    decided(&mut event, void(customer(order[3])));
    let guest = Command::Prioritise {
        entries: vec![entry(30), entry(customer(order[9]))],
        reason: "a guest".into(),
    };
    decided(&mut event, guest);
    decided(&mut event, Command::SetAside { generation: 1, numbers: vec![order[4], order[0]] });
    decided(&mut event, enter([customer(order[4])]));
    let in_line = |at: usize| order[at];
    // Priority and who came back first, in the order in which they got there.
    let mut expected = vec![in_line(9), 12, in_line(4)];
    expected.extend([2, 5, 6, 7, 8].map(in_line));
    expected.extend([10, 11]);
    assert_eq!(admitted(&decided(&mut event, resume())), expected);
    assert_eq!(place(&event, customer(order[0])), Some(QueuePlace::Aside));
    // Who returns is next.
    assert_eq!(admitted(&decided(&mut event, enter([customer(order[0])]))), [in_line(0)]);
    let totals = event.queue_progress().unwrap().totals;
    assert_eq!((totals.admitted, totals.left, totals.voided), (11, 1, 1));
    assert_eq!((totals.set_aside, totals.returned), (2, 2));
}

#[test]
fn guests_are_given_priority_once_and_enter_after_the_draw() {
    let mut event = before_draw(5, QueueChange::default());
    decided(&mut event, enter([1]));
    let guest =
        |number| Command::Prioritise { entries: vec![entry(number)], reason: "a guest".into() };
    let reason = "not open: guests enter after the draw";
    refused(&mut event, &guest(2), wrong("queue", reason));
    decided(&mut event, guest(1));
    refused(&mut event, &guest(1), Rejection::InQueue);
    at(&mut event, OPENING + SECOND);
    decided(&mut event, draw());
    decided(&mut event, guest(2));
    refused(&mut event, &guest(2), Rejection::InQueue);
}

#[test]
fn only_who_waits_in_this_queue_is_set_aside() {
    let (mut event, _) = drawn(0..2, QueueChange::default());
    let aside = |generation, numbers| Command::SetAside { generation, numbers };
    refused(&mut event, &aside(2, vec![0]), invalid("these are not entries of this queue"));
    refused(&mut event, &aside(1, vec![2]), Rejection::QueueEntryNotFound);
    decided(&mut event, aside(1, vec![1, 1]));
    refused(&mut event, &aside(1, vec![1]), Rejection::QueueEntryNotFound);
}

#[test]
fn passes_are_given_at_the_rate_and_ten_seconds_worth_at_once() {
    let rate = QueueChange { passes_per_minute: Some(60), ..QueueChange::default() };
    let (mut event, order) = drawn(0..20, rate);
    let now = event.at();
    assert_eq!(admitted(&decided(&mut event, resume())), order[..10]);
    assert_eq!(event.next_due_at(), Some(now + SECOND));
    assert!(admitted(&at(&mut event, now + SECOND - 1)).is_empty());
    assert_eq!(admitted(&at(&mut event, now + SECOND)), order[10..11]);
    assert_eq!(admitted(&at(&mut event, now + 3_500)), order[11..13]);
    assert_eq!(admitted(&at(&mut event, now + MINUTE)), order[13..]);
}

#[test]
fn a_slow_rate_gives_one_pass_at_a_time() {
    let rate = QueueChange { passes_per_minute: Some(1), ..QueueChange::default() };
    let (mut event, order) = drawn(0..3, rate);
    let now = event.at();
    assert_eq!(admitted(&decided(&mut event, resume())), order[..1]);
    assert!(admitted(&at(&mut event, now + MINUTE - 1)).is_empty());
    assert_eq!(admitted(&at(&mut event, now + MINUTE)), order[1..2]);
}

#[test]
fn no_more_sessions_are_open_than_allowed() {
    let limit = QueueChange { active_limit: Some(2), ..QueueChange::default() };
    let (mut event, order) = drawn(0..4, limit);
    assert_eq!(admitted(&decided(&mut event, resume())), order[..2]);
    let ends = event.at() + 300 * SECOND;
    assert_eq!(event.next_due_at(), Some(ends));
    // One who leaves makes room in the same transition.
    let changes = decided(&mut event, leave(customer(order[0])));
    assert_eq!(admitted(&changes), order[2..3]);
    let changes = at(&mut event, ends);
    assert!(matches!(changes[0], Change::SessionsEnded { .. }));
    assert_eq!(admitted(&changes), order[3..]);
    assert_eq!(changes.len(), 2, "one transition");
}

#[test]
fn no_more_are_admitted_than_there_are_places() {
    let mut event = open(2, QueueChange::default());
    assert_eq!(admitted(&decided(&mut event, enter([1, 2, 3, 4]))), [0, 1]);
    decided(&mut event, with_pass(one_place(1)));
    assert_eq!(event.queue_progress().unwrap().places_left, 1);
    let resize = Command::Resize { product: STANDING, total: 3 };
    assert_eq!(admitted(&decided(&mut event, resize)), [2]);
    // Half as many again as there are places: rounded up.
    decided(&mut event, leave(2));
    let half = set(QueueChange { admit_percent: Some(50), ..QueueChange::default() });
    decided(&mut event, half);
    decided(&mut event, enter([5, 6]));
    assert_eq!(event.queue_progress().unwrap().idle, 2);
}

#[test]
fn a_sold_out_event_admits_nobody_until_a_place_is_free() {
    let mut event = open(1, QueueChange::default());
    decided(&mut event, enter([1]));
    decided(&mut event, with_pass(one_place(1)));
    assert!(admitted(&decided(&mut event, enter([2, 3]))).is_empty());
    let (reservation, payment, customer) = (reservation(1), payment(1), user(1));
    decided(&mut event, Command::CheckOut { hold: hold(1), reservation, customer });
    decided(&mut event, Command::BeginPayment { reservation, payment, customer });
    decided(&mut event, Command::ConfirmPayment { reservation, payment });
    assert_eq!(event.next_due_at(), Some(START + 60 * HOUR));
    // A refund admits the next in the transition that frees the place.
    let cancel = Command::CancelReservation { reservation, by: Requester::Admin };
    let changes = decided(&mut event, cancel);
    assert!(matches!(changes[0], Change::ReservationsCancelled { .. }));
    assert_eq!((changes.len(), admitted(&changes)), (2, vec![1]));
}

#[test]
fn a_freed_place_admits_the_next_although_its_owner_is_still_inside() {
    let mut event = open(1, QueueChange::default());
    decided(&mut event, enter([1, 2]));
    decided(&mut event, with_pass(one_place(1)));
    let changes = decided(&mut event, Command::ReleaseHold { hold: hold(1), customer: user(1) });
    assert_eq!(admitted(&changes), [1], "nobody is waited for who has had a place");
    let changes = at(&mut event, START + MINUTE);
    let idle = Change::SessionsEnded { sessions: vec![(0, SessionEnd::Idle)] };
    assert_eq!((&changes[0], admitted(&changes)), (&idle, vec![]));
}

#[test]
fn nobody_is_admitted_before_the_sale_or_while_it_is_paused() {
    let mut definition = world::definition();
    definition.sale.start = Some(START + HOUR);
    let opens_at = Some(Some(START));
    let mut event = with_queue(opened(definition), QueueChange { opens_at, ..Default::default() });
    assert!(admitted(&decided(&mut event, enter([1, 2]))).is_empty());
    assert_eq!(event.next_due_at(), Some(START + HOUR));
    assert_eq!(admitted(&at(&mut event, START + HOUR)), [0, 1]);
    decided(&mut event, Command::PauseSale);
    assert!(admitted(&decided(&mut event, enter([3]))).is_empty());
    assert_eq!(admitted(&decided(&mut event, Command::OpenSale)), [2]);
}

#[test]
fn many_gaps_in_the_line_take_a_bounded_look_per_transition() {
    const MANY: u64 = 50_000;
    let mut event = before_draw(10, QueueChange::default());
    for first in (0..MANY).step_by(1_000) {
        decided(&mut event, enter(first..first + 1_000));
        let customers = (first..first + 1_000).map(user).collect();
        decided(&mut event, Command::VoidEntries { customers, reason: "robots".into() });
    }
    event.begin_batch(Seq(9_000), OPENING + SECOND);
    event.run_due().unwrap();
    decided(&mut event, enter([MANY]));
    let mut served = 0;
    let mut look = |event: &Inventory, most| {
        let next = event.queue_progress().unwrap().next;
        assert!(next - served <= most, "{} places were looked at", next - served);
        served = next;
    };
    decided(&mut event, draw());
    look(&event, 64);
    let mut pages = 0;
    while let Some(page) = event.run_due() {
        look(&event, 1_000);
        pages += 1;
        // Commands are decided between two pages.
        if pages == 10 {
            decided(&mut event, enter([MANY + 1]));
            look(&event, 64);
        }
        if pages < 49 {
            assert!(admitted(&page.changes).is_empty());
        }
    }
    assert_eq!((pages, event.queue_progress().unwrap().totals.admitted), (50, 2));
}
