//! What the access token of a request proves, and the device that it comes from.

use std::convert::Infallible;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};

use super::access_of;
use crate::accounts::{Access, Caller, Device, device_name};
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

/// The device that a request comes from.
#[derive(Clone, Debug)]
pub struct FromDevice(pub Device);

impl FromRequest for FromDevice {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let agent = request.headers().get(header::USER_AGENT);
        let agent = agent.and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        let address = request.peer_addr().map(|address| address.ip());
        ready(Ok(Self(Device { name: device_name(agent), address })))
    }
}
