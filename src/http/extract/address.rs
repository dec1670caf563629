//! The address of the client that sent a request, seen through the trusted proxies.

use std::net::IpAddr;

use actix_web::http::header::HeaderValue;
use actix_web::{HttpRequest, web};

use crate::http::state::AppState;
use crate::network::{self, Path};

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
    let header = state.config.forwarded_header;
    let lines = request.headers().get_all(header.name()).map(HeaderValue::as_bytes);
    let lines: Vec<_> = lines.collect();
    let path = Path { peer, header, lines: &lines };
    Some(network::client(path, proxies))
}
