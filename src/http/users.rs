//! `/api/users/me`: one's own account.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::accounts::{PasswordChange, Role};
use crate::http::error::{ApiError, FailureBody};
use crate::http::extract::{Body, Caller};
use crate::http::respond::{self, rfc3339};
use crate::http::state::AppState;
use crate::ids::UserId;
use crate::store::UserRow;
use crate::trace;

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/api/users/me")
            .route(web::get().to(me))
            .route(web::patch().to(change_me))
            .route(web::delete().to(forget_me)),
    );
}

/// An account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    #[schema(value_type = String, format = "uuid")]
    id: UserId,
    email: String,
    name: String,
    phone_number: Option<String>,
    role: Role,
    created_at: String,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id,
            email: row.email,
            name: row.name,
            phone_number: row.phone_number,
            role: row.role,
            created_at: rfc3339(row.created_at),
        }
    }
}

/// What changes of one's account; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeUserRequest {
    /// A new name.
    name: Option<String>,
    /// A new number, or null for none.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    phone_number: Option<Option<String>>,
    /// Needed for a new password.
    current_password: Option<String>,
    /// A new password.
    new_password: Option<String>,
}

/// Tells `null` (`Some(None)`) from absent (`None`).
fn present<'de, D: Deserializer<'de>>(field: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(field).map(Some)
}

/// One's own account.
#[utoipa::path(
    get, path = "/api/users/me", tag = "users", operation_id = "getMe",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The account", body = User),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = FailureBody),
    )
)]
pub async fn me(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, ApiError> {
    let user = state.accounts.user(caller.user).await?;
    Ok(respond::ok(&User::from(user)))
}

/// Change name, phone number or password.
#[utoipa::path(
    patch, path = "/api/users/me", tag = "users", operation_id = "changeMe",
    security(("bearer" = [])),
    request_body = ChangeUserRequest,
    responses(
        (status = 200, description = "The account as it is now", body = User),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = FailureBody),
        (status = 422, description = "INVALID", body = FailureBody),
        (status = 429, description = "TOO_MANY_REQUESTS", body = FailureBody),
    )
)]
pub async fn change_me(
    state: web::Data<AppState>,
    caller: Caller,
    Body(body): Body<ChangeUserRequest>,
) -> Result<HttpResponse, ApiError> {
    let password = match (body.current_password, body.new_password) {
        (Some(current), Some(new)) => Some(PasswordChange { current, new }),
        (None, None) => None,
        (Some(_), None) => return Err(ApiError::invalid("newPassword", "is missing")),
        (None, Some(_)) => return Err(ApiError::invalid("currentPassword", "is missing")),
    };
    let accounts = &state.accounts;
    let user = accounts.update(caller.user, body.name, body.phone_number, password).await?;
    Ok(respond::ok(&User::from(user)))
}

/// Be forgotten: name, addresses and password are erased, tokens end, tickets stay valid.
#[utoipa::path(
    delete, path = "/api/users/me", tag = "users", operation_id = "forgetMe",
    security(("bearer" = [])),
    responses(
        (status = 204, description = "The account is closed"),
        (status = 409, description = "LAST_ADMINISTRATOR", body = FailureBody),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = FailureBody),
    )
)]
pub async fn forget_me(
    state: web::Data<AppState>,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    let accounts = state.accounts.clone();
    // To its end, also when the client goes away in the middle.
    let closing = async move { accounts.close(caller.user).await };
    let closing = state.runtime.spawn(trace::within(trace::current(), closing));
    closing.await.map_err(ApiError::internal)??;
    Ok(HttpResponse::NoContent().finish())
}
