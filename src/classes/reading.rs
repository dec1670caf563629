//! Classes and enrollments as people see them.

use serde_json::{Value, json};

use crate::box_office::SubmitError;
use crate::caller::Caller;
use crate::classes::{ClassError, Classes};
use crate::ids::{EnrollmentId, OfferingId};
use crate::inventory::{Rejection, TimestampMs};
use crate::store::{
    AnswersRow, ClassPage, ClassRow, ClassSearch, EnrollmentRow, LinePlace, ReservationRow,
};

/// An enrollment with what belongs to it.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SeenEnrollment {
    pub row: EnrollmentRow,
    pub answers: Option<AnswersRow>,
    /// The version of the form that the answers were given to; lists leave it out.
    pub form: Option<Value>,
    pub reason: Option<String>,
    /// The place in line, while it waits.
    pub line: Option<LinePlace>,
    /// The reservation of its place, if it has or had one.
    pub reservation: Option<ReservationRow>,
}

/// A page of a customer's enrollments, newest first.
#[derive(Clone, Debug)]
pub struct EnrollmentPage {
    /// At most as many as were asked for.
    pub found: Vec<SeenEnrollment>,
    /// Where the next page begins; `None` after the last.
    pub next_cursor: Option<String>,
}

impl Classes {
    /// Returns a class that can be changed.
    ///
    /// # Errors
    /// [`ClassError::NoSuchClass`], or [`Rejection::Cancelled`].
    pub async fn existing(&self, class: OfferingId) -> Result<ClassRow, ClassError> {
        let row = self.visible(class).await?;
        match row.deleted_at {
            None => Ok(row),
            Some(_) => Err(SubmitError::from(Rejection::Cancelled).into()),
        }
    }

    /// Returns a class that was not deleted, or that people applied for before it was cancelled:
    /// their links go on to say what became of it.
    ///
    /// # Errors
    /// [`ClassError::NoSuchClass`].
    pub async fn visible(&self, class: OfferingId) -> Result<ClassRow, ClassError> {
        let row = self.class(class).await?;
        let is_seen = row.deleted_at.is_none() || row.counts.all() > 0;
        if is_seen { Ok(row) } else { Err(ClassError::NoSuchClass) }
    }

    /// Returns a class, deleted ones included: for those who are enrolled in it.
    ///
    /// # Errors
    /// [`ClassError::NoSuchClass`].
    pub async fn class(&self, class: OfferingId) -> Result<ClassRow, ClassError> {
        self.store.class_get(class).await?.ok_or(ClassError::NoSuchClass)
    }

    /// Returns the classes that match.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn search(&self, search: &ClassSearch, limit: u64) -> Result<ClassPage, ClassError> {
        Ok(self.store.class_search(search, limit).await?)
    }

    /// Returns an enrollment of the caller or, for administrators, of anyone.
    ///
    /// # Errors
    /// [`Rejection::EnrollmentNotFound`], for enrollments of others too.
    pub async fn enrollment(
        &self,
        caller: Caller,
        id: EnrollmentId,
    ) -> Result<EnrollmentRow, ClassError> {
        let row = self.store.enrollment_get(id).await?;
        let row = row.filter(|row| row.user == caller.user || caller.is_admin());
        Ok(row.ok_or(Rejection::EnrollmentNotFound)?)
    }

    /// Returns a customer's enrollments, newest first, in one class or in all.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn enrollments_of(
        &self,
        caller: Caller,
        class: Option<OfferingId>,
        after: Option<(TimestampMs, EnrollmentId)>,
        limit: u64,
    ) -> Result<EnrollmentPage, ClassError> {
        let rows = self.store.enrollment_list_of(caller.user, class, after, limit).await?;
        let last = rows.last().filter(|_| rows.len() as u64 == limit);
        let next_cursor = last.map(|row| format!("{}_{}", row.applied_at, row.id));
        Ok(EnrollmentPage { found: self.seen_in_list(rows).await?, next_cursor })
    }

    /// Returns the version of a form to which answers were given, as answers of the API show it.
    async fn form_of(&self, answers: &AnswersRow) -> Result<Option<Value>, ClassError> {
        let Some((_, version)) = answers.form else { return Ok(None) };
        let found = self.store.form_version(answers.class, version).await?;
        Ok(found.map(|form| {
            let questions: Value = serde_json::from_str(&form.questions).unwrap_or_default();
            json!({
                "title": form.title, "description": form.description, "questions": questions,
            })
        }))
    }

    /// Reads what belongs to an enrollment, with the form that was answered.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn seen(&self, row: EnrollmentRow) -> Result<SeenEnrollment, ClassError> {
        let mut seen = self.seen_in_list(vec![row]).await?;
        let mut seen = seen.pop().expect("each row is returned");
        if let Some(answers) = &seen.answers {
            seen.form = self.form_of(answers).await?;
        }
        Ok(seen)
    }

    /// Reads what belongs to enrollments, without their forms: a page of them could repeat one of
    /// 256 KiB a hundred times.
    ///
    /// # Errors
    /// If the store cannot be read.
    async fn seen_in_list(
        &self,
        rows: Vec<EnrollmentRow>,
    ) -> Result<Vec<SeenEnrollment>, ClassError> {
        let answers: Vec<_> = rows.iter().filter_map(|row| row.answers).collect();
        let reasons: Vec<_> = rows.iter().filter_map(|row| row.reason).collect();
        let answers = match answers.is_empty() {
            true => Vec::new(),
            false => self.store.answers_get(&answers).await?,
        };
        let reasons = match reasons.is_empty() {
            true => Vec::new(),
            false => self.store.reasons_get(&reasons).await?,
        };
        let mut seen = Vec::with_capacity(rows.len());
        for row in rows {
            let line = match row.rank {
                Some(rank) => Some(self.store.enrollment_line_place(row.class, rank).await?),
                None => None,
            };
            let reservation = match row.decided_at {
                Some(_) => self.store.reservation_get(row.id.reservation()).await?,
                None => None,
            };
            let answers = answers.iter().find(|found| Some(found.id) == row.answers);
            seen.push(SeenEnrollment {
                answers: answers.cloned(),
                form: None,
                reason: reasons
                    .iter()
                    .find(|(id, _)| Some(*id) == row.reason)
                    .map(|(_, words)| words.clone()),
                line,
                reservation,
                row,
            });
        }
        Ok(seen)
    }
}
