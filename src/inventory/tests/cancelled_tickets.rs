//! The cancellation of single tickets, and payments that take longer.

use super::tables::{check_refused, decided, execute, given, join, pass, places, seats, small};
use super::world::{HOUR, MINUTE, SMALL, STALLS, STANDING, hold, payment, reservation, user};
use crate::inventory::{
    CancellationPolicy, Change, Command, Decision, Inventory, Minor, OfferingChange, Rejection,
    Requester, ReservationStatus, SaleState, SeatStatus,
};

/// The price of a seat in the stalls.
const SEAT: Minor = 90_000;

/// Pays for the hold of this number.
fn paid(number: u64) -> [Command; 3] {
    let (reservation, customer, payment) = (reservation(number), user(number), payment(number));
    [
        Command::CheckOut { hold: hold(number), reservation, customer },
        Command::BeginPayment { reservation, payment, customer },
        Command::ConfirmPayment { reservation, payment },
    ]
}

/// A paid reservation of the seats 0 to 3.
fn four_seats() -> Vec<Command> {
    let mut commands = vec![seats(1, &[0, 1, 2, 3])];
    commands.extend(paid(1));
    commands
}

fn by(by: Requester, tickets: &[u8], refund: Option<Minor>) -> Command {
    Command::CancelTickets { reservation: reservation(1), tickets: tickets.into(), refund, by }
}

fn own(tickets: &[u8]) -> Command {
    by(Requester::Customer(user(1)), tickets, None)
}

fn admin(tickets: &[u8], refund: Minor) -> Command {
    by(Requester::Admin, tickets, Some(refund))
}

fn check_in(ticket: u8) -> Command {
    Command::CheckIn { reservation: reservation(1), ticket }
}

fn percent(refund_percent: u8) -> Command {
    let cancellation = Some(CancellationPolicy::Until { until: None, refund_percent });
    Command::ChangeOffering { change: OfferingChange { cancellation, ..OfferingChange::default() } }
}

fn status(inventory: &Inventory, seat: usize) -> SeatStatus {
    inventory.section(crate::ids::SectionId(0)).rows[0].seats[seat]
}

/// The refunds of these cancellations, one after the other.
fn refunds(inventory: &mut Inventory, commands: &[Command]) -> Vec<Minor> {
    let refund = |command: &Command| match &decided(inventory, command.clone())[..] {
        [
            Change::TicketsCancelled { refund, .. }
            | Change::ReservationCancelledFor { refund, .. },
            ..,
        ] => *refund,
        other => panic!("{other:?}"),
    };
    commands.iter().map(refund).collect()
}

#[test]
fn cancelled_tickets_free_their_seats_and_leave_the_others_their_numbers() {
    let mut inventory = given(four_seats());
    let changes = decided(&mut inventory, own(&[2, 0]));
    let reservation = reservation(1);
    let expected = Change::TicketsCancelled { reservation, tickets: vec![2, 0], refund: 2 * SEAT };
    assert_eq!(changes, [expected]);
    let seats: Vec<_> = (0..4).map(|seat| status(&inventory, seat)).collect();
    use SeatStatus::{Available, Sold};
    assert_eq!(seats, [Available, Sold, Available, Sold]);
    let counts = inventory.counts(STALLS);
    assert_eq!((counts.sold, counts.available), (2, 28));
    // Ticket 3 is still that of seat 3; ticket 2 admits no one.
    decided(&mut inventory, check_in(3));
    let void = Rejection::WrongState { what: "ticket".into(), state: "void".into() };
    assert_eq!(execute(&mut inventory, &check_in(2)), Decision::Rejected(void));
    decided(&mut inventory, own(&[1]));
    assert_eq!(status(&inventory, 1), Available);
    assert_eq!(status(&inventory, 3), Sold);
    inventory.check().unwrap();
}

#[test]
fn freed_places_go_to_the_waitlist_in_the_same_transition() {
    let mut commands = vec![small(1, 3)];
    commands.extend(paid(1));
    commands.push(join(3, 2));
    let mut inventory = given(commands);
    let changes = decided(&mut inventory, own(&[0, 2]));
    let [Change::TicketsCancelled { .. }, Change::OfferMade { entry, line, .. }] = &changes[..]
    else {
        panic!("{changes:?}")
    };
    assert_eq!((*entry, line.quantity), (hold(3), 2));
    assert_eq!(inventory.counts(SMALL).available, 0);
}

#[test]
fn the_last_tickets_cancel_the_reservation() {
    let mut inventory = given(four_seats());
    let refunds = refunds(&mut inventory, &[own(&[0]), own(&[1, 2, 3])]);
    assert_eq!(refunds, [SEAT, 3 * SEAT]);
    let view = inventory.reservation(reservation(1)).unwrap();
    assert_eq!(view.status, ReservationStatus::Cancelled);
    assert_eq!(inventory.counts(STALLS).sold, 0);
    let mut inventory = given(four_seats());
    let whole = Change::ReservationsCancelled { reservations: vec![reservation(1)] };
    assert_eq!(decided(&mut inventory, own(&[3, 2, 1, 0])), [whole], "as a whole cancellation");
}

#[test]
fn parts_never_come_to_more_than_the_whole() {
    let mut commands = vec![places(1, 3)];
    commands.insert(0, Command::Reprice { product: STANDING, price: 99 });
    commands.extend(paid(1));
    commands.push(percent(50));
    let mut inventory = given(commands);
    let parts = refunds(&mut inventory, &[own(&[1]), own(&[0]), own(&[2])]);
    assert_eq!(parts, [49, 49, 49], "half of 99, rounded down");
}

#[test]
fn an_administrator_names_what_is_left_at_most() {
    let mut inventory = given(four_seats());
    let parts = [admin(&[0], 3 * SEAT), admin(&[1], 0), own(&[2]), own(&[3])];
    assert_eq!(refunds(&mut inventory, &parts), [3 * SEAT, 0, SEAT, 0]);
    let cases = [(four_seats(), 4 * SEAT + 1, 4 * SEAT), (four_seats(), -1, 4 * SEAT)];
    for (given, amount, left) in cases {
        let reason = format!("refund must be 0 to {left}: that much of the price is left");
        let rejection = Rejection::Invalid { reason: reason.into() };
        check_refused(given, &admin(&[0], amount), rejection);
    }
    let mut before = four_seats();
    before.push(admin(&[0], 4 * SEAT));
    let reason = "refund must be 0 to 0: that much of the price is left";
    check_refused(before, &admin(&[1], 1), Rejection::Invalid { reason: reason.into() });
}

#[test]
fn tickets_that_cannot_be_cancelled_say_why() {
    let invalid = |reason: &'static str| Rejection::Invalid { reason: reason.into() };
    let wrong = |what: &'static str, state: &'static str| Rejection::WrongState {
        what: what.into(),
        state: state.into(),
    };
    let with = |more: Command| {
        let mut commands = four_seats();
        commands.push(more);
        commands
    };
    let stranger = by(Requester::Customer(user(9)), &[0], None);
    let named = by(Requester::Customer(user(1)), &[0], Some(1));
    let never = OfferingChange {
        cancellation: Some(CancellationPolicy::Never),
        ..OfferingChange::default()
    };
    let cases = [
        (four_seats(), own(&[]), invalid("at least one ticket must be named")),
        (four_seats(), own(&[1, 1]), invalid("a ticket is named twice")),
        (four_seats(), own(&[4]), Rejection::TicketNotFound),
        (four_seats(), own(&[255]), Rejection::TicketNotFound),
        (four_seats(), stranger, Rejection::ReservationNotFound),
        (four_seats(), named, invalid("the amount of a refund is for administrators to name")),
        (with(own(&[1])), own(&[0, 1]), wrong("ticket", "cancelled")),
        (with(check_in(1)), own(&[1]), Rejection::AlreadyCheckedIn),
        (with(check_in(1)), admin(&[1], 0), Rejection::AlreadyCheckedIn),
        (with(own(&[0, 1, 2, 3])), own(&[1]), wrong("reservation", "cancelled")),
        (
            with(Command::ChangeOffering { change: never }),
            own(&[1]),
            Rejection::CancellationRefused { until: None },
        ),
        (four_seats()[..2].to_vec(), own(&[0]), wrong("reservation", "not confirmed")),
    ];
    for (given, command, expected) in cases {
        check_refused(given, &command, expected);
    }
}

#[test]
fn a_whole_cancellation_gives_back_what_is_left() {
    let cancel = |by| Command::CancelReservation { reservation: reservation(1), by };
    let mut inventory = given(four_seats());
    let parts = [own(&[0]), cancel(Requester::Admin)];
    assert_eq!(refunds(&mut inventory, &parts), [SEAT, 3 * SEAT]);
    let mut inventory = given(four_seats());
    let parts = [admin(&[0], 2 * SEAT), percent(50)];
    decided(&mut inventory, parts[1].clone());
    let parts = [parts[0].clone(), cancel(Requester::Customer(user(1)))];
    assert_eq!(refunds(&mut inventory, &parts), [2 * SEAT, 3 * SEAT / 2]);
    // A cancelled event gives back the price of the tickets that are left.
    let mut inventory = given(four_seats());
    decided(&mut inventory, admin(&[0], 2 * SEAT));
    decided(&mut inventory, Command::CancelOffering);
    let refund = 2 * SEAT;
    let rest = Change::ReservationCancelledFor { reservation: reservation(1), refund };
    assert_eq!(pass(&mut inventory, 1), [rest]);
}

#[test]
fn a_state_with_cancelled_tickets_survives_its_snapshot() {
    let mut inventory = given(four_seats());
    decided(&mut inventory, admin(&[1], SEAT / 2));
    let mut restored = Inventory::from_snapshot(&inventory.to_snapshot()).unwrap();
    restored.begin_batch(crate::ids::Seq(9), inventory.at());
    assert_eq!(refunds(&mut restored, &[own(&[0, 2])]), [2 * SEAT]);
    assert_eq!(status(&restored, 3), SeatStatus::Sold);
    assert_eq!(restored.sale_state(), SaleState::Open);
}

fn defer(until: i64) -> Command {
    Command::DeferPayment { reservation: reservation(1), payment: payment(1), until }
}

#[test]
fn a_deferred_payment_holds_its_places_until_its_own_deadline() {
    let mut commands = vec![seats(1, &[0])];
    commands.extend(paid(1).into_iter().take(2));
    let mut inventory = given(commands.clone());
    let until = inventory.at() + 40 * HOUR;
    let deferred =
        Change::PaymentDeferred { reservation: reservation(1), payment: payment(1), pay_by: until };
    assert_eq!(decided(&mut inventory, defer(until)), [deferred]);
    assert_eq!(pass(&mut inventory, 40 * HOUR - 1), []);
    assert_eq!(status(&inventory, 0), SeatStatus::Held);
    let expired = Change::ReservationsExpired { reservations: vec![reservation(1)] };
    assert_eq!(pass(&mut inventory, 40 * HOUR), [expired]);
    // Late success: the places are taken again.
    let confirm = Command::ConfirmPayment { reservation: reservation(1), payment: payment(1) };
    decided(&mut inventory, confirm);
    assert_eq!(status(&inventory, 0), SeatStatus::Sold);
}

#[test]
fn a_deferral_is_bounded_and_never_shortens_the_window() {
    let mut commands = vec![seats(1, &[0])];
    commands.extend(paid(1).into_iter().take(2));
    let pay_by = |inventory: &mut Inventory, until| match decided(inventory, defer(until))[..] {
        [Change::PaymentDeferred { pay_by, .. }] => pay_by,
        ref other => panic!("{other:?}"),
    };
    let mut inventory = given(commands.clone());
    let now = inventory.at();
    // The sale ends after 60 hours.
    assert_eq!(pay_by(&mut inventory, i64::MAX), now + 60 * HOUR);
    assert_eq!(pay_by(&mut inventory, i64::MIN), now + 60 * HOUR);
    let mut open = vec![Command::SetSaleWindow {
        product: None,
        window: crate::inventory::SaleWindow::default(),
    }];
    open.extend(commands.clone());
    let mut inventory = given(open);
    assert_eq!(pay_by(&mut inventory, i64::MAX), now + 7 * 24 * HOUR);
    let fail = Command::FailPayment { reservation: reservation(1), payment: payment(1) };
    decided(&mut inventory, fail);
    assert_eq!(pass(&mut inventory, 10 * MINUTE).len(), 1, "the window itself has ended");
    let not_begun = Rejection::WrongState { what: "payment".into(), state: "not begun".into() };
    check_refused(commands[..2].to_vec(), &defer(now + HOUR), not_begun);
    let other = Command::DeferPayment {
        reservation: reservation(1),
        payment: payment(2),
        until: now + HOUR,
    };
    check_refused(commands, &other, Rejection::PaymentInProgress);
    check_refused([], &defer(now + HOUR), Rejection::ReservationNotFound);
}

#[test]
fn a_payment_that_fails_for_good_takes_its_reservation_along() {
    let mut commands = vec![seats(1, &[0])];
    commands.extend(paid(1).into_iter().take(2));
    let end = Command::FailAndCancel { reservation: reservation(1), payment: payment(1) };
    let mut inventory = given(commands);
    let changes = decided(&mut inventory, end.clone());
    assert!(matches!(
        changes[..],
        [Change::PaymentFailed { .. }, Change::ReservationsCancelled { .. }]
    ));
    assert_eq!(status(&inventory, 0), SeatStatus::Available);
    let over = Rejection::WrongState { what: "reservation".into(), state: "cancelled".into() };
    assert_eq!(execute(&mut inventory, &end), Decision::Rejected(over));
    let confirmed =
        Rejection::WrongState { what: "reservation".into(), state: "already confirmed".into() };
    check_refused(four_seats(), &end, confirmed);
}
