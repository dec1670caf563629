//! `/api/auth/{provider}`: signing in by a provider of identities. A browser that wants pages goes on from
//! the callback to the page that ends the login (`web/social.rs`); other clients get their answer here.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::{AnswerMode, Returned, SocialOutcome, SocialProvider, SocialWish};
use crate::config::Config;
use crate::http::api::accounts::auth::Tokens;
use crate::http::envelope::Failure;
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{
    FromDevice, MaybeCaller, Path, Query, accepted_language, login_from, read_plain,
};
use crate::http::respond;
use crate::http::state::AppState;

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/auth/providers").route(web::get().to(providers)))
        .service(web::resource("/api/auth/{provider}").route(web::get().to(begin)))
        .service(
            web::resource("/api/auth/{provider}/callback")
                .route(web::get().to(callback))
                .route(web::post().to(callback_form)),
        );
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    (
        "get",
        "/api/auth/{provider}",
        &[ErrorCode::NotFound, ErrorCode::SocialAnswerRefused, ErrorCode::ProviderUnavailable],
    ),
    (
        "get",
        "/api/auth/{provider}/callback",
        &[
            ErrorCode::NotFound,
            ErrorCode::SocialLoginExpired,
            ErrorCode::SocialLoginDenied,
            ErrorCode::SocialAnswerRefused,
            ErrorCode::ProviderUnavailable,
            ErrorCode::EmailTaken,
            ErrorCode::IdentityTaken,
            ErrorCode::ProviderLinked,
            ErrorCode::InvalidCredentials,
            ErrorCode::Unauthorized,
            ErrorCode::TokenExpired,
            ErrorCode::LoginTooOld,
            ErrorCode::TooManyRequests,
        ],
    ),
    ("post", "/api/auth/{provider}/callback", &[ErrorCode::NotFound, ErrorCode::PayloadTooLarge]),
];

/// Reads the name of a provider in a path.
///
/// # Errors
/// [`ErrorCode::NotFound`].
pub(crate) fn provider_of(name: &str) -> Result<SocialProvider, ApiError> {
    let is_it = |provider: &SocialProvider| name == path_name(*provider);
    SocialProvider::ALL.into_iter().find(is_it).ok_or_else(|| ApiError::not_found("provider"))
}

/// Returns the name of a provider in paths.
#[must_use]
pub(crate) fn path_name(provider: SocialProvider) -> String {
    provider.as_str().to_ascii_lowercase()
}

/// Returns the name of the cookie that binds a login to the browser that began it.
#[must_use]
pub(crate) fn cookie_name(config: &Config) -> &'static str {
    if config.allow_plain_http { "admitone-login" } else { "__Host-admitone-login" }
}

/// Returns the cookie of a login under way, or one that ends it where `value` is empty. A provider leads
/// back by GET, with which browsers send this cookie; what comes by POST is led on to GET.
#[must_use]
pub(crate) fn attempt_cookie(config: &Config, value: String) -> Cookie<'static> {
    let life = if value.is_empty() { Duration::ZERO } else { Duration::minutes(10) };
    Cookie::build(cookie_name(config), value)
        .path("/")
        .http_only(true)
        .secure(!config.allow_plain_http)
        .same_site(SameSite::Lax)
        .max_age(life)
        .finish()
}

/// A provider that people can sign in by.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OfferedProviderDto {
    provider: SocialProvider,
    /// The name on buttons.
    #[schema(example = "Google")]
    name: String,
    /// Where a browser begins to sign in.
    #[schema(example = "/api/auth/google")]
    path: String,
}

/// List the providers that people can sign in by.
#[utoipa::path(
    get, path = "/api/auth/providers", tag = "auth", operation_id = "listProviders",
    security(()),
    responses((status = 200, description = "The providers", body = Vec<OfferedProviderDto>))
)]
pub async fn providers(state: web::Data<AppState>) -> HttpResponse {
    let provider = |(provider, name): (SocialProvider, &str)| OfferedProviderDto {
        provider,
        name: name.to_owned(),
        path: format!("/api/auth/{}", path_name(provider)),
    };
    respond::ok(&state.accounts.social_providers().map(provider).collect::<Vec<_>>())
}

/// How to go on after signing in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeginQuery {
    /// The page of this server to go on to, such as `/orders`; `/` if absent.
    redirect: Option<String>,
    /// `token` for an answer as from a login, `page` for pages; by `Accept` if absent.
    mode: Option<Mode>,
}

/// How the result is answered.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Token,
    Page,
}

/// Lead a browser to a provider to sign in.
///
/// A cookie binds the login to this browser for 10 minutes.
#[utoipa::path(
    get, path = "/api/auth/{provider}", tag = "auth", operation_id = "beginSocialLogin",
    security(()),
    params(
        ("provider" = String, Path, description = "google, kakao, naver, apple or oidc"),
        ("redirect" = Option<String>, Query,
            description = "The page of this server to go on to, such as /orders; / if absent"),
        ("mode" = Option<crate::http::openapi::forms::SocialMode>, Query,
            description = "token for an answer as from a login, page for pages; by Accept if absent"),
    ),
    responses(
        (status = 302, description = "Location is the provider's page"),
        (status = 404, description = "NOT_FOUND: the operator has not registered with it", body = Failure),
        (status = 422, description = "INVALID", body = Failure),
        (status = 502, description = "SOCIAL_ANSWER_REFUSED", body = Failure),
        (status = 503, description = "PROVIDER_UNAVAILABLE", body = Failure),
    )
)]
pub async fn begin(
    state: web::Data<AppState>,
    request: HttpRequest,
    Path(provider): Path<String>,
    Query(query): Query<BeginQuery>,
) -> Result<HttpResponse, ApiError> {
    let provider = provider_of(&provider)?;
    let mode = match query.mode {
        Some(Mode::Token) => AnswerMode::Token,
        Some(Mode::Page) => AnswerMode::Page,
        None if accepts_pages(&request) => AnswerMode::Page,
        None => AnswerMode::Token,
    };
    let redirect = query.redirect.unwrap_or_else(|| "/".to_owned());
    let wish = SocialWish { mode, redirect, link_to: None };
    let start = state.accounts.social_begin(provider, wish).await?;
    let mut response = HttpResponse::Found().insert_header((header::LOCATION, start.url)).finish();
    let _ = response.add_cookie(&attempt_cookie(&state.config, start.cookie));
    Ok(response)
}

/// True for a browser that shows what it gets.
fn accepts_pages(request: &HttpRequest) -> bool {
    let accepted = request.headers().get(header::ACCEPT);
    accepted.and_then(|value| value.to_str().ok()).is_some_and(|list| list.contains("text/html"))
}

/// What a browser brings back from a provider. Providers add fields of their own.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct CallbackQuery {
    /// The code to exchange.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    /// The state of the login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<String>,
    /// Why the provider refused the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// The issuer, of providers that say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) iss: Option<String>,
    /// The person's name, of Apple at the first login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
}

impl From<CallbackQuery> for Returned {
    fn from(query: CallbackQuery) -> Self {
        let CallbackQuery { code, state, error, iss, name } = query;
        Self { code, state, error, issuer: iss, name }
    }
}

/// What a login by a provider has done: the account and its tokens, or the identity that was linked.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum SocialResult {
    /// The account that signed in, and its tokens.
    SignedIn(Box<Tokens>),
    /// The provider whose identity was added to the caller's account.
    Linked(LinkedIdentityDto),
}

/// A provider whose identity was added to the caller's account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinkedIdentityDto {
    linked: SocialProvider,
}

/// End a login by a provider, which leads the browser here.
///
/// A browser that accepts pages is led on to the page that was asked for. Any other client gets the
/// account and its tokens, as from a login, or the provider that was linked.
#[utoipa::path(
    get, path = "/api/auth/{provider}/callback", tag = "auth", operation_id = "endSocialLogin",
    security(()),
    params(
        ("provider" = String, Path, description = "google, kakao, naver, apple or oidc"),
        ("code" = Option<String>, Query, description = "The code to exchange"),
        ("state" = Option<String>, Query, description = "The state of the login"),
        ("error" = Option<String>, Query, description = "Why the provider refused the person"),
        ("iss" = Option<String>, Query, description = "The issuer, of providers that say it"),
        ("name" = Option<String>, Query, description = "The person's name, of Apple once"),
    ),
    responses(
        (status = 200, description = "The account and its tokens", body = SocialResult),
        (status = 303, description = "Location is the page that ends the login in a browser"),
        (status = 400, description = "SOCIAL_LOGIN_EXPIRED", body = Failure),
        (
            status = 401,
            description = "SOCIAL_LOGIN_DENIED, INVALID_CREDENTIALS, UNAUTHORIZED, TOKEN_EXPIRED",
            body = Failure,
        ),
        (
            status = 403,
            description = "LOGIN_TOO_OLD: the session that wished to link it has ended or is too old",
            body = Failure,
        ),
        (status = 404, description = "NOT_FOUND: the operator has not registered with it", body = Failure),
        (
            status = 409,
            description = "EMAIL_TAKEN (details.hint is SIGN_IN_AND_LINK), IDENTITY_TAKEN, PROVIDER_LINKED",
            body = Failure,
        ),
        (status = 422, description = "INVALID", body = Failure),
        (status = 429, description = "TOO_MANY_REQUESTS", body = Failure),
        (status = 502, description = "SOCIAL_ANSWER_REFUSED", body = Failure),
        (status = 503, description = "PROVIDER_UNAVAILABLE", body = Failure),
    )
)]
pub async fn callback(
    state: web::Data<AppState>,
    request: HttpRequest,
    Path(name): Path<String>,
    MaybeCaller(bearer): MaybeCaller,
    FromDevice(device): FromDevice,
    Query(query): Query<CallbackQuery>,
) -> Result<HttpResponse, ApiError> {
    let provider = provider_of(&name)?;
    let cookie = request.cookie(cookie_name(&state.config));
    let cookie = cookie.as_ref().map(Cookie::value);
    let attempt = cookie.and_then(|cookie| state.accounts.social_attempt(cookie));
    let wants_tokens = attempt.is_some_and(|attempt| attempt.mode == AnswerMode::Token);
    if accepts_pages(&request) && !wants_tokens {
        return Ok(lead_on(&format!("/sign-in/{name}/callback"), &query));
    }
    let end = state.accounts.social_finish(provider, query.into(), cookie, bearer, &device).await?;
    let result = match end.outcome {
        SocialOutcome::Linked => SocialResult::Linked(LinkedIdentityDto { linked: provider }),
        SocialOutcome::SignedIn { mut session, is_new } => {
            if is_new {
                let language = accepted_language(&request);
                state.accounts.welcome(session.user.id, language).await;
                session.user.language =
                    language.map(|it| it.tag().to_owned()).or(session.user.language);
            }
            let known = login_from(&request).device_token;
            let device = state.accounts.device_token(&session.user, known);
            SocialResult::SignedIn(Box::new(Tokens::of(&state, *session).await.on_device(device)))
        }
    };
    let mut response = respond::ok(&result);
    let _ = response.add_cookie(&attempt_cookie(&state.config, String::new()));
    Ok(response)
}

/// The longest form of a provider, in bytes.
const MAX_FORM: usize = 32 * 1_024;

/// What Apple says of a person, once.
#[derive(Deserialize)]
struct AppleUser {
    name: Option<AppleName>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AppleName {
    first_name: Option<String>,
    last_name: Option<String>,
}

/// The form that Apple sends.
#[derive(Default, Deserialize)]
struct CallbackForm {
    #[serde(flatten)]
    query: CallbackQuery,
    user: Option<String>,
}

/// End a login by a provider that sends the browser back with a form, as Apple does.
///
/// The form comes from a page of the provider, with which browsers send no cookies of this server: the
/// browser is led on to `GET`, with which they do.
#[utoipa::path(
    post, path = "/api/auth/{provider}/callback", tag = "auth", operation_id = "endSocialLoginByForm",
    security(()),
    params(("provider" = String, Path, description = "google, kakao, naver, apple or oidc")),
    request_body(
        content = CallbackFormBody, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "Location is this path with the values of the form"),
        (status = 404, description = "NOT_FOUND: the operator has not registered with it", body = Failure),
        (status = 413, description = "PAYLOAD_TOO_LARGE", body = Failure),
        (status = 422, description = "INVALID", body = Failure),
    )
)]
pub async fn callback_form(
    request: HttpRequest,
    Path(name): Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let body = read_plain(&request, &mut payload.into_inner(), MAX_FORM).await?;
    let form: CallbackForm =
        serde_urlencoded::from_bytes(&body).map_err(|error| ApiError::invalid(".", error))?;
    let user = form.user.and_then(|user| serde_json::from_str::<AppleUser>(&user).ok());
    if form.query.state.is_none() {
        return Err(ApiError::invalid("state", "is missing"));
    }
    provider_of(&name)?;
    let name_of = |name: AppleName| {
        let parts = [name.first_name, name.last_name].into_iter().flatten();
        parts.collect::<Vec<_>>().join(" ")
    };
    let person = user.and_then(|user| user.name).map(name_of);
    let query = CallbackQuery { name: person, ..form.query };
    Ok(lead_on(&format!("/api/auth/{name}/callback"), &query))
}

/// The form that a provider sends.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents a form")]
pub struct CallbackFormBody {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    /// JSON with the name, of Apple at the first login.
    user: Option<String>,
}

/// Leads on to a path of this server with what the browser brought back.
fn lead_on(path: &str, query: &CallbackQuery) -> HttpResponse {
    let query = serde_urlencoded::to_string(query).unwrap_or_default();
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, format!("{path}?{query}")))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}
