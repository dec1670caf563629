//! Tables of kept seats: who can have them, and when everyone can.

use super::tables::{best, check_refused, decided, execute, given, pass, seats};
use super::world::{HOUR, MINUTE, STALLS, START, hold, user};
use crate::ids::{SeatId, SectionId};
use crate::inventory::{Change, Command, Decision, Inventory, LineRequest, Rejection, SeatStatus};

fn keep(seats: &[u32], minutes: i64) -> Command {
    let seats = seats.iter().copied().map(SeatId).collect();
    Command::KeepSeats { seats, until: START + minutes * MINUTE }
}

fn chosen(changes: &[Change]) -> Vec<u32> {
    let Change::HoldPlaced { lines, .. } = &changes[0] else { panic!("{changes:?}") };
    lines.iter().flat_map(|line| &line.seats).map(|seat| seat.0).collect()
}

fn status(inventory: &Inventory, seat: usize) -> SeatStatus {
    // The first row of section A has the seats 0 to 4.
    inventory.section(SectionId(0)).rows[0].seats[seat]
}

#[test]
fn best_available_goes_around_kept_seats_until_they_are_released() {
    let mut inventory = given([keep(&[1, 2], 30)]);
    assert_eq!(status(&inventory, 1), SeatStatus::Kept);
    assert_eq!(inventory.counts(STALLS).available, 30, "a kept seat is available");
    assert_eq!(chosen(&decided(&mut inventory, best(1, 2))), [3, 4]);
    assert_eq!(inventory.next_due_at(), Some(START + 5 * MINUTE));
    let release = Command::ReleaseHold { hold: hold(1), customer: user(1) };
    decided(&mut inventory, release);
    assert_eq!(inventory.next_due_at(), Some(START + 30 * MINUTE));
    assert_eq!(pass(&mut inventory, 30 * MINUTE - 1), []);
    let changes = pass(&mut inventory, 30 * MINUTE);
    assert_eq!(changes, [Change::KeptSeatsReleased { seats: vec![SeatId(1), SeatId(2)] }]);
    assert_eq!(inventory.next_due_at(), None);
    assert_eq!(chosen(&decided(&mut inventory, best(2, 1))), [2]);
    inventory.check().unwrap();
}

#[test]
fn a_kept_seat_is_held_by_its_id_and_is_kept_again_once_it_is_free() {
    let mut inventory = given([keep(&[1, 2], 30), seats(1, &[1, 2])]);
    assert_eq!(status(&inventory, 1), SeatStatus::Held);
    let change = Command::ChangeHold {
        hold: hold(1),
        customer: user(1),
        places: Vec::new(),
        seats: vec![SeatId(2)],
    };
    decided(&mut inventory, change);
    assert_eq!([1, 2].map(|seat| status(&inventory, seat)), [SeatStatus::Kept, SeatStatus::Held]);
    pass(&mut inventory, 5 * MINUTE);
    assert_eq!([1, 2].map(|seat| status(&inventory, seat)), [SeatStatus::Kept; 2]);
    // Blocked and put back on sale, it is kept as before; held beyond the time, it is not.
    decided(&mut inventory, Command::BlockSeats { seats: vec![SeatId(1)] });
    assert_eq!(status(&inventory, 1), SeatStatus::Blocked);
    decided(&mut inventory, Command::UnblockSeats { seats: vec![SeatId(1)] });
    assert_eq!(status(&inventory, 1), SeatStatus::Kept);
    pass(&mut inventory, 23 * MINUTE);
    decided(&mut inventory, seats(2, &[1]));
    pass(&mut inventory, 3 * MINUTE);
    assert_eq!(
        [1, 2].map(|seat| status(&inventory, seat)),
        [SeatStatus::Held, SeatStatus::Available]
    );
    pass(&mut inventory, 2 * MINUTE);
    assert_eq!(status(&inventory, 1), SeatStatus::Available);
    inventory.check().unwrap();
}

#[test]
fn where_only_kept_seats_are_left_best_available_says_how_many_it_could_have() {
    // Row 2 of section B has one seat, 29 is in row 3; Stalls has 30 seats in all.
    let mut inventory = given([]);
    let stalls: Vec<u32> = (0..18).chain(26..38).collect();
    decided(&mut inventory, keep(&stalls[..28], 30));
    let asked = best(1, 3);
    let none = Decision::Rejected(Rejection::SoldOut { requested: 3, available: 2 });
    assert_eq!(execute(&mut inventory, &asked), none);
    decided(&mut inventory, best(2, 2));
    let none = Decision::Rejected(Rejection::SoldOut { requested: 1, available: 0 });
    assert_eq!(execute(&mut inventory, &best(3, 1)), none);
    assert_eq!(inventory.counts(STALLS).available, 28);
    decided(&mut inventory, seats(4, &[0, 1]));
}

#[test]
fn those_who_wait_are_offered_kept_seats_only_once_they_are_released() {
    let stalls: Vec<u32> = (0..18).chain(26..38).collect();
    let block = Command::BlockSeats { seats: stalls[3..].iter().copied().map(SeatId).collect() };
    let join =
        Command::JoinWaitlist { entry: hold(7), customer: user(7), product: STALLS, party_size: 2 };
    let mut inventory = given([block, keep(&[0, 1], 30), join]);
    assert_eq!(inventory.next_due_at(), Some(START + 30 * MINUTE), "one seat is too few");
    // One who needs a kept seat passes those who wait.
    decided(&mut inventory, seats(2, &[0]));
    decided(&mut inventory, Command::ReleaseHold { hold: hold(2), customer: user(2) });
    let changes = pass(&mut inventory, 30 * MINUTE);
    let [Change::KeptSeatsReleased { .. }, Change::OfferMade { entry, line, .. }] = &changes[..]
    else {
        panic!("{changes:?}")
    };
    assert_eq!((*entry, line.quantity), (hold(7), 2));
}

#[test]
fn a_later_time_replaces_the_earlier_one() {
    let mut inventory = given([keep(&[0, 1], 30), keep(&[1, 2], 60)]);
    let released = |seats: &[u32]| {
        let seats = seats.iter().copied().map(SeatId).collect();
        [Change::KeptSeatsReleased { seats }]
    };
    assert_eq!(pass(&mut inventory, 30 * MINUTE), released(&[0]));
    assert_eq!(pass(&mut inventory, 30 * MINUTE), released(&[1, 2]));
    // A removed seat is kept no longer.
    let mut inventory = given([keep(&[0], 30), Command::RemoveSeats { seats: vec![SeatId(0)] }]);
    assert_eq!(inventory.next_due_at(), None);
    assert_eq!(pass(&mut inventory, HOUR), []);
}

#[test]
fn seats_that_do_not_exist_and_times_that_have_passed_are_refused() {
    let invalid = |reason: &'static str| Rejection::Invalid { reason: reason.into() };
    let remove = Command::RemoveSeats { seats: vec![SeatId(3)] };
    let cases = [
        (vec![], keep(&[], 30), invalid("seats must not be empty")),
        (vec![], keep(&[1], 0), invalid("until must be in the future")),
        (vec![], keep(&[1, 1], 30), Rejection::DuplicateSeats { seats: vec![SeatId(1)] }),
        (vec![], keep(&[1, 999], 30), Rejection::UnknownSeats { seats: vec![SeatId(999)] }),
        (vec![remove], keep(&[3], 30), Rejection::UnknownSeats { seats: vec![SeatId(3)] }),
        (vec![Command::CancelOffering], keep(&[1], 30), Rejection::Cancelled),
    ];
    for (given_commands, command, expected) in cases {
        check_refused(given_commands, &command, expected);
    }
}

#[test]
fn picked_seats_and_best_available_in_one_hold_leave_kept_seats_kept() {
    let mut inventory = given([keep(&[1, 2], 30)]);
    let lines = vec![
        LineRequest::Seats(vec![SeatId(2)]),
        LineRequest::BestAvailable { product: STALLS, quantity: 2, section: None },
    ];
    let placed = Command::PlaceHold { hold: hold(1), customer: user(1), lines };
    assert_eq!(chosen(&decided(&mut inventory, placed)), [2, 3, 4]);
    assert_eq!(status(&inventory, 1), SeatStatus::Kept);
    inventory.check().unwrap();
}
