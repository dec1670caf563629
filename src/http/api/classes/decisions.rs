//! `/api/admin/enrollments`: what administrators decide about applications.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::classes::{Decision, Outcome, Sender, Wish};
use crate::http::api::classes::bodies::AttendanceDto;
use crate::http::api::classes::enrollment::{EnrollmentDto, read};
use crate::http::envelope::Success;
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Body, IdempotencyKey, Path, Staff, object};
use crate::http::respond::{self, mark_replayed};
use crate::http::state::AppState;
use crate::ids::{EnrollmentId, OfferingId, UserId};
use crate::inventory::{Attendance, Ruling};
use crate::roles::Permission;

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/enrollments/decisions").post(decide_many))
        .service(web::resource("/api/admin/enrollments/{enrollment}").get(show).put(decide))
        .service(web::resource("/api/admin/enrollments/{enrollment}/position").put(move_up))
        .service(web::resource("/api/admin/mclasses/{class}/attendance").post(attendance));
}

const DECISIONS: &[ErrorCode] = &[
    ErrorCode::ClassNotFound,
    ErrorCode::EnrollmentNotFound,
    ErrorCode::WrongState,
    ErrorCode::VersionConflict,
    ErrorCode::NoPlacesLeft,
    ErrorCode::PlacesLeft,
    ErrorCode::WaitlistUnavailable,
    ErrorCode::ClassCanceled,
    ErrorCode::PaymentInProgress,
    ErrorCode::AlreadyCheckedIn,
];

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    ("post", "/api/admin/enrollments/decisions", DECISIONS),
    ("get", "/api/admin/enrollments/{enrollment}", &[ErrorCode::EnrollmentNotFound]),
    ("put", "/api/admin/enrollments/{enrollment}", DECISIONS),
    ("put", "/api/admin/enrollments/{enrollment}/position", DECISIONS),
    ("post", "/api/admin/mclasses/{class}/attendance", DECISIONS),
];

/// What is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names say it")]
pub enum DecidedStatus {
    Approved,
    Rejected,
    Waitlisted,
}

/// A decision about one application.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DecisionBody {
    /// The new status.
    #[serde(deserialize_with = "object::word")]
    pub status: DecidedStatus,
    /// Shown to the applicant.
    #[serde(default)]
    #[schema(max_length = 1_000)]
    pub reason: Option<String>,
    /// The version that the administrator saw; another one is refused.
    #[schema(minimum = 1)]
    pub version: u32,
    /// With `APPROVED`: put on the waitlist if no place is left.
    #[serde(default)]
    pub waitlist_if_full: bool,
}

/// One of many applications to decide.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ToDecide {
    pub id: EnrollmentId,
    /// The version that the administrator saw; another one is refused.
    #[serde(default)]
    #[schema(minimum = 1)]
    pub version: Option<u32>,
}

/// A decision about many applications for a class, in this order.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DecisionsBody {
    /// The class.
    pub mclass_id: OfferingId,
    /// The new status of all.
    #[serde(deserialize_with = "object::word")]
    pub status: DecidedStatus,
    /// Shown to the applicants.
    #[serde(default)]
    #[schema(max_length = 1_000)]
    pub reason: Option<String>,
    /// With `APPROVED`: put on the waitlist those for whom no place is left.
    #[serde(default)]
    pub waitlist_if_full: bool,
    /// The applications.
    #[serde(deserialize_with = "object::list")]
    #[schema(min_items = 1, max_items = 1_000)]
    pub enrollments: Vec<ToDecide>,
}

/// What became of one of many decisions.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecisionOutcomeDto {
    id: EnrollmentId,
    /// The applicant's name; absent for an application that does not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    name: Option<String>,
    /// True if the decision took effect.
    decided: bool,
    /// The status of the application now; absent for one that does not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = crate::http::openapi::forms::EnrollmentStatus)]
    status: Option<&'static str>,
    /// Why the decision was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<RefusalDto>,
}

/// Why one of many decisions was refused.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefusalDto {
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Object)]
    details: Option<Value>,
}

/// A new position in line.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PositionBody {
    /// From 1; before the present one.
    #[schema(minimum = 1)]
    pub position: u32,
    /// Why the others are passed; the journal keeps that it was given, and the log its words.
    #[schema(min_length = 1, max_length = 1_000)]
    pub reason: String,
}

/// The attendance of one person.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it")]
pub struct MarkBody {
    pub id: EnrollmentId,
    /// `null` takes the mark back.
    #[serde(deserialize_with = "object::option_word")]
    #[schema(required = true)]
    pub attendance: Option<AttendanceDto>,
}

/// Who attended: all of it is recorded, or nothing.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AttendanceBody {
    /// The marks.
    #[serde(deserialize_with = "object::list")]
    #[schema(min_items = 1, max_items = 1_000)]
    pub enrollments: Vec<MarkBody>,
}

/// Read one application.
#[utoipa::path(get, path = "/api/admin/enrollments/{enrollment}", tag = "admin",
    operation_id = "getEnrollmentForAdmin", params(("enrollment" = EnrollmentId, Path)),
    responses((status = 200, body = Success<EnrollmentDto>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(enrollment): Path<EnrollmentId>,
) -> Result<HttpResponse, ApiError> {
    Ok(respond::ok(&read(&state, admin, enrollment).await?))
}

/// Decide one application.
#[utoipa::path(put, path = "/api/admin/enrollments/{enrollment}", tag = "admin",
    operation_id = "decideEnrollment",
    params(("enrollment" = EnrollmentId, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body = DecisionBody,
    responses((status = 200, body = Success<EnrollmentDto>)))]
pub(crate) async fn decide(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(enrollment): Path<EnrollmentId>,
    key: IdempotencyKey,
    Body(body): Body<DecisionBody>,
) -> Result<HttpResponse, ApiError> {
    let row = state.classes.enrollment(admin, enrollment).await?;
    let wish =
        Wish { ruling: ruling(body.status, body.waitlist_if_full)?, reason: body.reason.clone() };
    let (sender, now) = (sender(admin.user, &key), state.clock.now_ms());
    let version = Some(body.version);
    let replayed = state.classes.decide(&row, sender, &wish, version, now).await?;
    let mut response = respond::ok(&read(&state, admin, enrollment).await?);
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Decide many applications for a class at once, each with an outcome of its own.
#[utoipa::path(post, path = "/api/admin/enrollments/decisions", tag = "admin",
    operation_id = "decideEnrollments",
    params(("Idempotency-Key" = Option<String>, Header)), request_body = DecisionsBody,
    responses((status = 200, body = Success<Vec<DecisionOutcomeDto>>)))]
pub(crate) async fn decide_many(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    key: IdempotencyKey,
    Body(body): Body<DecisionsBody, { 256 * 1_024 }>,
) -> Result<HttpResponse, ApiError> {
    if !state.accounts.may(admin, Permission::Manage, body.mclass_id) {
        return Err(ApiError::of(ErrorCode::Forbidden));
    }
    let wish =
        Wish { ruling: ruling(body.status, body.waitlist_if_full)?, reason: body.reason.clone() };
    let decision = |one: &ToDecide| Decision { enrollment: one.id, version: one.version };
    let decisions: Vec<Decision> = body.enrollments.iter().map(decision).collect();
    let (sender, now) = (sender(admin.user, &key), state.clock.now_ms());
    let (outcomes, replayed) =
        state.classes.decide_many(body.mclass_id, sender, &wish, &decisions, now).await?;
    let named = state.classes.named(&outcomes).await?;
    let outcomes: Vec<DecisionOutcomeDto> = outcomes
        .into_iter()
        .map(|outcome| {
            let found = named.iter().find(|(row, _)| row.id == outcome.enrollment);
            rendered(outcome, found.map(|(row, name)| (row.status.as_str(), name.clone())))
        })
        .collect();
    let mut response = respond::ok(&outcomes);
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Move an application up in the line, with a reason.
#[utoipa::path(put, path = "/api/admin/enrollments/{enrollment}/position", tag = "admin",
    operation_id = "moveUpEnrollment",
    params(("enrollment" = EnrollmentId, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body = PositionBody,
    responses((status = 200, body = Success<EnrollmentDto>)))]
pub(crate) async fn move_up(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(enrollment): Path<EnrollmentId>,
    key: IdempotencyKey,
    Body(body): Body<PositionBody>,
) -> Result<HttpResponse, ApiError> {
    let row = state.classes.enrollment(admin, enrollment).await?;
    let (sender, now) = (sender(admin.user, &key), state.clock.now_ms());
    let replayed = state.classes.move_up(&row, sender, body.position, &body.reason, now).await?;
    let mut response = respond::ok(&read(&state, admin, enrollment).await?);
    mark_replayed(&mut response, replayed);
    Ok(response)
}

/// Record who attended a class.
#[utoipa::path(post, path = "/api/admin/mclasses/{class}/attendance", tag = "admin",
    operation_id = "recordAttendance",
    params(("class" = OfferingId, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body = AttendanceBody,
    responses((status = 200, body = crate::http::envelope::Done)))]
pub(crate) async fn attendance(
    state: web::Data<AppState>,
    Staff(admin): Staff,
    Path(class): Path<OfferingId>,
    key: IdempotencyKey,
    Body(body): Body<AttendanceBody, { 256 * 1_024 }>,
) -> Result<HttpResponse, ApiError> {
    let mark = |mark: &MarkBody| (mark.id, mark.attendance.map(Attendance::from));
    let marks = body.enrollments.iter().map(mark).collect();
    let sender = sender(admin.user, &key);
    let replayed = state.classes.record_attendance(class, sender, marks).await?;
    let mut response = respond::done("The attendance is recorded.");
    mark_replayed(&mut response, replayed);
    Ok(response)
}

fn sender(user: UserId, key: &IdempotencyKey) -> Sender<'_> {
    Sender { user, key: key.0.as_deref() }
}

fn ruling(status: DecidedStatus, waitlist_if_full: bool) -> Result<Ruling, ApiError> {
    match (status, waitlist_if_full) {
        (DecidedStatus::Approved, false) => Ok(Ruling::Approve),
        (DecidedStatus::Approved, true) => Ok(Ruling::ApproveOrWaitlist),
        (DecidedStatus::Waitlisted, false) => Ok(Ruling::Waitlist),
        (DecidedStatus::Rejected, false) => Ok(Ruling::Reject),
        (DecidedStatus::Waitlisted | DecidedStatus::Rejected, true) => {
            let reason = "means something with APPROVED only";
            Err(ApiError::invalid("waitlistIfFull", reason))
        }
    }
}

fn rendered(outcome: Outcome, found: Option<(&'static str, String)>) -> DecisionOutcomeDto {
    let (status, name) = found.unzip();
    let error = outcome.decided.err().map(|rejection| {
        let error = ApiError::from(rejection);
        RefusalDto {
            code: error.code().as_str(),
            message: error.message().to_owned(),
            details: error.details().cloned(),
        }
    });
    DecisionOutcomeDto { id: outcome.enrollment, name, decided: error.is_none(), status, error }
}
