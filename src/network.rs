//! Network addresses: which one a client has behind proxies, and as what limits count it.

mod forwarded;
mod proxies;

use std::net::IpAddr;

pub use proxies::Proxies;

/// Returns the network that a client counts under: an IPv4 address, or the half of an IPv6 address
/// that is common to all addresses of one customer of a provider.
#[must_use]
pub fn counted(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address.to_canonical() else { return address.to_canonical() };
    if v6.is_loopback() {
        return v6.into();
    }
    let [a, b, c, d, ..] = v6.segments();
    IpAddr::from([a, b, c, d, 0, 0, 0, 0])
}

/// Where a request comes from, as its headers say it. Several lines of a header are one list.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    /// The other end of the connection.
    pub peer: IpAddr,
    /// The lines of `Forwarded` (RFC 7239), in order.
    pub forwarded: &'a [&'a [u8]],
    /// The lines of `X-Forwarded-For`, in order.
    pub x_forwarded_for: &'a [&'a [u8]],
}

/// Returns the address of the client that sent a request: the peer's, unless the peer is one of
/// `proxies`. Then the list of the header is read from its end, through the proxies, up to the first
/// address that is none. A client can write anything to the left of it, and nothing to the right.
///
/// An element that is no address ends the walk. If both headers are there and name different clients,
/// one of them is not written by the proxy: then the proxy's own address counts.
#[must_use]
pub fn client(path: Path<'_>, proxies: &Proxies) -> IpAddr {
    let peer = path.peer.to_canonical();
    if !proxies.contains(peer) {
        return peer;
    }
    let walk = |hops: Vec<Option<IpAddr>>| {
        let mut client = peer;
        for hop in hops.into_iter().rev() {
            match hop {
                Some(address) if proxies.contains(client) => client = address,
                Some(_) | None => break,
            }
        }
        client
    };
    match (path.forwarded.is_empty(), path.x_forwarded_for.is_empty()) {
        (true, _) => walk(forwarded::hops_of_list(path.x_forwarded_for)),
        (false, true) => walk(forwarded::hops(path.forwarded)),
        (false, false) => {
            let clients = [
                walk(forwarded::hops(path.forwarded)),
                walk(forwarded::hops_of_list(path.x_forwarded_for)),
            ];
            if clients[0] == clients[1] { clients[0] } else { peer }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_of_one_customer_count_as_one_and_loopback_counts() {
        for (address, network) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
            ("127.0.0.1", "127.0.0.1"),
            ("::1", "::1"),
            ("::ffff:127.0.0.1", "127.0.0.1"),
        ] {
            let counted = counted(address.parse().expect("an address"));
            assert_eq!(counted.to_string(), network, "{address}");
        }
    }

    /// The client of a request from `peer` with lines of `Forwarded` and of `X-Forwarded-For`.
    fn client_of(peer: &str, forwarded: &[&str], x_forwarded_for: &[&str]) -> String {
        let proxies: Proxies = "10.0.0.0/8, ::1".parse().expect("networks");
        let bytes = |lines: &[&'static str]| lines.iter().map(|it| it.as_bytes()).collect();
        let own = |lines: &[&str]| -> Vec<&'static str> {
            lines.iter().map(|it| &*Box::leak((*it).to_owned().into_boxed_str())).collect()
        };
        let (forwarded, x_forwarded_for) = (own(forwarded), own(x_forwarded_for));
        let (forwarded, x_forwarded_for): (Vec<_>, Vec<_>) =
            (bytes(&forwarded), bytes(&x_forwarded_for));
        let peer = peer.parse().expect("an address");
        let path = Path { peer, forwarded: &forwarded, x_forwarded_for: &x_forwarded_for };
        client(path, &proxies).to_string()
    }

    #[test]
    fn the_header_of_a_proxy_counts_and_that_of_a_client_does_not() {
        for (peer, list, client) in [
            // No proxy: the header is the client's own invention.
            ("192.0.2.1", vec!["203.0.113.5"], "192.0.2.1"),
            ("127.0.0.1", vec!["203.0.113.5"], "127.0.0.1"),
            // A proxy without a header is a client, such as a probe.
            ("10.0.0.1", vec![], "10.0.0.1"),
            ("10.0.0.1", vec!["203.0.113.5"], "203.0.113.5"),
            ("::ffff:10.0.0.1", vec!["203.0.113.5"], "203.0.113.5"),
            ("::1", vec!["203.0.113.5:4711"], "203.0.113.5"),
            ("::1", vec!["[2001:db8::5]:4711"], "2001:db8::5"),
            ("::1", vec!["2001:db8::5"], "2001:db8::5"),
            // What stands left of the first stranger was sent by that stranger.
            ("10.0.0.1", vec!["198.51.100.1, 203.0.113.5"], "203.0.113.5"),
            ("10.0.0.1", vec!["198.51.100.1, 203.0.113.5, 10.0.0.2"], "203.0.113.5"),
            ("10.0.0.1", vec!["10.0.0.9, 203.0.113.5, 10.0.0.2"], "203.0.113.5"),
            // All of them are proxies: the farthest one is the client.
            ("10.0.0.1", vec!["10.0.0.9,10.0.0.2"], "10.0.0.9"),
            // Lines are one list.
            ("10.0.0.1", vec!["198.51.100.1", "203.0.113.5", "10.0.0.2"], "203.0.113.5"),
            // Garbage ends the walk at the last good one.
            ("10.0.0.1", vec!["203.0.113.5, what?"], "10.0.0.1"),
            ("10.0.0.1", vec!["203.0.113.5, , 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", vec!["203.0.113.5, 10.0.0.2, 999.1.1.1"], "10.0.0.1"),
            ("10.0.0.1", vec![""], "10.0.0.1"),
        ] {
            assert_eq!(client_of(peer, &[], &list), client, "{peer} {list:?}");
        }
    }

    #[test]
    fn the_standard_header_is_read_as_rfc_7239_writes_it() {
        for (lines, client) in [
            (vec!["for=203.0.113.5"], "203.0.113.5"),
            (vec!["For=\"203.0.113.5:80\";proto=https;by=10.0.0.1"], "203.0.113.5"),
            (vec!["proto=https; for=\"[2001:db8:cafe::17]:4711\""], "2001:db8:cafe::17"),
            (vec!["for=198.51.100.1, for=203.0.113.5, for=10.0.0.2"], "203.0.113.5"),
            (vec!["for=198.51.100.1", "for=203.0.113.5"], "203.0.113.5"),
            (vec!["for=\"198.51.100.1, for=203.0.113.9\", for=203.0.113.5"], "203.0.113.5"),
            (vec!["for=203.0.113.5, for=unknown"], "10.0.0.1"),
            (vec!["for=203.0.113.5, for=_hidden"], "10.0.0.1"),
            (vec!["for=203.0.113.5, proto=https"], "10.0.0.1"),
            (vec!["for=203.0.113.5;for=198.51.100.1"], "10.0.0.1"),
            (vec!["for=\"203.0.113.5"], "10.0.0.1"),
        ] {
            assert_eq!(client_of("10.0.0.1", &lines, &[]), client, "{lines:?}");
        }
    }

    #[test]
    fn two_headers_that_disagree_name_no_client() {
        let agreed = client_of("10.0.0.1", &["for=203.0.113.5"], &["203.0.113.5"]);
        assert_eq!(agreed, "203.0.113.5");
        let invented = client_of("10.0.0.1", &["for=198.51.100.1"], &["203.0.113.5"]);
        assert_eq!(invented, "10.0.0.1");
    }
}
