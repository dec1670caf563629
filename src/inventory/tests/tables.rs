//! Tables of behaviour: earlier commands, a command, and its expected answer.

use super::world::{
    HOUR, MINUTE, SMALL, STALLS, STANDING, START, definition, hold, opened, payment, reservation,
    user,
};
use crate::ids::{SeatId, Seq};
use crate::inventory::{
    Change, Command, Decision, Definition, Fit, Idempotency, Inventory, LineRequest, Rejection,
    Request, Requester, ReservationStatus, SaleState, SeatStatus,
};

pub(super) fn execute(inventory: &mut Inventory, command: &Command) -> Decision {
    inventory.execute(&Request { command: command.clone(), idempotency: None })
}

#[expect(clippy::needless_pass_by_value, reason = "the tables read better")]
pub(super) fn decided(inventory: &mut Inventory, command: Command) -> Vec<Change> {
    match execute(inventory, &command) {
        Decision::Decided(transition) => transition.changes,
        other => panic!("{command:?}: {other:?}"),
    }
}

pub(super) fn pass(inventory: &mut Inventory, ms: i64) -> Vec<Change> {
    let now = inventory.at() + ms;
    inventory.begin_batch(Seq(u64::try_from(now).unwrap()), now);
    let mut changes = Vec::new();
    while let Some(due) = inventory.run_due() {
        changes.extend(due.changes);
    }
    changes
}

pub(super) fn given(commands: impl IntoIterator<Item = Command>) -> Inventory {
    let mut inventory = opened(definition());
    for command in commands {
        decided(&mut inventory, command);
    }
    inventory
}

/// Checks that `command` is refused after `given`, and that nothing changes.
#[track_caller]
pub(super) fn check_refused(
    given_commands: impl IntoIterator<Item = Command>,
    command: &Command,
    expected: Rejection,
) {
    let mut inventory = given(given_commands);
    let before = inventory.to_snapshot();
    assert_eq!(execute(&mut inventory, command), Decision::Rejected(expected));
    assert_eq!(inventory.to_snapshot(), before, "a refusal changes nothing");
}

pub(super) fn places(number: u64, quantity: u32) -> Command {
    let lines = vec![LineRequest::Quantity { product: STANDING, quantity }];
    Command::PlaceHold { hold: hold(number), customer: user(number), lines }
}

pub(super) fn small(number: u64, quantity: u32) -> Command {
    let lines = vec![LineRequest::Quantity { product: SMALL, quantity }];
    Command::PlaceHold { hold: hold(number), customer: user(number), lines }
}

pub(super) fn seats(number: u64, seats: &[u32]) -> Command {
    let lines = vec![LineRequest::Seats(seats.iter().copied().map(SeatId).collect())];
    Command::PlaceHold { hold: hold(number), customer: user(number), lines }
}

pub(super) fn best(number: u64, quantity: u32) -> Command {
    let lines = vec![LineRequest::BestAvailable { product: STALLS, quantity, section: None }];
    Command::PlaceHold { hold: hold(number), customer: user(number), lines }
}

fn check_out(number: u64) -> Command {
    let (hold, reservation, customer) = (hold(number), reservation(number), user(number));
    Command::CheckOut { hold, reservation, customer }
}

fn begin(number: u64, paying: u64) -> Command {
    let (reservation, payment) = (reservation(number), payment(paying));
    Command::BeginPayment { reservation, payment, customer: user(number) }
}

fn confirm(number: u64, paying: u64) -> Command {
    Command::ConfirmPayment { reservation: reservation(number), payment: payment(paying) }
}

pub(super) fn join(number: u64, party_size: u32) -> Command {
    let (entry, customer) = (hold(number), user(number));
    Command::JoinWaitlist { entry, customer, product: SMALL, party_size }
}

#[test]
fn a_hold_is_refused_whole_and_says_why() {
    let invalid = |reason: &'static str| Rejection::Invalid { reason: reason.into() };
    let lines = |lines| Command::PlaceHold { hold: hold(9), customer: user(9), lines };
    let cases = [
        (vec![], places(1, 0), invalid("quantity must be at least 1")),
        (vec![], places(1, 9), invalid("one hold may have at most 8 places in all")),
        (vec![], places(1, u32::MAX), invalid("one hold may have at most 8 places in all")),
        (
            vec![],
            lines(vec![]),
            invalid("a hold needs at least one place: name lines, seats or bestAvailable"),
        ),
        (vec![], places(1, 7), Rejection::LimitExceeded { max: 6, current: 0 }),
        (vec![small(1, 2)], small(2, 2), Rejection::SoldOut { requested: 2, available: 1 }),
        (
            vec![seats(1, &[0, 1])],
            seats(2, &[1, 2]),
            Rejection::SeatsTaken { seats: vec![SeatId(1)] },
        ),
        (vec![], seats(1, &[2, 2]), Rejection::DuplicateSeats { seats: vec![SeatId(2)] }),
        (vec![], seats(1, &[0, 999]), Rejection::UnknownSeats { seats: vec![SeatId(999)] }),
        (vec![Command::PauseSale], places(1, 1), Rejection::SaleClosed { paused: true }),
        (vec![Command::CloseSale], places(1, 1), Rejection::SaleClosed { paused: false }),
        (vec![Command::CancelOffering], places(1, 1), Rejection::Cancelled),
        (vec![], seats(1, &[18]), Rejection::SaleNotOpen { opens_at: Some(START + HOUR) }),
    ];
    for (given_commands, command, expected) in cases {
        check_refused(given_commands, &command, expected);
    }
}

#[test]
fn a_hold_at_its_deadline_is_not_honoured_even_before_due_work() {
    let mut inventory = given([places(1, 2)]);
    inventory.begin_batch(Seq(2), START + 5 * MINUTE);
    let expired = Decision::Rejected(Rejection::HoldExpired);
    assert_eq!(execute(&mut inventory, &check_out(1)), expired);
    assert_eq!(inventory.counts(STANDING).held, 2);
    assert!(inventory.run_due().is_some());
    assert_eq!(inventory.counts(STANDING).held, 0);
    assert_eq!(execute(&mut inventory, &check_out(1)), expired, "an hour long");
    pass(&mut inventory, HOUR);
    let forgotten = Decision::Rejected(Rejection::HoldNotFound);
    assert_eq!(execute(&mut inventory, &check_out(1)), forgotten);
}

#[test]
fn a_hold_is_held_to_the_last_millisecond() {
    let mut inventory = given([places(1, 2)]);
    assert_eq!(inventory.next_due_at(), Some(START + 5 * MINUTE));
    assert_eq!(pass(&mut inventory, 5 * MINUTE - 1), []);
    decided(&mut inventory, check_out(1));
}

#[test]
fn best_available_gives_the_middle_of_the_front_row_and_leaves_nobody_alone() {
    // Section A has rows of 5, 6 and 7.
    let cases: [(&[Command], u32, &[u32], Fit); 5] = [
        (&[], 1, &[2], Fit::Exact),
        (&[], 3, &[0, 1, 2], Fit::Exact),
        (&[], 4, &[5, 6, 7, 8], Fit::Exact),
        (&[seats(1, &[0, 1])], 2, &[7, 8], Fit::Exact),
        (&[seats(1, &[2])], 2, &[0, 1], Fit::Exact),
    ];
    for (given_commands, quantity, expected, fit) in cases {
        let mut inventory = given(given_commands.iter().cloned());
        let changes = decided(&mut inventory, best(9, quantity));
        let Change::HoldPlaced { lines, .. } = &changes[0] else { panic!("{changes:?}") };
        let chosen: Vec<u32> = lines[0].seats.iter().map(|seat| seat.0).collect();
        assert_eq!(
            (&chosen[..], lines[0].fit),
            (expected, fit),
            "{quantity} after {given_commands:?}"
        );
    }
}

#[test]
fn a_confirmed_payment_is_confirmed_once() {
    let mut inventory = given([places(1, 2), check_out(1), begin(1, 1)]);
    assert_eq!(
        execute(&mut inventory, &begin(1, 2)),
        Decision::Rejected(Rejection::PaymentInProgress)
    );
    assert_eq!(
        execute(&mut inventory, &confirm(1, 2)),
        Decision::Rejected(Rejection::PaymentInProgress)
    );
    decided(&mut inventory, confirm(1, 1));
    let before = inventory.to_snapshot();
    assert!(matches!(execute(&mut inventory, &confirm(1, 1)), Decision::Replayed(_)));
    let fail = Command::FailPayment { reservation: reservation(1), payment: payment(1) };
    assert!(matches!(execute(&mut inventory, &fail), Decision::Rejected(_)));
    assert_eq!(inventory.to_snapshot(), before);
    assert_eq!(inventory.counts(STANDING).sold, 2);
}

#[test]
fn a_late_payment_takes_the_places_again_only_if_they_are_free() {
    for (rival, revived) in [(false, true), (true, false)] {
        let mut inventory = given([seats(1, &[3, 4]), check_out(1), begin(1, 1)]);
        assert_eq!(inventory.next_due_at(), Some(START + 12 * MINUTE), "deferred by the grace");
        pass(&mut inventory, 12 * MINUTE);
        if rival {
            decided(&mut inventory, seats(2, &[4]));
        }
        let decision = execute(&mut inventory, &confirm(1, 1));
        if revived {
            assert!(matches!(decision, Decision::Decided(_)));
            let status = inventory.reservation(reservation(1)).unwrap().status;
            assert_eq!(status, ReservationStatus::Confirmed { payment: Some(payment(1)) });
        } else {
            assert_eq!(decision, Decision::Rejected(Rejection::ReservationExpired));
        }
        inventory.check().unwrap();
    }
}

#[test]
fn freed_places_go_to_the_waitlist_in_the_same_transition() {
    let mut inventory = given([small(1, 3), join(2, 3), join(3, 1)]);
    let changes =
        decided(&mut inventory, Command::ReleaseHold { hold: hold(1), customer: user(1) });
    let offered: Vec<_> = changes
        .iter()
        .filter_map(|change| match change {
            Change::OfferMade { entry, .. } => Some(*entry),
            _ => None,
        })
        .collect();
    assert_eq!(offered, [hold(2)], "the first in line gets all three");
    let sold_out = Rejection::SoldOut { requested: 1, available: 0 };
    assert_eq!(execute(&mut inventory, &small(4, 1)), Decision::Rejected(sold_out));
    let changes = pass(&mut inventory, 7 * MINUTE);
    assert!(matches!(&changes[..], [Change::HoldsExpired { .. }, Change::OfferMade { entry, .. }]
        if *entry == hold(3)));
    decided(&mut inventory, Command::AcceptOffer { entry: hold(3), customer: user(3) });
    decided(&mut inventory, check_out(3));
}

#[test]
fn no_offer_is_made_while_the_sale_is_paused_and_all_when_it_resumes() {
    let release = Command::ReleaseHold { hold: hold(1), customer: user(1) };
    let mut inventory = given([small(1, 3), join(2, 2), Command::PauseSale]);
    assert_eq!(decided(&mut inventory, release).len(), 1);
    let changes = decided(&mut inventory, Command::OpenSale);
    assert!(matches!(changes[..], [Change::SaleStateSet { .. }, Change::OfferMade { .. }]));
}

#[test]
fn a_key_answers_the_first_outcome_for_a_day_and_no_other_request() {
    let key = |fingerprint| Idempotency {
        key: [7; 16],
        fingerprint: [fingerprint; 16],
        principal: user(1),
    };
    let request = |number, fingerprint| Request {
        command: places(number, 1),
        idempotency: Some(key(fingerprint)),
    };
    let mut inventory = given([]);
    inventory.begin_batch(Seq(2), START);
    let Decision::Decided(_) = inventory.execute(&request(1, 1)) else { panic!() };
    let Decision::Replayed(place) = inventory.execute(&request(2, 1)) else { panic!() };
    assert_eq!((place.seq, place.index), (Seq(2), 0));
    assert_eq!(inventory.execute(&request(3, 2)), Decision::Rejected(Rejection::KeyReused));
    pass(&mut inventory, 24 * HOUR);
    assert!(matches!(inventory.execute(&request(4, 2)), Decision::Decided(_)));
}

#[test]
fn a_refusal_that_is_settled_uses_its_key_up_and_changes_nothing_else() {
    let mut inventory = given([small(1, 3)]);
    let idempotency = Some(Idempotency { key: [7; 16], fingerprint: [7; 16], principal: user(2) });
    let request = Request { command: small(2, 3), idempotency };
    let Decision::Rejected(rejection) = inventory.execute(&request) else {
        panic!("there is no room for both")
    };
    let (counts, folded) = (inventory.counts(SMALL), inventory.clone());
    let place = inventory.cursor;
    let transition = inventory.settle(&request, &rejection).unwrap();
    assert_eq!(transition.changes, [Change::Refused { rejection: Box::new(rejection.clone()) }]);
    assert_eq!(inventory.counts(SMALL), counts);
    decided(&mut inventory, Command::ReleaseHold { hold: hold(1), customer: user(1) });
    assert_eq!(inventory.execute(&request), Decision::Replayed(place), "a late copy");
    assert_eq!(inventory.settle(&request, &rejection), None, "once is enough");
    let keyless = Request { idempotency: None, ..request.clone() };
    assert_eq!(inventory.settle(&keyless, &rejection), None);
    let mut folded = folded;
    folded.apply(&transition).unwrap();
    let mut restored = Inventory::from_snapshot(&folded.to_snapshot()).unwrap();
    restored.begin_batch(Seq(99), inventory.at());
    assert_eq!(restored.execute(&request), Decision::Replayed(place));
}

#[test]
fn a_cancelled_offering_ends_everything_in_pages() {
    let mut big: Definition = definition();
    big.products[0].capacity = Some(5_000);
    big.products[0].max_per_customer = None;
    let mut inventory = opened(big);
    for number in 0..2_500 {
        decided(&mut inventory, places(number, 1));
    }
    decided(&mut inventory, check_out(0));
    decided(&mut inventory, begin(0, 0));
    decided(&mut inventory, confirm(0, 0));
    decided(&mut inventory, Command::CancelOffering);
    assert_eq!(inventory.next_due_at(), Some(START));
    let mut again = Inventory::from_snapshot(&inventory.to_snapshot()).unwrap();
    let mut pages = 0;
    while let Some(page) = inventory.run_due() {
        pages += 1;
        assert_eq!(again.run_due(), Some(page), "a snapshot goes on alike");
    }
    assert_eq!((pages, inventory.next_due_at()), (3, None));
    assert_eq!(inventory.counts(STANDING).available, 5_000);
    assert_eq!(inventory.sale_state(), SaleState::Cancelled);
}

#[test]
fn ten_thousand_holds_of_one_instant_expire_alike_whatever_their_slots() {
    let mut big = definition();
    big.products[0].capacity = Some(20_000);
    big.products[0].max_per_customer = None;
    let mut inventory = opened(big);
    for number in 0..10_000 {
        decided(&mut inventory, places(number, 1));
    }
    let snapshot = inventory.to_snapshot();
    let guess = inventory.snapshot_size();
    assert!(
        (guess / 3 * 2..guess / 2 * 3).contains(&snapshot.len()),
        "{guess} bytes were foreseen"
    );
    let mut again = Inventory::from_snapshot(&snapshot).unwrap();
    inventory.begin_batch(Seq(2), START + HOUR);
    again.begin_batch(Seq(2), START + HOUR);
    let mut rounds = 0;
    while let Some(due) = inventory.run_due() {
        rounds += 1;
        assert_eq!(again.run_due(), Some(due));
    }
    assert_eq!((rounds, inventory.counts(STANDING).held), (10, 0));
}

#[test]
fn the_map_changes_only_where_nobody_sits() {
    let block = |seat| Command::BlockSeats { seats: vec![SeatId(seat)] };
    let remove = |seat| Command::RemoveSeats { seats: vec![SeatId(seat)] };
    let taken = Rejection::SeatsTaken { seats: vec![SeatId(1)] };
    check_refused([seats(1, &[1])], &block(1), taken.clone());
    check_refused([seats(1, &[1])], &remove(1), taken.clone());
    check_refused([block(1)], &seats(1, &[1]), taken);
    let unknown = Rejection::UnknownSeats { seats: vec![SeatId(1)] };
    check_refused([remove(1)], &seats(1, &[1]), unknown);
    let resize = Command::Resize { product: STANDING, total: 3 };
    check_refused([places(1, 4)], &resize, Rejection::BelowTaken { taken: 4 });
    let inventory = given([block(1), remove(1)]);
    assert_eq!(inventory.section(crate::ids::SectionId(0)).rows[0].seats[1], SeatStatus::Removed);
    assert_eq!(inventory.counts(STALLS).total, 29);
}

#[test]
fn what_is_another_customers_does_not_exist() {
    let foreign = user(99);
    let given_commands = || [places(1, 1), small(2, 3), join(3, 1), seats(4, &[0]), check_out(4)];
    let cases = [
        (Command::ReleaseHold { hold: hold(1), customer: foreign }, Rejection::HoldNotFound),
        (Command::ExtendHold { hold: hold(1), customer: foreign }, Rejection::HoldNotFound),
        (
            Command::LeaveWaitlist { entry: hold(3), customer: foreign },
            Rejection::WaitlistEntryNotFound,
        ),
        (
            Command::CancelReservation {
                reservation: reservation(4),
                by: Requester::Customer(foreign),
            },
            Rejection::ReservationNotFound,
        ),
    ];
    for (command, expected) in cases {
        check_refused(given_commands(), &command, expected);
    }
}

#[test]
fn a_bad_definition_names_its_field() {
    type Spoil = fn(&mut Definition);
    let cases: [(Spoil, &str); 7] = [
        (|d| d.products.clear(), "products"),
        (|d| d.products[1].price = -1, "products[1].price.amount"),
        (|d| d.products[0].capacity = None, "products[0].totalStock"),
        (|d| d.sections.push(d.sections[0].clone()), "seatMap.sections[3].name"),
        (|d| d.sections[0].rows[2].seats = 0, "seatMap.sections[0].rows[2].seats"),
        (|d| d.sections[0].rows[0].name = "a\0".into(), "seatMap.sections[0].rows[0].name"),
        (|d| d.policy.hold_ttl_ms = -5, "policy.holdTtlSeconds"),
    ];
    for (spoil, field) in cases {
        let mut definition = definition();
        assert_eq!(definition.validate(), Ok(()));
        spoil(&mut definition);
        assert_eq!(definition.validate().unwrap_err().field, field);
    }
}
