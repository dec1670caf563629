//! The numbers of classes, as administrators watch them. Nothing is counted from enrollments:
//! counts and hours are kept with every change.

use std::collections::HashMap;

use chrono::{DateTime, Days, NaiveDate};
use chrono_tz::Tz;

use crate::classes::{ClassError, Classes};
use crate::ids::OfferingId;
use crate::inventory::{Minor, TimestampMs};
use crate::store::{ClassHour, ClassRow, ClassSearch, ClassSort, ClassTotals};
use crate::venues;

const HOUR_MS: i64 = 3_600_000;
/// The days that are shown, today among them.
const DAYS: u64 = 90;

/// A class with its numbers.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ClassFigures {
    pub class: ClassRow,
    pub revenue: Minor,
    /// The name of the zone whose days these are.
    pub time_zone: String,
    /// In the order of time, without days on which nothing happened.
    pub days: Vec<ClassDay>,
}

/// What happened in a class on a day. An hour belongs to the day on which it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ClassDay {
    pub day: NaiveDate,
    pub applications: i64,
    pub approvals: i64,
    pub waitlistings: i64,
    pub rejections: i64,
    pub cancellations: i64,
}

/// A page of the dashboard.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Dashboard {
    pub classes: Vec<ClassFigures>,
    /// Over all classes, or the one that was asked for.
    pub totals: ClassTotals,
    pub last: Option<(i64, OfferingId)>,
}

/// What the dashboard is to show.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct DashboardQuery {
    pub class: Option<OfferingId>,
    /// The zone of the days; each class's own if it is `None`.
    pub time_zone: Option<String>,
    pub after: Option<(i64, OfferingId)>,
    pub limit: u64,
}

impl Classes {
    /// Returns the numbers of classes, the newest class first. `zone` is the zone of classes that
    /// have none of their own.
    ///
    /// # Errors
    /// There is no such class or zone, or the store cannot be read.
    pub async fn dashboard(
        &self,
        query: &DashboardQuery,
        zone: &str,
        now: TimestampMs,
    ) -> Result<Dashboard, ClassError> {
        let wanted = query.time_zone.as_deref();
        let wanted = wanted.map(|name| venues::time_zone("timeZone", name)).transpose()?;
        let (rows, last) = match query.class {
            Some(class) => (vec![self.class(class).await?], None),
            None => {
                let search = ClassSearch {
                    with_unlisted: true,
                    sort: ClassSort::CreatedAt,
                    after: query.after,
                    ..ClassSearch::default()
                };
                self.store.class_search(&search, query.limit).await?
            }
        };
        let last = last.filter(|_| rows.len() as u64 == query.limit);
        let ids: Vec<_> = rows.iter().map(|row| row.event.id).collect();
        // A day more than is shown: zones differ by up to 26 hours.
        let since = now.div_euclid(HOUR_MS) - 24 * (i64::try_from(DAYS).unwrap_or(0) + 2);
        let mut hours: HashMap<_, _> = self.store.class_hours(&ids, since).await?;
        let mut classes = Vec::with_capacity(rows.len());
        for class in rows {
            let id = class.event.id;
            let own = || class.event.time_zone.clone().unwrap_or_else(|| zone.to_owned());
            let time_zone = wanted.clone().unwrap_or_else(own);
            let days = days(&hours.remove(&id).unwrap_or_default(), &time_zone, now);
            let revenue = self.store.class_revenue(id).await?;
            classes.push(ClassFigures { class, revenue, time_zone, days });
        }
        let totals = self.store.class_totals(query.class).await?;
        Ok(Dashboard { classes, totals, last })
    }
}

/// Sums hours to days of a zone; the last 90 of them.
fn days(hours: &[ClassHour], zone: &str, now: TimestampMs) -> Vec<ClassDay> {
    let zone: Tz = zone.parse().unwrap_or(Tz::UTC);
    let day_of = |at: TimestampMs| {
        DateTime::from_timestamp_millis(at).map(|at| at.with_timezone(&zone).date_naive())
    };
    let first = day_of(now).and_then(|today| today.checked_sub_days(Days::new(DAYS - 1)));
    let mut days: Vec<ClassDay> = Vec::new();
    for hour in hours {
        let Some(day) = day_of(hour.hour.saturating_mul(HOUR_MS)) else { continue };
        if first.is_some_and(|first| day < first) {
            continue;
        }
        if days.last().is_none_or(|last| last.day != day) {
            days.push(ClassDay {
                day,
                applications: 0,
                approvals: 0,
                waitlistings: 0,
                rejections: 0,
                cancellations: 0,
            });
        }
        let Some(sum) = days.last_mut() else { continue };
        sum.applications += hour.applications;
        sum.approvals += hour.approvals;
        sum.waitlistings += hour.waitlistings;
        sum.rejections += hour.rejections;
        sum.cancellations += hour.cancellations;
    }
    days
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_become_days_of_the_zone_and_old_ones_are_left_out() {
        // 2026-03-01T00:00Z.
        let now = 1_772_323_200_000;
        let hour = |before: i64| ClassHour {
            hour: now / HOUR_MS - before,
            applications: 1,
            ..ClassHour::default()
        };
        let hours = [hour(91 * 24), hour(89 * 24), hour(10), hour(8), hour(0)];
        let seen = |zone| -> Vec<(String, i64)> {
            let days = days(&hours, zone, now);
            days.iter().map(|day| (day.day.to_string(), day.applications)).collect()
        };
        let utc = [("2025-12-02", 1), ("2026-02-28", 2), ("2026-03-01", 1)];
        assert_eq!(seen("UTC"), utc.map(|(day, n)| (day.to_owned(), n)));
        // Nine hours ahead: 15:00 UTC is the next day.
        let seoul = [("2025-12-02", 1), ("2026-02-28", 1), ("2026-03-01", 2)];
        assert_eq!(seen("Asia/Seoul"), seoul.map(|(day, n)| (day.to_owned(), n)));
    }
}
