//! The device that a request comes from, and `X-Device-Token`: what a device was given at an earlier
//! login. Browsers keep it in a cookie.

use std::convert::Infallible;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest};

use super::address::client_address;
use crate::accounts::{Device, LoginFrom, device_name};

/// The header.
pub const DEVICE_HEADER: &str = "x-device-token";

/// The device that a request comes from.
#[derive(Clone, Debug)]
pub struct FromDevice(pub Device);

impl FromRequest for FromDevice {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(device_of(request))))
    }
}

/// Returns where a login of a program comes from.
#[must_use]
pub fn login_from(request: &HttpRequest) -> LoginFrom<'_> {
    let sent = request.headers().get(DEVICE_HEADER);
    let device_token = sent.and_then(|value| value.to_str().ok()).map(str::trim);
    LoginFrom { device: device_of(request), device_token }
}

fn device_of(request: &HttpRequest) -> Device {
    let agent = request.headers().get(header::USER_AGENT);
    let agent = agent.and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    Device { name: device_name(agent), address: client_address(request) }
}
