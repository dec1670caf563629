//! Warns of a load balancer that the settings do not name: what it says about its clients is ignored, and
//! they all count as one. Only the first request of a connection is looked at, which costs a sale nothing.

use std::net::IpAddr;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::HeaderMap;

use super::connections::Connection;
use crate::clock::Clock;
use crate::network::{ForwardedHeader, Proxies};

/// The time between two warnings.
const EVERY: Duration = Duration::from_mins(1);

/// When the next warning may be written.
#[derive(Debug, Default)]
pub struct UnnamedProxies {
    /// In milliseconds of the monotonic clock.
    next_ms: AtomicU64,
}

impl UnnamedProxies {
    /// Logs a warning if this is the first request of its connection, comes from a peer that is not
    /// trusted, and has a header that proxies write; at most one in a minute.
    pub fn look(
        &self,
        (proxies, clock): (&Proxies, &dyn Clock),
        request: &ServiceRequest,
        connection: &Connection,
    ) {
        if !connection.is_at_first_request() {
            return;
        }
        let peer = request.peer_addr().map(|peer| peer.ip());
        let Some((peer, header)) = ignored(peer, request.headers(), proxies) else {
            return;
        };
        if self.is_due(clock.monotonic()) {
            tracing::warn!(
                %peer,
                header,
                "a peer that ADMITONE_TRUSTED_PROXIES does not name says for whom it asks, which is \
                 ignored: if it is a load balancer, name its network there, or all its clients count as one"
            );
        }
    }

    fn is_due(&self, now: Duration) -> bool {
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let next_ms = now_ms.saturating_add(EVERY.as_secs() * 1_000);
        let later = |due_ms| (due_ms <= now_ms).then_some(next_ms);
        self.next_ms.fetch_update(Relaxed, Relaxed, later).is_ok()
    }
}

/// Returns a peer that is not trusted, and the header whose word about clients is not read for that.
fn ignored(
    peer: Option<IpAddr>,
    headers: &HeaderMap,
    proxies: &Proxies,
) -> Option<(IpAddr, &'static str)> {
    let peer = peer.filter(|peer| !proxies.contains(*peer))?.to_canonical();
    let names = [ForwardedHeader::XForwardedFor, ForwardedHeader::Forwarded];
    let name =
        names.map(ForwardedHeader::name).into_iter().find(|name| headers.contains_key(*name))?;
    Some((peer, name))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn a_peer_that_is_not_trusted_and_has_a_header_of_proxies_is_noticed() {
        let proxies: Proxies = "10.0.0.0/8".parse().expect("a network");
        for (peer, header, found) in [
            ("192.0.2.1", "x-forwarded-for", true),
            ("192.0.2.1", "forwarded", true),
            ("::ffff:192.0.2.1", "x-forwarded-for", true),
            ("127.0.0.1", "x-forwarded-for", true),
            ("192.0.2.1", "via", false),
            ("10.0.0.1", "x-forwarded-for", false),
        ] {
            let mut headers = HeaderMap::new();
            headers
                .insert(HeaderName::from_static(header), HeaderValue::from_static("198.51.100.1"));
            let noticed = ignored(peer.parse().ok(), &headers, &proxies);
            assert_eq!(noticed.is_some(), found, "{peer} {header}: {noticed:?}");
        }
    }

    #[test]
    fn a_warning_is_due_once_a_minute() {
        let unnamed = UnnamedProxies::default();
        for (seconds, is_due) in [(1, true), (1, false), (60, false), (61, true), (120, false)] {
            assert_eq!(unnamed.is_due(Duration::from_secs(seconds)), is_due, "{seconds}");
        }
    }
}
