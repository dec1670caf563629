//! Tables of behaviour: participation in a free event, and a pay window that is the rest of the
//! hold's time.

use super::world::{self, MINUTE, SECOND, START, definition, free, hold, reservation, user};
use crate::ids::Seq;
use crate::inventory::{
    Change, Command, Counts, Decision, Definition, Idempotency, Inventory, LineRequest, Rejection,
    Request, Requester, ReservationStatus,
};

fn opened(definition: Definition) -> Inventory {
    let mut inventory = world::opened(definition);
    inventory.begin_batch(Seq(2), START);
    inventory
}

fn ask(inventory: &mut Inventory, command: Command) -> Decision {
    inventory.execute(&Request { command, idempotency: None })
}

#[track_caller]
fn decided(inventory: &mut Inventory, command: Command) -> Vec<Change> {
    match ask(inventory, command) {
        Decision::Decided(transition) => transition.changes,
        other => panic!("{other:?}"),
    }
}

fn participate(number: u64, customer: u64) -> Command {
    let (hold, reservation) = (hold(number), reservation(number));
    Command::Participate { hold, reservation, customer: user(customer) }
}

fn place(number: u64) -> Command {
    let lines = vec![LineRequest::Quantity { product: world::STANDING, quantity: 1 }];
    Command::PlaceHold { hold: hold(number), customer: user(number), lines }
}

fn check_out(number: u64) -> Command {
    let (hold, reservation, customer) = (hold(number), reservation(number), user(number));
    Command::CheckOut { hold, reservation, customer }
}

#[test]
fn a_participation_is_a_confirmed_place_in_one_transition() {
    for seated in [false, true] {
        let mut inventory = opened(free(seated));
        let total = inventory.counts(world::STANDING).total;
        let changes = decided(&mut inventory, participate(1, 1));
        assert!(matches!(
            &changes[..],
            [
                Change::HoldPlaced { .. },
                Change::CheckedOut { .. },
                Change::ReservationGranted { lines, .. }
            ] if lines[0].seats.len() == usize::from(seated)
        ));
        let (available, held, sold, blocked) = (total - 1, 0, 1, 0);
        let counts = Counts { total, available, held, sold, blocked };
        assert_eq!(inventory.counts(world::STANDING), counts);
        let view = inventory.reservation(reservation(1)).unwrap();
        assert_eq!(view.status, ReservationStatus::Confirmed { payment: None });
        inventory.check().unwrap();
        let again = Inventory::from_snapshot(&inventory.to_snapshot()).unwrap();
        let view = again.reservation(reservation(1)).unwrap();
        assert_eq!(view.status, ReservationStatus::Confirmed { payment: None });
    }
}

#[test]
fn nobody_takes_part_twice_however_the_first_place_came_about() {
    let already = |reservation, hold| {
        Decision::Rejected(Rejection::AlreadyParticipated { reservation, hold })
    };
    let mut inventory = opened(free(false));
    decided(&mut inventory, participate(1, 1));
    let refused = ask(&mut inventory, participate(2, 1));
    assert_eq!(refused, already(Some(reservation(1)), None));
    decided(&mut inventory, place(3));
    assert_eq!(ask(&mut inventory, participate(4, 3)), already(None, Some(hold(3))));
    decided(&mut inventory, check_out(3));
    assert_eq!(ask(&mut inventory, participate(4, 3)), already(Some(reservation(3)), None));
    // A customer who gives the place back may participate again.
    let by = Requester::Customer(user(1));
    decided(&mut inventory, Command::CancelReservation { reservation: reservation(1), by });
    decided(&mut inventory, participate(5, 1));
}

#[test]
fn a_participation_is_refused_where_it_makes_no_sense() {
    let mut paid = free(false);
    paid.products[0].price = 1;
    let refused = Decision::Rejected(Rejection::NotParticipable);
    for bad in [paid, definition()] {
        assert_eq!(ask(&mut opened(bad), participate(1, 1)), refused);
    }
    let mut inventory = opened(free(false));
    for number in 0..7 {
        decided(&mut inventory, participate(number, number));
    }
    let sold_out = Rejection::SoldOut { requested: 1, available: 0 };
    assert_eq!(ask(&mut inventory, participate(8, 8)), Decision::Rejected(sold_out));
    decided(&mut inventory, Command::PauseSale);
    let paused = Rejection::SaleClosed { paused: true };
    assert_eq!(ask(&mut inventory, participate(8, 8)), Decision::Rejected(paused));
}

#[test]
fn a_retry_with_its_key_is_the_same_participation() {
    let mut inventory = opened(free(false));
    let idempotency = Some(Idempotency { key: [1; 16], fingerprint: [1; 16], principal: user(1) });
    let first = inventory.execute(&Request { command: participate(1, 1), idempotency });
    assert!(matches!(first, Decision::Decided(_)), "{first:?}");
    let again = inventory.execute(&Request { command: participate(2, 1), idempotency });
    assert!(matches!(again, Decision::Replayed(_)), "{again:?}");
    assert_eq!(inventory.counts(world::STANDING).sold, 1);
}

#[test]
fn a_journal_cannot_give_away_what_costs_money() {
    let mut inventory = opened(definition());
    decided(&mut inventory, place(1));
    let lines = match &decided(&mut inventory, check_out(1))[..] {
        [Change::CheckedOut { lines, .. }] => lines.clone(),
        other => panic!("{other:?}"),
    };
    let (reservation, customer) = (reservation(1), user(1));
    let granted = Change::ReservationGranted { reservation, customer, lines };
    let transition = crate::inventory::Transition { idempotency: None, changes: vec![granted] };
    inventory.apply(&transition).unwrap_err();
}

#[test]
fn hold_and_payment_share_the_time_of_the_hold_where_the_pay_window_is_nothing() {
    let mut inventory = opened(free(false));
    decided(&mut inventory, place(1));
    inventory.begin_batch(Seq(3), START + 4 * MINUTE);
    let changes = decided(&mut inventory, check_out(1));
    let ends = START + 5 * MINUTE;
    assert!(matches!(changes[..], [Change::CheckedOut { pay_by, .. }] if pay_by == ends));
    inventory.begin_batch(Seq(4), ends - SECOND);
    assert_eq!(inventory.run_due(), None);
    inventory.begin_batch(Seq(5), ends);
    assert!(inventory.run_due().is_some());
    assert_eq!(inventory.reservation(reservation(1)).unwrap().status, ReservationStatus::Expired);
    let (hold, reservation, customer) = (hold(2), reservation(2), user(2));
    let lines = vec![LineRequest::Quantity { product: world::STANDING, quantity: 1 }];
    let changes = decided(&mut inventory, Command::Reserve { hold, reservation, customer, lines });
    let pay_by = ends + 5 * MINUTE;
    assert!(matches!(changes[1], Change::CheckedOut { pay_by: by, .. } if by == pay_by));
}

#[test]
fn a_pay_window_is_nothing_or_a_second_at_least() {
    for (window, good) in [(0, true), (1_000, true), (1, false), (999, false), (-1, false)] {
        let mut definition = free(false);
        definition.policy.pay_window_ms = window;
        assert_eq!(definition.validate().is_ok(), good, "{window}");
    }
}
