//! `/api/auth/guest`: customers without an account, their addresses and their claim codes.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::{Claimed, GuestContact, GuestSession};
use crate::http::envelope::Failure;
use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Body, Caller, IdempotencyKey, accepted_language, client_address};
use crate::http::respond;
use crate::http::state::AppState;
use crate::ids::UserId;

/// Adds the routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/auth/guest").route(web::post().to(guest)))
        .service(web::resource("/api/auth/guest/email").route(web::post().to(leave_email)))
        .service(web::resource("/api/auth/guest/claim").route(web::post().to(claim)));
}

/// The error codes of these operations, beyond those that follow from their form.
pub(crate) const CODES: &[OperationCodes] = &[
    ("post", "/api/auth/guest/email", &[ErrorCode::NotAGuest, ErrorCode::TooManyRequests]),
    ("post", "/api/auth/guest/claim", &[ErrorCode::InvalidClaimCode, ErrorCode::TooManyRequests]),
];

/// Whether a customer has an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CustomerKind {
    /// An account with a password.
    Account,
    /// A customer without an account.
    Guest,
}

/// A guest.
#[derive(Serialize, ToSchema)]
pub struct Guest {
    #[schema(value_type = String, format = "uuid")]
    id: UserId,
    /// Always `guest`.
    kind: CustomerKind,
}

/// A guest and the token that names the guest.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GuestTokens {
    user: Guest,
    /// The token for the header `Authorization: Bearer …`. It cannot be renewed.
    access_token: String,
    /// Always `Bearer`.
    #[schema(value_type = crate::http::openapi::forms::TokenType)]
    token_type: &'static str,
    /// Lifetime of the access token in seconds.
    expires_in: u64,
    /// The claim code that works from now on, after a claim only: that of places which were given away
    /// works once, and this is the next one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "7H3K9QWX2M", min_length = 10, max_length = 10)]
    claim_code: Option<String>,
}

impl From<GuestSession> for GuestTokens {
    fn from(session: GuestSession) -> Self {
        Self {
            user: Guest { id: session.user, kind: CustomerKind::Guest },
            access_token: session.access_token,
            token_type: "Bearer",
            expires_in: session.access_ttl.as_secs(),
            claim_code: None,
        }
    }
}

impl From<Claimed> for GuestTokens {
    fn from(claimed: Claimed) -> Self {
        Self { claim_code: Some(claimed.claim_code), ..Self::from(claimed.session) }
    }
}

/// The address of a guest.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GuestEmailRequest {
    /// The e-mail address, lowered and trimmed. It may be that of an account or of other guests.
    #[schema(example = "kim@example.com", format = "email", max_length = 254)]
    email: String,
}

/// The address of a guest, and the code for another device.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GuestContactDto {
    /// The address as it is stored.
    email: String,
    /// The code with which `/api/auth/guest/claim` returns the guest's token on another device.
    #[schema(example = "7H3K9QWX2M", min_length = 10, max_length = 10)]
    claim_code: String,
}

impl From<GuestContact> for GuestContactDto {
    fn from(contact: GuestContact) -> Self {
        Self { email: contact.email, claim_code: contact.claim_code }
    }
}

/// A claim to be a guest.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimRequest {
    /// The address that the guest has left.
    #[schema(example = "kim@example.com")]
    email: String,
    /// The claim code, in upper or lower case, also in groups such as `7H3K9-QWX2M`.
    #[schema(example = "7H3K9QWX2M")]
    code: String,
}

/// Make a guest, who can hold, reserve and pay without an account. Nothing is stored.
#[utoipa::path(
    post, path = "/api/auth/guest", tag = "auth", operation_id = "becomeGuest",
    responses((status = 201, description = "The guest and its token", body = GuestTokens))
)]
pub async fn guest(state: web::Data<AppState>) -> Result<HttpResponse, ApiError> {
    Ok(respond::created(&GuestTokens::from(state.accounts.guest()?)))
}

/// Leave an e-mail address as a guest, or another one in its place, and read the claim code. A new
/// address has a new claim code; the one of before is not valid any more.
#[utoipa::path(
    post, path = "/api/auth/guest/email", tag = "auth", operation_id = "leaveGuestEmail",
    security(("bearer" = [])),
    request_body = GuestEmailRequest,
    responses(
        (status = 200, description = "The address and the claim code", body = GuestContactDto),
        (status = 409, description = "NOT_A_GUEST", body = Failure),
        (status = 422, description = "INVALID", body = Failure),
        (status = 429, description = "TOO_MANY_REQUESTS", body = Failure),
    )
)]
pub async fn leave_email(
    state: web::Data<AppState>,
    caller: Caller,
    request: HttpRequest,
    Body(body): Body<GuestEmailRequest>,
) -> Result<HttpResponse, ApiError> {
    let from = client_address(&request);
    let contact = state.accounts.guest_checkout(caller, &body.email, from).await?;
    state.accounts.welcome_guest(caller.user, accepted_language(&request), from).await;
    Ok(respond::ok(&GuestContactDto::from(contact)))
}

/// Get a token of a guest on another device, by the guest's address and claim code.
///
/// The claim code of places that were given away works once, and for retries with the same
/// `Idempotency-Key`: keep the `claimCode` of the answer, which works from then on.
#[utoipa::path(
    post, path = "/api/auth/guest/claim", tag = "auth", operation_id = "claimGuest",
    params(("Idempotency-Key" = Option<String>, Header, max_length = 255,
        description = "Makes a retry safe. A random one: with it the code opens the places again for a day")),
    request_body = ClaimRequest,
    responses(
        (status = 200, description = "The guest, its token and the claim code from now on", body = GuestTokens),
        (status = 401, description = "INVALID_CLAIM_CODE", body = Failure),
        (status = 422, description = "INVALID", body = Failure),
        (status = 429, description = "TOO_MANY_REQUESTS", body = Failure),
    )
)]
pub async fn claim(
    state: web::Data<AppState>,
    request: HttpRequest,
    key: IdempotencyKey,
    Body(body): Body<ClaimRequest>,
) -> Result<HttpResponse, ApiError> {
    let from = client_address(&request);
    let key = key.0.as_deref();
    let claimed = state.accounts.claim(&body.email, &body.code, key, from).await?;
    Ok(respond::ok(&GuestTokens::from(claimed)))
}
