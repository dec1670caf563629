//! Who did what to enrollments: the application itself, and every change after it.

use std::collections::HashMap;

use crate::classes::desk::{distinct, name_of};
use crate::classes::{ClassError, Classes};
use crate::ids::{EnrollmentId, OfferingId, UserId};
use crate::inventory::TimestampMs;
use crate::store::{ChangesOf, EnrollmentChangeRow};

/// A change, with names as they are now; `None` for people who were erased.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SeenChange {
    pub enrollment: EnrollmentId,
    pub applicant_name: Option<String>,
    pub at: TimestampMs,
    /// `None` if the server acted by itself.
    pub actor: Option<UserId>,
    pub actor_name: Option<String>,
    pub action: String,
    pub detail: Option<String>,
    /// In words.
    pub reason: Option<String>,
}

/// A page of changes, and the key of the last one if more may follow.
pub type ChangesPage = (Vec<SeenChange>, Option<(i64, i32)>);

impl Classes {
    /// Returns the changes of one enrollment, newest first; its application is the last of them.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn changes_of_enrollment(
        &self,
        enrollment: EnrollmentId,
        after: Option<(i64, i32)>,
        limit: u64,
    ) -> Result<ChangesPage, ClassError> {
        let of = ChangesOf::Enrollment(enrollment);
        let rows = self.store.enrollment_change_list(of, after, limit).await?;
        let (mut seen, last) = self.seen_changes(rows, limit).await?;
        if last.is_none()
            && let Some(row) = self.store.enrollment_get(enrollment).await?
        {
            let people = self.store.people([row.user]).await?;
            let name = people.get(&row.user).map(name_of);
            seen.push(SeenChange {
                enrollment,
                applicant_name: name.clone(),
                at: row.applied_at,
                actor: Some(row.user),
                actor_name: name,
                action: "APPLIED".into(),
                detail: None,
                reason: None,
            });
        }
        Ok((seen, last))
    }

    /// Returns the changes of all enrollments of a class, newest first, without the applications.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn changes_of_class(
        &self,
        class: OfferingId,
        after: Option<(i64, i32)>,
        limit: u64,
    ) -> Result<ChangesPage, ClassError> {
        let of = ChangesOf::Class(class);
        let rows = self.store.enrollment_change_list(of, after, limit).await?;
        self.seen_changes(rows, limit).await
    }

    async fn seen_changes(
        &self,
        rows: Vec<EnrollmentChangeRow>,
        limit: u64,
    ) -> Result<ChangesPage, ClassError> {
        let last = rows.last().filter(|_| rows.len() as u64 == limit).map(|row| row.key);
        let ids: Vec<_> = rows.iter().map(|row| row.enrollment).collect();
        let enrollments = self.store.enrollment_get_many(&ids).await?;
        let applicants: HashMap<_, _> =
            enrollments.into_iter().map(|row| (row.id, row.user)).collect();
        let actors = rows.iter().filter_map(|row| row.actor);
        let people = self.store.people(distinct(applicants.values().copied(), actors)).await?;
        let reasons: Vec<_> = rows.iter().filter_map(|row| row.reason).collect();
        let reasons: HashMap<_, _> = self.store.reasons_get(&reasons).await?.into_iter().collect();
        let name = |user: Option<UserId>| user.and_then(|user| people.get(&user)).map(name_of);
        let seen = |row: EnrollmentChangeRow| SeenChange {
            enrollment: row.enrollment,
            applicant_name: name(applicants.get(&row.enrollment).copied()),
            at: row.at,
            actor: row.actor,
            actor_name: name(row.actor),
            action: row.action,
            detail: row.detail,
            reason: row.reason.and_then(|id| reasons.get(&id).cloned()),
        };
        Ok((rows.into_iter().map(seen).collect(), last))
    }
}
