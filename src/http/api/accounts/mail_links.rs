//! `/api/auth/password` and `/api/auth/email`: links in mails, for a new password and to confirm an
//! address.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::Confirmed;
use crate::http::api::accounts::guests::CustomerKind;
use crate::http::envelope::{Done, Failure};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Body, Caller, client_address};
use crate::http::respond;
use crate::http::state::AppState;
use crate::ids::UserId;

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/auth/password/reset-request").route(web::post().to(ask)))
        .service(web::resource("/api/auth/password/reset").route(web::post().to(reset)))
        .service(web::resource("/api/auth/email/confirmation").route(web::post().to(send)))
        .service(web::resource("/api/auth/email/confirm").route(web::post().to(confirm)));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    ("post", "/api/auth/password/reset-request", &[ErrorCode::TooManyRequests]),
    ("post", "/api/auth/password/reset", &[ErrorCode::InvalidLink]),
    ("post", "/api/auth/email/confirm", &[ErrorCode::InvalidLink]),
];

/// A wish for a link to set a new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetWish {
    /// The e-mail address of the account.
    #[schema(example = "kim@example.com", format = "email", max_length = 254)]
    email: String,
}

/// A new password, with the token of a link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordReset {
    /// The token, as the link has it behind `token=`.
    token: String,
    /// The new password, 8 to 128 characters.
    #[schema(example = "correct horse battery", min_length = 8, max_length = 128)]
    password: String,
}

/// The token of a link that confirms an address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmRequest {
    /// The token, as the link has it behind `token=`.
    token: String,
}

/// The owner of an address that was confirmed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfirmedDto {
    #[schema(value_type = String, format = "uuid")]
    id: UserId,
    kind: CustomerKind,
}

impl From<Confirmed> for ConfirmedDto {
    fn from(confirmed: Confirmed) -> Self {
        match confirmed {
            Confirmed::Account(id) => Self { id, kind: CustomerKind::Account },
            Confirmed::Guest(id) => Self { id, kind: CustomerKind::Guest },
        }
    }
}

/// Ask for a mail with a link to set a new password. The answer does not say whether the address has an
/// account; an address gets at most one mail a minute.
#[utoipa::path(
    post, path = "/api/auth/password/reset-request", tag = "auth", operation_id = "askForPasswordReset",
    security(()),
    request_body = ResetWish,
    responses(
        (status = 202, description = "If the address has an account, a mail is on its way", body = Done),
        (status = 422, description = "INVALID", body = Failure),
        (status = 429, description = "TOO_MANY_REQUESTS", body = Failure),
    )
)]
pub async fn ask(
    state: web::Data<AppState>,
    Body(body): Body<ResetWish>,
) -> Result<HttpResponse, ApiError> {
    state.accounts.request_reset(&body.email)?;
    Ok(respond::accepted("if the address has an account, a mail is on its way"))
}

/// Set a new password with the token of a link, once. All sessions of the account end.
#[utoipa::path(
    post, path = "/api/auth/password/reset", tag = "auth", operation_id = "resetPassword",
    security(()),
    request_body = PasswordReset,
    responses(
        (status = 200, description = "The password is changed", body = Done),
        (status = 410, description = "INVALID_LINK", body = Failure),
        (status = 422, description = "INVALID", body = Failure),
        (status = 503, description = "BUSY, TEMPORARILY_UNAVAILABLE", body = Failure),
    )
)]
pub async fn reset(
    state: web::Data<AppState>,
    Body(body): Body<PasswordReset>,
) -> Result<HttpResponse, ApiError> {
    state.accounts.reset_with_link(&body.token, body.password).await?;
    Ok(respond::done("the password is changed: log in with it"))
}

/// Ask for another mail with a link that confirms the caller's address. Nothing is sent for an address
/// that is confirmed, or by a server without mails, and at most one mail a minute; the guests of one
/// network get twenty a minute together.
#[utoipa::path(
    post, path = "/api/auth/email/confirmation", tag = "auth", operation_id = "askForEmailConfirmation",
    security(("bearer" = [])),
    responses(
        (status = 202, description = "A mail is on its way, if one is needed and this server sends mails", body = Done),
    )
)]
pub async fn send(
    state: web::Data<AppState>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    state.accounts.send_confirmation(caller, client_address(&request)).await?;
    Ok(respond::accepted(match state.accounts.can_notify() {
        true => "a mail is on its way, if one is needed",
        false => "this server sends no mails",
    }))
}

/// Confirm an address with the token of a link, once. The answer has no token: a guest finds the orders on
/// another device by the claim code.
#[utoipa::path(
    post, path = "/api/auth/email/confirm", tag = "auth", operation_id = "confirmEmail",
    security(()),
    request_body = ConfirmRequest,
    responses(
        (status = 200, description = "The address is confirmed", body = ConfirmedDto),
        (status = 410, description = "INVALID_LINK", body = Failure),
        (status = 422, description = "INVALID", body = Failure),
    )
)]
pub async fn confirm(
    state: web::Data<AppState>,
    Body(body): Body<ConfirmRequest>,
) -> Result<HttpResponse, ApiError> {
    let confirmed = state.accounts.confirm(&body.token).await?;
    Ok(respond::ok(&ConfirmedDto::from(confirmed)))
}
