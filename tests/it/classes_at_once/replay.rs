//! Replays the journal of a first-come class by rules of its own, which share nothing with the
//! server's inventory: no place is given twice, the line is served from its front, and the line is empty
//! while a place is free.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use admitone::ids::{EnrollmentId, UserId};
use admitone::inventory::{Approval, Change, EnrollmentStatus, Entered};
use admitone::journal::{Record, Row};

/// The state of the class after the rows so far.
pub struct Replay {
    places: usize,
    waitlist: usize,
    pub rows: usize,
    statuses: HashMap<EnrollmentId, (UserId, EnrollmentStatus)>,
    /// All enrollments in the order of application.
    pub in_order: Vec<EnrollmentId>,
    /// By rank.
    pub line: BTreeMap<i64, EnrollmentId>,
    /// In the order of promotion.
    pub promoted: Vec<EnrollmentId>,
    /// Everything that breaks a rule.
    pub wrong: Vec<String>,
}

impl Replay {
    pub fn of(places: usize, waitlist: usize) -> Self {
        Self {
            places,
            waitlist,
            rows: 0,
            statuses: HashMap::new(),
            in_order: Vec::new(),
            line: BTreeMap::new(),
            promoted: Vec::new(),
            wrong: Vec::new(),
        }
    }

    pub fn take(&mut self, row: &Row, record: &Record) {
        self.rows += 1;
        let Record::Batch(transitions) = record else { return };
        for transition in transitions {
            for change in &transition.changes {
                self.change(change, row);
            }
            let taken = self.taken();
            if taken > self.places {
                self.fault(row, &format!("{taken} have places"));
            }
            if taken < self.places && !self.line.is_empty() {
                self.fault(row, &format!("{} wait and a place is free", self.line.len()));
            }
        }
    }

    pub fn taken(&self) -> usize {
        self.count("APPROVED")
    }

    pub fn count(&self, status: &str) -> usize {
        self.statuses.values().filter(|(_, it)| super::word(*it) == status).count()
    }

    pub fn status(&self, id: EnrollmentId) -> Option<EnrollmentStatus> {
        self.statuses.get(&id).map(|(_, status)| *status)
    }

    pub fn ids(&self) -> BTreeSet<EnrollmentId> {
        self.statuses.keys().copied().collect()
    }

    fn fault(&mut self, row: &Row, what: &str) {
        self.wrong.push(format!("row {}: {what}", row.seq));
    }

    fn change(&mut self, change: &Change, row: &Row) {
        match change {
            Change::Enrolled { enrollment, customer, into, .. } => {
                self.enrolled(*enrollment, *customer, *into, row);
            }
            Change::EnrollmentApproved { enrollment, how, .. } => {
                self.approved(*enrollment, *how, row);
            }
            Change::EnrollmentsCanceled { enrollments, .. } => {
                for one in enrollments {
                    let before = self.turn(one.enrollment, EnrollmentStatus::Canceled);
                    if before != Some(one.moved.from) || before.is_none_or(|it| !it.is_living()) {
                        self.fault(row, &format!("{} ended as {before:?}", one.enrollment));
                    }
                    self.line.retain(|_, waiting| *waiting != one.enrollment);
                }
            }
            Change::PlaceOffered { .. }
            | Change::EnrollmentWaitlisted { .. }
            | Change::EnrollmentRejected { .. }
            | Change::EnrollmentRevived { .. }
            | Change::WaitlistMoved { .. } => {
                self.fault(row, &format!("no request asked for {change:?}"));
            }
            // Reservations follow the enrollments; `GET …/audit` checks that they do.
            _ => {}
        }
    }

    fn enrolled(&mut self, id: EnrollmentId, who: UserId, into: Entered, row: &Row) {
        let lives =
            |(other, status): &(UserId, EnrollmentStatus)| *other == who && status.is_living();
        if self.statuses.values().any(lives) || self.statuses.contains_key(&id) {
            self.fault(row, &format!("{who} has two enrollments"));
        }
        self.in_order.push(id);
        let status = match into {
            Entered::Applied => {
                self.fault(row, &format!("{id} waits for a decision"));
                EnrollmentStatus::Applied
            }
            Entered::Approved => {
                if !self.line.is_empty() {
                    self.fault(row, &format!("{id} passed those in line"));
                }
                EnrollmentStatus::Applied
            }
            Entered::Waitlisted { rank } => {
                let last = self.line.last_key_value().map(|(last, _)| *last);
                if last.is_some_and(|last| rank <= last) || self.line.len() >= self.waitlist {
                    self.fault(row, &format!("{id} is at {rank} of a line that ends at {last:?}"));
                }
                if self.taken() < self.places {
                    self.fault(row, &format!("{id} waits and a place is free"));
                }
                self.line.insert(rank, id);
                EnrollmentStatus::Waitlisted
            }
        };
        self.statuses.insert(id, (who, status));
    }

    fn approved(&mut self, id: EnrollmentId, how: Approval, row: &Row) {
        let expected = match how {
            Approval::FirstCome => EnrollmentStatus::Applied,
            Approval::Promoted => {
                let first = self.line.pop_first().map(|(_, first)| first);
                if first != Some(id) {
                    self.fault(row, &format!("{id} was promoted and {first:?} is first in line"));
                }
                self.promoted.push(id);
                EnrollmentStatus::Waitlisted
            }
            Approval::Decided { .. } | Approval::Accepted => {
                return self.fault(row, &format!("no request asked for the approval of {id}"));
            }
        };
        let before = self.turn(id, EnrollmentStatus::Approved);
        if before != Some(expected) {
            self.fault(row, &format!("{id} was approved as {before:?}"));
        }
    }

    /// Sets the status; returns the one before.
    fn turn(&mut self, id: EnrollmentId, to: EnrollmentStatus) -> Option<EnrollmentStatus> {
        let found = self.statuses.get_mut(&id)?;
        Some(std::mem::replace(&mut found.1, to))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use admitone::ids::{BatchId, Epoch, InstanceId, OfferingId, ProductId};
    use admitone::inventory::{Fit, Line, Moved, Transition};
    use admitone::journal::{Head, RowFields};

    use super::*;

    fn waits(rank: i64) -> Change {
        let (enrollment, customer) = (EnrollmentId::random(), UserId::random());
        Change::Enrolled { enrollment, customer, answers: None, into: Entered::Waitlisted { rank } }
    }

    fn promoted(change: &Change) -> Change {
        let Change::Enrolled { enrollment, customer, .. } = change else {
            panic!("an application")
        };
        let moved = Moved { from: EnrollmentStatus::Waitlisted, version: 2 };
        let line = Line {
            product: ProductId(0),
            quantity: 1,
            unit_price: 0,
            seats: Box::default(),
            fit: Fit::Exact,
        };
        let (enrollment, customer, how) = (*enrollment, *customer, Approval::Promoted);
        Change::EnrollmentApproved { enrollment, customer, line, pay_by: None, how, moved }
    }

    /// Returns the faults of a class with this number of places, of which none is taken.
    fn faults(places: usize, changes: Vec<Change>) -> Vec<String> {
        let transition = Transition { idempotency: None, changes };
        let record = Record::Batch(vec![Arc::new(transition)]);
        let (owner, batch_id) = (InstanceId::random(), BatchId::random());
        let offering = OfferingId::random();
        let fields = RowFields { offering, epoch: Epoch(1), owner, batch_id, at: 0 };
        let row = Row::new(&Head::EMPTY, fields, &record);
        let mut replay = Replay::of(places, 1);
        replay.take(&row, &record);
        replay.wrong
    }

    #[test]
    fn the_replay_finds_what_breaks_a_rule() {
        let (one, two) = (waits(1), waits(2));
        for (says, places, changes) in [
            ("waits and a place is free", 1, vec![one.clone()]),
            ("of a line that ends at", 0, vec![one.clone(), two.clone()]),
            ("of a line that ends at", 0, vec![two.clone(), one.clone()]),
            ("is first in line", 0, vec![one.clone(), two.clone(), promoted(&two)]),
            ("was promoted and None", 0, vec![one.clone(), promoted(&one), promoted(&one)]),
            ("1 have places", 0, vec![one.clone(), promoted(&one)]),
            ("has two enrollments", 0, vec![one.clone(), one.clone()]),
        ] {
            let found = faults(places, changes);
            assert!(found.iter().any(|fault| fault.contains(says)), "{says}: {found:?}");
        }
        assert_eq!(faults(0, vec![one]), Vec::<String>::new());
    }
}
