//! `X-Device-Token`: what a device was given at an earlier login. Browsers keep it in a cookie.

use actix_web::HttpRequest;

use super::address::client_address;
use crate::accounts::LoginFrom;

/// The header.
pub const DEVICE_HEADER: &str = "x-device-token";

/// Returns where a login of a program comes from.
#[must_use]
pub fn login_from(request: &HttpRequest) -> LoginFrom<'_> {
    let sent = request.headers().get(DEVICE_HEADER);
    let device_token = sent.and_then(|value| value.to_str().ok()).map(str::trim);
    LoginFrom { address: client_address(request), device_token }
}
