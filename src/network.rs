//! Network addresses: which one a client has behind proxies, and as what limits count it.

mod forwarded;
mod proxies;

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

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

/// Returns the /48 of an IPv6 address: a provider may give one customer as many networks. `None` for
/// IPv4 and for loopback.
#[must_use]
pub fn site(address: IpAddr) -> Option<Ipv6Addr> {
    let IpAddr::V6(v6) = counted(address) else { return None };
    let [a, b, c, ..] = v6.segments();
    (!v6.is_loopback()).then(|| [a, b, c, 0, 0, 0, 0, 0].into())
}

/// Where a request comes from, as its headers say it. Several lines of a header are one list.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    /// The other end of the connection.
    pub peer: IpAddr,
    /// The header that the proxies write.
    pub header: ForwardedHeader,
    /// The lines of that header, in order.
    pub lines: &'a [&'a [u8]],
}

/// The header in which the proxies say where a request comes from. The other one is not read: proxies
/// pass on what a client writes there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, which nearly all proxies write.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl ForwardedHeader {
    /// Returns the name in requests, in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }
}

impl FromStr for ForwardedHeader {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::XForwardedFor, Self::Forwarded];
        let found = all.into_iter().find(|header| header.name().eq_ignore_ascii_case(text.trim()));
        found.ok_or_else(|| "is neither x-forwarded-for nor forwarded".to_owned())
    }
}

/// Returns the address of the client that sent a request: the peer's, unless the peer is one of
/// `proxies`. Then the list of the header is read from its end, through the proxies, up to the first
/// address that is none. A client can write anything to the left of it, and nothing to the right.
///
/// An element that is no address ends the walk.
#[must_use]
pub fn client(path: Path<'_>, proxies: &Proxies) -> IpAddr {
    let peer = path.peer.to_canonical();
    if !proxies.contains(peer) {
        return peer;
    }
    let hops = match path.header {
        ForwardedHeader::XForwardedFor => forwarded::hops_of_list(path.lines),
        ForwardedHeader::Forwarded => forwarded::hops(path.lines),
    };
    let mut client = peer;
    for hop in hops.into_iter().rev() {
        match hop {
            Some(address) if proxies.contains(client) => client = address,
            Some(_) | None => break,
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::ForwardedHeader::{Forwarded, XForwardedFor};
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

    #[test]
    fn a_site_is_the_48_of_an_ipv6_address() {
        let site = |address: &str| site(address.parse().expect("an address"));
        assert_eq!(site("2001:db8:1:2::3"), site("2001:db8:1:ffff::9"));
        assert_ne!(site("2001:db8:1:2::3"), site("2001:db8:2:2::3"));
        assert!(
            ["192.0.2.7", "::ffff:192.0.2.7", "::1"].into_iter().all(|one| site(one).is_none())
        );
    }

    /// The client of a request from `peer` with these lines of a header.
    fn client_of(peer: &str, header: ForwardedHeader, lines: &[&str]) -> String {
        let proxies: Proxies = "10.0.0.0/8, ::1".parse().expect("networks");
        let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        let peer = peer.parse().expect("an address");
        client(Path { peer, header, lines: &lines }, &proxies).to_string()
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
            assert_eq!(client_of(peer, XForwardedFor, &list), client, "{peer} {list:?}");
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
            // A quote that the client left open hides nothing of the proxy.
            (vec!["for=\"198.51.100.1, for=203.0.113.5"], "203.0.113.5"),
            (vec!["for=\"x;y\", for=203.0.113.5;host=\"a;b\""], "203.0.113.5"),
        ] {
            assert_eq!(client_of("10.0.0.1", Forwarded, &lines), client, "{lines:?}");
        }
    }

    #[test]
    fn a_long_header_is_read_from_its_end() {
        let invented = "198.51.100.1, ".repeat(1_000);
        let list = format!("{invented}203.0.113.5, 10.0.0.2");
        assert_eq!(client_of("10.0.0.1", XForwardedFor, &[&list]), "203.0.113.5");
        let lines = [&*invented, "203.0.113.5, 10.0.0.2"];
        assert_eq!(client_of("10.0.0.1", XForwardedFor, &lines), "203.0.113.5");
        let quoted = format!("for=\"{}, for=203.0.113.5", "x,".repeat(4_000));
        assert_eq!(client_of("10.0.0.1", Forwarded, &[&quoted]), "203.0.113.5");
        // Part of an element is none, and what is before it does not count.
        let proxies = format!("203.0.113.5,{}", "10.0.0.3,".repeat(500));
        assert_eq!(
            client_of("10.0.0.1", XForwardedFor, &[proxies.trim_end_matches(',')]),
            "10.0.0.3"
        );
        let glued = format!("203.0.113.5{}, 10.0.0.2", "9".repeat(5_000));
        assert_eq!(client_of("10.0.0.1", XForwardedFor, &[&glued]), "10.0.0.2");
    }

    #[test]
    fn a_header_has_one_of_two_names() {
        assert_eq!("Forwarded".parse(), Ok(Forwarded));
        assert_eq!(" X-Forwarded-For".parse(), Ok(XForwardedFor));
        assert!("x-real-ip".parse::<ForwardedHeader>().is_err());
    }
}
