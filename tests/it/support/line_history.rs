//! Compares what people were told of their places in a waiting room with the journal of the event:
//! no place may be lost or given twice, nobody is admitted out of turn, and the rules hold at every
//! admission. The model is a list of entries, read from the front each time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use admitone::ids::{QueueEntryId, UserId};
use admitone::inventory::{Change, Draw, Lane, seed_of};
use admitone::journal::Record;
use admitone::store::JournalRows;

/// What somebody in line was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    Entered {
        user: UserId,
        number: u32,
        entry: QueueEntryId,
    },
    Admitted {
        user: UserId,
        number: u32,
    },
    /// They left the line, or ended their session.
    Left {
        user: UserId,
        number: u32,
    },
}

/// What all people in line were told, in no order.
#[derive(Default)]
pub struct LineHistory(Mutex<Vec<Told>>);

/// What the journal has of the line.
#[derive(Debug, Default)]
pub struct LineFacts {
    pub entered: usize,
    /// Entries on the list of the draw.
    pub drawn: u32,
    pub admitted: usize,
    pub left: usize,
}

impl LineHistory {
    pub fn note(&self, told: Told) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(told);
    }

    /// Compares the history with the rows of a journal that has one queue.
    pub fn check(&self, rows: &JournalRows) -> LineFacts {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (facts, violations) = compare(&told, rows);
        let shown: Vec<_> = violations.iter().take(20).cloned().collect();
        assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), shown.join("\n"));
        facts
    }
}

/// Returns every difference between the answers and the journal, as text.
pub fn compare(told: &[Told], rows: &JournalRows) -> (LineFacts, Vec<String>) {
    let mut reading = Reading::default();
    for (row, record) in rows {
        let Record::Batch(transitions) = record else { continue };
        reading.at = row.at;
        for change in transitions.iter().flat_map(|transition| &transition.changes) {
            reading.take(change);
        }
    }
    for one in told {
        let (Told::Entered { number, .. }
        | Told::Admitted { number, .. }
        | Told::Left { number, .. }) = *one;
        let is_so = reading.entries.get(number as usize).is_some_and(|found| match *one {
            Told::Entered { user, entry, .. } => (found.user, found.entry) == (user, entry),
            Told::Admitted { user, .. } => found.user == user && found.was_admitted,
            Told::Left { user, .. } => found.user == user && found.state == State::Over,
        });
        if !is_so {
            reading.violation(format!("told, but not so in the journal: {one:?}"));
        }
    }
    let facts = LineFacts {
        entered: reading.entries.len(),
        drawn: reading.draw.map_or(0, |draw| draw.count()),
        admitted: reading.entries.iter().filter(|entry| entry.was_admitted).count(),
        left: reading.entries.iter().filter(|entry| entry.state == State::Over).count(),
    };
    (facts, reading.violations)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Inside,
    Over,
}

struct Entry {
    user: UserId,
    entry: QueueEntryId,
    state: State,
    was_admitted: bool,
}

#[derive(Default)]
struct Reading {
    at: i64,
    entries: Vec<Entry>,
    newest: HashMap<UserId, usize>,
    root: Option<(u32, [u8; 32])>,
    draw: Option<Draw>,
    rules: Option<(i64, usize)>,
    next: u32,
    inside: usize,
    /// How far the rate is ahead of its time, in shares of a pass of 1/60,000.
    level: i64,
    last_at: i64,
    violations: Vec<String>,
}

impl Reading {
    fn violation(&mut self, what: String) {
        self.violations.push(what);
    }

    fn take(&mut self, change: &Change) {
        match change {
            Change::QueueSet { rules, .. } => {
                self.rules = Some((rules.passes_per_minute.into(), rules.active_limit as usize));
            }
            Change::QueueEntered { entries } => {
                for (user, entry) in entries {
                    self.enter(*user, *entry);
                }
            }
            Change::QueueClosed { count, root } => {
                if *count as usize != self.entries.len() {
                    self.violation(format!("closed over {count} entries"));
                }
                self.root = Some((*count, *root));
                // A list without entries needs no draw.
                self.draw = (*count == 0).then(|| Draw::new([0; 32], 0));
            }
            Change::QueueDrawn { secret, public_value } => match (self.root, self.draw) {
                (Some((count, root)), None) => {
                    self.draw = Some(Draw::new(seed_of(secret, &root, public_value), count));
                }
                _ => self.violation("drawn twice, or before the list was closed".into()),
            },
            Change::QueueAdmitted { admitted, .. } => {
                for one in admitted {
                    self.admit(one.number, one.lane);
                }
                if self.inside > self.rules.map_or(0, |(_, limit)| limit) {
                    self.violation(format!("{} sessions are open at once", self.inside));
                }
            }
            Change::QueueLeft { number } => self.end(*number, State::Waiting),
            Change::SessionsEnded { sessions } => {
                for (number, _) in sessions {
                    self.end(*number, State::Inside);
                }
            }
            Change::HoldPlaced { customer, hold, .. } if self.rules.is_some() => {
                let newest = self.newest.get(customer).map(|number| self.entries[*number].state);
                if newest != Some(State::Inside) {
                    self.violation(format!("{hold} is held by {customer}, who is not inside"));
                }
            }
            // The other changes do not move the line in these tests.
            _ => {}
        }
    }

    fn enter(&mut self, user: UserId, entry: QueueEntryId) {
        if let Some(number) = self.newest.insert(user, self.entries.len())
            && self.entries[number].state != State::Over
        {
            self.violation(format!("{user} is in line twice"));
        }
        self.entries.push(Entry { user, entry, state: State::Waiting, was_admitted: false });
    }

    fn admit(&mut self, number: u32, lane: Lane) {
        let Some(draw) = self.draw else {
            return self.violation(format!("{number} is admitted before the draw"));
        };
        if lane != Lane::Line {
            self.violation(format!("{number} comes from {lane:?}, where there was nobody"));
        }
        // The front: all before it were admitted, or have left.
        let state = |at: u32| self.entries.get(draw.number_at(at) as usize).map(|one| one.state);
        let mut front = self.next;
        while state(front).is_some_and(|state| state != State::Waiting) {
            front += 1;
        }
        self.next = front;
        if draw.number_at(front) != number || state(front).is_none() {
            self.violation(format!("{number} is admitted out of turn, or twice"));
        }
        if let Some(entry) = self.entries.get_mut(number as usize) {
            (entry.state, entry.was_admitted) = (State::Inside, true);
        }
        self.inside += 1;
        let passes = self.rules.map_or(0, |(passes, _)| passes);
        let passed = (self.at - self.last_at).saturating_mul(passes);
        self.level = (self.level - passed).max(0) + 60_000;
        self.last_at = self.at;
        if self.level > 10_000 * passes {
            self.violation(format!("{number} exceeds the rate by more than ten seconds' worth"));
        }
    }

    fn end(&mut self, number: u32, from: State) {
        self.inside -= usize::from(from == State::Inside && self.inside > 0);
        match self.entries.get_mut(number as usize) {
            Some(entry) if entry.state == from => entry.state = State::Over,
            _ => self.violation(format!("entry {number} ends and was not {from:?}")),
        }
    }
}

mod tests {
    use std::sync::Arc;

    use admitone::ids::{BatchId, Epoch, InstanceId, OfferingId};
    use admitone::inventory::{Admission, QueueRules, SessionEnd, Transition};
    use admitone::journal::{Head, Row, RowFields};

    use super::*;

    /// A row for each change, ten seconds apart.
    fn journal(changes: Vec<Change>) -> JournalRows {
        let (offering, owner) = (OfferingId::random(), InstanceId::random());
        let (mut head, mut at) = (Head::EMPTY, 0);
        let mut rows = Vec::new();
        for change in changes {
            let transition = Transition { idempotency: None, changes: vec![change] };
            let record = Record::Batch(vec![Arc::new(transition)]);
            at += 10_000;
            let fields =
                RowFields { offering, epoch: Epoch(1), owner, batch_id: BatchId::random(), at };
            let row = Row::new(&head, fields, &record);
            head = row.head();
            rows.push((row, record));
        }
        rows
    }

    fn admitted(numbers: &[u32]) -> Change {
        let one = |number: &u32| Admission { number: *number, lane: Lane::Line };
        Change::QueueAdmitted { admitted: numbers.iter().map(one).collect(), next: 0 }
    }

    #[test]
    fn the_checker_finds_people_who_are_skipped_lost_or_let_in_twice() {
        let people: Vec<_> = (0..4).map(|_| (UserId::random(), QueueEntryId::random())).collect();
        let check = |told: &[Told], changes: Vec<Change>, expected: &[&str]| {
            let rules =
                QueueRules { passes_per_minute: 12, active_limit: 2, ..QueueRules::default() };
            let opening = vec![
                Change::QueueSet { rules, commitment: [0; 32] },
                Change::QueueClosed { count: 0, root: [0; 32] },
                Change::QueueEntered { entries: people.clone() },
            ];
            let (_, violations) = compare(told, &journal([opening, changes].concat()));
            assert_eq!(violations.len(), expected.len(), "{violations:?}");
            for (violation, expected) in violations.iter().zip(expected) {
                assert!(violation.contains(expected), "{violation:?} is not about {expected:?}");
            }
        };
        let (user, entry) = people[1];
        let entered = Told::Entered { user, number: 1, entry };
        let ended = |number| Change::SessionsEnded { sessions: vec![(number, SessionEnd::Left)] };
        let in_order = vec![admitted(&[0]), admitted(&[1]), ended(0), admitted(&[2])];
        check(&[entered, Told::Admitted { user, number: 1 }], in_order, &[]);
        check(&[Told::Entered { user, number: 2, entry }], vec![], &["told, but not so"]);
        check(&[Told::Admitted { user, number: 1 }], vec![], &["told, but not so"]);
        check(&[Told::Left { user, number: 1 }], vec![], &["told, but not so"]);
        check(&[], vec![Change::QueueLeft { number: 0 }, admitted(&[1])], &[]);
        check(&[], vec![admitted(&[1])], &["out of turn"]);
        check(&[], vec![admitted(&[0]), ended(0), admitted(&[0])], &["out of turn"]);
        check(&[], vec![admitted(&[0, 1, 2])], &["the rate", "3 sessions are open"]);
        let third = vec![admitted(&[0]), admitted(&[1]), ended(3)];
        check(&[], third, &["ends and was not Inside"]);
        let again = Change::QueueEntered { entries: vec![people[0]] };
        check(&[], vec![again], &["in line twice"]);
    }
}
