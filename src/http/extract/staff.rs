//! The caller of a route that needs a role. The gate (`http/staff.rs`) has checked the role; a request
//! that did not pass the gate has none.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use crate::caller::Caller;
use crate::http::error::{ApiError, ErrorCode};
use crate::roles::Scope;

/// A request that the gate has let through.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    pub(crate) caller: Caller,
    /// The offerings with which the caller may do this.
    pub(crate) scope: Scope,
}

impl Granted {
    /// Returns what the gate has found; `None` if the request did not pass it.
    pub(crate) fn of(request: &HttpRequest) -> Option<Self> {
        request.extensions().get::<Self>().cloned()
    }
}

/// The caller of a route that needs a role: 403 for everyone else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Staff(pub Caller);

impl FromRequest for Staff {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let granted = Granted::of(request).ok_or_else(|| ApiError::of(ErrorCode::Forbidden));
        ready(granted.map(|granted| Self(granted.caller)))
    }
}

/// The offerings that a list of staff may show to its caller.
#[derive(Clone, Debug)]
pub struct Within(pub Scope);

impl FromRequest for Within {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let granted = Granted::of(request).ok_or_else(|| ApiError::of(ErrorCode::Forbidden));
        ready(granted.map(|granted| Self(granted.scope)))
    }
}
