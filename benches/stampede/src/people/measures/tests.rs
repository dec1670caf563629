use uuid::Uuid;

use super::*;
use crate::people::{Estimate, Outlook, Standing};
use admitone::ids::{QueueEntryId, UserId};
use admitone::inventory::{Admission, Change, Lane, QueueRules};

fn account(number: u32) -> Account {
    let id = UserId(Uuid::from_u128(u128::from(number) + 1));
    Account { id, email: String::new() }
}

/// A line of `people` without a draw, one of whom is admitted each second from 0 on.
fn history(people: u32, rules: QueueRules) -> History {
    let mut history = History::default();
    let entry = |number: u32| {
        (account(number).id, QueueEntryId(Uuid::from_u128(u128::from(number) + 1_000)))
    };
    history.take(&Change::QueueSet { rules, commitment: [0; 32] }, 0);
    history.take(&Change::QueueClosed { count: 0, root: [0; 32] }, 0);
    history.take(&Change::QueueEntered { entries: (0..people).map(entry).collect() }, 0);
    for number in 0..people {
        let admitted = vec![Admission { number, lane: Lane::Line }];
        let change = Change::QueueAdmitted { admitted, next: number + 1 };
        history.take(&change, i64::from(number) * 1_000);
    }
    history
}

fn estimated(person: u32, at: TimestampMs, seconds: u32, high: u32) -> Told {
    let standing = Standing {
        state: State::Waiting,
        entry: Uuid::from_u128(u128::from(person) + 1_000),
        number: person,
        position: Some(100),
        estimate: Some(Estimate { seconds, low: seconds / 2, high: Some(high) }),
        outlook: Outlook::Places,
        places_left: 1,
        as_of: at,
        has_pass: false,
        bytes: 500,
    };
    let reply = Reply::Standing(standing);
    Told { person, question: Question::Poll, sent_at: at, answered_at: at, reply }
}

#[test]
fn estimates_are_compared_with_the_waits_that_came() {
    let history = history(200, QueueRules::default());
    let people: Vec<_> = (0..200).map(account).collect();
    let told = [
        // Before the line has moved for a minute.
        estimated(150, 10_000, 1_000, 1_000),
        // Waits 50 seconds.
        estimated(150, 100_000, 40, 60),
        estimated(150, 100_000, 75, 80),
    ];
    let found = estimates::of(&told, &people, &history);
    assert_eq!((found.error.count, found.first_minute.count), (2, 1));
    assert!((found.error.max - 0.5).abs() < 1e-9, "{found:?}");
    assert!((found.signed.max - 0.2).abs() < 1e-9, "{found:?}");
    assert!((found.within - 1.0).abs() < 1e-9, "{found:?}");
}

#[test]
fn a_spread_has_its_middle_and_its_ends() {
    let spread = Spread::of((0..=100).rev().map(f64::from).collect());
    assert_eq!([spread.p10, spread.p50, spread.p90, spread.max], [10.0, 50.0, 90.0, 100.0]);
    assert_eq!(Spread::of(Vec::new()).count, 0);
}

#[test]
fn an_admitter_that_dawdles_is_slower_than_one_that_knows_all() {
    let options = QueueOptions::usual(2_000);
    let rules = QueueRules { passes_per_minute: 600, pass_ms: 60_000, ..QueueRules::default() };
    let people: Vec<_> = (0..2_000).map(account).collect();
    let ratio = |seconds_for_each_place: i64| {
        let mut history = history(2_000, rules.clone());
        for sold in 1..=200 {
            history.places(sold * seconds_for_each_place, 200, sold);
        }
        let (told, samples, seed) = (&[][..], Vec::new(), 1);
        let facts = Facts {
            options: &options,
            seed,
            people: &people,
            told,
            history: &history,
            samples,
            starts_at_ms: 0,
        };
        // Everybody asks until the end, and notices at once.
        let notices = (0..2_000).map(|number| (number, 0)).collect();
        all_knowing::compare(&facts, &notices).expect("places are sold")
    };
    let (slow, slower) = (ratio(1_000), ratio(2_000));
    assert!(slow.ratio < 1.0 && slower.ratio < slow.ratio, "{slow:?} {slower:?}");
    assert!(slow.ratio_to_picking <= slow.ratio + 1e-9, "{slow:?}");
    assert!(slow.seconds_all_knowing < 150.0, "{slow:?}");
}
