//! Classes and enrollments as people see them.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::box_office::SubmitError;
use crate::caller::Caller;
use crate::classes::{ClassError, Classes};
use crate::ids::{EnrollmentId, OfferingId};
use crate::inventory::{Rejection, TimestampMs};
use crate::roles::Permission;
use crate::store::{
    AnswersRow, ClassPage, ClassRow, ClassSearch, EnrollmentRow, LinePlace, ReservationRow,
};

/// An enrollment with what belongs to it.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SeenEnrollment {
    pub row: EnrollmentRow,
    pub answers: Option<AnswersRow>,
    /// The version of the form that the answers were given to.
    pub form: Option<Arc<Value>>,
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

    /// Returns an enrollment of the caller or, for the class's organisers, of anyone.
    ///
    /// # Errors
    /// [`Rejection::EnrollmentNotFound`], for enrollments of others too.
    pub async fn enrollment(
        &self,
        caller: Caller,
        id: EnrollmentId,
    ) -> Result<EnrollmentRow, ClassError> {
        let row = self.store.enrollment_get(id).await?;
        let row = row.filter(|row| {
            row.user == caller.user || self.roles.may(caller, Permission::Manage, row.class)
        });
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
        Ok(EnrollmentPage { found: self.seen(rows).await?, next_cursor })
    }

    /// Returns the versions of forms to which answers were given, as answers of the API show them.
    async fn forms_of(
        &self,
        answers: &[AnswersRow],
    ) -> Result<HashMap<(OfferingId, u32), Arc<Value>>, ClassError> {
        let mut forms = HashMap::new();
        for row in answers {
            let Some((_, version)) = row.form else { continue };
            if forms.contains_key(&(row.class, version)) {
                continue;
            }
            if let Some(form) = self.store.form_version(row.class, version).await? {
                let questions: Value = serde_json::from_str(&form.questions).unwrap_or_default();
                let shown = json!({
                    "title": form.title, "description": form.description, "questions": questions,
                });
                forms.insert((row.class, version), Arc::new(shown));
            }
        }
        Ok(forms)
    }

    /// Reads what belongs to enrollments.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn seen(&self, rows: Vec<EnrollmentRow>) -> Result<Vec<SeenEnrollment>, ClassError> {
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
        let forms = self.forms_of(&answers).await?;
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
            let version = answers.and_then(|found| found.form).map(|(_, version)| version);
            seen.push(SeenEnrollment {
                answers: answers.cloned(),
                form: version.and_then(|version| forms.get(&(row.class, version)).cloned()),
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
