//! Decides what administrators do with the applications for a class: decisions one by one and many
//! at once, moves in line, attendance.

use super::class::{
    Approval, Attendance, EnrollmentStatus, EnrollmentView, MAX_MARKS, MAX_VERDICTS, Ruling,
    Verdict,
};
use super::decide::Decided;
use super::decide_class::{PLACES, moved, wrong_state};
use super::enrollments::RANK_STEP;
use super::status::Refusal;
use super::{Change, Inventory, Rejection, Requester, TimestampMs};
use crate::ids::{EnrollmentId, ReasonId};
use crate::planted::{Bug, is_planted};

/// Attendance can be recorded this long before the class begins.
const DOORS_OPEN_MS: i64 = 24 * 3_600_000;

/// The room that is left while many decisions are made, none of which is applied yet: each is
/// decided as if those before it had been made alone.
struct Room {
    /// Free places, those included that the line gets at the end.
    free: u32,
    /// Enrollments in line.
    line: u32,
    /// True if the line gets free places.
    promotes: bool,
    next_rank: i64,
}

impl Room {
    /// Places that an approval can have: those that the line leaves.
    fn places(&self) -> u32 {
        match self.line {
            0 => self.free,
            _ if is_planted(Bug::LineJumped) => self.free,
            line if self.promotes => self.free.saturating_sub(line),
            _ => 0,
        }
    }
}

impl Inventory {
    fn room(&self) -> Result<Room, Rejection> {
        let enrollments = &self.class()?.enrollments;
        let next_rank = enrollments.next_rank();
        let line = u32::try_from(enrollments.waiting()).unwrap_or(u32::MAX);
        let free = self.products[PLACES.index()].counts.available;
        Ok(Room { free, line, promotes: !self.is_over(), next_rank })
    }

    pub(super) fn decide_enrollment(&self, verdict: &Verdict) -> Decided {
        self.not_cancelled()?;
        self.decide_verdict(verdict, &mut self.room()?)
    }

    pub(super) fn decide_enrollments(&self, verdicts: &[Verdict]) -> Decided {
        self.not_cancelled()?;
        let mut room = self.room()?;
        if verdicts.is_empty() || verdicts.len() > MAX_VERDICTS {
            return Err(invalid(format!("1 to {MAX_VERDICTS} decisions at once")).into());
        }
        let mut ids: Vec<_> = verdicts.iter().map(|verdict| verdict.enrollment).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(invalid("an enrollment is named twice").into());
        }
        let mut changes = Vec::with_capacity(verdicts.len());
        for verdict in verdicts {
            let enrollment = verdict.enrollment;
            match self.decide_verdict(verdict, &mut room) {
                Ok(decided) => changes.extend(decided),
                Err(Refusal::Rejected(rejection)) => {
                    let rejection = Box::new(rejection);
                    changes.push(Change::VerdictRefused { enrollment, rejection });
                }
                Err(Refusal::HappenedAt(place)) => return Err(Refusal::HappenedAt(place)),
            }
        }
        Ok(changes)
    }

    fn decide_verdict(&self, verdict: &Verdict, room: &mut Room) -> Decided {
        let found = self.enrollment_of(verdict.enrollment, Requester::Admin)?;
        let is_stale = verdict.version.is_some_and(|version| version != found.version);
        if is_stale && !is_planted(Bug::VersionIgnored) {
            return Err(Rejection::VersionConflict { current: found.version }.into());
        }
        match (verdict.ruling, found.status) {
            (_, EnrollmentStatus::Canceled) => Err(wrong_state(found.status).into()),
            // What had a place has no second one: its id names that place for ever.
            (_, EnrollmentStatus::Rejected) if found.had_place => {
                Err(wrong_state(found.status).into())
            }
            (_, EnrollmentStatus::Rejected) if !self.is_last(&found) => {
                Err(wrong_state(found.status).into())
            }
            (Ruling::Reject, EnrollmentStatus::Rejected) => Err(wrong_state(found.status).into()),
            (Ruling::Reject, _) => self.reject(&found, verdict.reason, room),
            (Ruling::Approve | Ruling::ApproveOrWaitlist, EnrollmentStatus::Offered) => {
                Ok(vec![self.approved(&found, verdict.reason)])
            }
            (Ruling::Approve | Ruling::ApproveOrWaitlist, EnrollmentStatus::Approved) => {
                Err(wrong_state(found.status).into())
            }
            (Ruling::Approve | Ruling::ApproveOrWaitlist, _) if room.places() > 0 => {
                room.free -= 1;
                Ok(vec![self.approved(&found, verdict.reason)])
            }
            (Ruling::Approve, _) => Err(Rejection::NoPlacesLeft { left: 0 }.into()),
            (
                Ruling::Waitlist | Ruling::ApproveOrWaitlist,
                EnrollmentStatus::Applied | EnrollmentStatus::Rejected,
            ) => self.wait(&found, verdict.reason, room),
            (Ruling::Waitlist | Ruling::ApproveOrWaitlist, _) => {
                Err(wrong_state(found.status).into())
            }
        }
    }

    /// True if the customer has not applied again since.
    fn is_last(&self, found: &EnrollmentView) -> bool {
        let last = self.class.as_ref().and_then(|class| class.enrollments.last_of(found.customer));
        last.is_some_and(|last| last.id == found.id)
    }

    fn approved(&self, found: &EnrollmentView, reason: Option<ReasonId>) -> Change {
        let how = Approval::Decided { reason };
        self.approval(found.id, found.customer, how, moved(found))
    }

    fn wait(&self, found: &EnrollmentView, reason: Option<ReasonId>, room: &mut Room) -> Decided {
        let left = room.places();
        if left > 0 {
            return Err(Rejection::PlacesLeft { left }.into());
        }
        let capacity = self.class()?.rules.waitlist;
        if room.line >= capacity {
            return Err(Rejection::WaitlistUnavailable { full: capacity > 0 }.into());
        }
        room.line += 1;
        let rank = room.next_rank;
        room.next_rank = rank.saturating_add(RANK_STEP);
        let (enrollment, customer, moved) = (found.id, found.customer, moved(found));
        Ok(vec![Change::EnrollmentWaitlisted { enrollment, customer, rank, reason, moved }])
    }

    fn reject(&self, found: &EnrollmentView, reason: Option<ReasonId>, room: &mut Room) -> Decided {
        let mut changes = match found.status {
            EnrollmentStatus::Approved => {
                self.decide_cancel_reservation(found.id.reservation(), Requester::Admin)?
            }
            EnrollmentStatus::Offered => vec![Change::HoldReleased { hold: found.id.offer() }],
            _ => Vec::new(),
        };
        match found.status {
            EnrollmentStatus::Approved | EnrollmentStatus::Offered => room.free += 1,
            EnrollmentStatus::Waitlisted => room.line -= 1,
            EnrollmentStatus::Applied | EnrollmentStatus::Rejected | EnrollmentStatus::Canceled => {
            }
        }
        let (enrollment, customer, moved) = (found.id, found.customer, moved(found));
        changes.push(Change::EnrollmentRejected { enrollment, customer, reason, moved });
        Ok(changes)
    }

    pub(super) fn decide_move_up(
        &self,
        enrollment: EnrollmentId,
        position: u32,
        reason: ReasonId,
    ) -> Decided {
        self.not_cancelled()?;
        let found = self.living_enrollment(enrollment, Requester::Admin, None)?;
        let enrollments = &self.class()?.enrollments;
        let Some(present) = enrollments.position(enrollment) else {
            return Err(wrong_state(found.status).into());
        };
        if present == 1 {
            return Err(invalid("the enrollment is the first in line already").into());
        }
        if position == 0 || position >= present {
            let reason = format!("position must be 1 to {}: it is {present} now", present - 1);
            return Err(invalid(reason).into());
        }
        let mut before = enrollments.line().skip((position as usize).saturating_sub(2));
        let ahead = (position > 1).then(|| before.next()).flatten().map(|(rank, _)| rank);
        let behind = before.next().map_or(0, |(rank, _)| rank);
        let rank = match ahead {
            None => behind.saturating_sub(RANK_STEP),
            Some(ahead) => ahead.midpoint(behind),
        };
        if ahead == Some(rank) || rank == behind {
            let reason = "too many were moved to this position: choose the one before or after";
            return Err(invalid(reason).into());
        }
        let version = found.version.saturating_add(1);
        Ok(vec![Change::WaitlistMoved { enrollment, rank, reason, version }])
    }

    pub(super) fn decide_attendance(
        &self,
        marks: &[(EnrollmentId, Option<Attendance>)],
    ) -> Decided {
        self.not_cancelled()?;
        if marks.is_empty() || marks.len() > MAX_MARKS {
            return Err(invalid(format!("1 to {MAX_MARKS} marks at once")).into());
        }
        let opens = self.times.map(|times| times.starts_at.saturating_sub(DOORS_OPEN_MS));
        if opens.is_some_and(|opens: TimestampMs| self.now < opens) {
            let reason = "attendance can be recorded from 24 hours before startAt";
            return Err(invalid(reason).into());
        }
        let mut ids: Vec<_> = marks.iter().map(|(enrollment, _)| *enrollment).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(invalid("an enrollment is named twice").into());
        }
        let mut changes = Vec::with_capacity(marks.len());
        for (enrollment, attendance) in marks {
            let found = self.living_enrollment(*enrollment, Requester::Admin, None)?;
            if found.status != EnrollmentStatus::Approved {
                return Err(wrong_state(found.status).into());
            }
            if !self.is_confirmed(found.id) {
                let (what, state) = ("enrollment".into(), "not paid yet".into());
                return Err(Rejection::WrongState { what, state }.into());
            }
            let (enrollment, attendance) = (*enrollment, *attendance);
            let version = found.version.saturating_add(1);
            changes.push(Change::AttendanceRecorded { enrollment, attendance, version });
        }
        Ok(changes)
    }

    fn is_confirmed(&self, id: EnrollmentId) -> bool {
        self.claims
            .reservation(id.reservation())
            .is_some_and(|(_, reservation)| reservation.state.is_confirmed())
    }
}

fn invalid(reason: impl Into<std::borrow::Cow<'static, str>>) -> Rejection {
    Rejection::Invalid { reason: reason.into() }
}
