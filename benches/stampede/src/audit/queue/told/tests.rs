use uuid::Uuid;

use super::*;
use crate::people::Outlook;
use admitone::ids::{HoldId, QueueEntryId, UserId};
use admitone::inventory::{Admission, Change, Lane, QueueRules};

const PERSON: u32 = 1;

fn account(number: u32) -> Account {
    let id = UserId(Uuid::from_u128(u128::from(number) + 1));
    Account { id, email: String::new() }
}

fn entry(number: u32) -> Uuid {
    Uuid::from_u128(u128::from(number) + 1_000)
}

/// Four people enter at 0; the first two are admitted at 10,000 and 20,000, and the session of the
/// second lapses at 320,000.
fn history() -> History {
    let mut history = History::default();
    let named = (0..4).map(|number| (account(number).id, QueueEntryId(entry(number)))).collect();
    let admits = |number| Change::QueueAdmitted {
        admitted: vec![Admission { number, lane: Lane::Line }],
        next: number + 1,
    };
    for (at, change) in [
        (0, Change::QueueSet { rules: QueueRules::default(), commitment: [0; 32] }),
        (0, Change::QueueEntered { entries: named }),
        (10_000, admits(0)),
        (20_000, admits(1)),
        (320_000, Change::SessionsEnded { sessions: vec![(1, SessionEnd::Lapsed)] }),
    ] {
        history.take(&change, at);
    }
    history
}

fn standing(state: State, position: Option<u32>, as_of: TimestampMs) -> Standing {
    Standing {
        state,
        entry: entry(PERSON),
        number: PERSON,
        position,
        estimate: None,
        outlook: Outlook::Places,
        places_left: 9,
        as_of,
        has_pass: state == State::Admitted,
        bytes: 0,
    }
}

fn told(question: Question, at: TimestampMs, reply: Reply) -> Told {
    Told { person: PERSON, question, sent_at: at, answered_at: at, reply }
}

fn polled(state: State, position: Option<u32>, at: TimestampMs) -> Told {
    told(Question::Poll, at, Reply::Standing(standing(state, position, at)))
}

fn refused(code: &str, at: TimestampMs) -> Told {
    told(Question::Hold, at, Reply::Refused(code.into()))
}

/// The findings in these answers to one person; the others have asked to enter and no more.
fn found(mut answers: Vec<Told>, history: &History) -> Vec<String> {
    for person in [0, 1, 2, 3] {
        let reply = Reply::Unknown;
        let enter = Told { person, ..told(Question::Enter, 0, reply) };
        answers.insert(0, enter);
    }
    let people: Vec<_> = (0..5).map(account).collect();
    check(&answers, &people, history)
}

#[test]
fn honest_answers_pass() {
    let findings = found(
        vec![
            told(Question::Enter, 100, Reply::Standing(standing(State::PreQueue, None, 0))),
            polled(State::Waiting, Some(1), 5_000),
            polled(State::Waiting, Some(0), 15_000),
            polled(State::Admitted, None, 21_000),
            refused("SOLD_OUT", 30_000),
            refused("PASS_EXPIRED", 321_000),
            polled(State::Expired, None, 330_000),
        ],
        &history(),
    );
    assert!(findings.is_empty(), "{findings:?}");
}

#[test]
fn each_untrue_answer_is_found() {
    let other = |change: &dyn Fn(&mut Standing)| {
        let mut one = standing(State::Waiting, Some(1), 5_000);
        change(&mut one);
        vec![told(Question::Poll, 5_000, Reply::Standing(one))]
    };
    let cases = [
        ("was told entry", other(&|one| one.number = 2)),
        ("was told entry", other(&|one| one.entry = entry(2))),
        ("a pass: true", other(&|one| one.has_pass = true)),
        ("not in the journal", vec![polled(State::Admitted, None, 15_000)]),
        ("after the end of the session", vec![polled(State::Admitted, None, 330_000)]),
        ("to wait after the admission", vec![polled(State::Waiting, Some(0), 30_000)]),
        ("1 were admitted before", vec![polled(State::Waiting, Some(0), 5_000)]),
        (
            "at 2 afterwards",
            vec![polled(State::Waiting, Some(1), 5_000), polled(State::Waiting, Some(2), 6_000)],
        ),
        ("does not agree", vec![refused("PASS_EXPIRED", 100_000)]),
        ("does not agree", vec![refused("PASS_USED", 100_000)]),
        ("does not agree", vec![refused("PASS_USED", 330_000)]),
        ("does not agree", vec![refused("PASS_REQUIRED", 100_000)]),
        ("without a pass", vec![told(Question::HoldWithoutPass, 5_000, Reply::Held)]),
    ];
    for (expected, answers) in cases {
        let findings = found(answers, &history());
        let is_found = findings.iter().any(|finding| finding.contains(expected));
        assert!(is_found, "{expected}: {findings:?}");
    }
}

#[test]
fn a_lost_place_and_one_that_was_not_asked_for_are_found() {
    let nobody = Told { person: 4, ..polled(State::Waiting, Some(1), 5_000) };
    let findings = found(vec![nobody], &history());
    assert!(findings.iter().any(|finding| finding.contains("LOST")), "{findings:?}");
    let people: Vec<_> = (0..4).map(account).collect();
    let findings = check(&[], &people, &history());
    assert_eq!(findings.len(), 4, "{findings:?}");
    let refused = told(Question::Enter, 0, Reply::Refused("QUEUE_FULL".into()));
    let findings = check(&[refused], &people, &history());
    assert!(findings.iter().any(|finding| finding.contains("was refused entry")), "{findings:?}");
}

#[test]
fn positions_may_rise_by_those_who_come_back_and_a_used_pass_ends() {
    let mut history = history();
    history.take(&Change::QueueReturned { numbers: vec![3] }, 5_500);
    let answers =
        vec![polled(State::Waiting, Some(1), 5_000), polled(State::Waiting, Some(2), 6_000)];
    assert!(found(answers, &history).is_empty());
    let customer = account(PERSON).id;
    let (hold, lines) = (HoldId(Uuid::from_u128(7)), Vec::new());
    let held = Change::HoldPlaced { hold, customer, lines, expires_at: 90_000 };
    history.take(&held, 25_000);
    history.take(&Change::SessionsEnded { sessions: vec![(1, SessionEnd::Bought)] }, 40_000);
    assert!(found(vec![refused("PASS_USED", 45_000)], &history).is_empty());
    assert!(!found(vec![refused("PASS_USED", 30_000)], &history).is_empty());
}
