//! `/api/users/me/sessions`: the caller's logins, to be listed and ended.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::{Access, AccountError, SessionRow};
use crate::http::envelope::{Done, Failure};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Path, Query};
use crate::http::respond::{self, rfc3339};
use crate::http::state::AppState;
use crate::ids::SessionId;

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/api/users/me/sessions")
            .route(web::get().to(list))
            .route(web::delete().to(end_all)),
    )
    .service(web::resource("/api/users/me/sessions/{session}").route(web::delete().to(end)));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    ("get", "/api/users/me/sessions", &[ErrorCode::AccountRequired]),
    ("delete", "/api/users/me/sessions", &[ErrorCode::AccountRequired]),
    (
        "delete",
        "/api/users/me/sessions/{session}",
        &[ErrorCode::AccountRequired, ErrorCode::NotFound],
    ),
];

/// A login of an account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserSession {
    #[schema(value_type = String, format = "uuid")]
    id: SessionId,
    /// The device, as its program names itself; empty if it is not known.
    #[schema(example = "Chrome (Android)")]
    device: String,
    /// The network address at the login; null if it is not known.
    #[schema(required = true, example = "192.0.2.7")]
    address: Option<String>,
    created_at: String,
    /// The last use, exact to a few minutes.
    last_seen_at: String,
    /// Ends at this time unless it is renewed.
    expires_at: String,
    /// True for the session of this request.
    is_current: bool,
}

impl UserSession {
    fn new(row: SessionRow, access: &Access) -> Self {
        Self {
            id: row.id,
            device: row.device,
            address: row.address,
            created_at: rfc3339(row.created_at),
            last_seen_at: rfc3339(row.last_seen_at),
            expires_at: rfc3339(row.expires_at),
            is_current: access.session == Some(row.id),
        }
    }
}

/// Which sessions end.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EndSessions {
    /// True to keep the session of this request.
    #[serde(default)]
    keep_current: bool,
}

/// List the caller's sessions, the one seen last first.
#[utoipa::path(
    get, path = "/api/users/me/sessions", tag = "users", operation_id = "listSessions",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The living sessions", body = Vec<UserSession>),
        (status = 403, description = "ACCOUNT_REQUIRED", body = Failure),
    )
)]
pub async fn list(state: web::Data<AppState>, access: Access) -> Result<HttpResponse, ApiError> {
    let access = of_account(access)?;
    let rows = state.accounts.sessions(access.caller.user).await?;
    let sessions: Vec<_> = rows.into_iter().map(|row| UserSession::new(row, &access)).collect();
    Ok(respond::ok(&sessions))
}

/// End one of the caller's sessions. Its tokens are refused at once, and its streams close, on every
/// instance within two seconds.
#[utoipa::path(
    delete, path = "/api/users/me/sessions/{session}", tag = "users", operation_id = "endSession",
    security(("bearer" = [])),
    params(("session" = SessionId, Path)),
    responses(
        (status = 200, description = "The session has ended", body = Done),
        (status = 403, description = "ACCOUNT_REQUIRED", body = Failure),
        (status = 404, description = "NOT_FOUND", body = Failure),
    )
)]
pub async fn end(
    state: web::Data<AppState>,
    access: Access,
    Path(session): Path<SessionId>,
) -> Result<HttpResponse, ApiError> {
    let caller = of_account(access)?.caller;
    match state.accounts.end_session(caller.user, session).await {
        Ok(()) => Ok(respond::done("the session has ended")),
        Err(AccountError::NotFound) => Err(ApiError::not_found("session")),
        Err(error) => Err(error.into()),
    }
}

/// End all of the caller's sessions, or all others.
#[utoipa::path(
    delete, path = "/api/users/me/sessions", tag = "users", operation_id = "endSessions",
    security(("bearer" = [])),
    params(("keepCurrent" = Option<bool>, Query,
        description = "True to keep the session of this request")),
    responses(
        (status = 200, description = "The sessions have ended", body = Done),
        (status = 403, description = "ACCOUNT_REQUIRED", body = Failure),
        (status = 422, description = "INVALID", body = Failure),
    )
)]
pub async fn end_all(
    state: web::Data<AppState>,
    access: Access,
    Query(query): Query<EndSessions>,
) -> Result<HttpResponse, ApiError> {
    let access = of_account(access)?;
    match access.session.filter(|_| query.keep_current) {
        Some(current) => {
            state.accounts.end_other_sessions(access.caller.user, current).await?;
            Ok(respond::done("all other sessions have ended"))
        }
        None => {
            state.accounts.end_all_sessions(access.caller.user).await?;
            Ok(respond::done("all sessions have ended"))
        }
    }
}

/// Guests have no sessions that could be listed.
fn of_account(access: Access) -> Result<Access, ApiError> {
    match access.caller.guest {
        true => Err(ApiError::of(ErrorCode::AccountRequired)),
        false => Ok(access),
    }
}
