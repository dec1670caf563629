//! Enrollments, which follow from the journals of classes, for reading.

use entities::{enrollment, enrollment_answers, enrollment_reason};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QueryResult, QuerySelect, Statement,
};
use uuid::Uuid;

use crate::ids::{AnswersId, EnrollmentId, OfferingId, ReasonId, UserId};
use crate::inventory::{Attendance, TimestampMs};
use crate::store::states::attendance_name;
use crate::store::{Store, StoreError, older};

/// An enrollment as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct EnrollmentRow {
    pub id: EnrollmentId,
    pub class: OfferingId,
    pub user: UserId,
    pub status: EnrollmentState,
    pub version: u32,
    pub answers: Option<AnswersId>,
    pub reason: Option<ReasonId>,
    /// Why it is canceled, in the words of the API.
    pub cause: Option<String>,
    /// Orders the line, while it waits.
    pub rank: Option<i64>,
    /// Until when a place is held for it, while one is offered.
    pub offer_expires_at: Option<TimestampMs>,
    /// When it was promoted, or offered a place.
    pub promoted_at: Option<TimestampMs>,
    pub attendance: Option<Attendance>,
    pub applied_at: TimestampMs,
    pub decided_at: Option<TimestampMs>,
    pub decided_by: Option<UserId>,
    pub canceled_at: Option<TimestampMs>,
    pub updated_at: TimestampMs,
}

/// The status of an enrollment in the words of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum EnrollmentState {
    Applied,
    Approved,
    Rejected,
    Waitlisted,
    Canceled,
}

impl EnrollmentState {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Applied, Self::Approved, Self::Rejected, Self::Waitlisted, Self::Canceled];

    /// Returns the word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "APPLIED",
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
            Self::Waitlisted => "WAITLISTED",
            Self::Canceled => "CANCELED",
        }
    }

    /// Parses the word of the API.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// True if the enrollment is not over.
    #[must_use]
    pub fn is_living(self) -> bool {
        match self {
            Self::Applied | Self::Approved | Self::Waitlisted => true,
            Self::Rejected | Self::Canceled => false,
        }
    }
}

/// The place of an enrollment in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinePlace {
    /// From 1.
    pub position: u64,
    /// How many wait in all.
    pub total: u64,
}

/// Up to as many in line are counted from its end.
const FEW_BEHIND: i64 = 1_000;

impl Store {
    /// Returns one enrollment.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn enrollment_get(
        &self,
        id: EnrollmentId,
    ) -> Result<Option<EnrollmentRow>, StoreError> {
        let found = enrollment::Entity::find_by_id(id.0).one(self.reads()).await?;
        found.map(enrollment_row).transpose()
    }

    /// Returns those of `ids` that exist, in no order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn enrollment_get_many(
        &self,
        ids: &[EnrollmentId],
    ) -> Result<Vec<EnrollmentRow>, StoreError> {
        let found = enrollment::Entity::find()
            .filter(enrollment::Column::Id.is_in(ids.iter().map(|id| id.0)))
            .all(self.reads())
            .await?;
        found.into_iter().map(enrollment_row).collect()
    }

    /// Returns a customer's enrollments, newest first, of one class or of all; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn enrollment_list_of(
        &self,
        user: UserId,
        class: Option<OfferingId>,
        after: Option<(TimestampMs, EnrollmentId)>,
        limit: u64,
    ) -> Result<Vec<EnrollmentRow>, StoreError> {
        let mut query = enrollment::Entity::find()
            .filter(enrollment::Column::UserId.eq(user.0))
            .order_by_desc(enrollment::Column::AppliedAt)
            .order_by_desc(enrollment::Column::Id)
            .limit(limit);
        if let Some(class) = class {
            query = query.filter(enrollment::Column::ClassId.eq(class.0));
        }
        if let Some((at, id)) = after {
            let columns = (enrollment::Column::AppliedAt, enrollment::Column::Id);
            query = query.filter(older((columns.0, at), (columns.1, id.0)));
        }
        query.all(self.reads()).await?.into_iter().map(enrollment_row).collect()
    }

    /// Returns the place in line of an enrollment that waits at this rank.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn enrollment_line_place(
        &self,
        class: OfferingId,
        rank: i64,
    ) -> Result<LinePlace, StoreError> {
        // Who has just joined is near the end: the few behind are counted, and not the many ahead.
        // Only who is offered a place has an `offer_expires_at`; a condition on the status too would make
        // SQLite walk all that wait.
        let sql = "SELECT n.waitlisted - (SELECT count(*) FROM enrollments
                WHERE class_id = $1 AND offer_expires_at IS NOT NULL) AS total,
            (SELECT count(*) FROM (SELECT 1 FROM enrollments
                WHERE class_id = $1 AND line_rank > $2 LIMIT $3) AS after_it) AS behind
            FROM class_counts n WHERE n.class_id = $1";
        let values = [class.0.into(), rank.into(), FEW_BEHIND.into()];
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let found = self.reads().query_one_raw(statement).await?;
        let read = |row: &QueryResult, column| row.try_get::<i64>("", column);
        let (total, behind) = match &found {
            Some(row) => (read(row, "total")?, read(row, "behind")?),
            None => (0, FEW_BEHIND),
        };
        let total = total.unsigned_abs();
        let position = match behind < FEW_BEHIND {
            true => total.saturating_sub(behind.unsigned_abs()).max(1),
            false => {
                let ahead = enrollment::Entity::find()
                    .filter(enrollment::Column::ClassId.eq(class.0))
                    .filter(enrollment::Column::LineRank.is_not_null())
                    .filter(enrollment::Column::LineRank.lt(rank));
                ahead.count(self.reads()).await? + 1
            }
        };
        Ok(LinePlace { position, total: total.max(position) })
    }

    /// Returns the classes in which a customer waits for a decision, in line or for an offer.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn enrollment_classes_waiting(
        &self,
        user: UserId,
    ) -> Result<Vec<OfferingId>, StoreError> {
        let waits = [EnrollmentState::Applied, EnrollmentState::Waitlisted];
        let found: Vec<Uuid> = enrollment::Entity::find()
            .select_only()
            .column(enrollment::Column::ClassId)
            .filter(enrollment::Column::UserId.eq(user.0))
            .filter(enrollment::Column::Status.is_in(waits.map(EnrollmentState::as_str)))
            .into_tuple()
            .all(self.writes())
            .await?;
        Ok(found.into_iter().map(OfferingId).collect())
    }

    /// Deletes what was stored for commands that took no effect and answers that were replaced, and marks
    /// what is in use; all from before `before`. Returns how many rows were deleted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn enrollment_sweep(&self, before: TimestampMs) -> Result<u64, StoreError> {
        let known = |table: &str, column: &str| {
            format!(
                "EXISTS (SELECT 1 FROM enrollments e WHERE e.{column} = {table}.id)
                 OR EXISTS (SELECT 1 FROM enrollment_changes c WHERE c.reason_id = {table}.id)"
            )
        };
        let answers = enrollment_answers::Entity::delete_many()
            .filter(enrollment_answers::Column::IsPending.eq(1))
            .filter(enrollment_answers::Column::CreatedAt.lt(before))
            .filter(Expr::cust(
                "NOT EXISTS (SELECT 1 FROM enrollments e WHERE e.answers_id = enrollment_answers.id)",
            ))
            .exec(self.writes())
            .await?;
        let unknown = format!("NOT ({})", known("enrollment_reasons", "reason_id"));
        let reasons = enrollment_reason::Entity::delete_many()
            .filter(enrollment_reason::Column::IsPending.eq(1))
            .filter(enrollment_reason::Column::CreatedAt.lt(before))
            .filter(Expr::cust(unknown))
            .exec(self.writes())
            .await?;
        // Answers that younger ones are about to replace are looked at again.
        let is_last = format!(
            "NOT EXISTS (SELECT 1 FROM enrollment_answers n
                WHERE n.user_id = enrollment_answers.user_id
                    AND n.enrollment_id = enrollment_answers.enrollment_id
                    AND n.is_pending = 1 AND n.created_at >= {before})"
        );
        for (table, settled) in [("enrollment_answers", &*is_last), ("enrollment_reasons", "1 = 1")]
        {
            let seen = format!(
                "UPDATE {table} SET is_pending = 0
                 WHERE is_pending = 1 AND created_at < {before} AND {settled}"
            );
            self.writes().execute_unprepared(&seen).await?;
        }
        Ok(answers.rows_affected + reasons.rows_affected)
    }
}

pub(crate) fn enrollment_row(row: enrollment::Model) -> Result<EnrollmentRow, StoreError> {
    let damaged = |what| StoreError::Damaged(format!("the {what} of enrollment {}", row.id));
    let attendance = row.attendance.as_deref().map(|word| {
        [Attendance::Present, Attendance::Late, Attendance::Absent]
            .into_iter()
            .find(|one| attendance_name(*one) == word)
            .ok_or_else(|| damaged("attendance"))
    });
    Ok(EnrollmentRow {
        id: EnrollmentId(row.id),
        class: OfferingId(row.class_id),
        user: UserId(row.user_id),
        status: EnrollmentState::parse(&row.status).ok_or_else(|| damaged("status"))?,
        version: u32::try_from(row.version).map_err(|_| damaged("version"))?,
        answers: row.answers_id.map(AnswersId),
        reason: row.reason_id.map(ReasonId),
        cause: row.cause,
        rank: row.line_rank,
        offer_expires_at: row.offer_expires_at,
        promoted_at: row.promoted_at,
        attendance: attendance.transpose()?,
        applied_at: row.applied_at,
        decided_at: row.decided_at,
        decided_by: row.decided_by.map(UserId),
        canceled_at: row.canceled_at,
        updated_at: row.updated_at,
    })
}
