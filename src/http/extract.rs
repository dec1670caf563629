//! The extractors of handlers: the caller, the ids, the query and the body. Each refuses a request
//! in the API's own envelope, and none of them accesses the database.

mod access;
mod address;
mod body;
mod device;
mod idempotency;
mod pass;
mod proof;
mod session;
mod sighted;
mod staff;
mod words;

use std::borrow::Cow;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};
use serde::de::DeserializeOwned;

pub(crate) use access::knows_sessions;
pub use access::{Payer, PayerAccess};
pub use address::client_address;
pub(crate) use body::read_ahead;
pub use body::{Body, DEFAULT_LIMIT, OptionalBody, RawBody, expect_none, read_plain};
pub use device::{DEVICE_HEADER, FromDevice, login_from};
pub use idempotency::IdempotencyKey;
pub use pass::{PASS_HEADER, PassToken};
pub use proof::{PROOF_HEADER, QueueProof};
pub use session::{CookieNames, is_from_our_pages};
use sighted::{Place, token_of};
pub use sighted::{cookie_access, sighted_caller};
pub(crate) use staff::{ActRecord, Granted};
pub use staff::{Staff, Within};
pub use words::A_TIME;
use words::Fault;

use crate::accounts::TokenError;
pub use crate::accounts::{Access, Caller};
use crate::http::error::{ApiError, ErrorCode};
use crate::language::Language;
pub use crate::object;

/// The caller of a route that needs an account: 401 without a valid access token.
impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller_of(request))
    }
}

/// The caller of a route that anyone may use: `None` without an access token, 401 for one that is
/// not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaybeCaller(pub Option<Caller>);

impl FromRequest for MaybeCaller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(match token_of(request) {
            Some(_) => caller_of(request).map(|caller| Self(Some(caller))),
            None => Ok(Self(None)),
        })
    }
}

/// Returns the caller of a request.
///
/// # Errors
/// 401 without a valid access token; 403 for a cookie that a foreign page sends.
pub(crate) fn caller_of(request: &HttpRequest) -> Result<Caller, ApiError> {
    access_of(request).map(|access| access.caller)
}

/// Returns what the access token of a request proves.
///
/// # Errors
/// As for [`caller_of`].
pub(crate) fn access_of(request: &HttpRequest) -> Result<Access, ApiError> {
    let header = token_of(request).map(|token| (Place::Header, Cow::Borrowed(token)));
    let token = match header {
        Some(token) => Some(token),
        None => session::token(request)?.map(|token| (Place::Cookie, Cow::Owned(token))),
    };
    let (place, token) = token.ok_or_else(|| {
        ApiError::new(
            ErrorCode::Unauthorized,
            "send an access token: Authorization: Bearer <token>",
        )
    })?;
    match sighted::verified(request, place, &token) {
        Ok(access) => Ok(access),
        Err(TokenError::Expired) => Err(ApiError::of(ErrorCode::TokenExpired)),
        Err(TokenError::Invalid) => {
            Err(ApiError::new(ErrorCode::Unauthorized, TokenError::Invalid.to_string()))
        }
    }
}

/// The ids in the path: `Path<OfferingId>`, `Path<(OfferingId, HoldId)>`. A text that is not an id
/// identifies nothing, so it is answered 404.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Path<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let parsed = web::Path::<T>::from_request(request, payload).into_inner();
        ready(parsed.map(|path| Self(path.into_inner())).map_err(|_| ApiError::not_found("thing")))
    }
}

/// Returns the first language of the header `Accept-Language` that there are texts in.
#[must_use]
pub fn accepted_language(request: &HttpRequest) -> Option<Language> {
    Language::accepted(request.headers().get(header::ACCEPT_LANGUAGE)?.to_str().ok()?)
}

/// The query string: 422 with the field and its error.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let pairs = form_urlencoded::parse(request.query_string().as_bytes());
        let parsed = serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(pairs));
        ready(parsed.map(Self).map_err(|error| {
            let Fault { field, reason } =
                Fault::new(&error.path().to_string(), &error.inner().to_string());
            ApiError::invalid(&field, reason)
        }))
    }
}
