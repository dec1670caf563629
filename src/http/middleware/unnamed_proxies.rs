//! Warns of a load balancer that the settings do not name, or whose header they do not: what it says about
//! its clients is ignored, and they all count as one. Only the first request of a connection is looked at,
//! which costs a sale nothing.

use std::net::IpAddr;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::HeaderMap;

use super::connections::Connection;
use crate::clock::Clock;
use crate::config::Config;
use crate::network::{ForwardedHeader, Proxies};

/// The time between two warnings.
const EVERY: Duration = Duration::from_mins(1);

/// When the next warnings may be written.
#[derive(Debug, Default)]
pub struct UnnamedProxies {
    peer: Due,
    header: Due,
}

/// When the next warning of a kind may be written, in milliseconds of the monotonic clock.
#[derive(Debug, Default)]
struct Due(AtomicU64);

impl UnnamedProxies {
    /// Logs a warning if this is the first request of its connection, and has a header that proxies
    /// write and that is not read; at most one in a minute of peers that are not trusted, and one of
    /// trusted ones that write the other header.
    pub fn look(
        &self,
        (config, clock): (&Config, &dyn Clock),
        request: &ServiceRequest,
        connection: &Connection,
    ) {
        if !connection.is_at_first_request() {
            return;
        }
        let Some(peer) = request.peer_addr() else { return };
        let (headers, read) = (request.headers(), config.forwarded_header);
        let Some(ignored) = ignored(peer.ip(), headers, config.proxies(), read) else { return };
        let peer = peer.ip().to_canonical();
        match ignored {
            Ignored::Peer(header) if self.peer.is_due(clock.monotonic()) => tracing::warn!(
                %peer,
                header = header.name(),
                "a peer that ADMITONE_TRUSTED_PROXIES does not name says for whom it asks, which is \
                 ignored: if it is a load balancer, name its network there, or all its clients count as one"
            ),
            Ignored::Header(header) if self.header.is_due(clock.monotonic()) => tracing::warn!(
                %peer,
                header = header.name(),
                "a proxy says for whom it asks in a header that ADMITONE_FORWARDED_HEADER does not name, \
                 which is ignored: if the proxy writes that header itself, name it there, or all its \
                 clients count as one"
            ),
            Ignored::Peer(_) | Ignored::Header(_) => {}
        }
    }
}

impl Due {
    fn is_due(&self, now: Duration) -> bool {
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let next_ms = now_ms.saturating_add(EVERY.as_secs() * 1_000);
        let later = |due_ms| (due_ms <= now_ms).then_some(next_ms);
        self.0.fetch_update(Relaxed, Relaxed, later).is_ok()
    }
}

/// A header that says something about clients and is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ignored {
    /// Since the peer is not trusted.
    Peer(ForwardedHeader),
    /// Since the settings name the other one, which the trusted peer has not sent.
    Header(ForwardedHeader),
}

/// Returns the header of a peer's request that is not read, if it is one that should be.
fn ignored(
    peer: IpAddr,
    headers: &HeaderMap,
    proxies: &Proxies,
    read: ForwardedHeader,
) -> Option<Ignored> {
    let both = [ForwardedHeader::XForwardedFor, ForwardedHeader::Forwarded];
    let has = |header: &ForwardedHeader| headers.contains_key(header.name());
    if !proxies.contains(peer) {
        return both.into_iter().find(has).map(Ignored::Peer);
    }
    // Beside the header that is read, the other one is a client's own, which the proxy passes on.
    both.into_iter().find(has).filter(|_| !has(&read)).map(Ignored::Header)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn a_header_of_proxies_that_is_not_read_is_noticed() {
        use ForwardedHeader::{Forwarded, XForwardedFor};
        let proxies: Proxies = "10.0.0.0/8".parse().expect("a network");
        for (peer, sent, read, found) in [
            ("192.0.2.1", "x-forwarded-for", XForwardedFor, Some(Ignored::Peer(XForwardedFor))),
            ("192.0.2.1", "forwarded", XForwardedFor, Some(Ignored::Peer(Forwarded))),
            ("::ffff:192.0.2.1", "x-forwarded-for", Forwarded, Some(Ignored::Peer(XForwardedFor))),
            ("127.0.0.1", "x-forwarded-for", XForwardedFor, Some(Ignored::Peer(XForwardedFor))),
            ("192.0.2.1", "via", XForwardedFor, None),
            ("10.0.0.1", "x-forwarded-for", XForwardedFor, None),
            ("10.0.0.1", "x-forwarded-for", Forwarded, Some(Ignored::Header(XForwardedFor))),
            ("::ffff:10.0.0.1", "forwarded", XForwardedFor, Some(Ignored::Header(Forwarded))),
            ("10.0.0.1", "forwarded", Forwarded, None),
            // The client's own header, which the proxy has passed on.
            ("10.0.0.1", "x-forwarded-for, forwarded", XForwardedFor, None),
            ("10.0.0.1", "x-forwarded-for, forwarded", Forwarded, None),
            // A probe of the proxy.
            ("10.0.0.1", "via", Forwarded, None),
        ] {
            let mut headers = HeaderMap::new();
            for name in sent.split(", ") {
                headers.insert(HeaderName::from_static(name), HeaderValue::from_static("x"));
            }
            let address = peer.parse().expect("an address");
            assert_eq!(ignored(address, &headers, &proxies, read), found, "{peer} {sent} {read:?}");
        }
    }

    #[test]
    fn a_warning_is_due_once_a_minute() {
        let due = Due::default();
        for (seconds, is_due) in [(1, true), (1, false), (60, false), (61, true), (120, false)] {
            assert_eq!(due.is_due(Duration::from_secs(seconds)), is_due, "{seconds}");
        }
    }
}
