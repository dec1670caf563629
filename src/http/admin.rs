//! What administrators see of all events, and the audit.

use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use crate::audit::Report;
use crate::http::dto;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract::{Admin, Path, Query};
use crate::http::reservations::{ReservationDto, page};
use crate::http::respond;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::journal::LoadError;
use crate::store::{ReservationFilter, ReservationState};

/// The routes of administration.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/admin/reservations").get(reservations));
}

/// The route of the audit, below an event.
pub fn of_event(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/audit").get(audit));
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    #[serde(default)]
    full: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ReservationsQuery {
    event_id: Option<OfferingId>,
    status: Option<String>,
    limit: Option<u64>,
    cursor: Option<String>,
}

/// Verify the event's whole history: every row, every change, every count. The digest is the one
/// that `admitone journal verify` finds. No customer's ids are in it. What this process has verified
/// before is not read again, unless an administrator asks for it with `full=true`.
#[utoipa::path(get, path = "/api/events/{event}/audit", tag = "events", security(()),
    params(("event" = OfferingId, Path), ("full" = Option<bool>, Query)),
    responses((status = 200, body = crate::http::openapi::Success<Report>)))]
pub(crate) async fn audit(
    state: web::Data<AppState>,
    Path(event): Path<OfferingId>,
    Query(query): Query<AuditQuery>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let audited = if query.full {
        // It costs a replay: not for everybody.
        <Admin as FromRequest>::extract(&request).await?;
        state.auditor.audit_again(event).await
    } else {
        state.auditor.audit(event).await
    };
    match audited {
        Ok(report) => Ok(respond::ok(&report)),
        Err(LoadError::NotFound) => Err(ApiError::of(ErrorCode::EventNotFound)),
        Err(error @ LoadError::Unavailable(_)) => Err(ApiError::unavailable(error)),
        Err(LoadError::Damaged { seq, reason }) => {
            tracing::error!(%event, %seq, reason, "the journal is damaged");
            Err(ApiError::of(ErrorCode::JournalDamaged)
                .with_details(json!({ "seq": seq.0, "reason": reason })))
        }
        Err(error) => Err(ApiError::internal(format!("the audit of {event} failed: {error}"))),
    }
}

/// Everybody's reservations, newest first (administrators).
#[utoipa::path(get, path = "/api/admin/reservations", tag = "admin",
    params(("eventId" = Option<OfferingId>, Query), ("status" = Option<crate::http::openapi::forms::ReservationStatus>, Query),
        ("limit" = Option<u64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = crate::http::openapi::Page<ReservationDto>)))]
pub(crate) async fn reservations(
    state: web::Data<AppState>,
    _: Admin,
    Query(query): Query<ReservationsQuery>,
) -> Result<HttpResponse, ApiError> {
    let unknown = || {
        let words = "must be PAYMENT_PENDING, CONFIRMED, CANCELLED or EXPIRED";
        ApiError::invalid("status", words)
    };
    let status = query.status.as_deref();
    let status =
        status.map(|status| ReservationState::parse(status).ok_or_else(unknown)).transpose()?;
    let filter = ReservationFilter {
        user: None,
        offering: query.event_id,
        state: status,
        after: dto::cursor(query.cursor.as_deref())?,
    };
    page(&state, filter, dto::limit(query.limit)?).await
}
