//! The enrollments of one class in the orders in which an organiser reads them, and the log of what
//! was done with them.

use entities::{enrollment, enrollment_change};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::ids::{EnrollmentId, OfferingId, ReasonId, UserId};
use crate::inventory::TimestampMs;
use crate::store::tables::enrollment::enrollment_row;
use crate::store::{EnrollmentRow, EnrollmentState, Store, StoreError};

/// One entry of the log of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct EnrollmentLogRow {
    pub enrollment: EnrollmentId,
    pub at: TimestampMs,
    /// Who did it; `None` for what followed by itself.
    pub actor: Option<UserId>,
    pub action: String,
    pub detail: Option<String>,
    pub reason: Option<ReasonId>,
}

impl Store {
    /// Returns the enrollments of a class, the earliest application first; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn enrollment_list_of_class(
        &self,
        class: OfferingId,
        status: Option<EnrollmentState>,
        after: Option<(TimestampMs, EnrollmentId)>,
        limit: u64,
    ) -> Result<Vec<EnrollmentRow>, StoreError> {
        let mut query = enrollment::Entity::find()
            .filter(enrollment::Column::ClassId.eq(class.0))
            .order_by_asc(enrollment::Column::AppliedAt)
            .order_by_asc(enrollment::Column::Id)
            .limit(limit);
        if let Some(status) = status {
            query = query.filter(enrollment::Column::Status.eq(status.as_str()));
        }
        if let Some((at, id)) = after {
            let key = [enrollment::Column::AppliedAt, enrollment::Column::Id];
            let key = Expr::tuple(key.map(|column| Expr::col(column.as_column_ref())));
            query = query.filter(key.gt(Expr::tuple([Expr::value(at), Expr::value(id.0)])));
        }
        query.all(self.reads()).await?.into_iter().map(enrollment_row).collect()
    }

    /// Returns those who wait in the line of a class, the first in line first; at most `limit`, after
    /// the rank `after`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn enrollment_line(
        &self,
        class: OfferingId,
        after: Option<i64>,
        limit: u64,
    ) -> Result<Vec<EnrollmentRow>, StoreError> {
        let mut query = enrollment::Entity::find()
            .filter(enrollment::Column::ClassId.eq(class.0))
            .filter(enrollment::Column::LineRank.is_not_null())
            .order_by_asc(enrollment::Column::LineRank)
            .limit(limit);
        if let Some(rank) = after {
            query = query.filter(enrollment::Column::LineRank.gt(rank));
        }
        query.all(self.reads()).await?.into_iter().map(enrollment_row).collect()
    }

    /// Returns what was done with the enrollments of a class, or with one of them, the newest first;
    /// at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn enrollment_log(
        &self,
        class: OfferingId,
        enrollment: Option<EnrollmentId>,
        limit: u64,
    ) -> Result<Vec<EnrollmentLogRow>, StoreError> {
        let mut query = enrollment_change::Entity::find()
            .filter(enrollment_change::Column::ClassId.eq(class.0))
            .order_by_desc(enrollment_change::Column::Seq)
            .order_by_desc(enrollment_change::Column::Position)
            .limit(limit);
        if let Some(one) = enrollment {
            query = query.filter(enrollment_change::Column::EnrollmentId.eq(one.0));
        }
        let found = query.all(self.reads()).await?;
        let row = |row: enrollment_change::Model| EnrollmentLogRow {
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
