//! Numbers of classes: what happened each hour, what was earned, and sums over all classes.

use std::collections::HashMap;

use entities::class_hour;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QueryResult,
    Statement, Value,
};

use crate::ids::OfferingId;
use crate::inventory::Minor;
use crate::store::{ClassCounts, Store, StoreError};

/// What happened in a class in an hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ClassHour {
    /// Since 1970, UTC.
    pub hour: i64,
    pub applications: i64,
    pub approvals: i64,
    pub waitlistings: i64,
    pub rejections: i64,
    pub cancellations: i64,
}

/// Sums over classes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ClassTotals {
    pub classes: i64,
    pub capacity: i64,
    pub counts: ClassCounts,
    /// What was paid and not paid back, by currency.
    pub revenue: Vec<(String, Minor)>,
}

/// The payments that took money, as the condition of the index `payments_taken`.
const TAKEN: &str = "state IN ('CAPTURED', 'REFUNDED')";

impl Store {
    /// Returns what happened in classes since an hour, in the order of time; without hours in which
    /// nothing did.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn class_hours(
        &self,
        classes: &[OfferingId],
        since_hour: i64,
    ) -> Result<HashMap<OfferingId, Vec<ClassHour>>, StoreError> {
        let found = class_hour::Entity::find()
            .filter(class_hour::Column::ClassId.is_in(classes.iter().map(|id| id.0)))
            .filter(class_hour::Column::Hour.gte(since_hour))
            .order_by_asc(class_hour::Column::Hour)
            .all(self.reads())
            .await?;
        let mut hours: HashMap<OfferingId, Vec<ClassHour>> = HashMap::new();
        for row in found {
            hours.entry(OfferingId(row.class_id)).or_default().push(ClassHour {
                hour: row.hour,
                applications: row.applications,
                approvals: row.approvals,
                waitlistings: row.waitlistings,
                rejections: row.rejections,
                cancellations: row.cancellations,
            });
        }
        Ok(hours)
    }

    /// Returns what was paid for a class and not paid back; all of it is in the class's currency.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn class_revenue(&self, class: OfferingId) -> Result<Minor, StoreError> {
        let sql = format!(
            "SELECT CAST(coalesce(sum(amount - refunded), 0) AS bigint) AS kept FROM payments
            WHERE offering_id = $1 AND {TAKEN}"
        );
        let rows = self.rows(&sql, vec![class.0.into()]).await?;
        let kept = rows.first().map(|row| row.try_get("", "kept")).transpose()?;
        Ok(kept.unwrap_or_default())
    }

    /// Returns the sums over one class, or over all that were not deleted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn class_totals(&self, class: Option<OfferingId>) -> Result<ClassTotals, StoreError> {
        let (which, values) = match class {
            Some(class) => ("c.id = $1", vec![class.0.into()]),
            None => ("c.deleted_at IS NULL", Vec::new()),
        };
        let sum = |column: &str| format!("CAST(coalesce(sum({column}), 0) AS bigint) AS {column}");
        let columns = ["total_stock", "applied", "approved", "waitlisted", "rejected", "canceled"];
        let sums = columns.map(sum).join(", ");
        let sql = format!(
            "SELECT count(*) AS classes, {sums} FROM classes c
            JOIN products p ON p.offering_id = c.id AND p.product_id = 0
            JOIN class_counts n ON n.class_id = c.id WHERE {which}"
        );
        let rows = self.rows(&sql, values.clone()).await?;
        let Some(row) = rows.first() else { return Ok(ClassTotals::default()) };
        let number = |column: &str| row.try_get::<i64>("", column);
        let counts = ClassCounts {
            applied: number("applied")?,
            approved: number("approved")?,
            waitlisted: number("waitlisted")?,
            rejected: number("rejected")?,
            canceled: number("canceled")?,
        };
        let (classes, capacity) = (number("classes")?, number("total_stock")?);
        let sql = format!(
            "SELECT currency, CAST(sum(amount - refunded) AS bigint) AS kept
            FROM classes c JOIN payments p ON p.offering_id = c.id
            WHERE {which} AND {TAKEN} GROUP BY currency ORDER BY currency"
        );
        let rows = self.rows(&sql, values).await?;
        let revenue =
            rows.iter().map(|row| Ok((row.try_get("", "currency")?, row.try_get("", "kept")?)));
        let revenue = revenue.collect::<Result<_, DbErr>>()?;
        Ok(ClassTotals { classes, capacity, counts, revenue })
    }

    async fn rows(&self, sql: &str, values: Vec<Value>) -> Result<Vec<QueryResult>, StoreError> {
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        Ok(self.reads().query_all_raw(statement).await?)
    }
}
