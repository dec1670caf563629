//! Network addresses as limits count them.

use std::net::IpAddr;

/// Returns the network that a client counts under: an IPv4 address, or the half of an IPv6 address
/// that is common to all addresses of one customer of a provider. `None` for loopback, which is a
/// proxy on this machine or a test: it does not identify the client, so nothing is counted under it.
#[must_use]
pub fn counted(address: IpAddr) -> Option<IpAddr> {
    let address = address.to_canonical();
    if address.is_loopback() {
        return None;
    }
    let IpAddr::V6(v6) = address else { return Some(address) };
    let [a, b, c, d, ..] = v6.segments();
    Some(IpAddr::from([a, b, c, d, 0, 0, 0, 0]))
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn networks_of_one_customer_count_as_one_and_loopback_as_none() {
        let of = |text: &str| counted(text.parse().expect("an address")).map(|it| it.to_string());
        for (address, network) in [
            ("192.0.2.7", Some("192.0.2.7")),
            ("::ffff:192.0.2.7", Some("192.0.2.7")),
            ("2001:db8:1:2:3:4:5:6", Some("2001:db8:1:2::")),
            ("2001:db8:1:2:ffff::1", Some("2001:db8:1:2::")),
            ("127.0.0.1", None),
            ("::1", None),
            ("::ffff:127.0.0.1", None),
        ] {
            assert_eq!(of(address).as_deref(), network, "{address}");
        }
    }
}
