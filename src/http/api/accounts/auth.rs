//! `/api/auth`: registers accounts, logs in, renews tokens, logs out.

use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::accounts::{
    AccountError, Device, Registration, Role, Session, check_name, normalise_email,
};
use crate::http::api::accounts::users::User;
use crate::http::envelope::{Done, Failure};
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{
    Access, Body, FromDevice, IdempotencyKey, MaybeCaller, OptionalBody, accepted_language,
    login_from,
};
use crate::http::respond::{self, locate, rfc3339};
use crate::http::state::AppState;
use crate::ids::{SessionId, TermId, UserId};

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/auth/register").route(web::post().to(register)))
        .service(web::resource("/api/auth/login").route(web::post().to(login)))
        .service(web::resource("/api/auth/refresh").route(web::post().to(refresh)))
        .service(web::resource("/api/auth/logout").route(web::post().to(logout)));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    (
        "post",
        "/api/auth/login",
        &[ErrorCode::InvalidCredentials, ErrorCode::LoginLocked, ErrorCode::TooManyRequests],
    ),
    ("post", "/api/auth/logout", &[ErrorCode::Unauthorized, ErrorCode::TokenExpired]),
    ("post", "/api/auth/refresh", &[ErrorCode::InvalidRefreshToken, ErrorCode::RefreshTokenReused]),
    (
        "post",
        "/api/auth/register",
        &[
            ErrorCode::EmailTaken,
            ErrorCode::InvalidCredentials,
            ErrorCode::LoginLocked,
            ErrorCode::TooManyRequests,
            ErrorCode::Unauthorized,
            ErrorCode::TokenExpired,
        ],
    ),
];

/// A registration of a new account.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisterRequest {
    /// The e-mail address, lowered and trimmed; each address has one account.
    #[schema(example = "kim@example.com", format = "email", max_length = 254)]
    email: String,
    /// The password, 8 to 128 characters.
    #[schema(example = "correct horse battery", min_length = 8, max_length = 128)]
    password: String,
    /// The name, 1 to 100 characters of any script.
    #[schema(example = "김민수", max_length = 100)]
    name: String,
    /// The phone number; optional.
    #[schema(max_length = 32)]
    phone_number: Option<String>,
    /// The current terms that the person agrees to; required ones that are missing make
    /// `isSignUpCompleted` false, and the account is made all the same.
    #[serde(default)]
    #[schema(max_items = 100)]
    agreed_term_ids: Vec<TermId>,
    /// A name for the device in the list of sessions; by default that of the program.
    #[schema(max_length = 100, example = "Kim's phone")]
    device_name: Option<String>,
}

/// The most terms that a registration agrees to.
const MAX_TERMS: usize = 100;

/// A login.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoginRequest {
    /// The e-mail address of the account.
    #[schema(example = "kim@example.com")]
    email: String,
    /// The password of the account.
    #[schema(example = "correct horse battery")]
    password: String,
    /// A name for the device in the list of sessions; by default that of the program.
    #[schema(max_length = 100, example = "Kim's phone")]
    device_name: Option<String>,
}

/// A refresh token, to be renewed or ended.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RefreshRequest {
    /// The token from the last login or refresh.
    refresh_token: String,
}

/// The account that logged in, and its tokens.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tokens {
    user: User,
    /// The session that both tokens belong to.
    #[schema(value_type = String, format = "uuid")]
    session_id: SessionId,
    /// The token for the header `Authorization: Bearer …`.
    access_token: String,
    /// The token for `/api/auth/refresh`; it works once.
    refresh_token: String,
    /// Always `Bearer`.
    #[schema(value_type = crate::http::openapi::forms::TokenType)]
    token_type: &'static str,
    /// Lifetime of the access token in seconds.
    expires_in: u64,
    /// Time at which the refresh token expires.
    refresh_expires_at: String,
    /// What this device sends as `X-Device-Token` with later logins: wrong passwords of others do not
    /// lock it. After a login or a registration only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    device_token: Option<String>,
}

impl Tokens {
    pub(super) async fn of(state: &AppState, session: Session) -> Self {
        Self {
            user: User::of(state, session.user).await,
            session_id: session.id,
            access_token: session.access_token,
            refresh_token: session.refresh_token,
            token_type: "Bearer",
            expires_in: session.access_ttl.as_secs(),
            refresh_expires_at: rfc3339(session.refresh_expires_at),
            device_token: None,
        }
    }

    /// Adds what the device sends with later logins.
    pub(super) fn on_device(self, token: String) -> Self {
        Self { device_token: Some(token), ..self }
    }
}

/// Make an account and log in.
///
/// With a guest's access token, the account keeps the guest's id, and so the guest's reservations
/// and tickets. That token ends then; a retry with the same key may send it all the same.
#[utoipa::path(
    post, path = "/api/auth/register", tag = "auth", operation_id = "register",
    params(("Idempotency-Key" = Option<String>, Header, max_length = 255,
        description = "Makes a retry safe")),
    request_body = RegisterRequest,
    responses(
        (status = 201, description = "The account and its tokens", body = Tokens),
        (status = 400, description = "MALFORMED_JSON", body = Failure),
        (
            status = 401,
            description = "UNAUTHORIZED, TOKEN_EXPIRED: a token was sent, and is not valid, and this is \
                no retry; INVALID_CREDENTIALS: the key was used with another password",
            body = Failure,
        ),
        (status = 409, description = "EMAIL_TAKEN", body = Failure),
        (status = 422, description = "INVALID, IDEMPOTENCY_KEY_REUSED", body = Failure),
        (status = 429, description = "TOO_MANY_REQUESTS", body = Failure),
        (status = 503, description = "BUSY, TEMPORARILY_UNAVAILABLE", body = Failure),
    )
)]
pub async fn register(
    state: web::Data<AppState>,
    request: HttpRequest,
    caller: Result<MaybeCaller, ApiError>,
    key: IdempotencyKey,
    FromDevice(device): FromDevice,
    Body(body): Body<RegisterRequest>,
) -> Result<HttpResponse, ApiError> {
    if body.agreed_term_ids.len() > MAX_TERMS {
        let reason = format!("must have at most {MAX_TERMS} items");
        return Err(ApiError::invalid("agreedTermIds", reason));
    }
    let registration = Registration {
        email: body.email,
        password: body.password,
        name: body.name,
        phone_number: body.phone_number,
        role: Role::User,
    };
    let device = named(device, body.device_name)?;
    let agreed = &body.agreed_term_ids;
    let key = registration_key(&key, &registration, agreed);
    let mut session = match caller {
        Ok(MaybeCaller(caller)) => {
            state.accounts.register_as(caller, registration, agreed, key, device).await?
        }
        Err(refused) => {
            let password = registration.password;
            let before = state.accounts.registered_before(key.as_ref(), password, device).await?;
            before.ok_or(refused)?
        }
    };
    let language = accepted_language(&request);
    state.accounts.welcome(session.user.id, language).await;
    session.user.language =
        language.map(|language| language.tag().to_owned()).or(session.user.language);
    let device = state.accounts.device_token(&session.user, None);
    let tokens = Tokens::of(&state, session).await.on_device(device);
    let mut response = respond::created(&tokens);
    locate(&mut response, "/api/users/me");
    Ok(response)
}

/// Returns the key of a registration. No one is logged in yet, so the e-mail address stands for the
/// principal. The password is not part of the fingerprint, which is kept without salt.
fn registration_key(
    key: &IdempotencyKey,
    new: &Registration,
    agreed: &[TermId],
) -> Option<crate::store::Key> {
    let email = normalise_email(&new.email).unwrap_or_default();
    let mut principal = [0; 16];
    principal.copy_from_slice(&blake3::hash(email.as_bytes()).as_bytes()[..16]);
    let principal = UserId(Uuid::from_bytes(principal));
    let values = (&email, &new.name, &new.phone_number);
    // The form of versions that knew no terms: their clients' retries are recognised.
    match agreed {
        [] => key.row_key(principal, "register", &values),
        agreed => key.row_key(principal, "register", &(values, agreed)),
    }
}

/// Gives a device the name that its client sent.
fn named(device: Device, name: Option<String>) -> Result<Device, ApiError> {
    let Some(name) = name else { return Ok(device) };
    let name = check_name(&name).map_err(|reason| ApiError::invalid("deviceName", reason))?;
    Ok(Device { name, ..device })
}

/// Log in.
#[utoipa::path(
    post, path = "/api/auth/login", tag = "auth", operation_id = "login",
    params(("X-Device-Token" = Option<String>, Header, description = "`deviceToken` of an earlier login on this device")),
    request_body = LoginRequest,
    responses(
        (status = 200, description = "The account and its tokens", body = Tokens),
        (status = 400, description = "MALFORMED_JSON", body = Failure),
        (status = 401, description = "INVALID_CREDENTIALS", body = Failure),
        (status = 422, description = "INVALID", body = Failure),
        (status = 429, description = "TOO_MANY_REQUESTS, LOGIN_LOCKED", body = Failure),
        (status = 503, description = "BUSY, TEMPORARILY_UNAVAILABLE", body = Failure),
    )
)]
pub async fn login(
    state: web::Data<AppState>,
    request: HttpRequest,
    Body(body): Body<LoginRequest>,
) -> Result<HttpResponse, ApiError> {
    let mut from = login_from(&request);
    from.device = named(from.device, body.device_name)?;
    let session = state.accounts.login(&body.email, body.password, from.clone()).await?;
    let device = state.accounts.device_token(&session.user, from.device_token);
    Ok(respond::ok(&Tokens::of(&state, session).await.on_device(device)))
}

/// Exchange a refresh token for new tokens.
///
/// A refresh token works once. A second use ends the whole login, unless it is a retry with the
/// same `Idempotency-Key`, which gets the same refresh token again.
#[utoipa::path(
    post, path = "/api/auth/refresh", tag = "auth", operation_id = "refresh",
    params(("Idempotency-Key" = Option<String>, Header, max_length = 255,
        description = "Makes a retry safe")),
    request_body = RefreshRequest,
    responses(
        (status = 200, description = "New tokens", body = Tokens),
        (status = 401, description = "INVALID_REFRESH_TOKEN, REFRESH_TOKEN_REUSED", body = Failure),
        (status = 422, description = "INVALID", body = Failure),
    )
)]
pub async fn refresh(
    state: web::Data<AppState>,
    key: IdempotencyKey,
    Body(body): Body<RefreshRequest>,
) -> Result<HttpResponse, ApiError> {
    let session = state.accounts.refresh(&body.refresh_token, key.0.as_deref()).await?;
    Ok(respond::ok(&Tokens::of(&state, session).await))
}

/// End a session: that of the refresh token, or without a body that of the access token.
///
/// Its access tokens are refused at once, and its streams close, on every instance within two
/// seconds.
#[utoipa::path(
    post, path = "/api/auth/logout", tag = "auth", operation_id = "logout",
    request_body = Option<RefreshRequest>,
    responses(
        (status = 200, description = "The session has ended, if there was one", body = Done),
        (
            status = 401,
            description = "UNAUTHORIZED, TOKEN_EXPIRED: there is no body, and no valid access token",
            body = Failure,
        ),
        (status = 422, description = "INVALID", body = Failure),
    )
)]
pub async fn logout(
    state: web::Data<AppState>,
    request: HttpRequest,
    OptionalBody(body): OptionalBody<RefreshRequest>,
) -> Result<HttpResponse, ApiError> {
    match body {
        Some(body) => state.accounts.logout(&body.refresh_token).await?,
        None => {
            let access = Access::extract(&request).await?;
            if let Some(session) = access.session {
                match state.accounts.end_session(access.caller.user, session).await {
                    // It ended meanwhile.
                    Ok(()) | Err(AccountError::NotFound) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
    Ok(respond::done("logged out"))
}
