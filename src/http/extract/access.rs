//! What the access token of a request proves, for routes about sessions and money.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};

use super::access_of;
use crate::accounts::{Access, Caller};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::state::AppState;

/// The session behind a request, for routes about sessions and for answers that end with one.
impl FromRequest for Access {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(access_of(request))
    }
}

/// The caller of a route that moves money: 503 while this instance may not have heard that the
/// caller's session has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payer(pub Caller);

impl FromRequest for Payer {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(access_of(request).and_then(|access| {
            let state = request.app_data::<web::Data<AppState>>();
            knows_sessions(state.expect("the server sets its state"))?;
            Ok(Self(access.caller))
        }))
    }
}

/// As [`Payer`], with the session behind the request.
#[derive(Clone, Copy, Debug)]
pub struct PayerAccess(pub Access);

impl FromRequest for PayerAccess {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let access = Payer::from_request(request, payload).into_inner();
        ready(access.and_then(|_| access_of(request).map(Self)))
    }
}

/// Checks that this instance has heard lately which sessions have ended.
///
/// # Errors
/// [`ErrorCode::Unavailable`].
pub(crate) fn knows_sessions(state: &AppState) -> Result<(), ApiError> {
    match state.accounts.knows_revocations() {
        true => Ok(()),
        false => Err(ApiError::new(
            ErrorCode::Unavailable,
            "which sessions have ended cannot be read: retry after Retry-After",
        )),
    }
}
