//! The caller of a route that needs a role. The gate (`http/staff.rs`) has checked the role; a request
//! that did not pass the gate has none.

use std::future::{Ready, ready};
use std::sync::{Arc, Mutex, PoisonError};

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

/// What only the handler of an act knows about it, for the row in the audit log. Without the gate it goes
/// nowhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct ActRecord(Arc<Mutex<Told>>);

/// What a handler has told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// The id of the new thing.
    pub(crate) made: Option<String>,
    /// The refusal, if the answer shows it with 200.
    pub(crate) refused: Option<ErrorCode>,
}

impl ActRecord {
    /// Names the new thing that the act made.
    pub(crate) fn made(&self, id: &impl ToString) {
        self.tell(|told| told.made = Some(id.to_string()));
    }

    /// Says that the act was refused.
    pub(crate) fn refused(&self, code: Option<ErrorCode>) {
        self.tell(|told| told.refused = code);
    }

    /// Returns what was told so far.
    pub(crate) fn told(&self) -> Told {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn tell(&self, change: impl FnOnce(&mut Told)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl FromRequest for ActRecord {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(request.extensions().get::<Self>().cloned().unwrap_or_default()))
    }
}
