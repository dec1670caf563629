//! Tables of complimentary orders: which places can be given away, and what it costs others.

use super::tables::{check_refused, decided, execute, given, join, pass, places, seats, small};
use super::world::{MINUTE, SMALL, STALLS, STANDING, hold, reservation, user};
use crate::ids::SeatId;
use crate::inventory::{
    Change, Command, Decision, Inventory, LineRequest, Rejection, Requester, ReservationStatus,
};

fn give(number: u64, lines: Vec<LineRequest>) -> Command {
    let (hold, reservation, customer) = (hold(number), reservation(number), user(number));
    Command::IssueComplimentary { hold, reservation, customer, lines }
}

fn picked(numbers: &[u32]) -> LineRequest {
    LineRequest::Seats(numbers.iter().copied().map(SeatId).collect())
}

fn some(product: crate::ids::ProductId, quantity: u32) -> LineRequest {
    LineRequest::Quantity { product, quantity }
}

fn block(numbers: &[u32]) -> Command {
    Command::BlockSeats { seats: numbers.iter().copied().map(SeatId).collect() }
}

#[test]
fn what_is_given_away_is_confirmed_and_costs_nothing() {
    let mut inventory = given([]);
    let changes = decided(&mut inventory, give(1, vec![some(STANDING, 2), picked(&[3, 4])]));
    let [
        Change::HoldPlaced { lines, .. },
        Change::CheckedOut { .. },
        Change::ReservationGranted { .. },
    ] = &changes[..]
    else {
        panic!("{changes:?}")
    };
    assert_eq!(lines.iter().map(|line| line.unit_price).max(), Some(0));
    assert_eq!((inventory.counts(STANDING).sold, inventory.counts(STALLS).sold), (2, 2));
    let view = inventory.reservation(reservation(1)).unwrap();
    assert_eq!(view.status, ReservationStatus::Confirmed { payment: None });
    assert_eq!(inventory.next_due_at(), None, "nothing is left that could expire");
    let again = Inventory::from_snapshot(&inventory.to_snapshot()).unwrap();
    assert_eq!(again.reservation(reservation(1)).unwrap().status, view.status);
    decided(
        &mut inventory,
        Command::CancelReservation { reservation: reservation(1), by: Requester::Admin },
    );
    assert_eq!((inventory.counts(STANDING).sold, inventory.counts(STALLS).sold), (0, 0));
    inventory.check().unwrap();
}

#[test]
fn neither_the_sale_nor_a_limit_binds_the_organiser() {
    for closed in [Command::PauseSale, Command::CloseSale] {
        let mut inventory = given([closed]);
        // Six is the product's limit, eight that of a hold, eleven that of a customer.
        decided(&mut inventory, give(1, vec![some(STANDING, 12)]));
        inventory.check().unwrap();
    }
    let too_many = vec![picked(&(0..65).collect::<Vec<_>>())];
    let unknown: Vec<SeatId> = (38..65).map(SeatId).collect();
    check_refused([], &give(1, too_many), Rejection::UnknownSeats { seats: unknown });
    let reason = "one hold may have at most 64 places in all";
    let too_many = give(1, vec![some(STANDING, 65)]);
    check_refused([], &too_many, Rejection::Invalid { reason: reason.into() });
    check_refused(
        [Command::CancelOffering],
        &give(1, vec![some(STANDING, 1)]),
        Rejection::Cancelled,
    );
}

#[test]
fn blocked_places_are_given_before_a_waiting_customer_sees_them() {
    let mut inventory = given([
        small(1, 1),
        Command::BlockPlaces { product: SMALL, quantity: 2 },
        join(2, 1),
        block(&[3, 4]),
    ]);
    let changes = decided(&mut inventory, give(3, vec![some(SMALL, 2), picked(&[4, 5])]));
    assert_eq!(
        changes[..2],
        [
            Change::SeatsUnblocked { seats: vec![SeatId(4)] },
            Change::PlacesUnblocked { product: SMALL, quantity: 2 },
        ]
    );
    let counts = inventory.counts(SMALL);
    assert_eq!((counts.available, counts.held, counts.sold, counts.blocked), (0, 1, 2, 0));
    assert_eq!(inventory.counts(STALLS).blocked, 1);
    assert_eq!(pass(&mut inventory, MINUTE), [], "the customer who waits goes on waiting");
    inventory.check().unwrap();
}

#[test]
fn best_available_beside_a_blocked_seat_leaves_the_blocked_ones_alone() {
    let mut inventory = given([block(&[0, 1, 2])]);
    let best = LineRequest::BestAvailable { product: STALLS, quantity: 2, section: None };
    let changes = decided(&mut inventory, give(1, vec![best, picked(&[1])]));
    let Change::HoldPlaced { lines, .. } = &changes[1] else { panic!("{changes:?}") };
    assert!(lines[0].seats.iter().all(|seat| seat.0 > 2), "{lines:?}");
    assert_eq!(*lines[1].seats, [SeatId(1)]);
    assert_eq!(inventory.counts(STALLS).blocked, 2);
    inventory.check().unwrap();
}

#[test]
fn places_of_customers_are_never_given_away() {
    let taken = Rejection::SeatsTaken { seats: vec![SeatId(4)] };
    check_refused([seats(1, &[4]), block(&[3])], &give(2, vec![picked(&[3, 4])]), taken);
    let sold_out = Rejection::SoldOut { requested: 7, available: 6 };
    let blocked = Command::BlockPlaces { product: STANDING, quantity: 2 };
    check_refused([places(1, 6), blocked], &give(2, vec![some(STANDING, 7)]), sold_out);
    let reason = "a hold needs at least one place: name lines, seats or bestAvailable";
    check_refused([], &give(2, vec![]), Rejection::Invalid { reason: reason.into() });
    let mut inventory = given([places(1, 1)]);
    let reason = "this hold id is in use";
    let in_use = Decision::Rejected(Rejection::Invalid { reason: reason.into() });
    assert_eq!(execute(&mut inventory, &give(1, vec![some(STANDING, 1)])), in_use);
}
