//! Decisions of administrators about applications.

use futures_util::future::join_all;

use crate::box_office::SubmitError;
use crate::classes::enrolling::Sender;
use crate::classes::{ClassError, Classes};
use crate::ids::{EnrollmentId, OfferingId};
use crate::inventory::{
    Attendance, Change, Command, MAX_MARKS, Rejection, Ruling, TimestampMs, Verdict,
};
use crate::store::EnrollmentRow;

/// A mark for an enrollment; `None` takes a mark back.
type Mark = (EnrollmentId, Option<Attendance>);

/// Marks that are recorded at once, each by a command of its own.
const ABREAST: usize = 20;

/// What an administrator wants to be decided, for one application or for many.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Wish {
    pub ruling: Ruling,
    pub reason: Option<String>,
}

/// An application to decide.
#[derive(Clone, Copy, Debug)]
pub struct Decision {
    /// The application.
    pub enrollment: EnrollmentId,
    /// The version that the administrator saw.
    pub version: Option<u32>,
}

/// What became of one of many decisions.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The application.
    pub enrollment: EnrollmentId,
    /// `Err` if the decision was refused.
    pub decided: Result<(), Rejection>,
}

impl Classes {
    /// Decides one application. Returns whether this repeats an earlier request with the key.
    ///
    /// # Errors
    /// The refusal, or why nothing could be decided.
    pub async fn decide(
        &self,
        row: &EnrollmentRow,
        sender: Sender<'_>,
        wish: &Wish,
        version: Option<u32>,
        now: TimestampMs,
    ) -> Result<bool, ClassError> {
        let body = (row.id, word(wish.ruling), &wish.reason, version);
        let identity = self.identity(row.class, sender, "decide", &body).await?;
        let reason = self.keep_reason(row.class, sender.user, wish.reason.as_deref(), now).await?;
        let verdict = Verdict { enrollment: row.id, ruling: wish.ruling, reason, version };
        let command = Command::DecideEnrollment { verdict };
        let committed = self.submit_by_admin(row.class, sender.user, command, identity).await;
        Ok(self.with_reason(reason, committed)?.replayed)
    }

    /// Decides many applications of a class, in this order. Each has an outcome of its own.
    ///
    /// # Errors
    /// The refusal of all, or why nothing could be decided.
    pub async fn decide_many(
        &self,
        class: OfferingId,
        sender: Sender<'_>,
        wish: &Wish,
        decisions: &[Decision],
        now: TimestampMs,
    ) -> Result<(Vec<Outcome>, bool), ClassError> {
        let all: Vec<_> = decisions.iter().map(|one| (one.enrollment, one.version)).collect();
        let body = (word(wish.ruling), &wish.reason, &all);
        let identity = self.identity(class, sender, "decide many", &body).await?;
        let reason = self.keep_reason(class, sender.user, wish.reason.as_deref(), now).await?;
        let ruling = wish.ruling;
        let verdict = |(enrollment, version)| Verdict { enrollment, ruling, reason, version };
        let verdicts: Vec<Verdict> = all.into_iter().map(verdict).collect();
        let command = Command::DecideEnrollments { verdicts };
        let committed = self.submit_by_admin(class, sender.user, command, identity).await;
        let committed = self.with_reason(reason, committed)?;
        let changes = &committed.transition.changes;
        let is_refused = |change: &Change| matches!(change, Change::VerdictRefused { .. });
        if let Some(reason) = reason.filter(|_| changes.iter().all(is_refused)) {
            self.store.reason_forget(reason);
        }
        let refused = |id: EnrollmentId| {
            committed.transition.changes.iter().find_map(|change| match change {
                Change::VerdictRefused { enrollment, rejection } if *enrollment == id => {
                    Some(Rejection::clone(rejection))
                }
                _ => None,
            })
        };
        let outcome = |one: &Decision| Outcome {
            enrollment: one.enrollment,
            decided: refused(one.enrollment).map_or(Ok(()), Err),
        };
        Ok((decisions.iter().map(outcome).collect(), committed.replayed))
    }

    /// Returns the rows of decided applications, and the names of their applicants.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn named(
        &self,
        outcomes: &[Outcome],
    ) -> Result<Vec<(EnrollmentRow, String)>, ClassError> {
        // An id that is not of the class says nothing about the enrollment of another.
        let of_class =
            outcomes.iter().filter(|one| one.decided != Err(Rejection::EnrollmentNotFound));
        let ids: Vec<EnrollmentId> = of_class.map(|one| one.enrollment).collect();
        let rows = self.store.enrollment_get_many(&ids).await?;
        let people = self.store.people(rows.iter().map(|row| row.user)).await?;
        let name = |row: &EnrollmentRow| {
            let person = people.get(&row.user);
            person.map_or_else(String::new, |it| it.name.clone().unwrap_or(it.email.clone()))
        };
        Ok(rows.into_iter().map(|row| (row.clone(), name(&row))).collect())
    }

    /// Moves a waiting enrollment up to a position in the line.
    ///
    /// # Errors
    /// The refusal, or why nothing could be decided.
    pub async fn move_up(
        &self,
        row: &EnrollmentRow,
        sender: Sender<'_>,
        position: u32,
        reason: &str,
        now: TimestampMs,
    ) -> Result<bool, ClassError> {
        let identity =
            self.identity(row.class, sender, "move up", &(row.id, position, reason)).await?;
        let kept = self.keep_reason(row.class, sender.user, Some(reason), now).await?;
        let Some(reason) = kept else {
            let problem = "must say why: the others in line are passed";
            return Err(crate::text::InvalidField::new("reason", problem).into());
        };
        let command = Command::MoveUp { enrollment: row.id, position, reason };
        let committed = self.submit_by_admin(row.class, sender.user, command, identity).await;
        Ok(self.with_reason(Some(reason), committed)?.replayed)
    }

    /// Records who attended.
    ///
    /// # Errors
    /// The refusal, or why nothing could be decided.
    pub async fn record_attendance(
        &self,
        class: OfferingId,
        sender: Sender<'_>,
        marks: Vec<Mark>,
    ) -> Result<bool, ClassError> {
        let identity = self.identity(class, sender, "attendance", &marks).await?;
        let command = Command::RecordAttendance { marks };
        Ok(self.submit_by_admin(class, sender.user, command, identity).await?.replayed)
    }

    /// Records who attended: all in one step, or each by itself where that is refused, so that one
    /// who cannot be marked keeps no other from it. A repetition with the same key has the same
    /// outcomes.
    ///
    /// # Errors
    /// More than [`MAX_MARKS`]; or why nothing could be decided: then some may be recorded, and a
    /// repetition records the rest.
    pub async fn record_attendance_of_each(
        &self,
        class: OfferingId,
        sender: Sender<'_>,
        marks: &[Mark],
    ) -> Result<Vec<Outcome>, ClassError> {
        let outcome = |enrollment, decided| Outcome { enrollment, decided };
        match self.record_attendance(class, sender, marks.to_vec()).await {
            Ok(_) => return Ok(marks.iter().map(|(id, _)| outcome(*id, Ok(()))).collect()),
            Err(ClassError::Command(SubmitError::Rejected(_))) if marks.len() <= MAX_MARKS => {}
            Err(error) => return Err(error),
        }
        let mut outcomes = Vec::with_capacity(marks.len());
        for some in marks.chunks(ABREAST) {
            let recorded = join_all(some.iter().map(|mark| async move {
                let key = sender.key.map(|key| format!("{key}-{}", mark.0));
                let sender = Sender { key: key.as_deref(), ..sender };
                self.record_attendance(class, sender, vec![*mark]).await
            }));
            for (mark, recorded) in some.iter().zip(recorded.await) {
                outcomes.push(match recorded {
                    Ok(_) => outcome(mark.0, Ok(())),
                    Err(ClassError::Command(SubmitError::Rejected(refused))) => {
                        outcome(mark.0, Err(refused))
                    }
                    Err(error) => return Err(error),
                });
            }
        }
        Ok(outcomes)
    }
}

fn word(ruling: Ruling) -> &'static str {
    match ruling {
        Ruling::Approve => "APPROVED",
        Ruling::ApproveOrWaitlist => "APPROVED or WAITLISTED",
        Ruling::Waitlist => "WAITLISTED",
        Ruling::Reject => "REJECTED",
    }
}
