//! The rules of a class, checked anew from its journal: one living enrollment per customer, places
//! within the capacity, a line that is served from its front and never passed by.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use admitone::ids::UserId;
use admitone::inventory::{
    Approval, Change, ClassRules, EnrollmentStatus, Entered, Moved, TimestampMs,
};

/// The enrollments of a class, as its journal has them.
#[derive(Default)]
pub(super) struct Class {
    pub(super) rules: Option<ClassRules>,
    pub(super) enrollments: HashMap<Uuid, Enrollment>,
    living: HashMap<UserId, Uuid>,
    /// By rank.
    pub(super) line: BTreeMap<i64, Uuid>,
    /// Those that were promoted, in the order in which they were.
    pub(super) promoted: Vec<Uuid>,
    /// When nothing is given to the line any more.
    starts_at: Option<TimestampMs>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Enrollment {
    pub(super) customer: UserId,
    pub(super) status: EnrollmentStatus,
    version: u32,
}

impl Class {
    /// Folds a change at a time; returns what is wrong with it. `free` is the number of free places
    /// before it.
    pub(super) fn take(&mut self, change: &Change, free: i64, at: TimestampMs) -> Vec<String> {
        let mut wrong = Vec::new();
        match change {
            Change::ClassRulesSet { rules } => self.rules = Some(*rules),
            Change::EventTimesSet { starts_at, .. } => self.starts_at = Some(*starts_at),
            Change::Enrolled { enrollment, customer, into, .. } => {
                let status = match into {
                    Entered::Waitlisted { rank } => {
                        if free > 0 && self.line.is_empty() {
                            wrong.push(format!("{enrollment} waits, and {free} places are free"));
                        }
                        self.join(enrollment.0, *rank, &mut wrong);
                        EnrollmentStatus::Waitlisted
                    }
                    // The approval follows, and is checked there.
                    Entered::Applied | Entered::Approved => EnrollmentStatus::Applied,
                };
                let version = u32::from(*into != Entered::Approved);
                let new = Enrollment { customer: *customer, status, version };
                if self.enrollments.insert(enrollment.0, new).is_some() {
                    wrong.push(format!("{enrollment} applied twice"));
                }
                if self.living.insert(*customer, enrollment.0).is_some() {
                    wrong.push(format!("{customer} has two living enrollments"));
                }
            }
            Change::EnrollmentApproved { enrollment, how, moved, .. } => {
                let waiting = i64::try_from(self.line.len()).unwrap_or(i64::MAX);
                let is_left = free > waiting && !self.has_started(at) || waiting == 0;
                if *how == Approval::Promoted {
                    self.promote(enrollment.0, &mut wrong);
                } else if moved.from != EnrollmentStatus::Offered && !is_left {
                    wrong.push(format!("{enrollment} passed those in line"));
                }
                self.turn(enrollment.0, *moved, EnrollmentStatus::Approved, &mut wrong);
            }
            Change::PlaceOffered { enrollment, moved, .. } => {
                self.promote(enrollment.0, &mut wrong);
                self.turn(enrollment.0, *moved, EnrollmentStatus::Offered, &mut wrong);
            }
            Change::EnrollmentWaitlisted { enrollment, rank, moved, .. } => {
                self.turn(enrollment.0, *moved, EnrollmentStatus::Waitlisted, &mut wrong);
                self.join(enrollment.0, *rank, &mut wrong);
            }
            Change::EnrollmentRejected { enrollment, moved, .. } => {
                self.turn(enrollment.0, *moved, EnrollmentStatus::Rejected, &mut wrong);
            }
            Change::EnrollmentsCanceled { enrollments, .. } => {
                for one in enrollments {
                    let (id, moved) = (one.enrollment.0, one.moved);
                    self.turn(id, moved, EnrollmentStatus::Canceled, &mut wrong);
                }
            }
            Change::EnrollmentRevived { enrollment, moved, .. } => {
                self.turn(enrollment.0, *moved, EnrollmentStatus::Approved, &mut wrong);
            }
            Change::AnswersReplaced { enrollment, version, .. } => {
                self.keep(enrollment.0, EnrollmentStatus::Applied, *version, &mut wrong);
            }
            Change::AttendanceRecorded { enrollment, version, .. } => {
                self.keep(enrollment.0, EnrollmentStatus::Approved, *version, &mut wrong);
            }
            Change::WaitlistMoved { enrollment, rank, version, .. } => {
                self.keep(enrollment.0, EnrollmentStatus::Waitlisted, *version, &mut wrong);
                self.line.retain(|_, waiting| *waiting != enrollment.0);
                self.join(enrollment.0, *rank, &mut wrong);
            }
            _ => {}
        }
        wrong
    }

    /// What must hold after a whole transition: no place is free while the line could have it.
    pub(super) fn passed_by(&self, free: i64, at: TimestampMs) -> Option<String> {
        let waits = !self.line.is_empty() && free > 0 && !self.has_started(at);
        waits.then(|| format!("{free} places are free and {} wait", self.line.len()))
    }

    fn has_started(&self, at: TimestampMs) -> bool {
        self.starts_at.is_some_and(|starts_at| starts_at <= at)
    }

    /// The status of an enrollment, if it applied.
    pub(super) fn status(&self, id: Uuid) -> Option<EnrollmentStatus> {
        self.enrollments.get(&id).map(|found| found.status)
    }

    fn join(&mut self, id: Uuid, rank: i64, wrong: &mut Vec<String>) {
        if self.line.insert(rank, id).is_some() {
            wrong.push(format!("two wait at rank {rank}"));
        }
        let most = self.rules.map_or(0, |rules| rules.waitlist as usize);
        if self.line.len() > most {
            wrong.push(format!("{} wait where {most} may", self.line.len()));
        }
    }

    fn promote(&mut self, id: Uuid, wrong: &mut Vec<String>) {
        if self.line.first_key_value().map(|(_, first)| *first) != Some(id) {
            wrong.push(format!("{id} was promoted and was not the first in line"));
        }
        self.promoted.push(id);
    }

    /// A change that leaves the status.
    fn keep(&mut self, id: Uuid, status: EnrollmentStatus, version: u32, wrong: &mut Vec<String>) {
        let Some(found) = self.enrollments.get_mut(&id) else {
            return wrong.push(format!("{id} never applied"));
        };
        if (found.status, found.version + 1) != (status, version) {
            let is = (found.status, found.version);
            wrong.push(format!("{id} is {is:?}, and changed as {status:?} to version {version}"));
        }
        found.version = version;
    }

    fn turn(&mut self, id: Uuid, moved: Moved, to: EnrollmentStatus, wrong: &mut Vec<String>) {
        let from = moved.from;
        let Some(found) = self.enrollments.get_mut(&id) else {
            return wrong.push(format!("{id} never applied"));
        };
        if found.status != from || from == to {
            wrong.push(format!("{id} went from {:?} to {to:?}", found.status));
        }
        if found.version + 1 != moved.version {
            wrong.push(format!("{id} went from version {} to {}", found.version, moved.version));
        }
        (found.status, found.version) = (to, moved.version);
        let customer = found.customer;
        if from == EnrollmentStatus::Waitlisted {
            self.line.retain(|_, waiting| *waiting != id);
        }
        match (from.is_living(), to.is_living()) {
            (true, false) => {
                self.living.remove(&customer);
            }
            (false, true) if self.living.insert(customer, id).is_some() => {
                wrong.push(format!("{customer} has two living enrollments"));
            }
            (false, true) => {}
            (true, true) | (false, false) => {}
        }
    }
}
