//! `/api/challenge`: a proof of work for a request of a network that is over its limit.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::error::{ApiError, ErrorCode, OperationCodes};
use crate::http::extract::{Query, client_address};
use crate::http::respond::{self, rfc3339};
use crate::http::state::AppState;
use crate::limits::{Class, Principal};
use crate::network;

/// Adds the route.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/challenge").route(web::get().to(show)));
}

/// The error codes of this operation, beyond those that follow from its form.
pub(crate) const CODES: &[OperationCodes] = &[("get", "/api/challenge", &[ErrorCode::Invalid])];

/// The class of a limit on requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LimitClass {
    /// Logins and the like.
    #[default]
    Strict,
    /// Everything without a class of its own.
    General,
    /// New sessions of guests.
    Guest,
    /// What everybody may read.
    Relaxed,
    /// What only organisers use.
    Staff,
    /// The sale itself.
    Hot,
}

impl From<LimitClass> for Class {
    fn from(class: LimitClass) -> Self {
        match class {
            LimitClass::Strict => Self::Strict,
            LimitClass::General => Self::General,
            LimitClass::Guest => Self::Guest,
            LimitClass::Relaxed => Self::Relaxed,
            LimitClass::Staff => Self::Staff,
            LimitClass::Hot => Self::Hot,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    #[serde(default)]
    class: LimitClass,
}

/// A proof of work for a request beyond a limit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitChallengeDto {
    /// The limit that it is about.
    limit_class: LimitClass,
    /// True if the caller's network is over this limit now.
    is_needed: bool,
    /// Zero bits with which the SHA-256 of the answer must begin: more, the more answers came from the
    /// caller's network of late.
    #[schema(maximum = 24)]
    bits: u8,
    /// The answer is this text, a full stop, and up to 10 digits that make the hash begin with so many
    /// zero bits.
    challenge: String,
    /// The end of the challenge's life.
    expires_at: String,
    server_time: String,
}

/// Get a proof of work. Its answer, sent once as `X-Challenge-Answer` with a request that was refused
/// with `TOO_MANY_REQUESTS`, lets that request pass. It gives the caller's network a fresh allowance too,
/// except with `strict` and `guest`.
#[utoipa::path(get, path = "/api/challenge", tag = "auth", operation_id = "readLimitChallenge", security(()),
    params(("class" = Option<LimitClass>, Query, description = "The limit, as `details.class` of the refusal names it; `strict` by default")),
    responses((status = 200, body = crate::http::envelope::Success<LimitChallengeDto>)))]
pub(crate) async fn show(
    state: web::Data<AppState>,
    request: HttpRequest,
    Query(asked): Query<Asked>,
) -> Result<HttpResponse, ApiError> {
    let address = client_address(&request).ok_or_else(|| ApiError::of(ErrorCode::BadRequest))?;
    let (class, network) = (Class::from(asked.class), network::counted(address));
    let standing = match state.config.rate_limits {
        true => state.limits.look(class, Principal::Network(network)).await,
        false => None,
    };
    let challenge = state.limits.challenge(class, network).await;
    Ok(respond::ok(&LimitChallengeDto {
        limit_class: asked.class,
        is_needed: standing.is_some_and(|standing| !standing.is_within),
        bits: challenge.bits,
        challenge: challenge.text,
        expires_at: rfc3339(challenge.expires_at),
        server_time: rfc3339(state.clock.now_ms()),
    }))
}
