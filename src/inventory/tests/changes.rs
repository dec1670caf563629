//! Tables of changed holds: what a hold had, what it is to have, and what it has then.

use super::tables::{check_refused, decided, execute, given, join, pass, places, seats, small};
use super::world::{BALCONY, HOUR, MINUTE, SMALL, STALLS, STANDING, START, hold, user};
use crate::ids::{ProductId, SeatId};
use crate::inventory::{
    Change, Command, Decision, Fit, HoldStatus, Inventory, Line, LineRequest, Rejection, SeatStatus,
};

fn change(number: u64, places: &[(ProductId, u32)], seats: &[u32]) -> Command {
    let seats = seats.iter().copied().map(SeatId).collect();
    let (hold, customer) = (hold(number), user(number));
    Command::ChangeHold { hold, customer, places: places.to_vec(), seats }
}

fn line(product: ProductId, unit_price: i64, seats: &[u32]) -> Line {
    let quantity = u32::try_from(seats.len()).unwrap();
    let seats = seats.iter().copied().map(SeatId).collect();
    Line { product, quantity, unit_price, seats, fit: Fit::Exact }
}

fn standing(quantity: u32, unit_price: i64) -> Line {
    Line { quantity, ..line(STANDING, unit_price, &[]) }
}

fn lines(inventory: &Inventory, number: u64) -> Vec<Line> {
    inventory.hold(hold(number)).unwrap().lines
}

#[test]
fn a_changed_hold_has_what_was_stated_and_nothing_else() {
    let cases = [
        (seats(1, &[0, 1]), change(1, &[], &[1, 2]), vec![line(STALLS, 90_000, &[1, 2])]),
        (seats(1, &[0, 1]), change(1, &[], &[1, 0]), vec![line(STALLS, 90_000, &[0, 1])]),
        (seats(1, &[0, 1]), change(1, &[], &[0]), vec![line(STALLS, 90_000, &[0])]),
        (seats(1, &[0]), change(1, &[(STANDING, 2)], &[]), vec![standing(2, 50_000)]),
        (
            seats(1, &[0]),
            change(1, &[(STANDING, 2)], &[0, 7]),
            vec![standing(2, 50_000), line(STALLS, 90_000, &[0, 7])],
        ),
        (places(1, 3), change(1, &[(STANDING, 1)], &[]), vec![standing(1, 50_000)]),
        (places(1, 3), change(1, &[(STANDING, 2), (STANDING, 3)], &[]), vec![standing(5, 50_000)]),
    ];
    for (placed, command, expected) in cases {
        let mut inventory = given([placed]);
        let before = inventory.hold(hold(1)).unwrap().expires_at;
        pass(&mut inventory, MINUTE);
        let changes = decided(&mut inventory, command);
        let stated =
            Change::HoldChanged { hold: hold(1), lines: expected.clone(), expires_at: before };
        assert_eq!(changes, [stated]);
        assert_eq!(lines(&inventory, 1), expected);
        let view = inventory.hold(hold(1)).unwrap();
        assert_eq!((view.status, view.expires_at), (HoldStatus::Active, before));
        let held: u32 =
            [STANDING, STALLS].map(|product| inventory.counts(product).held).iter().sum();
        assert_eq!(held, expected.iter().map(|line| line.quantity).sum::<u32>());
        inventory.check().unwrap();
        pass(&mut inventory, 4 * MINUTE);
        assert_eq!(inventory.counts(STALLS).held + inventory.counts(STANDING).held, 0);
    }
}

#[test]
fn a_change_is_refused_whole_and_says_why() {
    let invalid = |reason: &'static str| Rejection::Invalid { reason: reason.into() };
    let wrong =
        |state: &'static str| Rejection::WrongState { what: "offer".into(), state: state.into() };
    let release = Command::ReleaseHold { hold: hold(1), customer: user(1) };
    let taken = |seat| Rejection::SeatsTaken { seats: vec![SeatId(seat)] };
    let block = Command::BlockSeats { seats: vec![SeatId(5)] };
    let foreign = Command::ChangeHold {
        hold: hold(1),
        customer: user(2),
        places: Vec::new(),
        seats: vec![SeatId(0)],
    };
    let cases = [
        (
            vec![seats(1, &[0])],
            change(1, &[], &[]),
            invalid("a hold keeps at least one place: release it to give all of them back"),
        ),
        (
            vec![seats(1, &[0])],
            change(1, &[(STANDING, 0)], &[0]),
            invalid("quantity must be at least 1"),
        ),
        (
            vec![seats(1, &[0])],
            change(1, &[(STANDING, 5)], &[0, 1, 2, 3]),
            invalid("one hold may have at most 8 places in all"),
        ),
        (vec![seats(1, &[0]), seats(2, &[1])], change(1, &[], &[0, 1]), taken(1)),
        (vec![seats(1, &[0]), block], change(1, &[], &[0, 5]), taken(5)),
        (
            vec![small(1, 1), small(2, 1)],
            change(1, &[(SMALL, 3)], &[]),
            Rejection::SoldOut { requested: 2, available: 1 },
        ),
        (
            vec![places(1, 2)],
            change(1, &[(STANDING, 7)], &[]),
            Rejection::LimitExceeded { max: 6, current: 2 },
        ),
        (
            vec![seats(1, &[0])],
            change(1, &[], &[0, 999]),
            Rejection::UnknownSeats { seats: vec![SeatId(999)] },
        ),
        (
            vec![seats(1, &[0])],
            change(1, &[], &[0, 0]),
            Rejection::DuplicateSeats { seats: vec![SeatId(0)] },
        ),
        (
            vec![seats(1, &[0])],
            change(1, &[(STALLS, 1)], &[]),
            Rejection::WrongKindOfProduct { numbered: true },
        ),
        (vec![seats(1, &[0])], change(1, &[(ProductId(9), 1)], &[0]), Rejection::UnknownProduct),
        (
            vec![seats(1, &[0])],
            change(1, &[], &[0, 18]),
            Rejection::SaleNotOpen { opens_at: Some(START + HOUR) },
        ),
        (
            vec![seats(1, &[0]), Command::PauseSale],
            change(1, &[], &[1]),
            Rejection::SaleClosed { paused: true },
        ),
        (vec![seats(1, &[0])], foreign, Rejection::HoldNotFound),
        (vec![seats(1, &[0]), release], change(1, &[], &[0]), Rejection::HoldEnded),
        (
            vec![
                small(1, 3),
                join(2, 1),
                Command::ReleaseHold { hold: hold(1), customer: user(1) },
            ],
            change(2, &[(SMALL, 1)], &[]),
            wrong("not accepted yet"),
        ),
    ];
    for (given_commands, command, expected) in cases {
        check_refused(given_commands, &command, expected);
    }
}

#[test]
fn what_is_dropped_needs_no_sale_and_frees_no_limit_for_others() {
    let mut inventory = given([seats(1, &[0, 1, 2]), Command::PauseSale]);
    decided(&mut inventory, change(1, &[], &[1]));
    assert_eq!(inventory.counts(STALLS).held, 1);
    // At the limit of the offering, one place can be swapped for another, not added.
    let stalls = |seats: &[u32]| LineRequest::Seats(seats.iter().copied().map(SeatId).collect());
    let more = |hold, lines| Command::PlaceHold { hold, customer: user(1), lines };
    let mut inventory = given([
        more(hold(1), vec![stalls(&[0, 1, 2, 3, 4])]),
        more(hold(2), vec![LineRequest::Quantity { product: STANDING, quantity: 6 }]),
    ]);
    decided(&mut inventory, change(1, &[], &[1, 2, 3, 4, 5]));
    let refused = execute(&mut inventory, &change(1, &[], &[0, 1, 2, 3, 4, 5]));
    let limit = Rejection::LimitExceeded { max: 11, current: 11 };
    assert_eq!(refused, Decision::Rejected(limit));
}

#[test]
fn kept_places_keep_their_price_and_added_ones_have_todays() {
    let reprice = |price| Command::Reprice { product: STALLS, price };
    let mut inventory = given([seats(1, &[0, 1]), reprice(95_000)]);
    decided(&mut inventory, change(1, &[], &[1, 2]));
    let expected = [line(STALLS, 90_000, &[1]), line(STALLS, 95_000, &[2])];
    assert_eq!(lines(&inventory, 1), expected);
    decided(&mut inventory, reprice(90_000));
    decided(&mut inventory, change(1, &[], &[2, 1, 3]));
    let expected = [line(STALLS, 90_000, &[1, 3]), line(STALLS, 95_000, &[2])];
    assert_eq!(lines(&inventory, 1), expected);
    let standing_price = |price| Command::Reprice { product: STANDING, price };
    let mut inventory = given([places(1, 2), standing_price(40_000)]);
    decided(&mut inventory, change(1, &[(STANDING, 5)], &[]));
    assert_eq!(lines(&inventory, 1), [standing(2, 50_000), standing(3, 40_000)]);
    decided(&mut inventory, change(1, &[(STANDING, 3)], &[]));
    assert_eq!(lines(&inventory, 1), [standing(2, 50_000), standing(1, 40_000)]);
}

#[test]
fn dropped_places_are_offered_to_the_waitlist_in_the_same_transition() {
    let mut inventory = given([small(1, 3), join(2, 2)]);
    let changes = decided(&mut inventory, change(1, &[(SMALL, 1)], &[]));
    assert!(matches!(&changes[..], [Change::HoldChanged { .. }, Change::OfferMade { entry, .. }]
        if *entry == hold(2)));
    let sold_out = Rejection::SoldOut { requested: 1, available: 0 };
    let again = execute(&mut inventory, &change(1, &[(SMALL, 2)], &[]));
    assert_eq!(again, Decision::Rejected(sold_out));
}

#[test]
fn a_dropped_seat_can_be_held_by_another_at_once() {
    let mut inventory = given([seats(1, &[0, 1])]);
    decided(&mut inventory, change(1, &[], &[1]));
    decided(&mut inventory, seats(2, &[0]));
    let row = &inventory.section(crate::ids::SectionId(0)).rows[0];
    assert_eq!(row.seats[..3], [SeatStatus::Held, SeatStatus::Held, SeatStatus::Available]);
    assert_eq!(inventory.counts(BALCONY).held, 0);
}
