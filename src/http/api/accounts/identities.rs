//! `/api/users/me/identities`: the ways to sign in to one's own account.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::SocialProvider;
use crate::http::api::accounts::profile::ChangedUser;
use crate::http::api::accounts::social::{attempt_cookie, provider_of};
use crate::http::api::accounts::users::User;
use crate::http::envelope::{Done, Failure};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Access, Body, Caller, Path};
use crate::http::respond::{self, rfc3339};
use crate::http::state::AppState;
use crate::store::IdentityRow;

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/users/me/identities").route(web::get().to(list)))
        .service(
            web::resource("/api/users/me/identities/{provider}")
                .route(web::post().to(link))
                .route(web::delete().to(unlink)),
        )
        .service(web::resource("/api/users/me/password").route(web::post().to(set_password)))
        .service(web::resource("/api/users/me/email").route(web::post().to(add_email)));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    ("get", "/api/users/me/identities", &[ErrorCode::AccountRequired]),
    (
        "post",
        "/api/users/me/identities/{provider}",
        &[
            ErrorCode::AccountRequired,
            ErrorCode::LoginTooOld,
            ErrorCode::NotFound,
            ErrorCode::SocialAnswerRefused,
            ErrorCode::ProviderUnavailable,
        ],
    ),
    (
        "delete",
        "/api/users/me/identities/{provider}",
        &[
            ErrorCode::AccountRequired,
            ErrorCode::LoginTooOld,
            ErrorCode::NotFound,
            ErrorCode::LastWayIn,
        ],
    ),
    (
        "post",
        "/api/users/me/password",
        &[ErrorCode::AccountRequired, ErrorCode::LoginTooOld, ErrorCode::Busy],
    ),
    (
        "post",
        "/api/users/me/email",
        &[
            ErrorCode::AccountRequired,
            ErrorCode::LoginTooOld,
            ErrorCode::EmailSet,
            ErrorCode::EmailTaken,
            ErrorCode::TooManyRequests,
        ],
    ),
];

/// The ways to sign in to an account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaysInDto {
    /// True if the account has a password.
    has_password: bool,
    identities: Vec<IdentityDto>,
}

/// A way to sign in by a provider.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdentityDto {
    provider: SocialProvider,
    /// The person's id at the provider.
    social_id: String,
    /// The address that the provider named when the identity was added.
    #[schema(required = true)]
    email: Option<String>,
    created_at: String,
    last_login_at: String,
}

impl From<IdentityRow> for IdentityDto {
    fn from(row: IdentityRow) -> Self {
        Self {
            provider: row.provider,
            social_id: row.subject,
            email: row.email_at_link,
            created_at: rfc3339(row.created_at),
            last_login_at: rfc3339(row.last_login_at),
        }
    }
}

/// List the ways to sign in to the caller's account.
#[utoipa::path(
    get, path = "/api/users/me/identities", tag = "users", operation_id = "listIdentities",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The ways to sign in", body = WaysInDto),
        (status = 403, description = "ACCOUNT_REQUIRED", body = Failure),
    )
)]
pub async fn list(state: web::Data<AppState>, caller: Caller) -> Result<HttpResponse, ApiError> {
    let ways = state.accounts.ways_in(caller).await?;
    let identities = ways.identities.into_iter().map(IdentityDto::from).collect();
    Ok(respond::ok(&WaysInDto { has_password: ways.has_password, identities }))
}

/// Where a browser goes on.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinkStartDto {
    /// The provider's page.
    #[schema(format = "uri")]
    url: String,
}

/// Begin to add a way to sign in by a provider. The caller's login must not be older than 10 minutes.
///
/// The browser that got this answer, with its cookie, goes to `url`, and must be signed in to the same
/// account when it comes back.
#[utoipa::path(
    post, path = "/api/users/me/identities/{provider}", tag = "users", operation_id = "linkIdentity",
    security(("bearer" = [])),
    params(("provider" = String, Path, description = "google, kakao, naver, apple or oidc")),
    responses(
        (status = 200, description = "Where to go", body = LinkStartDto),
        (status = 403, description = "ACCOUNT_REQUIRED, LOGIN_TOO_OLD", body = Failure),
        (status = 404, description = "NOT_FOUND: the operator has not registered with it", body = Failure),
        (status = 502, description = "SOCIAL_ANSWER_REFUSED", body = Failure),
        (status = 503, description = "PROVIDER_UNAVAILABLE", body = Failure),
    )
)]
pub async fn link(
    state: web::Data<AppState>,
    access: Access,
    Path(provider): Path<String>,
) -> Result<HttpResponse, ApiError> {
    let start = state.accounts.social_begin_link(access, provider_of(&provider)?).await?;
    let mut response = respond::ok(&LinkStartDto { url: start.url });
    let _ = response.add_cookie(&attempt_cookie(&state.config, start.cookie));
    Ok(response)
}

/// Remove a way to sign in by a provider, and end the sessions that it opened, but the caller's.
///
/// One way in remains: an e-mail address with a password, or another provider. The caller's login must not
/// be older than 10 minutes.
#[utoipa::path(
    delete, path = "/api/users/me/identities/{provider}", tag = "users", operation_id = "unlinkIdentity",
    security(("bearer" = [])),
    params(("provider" = String, Path, description = "google, kakao, naver, apple or oidc")),
    responses(
        (status = 200, description = "The identity is removed", body = Done),
        (status = 403, description = "ACCOUNT_REQUIRED, LOGIN_TOO_OLD", body = Failure),
        (status = 404, description = "NOT_FOUND: the account has none of this provider", body = Failure),
        (status = 409, description = "LAST_WAY_IN", body = Failure),
    )
)]
pub async fn unlink(
    state: web::Data<AppState>,
    access: Access,
    Path(provider): Path<String>,
) -> Result<HttpResponse, ApiError> {
    state.accounts.unlink(access, provider_of(&provider)?).await?;
    Ok(respond::done("the identity is removed"))
}

/// A first password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FirstPassword {
    /// The password, 8 to 128 characters.
    #[schema(example = "correct horse battery", min_length = 8, max_length = 128)]
    password: String,
}

/// Set the first password of an account that has none.
///
/// The account needs an e-mail address, which is confirmed where the server sends mails. The caller's login
/// must not be older than 10 minutes. All other sessions end; the answer has new tokens for the caller's.
#[utoipa::path(
    post, path = "/api/users/me/password", tag = "users", operation_id = "setFirstPassword",
    security(("bearer" = [])),
    request_body = FirstPassword,
    responses(
        (status = 200, description = "The account as it is now", body = ChangedUser),
        (status = 403, description = "ACCOUNT_REQUIRED, LOGIN_TOO_OLD", body = Failure),
        (status = 422, description = "INVALID", body = Failure),
        (status = 503, description = "BUSY, TEMPORARILY_UNAVAILABLE", body = Failure),
    )
)]
pub async fn set_password(
    state: web::Data<AppState>,
    access: Access,
    Body(body): Body<FirstPassword>,
) -> Result<HttpResponse, ApiError> {
    let updated = state.accounts.set_first_password(access, body.password).await?;
    Ok(respond::ok(&ChangedUser::of(&state, updated).await))
}

/// An address for an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEmail {
    /// The e-mail address, lowered and trimmed; each address has one account.
    #[schema(example = "kim@example.com", format = "email", max_length = 254)]
    email: String,
}

/// Add an address to an account that has none. A mail asks to confirm it.
///
/// An account without a password may replace an address that is not confirmed. The caller's login must
/// not be older than 10 minutes.
#[utoipa::path(
    post, path = "/api/users/me/email", tag = "users", operation_id = "addEmail",
    security(("bearer" = [])),
    request_body = NewEmail,
    responses(
        (status = 200, description = "The account as it is now", body = User),
        (status = 403, description = "ACCOUNT_REQUIRED, LOGIN_TOO_OLD", body = Failure),
        (status = 409, description = "EMAIL_SET, EMAIL_TAKEN", body = Failure),
        (status = 422, description = "INVALID", body = Failure),
        (status = 429, description = "TOO_MANY_REQUESTS", body = Failure),
    )
)]
pub async fn add_email(
    state: web::Data<AppState>,
    access: Access,
    Body(body): Body<NewEmail>,
) -> Result<HttpResponse, ApiError> {
    let user = state.accounts.add_email(access, &body.email).await?;
    Ok(respond::ok(&User::of(&state, user).await))
}
