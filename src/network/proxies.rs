//! The networks of the proxies in front of this server.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv6Net};

/// The proxies whose word about a client's address counts; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// No proxies.
    pub const NONE: &'static Self = &Self(Vec::new());

    /// True if the address is that of a proxy.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Returns the networks with more addresses than one operator has: wider than /8, or /16 of IPv6. Those
    /// of IPv6 that are private are left out: their addresses are of one operator, as those of 10.0.0.0/8.
    pub fn wide(&self) -> impl Iterator<Item = &IpNet> {
        self.0.iter().filter(|network| match network {
            IpNet::V4(v4) => v4.prefix_len() < 8,
            IpNet::V6(v6) => v6.prefix_len() < 16 && !is_private(v6),
        })
    }
}

/// True if all of a network's addresses are unique local ones (fc00::/7, RFC 4193).
fn is_private(network: &Ipv6Net) -> bool {
    network.prefix_len() >= 7 && network.addr().is_unique_local()
}

impl FromStr for Proxies {
    type Err = String;

    /// Reads `none`, or networks and addresses with commas between them.
    ///
    /// # Errors
    /// The first entry that is neither; networks that are every address together.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().eq_ignore_ascii_case("none") {
            return Ok(Self::default());
        }
        let networks = text.split(',').map(|entry| {
            let entry = entry.trim();
            let network = entry.parse().ok();
            let alone = || entry.parse::<IpAddr>().ok().map(|it| IpNet::from(it.to_canonical()));
            let network: Option<IpNet> = network.or_else(alone);
            match network {
                Some(network) if network.prefix_len() == 0 => Err(format!(
                    "trusts everybody: {entry} is every address there is; name the networks of the \
                     proxies, such as 10.0.0.0/8"
                )),
                Some(IpNet::V6(v6)) if v6.addr().to_ipv4_mapped().is_some() => Err(format!(
                    "has the entry {entry:?}, which no address is in: write networks of IPv4 as such, \
                     10.0.0.0/8"
                )),
                Some(network) if network != network.trunc() => Err(format!(
                    "has the entry {entry:?}, whose address is longer than its network: write {} for the \
                     network, or {} for that address alone",
                    network.trunc(),
                    network.addr()
                )),
                Some(network) => Ok(network),
                None => Err(format!(
                    "has the entry {entry:?}, which is no network: write networks such as 10.0.0.0/8 \
                     or addresses such as ::1 with commas between them, or none"
                )),
            }
        });
        let networks: Vec<IpNet> = networks.collect::<Result<_, _>>()?;
        if IpNet::aggregate(&networks).iter().any(|network| network.prefix_len() == 0) {
            return Err(
                "trusts everybody: the networks together are every address there is; name \
                        the networks of the proxies, such as 10.0.0.0/8"
                    .to_owned(),
            );
        }
        Ok(Self(networks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_addresses_are_read_and_a_typo_is_named() {
        let proxies: Proxies = "10.0.0.0/8, ::1,192.0.2.7 , fd00::/8".parse().expect("networks");
        let has = |address: &str| proxies.contains(address.parse().expect("an address"));
        assert!(has("10.255.0.1") && has("::1") && has("192.0.2.7") && has("fd12::1"));
        assert!(has("::ffff:10.0.0.1") && !has("192.0.2.8") && !has("127.0.0.1") && !has("::2"));
        assert_eq!("None".parse(), Ok(Proxies::default()));
        let wide: Proxies =
            "10.0.0.0/8, 64.0.0.0/2, 2000::/3, fd00::/16, fd00::/8, fc00::/7, fc00::/6, fe00::/8"
                .parse()
                .expect("networks");
        let wide: Vec<_> = wide.wide().map(ToString::to_string).collect();
        assert_eq!(wide, ["64.0.0.0/2", "2000::/3", "fc00::/6", "fe00::/8"]);
        for (text, says) in [
            ("10.0.0.0/8,10.0.0.300", "the entry \"10.0.0.300\""),
            ("10.0.0.0/33", "the entry \"10.0.0.0/33\""),
            ("10.0.0.0/8,", "the entry \"\""),
            ("none,::1", "the entry \"none\""),
            ("localhost", "the entry \"localhost\""),
            ("0.0.0.0/0", "trusts everybody"),
            ("::/0", "trusts everybody"),
            ("10.0.0.1/8", "write 10.0.0.0/8 for the network, or 10.0.0.1 for that address alone"),
            ("fd00::1/8", "write fd00::/8 for the network"),
            ("0.0.0.0/1,::1,128.0.0.0/1", "together are every address"),
            ("0.0.0.0/1, 128.0.0.0/2, 192.0.0.0/2", "together are every address"),
            ("::/1,8000::/1", "together are every address"),
            ("::ffff:10.0.0.0/104", "write networks of IPv4 as such"),
        ] {
            let refused = text.parse::<Proxies>().expect_err(text);
            assert!(refused.contains(says), "{text}: {refused}");
        }
    }
}
