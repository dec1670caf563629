//! Who did what to the enrollments of a class, as the journal's rows say; for reading.

use entities::enrollment_change::{self, Column};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::ids::{EnrollmentId, OfferingId, ReasonId, UserId};
use crate::inventory::TimestampMs;
use crate::store::{Store, StoreError};

/// A change of an enrollment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct EnrollmentChangeRow {
    /// The row of the journal, and the place of the change in it.
    pub key: (i64, i32),
    pub enrollment: EnrollmentId,
    pub at: TimestampMs,
    /// `None` if the server acted by itself.
    pub actor: Option<UserId>,
    pub action: String,
    pub detail: Option<String>,
    pub reason: Option<ReasonId>,
}

/// Whose changes to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangesOf {
    /// Those of all enrollments of a class.
    Class(OfferingId),
    /// Those of one enrollment.
    Enrollment(EnrollmentId),
}

impl Store {
    /// Returns changes, newest first, after the one with that key; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn enrollment_change_list(
        &self,
        of: ChangesOf,
        after: Option<(i64, i32)>,
        limit: u64,
    ) -> Result<Vec<EnrollmentChangeRow>, StoreError> {
        let mut query = enrollment_change::Entity::find()
            .filter(match of {
                ChangesOf::Class(class) => Column::ClassId.eq(class.0),
                ChangesOf::Enrollment(enrollment) => Column::EnrollmentId.eq(enrollment.0),
            })
            .order_by_desc(Column::Seq)
            .order_by_desc(Column::Position)
            .limit(limit);
        if let Some((seq, position)) = after {
            let key = Expr::tuple([Column::Seq.into_expr(), Column::Position.into_expr()]);
            query = query.filter(key.lt(Expr::tuple([Expr::value(seq), Expr::value(position)])));
        }
        let found = query.all(self.reads()).await?;
        let row = |row: enrollment_change::Model| EnrollmentChangeRow {
            key: (row.seq, row.position),
            enrollment: EnrollmentId(row.enrollment_id),
            at: row.at,
            actor: row.actor_id.map(UserId),
            action: row.action,
            detail: row.detail,
            reason: row.reason_id.map(ReasonId),
        };
        Ok(found.into_iter().map(row).collect())
    }
}
