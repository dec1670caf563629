//! `/api/users/me`: the routes of the caller's own account, and changes of it.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::accounts::{PasswordChange, ProfileChange, Updated};
use crate::http::api::accounts::auth::Tokens;
use crate::http::api::accounts::users::{LanguageTag, User, forget_me, me};
use crate::http::api::payments::automatic::AutoMethod;
use crate::http::envelope::Failure;
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Access, Body, object};
use crate::http::respond;
use crate::http::state::AppState;

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/api/users/me")
            .route(web::get().to(me))
            .route(web::patch().to(change_me))
            .route(web::delete().to(forget_me)),
    );
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[(
    "patch",
    "/api/users/me",
    &[
        ErrorCode::InvalidCredentials,
        ErrorCode::TooManyRequests,
        ErrorCode::AccountRequired,
        ErrorCode::PaymentMethodUnavailable,
    ],
)];

/// An account after a change.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangedUser {
    #[serde(flatten)]
    user: User,
    /// After a new password, the new tokens of this session; all other tokens have ended. Absent
    /// where the caller has to log in again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    tokens: Option<Tokens>,
}

impl ChangedUser {
    pub(super) async fn of(state: &AppState, Updated { user, session }: Updated) -> Self {
        let tokens = match session {
            Some(session) => Some(Tokens::of(state, session).await),
            None => None,
        };
        Self { user: User::of(state, user).await, tokens }
    }
}

/// Changes of the caller's account; absent fields stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeUserRequest {
    /// A new name.
    #[schema(max_length = 100)]
    name: Option<String>,
    /// A new phone number, or null to remove it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 32)]
    phone_number: Option<Option<String>>,
    /// The current password; required with a new one.
    current_password: Option<String>,
    /// A new password.
    #[schema(min_length = 8, max_length = 128)]
    new_password: Option<String>,
    /// The language of mails.
    #[serde(default, deserialize_with = "object::option_word")]
    language: Option<LanguageTag>,
    /// How reservations with `autoPay` are paid; null is the wallet.
    #[serde(default, deserialize_with = "present_word")]
    #[schema(value_type = Option<AutoMethod>)]
    default_payment_method: Option<Option<AutoMethod>>,
}

/// As [`present`], for a word.
fn present_word<'de, D: Deserializer<'de>>(
    field: D,
) -> Result<Option<Option<AutoMethod>>, D::Error> {
    object::option_word(field).map(Some)
}

/// Distinguishes `null` (`Some(None)`) from absent (`None`).
fn present<'de, D: Deserializer<'de>>(field: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(field).map(Some)
}

/// Change the name, phone number, language, password or way of automatic payments of the caller's account.
///
/// A new password ends all other sessions; the answer has new tokens for the caller's.
#[utoipa::path(
    patch, path = "/api/users/me", tag = "users", operation_id = "changeMe",
    security(("bearer" = [])),
    request_body = ChangeUserRequest,
    responses(
        (status = 200, description = "The account as it is now", body = ChangedUser),
        (status = 401, description = "UNAUTHORIZED, TOKEN_EXPIRED", body = Failure),
        (status = 403, description = "ACCOUNT_REQUIRED", body = Failure),
        (status = 422, description = "INVALID, PAYMENT_METHOD_UNAVAILABLE", body = Failure),
        (status = 429, description = "TOO_MANY_REQUESTS", body = Failure),
    )
)]
pub async fn change_me(
    state: web::Data<AppState>,
    access: Access,
    Body(body): Body<ChangeUserRequest>,
) -> Result<HttpResponse, ApiError> {
    let password = match (body.current_password, body.new_password) {
        (Some(current), Some(new)) => Some(PasswordChange { current, new }),
        (None, None) => None,
        (Some(_), None) => return Err(ApiError::invalid("newPassword", "is missing")),
        (None, Some(_)) => return Err(ApiError::invalid("currentPassword", "is missing")),
    };
    let default_payment_method = match body.default_payment_method {
        Some(Some(method)) => Some(Some(method.offered(&state)?)),
        Some(None) => Some(None),
        None => None,
    };
    let change = ProfileChange {
        name: body.name,
        phone_number: body.phone_number,
        password,
        language: body.language.map(LanguageTag::language),
        default_payment_method,
    };
    let updated = state.accounts.update(access, change).await?;
    Ok(respond::ok(&ChangedUser::of(&state, updated).await))
}
