//! Lists of enrollments for administrators: filters, orders, pages by key, places in line.

use std::collections::{BTreeSet, HashMap};

use entities::enrollment::{self, Column};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Statement,
};

use crate::ids::{EnrollmentId, OfferingId};
use crate::inventory::{Attendance, TimestampMs};
use crate::store::states::attendance_name;
use crate::store::tables::enrollment::{EnrollmentRow, EnrollmentState, enrollment_row};
use crate::store::{Store, StoreError};

/// The enrollments to list.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct EnrollmentFilter {
    pub class: Option<OfferingId>,
    /// Only those for these classes.
    pub classes: Option<Vec<OfferingId>>,
    pub status: Option<EnrollmentState>,
    pub attendance: Option<Attendance>,
    /// Only those to which a place is offered.
    pub has_offer: bool,
    /// Those that were sent at or after this time.
    pub from: Option<TimestampMs>,
    /// Those that were sent before this time.
    pub until: Option<TimestampMs>,
    /// Those of people whose name or e-mail address contains this text.
    pub who: Option<String>,
    pub sort: EnrollmentSort,
    /// Those after this one in the list, given by its value in the order and its id.
    pub after: Option<(i64, EnrollmentId)>,
}

/// The order of a list of enrollments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EnrollmentSort {
    /// The newest application first.
    #[default]
    Newest,
    /// The oldest application first.
    Oldest,
    /// The latest decision first; without those that are not decided.
    LastDecided,
    /// The earliest decision first; without those that are not decided.
    FirstDecided,
    /// The line, from its first place; without those that are not in it.
    Position,
}

impl EnrollmentSort {
    fn column(self) -> Column {
        match self {
            Self::Newest | Self::Oldest => Column::AppliedAt,
            Self::LastDecided | Self::FirstDecided => Column::DecidedAt,
            Self::Position => Column::LineRank,
        }
    }

    fn descends(self) -> bool {
        matches!(self, Self::Newest | Self::LastDecided)
    }

    /// Returns the value of a row in this order.
    #[must_use]
    pub fn key(self, row: &EnrollmentRow) -> i64 {
        match self {
            Self::Newest | Self::Oldest => row.applied_at,
            Self::LastDecided | Self::FirstDecided => row.decided_at.unwrap_or_default(),
            Self::Position => row.rank.unwrap_or_default(),
        }
    }
}

impl Store {
    /// Returns enrollments that match, in the order of the filter; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn enrollment_list(
        &self,
        filter: &EnrollmentFilter,
        limit: u64,
    ) -> Result<Vec<EnrollmentRow>, StoreError> {
        let mut query = enrollment::Entity::find().limit(limit);
        if let Some(class) = filter.class {
            query = query.filter(Column::ClassId.eq(class.0));
        }
        if let Some(classes) = &filter.classes {
            query = query.filter(Column::ClassId.is_in(classes.iter().map(|id| id.0)));
        }
        if let Some(status) = filter.status {
            query = query.filter(Column::Status.eq(status.as_str()));
        }
        if filter.has_offer {
            query = query.filter(Column::OfferExpiresAt.is_not_null());
        }
        if let Some(attendance) = filter.attendance {
            query = query.filter(Column::Attendance.eq(attendance_name(attendance)));
        }
        if let Some(from) = filter.from {
            query = query.filter(Column::AppliedAt.gte(from));
        }
        if let Some(until) = filter.until {
            query = query.filter(Column::AppliedAt.lt(until));
        }
        if let Some(who) = &filter.who {
            let user = (enrollment::Entity, Column::UserId);
            query = query.filter(self.person_is_like(user, who).await?);
        }
        let key = filter.sort.column();
        if !matches!(key, Column::AppliedAt) {
            query = query.filter(key.is_not_null());
        }
        if let Some((value, id)) = filter.after {
            let of = |column: Column| Expr::col((enrollment::Entity, column));
            let next = Expr::tuple([of(key), of(Column::Id)]);
            let last = Expr::tuple([Expr::value(value), Expr::value(id.0)]);
            let is_after = if filter.sort.descends() { next.lt(last) } else { next.gt(last) };
            query = query.filter(is_after);
        }
        query = match filter.sort.descends() {
            true => query.order_by_desc(key).order_by_desc(Column::Id),
            false => query.order_by_asc(key).order_by_asc(Column::Id),
        };
        query.all(self.reads()).await?.into_iter().map(enrollment_row).collect()
    }

    /// Returns the places in line, from 1, of enrollments of a class that wait at these ranks.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn enrollment_line_places(
        &self,
        class: OfferingId,
        ranks: &BTreeSet<i64>,
    ) -> Result<HashMap<i64, u64>, StoreError> {
        let (Some(first), Some(last)) = (ranks.first(), ranks.last()) else {
            return Ok(HashMap::new());
        };
        // Those before the first of them are only counted, from the index.
        let sql = "SELECT line_rank, (SELECT count(*) FROM enrollments
                WHERE class_id = $1 AND line_rank IS NOT NULL AND line_rank < $2)
                + row_number() OVER (ORDER BY line_rank) AS place
            FROM enrollments WHERE class_id = $1 AND line_rank IS NOT NULL
                AND line_rank >= $2 AND line_rank <= $3 ORDER BY line_rank";
        let values = [class.0.into(), (*first).into(), (*last).into()];
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let rows = self.reads().query_all_raw(statement).await?;
        let places = rows.iter().map(|row| {
            let place: i64 = row.try_get("", "place")?;
            Ok((row.try_get("", "line_rank")?, place.unsigned_abs()))
        });
        let places: Vec<(i64, u64)> = places.collect::<Result<_, DbErr>>()?;
        Ok(places.into_iter().filter(|(rank, _)| ranks.contains(rank)).collect())
    }

    /// Returns the ids of all questions that people answered in their applications for a class, in
    /// the order of the alphabet; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn answer_keys(
        &self,
        class: OfferingId,
        limit: u64,
    ) -> Result<Vec<String>, StoreError> {
        let from_json = match self.backend() {
            sea_orm::DbBackend::Postgres => "json_object_keys(a.answers::json) AS k(key)",
            _ => "json_each(a.answers) AS k",
        };
        let sql = format!(
            "SELECT DISTINCT k.key AS question FROM enrollments e
            JOIN enrollment_answers a ON a.id = e.answers_id CROSS JOIN {from_json}
            WHERE e.class_id = $1 AND a.answers IS NOT NULL ORDER BY question LIMIT $2"
        );
        let values = [class.0.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()];
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let rows = self.reads().query_all_raw(statement).await?;
        let keys = rows.iter().map(|row| row.try_get("", "question"));
        Ok(keys.collect::<Result<_, DbErr>>()?)
    }
}
