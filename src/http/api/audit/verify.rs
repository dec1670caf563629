//! The audit of an event's history.

use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use crate::audit::Report;
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Caller, Path, Query};
use crate::http::respond;
use crate::http::state::AppState;
use crate::ids::OfferingId;
use crate::journal::LoadError;
use crate::roles::Permission;

/// Adds the route of the audit, below an event.
pub fn of_event(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/audit").get(audit));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[(
    "get",
    "/api/events/{event}/audit",
    &[
        ErrorCode::JournalDamaged,
        ErrorCode::Unauthorized,
        ErrorCode::TokenExpired,
        ErrorCode::Forbidden,
    ],
)];

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    #[serde(default)]
    full: bool,
}

/// Verify the event's whole history: every row, every change, every count.
///
/// The digest is the same as that of `admitone journal verify`. The report contains no customer's
/// ids. Rows that this process has verified before are not read again, unless an
/// administrator or an organiser of the event requests it with `full=true`.
#[utoipa::path(get, path = "/api/events/{event}/audit", tag = "events", security(()),
    params(("event" = OfferingId, Path), ("full" = Option<bool>, Query)),
    responses((status = 200, body = crate::http::envelope::Success<Report>)))]
pub(crate) async fn audit(
    state: web::Data<AppState>,
    Path(event): Path<OfferingId>,
    Query(query): Query<AuditQuery>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let audited = if query.full {
        // A full audit costs a replay, so it is for the event's organisers only.
        let caller = <Caller as FromRequest>::extract(&request).await?;
        if !state.accounts.may(caller, Permission::Manage, event) {
            return Err(ApiError::of(ErrorCode::Forbidden));
        }
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
