//! Tables of a waiting room: entering and leaving its queue, the draw, and the rules.

mod admissions;
mod passes;

use super::tables::{decided, execute};
use super::world::{
    self, HOUR, MINUTE, SECOND, SMALL, STANDING, START, hold, opened, queue_entry, user,
};
use crate::ids::Seq;
use crate::inventory::{
    Change, Command, Decision, Draw, Inventory, LineRequest, QueueChange, QueueEnd, QueueEntry,
    QueuePhase, QueuePlace, Rejection, SaleState, chained, commitment_of, first_link, seed_of,
};

const SECRET: [u8; 32] = [7; 32];
/// The time of the draw in most tests.
const OPENING: i64 = START + MINUTE;

/// An event with some places of one product, on sale.
fn event(places: u32) -> Inventory {
    let mut definition = world::definition();
    definition.products.truncate(1);
    definition.products[0].capacity = Some(places);
    definition.sections.clear();
    opened(definition)
}

/// Switches the queue on.
fn with_queue(mut inventory: Inventory, change: QueueChange) -> Inventory {
    decided(&mut inventory, set(QueueChange { enabled: Some(true), ..change }));
    inventory
}

/// An event whose queue opens in a minute.
fn before_draw(places: u32, change: QueueChange) -> Inventory {
    with_queue(event(places), QueueChange { opens_at: Some(Some(OPENING)), ..change })
}

/// An event whose queue is open, without a draw.
fn open(places: u32, change: QueueChange) -> Inventory {
    with_queue(event(places), change)
}

fn set(change: QueueChange) -> Command {
    let commitment = commitment_of(&SECRET);
    Command::SetQueue { change: Box::new(QueueChange { commitment, ..change }) }
}

fn entry(number: u64) -> QueueEntry {
    (user(number), queue_entry(number))
}

fn enter(numbers: impl IntoIterator<Item = u64>) -> Command {
    let entries = numbers.into_iter().map(entry).collect();
    Command::EnterQueue { entries, received_at: START }
}

fn draw() -> Command {
    Command::DrawQueue { secret: SECRET, public_value: None }
}

fn void(number: u64) -> Command {
    Command::VoidEntries { customers: vec![user(number)], reason: "a robot".into() }
}

fn one_place(number: u64) -> Command {
    let lines = vec![LineRequest::Quantity { product: STANDING, quantity: 1 }];
    Command::PlaceHold { hold: hold(number), customer: user(number), lines }
}

fn with_pass(command: Command) -> Command {
    Command::WithPass { pass: None, command: Box::new(command) }
}

fn invalid(reason: &'static str) -> Rejection {
    Rejection::Invalid { reason: reason.into() }
}

fn wrong(what: &'static str, state: &'static str) -> Rejection {
    Rejection::WrongState { what: what.into(), state: state.into() }
}

#[track_caller]
fn refused(inventory: &mut Inventory, command: &Command, expected: Rejection) {
    let before = inventory.to_snapshot();
    assert_eq!(execute(inventory, command), Decision::Rejected(expected), "{command:?}");
    assert!(inventory.to_snapshot() == before, "a refusal changes nothing");
}

/// Lets the time be `at`, and runs what is due.
fn at(inventory: &mut Inventory, at: i64) -> Vec<Change> {
    inventory.begin_batch(Seq(u64::try_from(at).unwrap()), at);
    let mut changes = Vec::new();
    while let Some(due) = inventory.run_due() {
        changes.extend(due.changes);
    }
    inventory.check().unwrap();
    changes
}

/// The numbers of the entries that are admitted.
fn admitted(changes: &[Change]) -> Vec<u32> {
    let all = changes.iter().flat_map(|change| match change {
        Change::QueueAdmitted { admitted, .. } => &admitted[..],
        _ => &[],
    });
    all.map(|admission| admission.number).collect()
}

fn place(inventory: &Inventory, number: u64) -> Option<QueuePlace> {
    inventory.queue_entry(user(number)).map(|entry| entry.place)
}

#[test]
fn who_is_in_the_queue_keeps_the_place() {
    let mut event = before_draw(5, QueueChange::default());
    decided(&mut event, enter([1, 2]));
    refused(&mut event, &enter([1]), Rejection::InQueue);
    refused(&mut event, &enter([2, 1, 2]), Rejection::InQueue);
    let changes = decided(&mut event, enter([1, 3, 3, 2]));
    assert_eq!(changes, [Change::QueueEntered { entries: vec![entry(3)] }]);
    assert_eq!(event.queue_entry(user(1)).unwrap().number, 0);
    let progress = event.queue_progress().unwrap();
    assert_eq!((progress.entered, progress.phase), (3, QueuePhase::PreQueue));
    let none = enter([]);
    refused(&mut event, &none, invalid("one to 1,000 customers enter at a time"));
}

#[test]
fn a_customer_enters_as_often_as_the_rules_say() {
    let mut event = open(5, QueueChange { turns: Some(2), ..QueueChange::default() });
    for turn in [1, 0] {
        assert_eq!(admitted(&decided(&mut event, enter([1]))).len(), 1);
        assert_eq!(event.queue_entry(user(1)).unwrap().turns_left, turn);
        let now = event.at();
        at(&mut event, now + 300 * SECOND);
        assert_eq!(place(&event, 1), Some(QueuePlace::Lapsed));
    }
    refused(&mut event, &enter([1]), Rejection::InQueue);
    decided(&mut event, set(QueueChange { turns: Some(3), ..QueueChange::default() }));
    decided(&mut event, enter([1]));
}

#[test]
fn who_is_voided_cannot_enter_again() {
    let mut event = before_draw(5, QueueChange::default());
    decided(&mut event, enter([1, 2]));
    let changes = decided(&mut event, void(1));
    assert_eq!(changes, [Change::QueueVoided { numbers: vec![0], reason: "a robot".into() }]);
    refused(&mut event, &enter([1]), Rejection::InQueue);
    refused(&mut event, &void(1), Rejection::QueueEntryNotFound);
    refused(&mut event, &void(9), Rejection::QueueEntryNotFound);
    let silent = Command::VoidEntries { customers: vec![user(2)], reason: String::new() };
    let reason = "reason must be 1 to 100 printable characters: it is public";
    refused(&mut event, &silent, invalid(reason));
    let none = Command::VoidEntries { customers: vec![], reason: "a robot".into() };
    refused(&mut event, &none, invalid("name 1 to 1,000 customers at a time"));
}

#[test]
fn who_leaves_may_enter_again_at_the_end() {
    let mut event = before_draw(5, QueueChange::default());
    let leave = Command::LeaveQueue { customer: user(1) };
    refused(&mut event, &leave, Rejection::QueueEntryNotFound);
    decided(&mut event, enter([1, 2]));
    assert_eq!(decided(&mut event, leave.clone()), [Change::QueueLeft { number: 0 }]);
    refused(&mut event, &leave, Rejection::QueueEntryNotFound);
    decided(&mut event, enter([1]));
    assert_eq!(event.queue_entry(user(1)).unwrap().number, 2);
    // As does who closes the account.
    let changes = decided(&mut event, Command::EndClaims { customer: user(1) });
    assert_eq!(changes, [Change::QueueLeft { number: 2 }]);
}

#[test]
fn a_draining_queue_takes_nobody_new_and_ends_when_all_are_served() {
    let mut event = before_draw(5, QueueChange::default());
    decided(&mut event, enter([1, 2]));
    let aside = Command::SetAside { generation: 1, numbers: vec![0] };
    decided(&mut event, aside);
    decided(&mut event, set(QueueChange { draining: Some(true), ..QueueChange::default() }));
    refused(&mut event, &enter([3]), Rejection::QueueDraining);
    // Who was set aside has entered before.
    let changes = decided(&mut event, enter([1, 3]));
    assert_eq!(changes, [Change::QueueReturned { numbers: vec![0] }]);
    at(&mut event, OPENING + SECOND);
    assert_eq!(admitted(&decided(&mut event, draw())), [0, 1]);
    decided(&mut event, Command::LeaveQueue { customer: user(1) });
    let changes = decided(&mut event, Command::LeaveQueue { customer: user(2) });
    assert_eq!(changes.last(), Some(&Change::QueueEnded { how: QueueEnd::Drained }));
    refused(&mut event, &enter([1]), Rejection::NoQueue);
}

#[test]
fn who_comes_in_the_second_of_the_close_asks_again_and_stands_behind() {
    let mut event = before_draw(5, QueueChange::default());
    decided(&mut event, enter([1]));
    at(&mut event, OPENING + 999);
    let received = |received_at, numbers: &[u64]| {
        let entries = numbers.iter().copied().map(entry).collect();
        Command::EnterQueue { entries, received_at }
    };
    refused(&mut event, &received(OPENING, &[2]), Rejection::QueueClosing);
    refused(&mut event, &received(OPENING + 5 * SECOND, &[1, 2]), Rejection::QueueClosing);
    // What was received before the opening is on the list.
    decided(&mut event, received(OPENING - 1, &[3]));
    let list = [1, 3].map(|number| queue_entry(number).0);
    let root = list.iter().fold(first_link(), |list, id| chained(list, *id.as_bytes()));
    let closed = Change::QueueClosed { count: 2, root };
    assert_eq!(at(&mut event, OPENING + SECOND), [closed]);
    decided(&mut event, received(OPENING, &[2]));
    assert_eq!(place(&event, 2), Some(QueuePlace::BeforeDraw));
    assert_eq!(admitted(&decided(&mut event, draw())).last(), Some(&2));
}

#[test]
fn the_draw_is_made_once_by_the_secret_after_the_close() {
    let mut event = before_draw(5, QueueChange::default());
    decided(&mut event, enter([1, 2, 3]));
    refused(&mut event, &draw(), wrong("draw", "not due: the queue is not closed yet"));
    at(&mut event, OPENING + SECOND);
    let other = Command::DrawQueue { secret: [8; 32], public_value: None };
    let reason = "this is not the secret that the queue was committed to";
    refused(&mut event, &other, invalid(reason));
    let with_value = Command::DrawQueue { secret: SECRET, public_value: Some("4711".into()) };
    let reason = "no public value was announced for this draw";
    refused(&mut event, &with_value, invalid(reason));
    assert_eq!(event.queue_progress().unwrap().phase, QueuePhase::Drawing);
    let changes = decided(&mut event, draw());
    let drawn = Change::QueueDrawn { secret: SECRET, public_value: String::new() };
    assert_eq!(changes[0], drawn);
    assert_eq!(event.queue_progress().unwrap().phase, QueuePhase::Open);
    refused(&mut event, &draw(), wrong("draw", "made already"));
}

#[test]
fn an_announced_public_value_is_part_of_the_seed() {
    let source = Some(Some("the winning numbers of Saturday".into()));
    let mut event = before_draw(50, QueueChange { public_source: source, ..Default::default() });
    decided(&mut event, enter(0..40));
    at(&mut event, OPENING + SECOND);
    refused(&mut event, &draw(), wrong("draw", "waiting for its public value"));
    let with =
        |value: &str| Command::DrawQueue { secret: SECRET, public_value: Some(value.into()) };
    let reason = "publicValue must be 1 to 100 printable characters";
    refused(&mut event, &with(""), invalid(reason));
    refused(&mut event, &with("a\nb"), invalid(reason));
    let changes = decided(&mut event, with("4711"));
    let (_, root) = event.queue_progress().unwrap().closed.unwrap();
    let draw = Draw::new(seed_of(&SECRET, &root, "4711"), 40);
    let order: Vec<u32> = (0..40).map(|place| draw.number_at(place)).collect();
    // Ten seconds' worth of 100 passes a minute.
    assert_eq!(admitted(&changes), order[..16]);
}

#[test]
fn the_secret_is_replaced_before_the_close_alone() {
    let mut event = before_draw(5, QueueChange::default());
    decided(&mut event, enter([1]));
    let other = |recommits| Command::SetQueue {
        change: Box::new(QueueChange {
            commitment: commitment_of(&[8; 32]),
            recommits,
            ..QueueChange::default()
        }),
    };
    decided(&mut event, other(false));
    assert_eq!(event.queue_progress().unwrap().commitment, commitment_of(&SECRET));
    decided(&mut event, other(true));
    assert_eq!(event.queue_progress().unwrap().commitment, commitment_of(&[8; 32]));
    at(&mut event, OPENING + SECOND);
    let reason = "closed: its secret can change only before";
    refused(&mut event, &other(true), wrong("draw", reason));
}

#[test]
fn rules_have_bounds() {
    let mut event = open(5, QueueChange::default());
    let none = QueueChange::default();
    let cases = [
        (
            QueueChange { passes_per_minute: Some(0), ..none.clone() },
            "passesPerMinute must be 1 to 1,000,000: pause the queue to admit nobody",
        ),
        (
            QueueChange { passes_per_minute: Some(u32::MAX), ..none.clone() },
            "passesPerMinute must be 1 to 1,000,000: pause the queue to admit nobody",
        ),
        (
            QueueChange { active_limit: Some(0), ..none.clone() },
            "activeLimit must be 1 to 1,000,000: pause the queue to admit nobody",
        ),
        (
            QueueChange { admit_percent: Some(1_001), ..none.clone() },
            "admitPercent must be 1 to 1,000",
        ),
        (QueueChange { pass_ms: Some(9_999), ..none.clone() }, "passSeconds must be 10 to 3,600"),
        (
            QueueChange { silence_ms: Some(-1), ..none.clone() },
            "silenceSeconds must be 120 to 86,400: people poll once a minute",
        ),
        (QueueChange { turns: Some(0), ..none.clone() }, "turns must be 1 to 100"),
        (QueueChange { challenge_bits: Some(25), ..none.clone() }, "challengeBits must be 0 to 24"),
        (
            QueueChange { public_source: Some(Some("\t".into())), ..none.clone() },
            "publicSource must be 1 to 100 printable characters",
        ),
    ];
    for (change, reason) in cases {
        refused(&mut event, &set(change), invalid(reason));
    }
    // The fastest allowed rate admits all at once.
    let fast = QueueChange {
        passes_per_minute: Some(1_000_000),
        active_limit: Some(1_000_000),
        admit_percent: Some(1_000),
        ..none
    };
    decided(&mut event, set(fast));
    assert_eq!(admitted(&decided(&mut event, enter(0..50))).len(), 50);
}

#[test]
fn the_opening_is_fixed_once_it_has_come() {
    let opens = |opens_at| QueueChange { opens_at: Some(Some(opens_at)), ..Default::default() };
    let mut event = before_draw(5, QueueChange::default());
    decided(&mut event, enter([1]));
    decided(&mut event, set(opens(OPENING + HOUR)));
    assert_eq!(at(&mut event, OPENING + SECOND), []);
    decided(&mut event, set(opens(OPENING + MINUTE)));
    at(&mut event, OPENING + MINUTE + SECOND);
    let reason = "open: opensAt can change only before";
    refused(&mut event, &set(opens(OPENING + HOUR)), wrong("queue", reason));
    decided(&mut event, set(opens(OPENING + MINUTE)));
}

#[test]
fn the_queue_opens_with_the_sale_if_nothing_is_ruled() {
    let mut definition = world::definition();
    definition.sale.start = Some(START + HOUR);
    let mut event = with_queue(opened(definition), QueueChange::default());
    assert_eq!(event.queue_progress().unwrap().opens_at, Some(START + HOUR));
    decided(&mut event, enter([1]));
    let closed = START + HOUR + SECOND;
    assert_eq!(event.next_due_at(), Some(closed));
    assert!(matches!(at(&mut event, closed)[..], [Change::QueueClosed { count: 1, .. }]));
    // One that nobody opens has no draw.
    let mut definition = world::definition();
    definition.sale_state = SaleState::Scheduled;
    let mut event = with_queue(opened(definition), QueueChange::default());
    decided(&mut event, enter([1]));
    assert_eq!(event.queue_progress().unwrap().opens_at, None);
    assert_eq!(at(&mut event, START + HOUR), []);
    let changes = decided(&mut event, Command::OpenSale);
    assert!(matches!(changes[1], Change::QueueClosed { count: 1, .. }));
}

#[test]
fn the_queue_is_the_waitlist_while_it_is_on() {
    let join = Command::JoinWaitlist {
        entry: hold(1),
        customer: user(1),
        product: STANDING,
        party_size: 1,
    };
    let mut event = event(1);
    decided(&mut event, one_place(9));
    let mut event = with_queue(event, QueueChange::default());
    refused(&mut event, &join, Rejection::QueueIsOn);
    let unknown =
        Command::JoinWaitlist { entry: hold(1), customer: user(1), product: SMALL, party_size: 1 };
    refused(&mut event, &unknown, Rejection::UnknownProduct);
    decided(&mut event, set(QueueChange { enabled: Some(false), ..QueueChange::default() }));
    decided(&mut event, join);
}

#[test]
fn a_class_has_no_queue() {
    let mut class = super::classes::class(3, 0, super::classes::rules());
    let wrong = Rejection::WrongOffering { is_class: true };
    for command in [
        set(QueueChange { enabled: Some(true), ..QueueChange::default() }),
        enter([1]),
        draw(),
        void(1),
        Command::LeaveQueue { customer: user(1) },
        Command::SetAside { generation: 0, numbers: vec![0] },
        Command::Prioritise { entries: vec![entry(1)], reason: "a guest".into() },
        with_pass(one_place(1)),
    ] {
        refused(&mut class, &command, wrong.clone());
    }
}

#[test]
fn without_a_queue_its_commands_are_refused() {
    let mut event = event(5);
    for command in [
        set(QueueChange::default()),
        set(QueueChange { enabled: Some(false), ..QueueChange::default() }),
        enter([1]),
        draw(),
        void(1),
        Command::LeaveQueue { customer: user(1) },
        Command::SetAside { generation: 0, numbers: vec![0] },
        Command::Prioritise { entries: vec![entry(1)], reason: "a guest".into() },
    ] {
        refused(&mut event, &command, Rejection::NoQueue);
    }
    decided(&mut event, Command::CloseSale);
    let on = set(QueueChange { enabled: Some(true), ..QueueChange::default() });
    refused(&mut event, &on, Rejection::SaleClosed { paused: false });
}

#[test]
fn the_queue_ends_with_the_sale() {
    let ended = Change::QueueEnded { how: QueueEnd::SaleOver };
    let mut event = open(0, QueueChange::default());
    decided(&mut event, enter([1]));
    assert!(decided(&mut event, Command::CloseSale).contains(&ended));
    decided(&mut event, Command::OpenSale);
    let mut event = with_queue(event, QueueChange::default());
    assert_eq!(event.queue_generation(), 2);
    decided(&mut event, enter([1]));
    assert_eq!(event.next_due_at(), Some(START + 60 * HOUR));
    assert_eq!(at(&mut event, START + 60 * HOUR), [ended]);
    // A cancelled event drops it without a change of its own.
    let mut event = open(0, QueueChange::default());
    decided(&mut event, enter([1]));
    assert_eq!(decided(&mut event, Command::CancelOffering).len(), 1);
    assert_eq!((event.queue_progress(), event.next_due_at()), (None, None));
}
