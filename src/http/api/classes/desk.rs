//! `/api/admin/enrollments` as a list, and who did what to enrollments.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::classes::{ChangesPage, ListedEnrollment, SeenChange, WithAnswers};
use crate::http::dto::{self, Time};
use crate::http::envelope::Page;
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Path, Query, Staff, Within};
use crate::http::pages::{PageQuery, next_cursor};
use crate::http::respond::{self, rfc3339};
use crate::http::state::AppState;
use crate::ids::{EnrollmentId, OfferingId, UserId};
use crate::inventory::Attendance;
use crate::store::{EnrollmentFilter, EnrollmentSort, EnrollmentState, attendance_name};

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/enrollments").get(list))
        .service(
            web::resource("/api/admin/enrollments/{enrollment}/changes").get(changes_of_enrollment),
        )
        .service(web::resource("/api/admin/mclasses/{class}/changes").get(changes_of_class));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    ("get", "/api/admin/enrollments/{enrollment}/changes", &[ErrorCode::EnrollmentNotFound]),
    ("get", "/api/admin/mclasses/{class}/changes", &[ErrorCode::ClassNotFound]),
];

/// An application in the list of staff.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct ListedEnrollmentDto {
    pub id: EnrollmentId,
    pub mclass_id: OfferingId,
    pub mclass_title: String,
    pub user_id: UserId,
    /// `null` for guests, and once the person was erased.
    #[schema(required = true)]
    pub name: Option<String>,
    /// `null` once the person was erased.
    #[schema(required = true)]
    pub email: Option<String>,
    #[schema(value_type = crate::http::openapi::forms::EnrollmentStatus)]
    pub status: &'static str,
    pub version: u32,
    /// The place in line, from 1, while it waits.
    #[schema(required = true)]
    pub waitlist_position: Option<u64>,
    #[schema(required = true)]
    pub offer_expires_at: Option<String>,
    /// The reason of the status, in words.
    #[schema(required = true)]
    pub reason: Option<String>,
    /// Why it is canceled.
    #[schema(required = true)]
    pub cause: Option<String>,
    #[schema(required = true, value_type = Option<crate::http::api::classes::bodies::AttendanceDto>)]
    pub attendance: Option<&'static str>,
    /// Whether the fee of its place was paid.
    #[schema(value_type = crate::http::openapi::forms::FeeState)]
    pub payment_state: &'static str,
    /// What is asked for its place, in minor units of the class's currency.
    pub fee_amount: i64,
    /// What is paid back of it, or will be.
    pub refunded_amount: i64,
    pub applied_at: String,
    #[schema(required = true)]
    pub decided_at: Option<String>,
    #[schema(required = true)]
    pub decided_by_admin_id: Option<UserId>,
    #[schema(required = true)]
    pub decided_by_name: Option<String>,
    #[schema(required = true)]
    pub promoted_at: Option<String>,
    #[schema(required = true)]
    pub canceled_at: Option<String>,
    pub updated_at: String,
    /// With `withAnswers=true`: answers by the id of the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Object)]
    pub answers: Option<Value>,
}

/// A change of an application.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct EnrollmentChangeDto {
    pub at: String,
    pub enrollment_id: EnrollmentId,
    /// `null` once the person was erased.
    #[schema(required = true)]
    pub applicant_name: Option<String>,
    /// `null` if the server acted by itself.
    #[schema(required = true)]
    pub actor_id: Option<UserId>,
    /// `null` if the server acted by itself, and once the person was erased.
    #[schema(required = true)]
    pub actor_name: Option<String>,
    /// `APPLIED`, `ANSWERS_CHANGED`, `APPROVED`, `WAITLISTED`, `REJECTED`, `OFFERED`, `CANCELED`,
    /// `PAID_LATE`, `MOVED_UP` or `ATTENDANCE`.
    pub action: String,
    /// More about the action: `PROMOTED`, the cause of a cancellation, or the mark of an attendance.
    #[schema(required = true)]
    pub detail: Option<String>,
    /// In words.
    #[schema(required = true)]
    pub reason: Option<String>,
}

/// The query of the list of applications.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EnrollmentQuery {
    limit: Option<u64>,
    cursor: Option<String>,
    mclass_id: Option<OfferingId>,
    status: Option<String>,
    attendance: Option<String>,
    from: Option<Time>,
    until: Option<Time>,
    search: Option<String>,
    sort: Option<String>,
    with_answers: Option<bool>,
}

impl EnrollmentQuery {
    fn page(&self) -> PageQuery {
        PageQuery { limit: self.limit, cursor: self.cursor.clone() }
    }

    fn filter(&self) -> Result<EnrollmentFilter, ApiError> {
        let status = self.status.as_deref().map(|word| {
            let reason = "must be APPLIED, APPROVED, REJECTED, WAITLISTED or CANCELED";
            EnrollmentState::parse(word).ok_or_else(|| ApiError::invalid("status", reason))
        });
        let attendance = self.attendance.as_deref().map(|word| {
            let all = [Attendance::Present, Attendance::Late, Attendance::Absent];
            let found = all.into_iter().find(|one| attendance_name(*one) == word);
            let reason = "must be PRESENT, LATE or ABSENT";
            found.ok_or_else(|| ApiError::invalid("attendance", reason))
        });
        let who = self.search.as_deref().map(str::trim).filter(|text| !text.is_empty());
        if who.is_some_and(|text| text.chars().count() > 100) {
            return Err(ApiError::invalid("search", "must have at most 100 characters"));
        }
        let sort = match self.sort.as_deref() {
            None | Some("-appliedAt") => EnrollmentSort::Newest,
            Some("appliedAt") => EnrollmentSort::Oldest,
            Some("-decidedAt") => EnrollmentSort::LastDecided,
            Some("decidedAt") => EnrollmentSort::FirstDecided,
            Some("position") => EnrollmentSort::Position,
            Some(_) => {
                let reason = "must be appliedAt, -appliedAt, decidedAt, -decidedAt or position";
                return Err(ApiError::invalid("sort", reason));
            }
        };
        Ok(EnrollmentFilter {
            class: self.mclass_id,
            classes: None,
            status: status.transpose()?,
            attendance: attendance.transpose()?,
            has_offer: false,
            from: self.from.map(Time::millis),
            until: self.until.map(Time::millis),
            who: who.map(str::to_owned),
            sort,
            after: self.page().after()?,
        })
    }
}

/// List the applications for classes.
///
/// Sorted by `decidedAt`, the list has those that are decided; by `position`, those in line.
#[utoipa::path(get, path = "/api/admin/enrollments", tag = "admin",
    operation_id = "listEnrollmentsForAdmin",
    params(("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query),
        ("mclassId" = Option<OfferingId>, Query),
        ("status" = Option<crate::http::openapi::forms::EnrollmentStatus>, Query),
        ("attendance" = Option<crate::http::api::classes::bodies::AttendanceDto>, Query),
        ("from" = Option<Time>, Query, description = "Those that were sent at this time or later."),
        ("until" = Option<Time>, Query, description = "Those that were sent before this time."),
        ("search" = Option<String>, Query, description = "Part of the applicant's name or address."),
        ("sort" = Option<crate::http::openapi::forms::EnrollmentSort>, Query,
            description = "`-appliedAt` if absent; `position` needs `mclassId`."),
        ("withAnswers" = Option<bool>, Query)),
    responses((status = 200, body = Page<ListedEnrollmentDto>)))]
pub(crate) async fn list(
    state: web::Data<AppState>,
    Within(scope): Within,
    Query(query): Query<EnrollmentQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = query.page().limit()?;
    let filter = EnrollmentFilter { classes: scope.offerings(), ..query.filter()? };
    let with = match query.with_answers {
        Some(true) => WithAnswers::Yes,
        Some(false) | None => WithAnswers::No,
    };
    let found = state.classes.listed(&filter, with, limit).await?;
    let cursor = |one: &ListedEnrollment| format!("{}_{}", filter.sort.key(&one.row), one.row.id);
    let next = next_cursor(&found, limit, cursor);
    let rows: Vec<_> = found.into_iter().map(listed).collect();
    Ok(respond::page(&rows, next))
}

/// List who did what to an application, newest first.
#[utoipa::path(get, path = "/api/admin/enrollments/{enrollment}/changes", tag = "admin",
    operation_id = "listChangesOfEnrollment",
    params(("enrollment" = EnrollmentId, Path), ("limit" = Option<u64>, Query),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<EnrollmentChangeDto>)))]
pub(crate) async fn changes_of_enrollment(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(enrollment): Path<EnrollmentId>,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    state.classes.enrollment(admin, enrollment).await?;
    let (after, limit) = (query.after()?, query.limit()?);
    let found = state.classes.changes_of_enrollment(enrollment, after, limit).await?;
    Ok(changes(&found))
}

/// List who did what to the applications for a class, newest first.
///
/// The applications themselves are in `GET /api/admin/enrollments`.
#[utoipa::path(get, path = "/api/admin/mclasses/{class}/changes", tag = "admin",
    operation_id = "listChangesOfClass",
    params(("class" = OfferingId, Path), ("limit" = Option<u64>, Query),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<EnrollmentChangeDto>)))]
pub(crate) async fn changes_of_class(
    state: web::Data<AppState>,
    _admin: Staff,
    Path(class): Path<OfferingId>,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    state.classes.class(class).await?;
    let (after, limit) = (query.after()?, query.limit()?);
    Ok(changes(&state.classes.changes_of_class(class, after, limit).await?))
}

fn changes((found, last): &ChangesPage) -> HttpResponse {
    let rows: Vec<_> = found.iter().map(change).collect();
    respond::page(&rows, last.map(|(seq, position)| format!("{seq}_{position}")))
}

fn change(seen: &SeenChange) -> EnrollmentChangeDto {
    EnrollmentChangeDto {
        at: rfc3339(seen.at),
        enrollment_id: seen.enrollment,
        applicant_name: seen.applicant_name.clone(),
        actor_id: seen.actor,
        actor_name: seen.actor_name.clone(),
        action: seen.action.clone(),
        detail: seen.detail.clone(),
        reason: seen.reason.clone(),
    }
}

fn listed(one: ListedEnrollment) -> ListedEnrollmentDto {
    let ListedEnrollment { row, person, fee, .. } = one;
    let email = person.as_ref().and_then(|person| person.address().map(str::to_owned));
    let name = person.and_then(|person| person.name);
    let answers = one.answers.and_then(|found| found.answers);
    ListedEnrollmentDto {
        id: row.id,
        mclass_id: row.class,
        mclass_title: one.class_title,
        user_id: row.user,
        name,
        email,
        status: row.status.as_str(),
        version: row.version,
        waitlist_position: one.position,
        offer_expires_at: dto::time(row.offer_expires_at),
        reason: one.reason,
        cause: row.cause,
        attendance: row.attendance.map(attendance_name),
        payment_state: fee.state.as_str(),
        fee_amount: fee.amount,
        refunded_amount: fee.refunded,
        applied_at: rfc3339(row.applied_at),
        decided_at: dto::time(row.decided_at),
        decided_by_admin_id: row.decided_by,
        decided_by_name: one.decided_by,
        promoted_at: dto::time(row.promoted_at),
        canceled_at: dto::time(row.canceled_at),
        updated_at: rfc3339(row.updated_at),
        answers: answers.and_then(|json| serde_json::from_str(&json).ok()),
    }
}
