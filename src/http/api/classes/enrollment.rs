//! An application as answers show it.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::caller::Caller;
use crate::classes::SeenEnrollment;
use crate::http::dto;
use crate::http::error::ApiError;
use crate::http::respond::rfc3339;
use crate::http::state::AppState;
use crate::ids::{EnrollmentId, OfferingId, ReservationId, UserId};
use crate::store::{EnrollmentState, ReservationState, attendance_name};

/// An application for a class.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct EnrollmentDto {
    pub id: EnrollmentId,
    pub user_id: UserId,
    pub mclass_id: OfferingId,
    #[schema(required = true)]
    pub enrollment_form_id: Option<Uuid>,
    #[schema(required = true)]
    pub form_version: Option<u32>,
    /// Answers by the id of the question; `null` without a form, and once the person was erased.
    #[schema(required = true, value_type = Option<Object>)]
    pub answers: Option<Value>,
    /// Title, description and questions of that version of the form.
    #[schema(required = true, value_type = Option<Object>)]
    pub form_snapshot: Option<std::sync::Arc<Value>>,
    #[schema(value_type = crate::http::openapi::forms::EnrollmentStatus)]
    pub status: &'static str,
    /// The reason of the status, as it was written.
    #[schema(required = true)]
    pub reason: Option<String>,
    #[schema(required = true, value_type = Option<crate::http::openapi::forms::ReasonType>)]
    pub reason_type: Option<&'static str>,
    /// Why it is canceled: `CUSTOMER`, `ADMIN`, `UNPAID`, `OFFER_EXPIRED`, `CLASS_CANCELLED` or
    /// `ACCOUNT_CLOSED`.
    #[schema(required = true)]
    pub cause: Option<String>,
    /// Rises with every change.
    pub version: u32,
    /// The key that the client sent with the application.
    #[schema(required = true)]
    pub idempotency_key: Option<String>,
    /// The place in line, from 1, while it waits.
    #[schema(required = true)]
    pub waitlist_position: Option<u64>,
    /// How many wait in all.
    #[schema(required = true)]
    pub waitlist_total: Option<u64>,
    /// Until when a place is held for it, while one is offered: accept it before.
    #[schema(required = true)]
    pub offer_expires_at: Option<String>,
    /// When it was promoted from the line, or offered a place.
    #[schema(required = true)]
    pub promoted_at: Option<String>,
    /// The reservation of its place: pay it by `POST /api/reservations/{id}/payments`.
    #[schema(required = true)]
    pub reservation_id: Option<ReservationId>,
    /// Until when the fee is to be paid, while it is not.
    #[schema(required = true)]
    pub payment_due_at: Option<String>,
    #[schema(required = true, value_type = Option<crate::http::api::classes::bodies::AttendanceDto>)]
    pub attendance: Option<&'static str>,
    pub applied_at: String,
    #[schema(required = true)]
    pub canceled_at: Option<String>,
    #[schema(required = true)]
    pub decided_at: Option<String>,
    #[schema(required = true)]
    pub decided_by_admin_id: Option<UserId>,
    pub created_at: String,
    pub updated_at: String,
}

/// Reads an enrollment.
///
/// # Errors
/// 404 for those of others.
pub async fn read(
    state: &AppState,
    caller: Caller,
    enrollment: EnrollmentId,
) -> Result<EnrollmentDto, ApiError> {
    let row = state.classes.enrollment(caller, enrollment).await?;
    let seen = state.classes.seen(vec![row]).await?;
    let seen = seen.first().ok_or_else(|| ApiError::not_found("enrollment"))?;
    Ok(render(seen))
}

/// Renders an enrollment.
#[must_use]
pub fn render(seen: &SeenEnrollment) -> EnrollmentDto {
    let row = &seen.row;
    let answers = seen.answers.as_ref();
    let reservation = seen.reservation.as_ref();
    let due = reservation.filter(|found| found.state == ReservationState::PaymentPending);
    let reason_type = match row.status {
        EnrollmentState::Rejected => Some("REJECT"),
        EnrollmentState::Canceled => Some("CANCEL"),
        EnrollmentState::Applied | EnrollmentState::Approved | EnrollmentState::Waitlisted => None,
    };
    EnrollmentDto {
        id: row.id,
        user_id: row.user,
        mclass_id: row.class,
        enrollment_form_id: answers.and_then(|found| found.form).map(|(id, _)| id),
        form_version: answers.and_then(|found| found.form).map(|(_, version)| version),
        answers: answers
            .and_then(|found| found.answers.as_deref())
            .and_then(|json| serde_json::from_str(json).ok()),
        form_snapshot: seen.form.clone(),
        status: row.status.as_str(),
        reason: seen.reason.clone(),
        reason_type,
        cause: row.cause.clone(),
        version: row.version,
        idempotency_key: answers.and_then(|found| found.idempotency_key.clone()),
        waitlist_position: seen.line.map(|line| line.position),
        waitlist_total: seen.line.map(|line| line.total),
        offer_expires_at: dto::time(row.offer_expires_at),
        promoted_at: dto::time(row.promoted_at),
        reservation_id: reservation.map(|found| found.id),
        payment_due_at: due.map(|found| rfc3339(found.pay_by)),
        attendance: row.attendance.map(attendance_name),
        applied_at: rfc3339(row.applied_at),
        canceled_at: dto::time(row.canceled_at),
        decided_at: dto::time(row.decided_at),
        decided_by_admin_id: row.decided_by,
        created_at: rfc3339(row.applied_at),
        updated_at: rfc3339(row.updated_at),
    }
}
