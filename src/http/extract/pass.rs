//! `X-Pass-Token`: the pass of a waiting room, as it came. Whether it is this customer's, and still
//! good, is decided where the event and the customer are known.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest};

use crate::http::error::ApiError;

/// The header.
pub const PASS_HEADER: &str = "x-pass-token";

/// The pass that a request shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PassToken {
    /// None.
    Absent,
    /// None: a page of this server made the request, whose visitor is known by the session.
    OfSession,
    /// This text.
    Sent(String),
}

impl FromRequest for PassToken {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let sent = request.headers().get(PASS_HEADER);
        ready(Ok(match sent {
            Some(value) => Self::Sent(String::from_utf8_lossy(value.as_bytes()).trim().to_owned()),
            None if request.headers().contains_key(header::AUTHORIZATION) => Self::Absent,
            None => Self::OfSession,
        }))
    }
}
