//! `/api/admin/dashboard`: the numbers of classes.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::classes::{ClassDay, ClassFigures, ClassStatus, DashboardQuery};
use crate::http::dto::Money;
use crate::http::envelope::Success;
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Query, Staff};
use crate::http::pages::PageQuery;
use crate::http::respond::{self, rfc3339};
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::inventory::TimestampMs;
use crate::store::{ClassCounts, ClassTotals};

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/dashboard").get(show));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] =
    &[("get", "/api/admin/dashboard", &[ErrorCode::ClassNotFound])];

/// The numbers of classes.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DashboardDto {
    /// Sums over all classes, or the one that was asked for.
    totals: TotalsDto,
    /// The newest class first.
    classes: Vec<ClassFiguresDto>,
    /// The value for `cursor` in the request for the next page; null on the last page.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// Sums over classes.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TotalsDto {
    classes: i64,
    capacity: i64,
    enrollments: EnrollmentCountsDto,
    /// What was paid and not paid back, by currency.
    revenue: Vec<Money>,
}

/// Numbers of applications by status. Offered places are counted as waitlisted.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnrollmentCountsDto {
    applied: i64,
    approved: i64,
    waitlisted: i64,
    rejected: i64,
    canceled: i64,
}

/// The numbers of a class.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClassFiguresDto {
    mclass_id: OfferingId,
    title: String,
    #[schema(value_type = crate::http::openapi::forms::ClassStatus)]
    status: &'static str,
    start_at: String,
    capacity: i64,
    enrollments: EnrollmentCountsDto,
    /// Approved applications for each place, 0 to 1.
    fill_rate: f64,
    /// Those of the waitlisted who are offered a place, which is held for them.
    offered_count: i64,
    /// Places that an applicant could get; none while others wait in line.
    places_left: i64,
    /// What was paid and not paid back.
    revenue: Money,
    /// The zone whose days these are.
    time_zone: String,
    /// The last 90 days, without those on which nothing happened.
    days: Vec<ClassDayDto>,
}

/// What happened in a class on a day. An hour belongs to the day on which it begins.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClassDayDto {
    #[schema(format = Date, value_type = String, example = "2026-05-01")]
    day: String,
    applications: i64,
    approvals: i64,
    waitlistings: i64,
    rejections: i64,
    cancellations: i64,
}

/// The query of the dashboard.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Wanted {
    limit: Option<u64>,
    cursor: Option<String>,
    mclass_id: Option<OfferingId>,
    time_zone: Option<String>,
}

/// Read the numbers of classes, the newest class first (administrators).
#[utoipa::path(get, path = "/api/admin/dashboard", tag = "admin", operation_id = "getDashboard",
    params(("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query),
        ("mclassId" = Option<OfferingId>, Query),
        ("timeZone" = Option<String>, Query,
            description = "The zone of the days, such as `Asia/Seoul`; each class's own if absent.")),
    responses((status = 200, body = Success<DashboardDto>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    _admin: Staff,
    Query(wanted): Query<Wanted>,
) -> Result<HttpResponse, ApiError> {
    let page = PageQuery { limit: wanted.limit, cursor: wanted.cursor };
    let query = DashboardQuery {
        class: wanted.mclass_id,
        time_zone: wanted.time_zone,
        after: page.after()?,
        limit: page.limit()?,
    };
    let now = state.clock.now_ms();
    let found = state.classes.dashboard(&query, &state.config.time_zone, now).await?;
    Ok(respond::ok(&DashboardDto {
        totals: totals(found.totals),
        classes: found.classes.into_iter().map(|one| figures(one, now)).collect(),
        next_cursor: found.last.map(|(at, id)| format!("{at}_{id}")),
    }))
}

fn totals(sums: ClassTotals) -> TotalsDto {
    let money = |(currency, amount)| Money { amount, currency };
    TotalsDto {
        classes: sums.classes,
        capacity: sums.capacity,
        enrollments: counts(sums.counts),
        revenue: sums.revenue.into_iter().map(money).collect(),
    }
}

fn figures(one: ClassFigures, now: TimestampMs) -> ClassFiguresDto {
    let ClassFigures { class, revenue, time_zone, days } = one;
    let event = &class.event;
    let capacity = class.capacity();
    #[expect(clippy::cast_precision_loss, reason = "far fewer places than 2^52")]
    let fill_rate = match capacity {
        0 => 0.0,
        capacity => class.counts.approved as f64 / capacity as f64,
    };
    ClassFiguresDto {
        mclass_id: event.id,
        title: event.details.name.clone(),
        status: ClassStatus::of(&class, now).as_str(),
        start_at: rfc3339(event.details.event_date),
        capacity,
        enrollments: counts(class.counts),
        fill_rate,
        offered_count: class.offered,
        places_left: class.places_left(),
        revenue: Money { amount: revenue, currency: event.currency.clone() },
        time_zone,
        days: days.iter().map(day).collect(),
    }
}

fn counts(counts: ClassCounts) -> EnrollmentCountsDto {
    let ClassCounts { applied, approved, waitlisted, rejected, canceled } = counts;
    EnrollmentCountsDto { applied, approved, waitlisted, rejected, canceled }
}

fn day(of: &ClassDay) -> ClassDayDto {
    ClassDayDto {
        day: of.day.to_string(),
        applications: of.applications,
        approvals: of.approvals,
        waitlistings: of.waitlistings,
        rejections: of.rejections,
        cancellations: of.cancellations,
    }
}
