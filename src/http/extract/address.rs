//! The address of the client that sent a request, seen through the trusted proxies.

use std::net::IpAddr;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpRequest, web};

use crate::http::state::AppState;
use crate::network::{self, Path};

const FORWARDED: HeaderName = HeaderName::from_static("forwarded");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Returns the client's address; `None` if the peer has none. No other code reads the peer's address
/// or the headers of proxies to tell clients apart.
#[must_use]
pub fn client_address(request: &HttpRequest) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip();
    let state = request.app_data::<web::Data<AppState>>().expect("the server sets its state");
    let proxies = state.config.proxies();
    if !proxies.contains(peer) {
        return Some(peer.to_canonical());
    }
    let forwarded = lines(request.headers(), FORWARDED);
    let x_forwarded_for = lines(request.headers(), X_FORWARDED_FOR);
    let path = Path { peer, forwarded: &forwarded, x_forwarded_for: &x_forwarded_for };
    Some(network::client(path, proxies))
}

fn lines(headers: &HeaderMap, name: HeaderName) -> Vec<&[u8]> {
    headers.get_all(name).map(HeaderValue::as_bytes).collect()
}
