//! The applications for one class, living and ended, and the line of those that wait. They are kept
//! until the class is over: whether a customer has applied before matters as long as one can apply.

use std::collections::BTreeMap;

use super::TimestampMs;
use super::class::{ClassRules, EnrollmentStatus, EnrollmentView};
use super::id_map::IdMap;
use crate::ids::{EnrollmentId, UserId};

/// The distance of two neighbours in line when they join: a move up takes the middle between two.
pub(super) const RANK_STEP: i64 = 1 << 20;

/// The state of a class beside its places.
#[derive(Clone, Debug)]
pub(super) struct Class {
    pub(super) rules: ClassRules,
    pub(super) enrollments: Enrollments,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Enrollments {
    by_id: IdMap<EnrollmentId, EnrollmentView>,
    applicants: IdMap<UserId, Applicant>,
    line: BTreeMap<i64, EnrollmentId>,
    living: u32,
}

#[derive(Clone, Copy, Debug)]
struct Applicant {
    /// The last enrollment of the customer; at most it is living.
    last: EnrollmentId,
    applications: u32,
}

impl Class {
    pub(super) fn new(rules: ClassRules) -> Self {
        Self { rules, enrollments: Enrollments::default() }
    }
}

impl Enrollments {
    pub(super) fn get(&self, id: EnrollmentId) -> Option<&EnrollmentView> {
        self.by_id.get(&id)
    }

    pub(super) fn last_of(&self, customer: UserId) -> Option<&EnrollmentView> {
        self.by_id.get(&self.applicants.get(&customer)?.last)
    }

    /// Number of applications of a customer, those that ended included.
    pub(super) fn applications_of(&self, customer: UserId) -> u32 {
        self.applicants.get(&customer).map_or(0, |found| found.applications)
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Number of enrollments that are not over.
    pub(super) fn living(&self) -> u32 {
        self.living
    }

    /// Number of enrollments in line.
    pub(super) fn waiting(&self) -> usize {
        self.line.len()
    }

    /// The enrollment that has waited longest, or was moved before the others.
    pub(super) fn first_in_line(&self) -> Option<&EnrollmentView> {
        self.by_id.get(self.line.first_key_value()?.1)
    }

    /// The line from its front.
    pub(super) fn line(&self) -> impl DoubleEndedIterator<Item = (i64, EnrollmentId)> {
        self.line.iter().map(|(rank, id)| (*rank, *id))
    }

    /// The rank of the next to join the line.
    pub(super) fn next_rank(&self) -> i64 {
        self.line.last_key_value().map_or(0, |(last, _)| last.saturating_add(RANK_STEP))
    }

    /// All enrollments, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &EnrollmentView> {
        self.by_id.values()
    }

    /// Adds an enrollment; returns `false` when its id is in use, its customer has a living one, or
    /// its rank is taken.
    pub(super) fn add(&mut self, new: EnrollmentView) -> bool {
        let has_living = self.last_of(new.customer).is_some_and(|last| last.status.is_living());
        let is_taken = new.rank.is_some_and(|rank| self.line.contains_key(&rank));
        if self.by_id.contains_key(&new.id) || is_taken || has_living && new.status.is_living() {
            return false;
        }
        if let Some(rank) = new.rank {
            self.line.insert(rank, new.id);
        }
        self.living += u32::from(new.status.is_living());
        // Loaded in the order of application: the last one counts, and a living one always does.
        let mut applicant = Applicant { last: new.id, applications: 1 };
        if let Some(before) = self.applicants.get(&new.customer) {
            applicant.applications += before.applications;
            if has_living {
                applicant.last = before.last;
            }
        }
        self.applicants.insert(new.customer, applicant);
        self.by_id.insert(new.id, new);
        true
    }

    /// Changes an enrollment, and its place in line and the counts with it. Returns `false`, with
    /// nothing changed, when the new rank is another's.
    pub(super) fn update(
        &mut self,
        id: EnrollmentId,
        change: impl FnOnce(&mut EnrollmentView),
    ) -> bool {
        let Some(found) = self.by_id.get_mut(&id) else { return false };
        let before = *found;
        let mut after = before;
        change(&mut after);
        if let Some(rank) = after.rank
            && self.line.get(&rank).is_some_and(|at_rank| *at_rank != id)
        {
            return false;
        }
        *found = after;
        if before.rank != after.rank {
            if let Some(rank) = before.rank {
                self.line.remove(&rank);
            }
            if let Some(rank) = after.rank {
                self.line.insert(rank, id);
            }
        }
        self.living -= u32::from(before.status.is_living());
        self.living += u32::from(after.status.is_living());
        if after.status.is_living()
            && let Some(applicant) = self.applicants.get_mut(&after.customer)
        {
            applicant.last = id;
        }
        true
    }

    /// The position in line, from 1. Counts all before it: for reads.
    pub(super) fn position(&self, id: EnrollmentId) -> Option<u32> {
        let rank = self.get(id)?.rank?;
        u32::try_from(self.line.range(..rank).count() + 1).ok()
    }

    /// Number of enrollments by status, counted anew.
    pub(super) fn count(&self, status: EnrollmentStatus) -> usize {
        self.iter().filter(|found| found.status == status).count()
    }

    /// All enrollments, the last of each customer after the others, each by time: equal states have
    /// equal lists.
    pub(super) fn in_order(&self) -> Vec<EnrollmentView> {
        let mut all: Vec<_> = self.iter().copied().collect();
        let is_last = |view: &EnrollmentView| {
            self.applicants.get(&view.customer).is_some_and(|found| found.last == view.id)
        };
        all.sort_unstable_by_key(|view| (is_last(view), view.applied_at, view.id));
        all
    }
}

/// The time at which nothing is given away any more: the start of the class.
pub(super) fn over(starts_at: Option<TimestampMs>, now: TimestampMs) -> bool {
    starts_at.is_some_and(|starts_at| starts_at <= now)
}
