//! The rules of a class, in the simplest possible books: one living enrollment per customer, a line
//! that is served from its front and never passed by, and a place for each approved enrollment.

use std::collections::{BTreeMap, HashMap};

use crate::ids::{EnrollmentId, UserId};
use crate::inventory::{
    Approval, Change, ClassRules, EnrollmentStatus, Entered, Moved, TimestampMs, Verdict,
};

#[derive(Default)]
pub(super) struct ClassModel {
    rules: Option<ClassRules>,
    starts_at: Option<TimestampMs>,
    enrollments: BTreeMap<EnrollmentId, (UserId, EnrollmentStatus, u32)>,
    /// By rank.
    line: BTreeMap<i64, EnrollmentId>,
}

impl ClassModel {
    /// Takes a change; `free` is the number of free places before it.
    pub(super) fn take(
        &mut self,
        at: TimestampMs,
        free: u32,
        change: &Change,
    ) -> Result<(), String> {
        match change {
            Change::ClassRulesSet { rules } => self.rules = Some(*rules),
            Change::EventTimesSet { starts_at, .. } => self.starts_at = Some(*starts_at),
            Change::Enrolled { enrollment, customer, into, .. } => {
                let (status, version) = match into {
                    Entered::Waitlisted { rank } => {
                        self.join(*enrollment, *rank)?;
                        (EnrollmentStatus::Waitlisted, 1)
                    }
                    Entered::Applied => (EnrollmentStatus::Applied, 1),
                    Entered::Approved => (EnrollmentStatus::Applied, 0),
                };
                let new = (*customer, status, version);
                if self.enrollments.insert(*enrollment, new).is_some() {
                    return Err(format!("{enrollment} applied twice"));
                }
            }
            Change::EnrollmentApproved { enrollment, how, moved, .. } => {
                match how {
                    Approval::Promoted => self.is_first(*enrollment)?,
                    Approval::FirstCome | Approval::Decided { .. }
                        if moved.from != EnrollmentStatus::Offered =>
                    {
                        self.is_left_by_line(at, free)?;
                    }
                    Approval::FirstCome | Approval::Decided { .. } | Approval::Accepted => {}
                }
                self.turn(*enrollment, *moved, EnrollmentStatus::Approved)?;
            }
            Change::PlaceOffered { enrollment, moved, .. } => {
                self.is_first(*enrollment)?;
                self.turn(*enrollment, *moved, EnrollmentStatus::Offered)?;
            }
            Change::EnrollmentWaitlisted { enrollment, rank, moved, .. } => {
                self.turn(*enrollment, *moved, EnrollmentStatus::Waitlisted)?;
                self.join(*enrollment, *rank)?;
            }
            Change::EnrollmentRejected { enrollment, moved, .. } => {
                self.turn(*enrollment, *moved, EnrollmentStatus::Rejected)?;
            }
            Change::EnrollmentsCanceled { enrollments, .. } => {
                for one in enrollments {
                    self.turn(one.enrollment, one.moved, EnrollmentStatus::Canceled)?;
                }
            }
            Change::EnrollmentRevived { enrollment, moved, .. } => {
                self.turn(*enrollment, *moved, EnrollmentStatus::Approved)?;
            }
            Change::WaitlistMoved { enrollment, rank, version, .. } => {
                let from = EnrollmentStatus::Waitlisted;
                self.turn(*enrollment, Moved { from, version: *version }, from)?;
                self.line.retain(|_, waiting| waiting != enrollment);
                self.join(*enrollment, *rank)?;
            }
            Change::AnswersReplaced { enrollment, version, .. } => {
                let from = EnrollmentStatus::Applied;
                self.turn(*enrollment, Moved { from, version: *version }, from)?;
            }
            Change::AttendanceRecorded { enrollment, version, .. } => {
                let from = EnrollmentStatus::Approved;
                self.turn(*enrollment, Moved { from, version: *version }, from)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// What must hold after a whole transition. `has_place` says whether an enrollment has a claim.
    pub(super) fn check(
        &self,
        at: TimestampMs,
        free: u32,
        has_place: impl Fn(EnrollmentId) -> bool,
    ) -> Result<(), String> {
        let mut living = HashMap::new();
        for (id, (customer, status, _)) in &self.enrollments {
            let needs = matches!(status, EnrollmentStatus::Approved | EnrollmentStatus::Offered);
            if needs != has_place(*id) {
                return Err(format!("{id} is {status:?}, and its place says otherwise"));
            }
            if status.is_living() && living.insert(*customer, id).is_some() {
                return Err(format!("{customer} has two living enrollments"));
            }
        }
        if free > 0 && !self.line.is_empty() && !self.has_started(at) {
            return Err(format!("{free} places are free and {} wait", self.line.len()));
        }
        Ok(())
    }

    fn has_started(&self, at: TimestampMs) -> bool {
        self.starts_at.is_some_and(|starts_at| starts_at <= at)
    }

    fn is_first(&self, id: EnrollmentId) -> Result<(), String> {
        match self.line.first_key_value() {
            Some((_, first)) if *first == id => Ok(()),
            _ => Err(format!("{id} is promoted and is not the first in line")),
        }
    }

    fn is_left_by_line(&self, at: TimestampMs, free: u32) -> Result<(), String> {
        let waiting = u32::try_from(self.line.len()).unwrap_or(u32::MAX);
        if waiting == 0 || free > waiting && !self.has_started(at) {
            return Ok(());
        }
        Err(format!("{waiting} wait, and one of {free} places goes past them"))
    }

    fn join(&mut self, id: EnrollmentId, rank: i64) -> Result<(), String> {
        match self.line.insert(rank, id) {
            Some(other) => Err(format!("{id} and {other} wait at one place in line")),
            None => Ok(()),
        }
    }

    fn turn(&mut self, id: EnrollmentId, moved: Moved, to: EnrollmentStatus) -> Result<(), String> {
        let found = self.enrollments.get_mut(&id).ok_or_else(|| format!("{id} never applied"))?;
        if (found.1, found.2 + 1) != (moved.from, moved.version) {
            return Err(format!("{id} went from {:?}, version {}: {moved:?}", found.1, found.2));
        }
        (found.1, found.2) = (to, moved.version);
        if to != EnrollmentStatus::Waitlisted {
            self.line.retain(|_, waiting| *waiting != id);
        }
        Ok(())
    }
}

/// True if the changes decide this verdict at the version that it names.
pub(super) fn follows_version(verdict: &Verdict, changes: &[Change]) -> bool {
    let Some(version) = verdict.version else { return true };
    let decided = changes.iter().find_map(|change| match change {
        Change::EnrollmentApproved { enrollment, moved, .. }
        | Change::EnrollmentWaitlisted { enrollment, moved, .. }
        | Change::EnrollmentRejected { enrollment, moved, .. }
            if *enrollment == verdict.enrollment =>
        {
            Some(moved.version)
        }
        Change::VerdictRefused { enrollment, .. } if *enrollment == verdict.enrollment => {
            Some(version + 1)
        }
        _ => None,
    });
    decided == Some(version + 1)
}
